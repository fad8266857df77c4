// SPDX-License-Identifier: MIT
// The convolutions of a CRNN, trained: several widths side by side, a pool, and a body, over one image at a time.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tshift/models/crnn_image.hpp>
#include <tshift/shift_adjoint.hpp>
#include <tshift/train/branches.hpp>
#include <tshift/train/conv2d.hpp>
#include <tshift/train/pool2d.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// Sizes of a CRNN. The defaults are those of crnn_options' sources: widths from Aldeneh and Provost 2017 made odd, the
/// rest from Chen 2018.
struct crnn_sizes {
  index_t channels = 3;                                   ///< C of x: 1, or 3 with the deltas
  index_t bands = 40;                                     ///< F of x
  std::vector<index_t> widths = {5, 9, 17, 33};           ///< frames of the first convolutions' filters
  index_t width_bands = 3;                                ///< and their bands
  std::vector<index_t> filters = {32, 32, 32, 32};        ///< channels that each makes
  std::vector<index_t> body = {256, 256, 256, 256, 256};  ///< channels of the body's convolutions
  std::vector<index_t> body_frames = {5, 5, 5, 5, 5};     ///< frames of their filters
  std::vector<index_t> body_bands = {3, 3, 3, 3, 3};      ///< and bands
  index_t frame = 768;                                    ///< of the linear layer over a frame; 0: there is none
  index_t hidden = 128;                                   ///< of each direction of the LSTM
  bool both_ways = true;                                  ///< two directions
  index_t attention = 0;                                  ///< width of its network; 0: there is none
  index_t head = 64;                                      ///< channels between the last two layers
  index_t classes = 4;                                    ///< logits
};

/// models::crnn_image with its gradients: x [1, T, F, C] to [1, frames(T), bands(F), channels of the last convolution].
/// Keeps what the convolutions make before and behind their activation, and where the pool's largest pixels are.
template <class T>
class crnn_image {
 public:
  static constexpr char const* name = "crnn";  ///< in messages

  crnn_image() = default;

  /// Registers conv.0.J.weight and .bias for width J, conv.I.weight and .bias for the body.
  /// @throws shape_error  lists of sizes that are not of one length, or options out of range
  crnn_image(parameter_table& table, crnn_sizes const& sizes, crnn_image_options const& options) {
    bool const wide = sizes.widths.size() == sizes.filters.size() && !sizes.widths.empty();
    bool const deep = sizes.body.size() == sizes.body_frames.size() && sizes.body.size() == sizes.body_bands.size();
    if (!wide || !deep) detail::fail("crnn: a list of sizes has too few or too many, must be one for each convolution");
    std::vector<conv2d<T>> first;
    auto const conv = [&table, &options](std::string const& prefix, index_t inputs, index_t outputs, index_t frames,
                                         index_t bands) {
      conv2d_options const how{
          .inputs = inputs, .outputs = outputs, .time = window_axis::same(frames), .space = window_axis::same(bands)};
      return conv2d<T>(table, prefix, how, true, options.f);
    };
    for (std::size_t j = 0; j < sizes.widths.size(); ++j) {
      first.push_back(
          conv("conv.0." + std::to_string(j), sizes.channels, sizes.filters[j], sizes.widths[j], sizes.width_bands));
    }
    first_ = branches<conv2d<T>>(std::move(first));
    pool_ = {first_.outputs(), options.pool_time, options.pool_bands};
    index_t inputs = first_.outputs();
    for (std::size_t i = 0; i < sizes.body.size(); ++i) {
      std::string const prefix = "conv." + std::to_string(i + 1);
      nn::placed_plan const shift = models::crnn_shift(options, inputs, static_cast<index_t>(i + 1));
      body_.push_back({conv(prefix, inputs, sizes.body[i], sizes.body_frames[i], sizes.body_bands[i]), shift});
      inputs = sizes.body[i];
    }
    models::check_shifted(options, first_.outputs(), static_cast<index_t>(body_.size()));
  }

  /// Number of channels of x.
  index_t inputs() const noexcept { return first_.inputs(); }
  /// Number of channels of y.
  index_t outputs() const noexcept { return body_.empty() ? first_.outputs() : body_.back().conv.outputs(); }
  /// Frames of y for so many of x.
  index_t frames(index_t time) const noexcept { return pool_.frames(time); }
  /// Bands of y for so many of x.
  index_t bands(index_t space) const noexcept { return pool_.places(space); }
  /// One past the last element of its parameters.
  index_t parameters_end() const noexcept {
    return body_.empty() ? first_.parameters_end() : body_.back().conv.parameters_end();
  }

  /// Takes new values.
  void pack(std::span<T const> values) noexcept {
    first_.pack(values);
    for (step& each : body_) each.conv.pack(values);
  }

  /// What is listed above.
  index_t saved_size(shape const& x) const {
    shape const wide = image(x, first_.outputs()), pooled = pooled_of(x, first_.outputs());
    index_t size = first_.saved_size(x) + pool_.saved_size(wide);
    shape read = pooled;
    for (step const& each : body_) {
      size += detail::checked_product(name, {read.time, read.space, read.channels}) + each.conv.saved_size(read);
      read.channels = each.conv.outputs();
    }
    return size;
  }

  /// What a pass needs.
  struct slices {
    T* wide;   ///< [T, F, filters]: what the widths make, or its gradient
    T* above;  ///< [frames, bands, channels]: gradients of the body
    T* below;  ///< the same
  };

  /// Unchecked.
  slices layout(arena<T>& a, shape const& x) const {
    index_t widest = first_.outputs();
    for (step const& each : body_) widest = std::max(widest, each.conv.outputs());
    shape const pooled = pooled_of(x, widest);
    T *const wide = a.take({x.time, x.space, first_.outputs()}), *const above =
                                                                     a.take({pooled.time, pooled.space, widest});
    slices const s{wide, above, a.take({pooled.time, pooled.space, widest})};
    a.lend(first_, x);
    a.lend(pool_, image(x, first_.outputs()));
    shape read = pooled_of(x, first_.outputs());
    for (step const& each : body_) {
      a.lend(each.conv, read);
      read.channels = each.conv.outputs();
    }
    return s;
  }

  /// Unchecked. @param y  dense
  template <class Executor>
  void run(Executor& exec, tensor_view<T const> const& x, tensor_view<T> const& y, T* saved, arena<T> a) const {
    slices const memory = layout(a, x.shape);
    tensor_view<T> const wide(memory.wide, image(x.shape, first_.outputs()), dense);
    first_.run(exec, nn::as_it_is(x), wide, saved, a);
    saved += first_.saved_size(x.shape);
    T* const places = saved;
    saved += pool_.saved_size(wide.shape);
    tensor_view<T> current = body_.empty() ? y : tensor_view<T>(saved, pooled_of(x.shape, first_.outputs()), dense);
    pool_.run(exec, nn::as_it_is<T>(wide), current, places, a);
    for (std::size_t i = 0; i < body_.size(); ++i) {
      step const& each = body_[i];
      T *const of_conv = saved + current.size(), *const made = of_conv + each.conv.saved_size(current.shape);
      bool const last = i + 1 == body_.size();
      tensor_view<T> const next = last ? y : tensor_view<T>(made, pooled_of(x.shape, each.conv.outputs()), dense);
      each.conv.run(exec, read(each, current), next, of_conv, a);
      current = next;
      saved = made;
    }
  }

  /// Unchecked. @param dy  dense, and used up; dx may have no data
  template <class Executor>
  void run_back(Executor& exec, tensor_view<T const> const& x, T const* saved, tensor_view<T const> const& dy,
                tensor_view<T> const& dx, std::span<T> gradients, arena<T> a) const {
    slices const memory = layout(a, x.shape);
    tensor_view<T> const wide(memory.wide, image(x.shape, first_.outputs()), dense);
    T const* const places = saved + first_.saved_size(x.shape);
    T const* kept = saved + saved_size(x.shape);
    tensor_view<T const> above = dy;
    T *room = memory.above, *other = memory.below;
    for (std::size_t i = body_.size(); i-- > 0;) {
      step const& each = body_[i];
      shape const of = pooled_of(x.shape, each.conv.inputs());
      kept -= each.conv.saved_size(of) + of.size();
      tensor_view<T> const below(room, of, dense);
      each.conv.run_back(exec, read(each, {kept, of, dense}), kept + of.size(), nn::as_it_is(above), below, gradients,
                         a);
      if (nn::shifts_branch(each.shift.where)) shift_adjoint_inplace(exec, below, each.shift.plan);
      above = below;
      std::swap(room, other);
    }
    // Of its input the pool needs the shape.
    pool_.run_back(exec, nn::as_it_is<T>(wide), places, nn::as_it_is(above), wide, gradients, a);
    first_.run_back(exec, nn::as_it_is(x), saved, nn::as_it_is<T>(wide), dx, gradients, a);
  }

 private:
  static constexpr tshift::layout dense = tshift::layout::ntsc;

  struct step {
    conv2d<T> conv;
    nn::placed_plan shift;
  };

  static shifted_view<T> read(step const& each, tensor_view<T const> const& x) noexcept {
    return nn::shifted_if<T>(nn::shifts_branch(each.shift.where), x, each.shift.plan);
  }
  static shape image(shape const& x, index_t channels) noexcept { return {1, x.time, channels, x.space}; }
  shape pooled_of(shape const& x, index_t channels) const noexcept {
    return {1, frames(x.time), channels, bands(x.space)};
  }

  branches<conv2d<T>> first_;
  max_pool<T> pool_;
  std::vector<step> body_;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
