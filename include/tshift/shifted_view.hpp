// SPDX-License-Identifier: MIT
// The lazy shift: y = S x without y. A consumer reads single elements, or takes each frame as a short list of runs and
// reads those where they lie, so that the shift costs no bytes at all.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <iterator>
#include <type_traits>

#include <tshift/kernel/check.hpp>
#include <tshift/kernel/geometry.hpp>
#include <tshift/plan.hpp>
#include <tshift/view.hpp>

namespace tshift { inline namespace TSHIFT_V {

/// Neighbouring channels of one output frame that come from one input frame, or are the fill value.
template <class T>
struct channel_run {
  index_t begin = 0;        ///< first channel
  index_t count = 0;        ///< channels
  index_t frame = -1;       ///< the input frame; -1 where the run is the fill value
  T const* data = nullptr;  ///< x[n, frame, begin, 0]; null where the run is the fill value. Further channels and
                            ///< positions in space follow at x's strides
};

template <class T>
class shifted_view;

/// The runs of one frame, in ascending order of channels, without gaps. A forward range; copies no element.
template <class T>
class frame_runs {
 public:
  /// Goes over the runs in ascending order of channels.
  class iterator {
   public:
    using value_type = channel_run<T>;                   ///< a run
    using difference_type = std::ptrdiff_t;              ///< a number of runs
    using iterator_category = std::input_iterator_tag;   ///< dereferences to a value
    using iterator_concept = std::forward_iterator_tag;  ///< C++20's view of it
    using reference = value_type;                        ///< runs are made on the way, not stored
    using pointer = void;                                ///< so there is nothing to point to

    TSHIFT_INLINE constexpr iterator() noexcept = default;
    /// The run.
    TSHIFT_INLINE constexpr value_type operator*() const noexcept { return owner_->run(n_, t_, at_); }
    /// The next run.
    TSHIFT_INLINE constexpr iterator& operator++() noexcept {
      ++at_;
      return *this;
    }
    /// The next run; returns where it was.
    TSHIFT_INLINE constexpr iterator operator++(int) noexcept {
      iterator const before = *this;
      ++at_;
      return before;
    }
    /// Whether both stand at the same run of their frames.
    friend TSHIFT_INLINE constexpr bool operator==(iterator const& a, iterator const& b) noexcept {
      return a.at_ == b.at_;
    }

   private:
    friend frame_runs;
    TSHIFT_INLINE constexpr iterator(shifted_view<T> const* owner, index_t n, index_t t, index_t at) noexcept
        : owner_(owner), n_(n), t_(t), at_(at) {}
    shifted_view<T> const* owner_ = nullptr;
    index_t n_ = 0, t_ = 0, at_ = 0;
  };

  /// shifted_view::runs makes it; owner must outlive it.
  TSHIFT_INLINE constexpr frame_runs(shifted_view<T> const* owner, index_t n, index_t t) noexcept
      : owner_(owner), n_(n), t_(t) {}
  /// At the first run.
  TSHIFT_INLINE constexpr iterator begin() const noexcept { return {owner_, n_, t_, 0}; }
  /// Past the last.
  TSHIFT_INLINE constexpr iterator end() const noexcept { return {owner_, n_, t_, owner_->runs_per_frame()}; }
  /// Number of runs, the same in all frames.
  TSHIFT_INLINE constexpr index_t size() const noexcept { return owner_->runs_per_frame(); }

 private:
  shifted_view<T> const* owner_;
  index_t n_, t_;
};

/// S x, to be read. Made by shifted(). Holds a view of x and the cut-up plan (about 1 KiB), no elements.
template <class T>
class shifted_view {
 public:
  /// What x holds.
  using element_type = T;

  /// Sizes of x, and so of S x.
  TSHIFT_INLINE constexpr tshift::shape const& shape() const noexcept { return x_.shape; }
  /// What padding::zero puts into vacated frames.
  TSHIFT_INLINE constexpr T const& fill() const noexcept { return fill_; }
  /// x itself.
  TSHIFT_INLINE constexpr tensor_view<T const> const& base() const noexcept { return x_; }

  /// (S x)[n, t, c, s]. Positions are not checked.
  TSHIFT_INLINE constexpr T operator()(index_t n, index_t t, index_t c, index_t s = 0) const noexcept {
    for (index_t i = 0; i < segments_.count; ++i) {
      auto const& part = segments_.items[i];
      if (c >= part.begin + part.count) continue;
      index_t const frame = kernel::frame_at(t, part.offset, x_.length(n), edge_);
      return frame < 0 ? fill_ : x_(n, frame, c, s);
    }
    return fill_;
  }

  /// The runs of frame t of sequence n; at most 33, and for the published shifts 2 to 9. The view must outlive them.
  TSHIFT_INLINE constexpr frame_runs<T> runs(index_t n, index_t t) const& noexcept { return {this, n, t}; }
  /// Of a temporary they would be read after its end: give it a name.
  frame_runs<T> runs(index_t n, index_t t) const&& = delete;

  /// Channels [begin, begin + count) of run number `at` and their offset, the same in all frames.
  TSHIFT_INLINE constexpr types::segment const& segment(index_t at) const noexcept { return segments_.items[at]; }

  /// Whether a frame may come from another one.
  TSHIFT_INLINE constexpr bool moves() const noexcept {
    return segments_.count > 1 || (segments_.count == 1 && segments_.items[0].offset != 0);
  }

  /// How many runs each frame has.
  TSHIFT_INLINE constexpr index_t runs_per_frame() const noexcept { return segments_.count; }

  /// Run number `at` of frame t of sequence n, at in [0, runs_per_frame()).
  TSHIFT_INLINE constexpr channel_run<T> run(index_t n, index_t t, index_t at) const noexcept {
    auto const& part = segments_.items[at];
    index_t const frame = kernel::frame_at(t, part.offset, x_.length(n), edge_);
    return {part.begin, part.count, frame, frame < 0 ? nullptr : x_.at(n, frame, part.begin)};
  }

  /// Channels [first, first + count) of S x.
  /// @throws shape_error  they are not all there
  TSHIFT_INLINE constexpr shifted_view slice_channels(index_t first, index_t count) const {
    types::segment_list part;
    for (types::segment const& each : segments_) {
      index_t const begin = each.begin > first ? each.begin : first, end = each.begin + each.count;
      index_t const until = end < first + count ? end : first + count;
      if (begin < until) part.append(begin - first, until - begin, each.offset);
    }
    return {x_.slice_channels(first, count), part, edge_, fill_};
  }

  /// Sequences [first, first + count) of S x.
  /// @throws shape_error  they are not all there, or the lengths are not one for each sequence
  TSHIFT_INLINE constexpr shifted_view slice_sequences(index_t first, index_t count) const {
    return {x_.slice_sequences(first, count), segments_, edge_, fill_};
  }

  /// Use shifted(), which checks. x and plan must fit each other.
  TSHIFT_INLINE constexpr shifted_view(tensor_view<T const> const& x, types::segment_list const& segments, padding edge,
                                       T const& fill) noexcept
      : x_(x), segments_(segments), edge_(edge), fill_(fill) {}

 private:
  tensor_view<T const> x_;
  types::segment_list segments_;
  padding edge_;
  T fill_;
};

}}  // namespace tshift

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA {

/// y = S x, lazily: nothing is read or written until the result is asked for elements or runs.
/// @param x     must outlive the result, as must its lengths
/// @param fill  for padding::zero
/// @throws shape_error  plan and x disagree, or x is malformed; not in a constant expression, where nothing is checked
template <class T>
constexpr shifted_view<std::remove_const_t<T>> shifted(
    tensor_view<T> x, shift_plan const& plan,
    std::type_identity_t<std::remove_const_t<T>> const& fill = detail::default_fill<std::remove_const_t<T>>()) {
  // The compiler's own: in C++23 clang 14 takes the standard library's, which is an `if consteval`, for true everywhere.
  if (!__builtin_is_constant_evaluated()) {
    detail::check_plan("shifted", plan, detail::check_view("shifted", "x", x));
  }
  return {x, kernel::segments_of(plan), plan.edge(), fill};
}

}}}  // namespace tshift

#include <tshift/macros/back.hpp>
