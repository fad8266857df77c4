// SPDX-License-Identifier: MIT
// WavLM's positions, trained: a number for each distance, shared by all layers, times a gate that each layer computes.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tshift/nn/distance_bucket.hpp>
#include <tshift/nn/kernel/attention.hpp>
#include <tshift/train/kernel/gate.hpp>
#include <tshift/train/kernel/weight_gradient.hpp>
#include <tshift/train/parameter_table.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// nn::bucketed_distances with its gradient: that of a bucket is the sum over all frames l and r whose distance it is.
/// One parameter; each layer has a copy of this, and adds to the same gradient.
template <class T>
class bucketed_distances {
 public:
  bucketed_distances() = default;

  /// @param parameter     its name: rel_attn_embed.weight, [buckets, heads]
  /// @param max_distance  from there on all distances are one; more than a quarter of the buckets, at most 2^20
  /// @throws shape_error  a size is out of range, or the name is taken
  bucketed_distances(parameter_table& table, std::string parameter, index_t heads, index_t buckets,
                     index_t max_distance)
      : heads_(heads), reach_(nn::distance_reach(buckets, max_distance)) {
    if (heads < 1) detail::fail("bucketed_distances: %td heads, must be >= 1", heads);
    place_ = table.add(std::move(parameter), {buckets, heads});
    for (index_t d = 1 - reach_; d < reach_; ++d) {
      buckets_.push_back(nn::distance_bucket(d, buckets, max_distance));
    }
    biases_.resize(static_cast<std::size_t>(heads * width()));
  }

  /// Number of heads.
  index_t heads() const noexcept { return heads_; }
  /// Where it lies.
  place const& where() const noexcept { return place_; }

  /// Takes new values. Allocates nothing.
  void pack(std::span<T const> values) noexcept {
    T const* const table = place_.in(values);
    T* to = biases_.data();
    for (index_t h = 0; h < heads_; ++h) {
      for (index_t const bucket : buckets_) *to++ = table[bucket * heads_ + h];
    }
  }

  /// As kernels read it.
  kernel::distance_bias<T> of(index_t head) const noexcept {
    return {biases_.data() + head * width() + reach_ - 1, reach_};
  }

  /// Adds one head's sums over a sequence: [2 length - 1], the middle one that of distance 0.
  void add_gradient(index_t head, T const* sums, index_t length, std::span<T> gradients) const noexcept {
    T* const to = place_.in(gradients) + head;
    T sum = T(0);
    for (index_t d = 1 - length; d < length; ++d) {  // neighbours with one bucket first
      sum += *sums++;
      if (d + 1 < length && bucket_of(d + 1) == bucket_of(d)) continue;
      to[bucket_of(d) * heads_] += sum;
      sum = T(0);
    }
  }

 private:
  index_t width() const noexcept { return 2 * reach_ - 1; }
  index_t bucket_of(index_t distance) const noexcept {
    index_t const most = reach_ - 1, near = distance < -most ? -most : distance < most ? distance : most;
    return buckets_[static_cast<std::size_t>(near + most)];
  }

  index_t heads_ = 0, reach_ = 0;
  place place_;
  std::vector<index_t> buckets_;   // of distances in (-reach, reach)
  kernel::line_vector<T> biases_;  // [H, 2 reach - 1]
};

/// nn::gated_positions with its gradients. Source: Chen et al. 2022, arXiv:2110.13900.
template <class T>
class gated_positions {
 public:
  gated_positions() = default;

  /// @param linear     name of the gate's matrix: .weight [8, depth], .bias [8]
  /// @param constant   name of its constants, [1, H, 1, 1]
  /// @param distances  of all layers
  /// @param depth      of a head
  /// @throws shape_error  a size is negative, or the names are taken
  gated_positions(parameter_table& table, std::string const& linear, std::string const& constant,
                  bucketed_distances<T> distances, index_t depth)
      : distances_(std::move(distances)), depth_(depth), weight_(table.add(linear + ".weight", {8, depth})),
        bias_(table.add(linear + ".bias", {8})), constant_(table.add(constant, {1, distances_.heads(), 1, 1})),
        rows_(static_cast<std::size_t>(2 * depth)), constants_(static_cast<std::size_t>(distances_.heads())) {}

  /// Number of heads; 0: there are no such positions.
  index_t heads() const noexcept { return distances_.heads(); }
  /// Channels of a head.
  index_t depth() const noexcept { return depth_; }
  /// What all layers have.
  bucketed_distances<T> const& distances() const noexcept { return distances_; }
  /// One past the last element of its parameters.
  index_t parameters_end() const noexcept {
    index_t const own = constant_.offset + constant_.size, all = distances_.where().offset + distances_.where().size;
    return own > all ? own : all;
  }

  /// Takes new values. Allocates nothing.
  void pack(std::span<T const> values) noexcept {
    if (heads() == 0) return;
    distances_.pack(values);
    T const* const weight = weight_.in(values);
    for (index_t i = 0; i < 2 * depth_; ++i) {
      rows_[static_cast<std::size_t>(i)] = kernel::sum_of_four<T>(weight, i / depth_ * 4 * depth_ + i % depth_, depth_);
    }
    for (index_t half = 0; half < 2; ++half) biases_[half] = kernel::sum_of_four<T>(bias_.in(values), 4 * half, 1);
    for (index_t h = 0; h < heads(); ++h) constants_[static_cast<std::size_t>(h)] = constant_.in(values)[h];
  }

  /// As kernels read it.
  kernel::gate_weights<T> of(index_t head) const noexcept {
    return {rows_.data(), {biases_[0], biases_[1]}, constants_[static_cast<std::size_t>(head)], depth_};
  }

  /// Adds one head's sums over a sequence, kernel::gate_sums(depth) of them: four rows have one gradient.
  void add_gradient(index_t head, T const* sums, std::span<T> gradients) const noexcept {
    for (index_t row = 0; row < 8; ++row) {
      index_t const half = row / 4;
      kernel::add_to_matrix<T>{weight_.in(gradients), depth_}(row, 0, depth_, sums + half * depth_);
      bias_.in(gradients)[row] += sums[2 * depth_ + half];
    }
    constant_.in(gradients)[head] += sums[2 * depth_ + 2];
  }

 private:
  bucketed_distances<T> distances_;
  index_t depth_ = 0;
  place weight_, bias_, constant_;
  kernel::line_vector<T> rows_;  // [2, depth]
  T biases_[2] = {};
  std::vector<T> constants_;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
