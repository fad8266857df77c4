// SPDX-License-Identifier: MIT
// How a model of features hears: from the samples of a sound to what it reads, as its file says.
#pragma once

#include <CLI/CLI.hpp>

#include <map>
#include <span>
#include <string>
#include <tshift/audio/log_mel.hpp>
#include <vector>

#include "feature_form.hpp"
#include "options.hpp"
#include "sounds.hpp"

namespace ser {

/// Log-mel features of one sound after the other, and what becomes of them.
class sound_features {
 public:
  /// @param form        null: nothing becomes of them; outlives this
  /// @param normalised  each band of a sound to mean 0 and deviation 1
  /// @throws shape_error  no front end has these options
  sound_features(tshift::log_mel_options const& options, feature_form const* form, bool normalised);

  index_t channels() const noexcept { return form_ != nullptr ? form_->channels(mel_.bands()) : mel_.bands(); }
  /// Samples a second.
  int rate() const noexcept { return rate_; }
  /// [frames, channels()], nothing of a sound that is too short for a frame. @param sound  one
  std::vector<float> of(waves<float> const& sound) const;

 private:
  tshift::audio::log_mel<float> mel_;
  feature_form const* form_;
  bool normalised_;
  int rate_;
};

/// What `ser train` wrote into a model's file about the sounds that it learned from.
class hearing {
 public:
  explicit hearing(std::map<std::string, std::string> const& metadata);
  hearing(hearing const&) = delete;
  hearing& operator=(hearing const&) = delete;
  ~hearing() = default;

  /// Whether it says anything: a model that learned from tensors does not.
  bool known() const noexcept { return known_; }
  front_end_options const& front_end() const noexcept { return front_end_; }
  feature_form const& form() const noexcept { return form_; }
  /// "utterance" or "none"; empty where nothing is said.
  std::string const& normalise() const noexcept { return normalise_; }
  /// Frames that samples are cut to, the same number before and behind; 0: as they are.
  index_t crop() const noexcept { return crop_; }

  /// What makes a sound's features. This must be known, and outlive it.
  sound_features features() const;

 private:
  CLI::App app_;
  front_end_options front_end_;
  feature_form form_;
  std::string normalise_;
  index_t crop_ = 0;
  bool known_ = false;
};

/// The middle `crop` frames of features [frames, channels]; all of them where crop is 0, or they are fewer.
tshift::tensor_view<float const> middle(std::span<float const> features, index_t channels, index_t crop);

}  // namespace ser
