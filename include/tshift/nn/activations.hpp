// SPDX-License-Identifier: MIT
// GELU in its exact form with the error function, and the functions that bend at 0: ReLU, leaky ReLU, ELU.
#pragma once

#include <tshift/macros/away.hpp>

#include <type_traits>

#include <tshift/executor.hpp>
#include <tshift/nn/input.hpp>
#include <tshift/nn/kernel/activations.hpp>
#include <tshift/nn/kernel/parts.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// Refuses what is no function.
inline void check_activation(char const* operation, activation const& f) {
  if (f.which < activation::kind::none || f.which > activation::kind::gelu) {
    fail("%s: activation = %d, must be a named activation", operation, static_cast<int>(f.which));
  }
  if (!(f.factor >= -1e30 && f.factor <= 1e30)) {
    fail("%s: the factor of the activation is %g, must be finite", operation, f.factor);
  }
}

}}}}  // namespace tshift::detail

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// y = f(x) for every element, unchecked. All of these functions are 0 at 0.
template <class Executor, class T>
void activate_rows(Executor& exec, activation const& f, shifted_view<T> const& x, tensor_view<T> const& y) {
  index_t const time = y.shape.time;
  auto const split = kernel::split_for<Executor>({y.shape.batch * time, 8 * y.shape.channels, 8});
  kernel::for_parts(exec, split.parts, [&f, &x, &y, &split, time](index_t part) {
    for (index_t row = split.begin(part); row < split.end(part); ++row) {
      index_t const n = row / time, t = row % time;
      for (channel_run<T> const run : x.runs(n, t)) {
        T* const to = y.at(n, t, run.begin);
        if (run.data != nullptr) {
          kernel::activate<xsimd::default_arch>(f, run.count, run.data, to);
        } else {
          for (index_t c = 0; c < run.count; ++c) to[c] = T(0);
        }
      }
    }
  });
}

/// gelu, unchecked.
template <class Executor, class T>
void gelu_rows(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y) {
  activate_rows(exec, activation::gelu(), x, y);
}

/// y = x Phi(x) = x (1 + erf(x / sqrt 2)) / 2 for every element. Source: Hendrycks, Gimpel 2016, arXiv:1606.08415;
/// torch.nn.functional.gelu(approximate="none").
///
/// Accuracy: float within 2e-7 |x|, which is what the rounding of PyTorch's own form leaves; double within 4e-16 |x|.
/// @param exec  shares the work out; not one bit depends on it
/// @param x  a view, or shifted(view, plan); channels are neighbours
/// @param y  of the same sizes; may be x itself if x is not shifted
/// @throws shape_error  sizes or strides disagree, or the views overlap otherwise; before the first write
template <class T, executor Executor>
void gelu(Executor&& exec, std::type_identity_t<input<T>> const& x, tensor_view<T> const& y) {
  detail::check_block("gelu", x, y.shape.channels, y, y.shape.channels, detail::in_place::allowed);
  gelu_rows(exec, x.view(), y);
}

/// The same where it is called.
template <class T>
void gelu(std::type_identity_t<input<T>> const& x, tensor_view<T> const& y) {
  detail::run_here exec;
  gelu(exec, x, y);
}

/// y = f(x) for every element: activation::relu(), leaky_relu(slope), elu(alpha) or gelu(). x, y as gelu has them; of
/// images, rows [N, T F, C] of their pixels. Sources: torch.nn.ReLU, LeakyReLU, ELU (Clevert et al. 2015,
/// arXiv:1511.07289). NaN stays NaN.
///
/// Accuracy: relu exact, leaky_relu one rounding; elu float within 2e-7 |x|, double within 4e-16 |x|, times alpha.
/// @throws shape_error  as gelu; also for a factor that is not finite
template <class T, executor Executor>
void activate(Executor&& exec, activation const& f, std::type_identity_t<input<T>> const& x, tensor_view<T> const& y) {
  detail::check_activation("activate", f);
  detail::check_block("activate", x, y.shape.channels, y, y.shape.channels, detail::in_place::allowed);
  activate_rows(exec, f, x.view(), y);
}

/// The same where it is called.
template <class T>
void activate(activation const& f, std::type_identity_t<input<T>> const& x, tensor_view<T> const& y) {
  detail::run_here exec;
  activate(exec, f, x, y);
}

/// y = x where x > 0, else 0.
template <class T>
void relu(std::type_identity_t<input<T>> const& x, tensor_view<T> const& y) {
  activate<T>(activation::relu(), x, y);
}

/// y = x where x > 0, else slope x.
template <class T>
void leaky_relu(std::type_identity_t<input<T>> const& x, tensor_view<T> const& y, double slope = 0.01) {
  activate<T>(activation::leaky_relu(slope), x, y);
}

/// y = x where x > 0, else alpha (exp(x) - 1).
template <class T>
void elu(std::type_identity_t<input<T>> const& x, tensor_view<T> const& y, double alpha = 1) {
  activate<T>(activation::elu(alpha), x, y);
}

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
