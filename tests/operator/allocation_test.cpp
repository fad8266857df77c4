// SPDX-License-Identifier: MIT
// No operation allocates, and a stream allocates its state once at most.
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <tshift/tshift.hpp>

#include "../support/allocation_counter.hpp"
#include "../support/cases.hpp"
#include "../support/catch.hpp"
#include "../support/message_of.hpp"
#include "../support/operations.hpp"

namespace {

using namespace test_support;
using tshift::layout;
using tshift::padding;
using tshift::shape;
using tshift::shift_plan;
using tshift::tensor_view;

}  // namespace

TEST_CASE("The counter counts", "[allocation]") {
  REQUIRE(allocations_in([] {}) == 0);
  std::vector<int> kept;
  REQUIRE(allocations_in([&] { kept.resize(1000); }) == 1);
  REQUIRE(allocations_in([] { delete new int volatile(3); }) <= 1);  // a compiler may leave that one out
}

TEST_CASE("No operation allocates", "[allocation]") {
  long made = 0, ran = 0;
  auto const here = [](index_t n, auto const& body) {
    for (index_t i = 0; i < n; ++i) body(i);
  };
  // Small, larger than any buffer on the stack, and written around the caches.
  for (shape const& dims : {shape{2, 5, 9, 2}, shape{2, 300, 700, 1}, shape{1, 9000, 500, 1}}) {
    auto const size = static_cast<std::size_t>(dims.batch * dims.time * dims.channels * dims.space);
    std::vector<float> x(size, 1.f), r(size, 2.f), y(size, 3.f);
    std::vector<index_t> const lengths = {dims.time / 2, dims.time};
    for (layout const order : layouts) {
      for (padding const edge : paddings) {
        std::span<index_t const> const frames(lengths.data(), edge == padding::keep && dims.batch == 2 ? 2 : 0);
        index_t const third = dims.channels / 3;
        shift_plan const plan(dims.channels, {{0, third, 1}, {third, third, -2}}, edge);
        tensor_view<float const> const in(x.data(), dims, order, frames), beside(r.data(), dims, order);
        tensor_view<float const> const across(r.data(), dims, layout::ntsc);
        tensor_view<float> const out(y.data(), dims, order, frames);
        made += allocations_in([&] {
          for (operation const what : operations) apply<float>(what, in, beside, out, plan, 4.f);
          for (operation const what : operations) apply<float>(what, in, across, out, plan, 0.f, here);
          tshift::shift(across, tensor_view<float>(y.data(), dims, order), plan);
        });
        ++ran;
      }
    }
  }
  REQUIRE(made == 0);
  REQUIRE(ran == 48);
}

TEST_CASE("An executor that does not allocate leaves it at that", "[allocation]") {
  std::vector<float> x(400000, 1.f), y(400000);
  shape const dims = {1, 1000, 400};
  auto const here = [](index_t n, auto const& body) {
    for (index_t i = 0; i < n; ++i) body(i);
  };
  shift_plan const plan(400, {{0, 100, 1}}, padding::edge);
  tensor_view<float> const out(y.data(), dims);
  REQUIRE(allocations_in([&] {
            tshift::shift(here, tensor_view<float>(x.data(), dims), out, plan);
            tshift::shift_inplace(here, out, plan);
            tshift::shift_adjoint_inplace(here, out, plan);
          }) == 0);
}

TEST_CASE("Views, plans and the lazy shift allocate nothing", "[allocation]") {
  std::vector<float> x(2 * 5 * 9, 1.f);
  float sum = 0.f;
  index_t runs = 0;
  REQUIRE(allocations_in([&] {
            shift_plan const plan = tshift::presets::shift_gcn(9);
            auto const lazy = tshift::shifted(tensor_view(x.data(), shape{2, 5, 9}), plan, 2.f);
            for (index_t n = 0; n < 2; ++n) {
              for (index_t t = 0; t < 5; ++t) {
                for (index_t c = 0; c < 9; ++c) sum += lazy(n, t, c);
                for (auto const& run : lazy.runs(n, t)) runs += run.count;
              }
            }
          }) == 0);
  REQUIRE(sum > 0.f);
  REQUIRE(runs == 90);
}

TEST_CASE("A stream allocates once, when it is made, and never in memory it is given", "[allocation]") {
  shape const frame = {2, 0, 33, 3};
  shift_plan const plan(33, {{0, 11, 2}, {11, 11, -3}}, padding::edge);
  std::vector<float> x(2 * 4 * 33 * 3, 1.f), y(2 * 8 * 33 * 3);
  std::vector<std::byte> saved(tshift::shift_stream<float>::state_bytes(plan, frame)), memory(saved.size());
  tensor_view<float const> const in(x.data(), {2, 4, 33, 3});
  tensor_view<float> const out(y.data(), {2, 8, 33, 3});
  index_t given = 0;
  auto const use = [&](tshift::shift_stream<float>& stream) {
    stream.prime(in);
    given += stream.push(in, out);
    stream.save(saved);
    given += stream.push(in, out);
    stream.restore(saved);
    given += stream.ready(1) + stream.pending() + static_cast<index_t>(stream.state().size());
    given += stream.flush(out);
    stream.reset();
  };
  REQUIRE(allocations_in([&] { tshift::shift_stream<float> const stream(plan, frame); }) == 1);
  tshift::shift_stream<float> own(plan, frame);
  REQUIRE(allocations_in([&] { use(own); }) == 0);
  REQUIRE(allocations_in([&] { tshift::shift_stream<float> const moved(std::move(own)); }) == 0);
  REQUIRE(allocations_in([&] {
            tshift::shift_stream<float> theirs(plan, frame, std::span<std::byte>(memory));
            use(theirs);
          }) == 0);
  REQUIRE(given > 0);
}

TEST_CASE("A refusal allocates only its message", "[allocation]") {
  std::vector<float> x(12);
  tensor_view<float> const view(x.data(), shape{1, 3, 4});
  long const made = allocations_in([&] {
    try {
      tshift::shift_inplace(view, {5, {}});
    } catch (tshift::shape_error const&) {
    }
  });
  REQUIRE(made <= 1);
}
