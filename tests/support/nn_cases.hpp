// SPDX-License-Identifier: MIT
// What the tests of all blocks share: tensors between canaries, inputs of every kind, comparison with the oracle, and
// the refusals that are the same everywhere.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <functional>
#include <iostream>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tshift/nn/input.hpp>
#include <tshift/nn/options.hpp>
#include <tshift/presets.hpp>
#include <tshift/shift.hpp>
#include <tshift/shift_add.hpp>

#include "bytes.hpp"
#include "cases.hpp"
#include "catch.hpp"
#include "edge_buffer.hpp"
#include "message_of.hpp"
#include "oracle.hpp"
#include "random.hpp"

namespace test_support {

// What every test of a block writes without its namespace; `using namespace test_support` is enough.
using tshift::frame_positions;
using tshift::placement;
using tshift::shift_plan;
using tshift::tensor_view;
namespace reference = tshift::nn::reference;

/// x, read through the plan where there is one.
template <class T>
tshift::nn::input<T> shifted_by(std::optional<shift_plan> const& plan, tensor_view<T const> const& x) {
  return plan ? tshift::nn::input<T>(tshift::shifted(x, *plan)) : tshift::nn::input<T>(x);
}

/// `size` values in [-1, 1) times `factor`.
template <class T>
std::vector<T> uniform(index_t size, random_bits& random, double factor = 1) {
  std::vector<T> values(static_cast<std::size_t>(size));
  for (T& value : values) {
    value = static_cast<T>(factor * (static_cast<double>(random() >> 11) * 0x1p-52 - 1));
  }
  return values;
}

/// What lies between the rows: a NaN around inputs, so that reading it shows; a number around outputs, so that a NaN
/// that is written shows.
template <class T>
constexpr T around_inputs = std::numeric_limits<T>::quiet_NaN();
template <class T>
constexpr T around_outputs = T(-12345.678);

/// [N, T, C] with neighbouring channels, in one of seven forms; what lies between the rows must stay.
template <class T>
class placed_tensor {
 public:
  placed_tensor(tshift::shape const& dims, T around, random_bits& random) : around_(around) {
    index_t const N = dims.batch, time = dims.time, C = dims.channels, a = random.in(1, 5), b = random.in(0, 7);
    auto const wide = [&](tshift::shape const& all) {
      heap_.assign(static_cast<std::size_t>(all.size()), around_);
      memory_ = heap_;
      return tensor_view<T>(memory_.data(), all);
    };
    switch (random.in(0, 6)) {
      case 0:  // dense, and against a closed page
        edge_.emplace(static_cast<std::size_t>(dims.size()), around_, sides[a % 2]);
        memory_ = edge_->span();
        view = {memory_.data(), dims};
        break;
      case 1: view = wide({N, time, C + a + b}).slice_channels(b, C); break;
      case 2: view = wide({N, time + a + b, C}).slice_frames(a, time); break;
      case 3: view = wide({N + 2, time, C}).slice_sequences(1, N); break;
      case 4:
        view = wide({N + 1, time + a, C + b}).slice_sequences(1, N).slice_frames(a, time).slice_channels(0, C);
        break;
      case 5:  // time outermost
        view = wide({time, N, C + b}).slice_channels(b, C);
        view = {view.data, dims, {C + b, N * (C + b), 1, 1}};
        break;
      default:  // backwards in time
        view = wide({N, time, C + b}).slice_channels(0, C);
        if (time > 0 && view.data != nullptr) view.data = view.at(0, time - 1, 0);
        view.strides.time = -view.strides.time;
    }
  }

  void fill(std::vector<T> const& values) {
    for (index_t n = 0, i = 0; n < view.shape.batch; ++n)
      for (index_t t = 0; t < view.shape.time; ++t)
        for (index_t c = 0; c < view.shape.channels; ++c) view(n, t, c) = values[static_cast<std::size_t>(i++)];
  }

  std::vector<T> memory() const { return {memory_.begin(), memory_.end()}; }

  /// Whether all that is no element is as it was. Writes over the elements.
  bool gaps_untouched() {
    fill(std::vector<T>(static_cast<std::size_t>(view.size()), around_));
    return std::all_of(memory_.begin(), memory_.end(), [&](T value) { return value == around_; });
  }

  tensor_view<T> view;

 private:
  T around_;
  std::vector<T> heap_;
  std::optional<edge_buffer<T>> edge_;
  std::span<T> memory_;  // of either
};

/// No plan now and then; all directions and paddings; strides beyond T; or folds anywhere.
inline std::optional<shift_plan> draw_plan(index_t C, index_t T, random_bits& random) {
  tshift::padding const edge = paddings[random.in(0, 3)];
  index_t const strides[] = {1, 1, 2, 5, T + 3};
  index_t const stride = random.one_of(strides), kind = random.in(0, 5);
  if (kind == 0) return {};
  if (kind < 5) {
    // One draw a line: the order in which arguments are computed is the compiler's.
    index_t const n_div = random.in(2, 5);
    auto const way = static_cast<tshift::direction>(random.in(0, 2));
    return tshift::presets::shiftser(C, n_div, way, stride, edge);
  }
  index_t const first = random.in(0, C), second = random.in(first, C), third = random.in(second, C);
  return shift_plan(C, {{second, third - second, -stride}, {first, second - first, random.in(-2, 3)}}, edge);
}

inline std::vector<index_t> draw_lengths(index_t N, index_t T, random_bits& random) {
  std::vector<index_t> lengths;
  if (random.chance(3)) return lengths;
  for (index_t n = 0; n < N; ++n) lengths.push_back(random.chance(5) ? 0 : random.in(0, T));
  return lengths;
}

/// Cases of one type, and the worst error in epsilons of the scale.
struct summary : tally {
  double worst = 0;

  void print(std::string const& block, char const* type) const {
    std::cout << block << ", " << type << ": " << cases << " cases, worst error " << worst << " epsilon\n";
  }
};

template <class T>
constexpr char const* type_name() {
  return std::is_same_v<T, float> ? "float" : "double";
}

/// The largest error in epsilons of T times the scale; infinite where a value must be met exactly and is not.
template <class T>
double error_of(tensor_view<T> const& got, tensor_view<oracle::number const> const& want) {
  double worst = 0;
  tshift::reference::for_each_element(want.shape, [&](index_t n, index_t t, index_t c, index_t s) {
    oracle::number const& item = want(n, t, c, s);
    auto const value = static_cast<oracle::real>(got(n, t, c, s));
    if (std::isnan(item.value) ? std::isnan(value) : value == item.value) return;
    auto const off = static_cast<double>(std::fabs(value - item.value) /
                                         (item.scale * static_cast<oracle::real>(std::numeric_limits<T>::epsilon())));
    worst = off <= worst ? worst : std::isnan(off) ? std::numeric_limits<double>::infinity() : off;
  });
  return worst;
}

template <class T>
bool same_bits(T a, T b) {
  return std::memcmp(&a, &b, sizeof(T)) == 0 || (std::isnan(a) && std::isnan(b));
}

/// Whether a block gives y's bits with its input and its output against closed pages, first at their ends, then at their
/// beginnings. exact_workspace puts the workspace there.
/// @param forward  forward(x, y)
template <class T, class Forward>
bool same_at_edges(tensor_view<T const> const& x, tensor_view<T> const& y, Forward const& forward) {
  bool same = true;
  std::vector<T> values;
  tshift::reference::for_each_element(x.shape,
                                      [&](index_t n, index_t t, index_t c, index_t) { values.push_back(x(n, t, c)); });
  for (side const where : sides) {
    edge_buffer<T> const from(std::span<T const>(values), where);
    edge_buffer<T> const to(static_cast<std::size_t>(y.size()), around_outputs<T>, where);
    tensor_view<T> const z(to.data(), y.shape);
    forward(tensor_view<T const>(from.data(), x.shape, tshift::layout::ntc, x.lengths), z);
    tshift::reference::for_each_element(
        y.shape, [&](index_t n, index_t t, index_t c, index_t) { same &= same_bits(z(n, t, c), y(n, t, c)); });
  }
  return same;
}

/// Which rows of a block's result do not depend on which others.
enum class rows { alone, within_sequence, pooled };

/// One drawn input through a block. Holds the result against the oracle (`allowed` epsilons), against a shift that was
/// written to memory first, and against every sequence, or row, alone: the same bits.
/// @param forward    forward(input, y)
/// @param definition definition(S x, y) computes in oracle::number
/// @param frames     frames(T) of y for T of x
template <class T, class Forward, class Definition, class Frames = std::identity>
void check_case(summary& sum, random_bits& random, tshift::shape const& dims, index_t outputs, rows kind,
                double allowed, Forward const& forward, Definition const& definition, Frames const& frames = {}) {
  placed_tensor<T> from(dims, around_inputs<T>, random);
  from.fill(uniform<T>(dims.size(), random));
  auto const lengths = draw_lengths(dims.batch, dims.time, random);
  auto const plan = draw_plan(dims.channels, dims.time, random);
  tensor_view<T const> x = from.view;
  x.lengths = lengths;
  auto const frames_of = [&](index_t time) { return kind == rows::pooled ? 1 : frames(time); };
  tshift::shape const out = {dims.batch, frames_of(dims.time), outputs};
  placed_tensor<T> to(out, around_outputs<T>, random);
  tensor_view<T> const y = to.view;
  auto const before = from.memory();
  auto const input = [&](tensor_view<T const> const& v) { return shifted_by(plan, v); };
  std::string wrong;
  auto const compare = [&](tensor_view<T> const& part, index_t n, index_t first, char const* what) {
    for (index_t t = 0; t < part.shape.time; ++t)
      for (index_t c = 0; c < outputs; ++c)
        if (!same_bits(part(0, t, c), y(n, first + t, c)) && wrong.empty()) wrong = what;
  };

  forward(input(x), y);
  if (!same_bytes(before.data(), from.memory().data(), before.size() * sizeof(T))) wrong = "writes to its input";
  oracle::tensor want(out);
  definition(oracle::read(x, plan).view(), want.view());
  double const error = error_of<T>(y, want);
  if (!(error <= allowed)) wrong = "error " + std::to_string(error) + " epsilon";
  sum.worst = std::max(sum.worst, error);

  std::vector<T> moved(static_cast<std::size_t>(dims.size())), other(static_cast<std::size_t>(out.size()));
  tensor_view<T> const z(moved.data(), dims, tshift::layout::ntc, lengths), w(other.data(), out);
  tshift::shift(x, z, plan.value_or(shift_plan(dims.channels, {})));
  forward(tshift::nn::input<T>(z), w);
  for (index_t n = 0; n < dims.batch; ++n) compare(w.slice_sequences(n, 1), n, 0, "differs from a shift in memory");

  for (index_t n = 0; n < dims.batch; ++n) {
    index_t const length = x.length(n);
    T const* const first = x.data != nullptr ? x.at(n, 0, 0) : nullptr;  // an empty tensor may have no memory
    tensor_view<T const> const alone(first, {1, length, dims.channels}, x.strides);
    tensor_view<T> const one(other.data(), {1, frames_of(length), outputs});
    forward(input(length > 0 ? alone : tensor_view<T const>(nullptr, alone.shape)), one);
    compare(one, n, 0, "a sequence alone differs");
    for (index_t t = 0; t < dims.time && kind == rows::alone; ++t) {
      tensor_view<T> const row(other.data(), {1, 1, outputs});
      forward(tshift::nn::input<T>(tensor_view<T>(z.at(n, t, 0), {1, 1, dims.channels})), row);
      compare(row, n, t, "a row alone differs");
    }
  }
  if (!same_at_edges<T>(x, y,
                        [&](auto const& from_edge, auto const& to_edge) { forward(input(from_edge), to_edge); })) {
    wrong = "differs at a closed page";
  }
  if (!to.gaps_untouched()) wrong = "writes between rows";
  sum.count(wrong.empty(), [&] {
    return describe(dims, plan.value_or(shift_plan(dims.channels, {})), lengths) + ", outputs " +
           std::to_string(outputs) + ": " + wrong;
  });
}

/// Exactly as many elements as a block asks for, full of NaN: against a closed page behind them, or, every second time,
/// against one in front of them, with a look at what lies behind.
template <class T>
class exact_workspace {
 public:
  explicit exact_workspace(index_t size)
      : size_(static_cast<std::size_t>(size)), behind_(turn() ? 16 : 0),
        memory_(size_ + behind_, around_inputs<T>, behind_ > 0 ? side::begin : side::end) {}
  ~exact_workspace() { CHECK(untouched()); }
  exact_workspace(exact_workspace const&) = delete;
  exact_workspace& operator=(exact_workspace const&) = delete;
  operator std::span<T>() { return memory_.span().first(size_); }

 private:
  static bool turn() {
    static bool in_front = false;
    return in_front = !in_front;
  }
  bool untouched() const {
    std::vector<T> const expected(behind_, around_inputs<T>);
    return same_bytes(memory_.data() + size_, expected.data(), behind_ * sizeof(T));
  }
  std::size_t size_, behind_;
  edge_buffer<T> memory_;
};

/// What every block of [N, T, inputs] to [N, T, outputs] refuses, word for word, and without a write.
/// @param forward  forward(input, y)
/// @param rule     of the sizes of y where x is [2, 3]
template <class T>
void check_refusals(std::string const& name, index_t inputs, index_t outputs, bool in_place,
                    std::function<void(tshift::nn::input<T> const&, tensor_view<T> const&)> const& forward,
                    std::string const& rule = "x is [2, 3]; batch and time must be equal") {
  random_bits random(5);
  std::vector<T> memory = uniform<T>(4096, random);
  auto const before = memory;
  T *const in = memory.data(), *const out = memory.data() + 2048;
  tensor_view<T> const x(in, {2, 3, inputs}), y(out, {2, 3, outputs});
  auto const same = [&] { return same_bytes(memory.data(), before.data(), memory.size() * sizeof(T)); };
  auto const refused = [&](std::string const& sentence, tshift::nn::input<T> const& from, tensor_view<T> const& to) {
    CHECK(message_of([&] { forward(from, to); }) == name + ": " + sentence);
    CHECK(same());
  };
  // A view that is wrong by itself.
  auto const malformed = [&](std::string const& sentence, tensor_view<T> const& from) {
    CHECK(message_of([&] { forward(from, y); }) == name + ": " + sentence);
    CHECK(same());
  };
  auto const text = [](index_t i) { return std::to_string(i); };
  shift_plan const plan(inputs, {{0, 1, 1}});
  index_t const three[] = {1, 1, 1}, large[] = {3, 4};
  refused("x has " + text(inputs + 1) + " channels, must have " + text(inputs), tensor_view<T>(in, {2, 3, inputs + 1}),
          y);
  refused("x has space 2, must be 1", tensor_view<T>(in, {2, 3, inputs, 2}), y);
  refused("y has space 2, must be 1", x, tensor_view<T>(out, {2, 3, outputs, 2}));
  refused("x has stride 3 along channels, must be 1", tensor_view<T>(in, x.shape, tshift::layout::nct), y);
  refused("y has stride 3 along channels, must be 1", x, tensor_view<T>(out, y.shape, tshift::layout::nct));
  refused("y is [2, 4], " + rule, x, tensor_view<T>(out, {2, 4, outputs}));
  refused("y is [1, 3], " + rule, x, tensor_view<T>(out, {1, 3, outputs}));
  refused("x is shifted with fill value 0.5, must be 0", tshift::shifted(x, plan, T(0.5)), y);
  malformed("x has 3 lengths, must be one for each of 2 sequences",
            tensor_view<T>(in, x.shape, tshift::layout::ntc, three));
  malformed("x.lengths[1] = 4, must be in [0, 3]", tensor_view<T>(in, x.shape, tshift::layout::ntc, large));
  malformed("x has no data, must have " + text(x.size()) + " elements", tensor_view<T>(nullptr, x.shape));
  refused("y has no data, must have " + text(y.size()) + " elements", x, tensor_view<T>(nullptr, y.shape));
  refused("y has stride 0 along time, must be at least 1 or elements would share memory", x,
          tensor_view<T>(out, y.shape, {3 * outputs, 0, 1, 1}));
  if (rule.find("batch and time must be equal") != std::string::npos) {
    index_t const some[] = {3, 2}, others[] = {3, 1};
    tensor_view<T> const ragged(out, y.shape, tshift::layout::ntc, others);
    refused("y has lengths, x has none; give them to x", x, ragged);
    refused("x.lengths[1] = 2, y.lengths[1] = 1, must be equal", tensor_view<T>(in, x.shape, tshift::layout::ntc, some),
            ragged);
  }
  if (inputs != outputs) {
    refused("x and y overlap in memory, must share no element", x, tensor_view<T>(in + x.size() - 1, y.shape));
    refused("x and y overlap in memory, must share no element", tshift::shifted(x, plan), tensor_view<T>(in, y.shape));
    return;
  }
  refused("x and y overlap in memory, must be the same view or share no element", x, tensor_view<T>(in + 1, y.shape));
  if (!in_place) refused("y is x, must be other memory", x, tensor_view<T>(in, y.shape));
  refused(in_place ? "y is x, which is shifted; must be other memory" : "y is x, must be other memory",
          tshift::shifted(x, plan), tensor_view<T>(in, y.shape));
}

}  // namespace test_support
