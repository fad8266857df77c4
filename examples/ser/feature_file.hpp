// SPDX-License-Identifier: MIT
// The input of a model, read from a file.
#pragma once

#include <span>
#include <string>
#include <tshift/view.hpp>
#include <tshift/weights/state_dict.hpp>
#include <tshift/weights/values.hpp>
#include <vector>

#include "model_options.hpp"
#include "network.hpp"

namespace ser {

class feature_file {
 public:
  /// @param model  what reads it
  /// @throws ser_error, file_error  the file does not hold what the command says
  feature_file(model_options const& words, network const& model);
  feature_file(feature_file const&) = delete;
  feature_file& operator=(feature_file const&) = delete;
  ~feature_file() = default;

  /// [N, L, D], with lengths where they are asked for. Holds as long as this object.
  tshift::tensor_view<float const> view() const;

  /// Frames of all sequences, without those behind their lengths.
  index_t frames() const;

  /// What was read, on one line.
  std::string const& description() const noexcept { return description_; }

  /// A sentence about values that are NaN or infinite; empty if there are none.
  std::string warning() const;

 private:
  std::span<float const> x() const;
  /// Brings an image into the order of [N, L, D].
  void turn(network const& model);

  tshift::weights::state_dict file_;  // keeps the elements
  tshift::weights::values<float> x_;
  std::vector<float> converted_;  // where they are no floats, or at odd addresses
  std::string name_;
  tshift::shape shape_;
  std::vector<index_t> lengths_;
  std::string description_;
};

}  // namespace ser
