// SPDX-License-Identifier: MIT
// Memory of weights is written once and shared: copies cost nothing, outlive one another, and leave nothing behind.
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include <tshift/weights/shared_array.hpp>
#include <tshift/weights/shared_list.hpp>

#include "../support/allocation_counter.hpp"
#include "../support/catch.hpp"

namespace {

using namespace test_support;
using tshift::weights::shared_array;
using tshift::weights::shared_list;

template <class T>
constexpr bool copies_cannot_fail = std::is_nothrow_copy_constructible_v<T>&& std::is_nothrow_copy_assignable_v<T>&&
    std::is_nothrow_move_constructible_v<T>&& std::is_nothrow_move_assignable_v<T>;
static_assert(copies_cannot_fail<shared_array<float>> && copies_cannot_fail<shared_list<std::vector<float>>>);

}  // namespace

TEST_CASE("A shared_array is written once, on cache lines, and shared by its copies", "[shared_array]") {
  long const before = blocks.load();
  {
    shared_array<float> copy;
    CHECK(copy.empty());
    CHECK(copy.data() == nullptr);
    {
      shared_array<float> const made(5, [](float* to) {
        for (int i = 0; i < 5; ++i) to[i] = static_cast<float>(i);
      });
      CHECK(reinterpret_cast<std::uintptr_t>(made.data()) % 64 == 0);
      CHECK(allocations_in([&] { copy = made; }) == 0);
      CHECK(copy.data() == made.data());
    }
    CHECK(copy.size() == 5);
    CHECK_FALSE(copy.empty());
    CHECK(copy[4] == 4.f);
    std::vector<double> const some{7, 8};
    shared_array<double> const other{std::span<double const>(some)};
    CHECK(other.data() != some.data());
    CHECK(other[1] == 8);
    CHECK(shared_array<float>(0, [](float*) { throw 1; }).empty());  // nobody is asked to fill nothing
  }
  CHECK(blocks.load() == before);
}

TEST_CASE("A shared_array that cannot be made leaves nothing behind", "[shared_array]") {
  long const before = blocks.load();
  auto const nothing = [](double*) {};
  CHECK_THROWS_AS(shared_array<double>(std::numeric_limits<std::size_t>::max() / 8 + 1, nothing), std::bad_alloc);
  CHECK_THROWS_AS(shared_array<float>(3, [](float*) { throw std::runtime_error("no"); }), std::runtime_error);
  for (long k = 0; k < 3; ++k) {
    bool failed = false;
    try {
      failing_allocation const armed(k, false);
      shared_array<float> const made(3, [](float* to) { *to = 0; });
    } catch (std::bad_alloc const&) {
      failed = true;
    }
    CHECK(failed == (k < 2));  // the elements, and who counts their owners
  }
  CHECK(blocks.load() == before);
}

TEST_CASE("A shared_list takes a vector over and is shared by its copies", "[shared_list]") {
  shared_list<std::vector<int>> copy;
  CHECK(copy.empty());
  CHECK(copy.begin() == copy.end());
  {
    std::vector<std::vector<int>> items{{1}, {2, 3}};
    auto const* const first = items.data();
    shared_list<std::vector<int>> const made(std::move(items));
    CHECK(made.begin() == first);  // moved, not copied
    CHECK(allocations_in([&] { copy = made; }) == 0);
    CHECK(copy.begin() == made.begin());
  }
  CHECK(copy.size() == 2);
  CHECK(copy[0][0] == 1);
  CHECK(&copy.back() == copy.begin() + 1);
  CHECK(copy.end() - copy.begin() == 2);
  shared_list<std::vector<int>> const moved = std::move(copy);
  CHECK(moved.back()[1] == 3);
  CHECK(shared_list<std::vector<int>>(std::vector<std::vector<int>>()).empty());
}
