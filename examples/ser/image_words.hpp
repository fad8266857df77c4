// SPDX-License-Identifier: MIT
// What the command line, or a file's metadata, says about a CRNN or a vertical-patch ViT.
#pragma once

#include <CLI/CLI.hpp>

#include <map>
#include <optional>
#include <string>
#include <tshift/models/vertical_vit_stem.hpp>
#include <tshift/nn/options.hpp>
#include <vector>

namespace ser {

using tshift::index_t;

/// TxF.
struct window_size {
  index_t frames = 1, bands = 1;
};

/// Without a value: not asked for, the model's own.
struct image_words {
  // Of a ViT.
  std::optional<index_t> heads, patch_width, patch_height;
  std::optional<bool> mean;
  std::optional<tshift::pixel_coordinates> coordinates;
  // Of a CRNN.
  std::optional<tshift::activation> f;
  std::optional<window_size> pool;
  std::optional<double> norm_eps, summary_eps;
  std::optional<std::vector<tshift::summary_kind>> summary;
  std::optional<tshift::attention_scorer> scorer;
  std::optional<std::vector<index_t>> shifted;

  /// All of them as options, from which take_image_words reads them.
  std::string text() const;
  /// The first option on the command line that a ViT has, or a CRNN; empty: none.
  std::string first_of_vit() const;
  std::string first_of_crnn() const;
};

/// Adds an option that takes a whole number, at least so large; a list of them from 1, or "none"; a list of windows.
CLI::Option* add_optional_count(CLI::App& app, std::string const& name, std::optional<index_t>& to, index_t least,
                                std::string const& help);
CLI::Option* add_counts(CLI::App& app, std::string const& name, std::optional<std::vector<index_t>>& to,
                        std::string const& help, bool none = false);
CLI::Option* add_windows(CLI::App& app, std::string const& name, std::optional<std::vector<window_size>>& to,
                         std::string const& help);

/// Adds the options that say so.
void add_image_words(CLI::App& app, image_words& to);

/// What a file's metadata says as options under "model", where words have no value.
void take_image_words(image_words& words, std::map<std::string, std::string> const& metadata);

/// What the help says of these models.
extern char const* const image_model_details;

/// "mean, max"
std::string name_of(std::vector<tshift::summary_kind> const& kinds);

}  // namespace ser
