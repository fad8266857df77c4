// SPDX-License-Identifier: MIT
// What the tests of blocks of images share: images between canaries, comparison with the oracle, and the refusals that
// are the same everywhere. As nn_cases.hpp, for [N, T, F, C].
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <tshift/nn/images.hpp>

#include "nn_cases.hpp"

namespace test_support {

/// [N, T, F, C] with neighbouring channels, in one of nine forms; what lies between the pixels must stay.
template <class T>
class placed_image {
 public:
  placed_image(tshift::shape const& dims, T around, random_bits& random) : around_(around) {
    index_t const N = dims.batch, time = dims.time, C = dims.channels, S = dims.space;
    index_t const a = random.in(1, 5), b = random.in(0, 7);
    auto const wide = [&](tshift::shape const& all) {
      heap_.assign(static_cast<std::size_t>(all.size()), around_);
      memory_ = heap_;
      return tensor_view<T>(memory_.data(), all, tshift::layout::ntsc);
    };
    // Places [first, first + S) of all.
    auto const places = [&](tensor_view<T> all, index_t first) {
      if (all.size() > 0) all.data = all.at(0, 0, 0, first);
      all.shape.space = S;
      return all;
    };
    switch (random.in(0, 8)) {
      case 0:
      case 1:  // dense, and against a closed page
        edge_.emplace(static_cast<std::size_t>(dims.size()), around_, sides[a % 2]);
        memory_ = edge_->span();
        view = {memory_.data(), dims, tshift::layout::ntsc};
        break;
      case 2: view = wide({N, time, C + a + b, S}).slice_channels(b, C); break;
      case 3: view = wide({N, time + a + b, C, S}).slice_frames(a, time); break;
      case 4: view = wide({N + 2, time, C, S}).slice_sequences(1, N); break;
      case 5: view = places(wide({N, time, C, S + a + b}), a); break;
      case 6:
        view = places(wide({N + 1, time + a, C + b, S + 1}).slice_sequences(1, N).slice_frames(a, time), 1)
                   .slice_channels(0, C);
        break;
      case 7:  // time outermost
        view = wide({time, N, C + b, S});
        view = {view.data, dims, {S * (C + b), N * S * (C + b), 1, C + b}};
        break;
      default:  // backwards in time and space
        view = wide({N, time, C + b, S}).slice_channels(0, C);
        if (view.size() > 0) view.data = view.at(0, time - 1, 0, S - 1);
        view.strides.time = -view.strides.time;
        view.strides.space = -view.strides.space;
    }
  }

  /// @param values  in the order n, t, c, s
  void fill(std::vector<T> const& values) {
    std::size_t i = 0;
    tshift::reference::for_each_element(
        view.shape, [&](index_t n, index_t t, index_t c, index_t s) { view(n, t, c, s) = values[i++]; });
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

/// What a block makes of so many frames and places.
struct image_sizes {
  std::function<index_t(index_t)> frames, places;
};

/// One drawn image through a block. Holds the result against the oracle (`allowed` epsilons), against a shift that was
/// written to memory first, against every sequence alone, and with its memory against closed pages.
/// @param forward    forward(input, y)
/// @param definition definition(S x, y) computes in oracle::number
template <class T, class Forward, class Definition>
void check_image_case(summary& sum, random_bits& random, tshift::shape const& dims, index_t outputs,
                      image_sizes const& sizes, double allowed, Forward const& forward, Definition const& definition) {
  constexpr tshift::layout dense = tshift::layout::ntsc;
  placed_image<T> from(dims, around_inputs<T>, random);
  from.fill(uniform<T>(dims.size(), random));
  auto const lengths = draw_lengths(dims.batch, dims.time, random);
  auto const plan = random.chance(2) ? std::nullopt : draw_plan(dims.channels, dims.time, random);
  tensor_view<T const> x = from.view;
  x.lengths = lengths;
  tshift::shape const out = {dims.batch, sizes.frames(dims.time), outputs, sizes.places(dims.space)};
  placed_image<T> to(out, around_outputs<T>, random);
  tensor_view<T> const y = to.view;
  auto const before = from.memory();
  auto const input = [&](tensor_view<T const> const& v) { return shifted_by(plan, v); };
  std::string wrong;
  /// Sequence n of y against `part`, which has its first frames.
  auto const compare = [&](tensor_view<T> const& part, index_t n, char const* what) {
    tshift::reference::for_each_element(part.shape, [&](index_t, index_t t, index_t c, index_t s) {
      if (!same_bits(part(0, t, c, s), y(n, t, c, s)) && wrong.empty()) wrong = what;
    });
  };

  forward(input(x), y);
  if (!same_bytes(before.data(), from.memory().data(), before.size() * sizeof(T))) wrong = "writes to its input";
  oracle::tensor want(out);
  definition(oracle::read(x, plan).view(), want.view());
  double const error = error_of<T>(y, want);
  if (!(error <= allowed)) wrong = "error " + std::to_string(error) + " epsilon";
  sum.worst = std::max(sum.worst, error);

  std::vector<T> moved(static_cast<std::size_t>(dims.size())), other(static_cast<std::size_t>(out.size()));
  tensor_view<T> const z(moved.data(), dims, dense, lengths), w(other.data(), out, dense);
  tshift::shift(x, z, plan.value_or(shift_plan(dims.channels, {})));
  forward(tshift::nn::input<T>(z), w);
  for (index_t n = 0; n < dims.batch; ++n) compare(w.slice_sequences(n, 1), n, "differs from a shift in memory");

  for (index_t n = 0; n < dims.batch; ++n) {
    index_t const length = x.length(n);
    tshift::shape const one{1, length, dims.channels, dims.space};
    T const* const first = one.size() > 0 ? x.at(n, 0, 0) : nullptr;
    tensor_view<T> const made(other.data(), {1, sizes.frames(length), outputs, out.space}, dense);
    forward(input(tensor_view<T const>(first, one, x.strides)), made);
    compare(made, n, "a sequence alone differs");
  }
  for (side const where : sides) {
    std::vector<T> values;
    for (index_t n = 0; n < dims.batch; ++n)
      for (index_t t = 0; t < dims.time; ++t)
        for (index_t s = 0; s < dims.space; ++s)
          for (index_t c = 0; c < dims.channels; ++c) values.push_back(x(n, t, c, s));
    edge_buffer<T> const tight(std::span<T const>(values), where);
    edge_buffer<T> const made(static_cast<std::size_t>(out.size()), around_outputs<T>, where);
    tensor_view<T> const v(made.data(), out, dense);
    forward(input(tensor_view<T const>(tight.data(), dims, dense, lengths)), v);
    for (index_t n = 0; n < dims.batch; ++n) compare(v.slice_sequences(n, 1), n, "differs at a closed page");
  }
  if (!to.gaps_untouched()) wrong = "writes between pixels";
  sum.count(wrong.empty(), [&] {
    return describe(dims, plan.value_or(shift_plan(dims.channels, {})), lengths) + ", outputs " +
           std::to_string(outputs) + ": " + wrong;
  });
}

/// What every block of images refuses, word for word, and without a write. x is [2, 3, 4, inputs], of which the block
/// makes y [2, 3, 4, outputs].
/// @param forward   forward(input, y)
/// @param in_place  whether y may be x
template <class T>
void check_image_refusals(std::string const& name, index_t inputs, index_t outputs,
                          std::function<void(tshift::nn::input<T> const&, tensor_view<T> const&)> const& forward,
                          bool in_place = false) {
  constexpr tshift::layout dense = tshift::layout::ntsc;
  random_bits random(5);
  std::vector<T> memory = uniform<T>(4096, random);
  auto const before = memory;
  T *const in = memory.data(), *const out = memory.data() + 2048;
  tshift::shape const from{2, 3, inputs, 4}, to{2, 3, outputs, 4};
  tensor_view<T> const x(in, from, dense), y(out, to, dense);
  auto const refused = [&](std::string const& sentence, tshift::nn::input<T> const& a, tensor_view<T> const& b) {
    CHECK(message_of([&] { forward(a, b); }) == name + ": " + sentence);
    CHECK(same_bytes(memory.data(), before.data(), memory.size() * sizeof(T)));
  };
  auto const text = [](index_t i) { return std::to_string(i); };
  auto const sizes = [&](tshift::shape const& wrong) {
    refused("y is [" + text(wrong.batch) + ", " + text(wrong.time) + ", " + text(wrong.space) + "], must be [2, 3, 4]",
            x, tensor_view<T>(out, wrong, dense));
  };
  shift_plan const plan(inputs, {{0, 1, 1}});
  index_t const three[] = {1, 1, 1}, large[] = {3, 4};
  refused("x has " + text(inputs + 1) + " channels, must have " + text(inputs),
          tensor_view<T>(in, {2, 3, inputs + 1, 4}, dense), y);
  // A block without sizes of its own takes y's.
  auto const channels = message_of([&] { forward(x, tensor_view<T>(out, {2, 3, outputs + 1, 4}, dense)); });
  CHECK((channels == name + ": y has " + text(outputs + 1) + " channels, must have " + text(outputs) ||
         channels == name + ": x has " + text(inputs) + " channels, must have " + text(outputs + 1)));
  refused("x has stride 4 along channels, must be 1", tensor_view<T>(in, from, tshift::layout::ntcs), y);
  refused("y has stride 4 along channels, must be 1", x, tensor_view<T>(out, to, tshift::layout::ntcs));
  sizes({1, 3, outputs, 4});
  sizes({2, 4, outputs, 4});
  sizes({2, 3, outputs, 3});
  refused("x is shifted with fill value 0.5, must be 0", tshift::shifted(x, plan, T(0.5)), y);
  refused("x has 3 lengths, must be one for each of 2 sequences", tensor_view<T>(in, from, dense, three), y);
  refused("x.lengths[1] = 4, must be in [0, 3]", tensor_view<T>(in, from, dense, large), y);
  refused("x has no data, must have " + text(x.size()) + " elements", tensor_view<T>(nullptr, from, dense), y);
  refused("y has no data, must have " + text(y.size()) + " elements", x, tensor_view<T>(nullptr, to, dense));
  refused("y has stride 0 along space, must be at least 1 or elements would share memory", x,
          tensor_view<T>(out, to, {12 * outputs, 4 * outputs, 1, 0}));
  if (inputs == outputs) {
    refused("x and y overlap in memory, must be the same view or share no element", x,
            tensor_view<T>(in + 1, to, dense));
    tensor_view<T> const itself(in, to, dense);
    if (!in_place) refused("y is x, must be other memory", x, itself);
    refused(in_place ? "y is x, which is shifted; must be other memory" : "y is x, must be other memory",
            tshift::shifted(x, plan), itself);
  } else {
    refused("x and y overlap in memory, must share no element", x, tensor_view<T>(in + x.size() - 1, to, dense));
  }
}

}  // namespace test_support
