// SPDX-License-Identifier: MIT
// The shift in a residual block, trained: y = [S] x + f([S] x).
//
//   none     dx = g + J' g                     J the derivative of f, g that of y, ' the transpose
//   branch   dx = g + S' J' g
//   skip     dx = S' g + J' g
//   both     dx = S' (g + J' g)
//
// With padding zero and circular S' is a shift itself, and g is read through it; with keep and edge it adds frames, and is
// written to the workspace first.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>

#include <tshift/nn/residual.hpp>
#include <tshift/shift_adjoint.hpp>
#include <tshift/train/block.hpp>
#include <tshift/train/kernel/products.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// Whether the transpose of a shift is one.
constexpr bool adjoint_is_plan(shift_plan const& plan) noexcept {
  return plan.edge() == padding::zero || plan.edge() == padding::circular;
}

/// S' g, to be read. Unchecked. @param room  [N, T, C], where S' is no shift
template <class Executor, class T>
shifted_view<T> adjoint_of(Executor& exec, tensor_view<T const> const& g, shift_plan const& plan, T* room) {
  if (adjoint_is_plan(plan)) return nn::shifted_if(true, g, plan.adjoint());
  tensor_view<T> const sums(room, g.shape, tshift::layout::ntc, g.lengths);
  if (g.size() > 0) shift_adjoint(exec, g, sums, plan);
  return nn::as_it_is<T>(sums);
}

/// A block that adds a skip connection in both passes.
template <class F, class T>
concept adding_block = requires(F const& f, detail::run_here& exec, shifted_view<T> const& x, tensor_view<T> const& y,
                                T* saved, arena<T> a, kernel::row_source<T> const* skip) {
  f.run(exec, x, y, saved, a, skip);
};

/// y = [S] x + f([S] x). Unchecked.
template <class F, class T, class Executor>
void run_residual(Executor& exec, F const& f, placement where, shift_plan const& plan, tensor_view<T const> const& x,
                  tensor_view<T> const& y, T* saved, arena<T> a) {
  static_assert(
      trained_block<F, T>,
      "tshift: this block cannot be trained: it needs run, run_back and saved_size, see tshift/train/block.hpp; "
      "blocks of tshift/nn/ have twins in tshift/train/");
  shifted_view<T> const read = nn::shifted_if(nn::shifts_branch(where), x, plan);
  shifted_view<T> const added = nn::shifted_if(nn::shifts_skip(where), x, plan);
  if constexpr (adding_block<F, T>) {
    kernel::frame_rows<T> const rows{added};
    kernel::row_source<T> const skip(rows);
    f.run(exec, read, y, saved, a, &skip);
  } else {
    f.run(exec, read, y, saved, a);
    nn::add_frames(exec, added, y);
  }
}

/// What run_residual_back takes beside f's own workspace. Unchecked.
template <class T>
struct residual_rooms {
  T* inner;  ///< [N, T, D]: f's gradient before S'
  T* sums;   ///< [N, T, D]: S' of it, where S' is no shift

  /// Takes what the placement needs.
  residual_rooms(arena<T>& a, placement where, shift_plan const& plan, shape const& x)
      : inner(nn::shifts_branch(where) ? a.take({x.batch, x.time, x.channels}) : nullptr),
        sums(where != placement::none && !adjoint_is_plan(plan) ? a.take({x.batch, x.time, x.channels}) : nullptr) {}
};

/// dx = the sums above, inside sequences; and f's gradients. Unchecked.
/// @param dy  [N, T, D] with the lengths of x, read inside sequences
/// @param dx  other memory than dy; without data it is not wanted
template <class F, class T, class Executor>
void run_residual_back(Executor& exec, F const& f, placement where, shift_plan const& plan,
                       tensor_view<T const> const& x, T const* saved, tensor_view<T const> const& dy,
                       tensor_view<T> const& dx, std::span<T> gradients, arena<T> a) {
  using arch = xsimd::default_arch;
  residual_rooms<T> const rooms(a, where, plan, x.shape);
  shifted_view<T> const read = nn::shifted_if(nn::shifts_branch(where), x, plan), g = nn::as_it_is<T>(dy);
  bool const wanted = dx.data != nullptr;
  // Of f, with `added` to it.
  auto const inner = [&](tensor_view<T> const& to, shifted_view<T> const* added) {
    kernel::frame_rows<T> const rows{added != nullptr ? *added : g};
    if constexpr (adding_block<F, T>) {
      kernel::row_source<T> const skip(rows);
      f.run_back(exec, read, saved, g, to, gradients, a, added != nullptr ? &skip : nullptr);
    } else {
      f.run_back(exec, read, saved, g, to, gradients, a);
      if (added == nullptr || to.data == nullptr) return;
      kernel::for_rows_inside(exec, x, to, 8 * to.shape.channels,
                              [&rows, &to](index_t first, index_t count, kernel::row_sink<T> sink) {
                                kernel::add_rows<T, arch>(rows, to.shape.channels, first, count, sink);
                              });
    }
  };
  if (!nn::shifts_branch(where) || !wanted) {
    if (!wanted || !nn::shifts_skip(where)) return inner(dx, wanted ? &g : nullptr);
    shifted_view<T> const back = adjoint_of(exec, dy, plan, rooms.sums);
    return inner(dx, &back);
  }
  bool const both = nn::shifts_skip(where);
  tensor_view<T> const u(rooms.inner, x.shape, tshift::layout::ntc, x.lengths);
  inner(u, both ? &g : nullptr);
  shifted_view<T> const back = adjoint_of(exec, tensor_view<T const>(u), plan, rooms.sums);
  kernel::frame_rows<T> const through{back}, beside{g};
  index_t const channels = x.shape.channels;
  kernel::for_rows_inside(exec, x, dx, 8 * channels,
                          [&through, &beside, channels, both](index_t first, index_t count, kernel::row_sink<T> to) {
                            for (index_t r = 0; r < count; ++r) {
                              for (index_t c = 0; c < channels; ++c) to.data[r * to.stride + c] = T(0);
                            }
                            kernel::add_rows<T, arch>(through, channels, first, count, to);
                            if (!both) kernel::add_rows<T, arch>(beside, channels, first, count, to);
                          });
}

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
