// SPDX-License-Identifier: MIT
// Mean and variance of each channel over a sequence's pixels. They are taken chunk by chunk, whose moments are joined
// in double: a chunk's bits depend on the sequence alone, and nothing cancels, however far from zero a channel lies.
#pragma once

#include <cmath>
#include <cstddef>

#include <tshift/nn/kernel/activations.hpp>
#include <tshift/nn/kernel/vectors.hpp>
#include <tshift/shifted_view.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

/// How frames are cut into chunks: of at least 64 pixels where there are so many.
struct frame_chunks {
  index_t frames;  // of a whole one

  explicit constexpr frame_chunks(index_t places) noexcept : frames(places < 1 || places >= 64 ? 1 : 64 / places) {}
  /// Of so many frames.
  constexpr index_t count(index_t time) const noexcept { return time / frames + (time % frames != 0 ? 1 : 0); }
};

/// Frames [first, first + frames) of sequence n of S x.
template <class T>
struct frame_chunk {
  shifted_view<T> const& x;
  index_t n, first, frames;

  index_t places() const noexcept { return x.shape().space; }
  index_t step() const noexcept { return x.base().strides.space; }
  T pixels() const noexcept { return static_cast<T>(frames * places()); }

  /// body(p, step) for every frame: channel c of run number `run` at place 0, and the distance to the next place; zeros
  /// where the shift has vacated the frame.
  template <class Body>
  void each(index_t run, index_t c, T const* nothing, Body const& body) const noexcept {
    for (index_t t = first; t < first + frames; ++t) {
      T const* const data = x.run(n, t, run).data;
      data != nullptr ? body(data + c, step()) : body(nothing, index_t{0});
    }
  }
};

/// `count` elements at p, step apart, in one run of memory: where they lie, or in `buffer`.
template <class T>
T const* side_by_side(T const* p, index_t step, index_t count, T* buffer) noexcept {
  if (step == 1) return p;
  for (index_t i = 0; i < count; ++i) buffer[i] = p[i * step];
  return buffer;
}

/// Places that are collected at once where there is one channel.
inline constexpr index_t places_at_once = 256;

/// Of the one channel there is: a vector of places at a time.
template <class Arch, class T>
void one_channel_moments(frame_chunk<T> const& of, T* mean, T* squares) noexcept {
  using batch = xsimd::batch<T, Arch>;
  auto const sum = [&of](auto const& f) {
    T total(0), buffer[static_cast<std::size_t>(places_at_once)];
    T const zero(0);
    of.each(0, 0, &zero, [&of, &f, &total, &buffer](T const* p, index_t step) {
      for (index_t done = 0; done < of.places(); done += places_at_once) {
        index_t const some = of.places() - done < places_at_once ? of.places() - done : places_at_once;
        total += sum_of<Arch>(some, side_by_side(p + done * step, step, some, static_cast<T*>(buffer)), f);
      }
    });
    return total;
  };
  *mean = sum([](batch const& v) { return v; }) / of.pixels();
  batch const middle(*mean);
  *squares = sum([&middle](batch const& v) { return (v - middle) * (v - middle); });
}

/// The sum of f(load(p)) over a chunk's pixels, p being channel c of a run in each. Four chains a frame, so that the
/// adds need not wait for each other.
template <class Arch, class T, class Load, class F>
xsimd::batch<T, Arch> pixel_sum(frame_chunk<T> const& of, index_t run, index_t c, Load const& load,
                                F const& f) noexcept {
  using batch = xsimd::batch<T, Arch>;
  T const nothing[static_cast<std::size_t>(lanes_of<T, Arch>)] = {};
  batch sums[4] = {batch(T(0)), batch(T(0)), batch(T(0)), batch(T(0))};
  of.each(run, c, static_cast<T const*>(nothing), [&of, &sums, &load, &f](T const* p, index_t step) {
    index_t i = 0;
    for (; i + 4 <= of.places(); i += 4) {
      for (index_t j = 0; j < 4; ++j) sums[j] = sums[j] + f(load(p + (i + j) * step));
    }
    for (; i < of.places(); ++i) sums[0] = sums[0] + f(load(p + i * step));
  });
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/// Mean of a chunk's pixels and the sum of squares of the differences to it, for each channel.
template <class Arch, class T>
void chunk_moments(frame_chunk<T> const& of, T* mean, T* squares) noexcept {
  using batch = xsimd::batch<T, Arch>;
  constexpr index_t lanes = lanes_of<T, Arch>;
  if (of.x.shape().channels == 1) return one_channel_moments<Arch>(of, mean, squares);
  batch const count(of.pixels());
  for (index_t i = 0; i < of.x.runs_per_frame(); ++i) {
    auto const& run = of.x.segment(i);
    for (index_t c = 0; c < run.count; c += lanes) {
      index_t const rest = run.count - c;
      T *const to = mean + run.begin + c, *const and_to = squares + run.begin + c;
      auto const sum = [&of, i, c, rest](auto const& f) {
        if (rest >= lanes) {
          return pixel_sum<Arch>(
              of, i, c, [](T const* p) { return batch::load_unaligned(p); }, f);
        }
        return pixel_sum<Arch>(
            of, i, c, [rest](T const* p) { return load_part<Arch>(p, rest, T(0)); }, f);
      };
      batch const middle = sum([](batch const& v) { return v; }) / count;
      batch const spread = sum([&middle](batch const& v) { return (v - middle) * (v - middle); });
      if (rest >= lanes) {
        middle.store_unaligned(to);
        spread.store_unaligned(and_to);
      } else {
        store_part<Arch>(middle, to, rest);
        store_part<Arch>(spread, and_to, rest);
      }
    }
  }
}

/// Moments of chunks joined: the mean of all, and 1 / sqrt(variance + eps).
/// @param mean     that of each chunk `step` elements after that of the one before
/// @param squares  the same
/// @param count    count(i) pixels of chunk i
template <class T, class Count>
void join_moments(T const* mean, T const* squares, index_t step, index_t chunks, Count const& count, double eps,
                  T& middle, T& scale) noexcept {
  double pixels = 0, sum = 0, spread = 0;
  for (index_t i = 0; i < chunks; ++i) {
    pixels += static_cast<double>(count(i));
    sum += static_cast<double>(count(i)) * static_cast<double>(mean[i * step]);
  }
  double const of_all = sum / pixels;
  for (index_t i = 0; i < chunks; ++i) {
    double const off = static_cast<double>(mean[i * step]) - of_all;
    spread += static_cast<double>(squares[i * step]) + static_cast<double>(count(i)) * off * off;
  }
  middle = static_cast<T>(of_all);
  scale = static_cast<T>(1 / std::sqrt(spread / pixels + eps));
}

/// Frame t of sequence n: y = f((S x - mean) * scale); y may be x.
template <class Arch, class T>
void normalise_frame(shifted_view<T> const& x, index_t n, index_t t, T const* mean, T const* scale, activation const& f,
                     tensor_view<T> const& y) noexcept {
  using batch = xsimd::batch<T, Arch>;
  index_t const places = x.shape().space, step = x.base().strides.space;
  auto const one = [](batch const& v, batch const& middle, batch const& by) { return (v - middle) * by; };
  for (index_t i = 0; i < x.runs_per_frame(); ++i) {
    channel_run<T> const run = x.run(n, t, i);
    T const *const middle = mean + run.begin, *const by = scale + run.begin;
    if (x.shape().channels == 1) {
      batch const m(*middle), s(*by);
      for (index_t done = 0; done < places; done += places_at_once) {
        index_t const some = places - done < places_at_once ? places - done : places_at_once;
        T buffer[static_cast<std::size_t>(places_at_once)];
        T const zero(0);
        T const* const from = run.data != nullptr ? run.data + done * step : &zero;
        T const* const v = side_by_side(from, run.data != nullptr ? step : 0, some, static_cast<T*>(buffer));
        T* const made = y.strides.space == 1 ? y.at(n, t, 0, done) : static_cast<T*>(buffer);
        map<Arch>(
            some, made, [&one, &m, &s](batch const& a) { return one(a, m, s); }, v);
        activate<Arch>(f, some, made, made);
        for (index_t p = 0; p < some && y.strides.space != 1; ++p) y(n, t, 0, done + p) = buffer[p];
      }
      continue;
    }
    for (index_t p = 0; p < places; ++p) {
      T* const to = y.at(n, t, run.begin, p);
      if (run.data != nullptr) {
        map<Arch>(run.count, to, one, run.data + p * step, middle, by);
      } else {
        map<Arch>(
            run.count, to, [&one](batch const& m, batch const& s) { return one(batch(T(0)), m, s); }, middle, by);
      }
      if (f.which != activation::kind::none) activate<Arch>(f, run.count, to, to);
    }
  }
}

}}}}  // namespace tshift::nn::kernel
