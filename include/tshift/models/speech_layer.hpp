// SPDX-License-Identifier: MIT
// A transformer layer of wav2vec 2.0, HuBERT and WavLM, its norms behind its two parts or before them.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <tshift/models/parts.hpp>
#include <tshift/nn/mlp.hpp>
#include <tshift/nn/self_attention.hpp>
#include <tshift/weights/speech_encoder_names.hpp>
#include <tshift/weights/state_reader.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace models {

/// With A the attention and its output projection, and M the perceptron:
///
///   norms behind (base)    x = norm1(x + A(x)),   x = norm2(x + M(x))
///   norms first (large)    x = x + A(norm1(x)),   x = x + M(norm2(x))
///
/// Source: Wav2Vec2EncoderLayer and Wav2Vec2EncoderLayerStableLayerNorm of transformers.
template <class T>
class speech_layer {
 public:
  /// Takes the tensors of layer `number`, encoder.layers.N.*.
  /// @param distances  of WavLM; without heads: none
  speech_layer(weights::state_reader<T>& weights, weights::speech_encoder_sizes const& sizes, index_t number,
               index_t heads, bool norm_first, T eps, nn::bucketed_distances<T> const& distances)
      : norm_first_(norm_first) {
    index_t const width = sizes.width;
    std::string const prefix = "encoder.layers." + std::to_string(number) + ".";
    std::vector<T> matrix(static_cast<std::size_t>(3 * width * width)), bias(static_cast<std::size_t>(3 * width));
    index_t place = 0;
    for (char const* part : {"attention.q_proj", "attention.k_proj", "attention.v_proj"}) {
      weights.take(prefix + part + ".weight", {width, width})
          .copy_to(matrix.data() + place * width * width, 0, width * width);
      weights.take(prefix + part + ".bias", {width}).copy_to(bias.data() + place++ * width, 0, width);
    }
    weights::values<T> const qkv(matrix, weights.how());
    if (distances.heads() == 0) {
      attention_ = {width, heads, qkv, bias};
    } else {
      std::string const gate = prefix + "attention.gru_rel_pos_";
      auto const rows = weights.take(gate + "linear.weight", {8, width / heads});
      auto const offsets = weights.take(gate + "linear.bias", {8});
      auto const constant = weights.take(gate + "const", {1, heads, 1, 1});
      attention_ = {width, heads, qkv, bias, nn::gated_positions<T>(distances, rows, offsets, constant)};
    }
    out_ = take_linear(weights, prefix + "attention.out_proj", width, width);
    norm1_ = take_norm(weights, prefix + "layer_norm", width, eps);
    nn::linear<T> first = take_linear(weights, prefix + "feed_forward.intermediate_dense", width, sizes.hidden);
    mlp_ = {std::move(first), take_linear(weights, prefix + "feed_forward.output_dense", sizes.hidden, width)};
    norm2_ = take_norm(weights, prefix + "final_layer_norm", width, eps);
  }

  /// Lends what the parts need. Unchecked.
  void layout(nn::arena<T>& a, shape const& x) const {
    a.lend(attention_, x);
    a.lend(out_, x);
    a.lend(mlp_, x);
  }

  /// In place. Unchecked.
  /// @param x      [1, T, D]
  /// @param spare  two more of that shape, which are written over
  /// @param valid  frames that are attended to: all, or those of a sequence without its padding
  template <class Executor>
  void compute(Executor& exec, tensor_view<T> const& x, tensor_view<T> const (&spare)[2], index_t valid,
               nn::arena<T> a) const {
    tensor_view<T> const &one = spare[0], &two = spare[1];
    if (norm_first_) {
      norm1_.compute(exec, read(x), one, a);
      attend(exec, one, two, valid, a);
      out_.compute_add(exec, read(two), read(x), one, a);
      norm2_.compute(exec, read(one), two, a);
      mlp_.compute_add(exec, read(two), read(one), x, a);
    } else {
      attend(exec, x, one, valid, a);
      out_.compute_add(exec, read(one), read(x), two, a);
      norm1_.compute(exec, read(two), two, a);
      mlp_.compute_add(exec, read(two), read(two), x, a);
      norm2_.compute(exec, read(x), x, a);
    }
  }

 private:
  static shifted_view<T> read(tensor_view<T> const& x) noexcept { return nn::as_it_is<T>(x); }

  template <class Executor>
  void attend(Executor& exec, tensor_view<T const> x, tensor_view<T> const& y, index_t valid, nn::arena<T> a) const {
    x.lengths = {&valid, 1};
    attention_.compute(exec, nn::as_it_is(x), y, a, true);
  }

  bool norm_first_;
  nn::self_attention<T> attention_;
  nn::linear<T> out_;
  nn::layer_norm<T> norm1_, norm2_;
  nn::mlp<T> mlp_;
};

}}}}  // namespace tshift::models

#include <tshift/macros/back.hpp>
