// SPDX-License-Identifier: MIT
// A CRNN that is trained on frames as files have them: the bands of each channel beside each other.
#pragma once

#include <cstddef>
#include <span>
#include <tshift/train/crnn.hpp>

namespace ser {

using tshift::index_t;
namespace train = tshift::train;

/// train::crnn over x [N, T, C F]. Keeps x as an image where C > 1, and what the CRNN keeps.
template <class T>
class crnn_rows : public train::calls<crnn_rows<T>, T> {
 public:
  static constexpr char const* name = "crnn";

  crnn_rows(train::parameter_table& table, train::crnn_sizes const& sizes, tshift::crnn_options const& options)
      : model_(table, sizes, options), bands_(sizes.bands), shortest_(options.image.pool_time.taps) {}

  index_t inputs() const noexcept { return model_.inputs() * bands_; }
  index_t outputs() const noexcept { return model_.outputs(); }
  index_t parameters_end() const noexcept { return model_.parameters_end(); }
  index_t frames(index_t) const noexcept { return 1; }
  /// Frames that a sequence must have: of fewer the pool makes none.
  index_t shortest() const noexcept { return shortest_; }
  void check_input(train::input<T> const& x) const {
    if (x.is_shifted()) tshift::detail::fail("%s: x is shifted; a model has its own shift", name);
  }

  void pack(std::span<T const> values) noexcept { model_.pack(values); }

  index_t saved_size(tshift::shape const& x) const { return copied(x) + model_.saved_size(image_of(x)); }

  /// The gradient of the image. Unchecked.
  T* layout(train::arena<T>& a, tshift::shape const& x) const {
    T* const image = a.take({copied(x)});
    a.lend(model_, image_of(x));
    return image;
  }

  template <class Executor>
  void run(Executor& exec, tshift::shifted_view<T> const& x, tshift::tensor_view<T> const& y, T* saved,
           train::arena<T> a) const {
    layout(a, x.shape());
    auto const& from = x.base();
    if (copied(from.shape) > 0) {
      auto const image = dense(saved, from);
      each_pixel(image.shape, [&](index_t n, index_t t, index_t c, index_t f) {
        if (t < from.length(n)) image(n, t, c, f) = from(n, t, c * bands_ + f);
      });
    }
    model_.run(exec, tshift::nn::as_it_is<T>(image(from, saved)), y, saved + copied(from.shape), a);
  }

  template <class Executor>
  void run_back(Executor& exec, tshift::shifted_view<T> const& x, T const* saved, tshift::shifted_view<T> const& dy,
                tshift::tensor_view<T> const& dx, std::span<T> gradients, train::arena<T> a) const {
    T* const room = layout(a, x.shape());
    auto const& from = x.base();
    tshift::tensor_view<T> to;
    if (dx.data != nullptr) to = copied(from.shape) > 0 ? dense(room, dx) : turned(dx);
    model_.run_back(exec, tshift::nn::as_it_is<T>(image(from, saved)), saved + copied(from.shape), dy, to, gradients,
                    a);
    if (dx.data == nullptr || copied(from.shape) == 0) return;
    each_pixel(to.shape,
               [&](index_t n, index_t t, index_t c, index_t f) { dx(n, t, c * bands_ + f) = to(n, t, c, f); });
  }

 private:
  template <class Do>
  static void each_pixel(tshift::shape const& image, Do const& what) {
    for (index_t n = 0; n < image.batch; ++n) {
      for (index_t t = 0; t < image.time; ++t) {
        for (index_t c = 0; c < image.channels; ++c) {
          for (index_t f = 0; f < image.space; ++f) what(n, t, c, f);
        }
      }
    }
  }
  tshift::shape image_of(tshift::shape x) const noexcept {
    x.channels = model_.inputs();
    x.space = bands_;
    return x;
  }
  /// Elements of x in the order of an image: none where it is one already, of one channel.
  index_t copied(tshift::shape const& x) const {
    index_t const size = tshift::detail::checked_product(name, {x.batch, x.time, x.channels});
    return model_.inputs() == 1 ? 0 : size;
  }
  template <class U, class V>
  tshift::tensor_view<U> dense(U* memory, tshift::tensor_view<V> const& of) const {
    return {memory, image_of(of.shape), tshift::layout::ntsc, of.lengths};
  }
  template <class U>
  tshift::tensor_view<U> turned(tshift::tensor_view<U> const& x) const {
    tshift::strides const s{x.strides.batch, x.strides.time, 1, x.strides.channels};
    return {x.data, image_of(x.shape), s, x.lengths};
  }
  tshift::tensor_view<T const> image(tshift::tensor_view<T const> const& x, T const* saved) const {
    return copied(x.shape) > 0 ? dense(saved, x) : turned(x);
  }

  train::crnn<T> model_;
  index_t bands_, shortest_;
};

}  // namespace ser
