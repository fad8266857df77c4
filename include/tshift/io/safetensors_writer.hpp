// SPDX-License-Identifier: MIT
// Writes safetensors files. Part of io/safetensors.hpp.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tshift/config.hpp>
#include <tshift/error.hpp>
#include <tshift/io/file_error.hpp>
#include <tshift/io/files.hpp>
#include <tshift/io/safetensors_header.hpp>
#include <tshift/io/safetensors_rules.hpp>
#include <tshift/weights/dtype.hpp>
#include <tshift/weights/state_dict.hpp>
#include <tshift/weights/tensor.hpp>
#include <tshift/weights/text.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// A string as JSON.
inline void append_json(std::string& text, std::string_view string) {
  text += '"';
  for (char const c : string) {
    if (c == '"' || c == '\\') {
      text += {'\\', c};
    } else if (static_cast<unsigned char>(c) >= 0x20) {
      text += c;
    } else if (constexpr std::string_view brief = "\b\f\n\r\t"; brief.find(c) != std::string_view::npos) {
      text += {'\\', "bfnrt"[brief.find(c)]};
    } else {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      text += escape;
    }
  }
  text += '"';
}

/// The file but for its data, and the tensors in the order of their data.
struct file_head {
  std::string bytes;
  std::vector<weights::tensor const*> order;
};

/// The reader's rules are the writer's: what was made is read again before anything is written.
inline file_head make_head(std::string_view source, std::span<weights::tensor const> tensors,
                           std::map<std::string, std::string> const& metadata) {
  file_head head;
  for (weights::tensor const& tensor : tensors) {
    std::string const name = shown_name(tensor.name);
    if (tensor.name == "__metadata__") fail_file(source, -1, "tensor __metadata__: the name is taken by the format");
    if (bytes_of(tensor) != static_cast<index_t>(tensor.bytes.size())) {
      fail_file(source, -1, "tensor %s: shape %s of %s does not fit the %zu bytes that are given", name.c_str(),
                shown_shape(tensor.shape).c_str(), row_of(tensor.type).name, tensor.bytes.size());
    }
    head.order.push_back(&tensor);
  }
  // Large elements first, and so every element at a multiple of its size.
  std::sort(head.order.begin(), head.order.end(),
            [](auto const* a, auto const* b) { return a->type != b->type ? a->type > b->type : a->name < b->name; });

  std::string& text = head.bytes;
  text.assign(8, '\0');
  text += '{';
  if (!metadata.empty()) {
    text += R"("__metadata__":)";
    char separator = '{';
    for (auto const& [key, value] : metadata) {
      text += separator;
      append_json(text, key);
      text += ':';
      append_json(text, value);
      separator = ',';
    }
    text += '}';
  }
  std::size_t offset = 0;
  for (weights::tensor const* const tensor : head.order) {
    if (text.size() > 9) text += ',';
    append_json(text, tensor->name);
    text += std::string(R"(:{"dtype":")") + row_of(tensor->type).name + R"(","shape":[)";
    for (std::size_t i = 0; i < tensor->shape.size(); ++i) {
      if (i > 0) text += ',';
      text += std::to_string(tensor->shape[i]);
    }
    text += R"(],"data_offsets":[)" + std::to_string(offset) + ',';
    offset += tensor->bytes.size();
    text += std::to_string(offset) + "]}";
  }
  text += '}';
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::size_t const length = text.size() - 8;
  if (length > static_cast<std::size_t>(io::longest_header)) {
    fail_file(source, -1, "names, shapes and metadata make a header of %zu bytes, must be at most %td", length,
              io::longest_header);
  }
  for (std::size_t i = 0; i < 8; ++i) text[i] = static_cast<char>(static_cast<std::uint64_t>(length) >> 8 * i & 0xff);
  header_reader(source, std::string_view(text).substr(8), static_cast<index_t>(offset),
                "a name or a text of the metadata is not UTF-8")
      .read();
  return head;
}

inline void write_file(std::string const& path, std::span<weights::tensor const> tensors,
                       std::map<std::string, std::string> const& metadata) {
  file_head const head = make_head(path, tensors, metadata);
  std::vector<std::span<std::byte const>> parts{std::as_bytes(std::span(head.bytes))};
  for (weights::tensor const* const tensor : head.order) parts.push_back(tensor->bytes);
  replace_file(path, parts);
}

inline std::vector<std::byte> make_file(std::span<weights::tensor const> tensors,
                                        std::map<std::string, std::string> const& metadata) {
  file_head const head = make_head("memory", tensors, metadata);
  auto const first = std::as_bytes(std::span(head.bytes));
  std::vector<std::byte> file(first.begin(), first.end());
  for (weights::tensor const* const tensor : head.order) {
    file.insert(file.end(), tensor->bytes.begin(), tensor->bytes.end());
  }
  return file;
}

}}}}  // namespace tshift::detail

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace io {

/// Writes a file, the same to the byte as Python's safetensors (of which the order of several metadata is not defined):
/// larger element types first, equal ones by name. An existing file is replaced, at the end and as a whole: a failure
/// leaves it as it was.
/// @throws file_error  for a name that comes twice, is too long or is no UTF-8, for elements that do not fit the shape,
///                     and if the file cannot be written
inline void write_safetensors(std::filesystem::path const& path, std::vector<weights::tensor> const& tensors,
                              std::map<std::string, std::string> const& metadata = {}) {
  detail::write_file(path.string(), tensors, metadata);
}

/// The same of all tensors of a dictionary.
template <std::same_as<weights::state_dict> StateDict>
void write_safetensors(std::filesystem::path const& path, StateDict const& weights,
                       std::map<std::string, std::string> const& metadata = {}) {
  detail::write_file(path.string(), weights, metadata);
}

/// The same file in memory.
inline std::vector<std::byte> to_safetensors(std::vector<weights::tensor> const& tensors,
                                             std::map<std::string, std::string> const& metadata = {}) {
  return detail::make_file(tensors, metadata);
}

/// The same of all tensors of a dictionary.
template <std::same_as<weights::state_dict> StateDict>
std::vector<std::byte> to_safetensors(StateDict const& weights,
                                      std::map<std::string, std::string> const& metadata = {}) {
  return detail::make_file(weights, metadata);
}

}}}}  // namespace tshift::io

#include <tshift/macros/back.hpp>
