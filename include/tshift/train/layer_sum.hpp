// SPDX-License-Identifier: MIT
// The weighted sum of an encoder's hidden states, its weights trained.
#pragma once

#include <tshift/macros/away.hpp>

#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tshift/train/block.hpp>
#include <tshift/train/kernel/layer_sum.hpp>
#include <tshift/train/kernel/products.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// models::hidden_states::weighted_sum with its gradients. A frame of x is L states x_k side by side, s = softmax(w):
///
///   y = sum over k of s_k x_k    dx_k = s_k dy    dw_k += s_k (p_k - sum over j of s_j p_j), p_k the sum of dy . x_k
///
/// x [N, T, L D], y [N, T, D]. Parameter: layer_weights [L], which does not decay; zeros are the mean of all states.
/// Keeps nothing: x is enough. An encoder that gives all states writes those of one sequence so, its y being
///
///   tensor_view(memory, {L, frames, D}, {D, L * D, 1})      // batch, time, channels: state k of a frame at k * D
///
/// Cost: forward reads x once, backward x and dy, and writes dx. Accuracy: that of dw relative to the largest |p|.
/// Source: Yang et al. 2021, arXiv:2105.01051 (SUPERB); use_weighted_layer_sum of transformers.
template <class T>
class layer_sum : public frame_calls<layer_sum<T>, T> {
 public:
  static constexpr char const* name = "layer_sum";  ///< in messages

  layer_sum() = default;

  /// @param states     L: one more than an encoder has layers
  /// @param channels   D
  /// @param parameter  its name
  /// @throws shape_error  there are no states, channels are negative, or the name is taken
  layer_sum(parameter_table& table, index_t states, index_t channels, std::string parameter = "layer_weights")
      : channels_(channels) {
    if (states < 1) detail::fail("%s: %td states, must be >= 1", name, states);
    (void)detail::checked_product(name, {states, channels});
    weights_ = table.add(std::move(parameter), {states});
    factors_.resize(static_cast<std::size_t>(states));
  }

  /// Number of states L.
  index_t states() const noexcept { return weights_.size; }
  /// Number of channels of x: L D.
  index_t inputs() const noexcept { return states() * channels_; }
  /// Number of channels of y: D.
  index_t outputs() const noexcept { return channels_; }
  /// One past the last element of its parameters.
  index_t parameters_end() const noexcept { return weights_.offset + weights_.size; }

  /// Takes new values: the softmax is taken in double. Allocates nothing.
  void pack(std::span<T const> values) noexcept {
    T const* const weights = weights_.in(values);
    double largest = 0, sum = 0;
    for (index_t k = 0; k < states(); ++k) {
      auto const each = static_cast<double>(weights[k]);
      largest = k == 0 || each > largest ? each : largest;
    }
    for (index_t k = 0; k < states(); ++k) sum += std::exp(static_cast<double>(weights[k]) - largest);
    for (index_t k = 0; k < states(); ++k) {
      factors_[static_cast<std::size_t>(k)] = static_cast<T>(std::exp(static_cast<double>(weights[k]) - largest) / sum);
    }
  }

  /// Nothing is kept.
  index_t saved_size(shape const&) const noexcept { return 0; }

  /// What a pass needs.
  struct slices {
    T* rows;   ///< forward: a row of y for each part
    T* sums;   ///< backward: of dy . x_k, of each chunk of frames
    T* rooms;  ///< backward: a few rows of y for each part
  };

  /// Unchecked.
  slices layout(arena<T>& a, shape const& x) const {
    (void)detail::checked_product(name, {x.batch, x.time, inputs()});
    slices s{};
    a.lend([this, &x, &s](arena<T>& in) {
      s.rows = in.take({kernel::row_split(x.batch * x.time, work(), 8).parts, channels_});
    });
    kernel::frame_chunks const chunks(x);
    s.sums = a.take({chunks.count(), states()});
    s.rooms = a.take({chunks.split(work()).parts, room()});
    return s;
  }

  /// Unchecked.
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T*, arena<T> a) const {
    slices const memory = layout(a, x.shape());
    kernel::frame_rows<T> const from{x};
    auto const split = kernel::rows_of<Executor>(x.shape(), work());
    kernel::for_parts(exec, split.parts, [this, &from, &y, &split, &memory](index_t part) {
      T* const row = memory.rows + part * channels_;
      kernel::for_rows(y, split.begin(part), split.end(part),
                       [this, &from, row](index_t first, index_t count, kernel::row_sink<T> to) {
                         kernel::sum_states<T, arch>(weighted(), from, first, count, to, row);
                       });
    });
  }

  /// Unchecked.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const*, shifted_view<T> const& dy, tensor_view<T> const& dx,
                std::span<T> gradients, arena<T> a) const {
    slices const memory = layout(a, x.shape());
    kernel::frame_rows<T> const from{x}, with{dy};
    kernel::states_back<T> const back{from, with, weighted()};
    kernel::for_chunks(exec, x.base(), dx, work(),
                       [this, &back, &dx, &memory](index_t part, index_t i, kernel::frame_chunks::chunk const& chunk) {
                         T* const to = dx.data != nullptr ? dx.at(chunk.n, chunk.first, 0) : nullptr;
                         back.template rows<arch>(chunk.row, chunk.inside, {to, dx.strides.time},
                                                  memory.sums + i * states(), memory.rooms + part * room());
                       });
    T* const to = weights_.in(gradients);
    kernel::add_chunks(exec, x.base(), memory.sums, states(), states(),
                       [this, to](T const* sums, index_t begin, index_t end) {
                         T const* const factors = factors_.data();
                         T mean = T(0);
                         for (index_t k = 0; k < states(); ++k) mean += factors[k] * sums[k];
                         for (index_t k = begin; k < end; ++k) to[k] += factors[k] * (sums[k] - mean);
                       });
  }

 private:
  using arch = xsimd::default_arch;

  kernel::weighted_states<T> weighted() const noexcept { return {states(), channels_, factors_.data()}; }
  /// About what a frame costs, in multiply-adds: it waits for memory.
  index_t work() const noexcept { return 4 * inputs(); }
  /// Elements that a part of the backward pass needs.
  index_t room() const noexcept { return kernel::states_back<T>::rows_of_room * channels_; }

  index_t channels_ = 0;
  place weights_;
  std::vector<T> factors_;  // softmax(w)
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
