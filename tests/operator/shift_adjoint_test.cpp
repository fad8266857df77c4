// SPDX-License-Identifier: MIT
// shift_adjoint: the transpose of shift, proved on every basis vector of small tensors, and the reference's on larger.
#include <complex>
#include <cstdint>
#include <span>
#include <vector>

#include <tshift/tshift.hpp>

#include "../support/bytes.hpp"
#include "../support/cases.hpp"
#include "../support/catch.hpp"
#include "../support/operations.hpp"

namespace {

using namespace test_support;
using tshift::layout;
using tshift::padding;
using tshift::shape;
using tshift::shift_plan;
using tshift::tensor_view;

using integers = std::vector<std::int64_t>;

std::int64_t dot(integers const& a, integers const& b) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// Every length of one sequence, and none.
template <class Visit>
void for_each_length(index_t time, Visit visit) {
  visit(std::span<index_t const>());
  for (index_t length = 0; length <= time; ++length) visit(std::span<index_t const>(&length, 1));
}

template <class Visit>
void for_each_small_plan(index_t channels, Visit visit) {
  for (index_t offset = -5; offset <= 5; ++offset) {
    for (padding const edge : paddings) {
      visit(shift_plan(channels, {{0, channels, offset}}, edge));
      visit(shift_plan(channels, {{channels / 2, channels - channels / 2, offset}}, edge));
      visit(shift_plan(channels, {{0, channels / 2, offset}, {channels / 2, channels / 2, -offset}}, edge));
    }
  }
}

}  // namespace

TEST_CASE("<S x, g> is <x, S' g> for every pair of basis vectors", "[adjoint][exhaustive]") {
  tally result;
  for (index_t time = 1; time <= 4; ++time) {
    for (index_t channels = 1; channels <= 3; ++channels) {
      for (index_t space = 1; space <= 2; ++space) {
        shape const dims = {1, time, channels, space};
        auto const size = static_cast<std::size_t>(time * channels * space);
        for_each_small_plan(channels, [&](shift_plan const& plan) {
          for_each_length(time, [&](std::span<index_t const> lengths) {
            // Column j of S is S e_j; column i of S' is S' e_i. The one must be the transpose of the other.
            std::vector<integers> forth(size, integers(size, -1)), back = forth, in_place;
            for (std::size_t j = 0; j < size; ++j) {
              integers basis(size, 0);
              basis[j] = 1;
              tensor_view<std::int64_t> const e(basis.data(), dims, layout::ntc, lengths);
              tshift::shift(e, tensor_view(forth[j].data(), dims), plan);
              tshift::shift_adjoint(e, tensor_view(back[j].data(), dims), plan);
              tshift::shift_adjoint_inplace(e, plan);
              in_place.push_back(basis);
            }
            bool good = back == in_place;
            for (std::size_t i = 0; i < size; ++i) {
              for (std::size_t j = 0; j < size; ++j) good = good && forth[j][i] == back[i][j];
            }
            result.count(good, [&] { return describe(dims, plan, lengths); });
          });
        });
      }
    }
  }
  REQUIRE_ALL(result, (3 + 4 + 5 + 6) * 6 * 132);
}

TEST_CASE("<S x, g> is <x, S' g> for larger tensors of integers", "[adjoint]") {
  tally result;
  random_bits random(51);
  for (int i = 0; i < 300; ++i) {
    shape const dims = {random.in(1, 3), random.in(1, 40), random.in(1, 60), random.in(1, 3)};
    index_t const first = random.in(0, dims.channels), second = random.in(0, dims.channels - first);
    shift_plan const plan(dims.channels, {{0, first, random.in(-45, 45)}, {first, second, random.in(-3, 3)}},
                          paddings[i % 4]);
    index_t const lengths[] = {random.in(0, dims.time), random.in(0, dims.time), random.in(0, dims.time)};
    std::span<index_t const> const frames(lengths, i % 3 == 0 ? static_cast<std::size_t>(dims.batch) : 0);
    index_t const size = dims.batch * dims.time * dims.channels * dims.space;
    integers x, g, shifted(static_cast<std::size_t>(size)), back(static_cast<std::size_t>(size));
    for (index_t k = 0; k < size; ++k) {
      x.push_back(random.in(-1000, 1000));
      g.push_back(random.in(-1000, 1000));
    }
    layout const a = layouts[random.in(0, 3)], b = layouts[random.in(0, 3)];
    // Dot products ask for one order: x and back lie in a, g and shifted in b.
    tshift::shift(tensor_view(x.data(), dims, a, frames), tensor_view(shifted.data(), dims, b), plan);
    tshift::shift_adjoint(tensor_view(g.data(), dims, b, frames), tensor_view(back.data(), dims, a), plan);
    result.count(dot(shifted, g) == dot(x, back), [&] { return describe(dims, plan, frames); });
  }
  REQUIRE_ALL(result, 300);
}

TEMPLATE_TEST_CASE("shift_adjoint is the reference, out of place and in place", "[adjoint][exhaustive]", std::uint8_t,
                   std::int32_t, float, std::complex<double>, tshift::float16, tshift::bfloat16) {
  using T = TestType;
  tally result;
  random_bits random(52);
  for (index_t time = 0; time <= 9; ++time) {
    for (index_t const channels : {1, 2, 9, 70}) {
      for (index_t const space : {1, 3}) {
        shape const dims = {2, time, channels, space};
        index_t const size = 2 * time * channels * space;
        index_t const uneven[] = {time - time / 3, time / 2};
        auto const dy = numbers<T>(size, random);
        for (index_t offset = -4; offset <= 4; ++offset) {
          for (padding const edge : paddings) {
            shift_plan const plan(channels, {{channels / 4, channels / 2, offset}, {0, channels / 4, -offset}}, edge);
            for (int i = 0; i < 8; ++i) {
              layout const order = layouts[i % 4], from = layouts[(i + time) % 4];
              std::span<index_t const> const lengths(uneven, i < 4 ? 0 : 2);
              std::vector<T> want(dy), got(dy);
              auto const check = [&](char const* what) {
                bool const same = same_bytes(want.data(), got.data(), want.size() * sizeof(T));
                result.count(same, [&] { return what + name(order) + ", " + describe(dims, plan, lengths); });
              };
              tensor_view<T const> const in(dy.data(), dims, from, lengths);
              tensor_view<T> const out(got.data(), dims, order, lengths), want_out(want.data(), dims, order);
              tshift::reference::shift_adjoint(in, want_out, plan);
              tshift::shift_adjoint(in, out, plan);
              check("shift_adjoint in ");
              if (edge == padding::zero || edge == padding::circular) {
                tshift::shift(in, out, plan.adjoint());
                check("shift by the plan's adjoint in ");
              }
              got = dy;
              tshift::reference::shift_adjoint(tensor_view<T const>(dy.data(), dims, order, lengths), want_out, plan);
              tshift::shift_adjoint_inplace(out, plan);
              check("shift_adjoint_inplace in ");
              got = dy;
              tshift::shift_adjoint(out, out, plan);
              check("shift_adjoint onto itself in ");
            }
          }
        }
      }
    }
  }
  REQUIRE_ALL(result, 10 * 4 * 2 * 9 * 8 * (4 * 3 + 2));
}

TEST_CASE("Sums of many frames are added in the order of time", "[adjoint]") {
  // Floats of very different size, so that another order would give other bits.
  random_bits random(53);
  tally result;
  for (index_t const channels : {3, 64, 200}) {
    shape const dims = {2, 70, channels, 2};
    auto const dy = numbers<float>(2 * 70 * channels * 2, random);
    for (index_t const offset : {5, -5, 40, -40, 90, -90}) {
      for (padding const edge : {padding::keep, padding::edge}) {
        for (layout const order : layouts) {
          shift_plan const plan(channels, {{1, channels - 2, offset}}, edge);
          auto want = dy, got = dy, same = dy;
          tensor_view<float const> const in(dy.data(), dims, order);
          tshift::reference::shift_adjoint(in, tensor_view(want.data(), dims, order), plan);
          tshift::shift_adjoint(in, tensor_view(got.data(), dims, order), plan);
          tshift::shift_adjoint_inplace(tensor_view(same.data(), dims, order), plan);
          bool const good = same_bytes(want.data(), got.data(), want.size() * sizeof(float)) && got == same;
          result.count(good, [&] { return name(order) + ", " + describe(dims, plan); });
        }
      }
    }
  }
  REQUIRE_ALL(result, 144);
}
