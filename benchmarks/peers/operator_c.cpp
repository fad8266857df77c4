// SPDX-License-Identifier: MIT
// The operator behind C functions, for scripts that measure it beside other software in one process. Compiled by the
// scripts of this folder. Tensors are float [N, T, C], dense.
//
// Every function repeats its work `repeats` times and returns nanoseconds for one time, so that the cost of calling
// from a script is not in the number. Clobbering memory between the calls keeps the compiler from merging them.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>

#include <xsimd/xsimd.hpp>

#include <tshift/tshift.hpp>

namespace {

using tshift::index_t;

tshift::shift_plan plan_of(std::int64_t C, std::int64_t n_div, std::int32_t both) {
  return tshift::presets::shiftser(C, n_div, both != 0 ? tshift::direction::both : tshift::direction::delay);
}

/// Returns -1, after a message, if `work` throws.
template <class Work>
double nanoseconds(std::int64_t repeats, Work const& work) noexcept {
  try {
    auto const start = std::chrono::steady_clock::now();
    for (std::int64_t i = 0; i < repeats; ++i) {
      work();
      asm volatile("" ::: "memory");
    }
    auto const stop = std::chrono::steady_clock::now();
    return std::chrono::duration<double, std::nano>(stop - start).count() / static_cast<double>(repeats);
  } catch (std::exception const& error) {
    std::fprintf(stderr, "operator_c: %s\n", error.what());
    return -1;
  }
}

}  // namespace

extern "C" {

/// Does nothing: what the call itself costs the script.
void tshift_peer_empty() {}

char const* tshift_peer_isa() { return xsimd::default_arch::name(); }

/// y = S x
double tshift_peer_shift(float const* x, float* y, std::int64_t N, std::int64_t T, std::int64_t C, std::int64_t n_div,
                         std::int32_t both, std::int64_t repeats) {
  return nanoseconds(repeats, [&] {
    // Views and plan are built every time: a user's call would.
    tshift::shape const dims{N, T, C};
    tshift::shift(tshift::tensor_view<float const>(x, dims), tshift::tensor_view<float>(y, dims),
                  plan_of(C, n_div, both));
  });
}

/// x = S x
double tshift_peer_shift_inplace(float* x, std::int64_t N, std::int64_t T, std::int64_t C, std::int64_t n_div,
                                 std::int32_t both, std::int64_t repeats) {
  return nanoseconds(repeats, [&] {
    tshift::shift_inplace(tshift::tensor_view<float>(x, tshift::shape{N, T, C}), plan_of(C, n_div, both));
  });
}

/// y = x
double tshift_peer_memcpy(void const* x, void* y, std::int64_t bytes, std::int64_t repeats) {
  return nanoseconds(repeats, [&] { std::memcpy(y, x, static_cast<std::size_t>(bytes)); });
}
}
