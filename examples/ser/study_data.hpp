// SPDX-License-Identifier: MIT
// What the study is made over: pairs of sequences that have the same frames in opposite orders.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "dataset.hpp"
#include "trainer.hpp"

namespace ser {

/// The data of a fold. Samples 2 i and 2 i + 1 are a pair: the second lies behind the first in memory, and has its
/// frames from the last to the first. Their labels are 2 v and 2 v + 1, v their voice, or 0 where it is not asked for.
/// Both are trained on, or both are tested, or neither.
struct study_fold {
  std::string name;
  dataset data;
  parts of;
};

/// What a model reads of a fold's features.
enum class study_features {
  plain,   ///< they themselves
  deltas,  ///< and their first and second derivative, by HTK's formula, each with deviation 1
  places   ///< and one channel more: where a frame stands, from -1 for a sample's first to 1 for its last
};

/// A fold with such features.
study_fold reading(study_fold const& from, study_features what);

/// Two events in noise, `distance` frames apart: a before b, or b before a. An event is a pattern over all channels of
/// one frame; the frames of a sequence say that both were there, and not in which order. Events keep away from both ends
/// by twice the reach of any fixed shift of the study: a frame that is made of an event and of zeros from beyond an end
/// would tell where it is.
/// @param distance  in [1, 6]
/// @param fold      each has patterns and noise of its own
/// @param pairs     that are trained on; 500 others are tested
study_fold make_events(index_t distance, index_t fold, index_t pairs);

/// Recordings of speech, forwards and backwards, from Debian's asterisk-core-sounds-*-wav: the same prompts in several
/// languages.
///
/// Log-mels each 15 ms, of the middle 96 frames of what is between the silences at both ends, if that is longer than
/// 0.6 s. The window is symmetric, there is no pre-emphasis, and a sound is cut to a whole number of hops: so the
/// features of the reversed sound are the reversed features, which is checked.
class spoken_sounds {
 public:
  /// @param folder   has a folder for each voice, called LANGUAGE_COUNTRY_SEX_SPEAKER
  /// @param bands    of the log-mels
  /// @param prompts  that are read at most, evenly taken from their names, in all languages the same; 0: all
  /// @param stop     asked before each sound; where it says so, reading ends there
  /// @throws ser_error  no two speakers are there, a sound cannot be read, or features of a reversed sound are not the
  ///                    reversed features
  spoken_sounds(std::string const& folder, index_t bands, index_t prompts, std::function<bool()> const& stop);

  index_t voices() const noexcept { return static_cast<index_t>(voices_.size()); }
  /// Forwards or backwards? Each voice is left out once. Whoever speaks it is not trained on in another language,
  /// either. Features have mean 0 and deviation 1 in each band over what is trained on.
  study_fold fold(index_t voice) const;
  /// Which voice, and forwards or backwards? Prompts are trained on or tested, in all languages the same: a part of
  /// them, of so many, is tested. Features as above.
  study_fold fold_of_prompts(index_t part, index_t parts) const;
  /// What was read, and how far the features of reversed sounds are from reversed features; without a full stop.
  std::string description() const;

 private:
  struct voice {
    std::string name, speaker;
    index_t sounds = 0;
  };

  /// The data split in two. @param is_tested, is_trained  of a sample
  study_fold split(std::string const& name, std::function<bool(sample const&)> const& is_tested,
                   std::function<bool(sample const&)> const& is_trained) const;

  std::vector<voice> voices_;
  dataset data_;
  double difference_ = 0;
};

}  // namespace ser
