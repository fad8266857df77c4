// SPDX-License-Identifier: MIT
// The vertical-patch ViT up to its feature, trained.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tshift/models/vertical_vit.hpp>
#include <tshift/train/pool.hpp>
#include <tshift/train/vertical_vit_block.hpp>
#include <tshift/train/vertical_vit_patches.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// Patches, a token in front, blocks and the last norm of models::vertical_vit with their gradients: x [N, W, H], y
/// [N, 1, D], the feature. An image without columns gives no gradient.
///
/// Keeps the tokens before each block and behind the last, and what the blocks and the patches keep; of a teacher's
/// stem what its convolutions make, 161 planes of the image. Images go through it some at a time.
template <class T>
class vertical_vit_trunk : public calls<vertical_vit_trunk<T>, T> {
 public:
  static constexpr char const* name = "vertical_vit";  ///< in messages

  vertical_vit_trunk() = default;

  /// Registers its parameters by the names of the authors' checkpoints.
  /// @throws shape_error  a size is out of range, patches do not cut the image, options mean no plan
  vertical_vit_trunk(parameter_table& table, vertical_vit_sizes const& sizes, vertical_vit_options const& options)
      : rows_(sizes.rows), mean_(options.mean), token_(table.add("cls_token", {1, 1, sizes.width})),
        patches_(table, sizes, options.patch_width, options.patch_height, options.coordinates), pool_(sizes.width),
        values_(static_cast<std::size_t>(sizes.width)) {
    nn::placed_plan const shift(options.shift, sizes.width);
    if (shift.where != placement::none && options.patch_height != 0) {
      detail::fail("vertical_vit: a shift of patches of %td rows, must be of whole columns", options.patch_height);
    }
    norm_ = {table, "transformer.norm", sizes.width};
    for (index_t i = 0; i < sizes.layers; ++i) {
      blocks_.emplace_back(table, "transformer.layers." + std::to_string(i), sizes, options.heads, shift);
    }
  }

  /// Rows H of the image.
  index_t inputs() const noexcept { return rows_; }
  /// Number of channels D of the feature.
  index_t outputs() const noexcept { return norm_.channels(); }
  /// Whether it is a teacher.
  bool is_teacher() const noexcept { return patches_.is_teacher(); }
  /// One past the last element of its parameters.
  index_t parameters_end() const noexcept {
    return blocks_.empty() ? norm_.parameters_end() : blocks_.back().parameters_end();
  }
  /// One frame for each image.
  index_t frames(index_t) const noexcept { return 1; }
  /// x is read as it lies. @throws shape_error  it is shifted, or an image is none that the model reads
  void check_input(input<T> const& x) const {
    if (x.is_shifted()) detail::fail("vertical_vit: x is shifted; a model has its own shift");
    for (index_t n = 0; n < x.shape().batch; ++n) {
      models::check_vit_image(n, x.base().length(n), rows_, patches_.columns(), is_teacher());
    }
  }

  /// Takes new values.
  void pack(std::span<T const> values) noexcept {
    std::copy_n(token_.in(values), token_.size, values_.data());
    patches_.pack(values);
    for (auto& block : blocks_) block.pack(values);
    norm_.pack(values);
  }

  /// What is listed above.
  index_t saved_size(shape const& x) const {
    return detail::checked_product(name, {x.batch, kept({1, x.time, x.channels}, 1).size});
  }

  /// For some images at a time.
  struct slices {
    T* above;    ///< [images, tokens, D]: the gradient of what a block makes; forward: what the last norm makes
    T* below;    ///< that of what it reads
    T* feature;  ///< [images, D]: the gradient of the feature
  };

  /// Unchecked.
  slices layout(arena<T>& a, shape const& x) const {
    shape const some = tokens_of(x, x.batch < together ? x.batch : together);
    T *const above = a.take({some.batch, some.time, outputs()}), *const below =
                                                                     a.take({some.batch, some.time, outputs()});
    slices const s{above, below, a.take({some.batch, outputs()})};
    if (x.size() > 0) a.lend(patches_, shape{1, x.time, x.channels});
    for (auto const& block : blocks_) a.lend(block, some);
    a.lend(norm_, some);
    return s;
  }

  /// Unchecked.
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T* saved, arena<T> a) const {
    slices const memory = layout(a, x.shape());
    index_t lengths[static_cast<std::size_t>(together)];
    for (index_t begin = 0; begin < x.shape().batch; begin += together) {
      index_t const rest = x.shape().batch - begin, count = rest < together ? rest : together;
      shape const all = tokens_of(x.shape(), count);
      places const at = kept(x.shape(), count);
      T* const own = saved + begin * (at.size / count);
      for (index_t i = 0; i < count; ++i) {
        tensor_view<T const> const one = image_of(x.base(), begin + i);
        lengths[i] = 1 + patches_.count(one.shape.time, rows_);
        tensor_view<T> const stream(own + i * all.time * all.channels, {1, all.time, all.channels});
        std::copy_n(values_.data(), outputs(), stream.data);
        std::fill(stream.at(0, lengths[i], 0), stream.data + stream.size(), T(0));
        if (lengths[i] == 1) continue;
        tensor_view<T> const to(stream.at(0, 1, 0), {1, lengths[i] - 1, all.channels});
        patches_.run(exec, one, to, own + at.patches + i * at.of_patches, a);
      }
      std::span<index_t const> const valid(lengths, static_cast<std::size_t>(count));
      for (std::size_t k = 0; k < blocks_.size(); ++k) {
        tensor_view<T const> const from = stream_of(own, all, k, valid);
        tensor_view<T> const to(own + static_cast<index_t>(k + 1) * all.size(), all, tshift::layout::ntc, valid);
        blocks_[k].run(exec, nn::as_it_is(from), to, own + at.blocks + static_cast<index_t>(k) * at.of_block, a);
      }
      tensor_view<T const> last = stream_of(own, all, blocks_.size(), valid);
      tensor_view<T> const made = y.slice_sequences(begin, count);
      if (mean_) {
        tensor_view<T> const normed(memory.above, all, tshift::layout::ntc, valid);
        norm_.run(exec, nn::as_it_is(last), normed, own + at.norm, a);
        pool_.run(exec, nn::as_it_is<T>(normed), made, nullptr, a);
      } else {
        norm_.run(exec, nn::as_it_is(first_of(last, {})), made, own + at.norm, a);
      }
    }
  }

  /// Unchecked.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const* saved, shifted_view<T> const& dy,
                tensor_view<T> const& dx, std::span<T> gradients, arena<T> a) const {
    slices const memory = layout(a, x.shape());
    index_t lengths[static_cast<std::size_t>(together)], there[static_cast<std::size_t>(together)];
    for (index_t begin = 0; begin < x.shape().batch; begin += together) {
      index_t const rest = x.shape().batch - begin, count = rest < together ? rest : together;
      shape const all = tokens_of(x.shape(), count);
      places const at = kept(x.shape(), count);
      T const* const own = saved + begin * (at.size / count);
      for (index_t i = 0; i < count; ++i) {  // an image without columns is none
        index_t const columns = x.base().length(begin + i);
        there[i] = columns > 0 ? 1 : 0;
        lengths[i] = columns > 0 ? 1 + patches_.count(columns, rows_) : 0;
        for (index_t c = 0; c < outputs() && columns > 0; ++c) memory.feature[i * outputs() + c] = dy(begin + i, 0, c);
      }
      std::span<index_t const> const valid(lengths, static_cast<std::size_t>(count));
      tensor_view<T> above(memory.above, all, tshift::layout::ntc, valid);
      tensor_view<T> below(memory.below, all, tshift::layout::ntc, valid);
      tensor_view<T const> const last = stream_of(own, all, blocks_.size(), valid);
      tensor_view<T const> const df(memory.feature, {count, 1, outputs()});
      if (mean_) {
        pool_.run_back(exec, nn::as_it_is(last), nullptr, nn::as_it_is(df), below, gradients, a);
        norm_.run_back(exec, nn::as_it_is(last), own + at.norm, nn::as_it_is<T>(below), above, gradients, a);
      } else {
        std::span<index_t const> const whole(there, static_cast<std::size_t>(count));
        std::fill(above.data, above.data + above.size(), T(0));
        norm_.run_back(exec, nn::as_it_is(first_of(last, whole)), own + at.norm, nn::as_it_is(df),
                       first_of(above, whole), gradients, a);
      }
      for (std::size_t k = blocks_.size(); k-- > 0;) {
        T const* const kept = own + at.blocks + static_cast<index_t>(k) * at.of_block;
        blocks_[k].run_back(exec, nn::as_it_is(stream_of(own, all, k, valid)), kept, nn::as_it_is<T>(above), below,
                            gradients, a);
        std::swap(above, below);
      }
      for (index_t i = 0; i < count; ++i) {
        index_t const n = begin + i, columns = x.base().length(n);
        if (dx.data != nullptr) kernel::clear_frames(dx, n, columns, x.shape().time);
        if (columns == 0) continue;
        T* const token = token_.in(gradients);
        for (index_t c = 0; c < outputs(); ++c) token[c] += above(i, 0, c);
        tensor_view<T const> const from(above.at(i, 1, 0), {1, lengths[i] - 1, outputs()});
        tensor_view<T> to;
        if (dx.data != nullptr) to = {dx.at(n, 0, 0), {1, columns, rows_}, dx.strides};
        patches_.run_back(exec, image_of(x.base(), n), own + at.patches + i * at.of_patches, from, to, gradients, a);
      }
    }
  }

 private:
  /// Images whose tokens are computed together.
  static constexpr index_t together = 32;

  shape tokens_of(shape const& x, index_t images) const {
    (void)detail::checked_product(name, {images, x.time, x.channels});
    return {images, 1 + patches_.count(x.time, rows_), outputs()};
  }
  static tensor_view<T const> image_of(tensor_view<T const> const& x, index_t n) {
    return {x.at(n, 0, 0), {1, x.length(n), x.shape.channels}, x.strides};
  }
  /// Tokens before block k.
  static tensor_view<T const> stream_of(T const* own, shape const& all, std::size_t k,
                                        std::span<index_t const> lengths) {
    return {own + static_cast<index_t>(k) * all.size(), all, tshift::layout::ntc, lengths};
  }
  /// Token 0 of each image.
  template <class Element>
  static tensor_view<Element> first_of(tensor_view<Element> of, std::span<index_t const> lengths) noexcept {
    of.shape.time = 1;
    of.lengths = lengths;
    return of;
  }

  /// Where what is kept of some images begins, behind their tokens.
  struct places {
    index_t blocks, of_block, norm, patches, of_patches, size;
  };
  places kept(shape const& x, index_t images) const {
    auto const count = static_cast<index_t>(blocks_.size());
    shape const all = tokens_of(x, images);
    places p{};
    p.blocks = detail::checked_product(name, {count + 1, all.batch, all.time, all.channels});
    p.of_block = count > 0 ? blocks_[0].saved_size(all) : 0;
    p.norm = p.blocks + count * p.of_block;
    p.patches = p.norm + norm_.saved_size(mean_ ? all : shape{images, 1, all.channels});
    p.of_patches = x.time > 0 ? patches_.saved_size({1, x.time, x.channels}) : 0;
    p.size = p.patches + images * p.of_patches;
    return p;
  }

  index_t rows_ = 0;
  bool mean_ = false;
  place token_;
  vertical_vit_patches<T> patches_;
  mean_pool<T> pool_;
  std::vector<T> values_;  // of the token
  std::vector<vertical_vit_block<T>> blocks_;
  layer_norm<T> norm_;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
