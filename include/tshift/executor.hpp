// SPDX-License-Identifier: MIT
// Who does the work: an executor is any callable executor(n, body) that runs body(i) once for every i in [0, n), in any
// order, on any threads, and returns when all are done. Without one an operation runs where it is called.
#pragma once

#include <tshift/macros/away.hpp>

#include <concepts>
#include <type_traits>

#include <tshift/error.hpp>

namespace tshift { inline namespace TSHIFT_V {

namespace types {

/// Stands for the body an executor is given: callable with an index, does not throw, may run on several threads.
struct any_body {
  void operator()(index_t) const noexcept;
};

}  // namespace types

/// Callable as executor(index_t n, body).
template <class E>
concept executor = std::invocable<E&, index_t, types::any_body const&>;

}}  // namespace tshift

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// The calling thread, in one piece.
struct run_here {
  template <class Body>
  void operator()(index_t n, Body const& body) const {
    for (index_t i = 0; i < n; ++i) body(i);
  }
};

/// Runs body(first, last) over [0, units) in parts. How many depends on the bytes to move alone, never on the threads.
template <class Executor, class Body>
void share(Executor&& exec, index_t units, index_t bytes, Body const& body) {
  if (units == 0) return;
  if constexpr (std::is_same_v<std::remove_cvref_t<Executor>, run_here>) {
    body(index_t{0}, units);
  } else {
    constexpr index_t bytes_per_part = index_t{256} << 10, most_parts = 1024;
    index_t parts = bytes / bytes_per_part + 1;
    if (parts > most_parts) parts = most_parts;
    if (parts > units) parts = units;
    if (parts == 1) return body(index_t{0}, units);              // nothing to share
    index_t const each = units / parts, longer = units % parts;  // the first `longer` parts take one more
    exec(parts, [&body, each, longer](index_t i) noexcept {
      index_t const first = i * each + (i < longer ? i : longer);
      body(first, first + each + (i < longer ? 1 : 0));
    });
  }
}

}}}}  // namespace tshift::detail

#include <tshift/macros/back.hpp>
