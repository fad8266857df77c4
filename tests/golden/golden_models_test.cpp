// SPDX-License-Identifier: MIT
// Models against logits computed by PyTorch in double precision: models.txt, see README.md.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <tshift/models/shift_cnn.hpp>
#include <tshift/models/shift_lstm.hpp>
#include <tshift/models/shiftformer.hpp>

#include "../support/catch.hpp"
#include "../support/seeded.hpp"

#ifndef TSHIFT_GOLDEN_DIR
#error "TSHIFT_GOLDEN_DIR must be defined: the directory with the golden files"
#endif

namespace {

using test_support::model_sizes;
using tshift::index_t;

constexpr std::size_t golden_cases = 843;

struct golden_case {
  std::string title;
  model_sizes model;
  tshift::model_shift shift;
  index_t batch = 0, time = 0;
  std::uint64_t seed = 0, bits = 0;
  std::vector<index_t> lengths;
  std::vector<double> logits;
};

/// The word after `key`, or a sentence about what stands there instead.
template <class Value>
Value value_of(std::map<std::string, Value> const& words, std::string const& word) {
  auto const found = words.find(word);
  if (found == words.end()) throw std::runtime_error("models.txt: unknown word " + word);
  return found->second;
}

std::vector<golden_case> read_cases() {
  std::ifstream file(std::string(TSHIFT_GOLDEN_DIR) + "/models.txt");
  if (!file) throw std::runtime_error("models.txt cannot be read");
  static std::map<std::string, tshift::direction> const directions = {
      {"delay", tshift::direction::delay}, {"advance", tshift::direction::advance}, {"both", tshift::direction::both}};
  static std::map<std::string, tshift::placement> const placements = {{"none", tshift::placement::none},
                                                                      {"branch", tshift::placement::branch},
                                                                      {"skip", tshift::placement::skip},
                                                                      {"both", tshift::placement::both}};
  static std::map<std::string, tshift::padding> const paddings = {{"zero", tshift::padding::zero},
                                                                  {"keep", tshift::padding::keep},
                                                                  {"edge", tshift::padding::edge},
                                                                  {"circular", tshift::padding::circular}};
  std::vector<golden_case> cases;
  std::string line;
  std::size_t announced = 0;
  while (std::getline(file, line)) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    std::string key;
    words >> key;
    if (key == "cases") {
      words >> announced;
    } else if (key == "case") {
      cases.emplace_back();
      cases.back().title = line;
    } else if (key == "end") {
      if (cases.size() != announced) throw std::runtime_error("models.txt: not as many cases as it says");
      return cases;
    } else {
      golden_case& c = cases.at(cases.size() - 1);
      if (key == "model") {
        words >> c.model.kind >> c.model.position >> c.model.width >> c.model.length >> c.model.classes;
      } else if (key == "shift") {
        std::string towards, where, edge;
        words >> c.shift.n_div >> towards >> c.shift.stride >> where >> edge;
        c.shift.towards = value_of(directions, towards);
        c.shift.where = value_of(placements, where);
        c.shift.edge = value_of(paddings, edge);
      } else if (key == "input") {
        words >> c.batch >> c.time >> c.seed >> c.bits;
      } else if (key == "lengths") {
        for (index_t length = 0; words >> length;) c.lengths.push_back(length);
        words.clear();
      } else if (key == "y") {
        for (double value = 0; words >> value;) c.logits.push_back(value);
        words.clear();
      } else {
        throw std::runtime_error("models.txt: unknown line " + line);
      }
      if (!words) throw std::runtime_error("models.txt: cannot read " + line);
      if (key != "y" && key != "lengths") c.title += ", " + line;
    }
  }
  throw std::runtime_error("models.txt: no line `end`");
}

/// Calls body(model) with the model of a case.
template <class T, class Body>
void with_model(golden_case const& c, tshift::weights::state_dict const& weights, Body const& body) {
  if (c.model.kind == "cnn") {
    body(tshift::models::shift_cnn<T>(weights, c.shift));
  } else if (c.model.kind == "lstm" || c.model.kind == "shift_lstm") {
    body(tshift::models::shift_lstm<T>(weights, c.shift));
  } else {
    std::optional<tshift::frame_positions> kind;  // the default is relative_key_query where a table is there
    if (c.model.position == "relative_key") kind = tshift::frame_positions::relative_key;
    body(tshift::models::shiftformer<T>(weights, c.shift, kind));
  }
}

template <class T, class Model>
std::vector<T> logits_of(Model const& model, tshift::tensor_view<T const> const& x) {
  std::vector<T> y(static_cast<std::size_t>(x.shape.batch * model.classes()));
  std::vector<T> workspace(static_cast<std::size_t>(model.workspace_size(x.shape)));
  // What is not written before it is read would show as NaN.
  std::fill(workspace.begin(), workspace.end(), std::numeric_limits<T>::quiet_NaN());
  model.forward(x, tshift::tensor_view<T>(y.data(), {x.shape.batch, 1, model.classes()}), workspace);
  return y;
}

/// || got - want || / || want ||
template <class T>
double relative_error(std::vector<T> const& got, std::vector<double> const& want) {
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    double const off = static_cast<double>(got.at(i)) - want[i];
    difference += off * off;
    size += want[i] * want[i];
  }
  return std::sqrt(difference / size);
}

struct totals {
  std::size_t cases = 0, ragged = 0;
  double worst = 0;
};

/// One case, and of a ragged batch every sequence alone: the same bits.
template <class T>
void check(golden_case const& c, double tolerance, totals& sum) {
  INFO(c.title);
  auto const weights = test_support::seeded_weights<T>(c.model, c.seed);
  std::vector<T> const x = test_support::seeded<T>("x", {c.batch, c.time, c.model.width}, c.seed);
  REQUIRE(test_support::bit_sum<T>(weights) + test_support::bit_sum<T>(x) == c.bits);
  with_model<T>(c, weights, [&](auto const& model) {
    tshift::tensor_view<T const> const view(x.data(), {c.batch, c.time, c.model.width}, tshift::layout::ntc, c.lengths);
    std::vector<T> const y = logits_of<T>(model, view);
    REQUIRE(y.size() == c.logits.size());
    double const error = relative_error(y, c.logits);
    CHECK(error <= tolerance);
    sum.worst = std::max(sum.worst, error);
    ++sum.cases;
    if (c.lengths.empty()) return;
    ++sum.ragged;
    for (index_t n = 0; n < c.batch; ++n) {
      tshift::tensor_view<T const> const alone(view.at(n, 0, 0), {1, view.length(n), c.model.width});
      std::vector<T> const one = logits_of<T>(model, alone);
      CHECK(std::equal(one.begin(), one.end(), y.begin() + n * model.classes()));
    }
  });
}

/// All cases of full size, or all others.
template <class T>
totals check_all(char const* type, double tolerance, bool full_size) {
  totals sum;
  auto const cases = read_cases();
  for (golden_case const& c : cases) {
    if ((c.model.width == 768) == full_size) check<T>(c, tolerance, sum);
  }
  std::cout << "models, " << type << ": " << sum.cases << " cases" << (full_size ? " of full size" : "") << ", "
            << sum.ragged << " ragged; worst relative error " << sum.worst << "\n";
  CHECK(cases.size() == golden_cases);
  return sum;
}

void check_small(totals const& sum) {
  CHECK(sum.cases == golden_cases - 8);
  CHECK(sum.ragged == 267);
}

}  // namespace

TEST_CASE("models give PyTorch's logits, in float to 1e-5") { check_small(check_all<float>("float", 1e-5, false)); }

// models.txt has 13 digits.
TEST_CASE("models give PyTorch's logits, in double to 1e-11") {
  check_small(check_all<double>("double", 1e-11, false));
}

TEST_CASE("models of full size give PyTorch's logits, in float to 1e-5") {
  CHECK(check_all<float>("float", 1e-5, true).cases == 8);
}

TEST_CASE("models of full size give PyTorch's logits, in double to 1e-11") {
  CHECK(check_all<double>("double", 1e-11, true).cases == 8);
}
