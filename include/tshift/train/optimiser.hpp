// SPDX-License-Identifier: MIT
// AdamW, Adam and SGD, as PyTorch has them: one pass over the values, gradients and moments of a parameter_table.
#pragma once

#include <tshift/macros/away.hpp>

#include <cmath>
#include <cstddef>
#include <span>

#include <tshift/executor.hpp>
#include <tshift/train/kernel/optimiser.hpp>
#include <tshift/train/parameter_table.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// Of adamw and adam. The defaults are PyTorch's, but for the decay of its AdamW, which is 0.01.
struct adam_options {
  double rate = 1e-3;    ///< learning rate of this step, >= 0
  double beta1 = 0.9;    ///< in [0, 1): how much of the mean of gradients stays
  double beta2 = 0.999;  ///< in [0, 1): how much of the mean of their squares stays
  double eps = 1e-8;     ///< >= 0, added to the root
  double decay = 0;      ///< >= 0, of parameters that decay
};

/// Of sgd.
struct sgd_options {
  double rate = 1e-3;     ///< learning rate of this step, >= 0
  double momentum = 0;    ///< >= 0; 0: none, and no moments are touched
  bool nesterov = false;  ///< looks ahead; needs momentum
  double decay = 0;       ///< >= 0, added to the gradients of parameters that decay
};

/// The flat arrays of a table, in the caller's memory; the moments are zeros before the first step, and saved with the
/// values and the number of steps. None shares memory with another.
template <class T>
struct optimiser_memory {
  std::span<T> values;           ///< changed
  std::span<T const> gradients;  ///< read
  std::span<T> first{};          ///< changed: means of gradients; of sgd its momentum, where it has one
  std::span<T> second{};         ///< changed: means of their squares; of adamw and adam alone
};

/// One step of AdamW. With g = scale * gradient, and everything but T of a step's numbers in double:
///
///   p = p (1 - rate decay)    m = beta1 m + (1 - beta1) g    v = beta2 v + (1 - beta2) g^2
///   p = p - rate / (1 - beta1^step) * m / (sqrt(v) / sqrt(1 - beta2^step) + eps)
///
/// A parameter's rate is rate * its factor in the table; one that does not decay has decay 0; one that does not train
/// is not touched, nor are its moments. A gradient of zeros still decays the value and moves it by what is left of m;
/// PyTorch does the same, but skips a parameter that has no gradient at all: for that call set_trains(name, false) for
/// the step. One that begins to train later takes the step of the others, where PyTorch counts from 1.
/// Cost: seven arrays at the speed of memory. Allocates nothing.
/// Source: Loshchilov and Hutter (2019); torch.optim.AdamW.
/// @param exec   shares the elements out; not one bit depends on it
/// @param step   counted from 1; the caller keeps it
/// @param scale  of the gradients: clipping::factor
/// @throws shape_error  a number is out of range, an array too short, or two share memory; before the first write
template <class T, executor Executor>
void adamw(Executor&& exec, parameter_table const& table, adam_options const& options, index_t step,
           optimiser_memory<T> const& memory, double scale = 1) {
  kernel::check_adam("adamw", table, options, step, memory, scale);
  kernel::adam_step<true, T>(exec, table, options, step, memory, scale);
}

/// The same where it is called.
template <class T>
void adamw(parameter_table const& table, adam_options const& options, index_t step, optimiser_memory<T> const& memory,
           double scale = 1) {
  detail::run_here exec;
  adamw(exec, table, options, step, memory, scale);
}

/// One step of Adam: as adamw, but that decay is added to the gradient, g = scale * gradient + decay p, and the value
/// is not multiplied. Source: Kingma and Ba (2015); torch.optim.Adam with weight_decay.
template <class T, executor Executor>
void adam(Executor&& exec, parameter_table const& table, adam_options const& options, index_t step,
          optimiser_memory<T> const& memory, double scale = 1) {
  kernel::check_adam("adam", table, options, step, memory, scale);
  kernel::adam_step<false, T>(exec, table, options, step, memory, scale);
}

/// The same where it is called.
template <class T>
void adam(parameter_table const& table, adam_options const& options, index_t step, optimiser_memory<T> const& memory,
          double scale = 1) {
  detail::run_here exec;
  adam(exec, table, options, step, memory, scale);
}

/// One step of gradient descent, with g = scale * gradient + decay p:
///
///   p = p - rate g                         without momentum; the moments may be empty, and are not touched
///   b = momentum b + g    p = p - rate b   with it, b in memory.first
///   p = p - rate (g + momentum b)          with nesterov
///
/// Factors, decay and training of single parameters are as in adamw. Source: torch.optim.SGD with dampening 0.
/// @throws shape_error  a number is out of range, nesterov without momentum, an array too short, or two share memory
template <class T, executor Executor>
void sgd(Executor&& exec, parameter_table const& table, sgd_options const& options, optimiser_memory<T> const& memory,
         double scale = 1) {
  using arch = xsimd::default_arch;
  using batch = xsimd::batch<T, arch>;
  kernel::check_number("sgd", "rate", options.rate);
  kernel::check_number("sgd", "momentum", options.momentum);
  kernel::check_number("sgd", "decay", options.decay);
  kernel::check_number("sgd", "scale", scale);
  bool const moves = options.momentum != 0;
  if (options.nesterov && !moves) detail::fail("sgd: nesterov with momentum 0, must be > 0");
  index_t const size = table.size();
  kernel::check_flat_apart("sgd", {kernel::check_flat("sgd", "values", memory.values, size),
                                   kernel::check_flat("sgd", "gradients", memory.gradients, size),
                                   kernel::check_flat("sgd", "first", memory.first, moves ? size : 0)});
  kernel::for_all_trained(
      exec, table, (moves ? 5 : 3) * static_cast<index_t>(sizeof(T)),
      [&options, &memory, scale, moves](parameter const& p, index_t begin, index_t count) {
        batch const by(static_cast<T>(scale)), length(static_cast<T>(options.rate * p.rate)),
            decay(static_cast<T>(p.decays ? options.decay : 0)), keep(static_cast<T>(options.momentum));
        T const* const gradients = memory.gradients.data() + begin;
        T* const values = memory.values.data() + begin;
        if (!moves) {
          auto const change = [&by, &length, &decay](batch const& gradient, batch& value) {
            value = value - length * xsimd::fma(decay, value, gradient * by);
          };
          return kernel::update<arch>(count, change, gradients, values);
        }
        bool const ahead = options.nesterov;
        auto const change = [&by, &length, &decay, &keep, ahead](batch const& gradient, batch& value, batch& moment) {
          batch const g = xsimd::fma(decay, value, gradient * by);
          moment = xsimd::fma(keep, moment, g);
          value = value - length * (ahead ? xsimd::fma(keep, moment, g) : moment);
        };
        kernel::update<arch>(count, change, gradients, values, memory.first.data() + begin);
      });
}

/// The same where it is called.
template <class T>
void sgd(parameter_table const& table, sgd_options const& options, optimiser_memory<T> const& memory,
         double scale = 1) {
  detail::run_here exec;
  sgd(exec, table, options, memory, scale);
}

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
