// SPDX-License-Identifier: MIT
// Mean over time and two linear layers: the head that people train on pre-trained encoders.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>

#include <tshift/train/linear.hpp>
#include <tshift/train/pool.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// y = classifier(projector(mean over time of x)): models::sequence_head with its gradients, in the form that gives
/// logits. x [N, T, D], y [N, 1, classes]. Parameters: projector.weight [hidden, D], classifier.weight
/// [classes, hidden], and .bias of each. Keeps the mean, [N, D], and its projection, [N, hidden].
template <class T>
class sequence_head : public calls<sequence_head<T>, T> {
 public:
  static constexpr char const* name = "sequence_head";  ///< in messages

  sequence_head() = default;

  /// Registers its parameters.
  /// @param channels  D
  /// @param hidden    channels between the two layers; 256 in transformers and SUPERB
  /// @throws shape_error  a size is out of range, or the names are taken
  sequence_head(parameter_table& table, index_t channels, index_t hidden, index_t classes) : pool_(channels) {
    if (hidden < 1 || classes < 1) {
      detail::fail("%s: %td channels and %td classes, must be one or more of each", name, hidden, classes);
    }
    projector_ = {table, "projector", channels, hidden};
    classifier_ = {table, "classifier", hidden, classes};
  }

  /// Number of channels of x.
  index_t inputs() const noexcept { return projector_.inputs(); }
  /// Number of classes.
  index_t outputs() const noexcept { return classifier_.outputs(); }
  /// Number of channels between the two layers.
  index_t hidden() const noexcept { return projector_.outputs(); }
  /// One past the last element of its parameters.
  index_t parameters_end() const noexcept { return classifier_.parameters_end(); }
  /// One frame for each sequence.
  index_t frames(index_t) const noexcept { return 1; }
  /// Nothing more to refuse.
  void check_input(input<T> const&) const noexcept {}

  /// Takes new values. Allocates nothing.
  void pack(std::span<T const> values) noexcept {
    projector_.pack(values);
    classifier_.pack(values);
  }

  /// The mean and its projection.
  index_t saved_size(shape const& x) const { return detail::checked_product(name, {x.batch, inputs() + hidden()}); }

  /// Gradients.
  struct slices {
    T* mean;       ///< [N, D]
    T* projected;  ///< [hidden], of one sequence
    T* logits;     ///< [classes], the same
  };

  /// Unchecked.
  slices layout(arena<T>& a, shape const& x) const {
    slices const s{a.take({x.batch, inputs()}), a.take({hidden()}), a.take({outputs()})};
    a.lend(pool_, x);
    a.lend(projector_, {x.batch, 1, inputs()});
    a.lend(classifier_, {x.batch, 1, hidden()});
    return s;
  }

  /// Unchecked.
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T* saved, arena<T> a) const {
    index_t const N = x.shape().batch;
    tensor_view<T> const mean(saved, {N, 1, inputs()}), projected(saved + mean.size(), {N, 1, hidden()});
    pool_.run(exec, x, mean, nullptr, a);
    projector_.run(exec, nn::as_it_is<T>(mean), projected, nullptr, a);
    classifier_.run(exec, nn::as_it_is<T>(projected), y, nullptr, a);
  }

  /// Unchecked. A sequence without frames has no mean, and no gradient.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const* saved, shifted_view<T> const& dy,
                tensor_view<T> const& dx, std::span<T> gradients, arena<T> a) const {
    slices const memory = layout(a, x.shape());
    index_t const N = x.shape().batch;
    tensor_view<T const> const mean(saved, {N, 1, inputs()}), projected(saved + mean.size(), {N, 1, hidden()});
    tensor_view<T> const dm(memory.mean, mean.shape), dp(memory.projected, {1, 1, hidden()});
    tensor_view<T> const dl(memory.logits, {1, 1, outputs()});
    for (index_t n = 0; n < N; ++n) {  // one by one: those without frames are passed over
      if (x.base().length(n) == 0) continue;
      for (index_t k = 0; k < outputs(); ++k) dl.data[k] = dy(n, 0, k);
      classifier_.run_back(exec, nn::as_it_is<T>(projected.slice_sequences(n, 1)), nullptr, nn::as_it_is<T>(dl), dp,
                           gradients, a);
      tensor_view<T> const to = dx.data != nullptr ? dm.slice_sequences(n, 1) : tensor_view<T>();
      projector_.run_back(exec, nn::as_it_is<T>(mean.slice_sequences(n, 1)), nullptr, nn::as_it_is<T>(dp), to,
                          gradients, a);
    }
    pool_.run_back(exec, x, nullptr, nn::as_it_is<T>(dm), dx, gradients, a);
  }

 private:
  mean_pool<T> pool_;
  linear<T> projector_, classifier_;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
