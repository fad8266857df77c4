// SPDX-License-Identifier: MIT
// The gradients of a row that was normalised, and of weight and bias.
#pragma once

#include <cstddef>

#include <tshift/nn/kernel/layer_norm.hpp>
#include <tshift/train/kernel/chunks.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train::kernel {

/// dx = (u - mean of u - xhat mean of (u xhat)) scale with u = dy weight and xhat = (x - mean) scale. u is rounded, and
/// waits in dx: of a single channel it is its own mean, and nothing is left of it.
template <class Arch, class T>
void layer_norm_back(index_t count, T const* x, T const* dy, T const* weight, row_moments<T> of_x, T* dx) noexcept {
  using batch = xsimd::batch<T, Arch>;
  constexpr index_t lanes = lanes_of<T, Arch>;
  batch const mean(of_x.mean), scale(of_x.scale);
  batch sums[4] = {batch(T(0)), batch(T(0)), batch(T(0)), batch(T(0))};
  batch along[4] = {batch(T(0)), batch(T(0)), batch(T(0)), batch(T(0))};
  auto const add = [&mean, &scale, &sums, &along](batch const& u, batch const& v, index_t chain) {
    sums[chain] = sums[chain] + u;
    along[chain] = xsimd::fma(u, (v - mean) * scale, along[chain]);
  };
  index_t c = 0;
  for (; c + 4 * lanes <= count; c += 4 * lanes) {
#pragma GCC unroll 4
    for (index_t j = 0; j < 4; ++j) {
      index_t const at = c + j * lanes;
      batch const u = batch::load_unaligned(dy + at) * batch::load_unaligned(weight + at);
      u.store_unaligned(dx + at);
      add(u, batch::load_unaligned(x + at), j);
    }
  }
  for (; c < count; c += lanes) {  // what a vector has too many is zero
    index_t const some = count - c < lanes ? count - c : lanes;
    auto const load = [c, some](T const* p) { return load_part<Arch>(p + c, some, T(0)); };
    batch const u = load(dy) * load(weight);
    store_part<Arch>(u, dx + c, some);
    add(u, load(x), 0);
  }
  auto const mean_of = [count](batch const(&chains)[4]) {
    T const sum = joined((chains[0] + chains[1]) + (chains[2] + chains[3]), [](T a, T b) { return a + b; });
    return batch(sum / static_cast<T>(count));
  };
  batch const level = mean_of(sums), slope = mean_of(along);
  map<Arch>(
      count, dx,
      [&mean, &scale, &level, &slope](batch const& u, batch const& v) {
        return xsimd::fma(batch(T(0)) - (v - mean) * scale, slope, u - level) * scale;
      },
      dx, x);
}

/// weight[c] += sum over rows of dy[r][c] xhat[r][c], bias[c] += sum over rows of dy[r][c].
template <class Arch, class T>
void add_norm_gradients(index_t rows, index_t count, T const* const* x, T const* const* dy, row_moments<T> const* of_x,
                        T* weight, T* bias) noexcept {
  using batch = xsimd::batch<T, Arch>;
  constexpr index_t lanes = lanes_of<T, Arch>;
  auto const sum = [rows, x, dy, of_x](batch& w, batch& b, auto const& load) {
    for (index_t r = 0; r < rows; ++r) {
      batch const g = load(dy[r]);
      w = xsimd::fma(g, (load(x[r]) - batch(of_x[r].mean)) * batch(of_x[r].scale), w);
      b = b + g;
    }
  };
  index_t c = 0;
  for (; c + lanes <= count; c += lanes) {
    batch w = batch::load_unaligned(weight + c), b = batch::load_unaligned(bias + c);
    sum(w, b, [c](T const* p) { return batch::load_unaligned(p + c); });
    w.store_unaligned(weight + c);
    b.store_unaligned(bias + c);
  }
  if (c < count) {
    auto const load = [c, count](T const* p) { return load_part<Arch>(p + c, count - c, T(0)); };
    batch w = load(weight), b = load(bias);
    sum(w, b, load);
    store_part<Arch>(w, weight + c, count - c);
    store_part<Arch>(b, bias + c, count - c);
  }
}

/// y += skip, and also zeros where a shift has vacated frames: a norm's gradient may be -0, to which 0 is not nothing.
template <class Arch, class T>
void add_all_rows(row_source<T> skip, index_t channels, index_t first, index_t count, row_sink<T> y) noexcept {
  row_block<T> table;
  for (index_t done = 0; done < channels; done += gemm_depth) {
    index_t const some = channels - done < gemm_depth ? channels - done : gemm_depth;
    skip.gather(table, first, count, done, some, zeros<T>);
    for (index_t p = 0; p < table.pieces; ++p) {
      auto const& piece = table.items[p];
      for (index_t r = 0; r < count; ++r) {
        T* const to = y.from(r).data + done + piece.begin;
        map<Arch>(
            piece.count, to, [](auto const& a, auto const& b) { return a + b; }, to, piece.row[r]);
      }
    }
  }
}

/// What the gradients of a norm are made of.
template <class T>
struct norm_back {
  row_source<T> x, dy;
  row_source<T> const* skip;  // or null
  index_t channels;
  T const* weight;
  T const* moments;  // mean and scale of each row

  /// Elements of `room`: rows that do not lie in one run.
  static constexpr index_t rows_of_room = 2 * frames_together;

  /// Rows [first, first + count), at most row_capacity: dx (+ skip), and their sums, [2, channels].
  /// @param dx  may have no data
  template <class Arch>
  void rows(index_t first, index_t count, row_sink<T> dx, T* sums, T* room) const noexcept {
    row_block<T> from, with;
    x.gather(from, first, count, 0, channels, nullptr);
    dy.gather(with, first, count, 0, channels, nullptr);
    for (index_t i = 0; i < 2 * channels; ++i) sums[i] = T(0);
    constexpr auto together = static_cast<std::size_t>(frames_together);
    T const *here[together], *above[together];
    row_moments<T> of_x[together];
    for (index_t row = 0; row < count; row += frames_together) {
      index_t const some = count - row < frames_together ? count - row : frames_together;
      for (index_t r = 0; r < some; ++r) {
        here[r] = in_one_run(from, row + r, room + r * channels);
        above[r] = in_one_run(with, row + r, room + (frames_together + r) * channels);
        T const* const of = moments + 2 * (first + row + r);
        of_x[r] = {of[0], of[1]};
        if (dx.data == nullptr) continue;
        layer_norm_back<Arch>(channels, here[r], above[r], weight, of_x[r], dx.from(row + r).data);
      }
      if (dx.data != nullptr && skip != nullptr) add_all_rows<Arch>(*skip, channels, first + row, some, dx.from(row));
      add_norm_gradients<Arch>(some, channels, here, above, of_x, sums, sums + channels);
    }
  }
};

}}}}  // namespace tshift::train::kernel
