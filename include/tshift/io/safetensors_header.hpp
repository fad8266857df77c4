// SPDX-License-Identifier: MIT
// The header of a safetensors file: JSON in, a checked list of tensors out. The one place that knows JSON.
#pragma once

#include <tshift/macros/away.hpp>

#if !__has_include(<nlohmann/json.hpp>)
#error "tshift: io/safetensors.hpp needs nlohmann/json, in Debian and Ubuntu the package nlohmann-json3-dev"
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tshift/config.hpp>
#include <tshift/error.hpp>
#include <tshift/io/file_error.hpp>
#include <tshift/io/header_cursor.hpp>
#include <tshift/io/safetensors_rules.hpp>
#include <tshift/weights/dtype.hpp>
#include <tshift/weights/tensor.hpp>
#include <tshift/weights/text.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// What a header says.
struct header_content {
  std::vector<weights::tensor> tensors;  // in the order of the header, placed in the file, without their bytes
  std::map<std::string, std::string> metadata;
};

/// Receives what the JSON parser finds, and refuses all that is not a header. The parser keeps no tree: what is not
/// wanted never takes memory, nesting ends at the third level, and a name that comes twice is seen.
class header_reader {
 public:
  /// @param text       the header as in the file, whose first character is byte 8
  /// @param data_size  how many bytes follow it
  /// @param not_json   what to say where it is no JSON
  header_reader(std::string_view source, std::string_view text, index_t data_size, char const* not_json)
      : source_(source), text_(text), data_size_(data_size), not_json_(not_json) {}

  header_content read() {
    // To the JSON parser a zero byte is the end.
    if (auto const zero = text_.find('\0'); zero != std::string_view::npos) {
      fail_file(source_, 8 + static_cast<index_t>(zero), "%s", not_json_);
    }
    if (!text_.starts_with('{')) fail_file(source_, 8, "the header must begin with '{'");
    at_ = text_.data();
    char const* end = text_.data() + text_.size();
    if (!nlohmann::json::sax_parse(header_cursor{&at_}, header_cursor{&end}, this)) {
      fail_file(source_, -1, "%s", not_json_);  // parse_error has said so before
    }
    check_coverage(source_, content_.tensors, data_byte(), data_size_);
    return std::move(content_);
  }

  // --- events of nlohmann's SAX interface ---

  bool null() { refuse_value(); }
  bool boolean(bool) { refuse_value(); }
  bool number_integer(std::int64_t) { refuse_value(); }  // negative ones only
  bool number_float(double, std::string const&) { refuse_value(); }
  template <class Binary>
  bool binary(Binary&) {
    refuse_value();
  }

  bool number_unsigned(std::uint64_t value) {
    if (level_ != in_list || value > static_cast<std::uint64_t>(std::numeric_limits<index_t>::max())) refuse_value();
    auto& list = field_ == shape ? entry_.shape : offsets_;
    if (field_ == offsets && list.size() == 2) refuse_value();
    if (static_cast<index_t>(list.size()) == io::most_dimensions) {
      fail_file(source_, key_byte_, "tensor %s: shape has more than %td dimensions", name(), io::most_dimensions);
    }
    list.push_back(static_cast<index_t>(value));
    return true;
  }

  bool string(std::string& value) {
    if (level_ == in_metadata) {
      metadata_value_->second = std::move(value);
      return true;
    }
    if (level_ != in_entry || field_ != type) refuse_value();
    auto const named = weights::dtype_named(value);
    if (!named) fail_file(source_, key_byte_, "tensor %s: unknown dtype %s", name(), shown_name(value).c_str());
    entry_.type = *named;
    return true;
  }

  bool start_object(std::size_t) {
    if (level_ == outside) {
      level_ = on_top;
    } else if (level_ == on_top) {
      level_ = is_metadata_ ? in_metadata : in_entry;
    } else {
      refuse_value();
    }
    return true;
  }

  bool key(std::string& value) {
    key_byte_ = byte_of_key();
    if (level_ == on_top) {
      begin_entry(value);
    } else if (level_ == in_entry) {
      begin_field(value);
    } else {
      auto const [place, fresh] = content_.metadata.try_emplace(std::move(value));
      if (!fresh) fail_file(source_, key_byte_, "__metadata__: %s is there twice", shown_name(place->first).c_str());
      metadata_value_ = place;
    }
    return true;
  }

  bool end_object() {
    if (level_ == in_entry) end_entry();
    level_ = level_ == on_top ? outside : on_top;
    return true;
  }

  bool start_array(std::size_t) {
    if (level_ != in_entry || field_ == type) refuse_value();
    level_ = in_list;
    return true;
  }

  bool end_array() {
    if (field_ == offsets && offsets_.size() != 2) refuse_value();
    level_ = in_entry;
    return true;
  }

  template <class Exception>
  bool parse_error(std::size_t position, std::string const&, Exception const&) {
    // The position counts the characters that were read, the one in question included; the end counts as one.
    auto const read = static_cast<index_t>(std::min(position, text_.size() + 1));
    fail_file(source_, 8 + std::max<index_t>(read - 1, 0), "%s", not_json_);
  }

 private:
  enum level { outside, on_top, in_entry, in_list, in_metadata };
  enum field : unsigned { none = 0, type = 1, shape = 2, offsets = 4 };

  index_t data_byte() const { return 8 + static_cast<index_t>(text_.size()); }

  /// Where the key begins whose closing quote was read last: messages point there.
  index_t byte_of_key() const {
    char const* quote = at_ - 2;
    while (*quote != '"' || quote[-1] == '\\') --quote;  // a quote inside of a key has a backslash in front
    return 8 + (quote - text_.data());
  }

  char const* name() {
    shown_ = shown_name(entry_.name);
    return shown_.c_str();
  }

  void begin_entry(std::string& key) {
    entry_byte_ = key_byte_;
    is_metadata_ = key == "__metadata__";
    if (is_metadata_) {
      if (std::exchange(has_metadata_, true)) fail_file(source_, key_byte_, "__metadata__ is there twice");
      return;
    }
    entry_ = {};
    entry_.name = std::move(key);
    offsets_.clear();
    fields_ = 0;
    field_ = none;
    if (static_cast<index_t>(entry_.name.size()) > io::longest_name) {
      fail_file(source_, key_byte_, "tensor %s: the name has more than %td bytes", name(), io::longest_name);
    }
    if (!names_.insert(entry_.name).second) {
      fail_file(source_, key_byte_, "tensor %s is there twice", name());
    }
  }

  void begin_field(std::string_view key) {
    field_ = key == "dtype" ? type : key == "shape" ? shape : key == "data_offsets" ? offsets : none;
    if (field_ == none) {
      fail_file(source_, key_byte_, "tensor %s: unknown field %s", name(), shown_name(key).c_str());
    }
    if ((fields_ & field_) != 0) {
      fail_file(source_, key_byte_, "tensor %s: %s is there twice", name(), std::string(key).c_str());
    }
    fields_ |= field_;
  }

  void end_entry() {
    for (auto const& [needed, text] : {std::pair(type, "dtype"), {shape, "shape"}, {offsets, "data_offsets"}}) {
      if ((fields_ & needed) == 0) fail_file(source_, entry_byte_, "tensor %s: no %s", name(), text);
    }
    check_tensor(source_, entry_byte_, entry_, {offsets_[0], offsets_[1]}, data_size_);
    entry_.byte = data_byte() + offsets_[0];
    content_.tensors.push_back(std::move(entry_));
  }

  [[noreturn]] void refuse_value() {
    if (is_metadata_ && level_ == in_metadata) {
      fail_file(source_, key_byte_, "__metadata__: %s must be a string", shown_name(metadata_value_->first).c_str());
    }
    if (is_metadata_) fail_file(source_, key_byte_, "__metadata__ must be an object");
    if (level_ == on_top) fail_file(source_, key_byte_, "tensor %s must be an object", name());
    if (field_ == type) fail_file(source_, key_byte_, "tensor %s: dtype must be a string", name());
    fail_file(source_, key_byte_, "tensor %s: %s must be a list of %sintegers from 0 to %td", name(),
              field_ == shape ? "shape" : "data_offsets", field_ == shape ? "" : "two ",
              std::numeric_limits<index_t>::max());
  }

  std::string_view source_, text_;
  index_t data_size_;
  char const* not_json_;
  char const* at_ = nullptr;

  level level_ = outside;
  field field_ = none;
  unsigned fields_ = 0;       // of the current tensor, those that were there
  bool is_metadata_ = false;  // the current key on top
  bool has_metadata_ = false;
  index_t key_byte_ = 8;
  index_t entry_byte_ = 8;
  weights::tensor entry_;
  std::vector<index_t> offsets_;
  std::map<std::string, std::string>::iterator metadata_value_;
  std::string shown_;
  std::set<std::string, std::less<>> names_;
  header_content content_;
};

}}}}  // namespace tshift::detail

#include <tshift/macros/back.hpp>
