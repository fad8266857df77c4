// SPDX-License-Identifier: MIT
// One program, several instruction sets: what main.cpp knows about the shifts that the other files are compiled to.
// Names only. The one body is in shift_on.hpp, so that nothing compiled for the oldest processor can contain it.
#pragma once

#if !defined(__x86_64__)
#error "This example chooses between instruction sets of x86-64. Elsewhere tshift::shift(x, y, plan) is all there is."
#endif

#include <tshift/plan.hpp>
#include <tshift/view.hpp>
#include <xsimd/xsimd.hpp>

/// y = S x with the instructions of Arch.
template <class Arch>
void shift_on(tshift::tensor_view<float const> x, tshift::tensor_view<float> y, tshift::shift_plan const& plan);

// One line for each file shift_*.cpp. A plan and a view look the same to all of them.
using sse2 = xsimd::sse2;
using avx2 = xsimd::fma3<xsimd::avx2>;
using avx512 = xsimd::avx512bw;
extern template void shift_on<sse2>(tshift::tensor_view<float const>, tshift::tensor_view<float>,
                                    tshift::shift_plan const&);
extern template void shift_on<avx2>(tshift::tensor_view<float const>, tshift::tensor_view<float>,
                                    tshift::shift_plan const&);
extern template void shift_on<avx512>(tshift::tensor_view<float const>, tshift::tensor_view<float>,
                                      tshift::shift_plan const&);

/// A shift, and what it is called.
struct choice {
  char const* name;
  void (*shift)(tshift::tensor_view<float const>, tshift::tensor_view<float>, tshift::shift_plan const&);
};

/// What xsimd::dispatch calls with the best Arch of its list. It returns the shift instead of running it: choose once,
/// call often; and xsimd's dispatcher is noexcept, so that a shape_error thrown inside would end the program.
struct choose {
  template <class Arch>
  choice operator()(Arch) const noexcept {
    return {Arch::name(), &shift_on<Arch>};
  }
};
