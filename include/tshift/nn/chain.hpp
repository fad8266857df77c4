// SPDX-License-Identifier: MIT
// Blocks one after the other, fused: a few rows at a time go through all of them, and what lies between two blocks exists
// for those rows only.
#pragma once

#include <tshift/macros/away.hpp>

#include <concepts>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

#include <tshift/nn/block.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// What can stand in a chain.
template <class Block>
concept works_by_rows = requires {
  typename Block::element_type;
  { Block::reads_neighbours } -> std::convertible_to<bool>;
};

/// What a chain's last block says about the chain.
template <class First, class... Rest>
struct types_of_chain {
  static_assert(works_by_rows<First> && (works_by_rows<Rest> && ...),
                "tshift: a chain takes blocks that work row by row: linear, mlp, layer_norm, chain, and first also "
                "depthwise_conv1d");
  using last = std::tuple_element_t<sizeof...(Rest) - 1, std::tuple<Rest...>>;           ///< the block that writes y
  using number = typename First::element_type;                                           ///< float or double
  static constexpr bool adds = std::is_base_of_v<adding_row_calls<last, number>, last>;  ///< whether it adds a skip
  template <class Chain>
  using base = std::conditional_t<adds, adding_row_calls<Chain, number>, row_calls<Chain, number>>;  ///< of the chain

  /// Activations between the blocks: one where all but the ends work in place.
  static constexpr index_t activations = ((Rest::aliasing == detail::in_place::refused ? 1 : 0) + ... + 0) >
                                                 (last::aliasing == detail::in_place::refused ? 1 : 0)
                                             ? 2
                                             : 1;
};

/// y = last(... second(first(x)))   (+ skip, where the last block can add one)
///
///   chain block(depthwise_conv1d<float>(...), layer_norm<float>(...), mlp<float>(...));   // ShiftCNN's block
///
/// x [N, T, inputs of the first], y [N, T, outputs of the last]; every frame, also those past a sequence's length. Blocks
/// that work row by row: linear, mlp, layer_norm, chain; one that reads neighbouring frames
/// (depthwise_conv1d) may stand first.
/// Accuracy and FLOPs: the sum of the blocks'. Workspace: what lies between, for at most 32 blocks of 128 rows.
template <class First, class... Rest>
class chain : public types_of_chain<First, Rest...>::template base<chain<First, Rest...>> {
  static_assert(sizeof...(Rest) > 0, "tshift: a chain has at least two blocks");
  static_assert((!Rest::reads_neighbours && ...),
                "tshift: a block that reads neighbouring frames can only be the first of a chain");

 public:
  using T = typename First::element_type;                                  ///< float or double
  static constexpr char const* name = "chain";                             ///< in messages
  static constexpr detail::in_place aliasing = detail::in_place::refused;  ///< y is other memory than x
  static constexpr bool reads_neighbours = First::reads_neighbours;        ///< whether a row of y needs several of x

  chain() = default;

  /// @throws shape_error  a block does not read what the one before it writes
  explicit chain(First first, Rest... rest) : blocks_(std::move(first), std::move(rest)...) { check_widths<1>(); }

  /// Number of channels of x.
  index_t inputs() const noexcept { return std::get<0>(blocks_).inputs(); }
  /// Number of channels of y.
  index_t outputs() const noexcept { return std::get<last>(blocks_).outputs(); }
  /// Block number I.
  template <std::size_t I>
  auto const& get() const noexcept {
    return std::get<I>(blocks_);
  }

  /// Frames of x before a frame of y that it depends on: the first block's.
  index_t history() const noexcept { return std::get<0>(blocks_).history(); }
  /// Frames of x after it.
  index_t latency() const noexcept { return std::get<0>(blocks_).latency(); }

  /// Multiply-adds for a row.
  index_t work() const noexcept {
    return std::apply([](auto const&... block) { return (block.work() + ...); }, blocks_);
  }

  /// Activations for so many rows, used in turns, and what one block needs.
  T* scratch(arena<T>& a, index_t rows) const {
    T* const activations = a.take({held, rows, widest()});
    std::apply(
        [&a, rows](auto const&... block) { (a.lend([&block, rows](arena<T>& b) { block.scratch(b, rows); }), ...); },
        blocks_);
    return activations;
  }

  /// Unchecked: rows [first, first + count) of x to y.
  template <class Source>
  void rows(Source const& x, index_t first, index_t count, kernel::row_sink<T> y, T* scratch,
            kernel::row_source<T> const* skip = nullptr) const noexcept {
    for (kernel::row_part const part : kernel::row_parts(count)) {
      kernel::row_sink<T> const one{scratch, widest()}, other{scratch + part.count * widest(), widest()};
      T* const rest = scratch + held * part.count * widest();
      std::get<0>(blocks_).rows(x, first + part.begin, part.count, one, rest);
      go_on<1>(one, other, first + part.begin, part.count, y.from(part.begin), rest, skip);
    }
  }

 private:
  static constexpr std::size_t last = sizeof...(Rest);
  static constexpr index_t held = types_of_chain<First, Rest...>::activations;

  template <std::size_t I>
  void check_widths() const {
    index_t const writes = std::get<I - 1>(blocks_).outputs(), reads = std::get<I>(blocks_).inputs();
    if (reads != writes) {
      detail::fail("chain: block %d reads %td channels, block %d writes %td", static_cast<int>(I), reads,
                   static_cast<int>(I - 1), writes);
    }
    if constexpr (I < last) check_widths<I + 1>();
  }

  /// The most channels between two blocks.
  index_t widest() const noexcept {
    index_t most = 0;
    std::apply([&most](auto const&... block) { ((most = block.outputs() > most ? block.outputs() : most), ...); },
               blocks_);
    return most;
  }

  /// Blocks I and after: `from` holds what block I reads.
  template <std::size_t I>
  void go_on(kernel::row_sink<T> from, kernel::row_sink<T> other, index_t first, index_t count, kernel::row_sink<T> y,
             T* rest, kernel::row_source<T> const* skip) const noexcept {
    auto const& block = std::get<I>(blocks_);
    kernel::plain_rows<T> const x{from.data, from.stride};
    if constexpr (I < last) {
      constexpr bool onto_itself = std::remove_cvref_t<decltype(block)>::aliasing == detail::in_place::allowed;
      kernel::row_sink<T> const to = onto_itself ? from : other;
      block.rows(x, 0, count, to, rest);
      go_on<I + 1>(to, onto_itself ? other : from, first, count, y, rest, skip);
    } else if (skip == nullptr) {
      block.rows(x, 0, count, y, rest);
    } else if constexpr (types_of_chain<First, Rest...>::adds) {
      kernel::later_rows<T> const beside{*skip, first};
      kernel::row_source<T> const added(beside);
      block.rows(x, 0, count, y, rest, &added);
    }
  }

  std::tuple<First, Rest...> blocks_;
};

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
