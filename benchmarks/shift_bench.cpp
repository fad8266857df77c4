// SPDX-License-Identifier: MIT
// shift: y = S x, beside memcpy of the tensor.
#include <atomic>
#include <thread>

#include "support.hpp"

namespace tshift_bench { namespace {

template <class T>
row describe(tensor_case const& on, std::string variant, index_t n_div, double target) {
  double const bytes = static_cast<double>(on.count() * sizeof(T));
  return {.table = "shift: y = S x; floor: memcpy of the tensor",
          .tensor = on.text(),
          .variant = std::move(variant),
          .n_div = n_div,
          .bytes = 2 * bytes,
          .target = target,
          .footprint = on.count() * sizeof(T)};
}

/// One row: verifies y against the reference, then times shift(x, y, plan) beside memcpy(y, x).
/// @param lead     elements by which x and y are moved away from their alignment
/// @param lengths  of a ragged batch; the floor copies all frames, because shift does too
template <class T>
void add(tensor_case const& whole, std::string const& variant, index_t n_div, shift_plan const& plan, double target,
         std::size_t lead = 0, std::vector<index_t> lengths = {}) {
  tensor_case const on = sized(whole, n_div, variant);
  if (!lengths.empty()) lengths.resize(static_cast<std::size_t>(on.dims.batch));
  add_row(describe<T>(on, variant, n_div, target), [=] {
    auto const memory = tensors<T>(on.dims, lead);
    // `lengths` lives as long as this lambda, and that as long as the program: the views may point into it.
    tensor_view<T const> const x(memory.x + lead, on.dims, on.order, lengths);
    tensor_view<T> const y(memory.y + lead, on.dims, on.order, lengths);
    tensor_view<T> const want(memory.want, on.dims, on.order, lengths);
    tshift::shift(x, y, plan);
    tshift::reference::shift(x, want, plan);
    expect_equal(want, y);
    return std::pair([=] { tshift::shift(x, y, plan); },
                     [=, bytes = memory.count * sizeof(T)] { std::memcpy(y.data, x.data, bytes); });
  });
}

/// The least that satisfies the library's idea of an executor: this thread and one more share the indices.
struct two_threads {
  template <class Body>
  void operator()(index_t count, Body const& body) const {
    std::atomic<index_t> next = 0;
    auto const work = [&] {
      for (index_t i = next++; i < count; i = next++) body(i);
    };
    std::thread helper(work);
    work();
    helper.join();
  }
};

void add_two_threads(tensor_case const& whole, shift_plan const& plan) {
  char const* const variant = "delay, 2 threads";
  tensor_case const on = sized(whole, 8, variant);
  add_row(describe<float>(on, variant, 8, 0), [=] {
    auto const memory = tensors<float>(on.dims);
    tensor_view<float const> const x(memory.x, on.dims, on.order);
    tensor_view<float> const y(memory.y, on.dims, on.order);
    tensor_view<float> const want(memory.want, on.dims, on.order);
    tshift::shift(two_threads{}, x, y, plan);
    tshift::reference::shift(x, want, plan);
    expect_equal(want, y);
    return std::pair([=] { tshift::shift(two_threads{}, x, y, plan); },
                     [=, bytes = memory.count * sizeof(float)] { std::memcpy(y.data, x.data, bytes); });
  });
}

void add_shift() {
  using tshift::presets::shiftser;
  constexpr double targets[] = {1.05, 1.10, 1.15};
  for (tensor_case const& on : time_major_cases) {
    for (auto const& [n_div, w] : all_shifts()) {
      add<float>(on, w.text, n_div, shiftser(on.dims.channels, n_div, w.value), targets[on.size]);
    }
  }
  for (tensor_case const& on : other_layouts) {
    for (auto const& [n_div, w] : some_shifts()) {
      add<float>(on, w.text, n_div, shiftser(on.dims.channels, n_div, w.value), 1.10);
    }
  }

  // The rest of what the operator does. Padding is part of the plan, so it has the same target.
  struct edge {
    char const* text;
    padding value;
  };
  for (edge const e : {edge{"both, keep", padding::keep}, edge{"both, edge", padding::edge},
                       edge{"both, circular", padding::circular}}) {
    for (tensor_case const& on : time_major_cases) {
      add<float>(on, e.text, 8, shiftser(on.dims.channels, 8, direction::both, 1, e.value), targets[on.size]);
    }
  }
  shift_plan const plan = shiftser(768, 8, direction::both);
  for (tensor_case const& on : {large, medium}) add<std::int8_t>(on, "both, int8", 8, plan, 0);
  add<double>(medium, "both, double", 8, plan, 0);
  // What bounds the others: the same stores where no channel moves (one run for all), and the cost of a call.
  for (tensor_case const& on : time_major_cases) add<float>(on, "nothing moves", 0, {on.dims.channels, {}}, 0);
  add<float>({{1, 1, 8}, layout::ntc, 2}, "both", 2, shiftser(8, 2, direction::both), 0);
  // One element off the alignment, as a slice of somebody's tensor is.
  for (tensor_case const& on : {large, medium}) add<float>(on, "both, unaligned", 8, plan, 0, 1);
  add<float>({{7, 101, 333}, layout::ntc, 1}, "both", 7, shiftser(333, 7, direction::both), 0);

  std::vector<index_t> lengths;
  for (index_t n = 0; n < large.dims.batch; ++n) lengths.push_back(large.dims.time - 11 * n);
  add<float>(large, "both, ragged", 8, plan, 0, 0, lengths);

  add_two_threads(large, shiftser(768, 8));
}

registration const shift_rows(10, add_shift);

}  // namespace
}  // namespace tshift_bench
