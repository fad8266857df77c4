// SPDX-License-Identifier: MIT
// What a CRNN makes of a log-mel image for its LSTM, trained: convolutions, and a linear layer over a frame.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>

#include <tshift/nn/kernel/summary.hpp>
#include <tshift/train/activations.hpp>
#include <tshift/train/crnn_image.hpp>
#include <tshift/train/linear.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// The first half of models::crnn with its gradients: x [N, T, F, C] to y [N, frames(T), D], D being bands and channels
/// of the last convolution side by side, or what the frame layer makes of them. Sequences pass one by one. Keeps what
/// the convolutions keep and make, and what the frame layer makes before its activation.
template <class T>
class crnn_frames : public calls<crnn_frames<T>, T> {
 public:
  static constexpr char const* name = "crnn";  ///< in messages

  crnn_frames() = default;

  /// Registers conv.* and frame.*.
  /// @throws shape_error  a size or an option is out of range
  crnn_frames(parameter_table& table, crnn_sizes const& sizes, crnn_image_options const& options)
      : image_(table, sizes, options), bands_(image_.bands(sizes.bands)) {
    index_t const wide = detail::checked_product(name, {bands_, image_.outputs()});
    if (sizes.frame > 0) {
      frame_.emplace(table, "frame", wide, sizes.frame);
      f_ = {sizes.frame, options.f};
    }
  }

  /// Number of channels C of x.
  index_t inputs() const noexcept { return image_.inputs(); }
  /// Number of channels D of a frame.
  index_t outputs() const noexcept { return frame_ ? frame_->outputs() : bands_ * image_.outputs(); }
  /// Frames of y for so many of x.
  index_t frames(index_t time) const noexcept { return image_.frames(time); }
  /// y is frames: one place.
  index_t places(index_t) const noexcept { return 1; }
  /// One past the last element of its parameters.
  index_t parameters_end() const noexcept { return frame_ ? frame_->parameters_end() : image_.parameters_end(); }
  /// x is read as it lies. @throws shape_error  it is shifted, or has other bands
  void check_input(input<T> const& x) const {
    if (x.is_shifted()) detail::fail("crnn: x is shifted; a model has its own shift");
    index_t const space = x.shape().space;
    if (image_.bands(space) != bands_) {
      detail::fail("crnn: x has %td bands, which are pooled to %td, must be %td", space, image_.bands(space), bands_);
    }
  }

  /// Takes new values.
  void pack(std::span<T const> values) noexcept {
    image_.pack(values);
    if (frame_) frame_->pack(values);
  }

  /// What is listed above.
  index_t saved_size(shape const& x) const { return detail::checked_product(name, {x.batch, kept(x).size}); }

  /// Of one sequence.
  struct slices {
    T* image;   ///< [frames, bands, channels]: what the convolutions make, if it is not kept; its gradient
    T* before;  ///< [frames, D]: the gradient before the activation of the frame layer
  };

  /// Unchecked.
  slices layout(arena<T>& a, shape const& x) const {
    index_t const time = frames(x.time);
    T* const image = a.take({time, bands_, image_.outputs()});
    slices const s{image, a.take({frame_ ? time : 0, outputs()})};
    if (time > 0) a.lend(image_, shape{1, x.time, x.channels, x.space});
    if (frame_) a.lend(*frame_, shape{1, time, frame_->inputs()});
    return s;
  }

  /// Unchecked.
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T* saved, arena<T> a) const {
    slices const memory = layout(a, x.shape());
    places_kept const at = kept(x.shape());
    for (index_t n = 0; n < x.shape().batch; ++n, saved += at.size) {
      index_t const made = frames(x.base().length(n));
      kernel::clear_frames(y, n, made, y.shape.time);
      if (made == 0) continue;
      T* const image = frame_ ? saved + at.image : memory.image;
      image_.run(exec, image_of(x, n), {image, pixels(made), dense}, saved, a);
      tensor_view<T const> const rows(image, {1, made, bands_ * image_.outputs()});
      if (frame_) {
        tensor_view<T> const before(saved + at.before, {1, made, outputs()});
        frame_->run(exec, nn::as_it_is(rows), before, nullptr, a);
        f_.run(exec, nn::as_it_is<T>(before), {y.at(n, 0, 0), before.shape, y.strides}, nullptr, a);
      } else {
        for (index_t t = 0; t < made; ++t) std::copy_n(rows.at(0, t, 0), outputs(), y.at(n, t, 0));
      }
    }
  }

  /// Unchecked.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const* saved, shifted_view<T> const& dy,
                tensor_view<T> const& dx, std::span<T> gradients, arena<T> a) const {
    slices const memory = layout(a, x.shape());
    places_kept const at = kept(x.shape());
    for (index_t n = 0; n < x.shape().batch; ++n, saved += at.size) {
      index_t const length = x.base().length(n), made = length > 0 ? frames(length) : 0;
      if (dx.data != nullptr) kernel::clear_frames(dx, n, made > 0 ? length : 0, dx.shape.time);
      if (made == 0) continue;
      tensor_view<T> const above(frame_ ? memory.before : memory.image, {1, made, outputs()});
      kernel::sequence_frames<T> const of{dy, n, made};
      for (index_t t = 0; t < made; ++t) of.copy(t, 0, outputs(), above.at(0, t, 0));
      if (frame_) {
        tensor_view<T const> const before(saved + at.before, above.shape);
        tensor_view<T const> const rows(saved + at.image, {1, made, frame_->inputs()});
        f_.run_back(exec, nn::as_it_is(before), nullptr, nn::as_it_is<T>(above), above, gradients, a);  // in place
        frame_->run_back(exec, nn::as_it_is(rows), nullptr, nn::as_it_is<T>(above), {memory.image, rows.shape},
                         gradients, a);
      }
      tensor_view<T const> const dimage(memory.image, pixels(made), dense), from = image_of(x, n);
      tensor_view<T> to;
      if (dx.data != nullptr) to = {dx.at(n, 0, 0), from.shape, dx.strides};
      image_.run_back(exec, from, saved, dimage, to, gradients, a);
    }
  }

 private:
  static constexpr tshift::layout dense = tshift::layout::ntsc;

  shape pixels(index_t time) const noexcept { return {1, time, image_.outputs(), bands_}; }
  static tensor_view<T const> image_of(shifted_view<T> const& x, index_t n) {
    tensor_view<T const> const& v = x.base();
    return {v.at(n, 0, 0), {1, v.length(n), v.shape.channels, v.shape.space}, v.strides};
  }

  /// Where what is kept of a sequence begins, behind what the convolutions keep.
  struct places_kept {
    index_t image, before, size;
  };
  places_kept kept(shape const& x) const {
    index_t const time = frames(x.time);
    if (time == 0) return {0, 0, 0};
    places_kept p{};
    p.image = image_.saved_size({1, x.time, x.channels, x.space});
    p.before = p.image + (frame_ ? detail::checked_product(name, {time, frame_->inputs()}) : 0);
    p.size = p.before + (frame_ ? detail::checked_product(name, {time, outputs()}) : 0);
    return p;
  }

  crnn_image<T> image_;
  index_t bands_ = 0;
  std::optional<linear<T>> frame_;
  activate<T> f_;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
