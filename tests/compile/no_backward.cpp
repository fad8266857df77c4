// SPDX-License-Identifier: MIT
// A block of inference has no gradients.
// expect: this block cannot be trained
#include <tshift/nn/linear.hpp>
#include <tshift/train/linear.hpp>
#include <tshift/train/residual.hpp>

#include <vector>

int main() {
  std::vector<float> x(8), y(8), saved(8), workspace(8);
  tshift::shape const shape{.time = 4, .channels = 2};
  tshift::shift_plan const plan(2, {{0, 1, 1}});
#ifdef TSHIFT_WRONG
  tshift::nn::linear<float> const f(2, 2, std::vector<float>(4), std::vector<float>(2));
#else
  tshift::train::parameter_table table;
  tshift::train::linear<float> f(table, "f", 2, 2);
  f.pack(std::vector<float>(6));
#endif
  tshift::detail::run_here exec;
  tshift::train::run_residual<decltype(f), float>(
      exec, f, tshift::placement::both, plan, tshift::tensor_view<float const>(x.data(), shape),
      tshift::tensor_view<float>(y.data(), shape), saved.data(), tshift::nn::arena<float>("test", workspace));
  return 0;
}
