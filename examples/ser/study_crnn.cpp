// SPDX-License-Identifier: MIT
// The ablation of a CRNN: all of its parts, and each of them left out.
#include <cstddef>
#include <string>
#include <tshift/nn/options.hpp>
#include <utility>
#include <vector>

#include "study_settings.hpp"

namespace ser {
namespace {

using tshift::direction;
using tshift::placement;
using tshift::summary_kind;

/// Everything that the abstract names, at sizes of ours: those of the paper are not public, and Chen's take a day.
study_setting full() {
  study_setting s{"full", "all of it", {}};
  s.model.kind = architecture::crnn;
  train::crnn_sizes& sizes = s.model.crnn;
  sizes.channels = 3;
  sizes.widths = {3, 5, 9, 17};  // of 15 ms each
  sizes.filters = {4, 4, 4, 4};
  sizes.body = {16, 16};
  sizes.body_frames = {5, 5};
  sizes.body_bands = {3, 3};
  sizes.frame = 32;
  sizes.hidden = 16;
  sizes.head = 32;
  s.model.images.summary = {summary_kind::mean, summary_kind::max};
  s.reads = study_features::deltas;
  s.schedule = schedule_kind::cosine;
  s.changes.dropout = 0.1;
  s.quick = true;
  return s;
}

/// Full, but for what `change` does to it.
template <class Change>
study_setting but(std::string name, std::string words, Change const& change) {
  study_setting s = full();
  s.name = std::move(name);
  s.words = std::move(words);
  s.quick = false;
  change(s);
  return s;
}

study_setting summarised(std::string const& word, summary_kind kind) {
  return but("summary-" + word, "summary: " + word, [kind](study_setting& s) {
    s.model.images.summary = {kind};
    if (kind == summary_kind::attention) s.model.crnn.attention = 32;
  });
}

study_setting shifted(std::string const& name, std::string const& words, direction towards,
                      std::vector<index_t> before) {
  return but(name, words, [towards, &before](study_setting& s) {
    s.model.shift = {4, towards, 1, placement::branch};
    if (!before.empty()) s.model.images.shifted = before;
  });
}

/// No filter sees more than one frame.
void flatten(study_setting& s) {
  s.model.crnn.widths = {1};
  s.model.crnn.filters = {16};
  s.model.crnn.body_frames = {1, 1};
}

}  // namespace

study_form crnn_study() {
  study_form form;
  form.name = "study_crnn";
  form.bands = 24;
  form.epochs = 4;
  form.seeds = 1;
  form.batch = 8;
  form.rate = 3e-3;
  form.settings = {
      full(),
      but("one-width", "one width, 5, as many filters",
          [](study_setting& s) {
            s.model.crnn.widths = {5};
            s.model.crnn.filters = {16};
          }),
      summarised("last", summary_kind::last),
      summarised("mean", summary_kind::mean),
      summarised("max", summary_kind::max),
      summarised("std", summary_kind::std),
      summarised("attention", summary_kind::attention),
      but("static", "no deltas",
          [](study_setting& s) {
            s.model.crnn.channels = 1;
            s.reads = study_features::plain;
          }),
      but("one-way", "LSTM of one direction, as many outputs",
          [](study_setting& s) {
            s.model.crnn.both_ways = false;
            s.model.crnn.hidden *= 2;
          }),
      but("constant", "constant rate", [](study_setting& s) { s.schedule = schedule_kind::constant; }),
      but("no-dropout", "no dropout of the input", [](study_setting& s) { s.changes.dropout = 0; }),
      shifted("shift", "shift 1/4, two ways, before both convolutions", direction::both, {}),
      shifted("shift-delay", "shift 1/4, one way, before both", direction::delay, {}),
      shifted("shift-first", "shift 1/4, two ways, before the first", direction::both, {1}),
      shifted("shift-second", "shift 1/4, two ways, before the second", direction::both, {2}),
      but("flat", "all filters one frame wide", flatten),
      but("flat-shift", "the same, shift 1/4, two ways, before both",
          [](study_setting& s) {
            flatten(s);
            s.model.shift = {4, direction::both, 1, placement::branch};
          }),
  };
  for (study_setting& s : form.settings) {
    for (char const* const name : {"one-width", "summary-last", "static", "shift"}) s.quick = s.quick || s.name == name;
  }
  form.comparisons = {
      {"several kernel widths", "full", "one-width"},
      {"a summary, mean and max, in place of the last state", "full", "summary-last"},
      {"mean and max in place of mean", "full", "summary-mean"},
      {"mean and max in place of max", "full", "summary-max"},
      {"mean and max in place of deviation", "full", "summary-std"},
      {"mean and max in place of attention", "full", "summary-attention"},
      {"enhanced features: deltas", "full", "static"},
      {"LSTM in two directions", "full", "one-way"},
      {"training: cosine rate after a warm-up", "full", "constant"},
      {"training: dropout of the input", "full", "no-dropout"},
      {"shift before the body's convolutions, two ways", "shift", "full"},
      {"the same, one way", "shift-delay", "full"},
      {"before the first alone", "shift-first", "full"},
      {"before the second alone", "shift-second", "full"},
      {"filters of several frames", "full", "flat"},
      {"shift before filters of one frame", "flat-shift", "flat"},
      {"filters of several frames in place of that shift", "full", "flat-shift"},
  };
  return form;
}

}  // namespace ser
