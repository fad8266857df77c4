// SPDX-License-Identifier: MIT
// Depthwise convolution along time, trained.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>
#include <string>

#include <tshift/nn/kernel/skip.hpp>
#include <tshift/train/block.hpp>
#include <tshift/train/kernel/depthwise_conv1d.hpp>
#include <tshift/train/kernel/products.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// nn::depthwise_conv1d with its gradients, r = K / 2:
///
///   dx[t, c] = sum over j of w[c, j] dy[t - j + r, c]    dw[c, j] += sum over n, t of dy[t, c] x[t + j - r, c]
///   db[c] += sum of dy[t, c]
///
/// dx is the convolution itself with the filter reversed. Frames outside a sequence are zeros, of dy too. Parameters:
/// `prefix`.weight [C, 1, K], `prefix`.bias [C]. Keeps nothing: x is enough. Cost: backward reads x and dy once, writes
/// dx once, and computes twice as much as forward. Workspace: (K + 1) / 128 of x. Accuracy: of dx as the forward pass;
/// dw is summed over at most 128 frames in T, and so are those sums. Source: torch.nn.Conv1d(C, C, K, padding=K // 2,
/// groups=C) on [N, C, T].
template <class T>
class depthwise_conv1d : public frame_calls<depthwise_conv1d<T>, T> {
 public:
  static constexpr char const* name = "depthwise_conv1d";  ///< in messages

  depthwise_conv1d() = default;

  /// @param prefix  of the parameters' names
  /// @param taps    K, odd
  /// @throws shape_error  channels is negative, K is even, or the names are taken
  depthwise_conv1d(parameter_table& table, std::string const& prefix, index_t channels, index_t taps, bool bias = true)
      : channels_(channels), taps_(checked(taps)), weight_(table.add(prefix + ".weight", {channels, 1, taps})),
        bias_(bias ? table.add(prefix + ".bias", {channels}) : place{}), across_(count(channels * taps)),
        back_(count(channels * taps)), biases_(count(channels)), zeros_(count(channels)) {}

  /// Number of channels of x and y.
  index_t channels() const noexcept { return channels_; }
  /// The same.
  index_t inputs() const noexcept { return channels_; }
  /// The same.
  index_t outputs() const noexcept { return channels_; }
  /// Length of a filter, odd.
  index_t taps() const noexcept { return taps_; }
  /// One past the last element of its parameters.
  index_t parameters_end() const noexcept {
    index_t const weight = weight_.offset + weight_.size, bias = bias_.offset + bias_.size;
    return weight > bias ? weight : bias;
  }

  /// Takes new values. Allocates nothing.
  void pack(std::span<T const> values) noexcept {
    T const *const weight = weight_.in(values), *const bias = bias_.in(values);
    for (index_t c = 0; c < channels_; ++c) {
      for (index_t k = 0; k < taps_; ++k) {
        across_[count(k * channels_ + c)] = weight[c * taps_ + k];
        back_[count(k * channels_ + c)] = weight[c * taps_ + taps_ - 1 - k];
      }
      biases_[count(c)] = bias != nullptr ? bias[c] : T(0);
    }
  }

  /// Nothing is kept.
  index_t saved_size(shape const&) const noexcept { return 0; }
  /// Sums of dw and db, of each chunk of frames.
  T* layout(arena<T>& a, shape const& x) const {
    return a.take({kernel::frame_chunks(x).count(), taps_ + 1, channels_});
  }

  /// Unchecked.
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T*, arena<T>) const {
    auto const split = kernel::rows_of<Executor>(x.shape(), work());
    kernel::for_parts(exec, split.parts, [this, &x, &y, &split](index_t part) {
      kernel::for_rows(y, split.begin(part), split.end(part),
                       [this, &x](index_t first, index_t count, kernel::row_sink<T> to) {
                         kernel::depthwise_rows(x, first, count, taps_, across_.data(), biases_.data(), to);
                       });
    });
  }

  /// Unchecked: dx = J' dy (+ skip), and the parameters' gradients.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const*, shifted_view<T> const& dy, tensor_view<T> const& dx,
                std::span<T> gradients, arena<T> a, kernel::row_source<T> const* skip = nullptr) const {
    T* const sums = layout(a, x.shape());
    index_t const size = (taps_ + 1) * channels_;
    kernel::for_chunks(
        exec, x.base(), dx, 2 * work(),
        [this, &x, &dy, &dx, sums, size, skip](index_t, index_t i, kernel::frame_chunks::chunk const& at) {
          chunk(x, dy, dx, at, sums + i * size, skip);
        });
    T *const weight = weight_.in(gradients), *const bias = bias_.in(gradients);
    kernel::add_chunks(exec, x.base(), sums, size, channels_,
                       [this, weight, bias](T const* sum, index_t begin, index_t end) {
                         for (index_t j = 0; j < taps_; ++j) {
                           for (index_t c = begin; c < end; ++c) weight[c * taps_ + j] += sum[j * channels_ + c];
                         }
                         for (index_t c = begin; c < end && bias != nullptr; ++c) bias[c] += sum[taps_ * channels_ + c];
                       });
  }

 private:
  using arch = xsimd::default_arch;

  static index_t checked(index_t taps) {
    if (taps < 1 || taps % 2 == 0) detail::fail("depthwise_conv1d: %td taps, must be odd", taps);
    return taps;
  }
  static std::size_t count(index_t n) noexcept { return static_cast<std::size_t>(n); }

  /// Multiply-adds for a row, which take as long as four of a product's each.
  index_t work() const noexcept { return 4 * taps_ * channels_; }

  /// dx of some frames, then their products with x while dy is hot.
  void chunk(shifted_view<T> const& x, shifted_view<T> const& dy, tensor_view<T> const& dx,
             kernel::frame_chunks::chunk const& at, T* sums, kernel::row_source<T> const* skip) const noexcept {
    for (index_t i = 0; i < (taps_ + 1) * channels_; ++i) sums[i] = T(0);
    kernel::filter_back<T> const products{x, dy, taps_};
    index_t const length = x.base().length(at.n);
    for (index_t done = 0; done < at.inside; done += kernel::frames_together) {
      index_t const left = at.inside - done, some = left < kernel::frames_together ? left : kernel::frames_together;
      index_t const first = at.first + done;
      if (dx.data != nullptr) {
        kernel::row_sink<T> const to{dx.at(at.n, first, 0), dx.strides.time};
        for (index_t f = 0; f < some; ++f) {
          kernel::depthwise_frame<T, arch>(dy, at.n, first + f, length, taps_, back_.data(), zeros_.data(),
                                           to.from(f).data);
        }
        if (skip != nullptr) kernel::add_rows<T, arch>(*skip, channels_, at.row + done, some, to);
      }
      products.template add<arch>(at.n, first, some, length, sums);
    }
  }

  index_t channels_ = 0, taps_ = 1;
  place weight_, bias_;
  kernel::line_vector<T> across_, back_, biases_, zeros_;  // across, back: [K, C]
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
