// SPDX-License-Identifier: MIT
// Shiftformer and Transformer: post-norm blocks in which a shift replaces attention, or stands beside it.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tshift/models/parts.hpp>
#include <tshift/nn/mlp.hpp>
#include <tshift/nn/self_attention.hpp>
#include <tshift/nn/stream_checks.hpp>
#include <tshift/weights/shared_array.hpp>
#include <tshift/weights/shared_list.hpp>
#include <tshift/weights/state_dict.hpp>
#include <tshift/weights/values.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace models {

/// Blocks, then mean over time and a linear layer. With A the attention and M the perceptron, a block is
///
///   Transformer   z = norm1([S] x + A([S] x)),   x = norm2(z + M(z))
///   Shiftformer   x = norm2([S] x + M([S] x)):   the shift replaces attention
///
/// with S where the placement says. x [N, T, D], y [N, 1, classes]. Lengths of x are honoured; as_released(x) computes
/// as the released code does.
/// Accuracy: within 1e-5 of PyTorch (relative L2, float). One object serves many threads, each with its workspace.
/// Source: Shen et al., ICASSP 2023 (ShiftSER); names of the weights as in its checkpoints.
template <class T>
class shiftformer : public nn::calls<shiftformer<T>, T, tensor_view<T const>> {
 public:
  static constexpr char const* name = "shiftformer";  ///< in messages

  /// The paper's: 1/4 of the channels delayed and 1/4 advanced by one frame, in place of attention.
  static constexpr model_shift paper{4, direction::both, 1, placement::both};
  /// No shift: with attention, the Transformer.
  static constexpr model_shift baseline{};

  /// @param weights   F32, F64, F16 or BF16, read as T and copied. Without token_mixer.* it is a Shiftformer; number of
  ///                  blocks, D, hidden size, the longest sequence and classes are read off the tensors
  /// @param options   by default `paper` for a Shiftformer's tensors, `baseline` for a Transformer's
  /// @param positions by default relative_key_query where a distance_embedding is there, absolute otherwise
  /// @param heads     of the attention; divides D
  /// @throws shape_error  a tensor is missing, has another shape or type, has a number that T cannot hold, or is not part
  ///                      of the model; options out of range
  explicit shiftformer(weights::state_dict const& weights, std::optional<model_shift> const& options = {},
                       std::optional<frame_positions> const& positions = {}, index_t heads = 12) {
    weights::state_reader<T> reader("shiftformer", weights);
    channels_ = reader.dimension("head.weight", 1);
    bool const attends = reader.has("transformer.0.token_mixer.qkv.weight");
    shift_ = nn::placed_plan(options.value_or(attends ? baseline : paper), channels_);
    bool const table = reader.has("transformer.0.token_mixer.distance_embedding.weight");
    frame_positions const kind =
        positions.value_or(table ? frame_positions::relative_key_query : frame_positions::absolute);
    if (!attends && kind != frame_positions::absolute) {
      detail::fail("shiftformer: relative positions are asked for, but there is no attention; must be absolute");
    }
    if (kind == frame_positions::absolute) take_embeddings(reader, positions.has_value());
    std::vector<block> blocks;
    do {
      blocks.push_back(take_block(reader, "transformer." + std::to_string(blocks.size()), attends, kind, heads));
    } while (reader.has("transformer." + std::to_string(blocks.size()) + ".mlp.fc1.weight"));
    blocks_ = weights::shared_list<block>(std::move(blocks));
    classifier_ = classifier<T>(reader, channels_);
    reader.ignore("specaugment.");
    reader.ignore("position_ids");
    reader.finish();
  }

  /// Number of channels D of x.
  index_t channels() const noexcept { return channels_; }
  /// Number of logits.
  index_t classes() const noexcept { return classifier_.classes(); }
  /// Whether it is a Transformer.
  bool attends() const noexcept { return blocks_[0].mixer.has_value(); }
  /// The longest sequence the positions serve; -1: any.
  index_t longest() const noexcept {
    if (positions_ >= 0) return positions_;
    return attends() ? blocks_[0].mixer->longest() : -1;
  }

  /// Two activations [N, T, D], and what a block needs. Unchecked.
  T* layout(nn::arena<T>& a, shape const& x) const {
    T* const memory = a.take({2, x.batch, x.time, channels_});
    for (block const& b : blocks_) {
      a.lend(b.mlp, x);
      if (b.mixer) a.lend(*b.mixer, x);
    }
    a.lend(classifier_, x);
    return memory;
  }

  /// Refuses what does not fit, and a sequence that is longer than longest().
  void check(tensor_view<T const> const& x, tensor_view<T> const& y) const {
    nn::check_call(name, x, channels_, y, 1, classes());
    for (index_t n = 0; n < x.shape.batch && longest() >= 0; ++n) {
      if (x.length(n) > longest()) {
        detail::fail("shiftformer: sequence %td has %td frames, the model's positions serve at most %td", n,
                     x.length(n), longest());
      }
    }
  }

  /// Unchecked.
  template <class Executor>
  void compute(Executor& exec, tensor_view<T const> const& x, tensor_view<T> const& y, nn::arena<T> a) const {
    activations<T> memory(layout(a, x.shape), x);
    tensor_view<T const> current = x;
    if (positions_ >= 0) {
      embed(exec, x, memory.second);
      current = memory.second;
    }
    for (block const& b : blocks_) {
      if (b.mixer) {
        nn::residual(exec, *b.mixer, shift_.where, shift_.plan, current, memory.first, a);
        b.norm1.compute(exec, nn::as_it_is<T>(memory.first), memory.first, a);
        nn::residual(exec, b.mlp, placement::none, shift_.plan, tensor_view<T const>(memory.first), memory.second, a);
      } else {
        nn::residual(exec, b.mlp, shift_.where, shift_.plan, current, memory.first, a);
        memory.swap();
      }
      b.norm2.compute(exec, nn::as_it_is<T>(memory.second), memory.second, a);
      current = memory.second;
    }
    classifier_.compute(exec, current, y, a);
  }

  /// Frames that streamed<shiftformer> waits for: what the shift of each block looks ahead.
  static constexpr index_t stream_latency(index_t blocks, shift_plan const& plan, placement where) {
    return blocks * (where == placement::none ? 0 : plan.latency());
  }

  /// Blocks as steps of a stream; positions, where there are some, are one before them.
  /// @throws shape_error  it is a Transformer, or the shift is circular
  std::vector<nn::stream_step> stream_steps() const {
    if (attends()) detail::fail("shiftformer: attention needs the whole sequence, and cannot be streamed");
    detail::check_streams(name, shift_.plan, shift_.where);
    std::vector<nn::stream_step> steps(positions_ >= 0 ? 1 : 0, {channels_, channels_});
    index_t const before = nn::residual_reach(shift_.where, 0, shift_.plan.history());
    index_t const after = nn::residual_reach(shift_.where, 0, shift_.plan.latency());
    steps.insert(steps.end(), blocks_.size(), {channels_, channels_, nn::window_of(before, after)});
    return steps;
  }
  /// Unchecked.
  void layout_steps(nn::arena<T>& a, shape const& x) const {
    for (block const& b : blocks_) a.lend(b.mlp, x);
  }
  /// Unchecked: some frames of a step.
  template <class Executor>
  void make_frames(Executor& exec, index_t step, nn::stream_frames<T> const& in, tensor_view<T> const& y,
                   nn::arena<T> a) const {
    if (positions_ >= 0 && step-- == 0) return embed(exec, in.x.slice_frames(in.from, y.shape.time), y, in.frame);
    block const& b = blocks_[static_cast<std::size_t>(step)];
    nn::residual(exec, b.mlp, shift_.where, shift_.plan, in.x, y, a, in.from);
    b.norm2.compute(exec, nn::as_it_is<T>(y), y, a);
  }
  /// Unchecked: logits of the mean of such frames.
  template <class Executor>
  void answer(Executor& exec, tensor_view<T const> const& mean, tensor_view<T> const& y, nn::arena<T> a) const {
    classifier_.answer(exec, mean, y, a);
  }

 private:
  struct block {
    std::optional<nn::self_attention<T>> mixer;
    nn::layer_norm<T> norm1;
    nn::mlp<T> mlp;
    nn::layer_norm<T> norm2;
  };

  block take_block(weights::state_reader<T>& weights, std::string const& prefix, bool attends, frame_positions kind,
                   index_t heads) const {
    block b;
    if (attends) {
      std::string const mixer = prefix + ".token_mixer.";
      auto const qkv = weights.take(mixer + "qkv.weight", {3 * channels_, channels_});
      auto const bias = weights.take(mixer + "qkv.bias", {3 * channels_});
      weights::values<T> table;
      if (kind != frame_positions::absolute) {
        std::string const distances = mixer + "distance_embedding.weight";
        index_t const depth = heads > 0 ? channels_ / heads : 0;
        table = weights.take(distances, {weights.dimension(distances, 0), depth});
      }
      b.mixer.emplace(channels_, heads, qkv, bias, kind, table);
      b.norm1 = take_norm(weights, prefix + ".norm1", channels_);
    }
    index_t const hidden = weights.dimension(prefix + ".mlp.fc1.weight", 0);
    nn::linear<T> first = take_linear(weights, prefix + ".mlp.fc1", channels_, hidden);
    b.mlp = {std::move(first), take_linear(weights, prefix + ".mlp.fc2", hidden, channels_)};
    b.norm2 = take_norm(weights, prefix + ".norm2", channels_);
    return b;
  }

  void take_embeddings(weights::state_reader<T>& weights, bool required) {
    if (!required && !weights.has("position_embeddings.weight")) return;
    positions_ = weights.dimension("position_embeddings.weight", 0);
    auto const table = weights.take("position_embeddings.weight", {positions_, channels_});
    // cppcheck-suppress danglingLifetime  // the array copies what it is made from
    embeddings_ = weights::array_of(table);
  }

  /// @param first  the frame of its sequence that frame 0 of x is
  template <class Executor>
  void embed(Executor& exec, tensor_view<T const> const& x, tensor_view<T> const& y, index_t first = 0) const {
    index_t const time = x.shape.time;
    auto const split = nn::kernel::split_for<Executor>({x.shape.batch * time, 4 * channels_, 8});
    nn::kernel::for_parts(exec, split.parts, [this, &x, &y, &split, time, first](index_t part) {
      for (index_t row = split.begin(part); row < split.end(part); ++row) {
        index_t const n = row / time, t = row % time;
        T const* const from = x.at(n, t, 0);
        // Frames past a sequence's length may lie past the table: they stay without a position.
        bool const inside = t < x.length(n);
        T const* const table = embeddings_.data() + (inside ? (first + t) * channels_ : 0);
        T* const to = y.at(n, t, 0);
        for (index_t c = 0; c < channels_; ++c) to[c] = inside ? from[c] + table[c] : from[c];
      }
    });
  }

  index_t channels_ = 0;
  nn::placed_plan shift_;
  index_t positions_ = -1;  // rows of embeddings_; -1: there are none
  weights::shared_array<T> embeddings_;
  weights::shared_list<block> blocks_;
  classifier<T> classifier_;
};

}}}}  // namespace tshift::models

#include <tshift/macros/back.hpp>
