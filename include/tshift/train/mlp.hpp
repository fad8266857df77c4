// SPDX-License-Identifier: MIT
// The two-layer perceptron of a transformer, trained.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>
#include <utility>

#include <tshift/train/kernel/activations.hpp>
#include <tshift/train/linear.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// nn::mlp with its gradients. With h = W1 x + b1 and g = gelu(h):
///
///   dg = W2' dy    dh = dg gelu'(h)    dx = W1' dh    dW2 += dy' g    dW1 += dh' x    db2 += sum of dy    db1 += sum of dh
///
/// Keeps h, [N, T, hidden]; g is made again while h is hot. Parameters: those of its layers. Cost: three times nn::mlp's
/// products. Workspace: dh and g of one sequence, or of a few short ones.
template <class T>
class mlp : public frame_calls<mlp<T>, T> {
 public:
  static constexpr char const* name = "mlp";  ///< in messages

  mlp() = default;

  /// @throws shape_error  second does not read what first writes
  mlp(linear<T> first, linear<T> second) : first_(std::move(first)), second_(std::move(second)) {
    if (second_.inputs() != first_.outputs()) {
      detail::fail("mlp: second has %td inputs, first has %td outputs", second_.inputs(), first_.outputs());
    }
  }

  /// Number of channels of x.
  index_t inputs() const noexcept { return first_.inputs(); }
  /// Number of channels of y.
  index_t outputs() const noexcept { return second_.outputs(); }
  /// Number of channels between the two layers.
  index_t hidden() const noexcept { return first_.outputs(); }
  /// One past the last element of its parameters.
  index_t parameters_end() const noexcept {
    return first_.parameters_end() > second_.parameters_end() ? first_.parameters_end() : second_.parameters_end();
  }

  /// Takes new values. Allocates nothing.
  void pack(std::span<T const> values) noexcept {
    first_.pack(values);
    second_.pack(values);
  }

  /// h.
  index_t saved_size(shape const& x) const { return detail::checked_product(name, {x.batch, x.time, hidden()}); }

  /// What a pass needs.
  struct slices {
    T* rooms;   ///< forward: a slice of g for each part
    T* dh;      ///< backward: of some sequences
    T* g;       ///< the same
    T* packed;  ///< what a layer reads and its gradient, of a sequence
  };

  /// Unchecked.
  slices layout(arena<T>& a, shape const& x) const {
    slices s{};
    a.lend([this, &x, &s](arena<T>& in) { s.rooms = in.take({split_of(x).parts, kernel::row_capacity, slice()}); });
    shape const some = group_of(x);
    s.dh = a.take({some.batch, x.time, hidden()});
    s.g = a.take({some.batch, x.time, hidden()});
    index_t const first = kernel::gradient_room<T>(x.time, inputs(), hidden());
    index_t const second = kernel::gradient_room<T>(x.time, hidden(), outputs());
    s.packed = a.take({first > second ? first : second});
    return s;
  }

  /// Unchecked: y = W2 gelu(W1 x + b1) + b2 (+ skip).
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T* saved, arena<T> a,
           kernel::row_source<T> const* skip = nullptr) const {
    slices const memory = layout(a, x.shape());
    kernel::frame_rows<T> const from{x};
    auto const split = kernel::split_for<Executor>(split_of(x.shape()));
    kernel::for_parts(exec, split.parts, [this, &from, &y, &split, &memory, saved, skip](index_t part) {
      T* const room = memory.rooms + part * kernel::row_capacity * slice();
      kernel::for_rows(y, split.begin(part), split.end(part),
                       [this, &from, room, saved, skip](index_t first, index_t count, kernel::row_sink<T> to) {
                         for (kernel::row_part const some : kernel::row_parts(count)) {
                           rows(from, first + some.begin, some.count, to.from(some.begin), saved, room, skip);
                         }
                       });
    });
  }

  /// Unchecked: dx = J' dy (+ skip), and the parameters' gradients.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const* saved, shifted_view<T> const& dy,
                tensor_view<T> const& dx, std::span<T> gradients, arena<T> a,
                kernel::row_source<T> const* skip = nullptr) const {
    slices const memory = layout(a, x.shape());
    index_t const time = x.shape().time, together = group_of(x.shape()).batch;
    kernel::frame_rows<T> const x_rows{x}, dy_rows{dy};
    for (index_t n = 0; n < x.shape().batch; n += together) {
      index_t const rest = x.shape().batch - n, count = rest < together ? rest : together;
      tensor_view<T const> const frames = x.base().slice_sequences(n, count);
      tensor_view<T> const dh(memory.dh, {count, time, hidden()});
      kernel::later_rows<T> const from{x_rows, n * time}, with{dy_rows, n * time};
      kernel::gelu_back_tile<T, arch> const through{{saved + n * time * hidden(), hidden()}, {memory.g, hidden()}};
      kernel::for_rows_inside(exec, frames, dh, hidden() * outputs(),
                              [this, &with, &through](index_t first, index_t rows, kernel::row_sink<T> to) {
                                kernel::gemm<T, arch>(with, first, rows, second_.matrix().back(), to,
                                                      kernel::gelu_back_tile<T, arch>(through));
                              });
      kernel::plain_rows<T> const dh_rows{memory.dh, hidden()}, g_rows{memory.g, hidden()};
      second_.add_gradients(exec, frames, g_rows, with, gradients, memory.packed);
      if (dx.data != nullptr) back(exec, frames, dh_rows, dx.slice_sequences(n, count), skip, n * time);
      first_.add_gradients(exec, frames, from, dh_rows, gradients, memory.packed);
    }
  }

 private:
  using arch = xsimd::default_arch;

  /// Hidden channels at a time, as nn::mlp.
  index_t slice() const noexcept { return hidden() < kernel::gemm_depth ? hidden() : kernel::gemm_depth; }

  kernel::row_split split_of(shape const& x) const noexcept {
    return {x.batch * x.time, hidden() * (inputs() + outputs()), 8};
  }

  /// Sequences whose gradients pass the layers together.
  static shape group_of(shape const& x) noexcept {
    index_t const fit = x.time > 0 ? kernel::frames_at_once / x.time : 1;
    return {fit < 1 ? 1 : fit < x.batch ? fit : x.batch, x.time, x.channels};
  }

  /// At most row_capacity rows. The sums are nn::mlp's chains, whatever is kept of them on the way.
  void rows(kernel::row_source<T> x, index_t first, index_t count, kernel::row_sink<T> y, T* saved, T* room,
            kernel::row_source<T> const* skip) const noexcept {
    index_t done = 0;
    do {  // also without hidden channels: the bias is written
      index_t const width = hidden() - done < slice() ? hidden() - done : slice();
      kernel::row_sink<T> const h{saved + first * hidden() + done, hidden()};
      kernel::gemm<T, arch>(x, first, count, first_.matrix().across().part(done, width), h,
                            kernel::gelu_to_tile<T, arch>{{room, width}});
      kernel::plain_rows<T> const middle{room, width};
      kernel::packed_operand<T> const second = second_.matrix().across();
      if (skip == nullptr) {
        kernel::gemm<T, arch>(middle, 0, count, second, y, done, done + width, kernel::keep_sums());
      } else {
        kernel::gemm<T, arch>(middle, 0, count, second, y, done, done + width,
                              kernel::add_skip<T, arch>(*skip, outputs(), first));
      }
      done += width;
    } while (done < hidden());
  }

  template <class Executor>
  void back(Executor& exec, tensor_view<T const> const& frames, kernel::row_source<T> dh, tensor_view<T> const& dx,
            kernel::row_source<T> const* skip, index_t first_row) const {
    if (skip == nullptr) return kernel::multiply_back(exec, frames, dh, first_.matrix().back(), dx);
    kernel::later_rows<T> const beside{*skip, first_row};
    kernel::row_source<T> const added(beside);
    kernel::multiply_back(exec, frames, dh, first_.matrix().back(), dx, &added);
  }

  linear<T> first_, second_;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
