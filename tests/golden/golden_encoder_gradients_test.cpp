// SPDX-License-Identifier: MIT
// What is fine-tuned of a speech encoder, its layers, the weighted sum of their states and the head, against gradients
// computed by PyTorch in double precision: encoder_gradients.txt, see README.md.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <limits>
#include <map>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include <tshift/train/layer_sum.hpp>
#include <tshift/train/loss.hpp>
#include <tshift/train/sequence_head.hpp>
#include <tshift/train/speech_layer.hpp>

#include "../support/catch.hpp"
#include "../support/seeded.hpp"
#include "case_file.hpp"
#include "gradient_probes.hpp"

namespace {

using test_support::probes;
using test_support::read_list;
using test_support::seeded;
using tshift::index_t;
using tshift::tensor_view;
namespace train = tshift::train;

constexpr std::size_t golden_cases = 10;

struct golden_case {
  std::string title;
  train::speech_layer_sizes sizes;
  index_t layers = 0, buckets = 0, distance = 0, projected = 0, classes = 0, batch = 0, time = 0;
  std::vector<index_t> lengths;
  double loss = 0;
  std::map<std::string, probes> gradients;
};

bool read_line(golden_case& c, std::string const& key, std::istringstream& words) {
  std::string name;
  if (key == "sizes") {
    words >> c.sizes.channels >> c.layers >> c.sizes.heads >> c.sizes.hidden >> c.sizes.norm_first >> c.buckets >>
        c.distance >> c.sizes.eps;
  } else if (key == "head") {
    words >> c.projected >> c.classes;
  } else if (key == "input") {
    words >> c.batch >> c.time;
  } else if (key == "lengths") {
    read_list(words, c.lengths);
  } else if (key == "loss") {
    words >> c.loss;
  } else if (key == "grad") {
    words >> name;
    read_list(words, c.gradients[name]);
  } else {
    return key == "case";
  }
  return true;
}

/// Memory that a pass has to fill.
template <class T>
std::vector<T> unset(std::size_t size) {
  return std::vector<T>(size, std::numeric_limits<T>::quiet_NaN());
}

/// The layers, one after the other, and what stands on all of their states.
template <class T>
class fine_tuned {
 public:
  explicit fine_tuned(golden_case const& c) : c_(c) {
    train::bucketed_distances<T> distances;
    if (c.buckets > 0) distances = train::speech_distances<T>(table, c.sizes.heads, c.buckets, c.distance);
    for (index_t i = 0; i < c.layers; ++i) layers_.emplace_back(table, i, c.sizes, distances);
    sum_ = {table, c.layers + 1, c.sizes.channels};
    head_ = {table, c.sizes.channels, c.projected, c.classes};
  }

  train::parameter_table table;

  /// The loss; dx is written, gradients are added to.
  double step(std::vector<T> const& values, std::vector<T> const& x, std::vector<index_t> const& labels,
              train::cross_entropy_options const& options, std::vector<T>& dx, std::vector<T>& gradients) {
    for (auto& layer : layers_) layer.pack(values);
    sum_.pack(values);
    head_.pack(values);
    index_t const D = c_.sizes.channels, states = c_.layers + 1;
    tshift::shape const narrow{c_.batch, c_.time, D}, wide{c_.batch, c_.time, states * D};
    auto const all = [this](std::vector<T>& memory, tshift::shape const& dims) {
      return tensor_view<T>(memory.data(), dims, tshift::layout::ntc, c_.lengths);
    };
    std::vector<std::vector<T>> state{x}, saved;
    std::vector<T> together(static_cast<std::size_t>(wide.size())), slopes = together;
    auto const keep = [&](index_t k) { copy(all(state.back(), narrow), all(together, wide).slice_channels(k * D, D)); };
    keep(0);
    auto workspace = unset<T>(layers_[0].make_workspace(narrow).size());
    for (index_t k = 1; k < states; ++k) {
      auto const& layer = layers_[static_cast<std::size_t>(k - 1)];
      saved.push_back(unset<T>(layer.make_saved(narrow).size()));
      state.push_back(unset<T>(x.size()));
      layer.forward(all(state[state.size() - 2], narrow), all(state.back(), narrow), saved.back(), workspace);
      keep(k);
    }
    std::vector<T> y = unset<T>(x.size()), dy = y, z(static_cast<std::size_t>(c_.batch * c_.classes)), dz = z;
    auto of_sum = sum_.make_workspace(wide), of_head = head_.make_workspace(narrow), kept = head_.make_saved(narrow);
    tensor_view<T> const logits(z.data(), {c_.batch, 1, c_.classes}), g(dz.data(), logits.shape);
    sum_.forward(all(together, wide), all(y, narrow), {}, of_sum);
    head_.forward(all(y, narrow), logits, kept, of_head);
    double const loss = train::cross_entropy<T>(logits, labels, options, g);

    head_.backward(all(y, narrow), kept, g, all(dy, narrow), gradients, of_head);
    sum_.backward(all(together, wide), {}, all(dy, narrow), all(slopes, wide), gradients, of_sum);
    dx = unset<T>(x.size());
    std::vector<T> above = dx;
    copy(all(slopes, wide).slice_channels(c_.layers * D, D), all(above, narrow));
    for (index_t k = c_.layers; k-- > 0;) {
      auto const at = static_cast<std::size_t>(k);
      layers_[at].backward(all(state[at], narrow), saved[at], all(above, narrow), all(dx, narrow), gradients,
                           workspace);
      // A state is read by the layer behind it, and by the sum.
      auto const beside = all(slopes, wide).slice_channels(k * D, D), to = all(dx, narrow);
      each_element(narrow, [&](index_t n, index_t t, index_t i) { to(n, t, i) += beside(n, t, i); });
      above = dx;
    }
    return loss;
  }

 private:
  template <class Body>
  static void each_element(tshift::shape const& dims, Body const& body) {
    for (index_t n = 0; n < dims.batch; ++n)
      for (index_t t = 0; t < dims.time; ++t)
        for (index_t i = 0; i < dims.channels; ++i) body(n, t, i);
  }
  static void copy(tensor_view<T> const& from, tensor_view<T> const& to) {
    each_element(from.shape, [&](index_t n, index_t t, index_t i) { to(n, t, i) = from(n, t, i); });
  }

  golden_case const& c_;
  std::vector<train::speech_layer<T>> layers_;
  train::layer_sum<T> sum_;
  train::sequence_head<T> head_;
};

template <class T>
void check_all(char const* type, double tolerance) {
  std::size_t tensors = 0;
  double worst = 0;
  auto const cases = test_support::read_case_file<golden_case>("encoder_gradients.txt", read_line);
  REQUIRE(cases.size() == golden_cases);
  for (std::size_t index = 0; index < cases.size(); ++index) {
    golden_case const& c = cases[index];
    INFO(c.title);
    auto const seed = static_cast<std::uint64_t>(index + 1);
    fine_tuned<T> model(c);
    std::vector<T> values(static_cast<std::size_t>(model.table.size())), gradients(values.size()), dx;
    for (auto const& p : model.table) {
      auto const of = seeded<T>(p.name, p.shape, seed);
      std::copy(of.begin(), of.end(), values.begin() + p.offset);
    }
    std::vector<index_t> labels;
    std::vector<double> class_weights;
    for (index_t n = 0; n < c.batch; ++n) labels.push_back((7 * n + 3) % c.classes);
    for (index_t k = 0; k < c.classes; ++k) class_weights.push_back(1 + 0.5 * static_cast<double>(k));
    train::cross_entropy_options options;
    if (index % 2 == 1) options = {class_weights, 0.1};
    auto const x = seeded<T>("x", {c.batch, c.time, c.sizes.channels}, seed);
    double const loss = model.step(values, x, labels, options, dx, gradients);
    CHECK(std::fabs(loss - c.loss) <= tolerance * std::max(c.loss, 1.0));

    CHECK(static_cast<index_t>(c.gradients.size()) == model.table.count() + 1);
    double squares = 0;
    for (auto const& [name, of] : c.gradients) squares += of.at(0) * of.at(0);
    auto const compare = [&](std::string const& name, std::span<T const> tensor) {
      INFO(name);
      REQUIRE(c.gradients.contains(name));
      // The gradient of a key's bias is zero: softmax does not see it. What is left is rounding.
      double const least = name.ends_with("k_proj.bias") ? 1 : 1e-4;
      double const distance = test_support::off(tensor, c.gradients.at(name), seed, least * std::sqrt(squares));
      CHECK(distance <= tolerance);
      worst = std::max(worst, distance);
      ++tensors;
    };
    compare("x", dx);
    for (auto const& p : model.table) {
      compare(p.name, std::span<T const>(gradients).subspan(static_cast<std::size_t>(p.offset),
                                                            static_cast<std::size_t>(p.size)));
    }
  }
  std::cout << "gradients of encoders, " << type << ": " << cases.size() << " cases, " << tensors << " tensors, worst "
            << worst << '\n';
}

}  // namespace

TEST_CASE("golden.encoder_gradients: gradients are PyTorch's, in float to 2e-5") { check_all<float>("float", 2e-5); }
TEST_CASE("golden.encoder_gradients: gradients are PyTorch's, in double to 1e-10") {
  check_all<double>("double", 1e-10);
}
