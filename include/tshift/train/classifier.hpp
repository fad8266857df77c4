// SPDX-License-Identifier: MIT
// Mean over time and a linear layer behind a norm: how ShiftSER's models end.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <cstddef>
#include <span>

#include <tshift/train/layer_norm.hpp>
#include <tshift/train/linear.hpp>
#include <tshift/train/pool.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// y = W (mean over time of x) + b: models::classifier with its gradients. Parameters head.weight [classes, D] and
/// head.bias. Keeps the mean, [N, D].
template <class T>
class classifier : public calls<classifier<T>, T> {
 public:
  static constexpr char const* name = "classifier";  ///< in messages

  classifier() = default;
  /// Registers its parameters.
  classifier(parameter_table& table, index_t channels, index_t classes)
      : pool_(channels), head_(table, "head", channels, classes) {}

  /// Number of channels of x.
  index_t inputs() const noexcept { return head_.inputs(); }
  /// Number of classes.
  index_t outputs() const noexcept { return head_.outputs(); }
  /// One past the last element of its parameters.
  index_t parameters_end() const noexcept { return head_.parameters_end(); }
  /// One frame for each sequence.
  index_t frames(index_t) const noexcept { return 1; }
  /// Nothing more to refuse.
  void check_input(input<T> const&) const noexcept {}

  /// Takes new values.
  void pack(std::span<T const> values) noexcept { head_.pack(values); }

  /// The mean.
  index_t saved_size(shape const& x) const { return detail::checked_product(name, {x.batch, inputs()}); }
  /// The gradient of the mean. Unchecked.
  T* layout(arena<T>& a, shape const& x) const {
    T* const dm = a.take({x.batch, inputs()});
    a.lend(pool_, x);
    a.lend(head_, mean_of(x));
    return dm;
  }

  /// Unchecked.
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T* saved, arena<T> a) const {
    tensor_view<T> const mean(saved, mean_of(x.shape()));
    pool_.run(exec, x, mean, nullptr, a);
    head_.run(exec, nn::as_it_is<T>(mean), y, nullptr, a);
  }

  /// Unchecked. A sequence without frames has no mean, and no gradient.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const* saved, shifted_view<T> const& dy,
                tensor_view<T> const& dx, std::span<T> gradients, arena<T> a) const {
    T* const room = layout(a, x.shape());
    tensor_view<T const> const mean(saved, mean_of(x.shape()));
    tensor_view<T> const dm(room, mean.shape);
    arena<T> rest = a;
    for (index_t n = 0; n < mean.shape.batch; ++n) {  // one by one: those without frames are passed over
      if (x.base().length(n) == 0) continue;
      tensor_view<T const> const own = dy.base().slice_sequences(n, 1);
      head_.run_back(exec, nn::as_it_is<T>(mean.slice_sequences(n, 1)), nullptr, nn::as_it_is<T>(own),
                     dm.slice_sequences(n, 1), gradients, rest);
    }
    if (dx.data != nullptr) pool_.run_back(exec, x, nullptr, nn::as_it_is<T>(dm), dx, gradients, rest);
  }

 private:
  static shape mean_of(shape const& x) noexcept { return {x.batch, 1, x.channels}; }

  mean_pool<T> pool_;
  linear<T> head_;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
