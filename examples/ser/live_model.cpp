// SPDX-License-Identifier: MIT
#include "live_model.hpp"

#include <cstddef>
#include <type_traits>

#include "error.hpp"

namespace ser {

live_model::live live_model::made(network const& model, index_t width) {
  index_t const pixels = model.pixel_channels(), bands = pixels > 0 ? width / pixels : 0;
  return std::visit(
      [bands](auto const& m) -> live {
        using kind = std::remove_cvref_t<decltype(m)>;
        if constexpr (tshift::models::streams<kind>) {
          return tshift::models::streamed<kind>(m, 1, bands);
        } else {
          throw usage_error("a vertical-patch ViT reads whole images, and cannot be streamed");
        }
      },
      model.model);
}

live_model::live_model(network const& model, index_t width) : model_(model), width_(width), live_(made(model, width)) {}

index_t live_model::latency() const {
  return std::visit([](auto const& m) { return m.latency(); }, live_);
}
index_t live_model::frames() const {
  return std::visit([](auto const& m) { return m.received(); }, live_);
}

void live_model::push(std::span<float const> frames) {
  tshift::shape const dims{1, static_cast<index_t>(frames.size()) / width_, width_};
  front_.resize(static_cast<std::size_t>(model_.prepared_size(dims)));
  tshift::tensor_view<float const> const x = model_.prepare({frames.data(), dims}, front_);
  std::visit([&x](auto& m) { m.push(x); }, live_);
}

std::vector<float> live_model::answer() {
  return std::visit(
      [this](auto& m) {
        std::vector<float> y(static_cast<std::size_t>(m.answered() > 0 ? classes() : 0));
        if (!y.empty()) m.answer({y.data(), {1, 1, classes()}});
        return y;
      },
      live_);
}

std::vector<float> live_model::flush() {
  return std::visit(
      [this](auto& m) {
        std::vector<float> y(static_cast<std::size_t>(classes()));
        index_t const before = m.answered(), left = m.flush({y.data(), {1, 1, classes()}});
        if (before + left == 0) y.clear();
        return y;
      },
      live_);
}

}  // namespace ser
