// SPDX-License-Identifier: MIT
// Wrote a shift of your own, for a GPU, a DSP, a framework? conformance.hpp runs it over the cases that usually go wrong
// and names the first wrong element. It needs no test framework; with one, it looks like this:
//
//   auto const report = tshift::conformance::check<float>(my_shift);
//   GoogleTest:  EXPECT_TRUE(report) << report.first;
//   Catch2:      INFO(report.first); CHECK(report);
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

/// The same kernel in place, frame after frame from the first to the last; or, where the past arrives, from the last to
/// the first, so that no frame is overwritten before it is read. Without that, everything becomes the first frame.
template <bool careful>
void my_shift_inplace(tshift::tensor_view<float> x, tshift::shift_plan const& plan) {
  auto const& [N, T, C, S] = x.shape;
  for (tshift::fold const& f : plan.folds()) {
    bool const down = careful && f.offset > 0;
    for (index_t n = 0; n < N; ++n)
      for (index_t step = 0; step < T; ++step)
        for (index_t i = f.begin * S; i < (f.begin + f.count) * S; ++i) {
          index_t const t = down ? T - 1 - step : step, source = t - f.offset;
          float const* const from = x.data + (n * T + source) * C * S + i;
          x.data[(n * T + t) * C * S + i] = source >= 0 && source < T ? *from : 0.f;
        }
  }
}

/// What the kernels were made for. Leave this out, and they are checked in every layout, with every padding, and for
/// batches of unequal lengths.
using tshift::conformance::scope;
constexpr scope only = scope::only(tshift::layout::ntc, tshift::padding::zero).without_lengths();

void print(char const* name, tshift::conformance::report const& report) {
  std::printf("%s: %td of %td cases wrong\n", name, report.failed, report.cases);
  if (!report) std::printf("  first: %s\n", report.first);
}

}  // namespace

int main() {
  auto const right = tshift::conformance::check<float>(my_shift<+1>, only);
  print("my kernel", right);

  auto const mine = my_shift<-1>;  // with the sign of the offset confused

  // [readme]
  auto const report = tshift::conformance::check<float>(
      mine, tshift::conformance::scope::only(tshift::layout::ntc, tshift::padding::zero).without_lengths());
  if (!report) std::printf("%td of %td cases wrong\n%s\n", report.failed, report.cases, report.first);
  // [/readme]

  // And one that was made for less than it is asked: it knows no padding but zero.
  auto const all_of_it =
      tshift::conformance::check<float>(my_shift<+1>, scope::only(tshift::layout::ntc).without_lengths());
  print("my kernel, asked for every padding", all_of_it);

  // The other operations: check_inplace, check_add, check_adjoint, check_stream.
  auto const inplace = tshift::conformance::check_inplace<float>(my_shift_inplace<true>, only);
  print("my kernel in place", inplace);

  auto const overwriting = tshift::conformance::check_inplace<float>(my_shift_inplace<false>, only);
  print("the same, always from the first frame to the last", overwriting);

  return right && inplace && report.failed > 0 && all_of_it.failed > 0 && overwriting.failed > 0 ? 0 : 1;
}
