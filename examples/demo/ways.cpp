// SPDX-License-Identifier: MIT
#include "ways.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <random>
#include <span>
#include <tshift/reference.hpp>

#include "demo_error.hpp"

namespace demo {
namespace {

using tshift::index_t;

constexpr index_t longest_chunk = 40;   // frames
constexpr unsigned chunk_seed = 20231;  // fixed, so that a failure can be repeated

/// An output nobody has written to yet: NaN everywhere, so that an element left out cannot look right.
std::vector<float> unwritten(features_view x) {
  return std::vector<float>(static_cast<std::size_t>(x.size()), std::numeric_limits<float>::quiet_NaN());
}

/// Compares bits. Throws demo_error naming the first wrong element.
void require_same(features_view want, std::span<float const> got, std::string const& way, std::string const& what) {
  auto const same = [](float a, float b) { return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b); };
  float const* const end = want.data + want.size();
  float const* const wrong = std::mismatch(want.data, end, got.begin(), got.end(), same).first;
  if (wrong == end && got.size() == static_cast<std::size_t>(want.size())) return;
  if (wrong == end) throw demo_error(what + ": " + way + " has the wrong number of elements.");

  index_t const at = wrong - want.data, C = want.shape.channels, T = want.shape.time;
  char numbers[96];
  std::snprintf(numbers, sizeof numbers, "got %.9g, want %.9g.", static_cast<double>(got[static_cast<std::size_t>(at)]),
                static_cast<double>(*wrong));
  throw demo_error(what + ": " + way + " is wrong first at sequence " + std::to_string(at / (T * C)) + ", frame " +
                   std::to_string(at / C % T) + ", channel " + std::to_string(at % C) + ": " + numbers);
}

}  // namespace

std::vector<float> shift_out_of_place(features_view x, tshift::shift_plan const& plan, float fill) {
  std::vector<float> y = unwritten(x);
  tshift::shift(x, tshift::tensor_view<float>(y.data(), x.shape), plan, fill);
  return y;
}

std::vector<float> shift_in_place(features_view x, tshift::shift_plan const& plan, float fill) {
  std::vector<float> y(x.data, x.data + x.size());
  tshift::shift_inplace(tshift::tensor_view<float>(y.data(), x.shape), plan, fill);
  return y;
}

std::vector<float> shift_lazily(features_view x, tshift::shift_plan const& plan, float fill) {
  std::vector<float> y = unwritten(x);
  float* out = y.data();
  auto const shifted = tshift::shifted(x, plan, fill);
  for (index_t n = 0; n < x.shape.batch; ++n) {
    for (index_t t = 0; t < x.shape.time; ++t, out += x.shape.channels) {
      for (auto const& run : shifted.runs(n, t)) {
        if (run.data == nullptr) {
          std::fill_n(out + run.begin, run.count, shifted.fill());
        } else {
          std::copy_n(run.data, run.count, out + run.begin);
        }
      }
    }
  }
  return y;
}

std::vector<float> shift_streaming(features_view x, tshift::shift_plan const& plan, float fill) {
  index_t const N = x.shape.batch, T = x.shape.time, C = x.shape.channels;
  std::vector<float> y = unwritten(x);
  std::mt19937 random(chunk_seed);
  tshift::shift_stream<float> stream(plan, {.batch = N, .channels = C}, fill);

  index_t read = 0, written = 0;
  auto const room = [&](index_t frames) {
    if (frames > T - written) {
      throw demo_error("the stream wants to write " + std::to_string(written + frames) + " frames after reading " +
                       std::to_string(read) + ", must be <= " + std::to_string(T) + ".");
    }
    return tshift::tensor_view<float>(y.data() + written * C, {N, frames, C}, x.strides);
  };
  while (read < T) {
    index_t const chunk = std::min<index_t>(1 + static_cast<index_t>(random() % longest_chunk), T - read);
    features_view const in(x.data + read * C, {N, chunk, C}, x.strides);
    index_t const ready = stream.ready(chunk);
    read += chunk;
    written += stream.push(in, room(ready));
  }
  index_t const pending = stream.pending();
  written += stream.flush(room(pending));
  if (written != T) {
    throw demo_error("the stream gave " + std::to_string(written) + " frames for " + std::to_string(T) + ".");
  }
  return y;
}

void require_agreement(features_view x, tshift::shift_plan const& plan, float fill, std::string const& what) {
  std::vector<float> defined = unwritten(x);
  tshift::reference::shift(x, tshift::tensor_view<float>(defined.data(), x.shape), plan, fill);
  features_view const want(defined.data(), x.shape);
  require_same(want, shift_out_of_place(x, plan, fill), "shift", what);
  require_same(want, shift_in_place(x, plan, fill), "shift_inplace", what);
  require_same(want, shift_lazily(x, plan, fill), "shifted", what);
  require_same(want, shift_streaming(x, plan, fill), "shift_stream", what);
}

}  // namespace demo
