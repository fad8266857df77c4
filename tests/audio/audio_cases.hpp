// SPDX-License-Identifier: MIT
// What the tests of audio/ share: signals, and front ends of every kind.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <tshift/audio/presets.hpp>

#include "../support/cases.hpp"
#include "../support/random.hpp"

namespace test_support {

namespace audio = tshift::audio;
using tshift::log_mel_options;

/// 16-bit samples over 2^15, from integers alone, so that tests/golden/generate_audio.py has the same: a rising triangle
/// wave, noise, silence, and a part that is clipped.
inline std::vector<double> made_signal(index_t size, std::uint64_t seed) {
  random_bits random(seed);
  std::vector<double> x;
  index_t phase = 0;
  for (index_t i = 0; i < size; ++i) {
    phase = (phase + 200 + i / 4) % 65536;
    index_t const triangle = (phase < 32768 ? phase : 65535 - phase) - 16384;
    index_t const noise = static_cast<index_t>(random() >> 52) - 2048;
    index_t const part = i / 700 % 4;
    index_t value = part == 0 ? triangle / 2 + noise : part == 1 ? noise / 4 : part == 2 ? 0 : 4 * triangle;
    value = value > 32767 ? 32767 : value < -32768 ? -32768 : value;
    x.push_back(static_cast<double>(value) / 32768);
  }
  return x;
}

template <class T>
std::vector<T> as(std::vector<double> const& x) {
  std::vector<T> result;
  for (double const value : x) result.push_back(static_cast<T>(value));
  return result;
}

/// A front end small enough for direct sums.
inline log_mel_options small_options() {
  log_mel_options o;
  o.win_length = 50;
  o.n_fft = 64;
  o.hop = 20;
  o.bands = 9;
  return o;
}

/// Every switch of log_mel_options, one at a time and in the company it needs.
inline std::vector<std::pair<std::string, log_mel_options>> every_option() {
  std::vector<std::pair<std::string, log_mel_options>> all;
  auto const add = [&all](std::string name, std::function<void(log_mel_options&)> const& change) {
    log_mel_options o = small_options();
    change(o);
    all.emplace_back(std::move(name), o);
  };
  auto const front = [](log_mel_options& o) {
    o.place = tshift::window_place::front;
    o.centre = tshift::centre_padding::none;
  };
  add("defaults", [](log_mel_options&) {});
  for (int w = 0; w <= static_cast<int>(tshift::window_kind::povey); ++w) {
    add("window " + std::to_string(w), [w](log_mel_options& o) { o.window = static_cast<tshift::window_kind>(w); });
  }
  for (index_t const n : {50, 51, 53, 54, 55, 60, 63, 65, 66, 77, 81, 100, 127, 128, 131, 143}) {
    add("n_fft " + std::to_string(n), [n](log_mel_options& o) { o.n_fft = n; });
  }
  for (index_t const n : {1, 2, 3, 63, 64})
    add("win_length " + std::to_string(n), [n](log_mel_options& o) { o.win_length = n; });
  for (index_t const n : {1, 7, 49, 50, 51, 64, 200}) {
    add("hop " + std::to_string(n), [n](log_mel_options& o) { o.hop = n; });
    add("hop, mirror " + std::to_string(n), [n, front](log_mel_options& o) {
      front(o);
      o.edges = tshift::frame_edges::mirror;
      o.hop = n;
    });
    add("hop, pad " + std::to_string(n), [n, front](log_mel_options& o) {
      front(o);
      o.edges = tshift::frame_edges::pad;
      o.hop = n;
    });
    add("hop, snip " + std::to_string(n), [n, front](log_mel_options& o) {
      front(o);
      o.hop = n;
    });
  }
  add("n_fft 2", [](log_mel_options& o) { o.n_fft = o.win_length = 2; });
  add("centre zero", [](log_mel_options& o) { o.centre = tshift::centre_padding::zero; });
  add("centre zero, odd", [](log_mel_options& o) {
    o.centre = tshift::centre_padding::zero;
    o.n_fft = 65;
  });
  add("centre none", [](log_mel_options& o) { o.centre = tshift::centre_padding::none; });
  add("drop_last", [](log_mel_options& o) { o.drop_last = 3; });
  add("samples", [](log_mel_options& o) { o.samples = 333; });
  add("samples, few", [](log_mel_options& o) { o.samples = 20; });
  add("frames", [](log_mel_options& o) {
    o.frames = 10;
    o.subtract = 1;
  });
  add("frames, dropped", [](log_mel_options& o) {
    o.frames = 10;
    o.drop_last = 2;
    o.samples = 170;
  });
  add("scale", [](log_mel_options& o) { o.scale = 32768; });
  add("scale, odd", [](log_mel_options& o) { o.scale = -0.3; });
  add("remove_mean", [](log_mel_options& o) { o.remove_mean = true; });
  add("pre_emphasis", [](log_mel_options& o) { o.pre_emphasis = 0.9; });
  add("pre_emphasis of the signal", [](log_mel_options& o) {
    o.pre_emphasis = 0.9;
    o.emphasis = tshift::emphasis_over::signal;
    o.scale = 3;
  });
  add("pre_emphasis of the signal, frames apart", [](log_mel_options& o) {
    o.pre_emphasis = 0.5;
    o.emphasis = tshift::emphasis_over::signal;
    o.hop = 64;  // the last frame is mirrored while the one before it is complete
  });
  add("pre_emphasis of the signal, padded", [](log_mel_options& o) {
    o.pre_emphasis = 1;
    o.emphasis = tshift::emphasis_over::signal;
    o.samples = 100;
    o.remove_mean = true;
  });
  for (double const p : {1.0, 0.5, 3.0}) add("power " + std::to_string(p), [p](log_mel_options& o) { o.power = p; });
  add("spectrum", [](log_mel_options& o) { o.spectrum = tshift::spectrum_norm::n_fft; });
  for (index_t const n : {1, 2, 40, 200}) add("bands " + std::to_string(n), [n](log_mel_options& o) { o.bands = n; });
  add("low", [](log_mel_options& o) { o.low = 300; });
  add("high", [](log_mel_options& o) { o.high = 3000; });
  add("high below Nyquist", [](log_mel_options& o) { o.high = -500; });
  add("sample_rate", [](log_mel_options& o) { o.sample_rate = 22050; });
  for (auto const kind : {tshift::mel_kind::htk, tshift::mel_kind::slaney}) {
    for (int space = 0; space < 3; ++space) {
      for (int norm = 0; norm < (space < 2 ? 2 : 1); ++norm) {
        add("filters " + std::to_string(space) + std::to_string(norm), [=](log_mel_options& o) {
          o.mel = kind;
          o.triangles = static_cast<tshift::triangle_space>(space);
          o.norm = static_cast<tshift::filter_norm>(norm);
        });
      }
    }
  }
  for (int log = 0; log < 4; ++log) {
    for (int by = 0; by < 3; ++by) {
      add("log " + std::to_string(log) + std::to_string(by), [=](log_mel_options& o) {
        o.log = static_cast<tshift::log_kind>(log);
        o.floor_by = static_cast<tshift::floor_kind>(by);
        o.floor = 1e-3;
      });
    }
  }
  for (double const top : {0.0, 30.0, log_mel_options::no_limit}) {
    for (int reference = 0; reference < 2; ++reference) {
      add("top_db " + std::to_string(top) + std::to_string(reference), [=](log_mel_options& o) {
        o.top_db = top;
        o.reference = static_cast<tshift::reference_kind>(reference);
        o.frames = reference == 0 ? 0 : 50;
      });
    }
  }
  add("subtract, divide", [](log_mel_options& o) {
    o.subtract = -4;
    o.divide = 2.5;
    o.top_db = 20;
  });
  return all;
}

/// Their number, so that tests notice when some are lost.
inline constexpr index_t every_option_count = 115;

}  // namespace test_support
