// SPDX-License-Identifier: MIT
// The operator, a block that reads through it, and the models, which must at least compile.
#include <tshift/models/shift_cnn.hpp>
#include <tshift/nn/linear.hpp>
#include <tshift/tshift.hpp>

#include <array>

int main() {
  std::array const weight{1.f, 10.f};
  std::array const x{1.f, 2.f, 3.f, 4.f};
  tshift::nn::linear<float> const sum(2, 1, weight);
  std::array<float, 2> y{};
  tshift::tensor_view const in(x.data(), {.time = 2, .channels = 2});
  tshift::tensor_view const out(y.data(), {.time = 2, .channels = 1});
  sum.forward(tshift::shifted(in, tshift::shift_plan(2, {{0, 1, 1}})), out);
  return y == std::array{20.f, 41.f} ? 0 : 1;
}
