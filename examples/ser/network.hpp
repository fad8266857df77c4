// SPDX-License-Identifier: MIT
// Whichever model a file of weights holds.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <tshift/models/crnn.hpp>
#include <tshift/models/shift_cnn.hpp>
#include <tshift/models/shift_lstm.hpp>
#include <tshift/models/shiftformer.hpp>
#include <tshift/models/vertical_vit.hpp>
#include <tshift/nn/linear.hpp>
#include <tshift/weights/state_dict.hpp>
#include <variant>

#include "model_options.hpp"

namespace ser {

enum class architecture { cnn, lstm, shift_lstm, transformer, shiftformer, crnn, vertical_vit };

/// "ShiftCNN", or without a shift "CNN".
char const* title_of(architecture kind, bool shifted);

/// Whether it is a model of images: an architecture that is not ShiftSER's.
bool is_of_images(architecture kind) noexcept;
/// The same of what a file holds.
bool holds_image_model(tshift::weights::state_dict const& weights);

/// Which model a file holds, and what the command line makes of it.
struct model_choice {
  architecture kind = architecture::cnn;
  index_t channels = 0;
  tshift::model_shift shift;
  std::optional<tshift::frame_positions> positions;  ///< nothing: none are to be asked for
  image_words images = {};                           ///< what was said of a model of images
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

/// How many numbers a frame may have: least, least + step, ... most.
struct width_rule {
  index_t least = 0, most = 0, step = 1;

  bool allows(index_t width) const noexcept { return width >= least && width <= most && (width - least) % step == 0; }
  /// "D = 24"
  std::string text() const;
};

struct network {
  std::variant<tshift::models::shift_cnn<float>, tshift::models::shift_lstm<float>, tshift::models::shiftformer<float>,
               tshift::models::crnn<float>, tshift::models::vertical_vit<float>>
      model;
  std::optional<tshift::nn::linear<float>> projector;  ///< in front
  std::string description;                             ///< what was recognised, on one line
  costs flops;
  width_rule widths = {};  ///< of x: all channels of a frame, or bands and their deltas, or rows of an image
  index_t shortest = 1;    ///< frames that a sequence must have

  /// Channels of an image's pixels where they are stored side by side, [N, T, F, C]; 0: the model reads no such.
  index_t pixel_channels() const;
  /// Whether it reads images, [N, 1, H, W] for those who do not store them column by column.
  bool reads_columns() const;
  index_t channels() const { return widths.least; }
  index_t classes() const;
  /// Size of the feature that the logits are made of; 0: the model gives none.
  index_t features() const;
  /// The longest sequence that its positions serve; -1: any.
  index_t longest() const;
  /// @throws ser_error  a sequence of so many frames is too short; it is called `name`
  void check_length(index_t frames, std::string const& name) const;
  index_t workspace_size(tshift::shape const& x) const;
  /// @param x        [N, T, D]; of a CRNN the bands of each channel beside each other, as deltas are stacked
  /// @param feature  [N, features()]; empty: not wanted
  void forward(tshift::tensor_view<float const> const& x, tshift::tensor_view<float> const& y,
               std::span<float> workspace, std::span<float> feature = {}) const;

  /// What the model reads of such an x, and how much of it is written before, by prepare().
  tshift::shape prepared(tshift::shape x) const;
  index_t prepared_size(tshift::shape const& x) const;
  /// @param front  prepared_size(x.shape) elements
  tshift::tensor_view<float const> prepare(tshift::tensor_view<float const> const& x, std::span<float> front) const;
};

/// @throws usage_error     the model cannot do what the command asks for
/// @throws ser_error  the tensors are those of no model
/// @throws shape_error     a tensor is missing, has another shape, or is not part of the model
network make_network(tshift::weights::state_dict const& weights, model_options const& words);

}  // namespace ser
