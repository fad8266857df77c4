// SPDX-License-Identifier: MIT
// A one-layer LSTM, in one direction or both, trained.
#pragma once

#include <tshift/macros/away.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <string>

#include <tshift/train/block.hpp>
#include <tshift/train/kernel/lstm.hpp>
#include <tshift/train/kernel/products.hpp>
#include <tshift/train/kernel/weight_gradient.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// nn::lstm with its gradients. For each direction, from a sequence's last step to its first:
///
///   dh = dy[t] + W_hh' da[next]    dc = dh o (1 - tanh(c)^2) + dc[next] f[next]
///   da_i = dc g i (1 - i)    da_f = dc c[before] f (1 - f)    da_g = dc i (1 - g^2)    da_o = dh tanh(c) o (1 - o)
///
/// and after the last of these, over all steps at once:
///
///   dx = sum of W_ih' da    dW_ih += da' x    dW_hh += da' h[before]    db_ih += sum of da    db_hh += sum of da
///
/// The biases have one gradient and are two parameters nevertheless: an optimiser moves both, and so their sum twice as
/// far as a single bias. Parameters, as in PyTorch: `prefix`.weight_ih_l0 [4 H, D], .weight_hh_l0 [4 H, H], .bias_ih_l0
/// and .bias_hh_l0 [4 H], gates in the order i, f, g, o; of the second direction the same with _reverse appended.
///
/// Keeps i, f, g, o and c of all steps: 5 N T H for each direction, H in whole vectors. Not h: the step backwards needs
/// tanh(c) anyhow, and h = o tanh(c). Workspace: da and h of all steps, again 5 N T H for each direction, because the
/// sums of dW go sequence by sequence; a batch that comes in pieces needs less, and gives the same bits. Cost: twice
/// nn::lstm's products. Each step reads W_hh once, forwards and backwards, so it pays to pass 8 to 32 sequences in a
/// call. With an executor, directions and groups of sequences run beside each other.
/// Accuracy: a sum over a sequence is taken in T, and so are the sums of sequences.
/// Source: Hochreiter, Schmidhuber 1997; one product over all steps: Appleyard et al. 2016, arXiv:1604.01946.
template <class T>
class lstm : public frame_calls<lstm<T>, T> {
 public:
  static constexpr char const* name = "lstm";  ///< in messages

  lstm() = default;

  /// @param prefix  of the parameters' names
  /// @throws shape_error  a size is negative, or the names are taken
  lstm(parameter_table& table, std::string const& prefix, index_t inputs, index_t hidden, bool bidirectional = false)
      : inputs_(inputs), hidden_(hidden), count_(bidirectional ? 2 : 1) {
    for (index_t d = 0; d < count_; ++d) {
      directions_[at(d)] = one_direction(table, prefix, d == 0 ? "" : "_reverse", inputs, hidden);
    }
    input_back_.resize(at(count_ * kernel::gates * hidden * padded(inputs)));
    zeros_.resize(at(padded(inputs)));
  }

  /// Number of channels of x.
  index_t inputs() const noexcept { return inputs_; }
  /// Number of hidden units of one direction.
  index_t hidden() const noexcept { return hidden_; }
  /// Number of channels of y: hidden() for each direction.
  index_t outputs() const noexcept { return count_ * hidden_; }
  /// One past the last element of its parameters.
  index_t parameters_end() const noexcept {
    place const& last = directions_[at(count_ - 1)].bias_hh;
    return last.offset + last.size;
  }

  /// Takes new values. Allocates nothing.
  void pack(std::span<T const> values) noexcept {
    for (index_t d = 0; d < count_; ++d) directions_[at(d)].pack(values);
    index_t const rows = kernel::gates * hidden_;
    kernel::pack<T, arch>(
        count_ * rows, inputs_,
        [this, &values, rows](index_t k, index_t i) {
          index_t const d = k < rows ? 0 : 1;
          return directions_[at(d)].weight_ih.in(values)[(k - d * rows) * inputs_ + i];
        },
        input_back_.data());
  }

  /// The gates, and the cells.
  index_t saved_size(shape const& x) const {
    return detail::checked_product(name, {count_, x.batch, x.time, kernel::gates + 1, order().padded()});
  }

  /// Of the backward pass.
  struct slices {
    T* da;      ///< [N, T, directions * 4 H], rows some distance apart
    T* h;       ///< [directions, N, T, H]
    T* carry;   ///< [directions, N, H]
    T* packed;  ///< da and the larger of x and h, of a sequence
  };

  /// Unchecked.
  slices layout(arena<T>& a, shape const& x) const {
    index_t const padded_units = order().padded();
    slices s{};
    s.da = a.take({x.batch, x.time, da_stride()});
    s.h = a.take({count_, x.batch, x.time, padded_units});
    s.carry = a.take({count_, x.batch, padded_units});
    index_t const larger = inputs_ > hidden_ ? inputs_ : hidden_;
    s.packed = a.take({kernel::gradient_room<T>(x.time, larger, kernel::gates * hidden_)});
    return s;
  }

  /// Unchecked.
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T* saved, arena<T>) const {
    kernel::frame_rows<T> const rows{x};
    for (index_t d = 0; d < count_; ++d) {
      kernel::packed_operand<T> const across = directions_[at(d)].packed.input();
      tensor_view<T> const sums(gates_of(saved, x.shape(), d), {x.shape().batch, x.shape().time, across.n});
      kernel::for_rows_inside(exec, x.base(), sums, across.k * across.n,
                              [&rows, &across](index_t first, index_t count, kernel::row_sink<T> to) {
                                kernel::gemm<T, arch>(rows, first, count, across, to);
                              });
    }
    for_walks(exec, x.shape(), [this, &x, &y, saved](index_t d, kernel::lstm_walk const& walk) {
      walk_forward(d, walk, x.base(), y.slice_channels(d * hidden_, hidden_), saved);
    });
  }

  /// Unchecked.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const* saved, shifted_view<T> const& dy,
                tensor_view<T> const& dx, std::span<T> gradients, arena<T> a) const {
    shape const& dims = x.shape();
    slices const memory = layout(a, dims);
    index_t const padded_units = order().padded(), rows = kernel::gates * hidden_, stride = da_stride();
    for_walks(exec, dims, [this, &x, &dy, &memory, saved](index_t d, kernel::lstm_walk const& walk) {
      walk_back(d, walk, x.base(), dy, saved, memory);
    });
    kernel::frame_rows<T> const x_rows{x};
    if (dx.data != nullptr) {
      kernel::plain_rows<T> const all{memory.da, stride};
      kernel::packed_operand<T> const back{input_back_.data(), zeros_.data(), count_ * rows, inputs_};
      kernel::multiply_back<Executor, T>(exec, x.base(), all, back, dx);
    }
    for (index_t d = 0; d < count_; ++d) {
      one_direction const& to = directions_[at(d)];
      kernel::plain_rows<T> const da{memory.da + d * rows, stride};
      T const* const h = memory.h + d * dims.batch * dims.time * padded_units;
      kernel::rows_before<T> const h_rows{h, padded_units, x.base(), d == 1};
      kernel::add_gradient<Executor, T>(exec, x.base(), x_rows, inputs_, da, rows,
                                        kernel::add_to_matrix<T>{to.weight_ih.in(gradients), inputs_},
                                        to.bias_ih.in(gradients), memory.packed);
      kernel::add_gradient<Executor, T>(exec, x.base(), h_rows, hidden_, da, rows,
                                        kernel::add_to_matrix<T>{to.weight_hh.in(gradients), hidden_},
                                        to.bias_hh.in(gradients), memory.packed);
    }
  }

 private:
  using arch = xsimd::default_arch;

  static std::size_t at(index_t i) noexcept { return static_cast<std::size_t>(i); }
  static index_t padded(index_t n) noexcept { return kernel::padded_columns<T, arch>(n); }
  kernel::lstm_order<T, arch> order() const noexcept { return {hidden_}; }

  struct one_direction {
    place weight_ih, weight_hh, bias_ih, bias_hh;
    kernel::lstm_matrices<T> packed;

    one_direction() = default;
    one_direction(parameter_table& table, std::string const& prefix, std::string const& suffix, index_t inputs,
                  index_t hidden) {
      index_t const rows = detail::checked_product(name, {kernel::gates, hidden});
      weight_ih = table.add(prefix + ".weight_ih_l0" + suffix, {rows, inputs});
      weight_hh = table.add(prefix + ".weight_hh_l0" + suffix, {rows, hidden});
      bias_ih = table.add(prefix + ".bias_ih_l0" + suffix, {rows});
      bias_hh = table.add(prefix + ".bias_hh_l0" + suffix, {rows});
      packed = kernel::lstm_matrices<T>(inputs, hidden);
    }

    void pack(std::span<T const> values) noexcept {
      packed.pack(weight_ih.in(values), weight_hh.in(values), bias_ih.in(values), bias_hh.in(values));
    }
  };

  /// Distance of rows of da.
  index_t da_stride() const noexcept { return kernel::stride_for<T>(count_ * kernel::gates * hidden_); }

  /// Where the gates of a direction are kept, and its cells behind those of both: [N, T, ...].
  template <class U>
  U* gates_of(U* saved, shape const& x, index_t d) const noexcept {
    return saved + d * x.batch * x.time * order().columns();
  }
  template <class U>
  U* cells_of(U* saved, shape const& x, index_t d) const noexcept {
    return saved + (count_ * kernel::gates + d) * x.batch * x.time * order().padded();
  }

  /// body(direction, walk) for all groups of sequences, beside each other.
  template <class Executor, class Body>
  void for_walks(Executor& exec, shape const& x, Body const& body) const {
    kernel::lstm_groups const groups(x.batch);
    kernel::for_parts(
        exec, count_ * groups.count,
        [this, &groups, &body](index_t i) { body(i % count_, kernel::lstm_walk(groups, i / count_, i % count_ == 1)); },
        groups.each * x.time * kernel::gates * hidden_ * hidden_);
  }

  void walk_forward(index_t d, kernel::lstm_walk const& walk, tensor_view<T const> const& x, tensor_view<T> const& y,
                    T* saved) const noexcept {
    index_t const columns = order().columns(), padded_units = order().padded(), time = x.shape.time;
    T* const gates = gates_of(saved, x.shape, d);
    T* const cells = cells_of(saved, x.shape, d);
    walk.clear_tails(x, y);
    kernel::lstm_steps<T, arch, kernel::lstm_gates::kept>(
        directions_[at(d)].packed.recurrent(), walk, 0, walk.steps(x), x, y,
        [&walk, gates, cells, columns, padded_units, time](index_t n, index_t step, index_t t, auto& row) {
          row.gates = gates + (n * time + t) * columns;
          row.cell = cells + (n * time + t) * padded_units;
          row.cell_before = step > 0 ? cells + (n * time + walk.before(t)) * padded_units : row.cell;
          for (index_t j = 0; j < padded_units && step == 0; ++j) row.cell[j] = T(0);
        });
  }

  void walk_back(index_t d, kernel::lstm_walk const& walk, tensor_view<T const> const& x, shifted_view<T> const& dy,
                 T const* saved, slices const& memory) const noexcept {
    index_t const columns = order().columns(), padded_units = order().padded(), time = x.shape.time;
    index_t const rows = kernel::gates * hidden_, stride = da_stride();
    T const* const gates = gates_of(saved, x.shape, d);
    T const* const cells = cells_of(saved, x.shape, d);
    T* const h = memory.h + d * x.shape.batch * time * padded_units;
    T* const carry = memory.carry + d * x.shape.batch * padded_units;
    T* const da = memory.da + d * rows;
    kernel::frame_rows<T> const dy_rows{dy};
    auto const row_at = [](auto* from, index_t t, index_t each) { return t < 0 ? nullptr : from + t * each; };
    kernel::lstm_steps_back<T, arch>(directions_[at(d)].packed.recurrent_back(), walk, x, dy_rows, d * hidden_,
                                     [&](index_t n, index_t before, index_t frame, index_t after, auto& row) {
                                       row.gates = gates + frame * columns;
                                       row.cell = cells + frame * padded_units;
                                       row.cell_before = row_at(cells, before, padded_units);
                                       row.da_after = row_at(da, after, stride);
                                       row.carry = carry + n * padded_units;
                                       row.output = h + frame * padded_units;
                                       row.da = da + frame * stride;
                                     });
  }

  index_t inputs_ = 0, hidden_ = 0, count_ = 1;
  std::array<one_direction, 2> directions_;
  kernel::line_vector<T> input_back_, zeros_;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
