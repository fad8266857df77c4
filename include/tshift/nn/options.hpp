// SPDX-License-Identifier: MIT
// What blocks are told apart by: where the shift stands in a residual block, how attention knows where a frame is, the
// sizes of convolutions and of windows over images. Names and numbers alone, so that the definitions in
// nn/reference.hpp need nothing of blocks.
#pragma once

#include <tshift/macros/away.hpp>

#include <tshift/plan.hpp>

namespace tshift { inline namespace TSHIFT_V {

/// Which of the two paths of y = x + f(x) sees the shifted input.
enum class placement {
  none,    ///< y = x + f(x)
  branch,  ///< y = x + f(S x)    TSM's "residual"
  skip,    ///< y = S x + f(x)    ShiftSER's "residual"
  both     ///< y = S x + f(S x)  both papers' "in-place"
};

/// A shift as models take it: presets::shiftser(channels, n_div, towards, stride, edge), at a placement.
struct model_shift {
  index_t n_div = 0;                     ///< channels / n_div move per direction; 0: no shift
  direction towards = direction::delay;  ///< as presets::shiftser
  index_t stride = 1;                    ///< frames
  placement where = placement::none;     ///< of the block it is in
  padding edge = padding::zero;          ///< what vacated frames receive
};

/// How attention knows where a frame is.
enum class frame_positions {
  absolute,           ///< not at all: positions were added to the input. score = q . k
  relative_key,       ///< score = q . k + q . p
  relative_key_query  ///< score = q . k + q . p + k . p
};

/// The sizes of attention whose heads together are as wide as x, or not.
struct attention_sizes {
  index_t inputs = 0;  ///< I, channels of x
  index_t heads = 1;   ///< H, >= 1
  index_t depth = 0;   ///< d, channels of a head; D = H d
};

/// What is taken of a sequence's frames for the whole of it.
enum class summary_kind {
  last,      ///< its last frame; of a layer of two directions each half where that direction ends
  mean,      ///< of every channel
  max,       ///< of every channel
  std,       ///< square root of the variance, the biased one, plus eps
  attention  ///< mean with weights that a small network gives each frame
};

/// What the small network of summary_kind::attention applies to what it makes of a frame.
enum class attention_scorer {
  sigmoid,  ///< 1 / (1 + exp(-x))
  tanh      ///< the hyperbolic tangent
};

/// The sizes of a convolution along time, named as torch.nn.Conv1d has them.
struct conv1d_options {
  index_t inputs = 0;   ///< channels of x, in_channels
  index_t outputs = 0;  ///< channels of y, out_channels
  index_t taps = 1;     ///< frames that a frame of y is made of, kernel_size
  index_t stride = 1;   ///< frames of x from one frame of y to the next
  index_t padding = 0;  ///< frames of zeros before the first frame and after the last
  index_t groups = 1;   ///< parts of the channels that are apart; divides inputs and outputs

  /// Frames of y for so many frames of x: (time + 2 padding - taps) / stride + 1, rounded down; 0 where x is too short.
  TSHIFT_INLINE constexpr index_t frames(index_t time) const noexcept {
    index_t const room = time + 2 * padding - taps;
    return room < 0 ? 0 : room / stride + 1;
  }
};

/// Windows along one axis of an image: time, or space.
struct window_axis {
  index_t taps = 1;    ///< pixels that a window covers
  index_t stride = 1;  ///< pixels from one window to the next
  index_t before = 0;  ///< zeros before the first pixel
  index_t after = 0;   ///< zeros after the last

  /// As many windows as pixels, one pixel apart: (taps - 1) / 2 zeros before, rounded down, and the rest after, as
  /// TensorFlow has it. Of an odd number it is PyTorch's padding = taps / 2.
  TSHIFT_INLINE static constexpr window_axis same(index_t taps) noexcept { return {taps, 1, (taps - 1) / 2, taps / 2}; }

  /// The same windows, counted from pixel `from` on, of an axis of `size` pixels: as many as asked for.
  TSHIFT_INLINE constexpr window_axis part(index_t from, index_t windows, index_t size) const noexcept {
    return {taps, stride, before - from, (windows - 1) * stride + taps - (before - from) - size};
  }

  /// Windows over so many pixels: (size + before + after - taps) / stride + 1, rounded down; 0 where there are too few.
  TSHIFT_INLINE constexpr index_t count(index_t size) const noexcept {
    index_t const room = size + before + after - taps;
    return room < 0 ? 0 : room / stride + 1;
  }
};

/// A function of one number that a layer applies to all that it makes.
struct activation {
  /// Which one.
  enum class kind {
    none,        ///< x
    relu,        ///< x where x > 0, else 0
    leaky_relu,  ///< x where x > 0, else factor x
    elu,         ///< x where x > 0, else factor (exp(x) - 1)
    gelu         ///< x times the normal distribution's function of x
  };

  kind which = kind::none;  ///< none: what is made stays as it is
  double factor = 0;        ///< of x below 0 for leaky_relu, of exp(x) - 1 for elu

  /// x where x > 0, else 0.
  TSHIFT_INLINE static constexpr activation relu() noexcept { return {kind::relu, 0}; }
  /// x where x > 0, else slope x. PyTorch's slope is 0.01.
  TSHIFT_INLINE static constexpr activation leaky_relu(double slope = 0.01) noexcept {
    return {kind::leaky_relu, slope};
  }
  /// x where x > 0, else alpha (exp(x) - 1).
  TSHIFT_INLINE static constexpr activation elu(double alpha = 1) noexcept { return {kind::elu, alpha}; }
  /// x Phi(x).
  TSHIFT_INLINE static constexpr activation gelu() noexcept { return {kind::gelu, 0}; }
};

/// The sizes of a convolution over images, whose height is time and whose width is space.
struct conv2d_options {
  index_t inputs = 0;      ///< channels of x, in_channels
  index_t outputs = 0;     ///< channels of y, out_channels
  window_axis time = {};   ///< along time
  window_axis space = {};  ///< along space
  index_t groups = 1;      ///< parts of the channels that are apart; divides inputs and outputs
};

}}  // namespace tshift

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// Whether f reads S x.
constexpr bool shifts_branch(placement where) noexcept {
  return where == placement::branch || where == placement::both;
}
/// Whether S x is what f(...) is added to.
constexpr bool shifts_skip(placement where) noexcept { return where == placement::skip || where == placement::both; }

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
