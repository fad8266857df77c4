// SPDX-License-Identifier: MIT
// interop/eigen.hpp with the real library: each kind of matrix and tensor lies where Eigen says, const stays const, and
// shifts between them are the definition. Also named_axes.hpp, which the other adapters share.
#include <array>
#include <complex>
#include <cstdio>
#include <limits>
#include <type_traits>
#include <vector>

#include <tshift/interop/eigen.hpp>  // in front of Eigen's tensors, which it must not need to have seen

#include <unsupported/Eigen/CXX11/Tensor>

#include "../support/catch.hpp"
#include "../support/message_of.hpp"
#include "../support/views.hpp"

namespace {

using namespace test_support;
using tshift::shape;
using tshift::tensor_view;
using tshift::interop::view_of;

using row_major = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using column_major = Eigen::MatrixXf;
using any_stride = Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>;

template <class X>
using view_type = decltype(view_of(std::declval<X>()));

template <class View, class X>
bool as_matrix(View const& view, X& x) {
  return lies_as(
      view,
      {1, x.rows(), x.cols(), 1}, [&](index_t, index_t t, index_t c, index_t) -> auto& { return x.coeffRef(t, c); });
}

/// Numbers, and what is around them kept in mind.
template <class X>
void fill(X& x) {
  random_bits random(9);
  auto* const data = x.data();
  for (index_t i = 0; i < static_cast<index_t>(x.size()); ++i) data[i] = number<float>(random);
}

}  // namespace

TEST_CASE("A view of a matrix lies where Eigen has its elements", "[interop][eigen]") {
  row_major rows(5, 7);
  column_major columns(5, 7);
  Eigen::Matrix<double, 5, 7> fixed;
  Eigen::Array<int, Eigen::Dynamic, 3, Eigen::RowMajor> array(4, 3);
  Eigen::VectorXf frames(6);
  Eigen::RowVectorXf channels(6);
  Eigen::MatrixXcf complex(2, 3);
  std::vector<float> memory(200);
  Eigen::Map<row_major, 0, any_stride> map(memory.data() + 3, 4, 6, any_stride(20, 3));
  Eigen::Map<column_major, 0, any_stride> backwards(memory.data() + 190, 4, 6, any_stride(-20, -2));
  Eigen::Ref<column_major> ref(columns);
  auto block = columns.block(1, 2, 3, 4);
  auto transposed = columns.transpose();
  REQUIRE(as_matrix(view_of(rows), rows));
  REQUIRE(as_matrix(view_of(columns), columns));
  REQUIRE(as_matrix(view_of(fixed), fixed));
  REQUIRE(as_matrix(view_of(array), array));
  REQUIRE(as_matrix(view_of(frames), frames));
  REQUIRE(as_matrix(view_of(channels), channels));
  REQUIRE(as_matrix(view_of(complex), complex));
  REQUIRE(as_matrix(view_of(map), map));
  REQUIRE(as_matrix(view_of(backwards), backwards));
  REQUIRE(as_matrix(view_of(ref), ref));
  REQUIRE(as_matrix(view_of(block), block));
  REQUIRE(as_matrix(view_of(transposed), transposed));
  // Temporaries that own nothing.
  auto rows_between = columns.middleRows(1, 2);
  REQUIRE(as_matrix(view_of(columns.middleRows(1, 2)), rows_between));
  REQUIRE(view_of(columns.transpose()).strides == view_of(columns, "CT").strides);
  REQUIRE(view_of(rows).strides == tshift::strides{0, 7, 1, 0});
  REQUIRE(view_of(columns).strides == tshift::strides{0, 1, 5, 0});
  REQUIRE(view_of(columns, "CT").shape == shape{1, 7, 5, 1});
}

TEST_CASE("A matrix without elements has a view without elements", "[interop][eigen]") {
  row_major no_frames(0, 7);
  REQUIRE(view_of(no_frames).shape == shape{1, 0, 7, 1});
  row_major none;
  REQUIRE(view_of(none).size() == 0);
  Eigen::Tensor<float, 4> flat(2, 0, 3, 5);
  REQUIRE(view_of(flat, "NTCS").shape == shape{2, 0, 3, 5});
}

TEST_CASE("Const elements stay const", "[interop][eigen]") {
  using writable = tensor_view<float>;
  using readable = tensor_view<float const>;
  STATIC_REQUIRE(std::is_same_v<view_type<row_major&>, writable>);
  STATIC_REQUIRE(std::is_same_v<view_type<row_major const&>, readable>);
  STATIC_REQUIRE(std::is_same_v<view_type<Eigen::Map<row_major>&>, writable>);
  STATIC_REQUIRE(std::is_same_v<view_type<Eigen::Map<row_major>>, writable>);
  STATIC_REQUIRE(std::is_same_v<view_type<Eigen::Map<row_major const>&>, readable>);
  STATIC_REQUIRE(std::is_same_v<view_type<Eigen::Map<row_major> const&>, readable>);
  STATIC_REQUIRE(std::is_same_v<view_type<Eigen::Ref<row_major>&>, writable>);
  STATIC_REQUIRE(std::is_same_v<view_type<Eigen::Ref<row_major const>&>, readable>);
  STATIC_REQUIRE(std::is_same_v<view_type<Eigen::Ref<row_major const> const&>, readable>);
  STATIC_REQUIRE(std::is_same_v<view_type<Eigen::ArrayXXf const&>, readable>);
  STATIC_REQUIRE(std::is_same_v<decltype(view_of(std::declval<row_major const&>().transpose())), readable>);
  STATIC_REQUIRE(std::is_same_v<view_type<Eigen::Tensor<float, 3>&>, writable>);
  STATIC_REQUIRE(std::is_same_v<view_type<Eigen::Tensor<float, 3> const&>, readable>);
  STATIC_REQUIRE(std::is_same_v<view_type<Eigen::TensorMap<Eigen::Tensor<float, 3>>&>, writable>);
  STATIC_REQUIRE(std::is_same_v<view_type<Eigen::TensorMap<Eigen::Tensor<float const, 3>>&>, readable>);
}

TEST_CASE("A view of a tensor lies where Eigen has its elements", "[interop][eigen]") {
  Eigen::Tensor<float, 3> columns(2, 3, 4);
  Eigen::Tensor<float, 3, Eigen::RowMajor, int> rows(2, 3, 4);
  Eigen::TensorFixedSize<float, Eigen::Sizes<2, 3, 4>> fixed;
  std::vector<float> memory(24);
  Eigen::TensorMap<Eigen::Tensor<float, 3>> map(memory.data(), 2, 3, 4);
  shape const dims{2, 3, 4, 1};
  auto const in = [](auto& x) {
    return [&x](index_t n, index_t t, index_t c, index_t) -> float& {
      return x(static_cast<int>(n), static_cast<int>(t), static_cast<int>(c));
    };
  };
  REQUIRE(lies_as(view_of(columns), dims, in(columns)));
  REQUIRE(lies_as(view_of(rows), dims, in(rows)));
  REQUIRE(lies_as(view_of(fixed), dims, in(fixed)));
  REQUIRE(lies_as(view_of(map), dims, in(map)));
  // Other names for the same dimensions.
  REQUIRE(lies_as(view_of(columns, "CTN"), {4, 3, 2, 1},
                  [&](index_t n, index_t t, index_t c, index_t) -> float& { return columns(c, t, n); }));
  REQUIRE(lies_as(view_of(rows, "TCW"), {1, 2, 3, 4}, [&](index_t, index_t t, index_t c, index_t s) -> float& {
    return rows(static_cast<int>(t), static_cast<int>(c), static_cast<int>(s));
  }));
  Eigen::Tensor<float, 2, Eigen::RowMajor> single(3, 4);
  REQUIRE(lies_as(view_of(single), {1, 3, 4, 1},
                  [&](index_t, index_t t, index_t c, index_t) -> float& { return single(t, c); }));
  Eigen::Tensor<float, 5, Eigen::RowMajor> video(2, 3, 4, 5, 6);
  REQUIRE(lies_as(view_of(video, "NTCHW"), {2, 3, 4, 30},
                  [&](index_t n, index_t t, index_t c, index_t s) -> float& { return video(n, t, c, s / 6, s % 6); }));
  REQUIRE(lies_as(view_of(video, "NCTHW"), {2, 4, 3, 30},
                  [&](index_t n, index_t t, index_t c, index_t s) -> float& { return video(n, c, t, s / 6, s % 6); }));
  REQUIRE(lies_as(view_of(video, "NTHWC"), {2, 3, 6, 20},
                  [&](index_t n, index_t t, index_t c, index_t s) -> float& { return video(n, t, s / 5, s % 5, c); }));
  // Column-major, the fastest dimension has the first letter.
  Eigen::Tensor<float, 5> reversed(6, 5, 4, 3, 2);
  REQUIRE(lies_as(view_of(reversed, "WHCTN"), {2, 3, 4, 30}, [&](index_t n, index_t t, index_t c, index_t s) -> float& {
    return reversed(s % 6, s / 6, c, t, n);
  }));
  Eigen::Tensor<float, 7, Eigen::RowMajor> all(2, 2, 2, 2, 3, 2, 3);
  REQUIRE(lies_as(view_of(all, "NTCDHWS"), {2, 2, 2, 36}, [&](index_t n, index_t t, index_t c, index_t s) -> float& {
    return all(n, t, c, s / 18, s / 6 % 3, s / 3 % 2, s % 3);
  }));
}

TEST_CASE("Shifts between Eigen's matrices and tensors are the definition", "[interop][eigen]") {
  tally result;
  column_major a(9, 8), b(9, 8);
  row_major c(9, 8), d(8, 9);
  std::vector<float> memory(1000);
  Eigen::Map<row_major, 0, any_stride> e(memory.data() + 900, 9, 8, any_stride(-60, 5));
  fill(a);
  shift_between(view_of(a), view_of(b), result);
  shift_between(view_of(a), view_of(c), result);
  shift_between(view_of(std::as_const(c)), view_of(d, "CT"), result);
  shift_between(view_of(d, "CT"), view_of(e), result);
  shift_between(view_of(e), view_of(a.transpose(), "CT"), result);

  Eigen::Tensor<float, 3> f(2, 6, 5), g(5, 6, 2);
  Eigen::Tensor<float, 3, Eigen::RowMajor> h(2, 6, 5);
  fill(f);
  shift_between(view_of(f), view_of(h), result);
  shift_between(view_of(h), view_of(g, "CTN"), result);

  Eigen::Tensor<float, 5, Eigen::RowMajor> ntchw(2, 4, 6, 2, 3), nthwc(2, 4, 2, 3, 6);
  Eigen::Tensor<float, 5> whctn(3, 2, 6, 4, 2);
  fill(ntchw);
  shift_between(view_of(ntchw, "NTCHW"), view_of(nthwc, "NTHWC"), result);
  shift_between(view_of(nthwc, "NTHWC"), view_of(whctn, "WHCTN"), result);
  REQUIRE_ALL(result, 9 * cases_between);
  std::printf("interop/eigen.hpp: %td cases\n", result.cases);
}

TEST_CASE("Lengths travel with a view of Eigen's", "[interop][eigen]") {
  std::array<index_t, 2> const lengths{1, 3};
  Eigen::Tensor<float, 3> x(2, 3, 4);
  REQUIRE(view_of(x, "NTC", lengths).length(0) == 1);
  row_major y(3, 4);
  REQUIRE(view_of(y, "TC", std::span(lengths).first(1)).length(0) == 1);
}

TEST_CASE("Names that do not fit the tensor are refused", "[interop][eigen][errors]") {
  Eigen::Tensor<float, 3> x(2, 3, 4);
  auto const named = [&](std::string_view axes) { return message_of([&] { view_of(x, axes); }); };
  auto const wrong = [](std::string const& axes) {
    return "view_of: axes = \"" + axes + "\", must be T and C once and N, D, H, W, S at most once";
  };
  for (std::string const axes : {"NTX", "NTT", "NTN", "NCS", "TWH", "ntc", "NT ", "CCT", "WHS"}) {
    CAPTURE(axes);
    REQUIRE(named(axes) == wrong(axes));
  }
  REQUIRE(named("TC") == "view_of: axes = \"TC\", must name the 3 dimensions of x");
  REQUIRE(named("NTCHW") == "view_of: axes = \"NTCHW\", must name the 3 dimensions of x");
  REQUIRE(named("CTS").empty());
  row_major y(3, 4);
  REQUIRE(message_of([&] { view_of(y, "NTC"); }) == "view_of: axes = \"NTC\", must name the 2 dimensions of x");
  REQUIRE(message_of([&] { view_of(y, "TW"); }) == wrong("TW"));
  Eigen::Tensor<float, 4> z(2, 3, 4, 5);
  REQUIRE(message_of([&] { view_of(z); }) == "view_of: x has 4 dimensions, which must be named, as in \"NTCHW\"");
}

TEST_CASE("Dimensions of space must have one stride, whatever order they stand in", "[interop][eigen][errors]") {
  Eigen::Tensor<float, 4, Eigen::RowMajor> x(2, 3, 4, 5);
  REQUIRE(message_of([&] { view_of(x, "TCWH"); }) ==
          "view_of: H and W of x cannot be walked with one stride, must lie as in dense memory");
  REQUIRE(message_of([&] { view_of(x, "HTCW"); }) ==
          "view_of: H and W of x cannot be walked with one stride, must lie as in dense memory");
  REQUIRE(message_of([&] { view_of(x, "TCDS"); }).empty());
  Eigen::Tensor<float, 4, Eigen::RowMajor> flat(2, 3, 4, 1);  // a dimension of one position has any stride
  REQUIRE(lies_as(view_of(flat, "TCWH"), {1, 2, 3, 4},
                  [&](index_t, index_t t, index_t c, index_t s) -> float& { return flat(t, c, s, 0); }));
  Eigen::Tensor<float, 4, Eigen::RowMajor> empty(2, 0, 4, 5);  // and one without elements, too
  REQUIRE(message_of([&] { view_of(empty, "TCWH"); }).empty());
}
