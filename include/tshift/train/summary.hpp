// SPDX-License-Identifier: MIT
// A sequence made one frame, trained: its last, mean, largest, deviation, a mean by attention, or several of them.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <tshift/nn/summary.hpp>
#include <tshift/train/block.hpp>
#include <tshift/train/kernel/summary.hpp>
#include <tshift/train/kernel/weight_gradient.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// nn::summary with its gradients. With L the frames of sequence n, g the part of dy of each kind, and of attention a
/// the weights, v = weight x + bias, and d[t] = a[t] (g . x[t] - sum over r of a[r] g . x[r]) the gradient of score[t]:
///
///   last        dx[L - 1, c] = g[c]; of two directions dx[0, c] = g[c] for the second half of the channels
///   mean        dx[t, c] = g[c] / L
///   max         dx[t, c] = g[c] for the first t whose x[t, c] is the largest
///   std         dx[t, c] = g[c] (x[t, c] - mean) / (L std); 0 where std is 0
///   attention   dx[t] = a[t] g + weight' (d[t] vector s'(v[t]))
///               dweight += sum over n, t of d[t] vector s'(v[t]) x[t]'    dvector += sum over n, t of d[t] s(v[t])
///
/// and their sum where there are several. A sequence of no frames has no gradient: dy of it is not read. Parameters of
/// attention: `prefix`.weight [A, C], .bias [A], .vector [A]; others have none. Keeps C numbers of a sequence for max,
/// two C for std, T for attention. Cost: reads x once for each kind; attention 8 N T C A FLOPs more. Workspace: for
/// attention [N, T, A]; for each part 6 C numbers, T and A. Accuracy: about 2e-6 of a gradient's size (float).
/// Source: as nn::summary. PyTorch's amax shares the gradient among equal frames; its max(dim) gives it to one.
template <class T>
class summary : public calls<summary<T>, T> {
 public:
  static constexpr char const* name = "summary";  ///< in messages

  summary() = default;

  /// @param prefix      of the parameters' names
  /// @param channels    C >= 0
  /// @param kinds       one to eight, in the order of y
  /// @param directions  of the layer that makes x: 1, or 2, which needs an even C; only looked at for last
  /// @param width       A, where a kind is attention
  /// @param scorer      s, the same
  /// @param eps         of std, >= 0
  /// @throws shape_error  a number is out of range, or the names are taken
  summary(parameter_table& table, std::string const& prefix, index_t channels, std::vector<summary_kind> const& kinds,
          index_t directions = 1, index_t width = 0, attention_scorer scorer = attention_scorer::sigmoid,
          T eps = T(1e-5))
      : channels_(channels), directions_(directions), kinds_(kinds), scorer_(scorer), eps_(eps) {
    for (summary_kind const kind : kinds) has_.add(kind);
    if (has_.attention && width < 1) detail::fail("summary: attention of width %td, must be >= 1", width);
    index_t const scores = has_.attention ? width : 0, size = detail::checked_product(name, {scores, channels});
    std::vector<T> const zeros(static_cast<std::size_t>(size + scores));
    std::span<T const> const all(zeros), weight = all.first(static_cast<std::size_t>(size));
    // What inference refuses.
    (void)nn::summary<T>(channels, kinds, directions, {weight, {}, all.subspan(weight.size()), scorer}, eps);
    if (!has_.attention) return;
    weight_ = table.add(prefix + ".weight", {width, channels});
    bias_ = table.add(prefix + ".bias", {width});
    vector_ = table.add(prefix + ".vector", {width});
    matrix_ = kernel::matrix<T>(channels, width);
    vectors_.resize(static_cast<std::size_t>(width));
  }

  /// Number of channels of x.
  index_t inputs() const noexcept { return channels_; }
  /// Number of channels of y.
  index_t outputs() const noexcept { return static_cast<index_t>(kinds_.size()) * channels_; }
  /// One past the last element of its parameters.
  index_t parameters_end() const noexcept { return vector_.offset + vector_.size; }
  /// One frame for each sequence.
  index_t frames(index_t) const noexcept { return 1; }
  /// Nothing more to refuse.
  void check_input(input<T> const&) const noexcept {}

  /// Takes new values. Allocates nothing.
  void pack(std::span<T const> values) noexcept {
    if (!has_.attention) return;
    matrix_.pack(weight_.in(values), bias_.in(values));
    for (index_t j = 0; j < vector_.size; ++j) vectors_[static_cast<std::size_t>(j)] = vector_.in(values)[j];
  }

  /// Largest, means and deviations, exponentials of scores: of each sequence what its kinds need.
  index_t saved_size(shape const& x) const {
    return detail::checked_product(name, {x.batch, has_.kept(channels_, x.time)});
  }

  /// What a pass needs.
  struct slices {
    T* scored;   ///< forward: rows of the network for each part
    T* dv;       ///< [N, T, A]
    T* du;       ///< [N, A]
    T* rooms;    ///< of each part
    T* weights;  ///< [N, T]
    T* packed;   ///< x and dv of a sequence
  };

  /// Unchecked.
  slices layout(arena<T>& a, shape const& x) const {
    (void)detail::checked_product(name, {x.batch, x.time, channels_});
    index_t const parts = split_of(x).parts, attends = has_.attention ? 1 : 0;
    slices s{};
    a.lend([this, &x, &s, parts](arena<T>& in) { s.scored = in.take({parts, scored_room(x.time)}); });
    s.dv = a.take({x.batch, x.time, width()});
    s.du = a.take({x.batch, width()});
    s.rooms = a.take({parts, room(x.time)});
    s.weights = a.take({x.batch, x.time, attends});
    s.packed = a.take({attends, kernel::gradient_room<T>(x.time, channels_, width())});
    return s;
  }

  /// Unchecked.
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T* saved, arena<T> a) const {
    slices const memory = layout(a, x.shape());
    auto const split = kernel::split_for<Executor>(split_of(x.shape()));
    kernel::for_parts(exec, split.parts, [this, &x, &y, &memory, &split, saved](index_t part) {
      T* const own = memory.scored + part * scored_room(x.shape().time);
      for (index_t n = split.begin(part); n < split.end(part); ++n) {
        kernel::sequence_frames<T> const of{x, n, x.base().length(n)};
        kernel::summary_kept<T> const keep = has_.in(saved, channels_, x.shape().time, n);
        for (std::size_t i = 0; i < kinds_.size(); ++i) {
          one(kinds_[i], of, keep, own, y.at(n, 0, static_cast<index_t>(i) * channels_));
        }
      }
    });
  }

  /// Unchecked.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const* saved, shifted_view<T> const& dy,
                tensor_view<T> const& dx, std::span<T> gradients, arena<T> a) const {
    slices const memory = layout(a, x.shape());
    auto const split = kernel::split_for<Executor>(split_of(x.shape()));
    kernel::for_parts(exec, split.parts, [this, &x, &dy, &dx, &memory, &split, saved](index_t part) {
      index_t const time = x.shape().time;
      for (index_t n = split.begin(part); n < split.end(part); ++n) {
        kernel::sequence_frames<T> const of{x, n, x.base().length(n)};
        if (of.length > 0) {
          back_one(of, has_.in(saved, channels_, time, n), dy, dx, memory.rooms + part * room(time), memory);
        }
        if (dx.data != nullptr) kernel::clear_frames(dx, n, of.length, time);
      }
    });
    if (!has_.attention) return;
    for (index_t n = 0; n < x.shape().batch; ++n) {
      for (index_t j = 0; j < width() && x.base().length(n) > 0; ++j) {
        vector_.in(gradients)[j] += memory.du[n * width() + j];
      }
    }
    kernel::frame_rows<T> const from{x};
    kernel::plain_rows<T> const dv{memory.dv, width()};
    kernel::add_gradient<Executor, T>(exec, x.base(), from, channels_, dv, width(),
                                      kernel::add_to_matrix<T>{weight_.in(gradients), channels_}, bias_.in(gradients),
                                      memory.packed);
  }

 private:
  using arch = xsimd::default_arch;

  index_t width() const noexcept { return vector_.size; }

  kernel::row_split split_of(shape const& x) const noexcept {
    return {x.batch, x.time * channels_ * (8 * static_cast<index_t>(kinds_.size()) + 3 * width()), 1};
  }
  index_t scored_room(index_t time) const noexcept {
    return (time < kernel::row_capacity ? time : kernel::row_capacity) * width();
  }
  /// Five kinds of channels, a frame, slopes of the scores, and what the network makes of a frame.
  index_t room(index_t time) const noexcept { return 6 * channels_ + (has_.attention ? time : 0) + width(); }

  void one(summary_kind kind, kernel::sequence_frames<T> const& of, kernel::summary_kept<T> const& keep, T* own,
           T* y) const noexcept {
    index_t const C = channels_;
    if (of.length == 0) {
      for (index_t c = 0; c < C; ++c) y[c] = std::numeric_limits<T>::quiet_NaN();
      return;
    }
    auto const copy = [y, C](T* to) {
      for (index_t c = 0; c < C; ++c) to[c] = y[c];
    };
    switch (kind) {
      case summary_kind::last:
        of.copy(of.length - 1, 0, C / directions_, y);
        if (directions_ == 2) of.copy(0, C / 2, C, y + C / 2);
        return;
      case summary_kind::mean: return kernel::mean_of<arch>(of, C, y);
      case summary_kind::max: kernel::max_of<arch>(of, C, y); return copy(keep.largest);
      case summary_kind::std:
        kernel::mean_of<arch>(of, C, keep.middle);
        kernel::std_of<arch>(of, C, keep.middle, eps_, y);
        return copy(keep.deviation);
      case summary_kind::attention:
        return kernel::attention_of<arch, T>(of, C, {matrix_.across(), vectors_.data(), scorer_}, keep.scores, own, y);
    }
  }

  /// dx of one sequence, and what its network has.
  void back_one(kernel::sequence_frames<T> const& of, kernel::summary_kept<T const> const& keep,
                shifted_view<T> const& dy, tensor_view<T> const& dx, T* own, slices const& memory) const noexcept {
    index_t const C = channels_, time = of.x.shape().time;
    kernel::summary_slopes<T> const s{own,         own + C,      own + 2 * C, own + 3 * C,
                                      own + 4 * C, keep.largest, keep.middle, directions_};
    for (index_t c = 0; c < 5 * C; ++c) own[c] = T(0);
    for (std::size_t i = 0; i < kinds_.size(); ++i) {
      T* const to = own + static_cast<index_t>(kinds_[i]) * C;
      for (index_t c = 0; c < C; ++c) to[c] += dy(of.n, 0, static_cast<index_t>(i) * C + c);
    }
    auto const length = static_cast<T>(of.length);
    for (index_t c = 0; c < C; ++c) {
      s.mean[c] = s.mean[c] / length;
      if (has_.std) s.std[c] = keep.deviation[c] == T(0) ? T(0) : s.std[c] / (length * keep.deviation[c]);
    }
    T* const weights = memory.weights + of.n * time;
    T* const dv = memory.dv + of.n * time * width();
    if (has_.attention) {
      for (index_t t = 0; t < of.length; ++t) weights[t] = keep.scores[t];
      kernel::scores_back<arch, T>(of, C, {matrix_.across(), matrix_.back(), vectors_.data(), scorer_}, weights,
                                   s.attention, own + 6 * C, own + 5 * C, own + 6 * C + time, dv,
                                   memory.du + of.n * width());
    }
    if (dx.data == nullptr) return;
    if (has_.attention) {
      kernel::plain_rows<T> const rows{dv, width()};
      kernel::gemm<T, arch>(rows, 0, of.length, matrix_.back(), {dx.at(of.n, 0, 0), dx.strides.time});
    } else {
      kernel::clear_frames(dx, of.n, 0, of.length);
    }
    for (index_t t = 0; t < of.length; ++t) {
      kernel::summary_back_frame<arch>(of, t, C, has_, s, has_.attention ? weights[t] : T(0), dx.at(of.n, t, 0));
    }
  }

  index_t channels_ = 0, directions_ = 1;
  std::vector<summary_kind> kinds_;
  kernel::summary_set has_{};
  attention_scorer scorer_ = attention_scorer::sigmoid;
  T eps_ = T(1e-5);
  place weight_, bias_, vector_;
  kernel::matrix<T> matrix_;
  kernel::line_vector<T> vectors_;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
