// SPDX-License-Identifier: MIT
// interop/dlpack.hpp with dlpack.h, where one is installed: what is taken lies where the struct says, all else is
// refused. tests/interop/dlpack has PyTorch and NumPy fill the struct in.
#include <array>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include <tshift/interop/dlpack.hpp>

#include "../support/catch.hpp"
#include "../support/dlpack.hpp"
#include "../support/message_of.hpp"
#include "../support/views.hpp"

namespace {

using namespace test_support;
using tshift::shape;
using tshift::strides;
using tshift::tensor_view;
using tshift::interop::view_of;

constexpr index_t most = std::numeric_limits<index_t>::max();

/// A float tensor, and the memory behind it.
struct tensor {
  std::vector<std::int64_t> sizes, steps;
  std::vector<float> memory;
  DLTensor x{};

  explicit tensor(std::vector<std::int64_t> dims, std::vector<std::int64_t> strides_of = {},
                  std::size_t elements = 4096)
      : sizes(std::move(dims)), steps(std::move(strides_of)), memory(elements) {
    x.data = memory.data();
    x.device = {kDLCPU, 0};
    x.ndim = static_cast<int>(sizes.size());
    x.dtype = {kDLFloat, 32, 1};
    x.shape = sizes.data();
    x.strides = steps.empty() ? nullptr : steps.data();
  }
  tensor(tensor const&) = delete;
  tensor& operator=(tensor const&) = delete;
};

template <class T>
std::string refused(DLTensor const& x, std::string_view axes = {}) {
  return message_of([&] { view_of<T>(x, axes); });
}

}  // namespace

TEST_CASE("A DLPack tensor is seen where it lies", "[interop][dlpack]") {
  tensor const two({3, 4}), three({2, 3, 4});
  auto const x = view_of<float>(two.x);
  REQUIRE(x.data == two.memory.data());
  REQUIRE(x.shape == shape{1, 3, 4, 1});
  REQUIRE(x.strides == strides{0, 4, 1, 0});
  REQUIRE(view_of<float>(two.x, "CT").shape == shape{1, 4, 3, 1});
  REQUIRE(view_of<float>(three.x).strides == strides{12, 4, 1, 0});
  REQUIRE(view_of<float>(three.x, "NCT").shape == shape{2, 4, 3, 1});
  REQUIRE(view_of<float>(three.x, "NCT").strides == strides{12, 1, 4, 0});

  // Null strides are dense ones.
  tensor const explicit_strides({2, 3, 4, 5, 6}, {360, 120, 30, 6, 1}), none({2, 3, 4, 5, 6});
  for (std::string const axes : {"NTCHW", "NCTHW", "TNCHW", "CNTDS"}) {
    CAPTURE(axes);
    auto const a = view_of<float>(explicit_strides.x, axes), b = view_of<float>(none.x, axes);
    REQUIRE(a.strides == b.strides);
    REQUIRE(a.shape == b.shape);
    REQUIRE(a.shape.space == 30);
  }
  REQUIRE(view_of<float>(none.x, "NTHWC").strides == strides{360, 120, 1, 6});

  // Any strides: backwards, repeated.
  tensor back({3, 4}, {-8, 0});
  back.x.data = back.memory.data() + 100;
  REQUIRE(view_of<float>(back.x).strides == strides{0, -8, 0, 0});
  REQUIRE(view_of<float>(back.x).at(0, 1, 3) == back.memory.data() + 92);

  std::array<index_t, 2> const lengths{1, 3};
  REQUIRE(view_of<float>(three.x, {}, lengths).length(0) == 1);
}

TEST_CASE("The first element of a DLPack tensor lies past its byte offset", "[interop][dlpack]") {
  tensor two({3, 4});
  two.x.byte_offset = 12;
  REQUIRE(view_of<float>(two.x).data == two.memory.data() + 3);
  two.x.byte_offset = 10;
  REQUIRE(refused<float>(two.x) == "view_of: the elements of x are not aligned, must lie at a multiple of 4 bytes");
  two.x.dtype = {kDLUInt, 8, 1};
  REQUIRE(static_cast<void const*>(view_of<std::uint8_t const>(two.x).data) ==
          reinterpret_cast<std::byte const*>(two.memory.data()) + 10);
}

TEST_CASE("Each element type is its own dtype and no other", "[interop][dlpack]") {
  tensor two({3, 4});
  constexpr std::uint8_t sizes[] = {8, 16, 32, 64, 128};
  constexpr std::uint16_t lane_counts[] = {1, 2};
  index_t taken = 0, tried = 0;
  auto const one = [&]<class T>(T, DLDataType const& own) {
    for (std::uint8_t code = 0; code <= 6; ++code) {
      for (std::uint8_t const bits : sizes) {
        for (std::uint16_t const lanes : lane_counts) {
          two.x.dtype = {code, bits, lanes};
          bool const same = code == own.code && bits == own.bits && lanes == own.lanes;
          CAPTURE(+code, +bits, lanes, +own.code, +own.bits);
          std::string const sentence = refused<T>(two.x);
          REQUIRE(sentence.empty() == same);
          REQUIRE(refused<T const>(two.x) == sentence);
          taken += same ? 1 : 0;
          ++tried;
        }
      }
    }
  };
  one(std::int8_t{}, {kDLInt, 8, 1});
  one(std::int16_t{}, {kDLInt, 16, 1});
  one(std::int32_t{}, {kDLInt, 32, 1});
  one(std::int64_t{}, {kDLInt, 64, 1});
  one(std::uint8_t{}, {kDLUInt, 8, 1});
  one(std::uint16_t{}, {kDLUInt, 16, 1});
  one(std::uint32_t{}, {kDLUInt, 32, 1});
  one(std::uint64_t{}, {kDLUInt, 64, 1});
  one(float{}, {kDLFloat, 32, 1});
  one(double{}, {kDLFloat, 64, 1});
  one(bool{}, {6, 8, 1});
  REQUIRE(taken == 11);
  REQUIRE(tried == 11 * 7 * 5 * 2);
  std::printf("interop/dlpack.hpp: %td dtypes, structs from %s\n", tried, TEST_DLPACK);

  two.x.dtype = {kDLFloat, 64, 1};
  REQUIRE(refused<float>(two.x) == "view_of: x has dtype code 2, 64 bits, 1 lanes, the view code 2, 32 bits, 1 lane");
}

TEST_CASE("An element type of the caller's own needs the right size only", "[interop][dlpack]") {
  tensor two({3, 4});
  two.x.dtype = {kDLComplex, 64, 1};
  REQUIRE(refused<std::complex<float>>(two.x).empty());
  REQUIRE(refused<std::complex<double>>(two.x) ==
          "view_of: x has elements of 64 bits in 1 lanes, the view of 128 bits");
  two.x.dtype = {kDLFloat, 32, 4};
  REQUIRE(refused<bytes<16>>(two.x).empty());
  REQUIRE(refused<bytes<4>>(two.x) == "view_of: x has elements of 32 bits in 4 lanes, the view of 32 bits");
  two.x.dtype = {kDLBfloat, 16, 1};
  REQUIRE(refused<bytes<2>>(two.x).empty());
}

TEST_CASE("A DLPack tensor that cannot be seen is refused", "[interop][dlpack][errors]") {
  tensor two({3, 4});
  two.x.device.device_type = kDLCUDA;
  REQUIRE(refused<float>(two.x) == "view_of: x is on a device of type 2, must be on the CPU, which is 1");
  two.x.device.device_type = kDLCPU;
  two.x.ndim = -1;
  REQUIRE(refused<float>(two.x) == "view_of: x has -1 dimensions, must have 2 to 7");
  two.x.ndim = 8;
  REQUIRE(refused<float>(two.x) == "view_of: x has 8 dimensions, must have 2 to 7");
  two.x.ndim = 1;
  REQUIRE(refused<float>(two.x) == "view_of: x has 1 dimensions, must have time and channels");
  two.x.ndim = 0;
  two.x.shape = nullptr;
  REQUIRE(refused<float>(two.x) == "view_of: x has 0 dimensions, must have time and channels");
  two.x.ndim = 2;
  REQUIRE(refused<float>(two.x) == "view_of: x has no shape, must have one");
  two.x.shape = two.sizes.data();
  two.x.data = nullptr;
  REQUIRE(refused<float>(two.x) == "view_of: x has no data, must have 12 elements");
  two.sizes[1] = 0;
  REQUIRE(view_of<float>(two.x).shape == shape{1, 3, 0, 1});
  two.x.byte_offset = 64;  // of nothing
  REQUIRE(view_of<float>(two.x).data == nullptr);

  tensor const video({2, 3, 4, 5, 6}), negative({2, -3, 4});
  REQUIRE(refused<float>(video.x) == "view_of: x has 5 dimensions, which must be named, as in \"NTCHW\"");
  REQUIRE(refused<float>(video.x, "NTC") == "view_of: axes = \"NTC\", must name the 5 dimensions of x");
  REQUIRE(refused<float>(video.x, "NHTCW") ==
          "view_of: H and W of x cannot be walked with one stride, must lie as in dense memory");
  tensor const empty({2, 0, 4, 5, 6});  // whatever its strides would be
  REQUIRE(view_of<float>(empty.x, "TCNWH").shape == shape{4, 2, 0, 30});
  REQUIRE(refused<float>(video.x, "NTWHD") ==
          "view_of: axes = \"NTWHD\", must be T and C once and N, D, H, W, S at most once");
  REQUIRE(refused<float>(negative.x) == "view_of: dimension T of x = -3, must be >= 0");
}

TEST_CASE("Sizes and strides that cannot be counted with are refused", "[interop][dlpack][errors]") {
  constexpr std::int64_t half = std::int64_t{1} << (tshift::detail::index_bits / 2 + 1);
  std::string const limit = "must fit in 2^" + std::to_string(tshift::detail::index_bits) + " - 1";
  tensor const many({half, half, half}), wide({2, 2}, {1, most / 4}), space({2, 3, half, half}, {0, 0, 0, 0});
  REQUIRE(refused<float>(many.x) == "view_of: x has too many elements, " + limit);
  REQUIRE_FALSE(refused<float>(wide.x).empty());  // said by tensor_view
  REQUIRE(refused<float>(space.x, "TCHW") == "view_of: space of x has too many positions, " + limit);
  tensor const steep({1, 1, 2, 4}, {0, 0, 0, most / 2});  // what H's stride would have to be does not exist
  REQUIRE(refused<float>(steep.x, "TCHW") ==
          "view_of: H and W of x cannot be walked with one stride, must lie as in dense memory");
  if constexpr (sizeof(index_t) < sizeof(std::int64_t)) {
    tensor const beyond({2, std::int64_t{most} + 1});
    REQUIRE(refused<float>(beyond.x) == "view_of: a size of x is too large, " + limit);
  }
}

TEST_CASE("A managed tensor is seen without being owned", "[interop][dlpack]") {
  tensor two({3, 4});
  DLManagedTensor managed{two.x, nullptr, nullptr};
  REQUIRE(view_of<float>(managed).strides == strides{0, 4, 1, 0});
  REQUIRE(view_of<float const>(managed, "CT").shape == shape{1, 4, 3, 1});

  versioned_tensor versioned{{1, 0}, nullptr, nullptr, 0, two.x};
  std::array<index_t, 1> const lengths{2};
  REQUIRE(view_of<float>(versioned, {}, lengths).length(0) == 2);
  auto const message = [&] { return message_of([&] { view_of<float>(versioned); }); };
  versioned.flags = 2;  // is a copy
  REQUIRE(message().empty());
  versioned.flags = 1;
  REQUIRE(message() == "view_of: x is read-only, the view must be of const elements");
  REQUIRE(view_of<float const>(versioned).size() == 12);
  versioned.version.major = 2;
  REQUIRE(message() == "view_of: x has version 2 of DLPack, must have 1");
}

TEST_CASE("Shifts between DLPack tensors are the definition", "[interop][dlpack]") {
  tally result;
  tensor a({2, 4, 6, 2, 3}), b({2, 4, 2, 3, 6}), c({2, 6, 4, 6}, {-300, 40, -7, 1});
  random_bits random(4);
  fill_numbers(view_of<float>(a.x, "NTCHW"), random);
  c.x.byte_offset = 4 * 2000;
  shift_between(view_of<float>(a.x, "NTCHW"), view_of<float>(b.x, "NTHWC"), result);
  shift_between(view_of<float const>(b.x, "NTHWC"), view_of<float>(c.x, "NCTS"), result);
  REQUIRE_ALL(result, 2 * cases_between);
}
