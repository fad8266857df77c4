// SPDX-License-Identifier: MIT
// What an attention's parameters are called.
#pragma once

#include <tshift/macros/away.hpp>

#include <string>
#include <vector>

#include <tshift/config.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// What an attention's parameters are called, behind its prefix.
struct attention_names {
  /// Queries, keys and values: one matrix [3 D, I], or three [D, I]; .weight and .bias. I: channels of x.
  std::vector<std::string> projections{"qkv"};
  bool bias = true;                                 ///< whether they have one
  std::string distances = "distance_embedding";     ///< .weight [2 reach - 1, D / H] of the relative kinds
  std::string gate = "gru_rel_pos_linear";          ///< .weight [8, D / H] and .bias of WavLM's positions
  std::string gate_constant = "gru_rel_pos_const";  ///< [1, H, 1, 1]

  /// As speech encoders have them. Their output projection is a linear layer of its own.
  static attention_names apart() { return {.projections = {"q_proj", "k_proj", "v_proj"}}; }
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
