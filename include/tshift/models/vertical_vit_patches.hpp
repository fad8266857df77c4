// SPDX-License-Identifier: MIT
// A log-mel image cut into vertical patches, each made a token.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include <tshift/models/parts.hpp>
#include <tshift/models/vertical_vit_stem.hpp>
#include <tshift/nn/chain.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace models {

/// x [1, W, H], column by column, to tokens [1, P, D]: norm(linear(norm(patch))), patches row by row. A teacher's
/// patches are of the stem's three planes. One of whole columns, or of one column, is read where it lies.
template <class T>
class vertical_vit_patches {
 public:
  vertical_vit_patches() = default;

  /// Takes conv_stem.* where it is there, and to_patch_embedding.{1,2,3}.
  /// @param width    D
  /// @param columns  of a patch
  /// @param rows     of a patch; 0: all
  vertical_vit_patches(weights::state_reader<T>& weights, index_t width, index_t columns, index_t rows,
                       pixel_coordinates coordinates)
      : stem_(weights, coordinates), columns_(columns) {
    index_t const size = weights.dimension("to_patch_embedding.1.weight", 0), c = planes();
    bool const fits = columns > 0 && rows >= 0 && size > 0 && size % (c * columns) == 0;
    if (!fits || (rows != 0 && size / c / columns != rows)) {
      detail::fail("vertical_vit: patches of %td elements, must be %td planes of %td columns and %td rows (0: any)",
                   size, c, columns, rows);
    }
    rows_ = size / c / columns;
    // Elements of a patch stand row by row in its weights, and column by column in x.
    auto const turned = [this, c, size](weights::values<T> const& from) {
      std::vector<T> to(static_cast<std::size_t>(from.size()));
      for (index_t i = 0; i < from.size(); ++i) {
        index_t const at = i % size, row = at / c / columns_, column = at / c % columns_;
        to[static_cast<std::size_t>(i - at + (column * rows_ + row) * c + at % c)] = from[i];
      }
      return to;
    };
    auto const scale = turned(weights.take("to_patch_embedding.1.weight", {size}));
    auto const offset = turned(weights.take("to_patch_embedding.1.bias", {size}));
    auto const matrix = turned(weights.take("to_patch_embedding.2.weight", {width, size}));
    nn::linear<T> linear(size, width, {matrix, weights.how()}, weights.take("to_patch_embedding.2.bias", {width}));
    embed_ = nn::chain<nn::layer_norm<T>, nn::linear<T>, nn::layer_norm<T>>(
        nn::layer_norm<T>(scale, offset), std::move(linear), take_norm(weights, "to_patch_embedding.3", width));
  }

  /// Whether there is a stem.
  bool is_teacher() const noexcept { return !stem_.empty(); }
  /// Rows of a patch.
  index_t rows() const noexcept { return rows_; }
  /// Tokens of an image of so many columns and rows.
  index_t count(index_t columns, index_t rows) const noexcept { return columns / columns_ * (rows / rows_); }

  /// The stem's planes, and patches that do not lie in one run of memory each.
  struct slices {
    T* planes;   ///< [1, W, H, 3]
    T* patches;  ///< side by side
  };

  /// Unchecked.
  slices layout(nn::arena<T>& a, shape const& x) const {
    shape const patches{1, x.time / columns_, embed_.inputs()};
    T* const image = a.take({is_teacher() ? x.time * x.channels : 0, planes()});
    slices const s{image, a.take({columns_ > 1 ? patches.time : 0, patches.channels})};
    if (is_teacher()) a.lend(stem_, shape{1, x.time, 1, x.channels});
    a.lend(embed_, patches);
    return s;
  }

  /// Unchecked.
  template <class Executor>
  void compute(Executor& exec, tensor_view<T const> const& x, tensor_view<T> const& tokens, nn::arena<T> a) const {
    slices const memory = layout(a, x.shape);
    index_t const columns = x.shape.time, rows = x.shape.channels;
    tensor_view<T const> read = x;  // all planes of a column side by side
    if (is_teacher()) {
      tensor_view<T const> const image(x.data, {1, columns, 1, rows}, strides{0, x.strides.time, 1, 1});
      stem_.compute(exec, image, {memory.planes, {1, columns, planes(), rows}, tshift::layout::ntsc}, a);
      read = tensor_view<T const>(memory.planes, {1, columns, rows * planes()});
    }
    index_t const high = rows_ * planes(), across = columns / columns_;
    for (index_t down = 0; down < rows / rows_; ++down) {
      shape const patches{1, across, embed_.inputs()};
      tensor_view<T const> from(read.at(0, 0, down * high), patches, strides{0, columns_ * read.strides.time, 1, 1});
      if (columns_ > 1 && read.strides.time != high) {
        T* to = memory.patches;
        for (index_t t = 0; t < columns; ++t) to = std::copy_n(read.at(0, t, down * high), high, to);
        from = tensor_view<T const>(memory.patches, patches);
      }
      tensor_view<T> const made(tokens.at(0, down * across, 0), {1, across, tokens.shape.channels}, tokens.strides);
      embed_.compute(exec, nn::as_it_is(from), made, a);
    }
  }

 private:
  index_t planes() const noexcept { return is_teacher() ? vertical_vit_stem<T>::planes : 1; }

  vertical_vit_stem<T> stem_;
  index_t columns_ = 1, rows_ = 1;  // of a patch
  nn::chain<nn::layer_norm<T>, nn::linear<T>, nn::layer_norm<T>> embed_;
};

}}}}  // namespace tshift::models

#include <tshift/macros/back.hpp>
