// SPDX-License-Identifier: MIT
// The shift whose offsets are learned: one real number a channel, and what is needed to follow its slope.
//
//   learned_shift(x, y, offsets, padding)              y = L x
//   learned_shift_adjoint(dy, dx, offsets, padding)    dx = L' dy
//   learned_shift_slopes(x, dy, offsets, da, padding)  da += the slope of <L x, dy> along each offset
//
// With a = offsets[c], k = floor(a) and d = a - k, a positive offset delays, as in a plan:
//
//   y[n, t, c] = (1 - d) x[n, t - k, c] + d x[n, t - k - 1, c]      L = (1 - d) S_k + d S_{k+1}
//
// Each frame that lies outside [0, length) is what the padding of a shift by k, and by k + 1, puts there. So L is
// continuous in a; where a is an integer it is the shift, bit for bit, and what an infinite or NaN neighbour is does not
// matter. In between it damps: at d = 1/2 the highest frequency is gone.
//
// interpolation::nearest is the sparse form: L is the shift by the nearest integer (of two the later), as an inference
// with `rounded` (learned_offsets.hpp) computes it; slopes are still those of the line, so that offsets move.
//
// Common to all:
//   x, y      views of one shape, each with its own layout or strides; float or double. y is other memory than x
//   offsets   one for each channel, finite, within 2^30
//   lengths   as of every shift: a sequence ends there, and frames behind are copied through
//   executor  optional first argument; not one bit depends on it
//   throws    shape_error before the first write
//   cost      x is read once, y is written once, the frames around come from the cache: near a copy's time where the
//             offsets of neighbouring channels lie within a frame of each other, as they begin; the more different ones
//             a register's channels have, the more of its time is picking lanes. Nothing is allocated
//   accuracy  one product is rounded, their sum, and 1 - d
// Not that of torchshifts, whose active form reads x[t - k] and x[t - k + 1] and so jumps at every integer, whose input
// gradient reads the frames of the forward pass, and whose sparse slope has the other sign.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>
#include <type_traits>

#include <xsimd/xsimd.hpp>

#include <tshift/executor.hpp>
#include <tshift/kernel/launch_taps.hpp>
#include <tshift/kernel/offset_taps.hpp>
#include <tshift/plan.hpp>
#include <tshift/view.hpp>

namespace tshift { inline namespace TSHIFT_V {

/// What an offset between two frames means.
enum class interpolation {
  linear,  ///< a point on the line between them
  nearest  ///< the frame that is nearer
};

}}  // namespace tshift

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA {
namespace detail {

/// Refuses offsets that are not one for each channel, or not near enough to be frames.
template <class T>
void check_offsets(char const* operation, std::span<T const> offsets, index_t channels) {
  auto const count = static_cast<index_t>(offsets.size());
  if (count != channels) {
    fail("%s: offsets has %td elements, x has %td channels", operation, count, channels);
  }
  constexpr T limit = static_cast<T>(kernel::offset_limit);
  for (index_t c = 0; c < count; ++c) {
    T const a = offsets[static_cast<std::size_t>(c)];
    if (!(a >= -limit && a <= limit)) {
      fail("%s: offsets[%td] = %g, must be within 2^30 frames", operation, c, static_cast<double>(a));
    }
  }
}

inline void check_padding(char const* operation, padding edge) {
  if (edge > padding::circular || edge < padding::zero) {
    fail("%s: padding = %d, must be a named padding", operation, static_cast<int>(edge));
  }
}

/// What L, or its adjoint, reads for channel c.
template <class T>
struct offset_taps {
  T const* offsets;
  interpolation how;
  bool reversed = false;

  kernel::two_taps<T> operator()(index_t c) const noexcept {
    auto const tap = how == interpolation::linear ? kernel::around(offsets[c]) : kernel::nearest_to(offsets[c]);
    return reversed ? tap.reversed() : tap;
  }
};

template <class Arch, class Executor, class T>
void learned_shift(Executor&& exec, tensor_view<T const> const& x, tensor_view<T> const& y, std::span<T const> offsets,
                   padding edge, interpolation how, bool adjoint) {
  check_numbers<Arch, T>();
  char const* const operation = adjoint ? "learned_shift_adjoint" : "learned_shift";
  bool const empty = check_taps(operation, adjoint ? "dy" : "x", x, adjoint ? "dx" : "y", y);
  check_offsets(operation, offsets, x.shape.channels);
  check_padding(operation, edge);
  if (empty) return;
  launch_taps<Arch>(exec, x, y, kernel::tap_rule::of(edge, adjoint), offset_taps<T>{offsets.data(), how, adjoint});
}

template <class Arch, class Executor, class T>
void learned_shift_slopes(Executor&& exec, tensor_view<T const> const& x, tensor_view<T const> const& dy,
                          std::span<T const> offsets, std::span<T> da, padding edge) {
  constexpr char const* operation = "learned_shift_slopes";
  check_numbers<Arch, T>();
  bool const empty = check_slopes(operation, x, dy, "da", da);
  check_offsets(operation, offsets, x.shape.channels);
  check_padding(operation, edge);
  if (empty) return;
  launch_slopes<Arch>(exec, x, dy, kernel::tap_rule::of(edge, false), T(1), da.data(),
                      offset_taps<T>{offsets.data(), interpolation::linear});
}

}  // namespace detail

/// y = L x.
template <class Arch = xsimd::default_arch, class T>
void learned_shift(std::type_identity_t<tensor_view<T const>> x, tensor_view<T> y,
                   std::type_identity_t<std::span<T const>> offsets, padding edge = padding::zero,
                   interpolation how = interpolation::linear) {
  detail::learned_shift<Arch>(detail::run_here{}, x, y, offsets, edge, how, false);
}

/// The same, the work shared out by an executor.
template <class Arch = xsimd::default_arch, executor Executor, class T>
void learned_shift(Executor&& exec, std::type_identity_t<tensor_view<T const>> x, tensor_view<T> y,
                   std::type_identity_t<std::span<T const>> offsets, padding edge = padding::zero,
                   interpolation how = interpolation::linear) {
  detail::learned_shift<Arch>(exec, x, y, offsets, edge, how, false);
}

/// dx = L' dy = (1 - d) S_k' dy + d S_{k+1}' dy: <L x, dy> = <x, dx> for all x. With padding zero and circular
/// dx[u] = (1 - d) dy[u + k] + d dy[u + k + 1]; with keep and edge a frame that was read several times receives the sum,
/// in ascending t. Behind a sequence's end dx = dy. dx is other memory than dy.
template <class Arch = xsimd::default_arch, class T>
void learned_shift_adjoint(std::type_identity_t<tensor_view<T const>> dy, tensor_view<T> dx,
                           std::type_identity_t<std::span<T const>> offsets, padding edge = padding::zero,
                           interpolation how = interpolation::linear) {
  detail::learned_shift<Arch>(detail::run_here{}, dy, dx, offsets, edge, how, true);
}

/// The same, the work shared out by an executor.
template <class Arch = xsimd::default_arch, executor Executor, class T>
void learned_shift_adjoint(Executor&& exec, std::type_identity_t<tensor_view<T const>> dy, tensor_view<T> dx,
                           std::type_identity_t<std::span<T const>> offsets, padding edge = padding::zero,
                           interpolation how = interpolation::linear) {
  detail::learned_shift<Arch>(exec, dy, dx, offsets, edge, how, true);
}

/// da[c] += sum over n, t of dy[n, t, c] (x[n, t - k - 1, c] - x[n, t - k, c]): the slope of <L x, dy> along offset c, at
/// an integer the one to the right. A sequence is summed by itself and then added, so that the slopes of a batch are, bit
/// for bit, those of its sequences one after the other. Frames behind a sequence's end are not read.
/// @param da  one for each channel
template <class Arch = xsimd::default_arch, class T>
void learned_shift_slopes(std::type_identity_t<tensor_view<T const>> x, std::type_identity_t<tensor_view<T const>> dy,
                          std::type_identity_t<std::span<T const>> offsets, std::span<T> da,
                          padding edge = padding::zero) {
  detail::learned_shift_slopes<Arch>(detail::run_here{}, x, dy, offsets, da, edge);
}

/// The same, the work shared out by an executor.
template <class Arch = xsimd::default_arch, executor Executor, class T>
void learned_shift_slopes(Executor&& exec, std::type_identity_t<tensor_view<T const>> x,
                          std::type_identity_t<tensor_view<T const>> dy,
                          std::type_identity_t<std::span<T const>> offsets, std::span<T> da,
                          padding edge = padding::zero) {
  detail::learned_shift_slopes<Arch>(exec, x, dy, offsets, da, edge);
}

}}}  // namespace tshift

#include <tshift/macros/back.hpp>
