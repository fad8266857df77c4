// SPDX-License-Identifier: MIT
// Instance normalisation: each channel of an image over all of its pixels.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <limits>

#include <tshift/nn/activations.hpp>
#include <tshift/nn/block.hpp>
#include <tshift/nn/images.hpp>
#include <tshift/nn/kernel/images.hpp>
#include <tshift/nn/kernel/instance_norm.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// y[n, t, p, c] = f((x[n, t, p, c] - mean) / sqrt(variance + eps))
///
/// with mean and variance (the biased one) of channel c over all pixels of sequence n: T F of them, or L F where it has
/// a length L; and f an activation or none. x, y [N, T, F, C]; frames of y past a length are zeros. No weights.
/// Source: Ulyanov et al. 2016, arXiv:1607.08022; torch.nn.InstanceNorm2d(C), in training and after it. Accuracy: about
/// 4e-7 (float) times |x| plus the mean of |x|, over the deviation, plus what f adds. Cost: two reads and one write of
/// the tensor. Workspace: two numbers for each channel and 64 pixels or more.
template <class T>
class instance_norm : public calls<instance_norm<T>, T> {
 public:
  static constexpr char const* name = "instance_norm";                     ///< in messages
  static constexpr detail::in_place aliasing = detail::in_place::allowed;  ///< y may be x, if x is not shifted

  instance_norm() = default;

  /// @param channels  C >= 0
  /// @param f         applied to every element of y
  /// @param eps       > 0, finite; PyTorch's default is 1e-5
  /// @throws shape_error  a number is out of range
  explicit instance_norm(index_t channels, activation const& f = {}, double eps = 1e-5)
      : channels_(channels), f_(f), eps_(eps) {
    (void)detail::checked_product(name, {channels});
    detail::check_activation(name, f);
    if (!(eps > 0 && eps <= std::numeric_limits<double>::max())) {
      detail::fail("instance_norm: eps = %g, must be > 0 and finite", eps);
    }
  }

  /// Number of channels of x and y.
  index_t channels() const noexcept { return channels_; }
  /// The same.
  index_t inputs() const noexcept { return channels_; }
  /// The same.
  index_t outputs() const noexcept { return channels_; }

  /// Moments of the sequences, and of their chunks. Unchecked.
  struct slices {
    T* all;     ///< [N, 2, C]: means, then scales
    T* chunks;  ///< [N, chunks, 2, C]: means, then sums of squares
  };

  /// Unchecked.
  slices layout(arena<T>& a, shape const& x) const {
    if (detail::checked_product(name, {x.batch, x.time, x.space}) == 0) return {};
    T* const all = a.take({x.batch, 2, channels_});
    return {all, a.take({x.batch, kernel::frame_chunks(x.space).count(x.time), 2, channels_})};
  }

  /// Refuses what does not fit.
  void check(input<T> const& x, tensor_view<T> const& y) const {
    check_image_call(name, x, channels_, y, x.shape().time, x.shape().space, channels_, aliasing);
  }

  /// Unchecked.
  template <class Executor>
  void compute(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, arena<T> a) const {
    slices const memory = layout(a, x.shape());
    index_t const N = x.shape().batch, time = x.shape().time, C = channels_;
    kernel::frame_chunks const cut(x.shape().space);
    index_t const chunks = cut.count(time), work = 8 * C * x.shape().space;
    auto const parts = kernel::split_for<Executor>({N * chunks, cut.frames * work, 1});
    kernel::for_parts(exec, parts.parts, [&x, &memory, &parts, &cut, chunks, C](index_t part) {
      for (index_t i = parts.begin(part); i < parts.end(part); ++i) {
        index_t const n = i / chunks, first = i % chunks * cut.frames, rest = x.base().length(n) - first;
        if (rest <= 0) continue;
        T* const to = memory.chunks + i * 2 * C;
        kernel::chunk_moments<arch, T>({x, n, first, rest < cut.frames ? rest : cut.frames}, to, to + C);
      }
    });
    for (index_t n = 0; n < N; ++n) join(x, memory, n, cut);
    auto const lines = kernel::split_for<Executor>({N * time, work, 1});
    kernel::for_parts(exec, lines.parts, [this, &x, &y, &memory, &lines, time, C](index_t part) {
      for (index_t i = lines.begin(part); i < lines.end(part); ++i) {
        index_t const n = i / time, t = i % time;
        T const* const mean = memory.all + n * 2 * C;
        if (t < x.base().length(n)) {
          kernel::normalise_frame<arch>(x, n, t, mean, mean + C, f_, y);
        } else {
          kernel::clear_line(y, n, t);
        }
      }
    });
  }

 private:
  using arch = xsimd::default_arch;

  void join(shifted_view<T> const& x, slices const& memory, index_t n, kernel::frame_chunks const& cut) const noexcept {
    index_t const length = x.base().length(n), chunks = cut.count(x.shape().time), C = channels_;
    auto const pixels = [&cut, length, places = x.shape().space](index_t chunk) {
      index_t const rest = length - chunk * cut.frames;
      return places * (rest < cut.frames ? rest : cut.frames);
    };
    T *const all = memory.all + n * 2 * C, *const of = memory.chunks + n * chunks * 2 * C;
    for (index_t c = 0; c < C && length > 0; ++c) {
      kernel::join_moments(of + c, of + C + c, 2 * C, cut.count(length), pixels, eps_, all[c], all[C + c]);
    }
  }

  index_t channels_ = 0;
  activation f_;
  double eps_ = 1e-5;
};

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
