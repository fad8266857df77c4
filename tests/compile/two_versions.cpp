// SPDX-License-Identifier: MIT
// The unit of one version: UNIT is first_version or second_version. See two_versions.cmake.
#include "two_versions.hpp"

#include <tshift/models/shift_cnn.hpp>
#include <tshift/reference.hpp>
#include <tshift/tshift.hpp>

#include <stdexcept>
#include <vector>

namespace {

using tshift::index_t;

char const* run() {
  constexpr tshift::shape dims{.batch = 2, .time = 9, .channels = 21};
  std::vector<float> x(378), y(x.size()), want(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i + 1);
  tshift::tensor_view<float> const in(x.data(), dims), out(y.data(), dims), right(want.data(), dims);
  auto const plan = tshift::presets::tsm(21, 8);
  tshift::reference::shift(in, right, plan);
  tshift::shift(in, out, plan);
  if (y != want) return "shift differs from the reference";
  y = x;
  tshift::shift_inplace(out, plan);
  if (y != want) return "shift_inplace differs from shift";
  tshift::shift_stream<float> stream(plan, dims);
  index_t const given = stream.push(in, out);
  stream.flush(out.slice_frames(given, dims.time - given));
  if (y != want) return "shift_stream differs from shift";
  if (tshift::shifted(in, plan)(1, 3, 2) != right(1, 3, 2)) return "shifted differs from shift";
  std::vector<float> const weight(441, 0.5f);
  tshift::nn::linear<float> const linear(21, 21, weight);
  linear.forward(in, out);
  if (y[0] != 0.5f * 231.f) return "linear is wrong";  // half the sum of 1 to 21
  return nullptr;
}

void raise() { tshift::shift_plan const wrong(-1, {}); }

bool catches(void (*raise_it)()) {
  try {
    raise_it();
  } catch (tshift::shape_error const&) {
    return true;
  } catch (std::invalid_argument const&) {
    return false;
  }
  return false;
}

}  // namespace

constinit version_unit const UNIT = {TSHIFT_VERSION, run, raise, catches, &tshift::on_error};
