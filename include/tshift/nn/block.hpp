// SPDX-License-Identifier: MIT
// The one front of all blocks: what every block is called with, what it refuses, and how its work is shared out.
//
// A block is weights and three functions, none of which checks anything:
//
//   void layout(arena<T>& a, shape const& x) const                  takes the slices that a call needs from a workspace
//   void compute(executor, in, y, arena<T> a) const                 y = f(in), in those slices
//   void check(input<T> const& x, tensor_view<T> const& y) const    throws, before the first write
//
// and calls<Block, T> makes forward, workspace_size and make_workspace of them. A block that works row by row has it
// easier: row_calls<Block, T> wants
//
//   T* scratch(arena<T>& a, index_t rows) const                     what so many rows need while they are computed
//   void rows(source, first, count, sink, scratch) const noexcept   rows [first, first + count) of the source to the sink
//   index_t work() const                                            multiply-adds for a row
//   bool reads_neighbours                                           source is kernel::frame_rows, not any rows; then also
//   index_t history() const, latency() const                        the frames of x before and after one of y that it needs
//
// and cuts the rows into parts. Blocks inside blocks and models call compute or rows: nothing is checked twice.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>
#include <type_traits>
#include <vector>

#include <tshift/executor.hpp>
#include <tshift/nn/input.hpp>
#include <tshift/nn/kernel/parts.hpp>
#include <tshift/nn/kernel/sources.hpp>
#include <tshift/nn/workspace.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// What a network of one's own asks of its arguments: x [N, T, inputs] and y [N, frames, outputs], rows of neighbouring
/// channels, apart from each other.
/// @throws shape_error  naming what is wrong
template <class T>
void check_call(char const* name, std::type_identity_t<tensor_view<T const>> const& x, index_t inputs,
                tensor_view<T> const& y, index_t frames, index_t outputs) {
  detail::extent const from = detail::check_rows(name, "x", x, inputs), to = detail::check_rows(name, "y", y, outputs);
  if (to.dims.batch != from.dims.batch || to.dims.time != frames) {
    detail::fail("%s: y is [%td, %td], must be [%td, %td]", name, to.dims.batch, to.dims.time, from.dims.batch, frames);
  }
  detail::check_writable(name, to);
  if (!(from.dims == to.dims)) return detail::check_apart(name, from, to);
  if (detail::check_same_or_apart(name, from, to) && !to.empty())
    detail::fail("%s: y is x, must be other memory", name);
}

/// Base of a block: the calls that all blocks have.
///
///   std::vector<float> workspace = block.make_workspace(x.shape);   // once
///   block.forward(x, y, workspace);                                 // allocates nothing
///   block.forward(executor, x, y, workspace);                       // the same bits, the work shared out
///
/// x is a tensor_view or shifted(view, plan), which the block reads through. The workspace may be left out where
/// workspace_size is 0. One object serves many threads, each with a workspace and a y of its own.
///
/// Input: what x is, input<T>; for a whole model tensor_view<T const>, which is not shifted.
template <class Block, class T, class Input = input<T>>
class calls {
 public:
  /// Of x, y and the weights.
  using element_type = T;

  /// Elements of T that forward needs for an input of this shape, whichever executor it has.
  /// @throws shape_error  a size is negative, or the elements are more than an index counts
  index_t workspace_size(shape const& x) const {
    arena<T> counting(Block::name);
    self().layout(counting, x);
    return counting.most();
  }

  /// Memory for forward. The one allocation: keep it for further calls.
  std::vector<T> make_workspace(shape const& x) const {
    return std::vector<T>(static_cast<std::size_t>(workspace_size(x)));
  }

  /// y = f(x).
  /// @param x          a view or shifted(view, plan)
  /// @param y          other memory than x, unless the block says otherwise
  /// @param workspace  workspace_size(shape of x) elements, apart from x and y; may be left out where that is 0
  /// @throws shape_error  sizes disagree, channels are not neighbours, or views overlap; before the first write
  void forward(std::type_identity_t<Input> const& x, tensor_view<T> const& y, std::span<T> workspace = {}) const {
    detail::run_here exec;
    forward(exec, x, y, workspace);
  }

  /// The same, the work shared out by an executor; not one bit depends on it.
  template <executor Executor>
  void forward(Executor&& exec, std::type_identity_t<Input> const& x, tensor_view<T> const& y,
               std::span<T> workspace = {}) const {
    self().check(x, y);
    detail::check_workspace(Block::name, workspace, workspace_size(view_of(x).shape), {"x", "y"}, view_of(x), y);
    if (y.size() > 0) self().compute(exec, content_of(x), y, arena<T>(Block::name, workspace));
  }

 private:
  static tensor_view<T const> const& view_of(input<T> const& x) noexcept { return x.base(); }
  static tensor_view<T const> const& view_of(tensor_view<T const> const& x) noexcept { return x; }
  static shifted_view<T> const& content_of(input<T> const& x) noexcept { return x.view(); }
  static tensor_view<T const> const& content_of(tensor_view<T const> const& x) noexcept { return x; }
  Block const& self() const noexcept { return static_cast<Block const&>(*this); }
};

/// Base of a block that works row by row: [N, T, inputs] to [N, T, outputs], every frame, also those past a sequence's
/// length.
template <class Block, class T>
class row_calls : public calls<Block, T> {
 public:
  /// Slices for every part. Unchecked.
  T* layout(arena<T>& a, shape const& x) const {
    kernel::row_split const split = split_of(x);
    index_t const one = scratch_size(a.operation(), split.block());
    return a.take({split.parts, one});
  }

  /// Unchecked. x may be some frames of a tensor alone: as many as y has.
  template <class Executor>
  void compute(Executor& exec, kernel::frame_rows<T> const& x, tensor_view<T> const& y, arena<T> a) const {
    share(exec, x, y, a);
  }

  /// Refuses what does not fit.
  void check(input<T> const& x, tensor_view<T> const& y) const {
    detail::check_block(Block::name, x, self().inputs(), y, self().outputs(), Block::aliasing);
  }

  /// Frames of x before a frame of y that it depends on.
  index_t history() const noexcept { return 0; }
  /// Frames of x after it.
  index_t latency() const noexcept { return 0; }

 protected:
  /// Has the parts of y computed; `more` are further arguments of the block's rows function.
  template <class Executor, class... More>
  void share(Executor& exec, kernel::frame_rows<T> const& x, tensor_view<T> const& y, arena<T> a, More... more) const {
    shape const& made = y.shape;
    kernel::row_split const all = split_of(made), split = kernel::split_for<Executor>(all);
    index_t const one = scratch_size(a.operation(), all.block());
    T* const slices = layout(a, made);
    kernel::for_parts(exec, split.parts, [this, &x, &y, &split, slices, one, more...](index_t part) {
      T* const scratch = one > 0 ? slices + part * one : nullptr;
      auto const some = [this, &x, scratch, more...](index_t first, index_t rows, kernel::row_sink<T> to) {
        self().rows(x, first, rows, to, scratch, more...);
      };
      kernel::for_rows(y, split.begin(part), split.end(part), some);
    });
  }

 private:
  kernel::row_split split_of(shape const& x) const {
    return {detail::checked_product(Block::name, {x.batch, x.time}), self().work(), 8};
  }
  index_t scratch_size(char const* operation, index_t rows) const {
    arena<T> counting(operation);
    self().scratch(counting, rows);
    return counting.most();
  }
  Block const& self() const noexcept { return static_cast<Block const&>(*this); }
};

/// Base of a row block that can add a skip connection in its last pass over y. Its rows function takes one more argument,
/// kernel::row_source<T> const* skip: rows of `outputs` channels, numbered like those it is asked for.
template <class Block, class T>
class adding_row_calls : public row_calls<Block, T> {
 public:
  /// y = f(x) + skip: the sum costs no pass of its own, and may be read through a shift as x may.
  /// @param skip  [N, T, outputs], a view or shifted(view, plan) with lengths of its own; other memory than y
  void forward_add(std::type_identity_t<input<T>> const& x, std::type_identity_t<input<T>> const& skip,
                   tensor_view<T> const& y, std::span<T> workspace = {}) const {
    detail::run_here exec;
    forward_add(exec, x, skip, y, workspace);
  }

  /// The same, the work shared out by an executor.
  template <executor Executor>
  void forward_add(Executor&& exec, std::type_identity_t<input<T>> const& x, std::type_identity_t<input<T>> const& skip,
                   tensor_view<T> const& y, std::span<T> workspace = {}) const {
    self().check(x, y);
    detail::extent const to = detail::check_view(Block::name, "y", y);
    detail::check_input(Block::name, "skip", skip, self().outputs(), to, detail::in_place::refused);
    detail::check_workspace(Block::name, workspace, this->workspace_size(x.shape()), {"x", "skip", "y"}, x.base(),
                            skip.base(), y);
    if (to.empty()) return;
    compute_add(exec, x.view(), skip.view(), y, arena<T>(Block::name, workspace));
  }

  /// Unchecked. x and skip may be some frames of tensors alone.
  template <class Executor>
  void compute_add(Executor& exec, kernel::frame_rows<T> const& x, kernel::frame_rows<T> const& skip,
                   tensor_view<T> const& y, arena<T> a) const {
    kernel::row_source<T> const added(skip);
    this->share(exec, x, y, a, &added);
  }

 private:
  Block const& self() const noexcept { return static_cast<Block const&>(*this); }
};

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
