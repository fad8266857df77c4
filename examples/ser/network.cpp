// SPDX-License-Identifier: MIT
#include "network.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>
#include <tshift/presets.hpp>

#include "error.hpp"
#include "image_models.hpp"

namespace ser {
namespace {

using tshift::direction;
using tshift::frame_positions;
using tshift::model_shift;
using tshift::placement;
using tshift::weights::state_dict;

bool is_recurrent(architecture kind) { return kind == architecture::lstm || kind == architecture::shift_lstm; }

bool any_with(state_dict const& weights, std::string_view prefix, std::string_view part = "") {
  return std::ranges::any_of(weights, [&](auto const& tensor) {
    return tensor.name.starts_with(prefix) && tensor.name.find(part) != std::string::npos;
  });
}

architecture recognise(state_dict const& weights) {
  if (any_with(weights, "conv.0.")) return architecture::crnn;
  if (any_with(weights, "to_patch_embedding.") || weights.contains("cls_token")) return architecture::vertical_vit;
  if (any_with(weights, "conv_block.")) return architecture::cnn;
  if (any_with(weights, "rnn.net.")) return architecture::shift_lstm;
  if (any_with(weights, "rnn.")) return architecture::lstm;
  if (any_with(weights, "transformer.", ".token_mixer.")) return architecture::transformer;
  if (any_with(weights, "transformer.")) return architecture::shiftformer;
  std::string const found =
      weights.size() == 0 ? "it holds no tensor" : "its first tensor is " + one_line(weights.begin()->name);
  throw ser_error(one_line(weights.source()) +
                  ": no model is recognised: no tensor is named conv_block.* (CNN, ShiftCNN), rnn.net.* "
                  "(ShiftLSTM), rnn.* (LSTM), transformer.* (Transformer, Shiftformer), conv.0.* (CRNN) or "
                  "to_patch_embedding.* (vertical-patch ViT); " +
                  found);
}

/// The size of a dimension. 0 without such a tensor: the model's constructor says so in its own words.
index_t size_of(state_dict const& weights, std::string const& name, std::size_t axis) {
  auto const* const tensor = weights.find(name);
  return tensor != nullptr && axis < tensor->shape.size() ? tensor->shape[axis] : 0;
}

/// Number of blocks `prefix`0, `prefix`1, ...
index_t count_blocks(state_dict const& weights, std::string const& prefix) {
  index_t count = 0;
  while (any_with(weights, prefix + std::to_string(count) + ".")) ++count;
  return count;
}

model_shift default_shift(architecture kind) {
  switch (kind) {
    case architecture::cnn: return tshift::models::shift_cnn<float>::paper;
    case architecture::shift_lstm: return tshift::models::shift_lstm<float>::paper;
    case architecture::shiftformer: return tshift::models::shiftformer<float>::paper;
    case architecture::lstm: return {0, direction::delay, 1, placement::both};
    case architecture::transformer:
    case architecture::crnn:
    case architecture::vertical_vit: break;
  }
  return {0, direction::delay, 1, placement::none};
}

/// The first option on the command line that speaks of a shift which is there.
std::optional<std::string> asks_for_shift(model_options const& words) {
  if (words.n_div.value_or(0) != 0) return "--n-div " + std::to_string(*words.n_div);
  if (words.where.value_or(placement::none) != placement::none) {
    return std::string("--placement ") + name_of(*words.where);
  }
  if (words.towards) return std::string("--direction ") + name_of(*words.towards);
  if (words.stride) return "--stride " + std::to_string(*words.stride);
  return {};
}

model_shift shift_of(architecture kind, model_options const& words, index_t channels) {
  model_shift shift = default_shift(kind);
  shift.n_div = words.n_div.value_or(shift.n_div);
  shift.towards = words.towards.value_or(shift.towards);
  shift.stride = words.stride.value_or(shift.stride);
  shift.where = words.where.value_or(shift.where);

  if (is_recurrent(kind) && shift.where == placement::skip) {
    throw usage_error("--placement skip: an LSTM has no skip connection, it must be none, branch or both");
  }
  if (kind == architecture::crnn && shift.where == placement::skip) {
    throw usage_error("--placement skip: a CRNN has no skip connection, it must be none, branch or both");
  }
  if (auto const asked = asks_for_shift(words)) {
    if (shift.n_div == 0) {
      throw usage_error(*asked + " changes nothing where nothing is shifted: n_div is 0" +
                        (words.n_div ? "" : ", --n-div sets it"));
    }
    if (shift.where == placement::none) {
      throw usage_error(*asked + " changes nothing where nothing is shifted: the placement is none" +
                        (words.where ? "" : ", --placement sets it"));
    }
  }
  if (shift.n_div > 0 && channels > 0) {
    try {
      (void)tshift::presets::shiftser(channels, shift.n_div, shift.towards, shift.stride);
    } catch (tshift::shape_error const& error) {
      throw usage_error("no such shift of " + std::to_string(channels) + " channels: " + error.what());
    }
  }
  return shift;
}

/// Checks --position against the tables that are there. Nothing: no positions are to be asked for.
std::optional<frame_positions> position_of(architecture kind, state_dict const& weights, model_options const& words) {
  bool const attends = kind == architecture::transformer;
  if (words.positions && is_of_images(kind)) {
    throw usage_error(std::string("--position ") + name_of(*words.positions) + ": a " + title_of(kind, false) +
                      " has no such positions");
  }
  if (words.positions && !attends && kind != architecture::shiftformer) {
    throw usage_error(std::string("--position ") + name_of(*words.positions) + ": CNNs and LSTMs have no positions");
  }
  bool const distances = any_with(weights, "transformer.", ".distance_embedding.");
  if (words.no_positions) {
    bool const has_some = distances || words.positions || weights.contains("position_embeddings.weight");
    if (!attends || has_some) {
      throw usage_error("--no-positions: " + one_line(weights.source()) +
                        (has_some ? " has some" : std::string(" is a ") + title_of(kind, false) + ", which has none"));
    }
    return {};
  }
  if (words.positions) {
    bool const relative = *words.positions != frame_positions::absolute;
    if (relative && !attends) {
      throw usage_error(std::string("--position ") + name_of(*words.positions) + ": a Shiftformer has no attention");
    }
    if (relative && !distances) {
      throw usage_error(std::string("--position ") + name_of(*words.positions) + " needs tensors named " +
                        "transformer.*.token_mixer.distance_embedding.weight, and " + one_line(weights.source()) +
                        " has none");
    }
    if (!relative && !weights.contains("position_embeddings.weight")) {
      throw usage_error("--position absolute needs a tensor position_embeddings.weight, and " +
                        one_line(weights.source()) + " has none");
    }
    return words.positions;
  }
  // Said outright, so that a Transformer whose table got lost is not taken for one without.
  if (attends) return distances ? frame_positions::relative_key_query : frame_positions::absolute;
  return {};
}

/// Of the linear layer or pointwise convolution `name`: two operations for each weight.
double flops_of(state_dict const& weights, std::string const& name) {
  auto const* const tensor = weights.find(name + ".weight");
  return tensor != nullptr ? 2 * static_cast<double>(tensor->size()) : 0;
}

costs costs_of(architecture kind, state_dict const& weights, index_t blocks, std::optional<frame_positions> positions) {
  costs sum;
  sum.per_sequence = flops_of(weights, "head");
  for (index_t i = 0; i < blocks; ++i) {
    std::string const conv = "conv_block." + std::to_string(i) + ".sequential.";
    std::string const block = "transformer." + std::to_string(i) + ".";
    for (std::string const& layer :
         {conv + "0", conv + "4", conv + "6", block + "token_mixer.qkv", block + "mlp.fc1", block + "mlp.fc2"}) {
      sum.per_frame += flops_of(weights, layer);
    }
    if (kind == architecture::transformer) {
      // Queries with keys, scores with values, and one product more for each kind of relative position.
      int const products = 2 + static_cast<int>(positions.value_or(frame_positions::absolute));
      sum.per_pair_of_frames += 2.0 * products * static_cast<double>(size_of(weights, "head.weight", 1));
    }
  }
  for (auto const& tensor : weights) {
    bool const matrix = tensor.name.starts_with("rnn.") && tensor.name.find("weight_") != std::string::npos;
    if (matrix) sum.per_frame += 2 * static_cast<double>(tensor.size());
  }
  return sum;
}

std::string counted(index_t count, std::string const& what, char const* plural) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : plural);
}

std::string describe(model_shift const& shift, architecture kind, index_t channels) {
  if (shift.n_div == 0 || shift.where == placement::none) return "no shift";
  auto const plan = tshift::presets::shiftser(channels, shift.n_div, shift.towards, shift.stride);
  return "shift of " + counted(plan.moved(), "channel", "s") + " (n_div " + std::to_string(shift.n_div) + "), " +
         name_of(shift.towards) + (shift.towards == direction::both ? " directions" : "") + ", stride " +
         std::to_string(shift.stride) + ", " +
         (is_recurrent(kind) ? "on the input" : std::string("placement ") + name_of(shift.where));
}

/// The channels that a shift moves; of a CRNN before the first convolution of its body.
index_t shifted_channels(architecture kind, state_dict const& weights) {
  if (kind == architecture::crnn) return size_of(weights, "conv.1.weight", 1);
  if (kind == architecture::vertical_vit) return size_of(weights, "cls_token", 2);
  std::string const rnn = kind == architecture::shift_lstm ? "rnn.net." : "rnn.";
  return is_recurrent(kind) ? size_of(weights, rnn + "weight_ih_l0", 1) : size_of(weights, "head.weight", 1);
}

}  // namespace

char const* title_of(architecture kind, bool shifted) {
  switch (kind) {
    case architecture::cnn: return shifted ? "ShiftCNN" : "CNN";
    case architecture::lstm: return "LSTM";
    case architecture::shift_lstm: return "ShiftLSTM";
    case architecture::transformer: return "Transformer";
    case architecture::shiftformer: return "Shiftformer";
    case architecture::crnn: return "CRNN";
    case architecture::vertical_vit: return "vertical-patch ViT";
  }
  return "?";
}

bool is_of_images(architecture kind) noexcept {
  return kind == architecture::crnn || kind == architecture::vertical_vit;
}

bool holds_image_model(state_dict const& weights) { return is_of_images(recognise(weights)); }

tshift::model_shift shift_for(architecture kind, model_options const& words, index_t channels) {
  return shift_of(kind, words, channels);
}

model_choice choose_model(tshift::weights::state_dict const& weights, model_options const& words) {
  architecture const kind = recognise(weights);
  index_t const D = shifted_channels(kind, weights);
  bool const learned = weights.contains("shift.0.offset");
  if (auto const asked = asks_for_shift(words); learned && (asked || words.n_div)) {
    throw usage_error(asked.value_or("--n-div 0") + ": the shift of " + one_line(weights.source()) + " is learned");
  }
  model_shift const none{0, direction::delay, 1, placement::none};
  model_choice const made{kind, D, learned ? none : shift_of(kind, words, D), position_of(kind, weights, words),
                          words.images};
  bool const shifted = made.shift.n_div != 0 && made.shift.where != placement::none;
  check_image_words(
      kind, words.images, made.shift,
      one_line(weights.source()) + (kind == architecture::lstm ? " is an " : " is a ") + title_of(kind, shifted));
  return made;
}

namespace {

network network_of(state_dict const& all, model_options const& words) {
  if (all.contains("shift.0.offset")) {
    throw ser_error(one_line(all.source()) + ": its shift is learned; ser evaluate runs such models");
  }
  if (holds_image_model(all)) {
    model_choice const of = choose_model(all, words);
    state_dict weights = all.without_tensors();  // without what a training with masks leaves
    for (tshift::weights::tensor const& each : all) {
      if (!each.name.starts_with("specaugment.")) weights.add(each);
    }
    network result =
        make_image_network(weights, of.kind, of.images, of.shift, describe(of.shift, of.kind, of.channels));
    if (result.classes() < 1) throw ser_error(one_line(all.source()) + ": a model of 0 classes computes nothing");
    return result;
  }
  // What stands in front of a model that was trained here.
  state_dict weights = all.without_tensors(), front = all.without_tensors();
  for (tshift::weights::tensor const& each : all) {
    (each.name.starts_with("projector.") ? front : weights).add(each);
  }
  auto const [kind, D, shift, positions, images] = choose_model(weights, words);
  std::string const rnn = kind == architecture::shift_lstm ? "rnn.net." : "rnn.";

  auto const made = [&weights](model_choice const& choice) -> decltype(network::model) {
    if (choice.kind == architecture::cnn) return tshift::models::shift_cnn<float>(weights, choice.shift);
    if (is_recurrent(choice.kind)) return tshift::models::shift_lstm<float>(weights, choice.shift);
    return tshift::models::shiftformer<float>(weights, choice.shift, choice.positions,
                                              choice.images.heads.value_or(12));
  };
  network result{made({kind, D, shift, positions, images}), {}, {}, {}, {D, D, 1}};
  if (front.size() > 0) {
    tshift::weights::state_reader<float> reader("projector", front);
    result.projector = tshift::models::take_linear(reader, "projector", reader.dimension("projector.weight", 1), D);
    reader.finish();
    result.widths = {result.projector->inputs(), result.projector->inputs(), 1};
  }
  if (D < 1 || result.classes() < 1) {
    throw ser_error(one_line(weights.source()) + ": a model of " + counted(D, "channel", "s") + " and " +
                    counted(result.classes(), "class", "es") + " computes nothing");
  }

  index_t const blocks =
      is_recurrent(kind) ? 0 : count_blocks(weights, kind == architecture::cnn ? "conv_block." : "transformer.");
  std::string const layers = !is_recurrent(kind)                              ? counted(blocks, "block", "s")
                             : weights.contains(rnn + "weight_ih_l0_reverse") ? "1 bidirectional layer"
                                                                              : "1 layer";
  std::string tables;
  if (kind == architecture::transformer) {
    tables = std::string(", ") + (positions ? name_of(*positions) : "no") + " positions";
  } else if (weights.contains("position_embeddings.weight")) {
    tables = ", absolute positions";
  }
  bool const shifted = shift.n_div != 0 && shift.where != placement::none;
  result.description = std::string(result.projector ? "a projection and " : "") + title_of(kind, shifted) +
                       ", D = " + std::to_string(D) + ", " + counted(result.classes(), "class", "es") + ", " + layers +
                       tables + "; " + describe(shift, kind, D);
  result.flops = costs_of(kind, weights, blocks, positions);
  result.flops.per_frame += flops_of(front, "projector");
  return result;
}

}  // namespace

network make_network(tshift::weights::state_dict const& weights, model_options const& words) {
  network made = network_of(stored_as(weights, words.stored), words);
  if (words.stored == tshift::stored::bf16) made.description += "; weights as bf16";
  return made;
}

}  // namespace ser
