// SPDX-License-Identifier: MIT
// ShiftCNN and CNN, trained.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tshift/nn/residual.hpp>
#include <tshift/train/classifier.hpp>
#include <tshift/train/conv_block.hpp>
#include <tshift/train/residual.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// Sizes of a ShiftCNN. Source of the defaults: Shen et al., ICASSP 2023.
struct shift_cnn_sizes {
  index_t channels = 768;  ///< D
  index_t hidden = 3072;   ///< of a block's perceptron
  index_t taps = 7;        ///< of its depthwise convolution, odd
  index_t blocks = 2;      ///< of them
  index_t classes = 4;     ///< logits
};

/// models::shift_cnn with its gradients: x [N, T, D], y [N, 1, classes]. Parameters by the names of ShiftSER's checkpoints.
/// Keeps for each block its output and what conv_block keeps.
template <class T>
class shift_cnn : public calls<shift_cnn<T>, T> {
 public:
  static constexpr char const* name = "shift_cnn";  ///< in messages

  /// Registers its parameters.
  /// @param options  of the shift in the last block; models::shift_cnn<T>::paper is the paper's
  /// @throws shape_error  a size is negative or zero blocks, taps are even, options mean no plan
  shift_cnn(parameter_table& table, shift_cnn_sizes const& sizes, model_shift const& options)
      : channels_(sizes.channels), shift_(options, sizes.channels) {
    if (sizes.blocks < 1) detail::fail("shift_cnn: %td blocks, must be >= 1", sizes.blocks);
    for (index_t i = 0; i < sizes.blocks; ++i) {
      std::string const block = "conv_block." + std::to_string(i) + ".sequential";
      blocks_.emplace_back(table, block, sizes.channels, sizes.taps, sizes.hidden);
    }
    norm_ = {table, "norm", sizes.channels};
    classifier_ = {table, sizes.channels, sizes.classes};
  }

  /// Number of channels of x.
  index_t inputs() const noexcept { return channels_; }
  /// Number of logits.
  index_t outputs() const noexcept { return classifier_.outputs(); }
  /// One past the last element of its parameters.
  index_t parameters_end() const noexcept { return classifier_.parameters_end(); }
  /// One frame for each sequence.
  index_t frames(index_t) const noexcept { return 1; }
  /// x is read as it lies. @throws shape_error  it is shifted
  void check_input(input<T> const& x) const {
    if (x.is_shifted()) detail::fail("shift_cnn: x is shifted; a model has its own shift");
  }

  /// Takes new values.
  void pack(std::span<T const> values) noexcept {
    for (auto& block : blocks_) block.pack(values);
    norm_.pack(values);
    classifier_.pack(values);
  }

  /// For each block its output and what it keeps; what norm and classifier keep.
  index_t saved_size(shape const& x) const {
    return block_size(x) * static_cast<index_t>(blocks_.size()) + norm_.saved_size(x) + classifier_.saved_size(x);
  }

  /// [N, T, D].
  struct slices {
    T* normed;  ///< the norm's output or its gradient
    T* above;   ///< gradient of a block's output
    T* below;   ///< that of its input
  };

  /// Unchecked.
  slices layout(arena<T>& a, shape const& x) const {
    slices const s{a.take({x.batch, x.time, x.channels}), a.take({x.batch, x.time, x.channels}),
                   a.take({x.batch, x.time, x.channels})};
    a.lend([this, &x](arena<T>& in) {
      residual_rooms<T>(in, shift_.where, shift_.plan, x);
      in.lend(blocks_[0], x);
    });
    a.lend(norm_, x);
    a.lend(classifier_, x);
    return s;
  }

  /// Unchecked.
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T* saved, arena<T> a) const {
    slices const memory = layout(a, x.shape());
    index_t const each = block_size(x.shape());
    tensor_view<T const> current = x.base();
    for (auto const& block : blocks_) {
      tensor_view<T> const out = like(x, saved);
      run_residual(exec, block, where(block), shift_.plan, current, out, saved + x.shape().size(), a);
      current = out;
      saved += each;
    }
    tensor_view<T> const normed = like(x, memory.normed);
    norm_.run(exec, nn::as_it_is<T>(current), normed, saved, a);
    classifier_.run(exec, nn::as_it_is<T>(normed), y, saved + norm_.saved_size(x.shape()), a);
  }

  /// Unchecked.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const* saved, shifted_view<T> const& dy,
                tensor_view<T> const& dx, std::span<T> gradients, arena<T> a) const {
    slices const memory = layout(a, x.shape());
    index_t const each = block_size(x.shape()), count = static_cast<index_t>(blocks_.size());
    auto const output = [&x, saved, each](index_t i) { return like(x, saved + i * each); };
    T const* const of_norm = saved + count * each;
    tensor_view<T> const dn = like(x, memory.normed);
    tensor_view<T> above = like(x, memory.above), below = like(x, memory.below);
    // Of its input the classifier needs the shape and the lengths.
    classifier_.run_back(exec, nn::as_it_is<T>(output(count - 1)), of_norm + norm_.saved_size(x.shape()), dy, dn,
                         gradients, a);
    norm_.run_back(exec, nn::as_it_is<T>(output(count - 1)), of_norm, nn::as_it_is<T>(dn), above, gradients, a);
    for (index_t i = count; i-- > 0;) {
      auto const& block = blocks_[static_cast<std::size_t>(i)];
      tensor_view<T> const to = i > 0 ? below : dx;
      run_residual_back(exec, block, where(block), shift_.plan, i > 0 ? output(i - 1) : x.base(),
                        saved + i * each + x.shape().size(), tensor_view<T const>(above), to, gradients, a);
      std::swap(above, below);
    }
  }

 private:
  placement where(conv_block<T> const& block) const noexcept {
    return &block == &blocks_.back() ? shift_.where : placement::none;
  }
  index_t block_size(shape const& x) const {
    return detail::checked_product(name, {x.batch, x.time, channels_}) + blocks_[0].saved_size(x);
  }

  index_t channels_ = 0;
  nn::placed_plan shift_;
  std::vector<conv_block<T>> blocks_;
  layer_norm<T> norm_;
  classifier<T> classifier_;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
