// SPDX-License-Identifier: MIT
// Multi-head self-attention, with or without relative positions.
#pragma once

#include <tshift/macros/away.hpp>

#include <cmath>
#include <cstddef>
#include <span>
#include <utility>

#include <tshift/nn/block.hpp>
#include <tshift/nn/gated_positions.hpp>
#include <tshift/nn/kernel/attention.hpp>
#include <tshift/nn/linear.hpp>
#include <tshift/nn/options.hpp>
#include <tshift/weights/values.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// For each of H heads, with q, k, v = the head's part of W x + b, d = D / H and p = table[l - r + R - 1]:
///
///   y[n, l] = sum over r of softmax over r ((q[l] . k[r] + q[l] . p + k[r] . p) / sqrt(d)) v[r]
///
/// x [N, T, I], y [N, T, D], I being D unless attention_sizes says otherwise; the heads' results stand side by side. No
/// output projection, no residual: linear(...).forward_add(y, x, z) is both. Lengths of x are honoured: frames past a
/// sequence's length are not attended to, and are zeros in y. The table has 2 R - 1 rows, for sequences of at most R
/// frames. Accuracy: about 2e-6 of the largest |v| (float).
/// Cost: 6 N T I D + 4 N T^2 D FLOPs, and 2 N T^2 D more for each kind of relative position.
/// Source: Vaswani et al. 2017, arXiv:1706.03762; Shaw et al. 2018, arXiv:1803.02155; Huang et al. 2020,
/// arXiv:2009.13658 (relative_key_query).
template <class T>
class self_attention : public calls<self_attention<T>, T> {
 public:
  static constexpr char const* name = "self_attention";  ///< in messages

  self_attention() = default;

  /// @param channels  D
  /// @param heads     H, divides D
  /// @param weight    [3 D, D]: queries, keys, values, each with its heads side by side; copied
  /// @param bias      [3 D], or empty for none; copied
  /// @param kind      where positions enter
  /// @param table     [2 R - 1, D / H] for the relative kinds, row i for the distance l - r = i - R + 1; copied
  /// @throws shape_error  a span has another size, or H does not divide D
  self_attention(index_t channels, index_t heads, weights::values<T> weight, weights::values<T> bias,
                 frame_positions kind = frame_positions::absolute, weights::values<T> table = {})
      : self_attention(attention_sizes{channels, heads, checked_depth(channels, heads)}, weight, bias, kind, table) {}

  /// Heads of any depth d over x of any width I: weight [3 D, I] with D = H d; the rest as above.
  self_attention(attention_sizes const& sizes, weights::values<T> weight, weights::values<T> bias,
                 frame_positions kind = frame_positions::absolute, weights::values<T> table = {})
      : inputs_(sizes.inputs), channels_(detail::checked_product("self_attention", {sizes.heads, sizes.depth})),
        heads_(sizes.heads), kind_(kind) {
    if (heads_ < 1) detail::fail("self_attention: %td heads, must be >= 1", heads_);
    if (kind < frame_positions::absolute || kind > frame_positions::relative_key_query) {
      detail::fail("self_attention: position = %d, must be a named position", static_cast<int>(kind));
    }
    qkv_ = linear<T>(inputs_, detail::checked_product("self_attention", {3, channels_}), weight, bias);
    if (kind == frame_positions::absolute) {
      detail::check_weight("self_attention", "table", table.size(), 0);
      return;
    }
    index_t const depth = sizes.depth, size = table.size(), rows = depth > 0 ? size / depth : 1;
    if (rows % 2 == 0 || size != rows * depth) {
      detail::fail("self_attention: table has %td elements, must have an odd number of rows of %td", size, depth);
    }
    reach_ = (rows + 1) / 2;
    auto const no_bias = [](index_t) { return T(0); };
    ascending_ = kernel::packed_matrix<T>(
        depth, rows, [&table, depth](index_t k, index_t j) { return table[j * depth + k]; }, no_bias);
    descending_ = kernel::packed_matrix<T>(
        depth, rows, [&table, rows, depth](index_t k, index_t j) { return table[(rows - 1 - j) * depth + k]; },
        no_bias);
  }

  /// The same with WavLM's positions: scores q[l] . k[r] / sqrt(d) + gate(l) table[bucket(r - l)], see gated_positions.
  /// @throws shape_error  they have other heads, or heads of another depth
  self_attention(index_t channels, index_t heads, weights::values<T> weight, weights::values<T> bias,
                 gated_positions<T> positions)
      : self_attention(channels, heads, weight, bias) {
    if (positions.heads() != heads || positions.depth() * heads != channels) {
      detail::fail("self_attention: the positions are of %td heads of %td channels, must be of %td heads of %td",
                   positions.heads(), positions.depth(), heads, channels / heads);
    }
    gated_ = std::move(positions);
  }

  /// Number of channels of y: of all heads together.
  index_t channels() const noexcept { return channels_; }
  /// Number of heads.
  index_t heads() const noexcept { return heads_; }
  /// Which positions the scores know.
  frame_positions kind() const noexcept { return kind_; }
  /// The longest sequence the table of distances serves; -1 where there is no table.
  index_t longest() const noexcept { return kind_ == frame_positions::absolute ? -1 : reach_; }

  /// Number of channels of x.
  index_t inputs() const noexcept { return inputs_; }
  /// Number of channels of y.
  index_t outputs() const noexcept { return channels_; }

  /// What a call needs: queries, keys and values of some sequences, and a room for each part of their heads.
  struct slices {
    T* qkv;    ///< [sequences, T, 3 D]
    T* rooms;  ///< one for each part
  };

  /// Unchecked.
  slices layout(arena<T>& a, shape const& x) const {
    if (detail::checked_product(name, {x.batch, x.time, 3, channels_}) == 0) return {nullptr, nullptr};
    // Each part takes less than one of these products, which are far from overflow themselves.
    if (constexpr index_t most = index_t{1} << 28; x.time > most || channels_ > most) {
      detail::fail("self_attention: %td frames of %td channels, each must be <= %td", x.time, channels_, most);
    }
    T* const qkv = a.take({together(x), x.time, 3, channels_});
    return {qkv, a.take({heads_of(x).parts, room(x.time).total()})};
  }

  /// Refuses what does not fit.
  void check(input<T> const& x, tensor_view<T> const& y) const {
    detail::check_block(name, x, inputs_, y, channels_);
    for (index_t n = 0; n < x.shape().batch && kind_ != frame_positions::absolute && channels_ > 0; ++n) {
      if (x.base().length(n) > reach_) {
        detail::fail("self_attention: sequence %td has %td frames, the table of distances serves at most %td", n,
                     x.base().length(n), reach_);
      }
    }
  }

  /// Unchecked.
  /// @param all_ask  whether frames past a sequence's length attend to those before it, as padding does in PyTorch;
  ///                 without, they are zeros
  template <class Executor>
  void compute(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, arena<T> a,
               bool all_ask = false) const {
    index_t const N = x.shape().batch, time = x.shape().time;
    if (N == 0 || time == 0 || channels_ == 0) return;
    slices const memory = layout(a, x.shape());
    index_t const group = together(x.shape());
    kernel::row_split const all_heads = kernel::split_for<Executor>(heads_of(x.shape()));
    kernel::frame_rows<T> const frames{x};
    for (index_t begin = 0; begin < N; begin += group) {
      index_t const count = N - begin < group ? N - begin : group;
      auto const rows = kernel::split_for<Executor>({count * time, 3 * inputs_ * channels_, 8});
      kernel::for_parts(exec, rows.parts, [this, &rows, &frames, &memory, first_row = begin * time](index_t part) {
        index_t const first = rows.begin(part);
        qkv_.rows(frames, first_row + first, rows.end(part) - first,
                  {memory.qkv + first * 3 * channels_, 3 * channels_});
      });
      kernel::row_split const heads = all_heads.resized(count * heads_);
      kernel::for_parts(exec, heads.parts, [this, &heads, &memory, &frames, &y, begin, time, all_ask](index_t part) {
        T* const space = memory.rooms + part * room(time).total();
        for (index_t i = heads.begin(part); i < heads.end(part); ++i) {
          index_t const n = i / heads_, h = i % heads_;
          one_head(memory.qkv + n * time * 3 * channels_, h, frames, all_ask, space, y, begin + n);
        }
      });
    }
  }

 private:
  using arch = xsimd::default_arch;

  /// Sequences whose queries, keys and values are computed at once: several if they are short.
  static index_t together(shape const& x) noexcept {
    index_t const fit = 384 / x.time;
    return fit < 1 ? 1 : fit < x.batch ? fit : x.batch;
  }

  /// The heads of the sequences that are computed at once, in parts. Where keys have positions, a room has T^2 elements:
  /// then there are four at most.
  kernel::row_split heads_of(shape const& x) const noexcept {
    index_t const most = kind_ == frame_positions::relative_key_query ? 4 : 16;
    return kernel::row_split::of_tasks(together(x) * heads_, 2 * x.time * x.time * (channels_ / heads_), most);
  }

  kernel::attention_room<T, arch> room(index_t time) const noexcept {
    return {time, channels_ / heads_, kind_ == frame_positions::relative_key_query, gated_.heads() > 0};
  }

  /// Head h of sequence n, and zeros where it has no frames.
  void one_head(T const* qkv, index_t h, kernel::frame_rows<T> const& x, bool all_ask, T* space,
                tensor_view<T> const& y, index_t n) const noexcept {
    index_t const depth = channels_ / heads_, stride = 3 * channels_, time = y.shape.time;
    index_t const length = x.x.base().length(n), asking = length > 0 && all_ask ? time : length;
    kernel::row_block<T> table;
    if (length > 0) {
      T const* const first = qkv + h * depth;
      kernel::attention_head<T> head{{first, stride},
                                     {first + channels_, stride},
                                     {first + 2 * channels_, stride},
                                     asking,
                                     length,
                                     depth,
                                     ascending_.operand(),
                                     descending_.operand(),
                                     reach_,
                                     kind_ != frame_positions::absolute,
                                     kind_ == frame_positions::relative_key_query,
                                     T(1) / std::sqrt(static_cast<T>(depth))};
      if (gated_.heads() > 0) {
        head.bias = gated_.distances().of(h);
        head.gates = gates(x, n * time, asking, h, table, space + room(time).gates_at());
      }
      kernel::attend<T, arch>(head, table, space, y.at(n, 0, h * depth), y.strides.time);
    }
    for (index_t t = asking; t < time; ++t) {
      for (index_t c = 0; c < depth; ++c) y(n, t, h * depth + c) = T(0);
    }
  }

  /// The gates of rows [first, first + count), over the factor of the scores; one each at `to`, and behind them a row.
  T const* gates(kernel::frame_rows<T> const& x, index_t first, index_t count, index_t h, kernel::row_block<T>& table,
                 T* to) const noexcept {
    index_t const depth = channels_ / heads_;
    T const over = std::sqrt(static_cast<T>(depth));
    for (kernel::row_part const part : kernel::row_parts(count)) {
      x.gather(table, first + part.begin, part.count, h * depth, depth, nullptr);
      for (index_t r = 0; r < part.count; ++r) {
        T const* row = table.pieces == 1 ? table.items[0].row[r] : nullptr;
        if (row == nullptr) {
          kernel::collect(table, r, to + count);
          row = to + count;
        }
        to[part.begin + r] = gated_.gate(h, row) * over;
      }
    }
    return to;
  }

  static index_t checked_depth(index_t channels, index_t heads) {
    if (heads < 1 || channels < 0 || channels % heads != 0) {
      detail::fail("self_attention: %td heads, must divide the %td channels", heads, channels);
    }
    return channels / heads;
  }

  index_t inputs_ = 0, channels_ = 0, heads_ = 1;  // channels_: of all heads
  frame_positions kind_ = frame_positions::absolute;
  linear<T> qkv_;
  kernel::packed_matrix<T> ascending_, descending_;
  index_t reach_ = 0;
  gated_positions<T> gated_;  // without heads: none
};

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
