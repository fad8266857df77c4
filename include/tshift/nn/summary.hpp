// SPDX-License-Identifier: MIT
// A sequence made one frame: its last, mean, largest, deviation, a mean by attention, or several of them side by side.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <limits>
#include <vector>

#include <tshift/nn/block.hpp>
#include <tshift/nn/kernel/running_summary.hpp>
#include <tshift/nn/options.hpp>
#include <tshift/weights/shared_array.hpp>
#include <tshift/weights/values.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// The network of summary_kind::attention: score[t] = vector . s(weight x[t] + bias).
template <class T>
struct attention_weights {
  weights::values<T> weight;                            ///< [A, C]
  weights::values<T> bias;                              ///< [A], or empty for none
  weights::values<T> vector;                            ///< [A], A >= 1
  attention_scorer scorer = attention_scorer::sigmoid;  ///< s; Chen's network has the sigmoid, most others tanh
};

/// y[n, 0] = the kinds' results side by side, each of C channels, over the frames t < L of sequence n:
///
///   last        x[n, L - 1, c]; where x is of two directions, x[n, 0, c] for its second half of the channels
///   mean        mean over t of x[n, t, c]
///   max         the largest of x[n, t, c]; NaN where one is
///   std         sqrt(mean over t of (x[n, t, c] - mean)^2 + eps)
///   attention   sum over t of softmax over t (score[t]) x[n, t, c]
///
/// x [N, T, C], y [N, 1, kinds C]; L is the length of the sequence. A sequence of no frames gives NaN.
/// Sources: the last state of a torch.nn.LSTM; statistics pooling (Snyder et al. 2017); attention as Chen et al. 2018
/// (3-D ACRNN) have it in their code. Accuracy: sums over frames in ascending order in T, relative error at most
/// L * 2^-24 (float) of the sum of magnitudes; attention about 2e-6 of the largest |x|. Cost: a read of the tensor for
/// each kind, two for std; attention 2 N T C A FLOPs more. Workspace: for each part C numbers, and for attention T and
/// 128 rows of A.
template <class T>
class summary : public calls<summary<T>, T> {
 public:
  static constexpr char const* name = "summary";  ///< in messages
  static constexpr index_t most_kinds = 8;        ///< that stand side by side

  summary() = default;

  /// @param channels    C >= 0
  /// @param kinds       one to eight, in the order of y
  /// @param directions  of the layer that makes x: 1, or 2, which needs an even C; only looked at for last
  /// @param attention   where a kind is attention; copied
  /// @param eps         of std, >= 0
  /// @throws shape_error  a number is out of range, or a span has another size
  explicit summary(index_t channels, std::vector<summary_kind> const& kinds, index_t directions = 1,
                   attention_weights<T> const& attention = {}, T eps = T(1e-5))
      : channels_(channels), count_(static_cast<index_t>(kinds.size())), directions_(directions), eps_(eps) {
    (void)detail::checked_product(name, {channels, most_kinds});
    if (count_ < 1 || count_ > most_kinds) {
      detail::fail("summary: %td kinds, must be in [1, %td]", count_, most_kinds);
    }
    for (index_t i = 0; i < count_; ++i) {
      kinds_[i] = kinds[static_cast<std::size_t>(i)];
      if (kinds_[i] < summary_kind::last || kinds_[i] > summary_kind::attention) {
        detail::fail("summary: kind = %d, must be a named kind", static_cast<int>(kinds_[i]));
      }
    }
    if (directions != 1 && (directions != 2 || channels % 2 != 0)) {
      detail::fail("summary: %td directions of %td channels, must be 1, or 2 of an even number", directions, channels);
    }
    if (!(eps >= 0 && eps <= std::numeric_limits<T>::max())) {
      detail::fail("summary: eps = %g, must be >= 0 and finite", static_cast<double>(eps));
    }
    if (has(summary_kind::attention)) take(attention);
  }

  /// Number of channels of x.
  index_t inputs() const noexcept { return channels_; }
  /// Number of channels of y.
  index_t outputs() const noexcept { return count_ * channels_; }
  /// Whether one of its kinds is this.
  bool has(summary_kind kind) const noexcept {
    for (index_t i = 0; i < count_; ++i) {
      if (kinds_[i] == kind) return true;
    }
    return false;
  }

  /// The same of frames that keep coming, of so many sequences.
  kernel::running_summary<T> running(index_t sequences) const {
    return {sequences, channels_, {kinds_, kinds_ + count_}, eps_, weight_.columns()};
  }
  /// What gives frames their weights, where a kind is attention.
  kernel::frame_scorer<T> scorer() const noexcept { return {weight_.operand(), vector_.data(), scorer_}; }

  /// Rooms of the parts, one after the other.
  T* layout(arena<T>& a, shape const& x) const {
    (void)detail::checked_product(name, {x.batch, x.time, channels_});
    (void)detail::checked_product(name, {x.time, channels_, 8 * count_ + weight_.columns()});
    return a.take({split_of(x).parts, room(x.time)});
  }

  /// Refuses what does not fit.
  void check(input<T> const& x, tensor_view<T> const& y) const {
    check_call(name, x.base(), channels_, y, 1, outputs());
    detail::check_fill(name, "x", x);
  }

  /// Unchecked.
  template <class Executor>
  void compute(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, arena<T> a) const {
    T* const rooms = layout(a, x.shape());
    auto const split = kernel::split_for<Executor>(split_of(x.shape()));
    kernel::for_parts(exec, split.parts, [this, &x, &y, &split, rooms](index_t part) {
      T* const own = rooms + part * room(x.shape().time);
      for (index_t n = split.begin(part); n < split.end(part); ++n) {
        for (index_t i = 0; i < count_; ++i) one(kinds_[i], {x, n, x.base().length(n)}, own, y.at(n, 0, i * channels_));
      }
    });
  }

 private:
  using arch = xsimd::default_arch;

  void take(attention_weights<T> const& from) {
    if (from.scorer < attention_scorer::sigmoid || from.scorer > attention_scorer::tanh) {
      detail::fail("summary: scorer = %d, must be a named scorer", static_cast<int>(from.scorer));
    }
    index_t const width = from.vector.size(), C = channels_;
    if (width < 1) detail::fail("summary: attention of width %td, must be >= 1", width);
    detail::check_weight(name, "attention.weight", from.weight.size(), detail::checked_product(name, {width, C}));
    if (!from.bias.empty()) detail::check_weight(name, "attention.bias", from.bias.size(), width);
    detail::check_stored(name, from.weight);
    weight_ = {C, width, [&from, C](index_t i, index_t o) { return from.weight[o * C + i]; },
               [&from](index_t o) { return from.bias.empty() ? T(0) : from.bias[o]; }, from.weight.how()};
    vector_ = weights::array_of(from.vector);
    scorer_ = from.scorer;
  }

  kernel::row_split split_of(shape const& x) const noexcept {
    return {x.batch, x.time * channels_ * (8 * count_ + weight_.columns()), 1};
  }

  /// A mean, scores, and rows of the network.
  index_t room(index_t time) const noexcept {
    index_t const rows = time < kernel::row_capacity ? time : kernel::row_capacity;
    return channels_ + (has(summary_kind::attention) ? time + rows * weight_.columns() : 0);
  }

  void one(summary_kind kind, kernel::sequence_frames<T> const& of, T* own, T* y) const noexcept {
    index_t const C = channels_, last = of.length - 1;
    if (of.length == 0) {
      for (index_t c = 0; c < C; ++c) y[c] = std::numeric_limits<T>::quiet_NaN();
      return;
    }
    switch (kind) {
      case summary_kind::last:
        of.copy(last, 0, C / directions_, y);
        if (directions_ == 2) of.copy(0, C / 2, C, y + C / 2);
        return;
      case summary_kind::mean: return kernel::mean_of<arch>(of, C, y);
      case summary_kind::max: return kernel::max_of<arch>(of, C, y);
      case summary_kind::std: kernel::mean_of<arch>(of, C, own); return kernel::std_of<arch>(of, C, own, eps_, y);
      case summary_kind::attention:
        return kernel::attention_of<arch>(of, C, scorer(), own + C, own + C + of.x.shape().time, y);
    }
  }

  index_t channels_ = 0, count_ = 0, directions_ = 1;
  summary_kind kinds_[static_cast<std::size_t>(most_kinds)] = {};
  T eps_ = T(1e-5);
  kernel::packed_matrix<T> weight_;
  weights::shared_array<T> vector_;
  attention_scorer scorer_ = attention_scorer::sigmoid;
};

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
