// SPDX-License-Identifier: MIT
// GELU as a step of a trained model.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>

#include <tshift/nn/activations.hpp>
#include <tshift/train/block.hpp>
#include <tshift/train/kernel/activations.hpp>
#include <tshift/train/kernel/products.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// nn::gelu with its gradient:
///
///   dx = dy (Phi(x) + x phi(x))
///
/// No parameters. Keeps nothing: x is enough. Cost: backward reads x and dy once, and takes about as long as two of
/// nn::gelu. No workspace. Accuracy: the slope within 3e-7 (float), 4e-16 (double). Source: torch.nn.GELU().
template <class T>
class gelu : public frame_calls<gelu<T>, T> {
 public:
  static constexpr char const* name = "gelu";  ///< in messages

  gelu() = default;

  /// @throws shape_error  channels is negative
  explicit gelu(index_t channels) : channels_(detail::checked_product(name, {channels})) {}

  /// Number of channels of x.
  index_t inputs() const noexcept { return channels_; }
  /// The same.
  index_t outputs() const noexcept { return channels_; }
  /// It has no parameters.
  index_t parameters_end() const noexcept { return 0; }

  /// There are no values.
  void pack(std::span<T const>) noexcept {}
  /// Nothing is kept.
  index_t saved_size(shape const&) const noexcept { return 0; }
  /// Nothing.
  void layout(arena<T>&, shape const& x) const { (void)detail::checked_product(name, {x.batch, x.time}); }

  /// Unchecked.
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T*, arena<T>) const {
    nn::gelu_rows(exec, x, y);
  }

  /// Unchecked.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const*, shifted_view<T> const& dy, tensor_view<T> const& dx,
                std::span<T>, arena<T>) const {
    if (dx.data == nullptr) return;
    kernel::frame_rows<T> const from{x}, with{dy};
    kernel::for_rows_inside(exec, x.base(), dx, 16 * channels_,
                            [this, &from, &with](index_t first, index_t count, kernel::row_sink<T> to) {
                              kernel::map_rows<xsimd::default_arch, T>(
                                  from, with, first, count, channels_, to,
                                  [](auto const& v, auto const& g) { return g * kernel::gelu_slope(v); });
                            });
  }

 private:
  index_t channels_ = 0;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
