// SPDX-License-Identifier: MIT
// Whichever model a file of weights holds.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <tshift/models/shift_cnn.hpp>
#include <tshift/models/shift_lstm.hpp>
#include <tshift/models/shiftformer.hpp>
#include <tshift/nn/linear.hpp>
#include <tshift/weights/state_dict.hpp>
#include <variant>

#include "model_options.hpp"

namespace ser {

enum class architecture { cnn, lstm, shift_lstm, transformer, shiftformer };

/// Which model a file holds, and what the command line makes of it.
struct model_choice {
  architecture kind = architecture::cnn;
  index_t channels = 0;
  tshift::model_shift shift;
  std::optional<tshift::frame_positions> positions;  ///< nothing: none are to be asked for
};

/// @throws usage_error  the model cannot do what the command asks for
/// @throws ser_error    the tensors are those of no model
model_choice choose_model(tshift::weights::state_dict const& weights, model_options const& words);

/// The shift of a new model of that kind: the paper's, but for what the command line says.
/// @throws usage_error  the model cannot do that
tshift::model_shift shift_for(architecture kind, model_options const& words, index_t channels);

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
  std::optional<tshift::nn::linear<float>> projector;  ///< in front
  std::string description;                             ///< what was recognised, on one line
  costs flops;

  index_t channels() const;
  index_t classes() const;
  /// The longest sequence that its positions serve; -1: any.
  index_t longest() const;
  index_t workspace_size(tshift::shape const& x) const;
  void forward(tshift::tensor_view<float const> const& x, tshift::tensor_view<float> const& y,
               std::span<float> workspace) const;

 private:
  tshift::shape projected(tshift::shape x) const;
  index_t projected_size(tshift::shape const& x) const;
};

/// @throws usage_error     the model cannot do what the command asks for
/// @throws ser_error  the tensors are those of no model
/// @throws shape_error     a tensor is missing, has another shape, or is not part of the model
network make_network(tshift::weights::state_dict const& weights, model_options const& words);

}  // namespace ser
