// SPDX-License-Identifier: MIT
// The move: bytes from one place to another as fast as the machine can, alone or added to other bytes on the way.
// The only file of the operator that knows about SIMD.
//
// A *source* says what the output bytes are: copied (copy_from) or summed (sum_of). Two writers turn a source into
// memory: store_run through the caches, line_writer around them.
#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include <xsimd/xsimd.hpp>

#include <tshift/add.hpp>
#include <tshift/config.hpp>
#include <tshift/error.hpp>

namespace tshift::inline TSHIFT_V::inline TSHIFT_ISA::kernel {

/// The unit of streaming: a cache line of every current x86-64 and most ARM cores. Only speed depends on it.
inline constexpr index_t line_bytes = 64;

/// How far ahead of a streamed read the next lines are asked for: far enough for DRAM, near enough for the L1 cache.
/// Hardware prefetchers lose the thread where runs alternate between two frames.
inline constexpr index_t prefetch_bytes = 6144;

/// A register full of bytes, and the ways to load and store it without any alignment.
/// Where xsimd has no registers for Arch, 16 bytes moved by the compiler's own means.
template <class Arch, bool Simd = xsimd::types::has_simd_register<std::uint8_t, Arch>::value>
struct byte_vector {
  using batch = xsimd::batch<std::uint8_t, Arch>;
  static constexpr index_t width = static_cast<index_t>(batch::size);
  batch value;

  static byte_vector load(std::byte const* p) noexcept {
    return {batch::load_unaligned(reinterpret_cast<std::uint8_t const*>(p))};
  }
  void store(std::byte* p) const noexcept { value.store_unaligned(reinterpret_cast<std::uint8_t*>(p)); }
};

template <class Arch>
struct byte_vector<Arch, false> {
  static constexpr index_t width = 16;
  unsigned char value[16];

  static byte_vector load(std::byte const* p) noexcept {
    byte_vector v;
    std::memcpy(v.value, p, sizeof v.value);
    return v;
  }
  void store(std::byte* p) const noexcept { std::memcpy(p, value, sizeof value); }
};

// A store that bypasses the caches, if this unit's flags allow it. xsimd 8 has none.
#if defined(__SSE2__)
inline constexpr bool has_streaming_store = true;
template <class Arch>
void store_streaming(std::byte* aligned, byte_vector<Arch> const& v) noexcept {
  static_assert(byte_vector<Arch>::width == sizeof(v.value.data));
#if defined(__AVX512F__)
  if constexpr (sizeof(v.value.data) == 64) {
    _mm512_stream_si512(reinterpret_cast<__m512i*>(aligned), v.value.data);
    return;
  }
#endif
#if defined(__AVX__)
  if constexpr (sizeof(v.value.data) == 32) {
    _mm256_stream_si256(reinterpret_cast<__m256i*>(aligned), v.value.data);
    return;
  }
#endif
  if constexpr (sizeof(v.value.data) == 16) _mm_stream_si128(reinterpret_cast<__m128i*>(aligned), v.value.data);
}
/// Streaming stores are not ordered with others: a fence, before another thread may be told that the data is there.
inline void streaming_fence() noexcept { _mm_sfence(); }
#else
inline constexpr bool has_streaming_store = false;
template <class Arch>
void store_streaming(std::byte* aligned, byte_vector<Arch> const& v) noexcept {
  v.store(aligned);
}
inline void streaming_fence() noexcept {}
#endif

/// Asks for the line at p + bytes. Never faults; the sum may leave the tensor, so it is not done on pointers.
inline void prefetch(std::byte const* p, index_t bytes) noexcept {
  __builtin_prefetch(
      reinterpret_cast<void const*>(reinterpret_cast<std::uintptr_t>(p) + static_cast<std::uintptr_t>(bytes)));
}

template <index_t Bytes>
void copy_two_ends(std::byte const* from, std::byte* to, index_t n) noexcept {
  // Two moves that may overlap cover every n in [Bytes, 2 * Bytes]. Both loads come first.
  unsigned char head[Bytes], tail[Bytes];
  std::memcpy(head, from, Bytes);
  std::memcpy(tail, from + (n - Bytes), Bytes);
  std::memcpy(to, head, Bytes);
  std::memcpy(to + (n - Bytes), tail, Bytes);
}

/// Copies n < 128 bytes without a call; touches nothing outside.
inline void copy_short(std::byte const* from, std::byte* to, index_t n) noexcept {
  if (n >= 64) return copy_two_ends<64>(from, to, n);
  if (n >= 32) return copy_two_ends<32>(from, to, n);
  if (n >= 16) return copy_two_ends<16>(from, to, n);
  if (n >= 8) return copy_two_ends<8>(from, to, n);
  if (n >= 4) return copy_two_ends<4>(from, to, n);
  for (index_t i = 0; i < n; ++i) to[i] = from[i];
}

/// Bytes from p to the next multiple of W.
template <index_t W>
index_t to_boundary(std::byte const* p) noexcept {
  return static_cast<index_t>((std::uintptr_t{0} - reinterpret_cast<std::uintptr_t>(p)) % std::uintptr_t{W});
}

/// Source of a copy: output byte i is from[i].
template <class Arch>
struct copy_from {
  using vector = byte_vector<Arch>;
  std::byte const* from;

  vector load(index_t i) const noexcept { return vector::load(from + i); }
  void load_short(index_t i, std::byte* to, index_t n) const noexcept { copy_short(from + i, to, n); }
  void ask_ahead(index_t i) const noexcept { prefetch(from + i, prefetch_bytes); }
  template <index_t W>
  index_t first_aligned(std::byte const* to) const noexcept {
    return to_boundary<W>(to);
  }
};

/// Adds n elements at unit stride; `to` may be either input. memcpy, because nothing promises that bytes are aligned.
template <class T>
void add_elements(std::byte const* a, std::byte const* b, std::byte* to, index_t n) noexcept {
  for (index_t i = 0; i < n; ++i) {
    T left, right;
    std::memcpy(&left, a + i * index_t{sizeof(T)}, sizeof(T));
    std::memcpy(&right, b + i * index_t{sizeof(T)}, sizeof(T));
    left = detail::add(left, right);
    std::memcpy(to + i * index_t{sizeof(T)}, &left, sizeof(T));
  }
}

/// What T is added as: a complex number as two reals.
template <class T>
struct lane_of {
  using type = T;
};
template <class T>
requires requires { typename T::value_type; } && std::is_same_v<T, std::complex<typename T::value_type>>
struct lane_of<T> {
  using type = typename T::value_type;
};

/// Whether sums of T have vector registers; others are added element by element.
template <class Arch, class T>
inline constexpr bool adds_in_vectors = xsimd::types::has_simd_register<typename lane_of<T>::type, Arch>::value;

/// Source of a sum: output element i is a[i] + b[i], elements of type T. Byte positions are multiples of sizeof(T).
template <class Arch, class T>
struct sum_of {
  using vector = byte_vector<Arch>;
  using batch = xsimd::batch<T, Arch>;
  std::byte const* a;
  std::byte const* b;

  vector load(index_t i) const noexcept {
    batch const left = batch::load_unaligned(reinterpret_cast<T const*>(a + i));
    batch const right = batch::load_unaligned(reinterpret_cast<T const*>(b + i));
    return {xsimd::bitwise_cast<typename vector::batch>(left + right)};
  }
  void load_short(index_t i, std::byte* to, index_t n) const noexcept {
    add_elements<T>(a + i, b + i, to, n / index_t{sizeof(T)});
  }
  void ask_ahead(index_t i) const noexcept {
    prefetch(a + i, prefetch_bytes);
    prefetch(b + i, prefetch_bytes);
  }
  /// Where numbers do not lie on vector boundaries, from the beginning.
  template <index_t W>
  index_t first_aligned(std::byte const* to) const noexcept {
    index_t const i = to_boundary<W>(to);
    return i % index_t{sizeof(T)} == 0 ? i : 0;
  }
};

/// Writes n bytes of a source to `to`, through the caches. `to` may be an input of a sum: everything a vector needs is
/// read before any byte of it is written.
template <class Arch, class Source>
TSHIFT_INLINE void store_run(Source const& source, std::byte* to, index_t n) noexcept {
  using vector = typename Source::vector;
  constexpr index_t W = vector::width;
  if (n < W) return source.load_short(0, to, n);
  // The last vector, and the first where `to` is not aligned, overlap their neighbours, so that the stores between them
  // are aligned and no loop for a tail is needed. They are read before and written after all others, because a sum may
  // be written over its own input.
  vector const head = source.load(0), tail = source.load(n - W);
  index_t const unaligned = source.template first_aligned<W>(to);
  index_t i = unaligned;
  for (; i + 4 * W < n; i += 4 * W) {
    vector const v0 = source.load(i), v1 = source.load(i + W);
    vector const v2 = source.load(i + 2 * W), v3 = source.load(i + 3 * W);
    v0.store(to + i);
    v1.store(to + i + W);
    v2.store(to + i + 2 * W);
    v3.store(to + i + 3 * W);
  }
  for (; i + W < n; i += W) source.load(i).store(to + i);
  if (unaligned != 0) head.store(to);
  tail.store(to + n - W);
}

/// Moves n bytes whose places may overlap.
template <class Arch>
void move_run(std::byte const* from, std::byte* to, index_t n) noexcept {
  using vector = byte_vector<Arch>;
  constexpr index_t W = vector::width;
  copy_from<Arch> const source{from};
  if (n < W) return copy_short(from, to, n);
  vector const head = source.load(0), tail = source.load(n - W);
  if (to < from) {
    index_t i = 0;
    for (; i + 4 * W <= n; i += 4 * W) {
      vector const v0 = source.load(i), v1 = source.load(i + W);
      vector const v2 = source.load(i + 2 * W), v3 = source.load(i + 3 * W);
      v0.store(to + i);
      v1.store(to + i + W);
      v2.store(to + i + 2 * W);
      v3.store(to + i + 3 * W);
    }
    for (; i + W <= n; i += W) source.load(i).store(to + i);
  } else {
    index_t i = n;
    for (; i >= 4 * W; i -= 4 * W) {
      vector const v0 = source.load(i - W), v1 = source.load(i - 2 * W);
      vector const v2 = source.load(i - 3 * W), v3 = source.load(i - 4 * W);
      v0.store(to + i - W);
      v1.store(to + i - 2 * W);
      v2.store(to + i - 3 * W);
      v3.store(to + i - 4 * W);
    }
    for (; i >= W; i -= W) source.load(i - W).store(to + i - W);
  }
  head.store(to);
  tail.store(to + n - W);
}

/// Writes runs one behind the other around the caches, one whole line at a time. A line in which two runs meet is put
/// together on the stack first, because half a streamed line costs a round trip to memory.
/// A run that does not begin where the last one ended starts anew. finish() once at the end.
template <class Arch>
class line_writer {
 public:
  template <class Source>
  void append(Source const& source, std::byte* to, index_t n) noexcept {
    if (to != next_) {
      flush();
      next_ = to;
      first_ = position();
    }
    index_t i = 0;
    if (index_t const begun = position(); begun != 0) {
      i = line_bytes - begun < n ? line_bytes - begun : n;
      source.load_short(0, line_ + begun, i);
      next_ += i;
      if (begun + i < line_bytes) return;
      emit_line();
    }
    constexpr index_t W = Source::vector::width;
    for (; i + line_bytes <= n; i += line_bytes) {
      source.ask_ahead(i);
      for (index_t k = 0; k < line_bytes; k += W) store_streaming<Arch>(next_ + k, source.load(i + k));
      next_ += line_bytes;
    }
    if (i < n) {
      source.load_short(i, line_, n - i);
      next_ += n - i;
    }
  }

  void finish() noexcept {
    flush();
    next_ = nullptr;
    streaming_fence();
  }

 private:
  index_t position() const noexcept {
    return static_cast<index_t>(reinterpret_cast<std::uintptr_t>(next_) % static_cast<std::uintptr_t>(line_bytes));
  }

  void emit_line() noexcept {
    std::byte* const begin = next_ - line_bytes;
    if (first_ == 0) {
      constexpr index_t W = byte_vector<Arch>::width;
      for (index_t k = 0; k < line_bytes; k += W) store_streaming<Arch>(begin + k, byte_vector<Arch>::load(line_ + k));
    } else {
      copy_short(line_ + first_, begin + first_, line_bytes - first_);
    }
    first_ = 0;
  }

  void flush() noexcept {
    if (index_t const end = position(); end > first_) copy_short(line_ + first_, next_ - end + first_, end - first_);
    first_ = 0;
  }

  std::byte* next_ = nullptr;  // where the next byte goes
  index_t first_ = 0;          // bytes of the current line in front of this one are not ours
  std::byte line_[line_bytes];
};

/// Copies n elements of E bytes between strides given in bytes; step 0 repeats one element.
template <index_t E>
void copy_elements(std::byte const* from, index_t from_step, std::byte* to, index_t to_step, index_t n) noexcept {
  for (index_t i = 0; i < n; ++i) std::memcpy(to + i * to_step, from + i * from_step, E);
}

/// The same for an element size known at run time.
inline void copy_strided(std::byte const* from, index_t from_step, std::byte* to, index_t to_step, index_t n,
                         index_t element_bytes) noexcept {
  switch (element_bytes) {
    case 1: return copy_elements<1>(from, from_step, to, to_step, n);
    case 2: return copy_elements<2>(from, from_step, to, to_step, n);
    case 4: return copy_elements<4>(from, from_step, to, to_step, n);
    case 8: return copy_elements<8>(from, from_step, to, to_step, n);
    case 16: return copy_elements<16>(from, from_step, to, to_step, n);
    default:
      for (index_t i = 0; i < n; ++i) {
        std::memcpy(to + i * to_step, from + i * from_step, static_cast<std::size_t>(element_bytes));
      }
  }
}

/// What a walk writes: y = S x.
template <class Arch>
struct copying {
  static constexpr bool in_vectors = true;
  static constexpr bool copies = true;
  index_t element_bytes;

  static constexpr bool whole_lines(std::byte const*) noexcept { return true; }
  copy_from<Arch> source(std::byte const* from, std::byte const*) const noexcept { return {from}; }
  void strided(std::byte const* from, index_t from_step, std::byte* to, index_t to_step, index_t n) const noexcept {
    copy_strided(from, from_step, to, to_step, n, element_bytes);
  }
};

/// What a walk writes: y = S x + r, where r has y's strides.
template <class Arch, class T>
struct adding {
  using lane = typename lane_of<T>::type;
  static constexpr bool in_vectors = adds_in_vectors<Arch, T>;
  static constexpr bool copies = false;
  std::byte const* r;
  std::byte const* y;

  std::byte const* beside(std::byte const* to) const noexcept { return r + (to - y); }

  /// A line must not end in the middle of a number.
  static bool whole_lines(std::byte const* to) noexcept {
    return reinterpret_cast<std::uintptr_t>(to) % sizeof(lane) == 0;
  }

  auto source(std::byte const* from, std::byte const* to) const noexcept {
    return sum_of<Arch, lane>{from, beside(to)};
  }
  void strided(std::byte const* from, index_t from_step, std::byte* to, index_t to_step, index_t n) const noexcept {
    for (index_t i = 0; i < n; ++i) {
      add_elements<T>(from + i * from_step, beside(to + i * to_step), to + i * to_step, 1);
    }
  }
};

template <index_t Bytes>
void copy_two_ends_rows(std::byte const* from, index_t from_step, std::byte* to, index_t to_step, index_t n,
                        index_t rows) noexcept {
  for (index_t i = 0; i < rows; ++i) copy_two_ends<Bytes>(from + i * from_step, to + i * to_step, n);
}

/// Writes the same run of n bytes in several rows, steps in bytes of any sign. What the rows have in common is decided
/// once.
template <class Arch, class What>
void store_rows(What const& what, std::byte const* from, index_t from_step, std::byte* to, index_t to_step, index_t n,
                index_t rows) noexcept {
  if (n < byte_vector<Arch>::width) {
    if constexpr (What::copies) {
      if (n >= 32) return copy_two_ends_rows<32>(from, from_step, to, to_step, n, rows);
      if (n >= 16) return copy_two_ends_rows<16>(from, from_step, to, to_step, n, rows);
      if (n >= 8) return copy_two_ends_rows<8>(from, from_step, to, to_step, n, rows);
      if (n >= 4) return copy_two_ends_rows<4>(from, from_step, to, to_step, n, rows);
    }
    for (index_t i = 0; i < rows; ++i) {
      std::byte* const row = to + i * to_step;
      what.source(from + i * from_step, row).load_short(0, row, n);
    }
    return;
  }
  for (index_t i = 0; i < rows; ++i) {
    std::byte* const row = to + i * to_step;
    store_run<Arch>(what.source(from + i * from_step, row), row, n);
  }
}

}  // namespace tshift::inline TSHIFT_V::inline TSHIFT_ISA::kernel
