// SPDX-License-Identifier: MIT
// Blocks one behind the other with a model or a head at their end, trained as one: a projection in front of a ShiftSER
// model, learned shifts between blocks, layers of an encoder, the weighted sum of its states.
#pragma once

#include <cstddef>
#include <span>
#include <tshift/train/classifier.hpp>
#include <tshift/train/layer_norm.hpp>
#include <tshift/train/layer_sum.hpp>
#include <tshift/train/learned_shift.hpp>
#include <tshift/train/linear.hpp>
#include <tshift/train/sequence_head.hpp>
#include <tshift/train/shift_cnn.hpp>
#include <tshift/train/shift_lstm.hpp>
#include <tshift/train/shiftformer.hpp>
#include <tshift/train/speech_layer.hpp>
#include <tshift/train/vertical_vit.hpp>
#include <utility>
#include <variant>
#include <vector>

#include "crnn_rows.hpp"

namespace ser {

using tshift::index_t;
namespace train = tshift::train;

/// Keeps of each block its output and what it keeps, and what the end keeps.
template <class T>
class stack : public train::calls<stack<T>, T> {
 public:
  static constexpr char const* name = "stack";

  /// A frame of y for each of x.
  using block = std::variant<train::linear<T>, train::learned_shift<T>, train::shiftformer_block<T>,
                             train::layer_sum<T>, train::speech_layer<T>, train::layer_norm<T>>;
  /// One frame of y.
  using end = std::variant<train::shift_cnn<T>, train::shift_lstm<T>, train::shiftformer<T>, train::classifier<T>,
                           train::sequence_head<T>, crnn_rows<T>, train::vertical_vit<T>>;

  /// All of one parameter_table.
  stack(std::vector<block> blocks, end last) : blocks_(std::move(blocks)), end_(std::move(last)) {}

  index_t inputs() const {
    if (!blocks_.empty()) return of(blocks_.front(), [](auto const& b) { return b.inputs(); });
    return of(end_, [](auto const& e) { return e.inputs(); });
  }
  index_t outputs() const {
    return of(end_, [](auto const& e) { return e.outputs(); });
  }
  index_t parameters_end() const {
    return of(end_, [](auto const& e) { return e.parameters_end(); });
  }
  index_t frames(index_t) const noexcept { return 1; }
  void check_input(train::input<T> const& x) const {
    if (x.is_shifted()) tshift::detail::fail("%s: x is shifted; a model has its own shift", name);
    // Lengths are the same all through; channels are each block's own matter, and fit by how they were made.
    for (block const& b : blocks_) of(b, [&x](auto const& it) { it.check_input(x); });
    of(end_, [&x](auto const& e) { e.check_input(x); });
  }

  /// What it is where it gives a feature, which its logits are made of; null: it gives none.
  train::vertical_vit<T> const* vit() const noexcept {
    return blocks_.empty() ? std::get_if<train::vertical_vit<T>>(&end_) : nullptr;
  }
  /// Frames that a sequence must have.
  index_t shortest() const noexcept {
    auto const* const images = std::get_if<crnn_rows<T>>(&end_);
    return images != nullptr ? images->shortest() : 1;
  }

  void pack(std::span<T const> values) {
    for (block& b : blocks_) std::visit([values](auto& it) { it.pack(values); }, b);
    std::visit([values](auto& it) { it.pack(values); }, end_);
  }

  /// What an encoder's layers drop in the next passes; null: nothing.
  void draw(train::random_batch const* random) {
    for (block& b : blocks_) {
      if (auto* const layer = std::get_if<train::speech_layer<T>>(&b)) layer->draw(random);
    }
  }

  index_t saved_size(tshift::shape const& x) const {
    tshift::shape at = x;
    index_t sum = 0;
    for (block const& b : blocks_) {
      index_t const kept = of(b, [&at](auto const& it) { return it.saved_size(at); });
      at = behind(b, at);
      sum += tshift::detail::checked_product(name, {at.batch, at.time, at.channels}) + kept;
    }
    return sum + of(end_, [&at](auto const& e) { return e.saved_size(at); });
  }

  /// Gradients of what stands between two blocks: of a block's output, and of its input. Unchecked.
  struct slices {
    T *above, *below;
  };
  slices layout(train::arena<T>& a, tshift::shape const& x) const {
    index_t widest = 0;
    tshift::shape at = x;
    for (block const& b : blocks_) {
      at = behind(b, at);
      widest = std::max(widest, at.channels);
    }
    slices const s{a.take({x.batch, x.time, widest}), a.take({x.batch, x.time, blocks_.size() > 1 ? widest : 0})};
    at = x;
    for (block const& b : blocks_) {
      std::visit([&a, &at](auto const& it) { a.lend(it, at); }, b);
      at = behind(b, at);
    }
    std::visit([&a, &at](auto const& it) { a.lend(it, at); }, end_);
    return s;
  }

  template <class Executor>
  void run(Executor& exec, tshift::shifted_view<T> const& x, tshift::tensor_view<T> const& y, T* saved,
           train::arena<T> a) const {
    tshift::tensor_view<T const> current = x.base();
    for (block const& b : blocks_) {
      tshift::tensor_view<T> const out = like(behind(b, current.shape), x, saved);
      saved += out.size();
      std::visit([&](auto const& it) { it.run(exec, tshift::nn::as_it_is<T>(current), out, saved, a); }, b);
      saved += of(b, [&current](auto const& it) { return it.saved_size(current.shape); });
      current = out;
    }
    std::visit([&](auto const& it) { it.run(exec, tshift::nn::as_it_is<T>(current), y, saved, a); }, end_);
  }

  template <class Executor>
  void run_back(Executor& exec, tshift::shifted_view<T> const& x, T const* saved, tshift::shifted_view<T> const& dy,
                tshift::tensor_view<T> const& dx, std::span<T> gradients, train::arena<T> a) const {
    slices const memory = layout(a, x.shape());
    // What each block read, and where what it kept lies.
    std::vector<std::pair<tshift::tensor_view<T const>, T const*>> read;
    tshift::tensor_view<T const> current = x.base();
    for (block const& b : blocks_) {
      tshift::tensor_view<T const> const out = like(behind(b, current.shape), x, saved);
      saved += out.size();
      read.emplace_back(current, saved);
      saved += of(b, [&current](auto const& it) { return it.saved_size(current.shape); });
      current = out;
    }
    bool const alone = blocks_.empty();
    tshift::tensor_view<T> above = alone ? dx : like(current.shape, x, memory.above);
    std::visit(
        [&](auto const& it) { it.run_back(exec, tshift::nn::as_it_is<T>(current), saved, dy, above, gradients, a); },
        end_);
    T* spare = memory.below;
    for (std::size_t i = blocks_.size(); i-- > 0;) {
      auto const& [from, kept] = read[i];
      tshift::tensor_view<T> const to = i == 0 ? dx : like(from.shape, x, spare);
      tshift::tensor_view<T const> const g = above;
      std::visit(
          [&, &from = from, &kept = kept](auto const& it) {
            it.run_back(exec, tshift::nn::as_it_is<T>(from), kept, tshift::nn::as_it_is<T>(g), to, gradients, a);
          },
          blocks_[i]);
      spare = above.data;
      above = to;
    }
  }

 private:
  template <class Variant, class Ask>
  static auto of(Variant const& v, Ask const& ask) {
    return std::visit(ask, v);
  }
  static tshift::shape behind(block const& b, tshift::shape x) {
    x.channels = of(b, [](auto const& it) { return it.outputs(); });
    return x;
  }
  /// Memory of a shape, with the lengths of x.
  template <class U>
  static tshift::tensor_view<U> like(tshift::shape const& shape, tshift::shifted_view<T> const& x, U* memory) {
    return {memory, shape, tshift::layout::ntc, x.base().lengths};
  }

  std::vector<block> blocks_;
  end end_;
};

}  // namespace ser
