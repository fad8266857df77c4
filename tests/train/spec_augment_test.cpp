// SPDX-License-Identifier: MIT
// train::spec_augment: numbers and places of spans, both passes against plain loops over masks, threads, padding,
// batches in pieces, memory in place, what is refused.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <iostream>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <tshift/train/spec_augment.hpp>

#include "../support/allocation_counter.hpp"
#include "../support/catch.hpp"
#include "../support/message_of.hpp"
#include "../support/nn_cases.hpp"
#include "../support/thread_executor.hpp"

namespace {

using namespace test_support;
using tshift::train::parameter_table;
using tshift::train::random_batch;
using tshift::train::random_stream;
using tshift::train::spec_augment;
using tshift::train::spec_augment_options;

/// What for_spans covers, as a mask.
std::vector<int> mask_of(random_stream const& stream, index_t size, index_t span, index_t count) {
  std::vector<int> mask(static_cast<std::size_t>(size));
  index_t last = -1;
  tshift::train::kernel::for_spans(stream, size, span, count, [&](index_t begin, index_t end) {
    CHECK(begin > last);
    CHECK((end > begin && end <= size));
    last = end;
    for (index_t i = begin; i < end; ++i) mask[static_cast<std::size_t>(i)] = 1;
  });
  return mask;
}

template <class T>
struct one_case {
  parameter_table table;
  spec_augment<T> layer;
  tshift::shape dims;
  std::vector<index_t> lengths, samples;
  std::vector<T> values, x, dy;
  random_batch random;

  one_case(tshift::shape const& of, spec_augment_options const& options, bool ragged, std::uint64_t seed) : dims(of) {
    random_bits bits(seed);
    table.add("before", {3});
    layer = spec_augment<T>(table, "specaugment", dims.channels, options);
    values = uniform<T>(table.size(), bits);
    x = uniform<T>(dims.size(), bits);
    dy = uniform<T>(dims.size(), bits);
    for (index_t n = 0; n < dims.batch; ++n) samples.push_back(bits.in(0, 1000));
    random = {seed, bits.in(0, 9), bits.in(0, 99), samples};
    if (!ragged) return;
    for (index_t n = 0; n < dims.batch; ++n) lengths.push_back(n == 1 ? 0 : bits.in(1, dims.time));
    for (index_t n = 0; n < dims.batch; ++n) {
      for (index_t i = length(n) * dims.channels; i < dims.time * dims.channels; ++i) {
        x[at(n, 0, 0) + static_cast<std::size_t>(i)] = dy[at(n, 0, 0) + static_cast<std::size_t>(i)] = around_inputs<T>;
      }
    }
  }

  index_t length(index_t n) const { return lengths.empty() ? dims.time : lengths[static_cast<std::size_t>(n)]; }
  std::size_t at(index_t n, index_t t, index_t c) const {
    return static_cast<std::size_t>((n * dims.time + t) * dims.channels + c);
  }
  tensor_view<T const> read(std::vector<T> const& memory) const {
    return {memory.data(), dims, tshift::layout::ntc, lengths};
  }
  tensor_view<T> write(std::vector<T>& memory) const { return {memory.data(), dims}; }

  struct result {
    std::vector<T> y, dx, gradients;
    bool operator==(result const&) const = default;
  };
  template <class Executor>
  result all(Executor&& exec) const {
    result r{std::vector<T>(x.size(), around_outputs<T>), std::vector<T>(x.size(), around_outputs<T>),
             std::vector<T>(values.size())};
    layer.forward(exec, random, values, read(x), write(r.y));
    layer.backward(exec, random, read(dy), write(r.dx), r.gradients);
    return r;
  }
};

struct totals {
  index_t cases = 0, covered_frames = 0, covered_channels = 0, gradients = 0;
};

template <class T>
void compare(tshift::shape const& dims, spec_augment_options const& options, bool ragged, std::uint64_t seed,
             totals& sum) {
  one_case<T> const one(dims, options, ragged, seed);
  tshift::detail::run_here here;
  auto const got = one.all(here);
  std::vector<T> gradient(static_cast<std::size_t>(dims.channels));
  for (index_t n = 0; n < dims.batch; ++n) {
    std::vector<int> frames(static_cast<std::size_t>(dims.time)), channels(static_cast<std::size_t>(dims.channels));
    one.layer.for_frames(one.random, n, one.length(n), [&](index_t begin, index_t end) {
      for (index_t i = begin; i < end; ++i) frames[static_cast<std::size_t>(i)] = 1;
    });
    one.layer.for_channels(one.random, n, [&](index_t begin, index_t end) {
      for (index_t i = begin; i < end; ++i) channels[static_cast<std::size_t>(i)] = 1;
    });
    sum.covered_frames += std::count(frames.begin(), frames.end(), 1);
    sum.covered_channels += std::count(channels.begin(), channels.end(), 1);
    for (index_t c = 0; c < dims.channels; ++c) {
      bool const zeroed = channels[static_cast<std::size_t>(c)] != 0;
      T slope = T(0);
      for (index_t t = 0; t < dims.time; ++t) {
        bool const inside = t < one.length(n), covered = frames[static_cast<std::size_t>(t)] != 0;
        REQUIRE((inside || !covered));
        std::size_t const at = one.at(n, t, c);
        T const vector = one.values[static_cast<std::size_t>(3 + c)];
        REQUIRE(got.y[at] == (!inside || zeroed ? T(0) : covered ? vector : one.x[at]));
        REQUIRE(got.dx[at] == (!inside || zeroed || covered ? T(0) : one.dy[at]));
        if (covered && !zeroed) slope += one.dy[at];
      }
      gradient[static_cast<std::size_t>(c)] += slope;
    }
  }
  for (index_t i = 0; i < 3; ++i) CHECK(got.gradients[static_cast<std::size_t>(i)] == T(0));
  for (std::size_t c = 0; c < gradient.size(); ++c) {
    CHECK(got.gradients[3 + c] == gradient[c]);
    sum.gradients += gradient[c] != T(0) ? 1 : 0;
  }
  CHECK(one.all(any_executor(thread_executor{2})) == got);
  CHECK(one.all(any_executor(thread_executor{7})) == got);
  CHECK(one.all(any_executor(reversed_executor{})) == got);

  // In place, without dx, and each sequence by itself, as long as it is.
  auto place = one.x, back = one.dy;
  std::vector<T> gradients(one.values.size()), without = gradients, pieces = gradients;
  one.layer.forward(one.random, one.values, one.read(place), one.write(place));
  one.layer.backward(one.random, one.read(back), one.write(back), gradients);
  one.layer.backward(one.random, one.read(one.dy), tensor_view<T>(), without);
  CHECK(place == got.y);
  CHECK(back == got.dx);
  CHECK(gradients == got.gradients);
  CHECK(without == got.gradients);
  for (index_t n = 0; n < dims.batch && options.scaled; ++n) {
    tshift::shape const dense{1, one.length(n), dims.channels};
    auto const size = static_cast<std::size_t>(dense.size());
    std::vector<T> y(size), dx(size);
    random_batch alone = one.random;
    alone.samples = one.random.samples.subspan(static_cast<std::size_t>(n), 1);
    one.layer.forward(alone, one.values, tensor_view<T const>(one.x.data() + one.at(n, 0, 0), dense),
                      tensor_view<T>(y.data(), dense));
    one.layer.backward(alone, tensor_view<T const>(one.dy.data() + one.at(n, 0, 0), dense),
                       tensor_view<T>(dx.data(), dense), pieces);
    CHECK(std::equal(y.begin(), y.end(), got.y.begin() + static_cast<std::ptrdiff_t>(one.at(n, 0, 0))));
    CHECK(std::equal(dx.begin(), dx.end(), got.dx.begin() + static_cast<std::ptrdiff_t>(one.at(n, 0, 0))));
  }
  if (options.scaled) CHECK(pieces == got.gradients);
  CHECK(allocations_in([&] {
          one.layer.forward(one.random, one.values, one.read(place), one.write(place));
          one.layer.backward(one.random, one.read(one.dy), one.write(back), gradients);
        }) == 0);
  ++sum.cases;
}

}  // namespace

TEST_CASE("train::spec_augment: how many spans", "[train][spec_augment]") {
  using tshift::train::kernel::span_count;
  CHECK(span_count(0.08, 374, 15, 2, 0.0) == 2);    // int(1.99), at least 2
  CHECK(span_count(0.08, 374, 15, 2, 0.006) == 2);  // int(2.0006)
  CHECK(span_count(0.08, 374, 15, 2, 0.999) == 2);
  CHECK(span_count(0.05, 768, 64, 1, 0.0) == 1);  // int(0.6)
  CHECK(span_count(0.05, 768, 64, 1, 0.39) == 1);
  CHECK(span_count(0.05, 768, 64, 1, 0.999) == 1);
  CHECK(span_count(0.5, 100, 10, 0, 0.0) == 5);
  CHECK(span_count(0.5, 99, 10, 0, 0.0) == 4);
  CHECK(span_count(0.5, 99, 10, 0, 0.1) == 5);
  CHECK(span_count(0.0, 100, 10, 0, 0.9) == 0);
  CHECK(span_count(1.0, 10, 1, 0, 0.9) == 10);  // no more than places
  CHECK(span_count(0.5, 29, 15, 2, 0.9) == 1);  // no more than fit side by side
  CHECK(span_count(0.5, 15, 15, 2, 0.0) == 1);
  CHECK(span_count(0.5, 14, 15, 2, 0.0) == 0);
  CHECK(span_count(0.5, 14, 0, 2, 0.0) == 0);
  CHECK(span_count(0.5, 0, 15, 2, 0.0) == 0);
}

TEST_CASE("train::spec_augment: every choice of beginnings is as likely", "[train][spec_augment]") {
  std::map<std::vector<int>, int> seen;  // spans of 1 among 5 places, 2 of them: 10 choices
  constexpr int draws = 20000;
  for (index_t i = 0; i < draws; ++i) ++seen[mask_of(random_stream(1, 1, 0, i), 5, 1, 2)];
  CHECK(seen.size() == 10);
  double chi = 0;
  for (auto const& [mask, count] : seen) {
    CHECK(std::count(mask.begin(), mask.end(), 1) == 2);
    chi += (count - draws / 10.0) * (count - draws / 10.0) / (draws / 10.0);
  }
  CHECK(chi < 34);  // 9 degrees of freedom: 1 in 10000

  index_t overlaps = 0;  // spans may overlap, and never begin at the same place
  for (index_t i = 0; i < 200; ++i) {
    auto const mask = mask_of(random_stream(2, 1, 0, i), 40, 15, 2);
    auto const covered = std::count(mask.begin(), mask.end(), 1);
    CHECK((covered >= 16 && covered <= 30));
    overlaps += covered < 30 ? 1 : 0;
  }
  CHECK(overlaps > 50);
  CHECK(mask_of(random_stream(3, 1), 4, 4, 1) == std::vector<int>{1, 1, 1, 1});
  CHECK(mask_of(random_stream(3, 1), 4, 1, 4) == std::vector<int>{1, 1, 1, 1});
  CHECK(mask_of(random_stream(3, 1), 4, 2, 0) == std::vector<int>{0, 0, 0, 0});
}

TEST_CASE("train::spec_augment: both passes are what the masks say", "[train][spec_augment]") {
  totals sum;
  std::uint64_t seed = 1;
  for (bool const ragged : {false, true}) {
    for (index_t const time : {1, 8, 40, 120}) {
      for (index_t const channels : {1, 13, 64, 600}) {
        spec_augment_options const scaled{.scaled = true};
        compare<float>({4, time, channels}, scaled, ragged, seed, sum);
        compare<double>({3, time, channels}, scaled, ragged, seed + 1, sum);
        seed += 2;
      }
    }
    compare<float>({5, 120, 768}, {}, ragged, seed++, sum);
    compare<double>({2, 30, 64}, {.time_share = 0.5, .channel_share = 0.9, .channel_span = 7}, ragged, seed++, sum);
    compare<float>({2, 30, 9}, {.time_span = 0, .channel_span = 0}, ragged, seed++, sum);
  }
  std::cout << "spec_augment: " << sum.cases << " cases, " << sum.covered_frames << " frames and "
            << sum.covered_channels << " channels covered, " << sum.gradients << " gradients\n";
  REQUIRE(sum.cases == 70);
  REQUIRE(sum.covered_frames > 1500);
  REQUIRE(sum.covered_channels > 2000);
  REQUIRE(sum.gradients > 5000);
}

TEST_CASE("train::spec_augment: ShiftSER's sizes, and one draw for a batch", "[train][spec_augment]") {
  parameter_table table;
  spec_augment<float> const layer(table, "specaugment", 768);
  CHECK(table.find("specaugment.masked_spec_embed")->size == 768);
  CHECK_FALSE(table.find("specaugment.masked_spec_embed")->decays);
  // Half a span is expected: with one u for a batch, all its sequences have a span or none has.
  parameter_table more;
  spec_augment<float> const half(more, "s", 100, {.time_share = 0.05, .time_span = 10, .time_least = 0});
  std::vector<index_t> samples = {0, 1, 2, 3, 4, 5};
  index_t with = 0;
  for (index_t batch = 0; batch < 400; ++batch) {
    random_batch const random{7, 0, batch, samples};
    index_t masked = 0, frames = 0, channels = 0;
    for (index_t n = 0; n < 6; ++n) {
      index_t found = 0;
      half.for_frames(random, n, 100, [&found](index_t, index_t) { ++found; });
      masked += found;
      layer.for_frames(random, n, 374, [&frames](index_t begin, index_t end) { frames += end - begin; });
      layer.for_channels(random, n, [&channels](index_t begin, index_t end) { channels += end - begin; });
    }
    CHECK((masked == 0 || masked == 6));
    with += masked / 6;
    CHECK((frames >= 6 * 16 && frames <= 6 * 30));
    CHECK(channels == 6 * 64);
  }
  CHECK((with > 150 && with < 250));
  // Another epoch or sample has other spans.
  auto const first = [&](index_t epoch, index_t sample) {
    std::vector<index_t> const one = {sample};
    index_t begins = -1;
    layer.for_frames({7, epoch, 0, one}, 0, 374, [&begins](index_t begin, index_t) {
      if (begins < 0) begins = begin;
    });
    return begins;
  };
  CHECK((first(0, 0) != first(1, 0) && first(0, 0) != first(0, 1)));
}

TEST_CASE("train::spec_augment: what is refused", "[train][spec_augment]") {
  parameter_table table;
  CHECK(message_of([&] { spec_augment<float>(table, "s", 63); }) ==
        "spec_augment: channel_span = 64, must be <= 63 channels (or scaled)");
  CHECK(message_of([&] { spec_augment<float>(table, "s", 64, {.time_share = 1.5}); }) ==
        "spec_augment: time_share = 1.5, must be in [0, 1]");
  CHECK(message_of([&] { spec_augment<float>(table, "s", 64, {.time_span = -1}); }) ==
        "spec_augment: time_span = -1, must be >= 0");
  CHECK(table.count() == 0);
  spec_augment<float> const layer(table, "s", 64);
  std::vector<index_t> const one = {0}, two = {0, 1}, wrong = {0, -1};
  std::vector<float> x(2 * 15 * 64, 1.f), y(x.size(), 7.f), values(64);
  auto const forward = [&](index_t time, std::vector<index_t> const& samples, std::vector<float>& flat, index_t epoch) {
    tshift::shape const dims{2, time, 64};
    return message_of([&] {
      layer.forward({1, epoch, 0, samples}, flat, tensor_view<float const>(x.data(), dims),
                    tensor_view<float>(y.data(), dims));
    });
  };
  CHECK(forward(14, two, values, 0) == "spec_augment: time_span = 15, must be <= 14 frames (or scaled)");
  CHECK(forward(15, one, values, 0) == "spec_augment: 1 samples, must be one for each of 2 sequences");
  CHECK(forward(15, wrong, values, 0) == "random_stream: sample = -1, must be in [0, 2^32)");
  CHECK(forward(15, two, values, -1) == "random_stream: epoch = -1, must be in [0, 2^32)");
  std::vector<float> few(63);
  CHECK(forward(15, two, few, 0) == "spec_augment: values has 63 elements, must be >= 64");
  for (float const each : y) CHECK(each == 7.f);
  CHECK(forward(15, two, values, 0).empty());
}
