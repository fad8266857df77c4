// SPDX-License-Identifier: MIT
// Blocks side by side, trained: each reads x and writes channels of its own of y.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <tshift/nn/kernel/vectors.hpp>
#include <tshift/train/block.hpp>
#include <tshift/train/kernel/images.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// y = blocks[0](x), blocks[1](x), ... side by side in channels; dx = the sum of theirs, in this order. All read the
/// same channels and make as many frames and places: conv2d of several widths. Keeps what the blocks keep. Workspace:
/// dx of one block, beside the largest of theirs. Source: torch.cat([f(x) for f in blocks], dim=1) on [N, C, T, F].
template <class Block>
class branches : public calls<branches<Block>, typename Block::element_type> {
 public:
  using T = typename Block::element_type;          ///< float or double
  static constexpr char const* name = "branches";  ///< in messages

  branches() = default;

  /// @throws shape_error  there is none, or they do not read the same channels
  explicit branches(std::vector<Block> blocks) : blocks_(std::move(blocks)) {
    if (blocks_.empty()) detail::fail("%s: no blocks, must be one or more", name);
    for (Block const& each : blocks_) {
      if (each.inputs() != inputs()) {
        detail::fail("%s: one reads %td channels, another %td", name, inputs(), each.inputs());
      }
      outputs_ += each.outputs();
    }
  }

  /// The blocks.
  std::vector<Block> const& blocks() const noexcept { return blocks_; }
  /// Number of channels of x.
  index_t inputs() const noexcept { return blocks_[0].inputs(); }
  /// Number of channels of y.
  index_t outputs() const noexcept { return outputs_; }
  /// Frames of y for so many frames of x.
  index_t frames(index_t time) const noexcept { return blocks_[0].frames(time); }
  /// Places of y for so many places of x.
  index_t places(index_t space) const noexcept requires image_block<Block> { return blocks_[0].places(space); }
  /// One past the last element of their parameters.
  index_t parameters_end() const noexcept {
    index_t end = 0;
    for (Block const& each : blocks_) end = end > each.parameters_end() ? end : each.parameters_end();
    return end;
  }
  /// What they refuse, and x of which they make images of different sizes.
  void check_input(input<T> const& x) const {
    for (Block const& each : blocks_) {
      each.check_input(x);
      bool same = each.frames(x.shape().time) == frames(x.shape().time);
      if constexpr (image_block<Block>) same = same && each.places(x.shape().space) == places(x.shape().space);
      if (!same) detail::fail("%s: the blocks make other numbers of frames or places of x", name);
    }
  }

  /// Takes new values. Allocates nothing.
  void pack(std::span<T const> values) noexcept {
    for (Block& each : blocks_) each.pack(values);
  }

  /// What they keep.
  index_t saved_size(shape const& x) const {
    index_t size = 0;
    for (Block const& each : blocks_) size += each.saved_size(x);
    return size;
  }
  /// dx of one block. Unchecked.
  T* layout(arena<T>& a, shape const& x) const {
    T* const other = a.take({blocks_.size() > 1 ? x.batch : 0, x.time, x.space, inputs()});
    for (Block const& each : blocks_) a.lend(each, x);
    return other;
  }

  /// Unchecked.
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T* saved, arena<T> a) const {
    index_t done = 0;
    for (Block const& each : blocks_) {
      each.run(exec, x, y.slice_channels(done, each.outputs()), saved, a);
      done += each.outputs();
      saved += each.saved_size(x.shape());
    }
  }

  /// Unchecked.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const* saved, shifted_view<T> const& dy,
                tensor_view<T> const& dx, std::span<T> gradients, arena<T> a) const {
    T* const room = layout(a, x.shape());
    tensor_view<T> const other(dx.data != nullptr ? room : nullptr, x.shape(), tshift::layout::ntsc);
    index_t done = 0;
    for (Block const& each : blocks_) {
      tensor_view<T> const to = dx.data == nullptr ? tensor_view<T>() : done == 0 ? dx : other;
      each.run_back(exec, x, saved, dy.slice_channels(done, each.outputs()), to, gradients, a);
      if (dx.data != nullptr && done > 0) add(exec, other, dx);
      done += each.outputs();
      saved += each.saved_size(x.shape());
    }
  }

 private:
  /// dx += other, every pixel.
  template <class Executor>
  static void add(Executor& exec, tensor_view<T> const& other, tensor_view<T> const& dx) {
    index_t const channels = dx.shape.channels;
    auto const split = kernel::split_for<Executor>({dx.shape.batch * dx.shape.time * dx.shape.space, 8 * channels, 8});
    kernel::for_parts(exec, split.parts, [&other, &dx, &split, channels](index_t part) {
      kernel::for_pixels(dx, split.begin(part), split.end(part),
                         [&other, channels](index_t first, index_t count, kernel::row_sink<T> to) {
                           for (index_t i = 0; i < count; ++i) {
                             T *const sum = to.from(i).data, *const here = sum;
                             kernel::map<xsimd::default_arch>(
                                 channels, sum, [](auto const& one, auto const& more) { return one + more; },
                                 static_cast<T const*>(here),
                                 static_cast<T const*>(other.data + (first + i) * channels));
                           }
                         });
    });
  }

  std::vector<Block> blocks_;
  index_t outputs_ = 0;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
