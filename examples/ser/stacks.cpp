// SPDX-License-Identifier: MIT
#include "stacks.hpp"

#include <string>
#include <tshift/learned_offsets.hpp>
#include <tshift/nn/residual.hpp>
#include <tshift/train/crnn_checkpoint.hpp>
#include <utility>
#include <vector>

#include "error.hpp"
#include "image_models.hpp"

namespace ser {
namespace {

template <class T>
using blocks_of = std::vector<typename stack<T>::block>;

/// Blocks with a learned shift in front of each, their own shift being none; and the head.
template <class T>
stack<T> learned_stack(train::parameter_table& table, train::shiftformer_sizes const& sizes, blocks_of<T> blocks) {
  tshift::nn::placed_plan const none({0, tshift::direction::delay, 1, tshift::placement::none}, sizes.channels);
  for (index_t i = 0; i < sizes.blocks; ++i) {
    std::string const number = std::to_string(i);
    blocks.push_back(train::learned_shift<T>(table, "shift." + number, sizes.channels));
    blocks.push_back(train::shiftformer_block<T>(table, "transformer." + number, sizes, none));
  }
  table.set_rate("shift.", 10);  // at the rate of weights offsets hardly move
  table.set_decays("shift.", false);
  return {std::move(blocks), train::classifier<T>(table, sizes.channels, sizes.classes)};
}

/// The layers, and with norms in front the one behind the last.
template <class T>
void add_layers(tuned_layers const& of, train::parameter_table& table, blocks_of<T>& blocks) {
  index_t const heads = of.sizes.heads > 0 ? of.sizes.heads : of.options.heads;
  train::bucketed_distances<T> distances;
  if (of.sizes.buckets > 0) {
    distances = train::speech_distances<T>(table, heads, of.sizes.buckets, of.options.max_distance);
    // Layers that are not trained read it, too.
    if (of.first > 0) table.set_trains("encoder.layers.0.attention.rel_attn_embed.", false);
  }
  train::speech_layer_sizes const sizes{of.sizes.width, of.sizes.hidden, heads, of.options.norm_first, of.options.eps};
  for (index_t i = of.first; i < of.sizes.layers; ++i) {
    train::speech_layer<T> layer(table, i, sizes, distances);
    layer.set_dropout({of.dropout, of.dropout});
    blocks.push_back(std::move(layer));
  }
  if (of.options.norm_first) {
    blocks.push_back(train::layer_norm<T>(table, "encoder.layer_norm", of.sizes.width, static_cast<T>(of.options.eps)));
  }
  table.set_rate("encoder.", of.rate);
}

/// A model of images begins with them.
void check_alone(new_model const& m) {
  char const* const more = m.project            ? "a projection"
                           : m.learned          ? "a learned shift"
                           : m.longest > 0      ? "positions"
                           : m.states > 0       ? "the states of an encoder"
                           : m.tuned != nullptr ? "an encoder"
                                                : nullptr;
  if (more != nullptr) throw usage_error(std::string("a ") + title_of(m.kind, false) + " has no use for " + more);
}

/// @param channels  of a frame of x
template <class T>
stack<T> crnn_stack(train::parameter_table& table, train::crnn_sizes sizes, tshift::crnn_options const& options,
                    index_t channels) {
  if (sizes.channels < 1 || channels % sizes.channels != 0) {
    throw usage_error("frames of " + std::to_string(channels) + " numbers are no bands of " +
                      std::to_string(sizes.channels) + " channels");
  }
  sizes.bands = channels / sizes.channels;
  return {{}, crnn_rows<T>(table, sizes, options)};
}

template <class T>
stack<T> make_images(new_model const& m, train::parameter_table& table) {
  check_alone(m);
  if (m.kind == architecture::crnn) {
    train::crnn_sizes sizes = m.crnn;
    sizes.classes = m.classes;
    return crnn_stack<T>(table, sizes, crnn_options_of(m.images, m.shift), m.channels);
  }
  train::vertical_vit_sizes sizes = m.vit;
  sizes.rows = m.channels;
  sizes.classes = m.classes;
  return {{}, train::vertical_vit<T>(table, sizes, vit_options_of(m.images, m.shift))};
}

/// @param channels  of a frame of x; 0: as few as the model reads
template <class T>
stack<T> read_images(tshift::weights::state_dict const& weights, model_choice const& choice, index_t channels,
                     train::parameter_table& table) {
  if (choice.kind == architecture::crnn) {
    auto const options = crnn_options_of(choice.images, choice.shift);
    train::crnn_sizes const sizes = train::crnn_sizes_of(weights, options.image);
    index_t const fewest = sizes.channels * sizes.bands, C = sizes.channels;
    auto const& pool = options.image.pool_bands;
    bool const fits = channels > 0 && channels % C == 0 && pool.count(channels / C) == pool.count(sizes.bands);
    return crnn_stack<T>(table, sizes, options, fits ? channels : fewest);
  }
  auto const options = vit_options_of(choice.images, choice.shift);
  index_t const rows = channels > 0 && options.patch_height > 0 && channels % options.patch_height == 0
                           ? channels
                           : options.patch_height;
  return {{}, train::vertical_vit<T>(table, train::vertical_vit_sizes_of(weights, options, rows), options)};
}

}  // namespace

template <class T>
stack<T> make_stack(new_model m, train::parameter_table& table) {
  if (m.head == 0 && is_of_images(m.kind)) return make_images<T>(m, table);
  blocks_of<T> blocks;
  if (m.tuned != nullptr) add_layers<T>(*m.tuned, table, blocks);
  if (m.states > 0) {
    m.channels /= m.states;
    blocks.push_back(train::layer_sum<T>(table, m.states, m.channels));
  }
  if (m.head > 0) return {std::move(blocks), train::sequence_head<T>(table, m.channels, m.head, m.classes)};
  if (m.project) blocks.push_back(train::linear<T>(table, "projector", m.channels, m.channels));
  bool const attends = m.kind == architecture::transformer;
  if (m.learned && m.kind != architecture::shiftformer && !attends) {
    throw usage_error(
        "--learned-shift: a Shiftformer or a Transformer has blocks to shift between, CNNs and LSTMs none");
  }
  switch (m.kind) {
    case architecture::cnn:
      return {std::move(blocks),
              train::shift_cnn<T>(table, {m.channels, m.hidden, m.taps, m.blocks, m.classes}, m.shift)};
    case architecture::lstm:
    case architecture::shift_lstm:
      return {std::move(blocks),
              train::shift_lstm<T>(
                  table, {m.channels, m.hidden, !m.one_way, m.kind == architecture::shift_lstm, m.classes}, m.shift)};
    case architecture::transformer:
    case architecture::shiftformer: break;
    case architecture::crnn:
    case architecture::vertical_vit: break;  // made above
  }
  train::shiftformer_sizes const sizes{m.channels, m.hidden, m.blocks,    m.classes,
                                       attends,    m.heads,  m.positions, m.longest};
  if (m.learned) return learned_stack<T>(table, sizes, std::move(blocks));
  return {std::move(blocks), train::shiftformer<T>(table, sizes, m.shift)};
}

template <class T>
stack<T> make_stack(tshift::weights::state_dict const& weights, model_choice const& choice, index_t channels,
                    train::parameter_table& table) {
  if (is_of_images(choice.kind)) return read_images<T>(weights, choice, channels, table);
  blocks_of<T> blocks;
  if (auto const* const projector = weights.find("projector.weight"); projector != nullptr) {
    if (projector->shape.size() != 2) {
      throw ser_error(one_line(weights.source()) + ": projector.weight is " + shown(projector->shape) +
                      ", must have two dimensions");
    }
    blocks.push_back(train::linear<T>(table, "projector", projector->shape[1], projector->shape[0]));
  }
  switch (choice.kind) {
    case architecture::cnn:
      return {std::move(blocks), train::shift_cnn<T>(table, train::shift_cnn_sizes_of(weights), choice.shift)};
    case architecture::lstm:
    case architecture::shift_lstm:
      return {std::move(blocks), train::shift_lstm<T>(table, train::shift_lstm_sizes_of(weights), choice.shift)};
    case architecture::transformer:
    case architecture::shiftformer: break;
    case architecture::crnn:
    case architecture::vertical_vit: break;  // made above
  }
  auto const kind = choice.positions.value_or(tshift::frame_positions::relative_key_query);
  auto const sizes = train::shiftformer_sizes_of(weights, choice.images.heads.value_or(12), kind);
  if (weights.contains("shift.0.offset")) return learned_stack<T>(table, sizes, std::move(blocks));
  return {std::move(blocks), train::shiftformer<T>(table, sizes, choice.shift)};
}

template stack<float> make_stack(new_model, train::parameter_table&);
template stack<double> make_stack(new_model, train::parameter_table&);
template stack<float> make_stack(tshift::weights::state_dict const&, model_choice const&, index_t,
                                 train::parameter_table&);
template stack<double> make_stack(tshift::weights::state_dict const&, model_choice const&, index_t,
                                  train::parameter_table&);

}  // namespace ser
