// SPDX-License-Identifier: MIT
// Shiftformer and Transformer, trained.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tshift/train/classifier.hpp>
#include <tshift/train/shiftformer_block.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// models::shiftformer with its gradients: x [N, T, D], y [N, 1, classes]. Parameters by the names of ShiftSER's
/// checkpoints. Keeps for each block its output and what the block keeps: 12 times x for two blocks of the paper's.
template <class T>
class shiftformer : public calls<shiftformer<T>, T> {
 public:
  static constexpr char const* name = "shiftformer";  ///< in messages

  /// Registers its parameters.
  /// @param options  models::shiftformer<T>::paper is the paper's, baseline the Transformer's
  /// @throws shape_error  a size is negative or zero blocks, heads do not divide the channels, options mean no plan
  shiftformer(parameter_table& table, shiftformer_sizes const& sizes, model_shift const& options)
      : channels_(sizes.channels) {
    if (sizes.blocks < 1) detail::fail("shiftformer: %td blocks, must be >= 1", sizes.blocks);
    bool const absolute = sizes.positions == frame_positions::absolute;
    if (!sizes.attends && !absolute) {
      detail::fail("shiftformer: relative positions are asked for, but there is no attention; must be absolute");
    }
    longest_ = sizes.longest > 0 ? sizes.longest : -1;
    nn::placed_plan const shift(options, sizes.channels);
    if (absolute && sizes.longest > 0) {
      embeddings_ = table.add("position_embeddings.weight", {sizes.longest, sizes.channels});
      table_.resize(static_cast<std::size_t>(embeddings_.size));
    }
    for (index_t i = 0; i < sizes.blocks; ++i) {
      blocks_.emplace_back(table, "transformer." + std::to_string(i), sizes, shift);
    }
    classifier_ = {table, sizes.channels, sizes.classes};
  }

  /// Number of channels of x.
  index_t inputs() const noexcept { return channels_; }
  /// Number of logits.
  index_t outputs() const noexcept { return classifier_.outputs(); }
  /// One past the last element of its parameters.
  index_t parameters_end() const noexcept { return classifier_.parameters_end(); }
  /// One frame for each sequence.
  index_t frames(index_t) const noexcept { return 1; }
  /// x is read as it lies, and no sequence is longer than the positions.
  /// @throws shape_error  it is not so
  void check_input(input<T> const& x) const {
    if (x.is_shifted()) detail::fail("shiftformer: x is shifted; a model has its own shift");
    for (index_t n = 0; n < x.shape().batch && longest_ >= 0; ++n) {
      if (x.base().length(n) > longest_) {
        detail::fail("shiftformer: sequence %td has %td frames, the model's positions serve at most %td", n,
                     x.base().length(n), longest_);
      }
    }
  }

  /// Takes new values.
  void pack(std::span<T const> values) noexcept {
    if (embeddings_.size > 0) std::copy_n(embeddings_.in(values), embeddings_.size, table_.data());
    for (auto& block : blocks_) block.pack(values);
    classifier_.pack(values);
  }

  /// x with its positions, for each block its output and what it keeps, and what the classifier keeps.
  index_t saved_size(shape const& x) const {
    return first_size(x) + block_size(x) * static_cast<index_t>(blocks_.size()) + classifier_.saved_size(x);
  }

  /// [N, T, D], gradients of a block's output and input.
  struct slices {
    T* above;  ///< of a block's output
    T* below;  ///< of its input
  };

  /// Unchecked.
  slices layout(arena<T>& a, shape const& x) const {
    slices const s{a.take({x.batch, x.time, x.channels}), a.take({x.batch, x.time, x.channels})};
    a.lend(blocks_[0], x);
    a.lend(classifier_, x);
    return s;
  }

  /// Unchecked.
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T* saved, arena<T> a) const {
    tensor_view<T const> current = x.base();
    if (embeddings_.size > 0) {
      embed(exec, x.base(), like(x, saved));
      current = like(x, saved);
    }
    saved += first_size(x.shape());
    for (auto const& block : blocks_) {
      tensor_view<T> const out = like(x, saved);
      block.run(exec, nn::as_it_is<T>(current), out, saved + x.shape().size(), a);
      current = out;
      saved += block_size(x.shape());
    }
    classifier_.run(exec, nn::as_it_is<T>(current), y, saved, a);
  }

  /// Unchecked.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const* saved, shifted_view<T> const& dy,
                tensor_view<T> const& dx, std::span<T> gradients, arena<T> a) const {
    slices const memory = layout(a, x.shape());
    index_t const each = block_size(x.shape()), count = static_cast<index_t>(blocks_.size());
    T const* const behind = saved + first_size(x.shape());
    tensor_view<T const> const first = embeddings_.size > 0 ? like(x, saved) : x.base();
    tensor_view<T> above = like(x, memory.above), below = like(x, memory.below);
    classifier_.run_back(exec, nn::as_it_is(like(x, behind + (count - 1) * each)), behind + count * each, dy, above,
                         gradients, a);
    for (index_t i = count; i-- > 0;) {
      bool const last = i == 0;
      tensor_view<T> const to = last && embeddings_.size == 0 ? dx : below;
      tensor_view<T const> const from = last ? first : like(x, behind + (i - 1) * each);
      blocks_[static_cast<std::size_t>(i)].run_back(exec, nn::as_it_is<T>(from), behind + i * each + x.shape().size(),
                                                    nn::as_it_is<T>(tensor_view<T const>(above)), to, gradients, a);
      std::swap(above, below);
    }
    if (embeddings_.size > 0) embed_back(exec, tensor_view<T const>(above), dx, embeddings_.in(gradients));
  }

 private:
  index_t first_size(shape const& x) const {
    return embeddings_.size > 0 ? detail::checked_product(name, {x.batch, x.time, channels_}) : 0;
  }
  index_t block_size(shape const& x) const {
    return detail::checked_product(name, {x.batch, x.time, channels_}) + blocks_[0].saved_size(x);
  }

  /// y = x + position, inside sequences; x behind them.
  template <class Executor>
  void embed(Executor& exec, tensor_view<T const> const& x, tensor_view<T> const& y) const {
    auto const split = kernel::rows_of<Executor>(x.shape, 4 * channels_);
    kernel::for_parts(exec, split.parts, [this, &x, &y, &split](index_t part) {
      for (index_t row = split.begin(part); row < split.end(part); ++row) {
        index_t const n = row / x.shape.time, t = row % x.shape.time;
        bool const inside = t < x.length(n);
        T const *const from = x.at(n, t, 0), *const position = table_.data() + (inside ? t * channels_ : 0);
        T* const to = y.at(n, t, 0);
        for (index_t c = 0; c < channels_; ++c) to[c] = inside ? from[c] + position[c] : from[c];
      }
    });
  }

  /// dx = g, and each position's gradient is the sum over the sequences that have it, in order.
  template <class Executor>
  void embed_back(Executor& exec, tensor_view<T const> const& g, tensor_view<T> const& dx, T* gradients) const {
    kernel::row_split const split = kernel::split_for<Executor>({g.shape.time, 4 * channels_ * g.shape.batch, 1});
    kernel::for_parts(exec, split.parts, [this, &g, &dx, &split, gradients](index_t part) {
      for (index_t t = split.begin(part); t < split.end(part); ++t) {
        for (index_t n = 0; n < g.shape.batch; ++n) {
          bool const inside = t < g.length(n);
          T const* const from = g.at(n, t, 0);
          for (index_t c = 0; c < channels_ && inside; ++c) gradients[t * channels_ + c] += from[c];
          if (dx.data == nullptr) continue;
          for (index_t c = 0; c < channels_; ++c) dx(n, t, c) = inside ? from[c] : T(0);
        }
      }
    });
  }

  index_t channels_ = 0, longest_ = -1;
  place embeddings_;
  kernel::line_vector<T> table_;
  std::vector<shiftformer_block<T>> blocks_;
  classifier<T> classifier_;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
