// SPDX-License-Identifier: MIT
// The models of images, CRNN and vertical-patch ViT, from a file of weights.
#pragma once

#include <string>
#include <tshift/models/crnn.hpp>
#include <tshift/models/vertical_vit.hpp>
#include <tshift/weights/state_dict.hpp>

#include "image_words.hpp"
#include "network.hpp"

namespace ser {

/// What no tensor says.
tshift::vertical_vit_options vit_options_of(image_words const& words, tshift::model_shift const& shift);
tshift::crnn_options crnn_options_of(image_words const& words, tshift::model_shift const& shift);

/// The tensors of one of both as training has them: norms of a CRNN folded. Borrows the others from `weights`.
/// @throws shape_error  a tensor is missing, has another shape, or is not part of the model
template <class T>
tshift::weights::state_dict trainable(tshift::weights::state_dict const& weights, architecture kind,
                                      image_words const& words);

/// Refuses what the command line says and no such model has. @throws usage_error
void check_image_words(architecture kind, image_words const& words, tshift::model_shift const& shift,
                       std::string const& title);

/// A network of one of both.
/// @param shift  none where n_div is 0
/// @throws usage_error, ser_error, shape_error
network make_image_network(tshift::weights::state_dict const& weights, architecture kind, image_words const& words,
                           tshift::model_shift const& shift, std::string const& shift_description);

}  // namespace ser
