// SPDX-License-Identifier: MIT
// The blocks of nn/, one by one. Each is verified against plain loops in double, sampled where those would take too
// long; nothing may be NaN anywhere.
#include <tshift/nn/activations.hpp>
#include <tshift/nn/conv1d.hpp>
#include <tshift/nn/conv2d.hpp>
#include <tshift/nn/depthwise_conv1d.hpp>
#include <tshift/nn/instance_norm.hpp>
#include <tshift/nn/layer_norm.hpp>
#include <tshift/nn/lstm.hpp>
#include <tshift/nn/mlp.hpp>
#include <tshift/nn/pool.hpp>
#include <tshift/nn/pool2d.hpp>
#include <tshift/nn/self_attention.hpp>
#include <tshift/nn/summary.hpp>
#include <tshift/nn/winograd_conv1d.hpp>
#include <tshift/nn/winograd_conv2d.hpp>

#include "floors.hpp"

namespace tshift_bench { namespace {

namespace nn = tshift::nn;
using tshift::frame_positions;

std::size_t at(index_t i) { return static_cast<std::size_t>(i); }

/// Weights of a linear layer, and the layer in double.
struct dense {
  index_t inputs, outputs;
  std::vector<float> weight, bias;

  dense(index_t i, index_t o, std::uint64_t seed)
      : inputs(i), outputs(o), weight(random_values(i * o, 2 / std::sqrt(as_double(i)), seed)),
        bias(random_values(o, 0.25, seed + 1)) {}

  nn::linear<float> layer() const { return {inputs, outputs, weight, bias}; }

  template <class X>
  double output(X const* x, index_t o) const {
    auto sum = static_cast<double>(bias[at(o)]);
    float const* const w = weight.data() + o * inputs;
    for (index_t i = 0; i < inputs; ++i) sum += static_cast<double>(w[i]) * static_cast<double>(x[i]);
    return sum;
  }

  double cost() const { return as_double(inputs) * as_double(outputs); }
};

double gelu(double x) { return x * (1 + std::erf(x / std::sqrt(2.0))) / 2; }
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// x and y of a row: y may have other sizes.
struct views {
  tensor_view<float const> x;
  tensor_view<float> y;

  explicit views(shape const& in) : views(in, in) {}
  views(shape const& in, shape const& out) {
    shape most = in;
    most.time = std::max(in.time, out.time);
    most.channels = std::max(in.channels, out.channels);
    auto const memory = tensors<float>(most);
    x = {memory.x, in};
    y = {memory.y, out};
  }

  float const* frame(index_t row) const { return x.at(row / x.shape.time, row % x.shape.time, 0); }
  float result(index_t row, index_t c) const { return y(row / y.shape.time, row % y.shape.time, c); }
};

// --------------------------------------------------------------------------------------------------------- products

/// So many FLOPs of multiply-adds on registers, in enough chains that none waits for another; more would not fit into
/// 16 registers. One copy for all rows: inlined, g++ lets some read their factor from memory, which costs a quarter.
[[gnu::noinline]] void multiply_adds(double flops) {
  using vector = xsimd::batch<float>;
  constexpr std::size_t chains = 12;
  vector sums[chains];
  // None begins with 2, which x / 2 + 1 leaves alone, and compilers know.
  for (std::size_t k = 0; k < chains; ++k) sums[k] = vector(static_cast<float>(k) + 0.25f);
  vector const half(0.5f), one(1.f);
  auto const rounds = static_cast<std::size_t>(flops / (2 * static_cast<double>(chains * vector::size)));
  for (std::size_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (vector& sum : sums) sum = xsimd::fma(sum, half, one);
  }
  for (vector& sum : sums) benchmark::DoNotOptimize(sum);
}

void add_linear(tensor_case const& on) {
  index_t const D = on.dims.channels;
  double const one_sequence = 8 * as_double(on.dims.time) * as_double(D) * as_double(D);
  row const info{.table = "linear: D to 4 D; floor: its multiply-adds, on registers alone",
                 .tensor = on.text(),
                 .variant = "linear",
                 .flops = one_sequence * as_double(on.dims.batch),
                 .share = as_double(on.dims.batch),
                 .footprint = on.count() * sizeof(float)};
  add_row(info, [=] {
    dense const weights(D, 4 * D, 1);
    auto const layer = std::make_shared<nn::linear<float> const>(weights.layer());
    views const on_these(on.dims, {on.dims.batch, on.dims.time, 4 * D});
    layer->forward(on_these.x, on_these.y);
    expect_finite(on_these.y);
    closeness error;
    for (index_t const r : spread(on.dims.batch * on.dims.time, weights.cost())) {
      for (index_t o = 0; o < 4 * D; ++o) {
        error.add(weights.output(on_these.frame(r), o), static_cast<double>(on_these.result(r, o)));
      }
    }
    error.check("linear");
    return std::pair([=] { layer->forward(on_these.x, on_these.y); }, [=] { multiply_adds(one_sequence); });
  });
}

row product_row(tensor_case const& on, char const* variant, double flops) {
  return {.table = "products: blocks of matrix products; floor: linear D to 4 D over T frames, by FLOPs",
          .tensor = on.text(),
          .variant = variant,
          .flops = flops,
          .share = product_floor::share(on.dims, flops),
          .footprint = on.count() * sizeof(float)};
}

void add_mlp(tensor_case const& on) {
  index_t const D = on.dims.channels;
  add_row(product_row(on, "mlp", mlp_flops(on.dims)), [=] {
    dense const up(D, 4 * D, 1), down(4 * D, D, 3);
    auto const block = std::make_shared<nn::mlp<float> const>(up.layer(), down.layer());
    views const on_these(on.dims);
    auto const memory = scratch(block->workspace_size(on.dims));
    block->forward(on_these.x, on_these.y, memory);
    expect_finite(on_these.y);
    closeness error;
    std::vector<double> hidden(at(4 * D));
    for (index_t const r : spread(on.dims.batch * on.dims.time, up.cost() + down.cost())) {
      for (index_t j = 0; j < 4 * D; ++j) hidden[at(j)] = gelu(up.output(on_these.frame(r), j));
      for (index_t o = 0; o < D; ++o) {
        error.add(down.output(hidden.data(), o), static_cast<double>(on_these.result(r, o)));
      }
    }
    error.check("mlp");
    return std::pair([=] { block->forward(on_these.x, on_these.y, memory); }, product_floor(on.dims));
  });
}

struct attention_kind {
  char const* text;
  frame_positions value;
  int relative;  ///< kinds of relative positions in the score
};
constexpr attention_kind attention_kinds[] = {
    {"attention, absolute", frame_positions::absolute, 0},
    {"attention, relative_key", frame_positions::relative_key, 1},
    {"attention, relative_key_query", frame_positions::relative_key_query, 2}};

/// Adds all frames of one head of one sequence.
void compare_head(dense const& qkv, std::vector<float> const& table, attention_kind const& kind, views const& on,
                  index_t n, index_t head, closeness& error) {
  index_t const D = qkv.inputs, T = on.x.shape.time, depth = D / heads;
  std::vector<double> parts[3];
  for (index_t p = 0; p < 3; ++p) {
    parts[p].resize(at(T * depth));
    for (index_t t = 0; t < T; ++t) {
      for (index_t j = 0; j < depth; ++j) {
        parts[p][at(t * depth + j)] = qkv.output(on.x.at(n, t, 0), p * D + head * depth + j);
      }
    }
  }
  std::vector<double> score(at(T)), want(at(depth));
  for (index_t l = 0; l < T; ++l) {
    double total = 0;
    for (index_t r = 0; r < T; ++r) {
      double sum = 0;
      for (index_t j = 0; j < depth; ++j) {
        double const q = parts[0][at(l * depth + j)], k = parts[1][at(r * depth + j)];
        sum += q * k;
        if (kind.relative == 0) continue;
        auto const p = static_cast<double>(table[at((l - r + T - 1) * depth + j)]);
        sum += q * p + (kind.relative == 2 ? k * p : 0);
      }
      score[at(r)] = std::exp(sum / std::sqrt(as_double(depth)));
      total += score[at(r)];
    }
    want.assign(at(depth), 0);
    for (index_t r = 0; r < T; ++r) {
      for (index_t j = 0; j < depth; ++j) want[at(j)] += score[at(r)] * parts[2][at(r * depth + j)];
    }
    for (index_t j = 0; j < depth; ++j) {
      error.add(want[at(j)] / total, static_cast<double>(on.y(n, l, head * depth + j)));
    }
  }
}

void add_attention(tensor_case const& on, attention_kind const& kind) {
  index_t const D = on.dims.channels;
  add_row(product_row(on, kind.text, attention_flops(on.dims, kind.relative)), [=] {
    dense const qkv(D, 3 * D, 1);
    std::vector<float> const table =
        random_values(kind.relative > 0 ? (2 * on.dims.time - 1) * (D / heads) : 0, 0.5, 3);
    auto const block =
        std::make_shared<nn::self_attention<float> const>(D, heads, qkv.weight, qkv.bias, kind.value, table);
    views const on_these(on.dims);
    auto const memory = scratch(block->workspace_size(on.dims));
    block->forward(on_these.x, on_these.y, memory);
    expect_finite(on_these.y);
    closeness error;
    compare_head(qkv, table, kind, on_these, 0, 0, error);
    compare_head(qkv, table, kind, on_these, on.dims.batch - 1, heads - 1, error);
    error.check("attention");
    return std::pair([=] { block->forward(on_these.x, on_these.y, memory); }, product_floor(on.dims));
  });
}

// ------------------------------------------------------------------------------------------------------------- LSTM

struct direction_weights {
  dense input, state;

  direction_weights(index_t D, std::uint64_t seed) : input(D, 4 * D, seed), state(D, 4 * D, seed + 2) {}
  nn::lstm_weights<float> spans() const { return {input.weight, state.weight, input.bias, state.bias}; }
};

/// Adds the first steps of one direction of one sequence.
void compare_steps(direction_weights const& weights, views const& on, index_t n, bool backwards, index_t steps,
                   closeness& error) {
  index_t const D = weights.input.inputs, T = on.x.shape.time;
  std::vector<double> h(at(D), 0), c(at(D), 0), gates(at(4 * D));
  for (index_t step = 0; step < steps; ++step) {
    index_t const t = backwards ? T - 1 - step : step;
    for (index_t j = 0; j < 4 * D; ++j) {
      gates[at(j)] = weights.input.output(on.x.at(n, t, 0), j) + weights.state.output(h.data(), j);
    }
    for (index_t j = 0; j < D; ++j) {
      c[at(j)] = sigmoid(gates[at(D + j)]) * c[at(j)] + sigmoid(gates[at(j)]) * std::tanh(gates[at(2 * D + j)]);
      h[at(j)] = sigmoid(gates[at(3 * D + j)]) * std::tanh(c[at(j)]);
      error.add(h[at(j)], static_cast<double>(on.y(n, t, (backwards ? D : 0) + j)));
    }
  }
}

/// The same layer in double, for what plain loops would take too long for: every element of y.
void compare_in_double(direction_weights const (&weights)[2], index_t directions, views const& on, closeness& error) {
  index_t const D = on.x.shape.channels;
  std::vector<double> copies[2][4];
  nn::lstm_weights<double> spans[2];
  for (int d = 0; d < 2; ++d) {
    nn::lstm_weights<float> const from = weights[d].spans();
    tshift::weights::values<float> const parts[] = {from.weight_ih, from.weight_hh, from.bias_ih, from.bias_hh};
    for (int i = 0; i < 4; ++i) {
      for (index_t j = 0; j < parts[i].size(); ++j) copies[d][i].push_back(static_cast<double>(parts[i][j]));
    }
    spans[d] = {copies[d][0], copies[d][1], copies[d][2], copies[d][3]};
  }
  nn::lstm<double> const layer =
      directions == 2 ? nn::lstm<double>(D, D, spans[0], spans[1]) : nn::lstm<double>(D, D, spans[0]);
  std::vector<double> const x(on.x.data, on.x.data + on.x.size());
  std::vector<double> y(at(on.y.size())), memory(at(layer.workspace_size(on.x.shape)));
  tensor_view<double> const want(y.data(), on.y.shape);
  layer.forward(tensor_view<double const>(x.data(), on.x.shape), want, memory);
  error.add(want, on.y);
}

void add_lstm(tensor_case const& on, index_t directions) {
  index_t const D = on.dims.channels;
  row const info{
      .table =
          "lstm: H = D; floor: W_ih x as linear does it, and W_hh read once per step (or W_hh h, if that takes longer)",
      .tensor = on.text(),
      .variant = directions == 2 ? "two directions" : "one direction",
      .flops = lstm_flops(on.dims, directions),
      .footprint = on.count() * sizeof(float)};
  add_row(info, [=] {
    direction_weights const weights[] = {{D, 1}, {D, 11}};
    auto const block = std::make_shared<nn::lstm<float> const>(
        directions == 2 ? nn::lstm<float>(D, D, weights[0].spans(), weights[1].spans())
                        : nn::lstm<float>(D, D, weights[0].spans()));
    views const on_these(on.dims, {on.dims.batch, on.dims.time, directions * D});
    auto const memory = scratch(block->workspace_size(on.dims));
    block->forward(on_these.x, on_these.y, memory);
    closeness first_steps, everything;
    auto const steps =
        std::min(on.dims.time, static_cast<index_t>(spread(on.dims.time, 2 * weights[0].input.cost()).size()));
    for (index_t d = 0; d < directions; ++d) {
      compare_steps(weights[d], on_these, 0, d == 1, steps, first_steps);
      if (on.dims.batch > 1) compare_steps(weights[d], on_these, on.dims.batch - 1, d == 1, steps, first_steps);
    }
    first_steps.check("the first steps of lstm");
    compare_in_double(weights, directions, on_these, everything);
    everything.check("lstm, against itself in double");
    return std::pair([=] { block->forward(on_these.x, on_these.y, memory); }, lstm_floor(on.dims, directions));
  });
}

// ----------------------------------------------------------------------------------------------------------- memory

constexpr char const* memory_table =
    "memory: blocks that pass over the tensor; floor: memcpy of it (mean_pool: its sum, vectorised)";

/// A block bound by memory, whose operation(x, y) is compared, every element, with want(x, n, t, c) in double.
template <class Make, class Want>
void add_elementwise(tensor_case const& on, char const* variant, Make const& make, Want const& want) {
  std::size_t const size = on.count() * sizeof(float);
  row const info{.table = memory_table,
                 .tensor = on.text(),
                 .variant = variant,
                 .bytes = 2 * static_cast<double>(size),
                 .footprint = size};
  add_row(info, [=] {
    views const on_these(on.dims);
    auto const operation = make(on_these);
    operation();
    closeness error;
    tshift::reference::for_each_element(on.dims, [&](index_t n, index_t t, index_t c, index_t) {
      error.add(want(on_these.x, n, t, c), static_cast<double>(on_these.y(n, t, c)));
    });
    error.check(variant);
    return std::pair(operation, [=] { std::memcpy(on_these.y.data, on_these.x.data, size); });
  });
}

void add_depthwise(tensor_case const& on) {
  index_t const C = on.dims.channels;
  auto const weight =
      std::make_shared<std::vector<float> const>(random_values(C * taps, 2 / std::sqrt(as_double(taps)), 1));
  auto const bias = std::make_shared<std::vector<float> const>(random_values(C, 0.25, 2));
  add_elementwise(
      on, "depthwise_conv1d, 7 taps",
      [=](views const& v) {
        auto const block = std::make_shared<nn::depthwise_conv1d<float> const>(C, taps, *weight, *bias);
        return [=] { block->forward(v.x, v.y); };
      },
      [=](tensor_view<float const> const& x, index_t n, index_t t, index_t c) {
        auto sum = static_cast<double>((*bias)[at(c)]);
        for (index_t k = 0; k < taps; ++k) {
          index_t const from = t + k - taps / 2;
          if (from < 0 || from >= x.shape.time) continue;
          sum += static_cast<double>((*weight)[at(c * taps + k)]) * static_cast<double>(x(n, from, c));
        }
        return sum;
      });
}

void add_layer_norm(tensor_case const& on) {
  index_t const C = on.dims.channels;
  auto const weight = std::make_shared<std::vector<float> const>(random_values(C, 1, 1));
  auto const bias = std::make_shared<std::vector<float> const>(random_values(C, 0.25, 2));
  auto const statistics =
      std::make_shared<std::pair<double, double>>();  // of the frame whose channel 0 was asked for last
  add_elementwise(
      on, "layer_norm",
      [=](views const& v) {
        auto const block = std::make_shared<nn::layer_norm<float> const>(*weight, *bias);
        return [=] { block->forward(v.x, v.y); };
      },
      [=](tensor_view<float const> const& x, index_t n, index_t t, index_t c) {
        auto& [mean, variance] = *statistics;
        if (c == 0) {
          mean = variance = 0;
          for (index_t i = 0; i < C; ++i) mean += static_cast<double>(x(n, t, i)) / as_double(C);
          for (index_t i = 0; i < C; ++i) {
            double const difference = static_cast<double>(x(n, t, i)) - mean;
            variance += difference * difference / as_double(C);
          }
        }
        return (static_cast<double>(x(n, t, c)) - mean) / std::sqrt(variance + 1e-5) *
                   static_cast<double>((*weight)[at(c)]) +
               static_cast<double>((*bias)[at(c)]);
      });
}

void add_gelu(tensor_case const& on) {
  add_elementwise(
      on, "gelu", [](views const& v) { return [=] { nn::gelu(v.x, v.y); }; },
      [](tensor_view<float const> const& x, index_t n, index_t t, index_t c) {
        return gelu(static_cast<double>(x(n, t, c)));
      });
}

void add_mean_pool(tensor_case const& on) {
  std::size_t const size = on.count() * sizeof(float);
  row const info{.table = memory_table,
                 .tensor = on.text(),
                 .variant = "mean_pool",
                 .bytes = static_cast<double>(size),
                 .footprint = size};
  add_row(info, [=] {
    views const on_these(on.dims, {on.dims.batch, 1, on.dims.channels});
    nn::mean_pool(on_these.x, on_these.y);
    closeness error;
    tshift::reference::for_each_element(on_these.y.shape, [&](index_t n, index_t, index_t c, index_t) {
      double sum = 0;
      for (index_t t = 0; t < on.dims.time; ++t) sum += static_cast<double>(on_these.x(n, t, c));
      error.add(sum / as_double(on.dims.time), static_cast<double>(on_these.y(n, 0, c)));
    });
    error.check("mean_pool");
    return std::pair([=] { nn::mean_pool(on_these.x, on_these.y); },
                     [=] {
                       float sum = sum_all(on_these.x.data, on.count());
                       benchmark::DoNotOptimize(sum);
                     });
  });
}

/// @param make  make(options, weight, bias): conv1d, or another block that computes it
template <class Make>
void add_conv1d(tensor_case const& on, std::string const& variant, index_t stride, index_t padding, Make const& make) {
  index_t const D = on.dims.channels, taps = 3;
  tshift::conv1d_options const options{.inputs = D, .outputs = D, .taps = taps, .stride = stride, .padding = padding};
  index_t const frames = (on.dims.time + 2 * padding - taps) / stride + 1;
  row const info{.table = "conv1d: D to D, 3 taps; floor: linear of as many FLOPs, 3 D to D for each of its frames",
                 .tensor = on.text(),
                 .variant = variant,
                 .flops = 2.0 * taps * as_double(on.dims.batch * frames) * as_double(D) * as_double(D),
                 .target = medium_target(on, 1.05),
                 .footprint = on.count() * sizeof(float)};
  add_row(info, [=] {
    auto const weight = random_values(D * D * taps, 2 / std::sqrt(as_double(D * taps)), 1),
               bias = random_values(D, 0.25, 2);
    auto const layer = make(options, weight, bias);
    auto const product = std::make_shared<nn::linear<float> const>(taps * D, D, weight, bias);
    shape const out{on.dims.batch, frames, D}, windows{on.dims.batch, frames, taps * D};
    views const on_these(on.dims, out);
    auto const copied = std::make_shared<std::vector<float>>(random_values(windows.size(), 1, 3)),
               workspace = std::make_shared<std::vector<float>>(layer->make_workspace(on.dims));
    layer->forward(on_these.x, on_these.y, *workspace);
    closeness error;
    for (index_t const r : spread(on.dims.batch * frames, as_double(D * D * taps))) {
      index_t const n = r / frames, t = r % frames;
      for (index_t o = 0; o < D; ++o) {
        double sum = static_cast<double>(bias[at(o)]);
        for (index_t k = 0; k < taps; ++k) {
          index_t const from = t * stride + k - padding;
          if (from < 0 || from >= on.dims.time) continue;
          for (index_t i = 0; i < D; ++i) {
            sum +=
                static_cast<double>(weight[at((o * D + i) * taps + k)]) * static_cast<double>(on_these.x(n, from, i));
          }
        }
        error.add(sum, static_cast<double>(on_these.y(n, t, o)));
      }
    }
    error.check(variant.c_str());
    tensor_view<float const> const rows(copied->data(), windows);
    return std::pair([=] { layer->forward(on_these.x, on_these.y, *workspace); },
                     [=] { (void)copied, product->forward(rows, on_these.y); });
  });
}

// ----------------------------------------------------------------------------------------------------------- images

/// An image [1, T, F, C], dense, and what a block of images makes of it.
struct image_views {
  tensor_view<float const> x;
  tensor_view<float> y;

  image_views(shape const& in, shape const& out) {
    shape most = in;
    most.time = std::max(in.time, out.time);
    most.channels = std::max(in.channels, out.channels);
    auto const memory = tensors<float>(most);
    x = {memory.x, in, layout::ntsc};
    y = {memory.y, out, layout::ntsc};
  }
};

/// "same" convolutions of the CRNN, [300, 40, 3], and of the ViT's stem, [128, 128, 1].
struct conv2d_case {
  char const* what;
  shape on;
  index_t outputs, taps_of_time, taps_of_space;

  /// Which of the two a model takes.
  bool in_four_products() const { return on.channels >= 16 && outputs >= 16; }
};
constexpr conv2d_case conv2d_cases[] = {{"CRNN, first, 5 x 3", {1, 300, 3, 40}, 128, 5, 3},
                                        {"CRNN, first, 33 x 3", {1, 300, 3, 40}, 32, 33, 3},
                                        {"CRNN, first of the body, 5 x 3", {1, 150, 128, 10}, 256, 5, 3},
                                        {"CRNN, body, 5 x 3", {1, 150, 256, 10}, 256, 5, 3},
                                        {"ViT, stem 1 to 16", {1, 128, 1, 128}, 16, 3, 3},
                                        {"ViT, stem 16 to 32", {1, 128, 16, 128}, 32, 3, 3},
                                        {"ViT, stem 32 to 64", {1, 128, 32, 128}, 64, 3, 3},
                                        {"ViT, stem 64 to 32", {1, 128, 64, 128}, 32, 3, 3},
                                        {"ViT, stem 32 to 16", {1, 128, 32, 128}, 16, 3, 3},
                                        {"ViT, stem 16 to 1", {1, 128, 16, 128}, 1, 3, 3}};

/// One channel on either side costs what moving the bytes costs; the others their multiply-adds.
template <template <class> class Block>
void add_conv2d(conv2d_case const& c) {
  bool const four = std::is_same_v<Block<float>, nn::winograd_conv2d<float>>;
  tshift::conv2d_options const how{.inputs = c.on.channels,
                                   .outputs = c.outputs,
                                   .time = tshift::window_axis::same(c.taps_of_time),
                                   .space = tshift::window_axis::same(c.taps_of_space)};
  index_t const taps = c.taps_of_time * c.taps_of_space, pixels = c.on.time * c.on.space;
  double const flops = 2 * as_double(pixels) * as_double(taps * c.on.channels) * as_double(c.outputs);
  bool const bytes = std::min(c.on.channels, c.outputs) == 1;
  row const info{.table =
                     "conv2d: images of the CRNN and the ViT; floor: its multiply-adds, on registers alone (of one "
                     "channel on either side: memcpy of x and y)",
                 .tensor = image_text(c.on),
                 .variant = std::string(four ? "winograd_conv2d, " : "") + c.what,
                 .flops = flops,
                 .target = four == c.in_four_products() ? 1.15 : 0,
                 .footprint = static_cast<std::size_t>(pixels * (c.on.channels + c.outputs)) * sizeof(float)};
  add_row(info, [=] {
    auto const weight =
                   random_values(c.outputs * c.on.channels * taps, 2 / std::sqrt(as_double(c.on.channels * taps)), 1),
               bias = random_values(c.outputs, 0.25, 2);
    auto const layer = std::make_shared<Block<float> const>(how, weight, bias);
    shape out = c.on;
    out.channels = c.outputs;
    image_views const on_these(c.on, out);
    auto const room = scratch(layer->workspace_size(c.on));
    layer->forward(on_these.x, on_these.y, room);
    expect_finite(on_these.y);
    closeness error;
    for (index_t const r : spread(pixels, as_double(taps * c.on.channels * c.outputs))) {
      index_t const t = r / c.on.space, p = r % c.on.space;
      for (index_t o = 0; o < c.outputs; ++o) {
        double sum = static_cast<double>(bias[at(o)]);
        for (index_t k = 0; k < taps; ++k) {
          index_t const from = t + k / c.taps_of_space - how.time.before;
          index_t const place = p + k % c.taps_of_space - how.space.before;
          if (from < 0 || from >= c.on.time || place < 0 || place >= c.on.space) continue;
          for (index_t i = 0; i < c.on.channels; ++i) {
            sum += static_cast<double>(weight[at((o * c.on.channels + i) * taps + k)]) *
                   static_cast<double>(on_these.x(0, from, i, place));
          }
        }
        error.add(sum, static_cast<double>(on_these.y(0, t, o, p)));
      }
    }
    error.check(c.what);
    auto const copied = std::make_shared<std::vector<float>>(at(std::max(on_these.x.size(), on_these.y.size())));
    std::size_t const in = at(on_these.x.size()) * sizeof(float), made = at(on_these.y.size()) * sizeof(float);
    return std::pair([=] { layer->forward(on_these.x, on_these.y, room); },
                     [=] {
                       if (!bytes) return multiply_adds(flops);
                       // Half of the bytes are read here, half written.
                       std::memcpy(copied->data(), on_these.x.data, in / 2);
                       std::memcpy(on_these.y.data, copied->data(), made / 2);
                     });
  });
}

/// Blocks that pass over an image of the ViT's stem, or of the CRNN's first layer; floor: memcpy of it.
template <class Make, class Want>
void add_image_pass(shape const& on, shape const& out, char const* variant, Make const& make, Want const& want) {
  std::size_t const size = at(on.size()) * sizeof(float);
  row const info{.table = memory_table,
                 .tensor = image_text(on),
                 .variant = variant,
                 .bytes = static_cast<double>(size) + static_cast<double>(at(out.size()) * sizeof(float)),
                 .footprint = size};
  add_row(info, [=] {
    image_views const on_these(on, out);
    auto const operation = make(on_these);
    operation();
    closeness error;
    want(on_these, error);
    error.check(variant);
    auto const copied = std::make_shared<std::vector<float>>(at(on.size()));
    return std::pair(operation, [=] { std::memcpy(copied->data(), on_these.x.data, size); });
  });
}

void add_images() {
  // --smoke runs in debug builds too, where the large ones take minutes.
  for (conv2d_case const& c : conv2d_cases) {
    index_t const products = c.on.size() * c.outputs * c.taps_of_time * c.taps_of_space;
    if (current_effort() == effort::smoke && products >= 10'000'000) continue;
    add_conv2d<nn::conv2d>(c);
    if (c.in_four_products()) add_conv2d<nn::winograd_conv2d>(c);
  }
  shape const wide{1, 300, 128, 40}, pooled{1, 150, 128, 10}, stem{1, 128, 64, 128};
  add_image_pass(
      wide, pooled, "max_pool, 2 x 4",
      [](image_views const& v) { return [=] { nn::max_pool<float>(v.x, v.y, nn::pooled(2), nn::pooled(4)); }; },
      [](image_views const& v, closeness& error) {
        tshift::reference::for_each_element(v.y.shape, [&](index_t n, index_t t, index_t c, index_t p) {
          double most = -HUGE_VAL;
          for (index_t k = 0; k < 8; ++k) {
            most = std::max(most, static_cast<double>(v.x(n, 2 * t + k / 4, c, 4 * p + k % 4)));
          }
          error.add(most, static_cast<double>(v.y(n, t, c, p)));
        });
      });
  add_image_pass(
      stem, stem, "instance_norm and gelu",
      [](image_views const& v) {
        auto const block =
            std::make_shared<nn::instance_norm<float> const>(v.x.shape.channels, tshift::activation::gelu());
        auto const memory = scratch(block->workspace_size(v.x.shape));
        return [=] { block->forward(v.x, v.y, memory); };
      },
      [](image_views const& v, closeness& error) {
        double const pixels = as_double(v.x.shape.time * v.x.shape.space);
        for (index_t c = 0; c < v.x.shape.channels; ++c) {
          double mean = 0, variance = 0;
          auto const each = [&v, c](auto const& visit) {
            for (index_t t = 0; t < v.x.shape.time; ++t) {
              for (index_t p = 0; p < v.x.shape.space; ++p) visit(t, p, static_cast<double>(v.x(0, t, c, p)));
            }
          };
          each([&](index_t, index_t, double x) { mean += x / pixels; });
          each([&](index_t, index_t, double x) { variance += (x - mean) * (x - mean) / pixels; });
          each([&](index_t t, index_t p, double x) {
            error.add(gelu((x - mean) / std::sqrt(variance + 1e-5)), static_cast<double>(v.y(0, t, c, p)));
          });
        }
      });
}

/// The CRNN's: mean and largest of an LSTM's outputs; floor: the sum of the tensor, twice.
void add_summary(tensor_case const& on) {
  std::size_t const size = on.count() * sizeof(float);
  row const info{.table = memory_table,
                 .tensor = on.text(),
                 .variant = "summary, mean and max",
                 .bytes = 2 * static_cast<double>(size),
                 .share = 2,
                 .footprint = size};
  add_row(info, [=] {
    index_t const C = on.dims.channels;
    auto const block = std::make_shared<nn::summary<float> const>(
        C, std::vector{tshift::summary_kind::mean, tshift::summary_kind::max});
    views const on_these(on.dims, {on.dims.batch, 1, 2 * C});
    auto const memory = scratch(block->workspace_size(on.dims));
    block->forward(on_these.x, on_these.y, memory);
    closeness error;
    for (index_t n = 0; n < on.dims.batch; ++n) {
      for (index_t c = 0; c < C; ++c) {
        double sum = 0, most = -HUGE_VAL;
        for (index_t t = 0; t < on.dims.time; ++t) {
          auto const x = static_cast<double>(on_these.x(n, t, c));
          sum += x;
          most = std::max(most, x);
        }
        error.add(sum / as_double(on.dims.time), static_cast<double>(on_these.y(n, 0, c)));
        error.add(most, static_cast<double>(on_these.y(n, 0, C + c)));
      }
    }
    error.check("summary");
    return std::pair([=] { block->forward(on_these.x, on_these.y, memory); },
                     [=] {
                       float sum = sum_all(on_these.x.data, on.count());
                       benchmark::DoNotOptimize(sum);
                     });
  });
}

void add_blocks() {
  for (tensor_case const& on : chosen_nn_cases()) add_linear(on);
  for (tensor_case const& on : chosen_nn_cases()) {
    auto const plain = [](tshift::conv1d_options const& options, auto const& weight, auto const& bias) {
      return std::make_shared<nn::conv1d<float> const>(options, weight, bias);
    };
    for (index_t const stride : {1, 2}) add_conv1d(on, "stride " + std::to_string(stride), stride, 1, plain);
    add_conv1d(on, "winograd_conv1d, stride 2", 2, 0,
               [](tshift::conv1d_options const& options, auto const& weight, auto const& bias) {
                 return std::make_shared<nn::winograd_conv1d<float> const>(options.inputs, options.outputs, weight,
                                                                           bias);
               });
  }
  for (tensor_case const& on : chosen_nn_cases()) {
    add_mlp(on);
    for (attention_kind const& kind : attention_kinds) add_attention(with_heads(on), kind);
  }
  for (tensor_case const& on : chosen_nn_cases()) {
    for (index_t const directions : {1, 2}) add_lstm(on, directions);
  }
  for (tensor_case const& on : chosen_nn_cases()) {
    add_depthwise(on);
    add_layer_norm(on);
    add_gelu(on);
    add_mean_pool(on);
    add_summary(on);
  }
  add_images();
}

registration const blocks_rows(70, add_blocks);

}  // namespace
}  // namespace tshift_bench
