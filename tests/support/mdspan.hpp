// SPDX-License-Identifier: MIT
// Namespace md: mdspan from the standard library (C++23) or Kokkos', and where there is neither, what the tests need of
// it, written after the standard, so that they run with every compiler.
#pragma once

#if __has_include(<version>)
#include <version>
#endif

#if defined(__cpp_lib_mdspan)
#include <mdspan>
namespace md = std;
#define TEST_MDSPAN "std::mdspan"
#elif __has_include(<mdspan/mdspan.hpp>)
#include <mdspan/mdspan.hpp>
namespace md = Kokkos;
#define TEST_MDSPAN "Kokkos::mdspan"
#elif __has_include(<experimental/mdspan>)
#include <experimental/mdspan>
namespace md = std::experimental;
#define TEST_MDSPAN "std::experimental::mdspan"
#else
#include <array>
#include <cstddef>
#include <type_traits>
#define TEST_MDSPAN "the tests' stand-in for mdspan"

namespace md {

template <class Index, std::size_t Rank>
struct dextents {
  using index_type = Index;
  static constexpr std::size_t rank() { return Rank; }
  constexpr Index extent(std::size_t r) const { return sizes[r]; }

  std::array<Index, Rank> sizes{};
};

/// Offset of an element by strides: what all layouts here have in common.
template <class Extents>
struct strided_mapping {
  using index_type = typename Extents::index_type;
  static constexpr bool is_strided() { return true; }
  constexpr index_type stride(std::size_t r) const { return steps[r]; }
  template <class... Indices>
  constexpr index_type operator()(Indices... indices) const {
    std::array<index_type, Extents::rank()> const at{static_cast<index_type>(indices)...};
    index_type offset = 0;
    for (std::size_t r = 0; r < at.size(); ++r) offset = static_cast<index_type>(offset + at[r] * steps[r]);
    return offset;
  }

  Extents extents{};
  std::array<index_type, Extents::rank()> steps{};
};

struct layout_right {
  template <class Extents>
  struct mapping : strided_mapping<Extents> {
    explicit constexpr mapping(Extents const& e) : strided_mapping<Extents>{e, {}} {
      typename Extents::index_type step = 1;
      for (std::size_t r = Extents::rank(); r-- > 0;) {
        this->steps[r] = step;
        step = static_cast<typename Extents::index_type>(step * e.extent(r));
      }
    }
  };
};

struct layout_left {
  template <class Extents>
  struct mapping : strided_mapping<Extents> {
    explicit constexpr mapping(Extents const& e) : strided_mapping<Extents>{e, {}} {
      typename Extents::index_type step = 1;
      for (std::size_t r = 0; r != Extents::rank(); ++r) {
        this->steps[r] = step;
        step = static_cast<typename Extents::index_type>(step * e.extent(r));
      }
    }
  };
};

struct layout_stride {
  template <class Extents>
  struct mapping : strided_mapping<Extents> {
    constexpr mapping(Extents const& e, std::array<typename Extents::index_type, Extents::rank()> const& s)
        : strided_mapping<Extents>{e, s} {}
  };
};

template <class T>
struct default_accessor {
  using data_handle_type = T*;
};

template <class T, class Extents, class Layout = layout_right, class Accessor = default_accessor<T>>
class mdspan {
 public:
  using element_type = T;
  using layout_type = Layout;
  using accessor_type = Accessor;
  using mapping_type = typename Layout::template mapping<Extents>;
  using index_type = typename Extents::index_type;

  constexpr mdspan(T* data, mapping_type const& by) : data_(data), mapping_(by) {}
  static constexpr std::size_t rank() { return Extents::rank(); }
  constexpr index_type extent(std::size_t r) const { return mapping_.extents.extent(r); }
  constexpr index_type stride(std::size_t r) const { return mapping_.stride(r); }
  constexpr bool is_strided() const { return mapping_.is_strided(); }
  constexpr T* const& data_handle() const { return data_; }
  constexpr mapping_type const& mapping() const { return mapping_; }

 private:
  T* data_;
  mapping_type mapping_;
};

}  // namespace md
#endif
