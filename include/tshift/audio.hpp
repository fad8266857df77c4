// SPDX-License-Identifier: MIT
// tshift's features: log-mel spectra that equal those of the tools models are trained with. This header brings all of
// it, and of other libraries Eigen, whose FFT it takes (Debian: libeigen3-dev); xsimd comes with the views.
//
// One front end with a plain struct of options, and a preset for each tool (audio/presets.hpp)
//
//   presets::librosa()     melspectrogram and power_to_db        presets::whisper()  transformers' WhisperFeatureExtractor
//   presets::torchaudio()  MelSpectrogram and AmplitudeToDB      presets::ast()      transformers' ASTFeatureExtractor
//   presets::kaldi()       fbank; torchaudio.compliance.kaldi    presets::psf()      python_speech_features.logfbank
//
//   auto options = presets::librosa(16000);      every tool's default; change what your training script changed:
//   options.hop = 160;                           log_mel_options has a member for each of the tools' differences
//
// Whole signals (audio/log_mel.hpp)
//
//   log_mel<T> mel(options)                      T is float or double; tables are made once, and shared by copies
//   mel.frames(samples), mel.bands()             the size of what comes out
//   mel.make_workspace(shape of wave)            the one allocation; make_workspace(shape, 8) for 8 parts at a time
//   mel.forward(wave, y, workspace)              wave [N, samples, 1], ragged: wave.lengths; y [N, frames, bands]
//   mel.forward(executor, wave, y, workspace)    the same bits from any executor
//
// Sound as it comes in (audio/log_mel_stream.hpp)
//
//   log_mel_stream<T> stream(options)            equal to the whole bit for bit, whatever the chunks are
//   n = stream.push(chunk, y), n = stream.flush(y)
//
// Behind them
//
//   deltas(x, y, delta_kind::htk)                HTK's, librosa's first and second; stack_deltas(x, y, kind): all three
//   normalise_utterances(x, y)                   each sequence by its own mean and variance; also waves, for wav2vec 2.0
//   normalise(x, y, statistics)                  by a training set's or a speaker's: band_statistics, which can be saved
//   spectrogram_image(x, y, options)             images for models of vision: scaled, resized, low bands at the bottom
//
//   samples   of the rate that options say, in [-1, 1): reading files and resampling are the program's business
//   accuracy  FFT, filters and logarithms in double, rounded once: nearer to the definition than the tools are
//   throws    shape_error before the first write, in a sentence with the value and the rule
//   threads   one log_mel serves any number of threads, each with a workspace and a y of its own
//   bits      of a frame do not depend on the batch, the executor, or the chunks
//
// The definition as plain loops: audio/reference.hpp. EIGEN_FFTW_DEFAULT before the include has Eigen take FFTW (GPL).
#pragma once

#include <tshift/audio/deltas.hpp>
#include <tshift/audio/log_mel.hpp>
#include <tshift/audio/log_mel_stream.hpp>
#include <tshift/audio/normalise.hpp>
#include <tshift/audio/presets.hpp>
#include <tshift/audio/spectrogram_image.hpp>
