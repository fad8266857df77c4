// SPDX-License-Identifier: MIT
// From checked arguments to what kernels take: bytes with byte strides.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>

#include <tshift/kernel/check.hpp>
#include <tshift/kernel/geometry.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

template <class Byte>
kernel::operand<Byte> operand_of(extent const& x) noexcept {
  // One channel is a run whatever its stride was.
  index_t const channel = x.dims.channels > 1 ? x.step.channels : x.dims.space * x.element_bytes;
  return {reinterpret_cast<Byte*>(x.address), x.step.batch, x.step.time, channel, x.step.space};
}

inline index_t bytes_of(extent const& x) noexcept {
  return x.dims.batch * x.dims.time * x.dims.channels * x.dims.space * x.element_bytes;
}

}}}}  // namespace tshift::detail

#include <tshift/macros/back.hpp>
