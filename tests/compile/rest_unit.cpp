// SPDX-License-Identifier: MIT
// A user's unit with what the others for the linters leave out: files, adapters, blocks in double, the definition, and
// the cases for other people's shifts.
#include <tshift/conformance.hpp>
#include <tshift/interop/eigen_thread_pool.hpp>
#include <tshift/interop/openmp.hpp>
#include <tshift/io/safetensors.hpp>
#include <tshift/nn/activations.hpp>
#include <tshift/nn/depthwise_conv1d.hpp>
#include <tshift/nn/layer_norm.hpp>
#include <tshift/nn/linear.hpp>
#include <tshift/nn/lstm.hpp>
#include <tshift/nn/mlp.hpp>
#include <tshift/nn/pool.hpp>
#include <tshift/nn/self_attention.hpp>
#include <tshift/presets.hpp>
#include <tshift/reference.hpp>
#include <tshift/tshift.hpp>
#include <tshift/weights/shared_array.hpp>
#include <tshift/weights/state_reader.hpp>

#include <complex>
#include <filesystem>

template class tshift::shift_stream<std::complex<float>>;
template class tshift::shifted_view<std::complex<float>>;
template class tshift::weights::state_reader<double>;
template class tshift::weights::values<double>;
template class tshift::weights::shared_array<double>;
template class tshift::nn::depthwise_conv1d<double>;
template class tshift::nn::layer_norm<double>;
template class tshift::nn::linear<double>;
template class tshift::nn::lstm<double>;
template class tshift::nn::mlp<double>;
template class tshift::nn::self_attention<double>;

namespace rest {

using floats = tshift::tensor_view<float>;

tshift::index_t copy_file(std::filesystem::path const& from, std::filesystem::path const& to);
tshift::index_t shift_on(Eigen::ThreadPoolInterface& pool, floats const& x, floats const& y);
bool conforms();

tshift::index_t copy_file(std::filesystem::path const& from, std::filesystem::path const& to) {
  auto const file = tshift::io::safetensors::open(from);
  tshift::io::write_safetensors(to, file.state_dict());
  return file.state_dict().size();
}

tshift::index_t shift_on(Eigen::ThreadPoolInterface& pool, floats const& x, floats const& y) {
  tshift::shift_plan const plan = tshift::presets::rwkv(x.shape.channels);
  tshift::shift(tshift::eigen_executor{pool}, x, y, plan);
  tshift::shift(tshift::openmp_executor{}, x, y, plan);
  tshift::nn::gelu(tshift::shifted(x, plan), y);
  tshift::reference::shift_add(x, x, y, plan);
  tshift::reference::shift_adjoint(x, y, plan);
  return tshift::conformance::compare<float>(x, y).t;
}

bool conforms() {
  auto const mine = [](auto const& x, auto const& y, auto const& plan) { tshift::shift(x, y, plan); };
  auto const inplace = [](auto const& x, auto const& plan) { tshift::shift_inplace(x, plan); };
  auto const add = [](auto const& x, auto const& r, auto const& y, auto const& plan) {
    tshift::shift_add(x, r, y, plan);
  };
  auto const adjoint = [](auto const& dy, auto const& dx, auto const& plan) { tshift::shift_adjoint(dy, dx, plan); };
  auto const stream = [](auto const& plan, auto const& frame) { return tshift::shift_stream<float>(plan, frame); };
  namespace conformance = tshift::conformance;
  return conformance::check<float>(mine).passed() && conformance::check<std::complex<double>>(mine).passed() &&
         conformance::check_inplace<float>(inplace).passed() && conformance::check_add<float>(add).passed() &&
         conformance::check_adjoint<float>(adjoint).passed() && conformance::check_stream<float>(stream).passed();
}

}  // namespace rest
