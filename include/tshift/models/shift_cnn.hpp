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
#include <tshift/nn/chain.hpp>
#include <tshift/nn/depthwise_conv1d.hpp>
#include <tshift/nn/mlp.hpp>
#include <tshift/nn/stream_checks.hpp>
#include <tshift/weights/shared_list.hpp>
#include <tshift/weights/state_dict.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace models {

/// f(x) = W2 gelu(W1 norm(depthwise_conv1d(x)))   (+ skip), fused: a few rows at a time go through all of it.
template <class T>
using conv_block = nn::chain<nn::depthwise_conv1d<T>, nn::layer_norm<T>, nn::mlp<T>>;

/// Takes `name`.0 (the depthwise convolution), .2 (the norm), .4 and .6 (the pointwise convolutions).
template <class T>
conv_block<T> take_conv_block(weights::state_reader<T>& weights, std::string const& name, index_t channels) {
  index_t const taps = weights.dimension(name + ".0.weight", 2);
  index_t const hidden = weights.dimension(name + ".4.weight", 0);
  auto const filter = weights.take(name + ".0.weight", {channels, 1, taps});
  nn::depthwise_conv1d<T> conv(channels, taps, filter, weights.take(name + ".0.bias", {channels}));
  nn::layer_norm<T> norm = take_norm(weights, name + ".2", channels);
  auto const up = weights.take(name + ".4.weight", {hidden, channels, 1});
  nn::linear<T> first(channels, hidden, up, weights.take(name + ".4.bias", {hidden}));
  auto const down = weights.take(name + ".6.weight", {channels, hidden, 1});
  nn::linear<T> second(hidden, channels, down, weights.take(name + ".6.bias", {channels}));
  return conv_block<T>(std::move(conv), std::move(norm), nn::mlp<T>(std::move(first), std::move(second)));
}

/// x = x + f(x) for all blocks but the last; the last with a shift at its placement; then norm, mean over time, linear.
///
/// x [N, T, D], y [N, 1, classes]. Lengths of x are honoured; as_released(x) computes as the released code does.
/// Accuracy: within 1e-5 of PyTorch (relative L2, float). One object serves many threads, each with its workspace.
/// Source: Shen et al., ICASSP 2023 (ShiftSER); names of the weights as in its checkpoints.
template <class T>
class shift_cnn : public nn::calls<shift_cnn<T>, T, tensor_view<T const>> {
 public:
  static constexpr char const* name = "shift_cnn";  ///< in messages

  /// The paper's: 1/16 of the channels delayed by one frame, on the skip of the last block.
  static constexpr model_shift paper{16, direction::delay, 1, placement::skip};
  /// No shift: the CNN.
  static constexpr model_shift baseline{};

  /// @param weights  F32, F64, F16 or BF16, read as T and copied; number of blocks, D, hidden size, taps and classes are
  ///                 read off the tensors
  /// @throws shape_error  a tensor is missing, has another shape or type, has a number that T cannot hold, or is not part
  ///                      of the model; options out of range
  explicit shift_cnn(weights::state_dict const& weights, model_shift const& options = paper) {
    weights::state_reader<T> reader("shift_cnn", weights);
    channels_ = reader.dimension("head.weight", 1);
    shift_ = nn::placed_plan(options, channels_);
    std::vector<conv_block<T>> blocks;
    do {
      std::string const block = "conv_block." + std::to_string(blocks.size()) + ".sequential";
      blocks.push_back(take_conv_block(reader, block, channels_));
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

  /// Two activations [N, T, D], and what a block needs. Unchecked.
  T* layout(nn::arena<T>& a, shape const& x) const {
    T* const memory = a.take({2, x.batch, x.time, channels_});
    for (conv_block<T> const& block : blocks_) a.lend(block, x);
    a.lend(classifier_, x);
    return memory;
  }

  /// Refuses what does not fit.
  void check(tensor_view<T const> const& x, tensor_view<T> const& y) const {
    nn::check_call(name, x, channels_, y, 1, classes());
  }

  /// Unchecked.
  template <class Executor>
  void compute(Executor& exec, tensor_view<T const> const& x, tensor_view<T> const& y, nn::arena<T> a) const {
    activations<T> memory(layout(a, x.shape), x);
    tensor_view<T const> current = x;
    for (conv_block<T> const& block : blocks_) {
      nn::residual(exec, block, where(block), shift_.plan, current, memory.first, a);
      current = memory.first;
      memory.swap();
    }
    norm_.compute(exec, nn::as_it_is<T>(current), memory.second, a);
    classifier_.compute(exec, current, y, a);
  }

  /// Frames that streamed<shift_cnn> waits for: half a filter for each block, and what the shift in the last looks ahead.
  static constexpr index_t stream_latency(index_t blocks, index_t taps, shift_plan const& plan, placement where) {
    return (blocks - 1) * (taps / 2) + nn::residual_reach(where, taps / 2, plan.latency());
  }

  /// Blocks as steps of a stream, the norm with the last.
  /// @throws shape_error  the shift is circular
  std::vector<nn::stream_step> stream_steps() const {
    detail::check_streams(name, shift_.plan, shift_.where);
    std::vector<nn::stream_step> steps;
    for (conv_block<T> const& block : blocks_) {
      index_t const before = nn::residual_reach(where(block), block.history(), shift_.plan.history());
      index_t const after = nn::residual_reach(where(block), block.latency(), shift_.plan.latency());
      steps.push_back({channels_, channels_, nn::window_of(before, after)});
    }
    return steps;
  }
  /// Unchecked.
  void layout_steps(nn::arena<T>& a, shape const& x) const {
    for (conv_block<T> const& block : blocks_) a.lend(block, x);
  }
  /// Unchecked: some frames of a step.
  template <class Executor>
  void make_frames(Executor& exec, index_t step, nn::stream_frames<T> const& in, tensor_view<T> const& y,
                   nn::arena<T> a) const {
    conv_block<T> const& block = blocks_[static_cast<std::size_t>(step)];
    nn::residual(exec, block, where(block), shift_.plan, in.x, y, a, in.from);
    if (&block == &blocks_.back()) norm_.compute(exec, nn::as_it_is<T>(y), y, a);
  }
  /// Unchecked: logits of the mean of such frames.
  template <class Executor>
  void answer(Executor& exec, tensor_view<T const> const& mean, tensor_view<T> const& y, nn::arena<T> a) const {
    classifier_.answer(exec, mean, y, a);
  }

 private:
  /// The shift stands in the last block.
  placement where(conv_block<T> const& block) const noexcept {
    return &block == &blocks_.back() ? shift_.where : placement::none;
  }

  index_t channels_ = 0;
  nn::placed_plan shift_;
  weights::shared_list<conv_block<T>> blocks_;
  nn::layer_norm<T> norm_;
  classifier<T> classifier_;
};

}}}}  // namespace tshift::models

#include <tshift/macros/back.hpp>
