// SPDX-License-Identifier: MIT
// A transformer layer of wav2vec 2.0, HuBERT and WavLM, trained.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <utility>

#include <tshift/train/kernel/layer_dropout.hpp>
#include <tshift/train/layer_norm.hpp>
#include <tshift/train/mlp.hpp>
#include <tshift/train/self_attention.hpp>
#include <tshift/train/speech_layer_options.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

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
/// needs. Frames past a length attend to nothing, and none attends to them.
///
/// With set_dropout and draw, u = x + F P(a), w = v + G M(v) or y = u + G M(v), and back M' G and A' P' F. In layer N, F
/// and G are train::dropout by numbers m + 1 and m + 2, m = 4 (N + 1). Behind the softmax, weight r of query l and head h
/// is dropped as element (h L + l) S + r of a sample is by number m; L is the sequence's length, S that rounded up to a
/// multiple of 64. All masks are made anew in the backward pass, nothing is kept; with norms behind, the workspace has
/// one x more where branches have a rate.
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
      : norm_first_(sizes.norm_first), dropout_(number) {
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

  /// What is dropped in steps that are drawn for; 0 at first. Before workspace_size is asked.
  /// @throws shape_error  a rate is out of range, or N is not below 4095
  void set_dropout(speech_layer_dropout const& rates) { dropout_.set(name, rates.hidden, rates.attention); }

  /// Where the random numbers of the next batch come from, in both of its passes. Null, as at first: nothing is dropped.
  /// @param random  copied; its samples, one for each sequence, must stay until the backward pass has ended
  /// @throws shape_error  a number is out of range
  void draw(random_batch const* random) { dropout_.draw(random); }

  /// Refuses a batch that has not as many sequences as were drawn for.
  void check_input(input<T> const& x) const { dropout_.check(name, x.shape().batch); }

  /// a, u, v, w, and what the parts keep.
  index_t saved_size(shape const& x) const { return kept(x).size; }

  /// [N, T, D], gradients.
  struct slices {
    T* one;    ///< of w or u
    T* two;    ///< of v, then of a
    T* three;  ///< with norms first of w; with dropout of what a branch adds
  };

  /// Unchecked.
  slices layout(arena<T>& a, shape const& x) const {
    slices s{a.take({x.batch, x.time, x.channels}), a.take({x.batch, x.time, x.channels}), nullptr};
    if (norm_first_ || dropout_.has_branches()) s.three = a.take({x.batch, x.time, x.channels});
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
      attention_.run(exec, nn::as_it_is<T>(w), mixed, saved + at.attention, a, dropout_.of_weights());
      add_attention(exec, mixed, u, a, beside_x);
      norm2_.run(exec, nn::as_it_is<T>(u), v, saved + at.norm2, a);
      add_perceptron(exec, v, y, saved + at.h, a, beside_u);
    } else {
      attention_.run(exec, x, mixed, saved + at.attention, a, dropout_.of_weights());
      add_attention(exec, mixed, u, a, beside_x);
      norm1_.run(exec, nn::as_it_is<T>(u), v, saved + at.norm1, a);
      add_perceptron(exec, v, w, saved + at.h, a, beside_v);
      norm2_.run(exec, nn::as_it_is<T>(w), y, saved + at.norm2, a);
    }
  }

  /// Unchecked.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const* saved, shifted_view<T> const& dy,
                tensor_view<T> const& dx, std::span<T> gradients, arena<T> a) const {
    slices const memory = layout(a, x.shape());
    places const at = kept(x.shape());
    auto const kept_view = [&x, saved](index_t place) { return nn::as_it_is(like(x, saved + place)); };
    shifted_view<T> const mixed = kept_view(0), u = kept_view(at.u), v = kept_view(at.v), w = kept_view(at.w);
    tensor_view<T> const one = like(x, memory.one), two = like(x, memory.two);
    kernel::plain_rows<T> const one_rows{memory.one, inputs()};
    kernel::row_source<T> const beside_one(one_rows);
    tensor_view<T> const three = like(x, memory.three);
    // The gradient of what a branch has added: above, or what was dropped taken out of it.
    auto const of_branch = [this, &exec, &three](kernel::dropped which, shifted_view<T> const& above) {
      if (!dropout_.drops_branches()) return above;
      kernel::frame_rows<T> const rows{above};
      dropout_.copy(exec, which, kernel::row_source<T>(rows), three);
      return nn::as_it_is<T>(three);
    };
    kernel::weight_dropout const of_weights = dropout_.of_weights();
    using enum kernel::dropped;
    if (norm_first_) {
      kernel::frame_rows<T> const dy_rows{dy};
      kernel::row_source<T> const beside_dy(dy_rows);
      mlp_.run_back(exec, v, saved + at.h, of_branch(perceptron, dy), two, gradients, a);
      norm2_.run_back(exec, u, saved + at.norm2, nn::as_it_is<T>(two), one, gradients, a, &beside_dy);  // du
      out_.run_back(exec, mixed, nullptr, of_branch(attention, nn::as_it_is<T>(one)), two, gradients, a);
      attention_.run_back(exec, w, saved + at.attention, nn::as_it_is<T>(two), three, gradients, a, nullptr,
                          of_weights);
      norm1_.run_back(exec, x, saved + at.norm1, nn::as_it_is<T>(three), dx, gradients, a, &beside_one);
    } else {
      norm2_.run_back(exec, w, saved + at.norm2, dy, one, gradients, a);  // dw
      shifted_view<T> const added = of_branch(perceptron, nn::as_it_is<T>(one));
      mlp_.run_back(exec, v, saved + at.h, added, two, gradients, a, &beside_one);          // dv
      norm1_.run_back(exec, u, saved + at.norm1, nn::as_it_is<T>(two), one, gradients, a);  // du
      out_.run_back(exec, mixed, nullptr, of_branch(attention, nn::as_it_is<T>(one)), two, gradients, a);
      attention_.run_back(exec, x, saved + at.attention, nn::as_it_is<T>(two), dx, gradients, a, &beside_one,
                          of_weights);
    }
  }

 private:
  /// u = P(a) + skip, or what is left of P(a).
  template <class Executor>
  void add_attention(Executor& exec, tensor_view<T> const& mixed, tensor_view<T> const& u, arena<T> a,
                     kernel::row_source<T> const& skip) const {
    bool const drops = dropout_.drops_branches();
    out_.run(exec, nn::as_it_is<T>(mixed), u, nullptr, a, drops ? nullptr : &skip);
    if (drops) dropout_.add(exec, kernel::dropped::attention, u, skip);
  }

  /// y = M(v) + skip, or what is left of M(v).
  template <class Executor>
  void add_perceptron(Executor& exec, tensor_view<T> const& v, tensor_view<T> const& y, T* saved, arena<T> a,
                      kernel::row_source<T> const& skip) const {
    bool const drops = dropout_.drops_branches();
    mlp_.run(exec, nn::as_it_is<T>(v), y, saved, a, drops ? nullptr : &skip);
    tensor_view<T> inside = y;  // a y without lengths has those of x
    inside.lengths = v.lengths;
    if (drops) dropout_.add(exec, kernel::dropped::perceptron, inside, skip);
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
  kernel::layer_dropout dropout_;
  self_attention<T> attention_;
  linear<T> out_;
  layer_norm<T> norm1_, norm2_;
  mlp<T> mlp_;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
