// SPDX-License-Identifier: MIT
// A unit of a user who has turned on more warnings than we have: what it includes and instantiates gives none.
#include <tshift/conformance.hpp>
#include <tshift/reference.hpp>
#include <tshift/tshift.hpp>

#include <complex>
#include <cstdint>
#include <vector>

template class tshift::shift_stream<float>;
template class tshift::shift_stream<std::complex<double>>;
template class tshift::shifted_view<std::int8_t>;

namespace {

template <class T>
void everything(std::vector<T> const& from, std::vector<T>& to, tshift::shape const& dims) {
  tshift::tensor_view const x(from, dims, tshift::layout::ntsc);
  tshift::tensor_view const y(to, dims, tshift::layout::ncts);
  tshift::shift_plan const plan = tshift::presets::shift_gcn(dims.channels);
  tshift::shift(x, y, plan);
  tshift::shift_add(x, x, y, plan);
  tshift::shift_adjoint(x, y, plan);
  tshift::shift_inplace(y, plan);
  tshift::shift_adjoint_inplace(y, plan);
  tshift::shift_stream<T> stream(plan, dims);
  stream.prime(from);
  stream.push(from, to);
  stream.flush(y);
  to.front() = tshift::shifted(x, plan)(0, 0, 0);
  tshift::reference::shift_adjoint(x, y, plan);
}

}  // namespace

int main() {
  std::vector<float> const x(32);
  std::vector<std::int16_t> const small(32);
  std::vector<float> y(32);
  std::vector<std::int16_t> small_y(32);
  everything(x, y, {.time = 2, .channels = 16});
  everything(small, small_y, {.time = 2, .channels = 16});
  using namespace tshift::conformance;
  auto const mine = [](auto const& from, auto const& to, auto const& plan) { tshift::shift(from, to, plan); };
  return check<float>(mine, scope::only(tshift::layout::ntc)).passed() ? 0 : 1;
}
