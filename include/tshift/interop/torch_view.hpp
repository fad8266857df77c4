// SPDX-License-Identifier: MIT
// PyTorch's memory in tshift's words and back, without copies, and an executor over PyTorch's threads. Needs libtorch,
// made for 1.13 (Debian 12: libtorch-dev). The operations on tensors, with autograd: torch.hpp.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>

#include <tshift/error.hpp>
#include <tshift/view.hpp>

namespace tshift { inline namespace TSHIFT_V {

/// shift(torch_executor{}, x, y, plan): the parts are shared out by at::parallel_for, among torch.get_num_threads().
/// With libtorch's usual OpenMP backend the including unit needs -fopenmp, else everything runs on the calling thread.
struct torch_executor {
  /// Runs body(i) once for every i in [0, n), and returns when all are done.
  template <class Body>
  TSHIFT_INLINE void operator()(index_t n, Body const& body) const {
    at::parallel_for(0, n, 1, [&body](std::int64_t first, std::int64_t last) {
      for (std::int64_t i = first; i < last; ++i) body(static_cast<index_t>(i));
    });
  }
};

}}  // namespace tshift

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace interop {

/// How a tensor's dimensions are meant, and what else an operation takes. Stands beside the functions because its
/// members' code depends on flags.
///
/// Of the dimensions that are neither time nor channels the first is the batch, and all others are space:
/// [N,T,C] and [N,T,C,H,W] by default; NTHWC: channel_dim = -1; NCT and NCTHW: time_dim = 2, channel_dim = 1;
/// TNC: time_dim = 0; [T,C]: time_dim = 0, channel_dim = 1, one sequence.
struct tensor_dims {
  std::int64_t time_dim = 1;     ///< in [-rank, rank); negative counts from the last
  std::int64_t channel_dim = 2;  ///< in [-rank, rank), not time_dim
  at::Tensor lengths = {};       ///< undefined: all T; else N integers in [0, T] on the CPU, see tensor_view::lengths
  at::Scalar fill = 0;           ///< what padding::zero writes; not seen by gradients
};

namespace detail {

using tshift::detail::fail;

inline std::int64_t dimension(char const* operation, char const* name, std::int64_t d, std::int64_t rank) {
  if (d < -rank || d >= rank) {
    fail("%s: %s = %td, must be a dimension of x, which has %td", operation, name, static_cast<index_t>(d),
         static_cast<index_t>(rank));
  }
  return d < 0 ? d + rank : d;
}

/// Which dimension is what. Dimensions of space are listed outermost first.
struct axes {
  std::int64_t time = 0, channels = 0, batch = -1;
  c10::SmallVector<std::int64_t, 4> space;

  axes(char const* operation, std::int64_t rank, tensor_dims const& how) {
    if (rank < 2) fail("%s: x has %td dimensions, must have time and channels", operation, static_cast<index_t>(rank));
    time = dimension(operation, "time_dim", how.time_dim, rank);
    channels = dimension(operation, "channel_dim", how.channel_dim, rank);
    if (time == channels) {
      fail("%s: time_dim and channel_dim are both %td, must differ", operation, static_cast<index_t>(time));
    }
    for (std::int64_t d = 0; d < rank; ++d) {
      if (d == time || d == channels) continue;
      if (batch < 0) {
        batch = d;
      } else {
        space.push_back(d);
      }
    }
  }

  /// Walks space in the order in which y has it in memory, so that H and W may be swapped.
  void follow(at::Tensor const& y) {
    std::stable_sort(space.begin(), space.end(),
                     [&y](std::int64_t a, std::int64_t b) { return y.stride(a) > y.stride(b); });
  }

  shape shape_of(at::Tensor const& x) const {
    shape dims{1, static_cast<index_t>(x.size(time)), static_cast<index_t>(x.size(channels)), 1};
    if (batch >= 0) dims.batch = static_cast<index_t>(x.size(batch));
    for (std::int64_t const d : space) dims.space *= static_cast<index_t>(x.size(d));
    return dims;
  }

  /// Whether all dimensions of space together have one stride, and which.
  std::pair<bool, index_t> space_stride(at::Tensor const& x) const {
    std::int64_t stride = 0, expected = -1;
    for (std::size_t i = space.size(); i-- > 0;) {
      std::int64_t const d = space[i];
      if (x.size(d) == 1) continue;
      if (expected < 0) {
        stride = x.stride(d);
      } else if (x.stride(d) != expected) {
        return {x.numel() == 0, 0};
      }
      expected = x.stride(d) * x.size(d);
    }
    return {true, static_cast<index_t>(stride)};
  }

  strides strides_of(at::Tensor const& x) const {
    return {batch >= 0 ? static_cast<index_t>(x.stride(batch)) : 0, static_cast<index_t>(x.stride(time)),
            static_cast<index_t>(x.stride(channels)), space_stride(x).second};
  }
};

/// What has no memory that could be walked is refused here.
inline void check_tensor(char const* operation, char const* name, at::Tensor const& x) {
  if (!x.defined()) fail("%s: %s is undefined, must be a tensor", operation, name);
  if (x.layout() != at::kStrided) {
    fail("%s: %s is %s, must be strided", operation, name, x.is_sparse() ? "sparse" : "of another layout");
  }
  if (!x.device().is_cpu() && !x.is_meta()) {
    fail("%s: %s is on device %s, must be on the CPU", operation, name, x.device().str().c_str());
  }
  if (x.is_quantized()) fail("%s: %s is quantised; shift x.int_repr(), filled with the zero point", operation, name);
}

inline std::span<index_t const> span_of(at::Tensor const& lengths) {
  static_assert(sizeof(index_t) == sizeof(std::int64_t));
  if (!lengths.defined()) return {};
  return {static_cast<index_t const*>(lengths.data_ptr()), static_cast<std::size_t>(lengths.numel())};
}

template <class T>
tensor_view<T> view_along(at::Tensor const& x, axes const& where, at::Tensor const& lengths = {}) {
  return {static_cast<T*>(x.data_ptr()), where.shape_of(x), where.strides_of(x), span_of(lengths)};
}

}  // namespace detail

/// x's memory as a view: x[n, t, c, s] is view(n, t, c, s), s counting through all dimensions of space, last fastest.
/// @param x        alive, and not resized, as long as the view is used; autograd does not see what is done through it
/// @param how      which dimension is what; how.fill is not used
/// @param lengths  of a ragged batch, see tensor_view; not how.lengths, because a view owns nothing
/// @throws shape_error  x is not on the CPU, not strided, quantised, a lazy conjugate or negative, of another dtype
///                      than T (of another size, where T is no type of PyTorch's), or its dimensions of space have no
///                      common stride
/// Copies nothing.
template <class T>
tensor_view<T> view_of(at::Tensor const& x, tensor_dims const& how = {}, std::span<index_t const> lengths = {}) {
  using value = std::remove_const_t<T>;
  constexpr char const* operation = "view_of";
  detail::check_tensor(operation, "x", x);
  if (x.is_meta()) detail::fail("view_of: x is a meta tensor, must have data");
  if (x.is_conj() || x.is_neg()) {
    detail::fail("view_of: x is a lazy conjugate or negative; take resolve_conj() or resolve_neg()");
  }
  if constexpr (requires { c10::CppTypeToScalarType<value>::value; }) {
    constexpr at::ScalarType wanted = c10::CppTypeToScalarType<value>::value;
    if (x.scalar_type() != wanted) {
      detail::fail("view_of: x has dtype %s, the view %s", c10::toString(x.scalar_type()), c10::toString(wanted));
    }
  } else if (x.element_size() != static_cast<std::int64_t>(sizeof(value))) {
    detail::fail("view_of: x has elements of %td bytes, the view of %td", static_cast<index_t>(x.element_size()),
                 static_cast<index_t>(sizeof(value)));
  }
  detail::axes const where(operation, x.dim(), how);
  if (!where.space_stride(x).first) {
    detail::fail("view_of: the dimensions of space have no common stride; take contiguous()");
  }
  tensor_view<T> view = detail::view_along<T>(x, where);
  view.lengths = lengths;
  return view;
}

/// A view's memory as a tensor [N, T, C], or [N, T, C, S] where there is space. Lengths are left out.
/// @param view  its memory must outlive the tensor and all that shares the tensor's storage; T is one of PyTorch's
/// @throws shape_error  a stride is negative, which PyTorch does not have
/// Copies nothing.
template <class T>
requires(!std::is_const_v<T>) at::Tensor tensor_of(tensor_view<T> const& view) {
  static_assert(
      requires { c10::CppTypeToScalarType<T>::value; }, "tensor_of: T must be an element type of PyTorch's");
  std::vector<std::int64_t> sizes{view.shape.batch, view.shape.time, view.shape.channels};
  std::vector<std::int64_t> steps{view.strides.batch, view.strides.time, view.strides.channels};
  if (view.shape.space != 1) {
    sizes.push_back(view.shape.space);
    steps.push_back(view.strides.space);
  }
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] < 2) {
      steps[i] = std::max<std::int64_t>(steps[i], 0);  // never used
    } else if (steps[i] < 0) {
      detail::fail("tensor_of: stride %td, must be >= 0", static_cast<index_t>(steps[i]));
    }
  }
  return at::from_blob(view.data, sizes, steps, at::TensorOptions().dtype(c10::CppTypeToScalarType<T>::value));
}

}}}}  // namespace tshift::interop

#include <tshift/macros/back.hpp>
