// SPDX-License-Identifier: MIT
// Encoders in windows: every answer is forward of the window's samples alone, bit for bit, however the sound comes.
#include <algorithm>
#include <cstddef>
#include <iostream>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <tshift/models/windowed.hpp>
#include <tshift/weights/speech_encoder_names.hpp>

#include "../support/allocation_counter.hpp"
#include "../support/catch.hpp"
#include "../support/nn_cases.hpp"
#include "../support/seeded_speech.hpp"
#include "../support/thread_executor.hpp"

namespace {

using namespace test_support;
using tshift::window_options;
using tshift::models::encoder_window;
using tshift::models::hidden_states;
using tshift::models::speech_encoder;
using tshift::models::windowed;

enum class kind { group_norm, layer_norm, pairs_last };

/// A small encoder. pairs_last: its last convolution makes frames in pairs, so that windows cannot share them.
template <class T>
speech_encoder<T> make(kind which) {
  speech_sizes s;
  s.channels = {16, 20, 16, 24};
  s.kernels = {10, 3, 3, which == kind::pairs_last ? 3 : 2};
  s.strides = {5, 2, 2, 2};
  s.norm_every = s.bias = s.first = which != kind::group_norm;
  s.width = 24;
  s.layers = 2;
  s.heads = 4;
  s.hidden = 40;
  s.taps = 16;
  s.groups = 2;
  return {tshift::weights::speech_encoder_weights(seeded_speech<T>(s, 7)), {s.heads, s.first, s.strides, s.eps, 12}};
}

template <class T>
struct said {
  index_t begin, end;
  std::vector<T> states;
  bool operator==(said const&) const = default;
};

/// What must be said of a sound: by forward of each window, and the rule for the last.
template <class T>
std::vector<said<T>> expected(speech_encoder<T> const& encoder, std::vector<T> const& sound,
                              window_options const& how) {
  std::vector<said<T>> all;
  auto const total = static_cast<index_t>(sound.size());
  auto const hear = [&](index_t begin, index_t end) {
    std::vector<T> samples(sound.begin() + begin, sound.begin() + end);
    if (how.normalise) tshift::models::normalise_wave(std::span<T>(samples), how.eps);
    tshift::shape const x{1, end - begin, 1};
    tshift::shape const y{encoder.states().copies(), encoder.frames(x.time), encoder.channels()};
    std::vector<T> states(static_cast<std::size_t>(y.size()));
    exact_workspace<T> workspace(encoder.workspace_size(x));
    encoder.forward(tensor_view<T const>(samples.data(), x), tensor_view<T>(states.data(), y), workspace);
    all.push_back({begin, end, std::move(states)});
  };
  index_t begin = 0, heard = 0;
  for (; begin + how.window <= total; begin += how.hop) hear(begin, heard = begin + how.window);
  index_t const rest = total - begin, fresh = total - std::max(heard, begin), hop = std::min(how.hop, how.window);
  if (rest >= encoder.shortest() && (all.empty() || 2 * fresh >= hop)) hear(begin, total);
  return all;
}

template <class T>
void check(kind which, window_options const& how, bool shares, tally& sum, random_bits& random) {
  speech_encoder<T> const encoder = random.chance(2) ? make<T>(which) : make<T>(which).with(hidden_states<T>::all());
  windowed<speech_encoder<T>> live(encoder, how);
  CHECK(live.shares_frames() == shares);
  for (int sound = 0; sound < 6; ++sound) {  // one after the other, through the same object
    index_t const size = sound == 0 ? random.in(0, encoder.shortest()) : random.in(1, 3 * how.window + how.hop);
    std::vector<T> const samples = uniform<T>(size, random);
    std::vector<said<T>> got;
    got.reserve(1000);
    auto const keep = [&got](encoder_window<T> const& w) {
      got.push_back({w.begin, w.end, {w.states.data, w.states.data + w.states.size()}});
    };
    std::span<T const> rest(samples);
    auto const reversed = reversed_executor();
    while (!rest.empty()) {
      auto const some =
          static_cast<std::size_t>(std::min<index_t>(random.in(0, how.window), static_cast<index_t>(rest.size())));
      if (sound % 2 == 0) {
        live.push(rest.first(some), keep);
      } else {
        live.push(reversed, rest.first(some), keep);
      }
      rest = rest.subspan(some);
    }
    bool const counted = live.samples() == size;
    if (sound == 5) {
      live.reset();
      got = expected(encoder, samples, how);  // forgotten: nothing is to be said
      std::vector<said<T>> none;
      live.flush([&none](encoder_window<T> const& w) { none.push_back({w.begin, w.end, {}}); });
      sum.count(none.empty() && counted, [] { return std::string("a sound that was forgotten is answered"); });
      continue;
    }
    live.flush(keep);
    sum.count(got == expected(encoder, samples, how) && counted && live.samples() == 0, [&] {
      return "windows of " + std::to_string(how.window) + ", hop " + std::to_string(how.hop) + ", sound of " +
             std::to_string(size) + ": other than forward of each";
    });
  }
}

}  // namespace

TEMPLATE_TEST_CASE("windows of a sound are what forward gives of each alone", "", float, double) {
  random_bits random(911);
  tally sum;
  constexpr index_t stride = 40;  // of all these encoders
  for (index_t const window : {200, 437, 1000}) {
    for (index_t const hop : {stride, 3 * stride, index_t{77}, window, window + 3 * stride, 2 * window + 1}) {
      check<TestType>(kind::layer_norm, {window, hop}, hop % stride == 0, sum, random);
      check<TestType>(kind::layer_norm, {window, hop, true}, false, sum, random);
      check<TestType>(kind::group_norm, {window, hop}, false, sum, random);
      check<TestType>(kind::pairs_last, {window, hop}, false, sum, random);
    }
  }
  std::cout << "windows: " << sum.cases << " sounds\n";
  REQUIRE_ALL(sum, 3 * 6 * 4 * 6);
}

TEST_CASE("windows allocate nothing, tell their memory, and survive who looks at them") {
  speech_encoder<float> const encoder = make<float>(kind::layer_norm);
  windowed<speech_encoder<float>> live(encoder, {1000, 400});
  random_bits random(912);
  std::vector<float> const samples = uniform<float>(5000, random);
  index_t windows = 0, frames = 0;
  CHECK(allocations_in([&] {
          for (std::size_t i = 0; i < samples.size(); i += 100) {
            live.push(std::span(samples).subspan(i, 100), [&](encoder_window<float> const& w) {
              ++windows;
              frames += w.states.shape.time;
            });
          }
        }) == 0);
  CHECK(windows == 11);
  CHECK(frames == 11 * encoder.frames(1000));
  auto const room = static_cast<index_t>(encoder.workspace_size({1, 1000, 1})) * 4;
  CHECK(live.memory_bytes() > room);
  CHECK(live.memory_bytes() < room + 100000);
  // An exception of the visitor's: the window counts as answered, and the object goes on.
  live.reset();
  CHECK_THROWS_AS(live.push(std::span(samples).first(1000), [](auto const&) { throw std::runtime_error("enough"); }),
                  std::runtime_error);
  index_t begin = -1;
  live.push(std::span(samples).subspan(1000, 400), [&begin](auto const& w) { begin = w.begin; });
  CHECK(begin == 400);
  // A copy goes its own way.
  auto other = live;
  other.push(std::span(samples).first(400), [&begin](auto const& w) { begin = w.begin; });
  CHECK(begin == 800);
  CHECK(live.samples() == 1400);
}

TEST_CASE("windows: what is refused") {
  speech_encoder<float> const encoder = make<float>(kind::layer_norm);
  auto const refused = [&encoder](window_options const& how) {
    return message_of([&] { windowed<speech_encoder<float>>(encoder, how); });
  };
  std::string const least = std::to_string(encoder.shortest());
  CHECK(refused({encoder.shortest() - 1, 100})
            .starts_with("windowed: a window of " + std::to_string(encoder.shortest() - 1) + " samples, must be in [" +
                         least + ", "));
  CHECK(refused({encoder.shortest(), 0}).starts_with("windowed: a hop of 0 samples, must be in [1, "));
  CHECK(refused({1000, 100, true, -1.0}) == "windowed: eps = -1, must be >= 0 and finite");
  CHECK(refused({encoder.shortest(), 1}).empty());
  std::vector<float> flat(5, 3.0f);
  tshift::models::normalise_wave(std::span<float>(flat), 0);
  CHECK(flat == std::vector<float>(5, 0.0f));
  tshift::models::normalise_wave(std::span<float>(), 0);
}
