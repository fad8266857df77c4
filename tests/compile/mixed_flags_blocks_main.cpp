// SPDX-License-Identifier: MIT
// Blocks and models of units that were built with different flags: views, shifted views, plans and options go from each
// unit to each, and all results are equal up to rounding.
#include "mixed_flags.hpp"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#ifndef UNITS
#define UNITS X(baseline)
#endif
#define X(unit)                                   \
  namespace unit {                                \
  extern mixed::operator_unit const operators;    \
  extern mixed::block_unit const block_functions; \
  }
UNITS
#undef X

namespace {

using mixed::index_t;
using text = char const*;

struct unit {
  mixed::operator_unit const* operators;
  mixed::block_unit const* blocks;
};

#define X(name) {&name::operators, &name::block_functions},
constexpr unit all[] = {UNITS};
#undef X

/// The relative distance (L2) of a part of two results; NaN does not pass as near.
bool near(std::vector<float> const& a, std::vector<float> const& b, index_t begin, index_t count) {
  double difference = 0, size = 0;
  for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(begin + count); ++i) {
    difference += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
    size += std::pow(static_cast<double>(a[i]), 2);
  }
  return size > 0 && std::sqrt(difference) <= 1e-5 * std::sqrt(size);
}

text compare(unit const& maker, unit const& user, std::vector<float>& first, std::vector<float>& first_logits) {
  constexpr auto elements = static_cast<std::size_t>(mixed::row_elements);
  std::vector<float> x(elements), results(elements * mixed::blocks), logits(2 * mixed::classes);
  for (std::size_t i = 0; i < elements; ++i) x[i] = static_cast<float>(i * 2654435761u >> 9 & 255) / 64.f - 2.f;
  tshift::shift_plan const plan = maker.operators->make_plan(mixed::rows.channels, tshift::padding::edge);
  auto const in = maker.operators->make_view(x.data(), mixed::rows, tshift::layout::ntc);
  if (text const wrong = user.blocks->run(in, maker.operators->lazy(in, plan), plan, results.data())) return wrong;
  auto const out = maker.operators->make_view(logits.data(), {2, 1, mixed::classes}, tshift::layout::ntc);
  if (text const wrong = user.blocks->logits(maker.blocks->make_options(), in, out)) return wrong;
  if (first.empty()) {
    first = results;
    first_logits = logits;
  }
  for (index_t i = 0; i < mixed::blocks; ++i) {
    if (!near(first, results, i * mixed::row_elements, mixed::row_elements)) return "a block's results differ";
  }
  if (!near(first_logits, logits, 0, 2 * mixed::classes)) return "logits differ";

  char message[256] = "";
  if (!user.blocks->refuses(message, sizeof message)) return "a model without weights was accepted";
  if (std::string(message) != "shift_cnn: no tensor head.weight in none") return "the error has another message";
  if (std::strcmp(user.blocks->tag, user.operators->tag) != 0) return "the unit has two names for its flags";
  if (maker.blocks->layout_count != user.operators->layout_count) return "other numbers of layouts";
  for (std::size_t i = 0; i < user.operators->layout_count; ++i) {
    if (maker.blocks->layout[i] != user.operators->layout[i]) return "layouts differ";
  }
  return nullptr;
}

}  // namespace

int main() {  // NOLINT(bugprone-exception-escape): an exception fails the test, which is right
  for (unit const& one : all) {
    // Here all or none: the units share functions of the standard library (see disassembly.cmake).
    bool const avx2 = !one.operators->avx2 || (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
    bool const avx512 =
        !one.operators->avx512 || (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
                                   __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"));
    if (!avx2 || !avx512) {
      std::printf("SKIPPED: this processor cannot run the unit %s\n", one.operators->name);
      return 77;
    }
  }
  std::vector<float> first, first_logits;
  int cases = 0;
  for (unit const& a : all) {
    for (unit const& b : all) {
      if (text const wrong = compare(a, b, first, first_logits)) {
        return std::printf("%s made it, %s used it: %s\n", a.blocks->name, b.blocks->name, wrong), 1;
      }
      ++cases;
    }
  }
  std::printf("%d pairs of units, %td blocks and a model each\n", cases, mixed::blocks);
  return 0;
}
