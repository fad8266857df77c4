// SPDX-License-Identifier: MIT
// log_mel against the definition, audio/reference.hpp: every option, every preset, every corner; batches, executors,
// no allocation, and the sentences it refuses with. (The FFT is Eigen's.)
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <iostream>
#include <limits>
#include <string>
#include <vector>

#include <tshift/audio.hpp>
#include <tshift/audio/reference.hpp>

#include "../support/allocation_counter.hpp"
#include "../support/catch.hpp"
#include "../support/message_of.hpp"
#include "../support/thread_executor.hpp"
#include "audio_cases.hpp"

namespace {

using namespace test_support;
using audio::log_mel;
using tshift::tensor_view;

template <class T>
std::vector<T> features(log_mel<T> const& mel, std::vector<T> const& wave) {
  auto const samples = static_cast<index_t>(wave.size());
  std::vector<T> y(static_cast<std::size_t>(mel.frames(samples) * mel.bands()), T(-7));
  auto workspace = mel.make_workspace({.time = samples, .channels = 1});
  mel.forward(wave, y, workspace);
  return y;
}

bool same(double a, double b) { return a == b || (a != a && b != b); }

/// Compared with the definition. double: to 1e-8 of the unit, which is what direct sums leave of a weak bin; float: the
/// definition rounded, up to a unit in the last place.
template <class T>
double difference(log_mel_options const& o, std::vector<double> const& wave, std::string const& name, tally& sum) {
  std::vector<double> const want = audio::reference::log_mel(o, wave);
  std::vector<T> const got = features(log_mel<T>(o), as<T>(wave));
  double worst = want.size() == got.size() ? 0 : 1e300, largest = 1;
  for (std::size_t i = 0; i < want.size() && worst < 1e300; ++i) {
    if (same(want[i], static_cast<double>(got[i]))) continue;
    double const off = std::fabs(want[i] - static_cast<double>(got[i]));
    worst = std::max(worst, off == off ? off : 1e300);
    largest = std::max(largest, std::fabs(want[i]));
  }
  double const most = std::is_same_v<T, double> ? 1e-8 * largest : 1.2e-7 * largest;
  sum.count(worst <= most,
            [&] { return name + ", " + std::to_string(wave.size()) + " samples: " + std::to_string(worst); });
  return worst / largest;
}

TEST_CASE("every option, against the definition", "[audio]") {
  tally sum;
  double worst[2] = {0, 0};
  auto const options = every_option();
  REQUIRE(static_cast<index_t>(options.size()) == every_option_count);
  for (auto const& each : options) {
    std::string const& name = each.first;
    log_mel_options const& o = each.second;
    for (index_t const samples : {0, 1, 2, 19, 31, 32, 33, 34, 49, 50, 51, 64, 65, 99, 700, 1501}) {
      auto const wave = made_signal(samples, 5);
      worst[0] = std::max(worst[0], difference<double>(o, wave, name, sum));
      worst[1] = std::max(worst[1], difference<float>(o, wave, name, sum));
    }
  }
  std::cout << "log_mel, worst difference: double " << worst[0] << ", float " << worst[1] << '\n';
  REQUIRE_ALL(sum, 2 * 16 * every_option_count);
}

TEST_CASE("every preset, against the definition", "[audio]") {
  tally sum;
  for (audio::presets::entry const& preset : audio::presets::table) {
    log_mel_options o = preset.make(16000);
    if (o.samples > 0) o.samples = 4000;  // direct sums over 30 s take too long
    if (o.frames > 0) o.frames = 20;
    auto const wave = made_signal(3500, 6);
    double const d = difference<double>(o, wave, preset.name, sum), f = difference<float>(o, wave, preset.name, sum);
    std::cout << "preset " << preset.name << ", largest difference from the definition: double " << d << ", float " << f
              << '\n';
  }
  REQUIRE_ALL(sum, 12);
  log_mel<float> const whisper(audio::presets::whisper(128)), ast(audio::presets::ast());
  REQUIRE(whisper.frames(0) == 3000);
  REQUIRE(whisper.frames(16000 * 40) == 3000);
  REQUIRE(ast.frames(120000) == 1024);
  REQUIRE(ast.bands() == 128);
  REQUIRE(log_mel<float>(audio::presets::librosa(22050)).frames(22050) == 44);
  REQUIRE(log_mel<float>(audio::presets::kaldi(8000)).options().n_fft == 256);
  REQUIRE(log_mel<float>(audio::presets::psf(48000)).options().n_fft == 2048);
  REQUIRE(log_mel<float>(audio::presets::psf(11025)).options().hop == 110);
  REQUIRE(audio::presets::find("psf")->make(16000).bands == 26);
  REQUIRE(audio::presets::find("nobody") == nullptr);
  REQUIRE(message_of([] { (void)audio::presets::find("ast")->make(8000); }) ==
          "presets::ast: sample_rate = 8000, must be 16000, which the model was trained with");
  REQUIRE(message_of([] { (void)audio::presets::find("whisper")->make(8000); }) ==
          "presets::whisper: sample_rate = 8000, must be 16000, which the model was trained with");
  REQUIRE(message_of([] { (void)audio::presets::kaldi(0); }) ==
          "presets::kaldi: sample_rate = 0, must be in [100, 1e7]");
}

/// What a formula says of signals that are none.
TEST_CASE("constant, clipped, silent, NaN and infinite samples", "[audio]") {
  tally sum;
  constexpr double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  for (auto const& each : every_option()) {
    std::string const& name = each.first;
    log_mel_options const& o = each.second;
    for (double const value : {0.0, 1.0, -1.0}) difference<float>(o, std::vector<double>(300, value), name, sum);
    std::vector<double> square(300);
    for (std::size_t i = 0; i < square.size(); ++i) square[i] = i / 25 % 2 == 0 ? 1 : -1;
    difference<float>(o, square, name, sum);
    // A NaN reaches the frames that see it, and with a maximum all of them; of an infinity infinities come, too.
    for (double const bad : {nan, inf}) {
      std::vector<double> wave = made_signal(700, 7);
      std::vector<double> const clean = features(log_mel<double>(o), wave);
      wave[350] = bad;
      std::vector<double> const y = features(log_mel<double>(o), wave);
      bool const all = o.top_db < log_mel_options::no_limit || o.reference == tshift::reference_kind::max;
      index_t spoiled = 0, wrong = 0;
      for (std::size_t i = 0; i < y.size(); ++i) {
        if (!std::isfinite(y[i]))
          ++spoiled;
        else if (!same(y[i], clean[i]))
          ++wrong;
      }
      bool const sees =
          (o.samples == 0 || o.samples > 350) && (o.frames != 10) && o.hop <= o.win_length && o.win_length > 2;
      bool const limited = o.top_db == 0 && o.frames == 0 && all;
      sum.count(
          (wrong == 0 || bad == inf) && (!sees || spoiled > 0) &&
              (!limited || !sees || spoiled == static_cast<index_t>(y.size())),
          [&] { return name + ": " + std::to_string(spoiled) + " not finite, " + std::to_string(wrong) + " wrong"; });
    }
  }
  REQUIRE_ALL(sum, 6 * every_option_count);
}

template <class T>
void check_batches() {
  tally sum;
  random_bits random(11);
  constexpr index_t N = 4, S = 400;
  for (auto const& each : every_option()) {
    std::string const& name = each.first;
    log_mel_options const& o = each.second;
    log_mel<T> const mel(o);
    index_t const lengths[N] = {400, 0, random.in(1, 60), random.in(61, 399)};
    std::vector<T> const samples = as<T>(made_signal(N * S * 2, 12));
    // Every second sample, so that a stride counts; y with bands outermost, as librosa has it.
    tensor_view<T const> const wave(samples, {N, S, 1}, {2 * S, 2, 1, 1}, lengths);
    index_t const F = mel.frames(S), B = mel.bands();
    std::vector<T> y(static_cast<std::size_t>(N * F * B), T(-7));
    tensor_view<T> const out(y.data(), {N, F, B}, tshift::layout::nct);
    auto workspace = mel.make_workspace(wave.shape, 3);
    mel.forward(wave, out, workspace);
    for (index_t n = 0; n < N; ++n) {
      std::vector<T> alone;
      for (index_t i = 0; i < lengths[n]; ++i) alone.push_back(wave(n, i, 0));
      std::vector<T> const want = features(mel, alone);
      bool good = true;
      for (index_t t = 0; t < F; ++t) {
        for (index_t b = 0; b < B; ++b) {
          auto const at = static_cast<std::size_t>(t * B + b);
          good = good && same(static_cast<double>(out(n, t, b)), at < want.size() ? static_cast<double>(want[at]) : 0);
        }
      }
      sum.count(good, [&] { return name + ", sequence " + std::to_string(n); });
    }
    // Executors, and no allocation.
    std::vector<T> other(y.size(), T(-8));
    tensor_view<T> const shared(other.data(), {N, F, B}, tshift::layout::nct);
    mel.forward(thread_executor{3}, wave, shared, workspace);
    sum.count(std::memcmp(y.data(), other.data(), y.size() * sizeof(T)) == 0, [&] { return name + ", threads"; });
    std::fill(other.begin(), other.end(), T(-8));
    long const made = allocations_in([&] { mel.forward(reversed_executor{}, wave, shared, workspace); });
    sum.count(made == 0 && std::memcmp(y.data(), other.data(), y.size() * sizeof(T)) == 0,
              [&] { return name + ", " + std::to_string(made) + " allocations"; });
    long const here = allocations_in([&] { mel.forward(wave, shared, workspace); });
    sum.count(here == 0, [&] { return name + ", " + std::to_string(here) + " allocations"; });
  }
  REQUIRE_ALL(sum, 7 * every_option_count);
}

TEST_CASE("each sequence of a batch as alone, on any threads, without an allocation", "[audio]") {
  check_batches<float>();
  check_batches<double>();
}

TEST_CASE("one object serves many threads, copies share their workspaces", "[audio]") {
  for (index_t const n_fft : {512, 401, 2 * 3 * 5 * 7 * 2, 262}) {  // with and without Eigen's temporaries
    log_mel_options o = small_options();
    o.n_fft = n_fft;
    log_mel<float> const mel(o), copy = mel;
    std::vector<float> const wave = as<float>(made_signal(3000, 13)), want = features(mel, wave);
    std::vector<std::vector<float>> got(8);
    thread_executor{4}(8,
                       [&](index_t i) { got[static_cast<std::size_t>(i)] = features(i % 2 == 0 ? mel : copy, wave); });
    for (auto const& each : got) REQUIRE(each == want);
    auto workspace = copy.make_workspace({.time = 3000, .channels = 1});
    std::vector<float> y(want.size());
    mel.forward(wave, y, workspace);
    auto moved = std::move(workspace);
    REQUIRE(moved.parallel() == 1);
    copy.forward(std::span(wave).first(100),
                 std::span(y).first(static_cast<std::size_t>(mel.frames(100) * mel.bands())), moved);
  }
}

std::string refusal(std::function<void(log_mel_options&)> const& change) {
  log_mel_options o = small_options();
  change(o);
  return message_of([&] { (void)log_mel<float>(o); });
}

TEST_CASE("every option out of its range, and those that exclude each other", "[audio]") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN(), inf = log_mel_options::no_limit;
  using o_t = log_mel_options;
  auto const front = [](o_t& o) {
    o.place = tshift::window_place::front;
    o.centre = tshift::centre_padding::none;
  };
  REQUIRE(refusal([](o_t&) {}).empty());
  REQUIRE(refusal([](o_t& o) { o.sample_rate = 0; }) == "log_mel: sample_rate = 0 Hz, must be in (0, 1e9]");
  REQUIRE(refusal([](o_t& o) { o.sample_rate = nan; }) == "log_mel: sample_rate = nan Hz, must be in (0, 1e9]");
  REQUIRE(refusal([](o_t& o) { o.sample_rate = inf; }) == "log_mel: sample_rate = inf Hz, must be in (0, 1e9]");
  REQUIRE(refusal([](o_t& o) { o.win_length = 0; }) == "log_mel: win_length = 0, must be in [1, 1048576]");
  REQUIRE(refusal([](o_t& o) { o.n_fft = 1; }) == "log_mel: n_fft = 1, must be in [2, 1048576]");
  REQUIRE(refusal([](o_t& o) { o.n_fft = 1048577; }) == "log_mel: n_fft = 1048577, must be in [2, 1048576]");
  REQUIRE(refusal([](o_t& o) { o.n_fft = 49; }) == "log_mel: n_fft = 49, must be >= win_length 50");
  REQUIRE(refusal([](o_t& o) { o.hop = 0; }) == "log_mel: hop = 0, must be in [1, 1073741824]");
  REQUIRE(refusal([](o_t& o) { o.drop_last = -1; }) == "log_mel: drop_last = -1, must be in [0, 1048576]");
  REQUIRE(refusal([](o_t& o) { o.samples = -1; }) == "log_mel: samples = -1, must be in [0, 1073741824]");
  REQUIRE(refusal([](o_t& o) { o.frames = -1; }) == "log_mel: frames = -1, must be in [0, 1073741824]");
  REQUIRE(refusal([](o_t& o) { o.place = tshift::window_place::front; }) ==
          "log_mel: centre = reflect, must be none where the window stands in front of n_fft");
  REQUIRE(refusal([](o_t& o) {
            o.place = tshift::window_place::front;
            o.centre = tshift::centre_padding::zero;
          }) == "log_mel: centre = zero, must be none where the window stands in front of n_fft");
  REQUIRE(refusal([](o_t& o) { o.edges = tshift::frame_edges::mirror; }) ==
          "log_mel: edges = mirror, must be snip where frames are centred: those are padded already");
  REQUIRE(refusal([](o_t& o) {
            o.centre = tshift::centre_padding::none;
            o.edges = tshift::frame_edges::pad;
          }) == "log_mel: edges = pad, must be snip where the window stands in the middle of n_fft");
  REQUIRE(refusal([&](o_t& o) {
            front(o);
            o.edges = tshift::frame_edges::pad;
          }).empty());
  REQUIRE(refusal([](o_t& o) { o.scale = nan; }) == "log_mel: scale = nan, must be finite");
  REQUIRE(refusal([](o_t& o) { o.pre_emphasis = -0.1; }) == "log_mel: pre_emphasis = -0.1, must be in [0, 1]");
  REQUIRE(refusal([](o_t& o) { o.pre_emphasis = nan; }) == "log_mel: pre_emphasis = nan, must be in [0, 1]");
  REQUIRE(refusal([](o_t& o) { o.power = 0; }) == "log_mel: power = 0, must be > 0 and finite");
  REQUIRE(refusal([](o_t& o) { o.bands = 0; }) == "log_mel: bands = 0, must be in [1, 65536]");
  REQUIRE(refusal([](o_t& o) { o.low = -1; }) == "log_mel: low = -1 Hz, must be in [0, 8000), below high");
  REQUIRE(refusal([](o_t& o) { o.low = 8000; }) == "log_mel: low = 8000 Hz, must be in [0, 8000), below high");
  REQUIRE(refusal([](o_t& o) { o.low = nan; }) == "log_mel: low = nan, must be finite");
  REQUIRE(refusal([](o_t& o) { o.high = 8001; }) ==
          "log_mel: high = 8001 Hz, must be <= 8000 Hz, half the sample_rate");
  REQUIRE(refusal([](o_t& o) { o.high = -8000; }) == "log_mel: low = 0 Hz, must be in [0, 0), below high");
  REQUIRE(refusal([](o_t& o) {
            o.low = 1000;
            o.high = std::nextafter(1000, 2000);
          }).find("bands between 1000 and 1000 Hz, must be so few that their edges differ") != std::string::npos);
  REQUIRE(refusal([](o_t& o) {
            o.triangles = tshift::triangle_space::bins;
            o.norm = tshift::filter_norm::slaney;
          }) ==
          "log_mel: norm = slaney, must be none where triangles = bins: their areas are not those of their edges");
  REQUIRE(refusal([](o_t& o) { o.floor = 0; }) == "log_mel: floor = 0, must be > 0 where there is a logarithm");
  REQUIRE(refusal([](o_t& o) {
            o.log = tshift::log_kind::none;
            o.floor = -1;
          }) == "log_mel: floor = -1, must be >= 0");
  REQUIRE(refusal([](o_t& o) { o.floor = inf; }) == "log_mel: floor = inf, must be finite");
  REQUIRE(refusal([](o_t& o) { o.top_db = -1; }) == "log_mel: top_db = -1, must be >= 0; infinity limits nothing");
  REQUIRE(refusal([](o_t& o) { o.top_db = nan; }) == "log_mel: top_db = nan, must be >= 0; infinity limits nothing");
  REQUIRE(refusal([](o_t& o) {
            o.log = tshift::log_kind::none;
            o.top_db = 80;
          }) == "log_mel: top_db = 80, must be infinite where log = none");
  REQUIRE(refusal([](o_t& o) {
            o.log = tshift::log_kind::none;
            o.reference = tshift::reference_kind::max;
          }) == "log_mel: reference = max, must be one where log = none");
  REQUIRE(refusal([](o_t& o) { o.subtract = inf; }) == "log_mel: subtract = inf, must be finite");
  REQUIRE(refusal([](o_t& o) { o.divide = -1; }) == "log_mel: divide = -1, must be > 0 and finite");
}

TEST_CASE("enumerators without a name", "[audio]") {
  tally sum;
  auto const unnamed = [&sum](char const* member, auto log_mel_options::*at) {
    log_mel_options o = small_options();
    for (int const value : {-1, 99}) {
      o.*at = static_cast<std::remove_reference_t<decltype(o.*at)>>(value);
      std::string const want =
          std::string("log_mel: ") + member + " = " + std::to_string(value) + ", must be a named value";
      std::string const got = message_of([&] { (void)log_mel<float>(o); });
      sum.count(got == want, [&] { return got; });
    }
  };
  unnamed("window", &log_mel_options::window);
  unnamed("place", &log_mel_options::place);
  unnamed("centre", &log_mel_options::centre);
  unnamed("edges", &log_mel_options::edges);
  unnamed("emphasis", &log_mel_options::emphasis);
  unnamed("spectrum", &log_mel_options::spectrum);
  unnamed("mel", &log_mel_options::mel);
  unnamed("triangles", &log_mel_options::triangles);
  unnamed("norm", &log_mel_options::norm);
  unnamed("log", &log_mel_options::log);
  unnamed("floor_by", &log_mel_options::floor_by);
  unnamed("reference", &log_mel_options::reference);
  REQUIRE_ALL(sum, 24);
}

TEST_CASE("what forward refuses, nothing written", "[audio]") {
  log_mel_options o = small_options();
  o.top_db = 30;
  log_mel<float> const mel(o), other(o);
  std::vector<float> wave(400, 0.5f), y(21 * 9, -7.f);
  auto workspace = mel.make_workspace({.time = 400, .channels = 1}),
       foreign = other.make_workspace({.time = 400, .channels = 1});
  auto small = mel.make_workspace({.time = 100, .channels = 1});
  tensor_view<float const> const x(wave, {1, 400, 1});
  tensor_view<float> const to(y.data(), {1, 21, 9});
  auto const says = [&](auto const& in, auto const& out, auto& memory) {
    return message_of([&] { mel.forward(in, out, memory); });
  };
  REQUIRE(says(tensor_view<float const>(wave, {1, 200, 2}), to, workspace) ==
          "log_mel: wave has 2 channels, must have 1: choose one, or their mean");
  REQUIRE(says(x, tensor_view<float>(y.data(), {1, 20, 9}), workspace) ==
          "log_mel: y is [1, 20, 9], must be [1, 21, 9]");
  REQUIRE(says(x, to, foreign) == "log_mel: the workspace is that of another log_mel");
  REQUIRE(says(x, to, small) == "log_mel: the workspace is for 6 frames, must be for >= 21");
  REQUIRE(says(tensor_view<float const>(y, {1, 100, 1}), tensor_view<float>(y.data(), {1, 6, 9}), workspace) ==
          "log_mel: wave and y overlap in memory, must share no element");
  REQUIRE(says(tensor_view<float const>(wave, {1, 100, 1, 2}), to, workspace) ==
          "log_mel: wave has space 2, must be 1");
  REQUIRE(says(x, tensor_view<float>(y.data(), {1, 21, 9}, tshift::strides{.time = 4, .channels = 1}), workspace)
              .find("must be at least") != std::string::npos);
  index_t const lengths[] = {100}, wrong[] = {7};
  REQUIRE(says(tensor_view<float const>(wave, {1, 400, 1}, tshift::layout::ntc, lengths),
               tensor_view<float>(y.data(), {1, 21, 9}, tshift::layout::ntc, wrong),
               workspace) == "log_mel: y.lengths[0] = 7, must be 6, the frames of 100 samples");
  REQUIRE(message_of([&] { mel.forward(wave, std::span(y).first(10), workspace); }) ==
          "log_mel: y has 10 elements, must have 189: 21 frames of 9 bands");
  REQUIRE(message_of([&] { (void)mel.make_workspace({.time = -1, .channels = 1}); }) ==
          "log_mel::frames: samples = -1, must be >= 0");
  REQUIRE(message_of([&] { (void)mel.make_workspace({.batch = -1}); }) == "log_mel: batch = -1, must be >= 0");
  REQUIRE(message_of([&] {
            (void)mel.make_workspace({.batch = index_t{1} << 40, .time = index_t{1} << 40});
          }).starts_with("log_mel: batch times frames must fit in 2^"));
  REQUIRE(message_of([&] { (void)mel.make_workspace({}, 0); }) ==
          "log_mel::make_workspace: parallel = 0, must be in [1, 1024]");
  o.reference = tshift::reference_kind::max;
  log_mel<float> const relative(o);
  REQUIRE(message_of([&] {
            (void)relative.make_workspace({.batch = index_t{1} << 33, .time = index_t{1} << 33});
          }).starts_with("log_mel: the workspace must fit in 2^"));
  REQUIRE(std::all_of(y.begin(), y.end(), [](float v) { return v == -7.f; }));
  // Nothing happens to nothing.
  mel.forward(tensor_view<float const>(wave, {1, 0, 1}), tensor_view<float>(y.data(), {1, 0, 9}), workspace);
}

}  // namespace
