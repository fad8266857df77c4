// SPDX-License-Identifier: MIT
// The body of shift_on, for the files that are compiled with the flags of one Arch. main.cpp does not include this.
#pragma once

#include <tshift/shift.hpp>

#include "dispatch.hpp"

template <class Arch>
void shift_on(tshift::tensor_view<float const> x, tshift::tensor_view<float> y, tshift::shift_plan const& plan) {
  tshift::shift<Arch>(x, y, plan);
}
