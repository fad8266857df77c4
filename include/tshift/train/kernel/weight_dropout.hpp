// SPDX-License-Identifier: MIT
// What becomes of a query's weights in training: two numbers are kept of them, and some weights are dropped.
//
// Weight r of query l and head h is dropped as train::dropout drops element (h L + l) S + r of a sample, L being the
// sequence's length and S that length rounded up to whole groups: a row begins with a group of its own, and neither
// padding nor the other sequences matter.
#pragma once

#include <cstddef>
#include <cstdint>

#include <tshift/nn/kernel/attention.hpp>
#include <tshift/train/kernel/dropout.hpp>
#include <tshift/train/kernel/matrix.hpp>
#include <tshift/train/random.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train::kernel {

/// Dropout of the weights of some sequences' attention. Rate 0: there is none.
struct weight_dropout {
  double rate = 0;
  index_t purpose = 0;
  random_batch random{};  // one sample for each sequence

  /// That of sequence n and those after it.
  weight_dropout from(index_t n) const noexcept {
    weight_dropout later = *this;
    if (rate > 0) later.random.samples = random.samples.subspan(static_cast<std::size_t>(n));
    return later;
  }
};

/// The factors of one head's weights over one sequence.
template <class T>
class weight_factors {
 public:
  /// @param n       the sequence
  /// @param h       the head
  /// @param length  L
  weight_factors(weight_dropout const& of, index_t n, index_t h, index_t length) noexcept
      : seed_(of.random.seed), purpose_(of.purpose), epoch_(of.random.epoch),
        sample_(of.rate > 0 ? of.random.samples[static_cast<std::size_t>(n)] : 0), length_(length),
        groups_((length + dropout_group - 1) / dropout_group), first_(h * length * groups_),
        least_(static_cast<std::uint32_t>(of.rate * 0x1p32)), scale_(static_cast<T>(1 / (1 - of.rate))),
        drops_(of.rate > 0) {}

  /// x[r] = factor[r] x[r] for all r, the factors being those of this query; nothing where nothing is dropped.
  void apply(index_t query, T* x) const noexcept {
    if (!drops_) return;
    T factors[static_cast<std::size_t>(dropout_group)];
    for (index_t i = 0; i < groups_; ++i) {
      dropout_factors(seed_, dropout_counter(purpose_, epoch_, sample_, first_ + query * groups_ + i), least_, scale_,
                      factors);
      index_t const begin = i * dropout_group, left = length_ - begin;
      apply_factors(left < dropout_group ? left : dropout_group, x + begin, factors, x + begin);
    }
  }

 private:
  std::uint64_t seed_;
  index_t purpose_, epoch_, sample_, length_, groups_, first_;
  std::uint32_t least_;
  T scale_;
  bool drops_;
};

/// What the forward pass has kept of a head: two numbers for each query.
template <class T>
struct kept_weights {
  T* largest;
  T* sum;
};

/// Keeps them of weights as they are, and then drops: the sum of weights is that of all.
template <class T>
struct keep_and_drop {
  kept_weights<T> kept;
  weight_factors<T> factors;

  void operator()(index_t query, row_weights<T> const& row, T* x) const noexcept {
    kept.largest[query] = row.largest;
    kept.sum[query] = row.sum;
    factors.apply(query, x);
  }
};

}}}}  // namespace tshift::train::kernel
