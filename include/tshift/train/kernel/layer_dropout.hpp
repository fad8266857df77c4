// SPDX-License-Identifier: MIT
// Dropout inside an encoder's layer: of the attention's weights, and of what the two branches add to what passes by.
#pragma once

#include <cstddef>
#include <optional>

#include <tshift/train/dropout.hpp>
#include <tshift/train/kernel/products.hpp>
#include <tshift/train/kernel/weight_dropout.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train::kernel {

/// What a layer drops: each has numbers of its own in every layer.
enum class dropped : index_t { weights, attention, perceptron };

/// Numbers of train::dropout for each layer. Those of layer 0 begin behind as many that are the program's.
inline constexpr index_t dropped_each = 4;

/// The masks of one layer in one step. Both passes make them anew.
class layer_dropout {
 public:
  layer_dropout() = default;
  /// @param layer  its number in the encoder
  explicit layer_dropout(index_t layer) noexcept : layer_(layer) {}

  /// @throws shape_error  a rate is not in [0, 1), or the layer's number is too large for one
  void set(char const* name, double hidden, double weights) {
    check_rate(name, "hidden", hidden);
    check_rate(name, "attention", weights);
    constexpr index_t most = (index_t{1} << 14) / dropped_each - 1;
    if (layer_ >= most) detail::fail("%s: dropout in layer %td, must be < %td", name, layer_, most);
    hidden_ = hidden;
    weights_ = weights;
  }

  /// @throws shape_error  a number is out of range
  void draw(random_batch const* random) {
    random_.reset();
    if (random == nullptr) return;
    for (index_t const each : random->samples) (void)random_stream(random->seed, 0, random->epoch, each);
    random_ = *random;
  }

  /// Refuses a batch of other sequences than were drawn for.
  void check(char const* name, index_t batch) const {
    if (!random_) return;
    auto const samples = static_cast<index_t>(random_->samples.size());
    if (samples != batch) detail::fail("%s: drawn for %td samples, x has %td sequences", name, samples, batch);
  }

  /// Of the attention's weights in this step.
  weight_dropout of_weights() const noexcept {
    if (!random_) return {};
    return {weights_, purposes::dropout + number(dropped::weights), *random_};
  }

  /// Whether branches have a rate at all: the memory of a pass depends on it.
  bool has_branches() const noexcept { return hidden_ > 0; }
  /// Whether branches are dropped in this step.
  bool drops_branches() const noexcept { return random_ && hidden_ > 0; }

  /// y = F y + skip inside sequences, 0 behind.
  /// @param y     with lengths
  /// @param skip  rows numbered through all frames
  template <class Executor, class T>
  void add(Executor& exec, dropped which, tensor_view<T> const& y, row_source<T> const& skip) const {
    drop(exec, which, y);
    index_t const channels = y.shape.channels;
    for_rows_inside(exec, tensor_view<T const>(y), y, channels,
                    [&skip, channels](index_t first, index_t count, row_sink<T> to) {
                      add_rows<T, xsimd::default_arch>(skip, channels, first, count, to);
                    });
  }

  /// to = F g inside sequences, 0 behind.
  /// @param g   rows numbered through all frames
  /// @param to  with lengths
  template <class Executor, class T>
  void copy(Executor& exec, dropped which, row_source<T> const& g, tensor_view<T> const& to) const {
    index_t const channels = to.shape.channels;
    for_rows_inside(exec, tensor_view<T const>(to), to, channels,
                    [&g, channels](index_t first, index_t count, row_sink<T> rows) {
                      row_block<T> table;
                      for (row_part const part : row_parts(count)) {
                        g.gather(table, first + part.begin, part.count, 0, channels, nullptr);
                        for (index_t r = 0; r < part.count; ++r) collect(table, r, rows.from(part.begin + r).data);
                      }
                    });
    drop(exec, which, to);
  }

 private:
  static void check_rate(char const* name, char const* what, double rate) {
    if (!(rate >= 0 && rate < 1)) detail::fail("%s: %s = %g, must be in [0, 1)", name, what, rate);
  }

  index_t number(dropped which) const noexcept { return dropped_each * (layer_ + 1) + static_cast<index_t>(which); }

  template <class Executor, class T>
  void drop(Executor& exec, dropped which, tensor_view<T> const& y) const {
    dropout<T>(exec, hidden_, *random_, number(which), y, y);
  }

  index_t layer_ = 0;
  double hidden_ = 0, weights_ = 0;
  std::optional<random_batch> random_;
};

}}}}  // namespace tshift::train::kernel
