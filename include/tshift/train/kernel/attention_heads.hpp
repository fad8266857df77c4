// SPDX-License-Identifier: MIT
// All heads of some sequences, whose queries, keys and values lie in memory: attention, and its gradient. A task owns
// whole heads.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <utility>

#include <tshift/nn/kernel/parts.hpp>
#include <tshift/nn/kernel/skip.hpp>
#include <tshift/train/gated_positions.hpp>
#include <tshift/train/kernel/attention.hpp>
#include <tshift/train/kernel/distance_table.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train::kernel {

/// What the gradient of some sequences' heads needs.
template <class T>
struct attention_heads_memory {
  T* dqkv;       // [N, T, 3 D]
  T* distances;  // [N, H, 2 T - 1, d]: what the table adds up
  T* biases;     // [N, H, 2 T - 1]
  T* gates;      // [N, H, gate_sums(d)]
  T* dx;         // [N, T, D]: by way of the gates
  T* rooms;      // one for each part
};

template <class T>
class attention_heads {
 public:
  attention_heads() = default;
  attention_heads(index_t channels, index_t heads, distance_table<T> table, gated_positions<T> gated)
      : channels_(channels), heads_(heads), table_(std::move(table)), gated_(std::move(gated)) {}

  index_t channels() const noexcept { return channels_; }
  index_t heads() const noexcept { return heads_; }
  index_t depth() const noexcept { return channels_ / heads_; }
  /// Channels of q, k and v side by side.
  index_t wide() const noexcept { return 3 * channels_; }
  /// Numbers that are kept of each sequence, in whose order they lie.
  index_t kept(index_t time) const noexcept { return 2 * heads_ * time; }
  distance_table<T> const& table() const noexcept { return table_; }
  bool gated() const noexcept { return gated_.heads() > 0; }
  index_t parameters_end() const noexcept {
    index_t const table = table_.where().offset + table_.where().size, gated = gated_.parameters_end();
    return table > gated ? table : gated;
  }

  void pack(std::span<T const> values) noexcept {
    table_.pack(values);
    gated_.pack(values);
  }

  /// For the forward pass of these sequences: a room for each part of their heads.
  T* rooms(nn::arena<T>& a, shape const& x) const { return a.take({parts(x).parts, inference_room(x.time).total()}); }

  /// For their backward pass.
  attention_heads_memory<T> layout(nn::arena<T>& a, shape const& x) const {
    attention_heads_memory<T> m{};
    m.dqkv = a.take({x.batch, x.time, wide()});
    if (table_.queries()) m.distances = a.take({x.batch, 2 * x.time - 1, channels_});
    if (gated()) {
      m.biases = a.take({x.batch, heads_, 2 * x.time - 1});
      m.gates = a.take({x.batch, heads_, gate_sums(depth())});
      m.dx = a.take({x.batch, x.time, channels_});
    }
    m.rooms = a.take({parts(x).parts, back_room(a.operation(), x.time)});
    return m;
  }

  /// y of frames inside sequences, 0 for others.
  /// @param frames  shape and lengths
  /// @param x       rows numbered through all frames: what gates look at
  /// @param qkv     [N, T, 3 D]
  /// @param keeps   [N, kept(T)], written
  template <class Executor>
  void forward(Executor& exec, tensor_view<T const> const& frames, row_source<T> x, T const* qkv, T* keeps,
               weight_dropout const& drop, tensor_view<T> const& y, T* rooms) const {
    for_heads(exec, frames, [this, &x, &y, &drop, qkv, keeps, rooms](index_t part, one_head const& at, auto& table) {
      T* const to = y.at(at.n, 0, at.h * depth());
      attention_room<T, arch> const sizes = inference_room(at.time);
      T* const room = rooms + part * sizes.total();
      if (at.length > 0) {
        attend<T, arch>(head(qkv, x, at, table, room + sizes.gates_at()), table, room, to, y.strides.time,
                        keep_and_drop<T>{kept_of(keeps, at), factors_of(drop, at)});
      }
      for (index_t t = at.length; t < at.time; ++t) {
        for (index_t c = 0; c < depth(); ++c) to[t * y.strides.time + c] = T(0);
      }
    });
  }

  /// m.dqkv of frames inside sequences, and with gates m.dx. Others are left alone.
  /// @param dy  rows numbered through all frames
  template <class Executor>
  void backward(Executor& exec, tensor_view<T const> const& frames, row_source<T> x, T const* qkv, T const* keeps,
                weight_dropout const& drop, row_source<T> dy, attention_heads_memory<T> const& m) const {
    index_t const size = back_room("self_attention", frames.shape.time);
    for_heads(exec, frames,
              [this, &x, &dy, &m, &drop, qkv, keeps, size](index_t part, one_head const& at, auto& table) {
                if (at.length == 0) return;
                nn::arena<T> own("self_attention", {m.rooms + part * size, static_cast<std::size_t>(size)});
                attention_back_memory<T, arch> const memory(own, at.time, depth(), table_.keys(), gated());
                attention_back<T, arch> const back(head(qkv, x, at, table, memory.gates), table_.ascending().back(),
                                                   table_.descending().back(), memory, table);
                T* const to = m.dqkv + at.n * at.time * wide() + at.h * depth();
                index_t const index = at.n * heads_ + at.h, distances = 2 * at.time - 1;
                back(kept_of(keeps, at), factors_of(drop, at), dy, at.n * at.time, at.h * depth(),
                     {{to, wide()},
                      {to + channels_, wide()},
                      {to + 2 * channels_, wide()},
                      table_.queries() ? m.distances + index * distances * depth() : nullptr,
                      gated() ? m.biases + index * distances : nullptr,
                      memory.gate_slopes});
                if (gated()) gates_back(x, at, table, memory, m);
              });
  }

  /// The gradients of the table or of gates and biases: sequence by sequence, head by head.
  template <class Executor>
  void add_gradients(Executor& exec, tensor_view<T const> const& frames, attention_heads_memory<T> const& m,
                     std::span<T> gradients) const {
    table_.add_gradient(exec, frames, heads_, m.distances, gradients);
    for (index_t i = 0; i < frames.shape.batch * heads_ && gated(); ++i) {
      index_t const length = frames.length(i / heads_), h = i % heads_;
      if (length == 0) continue;
      gated_.distances().add_gradient(h, m.biases + i * (2 * frames.shape.time - 1), length, gradients);
      gated_.add_gradient(h, m.gates + i * gate_sums(depth()), gradients);
    }
  }

  /// dx += m.dx where there are gates.
  void add_by_gates(tensor_view<T const> const& frames, attention_heads_memory<T> const& m,
                    tensor_view<T> const& dx) const noexcept {
    plain_rows<T> const by_gates{m.dx, channels_};
    for (index_t n = 0; n < frames.shape.batch && gated(); ++n) {
      add_rows<T, arch>(by_gates, channels_, n * frames.shape.time, frames.length(n),
                        {dx.at(n, 0, 0), dx.strides.time});
    }
  }

 private:
  using arch = xsimd::default_arch;

  /// Head h of sequence n.
  struct one_head {
    index_t n, h, length, time;
  };

  row_split parts(shape const& x) const noexcept {
    return row_split::of_tasks(x.batch * heads_, 2 * x.time * x.time * depth(), 16);
  }
  attention_room<T, arch> inference_room(index_t time) const noexcept {
    return {time, depth(), table_.keys(), gated()};
  }
  index_t back_room(char const* operation, index_t time) const {
    nn::arena<T> counting(operation);
    attention_back_memory<T, arch>(counting, time, depth(), table_.keys(), gated());
    return counting.most();
  }

  /// body(part, one_head, table) for all heads.
  template <class Executor, class Body>
  void for_heads(Executor& exec, tensor_view<T const> const& frames, Body const& body) const {
    row_split const split = split_for<Executor>(parts(frames.shape));
    for_parts(exec, split.parts, [this, &frames, &split, &body](index_t part) {
      row_block<T> table;
      for (index_t i = split.begin(part); i < split.end(part); ++i) {
        index_t const n = i / heads_;
        body(part, one_head{n, i % heads_, frames.length(n), frames.shape.time}, table);
      }
    });
  }

  /// @param gates  where they are written, and behind them a row
  attention_head<T> head(T const* qkv, row_source<T> const& x, one_head const& at, row_block<T>& table,
                         T* gates) const noexcept {
    T const* const first = qkv + at.n * at.time * wide() + at.h * depth();
    T const over = std::sqrt(static_cast<T>(depth()));
    attention_head<T> all{{first, wide()},
                          {first + channels_, wide()},
                          {first + 2 * channels_, wide()},
                          at.length,
                          at.length,
                          depth(),
                          table_.ascending().across(),
                          table_.descending().across(),
                          table_.reach(),
                          table_.queries(),
                          table_.keys(),
                          T(1) / over};
    if (gated()) {
      gate_weights<T> const w = gated_.of(at.h);
      all.bias = gated_.distances().of(at.h);
      all.gates = gates;
      for_rows_of(x, at, table, gates + at.length,
                  [&w, gates, over](index_t l, T const* row) { gates[l] = w.factors(row).with(w.constant) * over; });
    }
    return all;
  }

  /// body(l, the head's part of frame l of x), which is put together in `row` where it does not lie in one run.
  template <class Body>
  void for_rows_of(row_source<T> const& x, one_head const& at, row_block<T>& table, T* row,
                   Body const& body) const noexcept {
    for (row_part const part : row_parts(at.length)) {
      x.gather(table, at.n * at.time + part.begin, part.count, at.h * depth(), depth(), nullptr);
      for (index_t r = 0; r < part.count; ++r) {
        T const* const run = table.pieces == 1 ? table.items[0].row[r] : nullptr;
        if (run == nullptr) collect(table, r, row);
        body(part.begin + r, run != nullptr ? run : row);
      }
    }
  }

  void gates_back(row_source<T> const& x, one_head const& at, row_block<T>& table,
                  attention_back_memory<T, arch> const& memory, attention_heads_memory<T> const& m) const noexcept {
    index_t const count = gate_sums(depth());
    T* const sums = m.gates + (at.n * heads_ + at.h) * count;
    for (index_t i = 0; i < count; ++i) sums[i] = T(0);
    T* const dx = m.dx + at.n * at.time * channels_ + at.h * depth();
    gate_weights<T> const w = gated_.of(at.h);
    T const over = std::sqrt(static_cast<T>(depth()));
    for_rows_of(x, at, table, memory.gates + at.length, [this, &w, &memory, sums, dx, over](index_t l, T const* row) {
      gate_back<T, arch>(w, row, memory.gate_slopes[l] * over, sums, dx + l * channels_);
    });
  }

  static weight_factors<T> factors_of(weight_dropout const& drop, one_head const& at) noexcept {
    return {drop, at.n, at.h, at.length};
  }

  template <class Element>
  kept_weights<Element> kept_of(Element* keeps, one_head const& at) const noexcept {
    Element* const first = keeps + at.n * kept(at.time) + 2 * at.h * at.time;
    return {first, first + at.time};
  }

  index_t channels_ = 0, heads_ = 1;
  distance_table<T> table_;
  gated_positions<T> gated_;  // without heads: none
};

}}}}  // namespace tshift::train::kernel
