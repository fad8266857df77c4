// SPDX-License-Identifier: MIT
// Your memory, as it is: a video clip in three orders, a slice of a larger buffer, and a batch of unequal lengths.
// Nothing is copied to be shifted; a view says where the elements lie.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <vector>

#include <tshift/conformance.hpp>
#include <tshift/tshift.hpp>

namespace {

using tshift::index_t;
using tshift::layout;
using view = tshift::tensor_view<float>;

constexpr tshift::shape clip{.batch = 2, .time = 5, .channels = 16, .space = 6};  // space: height x width, 2 x 3
constexpr tshift::shift_plan plan = tshift::presets::tsm(clip.channels);          // channels 0-1 advance, 2-3 delay

constexpr std::size_t elements(tshift::shape const& s) {
  return static_cast<std::size_t>(s.batch * s.time * s.channels * s.space);
}

/// Gives every element the same number wherever its order puts it.
void number(view x) {
  tshift::reference::for_each_element(x.shape, [&](index_t n, index_t t, index_t c, index_t s) {
    x(n, t, c, s) = static_cast<float>(((n * clip.time + t) * clip.channels + c) * clip.space + s + 1);
  });
}

bool equal(char const* what, view want, view got) {
  auto const result = tshift::conformance::compare(want, got);
  std::printf("%-54s %s\n", what, result ? "equal" : result.message());
  return result.equal;
}

/// The ways to say where elements lie, in short.
bool in_short() {
  std::size_t const size = std::size_t{2} * 8 * 64 * 56 * 56;
  std::array<index_t, 2> const lengths{8, 5};
  std::vector<float> torch_clip(size, 1.f), tf_clip(size), padded(size, 1.f);

  // [readme]
  tshift::shape const shape{.batch = 2, .time = 8, .channels = 64, .space = 56 * 56};
  tshift::tensor_view const x(torch_clip, shape, tshift::layout::ntcs);  // a vector, NTCHW
  tshift::tensor_view const y(tf_clip, shape, tshift::layout::ntsc);     // NTHWC: orders may differ
  tshift::shift(x, y, tshift::presets::tsm(64));
  tshift::tensor_view const part = x.slice_channels(32, 16).slice_frames(2, 4);  // a slice is a view as well
  tshift::shift_inplace(part, tshift::presets::tsm(16));
  tshift::tensor_view const ragged(padded, shape, tshift::layout::ntcs, lengths);  // sequence n has lengths[n] frames
  tshift::shift_inplace(ragged, tshift::presets::tsm(64));
  // [/readme]

  // In the clip the future arrives from channel 0 to 7, and nothing does in the last frame.
  bool const turned = y(0, 6, 0, 55) == 1 && y(0, 7, 0, 55) == 0 && y(1, 7, 63, 55) == 1;
  bool const sliced = x(1, 4, 32, 9) == 1 && x(1, 5, 32, 9) == 0 && x(1, 5, 31, 9) == 1 && x(1, 6, 32, 9) == 1;
  bool const ended = ragged(1, 4, 0) == 0 && ragged(1, 5, 0) == 1 && ragged(0, 4, 0) == 1 && ragged(0, 7, 0) == 0;
  return turned && sliced && ended;
}

}  // namespace

int main() {
  bool right = in_short();
  std::printf("%-54s %s\n", "two orders, a slice and unequal lengths, in short:", right ? "right" : "wrong");
  std::vector<float> memory(elements(clip)), shifted_memory(elements(clip)), reference_memory(elements(clip));

  // PyTorch's order: [N, T, C, H, W].
  view const x(memory, clip, layout::ntcs), y(shifted_memory, clip, layout::ntcs);
  view const want(reference_memory, clip, layout::ntcs);
  number(x);
  tshift::shift(x, y, plan);
  tshift::reference::shift(x, want, plan);
  right &= equal("NTCHW against the definition:", want, y);

  // TensorFlow's [N, T, H, W, C], and [N, C, T, H, W] as 3D convolutions have it.
  struct order {
    char const* name;
    layout value;
  };
  for (order const& o : {order{"NTHWC against NTCHW:", layout::ntsc}, order{"NCTHW against NTCHW:", layout::ncts}}) {
    std::vector<float> from(elements(clip)), to(elements(clip));
    view const a(from, clip, o.value), b(to, clip, o.value);
    number(a);
    tshift::shift(a, b, plan);
    right &= equal(o.name, y, b);
  }

  // Two views need not have one order: this shift transposes on the way.
  std::vector<float> transposed_memory(elements(clip));
  view const transposed(transposed_memory, clip, layout::ntsc);
  tshift::shift(x, transposed, plan);
  right &= equal("NTCHW in, NTHWC out:", y, transposed);

  // A slice: channels 4 to 19 of 24, of every second frame. Its strides are those of the whole, but for time.
  tshift::shape const whole_shape{.batch = 2, .time = 10, .channels = 24, .space = 6};
  std::vector<float> whole_memory(elements(whole_shape), -1.f);
  view const whole(whole_memory, whole_shape, layout::ntcs);
  tshift::strides steps = whole.strides;
  steps.time *= 2;
  view const slice(whole.at(0, 0, 4), clip, steps);
  number(slice);
  tshift::shift_inplace(slice, plan);
  right &= equal("a slice, in place:", y, slice);
  index_t const outside = std::count(whole_memory.begin(), whole_memory.end(), -1.f);
  bool const kept = outside == whole.size() - slice.size();
  std::printf("%-54s %s\n", "  everything around the slice:", kept ? "untouched" : "overwritten");
  right &= kept;

  // Unequal lengths: sequence 1 ends after three frames. Its boundary is there, and its padding stays where it is.
  std::array<index_t, 2> const lengths{5, 3};
  view const ragged(memory, clip, layout::ntcs, lengths);
  tshift::shift(ragged, want, plan);
  view const alone = x.slice_sequences(1, 1).slice_frames(0, 3);
  std::vector<float> alone_memory(elements(alone.shape));
  view const alone_shifted(alone_memory, alone.shape, layout::ntcs);
  tshift::shift(alone, alone_shifted, plan);
  view const second = want.slice_sequences(1, 1);
  right &= equal("ragged, against the short sequence on its own:", alone_shifted, second.slice_frames(0, 3));
  right &= equal("  the frames after its end, against the input:", x.slice_sequences(1, 1).slice_frames(3, 2),
                 second.slice_frames(3, 2));
  return right ? 0 : 1;
}
