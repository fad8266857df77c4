// SPDX-License-Identifier: MIT
// The one front of all blocks that are trained: a forward pass that keeps what the backward pass needs, and that pass.
//
//   parameter_table table;
//   train::mlp<float> block(table, "mlp", 768, 3072, 768);        // registers fc1.weight, ... in the table
//   std::vector<float> values(table.size()), gradients(table.size());
//   block.pack(values);                                           // after they are set, and after each step of an optimiser
//   block.forward(x, y, saved, workspace);                        // y: the bits of inference
//   block.backward(x, saved, dy, dx, gradients, workspace);
//
// What is written and what is added to: dx is written, gradients are added to, so that a batch may come in pieces.
// saved is read only, and may be read again. Frames behind a sequence's length have no gradient: dy is not read there, and
// dx is 0.
//
// A block is weights and these functions, none of which checks anything:
//
//   void pack(std::span<T const> values)
//   index_t frames(index_t time) const                                frames of y (not where that is time)
//   index_t places(index_t space) const                               places of y: only where x is images, [N, T, F, C]
//   index_t saved_size(shape const& x) const
//   void layout(arena<T>& a, shape const& x) const                    the most that either pass needs
//   void run(executor, shifted_view<T> x, tensor_view<T> y, T* saved, arena<T> a) const
//   void run_back(executor, shifted_view<T> x, T const* saved, shifted_view<T> dy, tensor_view<T> dx,
//                 std::span<T> gradients, arena<T> a) const           dx.data may be null: it is not wanted
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>
#include <type_traits>
#include <vector>

#include <tshift/executor.hpp>
#include <tshift/nn/images.hpp>
#include <tshift/nn/input.hpp>
#include <tshift/nn/workspace.hpp>
#include <tshift/train/kernel/images.hpp>
#include <tshift/train/parameter_table.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

using nn::arena;
using nn::input;

/// Has both passes: what the head of this file lists.
template <class F, class T>
concept trained_block = requires(F const& f, detail::run_here& exec, shifted_view<T> const& x, tensor_view<T> const& y,
                                 T* saved, T const* kept, std::span<T> gradients, arena<T> a) {
  f.run(exec, x, y, saved, a);
  f.run_back(exec, x, kept, x, y, gradients, a);
  f.saved_size(x.shape());
};

/// Reads images, x [N, T, F, C], time the height and space F the width, the channels of a pixel neighbours; y is
/// [N, frames(T), places(F), C'].
template <class Block>
concept image_block = requires(Block const& block, index_t space) {
  block.places(space);
};

/// Memory of a block: the frames of x, with its lengths, of so many channels.
template <class Element, class T>
tensor_view<Element> like(shifted_view<T> const& x, Element* memory, index_t channels) {
  return {memory, {x.shape().batch, x.shape().time, channels}, tshift::layout::ntc, x.base().lengths};
}
/// The same of as many as x has.
template <class Element, class T>
tensor_view<Element> like(shifted_view<T> const& x, Element* memory) {
  return like(x, memory, x.shape().channels);
}

/// Base of a block that is trained: checked calls. x and dy may be shifted(view, plan) where they are read.
template <class Block, class T>
class calls {
 public:
  /// Of x, y and the weights.
  using element_type = T;

  /// Elements of T that either pass needs for an input of this shape.
  index_t workspace_size(shape const& x) const {
    arena<T> counting(Block::name);
    self().layout(counting, x);
    return counting.most();
  }
  /// Memory for both passes.
  std::vector<T> make_workspace(shape const& x) const {
    return std::vector<T>(static_cast<std::size_t>(workspace_size(x)));
  }
  /// Memory for what the forward pass keeps.
  std::vector<T> make_saved(shape const& x) const {
    return std::vector<T>(static_cast<std::size_t>(self().saved_size(x)));
  }

  /// y = f(x), and into `saved` what backward needs.
  /// @param saved      saved_size(shape of x) elements, written
  /// @param workspace  workspace_size(shape of x) elements
  /// @throws shape_error  sizes disagree or memory overlaps; before the first write
  void forward(std::type_identity_t<input<T>> const& x, tensor_view<T> const& y, std::span<T> saved,
               std::span<T> workspace = {}) const {
    detail::run_here exec;
    forward(exec, x, y, saved, workspace);
  }

  /// The same, the work shared out by an executor; not one bit depends on it.
  template <executor Executor>
  void forward(Executor&& exec, std::type_identity_t<input<T>> const& x, tensor_view<T> const& y, std::span<T> saved,
               std::span<T> workspace = {}) const {
    check_pair(x, tensor_view<T const>(y), "y");
    detail::check_writable(Block::name, check_view("y", tensor_view<T const>(y), self().outputs()));
    detail::check_apart(Block::name, detail::extent_of("x", x.base(), 0), detail::extent_of("y", y, 0));
    check_saved(static_cast<index_t>(saved.size()), x.shape());
    detail::check_workspace(Block::name, saved, self().saved_size(x.shape()), {"x", "y"}, x.base(), y);
    detail::check_workspace(Block::name, workspace, workspace_size(x.shape()), {"x", "y"}, x.base(), y);
    if (y.size() > 0) self().run(exec, x.view(), y, saved.data(), arena<T>(Block::name, workspace));
  }

  /// dx = J' dy, written, and the gradients of the parameters, added.
  /// @param x          that of forward, unchanged
  /// @param saved      of forward; read
  /// @param dy         gradient of y
  /// @param dx         gradient of x, apart from all others; an empty view where it is not wanted
  /// @param gradients  as many as the table has
  void backward(std::type_identity_t<input<T>> const& x, std::span<T const> saved,
                std::type_identity_t<input<T>> const& dy, tensor_view<T> const& dx, std::span<T> gradients,
                std::span<T> workspace = {}) const {
    detail::run_here exec;
    backward(exec, x, saved, dy, dx, gradients, workspace);
  }

  /// The same, the work shared out by an executor; not one bit depends on it.
  template <executor Executor>
  void backward(Executor&& exec, std::type_identity_t<input<T>> const& x, std::span<T const> saved,
                std::type_identity_t<input<T>> const& dy, tensor_view<T> const& dx, std::span<T> gradients,
                std::span<T> workspace = {}) const {
    check_backward(x, saved, dy, dx, gradients, workspace);
    if (x.shape().size() == 0) return;
    if (dy.shape().size() == 0) return clear(dx);  // no frame of y, no gradient
    self().run_back(exec, x.view(), saved.data(), dy.view(), dx, gradients, arena<T>(Block::name, workspace));
  }

  /// What backward refuses.
  /// @throws shape_error  naming what is wrong
  void check_backward(input<T> const& x, std::span<T const> saved, input<T> const& dy, tensor_view<T> const& dx,
                      std::span<T> gradients, std::span<T> workspace) const {
    check_pair(x, dy.base(), "dy");
    detail::check_fill(Block::name, "dy", dy);
    check_saved(static_cast<index_t>(saved.size()), x.shape());
    if (static_cast<index_t>(gradients.size()) < self().parameters_end()) {
      detail::fail("%s: gradients has %td elements, must be >= %td", Block::name,
                   static_cast<index_t>(gradients.size()), self().parameters_end());
    }
    if (dx.data != nullptr) {
      detail::extent const to = check_view("dx", tensor_view<T const>(dx), self().inputs());
      detail::check_same_shape(Block::name, check_view("x", x.base(), self().inputs()), to);
      detail::check_writable(Block::name, to);
      detail::check_apart(Block::name, detail::extent_of("dy", dy.base(), 0), to);
      detail::check_apart(Block::name, detail::extent_of("x", x.base(), 0), to);
    }
    detail::check_workspace(Block::name, workspace, workspace_size(x.shape()), {"x", "dy"}, x.base(), dy.base());
  }

 private:
  static detail::extent check_view(char const* what, tensor_view<T const> const& view, index_t channels) {
    if constexpr (image_block<Block>) {
      return detail::check_pixels(Block::name, what, view, channels);
    } else {
      return detail::check_rows(Block::name, what, view, channels);
    }
  }
  void check_pair(input<T> const& x, tensor_view<T const> const& y, char const* what) const {
    detail::extent const from = check_view("x", x.base(), self().inputs()), to = check_view(what, y, self().outputs());
    detail::check_fill(Block::name, "x", x);
    index_t const batch = from.dims.batch, frames = self().frames(from.dims.time);
    bool const same = to.dims.batch == batch && to.dims.time == frames;
    if constexpr (image_block<Block>) {
      index_t const places = self().places(from.dims.space);
      if (!same || to.dims.space != places) {
        detail::fail("%s: %s is [%td, %td, %td], must be [%td, %td, %td]", Block::name, what, to.dims.batch,
                     to.dims.time, to.dims.space, batch, frames, places);
      }
    } else if (!same) {
      detail::fail("%s: %s is [%td, %td], must be [%td, %td]", Block::name, what, to.dims.batch, to.dims.time, batch,
                   frames);
    }
    self().check_input(x);
  }
  void check_saved(index_t have, shape const& x) const {
    index_t const need = self().saved_size(x);
    if (have < need) detail::fail("%s: saved has %td elements, must be >= %td", Block::name, have, need);
  }
  static void clear(tensor_view<T> const& dx) noexcept {
    if (dx.data == nullptr) return;
    for (index_t n = 0; n < dx.shape.batch; ++n) kernel::clear_frames(dx, n, 0, dx.shape.time);
  }
  Block const& self() const noexcept { return static_cast<Block const&>(*this); }
};

/// Base of a block with a frame of y for each frame of x, whatever the lengths.
template <class Block, class T>
class frame_calls : public calls<Block, T> {
 public:
  /// Frames of y.
  index_t frames(index_t time) const noexcept { return time; }
  /// Nothing more to refuse.
  void check_input(input<T> const&) const noexcept {}
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
