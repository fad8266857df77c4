// SPDX-License-Identifier: MIT
// An encoder whose hidden states are trained on: its files, its layers, and a checkpoint with what was trained.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dataset.hpp"
#include "encoder.hpp"
#include "trainee.hpp"

namespace ser {

class upstream {
 public:
  /// @param layers   how many of the upper ones are trained; 0: none
  /// @param rate     the factor of their learning rate
  /// @param dropout  inside them
  /// @throws ser_error, usage_error, file_error, shape_error
  upstream(data_options const& from, index_t layers, double rate, double dropout);

  /// Where the data comes from: the state that the trained layers read.
  data_options const& data() const noexcept { return data_; }
  /// Null where none are trained.
  tuned_layers const* tuned() const noexcept { return tuned_ ? &*tuned_ : nullptr; }
  /// Hidden states side by side; 0: one.
  index_t states() const noexcept { return states_; }

  /// The encoder by its own names, its trained layers with their new values, and the head: ShiftSER's models as
  /// `model.NAME`, a sequence_head by transformers' names.
  std::vector<tshift::weights::tensor> tensors(train::parameter_table const& table, std::span<float const> values,
                                               bool shiftser) const;
  /// config.json, and preprocessor_config.json where there is one, beside a checkpoint.
  void copy_configs(std::string const& folder) const;

 private:
  /// @throws ser_error  q, k and v of a trained layer are one tensor
  void refuse_joined(index_t first) const;

  data_options data_;
  tshift::weights::state_dict file_;
  encoder_options how_;
  encoder_files files_;
  index_t states_ = 0;
  std::optional<tuned_layers> tuned_;
};

}  // namespace ser
