// SPDX-License-Identifier: MIT
// A network of one's own: a convolution, two residual blocks with a shift, a norm, and a head. The whole is a block
// like those it is made of, so that it has every call they have, its workspace included.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <thread>
#include <vector>

#include <tshift/nn.hpp>

namespace {

using tshift::index_t;
using tshift::tensor_view;
namespace nn = tshift::nn;

/// Some numbers in place of a checkpoint's.
std::vector<float> numbers(index_t count, float scale) {
  static unsigned state = 1;
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = scale * (static_cast<float>(state >> 8) / static_cast<float>(1 << 23) - 1);
  }
  return values;
}

nn::linear<float> layer(index_t inputs, index_t outputs) {
  return {inputs, outputs, numbers(inputs * outputs, 1 / std::sqrt(static_cast<float>(inputs))),
          numbers(outputs, 0.1f)};
}

// [network]
class network : public nn::calls<network, float, tensor_view<float const>> {
 public:
  static constexpr char const* name = "network";
  static constexpr index_t bands = 80, width = 64, classes = 4;

  // What a call needs. Run over an arena that only counts, these lines are workspace_size.
  float* layout(nn::arena<float>& a, tshift::shape const& x) const {
    float* const memory = a.take({2, x.batch, x.time, width});
    a.lend(mixer, {x.batch, x.time, width});  // stem and head need nothing
    return memory;
  }

  void check(tensor_view<float const> const& x, tensor_view<float> const& y) const {
    nn::check_call(name, x, bands, y, 1, classes);
  }

  // Nothing is checked from here on, and every block shares its work out.
  template <class Executor>
  void compute(Executor& exec, tensor_view<float const> const& x, tensor_view<float> const& y,
               nn::arena<float> a) const {
    tshift::shape const inner{x.shape.batch, x.shape.time, width};
    tensor_view<float> const one(layout(a, x.shape), inner, tshift::layout::ntc, x.lengths);
    tensor_view<float> const other(one.data + one.size(), inner, tshift::layout::ntc, x.lengths);
    stem.compute(exec, nn::as_it_is(x), one, a);
    nn::residual(exec, mixer, tshift::placement::branch, plan, tensor_view<float const>(one), other, a);
    nn::residual(exec, mixer, tshift::placement::skip, plan, tensor_view<float const>(other), one, a);
    tensor_view<float> const mean(other.data, {inner.batch, 1, width});
    nn::pool_rows(exec, nn::as_it_is<float>(one), mean);
    head.compute(exec, nn::as_it_is<float>(mean), y, a);
  }

 private:
  nn::conv1d<float> stem{{.inputs = bands, .outputs = width, .taps = 5, .padding = 2},
                         numbers(width* bands * 5, 0.05f),
                         numbers(width, 0.1f)};
  nn::chain<nn::layer_norm<float>, nn::mlp<float>> mixer{
      nn::layer_norm<float>(numbers(width, 1), numbers(width, 0.1f)),
      nn::mlp<float>(layer(width, 4 * width), layer(4 * width, width))};
  nn::linear<float> head = layer(width, classes);
  tshift::shift_plan plan = tshift::presets::tsm(width);
};
// [network]

/// Two threads: any callable that runs body(i) for all i is an executor.
struct two_threads {
  template <class Body>
  void operator()(index_t n, Body const& body) const {
    std::thread other([&] {
      for (index_t i = 1; i < n; i += 2) body(i);
    });
    for (index_t i = 0; i < n; i += 2) body(i);
    other.join();
  }
};

}  // namespace

int main() {
  network const net;
  tshift::shape const shape{.batch = 2, .time = 301, .channels = network::bands};
  std::vector<float> const x = numbers(shape.size(), 1);
  std::vector<float> workspace = net.make_workspace(shape), y(2 * network::classes), z(y.size());
  tshift::shape const logits{.batch = 2, .time = 1, .channels = network::classes};

  tensor_view<float const> const input(x.data(), shape);
  net.forward(input, tensor_view<float>(y.data(), logits), workspace);
  net.forward(two_threads{}, input, tensor_view<float>(z.data(), logits), workspace);

  std::printf("logits:");
  for (float const value : y) std::printf(" %.4f", static_cast<double>(value));
  std::printf("\ntwo threads give %s\n", y == z ? "the same bits" : "other bits");
  if (y != z) return 1;

  // A sequence of a ragged batch gives what it gives alone: the inner views know the lengths too.
  index_t const lengths[] = {301, 20};
  std::vector<float> alone(network::classes);
  net.forward(tensor_view<float const>(x.data(), shape, tshift::layout::ntc, lengths),
              tensor_view<float>(z.data(), logits), workspace);
  net.forward(tensor_view<float const>(x.data() + 301 * network::bands, {1, 20, network::bands}),
              tensor_view<float>(alone.data(), {1, 1, network::classes}), workspace);
  bool const same = std::equal(alone.begin(), alone.end(), z.begin() + network::classes);
  std::printf("a sequence in a ragged batch gives %s as alone\n", same ? "the same bits" : "other bits");
  return same ? 0 : 1;
}
