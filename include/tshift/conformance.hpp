// SPDX-License-Identifier: MIT
// For anyone who wrote a shift of their own (a CUDA kernel, a torch operator, a port): cases that find the usual
// mistakes, and a comparison that names the first wrong element. Needs no test framework and prints nothing.
//
//   auto const report = tshift::conformance::check<float>([](auto x, auto y, auto const& plan) { my_shift(...); });
//   if (!report) std::puts(report.first);
//
//   check          y = S x        mine(x, y, plan)
//   check_inplace  x = S x        mine(x, plan)
//   check_add      y = S x + r    mine(x, r, y, plan)
//   check_adjoint  dx = S' dy     mine(dy, dx, plan)
//   check_stream   frame by frame mine(plan, frame) gives a stream with push(x, y) and flush(y)
//
// x, r and dy are tensor_view<T const>, y and dx tensor_view<T>; T is said by the caller, and padding::zero fills with
// T{}. Every check runs the cases of for_each_case (conformance_cases.hpp) that lie within the scope and compares bit for
// bit with reference.hpp. Inputs are random bytes of a fixed seed (numbers: 1 to 100), outputs start as other bytes
// (numbers: 101 to 127), so that what is never written shows; writing around an output, or into an input, is found too.
// What an implementation throws is passed on. Cost: a few hundred thousand elements, some milliseconds.
#pragma once

#include <tshift/macros/away.hpp>

#include <type_traits>

#include <tshift/conformance_cases.hpp>
#include <tshift/kernel/conformance.hpp>
#include <tshift/plan.hpp>
#include <tshift/reference.hpp>
#include <tshift/view.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace conformance {

/// Compares bit for bit, so that NaN payloads and signed zeros count.
/// @param want  in any layout
/// @param got   of the same shape, in its own layout
template <class T>
mismatch compare(std::type_identity_t<tensor_view<T const>> want, tensor_view<T> got) {
  return detail::first_difference<std::remove_const_t<T>>(want, got);
}

/// y = S x, out of place.
/// @param mine  called as mine(tensor_view<T const> x, tensor_view<T> y, shift_plan const&)
template <class T, class Shift>
report check(Shift&& mine, scope const& within = {}) {
  return detail::over_cases(within, [&](test_case const& one, detail::numbers& next) {
    detail::tensor<T> const x(one, next, detail::holds::input), got(one, next, detail::holds::noise);
    detail::tensor<T> const before = x.copy(), want = got.copy();
    reference::shift<T>(x.view(), want.view(), one.plan);
    mine(tensor_view<T const>(x.view()), got.view(), one.plan);
    return detail::judge(want, got, before, x, "y", "x");
  });
}

/// x = S x, in place.
/// @param mine  called as mine(tensor_view<T> x, shift_plan const&)
template <class T, class Shift>
report check_inplace(Shift&& mine, scope const& within = {}) {
  return detail::over_cases(within, [&](test_case const& one, detail::numbers& next) {
    detail::tensor<T> const x(one, next, detail::holds::input);
    detail::tensor<T> const before = x.copy(), want = x.copy();
    reference::shift<T>(before.view(), want.view(), one.plan);
    mine(x.view(), one.plan);
    return x.against(want, "x");
  });
}

/// y = S x + r, T a number. Sums are exact in any order; integers wrap.
/// @param mine  called as mine(tensor_view<T const> x, tensor_view<T const> r, tensor_view<T> y, shift_plan const&)
template <class T, class ShiftAdd>
report check_add(ShiftAdd&& mine, scope const& within = {}) {
  return detail::over_cases(within, [&](test_case const& one, detail::numbers& next) {
    detail::tensor<T> const x(one, next, detail::holds::input), r(one, next, detail::holds::input);
    detail::tensor<T> const got(one, next, detail::holds::noise);
    detail::tensor<T> const x_before = x.copy(), r_before = r.copy(), want = got.copy();
    reference::shift_add<T>(x.view(), r.view(), want.view(), one.plan);
    mine(tensor_view<T const>(x.view()), tensor_view<T const>(r.view()), got.view(), one.plan);
    mismatch const found = detail::judge(want, got, x_before, x, "y", "x");
    return found ? detail::judge(want, got, r_before, r, "y", "r") : found;
  });
}

/// dx = S' dy, the transpose; T a number. For keep and edge the sums are small whole numbers, exact in any order.
/// @param mine  called as mine(tensor_view<T const> dy, tensor_view<T> dx, shift_plan const&)
template <class T, class Adjoint>
report check_adjoint(Adjoint&& mine, scope const& within = {}) {
  return detail::over_cases(within, [&](test_case const& one, detail::numbers& next) {
    detail::tensor<T> const dy(one, next, detail::holds::input), got(one, next, detail::holds::noise);
    detail::tensor<T> const before = dy.copy(), want = got.copy();
    reference::shift_adjoint<T>(dy.view(), want.view(), one.plan);
    mine(tensor_view<T const>(dy.view()), got.view(), one.plan);
    return detail::judge(want, got, before, dy, "dx", "dy");
  });
}

/// The shift frame by frame: two sequences, one after the other, through one stream. Only what can be streamed: circular
/// and ragged cases are left out, whatever the scope says.
/// @param mine  called as mine(shift_plan const&, shape const& frame), gives an object with
///              index_t push(tensor_view<T const> x, tensor_view<T> y): x has any number of frames, y as many as are due,
///              which is all received so far, less plan.latency(), less those given; returns that number
///              index_t flush(tensor_view<T> y): the rest; returns its number. The next push begins another sequence
template <class T, class MakeStream>
report check_stream(MakeStream&& mine, scope const& within = {}) {
  report result;
  detail::numbers next;
  for_each_case(
      [&](test_case const& one) {
        if (one.plan.edge() == padding::circular) return;
        auto stream = mine(one.plan, shape{one.dims.batch, 0, one.dims.channels, one.dims.space});
        mismatch found = detail::one_sequence<T>(stream, one, next, "");
        if (found) found = detail::one_sequence<T>(stream, one, next, "second sequence: ");
        detail::note(result, one, found);
      },
      within.without_lengths());
  return result;
}

}}}}  // namespace tshift::conformance

#include <tshift/macros/back.hpp>
