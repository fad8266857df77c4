// SPDX-License-Identifier: MIT
// A user's unit for the linters: views of other libraries' matrices, tensors and spans.
#include <tshift/interop/dlpack.hpp>
#include <tshift/interop/eigen.hpp>
#include <tshift/interop/mdspan.hpp>
#include <tshift/shift.hpp>
#include <tshift/shift_inplace.hpp>

#include <cstddef>

#include <unsupported/Eigen/CXX11/Tensor>

#include "../support/dlpack.hpp"
#include "../support/mdspan.hpp"

namespace interop {

using span = md::mdspan<float, md::dextents<std::size_t, 3>>;

void shift_columns(Eigen::MatrixXf const& x, Eigen::MatrixXf& y, tshift::shift_plan const& plan);
void shift_clips(Eigen::Tensor<float, 5> const& x, Eigen::TensorMap<Eigen::Tensor<float, 5>>& y,
                 tshift::shift_plan const& plan);
void shift_managed(DLManagedTensor const& x, DLTensor const& y, tshift::shift_plan const& plan);
tshift::index_t size_of(test_support::versioned_tensor const& x);
void shift_span(span const& x, tshift::shift_plan const& plan);

void shift_columns(Eigen::MatrixXf const& x, Eigen::MatrixXf& y, tshift::shift_plan const& plan) {
  tshift::shift(tshift::interop::view_of(x), tshift::interop::view_of(y.transpose(), "CT"), plan);
}

void shift_clips(Eigen::Tensor<float, 5> const& x, Eigen::TensorMap<Eigen::Tensor<float, 5>>& y,
                 tshift::shift_plan const& plan) {
  tshift::shift(tshift::interop::view_of(x, "WHCTN"), tshift::interop::view_of(y, "WHCTN"), plan);
}

void shift_managed(DLManagedTensor const& x, DLTensor const& y, tshift::shift_plan const& plan) {
  tshift::shift(tshift::interop::view_of<float const>(x, "NTCHW"), tshift::interop::view_of<float>(y, "NTHWC"), plan);
}

tshift::index_t size_of(test_support::versioned_tensor const& x) {
  return tshift::interop::view_of<bool>(x).size() + tshift::interop::view_of<std::byte const>(x).size();
}

void shift_span(span const& x, tshift::shift_plan const& plan) {
  tshift::shift_inplace(tshift::interop::view_of(x, "NCT"), plan);
}

}  // namespace interop
