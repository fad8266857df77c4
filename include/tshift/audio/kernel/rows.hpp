// SPDX-License-Identifier: MIT
// What the functions of audio/ share: the checks of [N, T, C] views, and sequences shared out by an executor.
#pragma once

#include <tshift/macros/away.hpp>

#include <type_traits>

#include <tshift/executor.hpp>
#include <tshift/kernel/check.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace audio { namespace detail {

using tshift::detail::check_apart;
using tshift::detail::extent;
using tshift::detail::fail;
using tshift::detail::run_here;

/// Refuses a view that is malformed, of video, or of something else than float or double.
template <class T>
extent check_features(char const* operation, char const* name, tensor_view<T> const& view) {
  static_assert(std::is_floating_point_v<std::remove_const_t<T>>,
                "tshift: audio/ computes features of float or double; convert the samples first");
  extent const result = tshift::detail::check_view(operation, name, view);
  if (view.shape.space != 1) fail("%s: %s has space %td, must be 1", operation, name, view.shape.space);
  return result;
}

/// Runs body(n) for every sequence.
template <class Executor, class Body>
void for_sequences(Executor& exec, index_t sequences, Body const& body) {
  if constexpr (std::is_same_v<std::remove_cvref_t<Executor>, run_here>) {
    for (index_t n = 0; n < sequences; ++n) body(n);
  } else {
    if (sequences < 2) {
      for (index_t n = 0; n < sequences; ++n) body(n);
    } else {
      exec(sequences, [&body](index_t n) noexcept { body(n); });
    }
  }
}

}}}}}  // namespace tshift::audio::detail

#include <tshift/macros/back.hpp>
