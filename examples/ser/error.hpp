// SPDX-License-Identifier: MIT
// How this program says no: main prints the sentence and exits with 1, or with 2 where the command is at fault.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace ser {

/// A file is not what it must be: exit 1.
class ser_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The command line is wrong, or asks for what the model cannot do: exit 2.
class usage_error : public ser_error {
 public:
  using ser_error::ser_error;
};

/// For CLI11, which takes '' for a name. @return what is wrong, or nothing
inline std::string not_empty(std::string const& text) { return text.empty() ? "the name is empty" : ""; }

/// Somebody else's text on one line of ours.
inline std::string one_line(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return result;
}

/// "[2, 374, 768]"
template <class Sizes>
std::string shown(Sizes const& sizes) {
  std::string text = "[";
  for (auto const size : sizes) {
    if (text.size() > 1) text += ", ";
    text += std::to_string(size);
  }
  return text + "]";
}

}  // namespace ser
