// SPDX-License-Identifier: MIT
// Frames of a sequence made one: sums, largest values and squares of every channel, and means with weights.
#pragma once

#include <cmath>
#include <cstddef>

#include <tshift/nn/kernel/attention.hpp>
#include <tshift/nn/kernel/gemm.hpp>
#include <tshift/nn/kernel/lstm.hpp>
#include <tshift/nn/kernel/pool2d.hpp>
#include <tshift/nn/kernel/sources.hpp>
#include <tshift/nn/kernel/vectors.hpp>
#include <tshift/nn/options.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

/// Frames [0, length) of sequence n of S x.
template <class T>
struct sequence_frames {
  shifted_view<T> const& x;
  index_t n, length;

  /// y[c] = combine(y[c], f(x[t, c], y'[c])) for t in [first, length), y' being `beside`.
  template <class Arch, class F>
  void fold(index_t first, T* y, F const& f, T const* beside) const noexcept {
    using batch = xsimd::batch<T, Arch>;
    for (index_t t = first; t < length; ++t) {
      for (channel_run<T> const run : x.runs(n, t)) {
        T *const to = y + run.begin, *const and_from = to;
        T const* const other = beside + run.begin;
        if (run.data != nullptr) {
          map<Arch>(run.count, to, f, and_from, run.data, other);
        } else {
          map<Arch>(
              run.count, to, [&f](batch const& sum, batch const& b) { return f(sum, batch(T(0)), b); }, and_from,
              other);
        }
      }
    }
  }

  /// y[c] = x[t, c] for channels [begin, end).
  void copy(index_t t, index_t begin, index_t end, T* y) const noexcept {
    for (channel_run<T> const run : x.runs(n, t)) {
      overlap_of_runs const part(run.begin, run.count, begin, end - begin);
      for (index_t c = part.begin; c < part.end; ++c) {
        y[c - begin] = run.data != nullptr ? run.data[c - run.begin] : T(0);
      }
    }
  }
};

/// mean[c], of one frame or more.
template <class Arch, class T>
void mean_of(sequence_frames<T> const& of, index_t channels, T* mean) noexcept {
  using batch = xsimd::batch<T, Arch>;
  for (index_t c = 0; c < channels; ++c) mean[c] = T(0);
  of.template fold<Arch>(
      0, mean, [](batch const& sum, batch const& v, batch const&) { return sum + v; }, mean);
  for (index_t c = 0; c < channels; ++c) mean[c] = mean[c] / static_cast<T>(of.length);
}

/// y[c] = the largest of one frame or more.
template <class Arch, class T>
void max_of(sequence_frames<T> const& of, index_t channels, T* y) noexcept {
  using batch = xsimd::batch<T, Arch>;
  of.copy(0, 0, channels, y);
  of.template fold<Arch>(
      1, y, [](batch const& most, batch const& v, batch const&) { return larger_of()(most, v); }, y);
}

/// y[c] = sqrt(mean of (x - mean)^2 + eps), in a second pass over the frames: nothing cancels.
template <class Arch, class T>
void std_of(sequence_frames<T> const& of, index_t channels, T const* mean, T eps, T* y) noexcept {
  using batch = xsimd::batch<T, Arch>;
  for (index_t c = 0; c < channels; ++c) y[c] = T(0);
  of.template fold<Arch>(
      0, y, [](batch const& sum, batch const& v, batch const& m) { return xsimd::fma(v - m, v - m, sum); }, mean);
  for (index_t c = 0; c < channels; ++c) y[c] = std::sqrt(y[c] / static_cast<T>(of.length) + eps);
}

/// The network that gives each frame its weight: score = vector . s(weight x + bias).
template <class T>
struct frame_scorer {
  packed_operand<T> weight;  // and bias
  T const* vector;           // weight.n elements
  attention_scorer kind;
};

/// scores[r] of frame part.begin + r.
/// @param room  of row_capacity rows of scorer.weight.n
template <class Arch, class T>
void score_frames(sequence_frames<T> const& of, row_part const& part, frame_scorer<T> const& scorer, T* room,
                  T* scores) noexcept {
  using batch = xsimd::batch<T, Arch>;
  index_t const width = scorer.weight.n;
  frame_rows<T> const frames{of.x};
  gemm<T, Arch>(frames, of.n * of.x.shape().time + part.begin, part.count, scorer.weight, {room, width});
  for (index_t r = 0; r < part.count; ++r) {
    T* const row = room + r * width;
    if (scorer.kind == attention_scorer::sigmoid) {
      map<Arch>(
          width, row, [](batch const& v, batch const& u) { return sigmoid(v) * u; }, row, scorer.vector);
    } else {
      map<Arch>(
          width, row, [](batch const& v, batch const& u) { return kernel::tanh(v) * u; }, row, scorer.vector);
    }
    scores[r] = sum_of<Arch>(width, row, [](batch const& v) { return v; });
  }
}

/// y[c] = sum over t of softmax over t (score[t]) x[t, c]
/// @param scores  one for each frame, written
/// @param room    of row_capacity rows of scorer.weight.n
template <class Arch, class T>
void attention_of(sequence_frames<T> const& of, index_t channels, frame_scorer<T> const& scorer, T* scores, T* room,
                  T* y) noexcept {
  using batch = xsimd::batch<T, Arch>;
  for (row_part const part : row_parts(of.length)) {
    score_frames<Arch>(of, part, scorer, room, scores + part.begin);
  }
  T const sum = exponentials<Arch>(scores, of.length, T(1)).sum;
  for (index_t c = 0; c < channels; ++c) y[c] = T(0);
  for (index_t t = 0; t < of.length; ++t) {
    batch const weight(scores[t] / sum);
    for (channel_run<T> const run : of.x.runs(of.n, t)) {
      if (run.data == nullptr) continue;  // zeros
      T* const to = y + run.begin;
      map<Arch>(
          run.count, to, [&weight](batch const& all, batch const& v) { return xsimd::fma(weight, v, all); }, to,
          run.data);
    }
  }
}

}}}}  // namespace tshift::nn::kernel
