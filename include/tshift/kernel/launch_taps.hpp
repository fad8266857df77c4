// SPDX-License-Identifier: MIT
// From a checked call to the kernels of the weighted shifts, shared out by an executor.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include <tshift/executor.hpp>
#include <tshift/kernel/check.hpp>
#include <tshift/kernel/tap_lines.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// x as a shift of nothing.
template <class T>
shifted_view<T> unshifted(tensor_view<T const> const& x) noexcept {
  types::segment_list whole;
  whole.append(0, x.shape.channels, 0);
  return {x, whole, padding::zero, T(0)};
}

/// Whether rows of channels are what memory has side by side.
template <class T>
bool has_rows(tensor_view<T> const& x) noexcept {
  return x.shape.channels > 1 && x.strides.channels == 1;
}

/// How y's rows are written.
template <class Arch, class T>
kernel::row_stores stores_of(tensor_view<T> const& y) noexcept {
  constexpr auto width = kernel::lanes<T, Arch>::width, size = static_cast<index_t>(sizeof(T));
  if (!kernel::has_streaming_store<Arch> || y.data == nullptr || y.size() * size < TSHIFT_STREAMING_BYTES) return {};
  strides const& s = y.strides;
  if (s.batch % width != 0 || s.time % width != 0 || (y.shape.space > 1 && s.space % width != 0)) return {};
  auto const past = static_cast<index_t>(reinterpret_cast<std::uintptr_t>(y.data) % std::uintptr_t{width * size});
  if (past % size != 0) return {};
  return {true, past > 0 ? width - past / size : 0};
}

/// y[t] = u x[t - i] + v x[t - j] for a checked x and y that are apart and have rows; x through its shift.
template <class Arch, class T, class Executor, class TapOf>
void launch_tap_rows(Executor&& exec, shifted_view<T> const& x, tensor_view<T> const& y, kernel::tap_rule rule,
                     TapOf const& tap_of) {
  auto const stores = stores_of<Arch>(y);
  share(exec, y.shape.batch * y.shape.time * y.shape.space, y.size() * static_cast<index_t>(sizeof(T)),
        [&x, &y, &tap_of, rule, stores](index_t first, index_t last) noexcept {
          kernel::tap_rows<Arch>(x, y, rule, stores, first, last, tap_of);
        });
}

/// The same in any memory order.
template <class Arch, class T, class Executor, class TapOf>
void launch_taps(Executor&& exec, tensor_view<T const> const& x, tensor_view<T> const& y, kernel::tap_rule rule,
                 TapOf const& tap_of) {
  if (has_rows(x) && has_rows(y)) return launch_tap_rows<Arch>(exec, unshifted(x), y, rule, tap_of);
  share(exec, y.shape.batch * y.shape.channels, y.size() * static_cast<index_t>(sizeof(T)),
        [&x, &y, &tap_of, rule](index_t first, index_t last) noexcept {
          kernel::tap_lines<Arch>(x, y, rule, first, last, tap_of);
        });
}

/// A backward pass over rows: tap_gradients::channels. A task owns channels, and reads whole lines of memory.
/// @param back_of  not asked where job.dx has no data
template <class Arch, class T, class Executor, class TapOf, class BackOf>
void launch_gradients(Executor&& exec, kernel::tap_gradients<T> job, TapOf const& tap_of, BackOf const& back_of) {
  constexpr index_t each = 4 * kernel::line_bytes / static_cast<index_t>(sizeof(T));
  index_t const C = job.x.shape().channels;
  job.stores = stores_of<Arch>(job.dx);
  share(exec, (C + each - 1) / each, 2 * job.x.shape().size() * static_cast<index_t>(sizeof(T)),
        [&job, &tap_of, &back_of, C](index_t first, index_t last) noexcept {
          job.template channels<Arch>(first * each, last * each < C ? last * each : C, tap_of, back_of);
        });
}

/// slopes[c] += factor * sum of dy (x at the second tap - x at the first), in any memory order.
template <class Arch, class T, class Executor, class TapOf>
void launch_slopes(Executor&& exec, tensor_view<T const> const& x, tensor_view<T const> const& dy,
                   kernel::tap_rule rule, T factor, T* slopes, TapOf const& tap_of) {
  if (has_rows(x) && has_rows(dy)) {
    shifted_view<T> const from = unshifted(x), above = unshifted(dy);
    return launch_gradients<Arch, T>(exec, {from, above, {}, slopes, factor, rule, rule, {}}, tap_of, tap_of);
  }
  share(exec, x.shape.channels, 2 * x.size() * static_cast<index_t>(sizeof(T)),
        [&x, &dy, &tap_of, rule, factor, slopes](index_t first, index_t last) noexcept {
          kernel::line_slopes<Arch>(x, dy, rule, factor, slopes, first, last, tap_of);
        });
}

/// What all weighted shifts ask of an input and an output that must not be the same.
/// @return  whether there is nothing to do
template <class T>
bool check_taps(char const* operation, char const* input, tensor_view<T const> const& x, char const* output,
                tensor_view<T> const& y) {
  extent const from = check_view(operation, input, x), to = check_view(operation, output, y);
  check_same_shape(operation, from, to);
  check_writable(operation, to);
  if (check_same_or_apart(operation, from, to)) {
    fail("%s: %s is %s, must be other memory", operation, output, input);
  }
  return from.empty();
}

/// The same of two inputs and a gradient for each channel.
template <class T>
bool check_slopes(char const* operation, tensor_view<T const> const& x, tensor_view<T const> const& dy,
                  char const* output, std::span<T> slopes) {
  extent const from = check_view(operation, "x", x), above = check_view(operation, "dy", dy);
  check_same_shape(operation, from, above);
  auto const count = static_cast<index_t>(slopes.size());
  if (count != x.shape.channels) {
    fail("%s: %s has %td elements, x has %td channels", operation, output, count, x.shape.channels);
  }
  extent const to = extent_of(output, tensor_view<T const>(slopes.data(), {1, 1, count}), 0);
  check_apart(operation, from, to);
  check_apart(operation, above, to);
  return from.empty();
}

/// Element types that can be weighted.
template <class Arch, class T>
constexpr void check_numbers() noexcept {
  check_types<Arch, T>();
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>,
                "tshift: weighted shifts compute in float or double; convert the tensor first");
}

}}}}  // namespace tshift::detail

#include <tshift/macros/back.hpp>
