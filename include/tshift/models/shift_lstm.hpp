// SPDX-License-Identifier: MIT
// ShiftLSTM and LSTM: a recurrent layer that reads shifted input, a norm, and a classifier.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <optional>
#include <span>

#include <tshift/models/lstm_part.hpp>
#include <tshift/models/parts.hpp>
#include <tshift/nn/stream_checks.hpp>
#include <tshift/weights/state_dict.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace models {

/// lstm(S x), norm, mean over time, linear.
///
/// x [N, T, D], y [N, 1, classes]. There is no skip connection: placement::branch and both mean the same, and skip is
/// refused. Lengths of x are honoured; as_released(x) computes as the released code does.
/// Accuracy: within 1e-5 of PyTorch (relative L2, float). One object serves many threads, each with its workspace.
/// Source: Shen et al., ICASSP 2023 (ShiftSER); names of the weights as in its checkpoints.
template <class T>
class shift_lstm : public nn::calls<shift_lstm<T>, T, tensor_view<T const>> {
 public:
  static constexpr char const* name = "shift_lstm";  ///< in messages

  /// The paper's: 1/4 of the channels delayed by one frame.
  static constexpr model_shift paper{4, direction::delay, 1, placement::both};
  /// No shift: the LSTM.
  static constexpr model_shift baseline{};

  /// @param weights  F32, F64, F16 or BF16, read as T and copied. Tensors named rnn.net.* are a ShiftLSTM's, rnn.* an
  ///                 LSTM's; with *_reverse the layer is bidirectional; D, the hidden size and classes are read off the
  ///                 tensors
  /// @param options  by default `paper` for a ShiftLSTM's tensors, `baseline` for an LSTM's
  /// @throws shape_error  a tensor is missing, has another shape or type, has a number that T cannot hold, or is not part
  ///                      of the model; options out of range
  explicit shift_lstm(weights::state_dict const& weights, std::optional<model_shift> const& options = {}) {
    weights::state_reader<T> reader("shift_lstm", weights);
    bool const wrapped = reader.has("rnn.net.weight_ih_l0");
    lstm_ = take_lstm(name, reader, wrapped ? "rnn.net." : "rnn.");
    shift_ = nn::placed_plan(options.value_or(wrapped ? paper : baseline), lstm_.inputs());
    if (shift_.where == placement::skip) {
      detail::fail("shift_lstm: placement = skip, but there is no skip connection; must be none, branch or both");
    }
    norm_ = take_norm(reader, "norm", lstm_.outputs());
    classifier_ = classifier<T>(reader, lstm_.outputs());
    reader.ignore("specaugment.");
    reader.finish();
  }

  /// Number of channels D of x.
  index_t channels() const noexcept { return lstm_.inputs(); }
  /// Number of logits.
  index_t classes() const noexcept { return classifier_.classes(); }

  /// The layer's output, and what the layer needs. Unchecked.
  T* layout(nn::arena<T>& a, shape const& x) const {
    T* const output = a.take({x.batch, x.time, lstm_.outputs()});
    a.lend(lstm_, x);
    a.lend(classifier_, x);
    return output;
  }

  /// Refuses what does not fit.
  void check(tensor_view<T const> const& x, tensor_view<T> const& y) const {
    nn::check_call(name, x, channels(), y, 1, classes());
  }

  /// Unchecked.
  template <class Executor>
  void compute(Executor& exec, tensor_view<T const> const& x, tensor_view<T> const& y, nn::arena<T> a) const {
    shape const hidden{x.shape.batch, x.shape.time, lstm_.outputs()};
    tensor_view<T> const output(layout(a, x.shape), hidden, tshift::layout::ntc, x.lengths);
    lstm_.compute(exec, nn::shifted_if(nn::shifts_branch(shift_.where), x, shift_.plan), output, a);
    norm_.compute(exec, nn::as_it_is<T>(output), output, a);
    classifier_.compute(exec, output, y, a);
  }

  /// Frames that streamed<shift_lstm> waits for: what the shift looks ahead.
  static constexpr index_t stream_latency(shift_plan const& plan, placement where) {
    return nn::shifts_branch(where) ? plan.latency() : 0;
  }

  /// The layer and the norm as a step of a stream.
  /// @throws shape_error  the shift is circular, or the layer has two directions
  std::vector<nn::stream_step> stream_steps() const {
    detail::check_streams(name, shift_.plan, shift_.where);
    detail::check_streams(name, lstm_.hidden(), lstm_.outputs());
    bool const moved = nn::shifts_branch(shift_.where);
    window_axis const window = nn::window_of(moved ? shift_.plan.history() : 0, moved ? shift_.plan.latency() : 0);
    return {{channels(), lstm_.outputs(), window, lstm_.carried()}};
  }
  /// Unchecked.
  void layout_steps(nn::arena<T>& a, shape const& x) const { a.lend(lstm_, x); }
  /// Unchecked: some frames of the step.
  template <class Executor>
  void make_frames(Executor& exec, index_t /*step*/, nn::stream_frames<T> const& in, tensor_view<T> const& y,
                   nn::arena<T> a) const {
    shifted_view<T> const x = nn::shifted_if(nn::shifts_branch(shift_.where), in.x, shift_.plan);
    lstm_.resume(exec, nn::kernel::frame_rows<T>(x, in.from, y.shape.time), y, in.carried, in.frame == 0, a);
    norm_.compute(exec, nn::as_it_is<T>(y), y, a);
  }
  /// Unchecked: logits of the mean of such frames.
  template <class Executor>
  void answer(Executor& exec, tensor_view<T const> const& mean, tensor_view<T> const& y, nn::arena<T> a) const {
    classifier_.answer(exec, mean, y, a);
  }

 private:
  nn::placed_plan shift_;
  nn::lstm<T> lstm_;
  nn::layer_norm<T> norm_;
  classifier<T> classifier_;
};

}}}}  // namespace tshift::models

#include <tshift/macros/back.hpp>
