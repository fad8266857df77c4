// SPDX-License-Identifier: MIT
// The side of tshift in models.py and training.py, which compile and feed it. The lines it reads and answers stand at the
// top of the first.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include <omp.h>

#include <tshift/models.hpp>

#include "../../tests/support/seeded.hpp"
#include "../../tests/support/seeded_neighbours.hpp"
#include "../../tests/support/seeded_speech.hpp"
#include "blocks.hpp"
#include "training.hpp"

namespace {

using tshift::index_t;
using clock_type = std::chrono::steady_clock;

double seconds_since(clock_type::time_point start) {
  return std::chrono::duration<double>(clock_type::now() - start).count();
}

/// Whether what is loaded keeps its weights as bf16.
tshift::stored stored_as = tshift::stored::full;

tshift::weights::state_dict stored(tshift::weights::state_dict weights) {
  weights.store_as(stored_as);
  return weights;
}

/// A model or a block with its input, output and workspace; or a model that is trained, whose call is a step.
struct loaded {
  tshift::shape shape;
  std::vector<float> x, y, workspace;
  std::function<void()> forward;
  std::shared_ptr<peers::trainee> trained;
};

/// @param image  what the model sees of x: it, or the same memory as an image
template <class Model>
void use(loaded& to, Model model, tshift::tensor_view<float const> const& image) {
  to.workspace.assign(static_cast<std::size_t>(model.workspace_size(image.shape)), 0.0f);
  to.y.assign(static_cast<std::size_t>(to.shape.batch * model.classes()), 0.0f);
  index_t const classes = model.classes();
  // std::function copies what it holds; models are movable, so it holds a pointer.
  to.forward = [&to, image, classes, shared = std::make_shared<Model const>(std::move(model))] {
    tshift::tensor_view<float> const y(to.y.data(), {to.shape.batch, 1, classes});
    peers::on_threads([&](auto const&... exec) { shared->forward(exec..., image, y, to.workspace); });
  };
}

template <class Model>
void use(loaded& to, Model model) {
  use(to, std::move(model), {to.x.data(), to.shape});
}

/// "image.crnn", "image.chen", "image.student", "image.teacher": as IMAGES of models.py.
void use_image(loaded& to, std::string const& kind, std::uint64_t seed) {
  if (kind == "image.crnn" || kind == "image.chen") {
    test_support::crnn_sizes s;
    if (kind == "image.chen") {
      s.attention = 64;
      s.summaries = 1;
    } else {
      s.widths = {5, 9, 17, 33};
      s.filters = 32;
    }
    tshift::shape const image{to.shape.batch, to.shape.time, s.channels, s.bands};
    use(to, tshift::models::crnn<float>(stored(test_support::seeded_neighbour<float>(s, seed))),
        {to.x.data(), image, tshift::layout::ntsc});
    return;
  }
  test_support::vit_sizes s;
  s.teacher = kind == "image.teacher";
  if (!s.teacher && kind != "image.student") throw std::runtime_error("unknown word " + kind);
  if (s.teacher) s.layers = 6;
  use(to, tshift::models::vertical_vit<float>(stored(test_support::seeded_neighbour<float>(s, seed))));
}

void use_block(loaded& to, test_support::model_sizes const& sizes, tshift::model_shift const& shift,
               std::uint64_t seed) {
  index_t const D = sizes.width;
  auto const plan = shift.n_div == 0 ? tshift::shift_plan(D, {})
                                     : tshift::presets::shiftser(D, shift.n_div, shift.towards, shift.stride);
  peers::block const block = peers::make_block(sizes, shift.where, plan, to.shape, seed);
  bool const lazily = sizes.kind != "block.residual_mlp" && tshift::nn::shifts_branch(shift.where);
  tshift::shape const out{to.shape.batch, block.pools ? 1 : to.shape.time, block.channels};
  to.workspace.assign(static_cast<std::size_t>(block.workspace), 0.0f);
  to.y.assign(static_cast<std::size_t>(out.batch * out.time * out.channels), 0.0f);
  to.forward = [&to, block, plan, lazily, out] {
    tshift::tensor_view<float const> const x(to.x.data(), to.shape);
    block.run(tshift::nn::shifted_if<float>(lazily, x, plan), {to.y.data(), out}, to.workspace);
  };
}

/// "speech.base", "speech.wavlm", "speech.large": samples to the last hidden state.
void use_speech(loaded& to, std::string const& kind, std::uint64_t seed) {
  bool const large = kind == "speech.large";
  test_support::speech_sizes s = test_support::published_sizes(large);
  s.buckets = kind == "speech.wavlm" ? 320 : 0;
  if (!large && kind != "speech.base" && s.buckets == 0) throw std::runtime_error("unknown word " + kind);
  tshift::speech_encoder_options options;
  options.heads = s.heads;
  options.norm_first = s.first;
  auto const encoder = std::make_shared<tshift::models::speech_encoder<float> const>(
      tshift::weights::speech_encoder_weights(stored(test_support::seeded_speech<float>(s, seed))), options);
  tshift::shape const out{to.shape.batch, encoder->frames(to.shape.time), encoder->channels()};
  to.workspace.assign(static_cast<std::size_t>(encoder->workspace_size(to.shape)), 0.0f);
  to.y.assign(static_cast<std::size_t>(out.size()), 0.0f);
  to.forward = [&to, encoder, out] {
    tshift::tensor_view<float const> const x(to.x.data(), to.shape);
    tshift::tensor_view<float> const y(to.y.data(), out);
    peers::on_threads([&](auto const&... exec) { encoder->forward(exec..., x, y, to.workspace); });
  };
}

/// "train.cnn" and so on.
void use_training(loaded& to, test_support::model_sizes sizes, tshift::model_shift const& shift, std::uint64_t seed) {
  sizes.kind.erase(0, std::string("train.").size());
  tshift::tensor_view<float const> const x(to.x.data(), to.shape);
  to.trained = std::make_shared<peers::trainee>(sizes, shift, x, seed);
  to.forward = [trained = to.trained] { (void)trained->step(); };
}

template <class Value>
Value chosen(std::map<std::string, Value> const& words, std::string const& word) {
  auto const found = words.find(word);
  if (found == words.end()) throw std::runtime_error("unknown word " + word);
  return found->second;
}

void load(std::istream& words, loaded& to) {
  test_support::model_sizes sizes;
  tshift::model_shift shift;
  std::string towards, where;
  index_t batch = 0, time = 0;
  std::uint64_t seed = 0;
  words >> sizes.kind >> sizes.position >> sizes.width >> sizes.length >> sizes.classes >> shift.n_div >> towards >>
      shift.stride >> where >> batch >> time >> seed;
  if (!words) throw std::runtime_error("load: words are missing");
  shift.towards = chosen<tshift::direction>(
      {{"delay", tshift::direction::delay}, {"advance", tshift::direction::advance}, {"both", tshift::direction::both}},
      towards);
  shift.where = chosen<tshift::placement>({{"none", tshift::placement::none},
                                           {"branch", tshift::placement::branch},
                                           {"skip", tshift::placement::skip},
                                           {"both", tshift::placement::both}},
                                          where);
  to.shape = {batch, time, sizes.width};
  to.forward = nullptr;
  to.trained.reset();  // both read x
  to.x = test_support::seeded<float>("x", {batch, time, sizes.width}, seed);
  if (sizes.kind.starts_with("block.")) return use_block(to, sizes, shift, seed);
  if (sizes.kind.starts_with("speech.")) return use_speech(to, sizes.kind, seed);
  if (sizes.kind.starts_with("image.")) return use_image(to, sizes.kind, seed);
  if (sizes.kind.starts_with("train.")) return use_training(to, sizes, shift, seed);
  auto const weights = stored(test_support::seeded_weights<float>(sizes, seed));
  if (sizes.kind == "cnn") {
    use(to, tshift::models::shift_cnn<float>(weights, shift));
  } else if (sizes.kind == "lstm" || sizes.kind == "shift_lstm") {
    use(to, tshift::models::shift_lstm<float>(weights, shift));
  } else {
    std::optional<tshift::frame_positions> kind;
    if (sizes.position == "relative_key") kind = tshift::frame_positions::relative_key;
    use(to, tshift::models::shiftformer<float>(weights, shift, kind));
  }
}

/// The most of `amount` per second that one of the calls in 0.3 s reached.
template <class Call>
double best_rate(double amount, Call const& call) {
  call();
  double best = 0;
  for (auto const start = clock_type::now(); seconds_since(start) < 0.3;) {
    auto const one = clock_type::now();
    call();
    best = std::max(best, amount / seconds_since(one));
  }
  return best;
}

/// Reads `count` floats as fast as loads go; several sums, and lines asked for ahead, as a stream from the L3 needs it.
float read_all(float const* data, std::size_t count) {
  using vector = xsimd::batch<float>;
  constexpr std::size_t width = vector::size, step = 8 * width;
  vector sums[8];
  for (auto& sum : sums) sum = vector(0.0f);
  for (std::size_t i = 0; i + step <= count; i += step) {
    for (std::size_t k = 0; k < 8; ++k) {
      __builtin_prefetch(data + i + k * width + 1024);
      sums[k] = sums[k] + vector::load_unaligned(data + i + k * width);
    }
  }
  vector total(0.0f);
  for (auto const& sum : sums) total = total + sum;
  float lanes[width];
  total.store_unaligned(lanes);
  return lanes[0];
}

void answer_floor(loaded const& on) {
  bool const narrow = on.shape.channels < 192;  // then PRODUCT of models.py
  index_t const time = narrow ? 374 : on.shape.time, D = narrow ? 768 : on.shape.channels;
  auto const rows = test_support::seeded<float>("floor.x", {time, D}, 1);
  auto const weight = test_support::seeded<float>("floor.weight", {4 * D, D}, 1);
  tshift::nn::linear<float> const product(D, 4 * D, weight);
  std::vector<float> result(static_cast<std::size_t>(time * 4 * D));
  tshift::tensor_view<float const> const x(rows.data(), {1, time, D});
  tshift::tensor_view<float> const y(result.data(), {1, time, 4 * D});
  double const flops = best_rate(8.0 * static_cast<double>(time * D * D), [&] { product.forward(x, y); });
  float volatile sink = 0;
  double const bytes =
      best_rate(16.0 * static_cast<double>(D * D), [&] { sink = sink + read_all(weight.data(), weight.size()); });
  std::cout << "floor " << flops * 1e-9 << " " << bytes * 1e-9 << std::endl;
}

void answer_gradients(peers::trainee& trained, std::string const& file) {
  trained.restart();
  auto const first = trained.step();
  trained.write_gradients(file);
  auto const second = trained.step();
  std::cout << std::scientific;
  std::cout.precision(9);
  std::cout << "gradients " << first.loss << " " << first.norm << " " << second.loss << " " << trained.saved_size()
            << std::defaultfloat << std::endl;
}

void answer(std::string const& line, loaded& model) {
  std::istringstream words(line);
  std::string command;
  words >> command;
  if (command == "load") {
    load(words, model);
    std::cout << "ok" << std::endl;
    return;
  }
  if (command == "weights") {
    if (std::string how; !(words >> how) || how != "bf16") throw std::runtime_error("weights: bf16 is all there is");
    stored_as = tshift::stored::bf16;
    std::cout << "ok" << std::endl;
    return;
  }
  if (command == "threads") {
    if (!(words >> peers::threads) || peers::threads < 1) throw std::runtime_error("threads: a number is needed");
    omp_set_num_threads(peers::threads);
    std::cout << "ok" << std::endl;
    return;
  }
  if (!model.forward) throw std::runtime_error("nothing is loaded");
  if (command == "logits") {
    model.forward();
    std::cout << "logits" << std::scientific;
    std::cout.precision(9);
    for (float const value : model.y) std::cout << " " << value;
    std::cout << std::defaultfloat << std::endl;
  } else if (command == "run") {
    int untimed = 0, timed = 0;
    if (!(words >> untimed >> timed) || timed < 1) throw std::runtime_error("run: two numbers are needed");
    if (model.trained) model.trained->restart();
    for (int i = 0; i < untimed; ++i) model.forward();
    auto const start = clock_type::now();
    for (int i = 0; i < timed; ++i) model.forward();
    std::cout << "run " << seconds_since(start) * 1e3 / timed << std::endl;
  } else if (command == "gradients") {
    std::string file;
    if (!model.trained || !std::getline(words >> std::ws, file)) throw std::runtime_error("gradients: of what?");
    answer_gradients(*model.trained, file);
  } else if (command == "floor") {
    answer_floor(model);
  } else {
    throw std::runtime_error("unknown command " + command);
  }
}

}  // namespace

int main() {
  peers::threads = omp_get_max_threads();  // OMP_NUM_THREADS
  std::cout << "ready tshift, xsimd " << xsimd::default_arch::name() << ", " << peers::threads << " thread(s)"
            << std::endl;
  loaded model;
  for (std::string line; std::getline(std::cin, line) && line != "quit";) {
    try {
      answer(line, model);
    } catch (std::exception const& error) {
      std::cout << "error " << error.what() << std::endl;
    }
  }
}
