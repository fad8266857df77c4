// SPDX-License-Identifier: MIT
// train::dropout: the mask its header defines, its share, both passes, threads, padding, pieces of a batch, what is
// refused.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <tshift/train/dropout.hpp>

#include "../support/allocation_counter.hpp"
#include "../support/catch.hpp"
#include "../support/message_of.hpp"
#include "../support/nn_cases.hpp"
#include "../support/thread_executor.hpp"

namespace {

using namespace test_support;
using tshift::train::random_batch;

/// Whether an element is dropped, as the header says.
bool dropped(double rate, random_batch const& random, index_t layer, index_t n, index_t i) {
  index_t const block = i / 64 * 16 + i % 16;
  auto const words = tshift::train::kernel::philox(
      random.seed, {{static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(0x1000 + layer) << 16,
                     static_cast<std::uint32_t>(random.epoch),
                     static_cast<std::uint32_t>(random.samples[static_cast<std::size_t>(n)])}});
  return words.word[i % 64 / 16] < rate * 0x1p32;
}

template <class T>
index_t compare(tshift::shape const& dims, double rate, std::uint64_t seed) {
  random_bits bits(seed);
  std::vector<index_t> samples, lengths;
  for (index_t n = 0; n < dims.batch; ++n) {
    samples.push_back(bits.in(0, 1000));
    lengths.push_back(n == 1 ? 0 : bits.in(1, dims.time));
  }
  random_batch const random{seed, 3, 0, samples};
  auto x = uniform<T>(dims.size(), bits);
  auto const at = [&dims](index_t n, index_t i) { return static_cast<std::size_t>(n * dims.time * dims.channels + i); };
  for (index_t n = 0; n < dims.batch; ++n) {
    for (index_t i = lengths[static_cast<std::size_t>(n)] * dims.channels; i < dims.time * dims.channels; ++i) {
      x[at(n, i)] = around_inputs<T>;
    }
  }
  tensor_view<T const> const from(x, dims, tshift::layout::ntc, lengths);
  std::vector<T> y(x.size(), around_outputs<T>);
  tshift::train::dropout(rate, random, 5, from, tensor_view<T>(y, dims));
  index_t zeros = 0;
  for (index_t n = 0; n < dims.batch; ++n) {
    for (index_t i = 0; i < dims.time * dims.channels; ++i) {
      bool const inside = i < lengths[static_cast<std::size_t>(n)] * dims.channels;
      bool const out = inside && dropped(rate, random, 5, n, i);
      zeros += out ? 1 : 0;
      REQUIRE(y[at(n, i)] == (!inside || out ? T(0) : x[at(n, i)] * static_cast<T>(1 / (1 - rate))));
    }
  }
  for (any_executor const& exec :
       {any_executor(thread_executor{2}), any_executor(thread_executor{7}), any_executor(reversed_executor{})}) {
    std::vector<T> again(x.size(), around_outputs<T>);
    tshift::train::dropout(exec, rate, random, 5, from, tensor_view<T>(again, dims));
    CHECK(again == y);
  }
  for (index_t n = 0; n < dims.batch; ++n) {  // each sequence by itself, as long as it is
    tshift::shape const dense{1, lengths[static_cast<std::size_t>(n)], dims.channels};
    std::vector<T> piece(static_cast<std::size_t>(dense.size()));
    random_batch alone = random;
    alone.samples = random.samples.subspan(static_cast<std::size_t>(n), 1);
    tshift::train::dropout(rate, alone, 5, tensor_view<T const>(x.data() + at(n, 0), dense),
                           tensor_view<T>(piece.data(), dense));
    CHECK(std::equal(piece.begin(), piece.end(), y.begin() + static_cast<std::ptrdiff_t>(at(n, 0))));
  }
  std::vector<T> place = x;
  tensor_view<T> view(place, dims);
  view.lengths = lengths;
  CHECK(allocations_in([&] { tshift::train::dropout(rate, random, 5, view, view); }) == 0);
  CHECK(place == y);
  return zeros;
}

}  // namespace

TEST_CASE("train::dropout: the mask of the header, whoever makes it", "[train][dropout]") {
  index_t cases = 0, zeros = 0;
  std::uint64_t seed = 1;
  for (double const rate : {0.0, 0.1, 0.5, 0.9}) {
    for (index_t const channels : {1, 7, 64, 130, 768}) {
      for (index_t const time : {1, 33}) {
        zeros += compare<float>({3, time, channels}, rate, seed);
        zeros += compare<double>({2, time, channels}, rate, seed + 1);
        seed += 2;
        cases += 2;
      }
    }
  }
  CHECK(compare<float>({2, 700, 768}, 0.1, 99) > 10000);  // large enough to be shared
  CHECK(cases == 80);
  CHECK(zeros > 5000);
}

TEST_CASE("train::dropout: its share, its mean, and what does not depend", "[train][dropout]") {
  tshift::shape const dims{1, 1000, 1000};
  std::vector<float> const ones(1000000, 1.f);
  std::vector<float> y(ones.size()), other(ones.size());
  auto const run = [&](double rate, random_batch const& random, index_t layer, std::vector<float>& to) {
    tshift::train::dropout(rate, random, layer, tensor_view<float const>(ones, dims), tensor_view<float>(to, dims));
  };
  std::vector<index_t> const sample = {4}, another = {5};
  for (double const rate : {0.1, 0.3}) {
    run(rate, {1, 0, 0, sample}, 0, y);
    double sum = 0;
    for (float const each : y) sum += static_cast<double>(each);
    CHECK(std::fabs(sum / 1e6 - 1) < 4 * std::sqrt(rate / (1 - rate) / 1e6));
    auto const both = [&](random_batch const& random, index_t layer) {
      run(rate, random, layer, other);
      double together = 0;
      for (std::size_t i = 0; i < y.size(); ++i) together += y[i] == 0.f && other[i] == 0.f ? 1 : 0;
      return together / 1e6;
    };
    double const expected = rate * rate, allowed = 5 * rate / 1e3;
    CHECK(both({1, 0, 0, sample}, 0) == Approx(rate).epsilon(0.02));  // the same mask
    CHECK(std::fabs(both({2, 0, 0, sample}, 0) - expected) < allowed);
    CHECK(std::fabs(both({1, 1, 0, sample}, 0) - expected) < allowed);
    CHECK(std::fabs(both({1, 0, 0, another}, 0) - expected) < allowed);
    CHECK(std::fabs(both({1, 0, 0, sample}, 1) - expected) < allowed);
  }
  std::vector<float> bad(1000000, std::numeric_limits<float>::quiet_NaN());
  tshift::train::dropout(0.3, {1, 0, 0, sample}, 0, tensor_view<float const>(bad, dims),
                         tensor_view<float>(other, dims));
  for (std::size_t i = 0; i < y.size(); ++i) REQUIRE((other[i] == 0.f) == (y[i] == 0.f));
}

TEST_CASE("train::dropout: what is refused", "[train][dropout]") {
  std::vector<float> x(8), y(8, 7.f);
  std::vector<index_t> const samples = {0, 1}, one = {0};
  tshift::shape const dims{2, 2, 2};
  auto const with = [&](double rate, index_t layer, std::vector<index_t> const& of) {
    return message_of([&] {
      tshift::train::dropout(rate, {1, 0, 0, of}, layer, tensor_view<float const>(x, dims),
                             tensor_view<float>(y, dims));
    });
  };
  CHECK(with(1, 0, samples) == "dropout: rate = 1, must be in [0, 1)");
  CHECK(with(-0.1, 0, samples) == "dropout: rate = -0.1, must be in [0, 1)");
  CHECK(with(0.1, 16384, samples) == "dropout: layer = 16384, must be in [0, 2^14)");
  CHECK(with(0.1, 0, one) == "dropout: 1 samples, must be one for each of 2 sequences");
  CHECK(message_of([&] {
          tshift::train::dropout(0.1, {1, 0, 0, samples}, 0, tensor_view<float const>(x, {2, 2, 1}),
                                 tensor_view<float>(y, dims));
        }) == "dropout: x has 1 channels, must have 2");
  CHECK(message_of([&] {
          tshift::train::dropout(0.1, {1, 0, 0, one}, 0, tensor_view<float const>(y.data(), {1, 2, 2}),
                                 tensor_view<float>(y.data() + 1, {1, 2, 2}));
        }) == "dropout: x and y overlap in memory, must be the same view or share no element");
  for (float const each : y) CHECK(each == 7.f);
}
