// SPDX-License-Identifier: MIT
// What the units of one program, each built with its own flags, can be asked to do. Plain function pointers and the
// library's data types: nothing here has code of its own that the linker could share out.
#pragma once

#include <tshift/nn/residual.hpp>
#include <tshift/tshift.hpp>

#include <cstddef>
#include <iterator>
#include <typeinfo>

#include "../support/operations.hpp"

#define MIXED_TEXT_(x) #x
#define MIXED_TEXT(x) MIXED_TEXT_(x)

namespace mixed {

using tshift::index_t;
using stream = tshift::shift_stream<float>;

// The tensor that all units shift, and how many operations write a result of its size.
constexpr tshift::shape dims{.batch = 3, .time = 29, .channels = 37};
constexpr index_t elements = 3 * 29 * 37;
constexpr index_t operations = std::ssize(test_support::operation_table) + 3;  // and lazily by two ways, and a stream

// The tensor that all units feed to blocks and models. Each block's result is of this size at most.
constexpr tshift::shape rows{.batch = 2, .time = 13, .channels = 12};
constexpr index_t row_elements = 2 * 13 * 12;
constexpr index_t blocks = 16;
constexpr index_t classes = 4;

/// A unit's operator.
struct operator_unit {
  char const* name;
  char const* tag;    // TSHIFT_ISA
  bool debug;         // TSHIFT_DEBUG
  bool avx2, avx512;  // what it was built for
  bool f16c;
  bool wide;  // whether vectors are longer than 16 bytes
  std::size_t const* layout;
  std::size_t layout_count;
  std::type_info const* error_type;
  tshift::error_handler* handler;

  tshift::shift_plan (*make_plan)(index_t channels, tshift::padding edge);
  tshift::tensor_view<float> (*make_view)(float* memory, tshift::shape const& shape, tshift::layout order);
  // Results of all operations, one after the other; null, or what went wrong.
  char const* (*run)(tshift::tensor_view<float const> x, tshift::shift_plan const& plan, float* results);
  char const* (*run_bytes)(tshift::tensor_view<unsigned char const> x, tshift::shift_plan const& plan,
                           unsigned char* results);

  char const* (*run_halves)(tshift::tensor_view<tshift::float16 const> x, tshift::shift_plan const& plan,
                            tshift::float16* results);

  tshift::shifted_view<float> (*lazy)(tshift::tensor_view<float const> x, tshift::shift_plan const& plan);
  void (*read_lazy)(tshift::shifted_view<float> const& x, float* result);

  stream (*make_stream)(tshift::shift_plan const& plan, tshift::shape const& frame);
  stream (*make_stream_in)(tshift::shift_plan const& plan, tshift::shape const& frame, std::span<std::byte> memory);
  index_t (*push)(stream& to, tshift::tensor_view<float const> x, tshift::tensor_view<float> y);
  index_t (*flush)(stream& from, tshift::tensor_view<float> y);
  void (*save)(stream const& from, std::span<std::byte> to);
  void (*restore)(stream& to, std::span<std::byte const> from);
  stream (*copy)(stream const& from);
  void (*move)(stream& from, stream& to);

  void (*raise)();
  bool (*catches)(void (*raise)(), char* text, std::size_t size);
};

/// A unit's blocks and a model.
struct block_unit {
  char const* name;
  char const* tag;
  std::size_t const* layout;
  std::size_t layout_count;
  tshift::model_shift (*make_options)();
  // Results of all blocks, one after the other; null, or what went wrong.
  char const* (*run)(tshift::tensor_view<float const> x, tshift::shifted_view<float> const& shifted,
                     tshift::shift_plan const& plan, float* results);
  char const* (*logits)(tshift::model_shift const& options, tshift::tensor_view<float const> x,
                        tshift::tensor_view<float> y);
  bool (*refuses)(char* text, std::size_t size);
};

}  // namespace mixed
