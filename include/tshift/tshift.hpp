// SPDX-License-Identifier: MIT
// tshift: the temporal shift. This header brings the whole operator, and of other libraries only xsimd.
#pragma once

#include <tshift/config.hpp>
#include <tshift/error.hpp>
#include <tshift/executor.hpp>
#include <tshift/plan.hpp>
#include <tshift/presets.hpp>
#include <tshift/shift.hpp>
#include <tshift/shift_add.hpp>
#include <tshift/shift_adjoint.hpp>
#include <tshift/shift_inplace.hpp>
#include <tshift/shifted_view.hpp>
#include <tshift/stream.hpp>
#include <tshift/version.hpp>
#include <tshift/view.hpp>
