// SPDX-License-Identifier: MIT
// What the benchmarks of blocks and models share: their sizes, their floors, and how close a result must be.
#pragma once

#include <cmath>
#include <map>

#include <xsimd/xsimd.hpp>

#include <tshift/nn/linear.hpp>

#include "support.hpp"

namespace tshift_bench {

// ----------------------------------------------------------------------------------------------------------- sizes

/// Eight of what ShiftSER computes on, one, and a small one.
inline constexpr tensor_case nn_cases[] = {
    {{8, 374, 768}, layout::ntc, 0}, {{1, 374, 768}, layout::ntc, 1}, {{1, 64, 256}, layout::ntc, 2}};

/// The cases of the chosen effort: --quick has no time for the batch, and --smoke runs in debug and sanitizer builds
/// too, where the small one takes long enough.
inline std::span<tensor_case const> chosen_nn_cases() {
  std::span<tensor_case const> const all(nn_cases);
  return all.last(current_effort() == effort::full ? 3 : current_effort() == effort::quick ? 2 : 1);
}

/// The same for what has 12 heads: 252 channels in place of 256.
inline tensor_case with_heads(tensor_case on) {
  on.dims.channels -= on.dims.channels % 12;
  return on;
}
inline constexpr index_t heads = 12;

/// One image, or several: "ntsc 1x300x40x3".
inline std::string image_text(shape const& on) {
  std::string text = "ntsc " + std::to_string(on.batch);
  for (index_t const each : {on.time, on.space, on.channels}) text.append("x").append(std::to_string(each));
  return text;
}

/// The target where the project has one for blocks and models: at [1, 374, 768].
inline double medium_target(tensor_case const& on, double target) { return on.size == 1 ? target : 0; }

inline double as_double(index_t value) { return static_cast<double>(value); }

/// N T
inline double frames_of(shape const& dims) { return as_double(dims.batch * dims.time); }

// ---------------------------------------------------------------------------------------------------------- memory

/// A workspace, kept and reused from row to row, filled with NaN.
inline std::span<float> scratch(index_t count) {
  static buffer<float> memory;
  auto const size = static_cast<std::size_t>(count);
  memory.reserve(size);
  if (size > 0) std::memset(static_cast<void*>(memory.data()), 0xff, size * sizeof(float));
  return {memory.data(), size};
}

/// Random values in [-scale, scale).
inline std::vector<float> random_values(index_t count, double scale, std::uint64_t seed) {
  std::vector<float> values(static_cast<std::size_t>(count));
  fill_random(values.data(), values.size(), seed << 32);
  for (float& value : values) value *= static_cast<float>(scale);
  return values;
}

// ---------------------------------------------------------------------------------------------------- verification

/// Compares results with what is right, in double: the relative error, in the L2 norm, must be at most 1e-5.
class closeness {
 public:
  void add(double want, double got) {
    errors_ += (got - want) * (got - want);
    squares_ += want * want;
    ++count_;
  }

  /// Every element of two tensors of one shape.
  template <class Want>
  void add(tensor_view<Want> const& want, tensor_view<float> const& got) {
    tshift::reference::for_each_element(got.shape, [&](index_t n, index_t t, index_t c, index_t s) {
      add(static_cast<double>(want(n, t, c, s)), static_cast<double>(got(n, t, c, s)));
    });
  }

  /// Throws std::runtime_error, also for a NaN, and if nothing was compared.
  void check(char const* what) const {
    double const error = std::sqrt(errors_ / squares_);
    if (error <= 1e-5) return;
    char message[200];
    std::snprintf(message, sizeof message, "wrong result: %s, relative L2 error %g over %td elements", what, error,
                  count_);
    throw std::runtime_error(message);
  }

 private:
  double errors_ = 0, squares_ = 0;
  index_t count_ = 0;
};

/// Throws if an element is NaN or infinite: it was never written, or made from one that was not.
inline void expect_finite(tensor_view<float> const& y) {
  tshift::reference::for_each_element(y.shape, [&](index_t n, index_t t, index_t c, index_t s) {
    if (std::isfinite(y(n, t, c, s))) return;
    char message[200];
    std::snprintf(message, sizeof message, "wrong result at n=%td t=%td c=%td: got %g", n, t, c,
                  static_cast<double>(y(n, t, c, s)));
    throw std::runtime_error(message);
  });
}

/// Which of `count` things to verify, evenly spread, the first and the last always among them: all, or as many as cost
/// about 3e7 multiply-adds, a tenth of that for --smoke.
inline std::vector<index_t> spread(index_t count, double cost_of_one) {
  auto const afford =
      std::max<index_t>(2, static_cast<index_t>((current_effort() == effort::smoke ? 3e6 : 3e7) / cost_of_one));
  std::vector<index_t> chosen;
  if (count <= afford) {
    for (index_t i = 0; i < count; ++i) chosen.push_back(i);
  } else {
    for (index_t i = 0; i < afford; ++i) chosen.push_back(i * (count - 1) / (afford - 1));
  }
  return chosen;
}

// ---------------------------------------------------------------------------------------------------------- floors

/// The packed matrix product itself: linear, D to 4 D, over the T frames of one sequence. What is made of products
/// cannot take less than this times its share of the FLOPs.
class product_floor {
 public:
  explicit product_floor(shape const& on) : channels_(whole(on.channels)), frames_(on.time) {
    x_ = memory(0, frames_ * channels_);
    y_ = memory(1, frames_ * 4 * channels_);
    fill_random(x_, static_cast<std::size_t>(frames_ * channels_), 7);
    layer_ = layer(channels_);
  }

  /// How often the floor's FLOPs go into so many, for row.share.
  static double share(shape const& on, double flops) {
    double const D = as_double(whole(on.channels));
    return flops / (8 * as_double(on.time) * D * D);
  }

  void operator()() const {
    layer_->forward(tensor_view<float const>(x_, {1, frames_, channels_}),
                    tensor_view<float>(y_, {1, frames_, 4 * channels_}));
  }

 private:
  /// 252 channels are compared with the product of 256.
  static index_t whole(index_t channels) { return (channels + 15) / 16 * 16; }

  /// One object for all rows, so that all of them are compared with the same.
  static tshift::nn::linear<float> const* layer(index_t channels) {
    static std::map<index_t, tshift::nn::linear<float>> layers;
    auto found = layers.find(channels);
    if (found == layers.end()) {
      auto const weight = random_values(4 * channels * channels, 2 / std::sqrt(as_double(channels)), 11);
      found = layers.emplace(channels, tshift::nn::linear<float>(channels, 4 * channels, weight)).first;
    }
    return &found->second;
  }

  static float* memory(std::size_t which, index_t count) {
    static buffer<float> parts[2];
    parts[which].reserve(static_cast<std::size_t>(count));
    return parts[which].data();
  }

  index_t channels_, frames_;
  float *x_ = nullptr, *y_ = nullptr;
  tshift::nn::linear<float> const* layer_ = nullptr;
};

/// The sum of `count` floats: eight sums at once, and lines asked for 4 KiB ahead. A plain loop reaches three quarters
/// of this rate. Up to 1024 floats behind the last are asked for as well.
inline float sum_all(float const* values, std::size_t count) {
  using vector = xsimd::batch<float>;
  constexpr std::size_t width = vector::size, line = 16, chains = 8;
  vector sums[chains];
  for (vector& sum : sums) sum = vector(0.f);
  std::size_t i = 0;
  for (; i + chains * width <= count; i += chains * width) {
#pragma GCC unroll 8
    for (std::size_t k = 0; k < chains; ++k) {
      if (k * width % line == 0) __builtin_prefetch(values + i + k * width + 1024);
      sums[k] = sums[k] + vector::load_unaligned(values + i + k * width);
    }
  }
  float total = 0;
  for (; i < count; ++i) total += values[i];
  for (vector const& sum : sums) {
    float lanes[width];
    sum.store_unaligned(lanes);
    for (float const lane : lanes) total += lane;
  }
  return total;
}

/// What an LSTM with H = D cannot do without, for each direction: the products with W_ih at the rate of product_floor,
/// of which one sequence has exactly one; and for each step, reading W_hh. Or, as with a batch, the recurrent products
/// at the same rate, where they take longer: that is measured once, before the row.
/// @param products  over all steps at once: W_ih x alone, or the three of the gradients
class lstm_floor {
 public:
  lstm_floor(shape const& on, index_t directions, index_t products = 1)
      : product_(on), on_(on), directions_(directions), all_steps_(products) {
    auto const size = static_cast<std::size_t>(4 * on.channels * on.channels);
    static buffer<float> weights;
    if (weights.reserve(2 * size + 1024)) fill_random(weights.data(), 2 * size + 1024, 13);
    weights_ = weights.data();
    size_ = size;
    double reading = HUGE_VAL, multiplying = HUGE_VAL;
    for (int i = 0; i < 3; ++i) {
      reading = std::min(reading, time_calls([this] { read(0); }, 1));
      multiplying = std::min(multiplying, time_calls([this] { multiply(); }, 1));
    }
    products_ = multiplying > reading;
  }

  void operator()() const {
    for (index_t d = 0; d < directions_; ++d) {
      for (index_t i = 0; i < all_steps_; ++i) multiply();
      if (products_) {
        multiply();
      } else {
        read(d);
      }
    }
  }

 private:
  void multiply() const {
    for (index_t n = 0; n < on_.batch; ++n) product_();
  }

  void read(index_t direction) const {
    for (index_t t = 0; t < on_.time; ++t) {
      float sum = sum_all(weights_ + static_cast<std::size_t>(direction) * size_, size_);
      benchmark::DoNotOptimize(sum);
    }
  }

  product_floor product_;
  shape on_;
  index_t directions_, all_steps_;
  float const* weights_ = nullptr;
  std::size_t size_ = 0;
  bool products_ = false;
};

/// FLOPs of an LSTM with H = D.
inline double lstm_flops(shape const& on, index_t directions) {
  return 16 * frames_of(on) * as_double(on.channels) * as_double(on.channels) * as_double(directions);
}

/// FLOPs of self_attention with so many kinds of relative positions.
inline double attention_flops(shape const& on, int relative) {
  double const D = as_double(on.channels);
  return frames_of(on) * (6 * D * D + (4 + 2 * relative) * as_double(on.time) * D);
}

/// FLOPs of D to 4 D to D.
inline double mlp_flops(shape const& on) {
  return 16 * frames_of(on) * as_double(on.channels) * as_double(on.channels);
}

inline constexpr index_t taps = 7;

inline double conv_block_flops(shape const& on) {
  return mlp_flops(on) + 2 * as_double(taps) * frames_of(on) * as_double(on.channels);
}

}  // namespace tshift_bench
