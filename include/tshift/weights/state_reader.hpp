// SPDX-License-Identifier: MIT
// Takes a model's tensors out of a state_dict: by name and shape, each once, and none left over.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tshift/config.hpp>
#include <tshift/error.hpp>
#include <tshift/weights/state_dict.hpp>
#include <tshift/weights/tensor.hpp>
#include <tshift/weights/text.hpp>
#include <tshift/weights/values.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace weights {

/// What stands before a model's names in a checkpoint, "model_state_dict." or "module." for example: before `name` in the
/// tensor that is called so behind a dot; nothing, if one is called `name` itself or there is none.
/// @param operation  who asks, for the message
/// @throws shape_error  if there are two, and none is called `name` itself
inline std::string prefix_of(char const* operation, state_dict const& weights, std::string_view name) {
  if (weights.contains(name)) return {};
  std::string const ending = "." + std::string(name);
  tensor const* found = nullptr;
  for (tensor const& each : weights) {
    if (!each.name.ends_with(ending)) continue;
    if (found != nullptr) {
      detail::fail("%s: %s and %s are of two models%s", operation, detail::shown_name(found->name).c_str(),
                   detail::shown_name(each.name).c_str(), detail::shown_place(weights.source(), each.byte).c_str());
    }
    found = &each;
  }
  return found == nullptr ? std::string() : found->name.substr(0, found->name.size() - name.size());
}

/// Takes the tensors of a model out of a state_dict by name and shape, to be read as T, and at the end refuses what nobody
/// took: a misspelt name or a file of another model does not pass. The dictionary must stay as it is meanwhile.
template <class T>
class state_reader {
 public:
  /// @param operation  who reads, the first word of every message: "shift_cnn". Must outlive the reader.
  /// @param prefix     what stands before the names that are asked for; tensors without it are not this model's, and are
  ///                   left alone
  state_reader(char const* operation, state_dict const& weights, std::string prefix = {})
      : operation_(operation), weights_(weights), prefix_(std::move(prefix)),
        fates_(static_cast<std::size_t>(weights.size())) {}

  /// Whether there is a tensor of this name; it is not taken.
  bool has(std::string_view name) const { return weights_.contains(full(name)); }

  /// The size of one dimension, counted from 0: what a model learns its own sizes from.
  /// @throws shape_error  without such a tensor or dimension
  index_t dimension(std::string_view name, index_t axis) const {
    tensor const& found = need(name);
    if (axis < 0 || static_cast<std::size_t>(axis) >= found.shape.size()) {
      detail::fail("%s: %s is %s, must have a dimension %td%s", operation_, detail::shown_name(found.name).c_str(),
                   detail::shown_shape(found.shape).c_str(), axis, place_of(found).c_str());
    }
    return found.shape[static_cast<std::size_t>(axis)];
  }

  /// The elements of a tensor that must have this shape. They stay in the dictionary, and are converted when they are
  /// read: exactly, except that F64 as float is rounded to nearest.
  /// @throws shape_error  if it is missing, has another shape, is of no floating-point type, was taken before, or is F64
  ///                      with a finite number that float, if T is that, cannot hold
  values<T> take(std::string_view name, std::initializer_list<index_t> shape) {
    return take(name, std::span<index_t const>(shape.begin(), shape.size()));
  }
  /// The same.
  values<T> take(std::string_view name, std::span<index_t const> wanted) {
    tensor const& found = need(name);
    values<T> const result = read_as<T>(found, operation_, weights_.source());
    if (!std::equal(wanted.begin(), wanted.end(), found.shape.begin(), found.shape.end())) {
      detail::fail("%s: %s is %s, must be %s%s", operation_, detail::shown_name(found.name).c_str(),
                   detail::shown_shape(found.shape).c_str(), detail::shown_shape(wanted).c_str(),
                   place_of(found).c_str());
    }
    fate& mark = fate_of(found);
    if (mark == taken) detail::fail("%s: %s is taken twice", operation_, detail::shown_name(found.name).c_str());
    mark = taken;
    return {result, how()};
  }

  /// How the model shall keep the matrices of its products; what take gives says so itself.
  stored how() const noexcept { return weights_.how(); }

  /// Passes over a tensor if it is there, of whatever type. A name that ends with '.' means all that begin with it.
  void ignore(std::string_view name) {
    bool const several = name.ends_with('.');
    std::string const meant_name = full(name);
    for (tensor const& each : weights_) {
      bool const meant = several ? each.name.starts_with(meant_name) : each.name == meant_name;
      if (meant && fate_of(each) == untouched) fate_of(each) = ignored;
    }
  }

  /// @throws shape_error  if a tensor was neither taken nor ignored
  void finish() const {
    tensor const* first = nullptr;
    index_t more = -1;
    for (tensor const& each : weights_) {
      if (fates_[place_in_order(each)] != untouched || !each.name.starts_with(prefix_)) continue;
      if (first == nullptr) first = &each;
      ++more;
    }
    if (first == nullptr) return;
    std::string const others = more > 0 ? " and " + std::to_string(more) + " more are" : " is";
    detail::fail("%s: tensor %s%s not part of the model%s", operation_, detail::shown_name(first->name).c_str(),
                 others.c_str(), place_of(*first).c_str());
  }

 private:
  enum fate : unsigned char { untouched, ignored, taken };

  std::string full(std::string_view name) const { return prefix_ + std::string(name); }

  tensor const& need(std::string_view name) const {
    tensor const* const found = weights_.find(full(name));
    if (found != nullptr) return *found;
    std::string const in = weights_.source().empty() ? "" : " in " + detail::shown_source(weights_.source());
    detail::fail("%s: no tensor %s%s", operation_, detail::shown_name(full(name)).c_str(), in.c_str());
  }

  std::size_t place_in_order(tensor const& of) const noexcept {
    return static_cast<std::size_t>(&of - weights_.begin());
  }
  fate& fate_of(tensor const& of) noexcept { return fates_[place_in_order(of)]; }

  std::string place_of(tensor const& of) const { return detail::shown_place(weights_.source(), of.byte); }

  char const* operation_;
  state_dict const& weights_;
  std::string prefix_;
  std::vector<fate> fates_;
};

}}}}  // namespace tshift::weights

#include <tshift/macros/back.hpp>
