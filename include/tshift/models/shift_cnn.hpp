// SPDX-License-Identifier: MIT
// ShiftCNN and CNN: convolutional blocks with a shift in the last one, a norm, and a classifier.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tshift/models/parts.hpp>
#include <tshift/nn/depthwise_conv1d.hpp>
#include <tshift/nn/mlp.hpp>
#include <tshift/weights/shared_list.hpp>
#include <tshift/weights/state_dict.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace models {

/// f(x) = W2 gelu(W1 norm(depthwise_conv1d(x)))   (+ skip), fused: a few rows at a time go through all of it.
template <class T>
class conv_block {
 public:
  /// Takes `name`.0 (the depthwise convolution), .2 (the norm), .4 and .6 (the pointwise convolutions).
  conv_block(weights::state_reader<T>& weights, std::string const& name, index_t channels) {
    index_t const taps = weights.dimension(name + ".0.weight", 2);
    index_t const hidden = weights.dimension(name + ".4.weight", 0);
    auto const filter = weights.take(name + ".0.weight", {channels, 1, taps});
    conv_ = {channels, taps, filter, weights.take(name + ".0.bias", {channels})};
    norm_ = take_norm(weights, name + ".2", channels);
    auto const up = weights.take(name + ".4.weight", {hidden, channels, 1});
    nn::linear<T> first(channels, hidden, up, weights.take(name + ".4.bias", {hidden}));
    auto const down = weights.take(name + ".6.weight", {channels, hidden, 1});
    mlp_ = {std::move(first), {hidden, channels, down, weights.take(name + ".6.bias", {channels})}};
  }

  /// Number of channels of x and y.
  index_t channels() const noexcept { return conv_.channels(); }

  /// Elements of T that forward needs for x of this shape.
  index_t workspace_size(shape const& x) const {
    index_t const rows = detail::checked_product("conv_block", {x.batch, x.time});
    index_t const part = rows < nn::kernel::row_capacity ? rows : nn::kernel::row_capacity;
    return checked_sum("conv_block",
                       {mlp_.workspace_size(x), detail::checked_product("conv_block", {part, channels()})});
  }

  /// y = f(x) + skip; x and skip may be shifted, y is other memory. Lengths of x are honoured.
  void forward_add(nn::input<T> const& x, nn::input<T> const& skip, tensor_view<T> const& y,
                   std::span<T> workspace) const {
    detail::extent const to = detail::check_block("conv_block", x, channels(), y, channels());
    detail::check_input("conv_block", "skip", skip, channels(), to, detail::in_place::refused);
    detail::check_workspace("conv_block", workspace, workspace_size(x.shape()));
    index_t const time = x.shape().time;
    detail::for_rows(y, [&](index_t first, index_t rows, T* c, index_t stride) {
      for (nn::kernel::row_part const part : nn::kernel::row_parts(rows)) {
        T* const normed = workspace.data();
        for (index_t r = 0; r < part.count; ++r) {
          index_t const row = first + part.begin + r;
          T* const to_row = normed + r * channels();
          conv_.frame(x.view(), row / time, row % time, to_row);
          norm_.row(to_row, to_row);
        }
        nn::input<T> const middle(tensor_view<T const>(normed, {1, part.count, channels()}));
        mlp_.run(middle.view(), 0, part.count, c + part.begin * stride, stride, normed + part.count * channels(),
                 [&](index_t r) {
                   return nn::kernel::add_skip<T, xsimd::default_arch>(skip.view(), first + part.begin + r);
                 });
      }
    });
  }

 private:
  nn::depthwise_conv1d<T> conv_;
  nn::layer_norm<T> norm_;
  nn::mlp<T> mlp_;
};

/// x = x + f(x) for all blocks but the last; the last with a shift at its placement; then norm, mean over time, linear.
///
/// x [N, T, D], y [N, 1, classes]. Lengths of x are honoured; as_released(x) computes as the released code does.
/// Accuracy: within 1e-5 of PyTorch (relative L2, float). One object serves many threads, each with its workspace.
/// Source: Shen et al., ICASSP 2023 (ShiftSER); names of the weights as in its checkpoints.
template <class T>
class shift_cnn {
 public:
  /// The paper's: 1/16 of the channels delayed by one frame, on the skip of the last block.
  static constexpr shift_options paper{16, direction::delay, 1, placement::skip};
  /// No shift: the CNN.
  static constexpr shift_options baseline{};

  /// @param weights  F32, F64, F16 or BF16, read as T and copied; number of blocks, D, hidden size, taps and classes are
  ///                 read off the tensors
  /// @throws shape_error  a tensor is missing, has another shape or type, has a number that T cannot hold, or is not part
  ///                      of the model; options out of range
  explicit shift_cnn(weights::state_dict const& weights, shift_options const& options = paper) {
    weights::state_reader<T> reader("shift_cnn", weights);
    channels_ = reader.dimension("head.weight", 1);
    shift_ = placed_plan(options, channels_);
    std::vector<conv_block<T>> blocks;
    do {
      blocks.emplace_back(reader, "conv_block." + std::to_string(blocks.size()) + ".sequential", channels_);
    } while (reader.has("conv_block." + std::to_string(blocks.size()) + ".sequential.0.weight"));
    blocks_ = weights::shared_list<conv_block<T>>(std::move(blocks));
    norm_ = take_norm(reader, "norm", channels_);
    classifier_ = classifier<T>(reader, channels_);
    reader.ignore("specaugment.");
    reader.finish();
  }

  /// Number of channels D of x.
  index_t channels() const noexcept { return channels_; }
  /// Number of logits.
  index_t classes() const noexcept { return classifier_.classes(); }

  /// Elements of T that forward needs: two activations [N, T, D], and a few hundred rows.
  index_t workspace_size(shape const& x) const {
    return checked_sum("shift_cnn", {activations<T>::size("shift_cnn", x, channels_), blocks_[0].workspace_size(x),
                                     classifier_.workspace_size(x)});
  }

  /// @throws shape_error  x, y or workspace have other sizes; before the first write
  void forward(std::type_identity_t<tensor_view<T const>> const& x, tensor_view<T> const& y,
               std::span<T> workspace) const {
    check_model("shift_cnn", x, channels_, y, classes(), workspace, workspace_size(x.shape));
    activations<T> memory(workspace, x, channels_);
    tensor_view<T const> current = x;
    for (conv_block<T> const& block : blocks_) {
      placement const where = &block == &blocks_.back() ? shift_.where : placement::none;
      nn::residual(block, where, shift_.plan, current, memory.first, memory.rest);
      current = memory.first;
      memory.swap();
    }
    in_place(norm_, memory.second);
    classifier_.forward(current, y, memory.rest);
  }

 private:
  index_t channels_ = 0;
  placed_plan shift_;
  weights::shared_list<conv_block<T>> blocks_;
  nn::layer_norm<T> norm_;
  classifier<T> classifier_;
};

}}}}  // namespace tshift::models

#include <tshift/macros/back.hpp>
