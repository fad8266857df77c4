// SPDX-License-Identifier: MIT
// What the command line says about a model, and what it is run over.
#pragma once

#include <CLI/CLI.hpp>

#include <map>
#include <optional>
#include <string>
#include <tshift/nn/residual.hpp>
#include <tshift/nn/self_attention.hpp>
#include <tshift/weights/state_dict.hpp>
#include <vector>

#include "image_words.hpp"

namespace ser {

using tshift::index_t;

/// What was asked for. Without a value: not asked for, the model decides.
struct model_options {
  std::string weights;
  std::string input;
  std::string tensor = "x";
  std::string output;
  std::optional<index_t> n_div;
  std::optional<tshift::direction> towards;
  std::optional<index_t> stride;
  std::optional<tshift::placement> where;
  std::optional<tshift::frame_positions> positions;
  bool no_positions = false;  // and that there are none
  image_words images;
  tshift::stored stored = tshift::stored::full;
  bool lengths = false;
  bool time = false;
  std::vector<std::string> labels;  // as many as classes, or none: numbers
  double unknown_below = 0;         // the likeliest class must be as likely as that
};

/// Adds the options that say which shift the model has, and what it knows of positions.
void add_model_options(CLI::App& app, model_options& to);

/// Adds --weights-as: how the model keeps its matrices.
void add_weights_as(CLI::App& app, tshift::stored& to);
/// Weights of which models keep matrices so.
tshift::weights::state_dict stored_as(tshift::weights::state_dict weights, tshift::stored how);

/// The shift of a model as options, for a file's metadata.
std::string shift_words(tshift::model_shift const& shift);
/// What a file says of its model, shift and all, where words have none.
void take_model(model_options& words, std::map<std::string, std::string> const& metadata);

/// What the help says of them.
extern char const* const model_details;

/// The words of the command line.
char const* name_of(tshift::placement where);
char const* name_of(tshift::frame_positions kind);

}  // namespace ser
