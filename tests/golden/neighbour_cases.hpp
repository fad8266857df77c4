// SPDX-License-Identifier: MIT
// The cases of neighbours.txt: models, options, inputs and what PyTorch makes of them. See README.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <tshift/models/crnn.hpp>
#include <tshift/models/vertical_vit.hpp>

#include "../support/seeded_neighbours.hpp"
#include "case_file.hpp"

namespace test_support {

/// One of either.
struct neighbour_case {
  std::string title;
  bool is_vit = false;
  crnn_sizes crnn;
  vit_sizes vit;
  tshift::crnn_options options;
  tshift::vertical_vit_options vit_options;
  index_t batch = 0, time = 0;
  std::uint64_t seed = 0, bits = 0;
  std::vector<index_t> lengths;
  std::vector<double> values;

  bool full_size() const { return is_vit ? vit.width >= 256 : crnn.hidden >= 128; }
};

/// The place of a word in a list of names.
template <std::size_t N>
int place_of(std::string const& word, char const* const (&names)[N]) {
  for (std::size_t i = 0; i < N; ++i) {
    if (word == names[i]) return static_cast<int>(i);
  }
  throw std::runtime_error("neighbours.txt: unknown word " + word);
}

inline tshift::activation read_activation(std::istringstream& words) {
  std::string name;
  tshift::activation f;
  words >> name >> f.factor;
  f.which = static_cast<tshift::activation::kind>(place_of(name, {"none", "relu", "leaky_relu", "elu", "gelu"}));
  return f;
}

inline tshift::model_shift read_shift(std::istringstream& words) {
  std::string towards, where, edge;
  tshift::model_shift shift;
  words >> shift.n_div >> towards >> shift.stride >> where >> edge;
  shift.towards = static_cast<tshift::direction>(place_of(towards, {"delay", "advance", "both"}));
  shift.where = static_cast<tshift::placement>(place_of(where, {"none", "branch", "skip", "both"}));
  shift.edge = static_cast<tshift::padding>(place_of(edge, {"zero", "keep", "edge", "circular"}));
  return shift;
}

inline bool read_line(neighbour_case& c, std::string const& key, std::istringstream& words) {
  crnn_sizes& s = c.crnn;
  if (key == "crnn") {
    words >> s.channels >> s.bands >> s.band_taps >> s.filters >> s.frame >> s.hidden >> s.directions;
  } else if (key == "head") {
    std::string scorer;
    words >> s.attention >> s.head >> s.classes >> s.norm >> scorer >> c.options.summary_eps;
    c.options.scorer = static_cast<tshift::attention_scorer>(place_of(scorer, {"sigmoid", "tanh"}));
  } else if (key == "activation") {
    c.options.image.f = read_activation(words);
  } else if (key == "widths") {
    read_list(words, s.widths);
  } else if (key == "body") {
    read_list(words, s.body);
    s.body_taps.assign(s.body.begin(), s.body.begin() + 2);
    s.body.erase(s.body.begin(), s.body.begin() + 2);
  } else if (key == "pool") {
    read_list(words, s.pool);
    c.options.image.pool_time = tshift::nn::pooled(s.pool[0]);
    c.options.image.pool_bands = tshift::nn::pooled(s.pool[1]);
  } else if (key == "summary") {
    for (std::string word; words >> word;) {
      auto const kind = place_of(word, {"last", "mean", "max", "std", "attention"});
      c.options.summary.push_back(static_cast<tshift::summary_kind>(kind));
    }
    words.clear();
    s.summaries = static_cast<index_t>(c.options.summary.size());
  } else if (key == "shifted") {
    read_list(words, c.options.image.shifted);
  } else if (key == "shift") {
    (c.is_vit ? c.vit_options.shift : c.options.image.shift) = read_shift(words);
  } else if (key == "vit") {
    c.is_vit = true;
    vit_sizes& v = c.vit;
    words >> v.teacher >> v.rows >> v.width >> v.heads >> v.depth_of_head >> v.hidden >> v.layers >> v.classes;
    c.vit_options.heads = v.heads;
  } else if (key == "patches") {
    bool corrected = false;
    words >> c.vit.patch_height >> c.vit.patch_width >> c.vit_options.mean >> corrected;
    c.vit_options.patch_height = c.vit.patch_height;
    c.vit_options.patch_width = c.vit.patch_width;
    if (corrected) c.vit_options.coordinates = tshift::pixel_coordinates::corrected;
  } else if (key == "input") {
    words >> c.batch >> c.time >> c.seed >> c.bits;
  } else if (key == "lengths") {
    read_list(words, c.lengths);
  } else if (key == "y") {
    read_list(words, c.values);
  } else {
    return key == "case";
  }
  return true;
}

inline std::vector<neighbour_case> read_neighbours() {
  return read_case_file<neighbour_case>("neighbours.txt",
                                        [](auto& c, auto const& key, auto& words) { return read_line(c, key, words); });
}

}  // namespace test_support
