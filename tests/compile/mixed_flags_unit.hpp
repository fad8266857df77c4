// SPDX-License-Identifier: MIT
// The body of both units: every operation, so that each leaves its weak functions in the object file.
// UNIT is the namespace.
#include "mixed_flags.hpp"

#include <cstddef>
#include <utility>
#include <vector>

namespace UNIT {

tshift::shift_plan make_plan(tshift::index_t channels) {
  return tshift::presets::tsm(channels, 8).reversed(tshift::padding::edge);
}

char const* run(tshift::tensor_view<float const> x, tshift::tensor_view<float> y, tshift::shift_plan const& plan) {
  // Each operation is applied so that the result is still the shift: what matters is that all of them are there.
  tshift::shift(x, y, plan);
  std::vector<float> memory(static_cast<std::size_t>(x.size()));
  tshift::tensor_view<float> const copy(memory.data(), x.shape);
  tshift::shift_plan const none(x.shape.channels, {});
  tshift::shift(x, copy, none);
  tshift::shift_inplace(copy, plan);
  for (tshift::index_t t = 0; t < x.shape.time; ++t) {
    for (tshift::index_t c = 0; c < x.shape.channels; ++c) {
      if (copy(0, t, c) != y(0, t, c)) return "shift_inplace differs from shift";
      if (tshift::shifted(x, plan)(0, t, c) != y(0, t, c)) return "shifted differs from shift";
    }
  }
  std::vector<float> zeros(memory.size());
  tshift::shift_add(x, {zeros.data(), x.shape}, copy, plan);
  for (std::size_t i = 0; i < memory.size(); ++i) {
    if (memory[i] != y.data[i]) return "shift_add differs from shift";
  }
  tshift::shift_adjoint(x, copy, plan);
  tshift::shift_adjoint_inplace(copy, plan);
  tshift::shift_stream<float> stream(plan, {.channels = x.shape.channels});
  tshift::index_t const given = stream.push(x, copy);
  tshift::tensor_view<float> rest = copy;
  rest.data = copy.at(0, given, 0);
  rest.shape.time -= given;
  if (given + stream.flush(rest) != x.shape.time) return "shift_stream lost frames";
  for (std::size_t i = 0; i < memory.size(); ++i) {
    if (memory[i] != y.data[i]) return "shift_stream differs from shift";
  }
  // The members that the compiler writes itself.
  tshift::shift_stream<float> taken = std::move(stream);
  stream = std::move(taken);
  auto const lazy = tshift::shifted(x, plan);
  auto again = lazy;
  again = lazy;
  for (auto const& part : again.runs(0, 0)) {
    if (part.count < 0) return "shifted_view has a run of negative length";
  }
  return nullptr;
}

bool refuses(tshift::tensor_view<float> x) {
  try {
    tshift::shift_inplace(x, tshift::shift_plan(x.shape.channels + 1, {}));
  } catch (tshift::shape_error const&) {
    return true;
  }
  return false;
}

}  // namespace UNIT
