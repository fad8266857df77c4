// SPDX-License-Identifier: MIT
// Wrote a shift of your own, for a GPU, a DSP, a framework? conformance.hpp runs it over the cases that usually go wrong
// and names the first wrong element. It needs no test framework; with one, it looks like this:
//
//   auto const report = tshift::conformance::check<float>(my_shift);
//   GoogleTest:  EXPECT_TRUE(report.passed()) << report.first;
//   Catch2:      INFO(report.first); CHECK(report.passed());
#include <cstdio>

#include <tshift/conformance.hpp>

namespace {

using tshift::index_t;

/// The kernel to be checked: dense [N, T, C, S], zero padding, channels [begin, begin + count) moved by `offset` frames.
/// Works on pointers and knows nothing of tshift.
void my_kernel(float const* x, float* y, index_t N, index_t T, index_t C, index_t S, index_t begin, index_t count,
               index_t offset) {
  for (index_t n = 0; n < N; ++n)
    for (index_t t = 0; t < T; ++t)
      for (index_t i = begin * S; i < (begin + count) * S; ++i) {
        index_t const source = t - offset;
        y[(n * T + t) * C * S + i] = source >= 0 && source < T ? x[(n * T + source) * C * S + i] : 0.f;
      }
}

/// The bridge: how a plan is carried out with the kernel. `sign` -1 is a classic mistake: it advances instead of
/// delaying, and looks plausible on every plot.
template <int sign>
void my_shift(tshift::tensor_view<float const> x, tshift::tensor_view<float> y, tshift::shift_plan const& plan) {
  auto const& [N, T, C, S] = x.shape;
  for (index_t i = 0; i < x.size(); ++i) y.data[i] = x.data[i];
  for (tshift::fold const& f : plan.folds()) {
    my_kernel(x.data, y.data, N, T, C, S, f.begin, f.count, sign * f.offset);
  }
}

/// What the kernel was made for. Leave this out, and it is checked in every layout, with every padding, and for batches
/// of unequal lengths.
constexpr tshift::conformance::scope only{.ragged = false,
                                          .all_layouts = false,
                                          .only_layout = tshift::layout::ntc,
                                          .all_paddings = false,
                                          .only_padding = tshift::padding::zero};

void print(char const* name, tshift::conformance::report const& report) {
  std::printf("%s: %td of %td cases wrong\n", name, report.failed, report.cases);
  if (!report.passed()) std::printf("  first: %s\n", report.first);
}

}  // namespace

int main() {
  auto const right = tshift::conformance::check<float>(my_shift<+1>, only);
  print("my kernel", right);

  auto const mistaken = tshift::conformance::check<float>(my_shift<-1>, only);
  print("the same, with the sign of the offset confused", mistaken);

  // And one that was made for less than it is asked: it knows no padding but zero.
  auto const all_of_it = tshift::conformance::check<float>(my_shift<+1>, {.ragged = false, .all_layouts = false});
  print("my kernel, asked for every padding", all_of_it);

  return right.passed() && mistaken.failed > 0 && all_of_it.failed > 0 ? 0 : 1;
}
