// SPDX-License-Identifier: MIT
// Log-mel features of whole signals, exactly: everything is computed in double and rounded once.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <limits>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

#include <tshift/audio/kernel/frame.hpp>
#include <tshift/audio/kernel/rows.hpp>
#include <tshift/audio/presets.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace audio {

/// Memory of log_mel::forward: made once, kept for further calls, one for each call at a time. Move only: it holds the
/// FFT's plans. With EIGEN_FFTW_DEFAULT, make workspaces and streams one after the other: FFTW's planner is not meant for
/// several threads.
class log_mel_workspace {
 public:
  log_mel_workspace(log_mel_workspace const&) = delete;
  log_mel_workspace& operator=(log_mel_workspace const&) = delete;
  log_mel_workspace(log_mel_workspace&&) noexcept = default;
  log_mel_workspace& operator=(log_mel_workspace&&) noexcept = default;
  ~log_mel_workspace() = default;

  /// Parts that an executor may work on at a time.
  index_t parallel() const noexcept { return static_cast<index_t>(lanes_.size()); }

 private:
  template <class T>
  friend class log_mel;

  log_mel_workspace(std::shared_ptr<kernel::front_end const> const& front, index_t parallel, index_t rows,
                    index_t levels)
      : front_(front), peaks_(static_cast<std::size_t>(rows)), levels_(static_cast<std::size_t>(levels)) {
    lanes_.reserve(static_cast<std::size_t>(parallel));
    for (index_t i = 0; i < parallel; ++i) lanes_.emplace_back(*front);
  }

  std::shared_ptr<kernel::front_end const> front_;
  std::vector<kernel::lane> lanes_;
  std::vector<double> peaks_;   // largest level of each row, where the maximum is wanted
  std::vector<double> levels_;  // of all rows, where the maximum is subtracted
};

/// y[n, t, b]: log-mel features of wave[n, :, 0], as log_mel_options has the formula.
///
///   log_mel<float> mel(presets::whisper());
///   auto workspace = mel.make_workspace({.time = samples, .channels = 1});   // once
///   mel.forward(wave, y, workspace);                                         // y [frames(samples), bands()]
///
/// T, float or double, is that of samples and features. FFT, filters and logarithms are computed in double, so that a
/// float result is the definition rounded: nearer to it than the tools are, whose own error is 1e-5 dB (librosa), 1e-3 dB
/// (torchaudio) or 2e-3 nepers (Kaldi), more in bins far below a frame's maximum. A double result is off by about 1e-12,
/// and x dB below the frame's largest bin by about 1e-15 times 10^(x / 20).
///
/// Defined: an empty signal has no frames, one shorter than a window has those that its framing gives; constant and
/// clipped signals are signals. A NaN makes NaN of the frames that see it, an infinity NaN or infinities; with top_db or
/// reference max it is all frames of the sequence, as numpy's maximum does.
/// One object serves many threads, each with a workspace and a y of its own; copies share their tables.
/// Cost: an FFT a frame, which is most of it, and the filters' products and logarithms.
template <class T>
class log_mel {
  static_assert(std::is_floating_point_v<T>, "tshift: features are float or double");

 public:
  static constexpr char const* name = "log_mel";  ///< in messages
  using element_type = T;                         ///< of samples and features

  /// @throws shape_error  an option is out of its range, or two exclude each other
  explicit log_mel(log_mel_options const& options) : front_(std::make_shared<kernel::front_end const>(name, options)) {}

  /// What it was made from.
  log_mel_options const& options() const noexcept { return front_->options; }
  /// Features of a frame.
  index_t bands() const noexcept { return front_->options.bands; }
  /// Frames of a signal of so many samples.
  /// @throws shape_error  samples is negative
  index_t frames(index_t samples) const {
    if (samples < 0) detail::fail("log_mel::frames: samples = %td, must be >= 0", samples);
    return front_->frames(samples);
  }

  /// Memory for forward. The one allocation.
  /// @param wave      shape of the largest batch that will come: [batch, samples, 1]
  /// @param parallel  parts that an executor may work on at a time, in [1, 1024]; each takes 40 to 80 n_fft bytes. Bits
  ///                  do not depend on it
  log_mel_workspace make_workspace(shape const& wave, index_t parallel = 1) const {
    detail::check_range("log_mel::make_workspace", "parallel", parallel, 1, 1024);
    index_t const rows = needed_rows(wave);
    index_t levels = 0;
    if (__builtin_mul_overflow(rows, keeps_levels() ? bands() : 0, &levels)) {
      detail::fail("log_mel: the workspace must fit in 2^%d - 1 elements", tshift::detail::index_bits);
    }
    return {front_, parallel, rows, levels};
  }

  /// @param wave       [N, samples, 1], any strides; a ragged batch says so in its lengths, in samples
  /// @param y          [N, frames(samples), bands()], any strides and layout, other memory than wave. Sequence n has
  ///                   frames(wave.length(n)) frames, of the bits that it has alone; zeros follow
  /// @param workspace  from make_workspace of this object or a copy, for this shape or a larger one
  /// @throws shape_error  sizes disagree, memory overlaps, or the workspace is another's; before the first write
  void forward(std::type_identity_t<tensor_view<T const>> const& wave, tensor_view<T> const& y,
               log_mel_workspace& workspace) const {
    detail::run_here exec;
    forward(exec, wave, y, workspace);
  }

  /// The same, the frames shared out by an executor in at most workspace.parallel() parts; not one bit depends on it.
  template <executor Executor>
  void forward(Executor&& exec, std::type_identity_t<tensor_view<T const>> const& wave, tensor_view<T> const& y,
               log_mel_workspace& workspace) const {
    check(wave, y, workspace);
    if (y.size() == 0) return;
    index_t const rows = y.shape.batch * y.shape.time;
    index_t parts = workspace.parallel() < rows ? workspace.parallel() : rows;
    if constexpr (std::is_same_v<std::remove_cvref_t<Executor>, detail::run_here>) parts = 1;
    auto const part = [this, &wave, &y, &workspace, rows, parts](index_t i) noexcept {
      kernel::lane& own = kernel::element(workspace.lanes_, i);
      // Quotient and remainder apart, because rows * i may not fit.
      index_t const each = rows / parts, more = rows % parts;
      index_t const begin = i * each + (i < more ? i : more), end = begin + each + (i < more ? 1 : 0);
      for (index_t row = begin; row < end; ++row) this->row(wave, y, row, own, workspace);
    };
    if (parts == 1) {
      part(0);
    } else {
      exec(parts, [&part](index_t i) noexcept { part(i); });
    }
    if (!wants_peaks()) return;
    auto const sequence = [this, &wave, &y, &workspace](index_t n) noexcept { this->finish(wave, y, n, workspace); };
    detail::for_sequences(exec, y.shape.batch, sequence);
  }

  /// One signal in dense memory.
  /// @param wave  samples
  /// @param y     exactly frames(wave.size()) * bands() elements, [frames, bands]
  void forward(std::type_identity_t<std::span<T const>> wave, std::span<T> y, log_mel_workspace& workspace) const {
    auto const samples = static_cast<index_t>(wave.size());
    shape const to{1, frames(samples), bands()};
    if (static_cast<index_t>(y.size()) != to.size()) {
      detail::fail("log_mel: y has %zu elements, must have %td: %td frames of %td bands", y.size(), to.size(), to.time,
                   to.channels);
    }
    forward(tensor_view<T const>(wave.data(), {1, samples, 1}), tensor_view<T>(y.data(), to), workspace);
  }

 private:
  bool keeps_levels() const noexcept { return options().reference == reference_kind::max; }
  bool wants_peaks() const noexcept { return keeps_levels() || options().top_db < log_mel_options::no_limit; }

  /// Rows of the workspace.
  index_t needed_rows(shape const& wave) const {
    if (wave.batch < 0) detail::fail("log_mel: batch = %td, must be >= 0", wave.batch);
    index_t rows = 0;
    if (__builtin_mul_overflow(frames(wave.time), wave.batch, &rows)) {
      detail::fail("log_mel: batch times frames must fit in 2^%d - 1", tshift::detail::index_bits);
    }
    return wants_peaks() ? rows : 0;
  }

  void check(tensor_view<T const> const& wave, tensor_view<T> const& y, log_mel_workspace const& workspace) const {
    detail::extent const from = detail::check_features(name, "wave", wave), to = detail::check_features(name, "y", y);
    if (wave.shape.channels != 1) {
      detail::fail("log_mel: wave has %td channels, must have 1: choose one, or their mean", wave.shape.channels);
    }
    index_t const count = frames(wave.shape.time);
    if (y.shape.batch != wave.shape.batch || y.shape.time != count || y.shape.channels != bands()) {
      detail::fail("log_mel: y is [%td, %td, %td], must be [%td, %td, %td]", y.shape.batch, y.shape.time,
                   y.shape.channels, wave.shape.batch, count, bands());
    }
    for (index_t n = 0; n < static_cast<index_t>(y.lengths.size()); ++n) {
      index_t const own = frames(wave.length(n));
      if (y.length(n) != own) {
        detail::fail("log_mel: y.lengths[%td] = %td, must be %td, the frames of %td samples", n, y.length(n), own,
                     wave.length(n));
      }
    }
    tshift::detail::check_writable(name, to);
    detail::check_apart(name, from, to);
    if (workspace.front_ != front_) detail::fail("log_mel: the workspace is that of another log_mel");
    index_t const rows = needed_rows(wave.shape), have = static_cast<index_t>(workspace.peaks_.size());
    if (have < rows) detail::fail("log_mel: the workspace is for %td frames, must be for >= %td", have, rows);
  }

  void row(tensor_view<T const> const& wave, tensor_view<T> const& y, index_t row, kernel::lane& own,
           log_mel_workspace& workspace) const noexcept {
    log_mel_options const& o = options();
    index_t const n = row / y.shape.time, t = row % y.shape.time, samples = wave.length(n);
    if (t >= front_->computed(samples)) {
      T const fill = t < front_->frames(samples) ? kernel::written<T>(o, 0) : T(0);
      for (index_t b = 0; b < o.bands; ++b) y(n, t, b) = fill;
      return;
    }
    index_t const length = front_->length(samples);
    kernel::signal<T> const x{wave.data == nullptr ? nullptr : wave.at(n, 0, 0), wave.strides.time, 0,
                              samples < length ? samples : length, length};
    kernel::levels_of_frame(*front_, x, t, own);
    double const* const levels = own.levels.data();
    if (wants_peaks()) {
      double peak = -std::numeric_limits<double>::infinity();
      for (index_t b = 0; b < o.bands; ++b) peak = kernel::larger(levels[b], peak);
      kernel::element(workspace.peaks_, row) = peak;
    }
    if (keeps_levels()) {
      double* const kept = workspace.levels_.data() + row * o.bands;
      for (index_t b = 0; b < o.bands; ++b) kept[b] = levels[b];
    } else {
      for (index_t b = 0; b < o.bands; ++b) y(n, t, b) = kernel::written<T>(o, levels[b]);
    }
  }

  /// What needs the sequence's maximum. Rounding keeps the order, so that the limit may be applied to what is rounded.
  void finish(tensor_view<T const> const& wave, tensor_view<T> const& y, index_t n,
              log_mel_workspace const& workspace) const noexcept {
    log_mel_options const& o = options();
    index_t const count = front_->computed(wave.length(n)), first = n * y.shape.time;
    double peak = -std::numeric_limits<double>::infinity();
    for (index_t t = 0; t < count; ++t) peak = kernel::larger(kernel::element(workspace.peaks_, first + t), peak);
    double const reference = keeps_levels() ? peak : 0;
    auto const least = static_cast<double>(kernel::written<T>(o, peak - reference - o.top_db));
    for (index_t t = 0; t < count; ++t) {
      double const* const kept = keeps_levels() ? workspace.levels_.data() + (first + t) * o.bands : nullptr;
      for (index_t b = 0; b < o.bands; ++b) {
        T& to = y(n, t, b);
        if (kept != nullptr) to = kernel::written<T>(o, kept[b] - reference);
        to = static_cast<T>(kernel::larger(static_cast<double>(to), least));
      }
    }
  }

  std::shared_ptr<kernel::front_end const> front_;
};

}}}}  // namespace tshift::audio

#include <tshift/macros/back.hpp>
