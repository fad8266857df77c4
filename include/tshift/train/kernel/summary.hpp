// SPDX-License-Identifier: MIT
// The gradient of what a sequence is summarised by, a sequence at a time: what each kind has of dy for all frames
// first, then frame by frame.
#pragma once

#include <cmath>
#include <cstddef>

#include <tshift/nn/kernel/gate.hpp>
#include <tshift/nn/kernel/summary.hpp>
#include <tshift/train/kernel/chunks.hpp>
#include <tshift/train/kernel/matrix.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train::kernel {

/// to[c] = f(to[c], x[t, c], beside[c]...) for every channel of S x.
template <class Arch, class T, class F, class... Beside>
void join_frame(sequence_frames<T> const& of, index_t t, T* to, F const& f, Beside const*... beside) noexcept {
  using batch = xsimd::batch<T, Arch>;
  for (channel_run<T> const run : of.x.runs(of.n, t)) {
    T *const at = to + run.begin, *const here = at;
    if (run.data != nullptr) {
      map<Arch>(run.count, at, f, static_cast<T const*>(here), run.data, beside + run.begin...);
    } else {
      auto const of_zero = [&f](batch const& sum, auto const&... others) { return f(sum, batch(T(0)), others...); };
      map<Arch>(run.count, at, of_zero, static_cast<T const*>(here), beside + run.begin...);
    }
  }
}

/// Numbers of channels: what each kind has of dy, and what was kept of the sequence.
template <class T>
struct summary_slopes {
  T* last;             // its gradient: the sum of dy over kinds of this name
  T* mean;             // over the length
  T* max;              // what no frame has taken yet; used up
  T* std;              // over length and deviation
  T* attention;        // the gradient of the weighted mean
  T const* largest;    // of the frames
  T const* middle;     // their mean, for std
  index_t directions;  // of last
};

/// What is kept of a sequence.
template <class Element>
struct summary_kept {
  Element *largest, *middle, *deviation, *scores;
};

/// Which kinds there are.
struct summary_set {
  bool last = false, mean = false, max = false, std = false, attention = false;

  void add(summary_kind kind) noexcept {
    last |= kind == summary_kind::last;
    mean |= kind == summary_kind::mean;
    max |= kind == summary_kind::max;
    std |= kind == summary_kind::std;
    attention |= kind == summary_kind::attention;
  }
  /// Elements that are kept of a sequence.
  index_t kept(index_t channels, index_t time) const noexcept {
    return (max ? channels : 0) + (std ? 2 * channels : 0) + (attention ? time : 0);
  }
  /// Those of sequence n.
  template <class Element>
  summary_kept<Element> in(Element* saved, index_t channels, index_t time, index_t n) const noexcept {
    Element* const largest = saved + n * kept(channels, time);
    Element* const middle = largest + (max ? channels : 0);
    Element* const deviation = middle + (std ? channels : 0);  // nothing is kept at all: a null pointer stays one
    return {largest, middle, deviation, deviation + (std ? channels : 0)};
  }
};

/// dx of frame t += everything but what the network of attention has.
/// @param weight  of this frame
template <class Arch, class T>
void summary_back_frame(sequence_frames<T> const& of, index_t t, index_t channels, summary_set const& has,
                        summary_slopes<T> const& s, T weight, T* dx) noexcept {
  using batch = xsimd::batch<T, Arch>;
  if (has.mean) {
    T const* const here = dx;
    map<Arch>(
        channels, dx, [](batch const& sum, batch const& g) { return sum + g; }, here, static_cast<T const*>(s.mean));
  }
  if (has.std) {
    join_frame<Arch>(
        of, t, dx,
        [](batch const& sum, batch const& v, batch const& g, batch const& m) { return xsimd::fma(g, v - m, sum); },
        static_cast<T const*>(s.std), s.middle);
  }
  if (has.max) {  // the first of the largest; of NaNs the first as well
    // `taken` where v is the largest or NaN, else `left`.
    auto const either = [](batch const& v, batch const& most, batch const& taken, batch const& left) {
      // cppcheck-suppress duplicateExpression  // NaN alone is not what it is
      return xsimd::select(v == v, xsimd::select(v == most, taken, left), taken);
    };
    join_frame<Arch>(
        of, t, dx,
        [&either](batch const& sum, batch const& v, batch const& g, batch const& most) {
          return either(v, most, sum + g, sum);
        },
        static_cast<T const*>(s.max), s.largest);
    join_frame<Arch>(
        of, t, s.max,
        [&either](batch const& g, batch const& v, batch const& most) { return either(v, most, batch(T(0)), g); },
        s.largest);
  }
  if (has.attention) {
    batch const part(weight);
    T const* const here = dx;
    map<Arch>(
        channels, dx, [&part](batch const& sum, batch const& g) { return xsimd::fma(part, g, sum); }, here,
        static_cast<T const*>(s.attention));
  }
  if (has.last) {
    index_t const half = channels / s.directions;
    for (index_t c = 0; c < half && t == of.length - 1; ++c) dx[c] += s.last[c];
    for (index_t c = half; c < channels && t == 0; ++c) dx[c] += s.last[c];
  }
}

/// The network that gives frames their weights, to be trained.
template <class T>
struct trained_scorer {
  packed_operand<T> across, back;
  T const* vector;
  attention_scorer kind;
};

/// Gradients of the scores of a sequence's frames, and of what the network makes of them before s is applied.
/// @param weights  in: exponentials of the scores; out: over their sum
/// @param g        of the weighted mean
/// @param slopes   [length], written: of the scores; they add up to 0
/// @param row      [channels]: a frame, put together
/// @param first    [width]: s of the first frame. The vector's gradient is a sum of small differences: without it they
///                 are those of large numbers
/// @param dv       [length, width], written
/// @param du       [width], written: of the vector
template <class Arch, class T>
void scores_back(sequence_frames<T> const& of, index_t channels, trained_scorer<T> const& scorer, T* weights,
                 T const* g, T* slopes, T* row, T* first, T* dv, T* du) noexcept {
  using batch = xsimd::batch<T, Arch>;
  index_t const width = scorer.across.n;
  T const sum = sum_of<Arch>(of.length, weights, [](batch const& v) { return v; });
  T mean(0);
  for (index_t t = 0; t < of.length; ++t) {
    of.copy(t, 0, channels, row);
    weights[t] = weights[t] / sum;
    slopes[t] = dot<Arch>(channels, static_cast<T const*>(row), g);
    mean += weights[t] * slopes[t];
  }
  for (index_t j = 0; j < width; ++j) du[j] = T(0);
  frame_rows<T> const frames{of.x};
  for (row_part const part : row_parts(of.length)) {
    gemm<T, Arch>(frames, of.n * of.x.shape().time + part.begin, part.count, scorer.across,
                  {dv + part.begin * width, width});
    for (index_t t = part.begin; t < part.begin + part.count; ++t) {
      slopes[t] = weights[t] * (slopes[t] - mean);
      batch const slope(slopes[t]);
      T *const v = dv + t * width, *const s = v;
      T const* const value = s;
      if (scorer.kind == attention_scorer::sigmoid) {
        map<Arch>(
            width, v, [](batch const& z) { return sigmoid(z); }, value);
      } else {
        map<Arch>(
            width, v, [](batch const& z) { return nn::kernel::tanh(z); }, value);
      }
      for (index_t j = 0; j < width && t == 0; ++j) first[j] = value[j];
      T const *const added = du, *const level = first;
      map<Arch>(
          width, du,
          [&slope](batch const& all, batch const& z, batch const& of_first) {
            return xsimd::fma(slope, z - of_first, all);
          },
          added, value, level);
      batch const one(T(1));
      if (scorer.kind == attention_scorer::sigmoid) {
        map<Arch>(
            width, v, [&slope, &one](batch const& z, batch const& u) { return slope * u * z * (one - z); }, value,
            scorer.vector);
      } else {
        map<Arch>(
            width, v, [&slope, &one](batch const& z, batch const& u) { return slope * u * (one - z * z); }, value,
            scorer.vector);
      }
    }
  }
}

}}}}  // namespace tshift::train::kernel
