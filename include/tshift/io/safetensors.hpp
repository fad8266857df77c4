// SPDX-License-Identifier: MIT
// safetensors: the file format in which PyTorch hands over its weights by name. Reads from a mapped file or from memory
// without copying, and writes.
//
//   auto const file = io::safetensors::open("W.safetensors");
//   models::shift_cnn<float> const model(file.state_dict<float>());
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

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tshift/config.hpp>
#include <tshift/error.hpp>
#include <tshift/weights/dtype.hpp>
#include <tshift/io/file_error.hpp>
#include <tshift/io/files.hpp>
#include <tshift/weights/float_formats.hpp>
#include <tshift/io/safetensors_header.hpp>
#include <tshift/io/safetensors_writer.hpp>
#include <tshift/weights/state_dict.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace io {

/// One tensor of a file: row-major, the last dimension contiguous.
struct tensor_entry {
  std::string name;                  ///< unique in a file
  dtype type{};                      ///< of the elements
  std::vector<index_t> shape;        ///< empty: one element
  std::span<std::byte const> bytes;  ///< little-endian, at any address
  index_t byte = 0;                  ///< where they begin in the file
};

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

  /// In the order of the header.
  std::vector<tensor_entry> const& tensors() const noexcept { return tensors_; }

  /// The tensor of this name, or null.
  tensor_entry const* find(std::string_view name) const {
    auto const place = index_.find(name);
    return place == index_.end() ? nullptr : &tensors_[place->second];
  }

  /// What __metadata__ says: text of the writer's choice.
  std::map<std::string, std::string> const& metadata() const noexcept { return metadata_; }

  /// The name of the file.
  std::string const& source() const noexcept { return source_; }

  /// The tensors as weights of T, float or double. Those that are stored as T, at an address that suits it, are used
  /// where they lie; other F16, BF16, F32 and F64 are converted, once, into memory that the dictionary owns: exactly,
  /// except that F64 as float is rounded to nearest. Tensors of other types are there by name and shape only.
  /// The mapped file stays as long as the dictionary.
  /// @throws file_error  for a finite F64 that float cannot hold
  template <class T>
  nn::state_dict<T> state_dict() const {
    nn::state_dict<T> weights(source_);
    for (tensor_entry const& tensor : tensors_) {
      switch (tensor.type) {
        case dtype::f16:
          weights.add_owned(tensor.name, tensor.shape, converted<T, std::uint16_t>(tensor, detail::half_to_float),
                            tensor.byte);
          break;
        case dtype::bf16:
          weights.add_owned(tensor.name, tensor.shape, converted<T, std::uint16_t>(tensor, detail::bfloat16_to_float),
                            tensor.byte);
          break;
        case dtype::f32: add_floats<T, float, std::uint32_t>(weights, tensor); break;
        case dtype::f64: add_floats<T, double, std::uint64_t>(weights, tensor); break;
        default: weights.add_opaque(tensor.name, tensor.shape, name_of(tensor.type), tensor.byte);
      }
    }
    weights.keep_alive(file_);
    return weights;
  }

 private:
  safetensors(std::span<std::byte const> file, std::string source, std::shared_ptr<detail::mapped_file const> owner)
      : file_(std::move(owner)), source_(std::move(source)) {
    if (file.size() < 8) {
      detail::fail_file(source_, -1, "has %zu bytes, must begin with 8 for the header's length", file.size());
    }
    auto const length = detail::load_little<std::uint64_t>(file.data());
    if (length > file.size() - 8) {
      detail::fail_file(source_, 0, "a header of %llu bytes is announced, but %zu follow",
                        static_cast<unsigned long long>(length), file.size() - 8);
    }
    if (length > static_cast<std::uint64_t>(longest_header)) {
      detail::fail_file(source_, 0, "a header of %llu bytes is announced, must be at most %td",
                        static_cast<unsigned long long>(length), longest_header);
    }
    auto const size = static_cast<std::size_t>(length);
    auto const data = file.subspan(8 + size);
    detail::header_reader reader(source_, {reinterpret_cast<char const*>(file.data()) + 8, size},
                                 static_cast<index_t>(data.size()), "the header is not valid JSON");
    detail::header_content header = reader.read();
    tensors_.reserve(header.entries.size());
    for (detail::header_entry& entry : header.entries) {
      tensors_.push_back(
          {std::move(entry.name), entry.type, std::move(entry.shape),
           data.subspan(static_cast<std::size_t>(entry.begin), static_cast<std::size_t>(entry.end - entry.begin)),
           8 + static_cast<index_t>(size) + entry.begin});
    }
    index_ = std::move(header.index);
    metadata_ = std::move(header.metadata);
  }

  /// Elements as the formula makes them of their bits.
  template <class T, class Bits, class Formula>
  static std::vector<T> converted(tensor_entry const& tensor, Formula formula) {
    std::vector<T> values(tensor.bytes.size() / sizeof(Bits));
    std::byte const* from = tensor.bytes.data();
    for (T& value : values) {
      value = static_cast<T>(formula(detail::load_little<Bits>(from)));
      from += sizeof(Bits);
    }
    return values;
  }

  template <class T, class Stored, class Bits>
  void add_floats(nn::state_dict<T>& weights, tensor_entry const& tensor) const {
    if constexpr (std::same_as<T, Stored> && std::endian::native == std::endian::little) {
      if (reinterpret_cast<std::uintptr_t>(tensor.bytes.data()) % alignof(T) == 0) {
        std::span<T const> const values(reinterpret_cast<T const*>(tensor.bytes.data()),
                                        tensor.bytes.size() / sizeof(T));
        return weights.add(tensor.name, tensor.shape, values, tensor.byte);
      }
    }
    auto const number = [](Bits bits) {
      if constexpr (sizeof(T) < sizeof(Stored)) {
        return detail::nearest_float(std::bit_cast<Stored>(bits));
      } else {
        return std::bit_cast<Stored>(bits);
      }
    };
    if constexpr (sizeof(T) < sizeof(Stored)) refuse_overflow(tensor);
    weights.add_owned(tensor.name, tensor.shape, converted<T, Bits>(tensor, number), tensor.byte);
  }

  void refuse_overflow(tensor_entry const& tensor) const {
    for (std::size_t i = 0; i < tensor.bytes.size(); i += sizeof(double)) {
      auto const value = std::bit_cast<double>(detail::load_little<std::uint64_t>(tensor.bytes.data() + i));
      if (detail::overflows_float(value)) {
        detail::fail_file(source_, tensor.byte + static_cast<index_t>(i), "tensor %s: %g is more than a float holds",
                          detail::shown_name(tensor.name).c_str(), value);
      }
    }
  }

  std::shared_ptr<detail::mapped_file const> file_;
  std::string source_;
  std::vector<tensor_entry> tensors_;
  std::map<std::string, std::size_t, std::less<>> index_;
  std::map<std::string, std::string> metadata_;
};

}}}}  // namespace tshift::io

#include <tshift/macros/back.hpp>
