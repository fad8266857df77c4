// SPDX-License-Identifier: MIT
// The parameters of a model in one list: what each is called, its shape, where it lies. Values, gradients and moments are
// flat arrays in the caller's memory, all in this order; optimiser, clipping, checkpoint and finite differences are loops
// over it.
#pragma once

#include <tshift/macros/away.hpp>

#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tshift/error.hpp>
#include <tshift/nn/workspace.hpp>
#include <tshift/weights/text.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// One tensor that training changes.
struct parameter {
  std::string name;            ///< as in PyTorch's state_dict
  std::vector<index_t> shape;  ///< as PyTorch has it
  index_t offset = 0;          ///< its first element in the flat arrays
  index_t size = 0;            ///< elements
  bool decays = true;          ///< whether weight decay acts on it
  bool trains = true;          ///< whether the optimiser changes it
  double rate = 1;             ///< factor of the learning rate
};

/// Where a parameter lies: what a block remembers of it. A block without it (no bias) has size 0.
struct place {
  index_t offset = 0;  ///< first element
  index_t size = 0;    ///< elements

  /// Its elements in one of the flat arrays.
  template <class T>
  T* in(std::span<T> flat) const noexcept {
    return size > 0 ? flat.data() + offset : nullptr;
  }
};

/// All parameters of a model, in the order in which its blocks asked for them.
class parameter_table {
 public:
  /// A new parameter behind all others. What has one dimension (biases, norms) does not decay, as in timm and most recipes.
  /// @throws shape_error  the name is taken, a size is negative
  place add(std::string name, std::vector<index_t> shape) {
    if (find(name) != nullptr) {
      detail::fail("parameter_table: %s is there already", detail::shown_name(name).c_str());
    }
    index_t size = 1;
    for (index_t const each : shape) size = detail::checked_product("parameter_table", {size, each});
    index_t end = 0;
    if (__builtin_add_overflow(size_, size, &end)) {
      detail::fail("parameter_table: the parameters must fit in 2^%d - 1 elements", detail::index_bits);
    }
    bool const decays = shape.size() > 1;
    list_.push_back({std::move(name), std::move(shape), size_, size, decays, true, 1});
    size_ = end;
    return {list_.back().offset, size};
  }

  /// Elements of all parameters: of values, of gradients, of each moment.
  index_t size() const noexcept { return size_; }
  /// Number of parameters.
  index_t count() const noexcept { return static_cast<index_t>(list_.size()); }
  /// The first parameter.
  std::vector<parameter>::const_iterator begin() const noexcept { return list_.begin(); }
  /// Past the last.
  std::vector<parameter>::const_iterator end() const noexcept { return list_.end(); }

  /// The parameter of this name, or null.
  parameter const* find(std::string_view name) const noexcept {
    for (parameter const& each : list_) {
      if (each.name == name) return &each;
    }
    return nullptr;
  }

  /// Whether the optimiser changes what begins with `prefix`; "" means all.
  /// @return how many parameters that are
  index_t set_trains(std::string_view prefix, bool yes) {
    return for_prefix(prefix, [yes](parameter& each) { each.trains = yes; });
  }
  /// Whether weight decay acts on what begins with `prefix`.
  /// @return how many parameters that are
  index_t set_decays(std::string_view prefix, bool yes) {
    return for_prefix(prefix, [yes](parameter& each) { each.decays = yes; });
  }
  /// The factor of the learning rate for what begins with `prefix`: learned shifts want 10, and no decay.
  /// @return how many parameters that are
  /// @throws shape_error  the factor is negative or not finite
  index_t set_rate(std::string_view prefix, double factor) {
    if (!(factor >= 0) || !std::isfinite(factor)) {
      detail::fail("parameter_table: rate = %g, must be >= 0 and finite", factor);
    }
    return for_prefix(prefix, [factor](parameter& each) { each.rate = factor; });
  }

 private:
  template <class Body>
  index_t for_prefix(std::string_view prefix, Body const& body) {
    index_t found = 0;
    for (parameter& each : list_) {
      if (!std::string_view(each.name).starts_with(prefix)) continue;
      body(each);
      ++found;
    }
    return found;
  }

  std::vector<parameter> list_;
  index_t size_ = 0;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
