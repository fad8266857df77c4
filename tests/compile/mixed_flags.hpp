// SPDX-License-Identifier: MIT
// Two units of one program, built with different instruction sets, which give each other plans and views.
#pragma once

#include <tshift/tshift.hpp>

namespace baseline {
tshift::shift_plan make_plan(tshift::index_t channels);
char const* run(tshift::tensor_view<float const> x, tshift::tensor_view<float> y, tshift::shift_plan const& plan);
bool refuses(tshift::tensor_view<float> x);
}  // namespace baseline

namespace avx2 {
tshift::shift_plan make_plan(tshift::index_t channels);
char const* run(tshift::tensor_view<float const> x, tshift::tensor_view<float> y, tshift::shift_plan const& plan);
bool refuses(tshift::tensor_view<float> x);
}  // namespace avx2
