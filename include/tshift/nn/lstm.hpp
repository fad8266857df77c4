// SPDX-License-Identifier: MIT
// A one-layer LSTM, in one direction or both.
#pragma once

#include <tshift/macros/away.hpp>

#include <array>
#include <cstddef>
#include <span>

#include <tshift/nn/block.hpp>
#include <tshift/nn/kernel/lstm.hpp>
#include <tshift/weights/shared_array.hpp>
#include <tshift/weights/values.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// The weights of one direction as PyTorch has them: gates in the order i, f, g, o.
template <class T>
struct lstm_weights {
  weights::values<T> weight_ih;  ///< [4 H, D]
  weights::values<T> weight_hh;  ///< [4 H, H]
  weights::values<T> bias_ih;    ///< [4 H]
  weights::values<T> bias_hh;    ///< [4 H]
};

/// For each direction, t ascending or descending, h and c being zero before the first step:
///
///   i, f, o = sigmoid(W_i? x[t] + b_i? + W_h? h + b_h?)    g = tanh(W_ig x[t] + b_ig + W_hg h + b_hg)
///   c = f c + i g        h = o tanh(c)        y[n, t, direction * H + j] = h[j]
///
/// x [N, T, D], y [N, T, directions * H]. Lengths of x are honoured: the backward direction begins at a sequence's last
/// frame, and frames of y past it are zeros (as PyTorch's packed sequences, padded again). Source: torch.nn.LSTM.
/// Accuracy: about 1e-6 of the largest |y| (float). Cost: 8 N T H (D + H) FLOPs per direction; each step reads W_hh.
/// Workspace: the gates of a few hundred steps for each direction and group of sequences. With an executor, directions
/// and groups of sequences run beside each other.
template <class T>
class lstm : public calls<lstm<T>, T> {
 public:
  static constexpr char const* name = "lstm";  ///< in messages

  lstm() = default;

  /// One direction.
  /// @param inputs   D >= 0
  /// @param hidden   H >= 0
  /// @param forward  copied, and packed
  /// @throws shape_error  a span has another size
  lstm(index_t inputs, index_t hidden, lstm_weights<T> const& forward)
      : inputs_(inputs), hidden_(hidden), directions_{{pack(forward), {}}} {}

  /// Both directions.
  lstm(index_t inputs, index_t hidden, lstm_weights<T> const& forward, lstm_weights<T> const& backward)
      : inputs_(inputs), hidden_(hidden), count_(2), directions_{{pack(forward), pack(backward)}} {}

  /// Number of channels of x.
  index_t inputs() const noexcept { return inputs_; }
  /// Number of hidden units of one direction.
  index_t hidden() const noexcept { return hidden_; }
  /// Number of channels of y: hidden() for each direction.
  index_t outputs() const noexcept { return count_ * hidden_; }

  /// For each task the gates of some steps, and the cells. Unchecked.
  T* layout(arena<T>& a, shape const& x) const {
    (void)detail::checked_product(name, {x.batch, x.time, kernel::gates, padded()});
    plan_of_work const plan = plan_for(x);
    return a.take({count_, plan.groups, plan.each, kernel::gates * plan.steps + 1, padded()});
  }

  /// Refuses what does not fit.
  void check(input<T> const& x, tensor_view<T> const& y) const { detail::check_block(name, x, inputs_, y, outputs()); }

  /// Unchecked.
  template <class Executor>
  void compute(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, arena<T> a) const {
    plan_of_work const plan = plan_for(x.shape());
    T* const slices = layout(a, x.shape());
    index_t const one = plan.each * (kernel::gates * plan.steps + 1) * padded();
    index_t const tasks = count_ * plan.groups;
    if (tasks == 1) return walk(exec, 0, 0, x.shape().batch, plan.steps, x, y, slices);
    auto const task = [this, &x, &y, &plan, slices, one](index_t i) {
      index_t const begin = i / count_ * plan.each, rest = x.shape().batch - begin;
      detail::run_here alone;
      walk(alone, i % count_, begin, rest < plan.each ? rest : plan.each, plan.steps, x, y, slices + i * one);
    };
    kernel::for_parts(exec, tasks, task, plan.each * x.shape().time * kernel::gates * hidden_ * (inputs_ + hidden_));
  }

 private:
  using arch = xsimd::default_arch;
  static constexpr index_t lanes = kernel::lanes_of<T, arch>;
  static constexpr index_t width = kernel::gates * lanes;

  struct one_direction {
    kernel::packed_matrix<T> input;      // W_ih and both biases, columns in the order of the panels
    weights::shared_array<T> recurrent;  // W_hh in panels
  };

  /// Sequences that walk together, and the steps whose gates are computed at a time: enough rows for the product with
  /// W_ih, few enough to stay in the caches.
  struct plan_of_work {
    index_t groups, each, steps;
  };
  static plan_of_work plan_for(shape const& x) noexcept {
    constexpr index_t rows = 2 * kernel::row_capacity;
    // Groups of sixteen sequences or more, because each reads W_hh at every step.
    index_t const wanted = (x.batch + 15) / 16, most = kernel::most_parts / 2;
    index_t const at_most = wanted < most ? wanted : most;
    index_t each = at_most > 0 ? (x.batch + at_most - 1) / at_most : 1;
    if (each > kernel::row_capacity) each = kernel::row_capacity;
    index_t steps = rows / each;
    if (steps > x.time) steps = x.time;
    return {(x.batch + each - 1) / each, each, steps};
  }

  index_t padded() const noexcept { return (hidden_ + lanes - 1) / lanes * lanes; }

  /// Where column j of the panels lies in PyTorch's order; -1 for a unit that only fills up a vector.
  index_t source(index_t j) const noexcept {
    index_t const unit = j / width * lanes + j % lanes;
    return unit < hidden_ ? j / lanes % kernel::gates * hidden_ + unit : -1;
  }

  one_direction pack(lstm_weights<T> const& w) const {
    index_t const rows = detail::checked_product(name, {kernel::gates, hidden_});
    detail::check_weight(name, "weight_ih", w.weight_ih.size(), detail::checked_product(name, {rows, inputs_}));
    detail::check_weight(name, "weight_hh", w.weight_hh.size(), detail::checked_product(name, {rows, hidden_}));
    detail::check_weight(name, "bias_ih", w.bias_ih.size(), rows);
    detail::check_weight(name, "bias_hh", w.bias_hh.size(), rows);
    index_t const columns = kernel::gates * padded();
    one_direction result;
    result.input = {
        inputs_, columns,
        [this, &w](index_t i, index_t j) { return source(j) < 0 ? T(0) : w.weight_ih[source(j) * inputs_ + i]; },
        [this, &w](index_t j) { return source(j) < 0 ? T(0) : w.bias_ih[source(j)] + w.bias_hh[source(j)]; }};
    result.recurrent = {static_cast<std::size_t>(hidden_ * columns), [this, &w, columns](T* to) {
                          for (index_t panel = 0; panel < columns; panel += width) {
                            for (index_t k = 0; k < hidden_; ++k) {
                              for (index_t j = panel; j < panel + width; ++j) {
                                *to++ = source(j) < 0 ? T(0) : w.weight_hh[source(j) * hidden_ + k];
                              }
                            }
                          }
                        }};
    return result;
  }

  /// All steps of sequences [begin, begin + count) in direction d, and zeros where they have no frames. Sequences that
  /// have ended drop out. The executor shares out the products with the input; a step waits for the one before it.
  template <class Executor>
  void walk(Executor& exec, index_t d, index_t begin, index_t count, index_t together, shifted_view<T> const& x,
            tensor_view<T> const& y, T* scratch) const noexcept {
    tensor_view<T const> const& base = x.base();
    index_t longest = 0;
    for (index_t n = begin; n < begin + count; ++n) {
      if (base.length(n) > longest) longest = base.length(n);
      for (index_t t = base.length(n); t < base.shape.time; ++t) {
        for (index_t c = 0; c < hidden_; ++c) y(n, t, d * hidden_ + c) = T(0);
      }
    }
    if (hidden_ == 0) return;
    index_t const columns = kernel::gates * padded();
    T* const cells = scratch;
    T* const sums = scratch + count * padded();
    for (index_t i = 0; i < count * padded(); ++i) cells[i] = T(0);
    kernel::row_block<T> from;
    for (index_t first = 0; first < longest; first += together) {
      index_t const steps = longest - first < together ? longest - first : together;
      kernel::step_rows<T> const inputs{x, begin, first, steps, d == 1};
      auto const rows_of = kernel::split_for<Executor>({count * steps, inputs_ * columns, 8});
      kernel::for_parts(exec, rows_of.parts, [this, &rows_of, &inputs, d, sums, columns](index_t part) {
        index_t const row = rows_of.begin(part);
        kernel::gemm<T, arch>(inputs, row, rows_of.end(part) - row,
                              directions_[static_cast<std::size_t>(d)].input.operand(),
                              {sums + row * columns, columns});
      });
      for (index_t step = first; step < first + steps; ++step) {
        kernel::lstm_row<T> rows[static_cast<std::size_t>(kernel::row_capacity)];
        index_t active = 0;
        for (index_t i = 0; i < count; ++i) {
          index_t const n = begin + i, length = base.length(n);
          if (step >= length) continue;
          index_t const t = d == 0 ? step : length - 1 - step;
          T* const out = y.at(n, t, d * hidden_);
          T const* const before = step > 0 ? y.at(n, d == 0 ? t - 1 : t + 1, d * hidden_) : nullptr;
          rows[active++] = {sums + (i * steps + step - first) * columns, before, cells + i * padded(), out};
        }
        kernel::lstm_step<T, arch>(directions_[static_cast<std::size_t>(d)].recurrent.data(), hidden_, active, rows,
                                   step == 0, step % 2 == 0, from);
      }
    }
  }

  index_t inputs_ = 0, hidden_ = 0, count_ = 1;
  std::array<one_direction, 2> directions_;
};

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
