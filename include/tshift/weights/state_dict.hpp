// SPDX-License-Identifier: MIT
// Weights by name, as PyTorch's state_dict has them: where models get their tensors from. No file and no JSON in here:
// fill one by hand from spans, or read one from a file with io/safetensors.hpp.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <bit>
#include <complex>
#include <concepts>
#include <cstddef>
#include <functional>
#include <limits>
#include <map>
#include <memory>
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
#include <tshift/weights/stored.hpp>
#include <tshift/weights/tensor.hpp>
#include <tshift/weights/text.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace weights {

/// Tensors by name, in the order they were added, of whatever types they are: a BF16 stays one until a block packs it.
/// Borrows memory, or owns it; copies share what is owned.
class state_dict {
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

  /// Adds a tensor as it is. Its bytes belong to somebody else, and must stay as long as this or a copy is used.
  /// @throws shape_error  for a name that is there already, a shape that is none, a type that is none, and for bytes that
  ///                      do not fit the two; then, and when memory runs out, nothing is added
  void add(tensor from) {
    check_type(from);
    index_t const bits = bits_of(from.type), count = check_shape(from);
    // No more elements than bits, and so no product that overflows.
    auto const given = static_cast<index_t>(from.bytes.size());
    bool const fits = count <= std::numeric_limits<index_t>::max() / bits && count * bits % 8 == 0;
    if (!fits || count * bits / 8 != given) {
      detail::fail("state_dict: tensor %s is %s of %s, but %td bytes are given%s",
                   detail::shown_name(from.name).c_str(), detail::shown_shape(from.shape).c_str(), name_of(from.type),
                   given, place_of(from).c_str());
    }
    append(std::move(from), nullptr);
  }

  /// Adds numbers of this machine: of float and double, of integers, bool and std::complex<float>. They belong to
  /// somebody else, and must stay as long as this or a copy is used. (A big-endian machine keeps a copy of its own.)
  /// @param shape     sizes >= 0, none at all for a single number
  /// @param elements  a span, vector or array of them, row-major: as many as the shape says
  /// @param byte      where they begin in the file; -1: not from a file
  /// @throws shape_error  as above
  template <std::ranges::contiguous_range Range>
  requires std::ranges::borrowed_range<Range>
  void add(std::string name, std::vector<index_t> shape, Range&& elements, index_t byte = -1) {
    using number = std::remove_cv_t<std::ranges::range_value_t<Range>>;
    std::span<number const> const numbers(std::ranges::data(elements), std::ranges::size(elements));
    if constexpr (std::endian::native == std::endian::little || sizeof(number) == 1) {
      add_numbers(std::move(name), std::move(shape), numbers, byte, nullptr);
    } else {
      add_owned(std::move(name), std::move(shape), std::vector<number>(numbers.begin(), numbers.end()), byte);
    }
  }

  /// The same with elements that the dictionary keeps.
  template <class T = float>
  void add_owned(std::string name, std::vector<index_t> shape, std::vector<T> elements, index_t byte = -1) {
    static_assert(!std::same_as<T, bool>,
                  "std::vector<bool> holds bits: give a std::vector<std::uint8_t> of U8 instead");
    if constexpr (std::endian::native != std::endian::little) turn_round(std::span<T>(elements));
    auto const owned = std::make_shared<std::vector<T> const>(std::move(elements));
    add_numbers(std::move(name), std::move(shape), std::span<T const>(*owned), byte, owned);
  }

  /// The tensor of this name, or null. The pointer holds until the next tensor is added.
  tensor const* find(std::string_view name) const {
    auto const place = index_.find(name);
    return place == index_.end() ? nullptr : tensors_.data() + place->second;
  }

  /// Whether there is a tensor of this name.
  bool contains(std::string_view name) const { return find(name) != nullptr; }

  /// Number of tensors.
  index_t size() const noexcept { return static_cast<index_t>(tensors_.size()); }

  /// The first tensor; they stand in the order they were added.
  tensor const* begin() const noexcept { return tensors_.data(); }
  /// Past the last.
  tensor const* end() const noexcept { return tensors_.data() + tensors_.size(); }

  /// From now on models made of this keep the matrices of their products so. The tensors stay what they are.
  void store_as(stored how) noexcept { how_ = how; }
  /// How they do: in full, unless store_as was called.
  stored how() const noexcept { return how_; }
  /// No tensors, but the same source, and the same way to keep matrices: what a part of these is added to.
  state_dict without_tensors() const {
    state_dict none(source_);
    none.store_as(how_);
    return none;
  }

  /// What messages call it, such as a file's name.
  std::string const& source() const noexcept { return source_; }

  /// Keeps something as long as this and its copies: the mapped file in which borrowed tensors lie.
  void keep_alive(std::shared_ptr<void const> memory) { kept_.push_back(std::move(memory)); }

 private:
  template <class T>
  void add_numbers(std::string name, std::vector<index_t> shape, std::span<T const> elements, index_t byte,
                   std::shared_ptr<void const> owner) {
    tensor made(std::move(name), dtype_of<T>(), std::move(shape), std::as_bytes(elements), byte);
    if (check_shape(made) != static_cast<index_t>(elements.size())) {
      detail::fail("state_dict: tensor %s is %s, but %zu elements are given%s", detail::shown_name(made.name).c_str(),
                   detail::shown_shape(made.shape).c_str(), elements.size(), place_of(made).c_str());
    }
    append(std::move(made), std::move(owner));
  }

  void check_type(tensor const& from) const {
    if (from.type > dtype::u64) {
      detail::fail("state_dict: tensor %s has dtype %d, must be a named dtype%s", detail::shown_name(from.name).c_str(),
                   static_cast<int>(from.type), place_of(from).c_str());
    }
  }

  /// Name and shape. @return the number of elements
  index_t check_shape(tensor const& from) const {
    if (contains(from.name)) {
      detail::fail("state_dict: tensor %s is there twice%s", detail::shown_name(from.name).c_str(),
                   place_of(from).c_str());
    }
    for (index_t const size : from.shape) {
      if (size < 0) {
        detail::fail("state_dict: tensor %s is %s, no size may be negative%s", detail::shown_name(from.name).c_str(),
                     detail::shown_shape(from.shape).c_str(), place_of(from).c_str());
      }
    }
    index_t const count = from.size();
    if (count < 0) {
      detail::fail("state_dict: tensor %s is %s, the product of its sizes overflows%s",
                   detail::shown_name(from.name).c_str(), detail::shown_shape(from.shape).c_str(),
                   place_of(from).c_str());
    }
    return count;
  }

  std::string place_of(tensor const& from) const { return detail::shown_place(source_, from.byte); }

  /// All of it, or nothing: whatever may fail comes first.
  void append(tensor made, std::shared_ptr<void const> owner) {
    make_room(tensors_);
    if (owner != nullptr) make_room(kept_);
    index_.emplace(made.name, tensors_.size());
    tensors_.push_back(std::move(made));
    if (owner != nullptr) kept_.push_back(std::move(owner));
  }

  /// The next push_back does not allocate.
  template <class Vector>
  static void make_room(Vector& vector) {
    if (vector.size() == vector.capacity()) vector.reserve(2 * vector.size() + 1);
  }

  /// From this machine's order of bytes to the other, in place.
  template <class T>
  static void turn_round(std::span<T> elements) {
    constexpr std::size_t size = std::same_as<T, std::complex<float>> ? sizeof(float) : sizeof(T);
    auto const bytes = std::as_writable_bytes(elements);
    for (std::size_t i = 0; i < bytes.size(); i += size) {
      auto const one = bytes.subspan(i, size);
      std::reverse(one.begin(), one.end());
    }
  }

  std::string source_;
  std::vector<tensor> tensors_;
  std::map<std::string, std::size_t, std::less<>> index_;
  std::vector<std::shared_ptr<void const>> kept_;
  stored how_ = stored::full;
};

}}}}  // namespace tshift::weights

#include <tshift/macros/back.hpp>
