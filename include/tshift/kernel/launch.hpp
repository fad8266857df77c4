// SPDX-License-Identifier: MIT
// From a checked call to the kernels: what an operation hands to a walk, shared out by an executor.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>

#include <tshift/config.hpp>
#include <tshift/executor.hpp>
#include <tshift/kernel/inplace.hpp>
#include <tshift/kernel/operand.hpp>
#include <tshift/kernel/walk.hpp>
#include <tshift/plan.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

inline kernel::task task_of(extent const& x, shift_plan const& plan, kernel::fill_pattern const& fill) noexcept {
  return {x.dims, x.lengths, x.element_bytes, plan.edge(), kernel::segments_of(plan), &fill};
}

/// Calls part(first, last) for the channels of all sequences that move, shared out.
template <class Executor, class Part>
void share_moved(Executor&& exec, extent const& x, shift_plan const& plan, Part const& part) {
  index_t const frame_bytes = x.dims.time * x.dims.space * x.element_bytes;
  share(exec, x.dims.batch * plan.moved(), x.dims.batch * plan.moved() * frame_bytes, part);
}

/// Whether a tensor is so large that a walk against its order should ask for memory ahead of time.
inline bool is_far(extent const& x) noexcept { return bytes_of(x) >= TSHIFT_STREAMING_BYTES / 8; }

template <class Arch, class Executor>
void launch_inplace(Executor&& exec, extent const& x, shift_plan const& plan, kernel::fill_pattern const& fill) {
  kernel::task const job = task_of(x, plan, fill);
  kernel::operand<std::byte> const data = operand_of<std::byte>(x);
  bool const far = is_far(x);
  share_moved(exec, x, plan, [&data, &job, far](index_t first, index_t last) noexcept {
    kernel::shift_inplace<Arch>(data, job, far, first, last);
  });
}

template <class Arch, class Executor, class What>
void launch_walk(Executor&& exec, extent const& x, extent const& y, shift_plan const& plan,
                 kernel::fill_pattern const& fill, What const& what) {
  kernel::task const job = task_of(x, plan, fill);
  kernel::route const way(job, operand_of<std::byte>(y), operand_of<std::byte const>(x));
  index_t const bytes = bytes_of(y);
  bool const streaming = bytes >= TSHIFT_STREAMING_BYTES;
  share(exec, way.units, bytes, [&way, &job, &what, streaming](index_t first, index_t last) noexcept {
    kernel::walk<Arch>(way, job, what, streaming, first, last);
  });
}

}  // namespace detail

}}}  // namespace tshift

#include <tshift/macros/back.hpp>
