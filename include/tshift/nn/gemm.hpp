// SPDX-License-Identifier: MIT
// A matrix packed once for multiplication: what linear layers, LSTMs and attention keep their weights in.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>

#include <xsimd/xsimd.hpp>

#include <tshift/error.hpp>
#include <tshift/nn/kernel/aligned.hpp>
#include <tshift/nn/kernel/gemm.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// B [k, n] and a bias [n], packed for this unit's instruction set. Owns its memory, about k * n elements.
/// Const functions may be called from many threads at once.
template <class T>
class packed_matrix {
 public:
  /// What it is packed for: the instruction set of this unit.
  using arch = xsimd::default_arch;

  packed_matrix() = default;

  /// @param k        rows, >= 0
  /// @param n        columns, >= 0
  /// @param element  element(i, j) gives B[i, j]
  /// @param bias     bias(j) is added to column j
  template <class Element, class Bias>
  packed_matrix(index_t k, index_t n, Element const& element, Bias const& bias)
      : k_(k), n_(n), data_(static_cast<std::size_t>(k * kernel::padded_columns<T, arch>(n))),
        bias_(static_cast<std::size_t>(kernel::padded_columns<T, arch>(n))) {
    kernel::pack<T, arch>(k, n, element, data_.data());
    for (index_t j = 0; j < n; ++j) bias_[static_cast<std::size_t>(j)] = bias(j);
  }

  packed_matrix(packed_matrix const&) = default;
  packed_matrix(packed_matrix&&) noexcept = default;
  /// The copy is made first: running out of memory leaves the old one whole.
  packed_matrix& operator=(packed_matrix const& other) { return *this = packed_matrix(other); }
  packed_matrix& operator=(packed_matrix&&) noexcept = default;
  ~packed_matrix() = default;

  /// Number of inputs k.
  index_t rows() const noexcept { return k_; }
  /// Number of outputs n.
  index_t columns() const noexcept { return n_; }
  /// What kernels take.
  kernel::packed_operand<T> operand() const noexcept { return {data_.data(), bias_.data(), k_, n_}; }

  /// C[i, j] = bias[j] + sum over k of a[first + i, k] B[k, j] for i in [0, rows), then finish; see kernel::gemm.
  template <class Finish = kernel::keep_sums>
  void multiply(shifted_view<T> const& a, index_t first, index_t rows, T* c, index_t stride,
                Finish&& finish = {}) const noexcept {
    kernel::gemm<T, arch>(a, first, rows, operand(), c, stride, finish);
  }

 private:
  index_t k_ = 0, n_ = 0;
  kernel::aligned_vector<T> data_, bias_;
};

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
