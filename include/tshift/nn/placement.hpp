// SPDX-License-Identifier: MIT
// Where the shift stands in a residual block. "Residual" and "in-place" mean opposite things in two papers; these words
// do not.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>
#include <utility>

#include <tshift/nn/input.hpp>
#include <tshift/nn/options.hpp>
#include <tshift/plan.hpp>
#include <tshift/shift.hpp>
#include <tshift/shift_add.hpp>

namespace tshift { inline namespace TSHIFT_V {

/// A shift as models take it: presets::shiftser(channels, n_div, towards, stride, edge), at a placement.
struct shift_options {
  index_t n_div = 0;                     ///< channels / n_div move per direction; 0: no shift
  direction towards = direction::delay;  ///< as presets::shiftser
  index_t stride = 1;                    ///< frames
  placement where = placement::none;     ///< of the block it is in
  padding edge = padding::zero;          ///< what vacated frames receive
};

}}  // namespace tshift

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// x, shifted or not.
template <class T>
input<T> shifted_if(bool yes, tensor_view<T const> const& x, shift_plan const& plan) {
  if (yes) return shifted(x, plan);
  return x;
}

/// A block that adds its skip connection itself, in the last pass over y.
template <class F, class T>
concept fused_block = requires(F const& f, input<T> const& x, tensor_view<T> const& y, std::span<T> workspace) {
  f.forward_add(x, x, y, workspace);
};

/// A block of this library that needs a workspace, or one that is called like it. It reads through the shift.
template <class F, class T>
concept working_block = requires(F const& f, input<T> const& x, tensor_view<T> const& y, std::span<T> workspace) {
  f.forward(x, y, workspace);
};

/// The same without a workspace.
template <class F, class T>
concept direct_block = requires(F const& f, input<T> const& x, tensor_view<T> const& y) {
  f.forward(x, y);
};

/// Any of these: it reads through the shift, and nothing is copied.
template <class F, class T>
concept lazy_block = fused_block<F, T> || working_block<F, T> || direct_block<F, T>;

/// Anybody's block: a callable f(x, y) that reads a tensor_view<T const> [N, T, D] and writes y of the same shape.
template <class F, class T>
concept plain_block = requires(F const& f, tensor_view<T const> const& x, tensor_view<T> const& y) {
  f(x, y);
};

/// y = [S] x + f([S] x) for a block of this library: what wrapped does, without its checks of x and y.
template <class T, class F>
requires lazy_block<F, T>
void residual(F const& f, placement where, shift_plan const& plan, tensor_view<T const> const& x,
              tensor_view<T> const& y, std::span<T> workspace) {
  if constexpr (fused_block<F, T>) {
    f.forward_add(shifted_if(shifts_branch(where), x, plan), shifted_if(shifts_skip(where), x, plan), y, workspace);
  } else {
    input<T> const from = shifted_if(shifts_branch(where), x, plan);
    if constexpr (working_block<F, T>) {
      f.forward(from, y, workspace);
    } else {
      f.forward(from, y);
    }
    shift_add(x, y, y, shifts_skip(where) ? plan : shift_plan(plan.channels(), {}));
  }
}

/// A residual block with a shift in it: y = [S] x + f([S] x).
///
///   auto block = wrap<float>(f, placement::branch, presets::tsm(channels));
///   std::vector<float> workspace(block.workspace_size(x.shape));
///   block.forward(x, y, workspace);
///
/// A block of this library reads through the shift, and nothing is copied. Any other callable gets memory: S x is
/// written to the workspace first, where the placement asks for it.
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

  /// Elements of T that forward needs for an input of this shape.
  index_t workspace_size(shape const& x) const {
    if constexpr (fused_block<F, T> || working_block<F, T>) {
      return f_.workspace_size(x);
    } else if constexpr (lazy_block<F, T>) {
      return 0;
    } else {
      return shifts_branch(where_) ? detail::checked_product("wrap", {x.batch, x.time, x.channels}) : 0;
    }
  }

  /// @param x          [N, T, D]
  /// @param y          [N, T, D], apart from x
  /// @param workspace  workspace_size(x.shape) elements
  /// @throws shape_error  plan, x, y or workspace disagree; before the first write
  void forward(std::type_identity_t<tensor_view<T const>> const& x, tensor_view<T> const& y,
               std::span<T> workspace) const {
    detail::extent const to = detail::check_rows("wrap", "y", y, plan_.channels());
    // Before the block runs, everything that the sum behind it would refuse.
    detail::check_input("wrap", "x", input<T>(x), plan_.channels(), to, detail::in_place::refused);
    detail::check_same_shape("wrap", detail::check_rows("wrap", "x", x, plan_.channels()), to);
    detail::check_writable("wrap", to);
    detail::check_workspace("wrap", workspace, workspace_size(x.shape));
    if constexpr (lazy_block<F, T>) {
      residual(f_, where_, plan_, x, y, workspace);
    } else {
      if (shifts_branch(where_)) {
        tensor_view<T> const moved(workspace.data(), x.shape, layout::ntc, x.lengths);
        shift(x, moved, plan_);
        f_(tensor_view<T const>(moved), y);
      } else {
        f_(x, y);
      }
      shift_add(x, y, y, shifts_skip(where_) ? plan_ : shift_plan(plan_.channels(), {}));
    }
  }

 private:
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
