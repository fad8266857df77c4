// SPDX-License-Identifier: MIT
// train::speech_layer: norms behind and first, with and without WavLM's positions; y has the bits of
// models::speech_layer; names; layers that share a table of distances.
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <tshift/models/speech_layer.hpp>
#include <tshift/train/checkpoint.hpp>
#include <tshift/train/speech_layer.hpp>

#include "../support/catch.hpp"
#include "../support/train_cases.hpp"
#include "../support/train_forward.hpp"

namespace {

using namespace test_support;
using tshift::train::speech_layer;
using tshift::train::speech_layer_sizes;

struct setting {
  speech_layer_sizes sizes;
  index_t buckets = 0, farthest = 0;  // of gated positions
};

template <class T>
tshift::train::bucketed_distances<T> distances_of(setting const& how, parameter_table& table) {
  if (how.buckets == 0) return {};
  return tshift::train::speech_distances<T>(table, how.sizes.heads, how.buckets, how.farthest);
}

auto layer_of(setting const& how) {
  return [how]<class T>(T, parameter_table& table) {
    return speech_layer<T>(table, 3, how.sizes, distances_of<T>(how, table));
  };
}

/// A softmax does not see what is added to all scores of a query.
constexpr std::string_view keys = "k_proj.bias";

/// y as models::speech_layer computes it of each sequence, with the same values.
template <class T>
void check_inference(setting const& how, tshift::shape const& dims, std::uint64_t seed, index_t& ran) {
  parameter_table table;
  auto const one = draw<T>(table, layer_of(how)(T(), table), {.dims = dims, .shifts = false}, seed);
  tshift::detail::run_here here;
  std::vector<T> const got = one.all(here).y;
  CHECK(equal_bits(one.all(any_executor(thread_executor{3})).y, got));

  auto const weights = tshift::train::state_dict_of<T>(table, one.values);
  tshift::weights::state_reader<T> reader("test", weights);
  tshift::nn::bucketed_distances<T> distances;
  index_t const heads = how.sizes.heads;
  if (how.buckets > 0) {
    auto const all = reader.take("encoder.layers.0.attention.rel_attn_embed.weight", {how.buckets, heads});
    distances = {heads, how.farthest, all};
  }
  tshift::weights::speech_encoder_sizes sizes;
  sizes.width = how.sizes.channels;
  sizes.hidden = how.sizes.hidden;
  tshift::models::speech_layer<T> const layer(reader, sizes, 3, heads, how.sizes.norm_first,
                                              static_cast<T>(how.sizes.eps), distances);
  reader.finish();
  tshift::shape const alone{1, dims.time, dims.channels};
  tshift::nn::arena<T> counting("test");
  layer.layout(counting, alone);
  std::vector<T> workspace(static_cast<std::size_t>(counting.most()));
  for (index_t n = 0; n < dims.batch; ++n) {
    index_t const length = one.input().base().length(n);
    if (length == 0) continue;
    auto const first = one.x.begin() + n * alone.size();
    std::vector<T> x(first, first + alone.size()), other(x.size()), third(x.size());
    tensor_view<T> const spare[2] = {{other.data(), alone}, {third.data(), alone}};
    layer.compute(here, tensor_view<T>(x.data(), alone), spare, length,
                  tshift::nn::arena<T>("test", std::span<T>(workspace)));
    CHECK(same_bytes(x.data(), got.data() + n * alone.size(),
                     static_cast<std::size_t>(length * dims.channels) * sizeof(T)));
    ++ran;
  }
}

/// Two layers, as an encoder has them: with positions, both read one table.
template <class T>
class two_layers : public tshift::train::frame_calls<two_layers<T>, T> {
 public:
  static constexpr char const* name = "two_layers";

  two_layers(parameter_table& table, setting const& how) {
    auto const distances = distances_of<T>(how, table);
    for (index_t i = 0; i < 2; ++i) layers_.emplace_back(table, i, how.sizes, distances);
  }

  index_t inputs() const noexcept { return layers_[0].inputs(); }
  index_t outputs() const noexcept { return inputs(); }
  index_t parameters_end() const noexcept { return layers_[1].parameters_end(); }
  void pack(std::span<T const> values) noexcept {
    for (auto& layer : layers_) layer.pack(values);
  }
  index_t saved_size(tshift::shape const& x) const { return x.size() + 2 * layers_[0].saved_size(x); }
  T* layout(tshift::nn::arena<T>& a, tshift::shape const& x) const {
    T* const between = a.take({x.size()});
    a.lend(layers_[0], x);
    return between;
  }

  template <class Executor>
  void run(Executor& exec, tshift::shifted_view<T> const& x, tensor_view<T> const& y, T* saved,
           tshift::nn::arena<T> a) const {
    tensor_view<T> const between(saved, x.shape(), tshift::layout::ntc, x.base().lengths);
    T *const first = saved + x.shape().size(), *const second = first + layers_[0].saved_size(x.shape());
    layers_[0].run(exec, x, between, first, a);
    layers_[1].run(exec, tshift::nn::as_it_is<T>(between), y, second, a);
  }

  template <class Executor>
  void run_back(Executor& exec, tshift::shifted_view<T> const& x, T const* saved, tshift::shifted_view<T> const& dy,
                tensor_view<T> const& dx, std::span<T> gradients, tshift::nn::arena<T> a) const {
    T* const memory = layout(a, x.shape());
    tensor_view<T const> const between(saved, x.shape(), tshift::layout::ntc, x.base().lengths);
    tensor_view<T> const slope(memory, x.shape(), tshift::layout::ntc, x.base().lengths);
    T const *const first = saved + x.shape().size(), *const second = first + layers_[0].saved_size(x.shape());
    layers_[1].run_back(exec, tshift::nn::as_it_is<T>(between), second, dy, slope, gradients, a);
    layers_[0].run_back(exec, x, first, tshift::nn::as_it_is<T>(slope), dx, gradients, a);
  }

 private:
  std::vector<speech_layer<T>> layers_;
};

}  // namespace

TEST_CASE("train::speech_layer: gradients are slopes, and bits depend on nothing", "[train][speech]") {
  train_totals sum;
  std::uint64_t seed = 1;
  for (bool const first : {false, true}) {
    for (auto const& [channels, heads, hidden] :
         {std::array<index_t, 3>{8, 2, 5}, {24, 4, 40}, {33, 3, 70}, {40, 1, 130}}) {
      for (index_t const time : {1, 2, 9, 40, 140}) {
        if (time == 140 && channels != 24) continue;
        setting const layer{{.channels = channels, .hidden = hidden, .heads = heads, .norm_first = first, .eps = 1e-3}};
        train_draw const how{.dims = {4, time, channels},
                             .shifts = time > 2,
                             .zero_slope = time < 40,
                             .allowed_float = 1e-4,
                             .rounding = keys};
        check_training(layer_of(layer), how, seed++, sum);
      }
    }
  }
  sum.print("speech_layer");
  REQUIRE(sum.cases == 34);
  REQUIRE(sum.gradients == 34 * 16);
}

TEST_CASE("train::speech_layer: WavLM's gated positions", "[train][speech]") {
  train_totals sum;
  std::uint64_t seed = 100;
  for (bool const first : {false, true}) {
    for (index_t const time : {1, 9, 40, 140}) {
      for (index_t const buckets : {8, 13}) {
        setting const layer{
            {.channels = 24, .hidden = 50, .heads = 4, .norm_first = first}, buckets, buckets == 8 ? 60 : 5};
        train_draw const how{.dims = {4, time, 24},
                             .shifts = time > 2,
                             .zero_slope = time < 40,
                             .allowed_slope = 1e-5,
                             .allowed_float = 1e-4,
                             .rounding = keys};
        check_training(layer_of(layer), how, seed++, sum);
      }
    }
  }
  sum.print("speech_layer, gated");
  REQUIRE(sum.cases == 16);
  REQUIRE(sum.gradients == 16 * 20);
}

TEST_CASE("train::speech_layer: all layers add to one table of distances", "[train][speech]") {
  train_totals sum;
  for (bool const first : {false, true}) {
    setting const layer{{.channels = 24, .hidden = 30, .heads = 3, .norm_first = first}, 16, 12};
    auto const make = [&layer]<class T>(T, parameter_table& table) { return two_layers<T>(table, layer); };
    // Not cut: the table's gradient is that of the last layer's sequences, then that of the layer's before.
    train_draw const how{
        .dims = {3, 30, 24}, .allowed_slope = 1e-5, .allowed_float = 1e-4, .cut = false, .rounding = keys};
    check_training(make, how, first ? 7 : 8, sum);
  }
  sum.print("speech_layer, two");
  REQUIRE(sum.cases == 2);
  REQUIRE(sum.gradients == 2 * 38);
}

TEST_CASE("train::speech_layer: large's channels, more than a block of K", "[train][speech]") {
  for (bool const first : {false, true}) {
    parameter_table table;
    setting const layer{{.channels = 1024, .hidden = 900, .heads = 16, .norm_first = first}};
    train_draw const how{.dims = {3, 6, 1024}, .rounding = keys};
    auto one = draw<double>(table, layer_of(layer)(double(), table), how, 3);
    for (double& value : one.values) value /= 30;  // or one weight of the attention would be all
    one.block.pack(std::span<double const>(one.values));
    train_totals sum;
    random_bits random(4);
    check_slopes(one, how, sum, random);
    check_bits(one, how);
    CHECK(sum.gradients == 16);
  }
}

TEST_CASE("train::speech_layer: y has the bits of inference", "[train][speech]") {
  index_t ran = 0;
  for (bool const first : {false, true}) {
    for (index_t const time : {1, 9, 150}) {
      for (index_t const buckets : {0, 16}) {
        // An eps that is seen: frames are of about that size.
        setting const layer{{.channels = 48, .hidden = 900, .heads = 3, .norm_first = first, .eps = 0.3}, buckets, 20};
        check_inference<float>(layer, {3, time, 48}, 9, ran);
        check_inference<double>(layer, {3, time, 48}, 10, ran);
      }
    }
  }
  REQUIRE(ran == 52);
}

TEST_CASE("train::speech_layer: lengths are those of x", "[train][speech]") {
  for (bool const first : {false, true}) {
    for (index_t const buckets : {0, 16}) {
      setting const layer{{.channels = 24, .hidden = 30, .heads = 3, .norm_first = first}, buckets, 12};
      check_dy_without_lengths(layer_of(layer), {3, 150, 24}, {150, 0, 70});
    }
  }
}

TEST_CASE("train::speech_layer: parameters are called as in checkpoints", "[train][speech]") {
  parameter_table table;
  setting const how{{.channels = 24, .hidden = 30, .heads = 3}, 16, 12};
  auto const layer = layer_of(how)(float(), table);
  struct entry {
    char const* name;
    std::vector<index_t> shape;
  };
  std::vector<entry> const want = {{"encoder.layers.0.attention.rel_attn_embed.weight", {16, 3}},
                                   {"encoder.layers.3.attention.q_proj.weight", {24, 24}},
                                   {"encoder.layers.3.attention.k_proj.weight", {24, 24}},
                                   {"encoder.layers.3.attention.v_proj.weight", {24, 24}},
                                   {"encoder.layers.3.attention.q_proj.bias", {24}},
                                   {"encoder.layers.3.attention.k_proj.bias", {24}},
                                   {"encoder.layers.3.attention.v_proj.bias", {24}},
                                   {"encoder.layers.3.attention.gru_rel_pos_linear.weight", {8, 8}},
                                   {"encoder.layers.3.attention.gru_rel_pos_linear.bias", {8}},
                                   {"encoder.layers.3.attention.gru_rel_pos_const", {1, 3, 1, 1}},
                                   {"encoder.layers.3.attention.out_proj.weight", {24, 24}},
                                   {"encoder.layers.3.attention.out_proj.bias", {24}},
                                   {"encoder.layers.3.layer_norm.weight", {24}},
                                   {"encoder.layers.3.layer_norm.bias", {24}},
                                   {"encoder.layers.3.feed_forward.intermediate_dense.weight", {30, 24}},
                                   {"encoder.layers.3.feed_forward.intermediate_dense.bias", {30}},
                                   {"encoder.layers.3.feed_forward.output_dense.weight", {24, 30}},
                                   {"encoder.layers.3.feed_forward.output_dense.bias", {24}},
                                   {"encoder.layers.3.final_layer_norm.weight", {24}},
                                   {"encoder.layers.3.final_layer_norm.bias", {24}}};
  REQUIRE(static_cast<std::size_t>(table.count()) == want.size());
  std::size_t i = 0;
  for (auto const& each : table) {
    CHECK(each.name == want[i].name);
    CHECK(each.shape == want[i].shape);
    ++i;
  }
  CHECK(layer.parameters_end() == table.size());
  CHECK(layer.inputs() == 24);
  CHECK(layer.outputs() == 24);
  CHECK(table.set_trains("encoder.layers.0.attention.rel_attn_embed.", false) == 1);  // as the docstring says
}

TEST_CASE("train::speech_layer: refusals", "[train][speech]") {
  using layer = speech_layer<float>;
  speech_layer_sizes const good{.channels = 24, .hidden = 30, .heads = 3};
  auto const refused = [](speech_layer_sizes const& sizes, index_t number = 0) {
    parameter_table table;
    return message_of([&] { layer(table, number, sizes); });
  };
  auto const with_eps = [&good](double eps) {
    speech_layer_sizes sizes = good;
    sizes.eps = eps;
    return sizes;
  };
  CHECK(refused(good) == "");
  CHECK(refused(good, -1) == "speech_layer: number = -1, must be >= 0");
  CHECK(refused(with_eps(0)) == "speech_layer: eps = 0, must be > 0 and finite");
  CHECK(refused(with_eps(1e300)) == "speech_layer: eps = 1e+300, must be > 0 and finite");
  CHECK(refused(with_eps(std::numeric_limits<double>::quiet_NaN())) ==
        "speech_layer: eps = nan, must be > 0 and finite");
  CHECK(refused({.channels = 24, .hidden = 30, .heads = 5}) == "self_attention: 5 heads, must divide the 24 channels");
  CHECK(refused({.channels = 24, .hidden = -1, .heads = 3}) == "parameter_table: a size is -1, must be >= 0");

  parameter_table table;
  auto const distances = tshift::train::speech_distances<float>(table, 4, 16, 12);
  CHECK(message_of([&] { layer(table, 0, good, distances); }) ==
        "self_attention: the distances are of 4 heads, must be of 3");
  CHECK(message_of([&] { tshift::train::speech_distances<float>(table, 4); }) ==
        "parameter_table: encoder.layers.0.attention.rel_attn_embed.weight is there already");

  parameter_table fresh;
  layer const one(fresh, 0, good);
  CHECK(message_of([&] { layer(fresh, 0, good); }) ==
        "parameter_table: encoder.layers.0.attention.q_proj.weight is there already");
  tshift::shape const dims{2, 4, 24};
  std::vector<float> x(192), y(192), saved = one.make_saved(dims), workspace = one.make_workspace(dims);
  std::vector<float> gradients(static_cast<std::size_t>(fresh.size()));
  tensor_view<float const> const in(x.data(), dims);
  tensor_view<float> const out(y.data(), dims);
  auto const elements = [](index_t n) { return std::to_string(n); };
  index_t const kept = one.saved_size(dims);
  CHECK(message_of([&] { one.forward(in, out, std::span(saved).first(saved.size() - 1), workspace); }) ==
        "speech_layer: saved has " + elements(kept - 1) + " elements, must be >= " + elements(kept));
  CHECK(message_of([&] {
          one.backward(in, saved, tensor_view<float const>(out), {}, std::span(gradients).first(gradients.size() - 1),
                       workspace);
        }) == "speech_layer: gradients has " + elements(fresh.size() - 1) +
                  " elements, must be >= " + elements(fresh.size()));
  CHECK(message_of([&] {
          one.forward(tensor_view<float const>(x.data(), {2, 4, 23}), out, saved, workspace);
        }) == "speech_layer: x has 23 channels, must have 24");
}
