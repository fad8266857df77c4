// SPDX-License-Identifier: MIT
// Executors: the same bytes whoever does the work, in whatever order, and parts that depend on the tensor alone.
#include <omp.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <tshift/interop/eigen_thread_pool.hpp>
#include <tshift/interop/openmp.hpp>
#include <tshift/tshift.hpp>

#include "../support/bytes.hpp"
#include "../support/cases.hpp"
#include "../support/catch.hpp"
#include "../support/operations.hpp"
#include "../support/thread_executor.hpp"

namespace {

using namespace test_support;
using tshift::layout;
using tshift::padding;
using tshift::shape;
using tshift::shift_plan;
using tshift::tensor_view;

constexpr index_t part_bytes = index_t{256} << 10;

index_t bytes_of(shape const& dims) {
  return dims.batch * dims.time * dims.channels * dims.space * index_t{sizeof(float)};
}

// Shapes below the size of a part, around it, and of several; many channels, few, and one.
constexpr shape shapes[] = {{2, 5, 9, 1}, {1, 64, 1024, 1}, {3, 60, 700, 2}, {1, 90000, 3, 1}, {2, 90000, 1, 1}};

shift_plan plan_for(shape const& dims, padding edge) {
  index_t const C = dims.channels, first = (C + 2) / 3;
  return {C, {{0, first, 1}, {first, C / 3, -2}}, edge};
}

// One operation over every shape, layout and padding, run by an executor and by nobody.
template <class Executor>
void compare(Executor const& run, std::string const& who, tally& result, std::span<operation const> which) {
  random_bits random(61);
  for (shape const& dims : shapes) {
    auto const x = numbers<float>(dims.batch * dims.time * dims.channels * dims.space, random);
    auto const r = numbers<float>(static_cast<index_t>(x.size()), random), start = r;
    index_t const lengths[] = {dims.time / 2, dims.time, 1};
    int turn = 0;
    for (operation const what : which) {
      for (layout const order : layouts) {
        padding const edge = paddings[turn++ % 4];
        bool const ragged = turn % 3 == 0;
        std::span<index_t const> const frames(lengths, ragged ? static_cast<std::size_t>(dims.batch) : 0);
        shift_plan const plan = plan_for(dims, edge);
        tensor_view<float const> const in(x.data(), dims, order, frames), beside(r.data(), dims, order);
        auto want = start, got = start;
        apply<float>(what, in, beside, tensor_view<float>(want.data(), dims, order, frames), plan, 3.f);
        apply<float>(what, in, beside, tensor_view<float>(got.data(), dims, order, frames), plan, 3.f, run);
        bool const same = same_bytes(want.data(), got.data(), want.size() * sizeof(float));
        result.count(
            same, [&] { return who + ", " + name(what) + ", " + name(order) + ", " + describe(dims, plan, frames); });
      }
    }
  }
}

constexpr index_t counts[] = {0, 1, 2, 3, 4, 5, 8, 100, 1000};

template <class Executor>
bool each_once(Executor const& run, index_t n) {
  std::vector<std::atomic<int>> times(static_cast<std::size_t>(n));
  run(n, [&](index_t i) { times[static_cast<std::size_t>(i)].fetch_add(1); });
  for (auto const& count : times) {
    if (count.load() != 1) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("One, two and three threads write the same bytes as none, in any order", "[executor]") {
  tally result;
  compare(any_executor(thread_executor{1}), "one thread", result, operations);
  compare(any_executor(thread_executor{2}), "two threads", result, operations);
  compare(any_executor(thread_executor{3}), "three threads", result, operations);
  compare(any_executor(reversed_executor{}), "last part first", result, operations);
  REQUIRE_ALL(result, 4 * 5 * operation_count * 4);
}

TEST_CASE("OpenMP writes the same bytes, whatever the size of its team", "[executor][openmp]") {
  tally result;
  int const before = omp_get_max_threads();
  for (int const threads : {1, 2, 3}) {
    omp_set_num_threads(threads);
    compare(tshift::openmp_executor{}, "OpenMP", result, operations);
  }
  omp_set_num_threads(before);
  REQUIRE_ALL(result, 3 * 5 * operation_count * 4);
}

TEST_CASE("Eigen's thread pool writes the same bytes, whatever its size", "[executor][eigen]") {
  tally result;
  for (int const threads : {1, 2, 3}) {
    Eigen::ThreadPool pool(threads);
    compare(tshift::eigen_executor{pool}, "Eigen", result, operations);
  }
  REQUIRE_ALL(result, 3 * 5 * operation_count * 4);
}

TEST_CASE("Parts that are written around the caches meet without a seam", "[executor][streaming]") {
  // Rows that are no multiple of a cache line, so that two parts share one; long rows and short ones.
  random_bits random(62);
  tally result;
  for (shape const& dims : {shape{1, 6001, 777}, shape{1, 113000, 41}}) {
    REQUIRE(bytes_of(dims) >= TSHIFT_STREAMING_BYTES);
    auto const x = numbers<float>(dims.time * dims.channels, random),
               r = numbers<float>(dims.time * dims.channels, random);
    for (layout const order : {layout::ntc, layout::nct}) {
      shift_plan const plan = plan_for(dims, padding::zero);
      tensor_view<float const> const in(x.data(), dims, order), beside(r.data(), dims, order);
      for (operation const what : {operation::shift, operation::shift_add, operation::shift_add_onto_r}) {
        auto want = r;
        apply<float>(what, in, beside, tensor_view<float>(want.data(), dims, order), plan, 3.f);
        for (any_executor const& run : {any_executor(thread_executor{3}), any_executor(reversed_executor{})}) {
          auto got = r;
          apply<float>(what, in, beside, tensor_view<float>(got.data(), dims, order), plan, 3.f, run);
          bool const same = same_bytes(want.data(), got.data(), want.size() * sizeof(float));
          result.count(same, [&] { return name(what) + ", " + name(order) + ", " + describe(dims, plan); });
        }
      }
    }
  }
  REQUIRE_ALL(result, 24);
}

TEST_CASE("Tensors below the size of a part are done where they are, larger ones in several parts", "[executor]") {
  tally result;
  for (shape const& dims : shapes) {
    std::vector<float> x(static_cast<std::size_t>(bytes_of(dims)) / sizeof(float)), y = x, r = x;
    for (operation const what : operations) {
      for (layout const order : layouts) {
        for (padding const edge : paddings) {
          shift_plan const plan = plan_for(dims, edge);
          tensor_view<float> const in(x.data(), dims, order), beside(r.data(), dims, order), out(y.data(), dims, order);
          std::vector<index_t> parts;
          apply<float>(what, in, beside, out, plan, 0.f, any_executor(recording_executor{parts}));
          bool good = parts.size() <= 2;
          if (bytes_of(dims) < part_bytes) good = good && parts.empty();
          // What moves in place may be less than a part even in a larger tensor.
          bool const out_of_place = what == operation::shift || what == operation::shift_add;
          bool const several = bytes_of(dims) >= 2 * part_bytes && dims.channels > 1 && out_of_place;
          if (several) good = good && !parts.empty();
          for (index_t const n : parts) good = good && n >= (several ? 2 : 1);
          result.count(good, [&] { return name(what) + ", " + name(order) + ", " + describe(dims, plan); });
        }
      }
    }
  }
  REQUIRE_ALL(result, 5 * operation_count * 4 * 4);
}

TEST_CASE("Units are shared out evenly among at most 1024 parts", "[executor]") {
  constexpr index_t part = index_t{256} << 10;
  for (auto const& [units, bytes, parts] :
       {std::array<index_t, 3>{5000, part * 5000, 1024}, {7, part * 4, 5}, {3, part * 9, 3}, {9, part - 1, 0}}) {
    std::vector<index_t> asked;
    index_t end = 0, shortest = units, longest = 0;
    tshift::detail::share(any_executor(recording_executor{asked}), units, bytes, [&](index_t first, index_t last) {
      CHECK(first == end);
      end = last;
      shortest = std::min(shortest, last - first);
      longest = std::max(longest, last - first);
    });
    CHECK(end == units);
    CHECK(longest - shortest <= 1);
    CHECK(asked == (parts > 0 ? std::vector<index_t>{parts} : std::vector<index_t>{}));
  }
}

TEST_CASE("Eigen's thread pool is not asked to do what is for one", "[executor][eigen]") {
  Eigen::ThreadPool pool(2);
  tshift::eigen_executor const run{pool};
  for (index_t const n : {0, 1}) {
    index_t ran = 0;
    std::function<void(index_t)> const body = [&ran](index_t i) { ran += i + 1; };
    run(n, body);
    CHECK(ran == n);
  }
}

TEST_CASE("Every executor is asked for the same parts", "[executor]") {
  shape const dims = {3, 60, 700, 2};
  std::vector<float> x(static_cast<std::size_t>(bytes_of(dims)) / sizeof(float)), y = x;
  tensor_view<float> const in(x.data(), dims), out(y.data(), dims);
  std::set<index_t> asked;
  for (int const threads : {1, 2, 3}) {
    auto const run = [&](index_t n, auto const& body) {
      asked.insert(n);
      thread_executor{threads}(n, body);
    };
    tshift::shift(run, in, out, tshift::presets::tsm(700));
  }
  REQUIRE(asked.size() == 1);
  REQUIRE(*asked.begin() > 1);
}

TEST_CASE("Every index is run exactly once, and all are done at the return", "[executor]") {
  Eigen::ThreadPool one(1), three(3);
  for (index_t const n : counts) {
    REQUIRE(each_once(tshift::eigen_executor{one}, n));
    REQUIRE(each_once(tshift::eigen_executor{three}, n));
    REQUIRE(each_once(thread_executor{3}, n));
  }
}

TEST_CASE("Every index is run exactly once by OpenMP, and all are done at the return", "[executor][openmp]") {
  for (index_t const n : counts) REQUIRE(each_once(tshift::openmp_executor{}, n));
}

TEST_CASE("Eight threads share a plan, an input and a pool, each with an output of its own", "[executor][threads]") {
  random_bits random(63);
  constexpr std::size_t count = 8;
  shape const dims = {2, 150, 700};
  shift_plan const plan = plan_for(dims, padding::edge);
  auto const x = numbers<float>(dims.batch * dims.time * dims.channels, random), r = x;
  tensor_view<float const> const in(x.data(), dims), beside(r.data(), dims);
  auto const lazy = tshift::shifted(in, plan, 3.f);
  Eigen::ThreadPool pool(2);
  tally result;
  for (operation const what : operations) {
    auto want = r;
    apply<float>(what, in, beside, tensor_view<float>(want.data(), dims), plan, 3.f);
    std::vector<std::vector<float>> got(count, r);
    std::vector<float> read(count);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < count; ++i) {
      threads.emplace_back([&, i] {
        tensor_view<float> const out(got[i].data(), dims);
        apply<float>(what, in, beside, out, plan, 3.f, any_executor(tshift::eigen_executor{pool}));
        read[i] = lazy(1, 149, 0);
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (std::size_t i = 0; i < count; ++i) {
      result.count(same_bytes(got[i].data(), want.data(), want.size() * sizeof(float)) && read[i] == lazy(1, 149, 0),
                   [&] { return name(what) + ", thread " + std::to_string(i); });
    }
  }
  REQUIRE_ALL(result, operation_count * 8);
}

TEST_CASE("Nothing to do is no reason to start anybody", "[executor]") {
  std::vector<index_t> parts;
  std::vector<float> x(60);
  auto const run = recording_executor{parts};
  tshift::shift(run, tensor_view<float>(x.data(), shape{1, 0, 6}), tensor_view<float>(x.data(), shape{1, 0, 6}),
                {6, {}});
  tshift::shift_inplace(run, tensor_view<float>(x.data(), shape{1, 10, 6}), {6, {}});
  tshift::shift_inplace(run, tensor_view<float>(x.data(), shape{1, 10, 6}), {6, {{0, 6, 0}}});
  REQUIRE(parts.empty());
}

TEST_CASE("A bad argument is refused before the executor is called", "[executor]") {
  std::vector<index_t> parts;
  std::vector<float> x(60);
  auto const run = recording_executor{parts};
  tensor_view<float> const view(x.data(), shape{1, 10, 6});
  REQUIRE_THROWS_AS(tshift::shift_inplace(run, view, {5, {{0, 5, 1}}}), tshift::shape_error);
  REQUIRE_THROWS_AS(tshift::shift_add(run, view, view, view, {6, {{0, 5, 1}}}), tshift::shape_error);
  REQUIRE(parts.empty());
}
