// SPDX-License-Identifier: MIT
// The operator of units that were built with different flags: every unit takes what every other one made, and all
// results are equal bit for bit.
#include "mixed_flags.hpp"

#include <tshift/reference.hpp>

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#ifndef UNITS
#define UNITS X(baseline)
#endif
#define X(unit)                                \
  namespace unit {                             \
  extern mixed::operator_unit const operators; \
  }
UNITS
#undef X

namespace {

using mixed::index_t;
using mixed::operator_unit;
using tshift::tensor_view;
using text = char const*;

#define X(unit) &unit::operators,
constexpr operator_unit const* all[] = {UNITS};
#undef X

constexpr index_t lengths[] = {29, 0, 17};
constexpr auto elements = static_cast<std::size_t>(mixed::elements);

bool runs_here(operator_unit const& unit) {
  if (unit.avx512) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
  }
  return !unit.avx2 || (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
}

/// Layouts, the one error type, the one handler; and that the names of the flag sets differ where the flags do.
text same_types(operator_unit const& a, operator_unit const& b) {
  if (a.layout_count != b.layout_count) return "other numbers of layouts";
  for (std::size_t i = 0; i < a.layout_count; ++i) {
    if (a.layout[i] != b.layout[i]) return "layouts differ";
  }
  if (*a.error_type != *b.error_type) return "shape_error is two types";
  if (a.handler != b.handler) return "on_error is two variables";
  bool const same_flags = a.avx2 == b.avx2 && a.avx512 == b.avx512 && a.f16c == b.f16c && a.debug == b.debug;
  if (!same_flags && std::strcmp(a.tag, b.tag) == 0) return "other flags, but one namespace";
  if (a.wide != (a.avx2 || a.avx512)) return "vectors are not those of the unit's flags";
  return nullptr;
}

text same_errors(operator_unit const& thrower, operator_unit const& catcher) {
  char message[256] = "";
  if (!catcher.catches(thrower.raise, message, sizeof message)) return "nothing was thrown";
  if (std::string(message) != "shift_inplace: plan has 3 channels, x has 2") return "the error has another message";
  return nullptr;
}

bool same_bytes(void const* a, void const* b, std::size_t size) { return std::memcmp(a, b, size) == 0; }

template <class T>
std::vector<T> input() {
  std::vector<T> x(elements);
  for (std::size_t i = 0; i < elements; ++i)
    x[i] = static_cast<T>(static_cast<float>((i * 2654435761u >> 7) % 251 + 1));
  return x;
}

/// Every operation of `unit` with a plan that `other` made, against a result that came first.
template <class T, class Run>
text same_results(Run run, tshift::shift_plan const& plan, std::vector<T>& first) {
  std::vector<T> const x = input<T>();
  tensor_view<T const> const in(x.data(), mixed::dims, tshift::layout::ntc, lengths);
  std::vector<T> results(elements * mixed::operations, T(77.f)), want(elements);
  if (text const wrong = run(in, plan, results.data())) return wrong;
  tshift::reference::shift(in, tensor_view<T>(want.data(), mixed::dims), plan);
  if (!same_bytes(results.data(), want.data(), elements * sizeof(T))) return "shift differs from the reference";
  if (first.empty()) first = results;
  if (!same_bytes(results.data(), first.data(), results.size() * sizeof(T))) return "results differ";
  return nullptr;
}

text same_lazy(operator_unit const& maker, operator_unit const& user, tshift::shift_plan const& plan,
               std::vector<float> const& want) {
  std::vector<float> const x = input<float>();
  std::vector<float> got(elements), memory = x;
  auto const view = maker.make_view(memory.data(), mixed::dims, tshift::layout::ntc);
  user.read_lazy(maker.lazy(view, plan), got.data());
  return got == want ? nullptr : "a shifted view reads otherwise";
}

/// A stream that `maker` made and both feed, in turns; copied, moved, saved and restored on the way.
text same_stream(operator_unit const& maker, operator_unit const& user, tshift::shift_plan const& plan,
                 std::vector<float> const& want) {
  std::vector<float> x = input<float>(), got(elements);
  std::vector<std::byte> memory(mixed::stream::state_bytes(plan, mixed::dims)), saved(memory.size());
  auto const in = maker.make_view(x.data(), mixed::dims, tshift::layout::ntc);
  auto const out = user.make_view(got.data(), mixed::dims, tshift::layout::ntc);
  mixed::stream stream = maker.make_stream(plan, mixed::dims);
  mixed::stream second = user.make_stream_in(plan, mixed::dims, memory);
  index_t taken = 0, given = 0;
  for (int turn = 0; taken < mixed::dims.time; ++turn) {
    operator_unit const& by = turn % 2 == 0 ? user : maker;
    operator_unit const& other = turn % 2 == 0 ? maker : user;
    index_t const left = mixed::dims.time - taken, count = left < 5 ? left : 5;
    given += by.push(stream, in.slice_frames(taken, count), out.slice_frames(given, mixed::dims.time - given));
    taken += count;
    if (turn == 1) stream = by.copy(stream);
    if (turn == 2) {
      mixed::stream third = other.make_stream(plan, mixed::dims);
      by.move(stream, third);
      other.move(third, stream);
    }
    if (turn == 3) {
      by.save(stream, saved);
      other.restore(second, saved);
      stream = by.copy(second);
    }
  }
  given += user.flush(stream, out.slice_frames(given, mixed::dims.time - given));
  if (given != mixed::dims.time) return "a stream lost frames";
  return got == want ? nullptr : "a stream's frames differ from shift's";
}

/// What all pairs of units must agree on for one padding.
struct results {
  tshift::shift_plan plan;
  std::vector<float> whole;  // the shift of sequences that all have dims.time frames
  std::vector<float> first;  // what the first unit found
  std::vector<unsigned char> first_bytes;
  std::vector<tshift::float16> first_halves;
};

text compare(operator_unit const& maker, operator_unit const& user, tshift::padding edge, results& shared) {
  tshift::shift_plan const plan = maker.make_plan(mixed::dims.channels, edge);
  if (!(plan == shared.plan)) return "plans differ";
  if (text const wrong = same_types(maker, user)) return wrong;
  if (text const wrong = same_errors(maker, user)) return wrong;
  if (text const wrong = same_results(user.run, plan, shared.first)) return wrong;
  if (text const wrong = same_results(user.run_bytes, plan, shared.first_bytes)) return wrong;
  if (text const wrong = same_results(user.run_halves, plan, shared.first_halves)) return wrong;
  if (text const wrong = same_lazy(maker, user, plan, shared.whole)) return wrong;
  if (edge == tshift::padding::circular) return nullptr;  // which no stream takes
  return same_stream(maker, user, plan, shared.whole);
}

}  // namespace

int main() {  // NOLINT(bugprone-exception-escape): an exception fails the test, which is right
  std::vector<operator_unit const*> units;
  std::string left_out;
  for (operator_unit const* unit : all) {
    if (runs_here(*unit)) {
      units.push_back(unit);
    } else {
      left_out += std::string(" ") + unit->name;
    }
  }
  int cases = 0;
  for (auto const edge :
       {tshift::padding::zero, tshift::padding::keep, tshift::padding::edge, tshift::padding::circular}) {
    std::vector<float> x = input<float>();
    results shared{units[0]->make_plan(mixed::dims.channels, edge), std::vector<float>(elements), {}, {}, {}};
    tshift::reference::shift(tensor_view<float const>(x.data(), mixed::dims),
                             tensor_view<float>(shared.whole.data(), mixed::dims), shared.plan);
    for (operator_unit const* a : units) {
      for (operator_unit const* b : units) {
        text const wrong = compare(*a, *b, edge, shared);
        if (wrong != nullptr) return std::printf("%s made it, %s used it: %s\n", a->name, b->name, wrong), 1;
        ++cases;
      }
    }
  }
  std::printf("%d cases, %zu units:", cases, units.size());
  for (operator_unit const* unit : units) std::printf(" %s=%s", unit->name, unit->tag);
  if (!left_out.empty()) {
    std::printf("\nSKIPPED: this processor cannot run the units%s\n", left_out.c_str());
    return 77;
  }
  std::puts("");
  return 0;
}
