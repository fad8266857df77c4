// SPDX-License-Identifier: MIT
// How the values of options about models of images are written, and read.
#pragma once

#include <CLI/CLI.hpp>

#include <charconv>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "image_words.hpp"

namespace ser {

/// The whole text; CLI11 would read 010 as 8. Nothing: it is no number, or less than `least`.
template <class Number>
std::optional<Number> number_of(std::string_view text, Number least) {
  Number value{};
  auto const [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || stop != text.data() + text.size() || !(value >= least)) return {};
  return value;
}

inline std::vector<std::string_view> parts_of(std::string_view text, char between) {
  std::vector<std::string_view> parts;
  for (std::size_t sign = text.find(between); sign != std::string_view::npos; sign = text.find(between)) {
    parts.push_back(text.substr(0, sign));
    text.remove_prefix(sign + 1);
  }
  parts.push_back(text);
  return parts;
}

/// As short as it can be read back from.
inline std::string text_of(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

template <class Each, class TextOf>
std::string list_of(std::vector<Each> const& all, TextOf const& text_of_each) {
  std::string text;
  for (Each const& each : all) text += (text.empty() ? "" : ",") + std::string(text_of_each(each));
  return text;
}

/// How the values of a type are written: what they are called, what a refused one is not, and both ways.
template <class Value>
struct form;

template <>
struct form<index_t> {
  index_t least = 1;

  std::string type() const { return "N"; }
  std::string rule() const { return "no whole number from " + std::to_string(least); }
  std::optional<index_t> read(std::string_view text) const { return number_of<index_t>(text, least); }
  static std::string text(index_t value) { return std::to_string(value); }
};

template <>
struct form<double> {
  std::string type() const { return "X"; }
  std::string rule() const { return "no number from 0"; }
  std::optional<double> read(std::string_view text) const { return number_of<double>(text, 0); }
  static std::string text(double value) { return text_of(value); }
};

/// One word for each value.
template <class Value>
struct choice {
  std::vector<std::pair<std::string, Value>> words;

  std::string type() const {
    std::string list;
    for (auto const& [word, value] : words) list += (list.empty() ? "" : "|") + word;
    return list;
  }
  std::string rule() const { return "none of " + type(); }
  std::optional<Value> read(std::string_view text) const {
    for (auto const& [word, value] : words) {
      if (word == text) return value;
    }
    return {};
  }
  std::string text(Value const& value) const {
    for (auto const& [word, named] : words) {
      if (named == value) return word;
    }
    return {};
  }
};

template <>
struct form<bool> : choice<bool> {
  form() : choice{{{"cls", false}, {"mean", true}}} {}
};

template <>
struct form<tshift::pixel_coordinates> : choice<tshift::pixel_coordinates> {
  form()
      : choice{{{"as_released", tshift::pixel_coordinates::as_released},
                {"corrected", tshift::pixel_coordinates::corrected}}} {}
};

template <>
struct form<tshift::attention_scorer> : choice<tshift::attention_scorer> {
  form() : choice{{{"sigmoid", tshift::attention_scorer::sigmoid}, {"tanh", tshift::attention_scorer::tanh}}} {}
};

/// "relu", "leaky_relu", "leaky_relu:0.01"
template <>
struct form<tshift::activation> {
  std::string type() const { return "NAME[:X]"; }
  std::string rule() const { return "none of relu, leaky_relu[:SLOPE], elu[:ALPHA] and gelu"; }
  std::optional<tshift::activation> read(std::string_view text) const {
    auto const parts = parts_of(text, ':');
    std::optional<double> factor;
    if (parts.size() == 2) factor = number_of<double>(parts[1], std::numeric_limits<double>::lowest());
    if (parts.size() > 2 || (parts.size() == 2 && !factor)) return {};
    if (parts[0] == "leaky_relu")
      return factor ? tshift::activation::leaky_relu(*factor) : tshift::activation::leaky_relu();
    if (parts[0] == "elu") return factor ? tshift::activation::elu(*factor) : tshift::activation::elu();
    if (!factor && parts[0] == "relu") return tshift::activation::relu();
    if (!factor && parts[0] == "gelu") return tshift::activation::gelu();
    return {};
  }
  static std::string text(tshift::activation const& f) {
    if (f.which == tshift::activation::kind::leaky_relu) return "leaky_relu:" + text_of(f.factor);
    if (f.which == tshift::activation::kind::elu) return "elu:" + text_of(f.factor);
    return f.which == tshift::activation::kind::gelu ? "gelu" : "relu";
  }
};

template <>
struct form<window_size> {
  std::string type() const { return "TxF"; }
  std::string rule() const { return "no TxF, two whole numbers from 1 such as 2x4"; }
  std::optional<window_size> read(std::string_view text) const {
    auto const parts = parts_of(text, 'x');
    if (parts.size() != 2) return {};
    auto const frames = number_of<index_t>(parts[0], 1), bands = number_of<index_t>(parts[1], 1);
    if (!frames || !bands) return {};
    return window_size{*frames, *bands};
  }
  static std::string text(window_size const& size) {
    return std::to_string(size.frames) + "x" + std::to_string(size.bands);
  }
};

/// Words between commas, each of the form of one.
template <class Value>
std::optional<std::vector<Value>> read_list(std::string_view text, form<Value> const& one) {
  std::vector<Value> all;
  for (std::string_view const part : parts_of(text, ',')) {
    auto const each = one.read(part);
    if (!each) return {};
    all.push_back(*each);
  }
  return all;
}

template <>
struct form<std::vector<index_t>> {
  bool none = false;  ///< the word "none" is a list as well

  std::string type() const { return "I,J,..."; }
  std::string rule() const { return std::string("no list of whole numbers from 1") + (none ? ", and not none" : ""); }
  std::optional<std::vector<index_t>> read(std::string_view text) const {
    if (none && text == "none") return std::vector<index_t>();
    return read_list(text, form<index_t>());
  }
  static std::string text(std::vector<index_t> const& all) {
    return list_of(all, [](index_t each) { return std::to_string(each); });
  }
};

template <>
struct form<std::vector<window_size>> {
  std::string type() const { return "TxF,..."; }
  std::string rule() const { return "no list of TxF, two whole numbers from 1 such as 5x3"; }
  std::optional<std::vector<window_size>> read(std::string_view text) const {
    return read_list(text, form<window_size>());
  }
};

template <>
struct form<tshift::summary_kind> : choice<tshift::summary_kind> {
  form()
      : choice{{{"last", tshift::summary_kind::last},
                {"mean", tshift::summary_kind::mean},
                {"max", tshift::summary_kind::max},
                {"std", tshift::summary_kind::std},
                {"attention", tshift::summary_kind::attention}}} {}
};

template <>
struct form<std::vector<tshift::summary_kind>> {
  std::string type() const { return "A,B,..."; }
  std::string rule() const { return "no list of last, mean, max, std and attention"; }
  std::optional<std::vector<tshift::summary_kind>> read(std::string_view text) const {
    return read_list(text, form<tshift::summary_kind>());
  }
  static std::string text(std::vector<tshift::summary_kind> const& all) {
    return list_of(all, [](tshift::summary_kind each) { return form<tshift::summary_kind>().text(each); });
  }
};

/// Adds an option of a form.
template <class Value>
CLI::Option* add(CLI::App& app, std::string const& name, std::optional<Value>& to, std::string const& help,
                 form<Value> const& of = {}) {
  auto const read = [&to, name, of](std::string const& text) {
    to = of.read(text);
    if (!to) throw CLI::ValidationError(name + ": '" + text + "' is " + of.rule());
  };
  return app.add_option_function<std::string>(name, read, help)->type_name(of.type());
}

}  // namespace ser
