// SPDX-License-Identifier: MIT
// Nothing is read or written outside the elements an operation is about: canaries at byte distance, gaps between
// strides, unmapped pages in front and behind, and pages of channels that do not move.
#include <algorithm>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tshift/tshift.hpp>

#include "../support/arena.hpp"
#include "../support/bytes.hpp"
#include "../support/cases.hpp"
#include "../support/catch.hpp"
#include "../support/operations.hpp"

#if __has_include(<sys/mman.h>)
#include "../support/guard_pages.hpp"
#endif

namespace {

using namespace test_support;
using tshift::layout;
using tshift::padding;
using tshift::shape;
using tshift::shift_plan;
using tshift::strides;
using tshift::tensor_view;

template <class T>
tensor_view<T> frames(tensor_view<T> const& all, index_t first, index_t count) {
  shape dims = all.shape;
  dims.time = count;
  return {all.at(0, first, 0), dims, all.strides};
}

// A whole sequence through a stream: one frame, then the rest, then what was held back.
template <class T>
void apply_stream(tensor_view<T const> x, tensor_view<T> y, shift_plan const& plan, T const& fill,
                  std::span<std::byte> memory) {
  tshift::shift_stream<T> stream(plan, x.shape, memory, fill);
  index_t const first = x.shape.time > 0 ? 1 : 0;
  index_t done = stream.push(frames(x, 0, first), frames(y, 0, stream.ready(first)));
  index_t const rest = x.shape.time - first;
  done += stream.push(frames(x, first, rest), frames(y, done, stream.ready(rest)));
  stream.flush(frames(y, done, stream.pending()));
}

template <class T>
void apply_stream(tensor_view<T const> x, tensor_view<T> y, shift_plan const& plan, T const& fill) {
  std::vector<std::byte> memory(tshift::shift_stream<T>::state_bytes(plan, x.shape));
  apply_stream<T>(x, y, plan, fill, memory);
}

// The lazy shift written down: sequences by elements and by runs, in turn.
template <class T>
void apply_lazy(tensor_view<T const> x, tensor_view<T> y, shift_plan const& plan, T const& fill) {
  auto const lazy = tshift::shifted(x, plan, fill);
  for (index_t n = 0; n < y.shape.batch; ++n) {
    for (index_t t = 0; t < y.shape.time; ++t) {
      for (auto const& run : lazy.runs(n, t)) {
        for (index_t c = run.begin; c < run.begin + run.count; ++c) {
          bool const by_run = (t + c) % 2 == 0 && run.data != nullptr;
          y(n, t, c) = by_run ? run.data[(c - run.begin) * x.strides.channels] : lazy(n, t, c);
        }
      }
    }
  }
}

// Where the elements of a test tensor lie between the canaries.
struct form {
  char const* name;
  random_strides by;
};

std::vector<form> forms_of(shape const& dims) {
  index_t const T = dims.time, C = dims.channels, S = dims.space, row = C * S;
  std::vector<form> forms;
  for (layout const order : layouts) forms.push_back({"dense", dense_strides(dims, order)});
  // Span and first element by hand, so that the canaries begin right there.
  auto const add = [&](char const* what, strides const& by) {
    index_t const sizes[] = {dims.batch, T, C, S}, steps[] = {by.batch, by.time, by.channels, by.space};
    index_t first = 0, span = 1;
    for (int i = 0; i < 4; ++i) {
      index_t const away = (sizes[i] - 1) * steps[i];
      first += away < 0 ? -away : 0;
      span += away < 0 ? -away : away;
    }
    forms.push_back({what, {by, first, span}});
  };
  add("rows with gaps", {T * (row + 3), row + 3, S, 1});
  add("channels of a wider tensor", {T * (C + 5) * S, (C + 5) * S, S, 1});
  add("NCT with gaps", {C * S * (T + 2), 1, S * (T + 2), T + 2});
  add("backwards in time", {T * row, -row, S, 1});
  add("backwards in channels", {T * row, row, -S, 1});
  add("every second element", {2 * T * row, 2 * row, 2 * S, 2});
  return forms;
}

}  // namespace

TEMPLATE_TEST_CASE("Bytes around and between the elements stay, at every misalignment", "[guarded]", std::uint8_t,
                   std::uint16_t, float, double, std::complex<double>, rgb, tshift::float16, tshift::bfloat16) {
  using T = TestType;
  constexpr index_t size = sizeof(T), canary = 128;
  tally result;
  random_bits random(31);
  for (shape const& dims : {shape{2, 3, 5, 1}, shape{1, 4, 37, 1}, shape{1, 3, 130, 1}, shape{2, 2, 3, 7}}) {
    index_t const C = dims.channels;
    for (form const& how : forms_of(dims)) {
      index_t edge = 0;
      for (index_t misaligned = 0; misaligned < 64; misaligned += index_t{alignof(T)}) {
        shift_plan const plan(C, {{0, C / 3, 1}, {C / 3 + 1, C / 2, -2}}, paddings[edge++ % 4]);
        index_t const at = canary + misaligned + how.by.first * size;
        index_t const room = canary + misaligned + how.by.span * size + canary;
        arena x(room, random), r(room, random), poison(room, random);
        auto const view = [&](arena& memory) { return memory.view<T>(at, dims, how.by.steps); };
        fill_numbers(view(x), random);
        fill_numbers(view(r), random);
        fill_numbers(view(poison), random);
        arena const x_before(x), r_before(r);
        T const fill = number<T>(random);
        auto const check = [&](std::string const& what, arena const& want, arena const& got) {
          result.count(got == want && x == x_before && r == r_before, [&] {
            return what + ", " + how.name + ", " + describe(dims, plan) + ", misaligned by " +
                   std::to_string(misaligned) + ": " + (got == want ? "an input was written" : got.difference(want));
          });
        };
        for (operation const what : operations) {
          arena want(poison), got(poison);
          apply_reference<T>(what, view(x), view(r), view(want), plan, fill);
          apply<T>(what, view(x), view(r), view(got), plan, fill);
          check(name(what), want, got);
        }
        if (plan.edge() == padding::circular) continue;
        arena want(poison), got(poison);
        apply_reference<T>(operation::shift, view(x), view(r), view(want), plan, fill);
        apply_stream<T>(view(x), view(got), plan, fill);
        check("shift_stream", want, got);
      }
    }
  }
  constexpr index_t places = 64 / index_t{alignof(T)};
  REQUIRE_ALL(result, 4 * 10 * (places * operation_count + places / 4 * 3));
}

#if __has_include(<sys/mman.h>)

namespace {

// Tensors of an operation, each against the closed page behind it, or the one in front of it; a stream's state as well.
class placed_memory {
 public:
  explicit placed_memory(index_t bytes) : x_(bytes), r_(bytes), y_(bytes), state_(4096) {}

  bool at_end = false;

  template <class T>
  tensor_view<T> x(shape const& dims, layout order) {
    return view<T>(x_, dims, order);
  }
  template <class T>
  tensor_view<T> r(shape const& dims, layout order) {
    return view<T>(r_, dims, order);
  }
  template <class T>
  tensor_view<T> y(shape const& dims, layout order) {
    return view<T>(y_, dims, order);
  }
  std::span<std::byte> state(std::size_t bytes) { return {at_end ? state_.end() - bytes : state_.begin(), bytes}; }

 private:
  template <class T>
  tensor_view<T> view(guard_pages& pages, shape const& dims, layout order) {
    std::byte* const first = at_end ? pages.end() - dims.size() * index_t{sizeof(T)} : pages.begin();
    return tensor_view<T>(reinterpret_cast<T*>(first), dims, order);
  }
  guard_pages x_, r_, y_, state_;
};

// Numbers where T has them, else any bits.
template <class T>
std::vector<T> values(index_t count, random_bits& random) {
  if constexpr (tshift::addable<T>) {
    return numbers<T>(count, random);
  } else {
    return any_values<T>(count, random);
  }
}

// Every operation that T has, against the definition: expected(y) says what it is, run(y) does it.
template <class T>
void check_at_pages(placed_memory& memory, shape const& dims, layout order, shift_plan const& plan, random_bits& random,
                    tally& result) {
  auto const elements = static_cast<std::size_t>(dims.size());
  auto const x = memory.x<T>(dims, order), r = memory.r<T>(dims, order), y = memory.y<T>(dims, order);
  auto const start = values<T>(dims.size(), random);
  std::vector<T> want;
  T const fill = values<T>(1, random)[0];
  auto const check = [&](std::string const& what, auto expected, auto run) {
    want = start;
    std::copy(start.begin(), start.end(), y.data);
    expected(tensor_view<T>(want.data(), dims, order));
    run();
    result.count(same_bytes(y.data, want.data(), elements * sizeof(T)), [&] {
      return what + " in " + name(order) + ", " + describe(dims, plan) + (memory.at_end ? ", at the end" : "");
    });
  };
  for (operation const what : operations_of<T>()) {
    check(
        name(what), [&](tensor_view<T> to) { apply_reference<T>(what, x, r, to, plan, fill); },
        [&] { apply<T>(what, x, r, y, plan, fill); });
  }
  auto const moved = [&](tensor_view<T> to) { apply_reference<T>(operation::shift, x, x, to, plan, fill); };
  check("shifted", moved, [&] { apply_lazy<T>(x, y, plan, fill); });
  if (plan.edge() == padding::circular) return;
  auto const state = memory.state(tshift::shift_stream<T>::state_bytes(plan, dims));
  check("shift_stream", moved, [&] { apply_stream<T>(x, y, plan, fill, state); });
}

// Cases that check_at_pages runs over the four paddings.
template <class T>
constexpr index_t cases_at_pages = 4 * (std::ssize(operations_of<T>()) + 1) + 3;

// Rows of channels, frames apart from each other, and rows of time: each of up to `longest` bytes, every number of
// elements.
template <class T>
void check_pages(index_t longest) {
  constexpr index_t size = sizeof(T), across = 3;
  tally result;
  random_bits random(32);
  placed_memory memory(longest * across);
  for (index_t row = 0; row <= longest / size; ++row) {
    std::pair<layout, shape> const forms[] = {
        {layout::ntc, {1, across, row}}, {layout::nct, {1, across, row}}, {layout::nct, {1, row, across}}};
    for (auto const& [order, dims] : forms) {
      auto const x = values<T>(dims.size(), random), r = values<T>(dims.size(), random);
      for (bool const at_end : {false, true}) {
        memory.at_end = at_end;
        std::copy(x.begin(), x.end(), memory.x<T>(dims, order).data);
        std::copy(r.begin(), r.end(), memory.r<T>(dims, order).data);
        index_t const C = dims.channels, first = (C + 2) / 3;
        for (padding const edge : paddings) {
          for (index_t const offset : {1, -2}) {
            shift_plan const plan(C, {{0, first, offset}, {first, (C + 1) / 3, -offset}}, edge);
            check_at_pages<T>(memory, dims, order, plan, random, result);
          }
        }
      }
    }
  }
  std::cout << "at closed pages, elements of " << size << " bytes: " << result.cases << " cases\n";
  REQUIRE_ALL(result, (longest / size + 1) * 3 * 2 * 2 * cases_at_pages<T>);
}

}  // namespace

TEMPLATE_TEST_CASE("Nothing touches the pages in front of a tensor and behind it", "[guarded][pages]", std::uint8_t,
                   std::uint16_t, float, double, std::complex<double>, rgb, tshift::float16, tshift::bfloat16) {
  check_pages<TestType>(160);
}

TEMPLATE_TEST_CASE("Elements that are no numbers: nothing touches the pages around them", "[guarded][pages]", bytes<5>,
                   bytes<7>, bytes<24>, bytes<37>) {
  check_pages<TestType>(240);
}

TEMPLATE_TEST_CASE("Tensors written around the caches end at a page, and begin behind one",
                   "[guarded][pages][streaming]", std::uint8_t, float, tshift::float16, tshift::bfloat16) {
  using T = TestType;
  // Every residue of a row where streaming begins early; a few where it takes megabytes.
  constexpr bool early = TSHIFT_STREAMING_BYTES <= 4096;
  constexpr index_t size = sizeof(T), first = early ? 128 : 128 + 3 * size, step = early ? size : 36;
  constexpr index_t frames = TSHIFT_STREAMING_BYTES / 128 + 3;
  tally result;
  random_bits random(36);
  placed_memory memory(192 * frames);
  for (index_t bytes = first; bytes < 192; bytes += step) {
    shape const rows = {1, frames, bytes / size}, columns = {1, bytes / size, frames};
    for (auto const& each : {std::pair{layout::ntc, rows}, {layout::nct, columns}}) {
      layout const order = each.first;  // clang 14 captures no structured binding
      shape const dims = each.second;
      index_t const C = dims.channels;
      shift_plan const plan(C, {{0, C / 3, 1}, {C / 3, C / 4, -2}});
      auto const x = values<T>(dims.size(), random), r = values<T>(dims.size(), random);
      std::vector<T> moved(x.size()), added(x.size());
      tshift::reference::shift(tensor_view<T const>(x.data(), dims, order), tensor_view<T>(moved.data(), dims, order),
                               plan);
      tshift::reference::shift_add(tensor_view<T const>(x.data(), dims, order),
                                   tensor_view<T const>(r.data(), dims, order),
                                   tensor_view<T>(added.data(), dims, order), plan);
      for (bool const at_end : {false, true}) {
        memory.at_end = at_end;
        auto const from = memory.x<T>(dims, order), beside = memory.r<T>(dims, order), to = memory.y<T>(dims, order);
        std::copy(x.begin(), x.end(), from.data);
        std::copy(r.begin(), r.end(), beside.data);
        tshift::shift(from, to, plan);
        result.count(std::equal(moved.begin(), moved.end(), to.data), [&] { return "shift, " + describe(dims, plan); });
        tshift::shift_add(from, beside, to, plan);
        result.count(std::equal(added.begin(), added.end(), to.data),
                     [&] { return "shift_add, " + describe(dims, plan); });
      }
    }
  }
  REQUIRE_ALL(result, (192 - first + step - 1) / step * 8);
}

TEST_CASE("In place, channels that stay are neither written nor read", "[guarded][pages]") {
  // NCT with a page for each channel; those that stay are closed.
  index_t const page = page_bytes(), time = page / index_t{sizeof(float)};
  shape const dims = {1, time, 6};
  tally result;
  random_bits random(33);
  for (padding const edge : paddings) {
    for (index_t const offset : {index_t{1}, index_t{-3}, time / 2, -time}) {
      shift_plan const plan(6, {{1, 2, offset}, {4, 1, -offset}, {5, 1, 0}}, edge);
      for (operation const what :
           {operation::shift_onto_itself, operation::shift_inplace, operation::adjoint_inplace}) {
        guard_pages memory(6 * page);
        tensor_view<float> const got(reinterpret_cast<float*>(memory.begin()), dims, layout::nct);
        fill_numbers(got, random);
        std::vector<float> want(got.data, got.data + got.size());
        tensor_view<float> const want_view(want.data(), dims, layout::nct);
        apply_reference<float>(what, want_view, want_view, want_view, plan, 7.f);
        bool good = memory.close(0, 1) && memory.close(3, 1) && memory.close(5, 1);
        apply<float>(what, got, got, got, plan, 7.f);
        good = good && memory.open(0, 6) && same_bytes(got.data, want.data(), want.size() * sizeof(float));
        result.count(good, [&] { return name(what) + ", " + describe(dims, plan); });
      }
    }
  }
  REQUIRE_ALL(result, 48);
}

TEST_CASE("In place, frames behind a sequence's length are neither written nor read", "[guarded][pages]") {
  // A page for each frame.
  index_t const page = page_bytes(), channels = page / index_t{sizeof(float)};
  shape const dims = {1, 8, channels};
  index_t const lengths[] = {5};
  tally result;
  random_bits random(34);
  for (padding const edge : paddings) {
    for (index_t const offset : {1, -1, 3, -4, 5, -9}) {
      shift_plan const plan(channels, {{0, channels / 2, offset}}, edge);
      for (operation const what :
           {operation::shift_onto_itself, operation::shift_inplace, operation::adjoint_inplace}) {
        guard_pages memory(8 * page);
        tensor_view<float> const got(reinterpret_cast<float*>(memory.begin()), dims, layout::ntc, lengths);
        fill_numbers(got, random);
        std::vector<float> want(got.data, got.data + got.size());
        tensor_view<float> const want_view(want.data(), dims, layout::ntc, lengths);
        apply_reference<float>(what, want_view, want_view, want_view, plan, 7.f);
        bool good = memory.close(5, 3);
        apply<float>(what, got, got, got, plan, 7.f);
        good = good && memory.open(5, 3) && same_bytes(got.data, want.data(), want.size() * sizeof(float));
        result.count(good, [&] { return name(what) + ", " + describe(dims, plan); });
      }
    }
  }
  REQUIRE_ALL(result, 72);
}

TEST_CASE("Strides beyond 2^31 and 2^32 reach the right elements", "[guarded][pages]") {
  // Address space that is reserved and hardly touched.
  constexpr index_t step = (index_t{1} << 32) + 5;
  shape const dims = {1, 3, 4};
  std::size_t const bytes = static_cast<std::size_t>(2 * step + 4);
  void* const map = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  REQUIRE(map != MAP_FAILED);
  random_bits random(35);
  tensor_view<std::uint8_t> const rows(static_cast<std::uint8_t*>(map), dims, strides{0, step, 1, 1});
  tensor_view<std::uint8_t> const back(static_cast<std::uint8_t*>(map) + 2 * step, dims, strides{0, -step, 1, 1});
  shift_plan const plan(4, {{0, 2, 1}, {2, 1, -1}}, padding::circular);
  tally result;
  for (auto const& far : {rows, back}) {
    for (operation const what : operations) {
      auto const x = numbers<std::uint8_t>(12, random), start = numbers<std::uint8_t>(12, random);
      auto want = start;
      tensor_view<std::uint8_t const> const x_view(x.data(), dims), start_view(start.data(), dims);
      tensor_view<std::uint8_t> const want_view(want.data(), dims);
      apply_reference<std::uint8_t>(what, x_view, x_view, want_view, plan, 0);
      tshift::reference::shift(start_view, far, {4, {}});
      apply<std::uint8_t>(what, x_view, x_view, far, plan, 0);
      std::vector<std::uint8_t> got(12);
      tshift::reference::shift(far, tensor_view<std::uint8_t>(got.data(), dims), {4, {}});
      result.count(want == got, [&] { return name(what); });
    }
  }
  munmap(map, bytes);
  REQUIRE_ALL(result, 2 * operation_count);
}

#endif
