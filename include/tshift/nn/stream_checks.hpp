// SPDX-License-Identifier: MIT
// What networks that are fed frame by frame refuse.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>

#include <tshift/nn/images.hpp>
#include <tshift/nn/kernel/pipeline.hpp>
#include <tshift/plan.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// Refuses a shift that needs the end of a sequence for its beginning.
inline void check_streams(char const* operation, shift_plan const& plan, placement where) {
  if (plan.edge() != padding::circular || where == placement::none) return;
  fail("%s: padding circular needs the end of a sequence before its beginning, and cannot be streamed", operation);
}

/// Refuses a recurrent layer of two directions.
inline void check_streams(char const* operation, index_t hidden, index_t outputs) {
  if (outputs == hidden) return;
  fail("%s: the backward direction begins with the last frame of a sequence, and cannot be streamed", operation);
}

/// Refuses a stream that was moved from.
template <class T>
void check_alive(char const* operation, nn::kernel::pipeline<T> const& pipe) {
  if (pipe.empty()) fail("%s: the stream was moved from, and has no state; assign another to it", operation);
}

/// Refuses frames that a stream cannot take.
/// @param space  pixels of a frame
template <class T>
void check_stream_push(char const* operation, nn::kernel::pipeline<T> const& pipe, tensor_view<T const> const& x,
                       index_t space = 1) {
  check_alive(operation, pipe);
  extent const from = space == 1 ? check_rows(operation, "x", x, pipe.inputs())
                                 : check_pixels(operation, "x", x, space > 0 ? pipe.inputs() / space : 0);
  if (from.dims.space != space) fail("%s: x has %td bands, the stream has %td", operation, from.dims.space, space);
  if (from.dims.batch != pipe.sequences()) {
    fail("%s: x has batch %td, the stream has %td", operation, from.dims.batch, pipe.sequences());
  }
  if (from.length_count > 0) fail("%s: x has lengths; the sequences of one stream advance together", operation);
  if (from.dims.time > pipe.most_received() - pipe.received()) {
    fail("%s: %td frames after %td, must stay below 2^%d", operation, from.dims.time, pipe.received(), index_bits - 2);
  }
}

/// Refuses memory that is no room for `frames` of what a stream makes.
template <class T>
void check_stream_room(char const* operation, nn::kernel::pipeline<T> const& pipe, index_t frames,
                       tensor_view<T> const& y, tensor_view<T const> const* x) {
  check_alive(operation, pipe);
  extent const to = check_rows(operation, "y", y, pipe.outputs());
  if (to.dims.batch != pipe.sequences()) {
    fail("%s: y has batch %td, the stream has %td", operation, to.dims.batch, pipe.sequences());
  }
  if (to.length_count > 0) fail("%s: y has lengths; the sequences of one stream advance together", operation);
  if (to.dims.time < frames) fail("%s: y has time %td, must be >= %td", operation, to.dims.time, frames);
  check_writable(operation, to);
  if (x != nullptr) check_apart(operation, extent_of("x", *x, 0), to);
}

/// Refuses memory for a saved state that has another size.
inline void check_saved(char const* operation, std::size_t have, std::size_t want) {
  if (have != want) fail("%s: memory has %zu bytes, must have %zu", operation, have, want);
}

/// Refuses bytes that are no state of this network.
/// @param rest  rest(frames that have left) says the same of what is saved behind it
template <class T, class Rest>
void check_known(char const* operation, nn::kernel::pipeline<T> const& pipe, std::byte const* saved, Rest const& rest) {
  check_alive(operation, pipe);
  if (!pipe.knows(saved) || !rest(pipe.made_in(saved))) fail("%s: this is the state of another network", operation);
}

}}}}  // namespace tshift::detail

#include <tshift/macros/back.hpp>
