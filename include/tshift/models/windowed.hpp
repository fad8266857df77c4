// SPDX-License-Identifier: MIT
// Speech encoders on a sound that keeps coming. Their attention sees a whole sound, so that they hear it in windows.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include <tshift/models/speech_encoder.hpp>

namespace tshift { inline namespace TSHIFT_V {

/// How a sound is cut, in samples.
struct window_options {
  index_t window = 64000;  ///< samples that an encoder hears at once, 4 seconds
  index_t hop = 16000;     ///< from the beginning of one window to that of the next
  bool normalise =
      false;          ///< each window to mean 0 and variance 1: for checkpoints whose preprocessor has do_normalize
  double eps = 1e-7;  ///< added to the variance then, >= 0
};

}}  // namespace tshift

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace models {

/// x = (x - mean) / sqrt(variance + eps), the biased variance, both in double. Samples that are all one value become zeros
/// where eps is 0. Source: Wav2Vec2FeatureExtractor of transformers, do_normalize.
template <class T>
void normalise_wave(std::span<T> x, double eps) {
  if (x.empty()) return;
  double mean = 0, squares = 0;
  for (T const v : x) mean += static_cast<double>(v);
  mean /= static_cast<double>(x.size());
  for (T const v : x) squares += (static_cast<double>(v) - mean) * (static_cast<double>(v) - mean);
  double const by = std::sqrt(squares / static_cast<double>(x.size()) + eps);
  for (T& v : x) v = by == 0 ? T(0) : static_cast<T>((static_cast<double>(v) - mean) / by);
}

/// What an encoder makes of a window.
template <class T>
struct encoder_window {
  index_t begin;                ///< its first sample, counted from the first of the sound
  index_t end;                  ///< past its last
  tensor_view<T const> states;  ///< [copies, frames, D], as the encoder's forward writes them
};

/// An encoder fed sample by sample, which answers window by window:
///
///   models::windowed live(encoder, {.window = 64000, .hop = 16000});
///   live.push(samples, [&](auto const& window) { head.forward(window.states, y, room); });    // for each that is over
///   live.flush(answer);      // the sound is over; the next sample is the first of another
///
/// This is no stream of the model. An answer is what forward gives of the window's samples alone, bit for bit: nothing of
/// what came before is known, and it comes when the window's last sample has come. Window k is samples [k hop, k hop +
/// window). A last one may be shorter: where there is no other, or half a hop or more of it was in none before, and only
/// where a frame can be made of it.
/// Where windows overlap, the convolutions' frames of the one before are kept and not made again, if that changes no bit:
/// with layer norms (large models), without normalise, and a hop of whole frames; else shares_frames() is false.
/// Cost: forward of each window, less what is shared. Nothing is allocated after construction. One object serves one thread
/// at a time; an executor shares out the work of a window.
/// @tparam Encoder  speech_encoder
template <class Encoder>
class windowed {
 public:
  using T = typename Encoder::element_type;  ///< float or double

  /// @param encoder  shares its weights
  /// @throws shape_error  a window is too short for a frame, or a number is out of range
  explicit windowed(Encoder encoder, window_options const& how = {})
      : encoder_(std::move(encoder)), how_(checked(encoder_, how)), frames_(encoder_.frames(how.window)) {
    speech_features<T> const& features = encoder_.features();
    shares_ = !how.normalise && features.frames_are_apart() && how.hop % features.stride() == 0;
    auto const size = [](index_t a, index_t b, index_t c = 1) {
      return static_cast<std::size_t>(detail::checked_product("windowed", {a, b, c}));
    };
    wave_.resize(size(how.window, how.normalise ? 2 : 1));
    made_.resize(size(shares_ ? frames_ : 0, features.outputs()));
    states_.resize(size(encoder_.states().copies(), frames_, encoder_.channels()));
    scratch_.resize(static_cast<std::size_t>(encoder_.workspace_size({1, how.window, 1})));
  }

  /// The encoder.
  Encoder const& encoder() const noexcept { return encoder_; }
  /// How the sound is cut.
  window_options const& options() const noexcept { return how_; }
  /// Whether windows that overlap share the frames of the convolutions.
  bool shares_frames() const noexcept { return shares_; }
  /// Samples of this sound so far.
  index_t samples() const noexcept { return begin_ + filled_ - skip_; }
  /// Bytes of memory that it holds, without the weights.
  index_t memory_bytes() const noexcept {
    return static_cast<index_t>((wave_.size() + made_.size() + states_.size() + scratch_.size()) * sizeof(T));
  }

  /// Takes samples, and calls visit(encoder_window) for each window that is over, in order. What it is given holds until
  /// visit returns. Where visit throws, the window counts as answered, and samples behind it are not taken.
  template <class Visit>
  void push(std::span<T const> samples, Visit const& visit) {
    detail::run_here exec;
    push(exec, samples, visit);
  }
  /// The same, the work of a window shared out by an executor.
  template <executor Executor, class Visit>
  void push(Executor&& exec, std::span<T const> samples, Visit const& visit) {
    while (!samples.empty()) {
      auto const left = static_cast<index_t>(samples.size());
      index_t const passed = std::min(skip_, left), some = std::min(how_.window - filled_, left - passed);
      skip_ -= passed;
      std::copy_n(samples.data() + passed, some, wave_.data() + filled_);
      filled_ += some;
      samples = samples.subspan(static_cast<std::size_t>(passed + some));
      if (filled_ == how_.window) answer(exec, visit);
    }
  }

  /// The sound is over: visit is called with what is left of it, where that is a window. The next sample is the first of
  /// another sound.
  template <class Visit>
  void flush(Visit const& visit) {
    detail::run_here exec;
    flush(exec, visit);
  }
  /// The same with an executor.
  template <executor Executor, class Visit>
  void flush(Executor&& exec, Visit const& visit) {
    index_t const fresh = std::min(how_.hop, how_.window), known = how_.window - fresh;
    bool const enough = begin_ == 0 || 2 * filled_ >= 2 * known + fresh;
    if (filled_ >= encoder_.shortest() && enough) answer(exec, visit);
    reset();
  }

  /// Forgets the sound: the next sample is the first of another.
  void reset() noexcept { begin_ = filled_ = skip_ = kept_ = 0; }

 private:
  static window_options checked(Encoder const& encoder, window_options const& how) {
    constexpr index_t most = index_t{1} << (detail::index_bits > 40 ? 40 : 28);
    if (how.window < encoder.shortest() || how.window > most) {
      detail::fail("windowed: a window of %td samples, must be in [%td, %td]", how.window, encoder.shortest(), most);
    }
    if (how.hop < 1 || how.hop > most)
      detail::fail("windowed: a hop of %td samples, must be in [1, %td]", how.hop, most);
    if (!(how.eps >= 0 && how.eps <= std::numeric_limits<double>::max())) {
      detail::fail("windowed: eps = %g, must be >= 0 and finite", how.eps);
    }
    return how;
  }

  /// The window that is there, of filled_ samples.
  template <class Executor, class Visit>
  void answer(Executor& exec, Visit const& visit) {
    index_t const size = filled_, frames = encoder_.frames(size), first = begin_;
    shape const out{encoder_.states().copies(), frames, encoder_.channels()};
    tensor_view<T> const states(states_.data(), out);
    if (shares_) {
      compute_shared(exec, size, frames, states);
    } else {
      T* from = wave_.data();
      if (how_.normalise) {
        from += how_.window;
        std::copy_n(wave_.data(), size, from);
        normalise_wave(std::span<T>(from, static_cast<std::size_t>(size)), how_.eps);
      }
      encoder_.compute(exec, {from, {1, size, 1}}, states, nn::arena<T>("windowed", scratch_));
    }
    advance(frames);
    visit(encoder_window<T>{first, first + size, states});
  }

  template <class Executor>
  void compute_shared(Executor& exec, index_t size, index_t frames, tensor_view<T> const& states) {
    speech_features<T> const& features = encoder_.features();
    index_t const channels = features.outputs(), from = kept_ * features.stride();
    tensor_view<T> const made(made_.data(), {1, frames, channels});
    if (kept_ < frames) {
      tensor_view<T const> const fresh(wave_.data() + from, {1, size - from, 1});
      features.compute(exec, fresh, made.slice_frames(kept_, frames - kept_), nn::arena<T>("windowed", scratch_));
    }
    encoder_.compute_states(exec, made, states, nn::arena<T>("windowed", scratch_));
  }

  /// The next window begins a hop later: what it shares with this one moves to the front.
  void advance(index_t frames) noexcept {
    index_t const dropped = std::min(how_.hop, filled_);
    std::copy(wave_.begin() + dropped, wave_.begin() + filled_, wave_.begin());
    skip_ += how_.hop - dropped;
    filled_ -= dropped;
    begin_ += how_.hop;
    if (!shares_) return;
    index_t const channels = encoder_.features().outputs();
    index_t const gone = std::min(how_.hop / encoder_.features().stride(), frames);
    kept_ = frames - gone;
    std::copy(made_.begin() + gone * channels, made_.begin() + frames * channels, made_.begin());
  }

  Encoder encoder_;
  window_options how_;
  index_t frames_;  // of a window
  bool shares_ = false;
  index_t begin_ = 0, filled_ = 0,
          skip_ = 0;  // of the window: its first sample, those that came, those to pass over before
  index_t kept_ = 0;  // frames of it that are made already
  std::vector<T> wave_, made_, states_, scratch_;
};

}}}}  // namespace tshift::models

#include <tshift/macros/back.hpp>
