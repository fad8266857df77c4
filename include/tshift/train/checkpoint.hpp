// SPDX-License-Identifier: MIT
// Values out of a state_dict and into one, by the parameters' names: files go both ways through io::safetensors, to
// PyTorch and to the models of this library. What sizes a checkpoint's model has.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <tshift/train/parameter_table.hpp>
#include <tshift/train/shift_cnn.hpp>
#include <tshift/train/shift_lstm.hpp>
#include <tshift/train/shiftformer.hpp>
#include <tshift/weights/state_dict.hpp>
#include <tshift/weights/state_reader.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// Sets the values of all parameters. Their names may stand behind one prefix, as weights::prefix_of finds it.
/// @param values   table.size() elements
/// @param ignored  a name, or the beginning of names with '.' at its end, that may be there beside them
/// @throws shape_error  a tensor is missing, has another shape or type, or is not a parameter; nothing is written then
template <class T>
void read_values(parameter_table const& table, weights::state_dict const& from, std::span<T> values,
                 std::string const& ignored = "specaugment.") {
  if (static_cast<index_t>(values.size()) != table.size()) {
    detail::fail("read_values: values has %td elements, must have %td", static_cast<index_t>(values.size()),
                 table.size());
  }
  std::string const first = table.count() > 0 ? table.begin()->name : "";
  weights::state_reader<T> reader("train", from, weights::prefix_of("train", from, first));
  std::vector<weights::values<T>> found;
  for (parameter const& each : table) found.push_back(reader.take(each.name, std::span<index_t const>(each.shape)));
  reader.ignore(ignored);
  reader.ignore("position_ids");
  reader.finish();
  std::size_t i = 0;
  for (parameter const& each : table) found[i++].copy_to(values.data() + each.offset, 0, each.size);
}

/// The parameters as tensors that borrow `values`, which must stay as long as the dictionary is used.
template <class T>
weights::state_dict state_dict_of(parameter_table const& table, std::span<T const> values) {
  weights::state_dict result;
  for (parameter const& each : table) {
    result.add(each.name, each.shape,
               values.subspan(static_cast<std::size_t>(each.offset), static_cast<std::size_t>(each.size)));
  }
  return result;
}

/// Sizes of the ShiftCNN that a checkpoint holds. @throws shape_error  it holds none
inline shift_cnn_sizes shift_cnn_sizes_of(weights::state_dict const& weights) {
  weights::state_reader<float> const reader("shift_cnn", weights);
  shift_cnn_sizes s;
  s.classes = reader.dimension("head.weight", 0);
  s.channels = reader.dimension("head.weight", 1);
  s.taps = reader.dimension("conv_block.0.sequential.0.weight", 2);
  s.hidden = reader.dimension("conv_block.0.sequential.4.weight", 0);
  s.blocks = 1;
  while (reader.has("conv_block." + std::to_string(s.blocks) + ".sequential.0.weight")) ++s.blocks;
  return s;
}

/// Sizes of the ShiftLSTM, or LSTM, that a checkpoint holds. @throws shape_error  it holds none
inline shift_lstm_sizes shift_lstm_sizes_of(weights::state_dict const& weights) {
  weights::state_reader<float> const reader("shift_lstm", weights);
  shift_lstm_sizes s;
  s.wrapped = reader.has("rnn.net.weight_ih_l0");
  std::string const layer = s.wrapped ? "rnn.net." : "rnn.";
  s.channels = reader.dimension(layer + "weight_ih_l0", 1);
  s.hidden = reader.dimension(layer + "weight_hh_l0", 1);
  s.both_ways = reader.has(layer + "weight_ih_l0_reverse");
  s.classes = reader.dimension("head.weight", 0);
  return s;
}

/// Sizes of the Shiftformer, or Transformer, that a checkpoint holds. @throws shape_error  it holds none
/// @param heads      of the attention
/// @param positions  which kind a table of distances is for
inline shiftformer_sizes shiftformer_sizes_of(weights::state_dict const& weights, index_t heads = 12,
                                              frame_positions positions = frame_positions::relative_key_query) {
  weights::state_reader<float> const reader("shiftformer", weights);
  shiftformer_sizes s;
  s.classes = reader.dimension("head.weight", 0);
  s.channels = reader.dimension("head.weight", 1);
  s.hidden = reader.dimension("transformer.0.mlp.fc1.weight", 0);
  s.attends = reader.has("transformer.0.token_mixer.qkv.weight");
  s.heads = heads;
  std::string const distances = "transformer.0.token_mixer.distance_embedding.weight";
  if (reader.has(distances)) {
    s.positions = positions;
    s.longest = (reader.dimension(distances, 0) + 1) / 2;
  } else if (reader.has("position_embeddings.weight")) {
    s.longest = reader.dimension("position_embeddings.weight", 0);
  }
  s.blocks = 1;
  while (reader.has("transformer." + std::to_string(s.blocks) + ".mlp.fc1.weight")) ++s.blocks;
  return s;
}

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
