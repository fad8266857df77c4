// SPDX-License-Identifier: MIT
// Loops over the flat arrays of a parameter_table: those that change every element by itself, and those that sum.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>

#include <tshift/executor.hpp>
#include <tshift/nn/input.hpp>
#include <tshift/nn/kernel/vectors.hpp>
#include <tshift/train/kernel/matrix.hpp>
#include <tshift/train/parameter_table.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train::kernel {

/// Refuses an array that does not have an element for each of the table.
template <class T>
detail::extent check_flat(char const* operation, char const* name, std::span<T> flat, index_t size) {
  if (static_cast<index_t>(flat.size()) < size) {
    detail::fail("%s: %s has %td elements, must be >= %td", operation, name, static_cast<index_t>(flat.size()), size);
  }
  return detail::extent_of(name, tensor_view<T const>(flat.data(), {1, 1, size}), 0);
}

/// Refuses arrays of which two share memory. Few, so each is compared with each.
template <std::size_t N>
void check_flat_apart(char const* operation, detail::extent const (&arrays)[N]) {
  for (std::size_t a = 0; a < N; ++a) {
    for (std::size_t b = a + 1; b < N; ++b) detail::check_apart(operation, arrays[a], arrays[b]);
  }
}

/// body(parameter, begin, count) for the elements in [first, last) of the parameters that train.
template <class Body>
void for_trained(parameter_table const& table, index_t first, index_t last, Body const& body) {
  for (parameter const& each : table) {
    if (!each.trains) continue;
    index_t const begin = each.offset > first ? each.offset : first;
    index_t const end = each.offset + each.size < last ? each.offset + each.size : last;
    if (begin < end) body(each, begin, end - begin);
  }
}

/// The same for all of them, shared out: every element is changed by itself, so no bit depends on where a part ends.
/// @param bytes  read and written for an element
template <class Executor, class Body>
void for_all_trained(Executor& exec, parameter_table const& table, index_t bytes, Body const& body) {
  detail::share(exec, table.size(), table.size() * bytes,
                [&table, &body](index_t first, index_t last) { for_trained(table, first, last, body); });
}

/// The parts of a sum, each with a chain of its own: how many depends on the number of elements alone.
inline constexpr index_t sum_parts = 128;

/// Sum of x^2 in double, in sixteen chains: element i is in chain i mod 16.
template <class T>
double squares(T const* x, index_t count) noexcept {
  using batch = xsimd::batch<double, xsimd::default_arch>;
  constexpr index_t chains = 16, block = 64, lanes = lanes_of<double, xsimd::default_arch>, vectors = chains / lanes;
  static_assert(chains % lanes == 0);
  batch sums[static_cast<std::size_t>(vectors)];
  double wide[static_cast<std::size_t>(block)];
  for (batch& each : sums) each = batch(0.0);
  for (index_t i = 0; i < count; i += block) {
    if (count - i >= block) {
#pragma GCC unroll 1  // or -O3 unrolls it before it could become vectors
      for (index_t j = 0; j < block; ++j) wide[j] = static_cast<double>(x[i + j]);
    } else {
      for (index_t j = 0; j < block; ++j) wide[j] = i + j < count ? static_cast<double>(x[i + j]) : 0;
    }
    for (index_t j = 0; j < block; j += chains) {
#pragma GCC unroll 8
      for (index_t v = 0; v < vectors; ++v) {
        batch const each = batch::load_unaligned(wide + j + v * lanes);
        sums[v] = xsimd::fma(each, each, sums[v]);
      }
    }
  }
  double total = 0;
  for (batch const& each : sums) {
    each.store_unaligned(wide);
    for (index_t j = 0; j < lanes; ++j) total += wide[j];
  }
  return total;
}

/// Sum of x^2 of the parameters that train, in double. The same bits whoever shares it.
template <class Executor, class T>
double trained_squares(Executor& exec, parameter_table const& table, T const* x) {
  index_t const size = table.size(), wanted = size / (index_t{1} << 14) + 1;
  index_t const parts = wanted < sum_parts ? wanted : sum_parts;
  double sums[static_cast<std::size_t>(sum_parts)] = {};
  auto const part = [&table, &sums, x, size, parts](index_t i) noexcept {
    for_trained(
        table, size * i / parts, size * (i + 1) / parts,
        [&sums, x, i](parameter const&, index_t begin, index_t count) { sums[i] += squares(x + begin, count); });
  };
  if (parts > 1) {
    exec(parts, part);
  } else {
    part(0);
  }
  double total = 0;
  for (index_t i = 0; i < parts; ++i) total += sums[i];
  return total;
}

/// f(g, s...) for vectors of g and of each state, which f changes. A tail goes through padded copies, as in map().
template <class Arch, class T, class F, class... State>
TSHIFT_INLINE void update(index_t count, F const& f, T const* g, State*... state) noexcept {
  using batch = xsimd::batch<T, Arch>;
  constexpr index_t lanes = lanes_of<T, Arch>;
  index_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    auto const step = [&f, g, i, state...](auto... s) {
      f(batch::load_unaligned(g + i), s...);
      (s.store_unaligned(state + i), ...);
    };
    step(batch::load_unaligned(state + i)...);
  }
  if (i == count) return;
  auto const rest = [&f, g, i, count, state...](auto... s) {
    f(load_part<Arch>(g + i, count - i, T(0)), s...);
    (store_part<Arch>(s, state + i, count - i), ...);
  };
  rest(load_part<Arch>(state + i, count - i, T(0))...);
}

}}}}  // namespace tshift::train::kernel
