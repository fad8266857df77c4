// SPDX-License-Identifier: MIT
// Takes tensors out of one state_dict and puts them into another under other names: how a checkpoint of somebody else's
// becomes one of ours.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <tshift/config.hpp>
#include <tshift/error.hpp>
#include <tshift/weights/state_dict.hpp>
#include <tshift/weights/state_reader.hpp>
#include <tshift/weights/tensor.hpp>
#include <tshift/weights/text.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace weights {

/// A state_reader that hands tensors on instead of reading them: by name and shape, each once, and none left over. They
/// keep their types and their bytes, which stay where they are.
class state_renamer {
 public:
  /// @param operation  who renames, the first word of every message. Must outlive the renamer.
  /// @param from       must stay as it is meanwhile
  state_renamer(char const* operation, state_dict const& from)
      : operation_(operation), from_(from), reader_(operation, from), owner_(std::make_shared<state_dict>(from)) {}

  /// A dictionary for tensors of this one, which keeps alive what this one keeps alive.
  state_dict make_dictionary() const {
    state_dict made = from_.without_tensors();
    made.keep_alive(owner_);
    return made;
  }

  /// The first tensor whose name begins like this, or null.
  tensor const* find_any(std::string_view beginning) const {
    auto const* const found = std::find_if(from_.begin(), from_.end(), [beginning](tensor const& each) {
      return std::string_view(each.name).starts_with(beginning);
    });
    return found == from_.end() ? nullptr : found;
  }

  /// Whether there is one.
  bool has_any(std::string_view beginning) const { return find_any(beginning) != nullptr; }

  /// Number of things that are numbered behind this beginning of names, "layers.0.weight": one more than the largest
  /// number below 1000, and 1 without any, so that what is missing will be named.
  index_t count(std::string_view beginning) const {
    int most = 0;
    for (tensor const& each : from_) {
      std::string_view const name = each.name;
      if (!name.starts_with(beginning)) continue;
      int number = 0;
      auto const read = std::from_chars(name.data() + beginning.size(), name.data() + name.size(), number);
      if (read.ec == std::errc() && number < 1000) most = std::max(most, number);
    }
    return index_t{most} + 1;
  }

  /// A size that a tensor tells.
  /// @throws shape_error  without such a tensor or dimension, and for 0
  index_t size(std::string_view name, index_t axis) const {
    index_t const found = reader_.dimension(name, axis);
    if (found == 0) refuse(name, "must have no size of 0");
    return found;
  }

  /// Takes a tensor that must have this shape. @throws shape_error as state_reader::take does
  tensor const& take(std::string_view name, std::initializer_list<index_t> shape) {
    reader_.take(name, shape);
    return *from_.find(name);
  }

  /// Takes it and adds it to another dictionary. @throws shape_error as above
  void move(std::string_view from, state_dict& to, std::string name, std::initializer_list<index_t> shape) {
    tensor copy = take(from, shape);
    copy.name = std::move(name);
    to.add(std::move(copy));
  }

  /// The same with FROM.weight and, if asked for, FROM.bias, which is as long as the weight's first size says.
  void move_module(std::string const& from, state_dict& to, std::string const& name,
                   std::initializer_list<index_t> shape, bool bias = true) {
    move(from + ".weight", to, name + ".weight", shape);
    if (bias) move(from + ".bias", to, name + ".bias", {*shape.begin()});
  }

  /// Takes a tensor that is several of the same shape, one below the other, and adds each of them.
  void split(std::string_view from, state_dict& to, std::initializer_list<std::string> names,
             std::initializer_list<index_t> shape) {
    tensor const& all = take(from, shape);
    auto const parts = names.size();
    std::size_t const bytes = all.bytes.size() / parts;
    std::size_t at = 0;
    for (std::string const& name : names) {
      std::vector<index_t> part(all.shape);
      part.front() /= static_cast<index_t>(parts);
      index_t const byte = all.byte < 0 ? -1 : all.byte + static_cast<index_t>(at);
      to.add(tensor(name, all.type, std::move(part), all.bytes.subspan(at, bytes), byte));
      at += bytes;
    }
  }

  /// Passes over tensors, as state_reader::ignore does.
  void ignore(std::string_view name) { reader_.ignore(name); }

  /// @throws shape_error  if a tensor was neither taken nor passed over
  void finish() const { reader_.finish(); }

  /// Refuses a tensor that is there for its shape, in the words of a state_reader.
  [[noreturn]] void refuse(std::string_view name, char const* rule) const {
    tensor const& of = *from_.find(name);
    detail::fail("%s: %s is %s, %s%s", operation_, detail::shown_name(name).c_str(),
                 detail::shown_shape(of.shape).c_str(), rule, detail::shown_place(from_.source(), of.byte).c_str());
  }

 private:
  char const* operation_;
  state_dict const& from_;
  state_reader<double> reader_;
  std::shared_ptr<state_dict const> owner_;
};

}}}}  // namespace tshift::weights

#include <tshift/macros/back.hpp>
