// SPDX-License-Identifier: MIT
// Backward passes of the blocks of train/, and what a step does with weights and their gradients. A backward pass is
// verified against itself in double, which tests/train/ holds against slopes and tests/golden/ against PyTorch; an
// optimiser and a norm, against plain loops.
#include <tshift/train.hpp>

#include "floors.hpp"

namespace tshift_bench { namespace {

namespace train = tshift::train;
using tshift::frame_positions;

/// Memory on cache lines, as everything here has it.
template <class T>
using memory = train::kernel::line_vector<T>;

std::size_t at(index_t i) { return static_cast<std::size_t>(i); }

/// Random values, in both types the same.
template <class T>
void draw(std::span<T> to, double scale, std::uint64_t seed) {
  auto const values = random_values(static_cast<index_t>(to.size()), scale, seed);
  std::copy(values.begin(), values.end(), to.begin());
}

/// A block with its parameters, and all memory of a call.
template <class Block>
class trained {
 public:
  using T = typename Block::element_type;

  /// @param make  make(T(), table) gives the block, its parameters in the table
  template <class Make>
  trained(Make const& make, shape const& x)
      : block_(make(T(), table_)), in_(x), out_{x.batch, block_.frames(x.time), block_.outputs()}, x_(at(in_.size())),
        y_(at(out_.size())), dy_(y_.size()), dx_(x_.size()), gradients_(at(table_.size())),
        saved_(at(block_.saved_size(in_))), workspace_(at(block_.workspace_size(in_))) {
    memory<T> values(gradients_.size());
    for (train::parameter const& p : table_) {
      double const scale = p.shape.size() > 1 ? 2 / std::sqrt(as_double(p.size / p.shape[0])) : 0.25;
      draw(std::span<T>(values).subspan(at(p.offset), at(p.size)), scale, static_cast<std::uint64_t>(p.offset) + 1);
    }
    block_.pack(std::span<T const>(values));
    draw(std::span<T>(x_), 1, 7);
    draw(std::span<T>(dy_), 1, 8);
    block_.forward(tensor_view<T const>(x_.data(), in_), tensor_view<T>(y_.data(), out_), saved_, workspace_);
  }

  void backward() {
    block_.backward(tensor_view<T const>(x_.data(), in_), saved_, tensor_view<T const>(dy_.data(), out_),
                    tensor_view<T>(dx_.data(), in_), gradients_, workspace_);
  }

  /// Throws where a gradient is not near that of the same block in double.
  template <class Exact>
  void compare(trained<Exact> const& want, char const* what) const {
    check(want.dx(), dx_, what);
    for (train::parameter const& p : table_) {
      auto const part = [&p](auto const& all) { return std::span(all).subspan(at(p.offset), at(p.size)); };
      check(part(want.gradients()), part(gradients_), (std::string(what) + ", " + p.name).c_str());
    }
  }

  memory<T> const& dx() const { return dx_; }
  memory<T> const& gradients() const { return gradients_; }

 private:
  template <class Want, class Got>
  static void check(Want const& want, Got const& got, char const* what) {
    closeness error;
    for (std::size_t i = 0; i < got.size(); ++i) error.add(static_cast<double>(want[i]), static_cast<double>(got[i]));
    error.check(what);
  }

  train::parameter_table table_;
  Block block_;
  shape in_, out_;
  memory<T> x_, y_, dy_, dx_, gradients_, saved_, workspace_;
};

/// The backward pass of a block, once it is known to be right.
template <class Make>
auto backward_of(Make const& make, shape const& x, char const* what) {
  using single = decltype(make(float(), std::declval<train::parameter_table&>()));
  using exact = decltype(make(double(), std::declval<train::parameter_table&>()));
  auto const block = std::make_shared<trained<single>>(make, x);
  auto const want = std::make_unique<trained<exact>>(make, x);
  block->backward();
  want->backward();
  block->compare(*want, what);
  return [block] { block->backward(); };
}

// --------------------------------------------------------------------------------------------------------- products

/// @param inputs  channels of x, where those are not the case's
template <class Make>
void add_products(tensor_case const& on, char const* variant, double flops, Make const& make, index_t inputs = 0) {
  shape x = on.dims;
  if (inputs > 0) x.channels = inputs;
  row const info{.table = "training products: dx, dW and db; floor: linear D to 4 D over T frames, by FLOPs",
                 .tensor = on.text(),
                 .variant = variant,
                 .flops = flops,
                 .share = product_floor::share(on.dims, flops),
                 .footprint = on.count() * sizeof(float)};
  add_row(info, [=] { return std::pair(backward_of(make, x, variant), product_floor(on.dims)); });
}

void add_linear(tensor_case const& on, char const* variant, index_t inputs, index_t outputs) {
  auto const make = [=]<class T>(T, train::parameter_table& table) {
    return train::linear<T>(table, "linear", inputs, outputs);
  };
  add_products(on, variant, 4 * frames_of(on.dims) * as_double(inputs) * as_double(outputs), make, inputs);
}

void add_mlp(tensor_case const& on) {
  index_t const D = on.dims.channels;
  add_products(on, "mlp", 2 * mlp_flops(on.dims), [=]<class T>(T, train::parameter_table& table) {
    train::linear<T> first(table, "first", D, 4 * D);
    return train::mlp<T>(std::move(first), train::linear<T>(table, "second", 4 * D, D));
  });
}

void add_conv1d(tensor_case const& on, char const* variant, index_t stride) {
  index_t const D = on.dims.channels;
  tshift::conv1d_options const options{.inputs = D, .outputs = D, .taps = 3, .stride = stride, .padding = 1};
  double const flops = 12 * as_double(on.dims.batch * options.frames(on.dims.time)) * as_double(D) * as_double(D);
  add_products(on, variant, flops,
               [=]<class T>(T, train::parameter_table& table) { return train::conv1d<T>(table, "conv", options); });
}

/// Products of dx and dW of q, k and v; five of a head with its weights, and three for each kind of relative positions.
void add_attention(tensor_case const& on, char const* variant, frame_positions kind, int relative) {
  index_t const D = on.dims.channels, T = on.dims.time;
  double const flops =
      frames_of(on.dims) * (12 * as_double(D) * as_double(D) + (10 + 6 * relative) * as_double(T) * as_double(D));
  add_products(on, variant, flops, [=]<class Value>(Value, train::parameter_table& table) {
    return train::self_attention<Value>(table, "attention", D, heads, kind, T);
  });
}

void add_lstm(tensor_case const& on) {
  index_t const D = on.dims.channels;
  row const info{.table =
                     "training lstm: H = D; floor: products over all steps as linear does them, and W_hh read once per "
                     "step (or W_hh' da, if that takes longer)",
                 .tensor = on.text(),
                 .variant = "two directions",
                 .flops = 2 * lstm_flops(on.dims, 2),
                 .footprint = on.count() * sizeof(float)};
  add_row(info, [=] {
    auto const make = [D]<class T>(T, train::parameter_table& table) {
      return train::lstm<T>(table, "lstm", D, D, true);
    };
    return std::pair(backward_of(make, on.dims, "lstm"), lstm_floor(on.dims, 2, 3));
  });
}

// ----------------------------------------------------------------------------------------------------------- memory

template <class Make>
void add_pass(tensor_case const& on, char const* variant, Make const& make) {
  std::size_t const size = on.count() * sizeof(float);
  row const info{.table = "training memory: passes that read x and dy and write dx; floor: memcpy of as many bytes",
                 .tensor = on.text(),
                 .variant = variant,
                 .bytes = 3 * static_cast<double>(size),
                 .share = 1.5,
                 .footprint = size};
  add_row(info, [=] {
    auto const tensor = tensors<float>(on.dims);
    return std::pair(backward_of(make, on.dims, variant), [=] { std::memcpy(tensor.y, tensor.x, size); });
  });
}

// ---------------------------------------------------------------------------------------------------------- weights

/// Those of linear, D to 4 D, with gradients and moments.
struct weights_of_linear {
  train::parameter_table table;
  train::linear<float> block;
  memory<float> values, gradients, first, second;

  explicit weights_of_linear(index_t D)
      : block(table, "linear", D, 4 * D), values(at(table.size())), gradients(values.size()), first(values.size()),
        second(values.size()) {
    draw(std::span(values), 0.1, 1);
    draw(std::span(gradients), 0.01, 2);
  }

  static constexpr train::adam_options options{.rate = 5e-4, .decay = 0.05};
  void adamw() { train::adamw<float>(table, options, 1, {values, gradients, first, second}, 0.5); }
  double norm() { return train::gradient_clipping<float>(table, gradients, 5).norm; }
  void pack() { block.pack(std::span<float const>(values)); }
};

/// One step from moments of zero.
void verify_adamw(weights_of_linear& w) {
  auto const before = w.values;
  w.adamw();
  closeness value, first, second;
  for (train::parameter const& p : w.table) {
    for (index_t i = p.offset; i < p.offset + p.size; ++i) {
      double const g = 0.5 * static_cast<double>(w.gradients[at(i)]), m = 0.1 * g, v = 0.001 * g * g;
      double const kept = static_cast<double>(before[at(i)]) * (p.decays ? 1 - 5e-4 * 0.05 : 1);
      value.add(kept - 5e-4 * (m / 0.1) / (std::sqrt(v / 0.001) + 1e-8), static_cast<double>(w.values[at(i)]));
      first.add(m, static_cast<double>(w.first[at(i)]));
      second.add(v, static_cast<double>(w.second[at(i)]));
    }
  }
  value.check("adamw, values");
  first.check("adamw, first moments");
  second.check("adamw, second moments");
}

void verify_norm(weights_of_linear& w) {
  double sum = 0;
  for (float const g : w.gradients) sum += static_cast<double>(g) * static_cast<double>(g);
  closeness error;
  error.add(std::sqrt(sum), w.norm());
  error.check("gradient_clipping");
}

/// Through a frame of y.
void verify_pack(weights_of_linear& w) {
  w.pack();
  index_t const D = w.block.inputs();
  memory<float> x(at(D)), y(at(4 * D));
  draw(std::span(x), 1, 3);
  auto workspace = w.block.make_workspace({1, 1, D});
  w.block.forward(tensor_view<float const>(x.data(), {1, 1, D}), tensor_view<float>(y.data(), {1, 1, 4 * D}), {},
                  workspace);
  closeness error;
  for (index_t o = 0; o < 4 * D; ++o) {
    auto sum = static_cast<double>(w.values[at(4 * D * D + o)]);
    for (index_t i = 0; i < D; ++i) {
      sum += static_cast<double>(w.values[at(o * D + i)]) * static_cast<double>(x[at(i)]);
    }
    error.add(sum, static_cast<double>(y[at(o)]));
  }
  error.check("pack");
}

/// @param arrays  as large as the weights: those that are read, and those that are written
/// @param verify  of weights_of_linear; and run, what is timed
template <class Verify, class Run>
void add_weights(index_t D, char const* variant, double arrays, Verify const& verify, Run const& run) {
  std::size_t const size = at(4 * D * D) * sizeof(float);
  row const info{.table = "training weights: those of linear, D to 4 D; floor: memcpy of as many bytes",
                 .tensor = "D " + std::to_string(D),
                 .variant = variant,
                 .bytes = arrays * static_cast<double>(size),
                 .share = arrays / 2,
                 .footprint = size};
  add_row(info, [=] {
    auto const w = std::make_shared<weights_of_linear>(D);
    verify(*w);
    auto const tensor = tensors<float>({1, 4 * D, D});
    return std::pair([=] { run(*w); }, [=] { std::memcpy(tensor.y, tensor.x, size); });
  });
}

void add_all_weights(index_t D) {
  add_weights(D, "adamw", 7, verify_adamw, [](weights_of_linear& w) { w.adamw(); });
  add_weights(D, "gradient_clipping", 1, verify_norm, [](weights_of_linear& w) {
    double norm = w.norm();
    benchmark::DoNotOptimize(norm);
  });
  add_weights(D, "pack, both ways", 4, verify_pack, [](weights_of_linear& w) { w.pack(); });
}

void add_training() {
  for (tensor_case const& on : chosen_nn_cases()) {
    index_t const D = on.dims.channels;
    add_linear(on, "linear, D to 4 D", D, 4 * D);
    add_linear(on, "linear, 4 D to D", 4 * D, D);
    add_mlp(on);
    add_conv1d(on, "conv1d, stride 1", 1);
    add_conv1d(on, "conv1d, stride 2", 2);
    tensor_case const split = with_heads(on);
    add_attention(split, "attention, absolute", frame_positions::absolute, 0);
    add_attention(split, "attention, relative_key", frame_positions::relative_key, 1);
    add_attention(split, "attention, relative_key_query", frame_positions::relative_key_query, 2);
  }
  for (tensor_case const& on : chosen_nn_cases()) add_lstm(on);
  for (tensor_case const& on : chosen_nn_cases()) {
    index_t const D = on.dims.channels;
    add_pass(on, "depthwise_conv1d, 7 taps", [D]<class T>(T, train::parameter_table& table) {
      return train::depthwise_conv1d<T>(table, "conv", D, taps);
    });
    add_pass(on, "layer_norm",
             [D]<class T>(T, train::parameter_table& table) { return train::layer_norm<T>(table, "norm", D); });
  }
  for (tensor_case const& on : chosen_nn_cases()) {
    if (on.dims.batch == 1) add_all_weights(on.dims.channels);
  }
}

registration const training_rows(95, add_training);

}  // namespace
}  // namespace tshift_bench
