// SPDX-License-Identifier: MIT
// Whichever model a file of weights holds.
#pragma once

#include <span>
#include <string>
#include <tshift/models/shift_cnn.hpp>
#include <tshift/models/shift_lstm.hpp>
#include <tshift/models/shiftformer.hpp>
#include <tshift/weights/state_dict.hpp>
#include <variant>

#include "model_options.hpp"

namespace ser {

/// Floating-point operations of the matrix products and convolutions for one sequence.
struct costs {
  double per_frame = 0, per_pair_of_frames = 0, per_sequence = 0;

  double of(index_t frames) const noexcept {
    auto const L = static_cast<double>(frames);
    return per_sequence + L * (per_frame + L * per_pair_of_frames);
  }
};

struct network {
  std::variant<tshift::models::shift_cnn<float>, tshift::models::shift_lstm<float>, tshift::models::shiftformer<float>>
      model;
  std::string description;  ///< what was recognised, on one line
  costs flops;

  index_t channels() const;
  index_t classes() const;
  /// The longest sequence that its positions serve; -1: any.
  index_t longest() const;
  index_t workspace_size(tshift::shape const& x) const;
  void forward(tshift::tensor_view<float const> const& x, tshift::tensor_view<float> const& y,
               std::span<float> workspace) const;
};

/// @throws usage_error     the model cannot do what the command asks for
/// @throws ser_error  the tensors are those of no model
/// @throws shape_error     a tensor is missing, has another shape, or is not part of the model
network make_network(tshift::weights::state_dict const& weights, model_options const& words);

}  // namespace ser
