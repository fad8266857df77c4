// SPDX-License-Identifier: MIT
// Seeded random shapes, strides, plans and addresses; large tensors, also those written around the caches. Everything
// is compared bit for bit, and with it every byte between and around the elements.
#include <algorithm>
#include <complex>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <tshift/tshift.hpp>

#include "../support/arena.hpp"
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

// Up to 16 folds that do not overlap, with offsets small, around the length, and beyond any length.
shift_plan draw_plan(index_t channels, index_t time, random_bits& random) {
  constexpr index_t most = std::numeric_limits<index_t>::max();
  std::vector<tshift::fold> folds;
  index_t const wanted = random.in(0, shift_plan::capacity);
  index_t begin = 0;
  for (index_t i = 0; i < wanted && begin <= channels; ++i) {
    begin += random.chance(2) ? random.in(0, channels / (wanted + 1) + 1) : 0;
    if (begin > channels) break;
    index_t const count = random.in(0, std::min(channels - begin, 2 * channels / (wanted + 1) + 1));
    index_t offset = random.in(-3, 3);
    if (random.chance(5)) offset = random.in(-time - 1, time + 1);
    if (random.chance(20)) offset = random.chance(2) ? most : -most;
    folds.push_back({begin, count, offset});
    begin += count;
  }
  // Any order is allowed.
  for (std::size_t i = 1; i < folds.size(); ++i) {
    std::swap(folds[i], folds[static_cast<std::size_t>(random.in(0, static_cast<index_t>(i)))]);
  }
  return {channels, std::span<tshift::fold const>(folds), paddings[random.in(0, 3)]};
}

shape draw_shape(random_bits& random) {
  constexpr index_t channels[] = {1, 2, 3, 5, 8, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 200};
  constexpr index_t spaces[] = {1, 1, 1, 1, 2, 4, 7, 16, 33, 49};
  shape dims = {random.in(1, 4), random.in(1, 40), random.one_of(channels), random.one_of(spaces)};
  while (dims.batch * dims.time * dims.channels * dims.space > 6000) dims.time = dims.time / 2, dims.batch = 1;
  if (dims.time == 0) dims = {2, 3, 33, 1};
  return dims;
}

std::vector<index_t> draw_lengths(shape const& dims, random_bits& random) {
  std::vector<index_t> lengths;
  if (random.chance(3)) {
    for (index_t n = 0; n < dims.batch; ++n) lengths.push_back(random.in(0, dims.time));
  }
  return lengths;
}

// Room in an arena around a view, so that its payload begins at any address the type allows.
template <class T>
struct place {
  index_t byte, room;
  place(random_strides const& by, random_bits& random) {
    index_t const misaligned = random.in(0, 64 / index_t{alignof(T)} - 1) * index_t{alignof(T)};
    byte = 64 + misaligned + by.first * index_t{sizeof(T)};
    room = 64 + misaligned + by.span * index_t{sizeof(T)} + 64;
  }
};

// One drawn case through one operation.
template <class T>
void check_drawn(operation what, random_bits& random, tally& result) {
  shape const dims = draw_shape(random);
  shift_plan const plan = draw_plan(dims.channels, dims.time, random);
  auto const lengths = draw_lengths(dims, random);
  auto const draw = [&](bool input) {
    return random.chance(2) ? dense_strides(dims, layouts[random.in(0, 3)]) : draw_strides(dims, random, input);
  };
  random_strides const x_by = draw(true), y_by = draw(false), r_by = random.chance(2) ? y_by : draw(true);
  place<T> const x_at(x_by, random), r_at(r_by, random), y_at(y_by, random);
  arena x(x_at.room, random), r(r_at.room, random), want(y_at.room, random);
  auto const x_view = x.view<T>(x_at.byte, dims, x_by.steps, lengths);
  auto const r_view = r.view<T>(r_at.byte, dims, r_by.steps);
  auto const want_view = want.view<T>(y_at.byte, dims, y_by.steps, lengths);
  if (adds(what)) {
    fill_numbers(x_view, random);
    fill_numbers(r_view, random);
    fill_numbers(want_view, random);
  }
  T const fill = adds(what) ? number<T>(random) : any_value<T>(random);
  arena got(want);
  arena const x_before(x), r_before(r);
  auto const got_view = got.view<T>(y_at.byte, dims, y_by.steps, lengths);
  apply<T>(what, x_view, r_view, got_view, plan, fill);
  bool const inputs_stay = x == x_before && r == r_before;
  apply_reference<T>(what, x_view, r_view, want_view, plan, fill);
  result.count(inputs_stay && got == want, [&] {
    auto const text = [](tshift::strides const& s) {
      return " {" + std::to_string(s.batch) + ", " + std::to_string(s.time) + ", " + std::to_string(s.channels) + ", " +
             std::to_string(s.space) + "}";
    };
    return name(what) + ", case " + std::to_string(result.cases) + ", " + describe(dims, plan, lengths) + ", strides" +
           text(x_by.steps) + text(r_by.steps) + text(y_by.steps) +
           (inputs_stay ? ": " + got.difference(want) : ": an input was written");
  });
}

template <class Arch>
char const* name_of() {
  if constexpr (requires { Arch::name(); }) {
    return Arch::name();
  } else {
    return "generic";  // which has no name
  }
}

// A dense tensor of any size in two layouts, moved out of place and in place for one architecture.
template <class Arch, class T>
void check_dense(shape const& dims, layout from, layout to, shift_plan const& plan, index_t misaligned, tally& result,
                 bool in_place) {
  random_bits random(static_cast<std::uint64_t>(dims.channels + misaligned));
  index_t const bytes = tensor_view<T>(static_cast<T*>(nullptr), dims).size() * index_t{sizeof(T)};
  auto const offset = misaligned / index_t{alignof(T)} * index_t{alignof(T)};
  arena x(offset + bytes + 64, random), want(offset + bytes + 64, random), got(want);
  tensor_view<T const> const x_view(reinterpret_cast<T const*>(x.at(0)), dims, from);
  auto const view = [&](arena& memory) { return tensor_view<T>(reinterpret_cast<T*>(memory.at(offset)), dims, to); };
  T const fill = any_value<T>(random);
  tshift::reference::shift(x_view, view(want), plan, fill);
  tshift::shift<Arch>(x_view, view(got), plan, fill);
  auto const sentence = [&](char const* what) {
    return std::string(what) + " for " + name_of<Arch>() + ", " + name(from) + " to " + name(to) + ", " +
           describe(dims, plan) + ", " + std::to_string(offset) + " bytes off: " + got.difference(want);
  };
  result.count(got == want, [&] { return sentence("shift"); });
  if (!in_place) return;
  apply_reference<T>(operation::shift_inplace, x_view, x_view, view(want), plan, fill);
  tshift::shift_inplace<Arch>(view(got), plan, fill);
  result.count(got == want, [&] { return sentence("shift_inplace"); });
}

}  // namespace

TEMPLATE_TEST_CASE("Random shapes, strides and plans give the reference's bytes in every operation", "[random]",
                   std::uint8_t, std::int16_t, float, std::complex<double>, rgb, tshift::float16, tshift::bfloat16) {
  tally result;
  random_bits random(20260 + sizeof(TestType));
  for (int i = 0; i < 400; ++i) {
    for (operation const what : operations) check_drawn<TestType>(what, random, result);
  }
  REQUIRE_ALL(result, 400 * operation_count);
}

TEMPLATE_TEST_CASE("Random moves keep any bits of any element", "[random]", double, std::uint16_t, bytes<16>, bytes<7>,
                   bytes<200>) {
  tally result;
  random_bits random(777 + sizeof(TestType));
  for (int i = 0; i < 300; ++i) {
    for (operation const what : moves) check_drawn<TestType>(what, random, result);
  }
  REQUIRE_ALL(result, 300 * std::ssize(moves));
}

TEST_CASE("NaN payloads and signed zeros survive", "[random]") {
  // Signalling and quiet NaNs of both signs, both zeros, a denormal.
  constexpr std::uint32_t bits[] = {0x7f800001u, 0xffc12345u, 0x80000000u, 0x00000000u, 0x00000001u, 0xff800fffu};
  std::vector<float> x(6), y(6);
  std::memcpy(x.data(), bits, sizeof bits);
  for (layout const order : layouts) {
    tshift::shift(tensor_view(x.data(), shape{1, 6, 1}, order), tensor_view(y.data(), shape{1, 6, 1}, order),
                  {1, {{0, 1, 1}}, padding::circular});
    std::uint32_t out[6];
    std::memcpy(out, y.data(), sizeof out);
    for (int i = 0; i < 6; ++i) REQUIRE(out[(i + 1) % 6] == bits[i]);
  }
}

TEST_CASE("Published plans give the reference's bytes on tensors of some megabytes", "[random]") {
  using arch = xsimd::default_arch;
  namespace presets = tshift::presets;
  tally result;
  for (index_t n_div = 2; n_div <= 16; ++n_div) {
    layout const order = layouts[n_div % 4];
    check_dense<arch, float>({2, 374, 768}, order, order, presets::shiftser(768, n_div), 0, result, true);
    check_dense<arch, float>({3, 97, 301}, order, layouts[n_div / 4 % 4],
                             presets::shiftser(301, n_div, tshift::direction::both), 4 * n_div, result, true);
  }
  for (layout const order : layouts) {
    for (padding const edge : paddings) {
      check_dense<arch, std::uint16_t>({2, 8, 64, 28 * 28}, order, order, {64, {{0, 8, -1}, {8, 8, 1}}, edge}, 6,
                                       result, true);
    }
    check_dense<arch, bytes<3>>({2, 60, 700}, order, order, presets::shift_gcn(700), 13, result, true);
  }
  REQUIRE_ALL(result, 100);
}

TEST_CASE("Tensors too large for the caches give the reference's bytes in every layout", "[random][streaming]") {
  using arch = xsimd::default_arch;
  tally result;
  shift_plan const folds = {333, {{0, 20, 1}, {20, 23, -1}, {100, 1, 5}, {101, 77, -9}, {300, 33, 2}}};
  shape const speech = {5, 2600, 333}, video = {3, 9, 333, 500};
  REQUIRE(5 * 2600 * 333 * 4 >= TSHIFT_STREAMING_BYTES);
  REQUIRE(3 * 9 * 333 * 500 * 4 >= TSHIFT_STREAMING_BYTES);
  index_t misaligned = 0;
  for (layout const order : layouts) {
    shift_plan const plan(333, folds.folds(), paddings[misaligned / 20 % 4]);
    check_dense<arch, std::uint32_t>(speech, order, order, plan, misaligned, result, true);
    check_dense<arch, std::uint32_t>(video, order, order, plan, misaligned + 8, result, false);
    misaligned += 20;
  }
  check_dense<arch, std::uint8_t>({2, 9001, 999}, layout::ntc, layout::ntc, tshift::presets::tsm(999, 10), 37, result,
                                  false);
  check_dense<arch, std::uint8_t>({2, 9001, 999}, layout::nct, layout::nct, tshift::presets::tps(999, 4), 1, result,
                                  false);
  check_dense<arch, bytes<3>>({2, 3001, 999}, layout::tnc, layout::tnc, tshift::presets::tsm(999, 10), 5, result,
                              false);
  // Rows far shorter than what is written at once, with a fold of one element.
  for (padding const edge : paddings) {
    shift_plan const plan(41, {{0, 1, -1}, {1, 19, 1}, {30, 11, 3}}, edge);
    check_dense<arch, float>({3, 36001, 41}, layout::ntc, layout::ntc, plan, 4 * index_t(edge), result, false);
    check_dense<arch, float>({3, 36001, 41}, layout::nct, layout::ntc, plan, 60, result, false);
    check_dense<arch, std::uint8_t>({1700000, 2, 5}, layout::tnc, layout::tnc, {5, {{1, 3, 1}}, edge}, 3, result,
                                    false);
    check_dense<arch, std::uint8_t>({2, 1700000, 5}, layout::ntc, layout::ntc, {5, {{1, 3, 1}}, edge}, 1, result,
                                    false);
  }
  REQUIRE_ALL(result, 31);
}

TEST_CASE("Every architecture this program may use gives the same bytes", "[random][arch]") {
  tally result;
  auto const check = [&]<class Arch>(Arch) {
    for (layout const order : layouts) {
      for (padding const edge : paddings) {
        for (index_t const channels : {1, 7, 16, 67, 200}) {
          shift_plan const plan(channels, {{0, channels / 3 + 1, 1}, {channels / 3 + 1, channels / 3, -2}}, edge);
          check_dense<Arch, std::uint16_t>({2, 9, channels, 3}, order, order, plan, channels % 32, result, true);
        }
      }
    }
    check_dense<Arch, float>({1, 6000, 768}, layout::ntc, layout::ntc, tshift::presets::shiftser(768, 5), 12, result,
                             false);
  };
  index_t architectures = 2;
  check(xsimd::default_arch());
#if XSIMD_VERSION_MAJOR < 14  // no vector registers at all
  check(xsimd::generic());
#else
  check(xsimd::common());
#endif
#if XSIMD_WITH_SSE2
  ++architectures;
  check(xsimd::sse2());
#endif
#if XSIMD_WITH_AVX2
  ++architectures;
  check(xsimd::avx2());
#endif
  REQUIRE_ALL(result, architectures * 161);
}
