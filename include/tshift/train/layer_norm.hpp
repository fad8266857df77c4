// SPDX-License-Identifier: MIT
// Layer normalisation over channels, trained.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <limits>
#include <span>
#include <string>

#include <tshift/train/block.hpp>
#include <tshift/train/kernel/layer_norm.hpp>
#include <tshift/train/kernel/products.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// nn::layer_norm with its gradients. With xhat = (x - mean) / sigma, sigma = sqrt(variance + eps), u = dy weight, and
/// means over the channels of a frame:
///
///   dx = (u - mean u - xhat mean(u xhat)) / sigma    dweight[c] += sum over n, t of dy xhat    dbias[c] += sum of dy
///
/// Parameters: `prefix`.weight [channels], `prefix`.bias [channels]. Keeps mean and 1 / sigma of each frame; xhat is
/// made again from x, not from y, which a weight of 0 has no way back from. Cost: backward reads x and dy once and
/// writes dx once. Workspace: 2 / 128 of x, and some rows. Accuracy: as nn::layer_norm, of dx relative to the largest
/// |u| / sigma, for u - mean u cancels. Source: Ba et al. 2016, arXiv:1607.06450; torch.nn.LayerNorm.
template <class T>
class layer_norm : public frame_calls<layer_norm<T>, T> {
 public:
  static constexpr char const* name = "layer_norm";  ///< in messages

  layer_norm() = default;

  /// @param prefix  of the parameters' names
  /// @param eps     > 0, finite; PyTorch's default is 1e-5
  /// @throws shape_error  channels is negative, eps is not positive or not finite, or the names are taken
  layer_norm(parameter_table& table, std::string const& prefix, index_t channels, T eps = T(1e-5))
      : eps_(checked(eps)), weight_(table.add(prefix + ".weight", {channels})),
        bias_(table.add(prefix + ".bias", {channels})), weights_(count(channels)), biases_(count(channels)) {}

  /// Number of channels of x and y.
  index_t channels() const noexcept { return static_cast<index_t>(weights_.size()); }
  /// The same.
  index_t inputs() const noexcept { return channels(); }
  /// The same.
  index_t outputs() const noexcept { return channels(); }
  /// One past the last element of its parameters.
  index_t parameters_end() const noexcept { return bias_.offset + bias_.size; }

  /// Takes new values. Allocates nothing.
  void pack(std::span<T const> values) noexcept {
    for (index_t c = 0; c < channels(); ++c) {
      weights_[count(c)] = weight_.in(values)[c];
      biases_[count(c)] = bias_.in(values)[c];
    }
  }

  /// Mean and 1 / sigma of each frame.
  index_t saved_size(shape const& x) const { return detail::checked_product(name, {x.batch, x.time, 2}); }

  /// What backward needs.
  struct slices {
    T* sums;   ///< of dweight and dbias, of each chunk of frames
    T* rooms;  ///< a few rows for each part
  };

  /// Unchecked.
  slices layout(arena<T>& a, shape const& x) const {
    kernel::frame_chunks const chunks(x);
    T* const sums = a.take({chunks.count(), 2, channels()});
    return {sums, a.take({chunks.split(work()).parts, room()})};
  }

  /// Unchecked.
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T* saved, arena<T>) const {
    kernel::frame_rows<T> const from{x};
    auto const split = kernel::rows_of<Executor>(x.shape(), work());
    kernel::for_parts(exec, split.parts, [this, &from, &y, &split, saved](index_t part) {
      kernel::for_rows(y, split.begin(part), split.end(part),
                       [this, &from, saved](index_t first, index_t count, kernel::row_sink<T> to) {
                         kernel::layer_norm_rows<arch, T>(from, first, count, channels(), weights_.data(),
                                                          biases_.data(), eps_, to,
                                                          [saved](index_t row, kernel::row_moments<T> const& of_x) {
                                                            if (saved == nullptr) return;  // only y is wanted
                                                            saved[2 * row] = of_x.mean;
                                                            saved[2 * row + 1] = of_x.scale;
                                                          });
                       });
    });
  }

  /// Unchecked: dx = J' dy (+ skip), and the parameters' gradients.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const* saved, shifted_view<T> const& dy,
                tensor_view<T> const& dx, std::span<T> gradients, arena<T> a,
                kernel::row_source<T> const* skip = nullptr) const {
    slices const memory = layout(a, x.shape());
    kernel::frame_rows<T> const from{x}, with{dy};
    kernel::norm_back<T> const back{from, with, skip, channels(), weights_.data(), saved};
    index_t const size = 2 * channels();
    kernel::for_chunks(
        exec, x.base(), dx, work(),
        [this, &back, &dx, &memory, size](index_t part, index_t i, kernel::frame_chunks::chunk const& chunk) {
          T* const to = dx.data != nullptr ? dx.at(chunk.n, chunk.first, 0) : nullptr;
          back.template rows<arch>(chunk.row, chunk.inside, {to, dx.strides.time}, memory.sums + i * size,
                                   memory.rooms + part * room());
        });
    T *const weight = weight_.in(gradients), *const bias = bias_.in(gradients);
    auto const add = [](T* to, T const* sums, index_t count) {
      kernel::map<arch>(
          count, to, [](auto const& one, auto const& other) { return one + other; }, to, sums);
    };
    kernel::add_chunks(exec, x.base(), memory.sums, size, channels(),
                       [&add, weight, bias, each = channels()](T const* sums, index_t begin, index_t end) {
                         add(weight + begin, sums + begin, end - begin);
                         add(bias + begin, sums + each + begin, end - begin);
                       });
  }

 private:
  using arch = xsimd::default_arch;

  static T checked(T eps) {
    if (!(eps > 0 && eps <= std::numeric_limits<T>::max()))
      detail::fail("layer_norm: eps = %g, must be > 0 and finite", static_cast<double>(eps));
    return eps;
  }
  static std::size_t count(index_t n) noexcept { return static_cast<std::size_t>(n); }

  /// About what a row costs, in multiply-adds.
  index_t work() const noexcept { return 8 * channels(); }
  /// Elements that a part needs.
  index_t room() const noexcept { return kernel::norm_back<T>::rows_of_room * channels(); }

  T eps_ = T(1e-5);
  place weight_, bias_;
  kernel::line_vector<T> weights_, biases_;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
