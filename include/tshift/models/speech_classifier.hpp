// SPDX-License-Identifier: MIT
// From sound to emotions: an encoder and a head behind it.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <utility>

#include <tshift/models/speech_encoder.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace models {

/// y[n] = head(encoder(x[n])), with x [N, S, 1] samples and y [N, 1, classes].
///
///   auto const checkpoint = weights::speech_encoder_weights(file.state_dict());
///   models::speech_encoder<float> const encoder(checkpoint, options);
///   models::sequence_head<float> const head(checkpoint.rest, encoder.channels());
///   models::speech_classifier const model(encoder, head);
///
/// Lengths of x as the encoder takes them; the head sees the frames that belong to each sequence. as_released(x), without
/// lengths, is all frames. Workspace: that of the encoder, [frames(S), D], and the head's; nothing grows with N.
/// @tparam Head  a model of this library that reads [N, T, D] and writes [N, 1, classes]: sequence_head, shift_cnn,
///               shift_lstm, shiftformer
template <class T, class Head>
class speech_classifier : public nn::calls<speech_classifier<T, Head>, T, tensor_view<T const>> {
 public:
  static constexpr char const* name = "speech_classifier";  ///< in messages

  /// A sequence_head with layer weights gets the sum that it asks for.
  /// @throws shape_error  the head reads other channels or another number of states, or the encoder gives all states
  speech_classifier(speech_encoder<T> encoder, Head head) : encoder_(std::move(encoder)), head_(std::move(head)) {
    if (head_.channels() != encoder_.channels()) {
      detail::fail("speech_classifier: the head reads %td channels, the encoder has %td", head_.channels(),
                   encoder_.channels());
    }
    if constexpr (requires { head_.layer_weights(); }) {
      if (!head_.layer_weights().empty()) {
        encoder_ = encoder_.with(hidden_states<T>::weighted_sum(head_.layer_weights()));
      }
    }
    if (encoder_.states().copies() != 1) detail::fail("speech_classifier: the encoder gives all states, must give one");
  }

  /// What reads the samples.
  speech_encoder<T> const& encoder() const noexcept { return encoder_; }
  /// What reads the frames.
  Head const& head() const noexcept { return head_; }
  /// Number of logits or values.
  index_t classes() const noexcept { return head_.classes(); }

  /// The frames of one sequence, and what the two need. Unchecked.
  T* layout(nn::arena<T>& a, shape const& x) const {
    shape const wave{1, x.time, 1}, frames{1, encoder_.frames(x.time), encoder_.channels()};
    (void)detail::checked_product(name, {x.batch, x.time});
    T* const memory = a.take({frames.time, frames.channels});
    a.lend(encoder_, wave);
    a.lend(head_, frames);
    return memory;
  }

  /// Refuses what does not fit.
  void check(tensor_view<T const> const& x, tensor_view<T> const& y) const {
    nn::check_call(name, x, 1, y, 1, classes());
    encoder_.check_lengths(x);
    if constexpr (requires { head_.longest(); }) {
      for (index_t n = 0; n < x.shape.batch && head_.longest() >= 0; ++n) {
        index_t const own = encoder_.own_frames_of(x, n);
        if (own <= head_.longest()) continue;
        detail::fail("speech_classifier: sequence %td has %td frames, the head's positions serve at most %td", n, own,
                     head_.longest());
      }
    }
  }

  /// Unchecked.
  template <class Executor>
  void compute(Executor& exec, tensor_view<T const> const& x, tensor_view<T> const& y, nn::arena<T> a) const {
    auto* const memory = layout(a, x.shape);
    for (index_t n = 0; n < x.shape.batch; ++n) {
      index_t const own = encoder_.own_frames_of(x, n);
      tensor_view<T> const states(memory, {1, encoder_.frames_of(x, n), encoder_.channels()});
      encoder_.compute(exec, x.slice_sequences(n, 1), states, a);
      tensor_view<T const> seen = states;
      if (own < states.shape.time) seen.lengths = {&own, 1};
      head_.compute(exec, seen, y.slice_sequences(n, 1), a);
    }
  }

 private:
  speech_encoder<T> encoder_;
  Head head_;
};

}}}}  // namespace tshift::models

#include <tshift/macros/back.hpp>
