// SPDX-License-Identifier: MIT
// The gradient of an instance norm, frame by frame: what is known of a pixel before the sums over its image are, those
// sums, and the rest. Sums are taken chunk by chunk, as the moments were, and chunks are added in double.
#pragma once

#include <cstddef>

#include <tshift/nn/kernel/instance_norm.hpp>
#include <tshift/train/kernel/activations.hpp>
#include <tshift/train/kernel/images.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train::kernel {

/// body(begin, count, x, x_step, y, y_step) for the channels of frame t of sequence n that lie in one run of S x and in
/// one of S y, at most gemm_depth: pointers to them at place 0, and distances from place to place; zeros where a shift
/// has vacated the frame.
template <class T, class Body>
void for_common_runs(shifted_view<T> const& x, shifted_view<T> const& y, index_t n, index_t t, Body const& body) {
  auto const at = [](shifted_view<T> const& of, channel_run<T> const& run, index_t begin, index_t& step) {
    step = run.data != nullptr ? of.base().strides.space : 0;
    return run.data != nullptr ? run.data + (begin - run.begin) : static_cast<T const*>(zeros<T>);
  };
  for (index_t i = 0, j = 0; i < x.runs_per_frame() && j < y.runs_per_frame();) {
    channel_run<T> const left = x.run(n, t, i), right = y.run(n, t, j);
    overlap_of_runs const both(left.begin, left.count, right.begin, right.count);
    for (index_t c = both.begin; c < both.end; c += gemm_depth) {
      index_t const some = both.end - c < gemm_depth ? both.end - c : gemm_depth;
      index_t x_step = 0, y_step = 0;
      T const *const from = at(x, left, c, x_step), *const with = at(y, right, c, y_step);
      body(c, some, from, x_step, with, y_step);
    }
    if (left.begin + left.count == both.end) ++i;
    if (right.begin + right.count == both.end) ++j;
  }
}

/// What the norm of one sequence has made of it.
template <class T>
struct instance_moments {
  T const* mean;   // of each channel
  T const* scale;  // 1 / sqrt(variance + eps)
};

/// Frames of the gradient of one sequence. With h = (x - mean) scale and u = dy f'(h):
///
///   dx = (u - mean u - h mean(u h)) scale
template <class T, class Arch>
struct instance_norm_back {
  using batch = xsimd::batch<T, Arch>;

  shifted_view<T> const &x, &dy;
  tensor_view<T> const& dx;
  index_t n;
  instance_moments<T> of;

  /// dx = u, and sums[c] += u, products[c] += u h, for frame t.
  template <class Back>
  void first_pass(index_t t, Back const& back, T* sums, T* products) const noexcept {
    for_common_runs(x, dy, n, t,
                    [this, t, &back, sums, products](index_t begin, index_t count, T const* from, index_t step,
                                                     T const* with, index_t with_step) {
                      index_t const places = dx.shape.space;
                      if (dx.shape.channels == 1) {
                        one_channel(t, back, from, step, with, with_step, sums, products);
                        return;
                      }
                      for (index_t p = 0; p < places; ++p) {
                        add_pixel(back, from + p * step, with + p * with_step, begin, count, dx.at(n, t, begin, p),
                                  sums + begin, products + begin);
                      }
                    });
  }

  /// dx = (dx - a - h b) scale for frame t; a and b are the means of the two sums.
  void second_pass(index_t t, T const* a, T const* b) const noexcept {
    index_t const places = dx.shape.space;
    auto const one = [](batch const& u, batch const& v, batch const& m, batch const& s, batch const& first,
                        batch const& second) { return (u - first - (v - m) * s * second) * s; };
    T const nothing(0);
    for (index_t i = 0; i < x.runs_per_frame(); ++i) {
      channel_run<T> const run = x.run(n, t, i);
      index_t const step = run.data != nullptr ? x.base().strides.space : 0;
      if (dx.shape.channels == 1) {
        batch const m(*of.mean), s(*of.scale), first(*a), second(*b);
        T const* const from = run.data != nullptr ? run.data : &nothing;
        for (index_t done = 0; done < places; done += places_at_once) {
          index_t const some = places - done < places_at_once ? places - done : places_at_once;
          T values[static_cast<std::size_t>(places_at_once)], slopes[static_cast<std::size_t>(places_at_once)];
          T const* const v = side_by_side(from + done * step, step, some, static_cast<T*>(values));
          for (index_t p = 0; p < some; ++p) slopes[p] = dx(n, t, 0, done + p);
          T const* const u = slopes;
          map<Arch>(
              some, static_cast<T*>(slopes),
              [&one, &m, &s, &first, &second](batch const& slope, batch const& value) {
                return one(slope, value, m, s, first, second);
              },
              u, v);
          for (index_t p = 0; p < some; ++p) dx(n, t, 0, done + p) = slopes[p];
        }
        continue;
      }
      index_t const c = run.begin;
      for (index_t p = 0; p < places; ++p) {
        T *const to = dx.at(n, t, c, p), *const u = to;
        if (run.data != nullptr) {
          map<Arch>(run.count, to, one, static_cast<T const*>(u), run.data + p * step, of.mean + c, of.scale + c, a + c,
                    b + c);
        } else {
          auto const of_zero = [&one](batch const& slope, batch const& m, batch const& s, batch const& first,
                                      batch const& second) { return one(slope, batch(T(0)), m, s, first, second); };
          map<Arch>(run.count, to, of_zero, static_cast<T const*>(u), of.mean + c, of.scale + c, a + c, b + c);
        }
      }
    }
  }

 private:
  template <class Back>
  void add_pixel(Back const& back, T const* from, T const* with, index_t begin, index_t count, T* to, T* sums,
                 T* products) const noexcept {
    constexpr index_t lanes = lanes_of<T, Arch>;
    for (index_t c = 0; c < count; c += lanes) {
      index_t const rest = count - c < lanes ? count - c : lanes;
      auto const load = [c, rest](T const* p) {
        return rest == lanes ? batch::load_unaligned(p + c) : load_part<Arch>(p + c, rest, T(0));
      };
      auto const store = [c, rest](batch const& v, T* p) {
        rest == lanes ? v.store_unaligned(p + c) : store_part<Arch>(v, p + c, rest);
      };
      batch const h = (load(from) - load(of.mean + begin)) * load(of.scale + begin), u = back(h, load(with));
      store(u, to);
      store(load(sums) + u, sums);
      store(xsimd::fma(u, h, load(products)), products);
    }
  }

  /// Of the one channel there is: a vector of places at a time.
  template <class Back>
  void one_channel(index_t t, Back const& back, T const* from, index_t step, T const* with, index_t with_step, T* sums,
                   T* products) const noexcept {
    index_t const places = dx.shape.space;
    batch const m(*of.mean), s(*of.scale);
    for (index_t done = 0; done < places; done += places_at_once) {
      index_t const some = places - done < places_at_once ? places - done : places_at_once;
      constexpr auto most = static_cast<std::size_t>(places_at_once);
      T values[most], above[most], slopes[most];
      T const* const v = side_by_side(from + done * step, step, some, static_cast<T*>(values));
      T const* const g = side_by_side(with + done * with_step, with_step, some, static_cast<T*>(above));
      T const *const u = slopes, *const uh = values;
      auto const normal = [&m, &s](batch const& value) { return (value - m) * s; };
      map<Arch>(
          some, static_cast<T*>(slopes),
          [&back, &normal](batch const& value, batch const& slope) { return back(normal(value), slope); }, v, g);
      for (index_t p = 0; p < some; ++p) dx(n, t, 0, done + p) = slopes[p];
      map<Arch>(
          some, static_cast<T*>(values),
          [&normal](batch const& value, batch const& slope) { return slope * normal(value); }, v, u);
      auto const itself = [](batch const& value) { return value; };
      *sums += sum_of<Arch>(some, u, itself);
      *products += sum_of<Arch>(some, uh, itself);
    }
  }
};

}}}}  // namespace tshift::train::kernel
