// SPDX-License-Identifier: MIT
// The vision transformer on vertical patches of a log-mel image: a student, whose tokens are columns of the image, and
// a teacher, which sees it through convolutions and knows where a pixel stands.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tshift/models/vertical_vit_block.hpp>
#include <tshift/models/vertical_vit_patches.hpp>
#include <tshift/weights/shared_list.hpp>
#include <tshift/weights/state_dict.hpp>

namespace tshift { inline namespace TSHIFT_V {

/// What is no tensor of a vertical-patch ViT.
struct vertical_vit_options {
  index_t heads = 0;         ///< 0: one without to_out, else as many as have 64 channels each
  index_t patch_width = 1;   ///< columns of a patch
  index_t patch_height = 0;  ///< rows of a patch; 0: all
  bool mean = false;         ///< the feature is the mean of all tokens
  pixel_coordinates coordinates = pixel_coordinates::as_released;  ///< of a teacher
  model_shift shift = {};  ///< of the tokens along time, in each block; n_div 0: none
};

}}  // namespace tshift

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace models {

/// Refuses an image that patches do not cut, or of which a teacher has no coordinates.
/// @param n        its number
/// @param columns  of it, W
/// @param rows     of it, H
/// @param wide     columns of a patch
inline void check_vit_image(index_t n, index_t columns, index_t rows, index_t wide, bool teacher) {
  if (columns % wide != 0) {
    detail::fail("vertical_vit: image %td has %td columns, must be a multiple of the patches' %td", n, columns, wide);
  }
  if (teacher && (columns == 1 || (columns > 0 && rows == 1))) {
    detail::fail("vertical_vit: image %td is %td x %td, a teacher's must be 2 x 2 or larger", n, columns, rows);
  }
}

/// Patches of an image, norm, linear, norm, a token in front of them, blocks of attention and perceptron, a norm:
///
///   feature = norm(token 0), or the mean of norm(all tokens);   y = head(feature)
///
/// x [N, W, H]: W columns of the image, in time, each its H rows from the highest band down. y [N, 1, classes], feature
/// [N, 1, D]. A teacher has conv_stem.* and reads the stem's result and two planes of coordinates in place of the
/// image. A student knows no positions: any W, and its result does not change where columns change places;
/// options.shift is a temporal shift of its tokens. Lengths of x, in columns, are honoured.
/// Accuracy: within 1e-5 of PyTorch (relative L2, float). One object serves many threads, each with its workspace.
/// Source: Kim and Lee 2024; names of the weights as in their checkpoints, also behind "model_state_dict." or another
/// prefix, whose other tensors are left alone.
template <class T>
class vertical_vit : public nn::calls<vertical_vit<T>, T, tensor_view<T const>> {
 public:
  static constexpr char const* name = "vertical_vit";  ///< in messages

  /// @param weights  F32, F64, F16 or BF16, read as T and copied. With conv_stem.* it is a teacher; D, number of
  ///                 blocks, hidden size and classes are read off the tensors, and H where a patch has all rows
  /// @throws shape_error  a tensor is missing, has another shape or type, has a number that T cannot hold, or is not
  ///                      part of the model; options out of range
  explicit vertical_vit(weights::state_dict const& weights, vertical_vit_options const& options = {})
      : options_(options) {
    weights::state_reader<T> reader(name, weights, weights::prefix_of(name, weights, "cls_token"));
    width_ = reader.dimension("cls_token", 2);
    token_ = weights::array_of(reader.take("cls_token", {1, 1, width_}));
    patches_ = vertical_vit_patches<T>(reader, width_, options.patch_width, options.patch_height, options.coordinates);
    std::vector<vertical_vit_block<T>> blocks;
    auto const prefix = [&blocks] { return "transformer.layers." + std::to_string(blocks.size()); };
    while (reader.has(prefix() + ".0.to_qkv.weight")) blocks.emplace_back(reader, prefix(), width_, options.heads);
    blocks_ = weights::shared_list<vertical_vit_block<T>>(std::move(blocks));
    shift_ = nn::placed_plan(options.shift, width_);
    if (shift_.where != placement::none && options.patch_height != 0) {
      detail::fail("vertical_vit: a shift of patches of %td rows, must be of whole columns", options.patch_height);
    }
    norm_ = take_norm(reader, "transformer.norm", width_);
    head_ = take_linear(reader, "mlp_head", width_, reader.dimension("mlp_head.weight", 0));
    reader.finish();
  }

  /// Rows H of the image; -1: any multiple of patch_height.
  index_t channels() const noexcept { return options_.patch_height == 0 ? patches_.rows() : -1; }
  /// Number of channels D of a token, and of the feature.
  index_t features() const noexcept { return width_; }
  /// Number of logits.
  index_t classes() const noexcept { return head_.outputs(); }
  /// Whether it is a teacher.
  bool is_teacher() const noexcept { return patches_.is_teacher(); }
  /// Number of heads of a block, 0 without blocks.
  index_t heads() const noexcept { return blocks_.empty() ? 0 : blocks_[0].heads(); }
  /// Number of blocks.
  index_t depth() const noexcept { return static_cast<index_t>(blocks_.size()); }

  /// What a call needs, for some sequences at a time.
  struct slices {
    T* tokens;    ///< [sequences, 1 + patches, D]
    T* features;  ///< [sequences, D]
  };

  /// Unchecked.
  slices layout(nn::arena<T>& a, shape const& x) const {
    (void)detail::checked_product(name, {x.batch, x.time, x.channels});
    index_t const some = x.batch < together ? x.batch : together, count = tokens(x.time, x.channels);
    T* const first = a.take({some, count, width_});
    slices const s{first, a.take({some, width_})};
    a.lend(patches_, x);
    for (vertical_vit_block<T> const& each : blocks_) a.lend(each, shape{some, count, width_});
    return s;
  }

  /// Refuses what does not fit.
  void check(tensor_view<T const> const& x, tensor_view<T> const& y) const {
    index_t const H = x.shape.channels, wide = options_.patch_width;
    if (channels() < 0 && H % patches_.rows() != 0) {
      detail::fail("vertical_vit: x has %td rows, must be a multiple of the patches' %td", H, patches_.rows());
    }
    nn::check_call(name, x, channels() < 0 ? H : channels(), y, 1, classes());
    for (index_t n = 0; n < x.shape.batch; ++n) {
      check_vit_image(n, x.length(n), H, wide, is_teacher());
    }
  }

  /// Unchecked.
  template <class Executor>
  void compute(Executor& exec, tensor_view<T const> const& x, tensor_view<T> const& y, nn::arena<T> a) const {
    compute_both(exec, x, nullptr, y, a);
  }

  /// y = head(feature), and the feature itself, which a student learns from its teacher.
  /// @param feature  [N, 1, D], apart from the other arguments
  /// @throws shape_error  as forward
  void forward_both(tensor_view<T const> const& x, tensor_view<T> const& feature, tensor_view<T> const& y,
                    std::span<T> workspace) const {
    detail::run_here exec;
    forward_both(exec, x, feature, y, workspace);
  }

  /// The same, the work shared out by an executor.
  template <executor Executor>
  void forward_both(Executor&& exec, tensor_view<T const> const& x, tensor_view<T> const& feature,
                    tensor_view<T> const& y, std::span<T> workspace) const {
    check(x, y);
    detail::extent const to = detail::check_rows(name, "feature", feature, width_);
    if (to.dims.batch != x.shape.batch || to.dims.time != 1) {
      detail::fail("vertical_vit: feature is [%td, %td], must be [%td, 1]", to.dims.batch, to.dims.time, x.shape.batch);
    }
    detail::check_writable(name, to);
    detail::check_apart(name, detail::extent_of("x", x, 0), to);
    detail::check_apart(name, to, detail::extent_of("y", y, 0));
    detail::check_workspace(name, workspace, this->workspace_size(x.shape), {"x", "feature", "y"}, x, feature, y);
    if (y.size() > 0 || feature.size() > 0) compute_both(exec, x, &feature, y, nn::arena<T>(name, workspace));
  }

 private:
  /// Images whose tokens are computed together.
  static constexpr index_t together = 32;

  index_t tokens(index_t columns, index_t rows) const noexcept { return 1 + patches_.count(columns, rows); }

  /// @param feature  null: not asked for
  template <class Executor>
  void compute_both(Executor& exec, tensor_view<T const> const& x, tensor_view<T> const* feature,
                    tensor_view<T> const& y, nn::arena<T> a) const {
    slices const memory = layout(a, x.shape);
    index_t const N = x.shape.batch, some = N < together ? N : together;
    index_t lengths[static_cast<std::size_t>(together)];
    for (index_t begin = 0; begin < N; begin += some) {
      index_t const count = N - begin < some ? N - begin : some;
      shape const all{count, tokens(x.shape.time, x.shape.channels), width_};
      std::span<index_t const> const valid(lengths, static_cast<std::size_t>(count));
      tensor_view<T> const stream(memory.tokens, all, tshift::layout::ntc, valid);
      for (index_t i = 0; i < count; ++i) {
        index_t const columns = x.length(begin + i);
        lengths[i] = tokens(columns, x.shape.channels);
        tensor_view<T const> const one(x.at(begin + i, 0, 0), {1, columns, x.shape.channels}, x.strides);
        make_tokens(exec, one, stream, i, a);
      }
      for (vertical_vit_block<T> const& each : blocks_) {
        bool const token_alone = !options_.mean && &each == &blocks_.back();
        each.compute(exec, stream, token_alone ? 1 : all.time, shift_, a);
      }
      tensor_view<T> const made(memory.features, {count, 1, width_});
      if (options_.mean) {
        norm_.compute(exec, nn::as_it_is<T>(stream), stream, a);
        nn::pool_rows(exec, nn::as_it_is<T>(stream), made);
      } else {
        tensor_view<T const> first = stream;
        first.shape.time = 1;
        first.lengths = {};
        norm_.compute(exec, nn::as_it_is(first), made, a);
      }
      head_.compute(exec, nn::as_it_is<T>(made), y.slice_sequences(begin, count), a);
      for (index_t i = 0; i < count && feature != nullptr; ++i) {
        std::copy_n(made.at(i, 0, 0), width_, feature->at(begin + i, 0, 0));
      }
    }
  }

  /// Sequence i of the stream: token 0 and those of one image; zeros behind them.
  template <class Executor>
  void make_tokens(Executor& exec, tensor_view<T const> const& x, tensor_view<T> const& stream, index_t i,
                   nn::arena<T> a) const {
    index_t const count = stream.length(i);
    std::copy_n(token_.data(), width_, stream.at(i, 0, 0));
    std::fill(stream.at(i, count, 0), stream.at(i, 0, 0) + stream.shape.time * width_, T(0));
    if (count < 2) return;
    patches_.compute(exec, x, {stream.at(i, 1, 0), {1, count - 1, width_}}, a);
  }

  vertical_vit_options options_;
  index_t width_ = 0;  // D
  weights::shared_array<T> token_;
  vertical_vit_patches<T> patches_;
  nn::placed_plan shift_;
  weights::shared_list<vertical_vit_block<T>> blocks_;
  nn::layer_norm<T> norm_;
  nn::linear<T> head_;
};

}}}}  // namespace tshift::models

#include <tshift/macros/back.hpp>
