// SPDX-License-Identifier: MIT
// wave_conv: filters and strides, lengths, signals far from zero and near it, samples apart in memory, threads, refusals.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include <tshift/nn/reference.hpp>
#include <tshift/nn/wave_conv.hpp>

#include "../support/catch.hpp"
#include "../support/nn_cases.hpp"
#include "../support/thread_executor.hpp"

namespace {

using namespace test_support;
using tshift::layout;

template <class T>
struct first_layer {
  index_t taps, stride, outputs;
  std::vector<T> weight, scale, offset;
  tshift::nn::wave_conv<T> block;

  first_layer(index_t K, index_t step, index_t O, random_bits& random)
      : taps(K), stride(step), outputs(O), weight(uniform<T>(O * K, random)), scale(uniform<T>(O, random, 2)),
        offset(uniform<T>(O, random)), block(K, step, weight, scale, offset, 1e-5) {}

  void forward(tensor_view<T const> const& x, tensor_view<T> const& y) const {
    exact_workspace<T> workspace(block.workspace_size(x.shape));
    block.forward(x, y, workspace);
  }

  /// Convolution, group norm and GELU one after the other, in long double.
  std::vector<long double> define(tensor_view<T const> const& x, tshift::shape const& out) const {
    std::vector<long double> samples, middle(static_cast<std::size_t>(out.size())), y(middle.size());
    std::vector<index_t> frames;
    for (index_t n = 0; n < x.shape.batch; ++n) {
      for (index_t t = 0; t < x.shape.time; ++t) samples.push_back(x(n, t, 0));
      frames.push_back(block.frames(x.length(n)));
    }
    tensor_view<long double> const z(middle.data(), out, layout::ntc, frames), to(y.data(), out, layout::ntc, frames);
    reference::conv1d<long double, T>(tensor_view<long double const>(samples.data(), x.shape, layout::ntc, x.lengths),
                                      z, taps, stride, 0, 1, weight);
    reference::group_norm<long double, T>(z, to, outputs, scale, offset, static_cast<T>(1e-5));
    reference::gelu<long double>(to, to);
    return y;
  }
};

/// Relative, L2.
template <class T>
double distance(std::vector<T> const& got, std::vector<long double> const& want) {
  long double off = 0, size = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    long double const d = static_cast<long double>(got[i]) - want[i];
    off += d * d;
    size += want[i] * want[i];
  }
  return size > 0 ? static_cast<double>(std::sqrt(off / size)) : off == 0 ? 0 : 1;
}

template <class T>
void check_sizes() {
  random_bits random(621);
  double worst = 0;
  index_t ran = 0;
  for (index_t const taps : {1, 2, 3, 10, 31, 32}) {
    for (index_t const stride : {1, 3, 5, 40}) {
      for (index_t const outputs : {1, 17, 64}) {
        first_layer<T> const one(taps, stride, outputs, random);
        index_t const N = random.in(1, 3), S = random.in(0, 140) * stride + random.in(0, taps);
        std::vector<index_t> lengths = draw_lengths(N, S, random);
        std::vector<T> const samples = uniform<T>(N * S * 2, random);
        tensor_view<T const> x(samples.data(), {N, S, 1}, {2 * S, 2, 1, 1}, lengths);  // every second one
        tshift::shape const out{N, one.block.frames(S), outputs};
        std::vector<T> y(static_cast<std::size_t>(out.size()), T(-5)), alone(y.size());
        one.forward(x, tensor_view<T>(y.data(), out));
        INFO("taps " << taps << ", stride " << stride << ", outputs " << outputs << ", samples " << S);
        worst = std::max(worst, distance(y, one.define(x, out)));
        bool same = true;
        for (index_t n = 0; n < N; ++n) {
          std::vector<T> row;
          for (index_t t = 0; t < x.length(n); ++t) row.push_back(x(n, t, 0));
          index_t const made = one.block.frames(x.length(n));
          one.forward(tensor_view<T const>(row.data(), {1, x.length(n), 1}),
                      tensor_view<T>(alone.data(), {1, made, outputs}));
          T const* const whole = y.data() + n * out.time * outputs;
          same = same && same_bytes(alone.data(), whole, static_cast<std::size_t>(made * outputs) * sizeof(T));
          same = same && std::all_of(whole + made * outputs, whole + out.time * outputs, [](T v) { return v == 0; });
        }
        CHECK(same);
        ++ran;
      }
    }
  }
  std::cout << "wave_conv, " << type_name<T>() << ": " << ran << " cases, largest relative difference " << worst
            << '\n';
  CHECK(worst <= (sizeof(T) == 4 ? 1e-6 : 1e-13));
  REQUIRE(ran == 72);
}

/// Loud, quiet, far from zero, and silent: the moments cancel nowhere.
template <class T>
void check_signals() {
  random_bits random(622);
  first_layer<T> const one(10, 5, 48, random);
  std::vector<T> const noise = uniform<T>(4000, random);
  index_t ran = 0;
  for (double const size : {1.0, 0x1p-12, 1e-6, 0.0, 1e3}) {
    for (double const level : {0.0, 0.3, -1.0, 100.0}) {
      std::vector<T> samples;
      for (T const v : noise) samples.push_back(static_cast<T>(level + size * static_cast<double>(v)));
      tensor_view<T const> const x(samples.data(), {1, 4000, 1});
      tshift::shape const out{1, one.block.frames(4000), 48};
      std::vector<T> y(static_cast<std::size_t>(out.size()));
      one.forward(x, tensor_view<T>(y.data(), out));
      INFO("size " << size << ", level " << level);
      CHECK(distance(y, one.define(x, out)) <= (sizeof(T) == 4 ? 1e-6 : 1e-12));
      ++ran;
    }
  }
  REQUIRE(ran == 20);
}

template <class T>
void check_errors() {
  std::vector<T> const w(64, T(1));
  auto const some = [&w](std::size_t n) { return std::span<T const>(w).first(n); };
  using block = tshift::nn::wave_conv<T>;
  CHECK(message_of([&] { block(0, 5, some(0), some(2), some(2)); }) == "wave_conv: 0 taps, must be in [1, 32]");
  CHECK(message_of([&] { block(33, 5, some(33), some(1), some(1)); }) == "wave_conv: 33 taps, must be in [1, 32]");
  CHECK(message_of([&] { block(3, 0, some(6), some(2), some(2)); }) == "wave_conv: stride = 0, must be in [1, 2^20]");
  CHECK(message_of([&] { block(3, (1 << 20) + 1, some(6), some(2), some(2)); }) ==
        "wave_conv: stride = 1048577, must be in [1, 2^20]");
  CHECK(message_of([&] { block(3, 5, some(5), some(2), some(2)); }) == "wave_conv: weight has 5 elements, must have 6");
  CHECK(message_of([&] { block(3, 5, some(6), some(2), some(1)); }) == "wave_conv: offset has 1 elements, must have 2");
  for (double const eps : {0.0, -1.0, std::numeric_limits<double>::infinity()}) {
    CHECK(message_of([&] { block(3, 5, some(6), some(2), some(2), eps); }).starts_with("wave_conv: eps = "));
  }
  block const good(3, 2, some(6), some(2), some(2));
  CHECK(good.frames(2) == 0);
  CHECK(good.frames(3) == 1);
  CHECK(good.frames(5) == 2);
  CHECK(good.workspace_size({2, 0, 1}) == good.workspace_size({1, 0, 1}));
  std::vector<T> memory(100, T(1)), workspace(static_cast<std::size_t>(good.workspace_size({2, 9, 1})));
  tensor_view<T> const y(memory.data() + 40, {2, 4, 2});
  auto const refused = [&](tensor_view<T const> const& x, tensor_view<T> const& to) {
    return message_of([&] { good.forward(x, to, workspace); });
  };
  tensor_view<T const> const x(memory.data(), {2, 9, 1});
  CHECK(refused({memory.data(), {2, 9, 2}}, y) == "wave_conv: x has 2 channels, must have 1");
  CHECK(refused(x, {memory.data() + 40, {2, 3, 2}}) == "wave_conv: y is [2, 3], must be [2, 4]");
  CHECK(refused(x, {memory.data() + 40, {2, 4, 3}}) == "wave_conv: y has 3 channels, must have 2");
  CHECK(refused(x, {memory.data() + 17, {2, 4, 2}}) == "wave_conv: x and y overlap in memory, must share no element");
  CHECK(message_of([&] { good.forward(x, y, std::span(workspace).subspan(1)); }) ==
        "wave_conv: workspace has " + std::to_string(workspace.size() - 1) +
            " elements, must be >= " + std::to_string(workspace.size()));
  CHECK(refused(x, y).empty());
}

}  // namespace

TEST_CASE("wave_conv: against convolution, group norm and GELU, and single sequences", "[nn][wave_conv]") {
  check_sizes<float>();
  check_sizes<double>();
}

TEST_CASE("wave_conv: signals of any size and level", "[nn][wave_conv]") {
  check_signals<float>();
  check_signals<double>();
}

TEST_CASE("wave_conv refuses what does not fit", "[nn][wave_conv][errors]") {
  check_errors<float>();
  check_errors<double>();
}
