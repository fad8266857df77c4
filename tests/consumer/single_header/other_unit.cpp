// SPDX-License-Identifier: MIT
// Another unit of the same program, with the headers of include/tshift: views and plans are the same types there.
#include <tshift/tshift.hpp>

float sum_of_shifted(tshift::tensor_view<float const> x, tshift::shift_plan const& plan) {
  auto const y = tshift::shifted(x, plan);
  float sum = 0;
  for (tshift::index_t t = 0; t < x.shape.time; ++t) {
    for (tshift::index_t c = 0; c < x.shape.channels; ++c) sum += y(0, t, c);
  }
  return sum;
}
