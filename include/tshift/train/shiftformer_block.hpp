// SPDX-License-Identifier: MIT
// A block of the Shiftformer, or of the Transformer, trained.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <tshift/nn/options.hpp>
#include <tshift/nn/residual.hpp>
#include <tshift/train/layer_norm.hpp>
#include <tshift/train/mlp.hpp>
#include <tshift/train/residual.hpp>
#include <tshift/train/self_attention.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// Sizes of a Shiftformer or a Transformer. Source of the defaults: Shen et al., ICASSP 2023.
struct shiftformer_sizes {
  index_t channels = 768;                                 ///< D
  index_t hidden = 3072;                                  ///< of a block's perceptron
  index_t blocks = 2;                                     ///< of them
  index_t classes = 4;                                    ///< logits
  bool attends = false;                                   ///< whether it is a Transformer
  index_t heads = 12;                                     ///< of the attention
  frame_positions positions = frame_positions::absolute;  ///< relative kinds: of the attention
  index_t longest = 0;  ///< frames of the longest sequence that positions serve; 0, and absolute: there are none
};

/// Norms behind both parts, each part in a residual connection, the shift in the first of them:
///
///   Shiftformer   y = norm2([S] x + mlp([S] x))
///   Transformer   v = norm1([S] x + attention([S] x))    y = norm2(v + mlp(v))
///
/// Keeps the sums before the norms, v, and what the parts keep.
template <class T>
class shiftformer_block : public frame_calls<shiftformer_block<T>, T> {
 public:
  static constexpr char const* name = "shiftformer_block";  ///< in messages

  /// Registers its parameters: prefix.token_mixer.*, .norm1, .mlp.fc1, .mlp.fc2, .norm2.
  shiftformer_block(parameter_table& table, std::string const& prefix, shiftformer_sizes const& sizes,
                    nn::placed_plan const& shift)
      : shift_(shift) {
    if (sizes.attends) {
      mixer_.emplace(table, prefix + ".token_mixer", sizes.channels, sizes.heads, sizes.positions, sizes.longest);
      norm1_ = {table, prefix + ".norm1", sizes.channels};
    }
    linear<T> first(table, prefix + ".mlp.fc1", sizes.channels, sizes.hidden);
    mlp_ = {std::move(first), linear<T>(table, prefix + ".mlp.fc2", sizes.hidden, sizes.channels)};
    norm2_ = {table, prefix + ".norm2", sizes.channels};
  }

  /// Number of channels of x and y.
  index_t inputs() const noexcept { return mlp_.inputs(); }
  /// The same.
  index_t outputs() const noexcept { return inputs(); }
  /// One past the last element of its parameters.
  index_t parameters_end() const noexcept { return norm2_.parameters_end(); }

  /// Takes new values.
  void pack(std::span<T const> values) noexcept {
    if (mixer_) {
      mixer_->pack(values);
      norm1_.pack(values);
    }
    mlp_.pack(values);
    norm2_.pack(values);
  }

  /// Sums, v, and what the parts keep.
  index_t saved_size(shape const& x) const { return kept(x).size; }

  /// [N, T, D], gradients.
  struct slices {
    T* dz;  ///< of the sum before a norm
    T* dv;  ///< of v
  };

  /// Unchecked.
  slices layout(arena<T>& a, shape const& x) const {
    slices const s{a.take({x.batch, x.time, x.channels}), a.take({x.batch, x.time, x.channels})};
    a.lend([this, &x](arena<T>& in) {
      residual_rooms<T>(in, shift_.where, shift_.plan, x);
      in.lend(mlp_, x);
      if (mixer_) in.lend(*mixer_, x);
    });
    a.lend(norm2_, x);
    return s;
  }

  /// Unchecked.
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T* saved, arena<T> a) const {
    places const at = kept(x.shape());
    tensor_view<T> const z = like(x, saved);
    if (mixer_) {
      tensor_view<T> const u = like(x, saved + at.u), v = like(x, saved + at.v);
      run_residual(exec, *mixer_, shift_.where, shift_.plan, x.base(), u, saved + at.mixer, a);
      norm1_.run(exec, nn::as_it_is<T>(u), v, saved + at.norm1, a);
      run_residual(exec, mlp_, placement::none, shift_.plan, tensor_view<T const>(v), z, saved + at.h, a);
    } else {
      run_residual(exec, mlp_, shift_.where, shift_.plan, x.base(), z, saved + at.h, a);
    }
    norm2_.run(exec, nn::as_it_is<T>(z), y, saved + at.norm2, a);
  }

  /// Unchecked.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const* saved, shifted_view<T> const& dy,
                tensor_view<T> const& dx, std::span<T> gradients, arena<T> a) const {
    slices const memory = layout(a, x.shape());
    places const at = kept(x.shape());
    auto const kept_view = [&x, saved](index_t place) { return like(x, saved + place); };
    tensor_view<T> const dz = like(x, memory.dz), dv = like(x, memory.dv);
    norm2_.run_back(exec, nn::as_it_is<T>(kept_view(0)), saved + at.norm2, dy, dz, gradients, a);
    tensor_view<T const> const g = dz;
    if (!mixer_) {
      return run_residual_back(exec, mlp_, shift_.where, shift_.plan, x.base(), saved + at.h, g, dx, gradients, a);
    }
    run_residual_back(exec, mlp_, placement::none, shift_.plan, kept_view(at.v), saved + at.h, g, dv, gradients, a);
    norm1_.run_back(exec, nn::as_it_is<T>(kept_view(at.u)), saved + at.norm1, nn::as_it_is<T>(dv), dz, gradients, a);
    run_residual_back(exec, *mixer_, shift_.where, shift_.plan, x.base(), saved + at.mixer, g, dx, gradients, a);
  }

 private:
  /// Where in `saved` what is kept begins, behind the sum z.
  struct places {
    index_t u, v, mixer, norm1, h, norm2, size;
  };
  places kept(shape const& x) const {
    index_t const one = detail::checked_product(name, {x.batch, x.time, inputs()}), two = mixer_ ? one : 0;
    places p{};
    p.u = one;
    p.v = p.u + two;
    p.mixer = p.v + two;
    p.norm1 = p.mixer + (mixer_ ? mixer_->saved_size(x) : 0);
    p.h = p.norm1 + (mixer_ ? norm1_.saved_size(x) : 0);
    p.norm2 = p.h + mlp_.saved_size(x);
    p.size = p.norm2 + norm2_.saved_size(x);
    return p;
  }

  nn::placed_plan shift_;
  std::optional<self_attention<T>> mixer_;
  layer_norm<T> norm1_;
  mlp<T> mlp_;
  layer_norm<T> norm2_;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
