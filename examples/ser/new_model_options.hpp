// SPDX-License-Identifier: MIT
// A new model as the command line says.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

#include "model_options.hpp"
#include "trainee.hpp"

namespace ser {

/// Adds an option that takes a whole number, at least so large.
CLI::Option* add_count(CLI::App& app, std::string const& name, index_t& to, index_t least, std::string const& help);

class new_model_options {
 public:
  void add_to(CLI::App& app);

  /// @param words    its shift and positions
  /// @param x        the longest sequence
  /// @param project  whether it projects where nothing else is asked for
  /// @throws usage_error  there is no such model
  new_model make(model_options const& words, tshift::shape const& x, index_t classes, bool project) const;

  /// What it is called.
  std::string const& name() const noexcept { return kind_; }
  bool is_learned() const noexcept { return learned_; }
  /// Whether it is a model of ShiftSER, and not just a head.
  bool is_shiftser() const noexcept { return kind_ != "head"; }

 private:
  std::string kind_ = "shiftformer";
  index_t hidden_ = 0, blocks_ = 2, taps_ = 7, heads_ = 4;
  bool project_ = false, project_given_ = false, learned_ = false;
  double learned_spread_ = 0;
};

}  // namespace ser
