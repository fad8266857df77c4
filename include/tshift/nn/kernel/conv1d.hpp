// SPDX-License-Identifier: MIT
// A convolution along time as a product: its weights packed, and the rows of y, whose windows of x overlap.
#pragma once

#include <cstddef>
#include <cstdint>

#include <tshift/nn/kernel/gemm.hpp>
#include <tshift/nn/kernel/parts.hpp>
#include <tshift/nn/kernel/sources.hpp>
#include <tshift/nn/options.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

/// Weights as kernels read them: of each group a packed matrix [taps * channels, made], and its bias.
template <class T>
struct conv1d_weights {
  using arch = xsimd::default_arch;

  conv1d_options options;
  T const* matrices;
  T const* biases;
  std::uint32_t const* pairs = nullptr;  // of bf16, in place of matrices

  /// Inputs and outputs of a group.
  index_t channels() const noexcept { return options.inputs / options.groups; }
  index_t made() const noexcept { return options.outputs / options.groups; }
  /// Columns of a group's matrix.
  index_t columns() const noexcept { return padded_columns<T, arch>(made()); }
  /// Elements of all matrices, and of all biases.
  index_t size() const noexcept { return options.taps * options.inputs * columns(); }
  index_t bias_size() const noexcept { return options.groups * columns(); }
  index_t pairs_size() const noexcept { return options.groups * group_pairs(); }

  /// @param weight  weight[i] is element i of PyTorch's [outputs, channels, taps]
  template <class Weight>
  void pack(Weight const& weight, T* to) const {
    for (index_t g = 0; g < options.groups; ++g) {
      kernel::pack<T, arch>(depth(), made(), element(weight, g), to + g * depth() * columns());
    }
  }
  /// The same as bf16.
  template <class Weight>
  void pack(Weight const& weight, std::uint32_t* to) const {
    for (index_t g = 0; g < options.groups; ++g) {
      auto const of_group = element(weight, g);
      kernel::pack<T, arch>(pairs_of(depth()), made(), pairs_from<T>(depth(), of_group), to + g * group_pairs());
    }
  }

  /// @param bias  bias(o) of each output
  template <class Bias>
  void pack_bias(Bias const& bias, T* to) const {
    for (index_t i = 0; i < bias_size(); ++i) {
      index_t const g = i / columns(), o = i % columns();
      to[i] = o < made() ? bias(g * made() + o) : T(0);
    }
  }

  packed_operand<T> group(index_t g) const noexcept {
    T const* const bias = biases + g * columns();
    if (pairs != nullptr) return {nullptr, bias, depth(), made(), pairs + g * group_pairs()};
    return {matrices + g * depth() * columns(), bias, depth(), made()};
  }

  /// Rows [first, first + count) of y, of which a sequence has `per_sequence`.
  /// @param finish  what is done to a finished tile of a group, which counts its columns from 0: gelu_tile
  template <class Finish>
  void rows(shifted_view<T> const& x, index_t per_sequence, index_t first, index_t count, row_sink<T> y,
            Finish finish) const noexcept {
    for (index_t g = 0; g < options.groups; ++g) {
      window_rows<T> const windows{x,          options.taps, options.stride, options.padding, g * channels(),
                                   channels(), per_sequence};
      gemm<T, arch>(windows, first, count, group(g), {y.data + g * made(), y.stride}, finish);
    }
  }

  /// All of y, zeros where a sequence has no frames.
  template <class Executor>
  void compute(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y) const {
    index_t const work = options.taps * channels() * options.outputs;
    auto const split = split_for<Executor>({y.shape.batch * y.shape.time, work, 8});
    for_parts(exec, split.parts, [this, &x, &y, &split](index_t part) {
      for_rows(y, split.begin(part), split.end(part), [this, &x, &y](index_t first, index_t count, row_sink<T> to) {
        rows(x, y.shape.time, first, count, to, keep_sums());
        clear_past_lengths(x, y.shape.time, first, count, to);
      });
    });
  }

 private:
  index_t depth() const noexcept { return options.taps * channels(); }
  index_t group_pairs() const noexcept { return pairs_of(depth()) * columns(); }

  /// Of group g's matrix.
  template <class Weight>
  auto element(Weight const& weight, index_t g) const {
    return [this, &weight, g, made = made(), each = channels()](index_t k, index_t o) {
      return static_cast<T>(weight[((g * made + o) * each + k % each) * options.taps + k / each]);
    };
  }

  void clear_past_lengths(shifted_view<T> const& x, index_t per_sequence, index_t first, index_t count,
                          row_sink<T> y) const noexcept {
    if (x.base().lengths.empty()) return;
    for (index_t r = 0; r < count; ++r) {
      index_t const n = (first + r) / per_sequence, t = (first + r) % per_sequence;
      if (t < options.frames(x.base().length(n))) continue;
      for (index_t c = 0; c < options.outputs; ++c) y.data[r * y.stride + c] = T(0);
    }
  }
};

}}}}  // namespace tshift::nn::kernel
