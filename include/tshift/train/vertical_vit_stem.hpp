// SPDX-License-Identifier: MIT
// What the vertical-patch ViT's teacher makes of an image before it is cut into patches, trained: convolutions, each
// with an instance norm and GELU, and beside their result where a pixel stands.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <tshift/models/vertical_vit_stem.hpp>
#include <tshift/train/conv2d.hpp>
#include <tshift/train/instance_norm.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// models::vertical_vit_stem with its gradients: x [1, W, H, 1], column by column, to y [1, W, H, 3], of which the
/// first channel has a gradient. Keeps what the convolutions make, and the norms' moments; what the norms make of it,
/// which the next convolution reads, is made again.
template <class T>
class vertical_vit_stem {
 public:
  static constexpr char const* name = "vertical_vit";                      ///< in messages
  static constexpr index_t planes = models::vertical_vit_stem<T>::planes;  ///< channels of y

  vertical_vit_stem() = default;

  /// Registers conv_stem.{0,3,6,...}.weight and .bias, taps in our order: those of columns first.
  /// @param channels  of the convolutions; none: there is no stem
  /// @throws shape_error  the last is not 1, or coordinates without a name
  vertical_vit_stem(parameter_table& table, std::vector<index_t> const& channels, pixel_coordinates coordinates)
      : coordinates_(coordinates) {
    models::check_coordinates(coordinates);
    index_t inputs = 1;
    for (index_t const outputs : channels) {
      conv2d_options const how{
          .inputs = inputs, .outputs = outputs, .time = window_axis::same(taps), .space = window_axis::same(taps)};
      std::string const prefix = "conv_stem." + std::to_string(3 * layers_.size());
      layers_.push_back({conv2d<T>(table, prefix, how), instance_norm<T>(outputs, activation::gelu())});
      inputs = outputs;
      widest_ = std::max(widest_, outputs);
    }
    if (inputs != 1) detail::fail("vertical_vit: the stem ends in %td channels, must end in 1", inputs);
  }

  /// Whether there is none.
  bool empty() const noexcept { return layers_.empty(); }
  /// Taps of the convolutions along each axis.
  static constexpr index_t taps = 3;
  /// Where element i of the authors' filters, counted row by row of the image, stands in ours.
  static index_t turned_tap(index_t i) noexcept { return i - i % (taps * taps) + i % taps * taps + i / taps % taps; }

  /// Takes new values.
  void pack(std::span<T const> values) noexcept {
    for (layer& each : layers_) each.conv.pack(values);
  }

  /// What the convolutions make, and the norms' moments.
  index_t saved_size(shape const& x) const {
    index_t size = 0;
    for (layer const& each : layers_) size += kept_of(each, x);
    return size;
  }

  /// Images [W, H, channels].
  struct slices {
    T* z;   ///< what a norm makes
    T* dz;  ///< its gradient
    T* dh;  ///< that of what a convolution makes
  };

  /// Unchecked.
  slices layout(arena<T>& a, shape const& x) const {
    T *const z = a.take({x.time, x.space, widest_}), *const dz = a.take({x.time, x.space, widest_});
    slices const s{z, dz, a.take({x.time, x.space, widest_})};
    for (layer const& each : layers_) {
      a.lend(each.norm, image(x, each.conv.outputs()));
      a.lend(each.conv, image(x, each.conv.inputs()));
    }
    return s;
  }

  /// Unchecked.
  template <class Executor>
  void run(Executor& exec, tensor_view<T const> const& x, tensor_view<T> const& y, T* saved, arena<T> a) const {
    slices const memory = layout(a, x.shape);
    tensor_view<T const> current = x;
    for (layer const& each : layers_) {
      tensor_view<T> const h(saved, image(x.shape, each.conv.outputs()), tshift::layout::ntsc);
      tensor_view<T> const z(memory.z, h.shape, tshift::layout::ntsc);
      each.conv.run(exec, nn::as_it_is(current), h, nullptr, a);
      each.norm.run(exec, nn::as_it_is<T>(h), z, saved + h.size(), a);
      current = z;
      saved += kept_of(each, x.shape);
    }
    models::write_planes(current, coordinates_, y);
  }

  /// Unchecked. @param dy  of y; dx may have no data
  template <class Executor>
  void run_back(Executor& exec, tensor_view<T const> const& x, T const* saved, tensor_view<T const> const& dy,
                tensor_view<T> const& dx, std::span<T> gradients, arena<T> a) const {
    slices const memory = layout(a, x.shape);
    tensor_view<T const> dz = dy.slice_channels(0, 1);
    T const* kept = saved + saved_size(x.shape);
    for (std::size_t i = layers_.size(); i-- > 0;) {
      layer const& each = layers_[i];
      kept -= kept_of(each, x.shape);
      tensor_view<T const> const h(kept, image(x.shape, each.conv.outputs()), tshift::layout::ntsc);
      tensor_view<T> const dh(memory.dh, h.shape, tshift::layout::ntsc);
      each.norm.run_back(exec, nn::as_it_is(h), kept + h.size(), nn::as_it_is(dz), dh, gradients, a);
      if (i == 0) return each.conv.run_back(exec, nn::as_it_is(x), nullptr, nn::as_it_is<T>(dh), dx, gradients, a);
      layer const& below = layers_[i - 1];
      T const* const before = kept - kept_of(below, x.shape);
      tensor_view<T const> const under(before, image(x.shape, each.conv.inputs()), tshift::layout::ntsc);
      tensor_view<T> const z(memory.z, under.shape, tshift::layout::ntsc), to(memory.dz, z.shape, tshift::layout::ntsc);
      below.norm.repeat(exec, nn::as_it_is(under), before + under.size(), z);
      each.conv.run_back(exec, nn::as_it_is<T>(z), nullptr, nn::as_it_is<T>(dh), to, gradients, a);
      dz = to;
    }
  }

 private:
  struct layer {
    conv2d<T> conv;
    instance_norm<T> norm;
  };

  static shape image(shape const& x, index_t channels) noexcept { return {1, x.time, channels, x.space}; }
  /// What is kept of a layer: what its convolution makes, and the moments.
  static index_t kept_of(layer const& each, shape const& x) {
    shape const made = image(x, each.conv.outputs());
    return detail::checked_product(name, {made.time, made.space, made.channels}) + each.norm.saved_size(made);
  }

  pixel_coordinates coordinates_ = pixel_coordinates::as_released;
  std::vector<layer> layers_;
  index_t widest_ = 0;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
