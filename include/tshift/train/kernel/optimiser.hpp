// SPDX-License-Identifier: MIT
// The step of Adam in both its forms.
#pragma once

#include <cmath>
#include <cstddef>

#include <tshift/train/kernel/flat.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train::kernel {

inline void check_number(char const* operation, char const* name, double value) {
  if (!(value >= 0) || !std::isfinite(value)) {
    detail::fail("%s: %s = %g, must be >= 0 and finite", operation, name, value);
  }
}

template <class Options, class Memory>
void check_adam(char const* name, parameter_table const& table, Options const& o, index_t step, Memory const& memory,
                double scale) {
  check_number(name, "rate", o.rate);
  check_number(name, "eps", o.eps);
  check_number(name, "decay", o.decay);
  check_number(name, "scale", scale);
  if (!(o.beta1 >= 0 && o.beta1 < 1)) detail::fail("%s: beta1 = %g, must be in [0, 1)", name, o.beta1);
  if (!(o.beta2 >= 0 && o.beta2 < 1)) detail::fail("%s: beta2 = %g, must be in [0, 1)", name, o.beta2);
  if (step < 1) detail::fail("%s: step = %td, must be >= 1", name, step);
  index_t const size = table.size();
  check_flat_apart(
      name, {check_flat(name, "values", memory.values, size), check_flat(name, "gradients", memory.gradients, size),
             check_flat(name, "first", memory.first, size), check_flat(name, "second", memory.second, size)});
}

/// Both forms of Adam. Numbers of a step are computed in double: 1 - beta in float would be off in the fifth digit.
template <bool Decoupled, class T, class Executor, class Options, class Memory>
void adam_step(Executor& exec, parameter_table const& table, Options const& o, index_t step, Memory const& memory,
               double scale) {
  using arch = xsimd::default_arch;
  auto const steps = static_cast<double>(step);
  double const correction1 = 1 - std::pow(o.beta1, steps), correction2 = 1 - std::pow(o.beta2, steps);
  for_all_trained(exec, table, 7 * static_cast<index_t>(sizeof(T)),
                  [&o, &memory, scale, correction1, correction2](parameter const& p, index_t begin, index_t count) {
                    using batch = xsimd::batch<T, arch>;
                    double const rate = o.rate * p.rate, decay = p.decays ? o.decay : 0;
                    batch const by(static_cast<T>(scale)), keep1(static_cast<T>(o.beta1)),
                        keep2(static_cast<T>(o.beta2)), add1(static_cast<T>(1 - o.beta1)),
                        add2(static_cast<T>(1 - o.beta2)), root(static_cast<T>(1 / std::sqrt(correction2))),
                        eps(static_cast<T>(o.eps)), length(static_cast<T>(rate / correction1)),
                        shrink(static_cast<T>(Decoupled ? 1 - rate * decay : decay));
                    auto const change = [&by, &keep1, &keep2, &add1, &add2, &root, &eps, &length, &shrink](
                                            batch const& gradient, batch& value, batch& m, batch& v) {
                      batch g = gradient * by;
                      if constexpr (Decoupled) {
                        value = value * shrink;
                      } else {
                        g = xsimd::fma(shrink, value, g);
                      }
                      m = xsimd::fma(add1, g, m * keep1);
                      v = xsimd::fma(add2 * g, g, v * keep2);
                      value = value - length * m / xsimd::fma(xsimd::sqrt(v), root, eps);
                    };
                    update<arch>(count, change, memory.gradients.data() + begin, memory.values.data() + begin,
                                 memory.first.data() + begin, memory.second.data() + begin);
                  });
}

}}}}  // namespace tshift::train::kernel
