// SPDX-License-Identifier: MIT
// The shift of PyTorch's tensors in C++: the numbers and the gradients of slice assignment, and memory shared with a view.
#include <cstdio>
#include <utility>

#include <ATen/ATen.h>

#include <tshift/interop/torch.hpp>
#include <tshift/tshift.hpp>

namespace {

/// The shift as video networks write it, here for [N, T, C].
at::Tensor by_slices(at::Tensor const& x, tshift::index_t fold) {
  at::Tensor y = at::zeros_like(x);
  y.slice(1, 0, -1).slice(2, 0, fold).copy_(x.slice(1, 1).slice(2, 0, fold));                // the future
  y.slice(1, 1).slice(2, fold, 2 * fold).copy_(x.slice(1, 0, -1).slice(2, fold, 2 * fold));  // the past
  y.slice(2, 2 * fold).copy_(x.slice(2, 2 * fold));
  return y;
}

}  // namespace

int main() {
  constexpr tshift::index_t channels = 32, n_div = 8;
  auto const plan = tshift::presets::tsm(channels, n_div);
  at::Tensor const weight = at::randn({2, 8, channels});
  auto const gradient_of = [&](auto const& shift) {
    at::Tensor const x = at::arange(2 * 8 * channels, at::kFloat).view({2, 8, channels}).requires_grad_();
    at::Tensor const y = shift(x);
    (y * weight).sum().backward();
    return std::pair(y.detach(), x.grad());
  };
  auto const [want, want_gradient] = gradient_of([](auto const& x) { return by_slices(x, channels / n_div); });
  auto const [got, gradient] = gradient_of([&](auto const& x) { return tshift::interop::temporal_shift(x, plan); });
  bool right = at::equal(want, got) && at::equal(want_gradient, gradient);
  std::printf("slice assignment and tshift: %s\n", right ? "equal, numbers and gradients" : "NOT equal");

  // A view reads and writes the tensor's own memory.
  tshift::tensor_view<float> const view = tshift::interop::view_of<float>(got);
  tshift::shift_adjoint_inplace(view, plan);
  at::Tensor const back = tshift::interop::temporal_shift_adjoint(want, plan);
  right = right && at::equal(back, got);
  std::printf("through a view, in place: %s\n", at::equal(back, got) ? "equal" : "NOT equal");
  return right ? 0 : 1;
}
