// SPDX-License-Identifier: MIT
// What a log-mel front end is told apart by. The tools people train with agree on the words and on hardly a default: each
// difference is a member here, and audio/presets.hpp has the sets that reproduce a tool.
#pragma once

#include <tshift/macros/away.hpp>

#include <limits>

#include <tshift/config.hpp>
#include <tshift/error.hpp>

namespace tshift { inline namespace TSHIFT_V {

/// w[i], i in [0, L), L being win_length; 1 where L is 1. P is L for the periodic windows, which are made for the FFT, and
/// L - 1 for the symmetric ones.
enum class window_kind {
  rectangular,         ///< 1
  hann,                ///< 0.5 - 0.5 cos(2 pi i / P), periodic: librosa, torch, Whisper
  hann_symmetric,      ///< the same, symmetric: Kaldi's hanning, AST
  hamming,             ///< 0.54 - 0.46 cos(2 pi i / P), periodic
  hamming_symmetric,   ///< the same, symmetric: Kaldi's hamming, numpy.hamming
  blackman,            ///< 0.42 - 0.5 cos(2 pi i / P) + 0.08 cos(4 pi i / P), periodic
  blackman_symmetric,  ///< the same, symmetric: Kaldi's blackman
  povey                ///< (0.5 - 0.5 cos(2 pi i / P))^0.85, symmetric: Kaldi's default
};

/// Where a window shorter than n_fft stands in it. A power spectrum does not see the difference; framing does.
enum class window_place {
  centred,  ///< in the middle: a frame has n_fft samples (librosa, torch)
  front     ///< in front, zeros behind: a frame has win_length samples (Kaldi, python_speech_features)
};

/// Whether frame t stands around sample t hop, and what lies n_fft / 2 samples before and behind the signal then.
enum class centre_padding {
  none,    ///< frame t begins at sample t hop; see frame_edges
  zero,    ///< centred, zeros (librosa since 0.9)
  reflect  ///< centred, mirrored without repeating the end sample (torch.stft, librosa before 0.9); a signal shorter than
           ///< the padding is reflected to and fro as numpy does it, where torch refuses
};

/// What happens at the ends where frames are not centred.
enum class frame_edges {
  snip,    ///< only frames that lie wholly in the signal (Kaldi's snip_edges)
  mirror,  ///< round(T / hop) frames around t hop + hop / 2, mirrored with the end sample repeated (Kaldi without)
  pad      ///< zeros behind the end, so that every sample is in a frame (python_speech_features)
};

/// What pre-emphasis runs over.
enum class emphasis_over {
  frame,  ///< each frame, after its mean was removed; x[0] becomes (1 - c) x[0] (Kaldi)
  signal  ///< the signal before it is padded and cut; x[0] stays (python_speech_features)
};

/// Hz to mel.
enum class mel_kind {
  htk,    ///< 2595 log10(1 + f / 700), which is 1127 ln(1 + f / 700)
  slaney  ///< 3 f / 200 below 1 kHz, 15 + 27 ln(f / 1000) / ln 6.4 above
};

/// In what the sides of the triangles are straight. Edges are equally spaced in mel either way.
enum class triangle_space {
  hz,   ///< librosa, torchaudio, Whisper
  mel,  ///< Kaldi, AST
  bins  ///< edges rounded down to floor((n_fft + 1) f / sample_rate), straight between bins (python_speech_features)
};

/// What a triangle is multiplied by.
enum class filter_norm {
  none,   ///< 1: its peak is 1
  slaney  ///< 2 / (upper edge - lower edge) in Hz: its area is 1
};

/// What |X|^power is divided by.
enum class spectrum_norm {
  none,  ///< 1
  n_fft  ///< n_fft (python_speech_features)
};

/// What is taken of a band's energy S.
enum class log_kind {
  none,   ///< S itself
  ln,     ///< ln S
  log10,  ///< log10 S
  db      ///< 10 log10 S, whatever power is
};

/// How the logarithm of nothing is avoided.
enum class floor_kind {
  clamp,  ///< max(S, floor)
  add,    ///< S + floor
  zeros   ///< floor where S is exactly 0, S elsewhere (python_speech_features)
};

/// What a sequence's values are relative to.
enum class reference_kind {
  one,  ///< nothing
  max   ///< the sequence's largest value is subtracted: librosa's ref = np.max
};

/// A log-mel front end. Plain data; ranges are checked where a log_mel or a log_mel_stream is made of it. The defaults are
/// those of torchaudio's MelSpectrogram and AmplitudeToDB, at 16 kHz, with a hop of 10 ms.
///
///   x        samples, times `scale`
///   frame t  `win_length` samples of it, minus their mean, pre-emphasised, times the window
///   P[k]     |FFT over n_fft samples|^power, divided as `spectrum` says; k = 0 ... n_fft / 2 stands for k sample_rate /
///            n_fft Hz
///   S[b]     sum over k of filter[b, k] P[k];   filter b: a triangle over the edges e[b], e[b+1], e[b+2], equally spaced
///            in mel from low to high
///   v        the logarithm of S above the floor, minus the reference, at least the sequence's maximum minus top_db
///   y[t, b]  (v - subtract) / divide
struct log_mel_options {
  /// top_db that limits nothing.
  static constexpr double no_limit = std::numeric_limits<double>::infinity();

  double sample_rate = 16000;  ///< Hz, > 0; of the samples that will come: nothing is resampled

  index_t win_length = 400;                         ///< samples of the window, >= 1
  index_t n_fft = 400;                              ///< samples of the FFT, any number in [max(2, win_length), 2^20]
  index_t hop = 160;                                ///< samples from frame to frame, in [1, 2^30]
  window_kind window = window_kind::hann;           ///< shape of the window
  window_place place = window_place::centred;       ///< front only where centre is none
  centre_padding centre = centre_padding::reflect;  ///< what centred frames see before and behind the signal
  frame_edges edges = frame_edges::snip;            ///< mirror and pad only where centre is none and place is front
  index_t drop_last = 0;                            ///< frames that are dropped from the end, in [0, 2^20]
  index_t samples = 0;                              ///< a signal is cut or zero-padded to so many; 0: stays as it is
  index_t frames = 0;                               ///< the result is cut, or padded with v = 0, to so many; 0: stays

  double scale = 1;                               ///< of the samples; 32768 makes 16-bit numbers of [-1, 1)
  bool remove_mean = false;                       ///< each frame's mean is subtracted
  double pre_emphasis = 0;                        ///< c of x[i] - c x[i-1], in [0, 1]
  emphasis_over emphasis = emphasis_over::frame;  ///< what that runs over
  double power = 2;                               ///< > 0; 2: energy, 1: magnitude
  spectrum_norm spectrum = spectrum_norm::none;   ///< what the power spectrum is divided by

  index_t bands = 80;            ///< filters, in [1, 65536]
  double low = 0;                ///< Hz, lower edge of the first filter, in [0, high)
  double high = 0;               ///< Hz, upper edge of the last; <= 0: so much above the Nyquist frequency
  mel_kind mel = mel_kind::htk;  ///< Hz to mel
  triangle_space triangles = triangle_space::hz;  ///< in what the sides are straight
  filter_norm norm = filter_norm::none;           ///< slaney not where triangles is bins

  log_kind log = log_kind::db;                     ///< of the energies
  double floor = 1e-10;                            ///< >= 0; > 0 where there is a logarithm
  floor_kind floor_by = floor_kind::clamp;         ///< what the floor does
  reference_kind reference = reference_kind::one;  ///< max only where there is a logarithm
  double top_db = no_limit;                        ///< >= 0, in the unit of the logarithm; only where there is one
  double subtract = 0;                             ///< from the result
  double divide = 1;                               ///< > 0
};

}}  // namespace tshift

#include <tshift/macros/back.hpp>
