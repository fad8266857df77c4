// SPDX-License-Identifier: MIT
// A transformer block with its norms before its two parts, as vision transformers have it.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include <tshift/models/parts.hpp>
#include <tshift/nn/chain.hpp>
#include <tshift/nn/mlp.hpp>
#include <tshift/nn/self_attention.hpp>
#include <tshift/shift_inplace.hpp>
#include <tshift/weights/state_reader.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace models {

/// Heads of an attention whose queries have `inner` channels.
/// @param heads     as they were asked for; 0: not at all
/// @param projects  whether there is an output projection; vit-pytorch leaves it out of one head as wide as a token
/// @throws shape_error  nothing says how many, or they do not divide the channels
inline index_t vit_heads(index_t inner, index_t heads, bool projects) {
  index_t const count = heads != 0 ? heads : projects ? inner / 64 : 1;
  if (heads == 0 && projects && (count < 1 || inner % 64 != 0)) {
    detail::fail("vertical_vit: %td channels, must be heads of 64, or the number of heads be given", inner);
  }
  if (count < 1 || inner % count != 0) {
    detail::fail("vertical_vit: %td channels, must be 1 or more for each of %td heads", inner, count);
  }
  if (!projects && count != 1) {
    detail::fail("vertical_vit: %td heads without an output projection, must be 1", count);
  }
  return count;
}

/// x = [S] x + A([S] norm1(x)),   x = x + M(norm2(x)), with A the attention and its output projection, or without one,
/// M the perceptron, and S a temporal shift of all tokens but the first.
/// Source: the Transformer of lucidrains' vit-pytorch, which vertical-patch ViT's code has.
template <class T>
class vertical_vit_block {
 public:
  /// Takes `prefix`.0.norm, .0.to_qkv, .0.to_out.0, .1.net.0, .1.net.1 and .1.net.4. Without .0.to_out.0 there is no
  /// output projection.
  /// @param heads  0: one without a projection, else of 64 channels each
  vertical_vit_block(weights::state_reader<T>& weights, std::string const& prefix, index_t width, index_t heads)
      : norm1_(take_norm(weights, prefix + ".0.norm", width)) {
    std::string const qkv = prefix + ".0.to_qkv.weight", out = prefix + ".0.to_out.0";
    index_t const rows = weights.dimension(qkv, 0), inner = rows / 3;
    if (rows % 3 != 0) detail::fail("vertical_vit: %s has %td rows, must be a multiple of 3", qkv.c_str(), rows);
    bool const projects = weights.has(out + ".weight");
    if (!projects && inner != width) {
      detail::fail("vertical_vit: no %s.weight, but heads of %td channels together, must be %td", out.c_str(), inner,
                   width);
    }
    index_t const count = vit_heads(inner, heads, projects);
    attention_ =
        nn::self_attention<T>(attention_sizes{width, count, inner / count}, weights.take(qkv, {rows, width}), {});
    if (projects) out_ = take_linear(weights, out, inner, width);
    nn::layer_norm<T> norm = take_norm(weights, prefix + ".1.net.0", width);
    index_t const hidden = weights.dimension(prefix + ".1.net.1.weight", 0);
    nn::linear<T> up = take_linear(weights, prefix + ".1.net.1", width, hidden);
    nn::mlp<T> mlp(std::move(up), take_linear(weights, prefix + ".1.net.4", hidden, width));
    forward_ = nn::chain<nn::layer_norm<T>, nn::mlp<T>>(std::move(norm), std::move(mlp));
  }

  /// Number of heads.
  index_t heads() const noexcept { return attention_.heads(); }

  /// What a call needs beside x.
  struct slices {
    T* normed;    ///< [N, T, D]
    T* attended;  ///< [N, T, heads' channels]
    T* middle;    ///< [N, T, D]
  };

  /// Unchecked.
  slices layout(nn::arena<T>& a, shape const& x) const {
    T *const normed = a.take({x.batch, x.time, x.channels}), *const attended =
                                                                 a.take({x.batch, x.time, attention_.outputs()});
    slices const s{normed, attended, a.take({x.batch, x.time, x.channels})};
    a.lend(attention_, x);
    a.lend(forward_, x);
    return s;
  }

  /// In place. Unchecked.
  /// @param x       dense, with lengths
  /// @param wanted  tokens that are made of each sequence: all, or 1, and the others are no longer x nor the result
  template <class Executor>
  void compute(Executor& exec, tensor_view<T> const& x, index_t wanted, nn::placed_plan const& shift,
               nn::arena<T> a) const {
    slices const memory = layout(a, x.shape);
    auto const like_x = [&x](T* p, index_t channels) {
      return tensor_view<T>(p, {x.shape.batch, x.shape.time, channels}, tshift::layout::ntc, x.lengths);
    };
    tensor_view<T> const normed = like_x(memory.normed, x.shape.channels);
    tensor_view<T> const attended = like_x(memory.attended, attention_.outputs());
    tensor_view<T> middle = like_x(memory.middle, x.shape.channels);
    norm1_.compute(exec, read(x), normed, a);
    if (nn::shifts_branch(shift.where)) move(exec, normed, shift.plan);
    if (nn::shifts_skip(shift.where)) move(exec, x, shift.plan);
    attention_.compute(exec, read(normed), attended, a);
    // From here on a token reads itself alone.
    tensor_view<T> const of_heads = first_of(attended, wanted), of_x = first_of(x, wanted);
    middle = first_of(middle, wanted);
    if (out_) {
      out_->compute_add(exec, read(of_heads), read(of_x), middle, a);
    } else {
      nn::add_frames(exec, read(of_x), of_heads);
      middle = of_heads;
    }
    forward_.compute_add(exec, read(middle), read(middle), of_x, a);
  }

 private:
  static shifted_view<T> read(tensor_view<T> const& x) noexcept { return nn::as_it_is<T>(x); }

  static tensor_view<T> first_of(tensor_view<T> x, index_t wanted) noexcept {
    if (wanted == x.shape.time) return x;
    x.shape.time = wanted;
    x.lengths = {};
    return x;
  }

  /// S of the tokens behind the first, each sequence over its own length.
  template <class Executor>
  static void move(Executor& exec, tensor_view<T> const& x, shift_plan const& plan) {
    for (index_t n = 0; n < x.shape.batch; ++n) {
      index_t const tokens = x.length(n) - 1;
      if (tokens > 0) shift_inplace(exec, tensor_view<T>(x.at(n, 1, 0), {1, tokens, x.shape.channels}), plan);
    }
  }

  nn::layer_norm<T> norm1_;
  nn::self_attention<T> attention_;
  std::optional<nn::linear<T>> out_;
  nn::chain<nn::layer_norm<T>, nn::mlp<T>> forward_;  // norm2 and the perceptron
};

}}}}  // namespace tshift::models

#include <tshift/macros/back.hpp>
