// SPDX-License-Identifier: MIT
// Instance normalisation, trained: each channel of an image over all of its pixels.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>

#include <tshift/nn/instance_norm.hpp>
#include <tshift/train/block.hpp>
#include <tshift/train/kernel/instance_norm.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// nn::instance_norm with its gradient. With h = (x - mean) / sigma, sigma = sqrt(variance + eps), u = dy f'(h), and
/// means over the pixels of a sequence:
///
///   dx = (u - mean u - h mean(u h)) / sigma
///
/// x, y [N, T, F, C]. No parameters. Keeps mean and 1 / sigma of each channel and sequence. Cost: backward reads x
/// twice and dy once, writes dx twice and reads it once. Workspace: four numbers for each channel and 64 pixels or
/// more.
/// Accuracy: as nn::instance_norm, of dx relative to the largest |u| / sigma, for u - mean u cancels. Source:
/// torch.nn.InstanceNorm2d(C).
template <class T>
class instance_norm : public calls<instance_norm<T>, T> {
 public:
  static constexpr char const* name = "instance_norm";  ///< in messages

  instance_norm() = default;

  /// @param channels  C >= 0
  /// @param f         applied to every element of y
  /// @param eps       > 0, finite; PyTorch's default is 1e-5
  /// @throws shape_error  a number is out of range
  explicit instance_norm(index_t channels, activation const& f = {}, double eps = 1e-5)
      : norm_(channels, f, eps), f_(f) {}

  /// Number of channels of x.
  index_t inputs() const noexcept { return norm_.channels(); }
  /// The same.
  index_t outputs() const noexcept { return norm_.channels(); }
  /// It has no parameters.
  index_t parameters_end() const noexcept { return 0; }
  /// Frames of y.
  index_t frames(index_t time) const noexcept { return time; }
  /// Places of y.
  index_t places(index_t space) const noexcept { return space; }
  /// Nothing more to refuse.
  void check_input(input<T> const&) const noexcept {}

  /// There are no values.
  void pack(std::span<T const>) noexcept {}
  /// Mean and 1 / sigma.
  index_t saved_size(shape const& x) const { return detail::checked_product(name, {x.batch, 2, inputs()}); }

  /// Of backward.
  struct slices {
    T* means;   ///< [N, 2, C]: of u and of u h
    T* chunks;  ///< [N, chunks, 2, C]: their sums
  };

  /// Unchecked.
  slices layout(arena<T>& a, shape const& x) const {
    a.lend(norm_, x);
    T* const means = a.take({x.batch, 2, inputs()});
    return {means, a.take({x.batch, nn::kernel::frame_chunks(x.space).count(x.time), 2, inputs()})};
  }

  /// Unchecked.
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T* saved, arena<T> a) const {
    arena<T> same = a;
    T const* const moments = norm_.layout(same, x.shape()).all;
    norm_.compute(exec, x, y, a);
    index_t const size = 2 * inputs();
    for (index_t n = 0; n < x.shape().batch; ++n) {
      for (index_t i = n * size; i < (n + 1) * size && x.base().length(n) > 0; ++i) saved[i] = moments[i];
    }
  }

  /// Unchecked: y again, from what was kept; of a tensor without lengths.
  template <class Executor>
  void repeat(Executor& exec, shifted_view<T> const& x, T const* saved, tensor_view<T> const& y) const {
    index_t const time = x.shape().time, C = inputs();
    auto const lines = kernel::split_for<Executor>({x.shape().batch * time, 8 * C * x.shape().space, 1});
    kernel::for_parts(exec, lines.parts, [this, &x, &y, &lines, saved, time, C](index_t part) {
      for (index_t i = lines.begin(part); i < lines.end(part); ++i) {
        T const* const mean = saved + i / time * 2 * C;
        kernel::normalise_frame<arch>(x, i / time, i % time, mean, mean + C, f_, y);
      }
    });
  }

  /// Unchecked.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const* saved, shifted_view<T> const& dy,
                tensor_view<T> const& dx, std::span<T>, arena<T> a) const {
    if (dx.data == nullptr) return;
    slices const memory = layout(a, x.shape());
    index_t const N = x.shape().batch, time = x.shape().time, C = inputs();
    nn::kernel::frame_chunks const cut(x.shape().space);
    index_t const chunks = cut.count(time), work = 16 * C * x.shape().space;
    auto const back_of = [&x, &dy, &dx, saved, C](index_t n) {
      T const* const mean = saved + n * 2 * C;
      return kernel::instance_norm_back<T, arch>{x, dy, dx, n, {mean, mean + C}};
    };
    auto const parts = kernel::split_for<Executor>({N * chunks, cut.frames * work, 1});
    kernel::for_parts(exec, parts.parts, [this, &x, &memory, &parts, &cut, &back_of, chunks, C](index_t part) {
      kernel::with_slope<T, arch>(f_, [&x, &memory, &parts, &cut, &back_of, chunks, C, part](auto const& slope) {
        for (index_t i = parts.begin(part); i < parts.end(part); ++i) {
          index_t const n = i / chunks, first = i % chunks * cut.frames, rest = x.base().length(n) - first;
          T* const sums = memory.chunks + i * 2 * C;
          for (index_t c = 0; c < 2 * C; ++c) sums[c] = T(0);
          for (index_t t = first; t < first + (rest < cut.frames ? rest : cut.frames); ++t) {
            back_of(n).first_pass(t, slope, sums, sums + C);
          }
        }
      });
    });
    for (index_t n = 0; n < N; ++n) join(memory, n, x.base().length(n) * x.shape().space, chunks);
    auto const lines = kernel::split_for<Executor>({N * time, work, 1});
    kernel::for_parts(exec, lines.parts, [&x, &dx, &memory, &lines, &back_of, time, C](index_t part) {
      for (index_t i = lines.begin(part); i < lines.end(part); ++i) {
        index_t const n = i / time, t = i % time;
        T const* const means = memory.means + n * 2 * C;
        if (t < x.base().length(n)) {
          back_of(n).second_pass(t, means, means + C);
        } else {
          kernel::clear_line(dx, n, t);
        }
      }
    });
  }

 private:
  using arch = xsimd::default_arch;

  /// The sums of a sequence's chunks, over its pixels. Those of chunks without frames are zeros.
  void join(slices const& memory, index_t n, index_t pixels, index_t chunks) const noexcept {
    index_t const size = 2 * inputs();
    for (index_t c = 0; c < size && pixels > 0; ++c) {
      double sum = 0;
      for (index_t i = 0; i < chunks; ++i) sum += static_cast<double>(memory.chunks[(n * chunks + i) * size + c]);
      memory.means[n * size + c] = static_cast<T>(sum / static_cast<double>(pixels));
    }
  }

  nn::instance_norm<T> norm_;
  activation f_;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
