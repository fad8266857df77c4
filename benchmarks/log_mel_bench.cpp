// SPDX-License-Identifier: MIT
// Log-mel features of 7.5 s of sound at 16 kHz, with each tool's preset. The floor is what no front end on this FFT can
// do without: as many transforms of Eigen's, of the size that the preset has.
#include <complex>
#include <cstddef>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <tshift/audio.hpp>
#include <tshift/audio/reference.hpp>

#include "support.hpp"

namespace tshift_bench { namespace {

namespace audio = tshift::audio;

/// What a row works on.
struct front {
  explicit front(tshift::log_mel_options const& options)
      : mel(options), workspace(mel.make_workspace({.time = samples, .channels = 1})), fft(options.n_fft),
        wave(samples), y(static_cast<std::size_t>(mel.frames(samples) * mel.bands())) {
    fill_random(wave.data(), wave.size(), 1);
    for (index_t i = 0; i < options.n_fft; ++i) fft.put(i, static_cast<double>(wave[static_cast<std::size_t>(i)]));
  }

  static constexpr index_t samples = 120000;

  audio::log_mel<float> mel;
  audio::log_mel_workspace workspace;
  audio::kernel::spectrum fft;
  std::vector<float> wave, y;
};

/// The first 0.3 s against the definition, whose direct sums take long.
void verify(tshift::log_mel_options options) {
  if (options.samples > 0) options.samples = 6400;
  if (options.frames > 0) options.frames = 40;
  std::vector<float> wave(4800);
  fill_random(wave.data(), wave.size(), 2);
  std::vector<double> const want = audio::reference::log_mel(options, std::vector<double>(wave.begin(), wave.end()));
  audio::log_mel<float> const mel(options);
  std::vector<float> y(want.size());
  auto workspace = mel.make_workspace({.time = 4800, .channels = 1});
  mel.forward(wave, y, workspace);
  for (std::size_t i = 0; i < want.size(); ++i) {
    double const off = static_cast<double>(y[i]) - want[i];
    if (!(off < 1e-4 && off > -1e-4)) throw std::runtime_error("wrong feature " + std::to_string(i));
  }
}

void add(std::string const& name, tshift::log_mel_options const& options) {
  audio::log_mel<float> const mel(options);
  index_t const frames = mel.frames(front::samples), bands = mel.bands();
  row const info{.table = "log_mel: 7.5 s at 16 kHz, a preset each; floor: its FFTs alone",
                 .tensor = std::to_string(frames) + "x" + std::to_string(bands),
                 .variant = name,
                 .bytes = static_cast<double>(front::samples + frames * bands) * sizeof(float),
                 .footprint = static_cast<std::size_t>(front::samples) * sizeof(float)};
  add_row(info, [=] {
    verify(options);
    auto const f = std::make_shared<front>(options);
    // An FFT for each frame with sound in it: what Whisper's and AST's are filled up with costs none.
    tshift::log_mel_options sound = options;
    sound.samples = sound.frames = 0;
    index_t const transforms = audio::log_mel<float>(sound).frames(front::samples);
    return std::pair([=] { f->mel.forward(f->wave, f->y, f->workspace); },
                     [=] {
                       for (index_t i = 0; i < transforms; ++i) {
                         f->fft.transform();
                         benchmark::ClobberMemory();
                       }
                     });
  });
}

void add_log_mel() {
  for (audio::presets::entry const& preset : audio::presets::table) add(preset.name, preset.make(16000));
  tshift::log_mel_options whisper = audio::presets::whisper();
  whisper.samples = 0;
  add("whisper, own length", whisper);
}

registration const log_mel_rows(65, add_log_mel);

}  // namespace
}  // namespace tshift_bench
