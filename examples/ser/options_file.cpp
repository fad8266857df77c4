// SPDX-License-Identifier: MIT
#include "options_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>

#include "error.hpp"

namespace ser {
namespace {

std::string trimmed(std::string const& text) {
  std::size_t const begin = text.find_first_not_of(" \t\r"), end = text.find_last_not_of(" \t\r");
  return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

std::vector<std::string> read(std::string const& path, std::vector<std::string> const& given) {
  std::ifstream file(path);
  if (!file) throw ser_error(one_line(path) + ": " + std::strerror(errno));
  std::vector<std::string> result;
  std::string line;
  for (std::size_t number = 1; std::getline(file, line); ++number) {
    std::string const text = trimmed(line.substr(0, line.find('#')));
    if (text.empty()) continue;
    std::size_t const sign = text.find('=');
    std::string const name = "--" + trimmed(text.substr(0, sign));
    if (name.size() == 2 || name.find(' ') != std::string::npos || name == "--options") {
      throw ser_error(one_line(path) + ", line " + std::to_string(number) + ": " + one_line(text) +
                      " is no NAME = VALUE");
    }
    bool const there = std::ranges::any_of(
        given, [&name](std::string const& argument) { return argument == name || argument.starts_with(name + "="); });
    if (there) continue;
    result.push_back(sign == std::string::npos ? name : name + "=" + trimmed(text.substr(sign + 1)));
  }
  return result;
}

}  // namespace

std::vector<std::string> with_options_file(std::vector<std::string> arguments) {
  for (std::size_t i = 2; i < arguments.size(); ++i) {
    bool const apart = arguments[i] == "--options" && i + 1 < arguments.size();
    if (!apart && !arguments[i].starts_with("--options=")) continue;
    std::string const path = apart ? arguments[i + 1] : arguments[i].substr(std::strlen("--options="));
    std::vector<std::string> const more = read(path, arguments);
    arguments.insert(arguments.begin() + 2, more.begin(), more.end());
    break;
  }
  return arguments;
}

std::string options_text(CLI::App const& command, std::vector<std::string> const& except) {
  std::string text;
  for (CLI::Option const* const each : command.get_options()) {
    std::string const name = each->get_name();
    if (each->count() == 0 || std::ranges::find(except, name) != except.end()) continue;
    bool const flag = each->get_expected_max() == 0;
    if (flag) {
      text += (each->results().front() == "false" ? "no-" : "") + name.substr(2) + "\n";
      continue;
    }
    std::string value;
    for (std::string const& part : each->results()) value += (value.empty() ? "" : ",") + part;
    text += name.substr(2) + " = " + value + "\n";
  }
  return text;
}

}  // namespace ser
