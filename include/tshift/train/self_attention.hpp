// SPDX-License-Identifier: MIT
// Multi-head self-attention, trained.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <tshift/nn/options.hpp>
#include <tshift/train/attention_names.hpp>
#include <tshift/train/kernel/attention_heads.hpp>
#include <tshift/train/linear.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// nn::self_attention with its gradients. With P the weights of a head, g its part of dy, p[m] the row of distance m, and
/// dS[l, r] = P[l, r] (g[l] . v[r] - sum over j of P[l, j] g[l] . v[j]) / sqrt(d):
///
///   dv[r] = sum over l of P[l, r] g[l]                    dq[l] = sum over r of dS[l, r] (k[r] + p[l - r])
///   dk[r] = sum over l of dS[l, r] (q[l] + p[l - r])      dp[m] += sum over l - r = m of dS[l, r] (q[l] + k[r])
///
/// without p in dk and k in dp where keys have no positions; dx, dW and db follow as those of train::linear. The table's
/// gradient is summed head by head, sequence by sequence; a distance that no sequence has gets none.
///
/// Keeps q, k, v [N, T, 3 D] and two numbers for each head and frame; P is computed again. Cost, beside train::linear's:
/// 10 N T^2 D FLOPs for absolute positions, 16 for relative_key, 22 for relative_key_query. Workspace: two blocks
/// [128, T] for each part of the heads, of which there are 16 at most, and twice [T, T] where keys have positions.
/// Accuracy: about 2e-6 of a gradient's size (float). Frames past a length are zeros in y, as in nn::self_attention.
template <class T>
class self_attention : public calls<self_attention<T>, T> {
 public:
  static constexpr char const* name = "self_attention";  ///< in messages

  self_attention() = default;

  /// @param prefix    of the parameters' names
  /// @param channels  D
  /// @param heads     H, divides D
  /// @param kind      where positions enter
  /// @param reach     the longest sequence the table serves; only looked at for the relative kinds
  /// @param names     of its parameters
  /// @throws shape_error  a size is out of range, or the names are taken
  self_attention(parameter_table& table, std::string const& prefix, index_t channels, index_t heads,
                 frame_positions kind = frame_positions::absolute, index_t reach = 0, attention_names const& names = {})
      : self_attention(table, prefix, sizes_of(channels, heads), kind, reach, names) {}

  /// The same with heads of any depth d over x of any width I: D = H d channels in y, and weights of I columns. Without
  /// a bias: names.bias false.
  self_attention(parameter_table& table, std::string const& prefix, attention_sizes const& sizes,
                 frame_positions kind = frame_positions::absolute, index_t reach = 0,
                 attention_names const& names = {}) {
    add_projections(table, prefix, sizes, names);
    heads_ = {
        qkv_.outputs() / 3,
        sizes.heads,
        kernel::distance_table<T>(name, table, prefix + "." + names.distances + ".weight", kind, reach, sizes.depth),
        {}};
  }

  /// The same with WavLM's positions, as nn::self_attention has them: dx is also that by way of the gates.
  /// @param distances  of all layers
  /// @throws shape_error  they have other heads; and as above
  self_attention(parameter_table& table, std::string const& prefix, index_t channels, index_t heads,
                 bucketed_distances<T> const& distances, attention_names const& names = attention_names::apart()) {
    add_projections(table, prefix, sizes_of(channels, heads), names);
    if (distances.heads() != heads) {
      detail::fail("%s: the distances are of %td heads, must be of %td", name, distances.heads(), heads);
    }
    heads_ = {channels,
              heads,
              {},
              gated_positions<T>(table, prefix + "." + names.gate, prefix + "." + names.gate_constant, distances,
                                 channels / heads)};
  }

  /// Number of channels of x.
  index_t inputs() const noexcept { return qkv_.inputs(); }
  /// Number of channels of y: of all heads together.
  index_t outputs() const noexcept { return heads_.channels(); }
  /// Number of heads.
  index_t heads() const noexcept { return heads_.heads(); }
  /// Which positions the scores know.
  frame_positions kind() const noexcept { return heads_.table().kind(); }
  /// The longest sequence the table of distances serves; -1 where there is no table.
  index_t longest() const noexcept { return heads_.table().queries() ? heads_.table().reach() : -1; }
  /// Frames of y.
  index_t frames(index_t time) const noexcept { return time; }
  /// One past the last element of its parameters.
  index_t parameters_end() const noexcept {
    return qkv_.parameters_end() > heads_.parameters_end() ? qkv_.parameters_end() : heads_.parameters_end();
  }

  /// Takes new values. Allocates nothing.
  void pack(std::span<T const> values) noexcept {
    qkv_.pack(values);
    heads_.pack(values);
  }

  /// q, k and v; then of each head and frame the largest score and the sum of exponentials.
  index_t saved_size(shape const& x) const {
    return detail::checked_product(name, {x.batch, x.time, heads_.wide() + 2 * heads()});
  }

  /// Refuses a sequence that is longer than longest().
  void check_input(input<T> const& x) const {
    for (index_t n = 0; n < x.shape().batch && longest() >= 0 && outputs() > 0; ++n) {
      index_t const length = x.base().length(n);
      if (length > longest()) {
        detail::fail("%s: sequence %td has %td frames, the table of distances serves at most %td", name, n, length,
                     longest());
      }
    }
  }

  /// What a pass needs. Sequences are taken some at a time.
  struct slices {
    T* rooms;                                 ///< forward: one for each part of the heads
    kernel::attention_heads_memory<T> heads;  ///< backward
    T* packed;                                ///< backward: x and the gradient of q, k and v, of a sequence
  };

  /// Unchecked.
  slices layout(arena<T>& a, shape const& x) const {
    slices s{};
    if (detail::checked_product(name, {x.batch, x.time, outputs()}) == 0) return s;
    // Each slice is less than one of these products, which are far from overflow themselves.
    constexpr index_t most = index_t{1} << 28;
    if (x.time > most || outputs() > most) {
      detail::fail("%s: %td frames of %td channels, each must be <= %td", name, x.time, outputs(), most);
    }
    shape const some{together(x), x.time, inputs()};
    a.lend([this, &some, &s](arena<T>& in) { s.rooms = heads_.rooms(in, some); });
    s.heads = heads_.layout(a, some);
    s.packed = a.take({kernel::gradient_room<T>(x.time, inputs(), heads_.wide())});
    return s;
  }

  /// Unchecked: y = attention of x, with some weights dropped.
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T* saved, arena<T> a,
           kernel::weight_dropout const& drop = {}) const {
    slices const memory = layout(a, x.shape());
    index_t const time = x.shape().time, wide = heads_.wide();
    kernel::frame_rows<T> const x_rows{x};
    kernel::packed_operand<T> const w = qkv_.matrix().across();
    for (index_t n = 0; n < x.shape().batch; n += together(x.shape())) {
      tensor_view<T const> const frames = group(x, n);
      kernel::later_rows<T> const from{x_rows, n * time};
      tensor_view<T> const qkv(saved + n * time * wide, {frames.shape.batch, time, wide});
      kernel::for_rows_inside(exec, frames, qkv, w.k * w.n,
                              [&from, &w](index_t first, index_t rows, kernel::row_sink<T> to) {
                                kernel::gemm<T, arch>(from, first, rows, w, to);
                              });
      heads_.forward(exec, frames, from, qkv.data, kept(saved, x.shape(), n), drop.from(n),
                     y.slice_sequences(n, frames.shape.batch), memory.rooms);
    }
  }

  /// Unchecked: dx = J' dy (+ skip), and the parameters' gradients.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const* saved, shifted_view<T> const& dy,
                tensor_view<T> const& dx, std::span<T> gradients, arena<T> a,
                kernel::row_source<T> const* skip = nullptr, kernel::weight_dropout const& drop = {}) const {
    slices const memory = layout(a, x.shape());
    index_t const time = x.shape().time, wide = heads_.wide();
    kernel::frame_rows<T> const x_rows{x}, dy_rows{dy};
    for (index_t n = 0; n < x.shape().batch; n += together(x.shape())) {
      tensor_view<T const> const frames = group(x, n);
      kernel::later_rows<T> const from{x_rows, n * time}, with{dy_rows, n * time};
      heads_.backward(exec, frames, from, saved + n * time * wide, kept(saved, x.shape(), n), drop.from(n), with,
                      memory.heads);
      heads_.add_gradients(exec, frames, memory.heads, gradients);
      kernel::plain_rows<T> const dqkv{memory.heads.dqkv, wide};
      if (dx.data != nullptr) {
        tensor_view<T> const to = dx.slice_sequences(n, frames.shape.batch);
        back(exec, frames, dqkv, to, skip, n * time);
        heads_.add_by_gates(frames, memory.heads, to);
      }
      qkv_.add_gradients(exec, frames, from, dqkv, gradients, memory.packed);
    }
  }

 private:
  using arch = xsimd::default_arch;

  static attention_sizes sizes_of(index_t channels, index_t heads) {
    if (heads < 1 || channels < 0 || channels % heads != 0) {
      detail::fail("%s: %td heads, must divide the %td channels", name, heads, channels);
    }
    return {channels, heads, channels / heads};
  }

  void add_projections(parameter_table& table, std::string const& prefix, attention_sizes const& sizes,
                       attention_names const& names) {
    if (sizes.heads < 1) detail::fail("%s: %td heads, must be >= 1", name, sizes.heads);
    auto const parts = static_cast<index_t>(names.projections.size());
    if (parts != 1 && parts != 3) detail::fail("%s: %td names of projections, must be 1 or 3", name, parts);
    index_t const rows = detail::checked_product(name, {3, sizes.heads, sizes.depth}) / parts;
    // One after the other: those of three are one matrix all the same.
    auto const stacked = [&table, &prefix, &names](char const* end, std::vector<index_t> const& shape) {
      place all{table.size(), 0};
      for (std::string const& each : names.projections) {
        std::string name_of = prefix;
        all.size += table.add(name_of.append(".").append(each).append(end), shape).size;
      }
      return all;
    };
    place const weight = stacked(".weight", {rows, sizes.inputs});
    qkv_ = {weight, names.bias ? stacked(".bias", {rows}) : place{}, sizes.inputs, rows * parts};
  }

  /// Sequences that are taken at once: several if they are short.
  static index_t together(shape const& x) noexcept {
    index_t const fit = kernel::frames_at_once / x.time;
    return fit < 1 ? 1 : fit < x.batch ? fit : x.batch;
  }
  static tensor_view<T const> group(shifted_view<T> const& x, index_t n) {
    index_t const rest = x.shape().batch - n, some = together(x.shape());
    return x.base().slice_sequences(n, rest < some ? rest : some);
  }

  /// What is kept beside q, k and v: of sequence n and those after it.
  template <class Element>
  Element* kept(Element* saved, shape const& x, index_t n) const noexcept {
    return saved + x.batch * x.time * heads_.wide() + n * heads_.kept(x.time);
  }

  template <class Executor>
  void back(Executor& exec, tensor_view<T const> const& frames, kernel::row_source<T> dqkv, tensor_view<T> const& dx,
            kernel::row_source<T> const* skip, index_t first_row) const {
    if (skip == nullptr) return kernel::multiply_back(exec, frames, dqkv, qkv_.matrix().back(), dx);
    kernel::later_rows<T> const beside{*skip, first_row};
    kernel::row_source<T> const added(beside);
    kernel::multiply_back(exec, frames, dqkv, qkv_.matrix().back(), dx, &added);
  }

  linear<T> qkv_;
  kernel::attention_heads<T> heads_;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
