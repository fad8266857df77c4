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

/// UTF-8, whatever the text is: of what is none, each byte becomes a question mark.
inline std::string utf8(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    auto const first = static_cast<unsigned char>(text[i]);
    std::size_t const size = first < 0x80                    ? 1
                             : first >= 0xc2 && first < 0xe0 ? 2
                             : (first & 0xf0) == 0xe0        ? 3
                             : first >= 0xf0 && first < 0xf5 ? 4
                                                             : 0;
    bool whole = size > 0 && i + size <= text.size();
    for (std::size_t k = 1; whole && k < size; ++k) whole = (static_cast<unsigned char>(text[i + k]) & 0xc0) == 0x80;
    if (whole && size > 2) {  // neither longer than it need be, nor a half of a pair, nor beyond the last
      auto const second = static_cast<unsigned char>(text[i + 1]);
      whole = !(first == 0xe0 && second < 0xa0) && !(first == 0xed && second >= 0xa0) &&
              !(first == 0xf0 && second < 0x90) && !(first == 0xf4 && second >= 0x90);
    }
    result += whole ? std::string(text.substr(i, size)) : "?";
    i += whole ? size : 1;
  }
  return result;
}

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
