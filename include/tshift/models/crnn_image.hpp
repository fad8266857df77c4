// SPDX-License-Identifier: MIT
// The convolutions of a CRNN: several widths side by side, a pool, and a body, over one image at a time.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <tshift/models/image_conv.hpp>
#include <tshift/models/parts.hpp>
#include <tshift/nn/pool2d.hpp>
#include <tshift/weights/batch_norm.hpp>
#include <tshift/weights/shared_list.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA {

/// What is no tensor of a CRNN's convolutions. Defaults are Chen's.
struct crnn_image_options {
  window_axis pool_time = {2, 2};               ///< of the max-pool after the first convolutions, along time
  window_axis pool_bands = {4, 4};              ///< and along bands
  activation f = activation::leaky_relu(0.01);  ///< of all layers
  double norm_eps = 1e-5;                       ///< of batch norms; TensorFlow's is 1e-3
  model_shift shift = {};                       ///< before convolutions of the body; n_div 0: none
  std::vector<index_t> shifted = {};            ///< which, counted from 1; empty: before all of them
};

}}}  // namespace tshift

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace models {

/// The tensors of a batch norm, `prefix`.weight, .bias, .running_mean and .running_var; empty where there is none.
template <class T>
weights::batch_norm<T> take_batch_norm(weights::state_reader<T>& weights, std::string const& prefix, index_t channels,
                                       double eps) {
  if (!weights.has(prefix + ".running_mean")) return {};
  auto const scale = weights.take(prefix + ".weight", {channels});
  auto const offset = weights.take(prefix + ".bias", {channels});
  auto const mean = weights.take(prefix + ".running_mean", {channels});
  weights.ignore(prefix + ".num_batches_tracked");
  return {scale, offset, mean, weights.take(prefix + ".running_var", {channels}), eps};
}

/// `name`.bias, or none: a layer before a norm needs none.
template <class T>
weights::values<T> take_bias(weights::state_reader<T>& weights, std::string const& name, index_t outputs) {
  if (!weights.has(name + ".bias")) return {};
  return weights.take(name + ".bias", {outputs});
}

/// A linear layer from a state_dict, with the batch norm `name`.norm after it where there is one.
template <class T>
nn::linear<T> take_folded(weights::state_reader<T>& weights, std::string const& name, index_t inputs, index_t outputs,
                          double eps) {
  auto const weight = weights.take(name + ".weight", {outputs, inputs});
  auto const bias = take_bias(weights, name, outputs);
  auto const norm = take_batch_norm(weights, name + ".norm", outputs, eps);
  if (norm.mean.empty()) return {inputs, outputs, weight, bias};
  auto const layer = weights::fold_batch_norm<T>(outputs, weight, bias, norm);
  return {inputs, outputs, layer.weight, layer.bias};
}

/// The shift before convolution `number` of the body, counted from 1; none where the options name others.
/// @throws shape_error  it stands on a skip connection, or the options mean no plan
inline nn::placed_plan crnn_shift(crnn_image_options const& options, index_t channels, index_t number) {
  nn::placed_plan const made(options.shift, channels);
  if (made.where == placement::skip) {
    detail::fail("crnn: placement = skip, but there is no skip connection; must be none, branch or both");
  }
  bool const here = options.shifted.empty() || std::count(options.shifted.begin(), options.shifted.end(), number) > 0;
  return here ? made : nn::placed_plan({}, channels);
}

/// Refuses shifts before convolutions that a body of so many does not have.
inline void check_shifted(crnn_image_options const& options, index_t filters, index_t convs) {
  if (convs == 0 && nn::placed_plan(options.shift, filters).where != placement::none) {
    detail::fail("crnn: a shift before convolutions of the body, which has none");
  }
  for (index_t const each : options.shifted) {
    if (each >= 1 && each <= convs) continue;
    detail::fail("crnn: shift before convolution %td, the body has %td of them, counted from 1", each, convs);
  }
}

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
    std::vector<step> body;
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
    body_ = weights::shared_list<step>(std::move(body));
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
    for (step const& each : body_) widest = std::max(widest, each.conv.outputs());
    T* const wide = a.take({x.time, x.space, filters_});
    T* const one = a.take({frames(x.time), bands(x.space), widest});
    slices const s{wide, {one, a.take({frames(x.time), bands(x.space), widest})}};
    for (image_conv<T> const& each : first_) a.lend(each, x);
    for (step const& each : body_) {
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

 private:
  struct step {
    image_conv<T> conv;
    nn::placed_plan shift;
  };

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
    return image_conv<T>(how, layer.weight, layer.bias, f);
  }

  window_axis pool_time_, pool_bands_;
  index_t filters_ = 0;
  weights::shared_list<image_conv<T>> first_;
  weights::shared_list<step> body_;
};

}}}}  // namespace tshift::models

#include <tshift/macros/back.hpp>
