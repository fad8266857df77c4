// SPDX-License-Identifier: MIT
// Every block and every model with an executor: the bits of one thread for any number of threads and any order of the
// parts, without an allocation, and in the workspace that is asked for without one.
#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <cmath>
#include <cstddef>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <tshift/models/shift_cnn.hpp>
#include <tshift/models/shift_lstm.hpp>
#include <tshift/models/shiftformer.hpp>
#include <tshift/nn/activations.hpp>
#include <tshift/nn/conv1d.hpp>
#include <tshift/nn/conv2d.hpp>
#include <tshift/nn/depthwise_conv1d.hpp>
#include <tshift/nn/instance_norm.hpp>
#include <tshift/nn/layer_norm.hpp>
#include <tshift/nn/linear.hpp>
#include <tshift/nn/lstm.hpp>
#include <tshift/nn/mlp.hpp>
#include <tshift/nn/pool.hpp>
#include <tshift/nn/pool2d.hpp>
#include <tshift/nn/residual.hpp>
#include <tshift/nn/self_attention.hpp>
#include <tshift/nn/summary.hpp>

#include "../support/allocation_counter.hpp"
#include "../support/catch.hpp"
#include "../support/nn_cases.hpp"
#include "../support/seeded.hpp"
#include "../support/seeded_neighbours.hpp"
#include "../support/thread_executor.hpp"

namespace {

using namespace test_support;

/// Threads that stand ready, so that a call allocates nothing. One call at a time: a part that asks for parts of its
/// own would wait for ever in some pools; here it is noted.
class team {
 public:
  explicit team(int threads) : together_(threads) {
    for (int i = 1; i < threads; ++i) helpers_.emplace_back([this] { help(); });
  }
  team(team const&) = delete;
  team& operator=(team const&) = delete;
  ~team() {
    count_ = -1;
    together_.arrive_and_wait();
    for (std::thread& helper : helpers_) helper.join();
  }

  template <class Body>
  void operator()(index_t n, Body const& body) {
    bool const within = busy_.exchange(true);
    if (within) nested_ = true;
    if (within || n < 2) {
      for (index_t i = 0; i < n; ++i) body(i);
      if (!within) busy_ = false;
      return;
    }
    body_ = &body;
    call_ = [](void const* what, index_t i) { (*static_cast<Body const*>(what))(i); };
    count_ = n;
    next_ = 0;
    together_.arrive_and_wait();
    work();
    together_.arrive_and_wait();
    busy_ = false;
  }

  bool nested() const { return nested_; }

 private:
  void work() {
    for (index_t i = next_.fetch_add(1); i < count_; i = next_.fetch_add(1)) call_(body_, i);
  }
  void help() {
    for (;;) {
      together_.arrive_and_wait();
      if (count_ < 0) return;
      work();
      together_.arrive_and_wait();
    }
  }

  std::barrier<> together_;
  std::vector<std::thread> helpers_;
  std::atomic<bool> busy_{false}, nested_{false};
  std::atomic<index_t> next_{0};
  index_t count_ = 0;
  void const* body_ = nullptr;
  void (*call_)(void const*, index_t) = nullptr;
};

constexpr int thread_counts[] = {1, 2, 3, 8};
constexpr index_t executor_count = 6;

/// All of them behind one type: blocks are compiled once.
class executors {
 public:
  executors() : teams_{team(1), team(2), team(3), team(8)} {
    for (std::size_t i = 0; i < std::size(thread_counts); ++i) {
      add(std::to_string(thread_counts[i]) + " threads",
          [&one = teams_[i]](index_t n, auto const& body) { one(n, body); });
    }
    add("the last part first", reversed_executor());
    add("every second part first", [](index_t n, auto const& body) {
      for (index_t i = 1; i < n; i += 2) body(i);
      for (index_t i = 0; i < n; i += 2) body(i);
    });
  }

  template <class Visit>
  void for_each(Visit const& visit) const {
    for (auto const& [name, run] : all_) visit(name, run);
  }

  bool nested() const {
    return std::any_of(std::begin(teams_), std::end(teams_), [](team const& one) { return one.nested(); });
  }

 private:
  template <class Executor>
  void add(std::string name, Executor run) {
    all_.emplace_back(std::move(name), any_executor(run));
  }

  team teams_[4];
  std::vector<std::pair<std::string, any_executor>> all_;
};

/// What gelu and mean_pool would be as blocks.
template <class T>
struct gelu_block {
  static index_t workspace_size(tshift::shape const&) { return 0; }
  void forward(tshift::nn::input<T> const& x, tensor_view<T> const& y, std::span<T>) const {
    tshift::nn::gelu<T>(x, y);
  }
  void forward(any_executor const& run, tshift::nn::input<T> const& x, tensor_view<T> const& y, std::span<T>) const {
    tshift::nn::gelu<T>(run, x, y);
  }
};
template <class T>
struct activate_block {
  static index_t workspace_size(tshift::shape const&) { return 0; }
  void forward(tshift::nn::input<T> const& x, tensor_view<T> const& y, std::span<T>) const { tshift::nn::elu<T>(x, y); }
  void forward(any_executor const& run, tshift::nn::input<T> const& x, tensor_view<T> const& y, std::span<T>) const {
    tshift::nn::activate<T>(run, tshift::activation::elu(), x, y);
  }
};
/// A block of images, on images of four places: their channels and places side by side are the channels of a row.
template <class T, class Block>
struct image_block {
  static constexpr index_t places = 4;
  Block block;
  index_t channels;  // of y

  static tshift::shape image(tshift::shape const& rows) {
    return {rows.batch, rows.time, rows.channels / places, places};
  }
  template <class Element>
  static tensor_view<Element> image(tensor_view<Element> const& rows) {
    tensor_view<Element> view = rows;
    view.shape = image(rows.shape);
    view.strides.space = view.shape.channels;
    return view;
  }
  index_t workspace_size(tshift::shape const& x) const { return block.workspace_size(image(x)); }
  void forward(tshift::nn::input<T> const& x, tensor_view<T> const& y, std::span<T> workspace) const {
    block.forward(image(x.base()), image(y), workspace);
  }
  void forward(any_executor const& run, tshift::nn::input<T> const& x, tensor_view<T> const& y,
               std::span<T> workspace) const {
    block.forward(run, image(x.base()), image(y), workspace);
  }
};
template <class T>
struct pool2d_block {
  static constexpr tshift::window_axis time{2, 1, 0, 0}, space{1, 1, 0, 0};
  static index_t workspace_size(tshift::shape const&) { return 0; }
  void forward(tshift::nn::input<T> const& x, tensor_view<T> const& y, std::span<T>) const {
    tshift::nn::max_pool<T>(x, y, time, space);
  }
  void forward(any_executor const& run, tshift::nn::input<T> const& x, tensor_view<T> const& y, std::span<T>) const {
    tshift::nn::max_pool<T>(run, x, y, time, space);
  }
};
template <class T>
struct mean_pool_block {
  static index_t workspace_size(tshift::shape const&) { return 0; }
  void forward(tshift::nn::input<T> const& x, tensor_view<T> const& y, std::span<T>) const {
    tshift::nn::mean_pool<T>(x, y);
  }
  void forward(any_executor const& run, tshift::nn::input<T> const& x, tensor_view<T> const& y, std::span<T>) const {
    tshift::nn::mean_pool<T>(run, x, y);
  }
};

/// One input, as a view or read through a shift.
template <class T>
struct example {
  tensor_view<T const> x;
  std::optional<shift_plan> plan;
};

/// Models and wrapped blocks take a view, and shift it themselves.
template <class Block>
concept model = requires(Block const& block) {
  block.classes();
};
template <class Block>
concept wrapped = requires(Block const& block) {
  block.where();
};

/// One block, or model, on one input. Counts a case for each executor.
/// @param out    sizes of y
/// @param parts  the largest number of parts any executor was asked for so far
template <class T, class Block>
void check_one(tally& sum, index_t& parts, executors const& all, std::string const& name, Block const& block,
               example<T> const& one, tshift::shape const& out) {
  auto const x = [&] {
    if constexpr (model<Block> || wrapped<Block>) {
      return one.x;
    } else {
      return shifted_by(one.plan, one.x);
    }
  }();
  random_bits random(401);
  auto const size = static_cast<index_t>(block.workspace_size(one.x.shape));
  std::vector<T> memory(static_cast<std::size_t>(out.size()), around_outputs<T>);
  tensor_view<T> const want(memory.data(), out);
  {
    exact_workspace<T> workspace(size);
    block.forward(x, want, workspace);
  }
  all.for_each([&](std::string const& how, any_executor const& run) {
    placed_tensor<T> y(out, around_outputs<T>, random);
    exact_workspace<T> workspace(size);
    std::span<T> const room = workspace;
    long const allocated = allocations_in([&] { block.forward(run, x, y.view, room); });
    bool same = true;
    tshift::reference::for_each_element(
        out, [&](index_t n, index_t t, index_t c, index_t) { same &= same_bits(y.view(n, t, c), want(n, t, c)); });
    bool const kept = y.gaps_untouched();
    sum.count(same && allocated == 0 && kept, [&] {
      return name + ", " + how + ", " +
             describe(one.x.shape, one.plan.value_or(shift_plan(one.x.shape.channels, {})), one.x.lengths) +
             (same ? "" : ": other bits than without an executor") + (kept ? "" : ": writes between rows") +
             (allocated == 0 ? "" : ": allocates");
    });
  });
  any_executor const counting([&](index_t n, auto const& body) {
    parts = std::max(parts, n);
    for (index_t i = 0; i < n; ++i) body(i);
  });
  exact_workspace<T> workspace(size);
  block.forward(counting, x, want, std::span<T>(workspace));
  if (size == 0) return;
  // No two parts of a call may write one place, which threads notice only where they meet there.
  std::span<T> const room = workspace;
  bool apart = true;
  any_executor const watching([&](index_t n, auto const& body) {
    std::vector<T> before(room.begin(), room.end());
    std::vector<bool> written(before.size());
    for (index_t i = 0; i < n; ++i) {
      body(i);
      for (std::size_t k = 0; k < before.size(); ++k) {
        if (same_bits(before[k], room[k])) continue;
        apart &= !written[k];
        written[k] = true;
        before[k] = room[k];
      }
    }
  });
  block.forward(watching, x, want, room);
  INFO(name << " writes one place of the workspace in two parts");
  CHECK(apart);
  // Before the first write, and whoever does the work.
  std::vector<T> const before = memory;
  auto const refused = message_of([&] { block.forward(counting, x, want, std::span<T>(workspace).subspan(1)); });
  CHECK(refused.ends_with(": workspace has " + std::to_string(size - 1) +
                          " elements, must be >= " + std::to_string(size)));
  CHECK(same_bytes(before.data(), memory.data(), before.size() * sizeof(T)));
}

/// Calls visit(name, block, outputs, frames(T)) with blocks of every kind that read C channels.
/// @param longest  frames
template <class T, class Visit>
void for_each_block(index_t C, index_t longest, Visit const& visit) {
  random_bits random(402);
  auto const weights = [&](index_t size) {
    return uniform<T>(size, random, 1.5 / std::sqrt(static_cast<double>(C + 1)));
  };
  auto const same = [](index_t time) { return time; };
  visit("linear", tshift::nn::linear<T>(C, C + 5, weights(C * (C + 5)), weights(C + 5)), C + 5, same);
  for (index_t const groups : {index_t{1}, index_t{4}, C}) {
    tshift::conv1d_options const how{
        .inputs = C, .outputs = 2 * C, .taps = 5, .stride = groups == 4 ? 1 : 2, .padding = 2, .groups = groups};
    tshift::nn::conv1d<T> const block(how, weights(2 * C * (C / groups) * 5), weights(2 * C));
    visit("conv1d", block, 2 * C, [&block](index_t time) { return block.frames(time); });
  }
  if constexpr (std::is_same_v<T, float>) {
    using tshift::stored;
    visit("linear, bf16", tshift::nn::linear<T>(C, C + 5, {weights(C * (C + 5)), stored::bf16}, weights(C + 5)), C + 5,
          same);
    tshift::conv1d_options const how{.inputs = C, .outputs = C, .taps = 3, .padding = 1};
    visit("conv1d, bf16", tshift::nn::conv1d<T>(how, {weights(3 * C * C), stored::bf16}), C, same);
    index_t const H = C / 3 + 2;
    std::vector<T> const ih = weights(4 * H * C), hh = weights(4 * H * H), bias = weights(4 * H);
    tshift::nn::lstm_weights<T> const halves{{ih, stored::bf16}, {hh, stored::bf16}, bias, bias};
    visit("lstm, bf16", tshift::nn::lstm<T>(C, H, halves, halves), 2 * H, same);
  }
  visit("depthwise_conv1d", tshift::nn::depthwise_conv1d<T>(C, 7, weights(C * 7), weights(C)), C, same);
  visit("layer_norm", tshift::nn::layer_norm<T>(weights(C), weights(C)), C, same);
  visit("gelu", gelu_block<T>(), C, same);
  visit("activate", activate_block<T>(), C, same);
  visit("mean_pool", mean_pool_block<T>(), C, [](index_t) { return index_t{1}; });
  {
    using tshift::summary_kind;
    std::vector<T> const w = weights(5 * C), u = weights(5);
    std::vector<summary_kind> const kinds = {summary_kind::last, summary_kind::std, summary_kind::attention};
    visit("summary", tshift::nn::summary<T>(C, kinds, 2, {w, {}, u}), 3 * C, [](index_t) { return index_t{1}; });
    index_t const image = C / 4;
    for (index_t const groups : {index_t{1}, image}) {
      tshift::window_axis const three = tshift::window_axis::same(3);
      tshift::conv2d_options const how{
          .inputs = image, .outputs = 2 * image, .time = three, .space = three, .groups = groups};
      tshift::nn::conv2d<T> const block(how, weights(2 * image * (image / groups) * 9), weights(2 * image),
                                        tshift::activation::relu());
      visit("conv2d", image_block<T, tshift::nn::conv2d<T>>{block, 2 * image}, 2 * C, same);
    }
    visit("instance_norm", image_block<T, tshift::nn::instance_norm<T>>{tshift::nn::instance_norm<T>(image), image}, C,
          same);
    visit("max_pool", pool2d_block<T>(), C, [](index_t time) { return time < 2 ? 0 : time - 1; });
  }
  tshift::nn::mlp<T> const perceptron({C, 3 * C + 1, weights(C * (3 * C + 1))},
                                      {3 * C + 1, C, weights((3 * C + 1) * C)});
  visit("mlp", perceptron, C, same);
  index_t const H = C / 2 + 3;
  std::vector<T> const ih = weights(4 * H * C), hh = weights(4 * H * H), bias = weights(4 * H), other = weights(4 * H);
  tshift::nn::lstm_weights<T> const ahead{ih, hh, bias, other}, back{ih, hh, other, other};
  visit("lstm", tshift::nn::lstm<T>(C, H, ahead), H, same);
  visit("lstm of two directions", tshift::nn::lstm<T>(C, H, ahead, back), 2 * H, same);
  for (frame_positions const kind :
       {frame_positions::absolute, frame_positions::relative_key, frame_positions::relative_key_query}) {
    std::vector<T> const table = weights(kind == frame_positions::absolute ? 0 : (2 * longest - 1) * (C / 4));
    tshift::nn::self_attention<T> const block(C, 4, weights(3 * C * C), weights(3 * C), kind, table);
    visit("self_attention", block, C, same);
    shift_plan const plan = tshift::presets::shiftser(C, 4, tshift::direction::both);
    if (kind == frame_positions::absolute)
      visit("attention, wrapped", tshift::nn::wrap<T>(block, placement::skip, plan), C, same);
  }
  for (placement const where : {placement::none, placement::both}) {
    shift_plan const plan = tshift::presets::shiftser(C, 3, tshift::direction::both, 2, tshift::padding::edge);
    visit("mlp, wrapped", tshift::nn::wrap<T>(perceptron, where, plan), C, same);
    auto const callable = [](tensor_view<T const> const& x, tensor_view<T> const& y) {
      tshift::reference::for_each_element(
          x.shape, [&](index_t n, index_t t, index_t c, index_t) { y(n, t, c) = 3 * x(n, t, c); });
    };
    visit("callable, wrapped", tshift::nn::wrap<T>(callable, where, plan), C, same);
  }
}

template <class T>
constexpr index_t block_count = std::is_same_v<T, float> ? 28 : 25;

/// Ragged, one sequence of no frames among them, or not.
std::vector<index_t> lengths_of(tshift::shape const& dims, bool ragged) {
  std::vector<index_t> lengths;
  for (index_t n = 0; ragged && n < dims.batch; ++n) lengths.push_back(n == 1 ? 0 : dims.time - n * dims.time / 7);
  return lengths;
}

template <class T>
void check_blocks(executors const& all, std::span<tshift::shape const> shapes) {
  random_bits random(403);
  tally sum;
  index_t parts = 0, inputs = 0;
  for (tshift::shape const& dims : shapes) {
    // Dense and ragged, plain and shifted: all four of the first shape, and two of the others.
    for (int kind = 0; kind < 4; ++kind) {
      bool const ragged = kind % 2 == 1, shifted = kind >= 2;
      if (ragged != shifted && &dims != shapes.data()) continue;
      auto const lengths = lengths_of(dims, ragged);
      auto const plan =
          tshift::presets::shiftser(dims.channels, 4, tshift::direction::both, 1, tshift::padding::circular);
      auto const check = [&](char const* name, auto const& block, index_t outputs, auto const& frames) {
        placed_tensor<T> x(dims, around_inputs<T>, random);
        x.fill(uniform<T>(dims.size(), random));
        x.view.lengths = lengths;
        example<T> const one{x.view, shifted ? std::optional(plan) : std::nullopt};
        check_one<T>(sum, parts, all, name, block, one, {dims.batch, frames(dims.time), outputs});
      };
      for_each_block<T>(dims.channels, dims.time + 1, check);
      ++inputs;
    }
  }
  std::cout << "blocks with executors, " << type_name<T>() << ": " << sum.cases << " cases\n";
  REQUIRE(inputs == static_cast<index_t>(2 * shapes.size() + 2));
  REQUIRE_ALL(sum, inputs * block_count<T> * executor_count);
}

template <class T, class Visit>
void for_each_model(index_t width, index_t longest, Visit const& visit) {
  auto const weights = [&](char const* kind, char const* how, std::uint64_t seed) {
    return seeded_weights<T>({kind, how, width, how == std::string("none") ? 0 : longest, 4}, seed);
  };
  visit("shift_cnn", tshift::models::shift_cnn<T>(weights("cnn", "none", 1)));
  visit("shift_lstm", tshift::models::shift_lstm<T>(weights("shift_lstm", "none", 2)));
  visit("lstm", tshift::models::shift_lstm<T>(weights("lstm", "none", 3)));
  visit("shiftformer", tshift::models::shiftformer<T>(weights("shiftformer", "none", 4)));
  for (char const* const kind : {"absolute", "relative_key", "relative_key_query"}) {
    visit(kind, tshift::models::shiftformer<T>(weights("transformer", kind, 5)));
  }
}

constexpr index_t model_count = 7;

template <class T>
void check_models(executors const& all) {
  tally sum;
  index_t parts = 0, shapes = 0;
  for (tshift::shape const& dims : {tshift::shape{3, 97, 12}, {1, 40, 24}, {5, 9, 12}, {2, 1, 12}}) {
    for_each_model<T>(dims.channels, dims.time, [&](char const* name, auto const& model) {
      auto const values = seeded<T>("x", {dims.batch, dims.time, dims.channels}, 9);
      for (bool const ragged : {false, true}) {
        auto const lengths = lengths_of(dims, ragged);
        example<T> const one{{values.data(), dims, tshift::layout::ntc, lengths}, {}};
        check_one<T>(sum, parts, all, name, model, one, {dims.batch, 1, model.classes()});
      }
    });
    ++shapes;
  }
  std::cout << "models with executors, " << type_name<T>() << ": " << sum.cases << " cases\n";
  REQUIRE_ALL(sum, shapes * model_count * 2 * executor_count);
}

/// Models of images: [N, T, F, C], and [N, W, H].
template <class T>
void check_image_models(executors const& all) {
  tally sum;
  index_t parts = 0;
  crnn_sizes crnn;
  crnn.bands = 13;
  crnn.filters = 16;
  crnn.widths = {3, 8};
  crnn.body = {40, 24};
  crnn.frame = 20;
  crnn.hidden = 10;
  vit_sizes vit;
  vit.rows = 24;
  vit.width = 40;
  vit.heads = 2;
  vit.depth_of_head = 16;
  vit.hidden = 60;
  vit.layers = 2;
  tshift::vertical_vit_options options;
  options.heads = 2;
  for (bool const ragged : {false, true}) {
    tshift::shape const dims{5, 40, 3, 13}, image{5, 31, 24};
    auto const values = seeded<T>("x", {dims.size()}, 9), columns = seeded<T>("x", {image.size()}, 9);
    auto const lengths = lengths_of(dims, ragged), widths = lengths_of(image, ragged);
    example<T> const one{{values.data(), dims, tshift::layout::ntsc, lengths}, {}};
    check_one<T>(sum, parts, all, "crnn", tshift::models::crnn<T>(seeded_neighbour<T>(crnn, 6)), one, {5, 1, 4});
    example<T> const two{{columns.data(), image, tshift::layout::ntc, widths}, {}};
    for (bool const teacher : {false, true}) {
      vit.teacher = teacher;
      tshift::models::vertical_vit<T> const model(seeded_neighbour<T>(vit, 7), options);
      check_one<T>(sum, parts, all, teacher ? "teacher" : "student", model, two, {5, 1, 4});
    }
  }
  CHECK(parts > 1);
  REQUIRE_ALL(sum, 2 * 3 * executor_count);
}

}  // namespace

TEST_CASE("What is for one is done where it is, what is for several goes to the executor", "[nn][threads]") {
  for (auto const& [parts, work, asked] :
       {std::array<index_t, 3>{0, 1 << 30, 0}, {1, 1 << 30, 0}, {3, 1, 0}, {3, 1 << 30, 3}}) {
    index_t given = 0, ran = 0;
    any_executor run([&](index_t n, auto const& body) {
      given = n;
      for (index_t i = n; i-- > 0;) body(i);
    });
    tshift::nn::kernel::for_parts(
        run, parts, [&ran](index_t i) { ran += index_t{1} << i; }, work);
    CHECK(given == asked);
    CHECK(ran == (index_t{1} << parts) - 1);
  }
}

TEST_CASE("Blocks: the same bits for any number of threads and any order of parts", "[nn][threads]") {
  executors const all;
  tshift::shape const shapes[] = {{3, 17, 12}, {4, 100, 16}, {1, 120, 8}, {7, 3, 20},
                                  {2, 1, 12},  {2, 0, 12},   {0, 5, 12}};
  check_blocks<float>(all, shapes);
  check_blocks<double>(all, std::span(shapes).first(3));
  CHECK_FALSE(all.nested());
}

TEST_CASE("Models: the same bits for any number of threads and any order of parts", "[models][threads]") {
  executors const all;
  check_models<float>(all);
  check_models<double>(all);
  CHECK_FALSE(all.nested());
}

TEST_CASE("Models of images: the same bits for any number of threads and any order of parts", "[models][threads]") {
  executors const all;
  check_image_models<float>(all);
  check_image_models<double>(all);
  CHECK_FALSE(all.nested());
}

TEST_CASE("Blocks and models: what is large is shared out, and is the same", "[nn][models][threads]") {
  executors const all;
  tally sum;
  std::set<std::string> shared;
  // What does little for each element is shared out from larger inputs on. Somebody's callable does its work where it is
  // called; the shift around it is shared.
  for (tshift::shape const& dims : {tshift::shape{3, 70, 96}, tshift::shape{6, 400, 192}}) {
    auto const values = seeded<float>("x", {dims.batch, dims.time, dims.channels}, 9);
    auto const lengths = lengths_of(dims, true);
    example<float> const one{{values.data(), dims, tshift::layout::ntc, lengths},
                             tshift::presets::shiftser(dims.channels, 4, tshift::direction::both)};
    auto const check = [&](char const* name, auto const& block, tshift::shape const& out) {
      // Of an LSTM also what takes long enough for two threads to meet.
      if (shared.contains(name) && std::string_view(name).find("lstm") == std::string_view::npos) return;
      index_t parts = 0;
      check_one<float>(sum, parts, all, name, block, one, out);
      if (parts > 1) shared.insert(name);
    };
    for_each_block<float>(dims.channels, dims.time,
                          [&](char const* name, auto const& block, index_t outputs, auto const& frames) {
                            check(name, block, {dims.batch, frames(dims.time), outputs});
                          });
    for_each_model<float>(dims.channels, dims.time, [&](char const* name, auto const& model) {
      check(name, model, {dims.batch, 1, model.classes()});
    });
  }
  for_each_block<float>(96, 70, [&](char const* name, auto const&...) {
    INFO(name);
    CHECK(shared.contains(name));
  });
  for_each_model<float>(96, 70, [&](char const* name, auto const&...) {
    INFO(name);
    CHECK(shared.contains(name));
  });
  std::cout << "shared out: " << shared.size() << " blocks and models, " << sum.cases << " cases\n";
  REQUIRE_ALL(sum, sum.cases);
  REQUIRE(sum.cases >= (block_count<float> + model_count) * executor_count);
  CHECK_FALSE(all.nested());
}
