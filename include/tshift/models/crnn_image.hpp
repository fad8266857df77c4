// SPDX-License-Identifier: MIT
// The convolutions of a CRNN: several widths side by side, a pool, and a body, over one image at a time.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <tshift/models/crnn_options.hpp>
#include <tshift/models/image_conv.hpp>
#include <tshift/models/norm_part.hpp>
#include <tshift/nn/pool2d.hpp>
#include <tshift/nn/stream_checks.hpp>
#include <tshift/weights/shared_list.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace models {

/// x [1, T, F, C] to [1, frames(T), bands(F), channels of the last convolution].
template <class T>
class crnn_image {
 public:
  crnn_image() = default;

  /// Takes conv.0.J.* for widths J = 0, 1, ..., conv.I.* for the body, and conv.I.norm.*.
  crnn_image(weights::state_reader<T>& weights, crnn_image_options const& options)
      : pool_time_(options.pool_time), pool_bands_(options.pool_bands) {
    auto const check_pool = [](char const* axis, window_axis const& w) {
      detail::check_axis("crnn", axis, w);
      if (w.before != 0 || w.after != 0) detail::fail("crnn: %s has zeros around the image, must have none", axis);
    };
    check_pool("pool_time", options.pool_time);
    check_pool("pool_bands", options.pool_bands);
    std::vector<image_conv<T>> first;
    index_t const channels = weights.dimension("conv.0.0.weight", 1);
    auto const branch = [](std::size_t j) { return "conv.0." + std::to_string(j); };
    for (std::size_t j = 0; weights.has(branch(j) + ".weight"); ++j) {
      filters_ += weights.dimension(branch(j) + ".weight", 0);
    }
    auto const norm = take_batch_norm(weights, "conv.0.norm", filters_, options.norm_eps);
    index_t done = 0;
    for (std::size_t j = 0; weights.has(branch(j) + ".weight"); ++j) {
      first.push_back(take_conv(weights, branch(j), channels, options.f, norm, done));
      done += first.back().outputs();
    }
    std::vector<shifted_conv> body;
    index_t inputs = filters_;
    while (weights.has("conv." + std::to_string(body.size() + 1) + ".weight")) {
      std::string const conv = "conv." + std::to_string(body.size() + 1);
      index_t const outputs = weights.dimension(conv + ".weight", 0);
      auto const own = take_batch_norm(weights, conv + ".norm", outputs, options.norm_eps);
      body.push_back({take_conv(weights, conv, inputs, options.f, own, 0),
                      crnn_shift(options, inputs, static_cast<index_t>(body.size()) + 1)});
      inputs = outputs;
    }
    check_shifted(options, filters_, static_cast<index_t>(body.size()));
    first_ = weights::shared_list<image_conv<T>>(std::move(first));
    body_ = weights::shared_list<shifted_conv>(std::move(body));
  }

  /// Number of channels of x.
  index_t inputs() const noexcept { return first_[0].inputs(); }
  /// Number of channels of y.
  index_t outputs() const noexcept { return body_.empty() ? filters_ : body_.back().conv.outputs(); }
  /// Frames of y for so many of x.
  index_t frames(index_t time) const noexcept { return pool_time_.count(time); }
  /// Bands of y for so many of x.
  index_t bands(index_t space) const noexcept { return pool_bands_.count(space); }
  /// The fewest bands of x that give so many of y.
  index_t bands_for(index_t made) const noexcept {
    return made > 0 ? (made - 1) * pool_bands_.stride + pool_bands_.taps : 0;
  }

  /// What the widths make, and two images in turns. Unchecked.
  struct slices {
    T* wide;      ///< [T, F, filters]
    T* turns[2];  ///< [frames, bands, channels]
  };

  /// Unchecked.
  slices layout(nn::arena<T>& a, shape const& x) const {
    index_t widest = filters_;
    for (shifted_conv const& each : body_) widest = std::max(widest, each.conv.outputs());
    T* const wide = a.take({x.time, x.space, filters_});
    T* const one = a.take({frames(x.time), bands(x.space), widest});
    slices const s{wide, {one, a.take({frames(x.time), bands(x.space), widest})}};
    for (image_conv<T> const& each : first_) a.lend(each, x);
    for (shifted_conv const& each : body_) {
      a.lend(each.conv, shape{1, frames(x.time), each.conv.inputs(), bands(x.space)});
    }
    return s;
  }

  /// Unchecked. @param y  dense
  template <class Executor>
  void compute(Executor& exec, tensor_view<T const> const& x, tensor_view<T> const& y, nn::arena<T> a) const {
    constexpr tshift::layout dense = tshift::layout::ntsc;
    slices const memory = layout(a, x.shape);
    tensor_view<T> const wide(memory.wide, {1, x.shape.time, filters_, x.shape.space}, dense);
    index_t done = 0;
    for (image_conv<T> const& each : first_) {
      each.compute(exec, nn::as_it_is(x), wide.slice_channels(done, each.outputs()), a);
      done += each.outputs();
    }
    auto const image = [&y, &memory](std::size_t turn, bool last, index_t channels) {
      if (last) return y;
      return tensor_view<T>(memory.turns[turn % 2], {1, y.shape.time, channels, y.shape.space}, dense);
    };
    tensor_view<T> current = image(0, body_.empty(), filters_);
    nn::max_pool_images(exec, nn::as_it_is<T>(wide), current, pool_time_, pool_bands_);
    for (std::size_t i = 0; i < body_.size(); ++i) {
      tensor_view<T> const next = image(i + 1, i + 1 == body_.size(), body_[i].conv.outputs());
      nn::placed_plan const& shift = body_[i].shift;
      body_[i].conv.compute(exec, nn::shifted_if<T>(nn::shifts_branch(shift.where), current, shift.plan), next, a);
      current = next;
    }
  }

  /// Number of steps of a stream, and the channels that one of them reads and makes.
  index_t steps() const noexcept { return 1 + static_cast<index_t>(body_.size()); }
  /// Of a pixel.
  index_t reads(index_t step) const noexcept { return step == 0 ? inputs() : body(step).conv.inputs(); }
  /// Of a pixel.
  index_t makes(index_t step) const noexcept { return step == 0 ? filters_ : body(step).conv.outputs(); }

  /// The first convolutions with their pool, then each of the body, as steps of a stream over images of so many bands.
  /// @throws shape_error  the shift is circular
  std::vector<nn::stream_step> stream_steps(index_t space) const {
    index_t before = 0, after = 0;
    for (image_conv<T> const& each : first_) {
      before = std::max(before, each.time().before);
      after = std::max(after, each.time().after);
    }
    index_t const narrow = bands(space);
    window_axis const window{before + after + pool_time_.taps, pool_time_.stride, before, after};
    std::vector<nn::stream_step> steps{{space * inputs(), narrow * filters_, window}};
    for (shifted_conv const& each : body_) {
      detail::check_streams("crnn", each.shift.plan, each.shift.where);
      bool const moved = nn::shifts_branch(each.shift.where);
      window_axis const& time = each.conv.time();
      index_t const past = time.before + (moved ? each.shift.plan.history() : 0);
      index_t const future = time.after + (moved ? each.shift.plan.latency() : 0);
      steps.push_back({narrow * each.conv.inputs(), narrow * each.conv.outputs(), nn::window_of(past, future)});
    }
    return steps;
  }

  /// For so many frames of y, made of as many bands of x as y has space. Unchecked.
  T* layout_steps(nn::arena<T>& a, shape const& y) const {
    index_t const space = y.space, read = (y.time - 1) * pool_time_.stride + pool_time_.taps;
    T* const wide = a.take({y.batch, read, space, filters_});
    for (image_conv<T> const& each : first_) {
      index_t const known = read + each.time().taps;
      a.lend([&each, &y, known, read, space, this](nn::arena<T>& b) {
        each.layout_part(b, {y.batch, known, inputs(), space}, read);
      });
    }
    for (shifted_conv const& each : body_) {
      shape const x{y.batch, y.time + each.conv.time().taps, each.conv.inputs(), bands(space)};
      a.lend([&each, &x, &y](nn::arena<T>& b) { each.conv.layout_part(b, x, y.time); });
    }
    return wide;
  }

  /// Unchecked: frames of step number `step` of those. x [N, known, F, C], y [N, frames, F', C'].
  template <class Executor>
  void make_frames(Executor& exec, index_t step, tensor_view<T const> const& x, index_t from, tensor_view<T> const& y,
                   nn::arena<T> a) const {
    if (step > 0) {
      auto const& each = body(step);
      return each.conv.compute_part(exec, nn::shifted_if(nn::shifts_branch(each.shift.where), x, each.shift.plan), from,
                                    y, a);
    }
    shape const all{y.shape.batch, (y.shape.time - 1) * pool_time_.stride + pool_time_.taps, filters_, x.shape.space};
    tensor_view<T> const wide(a.take({all.batch, all.time, all.space, all.channels}), all, tshift::layout::ntsc);
    index_t done = 0;
    for (image_conv<T> const& each : first_) {
      each.compute_part(exec, nn::as_it_is(x), from, wide.slice_channels(done, each.outputs()), a);
      done += each.outputs();
    }
    nn::max_pool_images(exec, nn::as_it_is<T>(wide), y, pool_time_, pool_bands_);
  }

 private:
  struct shifted_conv {
    image_conv<T> conv;
    nn::placed_plan shift;
  };

  shifted_conv const& body(index_t number) const noexcept { return body_[static_cast<std::size_t>(number - 1)]; }

  /// conv.I or conv.0.J, "same", with its channels of a norm, which begin at `first`.
  static image_conv<T> take_conv(weights::state_reader<T>& weights, std::string const& prefix, index_t inputs,
                                 activation const& f, weights::batch_norm<T> const& norm, index_t first) {
    std::string const weight = prefix + ".weight";
    conv2d_options how{.inputs = inputs, .outputs = weights.dimension(weight, 0)};
    index_t const frames = weights.dimension(weight, 2), bands = weights.dimension(weight, 3);
    auto const filters = weights.take(weight, {how.outputs, inputs, frames, bands});
    auto const bias = take_bias(weights, prefix, how.outputs);
    how.time = window_axis::same(frames);
    how.space = window_axis::same(bands);
    if (norm.mean.empty()) return image_conv<T>(how, filters, bias, f);
    auto const layer = weights::fold_batch_norm<T>(how.outputs, filters, bias, norm, first);
    return image_conv<T>(how, {layer.weight, weights.how()}, layer.bias, f);
  }

  window_axis pool_time_, pool_bands_;
  index_t filters_ = 0;
  weights::shared_list<image_conv<T>> first_;
  weights::shared_list<shifted_conv> body_;
};

}}}}  // namespace tshift::models

#include <tshift/macros/back.hpp>
