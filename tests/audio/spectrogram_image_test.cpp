// SPDX-License-Identifier: MIT
// Images of features against their definition and by hand; what a picture keeps; ragged batches, refusals.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <tshift/audio/reference.hpp>
#include <tshift/audio/spectrogram_image.hpp>

#include "../support/allocation_counter.hpp"
#include "../support/catch.hpp"
#include "../support/message_of.hpp"
#include "../support/thread_executor.hpp"
#include "audio_cases.hpp"

namespace {

using namespace test_support;
using tshift::image_resize;
using tshift::image_scale;
using tshift::spectrogram_image_options;
using tshift::tensor_view;

constexpr image_resize resizes[] = {image_resize::none, image_resize::linear, image_resize::antialiased,
                                    image_resize::area, image_resize::adaptive};
constexpr image_scale scales[] = {image_scale::none, image_scale::min_max, image_scale::range};
constexpr double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();

/// Features in dB, from -100 to 20.
std::vector<double> made_features(index_t size, std::uint64_t seed) {
  std::vector<double> x = made_signal(size, seed);
  for (double& v : x) v = 60 * v - 40;
  return x;
}

template <class T>
std::vector<T> image(spectrogram_image_options const& o, std::vector<T> const& x, index_t bands, index_t W, index_t H) {
  std::vector<T> y(static_cast<std::size_t>(W * H), T(-7));
  tensor_view<T const> const from(x.data(), {1, static_cast<index_t>(x.size()) / bands, bands});
  audio::spectrogram_image(from, tensor_view<T>(y.data(), {1, W, H}), o);
  return y;
}

/// One row of pixels, of one band.
std::vector<double> line(image_resize kind, std::vector<double> const& x, index_t W, index_t frames = 0) {
  return image({.scale = image_scale::none, .resize = kind, .frames = frames}, x, 1, W, 1);
}

struct sizes {
  index_t frames, bands, W, H;
};

template <class T>
void check_definition() {
  tally sum;
  sizes const all[] = {{1, 1, 1, 1}, {1, 3, 4, 2}, {2, 3, 4, 5},   {7, 4, 3, 4},  {7, 4, 7, 4},    {7, 5, 14, 3},
                       {9, 6, 6, 9}, {0, 3, 4, 3}, {33, 8, 10, 5}, {40, 3, 1, 1}, {101, 5, 12, 5}, {12, 2, 101, 2}};
  for (sizes const& s : all) {
    std::vector<double> const x = made_features(s.frames * s.bands, 51);
    std::vector<T> const from = as<T>(x);
    for (image_resize const kind : resizes) {
      for (image_scale const scale : scales) {
        for (bool const flip : {false, true}) {
          for (index_t const frames : {0, 1, 20}) {
            if (kind == image_resize::none && (frames > 0 || s.H != s.bands)) continue;
            spectrogram_image_options const o{
                .scale = scale, .low = -70, .high = -10, .flip = flip, .resize = kind, .frames = frames};
            std::vector<double> const want = audio::reference::image(o, x, s.bands, s.W, s.H);
            std::vector<T> y(want.size(), T(-7)), shared(want.size(), T(-8));
            tshift::shape const in{1, s.frames, s.bands}, out{1, s.W, s.H};
            tensor_view<T> const to(y.data(), out), other(shared.data(), out);
            long const made =
                allocations_in([&] { audio::spectrogram_image(tensor_view<T const>(from.data(), in), to, o); });
            audio::spectrogram_image(thread_executor{3}, tensor_view<T const>(from.data(), in), other, o);
            double worst = 0;
            bool inside = true;
            for (std::size_t i = 0; i < y.size(); ++i) {
              worst = std::max(worst, std::fabs(want[i] - static_cast<double>(y[i])));
              inside = inside && (scale == image_scale::none || (y[i] >= 0 && y[i] <= 1));
            }
            double const most = (sizeof(T) == 8 ? 1e-14 : 1e-7) * (scale == image_scale::none ? 100 : 1);
            sum.count(worst <= most && inside && made == 0 && y == shared, [&] {
              return std::to_string(static_cast<int>(kind)) + ", scale " + std::to_string(static_cast<int>(scale)) +
                     ": " + std::to_string(s.frames) + " (" + std::to_string(frames) + ") to " + std::to_string(s.W) +
                     ": " + std::to_string(worst);
            });
          }
        }
      }
    }
  }
  REQUIRE_ALL(sum, 12 * 4 * 3 * 2 * 3 + 6 * 3 * 2);
}

TEST_CASE("images are their formulas", "[audio]") {
  check_definition<float>();
  check_definition<double>();
}

TEST_CASE("images, by hand", "[audio]") {
  std::vector<double> const four = {1, 2, 4, 8}, three = {1, 2, 4};
  using line_of = std::vector<double>;
  // Centres of 2 among 4 lie between two of them; of 3 among 4 at 1/6, 3/2, 17/6.
  REQUIRE(line(image_resize::linear, four, 2) == line_of{1.5, 6});
  REQUIRE(line(image_resize::area, four, 2) == line_of{1.5, 6});
  REQUIRE(line(image_resize::adaptive, four, 2) == line_of{1.5, 6});
  REQUIRE(line(image_resize::antialiased, four, 2) ==
          line_of{(3 * 1 + 3 * 2 + 1 * 4) / 7.0, (1 * 2 + 3 * 4 + 3 * 8) / 7.0});
  // Of two, the ends stand beyond the ends.
  REQUIRE(line(image_resize::linear, {1, 2}, 4) == line_of{1, 1.25, 1.75, 2});
  REQUIRE(line(image_resize::antialiased, {1, 2}, 4) == line_of{1, 1.25, 1.75, 2});
  REQUIRE(line(image_resize::area, {1, 2}, 4) == line_of{1, 1, 2, 2});
  REQUIRE(line(image_resize::adaptive, {1, 2}, 4) == line_of{1, 1, 2, 2});
  // 3 to 2: each output is one and a half.
  REQUIRE(line(image_resize::area, three, 2) == line_of{(2 * 1 + 2) / 3.0, (2 + 2 * 4) / 3.0});
  REQUIRE(line(image_resize::adaptive, three, 2) == line_of{1.5, 3});
  REQUIRE(line(image_resize::linear, three, 2) == line_of{1.25, 3.5});
  // Far fewer: linear sees two of eight.
  REQUIRE(line(image_resize::linear, {9, 9, 9, 1, 3, 9, 9, 9}, 1) == line_of{2});
  REQUIRE(line(image_resize::area, {9, 9, 9, 1, 3, 9, 9, 9}, 1) == line_of{58 / 8.0});
  // Cut, and filled up, before it is resized; or without that at the right.
  REQUIRE(line(image_resize::area, four, 1, 2) == line_of{1.5});
  REQUIRE(line(image_resize::area, four, 2, 8) == line_of{15 / 4.0, 0});
  REQUIRE(line(image_resize::none, four, 3) == line_of{1, 2, 4});
  REQUIRE(line(image_resize::none, four, 6) == line_of{1, 2, 4, 8, 0, 0});
  // Two frames of three bands: high bands on top, where rows are halved and doubled as columns are.
  std::vector<double> const x = {1, 2, 3, 4, 6, 8};
  auto const with = [&x](image_scale scale, bool flip, index_t H) {
    return image({.scale = scale, .low = 2, .high = 6, .flip = flip}, x, 3, 2, H);
  };
  REQUIRE(with(image_scale::none, true, 3) == line_of{3, 2, 1, 8, 6, 4});
  REQUIRE(with(image_scale::none, false, 3) == x);
  REQUIRE(with(image_scale::none, true, 1) == line_of{2, 6});
  REQUIRE(with(image_scale::range, true, 3) == line_of{0.25, 0, 0, 1, 1, 0.5});
  REQUIRE(with(image_scale::min_max, false, 3) == line_of{0, 1 / 7.0, 2 / 7.0, 3 / 7.0, 5 / 7.0, 1});
}

TEST_CASE("what keeps its size keeps its bits, and a mean is kept", "[audio]") {
  std::vector<double> const x = made_features(50 * 7, 52);
  for (image_resize const kind : resizes) {
    REQUIRE(image({.scale = image_scale::none, .flip = false, .resize = kind}, x, 7, 50, 7) == x);
  }
  // By areas every frame has the same part, whatever the sizes are.
  double mean = 0;
  for (double const v : x) mean += v / 350;
  for (index_t const W : {1, 3, 49, 51, 200}) {
    double whole = 0;
    for (double const v : image({.scale = image_scale::none, .resize = image_resize::area}, x, 7, W, 5)) {
      whole += v / static_cast<double>(5 * W);
    }
    REQUIRE(std::fabs(whole - mean) < 1e-11);
  }
  // White is white, to the last bit.
  std::vector<double> const white(33 * 3, 1);
  for (image_resize const kind : {image_resize::linear, image_resize::antialiased, image_resize::area}) {
    for (double const v : image({.scale = image_scale::none, .resize = kind}, white, 3, 10, 7)) REQUIRE(v == 1);
  }
}

TEST_CASE("images of what is constant, empty, or no number", "[audio]") {
  using line_of = std::vector<double>;
  auto const scaled = [](image_scale scale, line_of const& x) {
    return image({.scale = scale, .low = 0, .high = 4}, x, 1, static_cast<index_t>(x.size()), 1);
  };
  REQUIRE(scaled(image_scale::min_max, {3, 3, 3}) == line_of{0, 0, 0});
  REQUIRE(scaled(image_scale::range, {3, 3, -inf, inf}) == line_of{0.75, 0.75, 0, 1});
  REQUIRE(line(image_resize::linear, {}, 3) == line_of{0, 0, 0});
  REQUIRE(line(image_resize::area, {}, 3, 10) == line_of{0, 0, 0});
  REQUIRE(image<double>({}, {}, 5, 3, 2) == line_of(6, 0));
  for (double const strange : {nan, inf, -inf}) {
    for (std::size_t at = 0; at < 4; ++at) {
      line_of x = {1, 2, 3, 4};
      x[at] = strange;
      for (double const v : scaled(image_scale::min_max, x)) REQUIRE(std::isnan(v));
      // Without it, only what it has a part in.
      auto const seen = line(image_resize::area, x, 2);
      REQUIRE(!std::isfinite(seen[at / 2]));
      REQUIRE(std::isfinite(seen[1 - at / 2]));
    }
  }
  REQUIRE(std::isnan(scaled(image_scale::range, {nan})[0]));
  // No bands, and rows to fill.
  std::vector<double> y(6, -7);
  audio::spectrogram_image(tensor_view<double const>(nullptr, {1, 4, 0}), tensor_view<double>(y.data(), {1, 2, 3}));
  REQUIRE(y == line_of(6, 0));
}

TEST_CASE("ragged batches and any memory: each sequence as it is alone", "[audio]") {
  constexpr index_t N = 4, time = 21, bands = 5, W = 8;
  index_t const lengths[N] = {21, 0, 1, 9};
  tally sum;
  std::vector<double> x = made_features(N * time * bands, 53);
  for (index_t n = 0; n < N; ++n) {
    for (index_t i = (n * time + lengths[n]) * bands; i < (n + 1) * time * bands; ++i)
      x[static_cast<std::size_t>(i)] = nan;
  }
  for (image_resize const kind : resizes) {
    for (image_scale const scale : scales) {
      index_t const H = kind == image_resize::none ? bands : 3;
      spectrogram_image_options const o{.scale = scale, .resize = kind};
      std::vector<index_t> made;
      for (index_t const length : lengths) made.push_back(kind == image_resize::none ? std::min(length, W) : W);
      std::vector<double> wide(static_cast<std::size_t>(N * W * (H + 2)), 77);
      tensor_view<double> to(wide.data(), {N, W, H + 2}, tshift::layout::ntc, made);
      to = to.slice_channels(1, H);
      to.data += (H - 1) * to.strides.channels;  // upside down
      to.strides.channels = -1;
      audio::spectrogram_image(tensor_view<double const>(x, {N, time, bands}, tshift::layout::ntc, lengths), to, o);
      for (index_t n = 0; n < N; ++n) {
        std::vector<double> const own(x.begin() + n * time * bands, x.begin() + (n * time + lengths[n]) * bands);
        std::vector<double> const alone = image(o, own, bands, W, H);
        bool good = true;
        for (index_t w = 0; w < W; ++w) {
          for (index_t h = 0; h < H; ++h) good = good && to(n, w, h) == alone[static_cast<std::size_t>(w * H + h)];
        }
        sum.count(good, [&] { return std::to_string(static_cast<int>(kind)) + ", sequence " + std::to_string(n); });
      }
      sum.count(std::count(wide.begin(), wide.end(), 77) == 2 * N * W, [] { return "writes beside its image"; });
    }
  }
  REQUIRE_ALL(sum, 5 * 3 * (N + 1));
}

TEST_CASE("sizes as large as they may be", "[audio]") {
  constexpr index_t most = index_t{1} << 26;
  for (image_resize const kind : {image_resize::linear, image_resize::area, image_resize::adaptive}) {
    audio::kernel::resampling const fewer(kind, most, most - 1), more(kind, most - 1, most);
    for (index_t const j : {index_t{0}, most / 2, most - 2}) {
      auto const a = fewer.taps(j), b = more.taps(j);
      REQUIRE((a.begin >= 0 && a.begin >= j - 1 && a.end <= most && a.end - a.begin <= 3 && a.end > a.begin));
      REQUIRE((b.begin >= 0 && b.begin >= j - 2 && b.end <= most - 1 && b.end - b.begin <= 3 && b.end > b.begin));
    }
    REQUIRE(fewer.taps(most - 2).end == most);
    REQUIRE(more.taps(most - 1).end == most - 1);
  }
  REQUIRE(audio::kernel::resampling(image_resize::area, most, 1).taps(0).total == static_cast<double>(most));
}

TEST_CASE("images refuse", "[audio]") {
  std::vector<float> x(40, 1), y(120, 5);
  auto const before = y;
  tshift::shape const in{1, 10, 4}, out{1, 6, 4};
  auto const says = [&](tshift::shape const& from, tshift::shape const& to, spectrogram_image_options const& o,
                        std::span<index_t const> lengths = {}) {
    std::string const text = message_of([&] {
      audio::spectrogram_image(tensor_view<float const>(x.data(), from),
                               tensor_view<float>(y.data(), to, tshift::layout::ntc, lengths), o);
    });
    CHECK(y == before);
    return text;
  };
  REQUIRE(says(in, out, {.scale = static_cast<image_scale>(3)}) ==
          "spectrogram_image: scale = 3, must be a named image_scale");
  REQUIRE(says(in, out, {.resize = static_cast<image_resize>(-1)}) ==
          "spectrogram_image: resize = -1, must be a named image_resize");
  REQUIRE(says(in, out, {.scale = image_scale::range, .low = 1, .high = 1}) ==
          "spectrogram_image: low = 1, high = 1, must be finite and low < high");
  REQUIRE(says(in, out, {.scale = image_scale::range, .low = -inf}) ==
          "spectrogram_image: low = -inf, high = 0, must be finite and low < high");
  REQUIRE(says(in, out, {.frames = -1}) == "spectrogram_image: frames = -1, must be >= 0");
  REQUIRE(says(in, out, {.resize = image_resize::none, .frames = 6}) ==
          "spectrogram_image: frames = 6, must be 0 where nothing is resized");
  REQUIRE(says(in, {2, 6, 4}, {}) == "spectrogram_image: y has 2 sequences, x has 1");
  REQUIRE(says(in, {1, 6, 5}, {.resize = image_resize::none}) ==
          "spectrogram_image: y has 5 rows, x has 4 bands, must be equal where nothing is resized");
  REQUIRE(says(in, out, {.frames = (index_t{1} << 26) + 1}) ==
          "spectrogram_image: a size of 67108865, must be <= 67108864 to be resized");
  REQUIRE(says({1, 10, 2, 2}, out, {}) == "spectrogram_image: x has space 2, must be 1");
  index_t const six[] = {6}, five[] = {5};
  REQUIRE(says(in, out, {}, five) == "spectrogram_image: y.lengths[0] = 5, must be 6");
  REQUIRE(says({1, 5, 4}, out, {.resize = image_resize::none}, six) ==
          "spectrogram_image: y.lengths[0] = 6, must be 5");
  REQUIRE(message_of([&] {
            audio::spectrogram_image(tensor_view<float const>(y.data(), in), tensor_view<float>(y.data() + 20, out));
          }) == "spectrogram_image: x and y overlap in memory, must share no element");
  REQUIRE(message_of([&] {
            audio::spectrogram_image(tensor_view<float const>(x.data(), in),
                                     tensor_view<float>(y.data(), out, tshift::strides{0, 3, 1, 1}));
          }) == "spectrogram_image: y has stride 3 along time, must be at least 4 or elements would share memory");
  CHECK(y == before);
  // The largest and the smallest are no mistake.
  index_t const all[] = {6};
  REQUIRE(says({1, 0, 4}, {1, 0, 4}, {}).empty());
  y = before;
  REQUIRE(message_of([&] {
            audio::spectrogram_image(tensor_view<float const>(x.data(), in),
                                     tensor_view<float>(y.data(), out, tshift::layout::ntc, all),
                                     {.resize = image_resize::none});
          }).empty());
}

}  // namespace
