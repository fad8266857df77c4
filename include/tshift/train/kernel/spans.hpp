// SPDX-License-Identifier: MIT
// Spans on an axis: how many, where they begin, and what they cover together. Nothing is stored; the same stream gives
// the same spans again.
#pragma once

#include <cstddef>

#include <tshift/train/random.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train::kernel {

/// Number of spans on an axis: int(share * size / span + u), at least `least`, but no more than fit side by side, nor
/// than there are places to begin at. That is transformers' _compute_mask_indices.
constexpr index_t span_count(double share, index_t size, index_t span, index_t least, double u) noexcept {
  if (span < 1 || size < span) return 0;
  auto count = static_cast<index_t>(share * static_cast<double>(size) / static_cast<double>(span) + u);
  if (count < least) count = least;
  if (count > size / span) count = size / span;
  index_t const places = size - span + 1;
  return count < places ? count : places;
}

/// body(begin, end) for what `count` spans cover, in ascending order; spans that touch or overlap are one. Their
/// beginnings are distinct, and any choice of them has the same probability: each place in turn is taken with the
/// probability that what is still wanted is among those that are left (Knuth, volume 2, algorithm S).
template <class Body>
void for_spans(random_stream stream, index_t size, index_t span, index_t count, Body const& body) {
  index_t const places = size - span + 1;
  index_t begin = 0, end = 0;
  for (index_t at = 0, wanted = count; wanted > 0; ++at) {
    if (stream.below(places - at) >= wanted) continue;
    --wanted;
    if (at > end) {
      if (begin < end) body(begin, end);
      begin = at;
    }
    end = at + span;
  }
  if (begin < end) body(begin, end);
}

}}}}  // namespace tshift::train::kernel
