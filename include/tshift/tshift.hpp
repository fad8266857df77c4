// SPDX-License-Identifier: MIT
// tshift: the temporal shift. This header brings the whole operator, and of other libraries only xsimd. How to use it:
//
// 1. Say what moves. A plan is a list of folds of channels, and what fills the frames they vacate. Constexpr.
//      shift_plan plan(C, {{.begin = 0, .count = 2, .offset = +1}, ...}, padding::zero);   or keep, edge, circular
//      presets::tsm(C), shiftser(C, n_div), tsm_online, paddle, tps, rwkv, shift_gcn ...   the published ones
//    offset > 0: the past arrives, < 0: the future. Folds lie in [0, C) and do not overlap; other channels stay.
//
// 2. Say where the elements are. A view owns nothing, and T is any trivially copyable type.
//      tensor_view x(memory, shape{.batch = N, .time = T, .channels = C, .space = H * W}, layout::ntcs, lengths);
//          memory   a vector, array or span, which must be long enough, or a pointer. Const memory is for inputs.
//          layout   ntc by default; or strides, for slices and anything else.
//          lengths  of a ragged batch, N of them: sequence n ends there; frames past the end are copied unshifted.
//          parts    x.slice_frames(first, count), slice_channels, slice_sequences.
//
// 3. Shift. S x is y[n, t, c, s] = x[n, t - offset(c), c, s]. Elements are moved, never computed: NaNs survive.
//      shift(x, y, plan)               y = S x       x may be y; partial overlap is refused. Every byte moves once.
//      shift_inplace(x, plan)          x = S x       touches only the channels that move.
//      shift_add(x, r, y, plan)        y = S x + r   r or x may be y; one pass, one rounding; integers wrap.
//      shift_adjoint(dy, dx, plan)     dx = S' dy    the exact transpose, for gradients; dx may be dy.
//      shift_adjoint_inplace(dy, plan)               float16, bfloat16 and the compiler's own are added up in float.
//      shifted(x, plan)                S x, read where x lies: element (n, t, c, s), or runs(n, t), the few pieces of a
//                                      frame. Moves nothing. x must outlive it. Consumers such as tshift/nn read so.
//    16-bit floats (float16, bfloat16, the compiler's own) are added up in float, and a sum is rounded once.
//    The shapes of x, y and r are equal, each with its own layout or strides; plan is for that many channels.
//    All but shifted take an executor first, if you like: shift(executor, x, y, plan), where executor(n, body) runs
//    body(i) for i in [0, n) on any threads (interop/openmp.hpp); the bytes written do not depend on it.
//    All but the adjoints take a fill value last, if you like, for padding::zero: a quantised tensor's zero point.
//
// 4. Or frame by frame, from a source that is still running. Outputs are those of the whole sequence, bit for bit.
//      shift_stream<T> stream(plan, frame)      frame: batch, channels, space; any padding but circular. Allocates its
//                                               state, or takes yours: (plan, frame, state_bytes(plan, frame) bytes).
//      n = stream.push(x, y)                    views, or spans [N, k, C, S]; y receives n = stream.ready(k) frames.
//      n = stream.flush(y)                      the end: the n = stream.pending() <= stream.latency() frames left.
//      stream.prime(x), reset(), save(bytes), restore(bytes)    give it a past, a new sequence, another state.
//
// 5. Or learn how far each channel moves: one real offset a channel, float or double. L is a shift at integers, and a line
//    between them. y is other memory than x.
//      learned_shift(x, y, offsets, padding)   y = L x; with learned_shift_adjoint and learned_shift_slopes, its gradients
//      rounded(offsets)                        the plan it has become; start_uniform, add_offset_penalty, share_moved
//      mix_shift(x, y, mu, plan, mixing::v6)   RWKV's y = x + (S x - x) mu; with mix_shift_adjoint and mix_shift_slopes
//
// Whatever is wrong with the values is a shape_error before the first write: "shift: plan has 768 channels, x has 512".
// Nothing else is thrown, and nothing is allocated, locked, printed or started, but by the stream that owns its memory.
// Without exceptions the sentence goes to on_error (error.hpp). Calls that write to other memory may run at the same
// time; a stream serves one thread at a time.
//
// Not included: reference.hpp, the definition as plain loops; conformance.hpp, tests for a shift of your own;
// interop/, other people's tensors; nn/, models/, io/: what is built on the shift.
#pragma once

#include <tshift/config.hpp>           // macros; what the namespaces mean
#include <tshift/error.hpp>            // shape_error, on_error
#include <tshift/executor.hpp>         // who does the work
#include <tshift/float16.hpp>          // float16, bfloat16
#include <tshift/learned_offsets.hpp>  // rounded, start_uniform, add_offset_penalty
#include <tshift/learned_shift.hpp>    // y = L x
#include <tshift/mix_shift.hpp>        // y = M x
#include <tshift/plan.hpp>             // fold, padding, direction, shift_plan
#include <tshift/presets.hpp>          // the published shifts by name
#include <tshift/shape.hpp>            // shape, strides, layout
#include <tshift/shift.hpp>            // y = S x
#include <tshift/shift_add.hpp>        // y = S x + r
#include <tshift/shift_adjoint.hpp>    // dx = S' dy
#include <tshift/shift_inplace.hpp>    // x = S x
#include <tshift/shifted_view.hpp>     // S x, read where x lies
#include <tshift/stream.hpp>           // frame by frame
#include <tshift/version.hpp>          // TSHIFT_VERSION
#include <tshift/view.hpp>             // tensor_view
