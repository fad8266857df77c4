// SPDX-License-Identifier: MIT
// tshift_demo: a recording becomes log-mel features, the features are shifted in four ways that must agree to the bit,
// a picture shows what happened, and two tables say what it cost.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <tshift/tshift.hpp>
#include <vector>
#include <xsimd/xsimd.hpp>

#include "demo_error.hpp"
#include "log_mel.hpp"
#include "panels.hpp"
#include "timing.hpp"
#include "wav.hpp"
#include "ways.hpp"

namespace demo { namespace {

using tshift::index_t;

constexpr char const* usage =
    "usage: tshift_demo FILE.wav [--out PICTURE.png] [--no-timing]\n"
    "\n"
    "Turns a recording into log-mel features, shifts them with presets::shiftser for n_div 2, 4, 8, 16 and every\n"
    "direction: out of place, in place, lazily and streaming. The four must agree to the bit. Then it draws the\n"
    "features before and after a shift, and times the shift against memcpy.\n"
    "\n"
    "  FILE.wav           any sample rate from 1 to 768 kHz, any sample format, channels mixed down; first 10 minutes\n"
    "  --out PICTURE.png  where the picture goes (tshift_demo.png)\n"
    "  --no-timing        stop after the picture\n"
    "  --help             print this\n"
    "\n"
    "Exits with 0, with 1 if a file cannot be used or a result is wrong, and with 2 if the command is wrong.\n";

constexpr index_t n_divs[] = {2, 4, 8, 16};
constexpr tshift::direction directions[] = {tshift::direction::delay, tshift::direction::advance,
                                            tshift::direction::both};
constexpr double batch_bytes = 32e6;  // beyond the second-level caches of today's cores
constexpr double row_seconds = 0.12;  // two tables of twelve rows: about 5 s with the checks
constexpr index_t picture_frames = 480;
constexpr index_t picture_stride = 25;

/// The command line is wrong: exit 2.
class usage_error : public demo_error {
 public:
  using demo_error::demo_error;
};

struct command {
  std::string recording;
  std::string picture = "tshift_demo.png";
  bool timing = true;
  bool help = false;
};

command parse(int count, char const* const* arguments) {
  command result;
  std::optional<std::string> recording;
  bool options = true;
  for (int i = 1; i < count; ++i) {
    std::string const word = arguments[i];
    if (!options || word.empty() || word[0] != '-' || word == "-") {
      if (recording) throw usage_error("two recordings, '" + *recording + "' and '" + word + "', must be one.");
      recording = word;
    } else if (word == "--") {
      options = false;
    } else if (word == "--help" || word == "-h") {
      result.help = true;
      return result;
    } else if (word == "--no-timing") {
      result.timing = false;
    } else if (word == "--out") {
      if (i + 1 == count) throw usage_error("--out needs the name of a picture.");
      result.picture = arguments[++i];
    } else if (word.starts_with("--out=")) {
      result.picture = word.substr(6);
    } else {
      throw usage_error("unknown option '" + word + "'.");
    }
  }
  if (!recording) throw usage_error("no recording is given.");
  if (recording->empty()) throw usage_error("the name of the recording is empty.");
  if (result.picture.empty()) throw usage_error("the name of the picture is empty.");
  result.recording = *recording;
  return result;
}

/// A whole recording as features, and what to say about it.
struct utterance {
  std::vector<float> features;  // [frames, log_mel::bands]
  index_t frames;
  double frames_per_second;

  features_view view() const { return {features.data(), {.time = frames, .channels = log_mel::bands}}; }
};

utterance read_features(std::string const& path) {
  wav_reader wav(path);
  log_mel mel(wav.rate());
  for (auto block = wav.read(); !block.empty(); block = wav.read()) mel.push(block);
  double const seconds = static_cast<double>(wav.position()) / wav.rate();
  if (mel.frames() == 0) {
    throw demo_error("cannot use '" + path + "': it has " + std::to_string(wav.position()) +
                     " samples, must be at least one window of " + std::to_string(mel.window()) + " (25 ms).");
  }

  std::printf("recording  '%s'\n", path.c_str());
  std::printf("           %s, %d Hz, %d channel%s, %.2f s (%lld samples%s)\n", wav.format().c_str(), wav.rate(),
              wav.channels(), wav.channels() == 1 ? "" : "s, mixed down to their mean", seconds,
              static_cast<long long>(wav.position()), wav.channels() == 1 ? "" : " each");
  if (wav.position() < wav.total()) {
    std::printf("           only the first %.2f s of %.2f s were read\n", seconds,
                static_cast<double>(wav.total()) / wav.rate());
  }
  std::printf("features   %td frame%s x %d log-mel channels, 0 to %.0f Hz, one frame per %d samples (10 ms)\n",
              mel.frames(), mel.frames() == 1 ? "" : "s", log_mel::bands, mel.highest(), mel.hop());
  std::printf("           from Hann windows of %d samples (25 ms) and an FFT of %d\n", mel.window(), mel.fft());
  auto const features = mel.features();
  return {{features.begin(), features.end()}, mel.frames(), static_cast<double>(wav.rate()) / mel.hop()};
}

/// Draws the first seconds, so that a frame stays wide enough to see.
void draw(utterance const& speech, command const& words) {
  std::error_code ignored;
  if (std::filesystem::equivalent(words.recording, words.picture, ignored)) {
    throw demo_error("cannot write the picture '" + words.picture + "': it is the recording.");
  }
  index_t const frames = std::min(speech.frames, picture_frames);
  index_t const stride = frames >= 4 * picture_stride ? picture_stride : std::max<index_t>(1, frames / 4);
  auto const plan = tshift::presets::shiftser(log_mel::bands, 4, tshift::direction::both, stride);
  features_view const excerpt(speech.features.data(), {.time = frames, .channels = log_mel::bands});
  std::string const title = "the same shifted (n_div 4, both directions, stride " + std::to_string(stride) +
                            (stride == 1 ? " frame)" : " frames)");
  before_and_after(excerpt, plan, title, speech.frames_per_second).write_png(words.picture);

  double const second = speech.frames_per_second, shift = static_cast<double>(stride) / second;
  std::printf("picture    '%s': the first %.2f s before and after shiftser(80, n_div 4, both, stride %td)\n",
              words.picture.c_str(), static_cast<double>(frames) / second, stride);
  std::printf(
      "           channels 0-19 come %.2f s later, channels 20-39 %.2f s earlier, the others stay; striped\n"
      "           grey is what the shift vacated\n",
      shift, shift);
  if (stride > 1) std::printf("           (the tables use a stride of 1 frame, which would be too small to see)\n");
}

template <class Row>
void for_each_plan(Row const& row) {
  for (index_t const n_div : n_divs) {
    for (tshift::direction const way : directions)
      row(n_div, way, tshift::presets::shiftser(log_mel::bands, n_div, way));
  }
}

std::string describe(index_t n_div, tshift::direction way) {
  return "n_div " + std::to_string(n_div) + ", " + name_of(way);
}

/// Before the picture, so that a wrong result shows first. The tables check again, at their own sizes.
void check(utterance const& speech) {
  int plans = 0;
  for_each_plan([&](index_t n_div, tshift::direction way, tshift::shift_plan const& plan) {
    require_agreement(speech.view(), plan, log_mel::floor(), describe(n_div, way));
    ++plans;
  });
  std::printf(
      "check      out of place, in place, lazily and streaming give the same bits as the definition\n"
      "           for all %d combinations of n_div and direction; vacated frames get ln(1e-10), silence\n",
      plans);
}

/// One table: the recording `copies` times over, as a batch.
void time_batch(utterance const& speech, index_t copies, char const* title) {
  tshift::shape const dims{.batch = copies, .time = speech.frames, .channels = log_mel::bands};
  std::vector<float> x;
  for (index_t n = 0; n < copies; ++n) x.insert(x.end(), speech.features.begin(), speech.features.end());
  std::vector<float> y(x.size()), z = x;
  double const bytes = static_cast<double>(x.size() * sizeof(float));
  float const fill = log_mel::floor();

  std::printf("\n%s: [%td, %td, %d] floats, %.3f MB\n\n", title, dims.batch, dims.time, log_mel::bands, bytes / 1e6);
  std::printf("                       MB read and written             shift                 shift_inplace\n");
  std::printf(
      "n_div direct.  moved   shift in place lazily       us   GB/s x memcpy       us   GB/s x memcpy  agree\n");

  std::vector<double> copy_times;
  for_each_plan([&](index_t n_div, tshift::direction way, tshift::shift_plan const& plan) {
    require_agreement({x.data(), dims}, plan, fill, describe(n_div, way));
    timings const t = measure(x, y, z, dims, plan, fill, row_seconds);
    copy_times.push_back(t.memcpy);
    double const share = static_cast<double>(plan.moved()) / static_cast<double>(plan.channels());
    double const all = 2.0 * bytes, some = all * share;
    std::printf("%5td %-7s %6.2f%% %7.3f %8.3f      0 %9.2f %6.1f %8.2f %9.2f %6.1f %8.2f  yes\n", n_div, name_of(way),
                100.0 * share, all / 1e6, some / 1e6, t.shift * 1e6, all / t.shift / 1e9, t.shift / t.memcpy,
                t.inplace * 1e6, some / t.inplace / 1e9, t.inplace / t.memcpy);
    std::fflush(stdout);
  });
  double const copy = median(copy_times);
  std::printf("memcpy of the same tensor: %.2f us, %.1f GB/s\n", copy * 1e6, 2.0 * bytes / copy / 1e9);
}

void time_all(utterance const& speech) {
  double const bytes = static_cast<double>(speech.features.size() * sizeof(float));
  index_t const copies = std::max<index_t>(1, static_cast<index_t>(batch_bytes / bytes + 0.5));

  std::printf("\ncompiled for %s\n", xsimd::default_arch::name());
#ifndef __OPTIMIZE__
  std::printf("compiled without optimisation: the times below say nothing about the library\n");
#elif TSHIFT_DEBUG
  std::printf("compiled with the library's own assertions (no NDEBUG): the times below are not its best\n");
#endif
  time_batch(speech, 1, "Table 1, the recording");
  time_batch(speech, copies, "Table 2, the recording repeated as a batch");

  std::printf(
      "\n"
      "moved      share of the channels that the shift moves\n"
      "MB         bytes read plus bytes written / 10^6: shift moves all, shift_inplace the moved channels only, and a\n"
      "           lazy shift none: whoever comes next reads through it\n"
      "us, GB/s   processor time of one call, median of many, and those bytes over it\n"
      "x memcpy   that time over that of a memcpy of the whole tensor, taken in turns with it: 1.00 is a plain copy\n"
      "agree      all four ways gave the bits of the definition at this size, compared before anything was timed\n"
      "(Timed in place, the same buffer is shifted again and again: what is in it changes, what is moved does not.)\n");
}

int run(int count, char const* const* arguments) {
  command const words = parse(count, arguments);
  if (words.help) {
    std::fputs(usage, stdout);
  } else {
    utterance const speech = read_features(words.recording);
    check(speech);
    draw(speech, words);
    if (words.timing) time_all(speech);
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) throw demo_error("cannot write to the standard output.");
  return 0;
}

}  // namespace
}  // namespace demo

int main(int count, char** arguments) {
  try {
    return demo::run(count, arguments);
  } catch (demo::usage_error const& error) {
    std::fprintf(stderr, "tshift_demo: %s Try tshift_demo --help.\n", error.what());
    return 2;
  } catch (demo::demo_error const& error) {
    std::fprintf(stderr, "tshift_demo: %s\n", error.what());
  } catch (std::exception const& error) {
    std::fprintf(stderr, "tshift_demo: unexpected: %s\n", error.what());
  }
  return 1;
}
