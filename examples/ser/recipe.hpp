// SPDX-License-Identifier: MIT
// How a model is trained: learning rate and its schedule, decay, clipping, the loss.
#pragma once

#include <CLI/CLI.hpp>

#include <limits>
#include <optional>
#include <string>
#include <tshift/train/loss.hpp>
#include <tshift/train/schedule.hpp>
#include <vector>

#include "model_options.hpp"

namespace ser {

enum class schedule_kind { constant, cosine, plateau, as_released };
char const* name_of(schedule_kind kind);

struct recipe {
  double rate = 5e-4;
  double weight_decay = 0.05;  ///< not of tensors of one dimension
  double clip = 5;             ///< infinity: none
  schedule_kind schedule = schedule_kind::cosine;
  std::optional<index_t> warm_up;  ///< steps; nothing: a twentieth
  double smoothing = 0;
  std::vector<double> class_weights;

  tshift::train::cross_entropy_options loss() const { return {class_weights, smoothing}; }
};

/// The rates of a training of so many steps.
class rates {
 public:
  rates(recipe const& how, index_t steps);
  /// Of step s, counted from 0.
  double of(index_t s) const;
  /// Takes the metric of an epoch: for plateau alone.
  void epoch_ended(double metric);

 private:
  recipe how_;
  index_t steps_;
  tshift::train::schedules::plateau plateau_;
};

/// Adds the options to a command.
void add_recipe_options(CLI::App& app, recipe& to);

}  // namespace ser
