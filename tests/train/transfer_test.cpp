// SPDX-License-Identifier: MIT
// train::transfer_loss: its parts are cross_entropy and l1 by their factors, what has the factor 0 is not touched, a
// batch in pieces; a student that learns a teacher's features, and then its classes.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <tshift/train/initialise.hpp>
#include <tshift/train/optimiser.hpp>
#include <tshift/train/transfer.hpp>
#include <tshift/train/vertical_vit.hpp>

#include "../support/catch.hpp"
#include "../support/message_of.hpp"
#include "../support/nn_cases.hpp"

namespace {

using namespace test_support;
using tshift::train::cross_entropy;
using tshift::train::cross_entropy_divisor;
using tshift::train::l1;
using tshift::train::parameter_table;
using tshift::train::transfer_loss;
using tshift::train::transfer_options;

constexpr index_t N = 5, K = 3, D = 7;

struct drawn {
  std::vector<double> logits, feature, target;
  std::vector<index_t> labels;
  std::vector<double> dlogits = std::vector<double>(N * K, 99), dfeature = std::vector<double>(N * D, 99);

  explicit drawn(std::uint64_t seed) {
    random_bits random(seed);
    logits = uniform<double>(N * K, random, 3);
    feature = uniform<double>(N * D, random);
    target = uniform<double>(N * D, random);
    target[3] = feature[3];
    for (index_t n = 0; n < N; ++n) labels.push_back(random.in(0, K - 1));
  }
  tensor_view<double const> of(std::vector<double> const& memory, index_t channels) const {
    return {memory.data(), {N, 1, channels}};
  }
  tensor_view<double> to(std::vector<double>& memory, index_t channels) { return {memory.data(), {N, 1, channels}}; }
  auto loss(transfer_options const& options) {
    return transfer_loss<double>(of(logits, K), labels, of(feature, D), of(target, D), options, to(dlogits, K),
                                 to(dfeature, D));
  }
};

}  // namespace

TEST_CASE("train::transfer_loss: the parts by their factors", "[train][transfer]") {
  std::vector<double> const weights{1, 2, 0.5};
  for (std::uint64_t const seed : {1U, 2U, 3U}) {
    for (double const alpha : {0.25, 1.0, 10.0}) {
      drawn one(seed);
      transfer_options options = transfer_options::of_both(alpha);
      options.classes = 0.5;
      options.cross_entropy = {weights, 0.1};
      auto const losses = one.loss(options);
      std::vector<double> dz(N * K), df(N * D);
      double const classes = cross_entropy(one.of(one.logits, K), one.labels, options.cross_entropy, one.to(dz, K));
      double const features = l1(one.of(one.feature, D), one.of(one.target, D), N * D, one.to(df, D));
      CHECK(std::fabs(losses.classes - classes) <= 1e-15 * classes);
      CHECK(std::fabs(losses.features - features) <= 1e-15 * features);
      CHECK(std::fabs(losses.total - (0.5 * classes + alpha * features)) <= 1e-15 * losses.total);
      for (std::size_t i = 0; i < dz.size(); ++i) CHECK(std::fabs(one.dlogits[i] - 0.5 * dz[i]) <= 1e-16);
      for (std::size_t i = 0; i < df.size(); ++i) CHECK(std::fabs(one.dfeature[i] - alpha * df[i]) <= 1e-15);
      CHECK(one.dfeature[3] == 0);  // equal to the target
      CHECK(one.dfeature[4] * (one.feature[4] - one.target[4]) > 0);
    }
  }
}

TEST_CASE("train::transfer_loss: what has no factor is not touched", "[train][transfer]") {
  drawn one(4);
  std::fill(one.target.begin(), one.target.end(), std::numeric_limits<double>::quiet_NaN());
  auto const classes = one.loss(transfer_options::of_classes());
  CHECK(classes.features == 0);
  CHECK(classes.total == classes.classes);
  CHECK(classes.total > 0);
  CHECK(one.dfeature == std::vector<double>(N * D, 99));
  drawn two(4);
  std::fill(two.logits.begin(), two.logits.end(), std::numeric_limits<double>::quiet_NaN());
  auto const features = two.loss(transfer_options::of_features());
  CHECK(features.classes == 0);
  CHECK(features.total == features.features);
  CHECK(features.total > 0);
  CHECK(two.dlogits == std::vector<double>(N * K, 99));
}

TEST_CASE("train::transfer_loss: a batch in pieces", "[train][transfer]") {
  drawn whole(5), pieces(5);
  auto const options = transfer_options::of_both(3);
  auto const want = whole.loss(options);
  double total = 0;
  for (index_t n = 0; n < N; ++n) {
    auto const part = [n](auto const& view) { return view.slice_sequences(n, 1); };
    auto const labels = std::span(pieces.labels).subspan(static_cast<std::size_t>(n), 1);
    total += transfer_loss<double>(part(pieces.of(pieces.logits, K)), labels, part(pieces.of(pieces.feature, D)),
                                   part(pieces.of(pieces.target, D)), options, {N, N * D},
                                   part(pieces.to(pieces.dlogits, K)), part(pieces.to(pieces.dfeature, D)))
                 .total;
  }
  CHECK(std::fabs(total - want.total) <= 1e-14);
  CHECK(pieces.dlogits == whole.dlogits);
  CHECK(pieces.dfeature == whole.dfeature);
}

TEST_CASE("train::transfer_loss: refuses, before the first write", "[train][transfer]") {
  drawn one(6);
  auto const refused = [&one](transfer_options const& options, index_t channels = D) {
    auto const message = message_of([&] {
      transfer_loss<double>(one.of(one.logits, K), one.labels, one.of(one.feature, D), one.of(one.target, D), options,
                            one.to(one.dlogits, K), {one.dfeature.data(), {N, 1, channels}});
    });
    CHECK((message.empty() || one.dlogits == std::vector<double>(N * K, 99)));
    return message;
  };
  CHECK(refused({-1, 1, {}}) == "transfer_loss: a factor is -1, must be >= 0 and finite");
  CHECK(refused({1, std::numeric_limits<double>::infinity(), {}}) ==
        "transfer_loss: a factor is inf, must be >= 0 and finite");
  CHECK(refused({1, 1, {}}, D - 1) == "l1: dx has 6 channels, must have 7");
  index_t const length = 1;  // of one sequence alone
  CHECK(message_of([&one, &length] {
          tensor_view<double const> feature = one.of(one.feature, D);
          feature.lengths = {&length, 1};
          transfer_loss<double>(one.of(one.logits, K), one.labels, feature, one.of(one.target, D), {1, 1, {}});
        }) == "l1: x has 1 lengths, must be one for each of 5 sequences");
  one.labels[2] = K;
  CHECK(refused({1, 1, {}}) == "cross_entropy: labels[2] = 3, must be in [0, 3)");
  CHECK(one.dfeature == std::vector<double>(N * D, 99));
  CHECK(refused({0, 1, {}}) == "");
}

TEST_CASE("train::transfer_loss: a student comes close to its teacher", "[train][transfer]") {
  using model = tshift::train::vertical_vit<float>;
  tshift::train::vertical_vit_sizes sizes{
      .rows = 6, .width = 8, .layers = 1, .inner = 8, .hidden = 16, .classes = K, .projects = true, .stem = {}};
  parameter_table of_student, of_teacher;
  model student(of_student, sizes, {.heads = 2});
  sizes.stem = {2, 1};
  model teacher(of_teacher, sizes, {.heads = 2});
  auto const count = static_cast<std::size_t>(of_student.size());
  std::vector<float> values(count), gradients(count), first(count), second(count);
  std::vector<float> of_it(static_cast<std::size_t>(of_teacher.size()));
  tshift::train::initialise<float>(of_student, 1, values);
  tshift::train::initialise<float>(of_teacher, 2, of_it);
  teacher.pack(std::span<float const>(of_it));
  random_bits random(8);
  tshift::shape const dims{N, 4, 6};
  auto const x = uniform<float>(dims.size(), random);
  tensor_view<float const> const in(x, dims);
  std::vector<float> logits(N * K), dlogits(N * K), dfeature(N * D + N);
  auto seen = teacher.make_saved(dims), room = teacher.make_workspace(dims);
  teacher.forward(in, tensor_view<float>(logits, {N, 1, K}), seen, room);
  std::vector<index_t> const labels{0, 1, 2, 0, 1};
  auto saved = student.make_saved(dims), space = student.make_workspace(dims);
  tshift::shape const of_feature{N, 1, 8};
  auto const train = [&](transfer_options const& options, index_t steps) {
    std::vector<double> losses;
    std::fill(first.begin(), first.end(), 0.0F);
    std::fill(second.begin(), second.end(), 0.0F);
    for (index_t step = 1; step <= steps; ++step) {
      student.pack(std::span<float const>(values));
      student.forward(in, tensor_view<float>(logits, {N, 1, K}), saved, space);
      tensor_view<float> const df(dfeature, of_feature), dz(dlogits, {N, 1, K});
      losses.push_back(transfer_loss<float>(tensor_view<float const>(logits, {N, 1, K}), labels,
                                            student.feature(dims, saved), teacher.feature(dims, seen), options, dz, df)
                           .total);
      std::fill(gradients.begin(), gradients.end(), 0.0F);
      tensor_view<float const> const above =
          options.classes > 0 ? tensor_view<float const>(dz) : tensor_view<float const>();
      student.backward_both(in, saved, df, above, {}, gradients, space);
      tshift::train::adamw<float>(of_student, {.rate = 3e-3}, step, {values, gradients, first, second});
    }
    return losses;
  };
  auto const features = train(transfer_options::of_features(), 150);
  CHECK(features.back() < 0.2 * features.front());
  auto const both = train(transfer_options::of_both(0.5), 150);
  CHECK(both.back() < 0.3 * both.front());
}
