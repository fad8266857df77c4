// SPDX-License-Identifier: MIT
// Log-mel features by the name of the tool that a model was trained with. They disagree in nearly everything, so choose by
// the code that made the training features. `table` lists them all.
#pragma once

#include <tshift/macros/away.hpp>

#include <string_view>

#include <tshift/audio/log_mel_options.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace audio {

namespace detail {

/// The smallest power of two that is at least n.
constexpr index_t power_of_two(index_t n) noexcept {
  index_t result = 2;
  while (result < n) result *= 2;
  return result;
}

/// Refuses what is no sampling rate, before sizes are computed from it.
constexpr void check_rate(char const* preset, double rate) {
  if (!(rate >= 100 && rate <= 1e7)) {
    tshift::detail::fail("presets::%s: sample_rate = %g, must be in [100, 1e7]", preset, rate);
  }
}

/// Refuses every rate but 16 kHz.
constexpr void check_16k(char const* preset, double rate) {
  if (rate != 16000) {
    tshift::detail::fail("presets::%s: sample_rate = %g, must be 16000, which the model was trained with", preset,
                         rate);
  }
}

}  // namespace detail

namespace presets {

/// librosa.power_to_db(librosa.feature.melspectrogram(y=wave, sr=sample_rate)): frames of 2048 samples every 512 behind a
/// periodic Hann window, centred with zeros, Slaney mels with triangles of area 1, dB above 1e-10, at most 80 dB below the
/// sequence's maximum. power_to_db(..., ref=np.max): .reference = reference_kind::max. Before librosa 0.9 (2022):
/// .centre = centre_padding::reflect.
/// Source: librosa 0.11, feature/spectral.py, filters.py, core/spectrum.py
constexpr log_mel_options librosa(double sample_rate = 16000, index_t bands = 128) {
  log_mel_options o{.sample_rate = sample_rate, .win_length = 2048, .n_fft = 2048, .hop = 512};
  o.centre = centre_padding::zero;
  o.bands = bands;
  o.mel = mel_kind::slaney;
  o.norm = filter_norm::slaney;
  o.top_db = 80;
  return o;
}

/// torchaudio.transforms.MelSpectrogram(sample_rate) and AmplitudeToDB(): frames of 400 samples every 200, centred and
/// reflected, HTK mels, no norm, dB above 1e-10, no limit. An odd n_fft differs: torchaudio then takes the bins for
/// equally spaced up to the Nyquist frequency, where no bin stands.
/// Source: torchaudio 0.13.1, transforms and functional
constexpr log_mel_options torchaudio(double sample_rate = 16000, index_t bands = 128) {
  log_mel_options o{.sample_rate = sample_rate, .win_length = 400, .n_fft = 400, .hop = 200};
  o.bands = bands;
  return o;
}

/// Kaldi's compute-fbank-feats, torchaudio.compliance.kaldi.fbank, kaldi-native-fbank: 25 ms every 10 ms (rounded down)
/// behind a Povey window, in an FFT of a power of two, whole frames only; mean removed, pre-emphasis 0.97 in the frame;
/// triangles in mel from 20 Hz; ln above float's epsilon. Without dither and energy column.
/// Samples are in [-1, 1) and become 16-bit numbers, as Kaldi reads them from a file. Who hands torchaudio.compliance a
/// wave in [-1, 1) has not done so: .scale = 1.
/// Source: kaldi feat/feature-window.cc, mel-computations.cc; torchaudio 0.13.1, compliance/kaldi.py
constexpr log_mel_options kaldi(double sample_rate = 16000, index_t bands = 23) {
  detail::check_rate("kaldi", sample_rate);
  auto const samples = static_cast<index_t>(sample_rate * 0.001 * 25.0);
  log_mel_options o{.sample_rate = sample_rate, .win_length = samples, .n_fft = detail::power_of_two(samples)};
  o.hop = static_cast<index_t>(sample_rate * 0.001 * 10.0);
  o.window = window_kind::povey;
  o.place = window_place::front;
  o.centre = centre_padding::none;
  o.scale = 32768;
  o.remove_mean = true;
  o.pre_emphasis = 0.97;
  o.bands = bands;
  o.low = 20;
  o.triangles = triangle_space::mel;
  o.log = log_kind::ln;
  o.floor = 1.1920928955078125e-07;
  return o;
}

/// transformers' WhisperFeatureExtractor: 30 s (cut or padded with zeros), frames of 400 samples every 160, centred and
/// reflected, the last one dropped: 3000; Slaney mels with triangles of area 1, log10 above 1e-10, at most 8 below the
/// maximum, (v + 4) / 4. For audio of its own length: .samples = 0.
/// @param bands  80; 128 from large-v3 on
/// Source: transformers, models/whisper/feature_extraction_whisper.py
constexpr log_mel_options whisper(index_t bands = 80) {
  log_mel_options o{};
  o.drop_last = 1;
  o.samples = 480000;
  o.bands = bands;
  o.mel = mel_kind::slaney;
  o.norm = filter_norm::slaney;
  o.log = log_kind::log10;
  o.top_db = 8;
  o.subtract = -4;
  o.divide = 4;
  return o;
}

/// transformers' ASTFeatureExtractor: Kaldi's features of a wave that stays in [-1, 1), behind a symmetric Hann window, 128
/// bands (one of which is empty), cut or padded with zeros to 1024 frames, and then (v + 4.2677393) / (2 4.5689974).
/// Source: transformers, models/audio_spectrogram_transformer/feature_extraction_audio_spectrogram_transformer.py
constexpr log_mel_options ast() {
  log_mel_options o = kaldi(16000, 128);
  o.window = window_kind::hann_symmetric;
  o.scale = 1;
  o.frames = 1024;
  o.subtract = -4.2677393;
  o.divide = 2 * 4.5689974;
  return o;
}

/// python_speech_features.logfbank: pre-emphasis 0.97 over the signal, 25 ms every 10 ms (rounded half up) without a
/// window, zeros behind the end, |FFT|^2 / 512, HTK mels with edges on bins, ln with 2.2e-16 in place of exact zeros.
/// Samples in [-1, 1) become 16-bit numbers, which the tool reads from files. Frames of more than 512 samples take a
/// larger power of two, where the tool would cut them.
/// @param bands  26; Chen et al. 2018 (ACRNN) take 40
/// Source: python_speech_features, base.py and sigproc.py
constexpr log_mel_options psf(double sample_rate = 16000, index_t bands = 26) {
  detail::check_rate("psf", sample_rate);
  // NOLINTNEXTLINE(bugprone-incorrect-roundings): half up, as the tool does
  auto const samples = static_cast<index_t>(0.025 * sample_rate + 0.5);
  index_t const fft = detail::power_of_two(samples);
  log_mel_options o{.sample_rate = sample_rate, .win_length = samples, .n_fft = fft < 512 ? 512 : fft};
  o.hop = static_cast<index_t>(0.01 * sample_rate + 0.5);  // NOLINT(bugprone-incorrect-roundings): the same
  o.window = window_kind::rectangular;
  o.place = window_place::front;
  o.centre = centre_padding::none;
  o.edges = frame_edges::pad;
  o.scale = 32768;
  o.pre_emphasis = 0.97;
  o.emphasis = emphasis_over::signal;
  o.spectrum = spectrum_norm::n_fft;
  o.bands = bands;
  o.triangles = triangle_space::bins;
  o.log = log_kind::ln;
  o.floor = 2.220446049250313e-16;
  o.floor_by = floor_kind::zeros;
  return o;
}

/// A preset with its name, for programs that choose one at run time.
struct entry {
  char const* name;                         ///< as it is called in C++: "librosa"
  log_mel_options (*make)(double rate_hz);  ///< with its own number of bands
};

/// Every preset. Whatever goes through all of them reads this: a new one is a function and a line here.
inline constexpr entry table[] = {
    {"librosa", [](double rate) { return librosa(rate); }},
    {"torchaudio", [](double rate) { return torchaudio(rate); }},
    {"kaldi", [](double rate) { return kaldi(rate); }},
    {"whisper",
     [](double rate) {
       detail::check_16k("whisper", rate);
       return whisper();
     }},
    {"ast",
     [](double rate) {
       detail::check_16k("ast", rate);
       return ast();
     }},
    {"psf", [](double rate) { return psf(rate); }},
};

/// The preset of this name, or nullptr.
constexpr entry const* find(std::string_view name) {
  for (entry const& each : table) {
    if (name == each.name) return &each;
  }
  return nullptr;
}

}  // namespace presets
}}}}  // namespace tshift::audio

#include <tshift/macros/back.hpp>
