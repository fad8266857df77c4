// SPDX-License-Identifier: MIT
// A matrix that changes with every step: packed for y = W x and, the other way round, for dx = W' dy. Repacked in place.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

#include <xsimd/xsimd.hpp>

#include <tshift/nn/kernel/packed.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train::kernel {

using namespace nn::kernel;  // training reads and multiplies rows as inference does

/// Memory on cache lines, as packed weights want it.
template <class T>
struct line_allocator {
  using value_type = T;
  static constexpr std::align_val_t line{64};

  line_allocator() = default;
  template <class U>
  line_allocator(line_allocator<U> const&) noexcept {}
  T* allocate(std::size_t count) { return static_cast<T*>(::operator new(count * sizeof(T), line)); }
  void deallocate(T* p, std::size_t) noexcept { ::operator delete(p, line); }
  friend bool operator==(line_allocator const&, line_allocator const&) noexcept { return true; }
};
template <class T>
using line_vector = std::vector<T, line_allocator<T>>;

/// W [outputs, inputs] and a bias, in both packings.
template <class T>
class matrix {
 public:
  using arch = xsimd::default_arch;

  matrix() = default;
  matrix(index_t inputs, index_t outputs)
      : inputs_(inputs), outputs_(outputs), across_(count(inputs * padded(outputs))),
        back_(count(outputs * padded(inputs))), bias_(count(padded(outputs))), zeros_(count(padded(inputs))) {}

  index_t inputs() const noexcept { return inputs_; }
  index_t outputs() const noexcept { return outputs_; }

  /// @param weight  [outputs, inputs]
  /// @param bias    [outputs], or null for none
  void pack(T const* weight, T const* bias) noexcept {
    pack([this, weight](index_t o, index_t i) { return weight[o * inputs_ + i]; },
         [bias](index_t o) { return bias != nullptr ? bias[o] : T(0); });
  }

  /// The same from functions of (output, input) and of (output).
  template <class Element, class Bias>
  void pack(Element const& element, Bias const& bias) noexcept {
    kernel::pack<T, arch>(
        inputs_, outputs_, [&element](index_t i, index_t o) { return element(o, i); }, across_.data());
    kernel::pack<T, arch>(outputs_, inputs_, element, back_.data());
    for (index_t o = 0; o < outputs_; ++o) bias_[static_cast<std::size_t>(o)] = bias(o);
  }

  /// y = W x + bias.
  packed_operand<T> across() const noexcept { return {across_.data(), bias_.data(), inputs_, outputs_}; }
  /// dx = W' dy.
  packed_operand<T> back() const noexcept { return {back_.data(), zeros_.data(), outputs_, inputs_}; }

 private:
  static index_t padded(index_t n) noexcept { return padded_columns<T, arch>(n); }
  static std::size_t count(index_t n) noexcept { return static_cast<std::size_t>(n); }

  index_t inputs_ = 0, outputs_ = 0;
  line_vector<T> across_, back_, bias_, zeros_;
};

}}}}  // namespace tshift::train::kernel
