// SPDX-License-Identifier: MIT
// The functions that layers apply as steps of a trained model: GELU, ReLU, leaky ReLU, ELU.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>

#include <tshift/nn/activations.hpp>
#include <tshift/train/block.hpp>
#include <tshift/train/kernel/activations.hpp>
#include <tshift/train/kernel/products.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// What both blocks below are.
template <class Block, class T>
class activation_calls : public frame_calls<Block, T> {
 public:
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
  void layout(arena<T>&, shape const& x) const { (void)detail::checked_product(Block::name, {x.batch, x.time}); }

  /// Unchecked.
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T*, arena<T>) const {
    nn::activate_rows(exec, f_, x, y);
  }

  /// Unchecked.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const*, shifted_view<T> const& dy, tensor_view<T> const& dx,
                std::span<T>, arena<T>) const {
    if (dx.data == nullptr) return;
    kernel::frame_rows<T> const from{x}, with{dy};
    auto const rows = [this, &from, &with](index_t first, index_t count, kernel::row_sink<T> to) {
      using arch = xsimd::default_arch;
      kernel::with_slope<T, arch>(f_, [this, &from, &with, &to, first, count](auto const& back) {
        kernel::map_rows<arch, T>(from, with, first, count, channels_, to, back);
      });
    };
    kernel::for_rows_inside(exec, x.base(), dx, 16 * channels_, rows);
  }

 protected:
  activation_calls() = default;
  /// @throws shape_error  channels is negative, or f is no named function, or its factor is not finite
  activation_calls(index_t channels, activation const& f)
      : channels_(detail::checked_product(Block::name, {channels})), f_(f) {
    detail::check_activation(Block::name, f);
  }

 private:
  index_t channels_ = 0;
  activation f_;
};

/// nn::activate with its gradient:
///
///   relu        dx = dy where x > 0, else 0
///   leaky_relu  dx = dy where x > 0, else slope dy
///   elu         dx = dy where x > 0, else alpha exp(x) dy
///   gelu        dx = dy (Phi(x) + x phi(x))
///
/// x, y as nn::activate has them; of images, rows [N, T F, C] of their pixels. No parameters. Keeps nothing: x is
/// enough. Cost: backward reads x and dy once; for gelu it takes about as long as two of nn::gelu. No workspace.
/// Accuracy: relu exact, leaky_relu one rounding, the slope of elu within 3e-7 (float), 4e-16 (double), times alpha,
/// that of gelu within the same. Source: torch.nn.ReLU, LeakyReLU, ELU, GELU; at 0 the slope is that of x < 0, as
/// there.
template <class T>
class activate : public activation_calls<activate<T>, T> {
 public:
  static constexpr char const* name = "activate";  ///< in messages

  activate() = default;
  /// @throws shape_error  channels is negative, or f is no named function, or its factor is not finite
  activate(index_t channels, activation const& f) : activation_calls<activate<T>, T>(channels, f) {}
};

/// The one of transformers: activation::gelu().
template <class T>
class gelu : public activation_calls<gelu<T>, T> {
 public:
  static constexpr char const* name = "gelu";  ///< in messages

  gelu() = default;
  /// @throws shape_error  channels is negative
  explicit gelu(index_t channels) : activation_calls<gelu<T>, T>(channels, activation::gelu()) {}
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
