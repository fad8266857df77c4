// SPDX-License-Identifier: MIT
// Convolution over images, trained: any kernel, stride, zero padding on each side, groups, and an activation.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>
#include <string>

#include <tshift/nn/conv2d.hpp>
#include <tshift/train/block.hpp>
#include <tshift/train/kernel/activations.hpp>
#include <tshift/train/kernel/conv2d.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// nn::conv2d with its gradients. With s = t time.stride + k - time.before, q = p space.stride + l - space.before and
/// h what f is applied to, for o and i of one group:
///
///   dh = dy f'(h)        dx[s, q, i] = sum over t, p, k, l, o of W[o, i, k, l] dh[t, p, o]
///   db[o] += sum over n, t, p of dh[t, p, o]        dW[o, i, k, l] += sum over n, t, p of dh[t, p, o] x[s, q, i]
///
/// Pixels outside a sequence are zeros. A sequence of L frames has frames(L) in y and dy; dy is not read past them, and
/// a sequence without frames gives no gradient. Parameters: `prefix`.weight [O, I / groups, K, L], `prefix`.bias [O]. A
/// batch norm behind it is trained as the layer it is folded into: it has no parameters of its own.
///
/// Keeps h [N, frames(T), places(F), O] where there is an activation; else nothing. Cost: three products of
/// nn::conv2d's size; windows of x and of dh are read where they lie. Workspace: dh of one sequence, where there is an
/// activation, and 384 pixels of 768 channels and of a group's outputs, or fewer. Accuracy: an element of dx is one
/// chain of at most K L O / groups multiply-adds in T; dW is summed over at most 384 pixels in T, and so are those
/// sums.
/// Source: torch.nn.Conv2d on [N, C, T, F].
template <class T>
class conv2d : public calls<conv2d<T>, T> {
 public:
  static constexpr char const* name = "conv2d";  ///< in messages

  conv2d() = default;

  /// @param prefix   of the parameters' names
  /// @param options  sizes; taps, strides, groups >= 1, zeros >= 0
  /// @param f        applied to every element of y
  /// @throws shape_error  an option is out of range, or the names are taken
  conv2d(parameter_table& table, std::string const& prefix, conv2d_options const& options, bool bias = true,
         activation const& f = {})
      : options_(checked(options, f)), f_(f),
        weight_(table.add(prefix + ".weight",
                          {options.outputs, options.inputs / options.groups, options.time.taps, options.space.taps})),
        bias_(bias ? table.add(prefix + ".bias", {options.outputs}) : place{}), across_(count(forward_size())),
        back_(count(back().size())), biases_(count(across().packed().bias_size())),
        zeros_(count(options.groups * back().columns())) {}

  /// Sizes.
  conv2d_options const& options() const noexcept { return options_; }
  /// Number of channels of x.
  index_t inputs() const noexcept { return options_.inputs; }
  /// Number of channels of y.
  index_t outputs() const noexcept { return options_.outputs; }
  /// Frames of y for so many frames of x.
  index_t frames(index_t time) const noexcept { return options_.time.count(time); }
  /// Places of y for so many places of x.
  index_t places(index_t space) const noexcept { return options_.space.count(space); }
  /// One past the last element of its parameters.
  index_t parameters_end() const noexcept {
    index_t const weight = weight_.offset + weight_.size, bias = bias_.offset + bias_.size;
    return weight > bias ? weight : bias;
  }
  /// Nothing more to refuse.
  void check_input(input<T> const&) const noexcept {}

  /// Takes new values. Allocates nothing.
  void pack(std::span<T const> values) noexcept {
    T const *const weight = weight_.in(values), *const bias = bias_.in(values);
    if (thin::fits(options_)) {
      lanes().pack(weight, across_.data());
    } else {
      across().packed().pack(weight, across_.data());
    }
    across().packed().pack_bias([bias](index_t o) { return bias != nullptr ? bias[o] : T(0); }, biases_.data());
    back().pack(weight, back_.data());
  }

  /// h, where there is an activation.
  index_t saved_size(shape const& x) const {
    if (!activates()) return 0;
    return detail::checked_product(name, {x.batch, frames(x.time), places(x.space), outputs()});
  }

  /// What backward needs.
  struct slices {
    T* dh;      ///< of a sequence, where there is an activation
    T* packed;  ///< windows of x and dh, of some pixels
  };

  /// Unchecked.
  slices layout(arena<T>& a, shape const& x) const {
    (void)detail::checked_product(name, {x.batch, x.time, x.space});
    index_t const pixels = detail::checked_product(name, {frames(x.time), places(x.space)});
    T* const dh = a.take({activates() ? pixels : 0, outputs()});
    return {dh, a.take({gradient({}).room(pixels)})};
  }

  /// Unchecked.
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T* saved, arena<T>) const {
    tensor_view<T> const h = activates() ? tensor_view<T>(saved, y.shape, tshift::layout::ntsc) : y;
    if (thin::fits(options_)) {
      lanes().compute(exec, x, h, {});
    } else {
      across().compute(exec, x, h, kernel::keep_sums());
    }
    if (activates()) activate(exec, h, y);
  }

  /// Unchecked.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const* saved, shifted_view<T> const& dy,
                tensor_view<T> const& dx, std::span<T> gradients, arena<T> a) const {
    slices const memory = layout(a, x.shape());
    shape const& made = dy.shape();
    for (index_t n = 0; n < x.shape().batch; ++n) {
      index_t const length = x.base().length(n), inside = length > 0 ? frames(length) : 0;
      if (inside == 0) {
        if (dx.data != nullptr) kernel::clear_frames(dx, n, 0, dx.shape.time);
        continue;
      }
      if (!activates()) {
        back_one(exec, x, n, dy, n, inside, dx, gradients, memory.packed);
        continue;
      }
      tensor_view<T> const dh(memory.dh, {1, inside, outputs(), made.space}, tshift::layout::ntsc);
      slope(exec, saved + n * made.time * made.space * outputs(), dy, n, dh);
      back_one(exec, x, n, nn::as_it_is<T>(dh), 0, inside, dx, gradients, memory.packed);
    }
  }

 private:
  using arch = xsimd::default_arch;
  using thin = kernel::thin_conv2d<T, arch>;

  static conv2d_options const& checked(conv2d_options const& options, activation const& f) {
    detail::check_conv2d(options);
    detail::check_activation(name, f);
    index_t const taps = detail::checked_product(name, {options.time.taps, options.space.taps});
    index_t const depth = detail::checked_product(name, {options.inputs / options.groups, taps});
    kernel::conv2d_back<T> const turned{options, nullptr, nullptr};
    kernel::conv2d_weights<T> const across{options, nullptr, nullptr};
    (void)detail::checked_product(name, {options.groups, depth, across.packed().columns()});
    (void)detail::checked_product(name, {options.outputs, taps, turned.columns()});
    if (thin::fits(options)) (void)detail::checked_product(name, {options.outputs, taps, options.inputs + thin::lanes});
    return options;
  }
  static std::size_t count(index_t n) noexcept { return static_cast<std::size_t>(n); }

  bool activates() const noexcept { return f_.which != activation::kind::none; }
  index_t forward_size() const noexcept { return thin::fits(options_) ? lanes().size() : across().packed().size(); }
  thin lanes() const noexcept { return {options_, across_.data(), biases_.data()}; }
  kernel::conv2d_weights<T> across() const noexcept { return {options_, across_.data(), biases_.data()}; }
  kernel::conv2d_back<T> back() const noexcept { return {options_, back_.data(), zeros_.data()}; }
  kernel::conv2d_gradient<T> gradient(std::span<T> gradients) const noexcept {
    if (gradients.empty()) return {options_, nullptr, nullptr};
    return {options_, weight_.in(gradients), bias_.in(gradients)};
  }

  /// y = f(h).
  template <class Executor>
  void activate(Executor& exec, tensor_view<T> const& h, tensor_view<T> const& y) const {
    auto const split = kernel::split_for<Executor>({y.shape.batch * y.shape.time * y.shape.space, 8 * outputs(), 8});
    kernel::for_parts(exec, split.parts, [this, &h, &y, &split](index_t part) {
      kernel::for_pixels(y, split.begin(part), split.end(part),
                         [this, &h](index_t first, index_t pixels, kernel::row_sink<T> to) {
                           for (index_t i = 0; i < pixels; ++i) {
                             T const* const from = h.data + (first + i) * outputs();
                             kernel::activate<arch>(f_, outputs(), from, to.from(i).data);
                           }
                         });
    });
  }

  /// dh = dy f'(h) of image n.
  template <class Executor>
  void slope(Executor& exec, T const* h, shifted_view<T> const& dy, index_t n, tensor_view<T> const& dh) const {
    index_t const pixels = dh.shape.time * dh.shape.space;
    auto const rows = kernel::pixel_rows(dy, 0, outputs(), 0, dh.shape.space, dh.shape.time);
    kernel::later_rows<T> const above{rows, n * dy.shape().time * dy.shape().space};
    kernel::plain_rows<T> const before{h, outputs()};
    auto const split = kernel::split_for<Executor>({pixels, 16 * outputs(), 8});
    kernel::for_parts(exec, split.parts, [this, &above, &before, &dh, &split](index_t part) {
      index_t const first = split.begin(part), some = split.end(part) - first;
      kernel::row_sink<T> const to{dh.data + first * outputs(), outputs()};
      kernel::with_slope<T, arch>(f_, [this, &above, &before, &to, first, some](auto const& back_of) {
        kernel::map_rows<arch, T>(before, above, first, some, outputs(), to, back_of);
      });
    });
  }

  /// Of sequence n, whose dh is an image of `dh`.
  template <class Executor>
  void back_one(Executor& exec, shifted_view<T> const& x, index_t n, shifted_view<T> const& dh, index_t image,
                index_t inside, tensor_view<T> const& dx, std::span<T> gradients, T* packed) const {
    if (dx.data != nullptr) back().compute(exec, n, x.base().length(n), dh, image, inside, dx);
    gradient(gradients).add(exec, x, n, dh, image, inside, packed);
  }

  conv2d_options options_;
  activation f_;
  place weight_, bias_;
  kernel::line_vector<T> across_, back_;  // as nn::conv2d has them, and as conv2d_back has them
  kernel::line_vector<T> biases_, zeros_;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
