// SPDX-License-Identifier: MIT
// WavLM's positions: a number for each distance, shared by all layers, times a gate that each layer computes.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <utility>

#include <tshift/nn/distance_bucket.hpp>
#include <tshift/nn/input.hpp>
#include <tshift/nn/kernel/attention.hpp>
#include <tshift/nn/kernel/gate.hpp>
#include <tshift/weights/shared_array.hpp>
#include <tshift/weights/values.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// table[bucket(r - l), h]: what a head adds to a score for the distance from query l to key r, before its gate.
///
/// Copies share memory; so do the layers of an encoder. Source: Raffel et al. 2020, arXiv:1910.10683 (T5), as WavLM has it.
template <class T>
class bucketed_distances {
 public:
  bucketed_distances() = default;

  /// @param heads         H
  /// @param max_distance  from there on all distances are one; more than a quarter of the buckets, at most 2^20
  /// @param table         [buckets, H], rel_attn_embed.weight; buckets >= 4; copied
  /// @throws shape_error  sizes disagree or are out of range
  bucketed_distances(index_t heads, index_t max_distance, weights::values<T> table) : heads_(heads) {
    if (heads < 1 || table.size() % heads != 0) {
      detail::fail("bucketed_distances: table has %td elements, must be [buckets, %td]", table.size(), heads);
    }
    index_t const buckets = table.size() / heads;
    reach_ = distance_reach(buckets, max_distance);
    auto const width = static_cast<std::size_t>(2 * reach_ - 1);
    biases_ = {static_cast<std::size_t>(heads) * width, [this, &table, buckets, max_distance](T* to) {
                 for (index_t h = 0; h < heads_; ++h) {
                   for (index_t d = 1 - reach_; d < reach_; ++d) {
                     *to++ = table[distance_bucket(d, buckets, max_distance) * heads_ + h];
                   }
                 }
               }};
  }

  /// Number of heads.
  index_t heads() const noexcept { return heads_; }
  /// As kernels read it.
  kernel::distance_bias<T> of(index_t head) const noexcept {
    return {biases_.data() + head * (2 * reach_ - 1) + reach_ - 1, reach_};
  }

 private:
  index_t heads_ = 0, reach_ = 0;
  weights::shared_array<T> biases_;  // [H, 2 reach - 1]
};

/// The distances with one layer's gate: for a head's part x_h of a frame,
///
///   gate = a (b constant[h] - 1) + 2,  a and b = sigmoid of the sums of rows 0 to 3, and 4 to 7, of weight x_h + bias
///
/// Source: Chen et al. 2022, arXiv:2110.13900; gru_rel_pos_linear and gru_rel_pos_const in its checkpoints.
template <class T>
class gated_positions {
 public:
  gated_positions() = default;

  /// @param distances  of all layers
  /// @param weight     [8, depth] with the depth of a head; its rows are added up, in double
  /// @param bias       [8]
  /// @param constant   [H]
  /// @throws shape_error  a span has another size
  gated_positions(bucketed_distances<T> distances, weights::values<T> weight, weights::values<T> bias,
                  weights::values<T> constant)
      : distances_(std::move(distances)), depth_(weight.size() / 8), constants_(weights::array_of(constant)) {
    detail::check_weight("gated_positions", "weight", weight.size(), 8 * depth_);
    detail::check_weight("gated_positions", "bias", bias.size(), 8);
    detail::check_weight("gated_positions", "constant", constant.size(), distances_.heads());
    rows_ = {static_cast<std::size_t>(2 * depth_), [this, &weight](T* to) {
               for (index_t i = 0; i < 2 * depth_; ++i) {
                 to[i] = kernel::sum_of_four<T>(weight, i / depth_ * 4 * depth_ + i % depth_, depth_);
               }
             }};
    for (index_t half = 0; half < 2; ++half) biases_[half] = kernel::sum_of_four<T>(bias, 4 * half, 1);
  }

  /// Number of heads; 0: there are no such positions.
  index_t heads() const noexcept { return distances_.heads(); }
  /// Channels of a head.
  index_t depth() const noexcept { return depth_; }
  /// What all layers have.
  bucketed_distances<T> const& distances() const noexcept { return distances_; }

  /// The gate of a head whose part of a frame is x. Unchecked.
  T gate(index_t head, T const* x) const noexcept {
    return kernel::gate<xsimd::default_arch>(depth_, x, rows_.data(), biases_, constants_.data()[head]);
  }

 private:
  bucketed_distances<T> distances_;
  index_t depth_ = 0;
  weights::shared_array<T> rows_;  // [2, depth]
  T biases_[2] = {};
  weights::shared_array<T> constants_;
};

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
