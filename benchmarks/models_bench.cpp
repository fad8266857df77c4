// SPDX-License-Identifier: MIT
// The models, from the input to the classes; and what a shift costs in them and in the blocks they are made of. A model
// is verified against the same model in double; a block that reads through a shift, against itself on shifted tensors.
#include <tshift/models/crnn.hpp>
#include <tshift/models/shift_cnn.hpp>
#include <tshift/models/shift_lstm.hpp>
#include <tshift/models/shiftformer.hpp>
#include <tshift/models/vertical_vit.hpp>
#include <tshift/presets.hpp>

#include "../tests/support/seeded.hpp"
#include "../tests/support/seeded_neighbours.hpp"
#include "floors.hpp"
#include "second_thread.hpp"

namespace tshift_bench { namespace {

namespace models = tshift::models;
namespace nn = tshift::nn;
using test_support::crnn_sizes;
using test_support::model_sizes;
using test_support::vit_sizes;
using tshift::model_shift;
using tshift::placement;

constexpr index_t classes = 4;

template <class T>
using cnn = models::shift_cnn<T>;
template <class T>
using lstm = models::shift_lstm<T>;
template <class T>
using transformer = models::shiftformer<T>;

model_sizes sizes_of(char const* kind, shape const& on) {
  bool const attends = std::string_view(kind) == "transformer";
  return {kind, attends ? "relative_key_query" : "none", on.channels, attends ? on.time : 0, classes};
}

// --------------------------------------------------------------------------------------------------------- a forward

/// A model, its input, its result and its workspace.
template <class Model>
struct forward {
  std::shared_ptr<Model const> model;
  tensor_view<float const> x;
  tensor_view<float> y;
  std::span<float> memory;

  void operator()() const { model->forward(x, y, memory); }
};

template <template <class> class Model>
forward<Model<float>> make_forward(model_sizes const& sizes, model_shift const& options, shape const& on) {
  auto const weights = test_support::seeded_weights<float>(sizes, 1);
  auto const model = std::make_shared<Model<float> const>(weights, options);
  auto const memory = tensors<float>(on);
  return {model, {memory.x, on}, {memory.y, {on.batch, 1, classes}}, scratch(model->workspace_size(on))};
}

/// Runs it once, and the same model in double.
template <template <class> class Model>
void verify(forward<Model<float>> const& call, model_sizes const& sizes, model_shift const& options, char const* name) {
  call();
  Model<double> const model(test_support::seeded_weights<double>(sizes, 1), options);
  shape const& on = call.x.shape;
  std::vector<double> const x(call.x.data, call.x.data + call.x.size());
  std::vector<double> y(static_cast<std::size_t>(call.y.size()));
  std::vector<double> memory(static_cast<std::size_t>(model.workspace_size(on)));
  tensor_view<double> const want(y.data(), call.y.shape);
  model.forward(tensor_view<double const>(x.data(), on), want, memory);
  closeness error;
  error.add(want, call.y);
  error.check(name);
}

// ------------------------------------------------------------------------------------------------------------ models

/// floor_of(dims) makes the floor; share: of one call of it.
template <template <class> class Model, class Floor>
void add_model(tensor_case const& on, char const* name, char const* kind, model_shift const& options, double flops,
               double share, Floor const& floor_of) {
  row const info{.table =
                     "models: from input to classes; floor: their products as linear does them; for an LSTM, that of "
                     "lstm",
                 .tensor = on.text(),
                 .variant = name,
                 .n_div = options.n_div,
                 .flops = flops,
                 .share = share,
                 .target = medium_target(on, 1.10),
                 .footprint = on.count() * sizeof(float)};
  model_sizes const sizes = sizes_of(kind, on.dims);
  add_row(info, [=] {
    auto const call = make_forward<Model>(sizes, options, on.dims);
    verify<Model>(call, sizes, options, name);
    return std::pair(call, floor_of(on.dims));
  });
}

template <template <class> class Model>
void add_product_model(tensor_case const& on, char const* name, char const* kind, model_shift const& options,
                       double flops) {
  add_model<Model>(on, name, kind, options, flops, product_floor::share(on.dims, flops),
                   [](shape const& dims) { return product_floor(dims); });
}

void add_recurrent_model(tensor_case const& on, char const* name, char const* kind, model_shift const& options) {
  add_model<lstm>(on, name, kind, options, lstm_flops(on.dims, 2), 1,
                  [](shape const& dims) { return lstm_floor(dims, 2); });
}

// ----------------------------------------------------------------------------------------------------------- two threads

template <template <class> class Model>
void add_on_two_threads(tensor_case const& on, char const* name, char const* kind, model_shift const& options,
                        double flops, double least) {
  // A short input must not take longer than on one thread; of a long one, the speedup is asked for.
  row const info{.table = "two threads: models on two; floor: the same on one, of which half would be perfect",
                 .tensor = on.text(),
                 .variant = name,
                 .n_div = options.n_div,
                 .flops = flops,
                 .target = on.dims.batch == 1 && on.dims.time > 300 ? 1 / least : 1,
                 .footprint = on.count() * sizeof(float)};
  model_sizes const sizes = sizes_of(kind, on.dims);
  add_row(info, [=] {
    auto const alone = make_forward<Model>(sizes, options, on.dims);
    verify<Model>(alone, sizes, options, name);
    std::vector<float> want(alone.y.data, alone.y.data + alone.y.size());
    auto const together = [alone, threads = two_threads()] {
      alone.model->forward(threads, alone.x, alone.y, alone.memory);
    };
    together();
    expect_equal(tensor_view<float>(want.data(), alone.y.shape), alone.y);
    return std::pair(together, alone);
  });
}

// ------------------------------------------------------------------------------------------------------------- images

/// A CRNN or a ViT as its paper has it, or a small one for --smoke: x is `on`, made by models of float and double.
template <template <class> class Model, class Sizes>
struct image_model {
  std::string name;
  Sizes sizes;
  shape on;
  double flops;

  template <class T>
  Model<T> make() const {
    return Model<T>(test_support::seeded_neighbour<T>(sizes, 1));
  }

  forward<Model<float>> make_forward() const {
    auto const model = std::make_shared<Model<float> const>(make<float>());
    auto const memory = tensors<float>(on);
    return {
        model, {memory.x, on, layout::ntsc}, {memory.y, {on.batch, 1, classes}}, scratch(model->workspace_size(on))};
  }

  /// Runs it once, and the same model in double.
  void verify(forward<Model<float>> const& call) const {
    call();
    Model<double> const model = make<double>();
    std::vector<double> const x(call.x.data, call.x.data + call.x.size());
    std::vector<double> y(static_cast<std::size_t>(call.y.size())), memory = model.make_workspace(on);
    tensor_view<double> const want(y.data(), call.y.shape);
    model.forward(tensor_view<double const>(x.data(), on, layout::ntsc), want, memory);
    closeness error;
    error.add(want, call.y);
    error.check(name.c_str());
  }

  row info(char const* table, double share, double target) const {
    return {.table = table,
            .tensor = image_text(on),
            .variant = name,
            .flops = flops,
            .share = share,
            .target = target,
            .footprint = static_cast<std::size_t>(on.size()) * sizeof(float)};
  }

  void add() const {
    constexpr shape product{1, 374, 768};
    row const one = info(
        "models: from input to classes; floor: their products as linear does them; for an LSTM, that of "
        "lstm",
        product_floor::share(product, flops), 0);
    add_row(one, [self = *this, product] {
      auto const call = self.make_forward();
      self.verify(call);
      return std::pair(call, product_floor(product));
    });
  }

  void add_on_two_threads() const {
    row const one =
        info("two threads: models on two; floor: the same on one, of which half would be perfect", 1, 1 / 1.7);
    add_row(one, [self = *this] {
      auto const alone = self.make_forward();
      self.verify(alone);
      std::vector<float> want(alone.y.data, alone.y.data + alone.y.size());
      auto const together = [alone, threads = two_threads()] {
        alone.model->forward(threads, alone.x, alone.y, alone.memory);
      };
      together();
      expect_equal(tensor_view<float>(want.data(), alone.y.shape), alone.y);
      return std::pair(together, alone);
    });
  }
};

/// FLOPs of convolutions and products, of one image.
double flops_of(crnn_sizes const& s, index_t time) {
  index_t const frames = time / s.pool[0], bands = s.bands / s.pool[1];
  index_t inputs = s.filters * static_cast<index_t>(s.widths.size()), widths = 0, sums = 0;
  for (index_t const width : s.widths) widths += width;
  sums += time * s.bands * s.channels * s.band_taps * s.filters * widths;
  for (index_t const outputs : s.body) {
    sums += frames * bands * s.body_taps[0] * s.body_taps[1] * inputs * outputs;
    inputs = outputs;
  }
  sums += frames * (inputs * bands * s.frame + s.directions * 4 * s.hidden * (s.frame + s.hidden));
  return 2 * as_double(sums + frames * s.attention * s.directions * s.hidden);
}
double flops_of(vit_sizes const& s, index_t columns) {
  index_t const inner = s.heads * s.depth_of_head, tokens = columns + 1;
  index_t sums = s.layers * (4 * s.width * inner + 2 * s.width * s.hidden + 2 * tokens * inner);
  sums = tokens * (sums + s.rows * (s.teacher ? 3 : 1) * s.width);
  // The stem: 16, 32, 64, 32, 16 channels between one and one.
  if (s.teacher) sums += columns * s.rows * 9 * (16 + 16 * 32 + 32 * 64 + 64 * 32 + 32 * 16 + 16);
  return 2 * as_double(sums);
}

/// Calls visit(image_model) for the CRNN, Chen's, and both ViTs.
template <class Visit>
void for_each_image_model(Visit const& visit) {
  bool const smoke = current_effort() == effort::smoke;
  crnn_sizes crnn;
  if (smoke) {
    crnn.bands = 9;
    crnn.filters = 16;
    crnn.body = {32, 32};
    crnn.frame = 20;
    crnn.hidden = 8;
  }
  shape const image{1, smoke ? 20 : 300, crnn.channels, crnn.bands};
  crnn_sizes chen = crnn;
  crnn.widths = {5, 9, 17, 33};
  if (!smoke) crnn.filters = 32;
  chen.attention = 64;
  chen.summaries = 1;
  visit(image_model<models::crnn, crnn_sizes>{"CRNN", crnn, image, flops_of(crnn, image.time)});
  visit(image_model<models::crnn, crnn_sizes>{"CRNN, Chen's", chen, image, flops_of(chen, image.time)});
  vit_sizes vit;
  if (smoke) {
    vit.rows = 24;
    vit.width = 32;
    vit.hidden = 40;
  }
  shape const columns{1, smoke ? 20 : 128, vit.rows};
  visit(image_model<models::vertical_vit, vit_sizes>{"ViT, student", vit, columns, flops_of(vit, columns.time)});
  vit.teacher = true;
  vit.layers = smoke ? 1 : 6;
  visit(image_model<models::vertical_vit, vit_sizes>{"ViT, teacher", vit, columns, flops_of(vit, columns.time)});
}

// ------------------------------------------------------------------------------------------------- the cost of a shift

row cost_row(tensor_case const& on, char const* variant, model_shift const& options, double flops) {
  return {.table = "cost of a shift: with it; floor: the same without it",
          .tensor = on.text(),
          .variant = variant,
          .n_div = options.n_div,
          .flops = flops,
          .target = medium_target(on, 1.01),
          .footprint = on.count() * sizeof(float)};
}

template <template <class> class Model>
void add_cost_in_model(tensor_case const& on, char const* name, char const* kind, double flops) {
  model_shift const with = Model<float>::paper, without = Model<float>::baseline;
  model_sizes const sizes = sizes_of(kind, on.dims);
  add_row(cost_row(on, name, with, flops), [=] {
    auto const plain = make_forward<Model>(sizes, without, on.dims);
    verify<Model>(plain, sizes, without, "without the shift");
    auto const shifted = make_forward<Model>(sizes, with, on.dims);
    verify<Model>(shifted, sizes, with, name);
    if constexpr (std::is_same_v<Model<float>, lstm<float>>) {  // LSTM(S x), to the last bit
      auto const memory = tensors<float>(on.dims);
      tensor_view<float> const moved(memory.want, on.dims), want(memory.y + shifted.y.size(), shifted.y.shape);
      tshift::shift(shifted.x, moved, nn::placed_plan(with, on.dims.channels).plan);
      plain.model->forward(moved, want, plain.memory);
      shifted();
      expect_equal(want, shifted.y);
    }
    return std::pair(shifted, plain);
  });
}

struct placement_case {
  char const* text;
  placement value;
};
constexpr placement_case placements[] = {
    {"branch", placement::branch}, {"skip", placement::skip}, {"both", placement::both}};

/// y = f(branch) + skip, without any shift.
template <class Block>
void add_up(Block const& f, tensor_view<float const> const& branch, tensor_view<float const> const& skip,
            tensor_view<float> const& y, std::span<float> memory) {
  if constexpr (nn::adding_block<Block, float>) {
    f.forward_add(branch, skip, y, memory);
  } else {
    f.forward(branch, y, memory);
    for (index_t i = 0; i < y.size(); ++i) y.data[i] += skip.data[i];
  }
}

/// make(dims) gives a block of which a residual connection can be made.
template <class Make>
void add_cost_in_block(tensor_case const& on, char const* name, double flops, Make const& make) {
  constexpr model_shift options{.n_div = 4, .towards = direction::both};
  for (placement_case const& where : placements) {
    std::string const variant = std::string(name) + ", " + where.text;
    add_row(cost_row(on, variant.c_str(), options, flops), [=] {
      auto const block = make(on.dims);
      shift_plan const plan = tshift::presets::shiftser(on.dims.channels, options.n_div, options.towards);
      auto const memory = tensors<float>(on.dims);
      std::span<float> const room = scratch(block->workspace_size(on.dims));
      tensor_view<float const> const x(memory.x, on.dims);
      tensor_view<float> const y(memory.y, on.dims), want(memory.want, on.dims);
      std::vector<float> copy(memory.count);
      tensor_view<float> const moved(copy.data(), on.dims);
      tshift::reference::shift(x, moved, plan);
      tensor_view<float const> const branch = nn::shifts_branch(where.value) ? moved : x;
      tensor_view<float const> const skip = nn::shifts_skip(where.value) ? moved : x;
      add_up(*block, branch, skip, want, room);
      expect_finite(want);
      // Copies of a block share its weights.
      auto const with = nn::wrap<float>(*block, where.value, plan),
                 without = nn::wrap<float>(*block, placement::none, plan);
      with.forward(x, y, room);
      expect_equal(want, y);
      return std::pair([=] { with.forward(x, y, room); }, [=] { without.forward(x, y, room); });
    });
  }
}

std::vector<float> linear_weights(index_t inputs, index_t outputs, std::uint64_t seed) {
  return random_values(inputs * outputs, 2 / std::sqrt(as_double(inputs)), seed);
}

auto make_mlp(shape const& on) {
  index_t const D = on.channels;
  nn::linear<float> up(D, 4 * D, linear_weights(D, 4 * D, 1), random_values(4 * D, 0.25, 2));
  nn::linear<float> down(4 * D, D, linear_weights(4 * D, D, 3), random_values(D, 0.25, 4));
  return std::make_shared<nn::mlp<float> const>(std::move(up), std::move(down));
}

auto make_attention(shape const& on) {
  index_t const D = on.channels;
  return std::make_shared<nn::self_attention<float> const>(
      D, heads, linear_weights(D, 3 * D, 1), random_values(3 * D, 0.25, 2), tshift::frame_positions::relative_key_query,
      random_values((2 * on.time - 1) * (D / heads), 0.5, 3));
}

auto make_conv_block(shape const& on) {
  auto const weights = test_support::seeded_weights<float>(sizes_of("cnn", on), 1);
  tshift::weights::state_reader<float> reader("conv_block", weights);
  return std::make_shared<models::conv_block<float> const>(
      models::take_conv_block(reader, "conv_block.0.sequential", on.channels));
}

double cnn_flops(shape const& on) { return 2 * conv_block_flops(on); }
double transformer_flops(shape const& on) { return 2 * (attention_flops(on, 2) + mlp_flops(on)); }
double shiftformer_flops(shape const& on) { return 2 * mlp_flops(on); }

void add_models() {
  for (tensor_case const& on : chosen_nn_cases()) {
    tensor_case const split = with_heads(on);
    add_product_model<cnn>(on, "CNN", "cnn", cnn<float>::baseline, cnn_flops(on.dims));
    add_product_model<cnn>(on, "ShiftCNN", "cnn", cnn<float>::paper, cnn_flops(on.dims));
    add_recurrent_model(on, "LSTM", "lstm", lstm<float>::baseline);
    add_recurrent_model(on, "ShiftLSTM", "shift_lstm", lstm<float>::paper);
    add_product_model<transformer>(split, "Transformer", "transformer", transformer<float>::baseline,
                                   transformer_flops(split.dims));
    add_product_model<transformer>(on, "Shiftformer", "shiftformer", transformer<float>::paper,
                                   shiftformer_flops(on.dims));
  }
  for_each_image_model([](auto const& model) { model.add(); });
}

void add_two_threads() {
  for (tensor_case const& on : chosen_nn_cases()) {
    tensor_case const split = with_heads(on);
    add_on_two_threads<cnn>(on, "CNN", "cnn", cnn<float>::baseline, cnn_flops(on.dims), 1.8);
    add_on_two_threads<cnn>(on, "ShiftCNN", "cnn", cnn<float>::paper, cnn_flops(on.dims), 1.8);
    add_on_two_threads<lstm>(on, "LSTM", "lstm", lstm<float>::baseline, lstm_flops(on.dims, 2), 1.7);
    add_on_two_threads<lstm>(on, "ShiftLSTM", "shift_lstm", lstm<float>::paper, lstm_flops(on.dims, 2), 1.7);
    add_on_two_threads<transformer>(split, "Transformer", "transformer", transformer<float>::baseline,
                                    transformer_flops(split.dims), 1.8);
    add_on_two_threads<transformer>(on, "Shiftformer", "shiftformer", transformer<float>::paper,
                                    shiftformer_flops(on.dims), 1.8);
  }
  for_each_image_model([](auto const& model) { model.add_on_two_threads(); });
}

void add_cost_of_shift() {
  for (tensor_case const& on : chosen_nn_cases()) {
    add_cost_in_model<cnn>(on, "ShiftCNN / CNN", "cnn", cnn_flops(on.dims));
    add_cost_in_model<lstm>(on, "ShiftLSTM / LSTM", "shift_lstm", lstm_flops(on.dims, 2));
    add_cost_in_model<transformer>(on, "Shiftformer / no shift", "shiftformer", shiftformer_flops(on.dims));
  }
  for (tensor_case const& on : chosen_nn_cases()) {
    add_cost_in_block(on, "mlp", mlp_flops(on.dims), make_mlp);
    tensor_case const split = with_heads(on);
    add_cost_in_block(split, "attention", attention_flops(split.dims, 2), make_attention);
    add_cost_in_block(on, "conv_block", conv_block_flops(on.dims), make_conv_block);
  }
}

registration const models_rows(80, add_models);
registration const two_threads_rows(85, add_two_threads);
registration const cost_of_shift_rows(90, add_cost_of_shift);

}  // namespace
}  // namespace tshift_bench
