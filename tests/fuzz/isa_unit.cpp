// SPDX-License-Identifier: MIT
// The library in one unit, compiled three times with different flags; FUZZ_UNIT is its name. Everything but the table
// stays in this unit, and no standard containers in here.
#ifndef FUZZ_UNIT
#define FUZZ_UNIT baseline
#endif
#include "isa_unit.hpp"

#define FUZZ_TEXT_(x) #x
#define FUZZ_TEXT(x) FUZZ_TEXT_(x)
#define FUZZ_NAME_(x) unit_##x
#define FUZZ_NAME(x) FUZZ_NAME_(x)

namespace fuzz {
namespace {

using test_support::operation;
using tshift::index_t;
using tshift::shift_plan;
using tshift::shift_stream;
using tshift::tensor_view;

/// What is instantiated with it stays in this unit.
struct this_unit {};

template <class T>
void apply(operation what, tensor_view<T const> x, tensor_view<T const> r, tensor_view<T> y, shift_plan const& plan,
           T const& fill) {
  test_support::apply<T, this_unit>(what, x, r, y, plan, fill);
}

template <class T>
tshift::shifted_view<T> lazy(tensor_view<T const> x, shift_plan const& plan, T const& fill) {
  return tshift::shifted(x, plan, fill);
}

/// By runs in even frames, by elements in odd ones.
template <class T>
void read_lazy(tshift::shifted_view<T> const& from, T* to) {
  tshift::shape const dims = from.shape();
  tshift::strides const steps = from.base().strides;
  for (index_t n = 0; n < dims.batch; ++n) {
    for (index_t t = 0; t < dims.time; ++t) {
      if (t % 2 != 0) {
        for (index_t c = 0; c < dims.channels; ++c) {
          for (index_t s = 0; s < dims.space; ++s) *to++ = from(n, t, c, s);
        }
        continue;
      }
      for (auto const& run : from.runs(n, t)) {
        for (index_t c = 0; c < run.count; ++c) {
          for (index_t s = 0; s < dims.space; ++s) {
            *to++ = run.data == nullptr ? from.fill() : run.data[c * steps.channels + s * steps.space];
          }
        }
      }
    }
  }
}

template <class T>
shift_stream<T> make(shift_plan const& plan, tshift::shape const& frame, T const& fill) {
  return {plan, frame, fill};
}
template <class T>
void prime(shift_stream<T>& to, tensor_view<T const> x) {
  to.prime(x);
}
template <class T>
index_t push(shift_stream<T>& to, tensor_view<T const> x, tensor_view<T> y) {
  return to.push(x, y);
}
template <class T>
index_t flush(shift_stream<T>& from, tensor_view<T> y) {
  return from.flush(y);
}
template <class T>
void save(shift_stream<T> const& from, std::span<std::byte> to) {
  from.save(to);
}
template <class T>
void restore(shift_stream<T>& to, std::span<std::byte const> from) {
  to.restore(from);
}

template <class T>
constexpr isa_operations<T> operations_of() {
  return {apply<T>, lazy<T>, read_lazy<T>, make<T>, prime<T>, push<T>, flush<T>, save<T>, restore<T>};
}

}  // namespace

constinit isa_unit const FUZZ_NAME(FUZZ_UNIT) = {.name = FUZZ_TEXT(FUZZ_UNIT),
                                                 .tag = FUZZ_TEXT(TSHIFT_ISA),
#if defined(__AVX2__)
                                                 .avx2 = true,
#else
                                                 .avx2 = false,
#endif
#if defined(__AVX512BW__)
                                                 .avx512 = true,
#else
                                                 .avx512 = false,
#endif
                                                 .one = operations_of<std::uint8_t>(),
                                                 .two = operations_of<std::uint16_t>(),
                                                 .three = operations_of<test_support::rgb>(),
                                                 .four = operations_of<std::uint32_t>(),
                                                 .eight = operations_of<std::uint64_t>(),
                                                 .real = operations_of<float>()};

}  // namespace fuzz
