// SPDX-License-Identifier: MIT
// The command line.
#pragma once

#include <optional>
#include <string>
#include <tshift/nn/residual.hpp>
#include <tshift/nn/self_attention.hpp>

namespace shiftser {

using tshift::index_t;

/// What was asked for. Without a value: not asked for, the model decides.
struct command {
  std::string weights;
  std::string input;
  std::string tensor = "x";
  std::string output;
  std::optional<index_t> n_div;
  std::optional<tshift::direction> towards;
  std::optional<index_t> stride;
  std::optional<tshift::placement> where;
  std::optional<tshift::frame_positions> positions;
  bool lengths = false;
  bool time = false;
};

/// Nothing if --help was asked for, which is printed.
/// @throws usage_error
std::optional<command> parse(int count, char const* const* arguments);

/// The words of the command line.
char const* name_of(tshift::placement where);
char const* name_of(tshift::frame_positions kind);

}  // namespace shiftser
