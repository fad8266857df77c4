// SPDX-License-Identifier: MIT
// Weights by name, as PyTorch's state_dict has them: where models get their tensors from. No file and no JSON in here:
// fill one by hand from spans, or read one from a file with io/safetensors.hpp.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <limits>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tshift/config.hpp>
#include <tshift/error.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// A name as messages show it: on one line, whatever bytes it is made of, and at most 96 of them.
inline std::string shown_name(std::string_view name) {
  std::string text(name.substr(0, 96));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  if (name.size() > text.size()) {
    while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xc0) == 0x80) text.pop_back();  // half of
    if (!text.empty() && (static_cast<unsigned char>(text.back()) & 0x80) != 0) text.pop_back();        // a letter
    text += "...";
  }
  return text;
}

/// The name of a file as messages show it. Of a long path the end says more than the beginning.
inline std::string shown_source(std::string_view source) {
  if (source.size() <= 96) return shown_name(source);
  source.remove_prefix(source.size() - 90);
  while ((static_cast<unsigned char>(source.front()) & 0xc0) == 0x80 && source.size() > 1) source.remove_prefix(1);
  return "..." + shown_name(source);
}

/// "[4, 512]"; the dimensions after the eighth are left out.
inline std::string shown_shape(std::span<index_t const> shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += ", ";
    if (i == 8) {
      text += "...";
      break;
    }
    text += std::to_string(shape[i]);
  }
  return text + "]";
}

/// " (W.safetensors, byte 123)", or as much of it as is known.
inline std::string shown_place(std::string_view source, index_t byte) {
  if (source.empty() && byte < 0) return "";
  std::string text = " (" + shown_source(source);
  if (byte >= 0) text += (source.empty() ? "byte " : ", byte ") + std::to_string(byte);
  return text + ")";
}

/// The product of a shape's sizes. -1 where one is negative, or where the product of those that are not zero is more than
/// `most`: a zero hides no overflow, wherever it stands.
constexpr index_t element_count(std::span<index_t const> shape,
                                index_t most = std::numeric_limits<index_t>::max()) noexcept {
  index_t count = 1;
  bool empty = false;
  for (index_t const size : shape) {
    if (size < 0) return -1;
    if (size == 0) {
      empty = true;
    } else if (count > most / size) {
      return -1;
    } else {
      count *= size;
    }
  }
  return empty ? 0 : count;
}

}}}}  // namespace tshift::detail

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// One tensor of a state_dict: row-major, the last dimension contiguous.
template <class T>
struct named_tensor {
  std::string name;            ///< as state_dict has it
  std::vector<index_t> shape;  ///< outermost first; empty: one element
  T const* data = nullptr;     ///< row-major
  index_t byte = -1;           ///< where its data begin in the file; -1: not from a file
  std::string dtype;           ///< empty: elements of T; else what they are instead, such as "I64", and data is null

  /// Number of elements. A tensor without dimensions has one.
  index_t size() const noexcept { return detail::element_count(shape); }
};

/// Tensors by name, in the order they were added. Borrows memory, or owns it; copies share what is owned.
template <class T>
class state_dict {
  static_assert(std::same_as<T, float> || std::same_as<T, double>, "weights are float or double");

 public:
  state_dict() = default;

  /// @param source  where the tensors come from, for messages: a file name, or empty
  explicit state_dict(std::string source) : source_(std::move(source)) {}

  state_dict(state_dict const&) = default;
  state_dict(state_dict&&) noexcept = default;
  /// The copy is made first: running out of memory leaves the old one whole.
  state_dict& operator=(state_dict const& other) { return *this = state_dict(other); }
  state_dict& operator=(state_dict&&) noexcept = default;
  ~state_dict() = default;

  /// Adds a tensor whose memory belongs to somebody else, and must stay as long as this or a copy is used.
  /// @param shape  sizes >= 0, none at all for a single number
  /// @param data   the elements, row-major: as many as the shape says
  /// @param byte   where they begin in the file; -1: not from a file
  /// @throws shape_error  for a name that is there already, and for a shape that is none or does not fit the data; then,
  ///                      and when memory runs out, nothing is added
  void add(std::string name, std::vector<index_t> shape, std::span<T const> data, index_t byte = -1) {
    add(std::move(name), std::move(shape), data, byte, nullptr);
  }

  /// The same with elements that the dictionary keeps.
  void add_owned(std::string name, std::vector<index_t> shape, std::vector<T> data, index_t byte = -1) {
    auto const owned = std::make_shared<std::vector<T> const>(std::move(data));
    add(std::move(name), std::move(shape), std::span<T const>(*owned), byte, owned);
  }

  /// Adds a tensor that is known to be there but has elements of no floating-point type, such as indices.
  /// @param dtype  what they are: "I64"; must not be empty
  void add_opaque(std::string name, std::vector<index_t> shape, std::string dtype, index_t byte = -1) {
    check(name, shape, byte);
    if (dtype.empty()) {
      detail::fail("state_dict: tensor %s is opaque and has no dtype%s", detail::shown_name(name).c_str(),
                   detail::shown_place(source_, byte).c_str());
    }
    append({std::move(name), std::move(shape), nullptr, byte, std::move(dtype)}, nullptr);
  }

  /// The tensor of this name, or null. The pointer holds until the next tensor is added.
  named_tensor<T> const* find(std::string_view name) const {
    auto const place = index_.find(name);
    return place == index_.end() ? nullptr : tensors_.data() + place->second;
  }

  /// Whether there is a tensor of this name.
  bool contains(std::string_view name) const { return find(name) != nullptr; }

  /// Number of tensors.
  index_t size() const noexcept { return static_cast<index_t>(tensors_.size()); }

  /// The first tensor; they stand in the order they were added.
  named_tensor<T> const* begin() const noexcept { return tensors_.data(); }
  /// Behind the last.
  named_tensor<T> const* end() const noexcept { return tensors_.data() + tensors_.size(); }

  /// What messages call it, such as a file's name.
  std::string const& source() const noexcept { return source_; }

  /// Keeps something as long as this and its copies: the mapped file in which borrowed tensors lie.
  void keep_alive(std::shared_ptr<void const> memory) { kept_.push_back(std::move(memory)); }

 private:
  void add(std::string name, std::vector<index_t> shape, std::span<T const> data, index_t byte,
           std::shared_ptr<void const> owner) {
    check(name, shape, byte);
    if (static_cast<index_t>(data.size()) != detail::element_count(shape)) {
      detail::fail("state_dict: tensor %s is %s, but %zu elements are given%s", detail::shown_name(name).c_str(),
                   detail::shown_shape(shape).c_str(), data.size(), detail::shown_place(source_, byte).c_str());
    }
    append({std::move(name), std::move(shape), data.data(), byte, {}}, std::move(owner));
  }

  void check(std::string const& name, std::vector<index_t> const& shape, index_t byte) const {
    if (contains(name)) {
      detail::fail("state_dict: tensor %s is there twice%s", detail::shown_name(name).c_str(),
                   detail::shown_place(source_, byte).c_str());
    }
    for (index_t const size : shape) {
      if (size < 0) {
        detail::fail("state_dict: tensor %s is %s, no size may be negative%s", detail::shown_name(name).c_str(),
                     detail::shown_shape(shape).c_str(), detail::shown_place(source_, byte).c_str());
      }
    }
    if (detail::element_count(shape) < 0) {
      detail::fail("state_dict: tensor %s is %s, the product of its sizes overflows%s",
                   detail::shown_name(name).c_str(), detail::shown_shape(shape).c_str(),
                   detail::shown_place(source_, byte).c_str());
    }
  }

  /// All of it, or nothing: whatever may fail comes first.
  void append(named_tensor<T> tensor, std::shared_ptr<void const> owner) {
    make_room(tensors_);
    if (owner != nullptr) make_room(kept_);
    index_.emplace(tensor.name, tensors_.size());
    tensors_.push_back(std::move(tensor));
    if (owner != nullptr) kept_.push_back(std::move(owner));
  }

  /// The next push_back does not allocate.
  template <class Vector>
  static void make_room(Vector& vector) {
    if (vector.size() == vector.capacity()) vector.reserve(2 * vector.size() + 1);
  }

  std::string source_;
  std::vector<named_tensor<T>> tensors_;
  std::map<std::string, std::size_t, std::less<>> index_;
  std::vector<std::shared_ptr<void const>> kept_;
};

/// Takes the tensors of a model out of a state_dict by name and shape, and at the end refuses what nobody took: a
/// misspelt name or a file of another model does not pass. The dictionary must stay as it is meanwhile.
template <class T>
class state_reader {
 public:
  /// @param operation  who reads, the first word of every message: "shift_cnn". Must outlive the reader.
  state_reader(char const* operation, state_dict<T> const& weights)
      : operation_(operation), weights_(weights), fates_(static_cast<std::size_t>(weights.size())) {}

  /// Whether there is a tensor of this name; it is not taken.
  bool has(std::string_view name) const { return weights_.contains(name); }

  /// The size of one dimension, counted from 0: what a model learns its own sizes from.
  /// @throws shape_error  without such a tensor or dimension
  index_t dimension(std::string_view name, index_t axis) const {
    named_tensor<T> const& tensor = need(name);
    if (axis < 0 || static_cast<std::size_t>(axis) >= tensor.shape.size()) {
      detail::fail("%s: %s is %s, must have a dimension %td%s", operation_, detail::shown_name(name).c_str(),
                   detail::shown_shape(tensor.shape).c_str(), axis, place_of(tensor).c_str());
    }
    return tensor.shape[static_cast<std::size_t>(axis)];
  }

  /// The elements of a tensor that must have this shape.
  /// @throws shape_error  if it is missing, has another shape, is of no floating-point type, or was taken before
  std::span<T const> take(std::string_view name, std::initializer_list<index_t> shape) {
    named_tensor<T> const& tensor = need(name);
    std::span<index_t const> const wanted(shape.begin(), shape.size());
    if (!tensor.dtype.empty()) {
      detail::fail("%s: %s has dtype %s, must be F32, F16, BF16 or F64%s", operation_, detail::shown_name(name).c_str(),
                   tensor.dtype.c_str(), place_of(tensor).c_str());
    }
    if (!std::equal(wanted.begin(), wanted.end(), tensor.shape.begin(), tensor.shape.end())) {
      detail::fail("%s: %s is %s, must be %s%s", operation_, detail::shown_name(name).c_str(),
                   detail::shown_shape(tensor.shape).c_str(), detail::shown_shape(wanted).c_str(),
                   place_of(tensor).c_str());
    }
    fate& mark = fate_of(tensor);
    if (mark == taken) detail::fail("%s: %s is taken twice", operation_, detail::shown_name(name).c_str());
    mark = taken;
    return {tensor.data, static_cast<std::size_t>(tensor.size())};
  }

  /// Passes over a tensor if it is there, of whatever type. A name that ends with '.' means all that begin with it.
  void ignore(std::string_view name) {
    bool const prefix = name.ends_with('.');
    for (named_tensor<T> const& tensor : weights_) {
      bool const meant = prefix ? std::string_view(tensor.name).starts_with(name) : tensor.name == name;
      if (meant && fate_of(tensor) == untouched) fate_of(tensor) = ignored;
    }
  }

  /// @throws shape_error  if a tensor was neither taken nor ignored
  void finish() const {
    named_tensor<T> const* first = nullptr;
    index_t more = -1;
    for (named_tensor<T> const& tensor : weights_) {
      if (fates_[place_in_order(tensor)] != untouched) continue;
      if (first == nullptr) first = &tensor;
      ++more;
    }
    if (first == nullptr) return;
    std::string const others = more > 0 ? " and " + std::to_string(more) + " more are" : " is";
    detail::fail("%s: tensor %s%s not part of the model%s", operation_, detail::shown_name(first->name).c_str(),
                 others.c_str(), place_of(*first).c_str());
  }

 private:
  enum fate : unsigned char { untouched, ignored, taken };

  named_tensor<T> const& need(std::string_view name) const {
    named_tensor<T> const* const tensor = weights_.find(name);
    if (tensor == nullptr) {
      std::string const in = weights_.source().empty() ? "" : " in " + detail::shown_source(weights_.source());
      detail::fail("%s: no tensor %s%s", operation_, detail::shown_name(name).c_str(), in.c_str());
    }
    return *tensor;
  }

  std::size_t place_in_order(named_tensor<T> const& tensor) const {
    return static_cast<std::size_t>(&tensor - weights_.begin());
  }
  fate& fate_of(named_tensor<T> const& tensor) { return fates_[place_in_order(tensor)]; }

  std::string place_of(named_tensor<T> const& tensor) const {
    return detail::shown_place(weights_.source(), tensor.byte);
  }

  char const* operation_;
  state_dict<T> const& weights_;
  std::vector<fate> fates_;
};

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
