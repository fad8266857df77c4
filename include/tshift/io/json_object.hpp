// SPDX-License-Identifier: MIT
// A JSON file that holds one object, read key by key: config.json and its like.
#pragma once

#include <tshift/macros/away.hpp>

#if !__has_include(<nlohmann/json.hpp>)
#error "tshift: io/ needs nlohmann/json, in Debian and Ubuntu the package nlohmann-json3-dev"
#endif

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tshift/config.hpp>
#include <tshift/error.hpp>
#include <tshift/io/file_error.hpp>
#include <tshift/io/format_guess.hpp>
#include <tshift/weights/text.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// The object of a file. A key that is not there, or is null, is nothing; one of another type is refused where it is asked
/// for.
class json_object {
 public:
  /// No configuration is longer; a file that is, is something else.
  static constexpr std::size_t longest = std::size_t{16} << 20;

  /// @throws file_error  it is no JSON, and no object
  static json_object parse(std::span<std::byte const> memory, std::string name) {
    json_object made;
    made.source_ = std::move(name);
    if (memory.size() > longest) {
      fail_file(made.source_, -1, "has %zu bytes, must be JSON of at most %zu", memory.size(), longest);
    }
    std::string_view const text(reinterpret_cast<char const*>(memory.data()), memory.size());
    made.json_ = nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
    if (made.json_.is_discarded()) {
      char const* const guess = text.starts_with('{') ? nullptr : guessed_format(memory);
      fail_file(made.source_, -1, "%s", guess != nullptr ? guess : "is not valid JSON");
    }
    if (!made.json_.is_object()) fail_file(made.source_, -1, "holds no JSON object");
    return made;
  }

  std::string const& source() const noexcept { return source_; }

  /// Ends with a sentence about a key and what it says.
  [[noreturn]] void refuse(char const* key, std::string_view why) const {
    nlohmann::json const& value = json_[key];
    // What is nested is not shown: dump calls itself for each level.
    bool nested = false;
    for (nlohmann::json const& each : value) nested = nested || (value.is_structured() && each.is_structured());
    std::string said = "nested";
    if (!nested) said = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    if (said.size() > 60) said = said.substr(0, 57) + "...";
    fail_file(source_, -1, "%s is %s, %s", key, said.c_str(), std::string(why).c_str());
  }

  std::optional<bool> flag(char const* key) const {
    nlohmann::json const* const found = find(key);
    if (found == nullptr) return {};
    if (!found->is_boolean()) refuse(key, "must be true or false");
    return found->get<bool>();
  }

  std::optional<double> number(char const* key) const {
    nlohmann::json const* const found = find(key);
    if (found == nullptr) return {};
    if (!found->is_number()) refuse(key, "must be a number");
    return found->get<double>();
  }

  std::optional<std::string> text(char const* key) const {
    nlohmann::json const* const found = find(key);
    if (found == nullptr) return {};
    if (!found->is_string()) refuse(key, "must be text");
    return found->get<std::string>();
  }

  std::optional<index_t> whole(char const* key, index_t least, index_t most) const {
    nlohmann::json const* const found = find(key);
    if (found == nullptr) return {};
    return whole_of(*found, key, least, most);
  }

  std::optional<std::vector<index_t>> wholes(char const* key, index_t least, index_t most) const {
    nlohmann::json const* const found = find(key);
    if (found == nullptr) return {};
    if (!found->is_array()) refuse(key, "must be a list of whole numbers");
    std::vector<index_t> result;
    for (nlohmann::json const& each : *found) result.push_back(whole_of(each, key, least, most));
    return result;
  }

  /// The first of a list of texts.
  std::optional<std::string> first_text(char const* key) const {
    nlohmann::json const* const found = find(key);
    if (found == nullptr || (found->is_array() && found->empty())) return {};
    if (!found->is_array() || !found->front().is_string()) refuse(key, "must be a list of texts");
    return found->front().get<std::string>();
  }

  /// An object whose keys are "0", "1", ... in any order, and whose values are texts.
  std::vector<std::string> numbered_texts(char const* key) const {
    std::vector<std::string> result;
    nlohmann::json const* const found = find(key);
    if (found == nullptr) return result;
    if (!found->is_object()) refuse(key, "must be an object");
    for (std::size_t i = 0; i < found->size(); ++i) {
      auto const each = found->find(std::to_string(i));
      if (each == found->end() || !each->is_string()) refuse(key, "must have a text for each number from 0 on");
      result.push_back(each->get<std::string>());
    }
    return result;
  }

  /// Whether a key is not there, or says this.
  bool agrees(char const* key, bool value) const {
    auto const found = flag(key);
    return !found || *found == value;
  }
  bool agrees(char const* key, index_t value) const {
    nlohmann::json const* const found = find(key);
    return found == nullptr || (found->is_number_integer() && *found == value);
  }
  bool agrees(char const* key, std::vector<index_t> const& values) const {
    nlohmann::json const* const found = find(key);
    if (found == nullptr) return true;
    bool same = found->is_array() && found->size() == values.size();
    for (std::size_t i = 0; i < values.size() && same; ++i) {
      same = (*found)[i].is_number_integer() && (*found)[i] == values[i];
    }
    return same;
  }

  static std::string shown(bool value) { return value ? "true" : "false"; }
  static std::string shown(index_t value) { return std::to_string(value); }
  static std::string shown(std::vector<index_t> const& values) { return shown_shape(values); }

 private:
  nlohmann::json const* find(char const* key) const {
    auto const place = json_.find(key);
    return place == json_.end() || place->is_null() ? nullptr : &*place;
  }

  index_t whole_of(nlohmann::json const& from, char const* key, index_t least, index_t most) const {
    // A number without a sign is an unsigned one.
    bool const huge = from.is_number_unsigned() && from.get<std::uint64_t>() > static_cast<std::uint64_t>(most);
    if (!from.is_number_integer() || huge || from.get<std::int64_t>() < least) {
      refuse(key, "must be whole, from " + std::to_string(least) + " to " + std::to_string(most));
    }
    return static_cast<index_t>(from.get<std::int64_t>());
  }

  std::string source_;
  nlohmann::json json_;
};

}}}}  // namespace tshift::detail

#include <tshift/macros/back.hpp>
