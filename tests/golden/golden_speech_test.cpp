// SPDX-License-Identifier: MIT
// Speech encoders against hidden states computed by PyTorch in double precision: speech.txt, see README.md.
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include <tshift/models/speech_encoder.hpp>

#include "../support/catch.hpp"
#include "../support/distance.hpp"
#include "../support/seeded.hpp"
#include "../support/seeded_speech.hpp"
#include "case_file.hpp"

namespace {

using test_support::read_list;
using test_support::seeded;
using test_support::speech_sizes;
using tshift::index_t;
using tshift::tensor_view;
using tshift::models::hidden_states;
using tshift::models::speech_encoder;

constexpr std::size_t golden_cases = 185;
constexpr std::size_t full_size_cases = 3;

struct golden_case {
  std::string title, mode, kind;
  speech_sizes model;
  index_t batch = 0, samples = 0;
  std::uint64_t seed = 0, bits = 0;
  std::vector<index_t> lengths, frames;
  std::vector<double> values;
};

bool read_line(golden_case& c, std::string const& key, std::istringstream& words) {
  speech_sizes& m = c.model;
  if (key == "channels") {
    read_list(words, m.channels);
  } else if (key == "kernels") {
    read_list(words, m.kernels);
  } else if (key == "strides") {
    read_list(words, m.strides);
  } else if (key == "switches") {
    std::string norm;
    words >> norm >> m.bias >> m.first >> m.projection_norm;
    m.norm_every = norm == "layer";
  } else if (key == "sizes") {
    words >> m.width >> m.layers >> m.heads >> m.hidden >> m.taps >> m.groups >> m.buckets >> m.distance >> m.eps;
  } else if (key == "input") {
    words >> c.batch >> c.samples >> c.seed >> c.kind >> c.bits;
  } else if (key == "mode") {
    words >> c.mode;
    read_list(words, c.lengths);
  } else if (key == "frames") {
    read_list(words, c.frames);
  } else if (key == "y") {
    read_list(words, c.values);
  } else {
    return key == "case";
  }
  return true;
}

/// As generate_speech.py has it; zeros where a sequence has ended.
template <class T>
std::vector<T> signal_of(golden_case const& c) {
  std::vector<T> x = seeded<T>("x", {c.batch, c.samples}, c.seed);
  for (index_t i = 0; i < c.batch * c.samples; ++i) {
    index_t const t = i % c.samples;
    T& value = x[static_cast<std::size_t>(i)];
    if (c.kind == "quiet") value *= T(0x1p-12);
    if (c.kind == "offset") value = static_cast<T>(0.25f + static_cast<float>(value) * 0x1p-6f);
    if (c.kind == "silence") value = 0;
    if (c.kind == "level") value = T(0.25);
    if (c.kind == "late" && t < c.samples / 2) value = 0;
    if (c.mode != "whole" && t >= c.lengths[static_cast<std::size_t>(i / c.samples)]) value = 0;
  }
  return x;
}

/// Three numbers for every frame of each state, or for eight of them.
template <class T>
void probe(golden_case const& c, tensor_view<T const> const& states, std::vector<double>& to) {
  auto const probes = seeded<double>("x", {3, c.model.width}, c.seed + 1000);
  for (index_t n = 0; n < states.shape.batch; ++n) {
    for (index_t t = 0; t < states.shape.time; t += 1 + states.shape.time / 8) {
      for (index_t j = 0; j < 3; ++j) {
        double sum = 0;
        for (index_t d = 0; d < c.model.width; ++d) {
          sum += probes[static_cast<std::size_t>(j * c.model.width + d)] * static_cast<double>(states(n, t, d));
        }
        to.push_back(sum);
      }
    }
  }
}

/// Hidden states in the file's order, and sums of them.
template <class T>
std::vector<double> probes_of(golden_case const& c, speech_encoder<T> const& encoder, tensor_view<T const> const& x) {
  std::vector<double> found;
  auto const weights = seeded<double>("x", {encoder.layers() + 1}, c.seed + 2000);
  std::vector<T> workspace = encoder.make_workspace(x.shape);
  for (auto const& states : {hidden_states<T>::all(), hidden_states<T>::weighted_sum(weights),
                             hidden_states<T>::weighted_sum(weights, true)}) {
    speech_encoder<T> const one = encoder.with(states);
    tshift::shape const all{one.states().copies() * c.batch, one.frames(c.samples), one.channels()};
    std::vector<T> y(static_cast<std::size_t>(all.size()), T(-99));
    one.forward(x, tensor_view<T>(y.data(), all), workspace);
    probe<T>(c, {y.data(), all}, found);
  }
  return found;
}

/// All cases of full size, or all others.
template <class T>
void check_cases(double allowed, bool full_size) {
  std::size_t ran = 0;
  double worst = 0;
  auto const cases = test_support::read_case_file<golden_case>("speech.txt", read_line);
  CHECK(cases.size() == golden_cases);
  for (golden_case const& c : cases) {
    if ((c.model.width >= 768) != full_size) continue;
    INFO(c.title);
    auto const weights = test_support::seeded_speech<T>(c.model, c.seed);
    std::vector<T> const samples = signal_of<T>(c);
    REQUIRE(test_support::bit_sum<T>(weights) + test_support::bit_sum<T>(samples) == c.bits);
    tshift::speech_encoder_options const options{c.model.heads, c.model.first, c.model.strides, c.model.eps,
                                                 c.model.distance};
    speech_encoder<T> encoder(tshift::weights::speech_encoder_weights(weights), options);
    tensor_view<T const> x(samples.data(), {c.batch, c.samples, 1});
    bool const reshape = c.mode == "reshape";
    tshift::frame_rule const rule = reshape ? tshift::frame_rule::reshape : tshift::frame_rule::conv;
    if (c.mode != "whole") x.lengths = c.lengths;
    if (c.mode == "conv" || reshape) encoder = encoder.with_mask(rule);
    for (std::size_t n = 0; n < c.frames.size(); ++n) {
      CHECK(encoder.frames(x.length(static_cast<index_t>(n)), c.samples, rule) == c.frames[n]);
    }
    std::vector<double> const found = probes_of(c, encoder, x);
    REQUIRE(found.size() == c.values.size());
    double const relative = test_support::relative_distance(found, c.values);
    CHECK(relative <= allowed);
    if (!(relative <= worst)) worst = relative;
    ++ran;
  }
  std::cout << "golden speech encoders, " << (sizeof(T) == 4 ? "float" : "double") << ": " << ran
            << " cases, largest relative difference " << worst << '\n';
  REQUIRE(ran == (full_size ? full_size_cases : golden_cases - full_size_cases));
}

}  // namespace

TEST_CASE("golden.speech: hidden states are PyTorch's, in float to 1e-5") { check_cases<float>(1e-5, false); }
TEST_CASE("golden.speech: hidden states are PyTorch's, in double to 1e-7") { check_cases<double>(1e-7, false); }

TEST_CASE("models of full size give PyTorch's hidden states, in float to 1e-5") { check_cases<float>(1e-5, true); }
TEST_CASE("models of full size give PyTorch's hidden states, in double to 1e-7") { check_cases<double>(1e-7, true); }
