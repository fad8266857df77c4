// SPDX-License-Identifier: MIT
// SpecAugment on features, in ShiftSER's form: spans of frames become a learned vector, spans of channels zeros.
#pragma once

#include <tshift/macros/away.hpp>

#include <cmath>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>

#include <tshift/executor.hpp>
#include <tshift/nn/input.hpp>
#include <tshift/train/kernel/matrix.hpp>
#include <tshift/train/kernel/spans.hpp>
#include <tshift/train/parameter_table.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// How much is masked. The defaults are ShiftSER's.
struct spec_augment_options {
  double time_share = 0.08;     ///< in [0, 1], of the frames, overlaps not counted
  index_t time_span = 15;       ///< >= 0, frames; 0: no frames
  index_t time_least = 2;       ///< >= 0, spans
  double channel_share = 0.05;  ///< in [0, 1], of the channels
  index_t channel_span = 64;    ///< >= 0, channels; 0: no channels
  index_t channel_least = 1;    ///< >= 0, spans
  bool scaled = false;          ///< spans at most an eighth of a sequence's frames and a twelfth of the channels: small
                                ///< features would else be masked whole, or refused
};

/// SpecAugment with a learned vector, `name`.masked_spec_embed [C], of ShiftSER and wav2vec 2.0.
///
///   y[t] = the vector where a span of frames covers t, else x[t]; then y[t, c] = 0 where a span of channels covers c
///   dvector[c] += sum of dy[t, c] over covered t, where c is not covered    dx = dy, but 0 where anything is covered
///
/// Each sequence has its own spans. Of a sequence of L frames there are int(share L / span + u), with one u in [0, 1)
/// for the whole batch (and one for channels), then at least the least, at most as many as fit side by side; where they
/// begin is drawn without repetition. Channels are zeroed in masked frames too. L is a sequence's own length: one that
/// is shorter than a span has none. ShiftSER counts all T frames; a view without lengths does the same.
/// Nothing is kept: both passes draw the same spans from `random`. Cost: one copy of x, none in place.
/// Source: ShiftSER's Specaugment; transformers' _compute_mask_indices; Park et al. (2019).
template <class T>
class spec_augment {
 public:
  spec_augment() = default;

  /// @throws shape_error  a number is out of range, a span of channels is longer than there are, or the name is taken
  spec_augment(parameter_table& table, std::string const& prefix, index_t channels,
               spec_augment_options const& options = {})
      : options_(options), channels_(channels) {
    check_share("time_share", options.time_share);
    check_share("channel_share", options.channel_share);
    check_size("channels", channels);
    check_size("time_span", options.time_span);
    check_size("time_least", options.time_least);
    check_size("channel_span", options.channel_span);
    check_size("channel_least", options.channel_least);
    check_span("channel_span", channel_span(), channels, "channels");
    vector_ = table.add(prefix + ".masked_spec_embed", {channels});
  }

  /// Number of channels.
  index_t channels() const noexcept { return channels_; }
  /// One past the last element of its parameter.
  index_t parameters_end() const noexcept { return vector_.offset + vector_.size; }

  /// y = masked x. Frames behind a sequence's length are not read, and become 0.
  /// @param exec    shares the sequences out; not one bit depends on it
  /// @param values  of the table
  /// @param x       [N, T, C]; its lengths count
  /// @param y       the same memory as x, or apart
  /// @throws shape_error  sizes disagree, memory overlaps, T is shorter than a span; before the first write
  template <executor Executor>
  void forward(Executor&& exec, random_batch const& random, std::span<T const> values, tensor_view<T const> const& x,
               tensor_view<T> const& y) const {
    check(random, static_cast<index_t>(values.size()), "values", "x", x, "y", y, true);
    mask(exec, random, vector_.in(values), x, y);
  }
  /// The same where it is called.
  void forward(random_batch const& random, std::span<T const> values, tensor_view<T const> const& x,
               tensor_view<T> const& y) const {
    detail::run_here exec;
    forward(exec, random, values, x, y);
  }

  /// dx = J' dy, written, and the gradient of the vector, added: sequence by sequence. Frames behind a length are not
  /// read in dy, whose lengths count; dx there is 0.
  /// @param random     that of forward
  /// @param dx         the same memory as dy, or apart; an empty view where it is not wanted
  /// @param gradients  of the table
  template <executor Executor>
  void backward(Executor&& exec, random_batch const& random, tensor_view<T const> const& dy, tensor_view<T> const& dx,
                std::span<T> gradients) const {
    check(random, static_cast<index_t>(gradients.size()), "gradients", "dy", dy, "dx", dx, dx.data != nullptr);
    add_gradient(random, dy, vector_.in(gradients));
    if (dx.data != nullptr) mask(exec, random, nullptr, dy, dx);
  }
  /// The same where it is called.
  void backward(random_batch const& random, tensor_view<T const> const& dy, tensor_view<T> const& dx,
                std::span<T> gradients) const {
    detail::run_here exec;
    backward(exec, random, dy, dx, gradients);
  }

  /// body(begin, end) for the runs of frames of sequence n that the vector replaces, length frames long. Unchecked.
  template <class Body>
  void for_frames(random_batch const& random, index_t n, index_t length, Body const& body) const {
    index_t const span = time_span(length);
    double const u = random_stream(random.seed, purposes::span_counts, random.epoch, random.batch).uniform();
    kernel::for_spans(stream(random, purposes::time_spans, n), length, span,
                      kernel::span_count(options_.time_share, length, span, options_.time_least, u), body);
  }

  /// body(begin, end) for the runs of channels of sequence n that are zeroed. Unchecked.
  template <class Body>
  void for_channels(random_batch const& random, index_t n, Body const& body) const {
    random_stream counts(random.seed, purposes::span_counts, random.epoch, random.batch);
    (void)counts.next();  // that of the frames
    kernel::for_spans(
        stream(random, purposes::channel_spans, n), channels_, channel_span(),
        kernel::span_count(options_.channel_share, channels_, channel_span(), options_.channel_least, counts.uniform()),
        body);
  }

 private:
  static constexpr char const* name = "spec_augment";

  static void check_share(char const* what, double share) {
    if (!(share >= 0 && share <= 1)) detail::fail("%s: %s = %g, must be in [0, 1]", name, what, share);
  }
  static void check_size(char const* what, index_t size) {
    if (size < 0) detail::fail("%s: %s = %td, must be >= 0", name, what, size);
  }
  static void check_span(char const* what, index_t span, index_t size, char const* of) {
    if (span > size) detail::fail("%s: %s = %td, must be <= %td %s (or scaled)", name, what, span, size, of);
  }

  index_t time_span(index_t length) const noexcept {
    return options_.scaled && length / 8 < options_.time_span ? length / 8 : options_.time_span;
  }
  index_t channel_span() const noexcept {
    return options_.scaled && channels_ / 12 < options_.channel_span ? channels_ / 12 : options_.channel_span;
  }
  static random_stream stream(random_batch const& random, index_t purpose, index_t n) {
    return {random.seed, purpose, random.epoch, random.samples[static_cast<std::size_t>(n)]};
  }

  /// @param wanted  whether `to` is written
  void check(random_batch const& random, index_t have, char const* flat, char const* from_name,
             tensor_view<T const> const& from, char const* to_name, tensor_view<T> const& to, bool wanted) const {
    detail::extent const read = detail::check_rows(name, from_name, from, channels_);
    if (wanted) {
      detail::extent const written = detail::check_rows(name, to_name, to, channels_);
      detail::check_same_shape(name, read, written);
      detail::check_writable(name, written);
      (void)detail::check_same_or_apart(name, read, written);
    }
    if (have < parameters_end()) {
      detail::fail("%s: %s has %td elements, must be >= %td", name, flat, have, parameters_end());
    }
    check_span("time_span", time_span(from.shape.time), from.shape.time, "frames");
    auto const samples = static_cast<index_t>(random.samples.size());
    if (samples != from.shape.batch) {
      detail::fail("%s: %td samples, must be one for each of %td sequences", name, samples, from.shape.batch);
    }
    (void)random_stream(random.seed, purposes::span_counts, random.epoch, random.batch);
    for (index_t n = 0; n < samples; ++n) (void)stream(random, purposes::time_spans, n);
  }

  /// y = x, but `vector` in covered frames (null: zeros), and zeros in covered channels and behind the lengths.
  template <class Executor>
  void mask(Executor& exec, random_batch const& random, T const* vector, tensor_view<T const> const& x,
            tensor_view<T> const& y) const {
    index_t const sequence = x.shape.time * channels_;
    detail::share(exec, x.shape.batch, x.shape.batch * sequence * 2 * static_cast<index_t>(sizeof(T)),
                  [this, &random, vector, &x, &y](index_t first, index_t last) {
                    for (index_t n = first; n < last; ++n) mask_sequence(random, vector, x, y, n);
                  });
  }

  void mask_sequence(random_batch const& random, T const* vector, tensor_view<T const> const& x,
                     tensor_view<T> const& y, index_t n) const {
    auto const bytes = static_cast<std::size_t>(channels_) * sizeof(T);
    index_t const length = x.length(n);
    index_t done = 0;
    auto const copy = [&x, &y, &done, n, bytes](index_t until) {
      for (; done < until; ++done) {
        if (bytes > 0 && y.at(n, done, 0) != x.at(n, done, 0)) std::memcpy(y.at(n, done, 0), x.at(n, done, 0), bytes);
      }
    };
    for_frames(random, n, length, [this, &copy, &y, &done, vector, n](index_t begin, index_t end) {
      copy(begin);
      for (; done < end; ++done) {
        for (index_t c = 0; c < channels_; ++c) y(n, done, c) = vector != nullptr ? vector[c] : T(0);
      }
    });
    copy(length);
    for_channels(random, n, [&y, n, length](index_t begin, index_t end) {
      for (index_t t = 0; t < length; ++t) {
        for (index_t c = begin; c < end; ++c) y(n, t, c) = T(0);
      }
    });
    for (index_t t = length; t < y.shape.time; ++t) {
      for (index_t c = 0; c < channels_; ++c) y(n, t, c) = T(0);
    }
  }

  /// A few channels at a time, so that the sums of a sequence need no memory.
  void add_gradient(random_batch const& random, tensor_view<T const> const& dy, T* gradient) const {
    constexpr index_t some = 512;
    T sums[static_cast<std::size_t>(some)];
    for (index_t n = 0; n < dy.shape.batch; ++n) {
      for (index_t from = 0; from < channels_; from += some) {
        index_t const count = channels_ - from < some ? channels_ - from : some;
        for (index_t c = 0; c < count; ++c) sums[c] = T(0);
        for_frames(random, n, dy.length(n), [&dy, &sums, n, from, count](index_t begin, index_t end) {
          for (index_t t = begin; t < end; ++t) {
            T const* const row = dy.at(n, t, from);
            for (index_t c = 0; c < count; ++c) sums[c] += row[c];
          }
        });
        for_channels(random, n, [&sums, from, count](index_t begin, index_t end) {
          for (index_t c = begin > from ? begin : from; c < end && c < from + count; ++c) sums[c - from] = T(0);
        });
        for (index_t c = 0; c < count; ++c) gradient[from + c] += sums[c];
      }
    }
  }

  spec_augment_options options_;
  index_t channels_ = 0;
  place vector_;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
