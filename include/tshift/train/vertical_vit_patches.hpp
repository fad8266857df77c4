// SPDX-License-Identifier: MIT
// A log-mel image cut into vertical patches, each made a token, trained.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tshift/train/layer_norm.hpp>
#include <tshift/train/linear.hpp>
#include <tshift/train/vertical_vit_block.hpp>
#include <tshift/train/vertical_vit_stem.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// models::vertical_vit_patches with its gradients: x [1, W, H], column by column, to tokens [1, P, D]. The stem's
/// filters and a patch's weights stand in another order here than in the authors' files: the table has theirs, this has
/// copies, whose gradients are those of one image. Keeps what the stem keeps and makes, and what the three layers do.
template <class T>
class vertical_vit_patches {
 public:
  static constexpr char const* name = "vertical_vit";  ///< in messages

  vertical_vit_patches() = default;

  /// Registers conv_stem.{0,3,6,...}.* of a teacher, and to_patch_embedding.{1,2,3}.*.
  /// @param columns  of a patch
  /// @param rows     of a patch; 0: all
  /// @throws shape_error  patches do not cut the image's rows, and as the stem
  vertical_vit_patches(parameter_table& table, vertical_vit_sizes const& sizes, index_t columns, index_t rows,
                       pixel_coordinates coordinates)
      : stem_(own_, sizes.stem, coordinates), columns_(columns), rows_(rows == 0 ? sizes.rows : rows) {
    if (columns < 1 || rows_ < 1 || sizes.rows % rows_ != 0) {
      detail::fail("vertical_vit: patches of %td columns and %td rows, must be 1 or more, and divide the %td rows",
                   columns, rows_, sizes.rows);
    }
    index_t const size = detail::checked_product(name, {planes(), columns, rows_});
    std::string const embed = "to_patch_embedding";
    norm1_ = {own_, embed + ".1", size};
    linear_ = {own_, embed + ".2", size, sizes.width};
    norm2_ = {own_, embed + ".3", sizes.width};
    values_.resize(static_cast<std::size_t>(own_.size()));
    from_.resize(values_.size());
    for (parameter const& each : own_) {
      place const theirs = table.add(each.name, each.shape);
      end_ = theirs.offset + theirs.size;
      bool const in_patch = each.name.starts_with(embed + ".1") || each.name == embed + ".2.weight";
      for (index_t i = 0; i < each.size; ++i) {
        index_t const turned = in_patch ? turned_element(i, size) : i;
        index_t const mine = each.shape.size() == 4 ? vertical_vit_stem<T>::turned_tap(i) : turned;
        from_[static_cast<std::size_t>(each.offset + mine)] = theirs.offset + i;
      }
    }
  }

  /// Whether there is a stem.
  bool is_teacher() const noexcept { return !stem_.empty(); }
  /// Tokens of an image of so many columns and rows.
  index_t count(index_t columns, index_t rows) const noexcept { return columns / columns_ * (rows / rows_); }
  /// Columns of a patch.
  index_t columns() const noexcept { return columns_; }
  /// One past the last element of its parameters.
  index_t parameters_end() const noexcept { return end_; }

  /// Takes new values.
  void pack(std::span<T const> values) noexcept {
    for (std::size_t i = 0; i < from_.size(); ++i) values_[i] = values[static_cast<std::size_t>(from_[i])];
    std::span<T const> const own(values_);
    stem_.pack(own);
    norm1_.pack(own);
    linear_.pack(own);
    norm2_.pack(own);
  }

  /// For one image.
  index_t saved_size(shape const& x) const { return kept(x).size; }

  /// What a pass needs.
  struct slices {
    T* patches;    ///< those that do not lie in one run of memory each
    T* dtokens;    ///< backward: of what the linear layer makes
    T* dnormed;    ///< of what it reads
    T* dpatches;   ///< of patches
    T* dplanes;    ///< of the stem's planes
    T* gradients;  ///< of its own copies
  };

  /// Unchecked.
  slices layout(arena<T>& a, shape const& x) const {
    shape const patches{1, x.time / columns_, norm1_.channels()}, tokens{1, patches.time, norm2_.channels()};
    slices s{};
    s.patches = a.take({columns_ > 1 ? patches.time : 0, patches.channels});
    s.dtokens = a.take({tokens.time, tokens.channels});
    s.dnormed = a.take({patches.time, patches.channels});
    s.dpatches = a.take({columns_ > 1 ? patches.time : 0, patches.channels});
    s.dplanes = a.take({is_teacher() ? x.time : 0, x.channels, planes()});
    s.gradients = a.take({own_.size()});
    a.lend(norm1_, patches);
    a.lend(linear_, patches);
    a.lend(norm2_, tokens);
    if (is_teacher()) a.lend(stem_, shape{1, x.time, 1, x.channels});
    return s;
  }

  /// Unchecked.
  template <class Executor>
  void run(Executor& exec, tensor_view<T const> const& x, tensor_view<T> const& tokens, T* saved, arena<T> a) const {
    slices const memory = layout(a, x.shape);
    places const at = kept(x.shape);
    if (is_teacher()) {
      tensor_view<T> const made(saved + at.planes, {1, x.shape.time, planes(), x.shape.channels}, tshift::layout::ntsc);
      stem_.run(exec, image(x), made, saved, a);
    }
    tensor_view<T const> const read = read_of(x, saved + at.planes);
    for (index_t down = 0; down < x.shape.channels / rows_; ++down) {
      row const of = row_of(at, x.shape, down);
      tensor_view<T> const normed(saved + of.normed, of.patches), made(saved + of.linear, of.tokens);
      tensor_view<T> const to(tokens.at(0, down * of.tokens.time, 0), of.tokens, tokens.strides);
      tensor_view<T const> const from = patches_of(read, down, memory.patches);
      norm1_.run(exec, nn::as_it_is(from), normed, saved + of.norm1, a);
      linear_.run(exec, nn::as_it_is<T>(normed), made, nullptr, a);
      norm2_.run(exec, nn::as_it_is<T>(made), to, saved + of.norm2, a);
    }
  }

  /// Unchecked. @param dx  may have no data
  template <class Executor>
  void run_back(Executor& exec, tensor_view<T const> const& x, T const* saved, tensor_view<T const> const& dtokens,
                tensor_view<T> const& dx, std::span<T> gradients, arena<T> a) const {
    slices const memory = layout(a, x.shape);
    places const at = kept(x.shape);
    std::span<T> const own(memory.gradients, static_cast<std::size_t>(own_.size()));
    std::fill(own.begin(), own.end(), T(0));
    tensor_view<T const> const read = read_of(x, saved + at.planes);
    tensor_view<T> const dread = is_teacher() ? tensor_view<T>(memory.dplanes, read.shape) : dx;
    for (index_t down = 0; down < x.shape.channels / rows_; ++down) {
      row const of = row_of(at, x.shape, down);
      tensor_view<T const> const normed(saved + of.normed, of.patches), made(saved + of.linear, of.tokens);
      tensor_view<T const> const above(dtokens.at(0, down * of.tokens.time, 0), of.tokens, dtokens.strides);
      tensor_view<T> const dmade(memory.dtokens, of.tokens), dnormed(memory.dnormed, of.patches);
      norm2_.run_back(exec, nn::as_it_is(made), saved + of.norm2, nn::as_it_is(above), dmade, own, a);
      linear_.run_back(exec, nn::as_it_is(normed), nullptr, nn::as_it_is<T>(dmade), dnormed, own, a);
      tensor_view<T const> const from = patches_of(read, down, memory.patches);
      tensor_view<T> to = dread.data != nullptr ? lying(dread, down) : tensor_view<T>();
      bool const apart = to.data != nullptr && in_pieces(dread);
      if (apart) to = tensor_view<T>(memory.dpatches, of.patches);
      norm1_.run_back(exec, nn::as_it_is(from), saved + of.norm1, nn::as_it_is<T>(dnormed), to, own, a);
      if (apart) put(memory.dpatches, dread, down);
    }
    if (is_teacher()) {
      tensor_view<T const> const dplanes(memory.dplanes, {1, x.shape.time, planes(), x.shape.channels},
                                         tshift::layout::ntsc);
      tensor_view<T> to;
      if (dx.data != nullptr) to = {dx.data, image(x).shape, strides{0, dx.strides.time, 1, 1}};
      stem_.run_back(exec, image(x), saved, dplanes, to, own, a);
    }
    for (std::size_t i = 0; i < from_.size(); ++i) gradients[static_cast<std::size_t>(from_[i])] += own[i];
  }

 private:
  /// Where in `saved` something begins: of one row of patches.
  struct row {
    shape patches, tokens;
    index_t norm1, normed, linear, norm2;
  };
  struct places {
    index_t planes, rows, size;
  };

  index_t planes() const noexcept { return is_teacher() ? vertical_vit_stem<T>::planes : 1; }
  static tensor_view<T const> image(tensor_view<T const> const& x) {
    return {x.data, {1, x.shape.time, 1, x.shape.channels}, strides{0, x.strides.time, 1, 1}};
  }
  /// What patches are cut out of: all planes of a column side by side.
  tensor_view<T const> read_of(tensor_view<T const> const& x, T const* made) const {
    if (!is_teacher()) return x;
    return {made, {1, x.shape.time, x.shape.channels * planes()}};
  }

  /// Elements are counted row by row of a patch in the authors' files, and column by column here.
  index_t turned_element(index_t i, index_t size) const noexcept {
    index_t const at = i % size, c = planes(), down = at / c / columns_, column = at / c % columns_;
    return i - at + (column * rows_ + down) * c + at % c;
  }

  index_t high() const noexcept { return rows_ * planes(); }
  template <class Element>
  bool in_pieces(tensor_view<Element> const& of) const noexcept {
    return columns_ > 1 && of.strides.time != high();
  }
  /// Row `down` of the patches, where each is one run of memory.
  template <class Element>
  tensor_view<Element> lying(tensor_view<Element> const& of, index_t down) const {
    shape const patches{1, of.shape.time / columns_, norm1_.channels()};
    return {of.at(0, 0, down * high()), patches, strides{0, columns_ * of.strides.time, 1, 1}};
  }
  /// The same, or copied to `room`.
  tensor_view<T const> patches_of(tensor_view<T const> const& of, index_t down, T* room) const {
    if (!in_pieces(of)) return lying(of, down);
    index_t const across = of.shape.time / columns_;
    T* to = room;
    for (index_t t = 0; t < across * columns_; ++t) to = std::copy_n(of.at(0, t, down * high()), high(), to);
    return {static_cast<T const*>(room), {1, across, norm1_.channels()}};
  }
  void put(T const* from, tensor_view<T> const& to, index_t down) const noexcept {
    for (index_t t = 0; t < to.shape.time / columns_ * columns_; ++t) {
      std::copy_n(from + t * high(), high(), to.at(0, t, down * high()));
    }
  }

  row row_of(places const& at, shape const& x, index_t down) const {
    row of{};
    of.patches = {1, x.time / columns_, norm1_.channels()};
    of.tokens = {1, of.patches.time, norm2_.channels()};
    index_t const each = (at.size - at.rows) / (x.channels / rows_);
    of.norm1 = at.rows + down * each;
    of.normed = of.norm1 + norm1_.saved_size(of.patches);
    of.linear = of.normed + of.patches.size();
    of.norm2 = of.linear + of.tokens.size();
    return of;
  }
  places kept(shape const& x) const {
    shape const patches{1, x.time / columns_, norm1_.channels()}, tokens{1, patches.time, norm2_.channels()};
    places p{};
    index_t const pixels = is_teacher() ? detail::checked_product(name, {x.time, x.channels}) : 0;
    p.planes = is_teacher() ? stem_.saved_size({1, x.time, 1, x.channels}) : 0;
    p.rows = p.planes + pixels * planes();
    index_t const one = norm1_.saved_size(patches) + detail::checked_product(name, {patches.time, patches.channels}) +
                        detail::checked_product(name, {tokens.time, tokens.channels}) + norm2_.saved_size(tokens);
    p.size = p.rows + one * (x.channels / rows_);
    return p;
  }

  parameter_table own_;
  vertical_vit_stem<T> stem_;
  index_t columns_ = 1, rows_ = 1, end_ = 0;  // of a patch
  layer_norm<T> norm1_, norm2_;
  linear<T> linear_;
  std::vector<T> values_;
  std::vector<index_t> from_;  // of each of its own elements the one in the table
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
