// SPDX-License-Identifier: MIT
// Labelled sequences of features, in memory: what is trained on.
#pragma once

#include <CLI/CLI.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "feature_form.hpp"
#include "options.hpp"
#include "sounds.hpp"

namespace ser {

struct sample {
  std::string name;               // its path, or its number in a file of tensors
  index_t label = 0;              // in labels
  std::string group, text;        // speaker or session, and what is said; empty where it is not known
  index_t first = 0, frames = 0;  // in features
  std::string speaker;            // where folds are made of something else
};

class dataset {
 public:
  std::vector<std::string> labels;  // by name, in the order of numbers
  std::vector<sample> samples;
  index_t channels = 0;
  std::vector<float> features;  // [all frames, channels]
  std::string description;      // what was read, on one line

  std::span<float const> features_of(sample const& s) const {
    return std::span(features).subspan(static_cast<std::size_t>(s.first * channels),
                                       static_cast<std::size_t>(s.frames * channels));
  }
  /// Groups in the order of their names.
  std::vector<std::string> groups() const;
  /// Of labels, groups, lengths and features: tells another data set from this one.
  std::uint64_t digest() const;
};

/// Where a data set comes from.
struct data_options {
  std::string data;                      // a folder of folders, a manifest, or a safetensors file
  std::string group;                     // the manifest's column that folds are made of; empty: speaker, or session
  std::string cache;                     // a folder for features; empty: none
  std::optional<std::string> normalise;  // of log-mel features: utterance or none
  sound_options sounds;
  std::string encoder, config;  // features are hidden states of it, in place of log-mels; its config.json
  std::string states = "last";  // which of them: last, a number, or all, one beside the other

  std::string normalised() const { return normalise.value_or("utterance"); }
  /// The options that say so, but for the front end's.
  void add_to(CLI::App& app);
};

/// Number of a hidden state of an encoder of so many layers; -1: all. @throws usage_error
index_t state_of(std::string const& text, index_t layers);

/// Labels and samples of a folder or a manifest, without features. @throws ser_error
dataset list_sounds(data_options const& from);

/// A folder has a folder for each label; a manifest has columns path, label, and what --group names; a file of tensors has
/// x [N, T, D] (or `features`), labels [N], and perhaps lengths [N] and groups [N].
/// @param form  what becomes of log-mels; null: nothing
/// @throws ser_error, usage_error, file_error
dataset read_dataset(data_options const& from, front_end_options const& front_end, feature_form const* form = nullptr);

/// SHA-free: FNV-1a of bytes, to name and to tell apart, not to protect.
std::uint64_t digest_of(std::span<std::byte const> bytes, std::uint64_t seed = 0xcbf29ce484222325u);

}  // namespace ser
