// SPDX-License-Identifier: MIT
// Dropout inside train::speech_layer: y against plain loops with the masks that the header names, slopes with the masks
// held, bits against threads, padding and pieces of a batch; rates of 0, and what is refused.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include <tshift/train/dropout.hpp>
#include <tshift/train/speech_layer.hpp>

#include "../support/catch.hpp"
#include "../support/train_cases.hpp"

namespace {

using namespace test_support;
using tshift::train::random_batch;
using tshift::train::speech_layer;
using tshift::train::speech_layer_dropout;
using tshift::train::speech_layer_sizes;

constexpr std::array<index_t, 4> samples = {7, 3, 900, 12};
random_batch const random_of_step{5, 2, 0, samples};

struct setting {
  speech_layer_sizes sizes;
  speech_layer_dropout rates;
  index_t number = 3;
  index_t buckets = 0;  // of gated positions
};

template <class T>
speech_layer<T> layer_of(setting const& how, parameter_table& table) {
  tshift::train::bucketed_distances<T> distances;
  if (how.buckets > 0) distances = tshift::train::speech_distances<T>(table, how.sizes.heads, how.buckets, 12);
  return {table, how.number, how.sizes, distances};
}

auto dropping(setting const& how) {
  return [how]<class T>(T, parameter_table& table) {
    speech_layer<T> layer = layer_of<T>(how, table);
    layer.set_dropout(how.rates);
    layer.draw(&random_of_step);
    return layer;
  };
}

constexpr std::array<speech_layer_dropout, 4> all_rates = {
    {{.hidden = 0.1}, {.hidden = 0.6}, {.attention = 0.3}, {.hidden = 0.1, .attention = 0.1}}};

constexpr std::string_view keys = "k_proj.bias";  // a softmax does not see it

using row = std::vector<double>;
using rows = std::vector<row>;

/// What train::dropout by this number makes of ones, for one sample: so many frames of so many channels.
rows mask(double rate, index_t number, index_t sample, index_t frames, index_t channels) {
  std::vector<double> all(static_cast<std::size_t>(frames * channels), 1.0);
  tensor_view<double> const view(all.data(), {1, frames, channels});
  random_batch one = random_of_step;
  one.samples = std::span(&sample, 1);
  tshift::train::dropout(rate, one, number, view, view);
  rows made;
  for (index_t t = 0; t < frames; ++t) made.emplace_back(all.begin() + t * channels, all.begin() + (t + 1) * channels);
  return made;
}

/// The layer as its header writes it, a sequence in double.
class plain_layer {
 public:
  plain_layer(setting const& how, parameter_table const& table, std::vector<double> const& values)
      : how_(how), table_(table), values_(values) {}

  rows operator()(rows const& x, index_t sample) const {
    if (x.empty()) return {};
    if (how_.sizes.norm_first) {
      rows const u = sum(x, branch(linear(attention(norm(x, "layer_norm"), sample), "attention.out_proj"), 1, sample));
      return sum(u, branch(perceptron(norm(u, "final_layer_norm")), 2, sample));
    }
    rows const u = sum(x, branch(linear(attention(x, sample), "attention.out_proj"), 1, sample));
    rows const v = norm(u, "layer_norm");
    return norm(sum(v, branch(perceptron(v), 2, sample)), "final_layer_norm");
  }

 private:
  double const* at(std::string const& name) const {
    auto const* const found = table_.find("encoder.layers." + std::to_string(how_.number) + "." + name);
    REQUIRE(found != nullptr);
    return values_.data() + found->offset;
  }
  index_t number(index_t which) const { return 4 * (how_.number + 1) + which; }

  static rows sum(rows a, rows const& b) {
    for (std::size_t t = 0; t < a.size(); ++t) {
      for (std::size_t c = 0; c < a[t].size(); ++c) a[t][c] += b[t][c];
    }
    return a;
  }

  rows branch(rows x, index_t which, index_t sample) const {
    rows const factors = mask(how_.rates.hidden, number(which), sample, static_cast<index_t>(x.size()),
                              static_cast<index_t>(x[0].size()));
    for (std::size_t t = 0; t < x.size(); ++t) {
      for (std::size_t c = 0; c < x[t].size(); ++c) x[t][c] *= factors[t][c];
    }
    return x;
  }

  rows linear(rows const& x, std::string const& name) const {
    double const *const weight = at(name + ".weight"), *const bias = at(name + ".bias");
    std::size_t const in = x[0].size();
    auto const out = static_cast<std::size_t>(
        table_.find("encoder.layers." + std::to_string(how_.number) + "." + name + ".bias")->size);
    rows y(x.size(), row(out));
    for (std::size_t t = 0; t < x.size(); ++t) {
      for (std::size_t o = 0; o < out; ++o) {
        y[t][o] = std::inner_product(x[t].begin(), x[t].end(), weight + o * in, bias[o]);
      }
    }
    return y;
  }

  rows norm(rows x, std::string const& name) const {
    double const *const weight = at(name + ".weight"), *const bias = at(name + ".bias");
    for (row& each : x) {
      auto const D = static_cast<double>(each.size());
      double const mean = std::accumulate(each.begin(), each.end(), 0.0) / D;
      double variance = 0;
      for (double const v : each) variance += (v - mean) * (v - mean) / D;
      for (std::size_t c = 0; c < each.size(); ++c) {
        each[c] = (each[c] - mean) / std::sqrt(variance + how_.sizes.eps) * weight[c] + bias[c];
      }
    }
    return x;
  }

  rows perceptron(rows const& x) const {
    rows h = linear(x, "feed_forward.intermediate_dense");
    for (row& each : h) {
      for (double& v : each) v = v / 2 * (1 + std::erf(v / std::sqrt(2.0)));
    }
    return linear(h, "feed_forward.output_dense");
  }

  rows attention(rows const& x, index_t sample) const {
    rows const q = linear(x, "attention.q_proj"), k = linear(x, "attention.k_proj"), v = linear(x, "attention.v_proj");
    auto const heads = static_cast<std::size_t>(how_.sizes.heads), length = x.size(), depth = x[0].size() / heads;
    rows const factors = weight_factors(sample, static_cast<index_t>(length));
    rows y(length, row(x[0].size()));
    for (std::size_t h = 0; h < heads; ++h) {
      for (std::size_t l = 0; l < length; ++l) {
        row weights(length);
        double all = 0;
        for (std::size_t r = 0; r < length; ++r) {
          for (std::size_t c = h * depth; c < (h + 1) * depth; ++c) weights[r] += q[l][c] * k[r][c];
          weights[r] = std::exp(weights[r] / std::sqrt(static_cast<double>(depth)));
          all += weights[r];
        }
        for (std::size_t r = 0; r < length; ++r) {
          double const weight = weights[r] / all * factors[h * length + l][r];
          for (std::size_t c = h * depth; c < (h + 1) * depth; ++c) y[l][c] += weight * v[r][c];
        }
      }
    }
    return y;
  }

  /// Row h L + l: of query l of head h. Rows are a multiple of 64 elements apart.
  rows weight_factors(index_t sample, index_t length) const {
    return mask(how_.rates.attention, number(0), sample, how_.sizes.heads * length, (length + 63) / 64 * 64);
  }

  setting how_;
  parameter_table const& table_;
  std::vector<double> const& values_;
};

/// The distance of y from the plain loops'; and that from y without dropout.
template <class T>
std::array<double, 2> compare(setting const& how, tshift::shape const& dims, std::uint64_t seed) {
  parameter_table table;
  auto one = draw<T>(table, dropping(how)(T(), table), {.dims = dims, .shifts = false}, seed);
  tshift::detail::run_here here;
  auto const got = one.all(here);
  std::vector<double> const values(one.values.begin(), one.values.end());
  plain_layer const plain(how, table, values);
  one.block.draw(nullptr);
  auto const undropped = one.all(here);
  std::vector<double> want, have, without;
  for (index_t n = 0; n < dims.batch; ++n) {
    index_t const length = one.input().base().length(n);
    rows x;
    auto const of = [&dims, n](std::vector<T> const& all, index_t t) {
      auto const first = all.begin() + (n * dims.time + t) * dims.channels;
      return row(first, first + dims.channels);
    };
    for (index_t t = 0; t < length; ++t) {
      x.push_back(of(one.x, t));
      for (double const v : of(got.y, t)) have.push_back(v);
      for (double const v : of(undropped.y, t)) without.push_back(v);
    }
    for (row const& each : plain(x, samples[static_cast<std::size_t>(n)])) {
      want.insert(want.end(), each.begin(), each.end());
    }
  }
  REQUIRE(want.size() == have.size());
  return {relative_distance(have, want), relative_distance(without, want)};
}

}  // namespace

TEST_CASE("layer_dropout: y is that of plain loops with the header's masks", "[train][speech][dropout]") {
  index_t cases = 0;
  double off = 0, off_float = 0;
  std::uint64_t seed = 1;
  for (bool const first : {false, true}) {
    for (index_t const time : {1, 9, 70, 140}) {
      for (speech_layer_dropout const& rates : all_rates) {
        setting const how{{.channels = 24, .hidden = 40, .heads = 3, .norm_first = first, .eps = 1e-3},
                          rates,
                          cases % 3 == 0 ? 0 : 3};
        auto const exact = compare<double>(how, {4, time, 24}, seed), single = compare<float>(how, {4, time, 24}, seed);
        CHECK(exact[0] < 1e-12);
        CHECK(single[0] < 1e-5);
        CHECK((exact[1] > 1e-2 || (time == 1 && rates.hidden == 0)));
        off = std::max(off, exact[0]);
        off_float = std::max(off_float, single[0]);
        ++seed;
        ++cases;
      }
    }
  }
  std::cout << "layer_dropout: " << cases << " cases, off by " << off << " (double), " << off_float << " (float)\n";
  REQUIRE(cases == 32);
}

TEST_CASE("layer_dropout: gradients are slopes, and bits depend on nothing", "[train][speech][dropout]") {
  train_totals sum;
  std::uint64_t seed = 50;
  for (bool const first : {false, true}) {
    for (index_t const time : {2, 9, 40, 140}) {
      for (index_t const buckets : {0, 8}) {
        for (speech_layer_dropout const& rates : all_rates) {
          if (time == 140 && buckets > 0) continue;
          setting const layer{
              {.channels = 24, .hidden = 50, .heads = 4, .norm_first = first, .eps = 1e-3}, rates, 3, buckets};
          // Not cut by itself: a piece has to be drawn for. Below it is.
          train_draw const how{.dims = {4, time, 24},
                               .shifts = time > 2,
                               .zero_slope = time < 40,
                               .allowed_slope = 1e-5,
                               .allowed_float = 1e-4,
                               .cut = false,
                               .rounding = keys};
          check_training(dropping(layer), how, seed++, sum);
        }
      }
    }
  }
  sum.print("layer_dropout");
  REQUIRE(sum.cases == 56);
  REQUIRE(sum.gradients == 32 * 16 + 24 * 20);
}

TEST_CASE("layer_dropout: samples decide, not places in a batch", "[train][speech][dropout]") {
  index_t ran = 0;
  for (bool const first : {false, true}) {
    setting const how{{.channels = 24, .hidden = 40, .heads = 3, .norm_first = first},
                      {.hidden = first ? 0.3 : 0, .attention = 0.2}};
    parameter_table table;
    tshift::shape const dims{4, 80, 24};
    auto one = draw<float>(table, dropping(how)(float(), table), {.dims = dims, .shifts = false}, 9);
    one.lengths = {80, 33, 1, 64};
    tshift::detail::run_here here;
    auto const want = one.all(here);
    auto const frames = [&dims](std::vector<float> const& all, index_t n) {
      return all.data() + n * dims.time * dims.channels;
    };
    // In order and in reverse, one by one, each as long as it is.
    for (bool const reverse : {false, true}) {
      decltype(one)::result piece;
      for (index_t i = 0; i < dims.batch; ++i) {
        index_t const n = reverse ? dims.batch - 1 - i : i;
        index_t const length = one.lengths[static_cast<std::size_t>(n)];
        random_batch alone = random_of_step;
        alone.samples = std::span(samples).subspan(static_cast<std::size_t>(n), 1);
        alone.batch = i;  // not looked at
        one.block.draw(&alone);
        tshift::shape const own{1, length, dims.channels};
        tensor_view<float const> const x(frames(one.x, n), own), dy(frames(one.dy, n), own);
        one.forward(here, x, piece);
        one.backward(here, x, dy, piece);
        CHECK(same_bytes(piece.y.data(), frames(want.y, n), piece.y.size() * sizeof(float)));
        CHECK(same_bytes(piece.dx.data(), frames(want.dx, n), piece.dx.size() * sizeof(float)));
        ++ran;
      }
      CHECK(equal_bits(piece.gradients, want.gradients) == !reverse);
    }
    // Other samples, another epoch, another seed: other masks.
    std::array<index_t, 4> const others = {8, 4, 901, 13};
    for (random_batch const& other :
         {random_batch{5, 2, 0, others}, random_batch{5, 3, 0, samples}, random_batch{6, 2, 0, samples}}) {
      one.block.draw(&other);
      CHECK_FALSE(equal_bits(one.all(here).y, want.y));
      ++ran;
    }
    one.block.draw(&random_of_step);
    CHECK(equal_bits(one.all(here).y, want.y));
  }
  REQUIRE(ran == 22);
}

TEST_CASE("layer_dropout: without a rate or a batch, nothing is another bit", "[train][speech][dropout]") {
  index_t ran = 0;
  for (bool const first : {false, true}) {
    setting const how{{.channels = 24, .hidden = 40, .heads = 3, .norm_first = first},
                      {.hidden = first ? 0 : 0.3, .attention = 0.2}};
    train_draw const drawn{.dims = {3, 50, 24}};
    parameter_table table, same_names;
    auto const never = draw<float>(table, layer_of<float>(how, table), drawn, 4);
    auto one = draw<float>(same_names, layer_of<float>(how, same_names), drawn, 4);
    random_batch const random{1, 0, 0, std::span(samples).first(3)};
    tshift::detail::run_here here;
    auto const want = never.all(here);
    auto const check = [&here, &want, &one, &ran](bool same) {
      auto const got = one.all(here);
      CHECK(equal_bits(got.y, want.y) == same);
      CHECK(equal_bits(got.dx, want.dx) == same);
      CHECK(equal_bits(got.gradients, want.gradients) == same);
      ++ran;
    };
    one.block.draw(&random);
    check(true);
    CHECK(one.block.workspace_size(one.dims) == never.block.workspace_size(one.dims));
    one.block.set_dropout(how.rates);
    check(false);
    one.block.draw(nullptr);
    check(true);
    one.block.set_dropout({});
    one.block.draw(&random);
    check(true);
    CHECK(one.block.workspace_size(one.dims) == never.block.workspace_size(one.dims));
  }
  REQUIRE(ran == 8);
}

TEST_CASE("layer_dropout: what is refused", "[train][speech][dropout]") {
  parameter_table table;
  speech_layer_sizes const sizes{.channels = 24, .hidden = 30, .heads = 3};
  speech_layer<float> layer(table, 4094, sizes), above(table, 4095, sizes);
  auto const hidden = [&layer](double rate) { return message_of([&] { layer.set_dropout({.hidden = rate}); }); };
  CHECK(hidden(1) == "speech_layer: hidden = 1, must be in [0, 1)");
  CHECK(hidden(-0.1) == "speech_layer: hidden = -0.1, must be in [0, 1)");
  CHECK(hidden(std::numeric_limits<double>::quiet_NaN()) == "speech_layer: hidden = nan, must be in [0, 1)");
  CHECK(message_of([&] { layer.set_dropout({.hidden = 0.1, .attention = 1.5}); }) ==
        "speech_layer: attention = 1.5, must be in [0, 1)");
  CHECK(hidden(0.1).empty());
  CHECK(message_of([&] { above.set_dropout({.hidden = 0.1}); }) ==
        "speech_layer: dropout in layer 4095, must be < 4095");

  tshift::shape const dims{2, 4, 24};
  std::vector<float> x(192), y(192, 7.F), saved = layer.make_saved(dims), workspace = layer.make_workspace(dims);
  std::vector<float> gradients(static_cast<std::size_t>(table.size()), 7.F);
  tensor_view<float const> const in(x.data(), dims);
  tensor_view<float> const out(y.data(), dims);
  random_batch const wrong{1, -1, 0, std::span(samples).first(2)};
  CHECK(message_of([&] { layer.draw(&wrong); }) == "random_stream: epoch = -1, must be in [0, 2^32)");
  layer.draw(&random_of_step);
  std::string const sentence = "speech_layer: drawn for 4 samples, x has 2 sequences";
  CHECK(message_of([&] { layer.forward(in, out, saved, workspace); }) == sentence);
  CHECK(message_of([&] { layer.backward(in, saved, in, out, gradients, workspace); }) == sentence);
  for (float const each : y) CHECK(each == 7.F);
  for (float const each : gradients) CHECK(each == 7.F);
}
