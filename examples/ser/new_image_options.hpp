// SPDX-License-Identifier: MIT
// A new CRNN or vertical-patch ViT as the command line says.
#pragma once

#include <CLI/CLI.hpp>

#include <optional>
#include <string>
#include <vector>

#include "model_options.hpp"
#include "trainee.hpp"

namespace ser {

class new_image_options {
 public:
  void add_to(CLI::App& app);

  /// The first of these options on the command line; empty: none.
  std::string first() const;
  /// Sets the sizes of a CRNN: all but bands and classes. m says whether its LSTM runs one way.
  /// @param hidden    of a direction of the LSTM; 0: the default
  /// @param channels  of a pixel, where nothing says more
  /// @throws usage_error  an option would change nothing
  void take_crnn(new_model& m, model_options const& words, index_t hidden, index_t channels) const;
  /// Sets those of a ViT: all but rows and classes.
  /// @param hidden  of a perceptron; 0: the default
  /// @param blocks  the same
  void take_vit(new_model& m, model_options const& words, bool teacher, index_t hidden, index_t blocks) const;

 private:
  using options = std::vector<CLI::Option const*>;

  /// The first of them on the command line; empty: none.
  static std::string first_of(options const& some);

  options of_crnn_, of_vit_;
  // Of a CRNN.
  std::optional<std::vector<index_t>> widths_, filters_, body_;
  std::optional<std::vector<window_size>> body_taps_;
  std::optional<index_t> width_bands_, frame_, attention_, head_, pixels_;
  // Of a ViT.
  std::optional<index_t> dim_, head_dim_;
  std::optional<std::vector<index_t>> stem_;
};

}  // namespace ser
