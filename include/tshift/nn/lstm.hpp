// SPDX-License-Identifier: MIT
// A one-layer LSTM, in one direction or both.
#pragma once

#include <tshift/macros/away.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
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

  /// For each task the gates of some steps, the cells, and h rounded, where its products need that. Unchecked.
  T* layout(arena<T>& a, shape const& x) const {
    (void)detail::checked_product(name, {x.batch, x.time, kernel::gates, order().padded()});
    kernel::lstm_groups const groups(x.batch);
    return a.take(
        {count_, groups.count, groups.each, kernel::gates * steps_for(groups, x.time) + others(), order().padded()});
  }

  /// Refuses what does not fit.
  void check(input<T> const& x, tensor_view<T> const& y) const { detail::check_block(name, x, inputs_, y, outputs()); }

  /// Unchecked.
  template <class Executor>
  void compute(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, arena<T> a) const {
    kernel::lstm_groups const groups(x.shape().batch);
    T* const slices = layout(a, x.shape());
    index_t const steps = steps_for(groups, x.shape().time);
    index_t const one = groups.each * (kernel::gates * steps + others()) * order().padded();
    index_t const tasks = count_ * groups.count;
    if (tasks == 1) return walk(exec, 0, {groups, 0, false}, steps, x, y, slices);
    auto const task = [this, &x, &y, &groups, steps, slices, one](index_t i) {
      detail::run_here alone;
      walk(alone, i % count_, {groups, i / count_, i % count_ == 1}, steps, x, y, slices + i * one);
    };
    kernel::for_parts(exec, tasks, task, groups.each * x.shape().time * kernel::gates * hidden_ * (inputs_ + hidden_));
  }

  /// Elements that a layer of one direction carries from one frame of a sequence to the next: c, and h.
  index_t carried() const noexcept { return order().padded() + hidden_; }

  /// Unchecked, one direction: frames of y that follow upon those of a call before, which may have been other memory.
  /// @param x       as many frames as y has
  /// @param state   carried() elements for each sequence; read unless these are the first frames, and written
  /// @param begins  whether they are
  template <class Executor>
  void resume(Executor& exec, kernel::frame_rows<T> const& x, tensor_view<T> const& y, T* state, bool begins,
              arena<T> a) const {
    if (hidden_ == 0 || y.size() == 0) return;
    kernel::lstm_groups const groups(y.shape.batch);
    index_t const time = y.shape.time, steps = steps_for(groups, time), padded = order().padded();
    T* const sums = layout(a, {y.shape.batch, time, inputs_});
    T *const cells = state, *const before = state + y.shape.batch * padded;
    for (index_t i = 0; i < y.shape.batch * padded && begins; ++i) cells[i] = T(0);
    for (index_t g = 0; g < groups.count; ++g) {
      kernel::lstm_walk const group{groups, g, false};
      auto const inputs = [&x, &group](index_t first, index_t some, auto const& use) {
        kernel::frame_rows<T> const frames(x.x, x.from + first, some);
        use(kernel::row_source<T>(kernel::later_rows<T>{frames, group.begin * some}));
      };
      walk_steps(exec, 0, group, time, steps, inputs, y, y, cells + group.begin * padded, sums,
                 begins ? nullptr : before + group.begin * hidden_);
    }
    for (index_t n = 0; n < y.shape.batch; ++n) {
      for (index_t c = 0; c < hidden_; ++c) before[n * hidden_ + c] = y(n, time - 1, c);
    }
  }

 private:
  using arch = xsimd::default_arch;

  struct one_direction {
    kernel::packed_matrix<T> input;               // W_ih and both biases, columns in the order of the panels
    weights::shared_array<T> recurrent;           // W_hh in panels,
    weights::shared_array<std::uint32_t> halves;  // or as bf16
  };

  kernel::lstm_order<T, arch> order() const noexcept { return {hidden_}; }
  /// Rows of a sequence beside its gates.
  index_t others() const noexcept {
    return kernel::multiplies_bf16 && (!directions_[0].halves.empty() || !directions_[1].halves.empty()) ? 2 : 1;
  }

  /// Steps whose gates are computed at a time: enough rows for the product with W_ih, few enough to stay in the caches.
  static index_t steps_for(kernel::lstm_groups const& groups, index_t time) noexcept {
    index_t const steps = 2 * kernel::row_capacity / groups.each;
    return steps < time ? steps : time;
  }

  one_direction pack(lstm_weights<T> const& w) const {
    index_t const rows = detail::checked_product(name, {kernel::gates, hidden_});
    detail::check_weight(name, "weight_ih", w.weight_ih.size(), detail::checked_product(name, {rows, inputs_}));
    detail::check_weight(name, "weight_hh", w.weight_hh.size(), detail::checked_product(name, {rows, hidden_}));
    detail::check_weight(name, "bias_ih", w.bias_ih.size(), rows);
    detail::check_weight(name, "bias_hh", w.bias_hh.size(), rows);
    kernel::lstm_order<T, arch> const at = order();
    detail::check_stored(name, w.weight_ih);
    detail::check_stored(name, w.weight_hh);
    one_direction result;
    result.input = {
        inputs_, at.columns(),
        [this, &at, &w](index_t i, index_t j) {
          return at.source(j) < 0 ? T(0) : w.weight_ih[at.source(j) * inputs_ + i];
        },
        [&at, &w](index_t j) { return at.source(j) < 0 ? T(0) : w.bias_ih[at.source(j)] + w.bias_hh[at.source(j)]; },
        w.weight_ih.how()};
    auto const packed = [&at, &w](auto* to) { at.pack(w.weight_hh, at.units, at.width, to); };
    if (w.weight_hh.how() == stored::bf16) {
      result.halves = {static_cast<std::size_t>(kernel::pairs_of(hidden_) * at.columns()), packed};
    } else {
      result.recurrent = {static_cast<std::size_t>(hidden_ * at.columns()), packed};
    }
    return result;
  }

  /// All steps of a group in direction d, `together` of them at a time, and zeros where sequences have no frames. The
  /// executor shares out the products with the input; a step waits for the one before it.
  template <class Executor>
  void walk(Executor& exec, index_t d, kernel::lstm_walk const& group, index_t together, shifted_view<T> const& x,
            tensor_view<T> const& y, T* scratch) const {
    tensor_view<T> const own = y.slice_channels(d * hidden_, hidden_);
    group.clear_tails(x.base(), own);
    if (hidden_ == 0) return;
    index_t const padded = order().padded();
    T* const cells = scratch;
    for (index_t i = 0; i < group.count * padded; ++i) cells[i] = T(0);
    auto const inputs = [&x, &group](index_t first, index_t steps, auto const& use) {
      use(kernel::row_source<T>(kernel::step_rows<T>{x, group.begin, first, steps, group.backwards}));
    };
    walk_steps(exec, d, group, group.steps(x.base()), together, inputs, x.base(), own, cells,
               scratch + group.count * padded, nullptr);
  }

  /// Steps [0, longest) of a group.
  /// @param inputs  inputs(first, steps, use) calls use(rows) with what its sequences read at these steps
  /// @param before  h before step 0, `hidden` elements for each sequence; null: zeros
  template <class Executor, class Inputs>
  void walk_steps(Executor& exec, index_t d, kernel::lstm_walk const& group, index_t longest, index_t together,
                  Inputs const& inputs, tensor_view<T const> const& lengths, tensor_view<T> const& own, T* cells,
                  T* sums, T const* before) const {
    one_direction const& packed = directions_[static_cast<std::size_t>(d)];
    index_t const columns = order().columns(), padded = order().padded();
    for (index_t first = 0; first < longest; first += together) {
      index_t const steps = longest - first < together ? longest - first : together;
      auto const rows_of = kernel::split_for<Executor>({group.count * steps, inputs_ * columns, 8});
      inputs(first, steps, [&exec, &packed, &rows_of, sums, columns](kernel::row_source<T> rows) {
        kernel::for_parts(exec, rows_of.parts, [&packed, &rows_of, &rows, sums, columns](index_t part) {
          index_t const row = rows_of.begin(part);
          kernel::gemm<T, arch>(rows, row, rows_of.end(part) - row, packed.input.operand(),
                                {sums + row * columns, columns});
        });
      });
      auto const places = [this, &group, sums, cells, before, columns, padded, first, steps](index_t n, index_t step,
                                                                                             index_t, auto& row) {
        index_t const i = n - group.begin;
        row.gates = sums + (i * steps + step - first) * columns;
        row.cell = cells + i * padded;
        row.cell_before = row.cell;
        if (step == 0 && before != nullptr) row.before = before + i * hidden_;
      };
      kernel::lstm_recurrent<T> const w{packed.recurrent.data(), packed.halves.data(),
                                        sums + group.count * together * columns};
      kernel::lstm_steps<T, arch, kernel::lstm_gates::dropped>(w, group, first, first + steps, lengths, own, places,
                                                               before == nullptr);
    }
  }

  index_t inputs_ = 0, hidden_ = 0, count_ = 1;
  std::array<one_direction, 2> directions_;
};

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
