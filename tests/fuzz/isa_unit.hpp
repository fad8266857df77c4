// SPDX-License-Identifier: MIT
// What a unit built for one instruction set can be asked to do. Function pointers and the library's data types: nothing
// here has code of its own that the linker could share out.
#pragma once

#include <cstdint>

#include <tshift/shifted_view.hpp>
#include <tshift/stream.hpp>

#include "../support/bytes.hpp"
#include "../support/operations.hpp"

namespace fuzz {

template <class T>
struct isa_operations {
  void (*apply)(test_support::operation what, tshift::tensor_view<T const> x, tshift::tensor_view<T const> r,
                tshift::tensor_view<T> y, tshift::shift_plan const& plan, T const& fill);
  tshift::shifted_view<T> (*lazy)(tshift::tensor_view<T const> x, tshift::shift_plan const& plan, T const& fill);
  void (*read_lazy)(tshift::shifted_view<T> const& from, T* to);  // dense
  tshift::shift_stream<T> (*make)(tshift::shift_plan const& plan, tshift::shape const& frame, T const& fill);
  void (*prime)(tshift::shift_stream<T>& to, tshift::tensor_view<T const> x);
  tshift::index_t (*push)(tshift::shift_stream<T>& to, tshift::tensor_view<T const> x, tshift::tensor_view<T> y);
  tshift::index_t (*flush)(tshift::shift_stream<T>& from, tshift::tensor_view<T> y);
  void (*save)(tshift::shift_stream<T> const& from, std::span<std::byte> to);
  void (*restore)(tshift::shift_stream<T>& to, std::span<std::byte const> from);
};

struct isa_unit {
  char const* name;
  char const* tag;  // TSHIFT_ISA
  bool avx2, avx512;
  isa_operations<std::uint8_t> one;
  isa_operations<std::uint16_t> two;
  isa_operations<test_support::rgb> three;
  isa_operations<std::uint32_t> four;
  isa_operations<std::uint64_t> eight;
  isa_operations<float> real;

  template <class T>
  isa_operations<T> const& of() const {
    if constexpr (std::is_same_v<T, std::uint8_t>) return one;
    if constexpr (std::is_same_v<T, std::uint16_t>) return two;
    if constexpr (std::is_same_v<T, test_support::rgb>) return three;
    if constexpr (std::is_same_v<T, std::uint32_t>) return four;
    if constexpr (std::is_same_v<T, std::uint64_t>) return eight;
    if constexpr (std::is_same_v<T, float>) return real;
  }
};

extern isa_unit const unit_baseline, unit_avx2, unit_avx512;

}  // namespace fuzz
