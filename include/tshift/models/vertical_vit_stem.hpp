// SPDX-License-Identifier: MIT
// What the vertical-patch ViT's teacher makes of an image before it is cut into patches: six convolutions, each with an
// instance norm and GELU, and beside their result where a pixel stands.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <tshift/models/image_conv.hpp>
#include <tshift/nn/instance_norm.hpp>
#include <tshift/weights/shared_list.hpp>
#include <tshift/weights/state_reader.hpp>

namespace tshift { inline namespace TSHIFT_V {

/// What the two planes of coordinates of a pixel (row r of H, column c of W) are.
enum class pixel_coordinates {
  as_released,  ///< 2 r / (W - 1) - 1 and 2 c / (H - 1) - 1: each by the length of the other axis, as the code has it
  corrected     ///< 2 r / (H - 1) - 1 and 2 c / (W - 1) - 1
};

}}  // namespace tshift

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace models {

/// Refuses coordinates without a name.
inline void check_coordinates(pixel_coordinates coordinates) {
  if (coordinates < pixel_coordinates::as_released || coordinates > pixel_coordinates::corrected) {
    detail::fail("vertical_vit: coordinates = %d, must be named", static_cast<int>(coordinates));
  }
}

/// y [1, W, H, 3]: x [1, W, H, 1] and where each pixel stands. Unchecked.
template <class T>
void write_planes(tensor_view<T const> const& x, pixel_coordinates coordinates, tensor_view<T> const& y) noexcept {
  auto const W = static_cast<T>(x.shape.time), H = static_cast<T>(x.shape.space);
  bool const released = coordinates == pixel_coordinates::as_released;
  auto const place = [](index_t i, T length) { return T(2) * static_cast<T>(i) / (length - T(1)) - T(1); };
  for (index_t c = 0; c < x.shape.time; ++c) {
    for (index_t r = 0; r < x.shape.space; ++r) {
      T* const to = y.at(0, c, 0, r);
      to[0] = x(0, c, 0, r);
      to[1] = place(r, released ? W : H);
      to[2] = place(c, released ? H : W);
    }
  }
}

/// x [1, W, H, 1], column by column, to y [1, W, H, 3]: the stem's result and the coordinates.
template <class T>
class vertical_vit_stem {
 public:
  static constexpr index_t planes = 3;  ///< channels of y

  vertical_vit_stem() = default;

  /// Takes conv_stem.{0,3,6,...}.weight and .bias; there is a norm without tensors, and GELU, between two of them.
  vertical_vit_stem(weights::state_reader<T>& weights, pixel_coordinates coordinates) : coordinates_(coordinates) {
    check_coordinates(coordinates);
    std::vector<layer> layers;
    index_t inputs = 1;
    for (index_t at = 0; weights.has("conv_stem." + std::to_string(at) + ".weight"); at += 3) {
      std::string const prefix = "conv_stem." + std::to_string(at);
      index_t const outputs = weights.dimension(prefix + ".weight", 0);
      auto const filters = weights.take(prefix + ".weight", {outputs, inputs, taps, taps});
      auto const bias = weights.take(prefix + ".bias", {outputs});
      // Rows of the images that it was trained on are the places of ours, and columns the frames.
      std::vector<T> turned(static_cast<std::size_t>(filters.size()));
      for (index_t i = 0; i < filters.size(); ++i) {
        index_t const row = i / taps % taps, column = i % taps;
        turned[static_cast<std::size_t>(i - i % (taps * taps) + column * taps + row)] = filters[i];
      }
      conv2d_options const how{
          .inputs = inputs, .outputs = outputs, .time = window_axis::same(taps), .space = window_axis::same(taps)};
      layers.push_back(
          {image_conv<T>(how, {turned, weights.how()}, bias), nn::instance_norm<T>(outputs, activation::gelu())});
      inputs = outputs;
    }
    if (inputs != 1) detail::fail("vertical_vit: conv_stem ends in %td channels, must end in 1", inputs);
    layers_ = weights::shared_list<layer>(std::move(layers));
  }

  /// Whether there is one.
  bool empty() const noexcept { return layers_.empty(); }

  /// Two images in turns.
  struct slices {
    T* turns[2];  ///< each as wide as the widest layer
  };

  /// Unchecked.
  slices layout(nn::arena<T>& a, shape const& x) const {
    index_t widest = 0;
    for (layer const& each : layers_) widest = std::max(widest, each.conv.outputs());
    T* const one = a.take({x.time, x.space, widest});
    slices const s{{one, a.take({x.time, x.space, widest})}};
    for (layer const& each : layers_) {
      a.lend(each.conv, shape{1, x.time, each.conv.inputs(), x.space});
      a.lend(each.norm, shape{1, x.time, each.conv.outputs(), x.space});
    }
    return s;
  }

  /// Unchecked.
  template <class Executor>
  void compute(Executor& exec, tensor_view<T const> const& x, tensor_view<T> const& y, nn::arena<T> a) const {
    slices const memory = layout(a, x.shape);
    tensor_view<T const> current = x;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      tensor_view<T> const next(memory.turns[i % 2], {1, x.shape.time, layers_[i].conv.outputs(), x.shape.space},
                                tshift::layout::ntsc);
      layers_[i].conv.compute(exec, nn::as_it_is(current), next, a);
      layers_[i].norm.compute(exec, nn::as_it_is<T>(next), next, a);
      current = next;
    }
    write_planes(current, coordinates_, y);
  }

 private:
  static constexpr index_t taps = 3;

  struct layer {
    image_conv<T> conv;
    nn::instance_norm<T> norm;
  };

  pixel_coordinates coordinates_ = pixel_coordinates::as_released;
  weights::shared_list<layer> layers_;
};

}}}}  // namespace tshift::models

#include <tshift/macros/back.hpp>
