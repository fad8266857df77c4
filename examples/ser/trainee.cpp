// SPDX-License-Identifier: MIT
#include "trainee.hpp"

#include <tshift/learned_offsets.hpp>
#include <tshift/nn/residual.hpp>

#include "error.hpp"

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

/// What they begin with.
template <class T>
void read_layers(tuned_layers const& of, train::parameter_table const& table, std::span<T> values) {
  tshift::weights::state_reader<T> reader("encoder", *of.weights);
  for (train::parameter const& p : table) {
    if (!p.name.starts_with("encoder.")) continue;
    reader.take(p.name, std::span<index_t const>(p.shape)).copy_to(values.data() + p.offset, 0, p.size);
  }
}

template <class T>
stack<T> make(new_model m, train::parameter_table& table) {
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
              train::shift_lstm<T>(table, {m.channels, m.hidden, true, m.kind == architecture::shift_lstm, m.classes},
                                   m.shift)};
    case architecture::transformer:
    case architecture::shiftformer: break;
  }
  train::shiftformer_sizes const sizes{m.channels, m.hidden, m.blocks,    m.classes,
                                       attends,    m.heads,  m.positions, m.longest};
  if (m.learned) return learned_stack<T>(table, sizes, std::move(blocks));
  return {std::move(blocks), train::shiftformer<T>(table, sizes, m.shift)};
}

template <class T>
stack<T> make(tshift::weights::state_dict const& weights, model_choice const& choice, train::parameter_table& table) {
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
  }
  auto const kind = choice.positions.value_or(tshift::frame_positions::relative_key_query);
  auto const sizes = train::shiftformer_sizes_of(weights, 12, kind);
  if (weights.contains("shift.0.offset")) return learned_stack<T>(table, sizes, std::move(blocks));
  return {std::move(blocks), train::shiftformer<T>(table, sizes, choice.shift)};
}

}  // namespace

template <class T>
trainee<T>::trainee(new_model const& from, std::uint64_t seed, augmentation const& how)
    : choice_{from.kind, from.channels, from.shift, {}}, model_(make<T>(from, table_)) {
  add_masks(from.channels, how);
  train::initialise<T>(table_, seed, values_, [this, &from](train::parameter const& p) {
    if (p.name.starts_with("encoder.")) return train::initial{};
    if (!p.name.ends_with(".offset")) return train::pytorch_initial(table_, p);
    return train::initial::uniform(-from.learned_spread, from.learned_spread);
  });
  if (from.tuned != nullptr) read_layers<T>(*from.tuned, table_, values_);
  pack();
}

template <class T>
trainee<T>::trainee(tshift::weights::state_dict const& weights, model_options const& words, augmentation const& how,
                    std::uint64_t seed)
    : choice_(choose_model(weights, words)), model_(make<T>(weights, choice_, table_)) {
  // The vector of masks is the checkpoint's if it is there, and drawn otherwise.
  bool const vector = weights.contains("specaugment.masked_spec_embed");
  std::vector<T> read(static_cast<std::size_t>(table_.size()));
  if (!how.masks || !vector) train::read_values<T>(table_, weights, read);
  add_masks(model_.inputs(), how);
  if (how.masks && vector) {
    train::read_values<T>(table_, weights, values_, "");
  } else {
    train::initialise<T>(table_, seed, values_);
    std::copy(read.begin(), read.end(), values_.begin());
  }
  pack();
}

template <class T>
void trainee<T>::add_masks(index_t channels, augmentation const& how) {
  how_ = how;
  if (how.masks) masks_.emplace(table_, "specaugment", channels, train::spec_augment_options{.scaled = true});
  values_.resize(static_cast<std::size_t>(table_.size()));
  gradients_.resize(values_.size());
}

template <class T>
void trainee<T>::forward(tshift::tensor_view<T const> const& x, std::span<T> y) {
  model_.draw(nullptr);
  saved_.resize(static_cast<std::size_t>(model_.saved_size(x.shape)));
  workspace_.resize(static_cast<std::size_t>(model_.workspace_size(x.shape)));
  model_.forward(exec_, x, tshift::tensor_view<T>(y.data(), {x.shape.batch, 1, classes()}), saved_, workspace_);
}

template <class T>
double trainee<T>::add_gradients(tshift::tensor_view<T const> const& x, std::span<index_t const> labels,
                                 train::cross_entropy_options const& options, double divisor, std::span<T> y,
                                 tshift::tensor_view<T> const& dx, train::random_batch const* random) {
  model_.draw(random);
  tshift::shape const out{x.shape.batch, 1, classes()};
  dy_.resize(static_cast<std::size_t>(out.size()));
  tshift::tensor_view<T> const logits(y.data(), out), g(dy_.data(), out);
  tshift::tensor_view<T const> read = x;
  bool const drops = random != nullptr && how_.dropout > 0, masks = random != nullptr && masks_;
  if (drops || masks) {
    masked_.resize(static_cast<std::size_t>(x.shape.size()));
    tshift::tensor_view<T> const changed(masked_.data(), x.shape, tshift::layout::ntc, x.lengths);
    if (drops) {
      train::dropout<T>(exec_, how_.dropout, *random, 0, read, changed);
      read = changed;
    }
    if (masks) masks_->forward(exec_, *random, values_, read, changed);
    read = changed;
  }
  // With masks the gradient behind them is needed, for their vector.
  tshift::tensor_view<T> below = dx;
  if (masks) {
    dmasked_.resize(static_cast<std::size_t>(x.shape.size()));
    below = {dmasked_.data(), x.shape, tshift::layout::ntc, x.lengths};
  }
  saved_.resize(static_cast<std::size_t>(model_.saved_size(x.shape)));
  workspace_.resize(static_cast<std::size_t>(model_.workspace_size(x.shape)));
  model_.forward(exec_, read, logits, saved_, workspace_);
  double const loss = train::cross_entropy<T>(logits, labels, options, divisor, g);
  model_.backward(exec_, read, saved_, tshift::tensor_view<T const>(g), below, gradients_, workspace_);
  if (masks) masks_->backward(exec_, *random, tshift::tensor_view<T const>(below), dx, gradients_);
  if (drops && dx.data != nullptr)
    train::dropout<T>(exec_, how_.dropout, *random, 0, tshift::tensor_view<T const>(dx), dx);
  return loss;
}

template class trainee<float>;
template class trainee<double>;

}  // namespace ser
