// SPDX-License-Identifier: MIT
// What the program says about its result, and how long it took.
#pragma once

#include <span>
#include <tshift/view.hpp>

#include "network.hpp"

namespace ser {

/// One line per sequence: all values with the digits that tell floats apart, the largest marked.
void print_table(std::span<float const> y, index_t classes);

/// One line per sequence: what its class is called, and how likely it is; "unknown" where no class is likely enough.
void print_verdicts(model_options const& words, std::span<float const> probabilities, index_t classes);

/// Median and least time of at least 15 runs.
/// @param frames  of all sequences
void print_times(network const& model, tshift::tensor_view<float const> const& x, index_t frames,
                 tshift::tensor_view<float> const& y, std::span<float> workspace);

}  // namespace ser
