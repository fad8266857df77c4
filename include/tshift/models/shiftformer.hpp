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
class shiftformer {
 public:
  /// The paper's: 1/4 of the channels delayed and 1/4 advanced by one frame, in place of attention.
  static constexpr shift_options paper{4, direction::both, 1, placement::both};
  /// No shift: with attention, the Transformer.
  static constexpr shift_options baseline{};

  /// @param weights   F32, F64, F16 or BF16, read as T and copied. Without token_mixer.* it is a Shiftformer; number of
  ///                  blocks, D, hidden size, the longest sequence and classes are read off the tensors
  /// @param options   by default `paper` for a Shiftformer's tensors, `baseline` for a Transformer's
  /// @param positions by default relative_key_query where a distance_embedding is there, absolute otherwise
  /// @param heads     of the attention; divides D
  /// @throws shape_error  a tensor is missing, has another shape or type, has a number that T cannot hold, or is not part
  ///                      of the model; options out of range
  explicit shiftformer(weights::state_dict const& weights, std::optional<shift_options> const& options = {},
                       std::optional<position> const& positions = {}, index_t heads = 12) {
    weights::state_reader<T> reader("shiftformer", weights);
    channels_ = reader.dimension("head.weight", 1);
    bool const attends = reader.has("transformer.0.token_mixer.qkv.weight");
    shift_ = placed_plan(options.value_or(attends ? baseline : paper), channels_);
    bool const table = reader.has("transformer.0.token_mixer.distance_embedding.weight");
    position const kind = positions.value_or(table ? position::relative_key_query : position::absolute);
    if (!attends && kind != position::absolute) {
      detail::fail("shiftformer: relative positions are asked for, but there is no attention; must be absolute");
    }
    if (kind == position::absolute) take_embeddings(reader, positions.has_value());
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

  /// Elements of T that forward needs: two activations [N, T, D], and what one block needs.
  index_t workspace_size(shape const& x) const {
    index_t most = classifier_.workspace_size(x);
    for (block const& b : blocks_) {
      index_t const mlp = b.mlp.workspace_size(x), mixer = b.mixer ? b.mixer->workspace_size(x) : 0;
      if (mlp > most) most = mlp;
      if (mixer > most) most = mixer;
    }
    return checked_sum("shiftformer", {activations<T>::size("shiftformer", x, channels_), most});
  }

  /// @throws shape_error  x, y or workspace have other sizes, or a sequence is longer than longest(); before the first
  ///                      write
  void forward(std::type_identity_t<tensor_view<T const>> const& x, tensor_view<T> const& y,
               std::span<T> workspace) const {
    check_model("shiftformer", x, channels_, y, classes(), workspace, workspace_size(x.shape));
    for (index_t n = 0; n < x.shape.batch && longest() >= 0; ++n) {
      if (x.length(n) > longest()) {
        detail::fail("shiftformer: sequence %td has %td frames, the model's positions serve at most %td", n,
                     x.length(n), longest());
      }
    }
    activations<T> memory(workspace, x, channels_);
    tensor_view<T const> current = x;
    if (positions_ >= 0) {
      embed(x, memory.second);
      current = memory.second;
    }
    for (block const& b : blocks_) {
      if (b.mixer) {
        nn::residual(*b.mixer, shift_.where, shift_.plan, current, memory.first, memory.rest);
        in_place(b.norm1, memory.first);
        b.mlp.forward_add(memory.first, memory.first, memory.second, memory.rest);
      } else {
        nn::residual(b.mlp, shift_.where, shift_.plan, current, memory.first, memory.rest);
        memory.swap();
      }
      in_place(b.norm2, memory.second);
      current = memory.second;
    }
    classifier_.forward(current, y, memory.rest);
  }

 private:
  struct block {
    std::optional<nn::self_attention<T>> mixer;
    nn::layer_norm<T> norm1;
    nn::mlp<T> mlp;
    nn::layer_norm<T> norm2;
  };

  block take_block(weights::state_reader<T>& weights, std::string const& name, bool attends, position kind,
                   index_t heads) const {
    block b;
    if (attends) {
      std::string const mixer = name + ".token_mixer.";
      auto const qkv = weights.take(mixer + "qkv.weight", {3 * channels_, channels_});
      auto const bias = weights.take(mixer + "qkv.bias", {3 * channels_});
      weights::values<T> table;
      if (kind != position::absolute) {
        std::string const distances = mixer + "distance_embedding.weight";
        index_t const depth = heads > 0 ? channels_ / heads : 0;
        table = weights.take(distances, {weights.dimension(distances, 0), depth});
      }
      b.mixer.emplace(channels_, heads, qkv, bias, kind, table);
      b.norm1 = take_norm(weights, name + ".norm1", channels_);
    }
    index_t const hidden = weights.dimension(name + ".mlp.fc1.weight", 0);
    nn::linear<T> first = take_linear(weights, name + ".mlp.fc1", channels_, hidden);
    b.mlp = {std::move(first), take_linear(weights, name + ".mlp.fc2", hidden, channels_)};
    b.norm2 = take_norm(weights, name + ".norm2", channels_);
    return b;
  }

  void take_embeddings(weights::state_reader<T>& weights, bool required) {
    if (!required && !weights.has("position_embeddings.weight")) return;
    positions_ = weights.dimension("position_embeddings.weight", 0);
    auto const table = weights.take("position_embeddings.weight", {positions_, channels_});
    embeddings_ = weights::shared_array<T>(static_cast<std::size_t>(table.size()),
                                           [&](T* to) { table.copy_to(to, 0, table.size()); });
  }

  void embed(tensor_view<T const> const& x, tensor_view<T> const& y) const noexcept {
    for (index_t n = 0; n < x.shape.batch; ++n) {
      for (index_t t = 0; t < x.shape.time; ++t) {
        T const* const from = x.at(n, t, 0);
        // Frames behind a sequence's length may lie behind the table: they stay without a position.
        bool const inside = t < x.length(n);
        T const* const table = embeddings_.data() + (inside ? t * channels_ : 0);
        T* const to = y.at(n, t, 0);
        for (index_t c = 0; c < channels_; ++c) to[c] = inside ? from[c] + table[c] : from[c];
      }
    }
  }

  index_t channels_ = 0;
  placed_plan shift_;
  index_t positions_ = -1;  // rows of embeddings_; -1: there are none
  weights::shared_array<T> embeddings_;
  weights::shared_list<block> blocks_;
  classifier<T> classifier_;
};

}}}}  // namespace tshift::models

#include <tshift/macros/back.hpp>
