// SPDX-License-Identifier: MIT
// The same input goes to units built for the baseline, for AVX2 and for AVX-512, which stand in one program and pass
// views, plans and streams to each other. Each must do the same: refuse with the same words, or write the same bytes.
#pragma once

#include "isa_unit.hpp"
#include "shift_target.hpp"

namespace fuzz {

/// The units that this processor can run.
inline std::span<isa_unit const* const> isa_units() {
  static auto const units = [] {
    std::vector<isa_unit const*> list = {&unit_baseline};
    if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0) list.push_back(&unit_avx2);
    if (__builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512cd") != 0 &&
        __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512bw") != 0) {
      list.push_back(&unit_avx512);
    }
    return list;
  }();
  return units;
}

/// The refusal's words, or none.
template <class Call>
std::string words_of(Call call) {
  try {
    call();
  } catch (tshift::shape_error const& error) {
    require_sentence(error.what());
    return error.what();
  }
  return "";
}

/// Of floating-point elements every one is a number: which payload the sum of two NaNs has is the processor's choice.
template <class T>
void make_numbers(buffer& memory, std::uint64_t seed) {
  if constexpr (std::is_floating_point_v<T>) {
    test_support::random_bits random(seed);
    for (std::size_t at = 0; at + sizeof(T) <= memory.bytes().size(); at += sizeof(T)) {
      T const value = test_support::number<T>(random);
      std::memcpy(memory.at(static_cast<index_t>(at)), &value, sizeof value);
    }
  }
}

template <class T>
void run_isa_fixed(byte_source& in, test_support::operation what) {
  tshift::shape const dims = draw_shape(in, most_elements);
  drawn_plan const folds = draw_plan(in, draw_like(in, dims).channels, dims.time);
  std::vector<index_t> const lengths = draw_lengths(in, dims);
  T const fill = draw_fill<T>(in);
  operand<T> y(in, draw_view(in, dims, lengths, false)), x(in, draw_view(in, draw_like(in, dims), lengths, false));
  operand<T> r(in, draw_view(in, dims, lengths, false));
  if (!folds.valid()) return;
  auto const element = static_cast<index_t>(sizeof(T));
  for (operand<T>* const one : {&x, &r, &y}) {
    if (!one->drawn().representable(element)) return;
    make_numbers<T>(one->memory(), 11);
  }
  tshift::shift_plan const plan(folds.channels, folds.list(), folds.edge);

  buffer const x_before = x.memory(), r_before = r.memory();
  std::string first;
  std::optional<buffer> wrote;
  for (isa_unit const* const unit : isa_units()) {
    buffer memory = y.memory();
    std::string const words =
        words_of([&] { unit->of<T>().apply(what, x.view(), r.view(), y.view_in(memory), plan, fill); });
    if (!wrote) {
      first = words;
      wrote.emplace(memory);
    }
    require(words == first, "two instruction sets refuse in different words, or one of them only");
    require(memory == *wrote, "two instruction sets write different bytes");
    require(x.memory() == x_before && r.memory() == r_before, "an input was written");
  }
}

/// A lazy shift made by one unit and read by another.
template <class T>
void run_isa_lazy(byte_source& in) {
  tshift::shape const dims = draw_shape(in, most_elements);
  drawn_plan const folds = draw_plan(in, dims.channels, dims.time);
  T const fill = draw_fill<T>(in);
  operand<T> from(in, draw_view(in, dims, draw_lengths(in, dims), false));
  if (!folds.valid() || !from.drawn().representable(sizeof(T)) || !from.valid() || from.drawn().empty()) return;
  tshift::shift_plan const plan(folds.channels, folds.list(), folds.edge);
  tshift::tensor_view<T const> const x = from.view();
  auto const bytes = static_cast<index_t>(sizeof(T)) * dims.batch * dims.time * dims.channels * dims.space;
  std::optional<buffer> want;
  for (isa_unit const* const maker : isa_units()) {
    for (isa_unit const* const reader : isa_units()) {
      buffer memory(bytes, 1);
      reader->of<T>().read_lazy(maker->of<T>().lazy(x, plan, fill), reinterpret_cast<T*>(memory.at(0)));
      if (!want) want.emplace(memory);
      require(memory == *want, "two instruction sets read a lazy shift differently");
    }
  }
}

/// One stream per unit, and one that is handed from unit to unit, saved and restored on the way. After every chunk all
/// states are the same bytes.
template <class T>
void run_isa_stream(byte_source& in) {
  tshift::shape const dims = draw_shape(in, 192);
  drawn_plan const folds = draw_plan(in, dims.channels, dims.time);
  T const fill = draw_fill<T>(in);
  operand<T> from(in, draw_view(in, dims, {}, false)), to(in, draw_view(in, dims, {}, true));
  if (!folds.valid() || folds.edge == tshift::padding::circular || !from.valid() || !to.valid()) return;
  if (!from.drawn().representable(sizeof(T)) || !to.drawn().representable(sizeof(T)) || from.drawn().empty()) return;
  tshift::shift_plan const plan(folds.channels, folds.list(), folds.edge);
  std::size_t bytes = 0;
  if (refused([&] { bytes = tshift::shift_stream<T>::state_bytes(plan, dims); }) || bytes > 1u << 16) return;

  auto const units = isa_units();
  std::size_t const relay = units.size();  // the last stream, which belongs to nobody
  auto const any_unit = [&]() -> isa_operations<T> const& {
    return units[static_cast<std::size_t>(in.byte()) % units.size()]->template of<T>();
  };
  std::vector<tshift::shift_stream<T>> streams;
  std::vector<buffer> outputs(units.size() + 1, to.memory());
  for (isa_unit const* const unit : units) streams.push_back(unit->of<T>().make(plan, dims, fill));
  streams.push_back(any_unit().make(plan, dims, fill));
  auto const owner = [&](std::size_t i) -> isa_operations<T> const& {
    return i == relay ? any_unit() : units[i]->template of<T>();
  };
  auto const all_same = [&] {
    for (std::size_t i = 1; i < streams.size(); ++i) {
      require(same_state(streams[0].state(), streams[i].state()), "two instruction sets leave different states");
      require(outputs[0] == outputs[i], "two instruction sets stream different bytes");
    }
  };

  tshift::tensor_view<T const> const x = from.view();
  index_t const past = in.one_in(4) ? in.below(dims.time + 1) : 0;
  if (past > 0) {
    for (std::size_t i = 0; i < streams.size(); ++i) owner(i).prime(streams[i], x.slice_frames(0, past));
    all_same();
  }
  index_t received = past, emitted = past;
  while (received < dims.time) {
    unsigned const step = in.byte();
    index_t const k = std::min<index_t>(dims.time - received, 1 + step % 5);
    index_t due = 0;
    for (std::size_t i = 0; i < streams.size(); ++i) {
      tshift::tensor_view<T> const y = to.view_in(outputs[i]).slice_frames(emitted, dims.time - emitted);
      index_t const given = owner(i).push(streams[i], x.slice_frames(received, k), y);
      if (i == 0) due = given;
      require(given == due, "two instruction sets give different numbers of frames");
    }
    all_same();
    received += k;
    emitted += due;
    if (step >= 128) {  // every stream goes on in another one, which another unit makes and restores
      std::vector<std::byte> saved(bytes);
      for (tshift::shift_stream<T>& stream : streams) {
        any_unit().save(stream, saved);
        tshift::shift_stream<T> other = any_unit().make(plan, dims, fill);
        any_unit().restore(other, saved);
        stream = std::move(other);
      }
      all_same();
    }
  }
  for (std::size_t i = 0; i < streams.size(); ++i) {
    tshift::tensor_view<T> const y = to.view_in(outputs[i]).slice_frames(emitted, dims.time - emitted);
    require(owner(i).flush(streams[i], y) == dims.time - emitted, "flush gives another number of frames");
  }
  all_same();
}

template <class T>
void run_isa(byte_source& in, unsigned operation) {
  unsigned const what = operation % kinds;
  if (what < slots) return run_isa_fixed<T>(in, in_slot(operation));
  if (what < slots + 5) return run_isa_stream<T>(in);
  run_isa_lazy<T>(in);
}

/// One input. @throws broken_promise, or whatever the library throws that it must not
inline void isa_input(std::span<std::uint8_t const> data) {
  byte_source in(data);
  unsigned const operation = in.byte(), element = in.byte() % 6;
  if (element == 0) run_isa<std::uint8_t>(in, operation);
  if (element == 1) run_isa<std::uint16_t>(in, operation);
  if (element == 2) run_isa<test_support::rgb>(in, operation);
  if (element == 3) run_isa<std::uint32_t>(in, operation);
  if (element == 4) run_isa<std::uint64_t>(in, operation);
  if (element == 5) run_isa<float>(in, operation);
}

}  // namespace fuzz
