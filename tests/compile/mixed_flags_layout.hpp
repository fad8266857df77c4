// SPDX-License-Identifier: MIT
// Sizes, alignments and places of members of every public data type, as each unit sees them. The numbers are those of
// x86-64 Linux; that they are said here in every unit is what holds all flags to one layout.
#pragma once

#include <tshift/io/file_error.hpp>
#include <tshift/nn/residual.hpp>
#include <tshift/nn/self_attention.hpp>
#include <tshift/tshift.hpp>

#include <cstddef>

namespace UNIT { namespace {

struct pixel {
  unsigned char r, g, b;
};

// A type, its size, its alignment.
#define MIXED_TYPES(F)                          \
  F(tshift::index_t, 8, 8)                      \
  F(tshift::shape_error, 16, 8)                 \
  F(tshift::file_error, 16, 8)                  \
  F(tshift::error_handler, 8, 8)                \
  F(tshift::fold, 24, 8)                        \
  F(tshift::padding, 4, 4)                      \
  F(tshift::direction, 4, 4)                    \
  F(tshift::layout, 4, 4)                       \
  F(tshift::placement, 4, 4)                    \
  F(tshift::frame_positions, 4, 4)              \
  F(tshift::model_shift, 32, 8)                 \
  F(tshift::shift_plan, 408, 8)                 \
  F(tshift::shape, 32, 8)                       \
  F(tshift::strides, 32, 8)                     \
  F(tshift::float16, 2, 2)                      \
  F(tshift::bfloat16, 2, 2)                     \
  F(tshift::tensor_view<float>, 88, 8)          \
  F(tshift::tensor_view<float const>, 88, 8)    \
  F(tshift::tensor_view<unsigned char>, 88, 8)  \
  F(tshift::tensor_view<pixel>, 88, 8)          \
  F(tshift::channel_run<float>, 32, 8)          \
  F(tshift::frame_runs<float>, 24, 8)           \
  F(tshift::frame_runs<float>::iterator, 32, 8) \
  F(tshift::shifted_view<float>, 896, 8)        \
  F(tshift::shifted_view<double>, 904, 8)       \
  F(tshift::shift_stream<float>, 1272, 8)       \
  F(tshift::shift_stream<double>, 1272, 8)      \
  F(tshift::shift_stream<pixel>, 1272, 8)       \
  F(tshift::types::segment, 24, 8)              \
  F(tshift::types::segment_list, 800, 8)        \
  F(tshift::types::state_memory, 24, 8)         \
  F(tshift::types::any_body, 1, 1)

// A type, a member, its place.
#define MIXED_MEMBERS(F)                     \
  F(tshift::fold, begin, 0)                  \
  F(tshift::fold, count, 8)                  \
  F(tshift::fold, offset, 16)                \
  F(tshift::shape, batch, 0)                 \
  F(tshift::shape, time, 8)                  \
  F(tshift::shape, channels, 16)             \
  F(tshift::shape, space, 24)                \
  F(tshift::strides, batch, 0)               \
  F(tshift::strides, time, 8)                \
  F(tshift::strides, channels, 16)           \
  F(tshift::strides, space, 24)              \
  F(tshift::tensor_view<float>, data, 0)     \
  F(tshift::tensor_view<float>, shape, 8)    \
  F(tshift::tensor_view<float>, strides, 40) \
  F(tshift::tensor_view<float>, lengths, 72) \
  F(tshift::channel_run<float>, begin, 0)    \
  F(tshift::channel_run<float>, count, 8)    \
  F(tshift::channel_run<float>, frame, 16)   \
  F(tshift::channel_run<float>, data, 24)    \
  F(tshift::model_shift, n_div, 0)           \
  F(tshift::model_shift, towards, 8)         \
  F(tshift::model_shift, stride, 16)         \
  F(tshift::model_shift, where, 24)          \
  F(tshift::model_shift, edge, 28)           \
  F(tshift::types::segment, begin, 0)        \
  F(tshift::types::segment, count, 8)        \
  F(tshift::types::segment, offset, 16)      \
  F(tshift::types::segment_list, items, 0)   \
  F(tshift::types::segment_list, count, 792)

#define MIXED_CHECK_TYPE(type, size, alignment) \
  static_assert(sizeof(type) == (size) && alignof(type) == (alignment), "the layout of " #type " depends on flags");
#define MIXED_CHECK_MEMBER(type, member, place) \
  static_assert(offsetof(type, member) == (place), "the place of " #type "::" #member " depends on flags");
#define MIXED_TYPE_NUMBERS(type, size, alignment) sizeof(type), alignof(type),
#define MIXED_MEMBER_NUMBERS(type, member, place) offsetof(type, member),

MIXED_TYPES(MIXED_CHECK_TYPE)
MIXED_MEMBERS(MIXED_CHECK_MEMBER)
static_assert(alignof(tshift::shift_stream<float>) <= alignof(std::max_align_t));

// The same numbers for the program, which compares them between units.
constexpr std::size_t layout_numbers[] = {MIXED_TYPES(MIXED_TYPE_NUMBERS) MIXED_MEMBERS(MIXED_MEMBER_NUMBERS)
                                          // Values that the units must agree on as well.
                                          static_cast<std::size_t>(tshift::shift_plan::capacity),
                                          TSHIFT_VERSION,
                                          static_cast<std::size_t>(tshift::padding::circular),
                                          static_cast<std::size_t>(tshift::layout::tncs),
                                          static_cast<std::size_t>(tshift::direction::both),
                                          static_cast<std::size_t>(tshift::placement::both),
                                          static_cast<std::size_t>(tshift::frame_positions::relative_key_query)};

}  // namespace
}  // namespace UNIT
