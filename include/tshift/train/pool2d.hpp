// SPDX-License-Identifier: MIT
// Windows over images made one pixel each, the largest or the mean of every channel, as steps of a trained model.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>

#include <tshift/nn/pool2d.hpp>
#include <tshift/train/block.hpp>
#include <tshift/train/kernel/pool2d.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// What both pools are: x [N, T, F, C], y [N, time.count(T), space.count(F), C].
template <class Block, class T>
class pool_calls : public calls<Block, T> {
 public:
  /// Number of channels of x.
  index_t inputs() const noexcept { return channels_; }
  /// The same.
  index_t outputs() const noexcept { return channels_; }
  /// Windows along time.
  window_axis const& time() const noexcept { return time_; }
  /// Windows along space.
  window_axis const& space() const noexcept { return space_; }
  /// Frames of y for so many frames of x.
  index_t frames(index_t size) const noexcept { return time_.count(size); }
  /// Places of y for so many places of x.
  index_t places(index_t size) const noexcept { return space_.count(size); }
  /// It has no parameters.
  index_t parameters_end() const noexcept { return 0; }
  /// Nothing more to refuse.
  void check_input(input<T> const&) const noexcept {}

  /// There are no values.
  void pack(std::span<T const>) noexcept {}
  /// Nothing.
  void layout(arena<T>&, shape const& x) const {
    (void)detail::checked_product(Block::name, {x.batch, x.time, x.space, channels_});
  }

 protected:
  pool_calls() = default;
  /// @throws shape_error  a number is out of range
  pool_calls(index_t channels, window_axis const& time, window_axis const& space)
      : channels_(detail::checked_product(Block::name, {channels})), time_(time), space_(space) {
    detail::check_pool_windows(Block::name, time, space);
  }

 private:
  index_t channels_ = 0;
  window_axis time_, space_;
};

/// nn::max_pool with its gradient:
///
///   dx[n, s, q, c] = sum of dy[n, t, p, c] over the windows (t, p) whose largest pixel is x[n, s, q, c]
///
/// Of equal pixels of a window the first has its gradient, row by row; of NaNs the last, as PyTorch has it. No
/// parameters. Keeps for each element of y the number of its pixel in the window. Cost: the forward pass writes that
/// beside y; backward writes dx once and reads dy for each of the windows over a pixel. No workspace. Exact where
/// windows do not overlap; else sums of dy in T, in the order of windows. Source: torch.nn.MaxPool2d without padding.
template <class T>
class max_pool : public pool_calls<max_pool<T>, T> {
 public:
  static constexpr char const* name = "max_pool";  ///< in messages

  max_pool() = default;

  /// @param time   windows along time, without zeros
  /// @param space  along space; together of at most 2^24 pixels: their numbers are kept as T
  /// @throws shape_error  a number is out of range
  max_pool(index_t channels, window_axis const& time, window_axis const& space)
      : pool_calls<max_pool<T>, T>(channels, time, space) {
    if (index_t const pixels = detail::checked_product(name, {time.taps, space.taps}); pixels > most) {
      detail::fail("%s: windows of %td pixels, must be <= %td", name, pixels, most);
    }
  }

  /// Where the largest pixels are.
  index_t saved_size(shape const& x) const {
    return detail::checked_product(name, {x.batch, this->frames(x.time), this->places(x.space), this->outputs()});
  }

  /// Unchecked.
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T* saved, arena<T>) const {
    kernel::max_pool_images(exec, x, y, this->time(), this->space(), saved);
  }

  /// Unchecked.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const* saved, shifted_view<T> const& dy,
                tensor_view<T> const& dx, std::span<T>, arena<T>) const {
    if (dx.data == nullptr) return;
    index_t const channels = this->outputs();
    auto const add = [saved, channels](T* to, T const* above, index_t count, index_t row, index_t begin, index_t tap) {
      using batch = xsimd::batch<T, xsimd::default_arch>;
      batch const own(static_cast<T>(tap));
      auto const one = [&own](batch const& sum, batch const& g, batch const& at) {
        return xsimd::select(at == own, sum + g, sum);
      };
      T const* const here = to;
      kernel::map<xsimd::default_arch>(count, to, one, here, above, saved + row * channels + begin);
    };
    kernel::pool_back(exec, x.base(), dy, dx, this->time(), this->space(), add, [](T*) {});
  }

 private:
  static constexpr index_t most = index_t{1} << 24;
};

/// nn::avg_pool with its gradient:
///
///   dx[n, s, q, c] = sum of dy[n, t, p, c] over the windows (t, p) over pixel (s, q) / (time.taps space.taps)
///
/// No parameters. Keeps nothing, and backward reads nothing of x but its lengths. Cost: backward writes dx once and
/// reads dy for each of the windows over a pixel. No workspace. Accuracy: one rounding, and those of the sum. Source:
/// torch.nn.AvgPool2d without padding.
template <class T>
class avg_pool : public pool_calls<avg_pool<T>, T> {
 public:
  static constexpr char const* name = "avg_pool";  ///< in messages

  avg_pool() = default;

  /// @param time   windows along time, without zeros
  /// @param space  along space
  /// @throws shape_error  a number is out of range
  avg_pool(index_t channels, window_axis const& time, window_axis const& space)
      : pool_calls<avg_pool<T>, T>(channels, time, space) {
    (void)detail::checked_product(name, {time.taps, space.taps});
  }

  /// Nothing is kept.
  index_t saved_size(shape const&) const noexcept { return 0; }

  /// Unchecked.
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T*, arena<T>) const {
    nn::avg_pool_images(exec, x, y, this->time(), this->space());
  }

  /// Unchecked.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const*, shifted_view<T> const& dy, tensor_view<T> const& dx,
                std::span<T>, arena<T>) const {
    if (dx.data == nullptr) return;
    using batch = xsimd::batch<T, xsimd::default_arch>;
    auto const add = [](T* to, T const* above, index_t count, index_t, index_t, index_t) {
      T const* const here = to;
      kernel::map<xsimd::default_arch>(
          count, to, [](batch const& sum, batch const& g) { return sum + g; }, here, above);
    };
    batch const pixels(static_cast<T>(this->time().taps * this->space().taps));
    auto const end = [&pixels, channels = this->outputs()](T* to) {
      T const* const here = to;
      kernel::map<xsimd::default_arch>(
          channels, to, [&pixels](batch const& sum) { return sum / pixels; }, here);
    };
    kernel::pool_back(exec, x.base(), dy, dx, this->time(), this->space(), add, end);
  }
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
