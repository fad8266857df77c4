// SPDX-License-Identifier: MIT
// A transformer block with its norms before its two parts, as vision transformers have it, trained.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tshift/models/vertical_vit_block.hpp>
#include <tshift/nn/residual.hpp>
#include <tshift/shift_adjoint.hpp>
#include <tshift/shift_inplace.hpp>
#include <tshift/train/layer_norm.hpp>
#include <tshift/train/mlp.hpp>
#include <tshift/train/self_attention.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// Sizes of a vertical-patch ViT. The defaults are those of the paper's student; its hidden size is not published.
struct vertical_vit_sizes {
  index_t rows = 128;              ///< H of the image
  index_t width = 256;             ///< D, channels of a token
  index_t layers = 3;              ///< blocks
  index_t inner = 320;             ///< channels of all heads together
  index_t hidden = 512;            ///< of a block's perceptron
  index_t classes = 4;             ///< logits
  bool projects = true;            ///< whether attention has an output projection; without one, inner is D
  std::vector<index_t> stem = {};  ///< channels of the teacher's convolutions, the last 1; empty: a student

  /// The stem of the authors' code.
  static std::vector<index_t> released_stem() { return {16, 32, 64, 32, 16, 1}; }
};

/// models::vertical_vit_block with its gradients:
///
///   v = [S] x + A([S] norm1(x))    y = v + M(norm2(v))
///
/// with A the attention and its output projection, or without one, M the perceptron, and S a temporal shift of all
/// tokens but the first. Keeps what the norms make, what the heads make where there is a projection, v, and what the
/// parts keep.
template <class T>
class vertical_vit_block : public frame_calls<vertical_vit_block<T>, T> {
 public:
  static constexpr char const* name = "vertical_vit_block";  ///< in messages

  /// Registers its parameters: `prefix`.0.norm, .0.to_qkv, .0.to_out.0, .1.net.0, .1.net.1 and .1.net.4.
  /// @param heads  as models::vit_heads takes them
  /// @throws shape_error  the heads do not divide sizes.inner; without a projection, inner is not D
  vertical_vit_block(parameter_table& table, std::string const& prefix, vertical_vit_sizes const& sizes, index_t heads,
                     nn::placed_plan const& shift)
      : shift_(shift) {
    index_t const D = sizes.width, inner = sizes.inner;
    if (!sizes.projects && inner != D) {
      detail::fail("vertical_vit: heads of %td channels together without a projection, must be %td", inner, D);
    }
    index_t const count = models::vit_heads(inner, heads, sizes.projects);
    norm1_ = {table, prefix + ".0.norm", D};
    attention_names const names{.projections = {"to_qkv"}, .bias = false};
    attention_sizes const of{D, count, inner / count};
    attention_ = {table, prefix + ".0", of, frame_positions::absolute, 0, names};
    if (sizes.projects) out_.emplace(table, prefix + ".0.to_out.0", inner, D);
    norm2_ = {table, prefix + ".1.net.0", D};
    linear<T> up(table, prefix + ".1.net.1", D, sizes.hidden);
    mlp_ = {std::move(up), linear<T>(table, prefix + ".1.net.4", sizes.hidden, D)};
  }

  /// Number of channels of x and y.
  index_t inputs() const noexcept { return norm1_.channels(); }
  /// The same.
  index_t outputs() const noexcept { return inputs(); }
  /// Number of heads.
  index_t heads() const noexcept { return attention_.heads(); }
  /// One past the last element of its parameters.
  index_t parameters_end() const noexcept { return mlp_.parameters_end(); }

  /// Takes new values.
  void pack(std::span<T const> values) noexcept {
    norm1_.pack(values);
    attention_.pack(values);
    if (out_) out_->pack(values);
    norm2_.pack(values);
    mlp_.pack(values);
  }

  /// What is listed above.
  index_t saved_size(shape const& x) const { return kept(x).size; }

  /// What a pass needs.
  struct slices {
    T* one;    ///< [N, T, D]: forward S x, backward a gradient
    T* other;  ///< [N, T, D]: a gradient
    T* inner;  ///< [N, T, heads' channels]: the same
  };

  /// Unchecked.
  slices layout(arena<T>& a, shape const& x) const {
    T *const one = a.take({x.batch, x.time, x.channels}), *const other = a.take({x.batch, x.time, x.channels});
    slices const s{one, other, a.take({x.batch, x.time, out_ ? attention_.outputs() : 0})};
    a.lend(norm1_, x);
    a.lend(attention_, x);
    if (out_) a.lend(*out_, shape{x.batch, x.time, attention_.outputs()});
    a.lend(mlp_, x);
    return s;
  }

  /// Unchecked. @param x  not shifted
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T* saved, arena<T> a) const {
    slices const memory = layout(a, x.shape());
    places const at = kept(x.shape());
    tensor_view<T> const normed = like(x, saved), middle = like(x, saved + at.middle);
    norm1_.run(exec, x, normed, saved + at.norm1, a);
    if (nn::shifts_branch(shift_.where)) move(exec, normed);
    kernel::frame_rows<T> const as_it_is{x};
    tensor_view<T> const moved = like(x, memory.one);
    shifted_view<T> const of_moved = nn::as_it_is<T>(moved);
    kernel::frame_rows<T> const through{of_moved};
    if (nn::shifts_skip(shift_.where)) {
      copy(exec, x, moved);
      move(exec, moved);
    }
    kernel::row_source<T> const skip =
        nn::shifts_skip(shift_.where) ? kernel::row_source<T>(through) : kernel::row_source<T>(as_it_is);
    if (out_) {
      tensor_view<T> const attended = like(x, saved + at.attended, attention_.outputs());
      attention_.run(exec, nn::as_it_is<T>(normed), attended, saved + at.attention, a);
      out_->run(exec, nn::as_it_is<T>(attended), middle, nullptr, a, &skip);
    } else {
      attention_.run(exec, nn::as_it_is<T>(normed), middle, saved + at.attention, a);
      nn::add_frames(exec, nn::shifts_skip(shift_.where) ? of_moved : x, middle);
    }
    tensor_view<T> const normed2 = like(x, saved + at.normed2);
    norm2_.run(exec, nn::as_it_is<T>(middle), normed2, saved + at.norm2, a);
    shifted_view<T> const of_middle = nn::as_it_is<T>(middle);
    kernel::frame_rows<T> const rows{of_middle};
    kernel::row_source<T> const beside(rows);
    mlp_.run(exec, nn::as_it_is<T>(normed2), y, saved + at.h, a, &beside);
  }

  /// Unchecked.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const* saved, shifted_view<T> const& dy,
                tensor_view<T> const& dx, std::span<T> gradients, arena<T> a) const {
    slices const memory = layout(a, x.shape());
    places const at = kept(x.shape());
    auto const kept_view = [&x, saved](index_t place, index_t channels) {
      return nn::as_it_is(like(x, saved + place, channels));
    };
    index_t const D = inputs();
    tensor_view<T> const one = like(x, memory.one), dv = like(x, memory.other);
    mlp_.run_back(exec, kept_view(at.normed2, D), saved + at.h, dy, one, gradients, a);
    kernel::frame_rows<T> const above{dy};
    kernel::row_source<T> const skip(above);
    norm2_.run_back(exec, kept_view(at.middle, D), saved + at.norm2, nn::as_it_is<T>(one), dv, gradients, a, &skip);
    tensor_view<T> da = dv;
    if (out_) {
      da = like(x, memory.inner, attention_.outputs());
      out_->run_back(exec, kept_view(at.attended, attention_.outputs()), nullptr, nn::as_it_is<T>(dv), da, gradients,
                     a);
    }
    attention_.run_back(exec, kept_view(0, D), saved + at.attention, nn::as_it_is<T>(da), one, gradients, a);
    if (nn::shifts_branch(shift_.where)) move_back(exec, one);
    if (nn::shifts_skip(shift_.where)) move_back(exec, dv);
    shifted_view<T> const of_dv = nn::as_it_is<T>(dv);
    kernel::frame_rows<T> const beside{of_dv};
    kernel::row_source<T> const added(beside);
    norm1_.run_back(exec, x, saved + at.norm1, nn::as_it_is<T>(one), dx, gradients, a, &added);
  }

 private:
  /// body(tokens behind the first) of each sequence, over its own length.
  template <class Body>
  static void for_tokens(tensor_view<T> const& x, Body const& body) {
    for (index_t n = 0; n < x.shape.batch; ++n) {
      index_t const tokens = x.length(n) - 1;
      if (tokens > 0) body(tensor_view<T>(x.at(n, 1, 0), {1, tokens, x.shape.channels}));
    }
  }
  template <class Executor>
  void move(Executor& exec, tensor_view<T> const& x) const {
    for_tokens(x, [this, &exec](tensor_view<T> const& tokens) { shift_inplace(exec, tokens, shift_.plan); });
  }
  template <class Executor>
  void move_back(Executor& exec, tensor_view<T> const& x) const {
    for_tokens(x, [this, &exec](tensor_view<T> const& tokens) { shift_adjoint_inplace(exec, tokens, shift_.plan); });
  }
  template <class Executor>
  static void copy(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& to) {
    shift(exec, x.base(), to, shift_plan(x.shape().channels, {}));
  }

  /// Where in `saved` what is kept begins, behind what norm1 makes.
  struct places {
    index_t norm1, attention, attended, middle, norm2, normed2, h, size;
  };
  places kept(shape const& x) const {
    index_t const one = detail::checked_product(name, {x.batch, x.time, inputs()});
    places p{};
    p.norm1 = one;
    p.attention = p.norm1 + norm1_.saved_size(x);
    p.attended = p.attention + attention_.saved_size(x);
    p.middle = p.attended + (out_ ? detail::checked_product(name, {x.batch, x.time, attention_.outputs()}) : 0);
    p.norm2 = p.middle + one;
    p.normed2 = p.norm2 + norm2_.saved_size(x);
    p.h = p.normed2 + one;
    p.size = p.h + mlp_.saved_size(x);
    return p;
  }

  nn::placed_plan shift_;
  layer_norm<T> norm1_, norm2_;
  self_attention<T> attention_;
  std::optional<linear<T>> out_;
  mlp<T> mlp_;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
