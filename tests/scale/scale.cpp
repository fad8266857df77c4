// SPDX-License-Identifier: MIT
// Sizes that 32 bits do not count, long sequences, many of them, a stream without end, and models shared by threads:
// every element compared with the definition. Prints what it covered; cmake/prove/scale.sh runs it.
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <tshift/models/shift_cnn.hpp>
#include <tshift/models/shift_lstm.hpp>
#include <tshift/models/shiftformer.hpp>
#include <tshift/reference.hpp>
#include <tshift/tshift.hpp>

#include "../support/allocation_counter.hpp"
#include "../support/operations.hpp"
#include "../support/seeded.hpp"

// Not inlined: g++ would see malloc and operator delete go together, or the other way round.
[[gnu::noinline]] void* operator new(std::size_t size) {
  test_support::allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* const memory = std::malloc(size > 0 ? size : 1); memory != nullptr) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

using test_support::allocations_in;
using test_support::apply;
using test_support::apply_reference;
using test_support::operation_row;
using test_support::operation_table;
using tshift::index_t;
using tshift::layout;
using tshift::padding;
using tshift::shape;
using tshift::shift_plan;
using tshift::strides;
using tshift::tensor_view;
namespace reference = tshift::reference;

[[noreturn]] void fail(std::string const& what) {
  std::fprintf(stderr, "scale: %s\n", what.c_str());
  std::exit(1);
}

void require(bool condition, std::string const& what) {
  if (!condition) fail(what);
}

/// A number from a place; neighbours, and places that differ in one bit of 64, have nothing in common.
constexpr std::uint64_t mixed(std::uint64_t place) {
  std::uint64_t const product = place * 0x9e3779b97f4a7c15u;
  return (product ^ product >> 32) * 0xd6e8feb86659fd93u;
}
constexpr std::uint8_t byte_at(index_t place) {
  return static_cast<std::uint8_t>(mixed(static_cast<std::uint64_t>(place)) >> 56);
}

index_t threads() {
  unsigned const count = std::thread::hardware_concurrency();
  return count > 1 ? static_cast<index_t>(count) : 1;
}

/// Calls body(first, last) for parts of [0, count), one per processor.
template <class Body>
void in_parts(index_t count, Body const& body) {
  std::vector<std::thread> all;
  index_t const parts = threads();
  for (index_t i = 0; i < parts; ++i) {
    all.emplace_back([&, i] { body(count / parts * i, i + 1 == parts ? count : count / parts * (i + 1)); });
  }
  for (std::thread& one : all) one.join();
}

/// Pages that cost memory only when they are written to.
class pages {
 public:
  explicit pages(index_t bytes)
      : size_(static_cast<std::size_t>(bytes)),
        data_(::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {
    if (data_ == MAP_FAILED) fail("the system maps no " + std::to_string(bytes) + " bytes: vm.overcommit_memory is 2?");
  }
  pages(pages const&) = delete;
  pages& operator=(pages const&) = delete;
  ~pages() { ::munmap(data_, size_); }

  std::byte* data() const { return static_cast<std::byte*>(data_); }

 private:
  std::size_t size_;
  void* data_;
};

// --- more elements than 32 bits count ---------------------------------------------------------------------------------

constexpr index_t two_31 = index_t{1} << 31, two_32 = index_t{1} << 32;
constexpr std::uint8_t fill = 0x5a;

struct large_case {
  char const* name;
  shape dims;
  layout order;
  shift_plan plan;
  std::string_view steps;  // letters, see run
  std::vector<index_t> lengths = {};
};

/// Where an element of the result is from: a frame of x, or a value.
struct origin {
  index_t frame;
  std::uint8_t value;
};

/// The frame t that y took from frame u, or -1: of zero and circular there is one at most.
index_t taken_at(index_t u, index_t offset, index_t length, padding edge) {
  for (index_t const t : {u, u + offset, u + offset - length, u + offset + length}) {
    if (t == u && offset != 0 && u < length) continue;  // a frame is its own source only if nothing moves
    if (t >= 0 && (t < length || t == u) && reference::source_frame(t, offset, length, edge) == u) return t;
  }
  return -1;
}

/// The definition of a chain of operations, the last one first: 's' y = S x, 'a' y = S' x.
origin origin_of(std::string_view chain, index_t t, index_t offset, index_t length, padding edge) {
  for (char const step : chain) {
    index_t const from =
        step == 's' ? reference::source_frame(t, offset, length, edge) : taken_at(t, offset, length, edge);
    if (from < 0) return {-1, step == 's' ? fill : std::uint8_t{0}};
    t = from;
  }
  return {t, 0};
}

/// Compares every element of y with the definition; x[i] is byte_at(i), and y has its layout. With `plus`, x was added.
void verify(large_case const& one, tensor_view<std::uint8_t> const& x, tensor_view<std::uint8_t> const& y,
            std::string_view chain, bool plus) {
  index_t const N = one.dims.batch, T = one.dims.time, S = one.dims.space;
  auto const segments = tshift::kernel::segments_of(one.plan);
  std::atomic<bool> wrong{false};
  // A run: elements of one frame and one segment, or of one channel, that are neighbours in memory.
  auto const run = [&](index_t n, index_t t, index_t c, index_t offset, index_t first, index_t last) {
    origin const from = origin_of(chain, t, offset, y.length(n), one.plan.edge());
    std::uint8_t const* const got = y.at(n, t, c);
    index_t const own = got - y.data, source = from.frame < 0 ? 0 : x.at(n, from.frame, c) - x.data;
    std::uint8_t differences = 0;
    for (index_t i = first; i < last; ++i) {
      auto want = from.frame < 0 ? from.value : byte_at(source + i);
      if (plus) want = static_cast<std::uint8_t>(want + byte_at(own + i));
      differences = static_cast<std::uint8_t>(differences | (want ^ got[i]));
    }
    if (differences != 0 && !wrong.exchange(true)) {
      std::fprintf(stderr, "scale: %s, %.*s: wrong in sequence %td, frame %td, from channel %td on\n", one.name,
                   static_cast<int>(chain.size()), chain.data(), n, t, c);
    }
  };
  // Frames that are neighbours in memory, a thousand at once where the definition takes neighbours or one value for them.
  auto const along_time = [&](index_t n, index_t c, index_t offset, index_t first, index_t last) {
    auto const of = [&](index_t t) { return origin_of(chain, t, offset, y.length(n), one.plan.edge()); };
    for (index_t t = first; t < last;) {
      index_t const count = S == 1 && last - t >= 1000 ? 1000 : 1;
      origin const begin = of(t), end = of(t + count - 1);
      bool const moved = begin.frame >= 0 && end.frame == begin.frame + count - 1;
      bool const filled = begin.frame < 0 && end.frame < 0 && begin.value == end.value;
      if (moved || filled) {
        run(n, t, c, offset, 0, count * S);
      } else {
        for (index_t i = t; i < t + count; ++i) run(n, i, c, offset, 0, S);
      }
      t += count;
    }
  };
  bool const by_channel = one.order == layout::ncts || (N == 1 && one.dims.channels == 1);
  for (auto const& s : segments) {
    if (by_channel) {
      for (index_t n = 0; n < N; ++n) {
        for (index_t c = s.begin; c < s.begin + s.count; ++c) {
          if (S > 1000) {
            for (index_t t = 0; t < T; ++t) {
              in_parts(S, [&](index_t first, index_t last) { run(n, t, c, s.offset, first, last); });
            }
          } else if (T > 1'000'000) {
            in_parts(T, [&](index_t first, index_t last) { along_time(n, c, s.offset, first, last); });
          }
        }
        if (S > 1000 || T > 1'000'000) continue;
        in_parts(s.count, [&](index_t first, index_t last) {
          for (index_t c = s.begin + first; c < s.begin + last; ++c) {
            for (index_t t = 0; t < T; ++t) run(n, t, c, s.offset, 0, S);
          }
        });
      }
    } else if (N * T > 100) {
      in_parts(N * T, [&](index_t first, index_t last) {
        for (index_t i = first; i < last; ++i) run(i / T, i % T, s.begin, s.offset, 0, s.count * S);
      });
    } else {
      for (index_t i = 0; i < N * T; ++i) {
        in_parts(s.count * S, [&](index_t first, index_t last) { run(i / T, i % T, s.begin, s.offset, first, last); });
      }
    }
  }
  require(!wrong, std::string(one.name) + " is not what the definition says");
}

/// Steps: s shift, i shift_inplace, j shift_adjoint_inplace (both go on with y as it is), a shift_adjoint,
/// p shift_add with x itself. @return elements compared
index_t run(large_case const& one, std::byte* from, std::byte* to) {
  auto* const x_data = reinterpret_cast<std::uint8_t*>(from);
  auto* const y_data = reinterpret_cast<std::uint8_t*>(to);
  tensor_view<std::uint8_t> const x(x_data, one.dims, one.order, one.lengths);
  tensor_view<std::uint8_t> const y(y_data, one.dims, one.order, one.lengths);
  std::string chain;
  index_t elements = 0;
  auto const start = std::chrono::steady_clock::now();
  for (char const step : one.steps) {
    bool plus = false;
    switch (step) {
      case 's':
        tshift::shift(x, y, one.plan, fill);
        chain = "s";
        break;
      case 'i':
        tshift::shift_inplace(y, one.plan, fill);
        chain.insert(0, "s");
        break;
      case 'j':
        tshift::shift_adjoint_inplace(y, one.plan);
        chain.insert(0, "a");
        break;
      case 'a':
        tshift::shift_adjoint(x, y, one.plan);
        chain = "a";
        break;
      default:
        tshift::shift_add(x, x, y, one.plan, fill);
        chain = "s";
        plus = true;
        break;
    }
    verify(one, x, y, chain, plus);
    elements += y.size();
  }
  // The lazy shift, at a million places.
  auto const lazy = tshift::shifted(tensor_view<std::uint8_t const>(x), one.plan, fill);
  for (std::uint64_t i = 0; i < 1'000'000; ++i) {
    auto const below = [&](std::uint64_t salt, index_t size) {
      return static_cast<index_t>((mixed(4 * i + salt) >> 1) % static_cast<std::uint64_t>(size));
    };
    index_t const n = below(0, one.dims.batch), t = below(1, one.dims.time), c = below(2, one.dims.channels);
    index_t const s = below(3, one.dims.space);
    require(lazy(n, t, c, s) == reference::shifted_element<std::uint8_t>(x, one.plan, fill, n, t, c, s),
            std::string(one.name) + ": the lazy shift is not what the definition says");
  }
  std::chrono::duration<double> const took = std::chrono::steady_clock::now() - start;
  std::printf("  %s [%td, %td, %td, %td]: %zu operations on %td elements, %.0f s\n", one.name, one.dims.batch,
              one.dims.time, one.dims.channels, one.dims.space, one.steps.size(), y.size(), took.count());
  std::fflush(stdout);
  return elements;
}

void large() {
  index_t const wide = 2'097'169, half = two_31 + 1'048'583, all = two_32 + 77;
  std::vector<large_case> const cases = {
      {"over 2^32 as a product, ragged",
       {2, 1031, wide},
       layout::ntc,
       {wide, {{0, wide / 8, 1}, {wide / 8, wide / 8, -2}}},
       "sijap",
       {1000, 517}},
      {"over 2^32 as a product, NCT",
       {3, 683, wide},
       layout::nct,
       {wide, {{0, wide / 8, 3}, {wide / 8, wide / 8, -2}}, padding::circular},
       "sija"},
      {"over 2^31 as a product", {2, 515, wide}, layout::ntc, {wide, {{7, wide / 4, -1}}, padding::edge}, "sip"},
      {"over 2^32 frames", {1, two_32 + 12'345, 1}, layout::ntc, {1, {{0, 1, two_31 + 11}}}, "sijap"},
      {"over 2^32 frames", {1, two_32 + 12'345, 1}, layout::nct, {1, {{0, 1, -two_32 - 5}}, padding::circular}, "sj"},
      {"over 2^31 frames, NCT",
       {1, two_31 + 27, 2},
       layout::nct,
       {2, {{0, 1, 3}, {1, 1, -two_31 - 7}}, padding::keep},
       "si"},
      {"over 2^31 channels",
       {1, 2, half},
       layout::ntc,
       {half, {{0, half / 2, 1}, {half / 2, half / 2, -1}}, padding::edge},
       "si"},
      {"over 2^32 channels", {1, 1, all}, layout::ntc, {all, {{5, two_31 + 3, 1}}}, "sij"},
      {"over 2^31 of space", {1, 2, 1, half}, layout::ncts, {1, {{0, 1, 1}}, padding::circular}, "sj"},
      {"over 2^31 sequences", {two_31 + 5, 2, 1}, layout::ntc, {1, {{0, 1, 1}}}, "si"},
  };
  index_t most = 0, elements = 0, operations = 0;
  for (large_case const& one : cases) most = std::max(most, one.dims.size());
  pages const x(most), y(most);
  in_parts(most, [&](index_t first, index_t last) {
    for (index_t i = first; i < last; ++i) x.data()[i] = static_cast<std::byte>(byte_at(i));
  });
  for (large_case const& one : cases) {
    require(one.dims.size() > (std::string_view(one.name).starts_with("over 2^32") ? two_32 : two_31), "too small");
    elements += run(one, x.data(), y.data());
    operations += static_cast<index_t>(one.steps.size());
  }
  std::printf("scale.large %td elements compared, in %td operations on tensors of more than 2^31 or 2^32\n", elements,
              operations);
}

// --- strides ----------------------------------------------------------------------------------------------------------

/// Every operation between two views of float, against the definition on a copy.
void compare_all(tensor_view<float> const& x, tensor_view<float> const& y, shift_plan const& plan, index_t& cases) {
  auto const size = static_cast<std::size_t>(x.size());
  std::vector<float> before(size), want(size);
  tensor_view<float> const source(before.data(), x.shape, layout::ntcs, x.lengths);
  tensor_view<float> const expected(want.data(), x.shape, layout::ntcs, x.lengths);
  auto const place_of = [&](index_t n, index_t t, index_t c, index_t s) {
    return ((n * x.shape.time + t) * x.shape.channels + c) * x.shape.space + s;
  };
  auto const number = [](index_t place) { return static_cast<float>(mixed(static_cast<std::uint64_t>(place)) >> 48); };
  auto const set = [&](tensor_view<float> const& to, bool numbers) {
    reference::for_each_element(x.shape, [&](index_t n, index_t t, index_t c, index_t s) {
      to(n, t, c, s) = numbers ? number(place_of(n, t, c, s)) : -1.f;
    });
  };
  auto const check = [&](tensor_view<float> const& got, char const* what) {
    reference::for_each_element(x.shape, [&](index_t n, index_t t, index_t c, index_t s) {
      require(got(n, t, c, s) == expected(n, t, c, s), std::string(what) + " is not what the definition says");
    });
    ++cases;
  };
  set(source, true);
  set(x, true);
  for (operation_row const& row : operation_table) {
    if (row.slow && x.shape.time >= 100) continue;
    // The ways to share memory make no difference to sizes; small tensors go through them.
    if (x.size() > 100'000 && std::string_view(row.name) != row.call) continue;
    // Where y's elements are an input they are those of x, so that one copy serves as every input of the definition.
    bool const reads_y = !row.has_x || (row.takes_r && !row.has_r);
    set(expected, reads_y);
    set(y, reads_y);
    apply_reference<float>(row.what, source, source, expected, plan, 0.5f);
    apply<float>(row.what, x, x, y, plan, 0.5f);
    check(y, row.name);
  }
}

void strided() {
  shape const dims{2, 5, 3, 2};
  // In elements of 4 bytes: beyond 2^31 bytes only, and beyond 2^31 elements, each more than the span of the one before.
  index_t const few[] = {(index_t{1} << 29) + 1, (index_t{1} << 32) + 5, (index_t{1} << 35) + 3,
                         (index_t{1} << 38) + 7};
  index_t const many[] = {two_31 + 3, two_31 * 6 + 1, two_31 * 40 + 9, two_31 * 300 + 5};
  index_t cases = 0, shapes = 0;
  for (auto const& sizes : {few, many}) {
    int order[] = {0, 1, 2, 3};
    do {
      for (unsigned signs = 0; signs < 16; ++signs) {
        index_t const extents[] = {dims.batch, dims.time, dims.channels, dims.space};
        index_t step[4], low = 0, high = 0;
        for (std::size_t i = 0; i < 4; ++i) {
          step[i] = sizes[order[i]] * ((signs >> i & 1) != 0 ? -1 : 1);
          (step[i] < 0 ? low : high) += (extents[i] - 1) * step[i];
        }
        pages const memory((high - low + 1) * static_cast<index_t>(sizeof(float)));
        tensor_view<float> const far(reinterpret_cast<float*>(memory.data()) - low, dims,
                                     strides{step[0], step[1], step[2], step[3]});
        std::vector<float> dense(static_cast<std::size_t>(dims.size()));
        tensor_view<float> const near(dense.data(), dims);
        auto const edge = static_cast<padding>(shapes++ % 4);
        shift_plan const plan(3, {{0, 1, 2}, {1, 1, -1}, {2, 1, 7}}, edge);
        compare_all(far, near, plan, cases);
        compare_all(near, far, plan, cases);
      }
    } while (std::next_permutation(order, order + 4));
  }
  std::printf("scale.strides %td operations on %td sets of strides beyond 2^31 bytes or elements\n", cases, shapes);
}

// --- many sequences, and long ones ------------------------------------------------------------------------------------

void batches() {
  std::atomic<index_t> operations{0}, elements{0};
  auto const all_of = [&](shape const& dims, std::vector<index_t> const& lengths) {
    in_parts(4, [&](index_t first, index_t last) {
      auto const size = static_cast<std::size_t>(dims.size());
      std::vector<float> x(size), y(size);
      for (index_t i = first; i < last; ++i) {
        layout const order = i % 2 == 0 ? layout::ntc : layout::nct;
        shift_plan const plan(dims.channels, {{0, 1, 1}, {1, 1, -2}}, static_cast<padding>(i));
        index_t cases = 0;
        compare_all({x.data(), dims, order, lengths}, {y.data(), dims, order, lengths}, plan, cases);
        operations += cases;
        elements += cases * dims.size();
      }
    });
  };
  index_t const many = 1'000'000, longest = 10'000'000;
  std::vector<index_t> ragged(static_cast<std::size_t>(many));
  for (std::size_t i = 0; i < ragged.size(); ++i) ragged[i] = static_cast<index_t>(mixed(i) >> 32) % 4;
  all_of({many, 3, 3}, {});
  all_of({many, 3, 3}, ragged);
  all_of({many, 1, 2}, {});
  all_of({1, longest, 2}, {});
  all_of({3, longest, 2}, {0, longest, longest / 3});
  std::printf("scale.batches %td elements compared, in %td operations on %td sequences or %td frames\n",
              elements.load(), operations.load(), many, longest);
}

// --- a stream ---------------------------------------------------------------------------------------------------------

/// One stream, frame by frame and in chunks, each output frame compared with the definition of the endless sequence.
void stream() {
  using clock = std::chrono::steady_clock;
  using sample = std::uint32_t;
  constexpr index_t frames = 100'000'000, part = 1'000'000, C = 4, most = 8;
  shift_plan const plan(C, {{0, 1, 1}, {1, 1, -2}, {2, 1, 5}}, padding::edge);
  auto const value = [](index_t t, index_t c) {
    return static_cast<sample>(mixed(static_cast<std::uint64_t>(t * C + c)) >> 32);
  };
  tshift::shift_stream<sample> one(plan, {1, 0, C});
  std::size_t const state = one.state().size();
  std::byte const* const place = one.state().data();
  sample x[most * C], y[most * C];
  index_t received = 0, emitted = 0, pushes = 0;
  double first = 0, last = 0, slowest = 0;
  index_t const offsets[] = {1, -2, 5, 0};
  auto const check = [&](index_t count, index_t end) {
    for (index_t i = 0; i < count; ++i, ++emitted) {
      for (index_t c = 0; c < C; ++c) {
        index_t const from = std::clamp<index_t>(emitted - offsets[c], 0, end - 1);
        if (y[i * C + c] != value(from, c))
          fail("the stream differs from the definition at frame " + std::to_string(emitted));
      }
    }
  };
  auto const part_of_it = [&] {
    for (index_t const until = received + part; received < until;) {
      index_t const chunk = std::min<index_t>(received % 64 == 0 ? 1 + received / 64 % most : 1, until - received);
      for (index_t i = 0; i < chunk; ++i) {
        for (index_t c = 0; c < C; ++c) x[i * C + c] = value(received + i, c);
      }
      index_t const count = one.push(tensor_view<sample const>(x, {1, chunk, C}), tensor_view<sample>(y, {1, most, C}));
      received += chunk;
      ++pushes;
      check(count, frames);
      if (received - emitted != one.pending()) fail("the stream has lost a frame");
    }
  };
  long const made = allocations_in([&] {
    while (received < frames) {
      auto const start = clock::now();
      part_of_it();
      double const took = std::chrono::duration<double>(clock::now() - start).count();
      if (received == part) first = took;
      last = took;
      slowest = std::max(slowest, took);
    }
    check(one.flush(tensor_view<sample>(y, {1, most, C})), frames);
  });
  require(emitted == frames, "the stream gave another number of frames than it took");
  require(one.state().size() == state && one.state().data() == place, "the state of the stream has grown or moved");
  require(made == 0, "the stream allocated " + std::to_string(made) + " times");

  // The counters past 2^31 and 2^32: a state that says so, at a frame where the rings stand as they do now.
  index_t jumps = 0;
  for (index_t const around : {two_31, two_32, index_t{1} << 53}) {
    constexpr index_t depths = 2 * 3 * 7;  // of the rings: offset + latency each
    index_t const begin = (around - 500) / depths * depths;
    tshift::shift_stream<sample> later(plan, {1, 0, C});
    received = 0;
    emitted = 0;
    for (; received < depths; ++received) {
      for (index_t c = 0; c < C; ++c) x[c] = value(begin + received, c);
      later.push(tensor_view<sample const>(x, {1, 1, C}), tensor_view<sample>(y, {1, most, C}));
    }
    std::vector<std::byte> saved(state);
    later.save(saved);
    std::int64_t counters[2];  // received, emitted: behind the 8 bytes of the identity
    std::memcpy(counters, saved.data() + 8, sizeof counters);
    for (std::int64_t& counter : counters) counter += begin;
    std::memcpy(saved.data() + 8, counters, sizeof counters);
    later.restore(saved);
    emitted = counters[1];
    for (received = counters[0]; received < around + 500; ++received) {
      for (index_t c = 0; c < C; ++c) x[c] = value(received, c);
      check(later.push(tensor_view<sample const>(x, {1, 1, C}), tensor_view<sample>(y, {1, most, C})), around + 500);
    }
    check(later.flush(tensor_view<sample>(y, {1, most, C})), around + 500);
    require(emitted == around + 500, "a stream has lost frames at 2^31 or 2^32");
    ++jumps;
  }
  std::printf("  the last million of frames took %.2f of the time of the first, the slowest %.2f (not a check)\n",
              last / first, slowest / first);
  std::printf("scale.stream %td frames, in %td pushes; %zu bytes of state, %ld allocations; %td counters further on\n",
              frames, pushes, state, made, jumps);
}

// --- models -----------------------------------------------------------------------------------------------------------

void models() {
  using namespace tshift::models;
  using test_support::seeded_weights;
  constexpr std::size_t workers = 8;
  constexpr int turns = 250;
  index_t runs = 0, kinds = 0;
  auto const shared = [&](auto const& model) {
    shape const dims{2, 40, 12};
    std::vector<index_t> const lengths = {40, 23};
    auto const x = test_support::seeded<float>("x", {2, 40, 12}, 9);
    tensor_view<float const> const in(x.data(), dims, layout::ntc, lengths);
    auto const logits = [&](std::vector<float>& workspace) {
      std::vector<float> y(static_cast<std::size_t>(2 * model.classes()), 7.f);
      model.forward(in, tensor_view<float>(y.data(), {2, 1, model.classes()}), workspace);
      return y;
    };
    auto const size = static_cast<std::size_t>(model.workspace_size(dims));
    std::vector<float> alone(size);
    std::vector<float> const want = logits(alone);
    std::atomic<int> wrong{0}, waiting{static_cast<int>(workers)};
    std::vector<std::thread> all;
    for (std::size_t i = 0; i < workers; ++i) {
      all.emplace_back([&] {
        std::vector<float> own(size);
        --waiting;
        while (waiting > 0) std::this_thread::yield();
        for (int turn = 0; turn < turns; ++turn) {
          std::vector<float> const got = logits(own);
          if (std::memcmp(got.data(), want.data(), want.size() * sizeof(float)) != 0) ++wrong;
        }
      });
    }
    for (std::thread& one : all) one.join();
    require(wrong == 0, "a model shared by eight threads computes something else than alone");
    runs += static_cast<index_t>(workers) * turns;
    ++kinds;
  };
  tshift::model_shift const anywhere{3, tshift::direction::both, 2, tshift::placement::both, padding::edge};
  auto const of = [](char const* kind, char const* position) {
    return seeded_weights<float>({kind, position, 12, std::string_view(position) == "none" ? 0 : 40, 4}, 5);
  };
  shared(shift_cnn<float>(of("cnn", "none"), shift_cnn<float>::baseline));
  shared(shift_cnn<float>(of("cnn", "none"), anywhere));
  shared(shift_lstm<float>(of("lstm", "none")));
  shared(shift_lstm<float>(of("shift_lstm", "none")));
  shared(shiftformer<float>(of("shiftformer", "none")));
  shared(shiftformer<float>(of("transformer", "absolute"), anywhere));
  shared(shiftformer<float>(of("transformer", "relative_key"), anywhere, tshift::frame_positions::relative_key));
  shared(shiftformer<float>(of("transformer", "relative_key_query"), anywhere));
  std::printf("scale.models %td runs of %td models, each shared by %zu threads, bit for bit\n", runs, kinds, workers);
}

}  // namespace

int main(int argc, char* argv[]) {
  std::pair<std::string_view, void (*)()> const parts[] = {
      {"strides", strided}, {"batches", batches}, {"models", models}, {"stream", stream}, {"large", large}};
  bool any = false;
  for (auto const& [name, part] : parts) {
    bool asked = argc == 1;
    for (int i = 1; i < argc; ++i) asked = asked || name == argv[i];
    if (!asked) continue;
    auto const start = std::chrono::steady_clock::now();
    part();
    std::printf("  %.*s: %.0f s\n", static_cast<int>(name.size()), name.data(),
                std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    std::fflush(stdout);
    any = true;
  }
  if (!any) fail("the parts are strides, batches, models, stream, large");
  return 0;
}
