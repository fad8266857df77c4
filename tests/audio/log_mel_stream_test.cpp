// SPDX-License-Identifier: MIT
// log_mel_stream: the frames of the whole, bit for bit, however the signal is cut; as soon as they can be known; without
// an allocation. What needs the end is refused. (The FFT is Eigen's.)
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include <tshift/audio.hpp>

#include "../support/allocation_counter.hpp"
#include "../support/catch.hpp"
#include "../support/message_of.hpp"
#include "audio_cases.hpp"

namespace {

using namespace test_support;
using audio::log_mel;
using audio::log_mel_stream;

template <class T>
std::vector<T> whole(log_mel<T> const& mel, std::vector<T> const& wave) {
  auto const samples = static_cast<index_t>(wave.size());
  std::vector<T> y(static_cast<std::size_t>(mel.frames(samples) * mel.bands()), T(-7));
  auto workspace = mel.make_workspace({.time = samples, .channels = 1});
  mel.forward(wave, y, workspace);
  return y;
}

/// All frames of a stream that is fed chunks of the sizes that next() gives. Empty if a promise is broken on the way.
template <class T, class Next>
std::vector<T> streamed(log_mel_stream<T>& stream, std::vector<T> const& wave, Next next) {
  auto const bands = static_cast<std::size_t>(stream.bands());
  std::vector<T> y, room(bands * 4096, T(-7));
  for (std::size_t at = 0; at < wave.size();) {
    std::size_t const some = std::min(static_cast<std::size_t>(next()), wave.size() - at);
    index_t const ready = stream.ready(static_cast<index_t>(some));
    auto const chunk = std::span(wave).subspan(at, some);
    auto const out = std::span(room).first(static_cast<std::size_t>(ready) * bands);
    index_t given = -1;
    if (allocations_in([&] { given = stream.push(chunk, out); }) != 0 || given != ready) return {};
    y.insert(y.end(), out.begin(), out.end());
    at += some;
  }
  index_t const pending = stream.pending();
  auto const out = std::span(room).first(static_cast<std::size_t>(pending) * bands);
  index_t given = -1;
  if (allocations_in([&] { given = stream.flush(out); }) != 0 || given != pending) return {};
  y.insert(y.end(), out.begin(), out.end());
  return y;
}

template <class T>
bool same_bits(std::vector<T> const& a, std::vector<T> const& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

template <class T>
void check_cuts() {
  tally sum;
  random_bits random(21);
  index_t streams = 0;
  for (auto const& each : every_option()) {
    std::string const& name = each.first;
    log_mel_options const& o = each.second;
    if (o.top_db < log_mel_options::no_limit || o.reference == tshift::reference_kind::max) continue;
    ++streams;
    log_mel<T> const mel(o);
    log_mel_stream<T> stream(o);
    for (index_t const samples : {0, 1, 2, 30, 31, 32, 33, 34, 50, 51, 63, 64, 65, 100, 333, 1501}) {
      std::vector<T> const wave = as<T>(made_signal(samples, 22)), want = whole(mel, wave);
      for (index_t const chunk : {1, 2, 3, 7, 20, 50, 64, 257, 5000}) {
        // The same stream again and again: flush leaves it as new.
        bool const good = same_bits(streamed(stream, wave, [chunk] { return chunk; }), want);
        sum.count(good, [&] { return name + ", " + std::to_string(samples) + " by " + std::to_string(chunk); });
      }
      bool const good = same_bits(streamed(stream, wave, [&random] { return random.in(0, 150); }), want);
      sum.count(good, [&] { return name + ", " + std::to_string(samples) + " by chance"; });
    }
  }
  REQUIRE(streams == every_option_count - 6);
  REQUIRE_ALL(sum, (every_option_count - 6) * 16 * 10);
}

TEST_CASE("every option, every way of cutting", "[audio]") {
  check_cuts<float>();
  check_cuts<double>();
}

TEST_CASE("presets, and long signals", "[audio]") {
  tally sum;
  random_bits random(23);
  for (audio::presets::entry const& preset : audio::presets::table) {
    log_mel_options o = preset.make(16000);
    o.top_db = log_mel_options::no_limit;
    if (o.samples > 0) o.samples = 40000;
    log_mel<float> const mel(o);
    log_mel_stream<float> stream(o);
    for (index_t const samples : {0, 399, 20000, 60000}) {
      std::vector<float> const wave = as<float>(made_signal(samples, 24)), want = whole(mel, wave);
      for (index_t const most : {160, 5000, 60000}) {
        bool const good = same_bits(streamed(stream, wave, [&] { return random.in(1, most); }), want);
        sum.count(good, [&] { return std::string(preset.name) + ", " + std::to_string(samples); });
      }
    }
  }
  REQUIRE_ALL(sum, 72);
}

TEST_CASE("frames come as soon as they can", "[audio]") {
  log_mel_options o = small_options();  // windows of 50 in 64 every 20, reflected: frame t needs samples to 20 t + 24
  log_mel_stream<float> stream(o);
  REQUIRE(stream.ready(25) == 0);  // the first frame sees sample 25 in the mirror
  REQUIRE(stream.ready(26) == 1);
  REQUIRE(stream.ready(44) == 1);
  REQUIRE(stream.ready(45) == 2);
  o.drop_last = 2;
  REQUIRE(log_mel_stream<float>(o).ready(45) == 1);  // of three frames, two may be the last
  o = audio::presets::kaldi();
  REQUIRE(log_mel_stream<float>(o).ready(399) == 0);
  REQUIRE(log_mel_stream<float>(o).ready(400) == 1);
  REQUIRE(log_mel_stream<float>(o).ready(560) == 2);
  REQUIRE(log_mel_stream<float>(o).pending() == 0);
  o = audio::presets::ast();
  REQUIRE(log_mel_stream<float>(o).pending() == 1024);
  REQUIRE(log_mel_stream<float>(o).ready(16000 * 60) == 1024);
}

TEST_CASE("streams are values", "[audio]") {
  log_mel_options const o = small_options();
  std::vector<float> const wave = as<float>(made_signal(900, 25)), want = whole(log_mel<float>(o), wave);
  log_mel_stream<float> first(o);
  std::vector<float> y(want.size());
  index_t const n = first.push(std::span(wave).first(500), y);
  log_mel_stream<float> second = first, third(o);
  third = first;
  std::vector<float> left(y.begin(), y.begin() + n * 9);
  first.reset();
  REQUIRE(first.pending() == 0);
  for (log_mel_stream<float>* const each : {&second, &third}) {
    std::vector<float> got = left, rest(want.size());
    index_t const more = each->push(std::span(wave).subspan(500), rest);
    got.insert(got.end(), rest.begin(), rest.begin() + more * 9);
    index_t const last = each->flush(rest);
    got.insert(got.end(), rest.begin(), rest.begin() + last * 9);
    REQUIRE(same_bits(got, want));
  }
  log_mel_stream<float> moved = std::move(first);
  REQUIRE(same_bits(streamed(moved, wave, [] { return 100; }), want));
}

TEST_CASE("what needs the end, and rooms that are too small, are refused", "[audio]") {
  log_mel_options o = small_options();
  o.top_db = 80;
  REQUIRE(message_of([&] { (void)log_mel_stream<float>(o); }) ==
          "log_mel_stream: top_db = 80 needs the maximum of the whole signal, must be infinite in a stream");
  o.top_db = log_mel_options::no_limit;
  o.reference = tshift::reference_kind::max;
  REQUIRE(message_of([&] { (void)log_mel_stream<float>(o); }) ==
          "log_mel_stream: reference = max needs the maximum of the whole signal, must be one in a stream");
  o.reference = tshift::reference_kind::one;
  o.hop = 0;
  REQUIRE(message_of([&] { (void)log_mel_stream<float>(o); }) == "log_mel_stream: hop = 0, must be in [1, 1073741824]");
  o.hop = 1 << 20;
  o.drop_last = 257;
  REQUIRE(message_of([&] { (void)log_mel_stream<float>(o); }) ==
          "log_mel_stream: drop_last = 257 frames every 1048576 samples, must hold back <= 2^28 samples");
  REQUIRE(message_of([&] {
            (void)log_mel_stream<float>(audio::presets::whisper());
          }).starts_with("log_mel_stream: top_db = 8 needs"));
  log_mel_stream<float> stream(small_options());
  std::vector<float> const wave(100, 0.5f);
  std::vector<float> y(9 * 3, -7.f);
  REQUIRE(message_of([&] { stream.push(wave, std::span(y).first(9 * 3 + 8 - 9)); }) ==
          "log_mel_stream::push: y has room for 2 frames of 9 bands, must have for >= 4");
  REQUIRE(stream.pending() == 0);
  std::vector<float> enough(9 * 6);
  REQUIRE(stream.push(wave, enough) == 4);
  REQUIRE(message_of([&] { stream.flush(std::span(y).first(9)); }) ==
          "log_mel_stream::flush: y has room for 1 frames of 9 bands, must have for >= 2");
  REQUIRE(stream.flush(enough) == 2);
}

}  // namespace
