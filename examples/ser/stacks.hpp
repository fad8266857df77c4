// SPDX-License-Identifier: MIT
// What a trainee is made of: a new model's parts, or those of a checkpoint.
#pragma once

#include <tshift/train/parameter_table.hpp>
#include <tshift/weights/state_dict.hpp>

#include "network.hpp"
#include "stack.hpp"
#include "trainee.hpp"

namespace ser {

/// Registers all parameters. @throws usage_error, shape_error
template <class T>
stack<T> make_stack(new_model m, train::parameter_table& table);

/// The same of what a file holds.
/// @param channels  of x, where the model reads several numbers of them; 0: its fewest
/// @throws ser_error, shape_error
template <class T>
stack<T> make_stack(tshift::weights::state_dict const& weights, model_choice const& choice, index_t channels,
                    train::parameter_table& table);

}  // namespace ser
