// SPDX-License-Identifier: MIT
// Trained models against gradients and steps of AdamW computed by PyTorch in double precision: gradients.txt, see README.md.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <tshift/models/shift_cnn.hpp>
#include <tshift/models/shift_lstm.hpp>
#include <tshift/models/shiftformer.hpp>
#include <tshift/train/checkpoint.hpp>
#include <tshift/train/clip.hpp>
#include <tshift/train/loss.hpp>
#include <tshift/train/optimiser.hpp>

#include "../support/catch.hpp"
#include "../support/seeded.hpp"
#include "gradient_probes.hpp"
#include "model_cases.hpp"

namespace {

using test_support::golden_case;
using test_support::off;
using test_support::probes;
using tshift::index_t;
using tshift::tensor_view;
namespace train = tshift::train;

constexpr std::size_t gradient_cases = 499, stepped_cases = 14;
constexpr index_t steps = 10;

struct expected {
  std::size_t index = 0;  // in models.txt
  double loss = 0;
  std::map<std::string, probes> gradients, after;
  std::vector<double> losses, norms;
};

bool read_line(expected& c, std::string const& key, std::istringstream& words) {
  std::string name;
  if (key == "case") {
    words >> c.index;
  } else if (key == "loss") {
    words >> c.loss;
  } else if (key == "losses") {
    test_support::read_list(words, c.losses);
  } else if (key == "norms") {
    test_support::read_list(words, c.norms);
  } else if (key == "grad" || key == "after") {
    words >> name;
    test_support::read_list(words, (key == "grad" ? c.gradients : c.after)[name]);
  } else {
    return false;
  }
  return true;
}

struct totals {
  std::size_t cases = 0, stepped = 0, tensors = 0;
  double worst = 0, worst_after = 0, worst_rounding = 0;
};

/// body(model) with the trained model of a case, its parameters in the table.
template <class T, class Body>
void with_trained(golden_case const& c, tshift::weights::state_dict const& weights, train::parameter_table& table,
                  Body const& body) {
  if (c.model.kind == "cnn") {
    body(train::shift_cnn<T>(table, train::shift_cnn_sizes_of(weights), c.shift));
  } else if (c.model.kind == "lstm" || c.model.kind == "shift_lstm") {
    body(train::shift_lstm<T>(table, train::shift_lstm_sizes_of(weights), c.shift));
  } else {
    auto const kind = c.model.position == "relative_key" ? tshift::frame_positions::relative_key
                                                         : tshift::frame_positions::relative_key_query;
    body(train::shiftformer<T>(table, train::shiftformer_sizes_of(weights, 12, kind), c.shift));
  }
}

/// Logits of inference: the forward pass that saves must give these bits.
template <class T>
std::vector<T> inferred(golden_case const& c, tshift::weights::state_dict const& weights,
                        tensor_view<T const> const& x) {
  std::vector<T> y(static_cast<std::size_t>(c.batch * c.model.classes));
  auto const run = [&](auto const& model) {
    auto workspace = model.make_workspace(x.shape);
    model.forward(x, tensor_view<T>(y.data(), {c.batch, 1, c.model.classes}), workspace);
  };
  if (c.model.kind == "cnn") {
    run(tshift::models::shift_cnn<T>(weights, c.shift));
  } else if (c.model.kind == "lstm" || c.model.kind == "shift_lstm") {
    run(tshift::models::shift_lstm<T>(weights, c.shift));
  } else {
    std::optional<tshift::frame_positions> kind;
    if (c.model.position == "relative_key") kind = tshift::frame_positions::relative_key;
    run(tshift::models::shiftformer<T>(weights, c.shift, kind));
  }
  return y;
}

template <class T>
void check(golden_case const& c, expected const& want, double tolerance, totals& sum) {
  INFO(c.title);
  auto const weights = test_support::seeded_weights<T>(c.model, c.seed);
  std::vector<T> const x = test_support::seeded<T>("x", {c.batch, c.time, c.model.width}, c.seed);
  tensor_view<T const> const view(x.data(), {c.batch, c.time, c.model.width}, tshift::layout::ntc, c.lengths);
  std::vector<index_t> labels;
  for (index_t n = 0; n < c.batch; ++n) labels.push_back((7 * n + 3) % c.model.classes);
  std::vector<double> class_weights;
  for (index_t k = 0; k < c.model.classes; ++k) class_weights.push_back(1 + 0.5 * static_cast<double>(k));
  train::cross_entropy_options options;
  if (want.index % 2 == 1) options = {class_weights, 0.1};

  train::parameter_table table;
  with_trained<T>(c, weights, table, [&](auto&& model) {
    std::vector<T> values(static_cast<std::size_t>(table.size()));
    train::read_values<T>(table, weights, values);
    auto saved = model.make_saved(view.shape), workspace = model.make_workspace(view.shape);
    std::fill(saved.begin(), saved.end(), std::numeric_limits<T>::quiet_NaN());
    std::fill(workspace.begin(), workspace.end(), std::numeric_limits<T>::quiet_NaN());
    std::vector<T> y(static_cast<std::size_t>(c.batch * c.model.classes)), dy(y.size()), gradients(values.size()),
        dx(x.size());
    tensor_view<T> const logits(y.data(), {c.batch, 1, c.model.classes}), g(dy.data(), logits.shape);
    auto const pass = [&](tensor_view<T> const& to) {
      model.pack(std::span<T const>(values));
      std::fill(gradients.begin(), gradients.end(), T(0));
      model.forward(view, logits, saved, workspace);
      double const loss = train::cross_entropy<T>(logits, labels, options, g);
      model.backward(view, saved, tensor_view<T const>(g), to, gradients, workspace);
      return loss;
    };
    double const loss = pass(tensor_view<T>(dx.data(), view.shape));
    CHECK(y == inferred<T>(c, weights, view));
    CHECK(std::fabs(loss - want.loss) <= tolerance * std::max(want.loss, 1.0));
    double squares = 0;
    for (auto const& [name, of] : want.gradients) squares += of.at(0) * of.at(0);
    double const least = 1e-4 * std::sqrt(squares);
    auto const compare = [&](std::string const& name, std::span<T const> tensor, auto const& all, double& worst) {
      INFO(name);
      REQUIRE(all.contains(name));
      double const distance = off(tensor, all.at(name), c.seed, least);
      CHECK(distance <= tolerance);
      worst = std::max(worst, distance);
      ++sum.tensors;
    };
    compare("x", dx, want.gradients, sum.worst);
    auto const part = [](std::vector<T> const& all, train::parameter const& p) {
      return std::span<T const>(all).subspan(static_cast<std::size_t>(p.offset), static_cast<std::size_t>(p.size));
    };
    CHECK(static_cast<index_t>(want.gradients.size()) == table.count() + 1);
    for (auto const& p : table) compare(p.name, part(gradients, p), want.gradients, sum.worst);
    ++sum.cases;
    if (want.losses.empty()) return;

    std::vector<T> first(values.size()), second(values.size());
    for (index_t step = 1; step <= steps; ++step) {
      double const now = pass({});
      auto const clipped = train::gradient_clipping<T>(table, gradients, 0.5);
      auto const at = static_cast<std::size_t>(step - 1);
      CHECK(std::fabs(now - want.losses.at(at)) <= tolerance * std::max(now, 1.0));
      CHECK(std::fabs(clipped.norm - want.norms.at(at)) <= tolerance * want.norms[at]);
      train::adamw<T>(table, {.rate = 2e-3, .decay = 0.05}, step, {values, gradients, first, second}, clipped.factor);
    }
    // The gradient of a key's bias is zero: softmax does not see it. What is left is rounding, which AdamW makes steps of.
    double const as_usual = tolerance;
    for (auto const& p : table) {
      bool const rounding = sizeof(T) == 4 && p.name.ends_with("qkv.bias");
      tolerance = rounding ? 1e-3 : as_usual;
      compare(p.name, part(values, p), want.after, rounding ? sum.worst_rounding : sum.worst_after);
    }
    ++sum.stepped;
  });
}

template <class T>
void check_all(char const* type, double tolerance) {
  totals sum;
  auto const cases = test_support::read_cases();
  for (expected const& want : test_support::read_case_file<expected>("gradients.txt", read_line))
    check<T>(cases.at(want.index), want, tolerance, sum);
  std::cout << "gradients, " << type << ": " << sum.cases << " cases, " << sum.tensors << " tensors, worst "
            << sum.worst << "; after " << steps << " steps of AdamW " << sum.stepped << " cases, worst "
            << sum.worst_after << '\n';
  CHECK(sum.cases == gradient_cases);
  CHECK(sum.stepped == stepped_cases);
}

}  // namespace

TEST_CASE("golden.gradients: gradients and steps are PyTorch's, in float to 2e-5") { check_all<float>("float", 2e-5); }
TEST_CASE("golden.gradients: gradients and steps are PyTorch's, in double to 1e-10") {
  check_all<double>("double", 1e-10);
}
