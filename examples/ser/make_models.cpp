// SPDX-License-Identifier: MIT
// Makes what check_models.sh feeds to ser classify: small models, good and bad inputs, and the logits that the library gives when
// it is called directly.
// usage: make_models FOLDER
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <tshift/io/safetensors.hpp>
#include <tshift/models/shift_cnn.hpp>
#include <tshift/models/shift_lstm.hpp>
#include <tshift/models/shiftformer.hpp>
#include <utility>
#include <vector>

#include "make_models.hpp"
#include "support/seeded.hpp"

namespace {

using namespace make_models;
using test_support::model_sizes;
using test_support::seeded;
using tshift::direction;
using tshift::frame_positions;
using tshift::model_shift;
using tshift::placement;
using tshift::weights::dtype;
using tshift::weights::state_dict;

constexpr index_t width = 24, longest = 12;

// --- weights ---------------------------------------------------------------------------------------------------------

model_sizes sizes_of(std::string const& kind, std::string const& positions) {
  return {kind, positions, width, positions == "none" ? 0 : longest, classes};
}

state_dict weights_of(std::string const& kind, std::string const& positions) {
  state_dict weights;
  for (auto const& [name, shape] : test_support::tensors_of(sizes_of(kind, positions))) {
    weights.add_owned(name, shape, seeded<float>(name, shape, seed));
  }
  return weights;
}

/// An LSTM that reads in one direction.
state_dict one_way(state_dict const& both_ways) {
  state_dict weights;
  for (auto const& tensor : both_ways) {
    if (tensor.name.ends_with("_reverse")) continue;
    auto shape = tensor.shape;
    if (tensor.name.starts_with("norm.")) shape[0] = width;
    if (tensor.name == "head.weight") shape[1] = width;
    weights.add_owned(tensor.name, shape, seeded<float>(tensor.name, shape, seed));
  }
  return weights;
}

/// What the released checkpoints have besides weights.
std::vector<std::int64_t> const position_ids = [] {
  std::vector<std::int64_t> ids(static_cast<std::size_t>(longest));
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int64_t>(i);
  return ids;
}();

tensors file_of(state_dict const& weights) {
  tensors list(weights.begin(), weights.end());
  if (weights.contains("position_embeddings.weight")) list.push_back({"position_ids", {1, longest}, position_ids});
  return list;
}

/// bfloat16 of float: the upper half.
std::vector<std::uint16_t> upper_halves(tshift::weights::values<float> values) {
  std::vector<std::uint16_t> bits;
  for (index_t i = 0; i < values.size(); ++i) {
    bits.push_back(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(values[i]) >> 16));
  }
  return bits;
}

/// The same weights, rounded to bfloat16, in a file of type BF16.
state_dict write_bfloat16(std::string const& name, state_dict const& weights) {
  state_dict rounded;
  std::vector<std::vector<std::uint16_t>> memory;
  tensors list;
  for (tensor const& exact : weights) {
    memory.push_back(upper_halves(tshift::weights::read_as<float>(exact)));
    std::vector<float> values;
    for (std::uint16_t const bits : memory.back()) {
      values.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16));
    }
    list.emplace_back(exact.name, dtype::bf16, exact.shape, std::as_bytes(std::span(memory.back())));
    rounded.add_owned(exact.name, exact.shape, values);
  }
  write(name, list);
  return rounded;
}

void write_bad_weights(state_dict const& cnn, state_dict const& absolute, state_dict const& relative) {
  std::vector<float> const some(1000);
  std::span const values(some);
  std::vector<std::int64_t> const integers(4);
  tensors const good = file_of(cnn);

  tensors list = good;
  list.push_back({"extra.weight", {5}, values.first(5)});
  write("bad_surplus", list);
  write("bad_missing", with(good, "conv_block.1.sequential.4.bias", {}));
  write("bad_headless", with(good, "head.weight", {}));
  write("bad_shape", with(good, "head.bias", tensor("head.bias", {5}, values.first(5))));
  write("bad_dtype", with(good, "head.bias", tensor("head.bias", {4}, integers)));
  write("bad_no_classes", with(with(good, "head.weight", tensor("head.weight", {0, width}, values.first(0))),
                               "head.bias", tensor("head.bias", {0}, values.first(0))));
  std::vector<double> const huge(classes, 1e300);
  write("bad_overflow", with(good, "head.bias", tensor("head.bias", {classes}, huge)));
  write("bad_empty", {});
  list = good;
  for (auto& tensor : list) tensor.name = "module." + tensor.name;
  write("bad_prefix", list);
  write("bad_no_positions", with(file_of(absolute), "position_embeddings.weight", {}));
  write("bad_table", with(file_of(relative), "transformer.0.token_mixer.distance_embedding.weight", {}));
}

// --- inputs ----------------------------------------------------------------------------------------------------------

std::vector<float> const x = seeded<float>("x", {batch, frames, width}, seed);
std::vector<std::int64_t> const lengths = {10, 4, 1};

void write_inputs() {
  std::vector<std::int32_t> const short_lengths(lengths.begin(), lengths.end());
  std::vector<double> const doubles(x.begin(), x.end());
  std::span const all(x);
  write("io", {{"x", {batch, frames, width}, x}, {"lengths", {batch}, lengths}, {"note", {2}, all.first(2)}});
  write("io_i32", {{"x", {batch, frames, width}, x}, {"lengths", {batch}, short_lengths}});
  write("io_named", {{"features", {batch, frames, width}, x}});
  write("io_f64", {{"x", {batch, frames, width}, doubles}});
  write("io_one", {{"x", {frames, width}, all.first(static_cast<std::size_t>(frames * width))}});
  write("io_empty", {{"x", {0, frames, width}, all.first(0)}});
  std::vector<float> const many = seeded<float>("x", {100, 1, width}, seed);
  write("io_many", {{"x", {100, 1, width}, many}});
  std::vector<float> strange = x;
  strange[241] = std::numeric_limits<float>::quiet_NaN();
  strange[700] = std::numeric_limits<float>::infinity();
  write("io_nan", {{"x", {batch, frames, width}, strange}});

  write("bad_io_no_frames", {{"x", {2, 0, width}, all.first(0)}});
  write("bad_io_width", {{"x", {batch, 2 * frames, width / 2}, x}});
  write("bad_io_rank_1", {{"x", {static_cast<index_t>(x.size())}, x}});
  write("bad_io_rank_4", {{"x", {1, batch, frames, width}, x}});
  std::vector<std::int64_t> const integers(static_cast<std::size_t>(frames * width));
  write("bad_io_dtype", {{"x", {1, frames, width}, integers}});
  write("bad_io_none", {});
  std::vector<float> const longer(static_cast<std::size_t>((longest + 1) * width));
  write("bad_io_long", {{"x", {1, longest + 1, width}, longer}});
  std::vector<std::int64_t> const too_long = {10, 11, 1}, zero = {10, 0, 1}, negative = {10, -3, 1};
  auto const with_lengths = [](std::string const& name, tensor const& wrong) {
    write(name, {{"x", {batch, frames, width}, x}, wrong});
  };
  with_lengths("bad_io_lengths_long", {"lengths", {batch}, too_long});
  with_lengths("bad_io_lengths_zero", {"lengths", {batch}, zero});
  with_lengths("bad_io_lengths_negative", {"lengths", {batch}, negative});
  with_lengths("bad_io_lengths_shape", {"lengths", {batch, 1}, lengths});
  with_lengths("bad_io_lengths_dtype", {"lengths", {batch}, all.first(3)});
}

void write_all() {
  state_dict const cnn = weights_of("cnn", "none");
  state_dict const lstm = weights_of("lstm", "none");
  state_dict const shift_lstm = weights_of("shift_lstm", "none");
  state_dict const simple_lstm = one_way(lstm);
  state_dict const absolute = weights_of("transformer", "absolute");
  state_dict const relative = weights_of("transformer", "relative_key_query");
  state_dict const shiftformer = weights_of("shiftformer", "none");
  state_dict const with_positions = weights_of("shiftformer", "absolute");
  std::pair<char const*, state_dict const&> const files[] = {{"cnn", cnn},
                                                             {"lstm", lstm},
                                                             {"shift_lstm", shift_lstm},
                                                             {"lstm_one_way", simple_lstm},
                                                             {"absolute", absolute},
                                                             {"relative", relative},
                                                             {"shiftformer", shiftformer},
                                                             {"shiftformer_absolute", with_positions}};
  for (auto const& [name, weights] : files) write(name, file_of(weights));
  state_dict const rounded = write_bfloat16("cnn_bf16", cnn);
  write_bad_weights(cnn, absolute, relative);
  write_inputs();

  tshift::tensor_view<float const> const all(x.data(), {batch, frames, width});
  std::vector<index_t> const frames_of(lengths.begin(), lengths.end());
  tshift::tensor_view<float const> const ragged(x.data(), all.shape, tshift::layout::ntc, frames_of);
  using tshift::models::shift_cnn;
  using lstm_model = tshift::models::shift_lstm<float>;
  using former = tshift::models::shiftformer<float>;

  // As the options say, not as the models' own defaults do.
  model_shift const none{0, direction::delay, 1, placement::none};
  model_shift const shift_cnn_paper{16, direction::delay, 1, placement::skip};
  model_shift const shift_lstm_paper{4, direction::delay, 1, placement::branch};
  model_shift const shiftformer_paper{4, direction::both, 1, placement::both};
  expect("cnn", shift_cnn<float>(cnn, shift_cnn_paper), all);
  expect("cnn_bf16", shift_cnn<float>(rounded, shift_cnn_paper), all);
  expect("cnn_none", shift_cnn<float>(cnn, none), all);
  expect("cnn_one", shift_cnn<float>(cnn, shift_cnn_paper), all.slice_sequences(0, 1));
  expect("cnn_ragged", shift_cnn<float>(cnn, shift_cnn_paper), ragged);
  expect("cnn_empty", shift_cnn<float>(cnn, shift_cnn_paper), all.slice_sequences(0, 0));
  expect("cnn_n_div", shift_cnn<float>(cnn, {3, direction::delay, 1, placement::skip}), all);
  expect("cnn_direction", shift_cnn<float>(cnn, {16, direction::both, 1, placement::skip}), all);
  expect("cnn_advance", shift_cnn<float>(cnn, {16, direction::advance, 1, placement::skip}), all);
  expect("cnn_stride", shift_cnn<float>(cnn, {16, direction::delay, 3, placement::skip}), all);
  expect("cnn_branch", shift_cnn<float>(cnn, {16, direction::delay, 1, placement::branch}), all);
  expect("cnn_all_options", shift_cnn<float>(cnn, {2, direction::both, 2, placement::both}), all);

  expect("shift_lstm", lstm_model(shift_lstm, shift_lstm_paper), all);
  expect("shift_lstm_none", lstm_model(shift_lstm, none), all);
  expect("lstm", lstm_model(lstm, none), all);
  expect("lstm_n_div", lstm_model(lstm, model_shift{3, direction::delay, 1, placement::branch}), all);
  expect("lstm_one_way", lstm_model(simple_lstm, none), all);
  expect("lstm_ragged", lstm_model(lstm, none), ragged);

  expect("absolute", former(absolute, none, frame_positions::absolute), all);
  expect("relative_key_query", former(relative, none, frame_positions::relative_key_query), all);
  expect("relative_key", former(relative, none, frame_positions::relative_key), all);
  expect("relative_shifted", former(relative, model_shift{6, direction::delay, 1, placement::skip}), all);
  expect("relative_ragged", former(relative, none), ragged);

  expect("shiftformer", former(shiftformer, shiftformer_paper), all);
  expect("shiftformer_none", former(shiftformer, none), all);
  expect("shiftformer_advance", former(shiftformer, model_shift{4, direction::advance, 1, placement::both}), all);
  expect("shiftformer_absolute", former(with_positions, shiftformer_paper), all);
  auto const halves = [](state_dict weights) {
    weights.store_as(tshift::stored::bf16);
    return weights;
  };
  expect("cnn_halves", shift_cnn<float>(halves(cnn), shift_cnn_paper), all);
  expect("shift_lstm_halves", lstm_model(halves(shift_lstm), shift_lstm_paper), ragged);
  make_models::write_images();
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: make_models FOLDER\n");
    return 2;
  }
  try {
    make_models::folder = arguments[1];
    write_all();
  } catch (std::exception const& error) {
    std::fprintf(stderr, "make_models: %s\n", error.what());
    return 1;
  }
  return 0;
}
