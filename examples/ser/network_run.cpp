// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>

#include "error.hpp"
#include "network.hpp"

namespace ser {

std::string width_rule::text() const {
  if (least == most) return "D = " + std::to_string(least);
  std::string const in_steps = step == 1 ? "" : " in steps of " + std::to_string(step);
  if (most == std::numeric_limits<index_t>::max()) return "D from " + std::to_string(least) + in_steps;
  return "D = " + std::to_string(least) + " to " + std::to_string(most) + in_steps;
}

index_t network::pixel_channels() const {
  auto const* const crnn = std::get_if<tshift::models::crnn<float>>(&model);
  return crnn != nullptr ? crnn->channels() : 0;
}

bool network::reads_columns() const { return std::holds_alternative<tshift::models::vertical_vit<float>>(model); }

index_t network::features() const {
  auto const* const vit = std::get_if<tshift::models::vertical_vit<float>>(&model);
  return vit != nullptr ? vit->features() : 0;
}

index_t network::classes() const {
  return std::visit([](auto const& m) { return m.classes(); }, model);
}

index_t network::longest() const {
  return std::visit(
      [](auto const& m) {
        if constexpr (requires { m.longest(); }) return m.longest();
        return index_t{-1};
      },
      model);
}

index_t network::workspace_size(tshift::shape const& x) const {
  index_t const before = prepared_size(x);
  return before + std::visit([this, &x](auto const& m) { return m.workspace_size(prepared(x)); }, model);
}

void network::check_length(index_t frames, std::string const& name) const {
  if (frames >= shortest) return;
  throw ser_error(one_line(name) + " has " + std::to_string(frames) +
                  " frames, must have >= " + std::to_string(shortest));
}

tshift::tensor_view<float const> network::prepare(tshift::tensor_view<float const> const& x,
                                                  std::span<float> front) const {
  tshift::shape const in = prepared(x.shape);
  if (projector) {
    tshift::tensor_view<float> const made(front.data(), in, tshift::layout::ntc, x.lengths);
    projector->forward(x, made);
    return made;
  }
  if (pixel_channels() == 0) return x;
  if (pixel_channels() == 1) {
    return {x.data, in, tshift::strides{x.strides.batch, x.strides.time, 1, x.strides.channels}, x.lengths};
  }
  tshift::tensor_view<float> const made(front.data(), in, tshift::layout::ntsc, x.lengths);  // channels side by side
  for (index_t n = 0; n < in.batch; ++n) {
    for (index_t t = 0; t < in.time; ++t) {
      for (index_t c = 0; c < in.channels; ++c) {
        for (index_t f = 0; f < in.space; ++f) made(n, t, c, f) = x(n, t, c * in.space + f);
      }
    }
  }
  return made;
}

void network::forward(tshift::tensor_view<float const> const& x, tshift::tensor_view<float> const& y,
                      std::span<float> workspace, std::span<float> feature) const {
  std::span<float> const front = workspace.first(static_cast<std::size_t>(prepared_size(x.shape)));
  workspace = workspace.subspan(front.size());
  tshift::tensor_view<float const> const read = prepare(x, front);
  if (auto const* const vit = std::get_if<tshift::models::vertical_vit<float>>(&model); !feature.empty()) {
    tshift::tensor_view<float> const made(feature.data(), {y.shape.batch, 1, vit->features()});
    return vit->forward_both(read, made, y, workspace);
  }
  std::visit([&](auto const& m) { m.forward(read, y, workspace); }, model);
}

tshift::shape network::prepared(tshift::shape x) const {
  if (projector) x.channels = projector->outputs();
  if (index_t const C = pixel_channels(); C > 0) {
    x.space = x.channels / C;
    x.channels = C;
  }
  return x;
}

index_t network::prepared_size(tshift::shape const& x) const {
  return projector || pixel_channels() > 1 ? prepared(x).size() : 0;
}

}  // namespace ser
