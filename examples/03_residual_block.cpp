// SPDX-License-Identifier: MIT
// A shift in a residual block, S the shift and f the block's layers. In place saves memory, and is wrong wherever
// somebody else still reads x.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <vector>

#include <tshift/nn.hpp>

namespace {

using tshift::index_t;

constexpr index_t frames = 5, channels = 6;
constexpr tshift::shape dims{.time = frames, .channels = channels};
constexpr tshift::shift_plan plan = tshift::presets::tsm(channels, 3);  // channels 0-1 advance, 2-3 delay, 4-5 stay

using tensor = std::array<float, frames * channels>;  // small whole numbers: every sum below is exact
using view = tshift::tensor_view<float>;

/// Weight from channel i to channel o.
constexpr float weight(index_t o, index_t i) { return static_cast<float>((o * 5 + i * 3) % 7 - 3); }

/// f: one linear layer per frame. Anything that gives x(n, t, c) will do.
template <class Source>
void f(Source const& x, view const& y) {
  for (index_t t = 0; t < frames; ++t)
    for (index_t o = 0; o < channels; ++o) {
      float total = 0;
      for (index_t i = 0; i < channels; ++i) total += weight(o, i) * x(0, t, i);
      y(0, t, o) = total;
    }
}

template <class Source>
tensor f(Source const& x) {
  tensor y{};
  f(x, view(y, dims));
  return y;
}

/// The same layer as a kernel would read: run by run, each where it lies in x, whose channels are neighbours here.
tensor f_by_runs(tshift::shifted_view<float> const& x) {
  tensor y{};
  view const to(y, dims);
  for (index_t t = 0; t < frames; ++t)
    for (auto const& run : x.runs(0, t)) {
      if (run.data == nullptr) continue;  // vacated, and zeros add nothing
      for (index_t o = 0; o < channels; ++o)
        for (index_t i = 0; i < run.count; ++i) to(0, t, o) += weight(o, run.begin + i) * run.data[i];
    }
  return y;
}

tensor sum(tensor const& a, tensor const& b) {
  tensor y;
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = a[i] + b[i];
  return y;
}

/// S without the library: what everything is checked against.
tensor shifted_by_hand(tensor const& memory) {
  tensor x = memory, y{};
  view const from(x, dims), to(y, dims);
  for (index_t t = 0; t < frames; ++t)
    for (index_t c = 0; c < channels; ++c) {
      index_t const source = c < 2 ? t + 1 : c < 4 ? t - 1 : t;
      if (source >= 0 && source < frames) to(0, t, c) = from(0, source, c);
    }
  return y;
}

/// The same with a block of the library: y = x + mlp(S x), which reads x through the shift.
int in_short() {
  constexpr index_t C = channels;
  // W1 repeats x four times and W2 takes the first copy, so that the block is y = x + gelu(S x).
  std::vector<float> W1(4 * C * C), b1(4 * C), W2(C * 4 * C), b2(C), values(frames * C), result(frames * C);
  for (index_t o = 0; o < 4 * C; ++o) W1[static_cast<std::size_t>(o * C + o % C)] = 1;
  for (index_t o = 0; o < C; ++o) W2[static_cast<std::size_t>(o * 4 * C + o)] = 1;
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 100 + static_cast<float>(i);  // where gelu(v) is v
  view const x(values, dims), y(result, dims);

  // [block]
  tshift::nn::mlp<float> const mlp({C, 4 * C, W1, b1}, {4 * C, C, W2, b2});          // weights as PyTorch has them
  auto const block = tshift::nn::wrap<float>(mlp, tshift::placement::branch, plan);  // y = x + mlp(S x)
  std::vector<float> workspace = block.make_workspace(x.shape);
  block.forward(x, y, workspace);
  // [/block]

  tensor input;
  std::copy(values.begin(), values.end(), input.begin());
  tensor const shifted = shifted_by_hand(input);
  int wrong = 0;
  for (std::size_t i = 0; i < result.size(); ++i) wrong += std::abs(result[i] - input[i] - shifted[i]) < 1e-3f ? 0 : 1;
  std::printf("%-58s %d of %zu elements wrong\n", "(f) y = x + mlp(Sx), a block of the library:", wrong, result.size());
  return wrong;
}

int differences(char const* what, tensor const& want, tensor const& got) {
  int wrong = 0;
  for (std::size_t i = 0; i < want.size(); ++i) wrong += want[i] != got[i] ? 1 : 0;
  std::printf("%-58s %d of %zu elements wrong\n", what, wrong, want.size());
  return wrong;
}

}  // namespace

int main() {
  tensor input;
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<float>(i * i % 11) + 1;
  view const x(input, dims);
  tensor const shifted_input = shifted_by_hand(input);
  auto const f_of = [](tensor memory) { return f(view(memory, dims)); };

  // TSM's block is y = x + f(Sx): only the branch is shifted.
  tensor const branch = sum(input, f_of(shifted_input));

  // The trap. After this, "x +" adds the shifted frames: the identity path is gone, and training suffers quietly.
  tensor trap = input;
  tshift::shift_inplace(view(trap, dims), plan);
  int const trapped = differences("the trap, x shifted in place for y = x + f(Sx):", branch, sum(trap, f_of(trap)));

  // (a) Out of place, into the branch's own buffer.
  tensor buffer{};
  tshift::shift(x, view(buffer, dims), plan);
  int wrong = differences("(a) y = x + f(Sx), Sx in a buffer of its own:", branch, sum(input, f_of(buffer)));

  // (b) ShiftSER's block is y = Sx + f(x): the skip connection is shifted. Shift and sum are one pass over y.
  tensor skip = f(x);
  tshift::shift_add(x, view(skip, dims), view(skip, dims), plan);
  wrong += differences("(b) y = Sx + f(x), by shift_add:", sum(shifted_input, f_of(input)), skip);

  // (c) In place is right where nobody else reads the tensor, such as between two layers of the branch.
  tensor hidden = f(x);
  tshift::shift_inplace(view(hidden, dims), plan);
  tensor const between = sum(input, f_of(shifted_by_hand(f_of(input))));
  wrong += differences("(c) y = x + f(S f(x)), f(x) shifted in place:", between, sum(input, f_of(hidden)));

  // (d) Lazily: the layer reads x through the shift. No buffer, no copy, x untouched.
  auto const lazy = tshift::shifted(x, plan);
  wrong += differences("(d) y = x + f(Sx), read through shifted(x):", branch, sum(input, f(lazy)));
  wrong += differences("    the same, run by run:", branch, sum(input, f_by_runs(lazy)));

  // (e) The whole block as one word. The library's own layers read through the shift; any other gets a shifted copy.
  auto const layer = [](tshift::tensor_view<float const> const& from, view const& to) { f(from, to); };
  tensor y{}, workspace{};
  auto const block = tshift::nn::wrap<float>(layer, tshift::placement::branch, plan);
  block.forward(x, view(y, dims), workspace);
  wrong += differences("(e) y = x + f(Sx), wrapped:", branch, y);
  wrong += in_short();

  std::puts(trapped > 0 && wrong == 0 ? "Only the trap is wrong, as it should be." : "This is not as it should be.");
  return trapped > 0 && wrong == 0 ? 0 : 1;
}
