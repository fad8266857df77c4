// SPDX-License-Identifier: MIT
// Dimensions by name: how eigen.hpp, mdspan.hpp and dlpack.hpp, which include this, are told which dimension is what.
//
// One letter for each dimension, in the order in which the tensor's own indices have them:
//   T frames, C channels     once each
//   N sequences              at most once; without it the tensor is one sequence
//   D, H, W, S               space, at most once each: s counts through those there are, in this order, the last
//                            fastest, wherever their letters stand. [N,T,C,H,W] is "NTCHW", and s = h W + w.
// The letters say nothing about memory; the tensor's strides do. Views that are used together are therefore right in
// whatever order each is stored.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include <tshift/error.hpp>
#include <tshift/view.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace interop::detail {

using tshift::detail::fail;

inline constexpr std::size_t most_axes = 7;

/// A tensor's dimensions in tshift's words.
struct named_shape {
  tshift::shape dims{1, 0, 0, 1};
  tshift::strides steps{};
};

[[noreturn]] inline void fail_names(std::string_view axes) {
  fail("view_of: axes = \"%.*s\", must be T and C once and N, D, H, W, S at most once", static_cast<int>(axes.size()),
       axes.data());
}

/// The names in force: those given, or [T,C], [N,T,C] where there are none.
inline std::string_view names_of(std::string_view axes, std::size_t rank) {
  auto const dimensions = static_cast<index_t>(rank);
  if (rank < 2) fail("view_of: x has %td dimensions, must have time and channels", dimensions);
  if (axes.empty()) {
    if (rank > 3) fail("view_of: x has %td dimensions, which must be named, as in \"NTCHW\"", dimensions);
    return rank == 2 ? "TC" : "NTC";
  }
  if (axes.size() != rank) {
    fail("view_of: axes = \"%.*s\", must name the %td dimensions of x", static_cast<int>(axes.size()), axes.data(),
         dimensions);
  }
  return axes;
}

/// Sizes and steps are in the order of the names.
inline named_shape shape_of(std::span<index_t const> sizes, std::span<index_t const> steps, std::string_view axes) {
  constexpr std::string_view known = "NTCDHWS";
  static_assert(known.size() == most_axes);
  index_t size_of[most_axes] = {1, -1, -1, 1, 1, 1, 1};
  index_t step_of[most_axes] = {};
  bool named[most_axes] = {};
  bool empty = false;
  std::string_view const names = names_of(axes, sizes.size());
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    std::size_t const k = known.find(names[i]);
    if (k == std::string_view::npos || named[k]) fail_names(names);
    if (sizes[i] < 0) fail("view_of: dimension %c of x = %td, must be >= 0", names[i], sizes[i]);
    named[k] = true;
    size_of[k] = sizes[i];
    step_of[k] = steps[i];
    empty = empty || sizes[i] == 0;
  }
  if (!named[1] || !named[2]) fail_names(names);

  named_shape result{{size_of[0], size_of[1], size_of[2], 1}, {step_of[0], step_of[1], step_of[2], 0}};
  std::size_t inner = most_axes;  // the dimension of space looked at before, if any has more than one position
  for (std::size_t k = most_axes; k-- > 3;) {
    if (size_of[k] == 1) continue;
    index_t expected = 0;
    if (inner == most_axes) {
      result.steps.space = step_of[k];
    } else if (!empty &&
               (__builtin_mul_overflow(step_of[inner], size_of[inner], &expected) || step_of[k] != expected)) {
      fail("view_of: %c and %c of x cannot be walked with one stride, must lie as in dense memory", known[k],
           known[inner]);
    }
    if (__builtin_mul_overflow(result.dims.space, size_of[k], &result.dims.space)) {
      fail("view_of: space of x has too many positions, must fit in 2^%d - 1", tshift::detail::index_bits);
    }
    inner = k;
  }
  return result;
}

template <class T>
tensor_view<T> view_by_names(T* data, std::span<index_t const> sizes, std::span<index_t const> steps,
                             std::string_view axes, std::span<index_t const> lengths) {
  named_shape const named = shape_of(sizes, steps, axes);
  return {data, named.dims, named.steps, lengths};
}

inline index_t index_if(bool fits, char const* what, index_t value) {
  if (!fits) fail("view_of: a %s of x is too large, must fit in 2^%d - 1", what, tshift::detail::index_bits);
  return value;
}

/// A size or a stride of whatever type the tensor has it in.
template <class Integer>
index_t to_index(char const* what, Integer value) {
  return index_if(std::in_range<index_t>(value), what, static_cast<index_t>(value));
}

/// Strides of dense memory, the last dimension fastest, or the first one. A dimension of 0 counts as 1.
inline void dense_steps(std::span<index_t const> sizes, std::span<index_t> steps, bool first_fastest) {
  index_t step = 1;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    std::size_t const k = first_fastest ? i : sizes.size() - 1 - i;
    steps[k] = step;
    if (sizes[k] > 1 && __builtin_mul_overflow(step, sizes[k], &step)) {
      fail("view_of: x has too many elements, must fit in 2^%d - 1", tshift::detail::index_bits);
    }
  }
}

}}}}  // namespace tshift::interop::detail

#include <tshift/macros/back.hpp>
