// SPDX-License-Identifier: MIT
// A one-layer LSTM, in one direction or both.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>

#include <tshift/nn/gemm.hpp>
#include <tshift/nn/input.hpp>
#include <tshift/weights/values.hpp>
#include <tshift/nn/kernel/lstm.hpp>

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
/// frame, and frames of y behind it are zeros (as PyTorch's packed sequences, padded again). Source: torch.nn.LSTM.
/// Accuracy: about 1e-6 of the largest |y| (float). Cost: 8 N T H (D + H) FLOPs per direction; each step reads W_hh.
template <class T>
class lstm {
 public:
  lstm() = default;

  /// One direction.
  /// @param inputs   D >= 0
  /// @param hidden   H >= 0
  /// @param forward  copied, and packed
  /// @throws shape_error  a span has another size
  lstm(index_t inputs, index_t hidden, lstm_weights<T> const& forward)
      : inputs_(inputs), hidden_(hidden), forward_(pack(forward)) {}

  /// Both directions.
  lstm(index_t inputs, index_t hidden, lstm_weights<T> const& forward, lstm_weights<T> const& backward)
      : inputs_(inputs), hidden_(hidden), count_(2), forward_(pack(forward)), backward_(pack(backward)) {}

  lstm(lstm const&) = default;
  lstm(lstm&&) noexcept = default;
  /// The copy is made first: running out of memory leaves the old one whole.
  lstm& operator=(lstm const& other) { return *this = lstm(other); }
  lstm& operator=(lstm&&) noexcept = default;
  ~lstm() = default;

  /// Number of channels of x.
  index_t inputs() const noexcept { return inputs_; }
  /// Number of hidden units of one direction.
  index_t hidden() const noexcept { return hidden_; }
  /// Number of channels of y: hidden() for each direction.
  index_t outputs() const noexcept { return count_ * hidden_; }

  /// Elements of T that forward needs for an input of this shape.
  index_t workspace_size(shape const& x) const {
    index_t const rows = detail::checked_product("lstm", {x.batch, x.time, kernel::gates, padded()});
    index_t const cells = detail::checked_product("lstm", {x.batch, padded()});
    index_t total = 0;
    if (__builtin_add_overflow(rows, cells, &total)) {
      detail::fail("lstm: the workspace must fit in 2^%d - 1 elements", detail::index_bits);
    }
    return total;
  }

  /// @param x          a view or shifted(view, plan)
  /// @param y          other memory than x
  /// @param workspace  workspace_size(x.shape()) elements
  /// @throws shape_error  sizes disagree, channels are not neighbours, or the views overlap; before the first write
  void forward(input<T> const& x, tensor_view<T> const& y, std::span<T> workspace) const {
    detail::check_block("lstm", x, inputs_, y, outputs());
    detail::check_workspace("lstm", workspace, workspace_size(x.shape()));
    index_t const N = x.shape().batch, time = x.shape().time;
    for (index_t n = 0; n < N; ++n) {
      for (index_t t = x.base().length(n); t < time; ++t) {
        for (index_t c = 0; c < outputs(); ++c) y(n, t, c) = T(0);
      }
    }
    if (N == 0 || time == 0 || hidden_ == 0) return;
    T* const sums = workspace.data();
    T* const cells = sums + N * time * kernel::gates * padded();
    for (index_t d = 0; d < count_; ++d) {
      one_direction const& weights = d == 0 ? forward_ : backward_;
      weights.input.multiply(x.view(), 0, N * time, sums, kernel::gates * padded());
      for (index_t begin = 0; begin < N; begin += kernel::row_capacity) {
        index_t const count = N - begin < kernel::row_capacity ? N - begin : kernel::row_capacity;
        run(weights, d, begin, count, x.base(), y, sums, cells);
      }
    }
  }

 private:
  using arch = xsimd::default_arch;
  static constexpr index_t lanes = kernel::lanes_of<T, arch>;

  struct one_direction {
    packed_matrix<T> input;                 // W_ih and both biases, columns in the order of the panels
    kernel::aligned_vector<T> recurrent{};  // W_hh in panels
  };

  index_t padded() const noexcept { return (hidden_ + lanes - 1) / lanes * lanes; }

  /// Where column j of the panels lies in PyTorch's order; -1 for a unit that only fills up a vector.
  index_t source(index_t j) const noexcept {
    index_t const unit = j / (kernel::gates * lanes) * lanes + j % lanes;
    return unit < hidden_ ? j / lanes % kernel::gates * hidden_ + unit : -1;
  }

  one_direction pack(lstm_weights<T> const& w) const {
    index_t const rows = detail::checked_product("lstm", {kernel::gates, hidden_});
    detail::check_weight("lstm", "weight_ih", w.weight_ih.size(), detail::checked_product("lstm", {rows, inputs_}));
    detail::check_weight("lstm", "weight_hh", w.weight_hh.size(), detail::checked_product("lstm", {rows, hidden_}));
    detail::check_weight("lstm", "bias_ih", w.bias_ih.size(), rows);
    detail::check_weight("lstm", "bias_hh", w.bias_hh.size(), rows);
    auto const at = [](weights::values<T> const& values, index_t i) { return values[i]; };
    index_t const columns = kernel::gates * padded();
    one_direction result{packed_matrix<T>(
        inputs_, columns,
        [&](index_t i, index_t j) { return source(j) < 0 ? T(0) : at(w.weight_ih, source(j) * inputs_ + i); },
        [&](index_t j) { return source(j) < 0 ? T(0) : at(w.bias_ih, source(j)) + at(w.bias_hh, source(j)); })};
    result.recurrent.resize(static_cast<std::size_t>(hidden_ * columns));
    constexpr index_t width = kernel::gates * lanes;
    T* to = result.recurrent.data();
    for (index_t panel = 0; panel < columns; panel += width) {
      for (index_t k = 0; k < hidden_; ++k) {
        for (index_t j = panel; j < panel + width; ++j) {
          *to++ = source(j) < 0 ? T(0) : at(w.weight_hh, source(j) * hidden_ + k);
        }
      }
    }
    return result;
  }

  /// All steps of sequences [begin, begin + count) in direction d. Sequences that have ended drop out.
  void run(one_direction const& weights, index_t d, index_t begin, index_t count, tensor_view<T const> const& x,
           tensor_view<T> const& y, T const* sums, T* cells) const noexcept {
    kernel::row_block<T> from;
    kernel::lstm_row<T> rows[kernel::row_capacity];
    for (index_t i = 0; i < count * padded(); ++i) cells[i] = T(0);
    for (index_t step = 0; step < x.shape.time; ++step) {
      index_t active = 0;
      for (index_t i = 0; i < count; ++i) {
        index_t const n = begin + i, length = x.length(n);
        if (step >= length) continue;
        index_t const t = d == 0 ? step : length - 1 - step;
        T* const out = y.at(n, t, d * hidden_);
        T const* const before = step > 0 ? y.at(n, d == 0 ? t - 1 : t + 1, d * hidden_) : nullptr;
        rows[active++] = {sums + (n * x.shape.time + t) * kernel::gates * padded(), before, cells + i * padded(), out};
      }
      if (active == 0) return;
      kernel::lstm_step<T, arch>(weights.recurrent.data(), hidden_, active, rows, step == 0, step % 2 == 0, from);
    }
  }

  index_t inputs_ = 0, hidden_ = 0, count_ = 1;
  one_direction forward_, backward_;
};

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
