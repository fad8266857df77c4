// SPDX-License-Identifier: MIT
// The header of a safetensors file: JSON in, a checked list of tensors out. The one place that knows JSON.
//
// Nothing in a header is believed: every number is checked before it is used, products before zeros can hide them,
// and the tensors must cover the data that follow without holes and overlaps.
#pragma once

#include <tshift/macros/away.hpp>

#if !__has_include(<nlohmann/json.hpp>)
#error "tshift: io/safetensors.hpp needs nlohmann/json, in Debian and Ubuntu the package nlohmann-json3-dev"
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tshift/config.hpp>
#include <tshift/error.hpp>
#include <tshift/weights/dtype.hpp>
#include <tshift/io/file_error.hpp>
#include <tshift/weights/state_dict.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace io {

using tshift::file_error;

/// The most dimensions this reader and writer accept; the format has no such limit.
inline constexpr index_t most_dimensions = 64;
/// The longest name they accept, in bytes; the format has no such limit.
inline constexpr index_t longest_name = 4096;
/// The longest header: the format's own limit.
inline constexpr index_t longest_header = 100'000'000;  // bytes

}}}}  // namespace tshift::io

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// A tensor as the header describes it. The offsets lie in the data and are checked.
struct header_entry {
  std::string name;
  io::dtype type{};
  std::vector<index_t> shape;
  index_t begin = 0;
  index_t end = 0;
};

struct header_content {
  std::vector<header_entry> entries;  // in the order of the header
  std::map<std::string, std::size_t, std::less<>> index;
  std::map<std::string, std::string> metadata;
};

/// The characters of a header, for the JSON parser, with a position that is seen outside of it as well. The parser is
/// instantiated for this type, and so stays apart from that of units with other flags.
struct header_cursor {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = char const*;
  using reference = char const&;

  char const** at;

  reference operator*() const noexcept { return **at; }
  header_cursor& operator++() noexcept {
    ++*at;
    return *this;
  }
  header_cursor operator++(int) noexcept { return ++*this; }  // an input iterator: there is only one position
  friend bool operator==(header_cursor a, header_cursor b) noexcept { return *a.at == *b.at; }
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
    check_coverage();
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
    if (field_ == data_offsets && list.size() == 2) refuse_value();
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
    auto const* const row = std::find_if(std::begin(dtype_table), std::end(dtype_table),
                                         [&](dtype_row const& known) { return known.name == value; });
    if (row == std::end(dtype_table)) {
      fail_file(source_, key_byte_, "tensor %s: unknown dtype %s", name(), shown_name(value).c_str());
    }
    entry_.type = static_cast<io::dtype>(row - dtype_table);
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
    if (field_ == data_offsets && offsets_.size() != 2) refuse_value();
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
  enum field : unsigned { none = 0, type = 1, shape = 2, data_offsets = 4 };

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
    if (!content_.index.try_emplace(entry_.name, content_.entries.size()).second) {
      fail_file(source_, key_byte_, "tensor %s is there twice", name());
    }
  }

  void begin_field(std::string_view key) {
    field_ = key == "dtype" ? type : key == "shape" ? shape : key == "data_offsets" ? data_offsets : none;
    if (field_ == none) {
      fail_file(source_, key_byte_, "tensor %s: unknown field %s", name(), shown_name(key).c_str());
    }
    if ((fields_ & field_) != 0) {
      fail_file(source_, key_byte_, "tensor %s: %s is there twice", name(), std::string(key).c_str());
    }
    fields_ |= field_;
  }

  void end_entry() {
    for (auto const& [needed, text] : {std::pair(type, "dtype"), {shape, "shape"}, {data_offsets, "data_offsets"}}) {
      if ((fields_ & needed) == 0) fail_file(source_, entry_byte_, "tensor %s: no %s", name(), text);
    }
    dtype_row const& element = row_of(entry_.type);
    index_t const count = element_count(entry_.shape, std::numeric_limits<index_t>::max() / element.bits);
    if (count < 0) {
      fail_file(source_, entry_byte_, "tensor %s: shape %s of %s overflows", name(), shown_shape(entry_.shape).c_str(),
                element.name);
    }
    index_t const bits = count * element.bits;
    if (bits % 8 != 0) {
      fail_file(source_, entry_byte_, "tensor %s: shape %s of %s is %td bits, must be whole bytes", name(),
                shown_shape(entry_.shape).c_str(), element.name, bits);
    }
    entry_.begin = offsets_[0];
    entry_.end = offsets_[1];
    if (entry_.begin > entry_.end) {
      fail_file(source_, entry_byte_, "tensor %s: data_offsets [%td, %td], the first must not be the greater", name(),
                entry_.begin, entry_.end);
    }
    if (entry_.end > data_size_) {
      fail_file(source_, entry_byte_, "tensor %s: data_offsets [%td, %td], but %td bytes of data follow the header",
                name(), entry_.begin, entry_.end, data_size_);
    }
    if (entry_.end - entry_.begin != bits / 8) {
      fail_file(source_, entry_byte_, "tensor %s: data_offsets [%td, %td], must span %td bytes", name(), entry_.begin,
                entry_.end, bits / 8);
    }
    content_.entries.push_back(std::move(entry_));
  }

  /// Every byte of the data belongs to one tensor.
  void check_coverage() {
    auto const data_byte = 8 + static_cast<index_t>(text_.size());
    auto const& entries = content_.entries;
    std::vector<std::size_t> order(entries.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return std::pair(entries[a].begin, entries[a].end) < std::pair(entries[b].begin, entries[b].end);
    });
    index_t covered = 0;
    header_entry const* before = nullptr;
    for (std::size_t const i : order) {
      header_entry const& next = entries[i];
      if (next.begin > covered) {
        fail_file(source_, data_byte + covered, "tensor %s: %td bytes in front of its data belong to no tensor",
                  shown_name(next.name).c_str(), next.begin - covered);
      }
      if (next.begin < covered) {
        fail_file(source_, data_byte + next.begin, "tensor %s: its data overlap those of %s",
                  shown_name(next.name).c_str(), shown_name(before->name).c_str());
      }
      covered = next.end;
      before = &next;
    }
    if (covered != data_size_) {
      fail_file(source_, data_byte + covered, "%td bytes after the last tensor belong to none", data_size_ - covered);
    }
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
  header_entry entry_;
  std::vector<index_t> offsets_;
  std::map<std::string, std::string>::iterator metadata_value_;
  std::string shown_;
  header_content content_;
};

}}}}  // namespace tshift::detail

#include <tshift/macros/back.hpp>
