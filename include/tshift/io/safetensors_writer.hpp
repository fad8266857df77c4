// SPDX-License-Identifier: MIT
// Writes safetensors files. Part of io/safetensors.hpp.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <map>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <tshift/config.hpp>
#include <tshift/error.hpp>
#include <tshift/weights/dtype.hpp>
#include <tshift/io/file_error.hpp>
#include <tshift/io/files.hpp>
#include <tshift/io/safetensors_header.hpp>
#include <tshift/weights/state_dict.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace io {

/// A tensor to be written. Borrows the elements.
struct tensor_to_write {
  std::string name;                  ///< unique in a file
  dtype type{};                      ///< of the elements
  std::vector<index_t> shape;        ///< empty: one element
  std::span<std::byte const> bytes;  ///< little-endian

  /// Elements of any type, F16 for example, as their bytes.
  tensor_to_write(std::string name_, dtype type_, std::vector<index_t> shape_, std::span<std::byte const> bytes_)
      : name(std::move(name_)), type(type_), shape(std::move(shape_)), bytes(bytes_) {}

  /// Elements in a vector, a span, an array, row-major: as many as the shape says.
  template <std::ranges::contiguous_range Range>
  requires std::ranges::borrowed_range<Range> tensor_to_write(std::string name_, std::vector<index_t> shape_,
                                                              Range&& elements)
      : tensor_to_write(std::move(name_), dtype_of<std::remove_cv_t<std::ranges::range_value_t<Range>>>(),
                        std::move(shape_),
                        std::as_bytes(std::span(std::ranges::data(elements), std::ranges::size(elements)))) {
    static_assert(std::endian::native == std::endian::little || sizeof(Range) == 0,
                  "this machine is big-endian: give the bytes of the elements in little-endian order instead");
  }
};

/// All tensors of a state_dict, to be written.
/// @throws file_error  for a tensor that is there by name and shape only
template <class T>
std::vector<tensor_to_write> tensors_to_write(nn::state_dict<T> const& weights) {
  std::vector<tensor_to_write> tensors;
  tensors.reserve(static_cast<std::size_t>(weights.size()));
  for (nn::named_tensor<T> const& tensor : weights) {
    if (!tensor.dtype.empty()) {
      detail::fail_file(weights.source(), tensor.byte, "tensor %s of dtype %s has no elements here to be written",
                        detail::shown_name(tensor.name).c_str(), tensor.dtype.c_str());
    }
    tensors.emplace_back(tensor.name, tensor.shape,
                         std::span<T const>(tensor.data, static_cast<std::size_t>(tensor.size())));
  }
  return tensors;
}

}}}}  // namespace tshift::io

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
  std::vector<io::tensor_to_write const*> order;
};

/// The reader's rules are the writer's: what was made is read again before anything is written.
inline file_head make_head(std::string_view source, std::vector<io::tensor_to_write> const& tensors,
                           std::map<std::string, std::string> const& metadata) {
  file_head head;
  for (io::tensor_to_write const& tensor : tensors) {
    std::string const name = shown_name(tensor.name);
    if (tensor.name == "__metadata__") fail_file(source, -1, "tensor __metadata__: the name is taken by the format");
    index_t const bits = row_of(tensor.type).bits;
    index_t const count = element_count(tensor.shape, std::numeric_limits<index_t>::max() / bits);
    if (count < 0 || static_cast<std::size_t>(count * bits) != tensor.bytes.size() * 8) {
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
  for (io::tensor_to_write const* const tensor : head.order) {
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

}}}}  // namespace tshift::detail

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace io {

/// Writes a file, the same to the byte as Python's safetensors (of which the order of several metadata is not defined):
/// larger element types first, equal ones by name. An existing file is replaced, at the end and as a whole: a failure
/// leaves it as it was.
/// @throws file_error  for a name that comes twice, is too long or is no UTF-8, for elements that do not fit the shape,
///                     and if the file cannot be written
inline void write_safetensors(std::filesystem::path const& path, std::vector<tensor_to_write> const& tensors,
                              std::map<std::string, std::string> const& metadata = {}) {
  detail::file_head const head = detail::make_head(path.string(), tensors, metadata);
  std::vector<std::span<std::byte const>> parts{std::as_bytes(std::span(head.bytes))};
  for (tensor_to_write const* const tensor : head.order) parts.push_back(tensor->bytes);
  detail::replace_file(path.string(), parts);
}

/// The same file in memory.
inline std::vector<std::byte> to_safetensors(std::vector<tensor_to_write> const& tensors,
                                             std::map<std::string, std::string> const& metadata = {}) {
  detail::file_head const head = detail::make_head("memory", tensors, metadata);
  auto const first = std::as_bytes(std::span(head.bytes));
  std::vector<std::byte> file(first.begin(), first.end());
  for (tensor_to_write const* const tensor : head.order) {
    file.insert(file.end(), tensor->bytes.begin(), tensor->bytes.end());
  }
  return file;
}

}}}}  // namespace tshift::io

#include <tshift/macros/back.hpp>
