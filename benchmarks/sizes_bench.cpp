// SPDX-License-Identifier: MIT
// Every way to shift, on tensors from 4 KiB to 1 GiB, with warm and with cold caches: what plots/draw.py draws. All
// beside one floor, memcpy of the tensor, counted as many times as the bytes to move are its own: ratio 1 is memcpy's
// speed.
#include <iostream>
#include <optional>

#if __has_include(<sys/mman.h>)
#include <sys/mman.h>
#endif

#include "sums.hpp"

namespace tshift_bench { namespace {

constexpr std::size_t KiB = 1024, MiB = 1024 * KiB, GiB = 1024 * MiB;

constexpr index_t channels = 256, n_div = 8;  // TSM's default: 1/8 of the channels each way

/// [N, T, 256], T up to 1024.
tensor_case tensor_of(std::size_t bytes, layout order) {
  index_t const frames = static_cast<index_t>(bytes / sizeof(float)) / channels;
  index_t const time = std::min<index_t>(frames, 1024);
  return {{frames / time, time, channels}, order, 0};
}

/// @param copies  bytes that must be read and written, over those of a memcpy of the tensor
row describe(tensor_case const& on, char const* mode, double copies, bool cold) {
  std::size_t const size = on.count() * sizeof(float);
  return {.table = cold ? "cold: caches emptied before every call; floor: memcpy x (bytes to move / its own)"
                        : "sizes: 4 KiB to 1 GiB; floor: memcpy of the tensor x (bytes to move / its own)",
          .tensor = on.text(),
          .variant = mode,
          .n_div = n_div,
          .bytes = 2 * static_cast<double>(size) * copies,
          .share = copies,
          .footprint = size,
          .cold = cold};
}

struct views {
  tensor_view<float const> x, r;
  tensor_view<float> y, want;
  std::size_t size;

  explicit views(tensor_case const& on) : views(on, tensors<float>(on.dims)) {}

  void copy() const { std::memcpy(y.data, x.data, size); }

 private:
  views(tensor_case const& on, workspace<float> const& memory)
      : x(memory.x, on.dims, on.order), r(memory.r, on.dims, on.order), y(memory.y, on.dims, on.order),
        want(memory.want, on.dims, on.order), size(memory.count * sizeof(float)) {}
};

shift_plan plan() { return tshift::presets::shiftser(channels, n_div, direction::both); }

/// Pairs an operation that has been verified with the floor.
template <class Operation>
auto beside_memcpy(views const& v, Operation const& operation) {
  return std::pair(operation, [v] { v.copy(); });
}

void add_out_of_place(tensor_case const& on, char const* mode, bool cold) {
  add_row(describe(on, mode, 1, cold), [on] {
    views const v(on);
    tshift::shift(v.x, v.y, plan());
    tshift::reference::shift(v.x, v.want, plan());
    expect_equal(v.want, v.y);
    return beside_memcpy(v, [v] { tshift::shift(v.x, v.y, plan()); });
  });
}

void add_in_place(tensor_case const& on, bool cold) {
  add_row(describe(on, "in place", moved_share(plan()), cold), [on] {
    views const v(on);
    v.copy();
    tshift::shift_inplace(v.y, plan());
    tshift::reference::shift(v.x, v.want, plan());
    expect_equal(v.want, v.y);
    return beside_memcpy(v, [v] { tshift::shift_inplace(v.y, plan()); });
  });
}

void add_added(tensor_case const& on, bool cold) {
  add_row(describe(on, "add", 1.5, cold), [on] {
    views const v(on);
    tshift::shift_add(v.x, v.r, v.y, plan());
    tshift::reference::shift_add(v.x, v.r, v.want, plan());
    expect_equal(v.want, v.y);
    return beside_memcpy(v, [v] { tshift::shift_add(v.x, v.r, v.y, plan()); });
  });
}

void add_lazy(tensor_case const& on, bool cold) {
  add_row(describe(on, "lazy", 0.5, cold), [on] {
    views const v(on);
    auto const lazy = tshift::shifted(v.x, plan());
    tshift::reference::shift(v.x, v.want, plan());
    copy_runs(lazy, v.y);
    expect_equal(v.want, v.y);
    return beside_memcpy(v, [lazy] {
      float total = sum_runs(lazy);
      benchmark::DoNotOptimize(total);
    });
  });
}

/// What the lazy one is to be compared with.
void add_plain_read(tensor_case const& on, bool cold) {
  add_row(describe(on, "read without a shift", 0.5, cold), [on] {
    views const v(on);
    return beside_memcpy(v, [v] {
      float total = sum_plain(v.x);
      benchmark::DoNotOptimize(total);
    });
  });
}

#if defined(MAP_ANONYMOUS)
/// As out of place, into memory that the system has just given and takes back: the price of allocating the result.
void add_fresh(tensor_case const& on) {
  row info = describe(on, "out of place, fresh y", 1, false);
  info.table = "fresh: y is new memory in every call; floor: memcpy to memory touched before";
  add_row(info, [on] {
    views const v(on);
    auto const shift_to_new_memory = [v, on] {
      void* const memory = mmap(nullptr, v.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (memory == MAP_FAILED) throw std::bad_alloc();
      tensor_view<float> const y(static_cast<float*>(memory), on.dims, on.order);
      tshift::shift(v.x, y, plan());
      return std::pair(memory, y);
    };
    auto const [memory, y] = shift_to_new_memory();
    tshift::reference::shift(v.x, v.want, plan());
    bool const right = std::memcmp(v.want.data, y.data, v.size) == 0;
    munmap(memory, v.size);
    if (!right) throw std::runtime_error("wrong result in fresh memory");
    return beside_memcpy(v, [v, shift_to_new_memory] { munmap(shift_to_new_memory().first, v.size); });
  });
}
#else
void add_fresh(tensor_case const&) {}
#endif

void add_all(std::size_t bytes, bool cold) {
  tensor_case const ntc = tensor_of(bytes, layout::ntc);
  add_out_of_place(ntc, "out of place", cold);
  add_out_of_place(tensor_of(bytes, layout::nct), "NCT", cold);
  add_in_place(ntc, cold);
  add_added(ntc, cold);
  add_lazy(ntc, cold);
  add_plain_read(ntc, cold);
}

/// What Linux calls available, within what a container may use; nothing where neither is told.
std::optional<std::size_t> memory_available() {
  std::optional<std::size_t> result;
  std::ifstream info("/proc/meminfo");
  for (std::string word; info >> word;) {
    std::size_t kib = 0;
    if (word == "MemAvailable:" && info >> kib) result = kib << 10;
  }
  std::ifstream limit("/sys/fs/cgroup/memory.max"), used("/sys/fs/cgroup/memory.current");
  std::size_t most = 0, now = 0;
  if (limit >> most && used >> now) {  // "max" is no number: no limit
    std::size_t const left = most > now ? most - now : 0;
    result = std::min(result.value_or(left), left);
  }
  return result;
}

/// Whether there is memory for tensors of this size; says so if not. x, r, y and the oracle's, while they grow the old one
/// of each; and what empties the caches.
bool fits(std::size_t bytes, bool cold) {
  constexpr std::size_t harmless = 80 * MiB;
  std::size_t const needed = 5 * bytes + (cold ? 4 * last_cache_bytes() : 0);
  if (needed <= harmless) return true;
  std::optional<std::size_t> const available = memory_available();
  if (available && needed <= *available) return true;
  auto const mib = [](std::size_t b) { return std::to_string((b + MiB - 1) / MiB) + " MiB"; };
  std::cerr << "tshift_bench: no tensors of " << mib(bytes) << (cold ? " with cold caches" : "")
            << " or more: they need " << mib(needed) << " of memory, and "
            << (available ? mib(*available) + " are available" : "how much is available is not known") << '\n';
  return false;
}

void add_sizes() {
  effort const how = current_effort();
  std::size_t const last = how == effort::full ? GiB : how == effort::quick ? 256 * MiB : MiB;
  std::size_t const step = how == effort::full ? 2 : how == effort::quick ? 4 : 16;
  for (std::size_t bytes = 4 * KiB; bytes <= last && fits(bytes, false); bytes *= step) add_all(bytes, false);
  // Beyond the last cache, cold is what warm is.
  std::size_t const last_cold = how == effort::full ? 64 * MiB : how == effort::quick ? 16 * MiB : 64 * KiB;
  for (std::size_t bytes = 4 * KiB; bytes <= last_cold && fits(bytes, true); bytes *= how == effort::smoke ? 16 : 4) {
    add_all(bytes, true);
  }
  for (std::size_t bytes = MiB; bytes <= std::min(last, 64 * MiB) && fits(bytes, false); bytes *= 4) {
    add_fresh(tensor_of(bytes, layout::ntc));
  }
}

registration const sizes_rows(100, add_sizes);

}  // namespace
}  // namespace tshift_bench
