// SPDX-License-Identifier: MIT
#include "live_features.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>

#include "error.hpp"

namespace ser {
namespace {

/// Frames on either side that a delta of a delta, or librosa's, is made of; and the first of librosa's of twice as many.
constexpr index_t reach = 4;

std::optional<tshift::delta_kind> deltas_of(feature_form const& form) {
  if (!form.has_deltas()) return {};
  return form.deltas();
}

hearing const& streamed(hearing const& how) {
  if (how.normalise() == "utterance" || how.normalise().empty()) {
    throw usage_error(
        "the model learned from sounds that were normalised as a whole, and a stream has no end: "
        "ser train --features-normalise none makes one that can listen live");
  }
  if (how.form().is_image()) throw usage_error("the model reads images of whole sounds, and cannot be streamed");
  tshift::log_mel_options const o = how.front_end().make();
  if (o.top_db < tshift::log_mel_options::no_limit || o.reference == tshift::reference_kind::max) {
    throw usage_error(
        "the model's features are measured by the loudest of the whole sound, and a stream has no end: "
        "ser train --top-db none --reference 1 makes one that can listen live");
  }
  return how;
}

}  // namespace

live_features::live_features(hearing const& how)
    : mel_(streamed(how).front_end().make()), deltas_(deltas_of(how.form())),
      rate_(static_cast<int>(std::lround(mel_.options().sample_rate))) {
  tshift::log_mel_options const& o = mel_.options();
  hop_ = static_cast<double>(o.hop) / o.sample_rate;
  look_ahead_ = static_cast<double>(o.win_length) / o.sample_rate + (deltas_ ? reach * hop_ : 0);
}

std::span<float const> live_features::push(std::span<float const> samples) {
  auto const frames = mel_.ready(static_cast<index_t>(samples.size()));
  made_.resize(static_cast<std::size_t>(frames * bands()));
  mel_.push(samples, made_);
  return deltas_ ? with_deltas(made_, false) : made_;
}

std::span<float const> live_features::flush() {
  made_.resize(static_cast<std::size_t>(mel_.pending() * bands()));
  mel_.flush(made_);
  std::span<float const> const last = deltas_ ? with_deltas(made_, true) : made_;
  known_.clear();
  first_ = done_ = 0;
  return last;
}

/// Of a window of frames only those are taken whose neighbours are all in it, or the sound's own first and last.
std::span<float const> live_features::with_deltas(std::span<float const> frames, bool over) {
  known_.insert(known_.end(), frames.begin(), frames.end());
  index_t const held = static_cast<index_t>(known_.size()) / bands(), all = first_ + held;
  if (over && *deltas_ != tshift::delta_kind::htk && all > 0 && all <= 2 * reach) {
    throw ser_error("the sound has " + std::to_string(all) + " frames, must have >= 9 for librosa's deltas");
  }
  index_t const certain = over ? all : all > 2 * reach ? all - reach : 0, due = certain - done_;
  stacked_.resize(static_cast<std::size_t>(due > 0 ? held * 3 * bands() : 0));
  if (due <= 0) return {};
  tshift::audio::stack_deltas<float>(tshift::tensor_view<float const>(known_.data(), {1, held, bands()}),
                                     tshift::tensor_view<float>(stacked_.data(), {1, held, 3 * bands()}), *deltas_);
  std::span<float const> const made = std::span<float const>(stacked_).subspan(
      static_cast<std::size_t>((done_ - first_) * 3 * bands()), static_cast<std::size_t>(due * 3 * bands()));
  done_ = certain;
  index_t const drop = std::max<index_t>(0, done_ - 2 * reach - first_);
  known_.erase(known_.begin(), known_.begin() + static_cast<std::ptrdiff_t>(drop * bands()));
  first_ += drop;
  return made;
}

}  // namespace ser
