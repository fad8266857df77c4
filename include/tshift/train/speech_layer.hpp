// SPDX-License-Identifier: MIT
// A transformer layer of wav2vec 2.0, HuBERT and WavLM, trained.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <utility>

#include <tshift/train/layer_norm.hpp>
#include <tshift/train/mlp.hpp>
#include <tshift/train/self_attention.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// Sizes of a speech encoder's layer. The defaults are those of the base models.
struct speech_layer_sizes {
  index_t channels = 768;   ///< D
  index_t hidden = 3072;    ///< of the perceptron
  index_t heads = 12;       ///< of the attention
  bool norm_first = false;  ///< whether the norms stand before the two parts (do_stable_layer_norm) or behind them
  double eps = 1e-5;        ///< of the norms
};

/// WavLM's table of distances, by its name in checkpoints, where it belongs to the first layer and all layers read it.
///
/// It is one parameter: give it to each layer that is trained, and each adds its part to the one gradient. That is the
/// gradient of the encoder if all of its layers are among them. Where the lower ones are not, what they would add is
/// missing, and they would go on with the old table; then keep it as it is:
///
///   table.set_trains("encoder.layers.0.attention.rel_attn_embed.", false);
///
/// Of this one parameter the gradient's last bits depend on how a batch is cut, where two layers or more add to it: one
/// layer's sequences come after the other's. They depend neither on threads nor on padding.
/// @param buckets       distances that are told apart
/// @param max_distance  from there on all distances are one
/// @throws shape_error  a size is out of range, or the name is taken
template <class T>
bucketed_distances<T> speech_distances(parameter_table& table, index_t heads = 12, index_t buckets = 320,
                                       index_t max_distance = 800) {
  return {table, "encoder.layers.0.attention.rel_attn_embed.weight", heads, buckets, max_distance};
}

/// models::speech_layer with its gradients. With A the attention, P its output projection, M the perceptron, and f' g
/// what f makes of the gradient g:
///
///   norms behind   a = A(x)    u = x + P(a)    v = norm1(u)    w = v + M(v)    y = norm2(w)
///                  dw = norm2' dy    dv = dw + M' dw    du = norm1' dv    dx = du + A' P' du
///   norms first    w = norm1(x)    a = A(w)    u = x + P(a)    v = norm2(u)    y = u + M(v)
///                  du = dy + norm2' M' dy    dx = du + norm1' A' P' du
///
/// Keeps a, u, v, w, and what the parts keep: 11 times x where the perceptron is 4 D wide. Cost: three times the products
/// of inference, and the attention's weights once more. Workspace: two of x, three with norms first, and what a part
/// needs. There is no dropout. Frames past a length attend to nothing, and none attends to them.
template <class T>
class speech_layer : public frame_calls<speech_layer<T>, T> {
 public:
  static constexpr char const* name = "speech_layer";  ///< in messages

  /// Registers its parameters: encoder.layers.N.attention.q_proj, .k_proj, .v_proj, .out_proj, and with distances
  /// .gru_rel_pos_linear and .gru_rel_pos_const; .layer_norm, .feed_forward.intermediate_dense, .output_dense,
  /// .final_layer_norm.
  /// @param number     N
  /// @param distances  of WavLM, in the same table: see speech_distances; without heads: none
  /// @throws shape_error  a number is out of range, heads do not divide the channels, the distances are of other heads,
  ///                      or the names are taken
  speech_layer(parameter_table& table, index_t number, speech_layer_sizes const& sizes,
               bucketed_distances<T> const& distances = {})
      : norm_first_(sizes.norm_first) {
    if (number < 0) detail::fail("%s: number = %td, must be >= 0", name, number);
    if (!(sizes.eps > 0 && sizes.eps <= static_cast<double>(std::numeric_limits<T>::max()))) {
      detail::fail("%s: eps = %g, must be > 0 and finite", name, sizes.eps);
    }
    std::string const prefix = "encoder.layers." + std::to_string(number) + ".";
    index_t const D = sizes.channels;
    T const eps = static_cast<T>(sizes.eps);
    std::string const mixer = prefix + "attention";
    attention_names const names = attention_names::apart();
    attention_ = distances.heads() > 0
                     ? self_attention<T>(table, mixer, D, sizes.heads, distances, names)
                     : self_attention<T>(table, mixer, D, sizes.heads, frame_positions::absolute, 0, names);
    out_ = {table, mixer + ".out_proj", D, D};
    norm1_ = {table, prefix + "layer_norm", D, eps};
    linear<T> first(table, prefix + "feed_forward.intermediate_dense", D, sizes.hidden);
    mlp_ = {std::move(first), linear<T>(table, prefix + "feed_forward.output_dense", sizes.hidden, D)};
    norm2_ = {table, prefix + "final_layer_norm", D, eps};
  }

  /// Number of channels of x and y.
  index_t inputs() const noexcept { return mlp_.inputs(); }
  /// The same.
  index_t outputs() const noexcept { return inputs(); }
  /// One past the last element of its parameters.
  index_t parameters_end() const noexcept {
    index_t const attention = attention_.parameters_end(), own = norm2_.parameters_end();
    return attention > own ? attention : own;
  }

  /// Takes new values. Allocates nothing.
  void pack(std::span<T const> values) noexcept {
    attention_.pack(values);
    out_.pack(values);
    norm1_.pack(values);
    mlp_.pack(values);
    norm2_.pack(values);
  }

  /// a, u, v, w, and what the parts keep.
  index_t saved_size(shape const& x) const { return kept(x).size; }

  /// [N, T, D], gradients.
  struct slices {
    T* one;    ///< of w or u
    T* two;    ///< of v, then of a
    T* three;  ///< with norms first: of w
  };

  /// Unchecked.
  slices layout(arena<T>& a, shape const& x) const {
    slices s{a.take({x.batch, x.time, x.channels}), a.take({x.batch, x.time, x.channels}), nullptr};
    if (norm_first_) s.three = a.take({x.batch, x.time, x.channels});
    a.lend(attention_, x);
    a.lend(out_, x);
    a.lend(mlp_, x);
    a.lend(norm1_, x);  // and so much the other
    return s;
  }

  /// Unchecked.
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T* saved, arena<T> a) const {
    places const at = kept(x.shape());
    tensor_view<T> const mixed = like(x, saved), u = like(x, saved + at.u), v = like(x, saved + at.v),
                         w = like(x, saved + at.w);
    kernel::frame_rows<T> const x_rows{x};
    kernel::plain_rows<T> const u_rows{u.data, inputs()}, v_rows{v.data, inputs()};
    kernel::row_source<T> const beside_x(x_rows), beside_u(u_rows), beside_v(v_rows);
    if (norm_first_) {
      norm1_.run(exec, x, w, saved + at.norm1, a);
      attention_.run(exec, nn::as_it_is<T>(w), mixed, saved + at.attention, a);
      out_.run(exec, nn::as_it_is<T>(mixed), u, nullptr, a, &beside_x);
      norm2_.run(exec, nn::as_it_is<T>(u), v, saved + at.norm2, a);
      mlp_.run(exec, nn::as_it_is<T>(v), y, saved + at.h, a, &beside_u);
    } else {
      attention_.run(exec, x, mixed, saved + at.attention, a);
      out_.run(exec, nn::as_it_is<T>(mixed), u, nullptr, a, &beside_x);
      norm1_.run(exec, nn::as_it_is<T>(u), v, saved + at.norm1, a);
      mlp_.run(exec, nn::as_it_is<T>(v), w, saved + at.h, a, &beside_v);
      norm2_.run(exec, nn::as_it_is<T>(w), y, saved + at.norm2, a);
    }
  }

  /// Unchecked.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const* saved, shifted_view<T> const& dy,
                tensor_view<T> const& dx, std::span<T> gradients, arena<T> a) const {
    slices const memory = layout(a, x.shape());
    places const at = kept(x.shape());
    auto const kept_view = [&x, saved](index_t place) {
      return nn::as_it_is<T>(tensor_view<T const>(saved + place, x.shape(), tshift::layout::ntc, x.base().lengths));
    };
    shifted_view<T> const mixed = kept_view(0), u = kept_view(at.u), v = kept_view(at.v), w = kept_view(at.w);
    tensor_view<T> const one = like(x, memory.one), two = like(x, memory.two);
    kernel::plain_rows<T> const one_rows{memory.one, inputs()};
    kernel::row_source<T> const beside_one(one_rows);
    if (norm_first_) {
      tensor_view<T> const three = like(x, memory.three);
      kernel::frame_rows<T> const dy_rows{dy};
      kernel::row_source<T> const beside_dy(dy_rows);
      mlp_.run_back(exec, v, saved + at.h, dy, two, gradients, a);
      norm2_.run_back(exec, u, saved + at.norm2, nn::as_it_is<T>(two), one, gradients, a, &beside_dy);  // du
      out_.run_back(exec, mixed, nullptr, nn::as_it_is<T>(one), two, gradients, a);
      attention_.run_back(exec, w, saved + at.attention, nn::as_it_is<T>(two), three, gradients, a);
      norm1_.run_back(exec, x, saved + at.norm1, nn::as_it_is<T>(three), dx, gradients, a, &beside_one);
    } else {
      norm2_.run_back(exec, w, saved + at.norm2, dy, one, gradients, a);                           // dw
      mlp_.run_back(exec, v, saved + at.h, nn::as_it_is<T>(one), two, gradients, a, &beside_one);  // dv
      norm1_.run_back(exec, u, saved + at.norm1, nn::as_it_is<T>(two), one, gradients, a);         // du
      out_.run_back(exec, mixed, nullptr, nn::as_it_is<T>(one), two, gradients, a);
      attention_.run_back(exec, x, saved + at.attention, nn::as_it_is<T>(two), dx, gradients, a, &beside_one);
    }
  }

 private:
  /// Memory shaped as x, with its lengths.
  static tensor_view<T> like(shifted_view<T> const& x, T* memory) {
    return {memory, x.shape(), tshift::layout::ntc, x.base().lengths};
  }

  /// Where in `saved` what is kept begins, behind a.
  struct places {
    index_t u, v, w, attention, norm1, h, norm2, size;
  };
  places kept(shape const& x) const {
    index_t const one = detail::checked_product(name, {x.batch, x.time, inputs()});
    places p{};
    p.u = one;
    p.v = p.u + one;
    p.w = p.v + one;
    p.attention = p.w + one;
    p.norm1 = p.attention + attention_.saved_size(x);
    p.h = p.norm1 + norm1_.saved_size(x);
    p.norm2 = p.h + mlp_.saved_size(x);
    p.size = p.norm2 + norm2_.saved_size(x);
    return p;
  }

  bool norm_first_;
  self_attention<T> attention_;
  linear<T> out_;
  layer_norm<T> norm1_, norm2_;
  mlp<T> mlp_;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
