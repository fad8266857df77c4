// SPDX-License-Identifier: MIT
// Built without exceptions and RTTI: every part of the library works, and says no through the program's own handler,
// which receives what shape_error or file_error would have said. The argument chooses the part; without one, the library
// writes its sentence to stderr and aborts.
#include <tshift/conformance.hpp>
#include <tshift/io/safetensors.hpp>
#include <tshift/models/shift_cnn.hpp>
#include <tshift/models/shift_lstm.hpp>
#include <tshift/models/shiftformer.hpp>
#include <tshift/nn/activations.hpp>
#include <tshift/tshift.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#if defined(__cpp_exceptions) || defined(__cpp_rtti)
#error "this file is about builds without exceptions and RTTI"
#endif

namespace {

using tshift::index_t;
using tshift::tensor_view;

char const* expected = "";

[[noreturn]] void handler(char const* message) {
  bool const right = std::strcmp(message, expected) == 0;
  std::printf("%s: %s\n", right ? "handler" : "wrong", message);
  std::fflush(stdout);
  std::_Exit(right ? 0 : 1);
}

void require(bool condition, char const* what) {
  if (condition) return;
  std::printf("wrong before the refusal: %s\n", what);
  std::exit(2);
}

constexpr tshift::shape dims{.time = 2, .channels = 2};
constexpr std::array<float, 4> x = {1.f, 2.f, 3.f, 4.f};
constexpr std::array<float, 4> shifted = {0.f, 2.f, 1.f, 4.f};

void operations() {
  std::array<float, 4> y{};
  tshift::shift({x.data(), dims}, tensor_view(y.data(), dims), tshift::shift_plan(2, {{0, 1, 1}}));
  require(y == shifted, "shift");
  expected = "shift: plan has 3 channels, x has 2";
  tshift::shift({x.data(), dims}, tensor_view(y.data(), dims), tshift::shift_plan(3, {{0, 1, 1}}));
}

void streams() {
  std::array<float, 4> y{};
  tshift::shift_stream<float> stream(tshift::shift_plan(2, {{0, 1, 1}}), {.time = 1, .channels = 2});
  require(stream.push({x, dims}, tensor_view(y, dims)) == 2 && y == shifted, "shift_stream");
  y = {};
  require(stream.flush(std::span<float>()) == 0 && stream.push(x, y) == 2 && y == shifted, "shift_stream of spans");
  expected = "shift_stream: padding circular needs the end of a sequence before its beginning, and cannot be streamed";
  tshift::shift_stream<float> const endless(tshift::shift_plan(2, {{0, 1, 1}}, tshift::padding::circular), dims);
}

void views() {
  std::array<float, 3> y{};
  require(tensor_view(y, {.time = 1, .channels = 3}).size() == 3, "tensor_view");
  expected = "tensor_view: memory has 3 elements, must have >= 4";
  tensor_view const too_short(y, dims);
}

void blocks() {
  std::array<float, 4> y{}, workspace{};
  tshift::nn::linear<float> const swap(2, 2, std::array{0.f, 1.f, 1.f, 0.f});
  swap.forward(tensor_view<float const>(x.data(), dims), tensor_view(y.data(), dims));
  require(y == std::array{2.f, 1.f, 4.f, 3.f}, "linear");
  tshift::nn::mlp<float> const twice(swap, swap);
  require(twice.workspace_size(dims) <= 4, "mlp");
  twice.forward(tensor_view<float const>(x.data(), dims), tensor_view(y.data(), dims), workspace);
  tshift::nn::gelu(tensor_view<float const>(x.data(), dims), tensor_view(y.data(), dims));
  expected = "linear: bias has 1 elements, must have 2";
  tshift::nn::linear<float> const wrong(2, 2, std::array{0.f, 1.f, 1.f, 0.f}, std::array{1.f});
}

/// Weights of an LSTM that is all zeros, so that the logits are the bias of its head.
tshift::weights::state_dict weights(index_t classes) {
  tshift::weights::state_dict dict("tiny");
  auto const add = [&](char const* name, std::vector<index_t> shape, float value) {
    index_t count = 1;
    for (index_t const size : shape) count *= size;
    dict.add_owned(name, std::move(shape), std::vector<float>(static_cast<std::size_t>(count), value));
  };
  add("rnn.weight_ih_l0", {4, 2}, 0.f);
  add("rnn.weight_hh_l0", {4, 1}, 0.f);
  add("rnn.bias_ih_l0", {4}, 0.f);
  add("rnn.bias_hh_l0", {4}, 0.f);
  add("norm.weight", {1}, 1.f);
  add("norm.bias", {1}, 0.f);
  add("head.weight", {classes, 1}, 1.f);
  add("head.bias", {2}, 5.f);
  return dict;
}

void models() {
  tshift::models::shift_lstm<float> const model(weights(2));
  std::vector<float> workspace(static_cast<std::size_t>(model.workspace_size(dims)));
  std::array<float, 2> logits{};
  model.forward(tensor_view<float const>(x.data(), dims), tensor_view(logits.data(), {.time = 1, .channels = 2}),
                workspace);
  require(logits == std::array{5.f, 5.f}, "shift_lstm");
  expected = "shift_lstm: head.bias is [2], must be [3] (tiny)";
  tshift::models::shift_lstm<float> const wrong(weights(3));
}

void files() {
  std::vector<std::byte> const file = tshift::io::to_safetensors(weights(2));
  auto const read = tshift::io::safetensors::parse(file);
  require(read.tensors().size() == 8 && read.state_dict().size() == 8, "safetensors");
  expected = "cut: has 7 bytes, must begin with 8 for the header's length";
  tshift::io::safetensors::parse(std::span(file).first(7), "cut");
}

void conformance() {
  auto const report =
      tshift::conformance::check<float>([](auto from, auto to, auto const& plan) { tshift::shift(from, to, plan); });
  require(report.passed() && report.cases > 100, report.first);
  auto const in_place =
      tshift::conformance::check_inplace<float>([](auto from, auto const& plan) { tshift::shift_inplace(from, plan); });
  require(in_place.passed(), in_place.first);
  auto const streamed = tshift::conformance::check_stream<float>(
      [](auto const& plan, auto const& frame) { return tshift::shift_stream<float>(plan, frame); });
  require(streamed.passed(), streamed.first);
  expected = "shift_plan: folds 0 and 1 overlap at channel 1";
  tshift::shift_plan const overlapping(4, {{0, 2, 1}, {1, 2, 1}});
}

struct part {
  char const* name;
  void (*run)();
};
constexpr part parts[] = {{"operations", operations},  {"streams", streams}, {"views", views},
                          {"blocks", blocks},          {"models", models},   {"files", files},
                          {"conformance", conformance}};

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) tshift::on_error = handler;
  for (part const& p : parts) {
    if (std::strcmp(p.name, argc > 1 ? argv[1] : "operations") == 0) p.run();
  }
  std::printf("not refused\n");
  return 3;
}
