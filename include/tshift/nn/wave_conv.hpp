// SPDX-License-Identifier: MIT
// The first layer of wav2vec 2.0: convolution over the samples, normalisation of each channel over time, GELU, in one
// pass. Its output is the largest tensor of the whole encoder, and need not exist.
#pragma once

#include <tshift/macros/away.hpp>

#include <cmath>
#include <cstddef>
#include <limits>

#include <tshift/nn/block.hpp>
#include <tshift/nn/kernel/activations.hpp>
#include <tshift/nn/kernel/gemm.hpp>
#include <tshift/nn/kernel/wave_conv.hpp>
#include <tshift/weights/shared_array.hpp>
#include <tshift/weights/values.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// y[n, t, o] = gelu((z[t, o] - mean over t of z[., o]) / sqrt(variance over t of z[., o] + eps) * scale[o] + offset[o]),
/// z[t, o] = sum over k of weight[o, 0, k] x[n, t stride + k, 0]
///
/// x [N, S, 1], y [N, frames(S), O]. Mean and variance (the biased one) are of the true frames of a sequence: one of
/// length L has frames(L) of them, and frames of y past them are zeros. z is never computed: both follow from mean and
/// covariance of the windows of x, which are K numbers and K^2, and are folded into the filters.
/// Source: torch.nn.Conv1d(1, O, K, stride, bias=False), torch.nn.GroupNorm(O, O) and torch.nn.GELU on [N, C, T]; a bias
/// of the convolution would cancel. Accuracy: moments in double after the level of x is taken off, sums as conv1d.
/// Cost: 2 N T O K FLOPs, and N T K^2 / 2 in double; T = frames(S). Workspace: the filters of one sequence, and the
/// samples of 128 frames for each part.
template <class T>
class wave_conv : public calls<wave_conv<T>, T, tensor_view<T const>> {
 public:
  static constexpr char const* name = "wave_conv";  ///< in messages

  wave_conv() = default;

  /// @param taps    K, in [1, 32]
  /// @param stride  samples from one frame to the next, in [1, 2^20]
  /// @param weight  [O, 1, K]; copied
  /// @param scale   [O]; copied
  /// @param offset  [O]; copied
  /// @param eps     > 0, finite
  /// @throws shape_error  sizes disagree or are out of range
  wave_conv(index_t taps, index_t stride, weights::values<T> weight, weights::values<T> scale,
            weights::values<T> offset, double eps = 1e-5)
      : taps_(taps), stride_(stride), eps_(eps), weight_(weights::array_of(weight)), scale_(weights::array_of(scale)),
        offset_(weights::array_of(offset)) {
    if (taps < 1 || taps > kernel::most_wave_taps) {
      detail::fail("wave_conv: %td taps, must be in [1, %td]", taps, kernel::most_wave_taps);
    }
    if (stride < 1 || stride > (index_t{1} << 20)) {
      detail::fail("wave_conv: stride = %td, must be in [1, 2^20]", stride);
    }
    detail::check_weight(name, "weight", weight.size(), detail::checked_product(name, {scale.size(), taps}));
    detail::check_weight(name, "offset", offset.size(), scale.size());
    if (!(eps > 0 && eps <= std::numeric_limits<double>::max())) {
      detail::fail("wave_conv: eps = %g, must be > 0 and finite", eps);
    }
  }

  /// Number of channels of y.
  index_t outputs() const noexcept { return static_cast<index_t>(scale_.size()); }
  /// Samples that a frame is made of.
  index_t taps() const noexcept { return taps_; }
  /// Samples from one frame to the next.
  index_t stride() const noexcept { return stride_; }
  /// Frames of y for so many samples; 0 where there are fewer than taps.
  index_t frames(index_t samples) const noexcept { return samples < taps_ ? 0 : (samples - taps_) / stride_ + 1; }

  /// The filters of one sequence, normalised.
  struct filters {
    kernel::packed_operand<T> operand;  ///< with scale and offset in them
    kernel::wave<T> x;                  ///< the samples
    double level;                       ///< what is taken off every sample
  };

  /// What filters_of writes to.
  T* filter_room(arena<T>& a) const { return a.take({taps_ + 2, kernel::padded_columns<T, arch>(outputs())}); }
  /// What rows writes to.
  T* scratch(arena<T>& a) const { return a.take({(kernel::row_capacity - 1) * stride_ + taps_}); }

  /// Unchecked. @param x  at least taps samples
  filters filters_of(kernel::wave<T> const& x, T* room) const noexcept {
    index_t const columns = kernel::padded_columns<T, arch>(outputs());
    kernel::window_moments const moments(x, taps_, stride_, frames(x.count));
    T *const bias = room, *const factor = bias + columns, *const packed = factor + columns;
    for (index_t o = 0; o < columns; ++o) {
      bias[o] = factor[o] = T(0);
      if (o >= outputs()) continue;
      T const* const filter = weight_.data() + o * taps_;
      double const by = static_cast<double>(scale_.data()[o]) / std::sqrt(moments.variance_of(filter, taps_) + eps_);
      bias[o] = static_cast<T>(static_cast<double>(offset_.data()[o]) - moments.mean_of(filter, taps_) * by);
      factor[o] = static_cast<T>(by);
    }
    kernel::pack<T, arch>(
        taps_, outputs(), [this, factor](index_t k, index_t o) { return weight_.data()[o * taps_ + k] * factor[o]; },
        packed);
    return {{packed, bias, taps_, outputs()}, x, moments.level};
  }

  /// Unchecked: frames [first, first + count) of the sequence.
  void rows(filters const& f, index_t first, index_t count, kernel::row_sink<T> y, T* scratch) const noexcept {
    for (kernel::row_part const part : kernel::row_parts(count)) {
      index_t const from = (first + part.begin) * stride_, samples = (part.count - 1) * stride_ + taps_;
      for (index_t i = 0; i < samples; ++i) scratch[i] = static_cast<T>(f.x.at(from + i) - f.level);
      kernel::gemm<T, arch>(kernel::plain_rows<T>{scratch, stride_}, 0, part.count, f.operand, y.from(part.begin),
                            kernel::gelu_tile<T, arch>());
    }
  }

  /// The filters of one sequence, and scratch for each part.
  struct slices {
    T* room;       ///< the filters
    T* rooms;      ///< scratch of the parts, one after the other
    index_t each;  ///< elements of one
  };

  /// Unchecked.
  slices layout(arena<T>& a, shape const& x) const {
    (void)detail::checked_product(name, {x.batch, x.time});
    T* const room = filter_room(a);
    arena<T> counting(name);
    scratch(counting);
    return {room, a.take({split_of(x.time).parts, counting.most()}), counting.most()};
  }

  /// Refuses what does not fit.
  void check(tensor_view<T const> const& x, tensor_view<T> const& y) const {
    check_call(name, x, 1, y, frames(x.shape.time), outputs());
  }

  /// Unchecked.
  template <class Executor>
  void compute(Executor& exec, tensor_view<T const> const& x, tensor_view<T> const& y, arena<T> a) const {
    slices const memory = layout(a, x.shape);
    for (index_t n = 0; n < y.shape.batch; ++n) {
      index_t const made = frames(x.length(n));
      tensor_view<T> const whole = y.slice_sequences(n, 1);
      if (made > 0) {
        filters const f = filters_of({x.at(n, 0, 0), x.strides.time, x.length(n)}, memory.room);
        auto const split = kernel::split_for<Executor>(split_of(x.shape.time).resized(made));
        kernel::for_parts(exec, split.parts, [this, &f, &memory, &whole, &split](index_t part) {
          index_t const first = split.begin(part);
          rows(f, first, split.end(part) - first, {whole.at(0, first, 0), whole.strides.time},
               memory.rooms + part * memory.each);
        });
      }
      for (index_t t = made; t < y.shape.time; ++t) {
        for (index_t c = 0; c < outputs(); ++c) y(n, t, c) = T(0);
      }
    }
  }

 private:
  using arch = typename kernel::packed_matrix<T>::arch;

  kernel::row_split split_of(index_t samples) const noexcept { return {frames(samples), outputs() * (taps_ + 8), 8}; }

  index_t taps_ = 1, stride_ = 1;
  double eps_ = 1e-5;
  weights::shared_array<T> weight_, scale_, offset_;
};

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
