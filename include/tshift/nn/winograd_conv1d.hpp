// SPDX-License-Identifier: MIT
// Three taps, every second frame: the convolution that halves the frame rate of speech encoders, in five products for
// six. Two neighbouring frames of y share one product with a frame that both of them read.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <cstddef>

#include <tshift/nn/block.hpp>
#include <tshift/nn/kernel/gemm.hpp>
#include <tshift/nn/kernel/vectors.hpp>
#include <tshift/weights/shared_array.hpp>
#include <tshift/weights/values.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// y[n, t, o] = bias[o] + sum over k in 0, 1, 2, i of weight[o, i, k] x[n, 2 t + k, i]
///
/// With e[t] = x[2 t], d[t] = e[t] - e[t + 1], and the three taps A, M, B, frames t (even) and t + 1 are
///
///   y[t]     = e[t + 1] (A + B) + M x[2 t + 1] + A d[t]
///   y[t + 1] = e[t + 1] (A + B) + M x[2 t + 3] - B d[t + 1]
///
/// which is Winograd's F(2, 2) on the outer taps. x [N, T, I], y [N, frames(T), O]; a sequence of length L has frames(L)
/// frames, and frames of y past them are zeros. An infinity in x may make a NaN of y.
/// Source: torch.nn.Conv1d(I, O, 3, stride=2) on [N, C, T]; Lavin and Gray 2015, arXiv:1509.09308. Accuracy: error at most
/// (3 I + 3) * 2^-24 (float) of the sum of magnitudes, d and A + B counting with theirs. Cost: 5 N frames(T) O I FLOPs,
/// conv1d's are 6; the weights take 4 / 3 of its memory. Workspace: the differences of 128 frames for each part.
template <class T>
class winograd_conv1d : public calls<winograd_conv1d<T>, T, tensor_view<T const>> {
 public:
  static constexpr char const* name = "winograd_conv1d";  ///< in messages
  static constexpr index_t taps = 3;                      ///< frames that a frame of y is made of
  static constexpr index_t stride = 2;                    ///< frames of x from one frame of y to the next

  winograd_conv1d() = default;

  /// @param inputs   I, channels of x
  /// @param outputs  O, channels of y
  /// @param weight   [O, I, 3], as PyTorch has it; copied
  /// @param bias     [O], or empty for none; copied
  /// @throws shape_error  sizes disagree or are out of range
  winograd_conv1d(index_t inputs, index_t outputs, weights::values<T> weight, weights::values<T> bias = {})
      : inputs_(inputs) {
    detail::check_weight(name, "weight", weight.size(), detail::checked_product(name, {outputs, inputs, taps}));
    detail::check_stored(name, weight);
    if (!bias.empty()) detail::check_weight(name, "bias", bias.size(), outputs);
    // In the order in which products are added to a frame: A + B and A and M to an even one, M and -B to an odd one.
    matrix_ = {detail::checked_product(name, {inputs, 4}), outputs,
               [&weight, inputs](index_t k, index_t o) {
                 auto const tap = [&weight, inputs, k, o](index_t at) {
                   return weight[(o * inputs + k % inputs) * taps + at];
                 };
                 switch (k / inputs) {
                   case 0: return tap(0) + tap(2);
                   case 1: return tap(0);
                   case 2: return tap(1);
                   default: return -tap(2);
                 }
               },
               [&bias](index_t o) { return bias.empty() ? T(0) : bias[o]; }, weight.how()};
  }

  /// Number of channels of x.
  index_t inputs() const noexcept { return inputs_; }
  /// Number of channels of y.
  index_t outputs() const noexcept { return matrix_.columns(); }
  /// Frames of y for so many frames of x; 0 where there are fewer than three.
  index_t frames(index_t time) const noexcept { return time < taps ? 0 : (time - taps) / stride + 1; }

  /// What rows writes to.
  T* scratch(arena<T>& a) const { return a.take({kernel::row_capacity, inputs_}); }

  /// Unchecked: frames [first, first + count) of one sequence, first even.
  /// @param x  [1, T, I], which has them
  void rows(tensor_view<T const> const& x, index_t first, index_t count, kernel::row_sink<T> y,
            T* scratch) const noexcept {
    TSHIFT_ASSERT(first % 2 == 0);
    for (kernel::row_part const part : kernel::row_parts(count)) {
      pairs(x.at(0, (first + part.begin) * stride, 0), x.strides.time, part.count, y.from(part.begin), scratch);
    }
  }

  /// Scratch for each part.
  struct slices {
    T* rooms;      ///< of the parts, one after the other
    index_t each;  ///< elements of one
  };

  /// Unchecked.
  slices layout(arena<T>& a, shape const& x) const {
    (void)detail::checked_product(name, {x.batch, x.time});
    arena<T> counting(name);
    scratch(counting);
    return {a.take({split_of(x.time).parts, counting.most()}), counting.most()};
  }

  /// Refuses what does not fit.
  void check(tensor_view<T const> const& x, tensor_view<T> const& y) const {
    check_call(name, x, inputs(), y, frames(x.shape.time), outputs());
  }

  /// Unchecked.
  template <class Executor>
  void compute(Executor& exec, tensor_view<T const> const& x, tensor_view<T> const& y, arena<T> a) const {
    slices const memory = layout(a, x.shape);
    for (index_t n = 0; n < y.shape.batch; ++n) {
      index_t const made = frames(x.length(n));
      tensor_view<T const> const from = x.slice_sequences(n, 1);
      tensor_view<T> const to = y.slice_sequences(n, 1);
      auto const split = kernel::split_for<Executor>(split_of(x.shape.time).resized(made));
      kernel::for_parts(exec, split.parts, [this, &from, &to, &memory, &split](index_t part) {
        index_t const first = split.begin(part);
        rows(from, first, split.end(part) - first, {to.at(0, first, 0), to.strides.time},
             memory.rooms + part * memory.each);
      });
      for (index_t t = made; t < y.shape.time; ++t) {
        for (index_t c = 0; c < outputs(); ++c) y(n, t, c) = T(0);
      }
    }
  }

 private:
  using arch = typename kernel::packed_matrix<T>::arch;

  kernel::row_split split_of(index_t time) const noexcept { return {frames(time), 5 * inputs_ * outputs() / 2, 8}; }

  /// At most row_capacity frames of y, of which the first is even. @param x  the frame that it begins with
  void pairs(T const* x, index_t step, index_t count, kernel::row_sink<T> y, T* d) const noexcept {
    index_t const I = inputs_, even = (count + 1) / 2, odd = count / 2;
    for (index_t t = 0; t < count; ++t) {
      T const* const e = x + t * stride * step;
      kernel::map<arch>(
          I, d + t * I, [](auto const& one, auto const& next) { return one - next; }, e, e + stride * step);
    }
    kernel::row_sink<T> const first{y.data, 2 * y.stride}, second{y.data + y.stride, 2 * y.stride};
    kernel::plain_rows<T> const shared{x + stride * step, 2 * stride * step};
    kernel::gemm<T, arch>(shared, 0, even, matrix_.operand(), first, 0, I, kernel::keep_sums());
    for (index_t p = 0; p < odd; ++p) {
      std::copy_n(first.data + p * first.stride, outputs(), second.data + p * second.stride);
    }
    kernel::adjacent_rows<T> const to_even{{d, 2 * I}, {x + step, 2 * stride * step}, I};
    kernel::gemm<T, arch>(to_even, 0, even, matrix_.operand(), first, I, 3 * I, kernel::keep_sums());
    kernel::adjacent_rows<T> const to_odd{{x + (stride + 1) * step, 2 * stride * step}, {d + I, 2 * I}, I};
    kernel::gemm<T, arch>(to_odd, 0, odd, matrix_.operand(), second, 2 * I, 4 * I, kernel::keep_sums());
  }

  index_t inputs_ = 0;
  kernel::packed_matrix<T> matrix_;  // A + B, A, M, -B, one below the other
};

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
