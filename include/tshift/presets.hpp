// SPDX-License-Identifier: MIT
// The published shifts by name. Each reproduces its system's order of folds, its rounding and its edges.
//
// They disagree, so choose by the code a checkpoint was trained with: TSM's first fold advances, Paddle's and
// ShiftSER's first fold delays; n_div and shift_ratio are per direction, so "both" moves twice that share.
// `table` lists them all: the PyTorch extension, the pictures, the tests and the checks of the pages go through it.
#pragma once

#include <tshift/macros/away.hpp>

#include <limits>
#include <optional>
#include <string_view>

#include <tshift/plan.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA {

namespace detail {

/// Channels of one fold, rounded down as Python's // does: C // n_div.
constexpr index_t fold_size(char const* preset, index_t channels, index_t n_div, index_t folds) {
  if (channels < 0) fail("presets::%s: channels = %td, must be >= 0", preset, channels);
  if (n_div < folds) {
    fail("presets::%s: n_div = %td, must be >= %td, the number of folds of 1/n_div of the channels", preset, n_div,
         folds);
  }
  return channels / n_div;
}

}  // namespace detail

namespace presets {

/// ShiftSER (Shen et al., ICASSP 2023): fold = C // n_div. delay: [0, fold) moves by +stride; advance: by -stride;
/// both: [0, fold) by +stride and [fold, 2 fold) by -stride.
/// @param n_div   >= 1, for both >= 2; per direction. The paper: 16 for ShiftCNN, 4 for ShiftLSTM and Shiftformer
/// @param stride  frames, >= 0
/// @param edge    zero as released; keep is what its "repeat" intends (as released, that one overwrites its own input)
/// With an odd C, n_div 2 and both, the last channel stays; the released code zeroes it by omission.
/// Source: github.com/ECNU-Cross-Innovation-Lab/ShiftSER, models/Augment.py
constexpr shift_plan shiftser(index_t channels, index_t n_div, direction way = direction::delay, index_t stride = 1,
                              padding edge = padding::zero) {
  if (stride < 0)
    detail::fail("presets::shiftser: stride = %td, must be >= 0; the direction is an own argument", stride);
  index_t const folds = way == direction::both ? 2 : 1;
  index_t const size = detail::fold_size("shiftser", channels, n_div, folds);
  if (way == direction::delay) return {channels, {{0, size, stride}}, edge};
  if (way == direction::advance) return {channels, {{0, size, -stride}}, edge};
  return {channels, {{0, size, stride}, {size, size, -stride}}, edge};
}

/// TSM as released (Lin et al., ICCV 2019): [0, C // n_div) advances, the next C // n_div channels delay, zeros.
/// The paper's figure draws the opposite order. MMAction2, GSM and TEA agree with the code.
/// Source: github.com/mit-han-lab/temporal-shift-module, ops/temporal_shift.py
constexpr shift_plan tsm(index_t channels, index_t n_div = 8) {
  index_t const size = detail::fold_size("tsm", channels, n_div, 2);
  return {channels, {{0, size, -1}, {size, size, 1}}};
}

/// TSM's online demo: [0, C // n_div) delays by one frame, zeros before the first; what its cache holds.
/// Source: github.com/mit-han-lab/temporal-shift-module, online_demo/mobilenet_v2_tsm.py
constexpr shift_plan tsm_online(index_t channels, index_t n_div = 8) {
  index_t const size = detail::fold_size("tsm_online", channels, n_div, 1);
  return {channels, {{0, size, 1}}};
}

/// PaddlePaddle's temporal_shift: c1 = int(C r) and c2 = int(C 2 r), both truncated after a float32 product;
/// [0, c1) delays, [c1, c2) advances, zeros. So the second fold can be one channel wider: C = 9, r = 0.2 gives 1 and 2.
/// @param shift_ratio  r in (0, 0.5), per direction
/// Source: github.com/PaddlePaddle/Paddle, paddle/phi/kernels/gpu/temporal_shift_kernel.cu
constexpr shift_plan paddle(index_t channels, float shift_ratio = 0.25f) {
  if (!(shift_ratio > 0.0f && shift_ratio < 0.5f)) {
    detail::fail("presets::paddle: shift_ratio = %g, must be > 0 and < 0.5", static_cast<double>(shift_ratio));
  }
  if (channels < 0 || channels > std::numeric_limits<int>::max() / 2) {
    detail::fail("presets::paddle: channels = %td, must be in [0, %d]: the kernel counts 2 C in 32 bits", channels,
                 std::numeric_limits<int>::max() / 2);
  }
  float const first = static_cast<float>(channels) * shift_ratio;
  float const both = static_cast<float>(channels * 2) * shift_ratio;
  auto const c1 = static_cast<index_t>(first);
  // At most C: past 2^24 channels float32 itself rounds, but by less than the largest ratio below 0.5 takes away.
  auto const c2 = static_cast<index_t>(both);
  return {channels, {{0, c1, 1}, {c1, c2 - c1, -1}}};
}

/// TPS (video patch shift): [0, C // n_div) delays, the next C // n_div advance, and a vacated frame keeps its own
/// value.
/// Source: github.com/MartinXM/TPS, issues 6 and 8
constexpr shift_plan tps(index_t channels, index_t n_div) {
  index_t const size = detail::fold_size("tps", channels, n_div, 2);
  return {channels, {{0, size, 1}, {size, size, -1}}, padding::keep};
}

/// RWKV's token shift, version 1: the first C // 2 channels delay by one token, zeros.
/// (Later versions mix x and its delay by learned weights; their delay is shift_plan(C, {{0, C, 1}}).)
/// Source: github.com/BlinkDL/RWKV-LM, RWKV-v1/src/model.py
constexpr shift_plan rwkv(index_t channels) { return {channels, {{0, detail::fold_size("rwkv", channels, 2, 1), 1}}}; }

/// Shift-GCN's naive temporal shift: eight folds of C // 9, advancing by 1, 2, 3, 4 and then delaying by 1, 2, 3, 4,
/// zeros; the ninth part and the remainder stay.
/// Source: github.com/kchengiva/Shift-GCN, issue 5
constexpr shift_plan shift_gcn(index_t channels) {
  index_t const k = detail::fold_size("shift_gcn", channels, 9, 8);
  return {channels,
          {{0 * k, k, -1},
           {1 * k, k, -2},
           {2 * k, k, -3},
           {3 * k, k, -4},
           {4 * k, k, 1},
           {5 * k, k, 2},
           {6 * k, k, 3},
           {7 * k, k, 4}}};
}

/// GSM's shift (Sudhakaran et al., CVPR 2020): [0, C // 2) advances and all others delay, zeros. Every channel moves.
/// GSM multiplies what it shifts by a learned gate, adds what the gate kept, and interleaves the channels of each half
/// afterwards; neither is part of this. The released module asks for a C that 4 divides. With an odd C its slices
/// would leave the larger half to the delay, and so does this; tsm(C, 2) leaves the last channel where it is.
/// Source: github.com/swathikirans/GSM, gsm.py
constexpr shift_plan gsm(index_t channels) {
  index_t const half = detail::fold_size("gsm", channels, 2, 2);
  return {channels, {{0, half, -1}, {half, channels - half, 1}}};
}

/// What presets take beside the number of channels; an entry of the table says which of them its preset takes.
struct arguments {
  std::optional<index_t> n_div = {};  ///< none: the preset's own, where it has one
  direction way = direction::delay;   ///< shiftser's
  index_t stride = 1;                 ///< shiftser's
  padding edge = padding::zero;       ///< shiftser's
  float shift_ratio = 0.25f;          ///< paddle's
};

/// A preset with its name, for programs that choose one at run time. Which arguments it takes follows from its type.
class entry {
 public:
  /// A preset of the number of channels alone.
  constexpr entry(char const* name, shift_plan (*preset)(index_t))
      : name_(name), takes_(takes::channels), of_channels_(preset) {}
  /// One that takes n_div. @param n_div  what it is where nobody says so; none: it has to be said
  constexpr entry(char const* name, shift_plan (*preset)(index_t, index_t), std::optional<index_t> n_div = {})
      : name_(name), takes_(takes::n_div), of_n_div_(preset), n_div_(n_div) {}
  /// One that takes a shift_ratio.
  constexpr entry(char const* name, shift_plan (*preset)(index_t, float))
      : name_(name), takes_(takes::shift_ratio), of_ratio_(preset) {}
  /// One that takes n_div, direction, stride and padding. n_div has to be said.
  constexpr entry(char const* name, shift_plan (*preset)(index_t, index_t, direction, index_t, padding))
      : name_(name), takes_(takes::direction), of_all_(preset) {}

  /// As it is called in C++: "tsm".
  constexpr char const* name() const { return name_; }
  /// Whether it has an n_div.
  constexpr bool takes_n_div() const { return takes_ == takes::n_div || takes_ == takes::direction; }
  /// Whether it has a shift_ratio.
  constexpr bool takes_shift_ratio() const { return takes_ == takes::shift_ratio; }
  /// Whether it has a direction, a stride and an edge.
  constexpr bool takes_direction() const { return takes_ == takes::direction; }

  /// The preset called with those of the arguments that it takes; it ignores the others.
  /// @throws shape_error  what the preset refuses, or an n_div that is not said
  constexpr shift_plan make(index_t channels, arguments const& with = {}) const {
    if (takes_ == takes::channels) return of_channels_(channels);
    if (takes_ == takes::shift_ratio) return of_ratio_(channels, with.shift_ratio);
    std::optional<index_t> const n_div = with.n_div ? with.n_div : n_div_;
    if (!n_div) detail::fail("presets::%s needs n_div", name_);
    if (takes_ == takes::n_div) return of_n_div_(channels, *n_div);
    return of_all_(channels, *n_div, with.way, with.stride, with.edge);
  }

 private:
  // Not told from which pointer is null: under UBSan, g++ 12 takes no comparison of functions for a constant.
  enum class takes { channels, n_div, shift_ratio, direction };

  char const* name_;
  takes takes_;
  shift_plan (*of_channels_)(index_t) = nullptr;
  shift_plan (*of_n_div_)(index_t, index_t) = nullptr;
  shift_plan (*of_ratio_)(index_t, float) = nullptr;
  shift_plan (*of_all_)(index_t, index_t, direction, index_t, padding) = nullptr;
  std::optional<index_t> n_div_ = {};
};

/// Every preset. Whatever goes through all of them reads this: a new one is a function and a line here.
inline constexpr entry table[] = {
    {"shiftser", shiftser}, {"tsm", tsm, 8}, {"tsm_online", tsm_online, 8}, {"paddle", paddle},
    {"tps", tps},           {"rwkv", rwkv},  {"shift_gcn", shift_gcn},      {"gsm", gsm},
};

/// The preset of this name, or nullptr.
constexpr entry const* find(std::string_view name) {
  for (entry const& each : table) {
    if (name == each.name()) return &each;
  }
  return nullptr;
}

}  // namespace presets
}}}  // namespace tshift

#include <tshift/macros/back.hpp>
