// SPDX-License-Identifier: MIT
// The shift whose offsets are learned, as a block.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <tshift/learned_shift.hpp>
#include <tshift/train/block.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// tshift::learned_shift with its gradients. With k = floor(a[c]) and d = a[c] - k:
///
///   y[t] = (1 - d) x[t - k] + d x[t - k - 1]    dx = L' dy    da[c] += sum over n, t of dy[t] (x[t - k - 1] - x[t - k])
///
/// Parameters: `name`.offset [channels], in frames; positive delays. It does not decay, and wants a learning rate of its
/// own, about ten times that of weights: at theirs offsets hardly move. How it begins: start_uniform, start_from, ... of
/// learned_offsets.hpp; what it has become: rounded, share_moved. interpolation::nearest is the sparse form: y and dx
/// through the nearest shift, da as above. Keeps nothing: x is enough. Backward reads x and dy and writes dx once.
/// Sources: Jeon and Kim 2018, arXiv:1806.07370 (active shift); Chen et al. 2019, arXiv:1903.05285 (sparse shift); here
/// with exact gradients, see tshift/learned_shift.hpp.
template <class T>
class learned_shift : public frame_calls<learned_shift<T>, T> {
 public:
  static constexpr char const* name = "learned_shift";  ///< in messages

  learned_shift() = default;

  /// @param prefix  of the parameter's name
  /// @throws shape_error  channels is negative, or the name is taken
  learned_shift(parameter_table& table, std::string const& prefix, index_t channels, padding edge = padding::zero,
                interpolation how = interpolation::linear)
      : place_(table.add(prefix + ".offset", {channels})), offsets_(static_cast<std::size_t>(channels)), edge_(edge),
        how_(how) {
    detail::check_padding(name, edge);
  }

  /// Number of channels of x.
  index_t inputs() const noexcept { return place_.size; }
  /// Number of channels of y.
  index_t outputs() const noexcept { return place_.size; }
  /// One past the last element of its parameters.
  index_t parameters_end() const noexcept { return place_.offset + place_.size; }
  /// The offsets it was packed with.
  std::span<T const> offsets() const noexcept { return offsets_; }
  /// What fills frames that come from outside.
  padding edge() const noexcept { return edge_; }

  /// Takes new values. Allocates nothing.
  /// @throws shape_error  an offset is not finite, or beyond 2^30 frames; then the old ones stay
  void pack(std::span<T const> values) {
    if (place_.size == 0) return;
    std::span<T const> const given(place_.in(values), static_cast<std::size_t>(place_.size));
    detail::check_offsets(name, given, place_.size);
    std::copy(given.begin(), given.end(), offsets_.begin());
  }

  /// Nothing is kept.
  index_t saved_size(shape const&) const noexcept { return 0; }
  /// Nothing is needed.
  void layout(arena<T>&, shape const&) const noexcept {}

  /// Unchecked: y = L x. Frames behind a length are copied through.
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T*, arena<T>) const {
    detail::launch_tap_rows<arch>(exec, x, y, tap_rule::of(edge_, false), taps(how_, false));
  }

  /// Unchecked: dx = L' dy, and the slopes along the offsets.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const*, shifted_view<T> const& dy, tensor_view<T> const& dx,
                std::span<T> gradients, arena<T>) const {
    detail::launch_gradients<arch, T>(
        exec, {x, dy, dx, place_.in(gradients), T(1), tap_rule::of(edge_, false), tap_rule::of(edge_, true), {}},
        taps(interpolation::linear, false), taps(how_, true));
  }

 private:
  using arch = xsimd::default_arch;
  using tap_rule = tshift::kernel::tap_rule;

  detail::offset_taps<T> taps(interpolation how, bool reversed) const noexcept {
    return {offsets_.data(), how, reversed};
  }

  place place_;
  std::vector<T> offsets_;
  padding edge_ = padding::zero;
  interpolation how_ = interpolation::linear;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
