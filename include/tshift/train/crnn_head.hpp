// SPDX-License-Identifier: MIT
// What a CRNN makes of frames, trained: an LSTM, a summary of its outputs, and a classifier.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>
#include <vector>

#include <tshift/models/crnn.hpp>
#include <tshift/train/activations.hpp>
#include <tshift/train/crnn_image.hpp>
#include <tshift/train/linear.hpp>
#include <tshift/train/lstm.hpp>
#include <tshift/train/summary.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// The second half of models::crnn with its gradients: x [N, T, D] to logits y [N, 1, classes]. A sequence of no frames
/// gives NaN, and no gradient. Keeps the outputs of the LSTM, their summary, what the first linear layer makes of that,
/// and what LSTM and summary keep.
template <class T>
class crnn_head : public calls<crnn_head<T>, T> {
 public:
  static constexpr char const* name = "crnn";  ///< in messages

  crnn_head() = default;

  /// Registers lstm.*, attention.* where it has a width, head.0.* and head.1.*.
  /// @param channels  D
  /// @throws shape_error  a size or an option is out of range
  crnn_head(parameter_table& table, index_t channels, crnn_sizes const& sizes, crnn_options const& options)
      : lstm_(table, "lstm", channels, sizes.hidden, sizes.both_ways) {
    summary_ = {table,
                "attention",
                lstm_.outputs(),
                models::crnn_summary(options, sizes.attention > 0),
                sizes.both_ways ? 2 : 1,
                sizes.attention,
                options.scorer,
                static_cast<T>(options.summary_eps)};
    hidden_ = {table, "head.0", summary_.outputs(), sizes.head};
    f_ = {sizes.head, options.image.f};
    out_ = {table, "head.1", sizes.head, sizes.classes};
  }

  /// Number of channels of x.
  index_t inputs() const noexcept { return lstm_.inputs(); }
  /// Number of logits.
  index_t outputs() const noexcept { return out_.outputs(); }
  /// One past the last element of its parameters.
  index_t parameters_end() const noexcept { return out_.parameters_end(); }
  /// One frame for each sequence.
  index_t frames(index_t) const noexcept { return 1; }
  /// Nothing more to refuse.
  void check_input(input<T> const&) const noexcept {}

  /// Takes new values.
  void pack(std::span<T const> values) noexcept {
    lstm_.pack(values);
    summary_.pack(values);
    hidden_.pack(values);
    out_.pack(values);
  }

  /// What is listed above.
  index_t saved_size(shape const& x) const { return kept(x).size; }

  /// What a pass needs.
  struct slices {
    T* made;    ///< [N, T, H]: the gradient of the LSTM's outputs
    T* sums;    ///< [N, summary]: that of their summary
    T* middle;  ///< [N, head]: forward what the activation makes; of one sequence, backward that
    T* dm;      ///< [head]: its gradient, of one sequence
    T* dy;      ///< [classes]: that of the logits, the same
  };

  /// Unchecked.
  slices layout(arena<T>& a, shape const& x) const {
    shape const made{x.batch, x.time, lstm_.outputs()};
    slices s{};
    s.made = a.take({made.batch, made.time, made.channels});
    s.sums = a.take({made.batch, summary_.outputs()});
    s.middle = a.take({made.batch, hidden_.outputs()});
    s.dm = a.take({hidden_.outputs()});
    s.dy = a.take({out_.outputs()});
    a.lend(lstm_, x);
    a.lend(summary_, made);
    a.lend(hidden_, {1, 1, summary_.outputs()});
    a.lend(out_, {1, 1, hidden_.outputs()});
    return s;
  }

  /// Unchecked.
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T* saved, arena<T> a) const {
    slices const memory = layout(a, x.shape());
    places const at = kept(x.shape());
    index_t const N = x.shape().batch;
    tensor_view<T> const made = like(x, saved, lstm_.outputs());
    tensor_view<T> const sums(saved + at.sums, {N, 1, summary_.outputs()});
    tensor_view<T> const before(saved + at.hidden, {N, 1, hidden_.outputs()}), middle(memory.middle, before.shape);
    lstm_.run(exec, x, made, saved + at.lstm, a);
    summary_.run(exec, nn::as_it_is<T>(made), sums, saved + at.summary, a);
    hidden_.run(exec, nn::as_it_is<T>(sums), before, nullptr, a);
    f_.run(exec, nn::as_it_is<T>(before), middle, nullptr, a);
    out_.run(exec, nn::as_it_is<T>(middle), y, nullptr, a);
  }

  /// Unchecked.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const* saved, shifted_view<T> const& dy,
                tensor_view<T> const& dx, std::span<T> gradients, arena<T> a) const {
    slices const memory = layout(a, x.shape());
    places const at = kept(x.shape());
    index_t const N = x.shape().batch;
    tensor_view<T const> const made = like(x, saved, lstm_.outputs());
    tensor_view<T const> const sums(saved + at.sums, {N, 1, summary_.outputs()});
    tensor_view<T const> const before(saved + at.hidden, {N, 1, hidden_.outputs()});
    tensor_view<T> const dsums(memory.sums, sums.shape), dmade = like(x, memory.made, lstm_.outputs());
    tensor_view<T> const middle(memory.middle, {1, 1, hidden_.outputs()}), dm(memory.dm, middle.shape);
    tensor_view<T> const dlogits(memory.dy, {1, 1, outputs()});
    for (index_t n = 0; n < N; ++n) {  // one by one: those without frames are passed over
      if (x.base().length(n) == 0) continue;
      for (index_t k = 0; k < outputs(); ++k) dlogits.data[k] = dy(n, 0, k);
      shifted_view<T> const h = nn::as_it_is(before.slice_sequences(n, 1));
      f_.run(exec, h, middle, nullptr, a);
      out_.run_back(exec, nn::as_it_is<T>(middle), nullptr, nn::as_it_is<T>(dlogits), dm, gradients, a);
      f_.run_back(exec, h, nullptr, nn::as_it_is<T>(dm), dm, gradients, a);  // in place
      hidden_.run_back(exec, nn::as_it_is(sums.slice_sequences(n, 1)), nullptr, nn::as_it_is<T>(dm),
                       dsums.slice_sequences(n, 1), gradients, a);
    }
    summary_.run_back(exec, nn::as_it_is(made), saved + at.summary, nn::as_it_is<T>(dsums), dmade, gradients, a);
    lstm_.run_back(exec, x, saved + at.lstm, nn::as_it_is<T>(dmade), dx, gradients, a);
  }

 private:
  /// Where what is kept begins, behind the outputs of the LSTM.
  struct places {
    index_t sums, hidden, lstm, summary, size;
  };
  places kept(shape const& x) const {
    shape const made{x.batch, x.time, lstm_.outputs()};
    places p{};
    p.sums = detail::checked_product(name, {made.batch, made.time, made.channels});
    p.hidden = p.sums + detail::checked_product(name, {x.batch, summary_.outputs()});
    p.lstm = p.hidden + detail::checked_product(name, {x.batch, hidden_.outputs()});
    p.summary = p.lstm + lstm_.saved_size(x);
    p.size = p.summary + summary_.saved_size(made);
    return p;
  }

  lstm<T> lstm_;
  summary<T> summary_;
  linear<T> hidden_, out_;
  activate<T> f_;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
