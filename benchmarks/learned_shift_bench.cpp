// SPDX-License-Identifier: MIT
// learned_shift, its adjoint, its backward pass and mix_shift, beside memcpy of the tensor. The backward pass reads two
// tensors and writes one, 1.5 times a memcpy's bytes.
#include <cmath>

#include <tshift/learned_offsets.hpp>
#include <tshift/mix_shift.hpp>
#include <tshift/train/learned_shift.hpp>

#include "support.hpp"

namespace tshift_bench { namespace {

/// Throws where a result is further than rounding from what it should be.
void expect_near(tensor_view<float> want, tensor_view<float> got) {
  tshift::reference::for_each_element(want.shape, [&](index_t n, index_t t, index_t c, index_t s) {
    if (std::fabs(want(n, t, c, s) - got(n, t, c, s)) <= 1e-6f) return;
    char message[200];
    std::snprintf(message, sizeof message, "wrong result at n=%td t=%td c=%td s=%td: want %g, got %g", n, t, c, s,
                  static_cast<double>(want(n, t, c, s)), static_cast<double>(got(n, t, c, s)));
    throw std::runtime_error(message);
  });
}

/// How offsets lie: as they begin, as they may become, and as a plan has them.
struct offsets_case {
  char const* text;
  float spread;
  bool alike;

  std::vector<float> of(index_t channels) const {
    std::vector<float> list(static_cast<std::size_t>(channels), 0.5f);
    if (!alike) tshift::start_uniform(std::span(list), 1);
    for (float& a : list) a *= spread;
    return list;
  }
};
constexpr offsets_case kinds[] = {{"all 0.5", 1, true}, {"in [-1, 1)", 1, false}, {"in [-4, 4)", 4, false}};

enum class what { forth, adjoint, backward, mix };

void add(tensor_case const& whole, offsets_case const& kind, what which) {
  tensor_case const on = sized(whole, 0, kind.text);
  double const bytes = static_cast<double>(on.count() * sizeof(float));
  char const* const tables[] = {"learned_shift: y = L x; floor: memcpy of the tensor",
                                "learned_shift_adjoint: dx = L' dy; floor: memcpy of the tensor",
                                "learned_shift_backward: dx and da in one pass; floor: 1.5 x memcpy of the tensor",
                                "mix_shift: y = mu x + (1 - mu) S x; floor: memcpy of the tensor"};
  double const share = which == what::backward ? 1.5 : 1;
  row const info{.table = tables[static_cast<int>(which)],
                 .tensor = on.text(),
                 .variant = which == what::mix ? "v5" : kind.text,
                 .bytes = 2 * share * bytes,
                 .share = share,
                 .footprint = on.count() * sizeof(float)};
  add_row(info, [=] {
    auto const memory = tensors<float>(on.dims);
    tensor_view<float const> const x(memory.x, on.dims, on.order), dy(memory.r, on.dims, on.order);
    tensor_view<float> const y(memory.y, on.dims, on.order), want(memory.want, on.dims, on.order);
    auto const offsets = std::make_shared<std::vector<float>>(kind.of(on.dims.channels));
    auto const slopes = std::make_shared<std::vector<float>>(offsets->size());
    auto const plan = tshift::token_shift(on.dims.channels);
    auto const block = std::make_shared<tshift::train::learned_shift<float>>();
    if (which == what::backward) {
      tshift::train::parameter_table table;
      *block = tshift::train::learned_shift<float>(table, "shift", on.dims.channels);
      block->pack(*offsets);
    }
    auto const run = [=] {
      switch (which) {
        case what::forth: return tshift::learned_shift(x, y, *offsets);
        case what::adjoint: return tshift::learned_shift_adjoint(x, y, *offsets);
        case what::mix: return tshift::mix_shift(x, y, *offsets, plan, tshift::mixing::v5);
        case what::backward: return block->backward(dy, {}, x, y, *slopes);
      }
    };
    run();
    if (which == what::forth) {
      tshift::reference::learned_shift(x, want, *offsets);
    } else if (which == what::mix) {
      tshift::reference::mix_shift(x, want, *offsets, plan);
    } else {  // the transpose of a zero-padded shift is one
      std::vector<float> back;
      for (float const a : *offsets) back.push_back(-a);
      tshift::reference::learned_shift(x, want, back);
    }
    expect_near(want, y);
    return std::pair(run, [=, size = on.count() * sizeof(float)] { std::memcpy(y.data, x.data, size); });
  });
}

void add_learned_shift() {
  for (what const which : {what::forth, what::adjoint, what::backward}) {
    for (tensor_case const& on : time_major_cases) {
      for (offsets_case const& kind : kinds) add(on, kind, which);
    }
  }
  for (tensor_case const& on : other_layouts) add(on, kinds[1], what::forth);
  for (tensor_case const& on : time_major_cases) add(on, kinds[1], what::mix);
}

registration const learned_shift_rows(45, add_learned_shift);

}  // namespace
}  // namespace tshift_bench
