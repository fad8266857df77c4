// SPDX-License-Identifier: MIT
// ShiftLSTM and LSTM, trained.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>
#include <string>

#include <tshift/nn/residual.hpp>
#include <tshift/train/classifier.hpp>
#include <tshift/train/lstm.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// Sizes of a ShiftLSTM. Source of the defaults: Shen et al., ICASSP 2023.
struct shift_lstm_sizes {
  index_t channels = 768;  ///< D
  index_t hidden = 768;    ///< of each direction
  bool both_ways = true;   ///< two directions
  bool wrapped = true;     ///< named rnn.net.* as a ShiftLSTM, not rnn.* as an LSTM
  index_t classes = 4;     ///< logits
};

/// models::shift_lstm with its gradients: x [N, T, D], y [N, 1, classes]. Parameters by the names of ShiftSER's
/// checkpoints. Keeps the layer's output and what train::lstm keeps.
template <class T>
class shift_lstm : public calls<shift_lstm<T>, T> {
 public:
  static constexpr char const* name = "shift_lstm";  ///< in messages

  /// Registers its parameters.
  /// @param options  models::shift_lstm<T>::paper is the paper's; placement skip is refused: there is no skip
  /// @throws shape_error  a size is negative, options mean no plan
  shift_lstm(parameter_table& table, shift_lstm_sizes const& sizes, model_shift const& options)
      : shift_(options, sizes.channels) {
    if (shift_.where == placement::skip) {
      detail::fail("shift_lstm: placement = skip, but there is no skip connection; must be none, branch or both");
    }
    lstm_ = {table, sizes.wrapped ? "rnn.net" : "rnn", sizes.channels, sizes.hidden, sizes.both_ways};
    norm_ = {table, "norm", lstm_.outputs()};
    classifier_ = {table, lstm_.outputs(), sizes.classes};
  }

  /// Number of channels of x.
  index_t inputs() const noexcept { return lstm_.inputs(); }
  /// Number of logits.
  index_t outputs() const noexcept { return classifier_.outputs(); }
  /// One past the last element of its parameters.
  index_t parameters_end() const noexcept { return classifier_.parameters_end(); }
  /// One frame for each sequence.
  index_t frames(index_t) const noexcept { return 1; }
  /// x is read as it lies. @throws shape_error  it is shifted
  void check_input(input<T> const& x) const {
    if (x.is_shifted()) detail::fail("shift_lstm: x is shifted; a model has its own shift");
  }

  /// Takes new values.
  void pack(std::span<T const> values) noexcept {
    lstm_.pack(values);
    norm_.pack(values);
    classifier_.pack(values);
  }

  /// The layer's output, what it keeps, what norm and classifier keep.
  index_t saved_size(shape const& x) const {
    shape const h = hidden_of(x);
    return detail::checked_product(name, {h.batch, h.time, h.channels}) + lstm_.saved_size(x) + norm_.saved_size(h) +
           classifier_.saved_size(h);
  }

  /// [N, T, H].
  struct slices {
    T* normed;  ///< the norm's output or its gradient
    T* dh;      ///< that of the layer's output
  };

  /// Unchecked.
  slices layout(arena<T>& a, shape const& x) const {
    shape const h = hidden_of(x);
    slices const s{a.take({h.batch, h.time, h.channels}), a.take({h.batch, h.time, h.channels})};
    a.lend(lstm_, x);
    a.lend(norm_, h);
    a.lend(classifier_, h);
    return s;
  }

  /// Unchecked.
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T* saved, arena<T> a) const {
    slices const memory = layout(a, x.shape());
    shape const h = hidden_of(x.shape());
    tensor_view<T> const out = like(x, saved, h.channels), normed = like(x, memory.normed, h.channels);
    lstm_.run(exec, read(x), out, saved + h.size(), a);
    T* const of_norm = saved + h.size() + lstm_.saved_size(x.shape());
    norm_.run(exec, nn::as_it_is<T>(out), normed, of_norm, a);
    classifier_.run(exec, nn::as_it_is<T>(normed), y, of_norm + norm_.saved_size(h), a);
  }

  /// Unchecked.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const* saved, shifted_view<T> const& dy,
                tensor_view<T> const& dx, std::span<T> gradients, arena<T> a) const {
    slices const memory = layout(a, x.shape());
    shape const h = hidden_of(x.shape());
    tensor_view<T const> const out = like(x, saved, h.channels);
    tensor_view<T> const dn = like(x, memory.normed, h.channels), dh = like(x, memory.dh, h.channels);
    T const* const of_norm = saved + h.size() + lstm_.saved_size(x.shape());
    classifier_.run_back(exec, nn::as_it_is<T>(out), of_norm + norm_.saved_size(h), dy, dn, gradients, a);
    norm_.run_back(exec, nn::as_it_is<T>(out), of_norm, nn::as_it_is<T>(dn), dh, gradients, a);
    lstm_.run_back(exec, read(x), saved + h.size(), nn::as_it_is<T>(dh), dx, gradients, a);
    if (dx.data == nullptr || !nn::shifts_branch(shift_.where)) return;
    // dx is the gradient of S x; of x it is S' of that, and S' moves frames in place.
    shift_adjoint_inplace(exec, tensor_view<T>(dx.data, dx.shape, dx.strides, x.base().lengths), shift_.plan);
  }

 private:
  shape hidden_of(shape const& x) const noexcept { return {x.batch, x.time, lstm_.outputs()}; }
  shifted_view<T> read(shifted_view<T> const& x) const noexcept {
    return nn::shifted_if(nn::shifts_branch(shift_.where), x.base(), shift_.plan);
  }

  nn::placed_plan shift_;
  lstm<T> lstm_;
  layer_norm<T> norm_;
  classifier<T> classifier_;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
