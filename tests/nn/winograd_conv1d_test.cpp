// SPDX-License-Identifier: MIT
// winograd_conv1d: channels and lengths of all kinds, every tail of a tile and of a pair, parts, threads, refusals.
#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include <tshift/nn/reference.hpp>
#include <tshift/nn/winograd_conv1d.hpp>

#include "../support/catch.hpp"
#include "../support/nn_cases.hpp"
#include "../support/thread_executor.hpp"

namespace {

using namespace test_support;
using tshift::layout;
using tshift::nn::winograd_conv1d;

template <class T>
struct halving {
  std::vector<T> weight, bias;
  winograd_conv1d<T> block;

  halving(index_t inputs, index_t outputs, bool with_bias, random_bits& random)
      : weight(uniform<T>(outputs * inputs * 3, random)),
        bias(with_bias ? uniform<T>(outputs, random) : std::vector<T>()), block(inputs, outputs, weight, bias) {}

  void forward(tensor_view<T const> const& x, tensor_view<T> const& y) const {
    exact_workspace<T> workspace(block.workspace_size(x.shape));
    block.forward(x, y, workspace);
  }
};

/// One drawn tensor: against the definition, each sequence alone, and memory against closed pages.
template <class T>
void check_one(summary& sum, random_bits& random, tshift::shape const& dims, index_t outputs, bool with_bias) {
  halving<T> const one(dims.channels, outputs, with_bias, random);
  placed_tensor<T> from(dims, around_inputs<T>, random);
  from.fill(uniform<T>(dims.size(), random));
  auto const lengths = draw_lengths(dims.batch, dims.time, random);
  tensor_view<T const> x = from.view;
  x.lengths = lengths;
  tshift::shape const out{dims.batch, one.block.frames(dims.time), outputs};
  placed_tensor<T> to(out, around_outputs<T>, random);
  one.forward(x, to.view);

  std::vector<oracle::number> exact(static_cast<std::size_t>(dims.size())),
      wanted(static_cast<std::size_t>(out.size()));
  tensor_view<oracle::number> const numbers(exact.data(), dims), want(wanted.data(), out);
  tshift::reference::for_each_element(
      dims, [&](index_t n, index_t t, index_t c, index_t) { numbers(n, t, c) = oracle::number(x(n, t, c)); });
  tensor_view<oracle::number const> read = numbers;
  read.lengths = lengths;
  reference::conv1d<oracle::number, T>(read, want, 3, 2, 0, 1, one.weight, one.bias);
  INFO("[" << dims.batch << ", " << dims.time << ", " << dims.channels << "] to " << outputs);
  sum.worst = std::max(sum.worst, error_of<T>(to.view, want));
  CHECK(sum.worst <= 4);

  bool same = true;
  for (index_t n = 0; n < dims.batch; ++n) {
    index_t const made = one.block.frames(x.length(n));
    std::vector<T> alone(static_cast<std::size_t>(made * outputs));
    tensor_view<T> const y(alone.data(), {1, made, outputs});
    one.forward(tensor_view<T const>(x.at(n, 0, 0), {1, x.length(n), dims.channels}, x.strides), y);
    for (index_t t = 0; t < out.time; ++t) {
      for (index_t o = 0; o < outputs; ++o) {
        same = same && (t < made ? same_bits(y(0, t, o), to.view(n, t, o)) : to.view(n, t, o) == 0);
      }
    }
  }
  CHECK(same);
  CHECK(same_at_edges<T>(x, to.view, [&one](auto const& v, auto const& y) { one.forward(v, y); }));
  CHECK(to.gaps_untouched());
  ++sum.cases;
}

template <class T>
void check_sizes() {
  random_bits random(931);
  summary sum;
  for (index_t const inputs : {1, 2, 15, 16, 33, 400, 769}) {
    for (index_t const outputs : {1, 7, 48, 50}) {
      for (bool const with_bias : {false, true}) {
        check_one<T>(sum, random, {random.in(1, 3), random.in(0, 40), inputs}, outputs, with_bias);
      }
    }
  }
  for (index_t time = 0; time < 40; ++time) check_one<T>(sum, random, {2, time, 5}, 24, true);
  for (index_t const time : {255, 256, 257, 258, 259, 260, 511, 520, 777}) {
    check_one<T>(sum, random, {1, time, 20}, 31, time % 2 == 0);
  }
  sum.print("winograd_conv1d", type_name<T>());
  REQUIRE(sum.cases == 105);
}

/// The same bits wherever a call begins and ends, and whoever runs the parts.
template <class T>
void check_parts() {
  random_bits random(932);
  index_t const I = 70, O = 90, time = 900;
  halving<T> const one(I, O, true, random);
  std::vector<T> const values = uniform<T>(2 * time * I, random);
  index_t const lengths[] = {900, 613};
  tensor_view<T const> const x(values.data(), {2, time, I}, layout::ntc, lengths);
  tshift::shape const out{2, one.block.frames(time), O};
  std::vector<T> y(static_cast<std::size_t>(out.size())), other(y.size()), room = one.block.make_workspace(x.shape);
  one.block.forward(x, tensor_view<T>(y.data(), out), room);
  auto const check = [&](any_executor const& run) {
    std::fill(other.begin(), other.end(), around_outputs<T>);
    one.block.forward(run, x, tensor_view<T>(other.data(), out), room);
    CHECK(same_bytes(y.data(), other.data(), y.size() * sizeof(T)));
  };
  check(any_executor(thread_executor{2}));
  check(any_executor(thread_executor{5}));
  check(any_executor(reversed_executor{}));
  index_t ran = 0;
  for (index_t const first : {0, 2, 126, 128, 300}) {
    for (index_t const count : {1, 2, 3, 127, 128, 129, 149}) {
      std::vector<T> piece(static_cast<std::size_t>(count * O));
      one.block.rows(x.slice_sequences(0, 1), first, count, {piece.data(), O}, room.data());
      CHECK(same_bytes(piece.data(), y.data() + first * O, piece.size() * sizeof(T)));
      ++ran;
    }
  }
  REQUIRE(ran == 35);
}

template <class T>
void check_errors() {
  std::vector<T> const w(64, T(1));
  auto const some = [&w](std::size_t n) { return std::span<T const>(w).first(n); };
  using block = winograd_conv1d<T>;
  CHECK(message_of([&] { block(2, 3, some(17)); }) == "winograd_conv1d: weight has 17 elements, must have 18");
  CHECK(message_of([&] { block(2, 3, some(18), some(2)); }) == "winograd_conv1d: bias has 2 elements, must have 3");
  CHECK(message_of([&] { block(-1, 3, some(0)); }).starts_with("winograd_conv1d: "));
  block const good(2, 3, some(18));
  CHECK(good.frames(0) == 0);
  CHECK(good.frames(2) == 0);
  CHECK(good.frames(3) == 1);
  CHECK(good.frames(6) == 2);
  CHECK(good.workspace_size({2, 2, 2}) == 0);
  std::vector<T> memory(200, T(1)), workspace(static_cast<std::size_t>(good.workspace_size({2, 9, 2})));
  tensor_view<T> const y(memory.data() + 100, {2, 4, 3});
  auto const refused = [&](tensor_view<T const> const& x, tensor_view<T> const& to) {
    return message_of([&] { good.forward(x, to, workspace); });
  };
  tensor_view<T const> const x(memory.data(), {2, 9, 2});
  CHECK(refused({memory.data(), {2, 9, 1}}, y) == "winograd_conv1d: x has 1 channels, must have 2");
  CHECK(refused(x, {memory.data() + 100, {2, 3, 3}}) == "winograd_conv1d: y is [2, 3], must be [2, 4]");
  CHECK(refused(x, {memory.data() + 100, {2, 4, 2}}) == "winograd_conv1d: y has 2 channels, must have 3");
  CHECK(refused(x, {memory.data() + 35, {2, 4, 3}}) ==
        "winograd_conv1d: x and y overlap in memory, must share no element");
  CHECK(message_of([&] { good.forward(x, y, std::span(workspace).subspan(1)); }) ==
        "winograd_conv1d: workspace has " + std::to_string(workspace.size() - 1) +
            " elements, must be >= " + std::to_string(workspace.size()));
  CHECK(refused(x, y).empty());
}

}  // namespace

TEST_CASE("winograd_conv1d: against the convolution, and single sequences", "[nn][winograd_conv1d]") {
  check_sizes<float>();
  check_sizes<double>();
}

TEST_CASE("winograd_conv1d: parts and threads", "[nn][winograd_conv1d]") {
  check_parts<float>();
  check_parts<double>();
}

TEST_CASE("winograd_conv1d refuses what does not fit", "[nn][winograd_conv1d][errors]") {
  check_errors<float>();
  check_errors<double>();
}
