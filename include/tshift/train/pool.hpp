// SPDX-License-Identifier: MIT
// The mean over time as a step of a trained model.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>

#include <tshift/nn/pool.hpp>
#include <tshift/train/block.hpp>
#include <tshift/train/kernel/products.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// nn::mean_pool with its gradient, x [N, T, C], y and dy [N, 1, C]:
///
///   dx[n, t] = dy[n, 0] / length for t < length, 0 for others
///
/// A sequence of no frames has no gradient: dy of it is not read. No parameters. Keeps nothing, and backward reads
/// nothing of x but its lengths. Cost: backward writes dx once. No workspace. Accuracy: one rounding. Source:
/// torch.mean(x, dim=1).
template <class T>
class mean_pool : public calls<mean_pool<T>, T> {
 public:
  static constexpr char const* name = "mean_pool";  ///< in messages

  mean_pool() = default;

  /// @throws shape_error  channels is negative
  explicit mean_pool(index_t channels) : channels_(detail::checked_product(name, {channels})) {}

  /// Number of channels of x.
  index_t inputs() const noexcept { return channels_; }
  /// The same.
  index_t outputs() const noexcept { return channels_; }
  /// It has no parameters.
  index_t parameters_end() const noexcept { return 0; }
  /// Frames of y: one, whatever x has.
  index_t frames(index_t) const noexcept { return 1; }
  /// Nothing more to refuse.
  void check_input(input<T> const&) const noexcept {}

  /// There are no values.
  void pack(std::span<T const>) noexcept {}
  /// Nothing is kept.
  index_t saved_size(shape const&) const noexcept { return 0; }
  /// Nothing.
  void layout(arena<T>&, shape const& x) const { (void)detail::checked_product(name, {x.batch, x.time}); }

  /// Unchecked.
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T*, arena<T>) const {
    nn::pool_rows(exec, x, y);
  }

  /// Unchecked.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const*, shifted_view<T> const& dy, tensor_view<T> const& dx,
                std::span<T>, arena<T>) const {
    if (dx.data == nullptr) return;
    index_t const time = x.shape().time;
    kernel::for_rows_inside(exec, x.base(), dx, 4 * channels_,
                            [this, &x, &dy, time](index_t first, index_t count, kernel::row_sink<T> to) {
                              index_t const n = first / time;
                              T const length = static_cast<T>(x.base().length(n));
                              for (channel_run<T> const run : dy.runs(n, 0)) {
                                for (index_t c = 0; c < run.count; ++c) {
                                  to.data[run.begin + c] = run.data != nullptr ? run.data[c] / length : T(0);
                                }
                              }
                              for (index_t r = 1; r < count; ++r) {  // a copy costs less than a quotient
                                T* const row = to.from(r).data;
                                kernel::map<xsimd::default_arch>(
                                    channels_, row, [](auto const& v) { return v; }, static_cast<T const*>(to.data));
                              }
                            });
  }

 private:
  index_t channels_ = 0;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
