// SPDX-License-Identifier: MIT
// tshift/interop/torch.hpp and the registered operators from C++: views without copies, operations against the
// definition, autograd, the dispatcher, and refusals. Python's side is operator_test.py.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <tshift/interop/torch_learned.hpp>
#include <tshift/interop/torch_library.hpp>
#include <tshift/reference.hpp>

namespace {

using tshift::fold;
using tshift::index_t;
using tshift::padding;
using tshift::shift_plan;
using tshift::interop::tensor_dims;

int cases = 0;

void check(bool holds, std::string const& what) {
  if (!holds) {
    std::fprintf(stderr, "FAILED: %s\n", what.c_str());
    std::exit(1);
  }
  ++cases;
}

template <class Call>
void refused(std::string const& sentence, Call const& call) {
  try {
    call();
  } catch (tshift::shape_error const& error) {
    return check(error.what() == sentence,
                 "the message is '" + std::string(error.what()) + "', not '" + sentence + "'");
  }
  check(false, "nothing was thrown where '" + sentence + "' is due");
}

constexpr padding paddings[] = {padding::zero, padding::keep, padding::edge, padding::circular};

shift_plan plan_of(index_t channels, padding edge = padding::zero) {
  return {channels, {fold{0, 2, 1}, fold{2, 2, -1}, fold{5, 1, 2}}, edge};
}

/// S x, or S' x, by the definition.
at::Tensor defined(at::Tensor const& x, shift_plan const& plan, bool adjoint, std::span<index_t const> lengths = {}) {
  at::Tensor const from = x.contiguous(), y = at::empty_like(from);
  auto const in = tshift::interop::view_of<double const>(from, {}, lengths);
  auto const out = tshift::interop::view_of<double>(y);
  if (adjoint) {
    tshift::reference::shift_adjoint<double>(in, out, plan);
  } else {
    tshift::reference::shift<double>(in, out, plan);
  }
  return y;
}

void views() {
  at::Tensor const x = at::arange(2 * 3 * 4 * 5 * 6, at::kFloat).view({2, 3, 4, 5, 6});
  auto const view = tshift::interop::view_of<float>(x);
  check(view.data == x.data_ptr<float>(), "a view shares memory");
  check(view.shape == tshift::shape{2, 3, 4, 30}, "shape of a video");
  check(view(1, 2, 3, 4 * 6 + 5) == x[1][2][3][4][5].item<float>(), "an element of a video");
  at::Tensor const last = x.permute({0, 1, 3, 4, 2});
  auto const same = tshift::interop::view_of<float const>(last, {.channel_dim = -1});
  check(same.data == view.data && same.strides == view.strides && same.shape == view.shape, "channels last");
  at::Tensor const odd = x.select(4, 0).select(3, 0).slice(1, 0, 3, 2);  // [2, 2, 4]
  auto const spaced = tshift::interop::view_of<float>(odd);
  check(spaced.strides.time == 2 * odd.size(2) * 30 && spaced.shape.space == 1, "every second frame");
  check(tshift::interop::view_of<float>(x.permute({2, 1, 0, 3, 4}), {.time_dim = 1, .channel_dim = 0}).strides ==
            view.strides,
        "channels first");
  index_t const lengths[] = {3, 1};
  check(tshift::interop::view_of<float>(x, {}, lengths).lengths.data() == lengths, "lengths");
  struct pair {
    float a, b;
  };
  check(tshift::interop::view_of<pair>(at::zeros({1, 2, 3}, at::kComplexFloat)).size() == 6, "a type of one's own");

  at::Tensor const back = tshift::interop::tensor_of(view);
  check(back.data_ptr() == x.data_ptr() && at::equal(back, x.flatten(3)), "there and back");
  std::vector<std::int8_t> memory(24);
  tshift::tensor_view const nct(memory.data(), {.batch = 2, .time = 3, .channels = 4}, tshift::layout::nct);
  at::Tensor const tensor = tshift::interop::tensor_of(nct);
  tensor.fill_(7);
  tensor[1][2][3] = 9;
  check(tensor.sizes() == at::IntArrayRef({2, 3, 4}) && nct(1, 2, 3) == 9 && memory[0] == 7, "writing through");

  refused("view_of: x has dtype Float, the view Double", [&] { tshift::interop::view_of<double>(x); });
  refused("view_of: x has elements of 4 bytes, the view of 8", [&] { tshift::interop::view_of<pair>(x); });
  refused("view_of: x is undefined, must be a tensor", [] { tshift::interop::view_of<float>(at::Tensor()); });
  refused("view_of: x is sparse, must be strided", [&] { tshift::interop::view_of<float>(x.to_sparse()); });
  // As much of a tensor on a GPU as there is without one.
  at::Tensor const elsewhere(c10::make_intrusive<c10::TensorImpl>(
      c10::DispatchKeySet(c10::DispatchKey::CUDA), caffe2::TypeMeta::Make<float>(), c10::Device(at::kCUDA, 0)));
  refused("view_of: x is on device cuda:0, must be on the CPU", [&] { tshift::interop::view_of<float>(elsewhere); });
  refused("temporal_shift: x is on device cuda:0, must be on the CPU",
          [&] { tshift::interop::temporal_shift(elsewhere, shift_plan(4, {})); });
  refused("view_of: x is a meta tensor, must have data", [&] { tshift::interop::view_of<float>(x.to(at::kMeta)); });
  refused("view_of: x is quantised; shift x.int_repr(), filled with the zero point",
          [&] { tshift::interop::view_of<std::int8_t>(at::quantize_per_tensor(x, 1, 0, at::kQInt8)); });
  refused("view_of: x has 1 dimensions, must have time and channels",
          [&] { tshift::interop::view_of<float>(x.flatten()); });
  refused("view_of: the dimensions of space have no common stride; take contiguous()",
          [&] { tshift::interop::view_of<float>(x.slice(4, 0, 2)); });
  refused("view_of: x is a lazy conjugate or negative; take resolve_conj() or resolve_neg()", [] {
    tshift::interop::view_of<c10::complex<float>>(at::zeros({1, 2, 3}, at::kComplexFloat).conj());
  });
  float one[6] = {};
  refused("tensor_of: stride -2, must be >= 0", [&] {
    tshift::interop::tensor_of(
        tshift::tensor_view<float>(one + 4, {.time = 3, .channels = 2}, tshift::strides{.time = -2, .channels = 1}));
  });
}

void operations() {
  at::Tensor const lengths = at::tensor({3, 5}, at::kInt);
  index_t const same_lengths[] = {3, 5};
  for (padding const edge : paddings) {
    std::string const where = "padding " + std::to_string(static_cast<int>(edge));
    shift_plan const plan = plan_of(7, edge);
    at::Tensor const x = at::randn({2, 5, 7}, at::kDouble), r = at::randn({2, 5, 7}, at::kDouble);
    at::Tensor const want = defined(x, plan, false);
    check(at::equal(tshift::interop::temporal_shift(x, plan), want), where + ", shift");
    check(at::equal(tshift::interop::temporal_shift_add(x, r, plan), want + r), where + ", add");
    check(at::equal(tshift::interop::temporal_shift_adjoint(x, plan), defined(x, plan, true)), where + ", adjoint");
    check(at::equal(tshift::interop::temporal_shift(x, plan, {.lengths = lengths}),
                    defined(x, plan, false, same_lengths)),
          where + ", ragged");
    check(at::equal(tshift::interop::temporal_shift_adjoint(x, plan, {.lengths = lengths}),
                    defined(x, plan, true, same_lengths)),
          where + ", ragged adjoint");
    at::Tensor const nct = x.transpose(1, 2).contiguous();
    at::Tensor const y = tshift::interop::temporal_shift(nct, plan, {.time_dim = 2, .channel_dim = 1});
    check(y.is_contiguous() && at::equal(y.transpose(1, 2), want), where + ", NCT");
    at::Tensor const mine = x.clone();
    check(tshift::interop::temporal_shift_(mine, plan).is_same(mine) && at::equal(mine, want), where + ", in place");
    // One more way in: the view and the library's own call.
    at::Tensor const z = at::empty_like(x);
    tshift::shift(tshift::torch_executor{}, tshift::interop::view_of<double const>(x),
                  tshift::interop::view_of<double>(z), plan);
    check(at::equal(z, want), where + ", views");
  }
  // Conjugates and negatives that are only a flag.
  at::Tensor const z = at::randn({2, 5, 7}, at::kComplexDouble);
  for (at::Tensor const& lazy : {z.conj(), at::imag(z.conj())}) {
    check(lazy.is_conj() || lazy.is_neg(), "this test needs a lazy tensor");
    at::Tensor const plain = lazy.resolve_conj().resolve_neg().clone();
    check(at::equal(tshift::interop::temporal_shift(lazy, plan_of(7)),
                    tshift::interop::temporal_shift(plain, plan_of(7))),
          "lazy");
    check(at::equal(tshift::interop::temporal_shift_add(lazy, lazy, plan_of(7)),
                    tshift::interop::temporal_shift_add(plain, plain, plan_of(7))),
          "lazy, add");
  }
  at::Tensor const x = at::zeros({1, 2, 7});
  refused("temporal_shift: plan has 8 channels, x has 7", [&] { tshift::interop::temporal_shift(x, plan_of(8)); });
  refused("temporal_shift: x is undefined, must be a tensor",
          [] { tshift::interop::temporal_shift(at::Tensor(), plan_of(7)); });
  refused("temporal_shift: x is sparse, must be strided",
          [&] { tshift::interop::temporal_shift(x.to_sparse(), plan_of(7)); });
  refused("temporal_shift_: x requires a gradient, which in place has none", [&] {
    tshift::interop::temporal_shift_(at::zeros({1, 2, 7}).requires_grad_(), plan_of(7));
  });
}

at::Tensor gradient(at::Tensor const& y, at::Tensor const& x, at::Tensor const& dy, bool again) {
  return torch::autograd::grad({y}, {x}, {dy}, again, again)[0];
}

void gradients() {
  for (padding const edge : paddings) {
    std::string const where = "padding " + std::to_string(static_cast<int>(edge));
    shift_plan const plan = plan_of(7, edge);
    at::Tensor const x = at::randn({2, 5, 7}, at::kDouble).requires_grad_();
    at::Tensor const dy = at::randn({2, 5, 7}, at::kDouble).requires_grad_();
    at::Tensor const v = at::randn({2, 5, 7}, at::kDouble);
    for (bool const registered : {false, true}) {
      at::Tensor y;
      if (registered) {
        namespace library = tshift::interop::detail::library;
        auto const handle = library::handle_of<library::shift_signature>("tshift::temporal_shift");
        y = handle.call(x, library::folds_of(plan), tshift::name_of(edge), c10::nullopt, 0, 1, 2);
      } else {
        y = tshift::interop::temporal_shift(x, plan);
      }
      check(at::equal(y, defined(x.detach(), plan, false)), where + ", recorded shift");
      at::Tensor const dx = gradient(y, x, dy, true);
      check(at::equal(dx, defined(dy.detach(), plan, true)), where + ", gradient");
      check(at::equal(gradient(dx, dy, v, false), defined(v, plan, false)), where + ", gradient of the gradient");
    }
    at::Tensor const r = at::randn({2, 5, 7}, at::kDouble).requires_grad_();
    at::Tensor const sum = tshift::interop::temporal_shift_add(x, r, plan);
    check(at::equal(gradient(sum, r, v, true), v), where + ", gradient of r");
    check(at::equal(gradient(sum, x, v, false), defined(v, plan, true)), where + ", gradient of x in a sum");
  }
}

void learned() {
  at::Tensor const offsets = at::tensor({0.25, -1.75, 2.0, 0.5, -0.5, 1.125, -3.0}, at::kDouble).requires_grad_();
  for (padding const edge : paddings) {
    std::string const where = "learned, padding " + std::to_string(static_cast<int>(edge));
    at::Tensor const x = at::randn({2, 5, 7}, at::kDouble).requires_grad_(), dy = at::randn({2, 5, 7}, at::kDouble);
    tshift::interop::learned_options const options{.edge = edge};
    at::Tensor const y = tshift::interop::learned_shift(x, offsets, options), want = at::empty_like(dy);
    std::span<double const> const list(offsets.data_ptr<double>(), 7);
    tshift::reference::learned_shift<double>(tshift::interop::view_of<double const>(x.detach()),
                                             tshift::interop::view_of<double>(want), list, edge);
    check(at::allclose(y, want, 1e-14, 1e-14), where);
    auto const gradients = torch::autograd::grad({y}, {x, offsets}, {dy});
    at::Tensor const dx = tshift::interop::learned_shift_adjoint(dy, offsets.detach(), options);
    at::Tensor const da = tshift::interop::learned_shift_slopes(x.detach(), dy, offsets.detach(), options);
    check(at::equal(gradients[0], dx) && at::equal(gradients[1], da), where + ", gradients");
  }
  at::Tensor const x = at::zeros({1, 2, 7}, at::kDouble);
  refused("learned_shift: x has dtype Double, offsets has Float",
          [&] { tshift::interop::learned_shift(x, at::zeros({7})); });
  refused("learned_shift: x is undefined, must be a tensor",
          [&] { tshift::interop::learned_shift(at::Tensor(), offsets); });
}

}  // namespace

int main() try {
  at::manual_seed(1);
  views();
  operations();
  gradients();
  learned();
  std::printf("torch_test: %d cases passed\n", cases);
  return 0;
} catch (std::exception const& error) {
  std::fprintf(stderr, "FAILED: %s\n", error.what());
  return 1;
}
