// SPDX-License-Identifier: MIT
// safetensors: the file format in which PyTorch hands over its weights by name. Reads from a mapped file or from memory
// without copying or converting, and writes.
//
//   auto const file = io::safetensors::open("W.safetensors");
//   models::shift_cnn<float> const model(file.state_dict());
//
// The format: 8 bytes of little-endian header length, a JSON header, the data. A file that breaks one of its rules is
// refused as a whole, with a file_error that names file, tensor and byte; stricter than most readers in that keys may
// not come twice at any level, a tensor has no fields but dtype, shape and data_offsets, and a size of 0 in a shape
// hides nothing: the other sizes, multiplied, must still be a tensor of less than 2^63 bits.
//
// Needs POSIX and nlohmann/json, whose exceptions and a few helpers of theirs exist once per program: include this in
// units with the program's common flags, not in those that are built for a larger instruction set.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <tshift/config.hpp>
#include <tshift/error.hpp>
#include <tshift/io/file_error.hpp>
#include <tshift/io/files.hpp>
#include <tshift/io/format_guess.hpp>
#include <tshift/io/safetensors_header.hpp>
#include <tshift/io/safetensors_rules.hpp>
#include <tshift/io/safetensors_writer.hpp>
#include <tshift/weights/float_formats.hpp>
#include <tshift/weights/state_dict.hpp>
#include <tshift/weights/tensor.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace io {

/// A safetensors file, open. Copies are cheap in memory but for the names, and share the mapping.
class safetensors {
 public:
  /// Maps a file. Its data are read when they are used: keep it as it is meanwhile. A new file may be renamed over it,
  /// as write_safetensors does; if it is cut short in place, touching what is gone ends the program (SIGBUS).
  /// @throws file_error  if it cannot be read or is no valid safetensors file
  static safetensors open(std::filesystem::path const& path) {
    auto const file = std::make_shared<detail::mapped_file const>(path.string());
    return {file->bytes(), path.string(), file};
  }

  /// Reads a file that is in memory already, which must stay as long as this, its copies and their state_dicts.
  /// @param name  what messages call it
  /// @throws file_error  if it is no valid safetensors file
  static safetensors parse(std::span<std::byte const> memory, std::string name = "memory") {
    return {memory, std::move(name), nullptr};
  }

  safetensors(safetensors const&) = default;
  safetensors(safetensors&&) noexcept = default;
  /// The copy is made first: running out of memory leaves the old one whole.
  safetensors& operator=(safetensors const& other) { return *this = safetensors(other); }
  safetensors& operator=(safetensors&&) noexcept = default;
  ~safetensors() = default;

  /// Its tensors by name, in the order of the header, of whatever types they are. Nothing is converted or copied: the
  /// bytes are those of the file, which stays mapped as long as the dictionary or a copy of it. Models take it as it is.
  weights::state_dict const& state_dict() const& noexcept { return tensors_; }
  /// The same of a file that is not needed further.
  weights::state_dict state_dict() && noexcept { return std::move(tensors_); }

  /// In the order of the header.
  std::span<weights::tensor const> tensors() const noexcept { return tensors_; }

  /// The tensor of this name, or null.
  weights::tensor const* find(std::string_view name) const { return tensors_.find(name); }

  /// What __metadata__ says: text of the writer's choice.
  std::map<std::string, std::string> const& metadata() const noexcept { return metadata_; }

  /// The name of the file.
  std::string const& source() const noexcept { return tensors_.source(); }

 private:
  safetensors(std::span<std::byte const> file, std::string source, std::shared_ptr<detail::mapped_file const> owner)
      : tensors_(std::move(source)) {
    std::string_view const header = header_of(file);
    auto const data_size = static_cast<index_t>(file.size() - 8 - header.size());
    detail::header_content content =
        detail::header_reader(this->source(), header, data_size, "the header is not valid JSON").read();
    for (weights::tensor& tensor : content.tensors) {
      tensor.bytes =
          file.subspan(static_cast<std::size_t>(tensor.byte), static_cast<std::size_t>(detail::bytes_of(tensor)));
      tensors_.add(std::move(tensor));
    }
    metadata_ = std::move(content.metadata);
    if (owner != nullptr) tensors_.keep_alive(std::move(owner));
  }

  std::string_view header_of(std::span<std::byte const> file) const {
    if (file.size() < 8) {
      detail::fail_file(source(), -1, "has %zu bytes, must begin with 8 for the header's length", file.size());
    }
    auto const length = detail::load_little<std::uint64_t>(file.data());
    bool const follows = length <= file.size() - 8, allowed = length <= static_cast<std::uint64_t>(longest_header);
    if (!follows || !allowed || file.size() == 8 || file[8] != std::byte{'{'}) {
      if (char const* const guess = detail::guessed_format(file)) detail::fail_file(source(), 0, "%s", guess);
    }
    if (!follows) {
      detail::fail_file(source(), 0, "a header of %llu bytes is announced, but %zu follow",
                        static_cast<unsigned long long>(length), file.size() - 8);
    }
    if (!allowed) {
      detail::fail_file(source(), 0, "a header of %llu bytes is announced, must be at most %td",
                        static_cast<unsigned long long>(length), longest_header);
    }
    return {reinterpret_cast<char const*>(file.data()) + 8, static_cast<std::size_t>(length)};
  }

  weights::state_dict tensors_;
  std::map<std::string, std::string> metadata_;
};

}}}}  // namespace tshift::io

#include <tshift/macros/back.hpp>
