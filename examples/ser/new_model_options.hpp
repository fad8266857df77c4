// SPDX-License-Identifier: MIT
// A new model as the command line says.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

#include "model_options.hpp"
#include "new_image_options.hpp"
#include "trainee.hpp"

namespace ser {

/// Adds an option that takes a whole number, at least so large.
CLI::Option* add_count(CLI::App& app, std::string const& name, index_t& to, index_t least, std::string const& help);

class new_model_options {
 public:
  void add_to(CLI::App& app);

  /// @param words    its shift and positions, and what is said of a model of images
  /// @param x        the longest sequence
  /// @param project  whether it projects where nothing else is asked for
  /// @param pixels   channels of a CRNN's pixels where nothing else is asked for
  /// @throws usage_error  there is no such model
  new_model make(model_options const& words, tshift::shape const& x, index_t classes, bool project,
                 index_t pixels = 1) const;

  /// What it is called.
  std::string const& name() const noexcept { return kind_; }
  bool is_learned() const noexcept { return learned_; }
  /// Whether it is a model of ShiftSER, and not just a head.
  bool is_shiftser() const noexcept { return kind_ != "head"; }
  /// Whether it is a CRNN or a ViT.
  bool is_of_images() const noexcept;
  /// The first option that a model of images alone has; empty: there is none.
  std::string first_of_images() const { return images_.first(); }

 private:
  new_model make_images(model_options const& words, tshift::shape const& x, index_t classes, index_t pixels) const;

  std::string kind_ = "shiftformer";
  new_image_options images_;
  index_t hidden_ = 0, blocks_ = 0, taps_ = 0;
  bool project_ = false, project_given_ = false, learned_ = false, one_way_ = false;
  double learned_spread_ = 0;
};

}  // namespace ser
