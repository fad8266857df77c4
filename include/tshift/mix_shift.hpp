// SPDX-License-Identifier: MIT
// RWKV's token shift: every channel mixes its own frame with the shifted one, by a learned weight mu[c].
//
//   mix_shift(x, y, mu, plan, mixing)              y = M x
//   mix_shift_adjoint(dy, dx, mu, plan, mixing)    dx = M' dy
//   mix_shift_slopes(x, dy, mu, dmu, plan, mixing) dmu += the slope of <M x, dy> along each mu
//
//   mixing::v5   y = mu x + (1 - mu) S x           as RWKV-2 to RWKV-5 have it
//   mixing::v6   y = x + (S x - x) mu              as RWKV-6 turned it round: mu is the weight of S x; computed as
//                                                  (1 - mu) x + mu S x
//
// S is any plan; RWKV's is a delay by one frame, token_shift(C). Where a weight is 0 the other frame arrives bit for bit,
// and so does a channel that S does not move. What x, y, lengths, executor and shape_error are: learned_shift.hpp.
// Sources: BlinkDL/RWKV-LM, RWKV-v2 to RWKV-v6; Peng et al. 2023, arXiv:2305.13048.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>
#include <type_traits>

#include <xsimd/xsimd.hpp>

#include <tshift/executor.hpp>
#include <tshift/kernel/launch_taps.hpp>
#include <tshift/plan.hpp>
#include <tshift/view.hpp>

namespace tshift { inline namespace TSHIFT_V {

/// Whose weight mu is.
enum class mixing {
  v5,  ///< that of x: RWKV-2 to RWKV-5
  v6   ///< that of S x: RWKV-6
};

}}  // namespace tshift

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA {

/// RWKV's S: every channel delays by one frame, zeros.
constexpr shift_plan token_shift(index_t channels) { return {channels, {{0, channels, 1}}}; }

namespace detail {

/// What M, or its adjoint, reads for channel c.
template <class T>
struct mix_taps {
  T const* mu;
  types::segment_list segments;
  mixing how;
  bool reversed = false;

  kernel::two_taps<T> operator()(index_t c) const noexcept {
    index_t i = 0;
    while (c >= segments.items[i].begin + segments.items[i].count) ++i;
    index_t const offset = segments.items[i].offset;
    if (offset == 0) return {{0, 0}, {T(1), T(0)}};
    T const other = T(1) - mu[c];
    kernel::two_taps<T> const tap{{0, offset}, {how == mixing::v5 ? mu[c] : other, how == mixing::v5 ? other : mu[c]}};
    return reversed ? tap.reversed() : tap;
  }
};

inline void check_mixing(char const* operation, mixing how) {
  if (how != mixing::v5 && how != mixing::v6) {
    fail("%s: mixing = %d, must be a named mixing", operation, static_cast<int>(how));
  }
}

template <class T>
void check_mixing(char const* operation, std::span<T const> mu, shift_plan const& plan, mixing how,
                  tensor_view<T const> const& x) {
  check_plan(operation, plan, extent_of("x", x, 0));
  auto const count = static_cast<index_t>(mu.size());
  if (count != x.shape.channels) {
    fail("%s: mu has %td elements, x has %td channels", operation, count, x.shape.channels);
  }
  check_mixing(operation, how);
}

template <class Arch, class Executor, class T>
void mix_shift(Executor&& exec, tensor_view<T const> const& x, tensor_view<T> const& y, std::span<T const> mu,
               shift_plan const& plan, mixing how, bool adjoint) {
  check_numbers<Arch, T>();
  char const* const operation = adjoint ? "mix_shift_adjoint" : "mix_shift";
  bool const empty = check_taps(operation, adjoint ? "dy" : "x", x, adjoint ? "dx" : "y", y);
  check_mixing(operation, mu, plan, how, x);
  if (empty) return;
  launch_taps<Arch>(exec, x, y, kernel::tap_rule::of(plan.edge(), adjoint),
                    mix_taps<T>{mu.data(), kernel::segments_of(plan), how, adjoint});
}

template <class Arch, class Executor, class T>
void mix_shift_slopes(Executor&& exec, tensor_view<T const> const& x, tensor_view<T const> const& dy,
                      std::span<T const> mu, std::span<T> dmu, shift_plan const& plan, mixing how) {
  constexpr char const* operation = "mix_shift_slopes";
  check_numbers<Arch, T>();
  bool const empty = check_slopes(operation, x, dy, "dmu", dmu);
  check_mixing(operation, mu, plan, how, x);
  if (empty) return;
  launch_slopes<Arch>(exec, x, dy, kernel::tap_rule::of(plan.edge(), false), how == mixing::v5 ? T(-1) : T(1),
                      dmu.data(), mix_taps<T>{mu.data(), kernel::segments_of(plan), how});
}

}  // namespace detail

/// y = M x. y is other memory than x.
template <class Arch = xsimd::default_arch, class T>
void mix_shift(std::type_identity_t<tensor_view<T const>> x, tensor_view<T> y,
               std::type_identity_t<std::span<T const>> mu, shift_plan const& plan, mixing how) {
  detail::mix_shift<Arch>(detail::run_here{}, x, y, mu, plan, how, false);
}

/// The same, the work shared out by an executor.
template <class Arch = xsimd::default_arch, executor Executor, class T>
void mix_shift(Executor&& exec, std::type_identity_t<tensor_view<T const>> x, tensor_view<T> y,
               std::type_identity_t<std::span<T const>> mu, shift_plan const& plan, mixing how) {
  detail::mix_shift<Arch>(exec, x, y, mu, plan, how, false);
}

/// dx = M' dy. Behind a sequence's end dx = dy. dx is other memory than dy.
template <class Arch = xsimd::default_arch, class T>
void mix_shift_adjoint(std::type_identity_t<tensor_view<T const>> dy, tensor_view<T> dx,
                       std::type_identity_t<std::span<T const>> mu, shift_plan const& plan, mixing how) {
  detail::mix_shift<Arch>(detail::run_here{}, dy, dx, mu, plan, how, true);
}

/// The same, the work shared out by an executor.
template <class Arch = xsimd::default_arch, executor Executor, class T>
void mix_shift_adjoint(Executor&& exec, std::type_identity_t<tensor_view<T const>> dy, tensor_view<T> dx,
                       std::type_identity_t<std::span<T const>> mu, shift_plan const& plan, mixing how) {
  detail::mix_shift<Arch>(exec, dy, dx, mu, plan, how, true);
}

/// dmu[c] += sum over n, t of dy[n, t, c] (x[n, t, c] - (S x)[n, t, c]), for v6 with the opposite sign; summed sequence by
/// sequence, as learned_shift_slopes. Frames behind a sequence's end are not read.
/// @param mu   its values do not matter, its number does
/// @param dmu  one for each channel
template <class Arch = xsimd::default_arch, class T>
void mix_shift_slopes(std::type_identity_t<tensor_view<T const>> x, std::type_identity_t<tensor_view<T const>> dy,
                      std::type_identity_t<std::span<T const>> mu, std::span<T> dmu, shift_plan const& plan,
                      mixing how) {
  detail::mix_shift_slopes<Arch>(detail::run_here{}, x, dy, mu, dmu, plan, how);
}

/// The same, the work shared out by an executor.
template <class Arch = xsimd::default_arch, executor Executor, class T>
void mix_shift_slopes(Executor&& exec, std::type_identity_t<tensor_view<T const>> x,
                      std::type_identity_t<tensor_view<T const>> dy, std::type_identity_t<std::span<T const>> mu,
                      std::span<T> dmu, shift_plan const& plan, mixing how) {
  detail::mix_shift_slopes<Arch>(exec, x, dy, mu, dmu, plan, how);
}

}}}  // namespace tshift

#include <tshift/macros/back.hpp>
