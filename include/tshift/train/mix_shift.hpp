// SPDX-License-Identifier: MIT
// RWKV's token shift, as a block.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <tshift/mix_shift.hpp>
#include <tshift/train/block.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// tshift::mix_shift with its gradients:
///
///   mixing::v5   y = mu x + (1 - mu) S x    dx = mu dy + (1 - mu) S' dy    dmu[c] += sum over n, t of dy (x - S x)
///   mixing::v6   y = x + (S x - x) mu       the same with 1 - mu for mu    dmu[c] += sum over n, t of dy (S x - x)
///
/// Parameters: `name`.mu [channels]; it does not decay. RWKV begins with mu spread over the channels, from 0 to 1. Keeps
/// nothing: x is enough. Backward reads x and dy and writes dx once.
template <class T>
class mix_shift : public frame_calls<mix_shift<T>, T> {
 public:
  static constexpr char const* name = "mix_shift";  ///< in messages

  mix_shift() = default;

  /// @param prefix  of the parameter's name
  /// @param plan    S; token_shift(channels) is RWKV's
  /// @throws shape_error  the name is taken
  mix_shift(parameter_table& table, std::string const& prefix, shift_plan const& plan, mixing how)
      : place_(table.add(prefix + ".mu", {plan.channels()})), mu_(static_cast<std::size_t>(plan.channels())),
        segments_(tshift::kernel::segments_of(plan)), edge_(plan.edge()), how_(how) {
    detail::check_mixing(name, how);
  }

  /// Number of channels of x.
  index_t inputs() const noexcept { return place_.size; }
  /// Number of channels of y.
  index_t outputs() const noexcept { return place_.size; }
  /// One past the last element of its parameters.
  index_t parameters_end() const noexcept { return place_.offset + place_.size; }

  /// Takes new values. Allocates nothing.
  void pack(std::span<T const> values) noexcept {
    if (place_.size > 0) std::copy_n(place_.in(values), place_.size, mu_.begin());
  }

  /// Nothing is kept.
  index_t saved_size(shape const&) const noexcept { return 0; }
  /// Nothing is needed.
  void layout(arena<T>&, shape const&) const noexcept {}

  /// Unchecked: y = M x. Frames behind a length are copied through.
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T*, arena<T>) const {
    detail::launch_tap_rows<arch>(exec, x, y, tap_rule::of(edge_, false), taps(false));
  }

  /// Unchecked: dx = M' dy, and the slopes along mu.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const*, shifted_view<T> const& dy, tensor_view<T> const& dx,
                std::span<T> gradients, arena<T>) const {
    T const sign = how_ == mixing::v5 ? T(-1) : T(1);
    detail::launch_gradients<arch, T>(
        exec, {x, dy, dx, place_.in(gradients), sign, tap_rule::of(edge_, false), tap_rule::of(edge_, true), {}},
        taps(false), taps(true));
  }

 private:
  using arch = xsimd::default_arch;
  using tap_rule = tshift::kernel::tap_rule;

  detail::mix_taps<T> taps(bool reversed) const noexcept { return {mu_.data(), segments_, how_, reversed}; }

  place place_;
  std::vector<T> mu_;
  types::segment_list segments_;
  padding edge_ = padding::zero;
  mixing how_ = mixing::v5;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
