// SPDX-License-Identifier: MIT
// Where the shift stands in a residual block. "Residual" and "in-place" mean opposite things in two papers; these words
// do not.
#pragma once

#include <tshift/macros/away.hpp>

#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <tshift/nn/block.hpp>
#include <tshift/nn/kernel/skip.hpp>
#include <tshift/nn/options.hpp>
#include <tshift/plan.hpp>
#include <tshift/presets.hpp>
#include <tshift/shift.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// The plan that options mean for so many channels, and where it stands; n_div 0 is no shift anywhere.
struct placed_plan {
  shift_plan plan;                    ///< what moves
  placement where = placement::none;  ///< what it stands before

  placed_plan() = default;
  /// @throws shape_error  the options mean no plan for so many channels
  placed_plan(model_shift const& options, index_t channels)
      : plan(options.n_div == 0
                 ? shift_plan(channels, {})
                 : presets::shiftser(channels, options.n_div, options.towards, options.stride, options.edge)),
        where(options.n_div == 0 ? placement::none : options.where) {
    if (where < placement::none || where > placement::both) {
      detail::fail("model_shift: placement = %d, must be a named placement", static_cast<int>(where));
    }
  }
};

/// x, shifted or not. Unchecked.
template <class T>
shifted_view<T> shifted_if(bool yes, tensor_view<T const> const& x, shift_plan const& plan) noexcept {
  if (!yes) return as_it_is(x);
  return {x, tshift::kernel::segments_of(plan), plan.edge(), T(0)};
}

/// A block of this library: it reads through the shift, and nothing is copied.
template <class F, class T>
concept library_block = std::derived_from<F, calls<F, T>>;

/// One that works row by row.
template <class F, class T>
concept row_block = std::derived_from<F, row_calls<F, T>>;

/// One that adds its skip connection itself, in the last pass over y.
template <class F, class T>
concept adding_block = std::derived_from<F, adding_row_calls<F, T>>;

/// A block that is called like one of this library and asks for a workspace. It reads through the shift, too.
template <class F, class T>
concept working_block = requires(F const& f, input<T> const& x, tensor_view<T> const& y, std::span<T> workspace) {
  f.forward(x, y, workspace);
  { f.workspace_size(x.shape()) } -> std::convertible_to<index_t>;
};

/// The same without a workspace.
template <class F, class T>
concept direct_block = requires(F const& f, input<T> const& x, tensor_view<T> const& y) {
  f.forward(x, y);
};

/// Any of these.
template <class F, class T>
concept lazy_block = library_block<F, T> || working_block<F, T> || direct_block<F, T>;

/// Anybody's block: a callable f(x, y) that reads a tensor_view<T const> [N, T, D] and writes y of the same shape.
template <class F, class T>
concept plain_block = requires(F const& f, tensor_view<T const> const& x, tensor_view<T> const& y) {
  f(x, y);
};

/// y += frames, read through a shift. Unchecked.
template <class Executor, class T>
void add_frames(Executor& exec, std::type_identity_t<kernel::frame_rows<T>> const& frames, tensor_view<T> const& y) {
  index_t const channels = y.shape.channels;
  auto const split = kernel::split_for<Executor>({y.shape.batch * y.shape.time, 8 * channels, 8});
  kernel::for_parts(exec, split.parts, [&frames, &y, &split, channels](index_t part) {
    kernel::for_rows(y, split.begin(part), split.end(part),
                     [&frames, channels](index_t first, index_t rows, kernel::row_sink<T> to) {
                       kernel::add_rows<T, xsimd::default_arch>(frames, channels, first, rows, to);
                     });
  });
}

/// What a residual block needs of x beyond a frame: `of_f` frames on that side for f itself, and the shift's own.
TSHIFT_INLINE constexpr index_t residual_reach(placement where, index_t of_f, index_t of_shift) noexcept {
  index_t const branch = shifts_branch(where) ? of_f + of_shift : of_f;
  return shifts_skip(where) && of_shift > branch ? of_shift : branch;
}

/// y = [S] x + f([S] x) for a block of this library: what wrapped does. Unchecked.
/// @param from  with a block that works row by row y may be some frames alone: those of x from this one on
template <class T, class F, class Executor>
requires library_block<F, T>
void residual(Executor& exec, F const& f, placement where, shift_plan const& plan, tensor_view<T const> const& x,
              tensor_view<T> const& y, arena<T> a, index_t from = 0) {
  TSHIFT_ASSERT(plan.channels() == x.shape.channels);
  shifted_view<T> const read = shifted_if(shifts_branch(where), x, plan);
  shifted_view<T> const added = shifted_if(shifts_skip(where), x, plan);
  kernel::frame_rows<T> const skip(added, from, y.shape.time);
  if constexpr (adding_block<F, T>) {
    f.compute_add(exec, kernel::frame_rows<T>(read, from, y.shape.time), skip, y, a);
  } else {
    if constexpr (row_block<F, T>) {
      f.compute(exec, kernel::frame_rows<T>(read, from, y.shape.time), y, a);
    } else {
      f.compute(exec, read, y, a);
    }
    add_frames(exec, skip, y);
  }
}

/// A residual block with a shift in it: y = [S] x + f([S] x).
///
///   auto block = wrap<float>(f, placement::branch, presets::tsm(channels));
///   std::vector<float> workspace = block.make_workspace(x.shape);
///   block.forward(x, y, workspace);
///
/// A block of this library reads through the shift, and nothing is copied. Any other callable gets memory: S x is
/// written to the workspace first, where the placement asks for it. An executor shares out the library's own work; a
/// callable is called once, where forward is.
/// Lengths of x are honoured by the shift; whether by f, is f's affair.
template <class T, class F>
class wrapped {
  static_assert(lazy_block<F, T> || plain_block<F, T>,
                "tshift: wrap needs a block of tshift::nn, or a callable f(tensor_view<T const> x, tensor_view<T> y)");

 public:
  /// @throws shape_error  a placement without a name
  wrapped(F f, placement where, shift_plan const& plan) : f_(std::move(f)), where_(where), plan_(plan) {
    if (where < placement::none || where > placement::both) {
      detail::fail("wrap: placement = %d, must be a named placement", static_cast<int>(where));
    }
  }

  /// Where the shift stands.
  placement where() const noexcept { return where_; }
  /// The shift.
  shift_plan const& plan() const noexcept { return plan_; }
  /// The block inside.
  F const& block() const noexcept { return f_; }

  /// Frames of x before a frame of y that it depends on, where the block says what it needs.
  index_t history() const noexcept requires row_block<F, T> {
    return residual_reach(where_, f_.history(), plan_.history());
  }
  /// Frames of x after it.
  index_t latency() const noexcept requires row_block<F, T> {
    return residual_reach(where_, f_.latency(), plan_.latency());
  }

  /// Elements of T that forward needs for an input of this shape.
  index_t workspace_size(shape const& x) const {
    if constexpr (library_block<F, T> || working_block<F, T>) {
      return f_.workspace_size(x);
    } else if constexpr (lazy_block<F, T>) {
      return 0;
    } else {
      return shifts_branch(where_) ? detail::checked_product("wrap", {x.batch, x.time, x.channels}) : 0;
    }
  }

  /// Memory for forward. The one allocation: keep it for further calls.
  std::vector<T> make_workspace(shape const& x) const {
    return std::vector<T>(static_cast<std::size_t>(workspace_size(x)));
  }

  /// @param x          [N, T, D]
  /// @param y          [N, T, D], apart from x
  /// @param workspace  workspace_size(x.shape) elements; may be left out where that is 0
  /// @throws shape_error  plan, x, y or workspace disagree; before the first write
  void forward(std::type_identity_t<tensor_view<T const>> const& x, tensor_view<T> const& y,
               std::span<T> workspace = {}) const {
    detail::run_here exec;
    forward(exec, x, y, workspace);
  }

  /// The same, the work shared out by an executor.
  template <executor Executor>
  void forward(Executor&& exec, std::type_identity_t<tensor_view<T const>> const& x, tensor_view<T> const& y,
               std::span<T> workspace = {}) const {
    detail::extent const to = detail::check_rows("wrap", "y", y, plan_.channels());
    // Before the block runs, everything that the sum after it would refuse.
    detail::check_input("wrap", "x", input<T>(x), plan_.channels(), to, detail::in_place::refused);
    detail::check_same_shape("wrap", detail::check_rows("wrap", "x", x, plan_.channels()), to);
    detail::check_writable("wrap", to);
    detail::check_workspace("wrap", workspace, workspace_size(x.shape), {"x", "y"}, x, y);
    if constexpr (library_block<F, T>) {
      f_.check(input<T>(x), y);
      if (to.empty()) return;
      residual(exec, f_, where_, plan_, x, y, arena<T>(F::name, workspace));
    } else {
      foreign(exec, x, y, workspace);
      if (!to.empty()) add_frames(exec, shifted_if(shifts_skip(where_), x, plan_), y);
    }
  }

 private:
  /// y = f([S] x) for somebody else's f.
  template <class Executor>
  void foreign(Executor& exec, tensor_view<T const> const& x, tensor_view<T> const& y, std::span<T> workspace) const {
    if constexpr (lazy_block<F, T>) {
      input<T> const from = shifts_branch(where_) ? input<T>(shifted(x, plan_)) : input<T>(x);
      if constexpr (working_block<F, T>) {
        f_.forward(from, y, workspace);
      } else {
        f_.forward(from, y);
      }
    } else if (shifts_branch(where_)) {
      tensor_view<T> const moved(workspace.data(), x.shape, layout::ntc, x.lengths);
      shift(exec, x, moved, plan_);
      f_(tensor_view<T const>(moved), y);
    } else {
      f_(x, y);
    }
  }

  F f_;
  placement where_;
  shift_plan plan_;
};

/// f with a shift of its input at a placement; see wrapped. f is copied or moved in; std::cref(f) leaves it outside.
template <class T, class F>
wrapped<T, F> wrap(F f, placement where, shift_plan const& plan) {
  return {std::move(f), where, plan};
}

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
