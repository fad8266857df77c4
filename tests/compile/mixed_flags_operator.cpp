// SPDX-License-Identifier: MIT
// The operator in one unit: every operation, so that each leaves its functions in the object file. Compiled with many
// flags; UNIT is then the namespace. No standard containers in here, so that whatever two objects share is the
// library's doing.
#ifndef UNIT
#define UNIT baseline
#endif
#include "mixed_flags.hpp"
#include "mixed_flags_layout.hpp"

#include <cstdio>
#include <cstring>
#include <span>
#include <utility>

namespace UNIT {
namespace {

using mixed::index_t;
using tshift::shift_plan;
using tshift::tensor_view;

shift_plan make_plan(index_t channels, tshift::padding edge) {
  return tshift::presets::tsm(channels, 8).reversed(edge);
}

tensor_view<float> make_view(float* memory, tshift::shape const& shape, tshift::layout order) {
  return {memory, shape, order};
}

/// What is instantiated with it stays in this unit.
struct this_unit {};

/// All operations on x, each with its result at the next place in `results`.
template <class T>
char const* run_all(tensor_view<T const> const& x, shift_plan const& plan, T* results) {
  auto const next = [&](tensor_view<T const> const& from) {
    tensor_view<T> const y(std::exchange(results, results + mixed::elements), x.shape, tshift::layout::ntc, x.lengths);
    tshift::shift(from, y, shift_plan(x.shape.channels, {}));  // a copy
    return y;
  };
  auto const backwards = [](index_t n, auto const& body) {
    for (index_t i = n; i-- > 0;) body(i);
  };
  for (test_support::operation_row const& row : test_support::operation_table) {  // shift is the first
    test_support::apply<T, this_unit>(row.what, x, x, next(x), plan, T{}, backwards);
  }

  // Read lazily, by elements and by runs.
  auto const lazy = tshift::shifted(x, plan);
  auto again = lazy;
  again = lazy;
  tensor_view<T> const elements = next(x), runs = next(x);
  for (index_t n = 0; n < x.shape.batch; ++n) {
    for (index_t t = 0; t < x.length(n); ++t) {
      for (index_t c = 0; c < x.shape.channels; ++c) elements(n, t, c) = lazy(n, t, c);
      for (auto const& part : again.runs(n, t)) {
        for (index_t c = 0; c < part.count; ++c) {
          runs(n, t, part.begin + c) = part.data != nullptr ? x(n, part.frame, part.begin + c) : again.fill();
        }
      }
    }
  }

  // A stream takes no lengths and no circular padding.
  tensor_view<T const> whole = x;
  whole.lengths = {};
  tensor_view<T> frames = next(x);
  frames.lengths = {};
  if (plan.edge() == tshift::padding::circular) return nullptr;
  tshift::shift_stream<T> stream(plan, x.shape);
  tshift::shift_stream<T> taken = std::move(stream);
  stream = taken;
  index_t const first = stream.push(whole.slice_frames(0, 11), frames);
  index_t const second =
      stream.push(whole.slice_frames(11, x.shape.time - 11), frames.slice_frames(first, x.shape.time - first));
  index_t const given = first + second;
  if (given + stream.flush(frames.slice_frames(given, x.shape.time - given)) != x.shape.time)
    return "a stream lost frames";
  return nullptr;
}

char const* run(tensor_view<float const> x, shift_plan const& plan, float* results) {
  return run_all<float>(x, plan, results);
}
char const* run_bytes(tensor_view<unsigned char const> x, shift_plan const& plan, unsigned char* results) {
  return run_all<unsigned char>(x, plan, results);
}
char const* run_halves(tensor_view<tshift::float16 const> x, shift_plan const& plan, tshift::float16* results) {
  return run_all<tshift::float16>(x, plan, results);
}

tshift::shifted_view<float> lazy(tensor_view<float const> x, shift_plan const& plan) {
  return tshift::shifted(x, plan);
}

void read_lazy(tshift::shifted_view<float> const& x, float* result) {
  for (index_t n = 0; n < x.shape().batch; ++n) {
    for (index_t t = 0; t < x.shape().time; ++t) {
      for (auto const part : x.runs(n, t)) {
        for (index_t c = 0; c < part.count; ++c) *result++ = part.data != nullptr ? part.data[c] : x.fill();
      }
    }
  }
}

mixed::stream make_stream(shift_plan const& plan, tshift::shape const& frame) { return {plan, frame}; }
mixed::stream make_stream_in(shift_plan const& plan, tshift::shape const& frame, std::span<std::byte> memory) {
  return {plan, frame, memory};
}
index_t push(mixed::stream& to, tensor_view<float const> x, tensor_view<float> y) { return to.push(x, y); }
index_t flush(mixed::stream& from, tensor_view<float> y) { return from.flush(y); }
void save(mixed::stream const& from, std::span<std::byte> to) { from.save(to); }
void restore(mixed::stream& to, std::span<std::byte const> from) { to.restore(from); }
mixed::stream copy(mixed::stream const& from) { return from; }
void move(mixed::stream& from, mixed::stream& to) { to = std::move(from); }

void raise() {
  float x[4] = {};
  tshift::shift_inplace(tensor_view<float>(x, {.time = 2, .channels = 2}), shift_plan(3, {}));
}

bool catches(void (*raise_it)(), char* text, std::size_t size) {
  try {
    raise_it();
  } catch (tshift::shape_error const& error) {
    std::snprintf(text, size, "%s", error.what());
    return true;
  }
  return false;
}

}  // namespace

extern mixed::operator_unit const operators;
constinit mixed::operator_unit const operators = {.name = MIXED_TEXT(UNIT),
                                                  .tag = MIXED_TEXT(TSHIFT_ISA),
                                                  .debug = TSHIFT_DEBUG != 0,
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
#if defined(__F16C__)
                                                  .f16c = true,
#else
                                                  .f16c = false,
#endif
                                                  .wide = xsimd::batch<unsigned char, xsimd::default_arch>::size > 16,
                                                  .layout = layout_numbers,
                                                  .layout_count = std::size(layout_numbers),
                                                  .error_type = &typeid(tshift::shape_error),
                                                  .handler = &tshift::on_error,
                                                  .make_plan = make_plan,
                                                  .make_view = make_view,
                                                  .run = run,
                                                  .run_bytes = run_bytes,
                                                  .run_halves = run_halves,
                                                  .lazy = lazy,
                                                  .read_lazy = read_lazy,
                                                  .make_stream = make_stream,
                                                  .make_stream_in = make_stream_in,
                                                  .push = push,
                                                  .flush = flush,
                                                  .save = save,
                                                  .restore = restore,
                                                  .copy = copy,
                                                  .move = move,
                                                  .raise = raise,
                                                  .catches = catches};

}  // namespace UNIT
