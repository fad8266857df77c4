// SPDX-License-Identifier: MIT
// Bytes become a plan, views and an operation. Either it must be refused, then it is, with a shape_error and no byte
// changed; or it must be done, then every byte of the output and round it is what the reference says.
// What must be refused is decided here once more, from the documented rules and with 128-bit integers.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <tshift/reference.hpp>
#include <tshift/shift.hpp>
#include <tshift/shifted_view.hpp>
#include <tshift/stream.hpp>

#include "../support/bytes.hpp"
#include "../support/operations.hpp"
#include "../support/random.hpp"
#include "support.hpp"

namespace fuzz {

__extension__ typedef __int128 wide;  // NOLINT(modernize-use-using): __extension__ goes with typedef alone

inline constexpr wide most_index = std::numeric_limits<index_t>::max();

/// No tensor of an operation that reads or writes has more.
inline constexpr index_t most_elements = 320;
inline constexpr index_t most_span = 1024;  // elements from the first to the last

// --- plans ---

struct drawn_plan {
  index_t channels = 0;
  tshift::padding edge = tshift::padding::zero;
  tshift::fold folds[18];
  index_t count = 0;

  std::span<tshift::fold const> list() const { return {folds, static_cast<std::size_t>(count)}; }

  bool valid() const {
    if (channels < 0 || count > tshift::shift_plan::capacity) return false;
    if (static_cast<int>(edge) < 0 || static_cast<int>(edge) > 3) return false;
    for (index_t i = 0; i < count; ++i) {
      tshift::fold const& f = folds[i];
      if (f.begin < 0 || f.count < 0 || wide{f.begin} + f.count > channels) return false;
      if (f.offset == std::numeric_limits<index_t>::min()) return false;
      for (index_t j = 0; j < i; ++j) {
        tshift::fold const& g = folds[j];
        wide const from = std::max(f.begin, g.begin), to = std::min(wide{f.begin} + f.count, wide{g.begin} + g.count);
        if (from < to) return false;
      }
    }
    return true;
  }
};

inline drawn_plan draw_plan(byte_source& in, index_t channels, index_t time) {
  drawn_plan plan;
  plan.channels = channels;
  unsigned const edge = in.byte() % 32;
  plan.edge = static_cast<tshift::padding>(edge < 30 ? static_cast<int>(edge % 4) : edge == 30 ? 4 : -1);
  unsigned const kind = in.byte();
  plan.count = static_cast<index_t>(kind % 19);
  bool const apart = kind / 19 % 4 != 3;
  index_t const near = std::clamp<index_t>(time, 0, 20), room = std::clamp<index_t>(channels, 0, 80);
  index_t cursor = 0;
  for (index_t i = 0; i < plan.count; ++i) {
    tshift::fold& f = plan.folds[i];
    if (apart) {
      f.begin = std::min(room, cursor + in.below(3));
      f.count = std::min(room - f.begin, in.below(40));
      cursor = f.begin + f.count;
    } else {
      f.begin = in.below(room + 2);
      f.count = in.below(room + 2);
      if (in.one_in(16)) (in.one_in(2) ? f.begin : f.count) = in.wild();
    }
    auto const offset = static_cast<index_t>(in.byte());
    f.offset = offset < 248 ? offset % (2 * near + 5) - near - 2 : in.wild();
  }
  if (kind >= 228) std::reverse(plan.folds, plan.folds + plan.count);
  return plan;
}

// --- views ---

/// What a view is made of, before it is known whether it may be one.
struct drawn_view {
  tshift::shape dims;
  tshift::strides steps;
  std::vector<index_t> lengths;
  index_t first = 0;  // elements in front of [0, 0, 0, 0] that it reaches
  index_t span = 0;   // elements from the lowest to the highest, both included
  bool fits = false;  // there is memory for it

  std::span<index_t const> frames() const { return lengths; }

  bool empty() const { return dims.batch == 0 || dims.time == 0 || dims.channels == 0 || dims.space == 0; }

  /// Sizes and strides that a view takes: nothing negative, and everything within 2^63 - 1 bytes.
  bool representable(index_t element) const {
    wide bytes = element, reach = element;
    for (auto const& [size, step] : pairs()) {
      if (size < 0) return false;
      if (size < 2) continue;
      if (bytes > most_index / size) return false;
      bytes *= size;
      wide const away = wide{step < 0 ? -wide{step} : wide{step}} * (size - 1);
      if (away > most_index / element) return false;
      reach += away * element;
    }
    return reach <= most_index;
  }

  bool lengths_fit() const {
    if (lengths.empty()) return true;
    if (static_cast<index_t>(lengths.size()) != dims.batch) return false;
    return std::all_of(lengths.begin(), lengths.end(), [&](index_t l) { return l >= 0 && l <= dims.time; });
  }

  /// Sorted by stride, each dimension steps over all nearer ones: the rule for outputs.
  bool nested() const {
    std::vector<std::pair<wide, wide>> far;  // distance, size
    for (auto const& [size, step] : pairs()) {
      if (size > 1) far.emplace_back(step < 0 ? -wide{step} : wide{step}, size);
    }
    std::sort(far.begin(), far.end());
    wide reach = 1;
    for (auto const& [distance, size] : far) {
      if (distance < reach) return false;
      reach += distance * (size - 1);
    }
    return true;
  }

  /// Where the elements lie, and whether that is memory we are ready to give.
  void measure() {
    wide low = 0, high = 0, elements = 1;
    bool small = true;
    for (auto const& [size, step] : pairs()) {
      small = small && size >= 0 && size <= 1024;
      if (!small) return;
      elements *= size;
      wide const away = size > 1 ? wide{step} * (size - 1) : 0;
      (away < 0 ? low : high) += away;
    }
    if (elements == 0) low = high = 0;
    fits = elements <= most_elements && high - low < most_span;
    if (!fits) return;
    first = static_cast<index_t>(-low);
    span = elements == 0 ? 0 : static_cast<index_t>(high - low + 1);
  }

 private:
  struct pair {
    index_t size, step;
  };
  std::array<pair, 4> pairs() const {
    return {{{dims.batch, steps.batch},
             {dims.time, steps.time},
             {dims.channels, steps.channels},
             {dims.space, steps.space}}};
  }
};

inline tshift::strides draw_steps(byte_source& in, tshift::shape const& dims, bool usual) {
  unsigned const kind = in.byte() % 16;
  index_t const sizes[] = {dims.batch, dims.time, dims.channels, dims.space};
  for (index_t const size : sizes) {
    if (size < 0 || size > 1024) return {in.wild(), in.wild(), in.below(4), 1};
  }
  if (kind < 6) return tshift::detail::dense_strides(dims, static_cast<tshift::layout>(kind % 4));
  index_t steps[4] = {};
  if (kind < 13 || usual) {  // dimensions in any order, with gaps, some backwards
    int order[] = {0, 1, 2, 3};
    unsigned const shuffle = in.byte(), signs = in.byte();
    for (unsigned i = 3; i > 0; --i) std::swap(order[i], order[(shuffle >> 2 * i) % (i + 1)]);
    index_t reach = 1;
    for (int const d : order) {
      unsigned const how = signs >> 2 * d;
      if (kind == 12 && how % 4 == 3 && !usual) continue;  // one element again and again
      index_t step = reach + ((how & 2u) != 0 ? in.below(5) : 0);
      if (kind == 11 && !usual && reach > 1 && how % 4 == 2) step = reach - 1;  // one element too near
      steps[d] = (how & 1u) != 0 ? -step : step;
      reach += sizes[d] > 0 ? (sizes[d] - 1) * step : 0;
    }
  } else {  // anything
    for (index_t& step : steps) step = in.below(64) - 16;
    if (kind == 15) steps[in.below(4)] = in.wild();
  }
  return {steps[0], steps[1], steps[2], steps[3]};
}

inline std::vector<index_t> draw_lengths(byte_source& in, tshift::shape const& dims) {
  unsigned const kind = in.byte() % 8;
  if (kind < 4) return {};
  index_t const batch = std::clamp<index_t>(dims.batch, 0, 4), time = std::clamp<index_t>(dims.time, 0, 40);
  std::vector<index_t> lengths(static_cast<std::size_t>(kind == 7 ? in.below(5) : batch));
  for (index_t& length : lengths) length = in.below(time + 1);
  if (kind == 6 && !lengths.empty()) lengths[static_cast<std::size_t>(in.byte()) % lengths.size()] = in.wild();
  return lengths;
}

inline tshift::shape draw_shape(byte_source& in, index_t most) {
  index_t sizes[4] = {in.below(5), in.below(20), in.below(72), in.below(40)};
  if (sizes[0] == 4) sizes[0] = 1;
  unsigned const odd = in.byte();
  while (sizes[0] * sizes[1] * sizes[2] * sizes[3] > most) *std::max_element(sizes, sizes + 4) /= 2;
  if (odd >= 248) sizes[odd % 4] = in.wild();
  return {sizes[0], sizes[1], sizes[2], sizes[3]};
}

/// A shape that differs now and then.
inline tshift::shape draw_like(byte_source& in, tshift::shape dims) {
  unsigned const how = in.byte();
  if (how < 240) return dims;
  index_t* const sizes[] = {&dims.batch, &dims.time, &dims.channels, &dims.space};
  index_t& size = *sizes[how % 4];
  size = how < 252 ? size / 2 : in.wild();
  return dims;
}

inline drawn_view draw_view(byte_source& in, tshift::shape const& dims, std::vector<index_t> lengths, bool usual) {
  drawn_view view;
  view.dims = dims;
  view.steps = draw_steps(in, dims, usual);
  view.lengths = std::move(lengths);
  view.measure();
  return view;
}

// --- memory ---

/// Random bytes of exactly the size asked for: AddressSanitizer sees the next one, and canaries round the elements show
/// what was written beside them. Aligned for any T, not for vectors.
class buffer {
 public:
  buffer(index_t size, std::uint64_t seed)
      : size_(static_cast<std::size_t>(size)), bytes_(new std::byte[static_cast<std::size_t>(size)]) {
    test_support::random_bits random(seed);
    random.fill(bytes_.get(), size_);
  }
  buffer(buffer const& other) : size_(other.size_), bytes_(new std::byte[other.size_]) {
    if (size_ > 0) std::memcpy(bytes_.get(), other.bytes_.get(), size_);
  }
  buffer& operator=(buffer const&) = delete;

  std::byte* at(index_t byte) { return bytes_.get() + byte; }
  std::span<std::byte const> bytes() const { return {bytes_.get(), size_}; }

  bool operator==(buffer const& other) const {
    return size_ == other.size_ && test_support::same_bytes(bytes_.get(), other.bytes_.get(), size_);
  }

 private:
  std::size_t size_;
  std::unique_ptr<std::byte[]> bytes_;
};

/// A view with memory of its own.
template <class T>
class operand {
 public:
  operand(byte_source& in, drawn_view view) : view_(std::move(view)) {
    unsigned const place = in.byte();
    has_data_ = view_.fits && place != 255;
    guard_ = static_cast<index_t>(place % 16);
    memory_.emplace((2 * guard_ + (view_.fits ? view_.span : 0)) * static_cast<index_t>(sizeof(T)), place + 77u);
  }

  tshift::tensor_view<T> view() { return view_in(*memory_); }
  tshift::tensor_view<T> view_in(buffer& memory) {
    auto const bytes = static_cast<index_t>(sizeof(T));
    T* const data = has_data_ ? reinterpret_cast<T*>(memory.at((guard_ + view_.first) * bytes)) : nullptr;
    return {data, view_.dims, view_.steps, view_.frames()};
  }

  buffer& memory() { return *memory_; }
  drawn_view const& drawn() const { return view_; }
  bool valid() const { return view_.lengths_fit() && (has_data_ || view_.empty()); }

 private:
  drawn_view view_;
  index_t guard_ = 0;
  bool has_data_ = false;
  std::optional<buffer> memory_;
};

/// Whether b may stand beside a: same sizes, no lengths or the same.
inline bool same_kind(drawn_view const& a, drawn_view const& b) {
  return a.dims == b.dims && (b.lengths.empty() || a.lengths == b.lengths);
}

template <class T>
T draw_fill(byte_source& in) {
  test_support::random_bits random(in.byte());
  return test_support::any_value<T>(random);
}

// --- operations ---

/// The operation of the table that an input is about. The first nine have a slot each; however many there are, inputs
/// of the corpus that were written for these keep their meaning.
inline constexpr unsigned slots = 9, kinds = slots + 6;
inline test_support::operation in_slot(unsigned drawn) {
  auto const count = static_cast<unsigned>(test_support::operations.size());
  return test_support::operations[(drawn % kinds + slots * (drawn / kinds)) % count];
}

/// An operation of tests/support/operations.hpp: one input or two, apart from y or y itself.
template <class T>
void run_fixed(byte_source& in, test_support::operation what) {
  test_support::operation_row const& row = test_support::row_of(what);
  bool const has_x = row.has_x, has_r = row.has_r;

  tshift::shape const dims = draw_shape(in, row.slow ? 128 : most_elements);
  drawn_plan const folds = draw_plan(in, draw_like(in, dims).channels, dims.time);
  std::vector<index_t> const lengths = draw_lengths(in, dims);
  T const fill = draw_fill<T>(in);
  bool const same_lengths = in.one_in(2);
  operand<T> y(in, draw_view(in, dims, same_lengths || !has_x ? lengths : draw_lengths(in, dims), false));
  drawn_view nothing;
  nothing.measure();
  operand<T> x(in, has_x ? draw_view(in, draw_like(in, dims), lengths, false) : nothing);
  operand<T> r(
      in, has_r ? draw_view(in, draw_like(in, dims), same_lengths ? lengths : std::vector<index_t>(), false) : nothing);

  // What cannot even be described.
  std::optional<tshift::shift_plan> plan;
  bool const no_plan = refused([&] { plan.emplace(folds.channels, folds.list(), folds.edge); });
  require(no_plan == !folds.valid(), "a plan is accepted against the rules, or refused without reason");
  auto const element = static_cast<index_t>(sizeof(T));
  for (operand<T>* const one : {&x, &r, &y}) {
    bool const no_view = refused([&] { one->view(); });
    require(no_view == !one->drawn().representable(element), "a view is accepted against the rules, or refused");
    if (no_view) return;
  }
  if (no_plan) return;

  drawn_view const& input = has_x ? x.drawn() : y.drawn();
  bool const right = x.valid() && r.valid() && y.valid() && plan->channels() == input.dims.channels &&
                     same_kind(input, y.drawn()) && (!has_r || same_kind(input, r.drawn())) &&
                     (y.drawn().empty() || y.drawn().nested());

  buffer const x_before = x.memory(), r_before = r.memory();
  buffer want = y.memory();
  if (right && !y.drawn().empty()) {  // an empty tensor may have 2^62 sequences, and the reference would visit each
    test_support::apply_reference<T>(what, x.view(), r.view(), y.view_in(want), *plan, fill);
  }
  bool const no = refused([&] { test_support::apply<T>(what, x.view(), r.view(), y.view(), *plan, fill); });
  require(no || right, "an operation is done that must be refused");
  require(!no || !right, "an operation is refused without reason");
  require(y.memory() == want, no ? "a refused operation has written" : "the output is not the reference's");
  require(x.memory() == x_before && r.memory() == r_before, "an input was written");
}

/// x and y in one memory.
template <class T>
void run_overlapping(byte_source& in) {
  tshift::shape const dims = draw_shape(in, 192);
  drawn_plan const folds = draw_plan(in, dims.channels, dims.time);
  std::vector<index_t> const lengths = draw_lengths(in, dims);
  T const fill = draw_fill<T>(in);
  drawn_view const to = draw_view(in, dims, lengths, in.byte() % 8 != 7);
  drawn_view from = to;
  if (in.one_in(4)) from = draw_view(in, dims, lengths, in.byte() % 8 != 7);
  auto const element = static_cast<index_t>(sizeof(T));
  if (!folds.valid() || !from.fits || !to.fits || !from.representable(element) || !to.representable(element)) return;
  tshift::shift_plan const plan(folds.channels, folds.list(), folds.edge);

  // Where elements need no alignment, views may lie to each other by any number of bytes.
  index_t const unit = element == 3 ? 1 : element;
  index_t const x_at = in.below(in.one_in(2) ? 8 : 256) * unit, y_at = in.below(in.one_in(2) ? 8 : 256) * unit;
  buffer memory(std::max(x_at + from.span * element, y_at + to.span * element), 5);
  auto const view_of = [&](drawn_view const& view, index_t at, buffer& bytes) {
    return tshift::tensor_view<T>(reinterpret_cast<T*>(bytes.at(at + view.first * element)), view.dims, view.steps,
                                  view.frames());
  };
  tshift::tensor_view<T> const x = view_of(from, x_at, memory), y = view_of(to, y_at, memory);

  bool const right = from.lengths_fit() && (to.empty() || to.nested());
  auto const same_step = [](index_t size, index_t a, index_t b) { return size < 2 || a == b; };
  bool const same = x.data == y.data && same_step(dims.batch, from.steps.batch, to.steps.batch) &&
                    same_step(dims.time, from.steps.time, to.steps.time) &&
                    same_step(dims.channels, from.steps.channels, to.steps.channels) &&
                    same_step(dims.space, from.steps.space, to.steps.space);
  std::vector<bool> read(memory.bytes().size());
  bool shared = false;
  if (right) {
    auto const each_byte = [&](tshift::tensor_view<T> const& view, auto visit) {
      tshift::reference::for_each_element(dims, [&](index_t n, index_t t, index_t c, index_t s) {
        auto const at = reinterpret_cast<std::byte const*>(view.at(n, t, c, s)) - memory.bytes().data();
        for (index_t i = 0; i < element; ++i) visit(static_cast<std::size_t>(at + i));
      });
    };
    each_byte(x, [&](std::size_t i) { read[i] = true; });
    each_byte(y, [&](std::size_t i) { shared = shared || read[i]; });
  }
  bool const apart = x_at + from.span * element <= y_at || y_at + to.span * element <= x_at;

  buffer want = memory;
  if (right) {
    test_support::snapshot<T> const before(x);
    tshift::reference::shift<T>(before.view(), view_of(to, y_at, want), plan, fill);
  }
  buffer const untouched = memory;
  bool const no = refused([&] { tshift::shift(x, y, plan, fill); });
  if (no) {
    require(memory == untouched, "a refused shift has written");
    require(!right || !(same || apart || to.empty()), "a shift is refused though the views lie apart or are the same");
  } else {
    require(right && (same || !shared), "a shift is done though the views overlap in part");
    require(memory == want, "the output is not the reference's where the views share a memory");
  }
}

/// The lazy shift: elements, and the runs that consumers read through.
template <class T>
void run_lazy(byte_source& in) {
  tshift::shape const dims = draw_shape(in, 192);
  drawn_plan const folds = draw_plan(in, draw_like(in, dims).channels, dims.time);
  T const fill = draw_fill<T>(in);
  operand<T> from(in, draw_view(in, dims, draw_lengths(in, dims), false));
  if (!folds.valid() || !from.drawn().representable(sizeof(T))) return;
  tshift::shift_plan const plan(folds.channels, folds.list(), folds.edge);
  tshift::tensor_view<T const> const x = from.view();
  buffer const before = from.memory();

  std::optional<tshift::shifted_view<T>> lazy;
  bool const no = refused([&] { lazy.emplace(tshift::shifted(x, plan, fill)); });
  require(no == !(from.valid() && plan.channels() == dims.channels), "shifted() accepts or refuses wrongly");
  if (no || from.drawn().empty()) return;
  auto const same = [](T const& a, T const& b) { return std::memcmp(&a, &b, sizeof(T)) == 0; };
  for (index_t n = 0; n < dims.batch; ++n) {
    for (index_t t = 0; t < dims.time; ++t) {
      index_t next = 0;
      for (tshift::channel_run<T> const run : lazy->runs(n, t)) {
        require(run.begin == next && run.count > 0, "the runs of a frame leave a gap");
        require((run.frame < 0) == (run.data == nullptr), "a run has a frame but no data, or data but no frame");
        next = run.begin + run.count;
        require(next <= dims.channels, "a run ends after the last channel");
        for (index_t c = run.begin; c < next; ++c) {
          for (index_t s = 0; s < dims.space; ++s) {
            T const want = tshift::reference::shifted_element<T>(x, plan, fill, n, t, c, s);
            T const read =
                run.data == nullptr ? fill : run.data[(c - run.begin) * x.strides.channels + s * x.strides.space];
            require(same(read, want) && same((*lazy)(n, t, c, s), want), "shifted() is not the reference");
          }
        }
      }
      require(next == dims.channels, "the runs of a frame do not cover its channels");
    }
  }
  require(from.memory() == before, "an input was written");
}

inline bool same_state(std::span<std::byte const> a, std::span<std::byte const> b) {
  return a.size() == b.size() && test_support::same_bytes(a.data(), b.data(), a.size());
}

/// Chunks of any size against the whole sequence; sometimes with a past, in the caller's memory, copied midway.
template <class T>
void run_stream(byte_source& in) {
  tshift::shape const dims = draw_shape(in, 192);
  drawn_plan const folds = draw_plan(in, draw_like(in, dims).channels, dims.time);
  T const fill = draw_fill<T>(in);
  operand<T> from(in, draw_view(in, dims, {}, false)), to(in, draw_view(in, dims, {}, true));
  unsigned const how = in.byte();
  if (!folds.valid()) return;
  tshift::shift_plan const plan(folds.channels, folds.list(), folds.edge);

  // States of more than 2^63 bytes may be refused; only these sizes and offsets lead there.
  bool const far = dims.batch > 1024 || dims.channels > 1024 || dims.space > 1024 ||
                   std::any_of(folds.folds, folds.folds + folds.count,
                               [](tshift::fold const& f) { return f.offset > 64 || f.offset < -64; });
  drawn_view frame;
  frame.dims = {dims.batch, 1, dims.channels, dims.space};
  bool const right =
      frame.representable(sizeof(T)) && plan.channels() == dims.channels && plan.edge() != tshift::padding::circular;
  std::size_t bytes = 0;
  bool const no = refused([&] { bytes = tshift::shift_stream<T>::state_bytes(plan, dims); });
  require(!(right && no) || far, "a stream is refused without reason");
  require(right || no, "a stream is made that must be refused");
  if (no || bytes > 1u << 16 || !from.valid() || !to.valid() || from.drawn().empty()) return;
  if (!from.drawn().representable(sizeof(T)) || !to.drawn().representable(sizeof(T))) return;

  // In the caller's memory, at an address that suits nothing.
  buffer place(static_cast<index_t>(bytes) + 1, 3);
  std::span<std::byte> const memory(place.at(1), bytes);
  using stream_t = tshift::shift_stream<T>;
  if (bytes > 0) {
    require(refused([&] { stream_t(plan, dims, memory.first(bytes - 1), fill); }), "a state too small is accepted");
  }
  stream_t stream = how % 2 != 0 ? stream_t(plan, dims, memory, fill) : stream_t(plan, dims, fill);
  require(stream.state().size() == bytes, "a stream has another state than state_bytes says");
  std::vector<std::byte> const fresh(stream.state().begin(), stream.state().end());

  tshift::tensor_view<T const> const x = from.view();
  tshift::tensor_view<T> const y = to.view();
  index_t const T_all = dims.time, past = how / 2 % 4 == 3 ? in.below(T_all + 1) : 0, latency = plan.latency();
  buffer const x_before = from.memory();
  buffer want = to.memory();
  tshift::tensor_view<T> const y_want = to.view_in(want);
  tshift::reference::for_each_element(
      {dims.batch, T_all - past, dims.channels, dims.space}, [&](index_t n, index_t t, index_t c, index_t s) {
        y_want(n, past + t, c, s) = tshift::reference::shifted_element<T>(x, plan, fill, n, past + t, c, s);
      });

  if (past > 0) {
    index_t const half = how >= 128 ? past / 2 : past;
    stream.prime(x.slice_frames(0, half));
    stream.prime(x.slice_frames(half, past - half));
  }
  index_t received = past, emitted = past, idle = 0;
  while (received < T_all) {
    unsigned const step = in.byte();
    index_t k = std::min<index_t>(T_all - received, step % 6);
    if (k == 0 && ++idle > 3) k = T_all - received;
    index_t const waiting = latency - (received - emitted), due = k > waiting ? k - waiting : 0;
    require(stream.ready(k) == due, "ready() is wrong");
    require(stream.pending() == received - emitted, "pending() is wrong");
    if (step >= 224) {  // no room, or another shape: refused, and nothing has happened
      std::vector<std::byte> const before(stream.state().begin(), stream.state().end());
      if (due > 0) {
        require(refused([&] { stream.push(x.slice_frames(received, k), y.slice_frames(emitted, due - 1)); }),
                "push without room");
      }
      require(
          refused([&] { stream.push(x.slice_frames(received, k), y.slice_frames(emitted, due).slice_channels(0, 0)); }),
          "push into another shape");
      require(k == 0 || received == past || refused([&] { stream.prime(x.slice_frames(0, 1)); }), "prime after push");
      require(same_state(before, stream.state()), "a refused push has changed the stream");
    } else if (step >= 192) {  // goes on elsewhere
      std::vector<std::byte> saved(bytes);
      stream.save(saved);
      stream_t other(plan, dims, fill);
      other.restore(saved);
      require(same_state(saved, other.state()), "restore gives another state than save took");
      stream.reset();
      require(same_state(fresh, stream.state()), "reset() leaves something behind");
      stream = std::move(other);
    }
    index_t const room = step % 2 == 0 ? due : T_all - emitted;
    require(stream.push(x.slice_frames(received, k), y.slice_frames(emitted, room)) == due,
            "push gives another number of frames");
    received += k;
    emitted += due;
  }
  require(stream.pending() == T_all - emitted, "pending() is wrong at the end");
  require(stream.flush(y.slice_frames(emitted, T_all - emitted)) == T_all - emitted,
          "flush gives another number of frames");
  require(same_state(fresh, stream.state()), "flush() leaves something behind");
  require(to.memory() == want, "the stream's outputs are not those of the whole sequence");
  require(from.memory() == x_before, "an input was written");
}

/// A state that somebody else has written: refused, or used without harm.
template <class T>
void run_damaged_state(byte_source& in) {
  tshift::shape const dims = draw_shape(in, 128);
  drawn_plan const folds = draw_plan(in, dims.channels, dims.time);
  operand<T> from(in, draw_view(in, dims, {}, false)), to(in, draw_view(in, dims, {}, true));
  if (!folds.valid() || !from.valid() || !to.valid() || from.drawn().empty()) return;
  if (!from.drawn().representable(sizeof(T)) || !to.drawn().representable(sizeof(T))) return;
  if (folds.edge == tshift::padding::circular) return;
  tshift::shift_plan const plan(folds.channels, folds.list(), folds.edge);
  std::size_t bytes = 0;
  if (refused([&] { bytes = tshift::shift_stream<T>::state_bytes(plan, dims); }) || bytes > 1u << 16) return;

  tshift::shift_stream<T> stream(plan, dims, T{});
  std::vector<std::byte> saved(stream.state().begin(), stream.state().end());
  auto const put = [&](std::size_t at, index_t value) {
    if (at + sizeof value <= saved.size()) std::memcpy(saved.data() + at, &value, sizeof value);
  };
  for (std::size_t at = 8; at < 32; at += 8) {  // the counters
    unsigned const kind = in.byte();
    if (kind >= 128) put(at, kind >= 192 ? in.wild() : static_cast<index_t>(kind % 32));
  }
  if (in.one_in(4)) put(16, static_cast<index_t>(in.word()));
  for (unsigned count = in.byte() % 4; count > 0; --count) {
    saved[static_cast<std::size_t>(in.byte()) % saved.size()] ^= static_cast<std::byte>(in.byte());
  }
  if (in.one_in(16)) saved.resize(in.byte());
  std::vector<std::byte> const before(stream.state().begin(), stream.state().end());
  if (refused([&] { stream.restore(saved); })) {
    require(same_state(before, stream.state()), "a refused restore has changed the stream");
    return;
  }
  require(same_state(saved, stream.state()), "restore takes another state than it was given");
  require(stream.pending() >= 0 && stream.pending() <= plan.latency(), "impossible counters are accepted");
  tshift::tensor_view<T const> const x = from.view();
  tshift::tensor_view<T> const y = to.view();
  buffer const x_before = from.memory();
  refused([&] { stream.prime(x.slice_frames(0, dims.time / 2)); });
  refused([&] { stream.push(x, y); });
  refused([&] { stream.push(x, y); });
  index_t const pending = stream.pending();
  require(refused([&] { stream.flush(y); }) == (pending > dims.time), "flush of a damaged state");
  require(from.memory() == x_before, "an input was written");
}

template <class T>
void run_shift(byte_source& in, unsigned operation) {
  unsigned const what = operation % kinds;
  if (what < slots) return run_fixed<T>(in, in_slot(operation));
  if (what < slots + 2) return run_stream<T>(in);
  if (what < slots + 4) return run_overlapping<T>(in);
  if (what == slots + 4) return run_lazy<T>(in);
  run_damaged_state<T>(in);
}

/// One input. @throws broken_promise, or whatever the library throws that it must not
inline void shift_input(std::span<std::uint8_t const> data) {
  byte_source in(data);
  unsigned const operation = in.byte(), element = in.byte() % 5;
  if (element == 0) run_shift<std::uint8_t>(in, operation);
  if (element == 1) run_shift<std::uint16_t>(in, operation);
  if (element == 2) run_shift<test_support::rgb>(in, operation);
  if (element == 3) run_shift<std::uint32_t>(in, operation);
  if (element == 4) run_shift<std::uint64_t>(in, operation);
}

}  // namespace fuzz
