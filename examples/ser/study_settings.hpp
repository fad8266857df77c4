// SPDX-License-Identifier: MIT
// What the studies train, and what is known beforehand of what will come of it.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <tshift/train/transfer.hpp>
#include <vector>

#include "recipe.hpp"
#include "study_data.hpp"
#include "trainee.hpp"

namespace ser {

/// A model and how it is trained.
struct study_setting {
  std::string name;         // for --only: n4-delay
  std::string words;        // for people: 1/4, one way
  new_model model;          // without its sizes
  index_t roll = 0;         // frames, see training_options
  bool from_paper = false;  // learned offsets begin as those of 1/4, two ways
  bool quick = false;       // part of --quick
  // Of both ablations.
  study_features reads = study_features::plain;       // of a frame
  schedule_kind schedule = schedule_kind::constant;   // of the learning rate
  augmentation changes = {};                          // while training
  index_t more = 1;                                   // so many times the epochs
  bool teaches = false;                               // trained once for all whom it teaches
  bool borrows = false;                               // its last layer is its teacher's
  std::shared_ptr<study_setting const> teacher = {};  // whose features it learns
  std::vector<train::transfer_options> stages = {};   // one after the other, all epochs each; empty: classes alone
};

/// A question to two settings, which differ by what it names.
struct study_comparison {
  std::string words, with, without;
};

/// One of the studies.
struct study_form {
  std::string name;                           // of its files
  std::vector<study_setting> settings;        // in the order of the tables
  std::vector<study_comparison> comparisons;  // what was asked beforehand; none: it is no ablation
  index_t bands = 64, prompts = 0;            // of recordings; 0: all
  double rate = 1e-3;                         // of learning
  index_t epochs = 4, seeds = 5, batch = 32;  // of those

  bool is_ablation() const noexcept { return !comparisons.empty(); }
};

/// What a shift brings to a Shiftformer.
study_form shift_study();
/// What each part of a CRNN brings, in the form that Meyer, Xu and Fingscheidt (SLT 2021) describe, and a shift in it.
study_form crnn_study();
/// What a teacher and each stage of its lessons bring to a vertical-patch ViT (Kim and Lee 2024), and a shift to its
/// student.
study_form vit_study();

/// Offsets of the frames of x that come together in a frame of the last block.
struct mixture {
  std::set<index_t> by_perceptron;  ///< those that its perceptron sees
  std::set<index_t> by_norm;        ///< those that the norm behind it sees: these, and those of the skip connection
};

/// What a model mixes whose shift is not learned.
///
/// A block of the Shiftformer is norm([S] x + f([S] x)), where f and the norm work on one frame, all of its channels.
/// In S x channel c of frame t is that of frame t - o, o its fold's offset, or 0 outside the folds. So a frame of the
/// block's result is made of the offsets
///
///   both     of all channels, in f and in the norm
///   branch   of all channels in f, and 0 in the norm
///   skip     0 in f, and those of all channels in the norm
///
/// and the next block mixes the results: offsets of several blocks add up, each of one with each of the other. With
/// `both`, 1/2, two ways, no channel stays where it is: two blocks see -2, 0 and 2. A CNN's blocks see, of each channel,
/// as many frames as their filters have taps; its shift stands in the last block.
/// @param model  with its channels
mixture mixed(new_model const& model);

enum class prediction {
  chance,  ///< each frame is looked at by itself: 50 %, by the proof in study.md
  blind,   ///< frames are mixed, but never those with both events: near 50 %
  faint,   ///< both events come together in the last norm alone, which knows of the other one by a factor
  sees,    ///< they come together in a perceptron: the answer is there to be learnt, and far above 50 %
  open     ///< the shift is learned: how far it reaches is not known beforehand
};

/// Whether the order of two events so many frames apart can be learnt: whether two of the offsets that are mixed are as
/// far apart as they. A CRNN's LSTM sees any order, and so does a ViT's teacher, by its coordinates; a student sees
/// none, and with a shift the direction of time.
///
/// If none are, each frame of the result has seen one event at most. The two orders then have the same such frames but
/// for the noise around them, and their mean over time, which is all that the head sees, has the same expectation:
/// nothing that is linear tells them apart.
/// @param model     with its channels
/// @param distance  frames from one event to the other; 0: any, it is the direction of time that is asked for
prediction predicted(new_model const& model, index_t distance);
/// The same of a setting: one that reads where a frame stands sees.
prediction predicted(study_setting const& setting, new_model const& model, index_t distance);

/// What a prediction is called.
char const* name_of(prediction of);

/// Whether results are as predicted: each within 0.5 points of 50 for chance; their mean within 3 points of 50 for
/// blind, above 50 for faint, above 80 for sees. Open is always met.
/// @param accuracies  in percent
bool is_met(prediction of, std::vector<double> const& accuracies);

}  // namespace ser
