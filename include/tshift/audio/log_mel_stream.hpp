// SPDX-License-Identifier: MIT
// Log-mel features while the sound comes in: however it is cut into chunks, the frames are those of the whole, bit for bit.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

#include <tshift/audio/kernel/frame.hpp>
#include <tshift/audio/kernel/rows.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace audio {

/// One signal, chunk by chunk. A value: it can be copied and moved; one stream serves one thread at a time.
///
///   log_mel_stream<float> stream(presets::kaldi());
///   n = stream.push(chunk, y);   // any number of samples, also 0; y receives n = ready(samples) frames
///   n = stream.flush(y);         // the signal is over: y receives the last n = pending() frames
///
/// The frames received, one after the other, are log_mel<T>::forward of all chunks, bit for bit. A frame is due as soon as
/// it can depend on nothing that may still come: centred frames half an FFT after their middle, others with the last of
/// their samples; frames that may turn out to be among the last `drop_last` wait for as many more.
/// Neither push nor flush allocates.
template <class T>
class log_mel_stream {
 public:
  static constexpr char const* name = "log_mel_stream";  ///< in messages

  /// @throws shape_error  what log_mel refuses, and what needs the end of the signal: a finite top_db, reference
  ///                      max; a drop_last that would hold back more than 2^28 samples
  explicit log_mel_stream(log_mel_options const& options)
      : front_(made(options)), own_(*front_),
        held_(static_cast<std::size_t>(4 * options.n_fft + options.drop_last * options.hop + 8)) {}

  /// What it was made from.
  log_mel_options const& options() const noexcept { return front_->options; }
  /// Features of a frame.
  index_t bands() const noexcept { return front_->options.bands; }

  /// Frames that pushing so many samples more would give.
  index_t ready(index_t samples) const noexcept { return due(received_ + samples) - emitted_; }
  /// Frames that flush would give.
  index_t pending() const noexcept { return front_->frames(received_) - emitted_; }

  /// Takes a chunk and gives the frames that are due.
  /// @param chunk  samples, any number; apart from y
  /// @param y      at least ready(chunk.size()) * bands() elements; the first are written, [frames, bands]
  /// @returns      ready(chunk.size())
  /// @throws shape_error  y is too short, or no index counts so many samples; the stream is unchanged then
  index_t push(std::type_identity_t<std::span<T const>> chunk, std::span<T> y) {
    auto const count = static_cast<index_t>(chunk.size());
    if (count > std::numeric_limits<index_t>::max() / 2 - received_) {
      detail::fail("log_mel_stream::push: %td samples after %td, must stay below 2^%d", count, received_,
                   tshift::detail::index_bits - 1);
    }
    index_t const frames = ready(count);
    check_room("log_mel_stream::push", y, frames);
    T const* from = chunk.data();
    T* to = y.data();
    for (index_t left = count; left > 0;) {
      forget();
      index_t const room = static_cast<index_t>(held_.size()) - (received_ - first_);
      index_t const some = left < room ? left : room;
      std::memcpy(held_.data() + (received_ - first_), from, static_cast<std::size_t>(some) * sizeof(T));
      received_ += some;
      from += some;
      left -= some;
      to = emit(due(received_), received_ + front_->options.n_fft, to);
    }
    return frames;
  }

  /// Ends the signal: gives the frames that are left, padded as the options say, and starts anew as reset() does.
  /// @param y  at least pending() * bands() elements
  /// @returns  pending()
  index_t flush(std::span<T> y) {
    index_t const frames = pending(), all = front_->frames(received_);
    check_room("log_mel_stream::flush", y, frames);
    T* const to = emit(front_->computed(received_), received_, y.data());
    T const fill = kernel::written<T>(front_->options, 0);
    for (index_t i = 0; i < (all - emitted_) * bands(); ++i) to[i] = fill;
    reset();
    return frames;
  }

  /// Forgets everything: the next sample pushed is the first of a signal.
  void reset() noexcept { first_ = received_ = emitted_ = 0; }

 private:
  static std::shared_ptr<kernel::front_end const> made(log_mel_options const& o) {
    auto front = std::make_shared<kernel::front_end const>(name, o);
    if (o.top_db < log_mel_options::no_limit) {
      detail::fail("log_mel_stream: top_db = %g needs the maximum of the whole signal, must be infinite in a stream",
                   o.top_db);
    }
    if (o.reference == reference_kind::max) {
      detail::fail("log_mel_stream: reference = max needs the maximum of the whole signal, must be one in a stream");
    }
    constexpr index_t most = index_t{1} << 28;
    if (o.drop_last > most / o.hop) {
      detail::fail("log_mel_stream: drop_last = %td frames every %td samples, must hold back <= 2^28 samples",
                   o.drop_last, o.hop);
    }
    return front;
  }

  /// Frames that n samples settle, whatever comes behind them.
  index_t due(index_t n) const noexcept {
    log_mel_options const& o = front_->options;
    index_t const sure = front_->computed(n);  // a longer signal has no fewer
    if (o.samples > 0 && n >= o.samples) return sure;
    index_t complete = n - o.win_length - front_->offset;
    complete = complete < 0 ? 0 : complete / o.hop + 1;
    // The first frame may look into the mirror: then the sample that stands there must be known, and not the end itself.
    index_t const before = -front_->offset;
    bool const mirrors = o.centre == centre_padding::reflect || o.edges == frame_edges::mirror;
    if (mirrors && before > 0 && n <= before) complete = 0;
    return complete < sure ? complete : sure;
  }

  void check_room(char const* operation, std::span<T> y, index_t frames) const {
    index_t const rows = static_cast<index_t>(y.size()) / bands();
    if (rows < frames) {
      detail::fail("%s: y has room for %td frames of %td bands, must have for >= %td", operation, rows, bands(),
                   frames);
    }
  }

  /// Computes frames up to `end`, of a signal of so many samples as far as anybody can tell.
  T* emit(index_t end, index_t length, T* to) noexcept {
    log_mel_options const& o = front_->options;
    index_t const whole = front_->length(length), known = received_ < whole ? received_ : whole;
    kernel::signal<T> const x{held_.data(), 1, first_, known, whole};
    for (; emitted_ < end; ++emitted_) {
      kernel::levels_of_frame(*front_, x, emitted_, own_);
      for (double const level : own_.levels) *to++ = kernel::written<T>(o, level);
    }
    return to;
  }

  /// Drops the samples that no frame will ask for: what comes before the next one, and is no part of the mirror behind
  /// the end, wherever that will be.
  void forget() noexcept {
    log_mel_options const& o = front_->options;
    index_t const next = emitted_ * o.hop + front_->offset - 1, mirror = received_ - o.n_fft - 2;
    bool const over = (o.frames > 0 && emitted_ >= o.frames) || (o.samples > 0 && received_ >= o.samples);
    index_t from = over ? received_ : next < mirror ? next : mirror;
    if (from <= first_) return;
    if (from > received_) from = received_;
    std::memmove(held_.data(), held_.data() + (from - first_), static_cast<std::size_t>(received_ - from) * sizeof(T));
    first_ = from;
  }

  std::shared_ptr<kernel::front_end const> front_;
  kernel::lane own_;
  std::vector<T> held_;  // samples [first, received)
  index_t first_ = 0, received_ = 0, emitted_ = 0;
};

}}}}  // namespace tshift::audio

#include <tshift/macros/back.hpp>
