// SPDX-License-Identifier: MIT
// A shift over a live source, whose chunks come as they come. The outputs are those of the whole recording, bit for bit,
// even if the process is replaced in the middle.
#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdio>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include <tshift/conformance.hpp>
#include <tshift/tshift.hpp>

namespace {

using tshift::index_t;
using view = tshift::tensor_view<float>;
using stream = tshift::shift_stream<float>;

constexpr index_t bands = 40, frames = 300;
constexpr tshift::shape frame{.channels = bands};
constexpr tshift::shape recording_shape{.time = frames, .channels = bands};

/// Stands for a sound card: its thread hands out chunks of 1 to 7 frames, and waits while four of them are unread.
class microphone {
 public:
  explicit microphone(std::span<float const> recording)
      : thread_([this, recording](std::stop_token const& stop) { record(stop, recording); }) {}

  /// The next chunk, as soon as there is one; nothing once the recording is over.
  std::optional<std::vector<float>> next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return over_ || !chunks_.empty(); });
    if (chunks_.empty()) return std::nullopt;
    std::vector<float> chunk = std::move(chunks_.front());
    chunks_.pop_front();
    changed_.notify_all();
    return chunk;
  }

 private:
  void record(std::stop_token const& stop, std::span<float const> rest) {
    for (std::size_t i = 0; !rest.empty() && !stop.stop_requested(); ++i) {
      std::size_t const size = std::min(rest.size(), (1 + i * 5 % 7) * std::size_t{bands});
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [this] { return chunks_.size() < 4; })) return;
      chunks_.emplace_back(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(size));
      rest = rest.subspan(size);
      changed_.notify_all();
    }
    std::lock_guard const lock(mutex_);
    over_ = true;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::vector<float>> chunks_;
  bool over_ = false;
  std::jthread thread_;  // last, so that it ends before what it uses
};

/// All there is to it: chunks in, frames out, and an end. Here the whole recording is one chunk.
bool in_short(tshift::shift_plan const& plan) {
  std::vector<float> recording(frames * bands), live(frames * bands), offline(frames * bands);
  for (std::size_t i = 0; i < recording.size(); ++i) recording[i] = static_cast<float>(i % 1009);
  std::span<float const> const chunk(recording);
  std::span<float> const out(live), rest = out.last(static_cast<std::size_t>(plan.latency() * bands));

  // [readme]
  tshift::shift_stream<float> shifter(plan, {.batch = 1, .channels = bands});
  index_t n = shifter.push(chunk, out);  // two spans; any number of frames in, shifter.ready(that number) out
  n += shifter.flush(rest);              // the end: the shifter.pending() frames that were held back
  // [/readme]
  tshift::tensor_view const want(offline, recording_shape);
  tshift::shift({recording, recording_shape}, want, plan);
  return n == frames && offline == live;
}

/// Shifts a live recording in `memory`, and compares with the shift of the whole.
bool listen(char const* name, tshift::shift_plan const& plan, std::span<std::byte> memory) {
  std::vector<float> recording(frames * bands), live(frames * bands), offline(frames * bands);
  for (std::size_t i = 0; i < recording.size(); ++i) recording[i] = static_cast<float>(i * i % 1009) / 8 + 1;

  stream shifter(plan, frame, memory);
  index_t chunks = 0, done = 0, replaced_at = 0;
  microphone source(recording);
  std::span<float> free(live);  // where the next frames go
  auto const given = [&](index_t count) {
    done += count;
    free = free.subspan(static_cast<std::size_t>(count * bands));
  };
  while (auto const chunk = source.next()) {
    given(shifter.push(*chunk, free));
    ++chunks;

    if (replaced_at == 0 && done > frames / 2) {
      // All that has to survive this process is the state. A new stream in the same memory starts empty, and goes on
      // where the old one stopped.
      std::vector<std::byte> saved(shifter.state().size());
      shifter.save(saved);
      shifter = stream(plan, frame, memory);
      shifter.restore(saved);
      replaced_at = done;
    }
  }
  // The last frames waited for a future that does not come.
  given(shifter.flush(free));

  view const want(offline, recording_shape);
  tshift::shift(view(recording, recording_shape), want, plan);
  auto const result = tshift::conformance::compare(want, view(live, recording_shape));
  std::printf("%s: latency %td frames, state %zu bytes\n", name, shifter.latency(), memory.size());
  std::printf("  %td chunks in, %td frames out, replaced after frame %td: %s\n", chunks, done, replaced_at,
              result ? "equal to the shift of the whole" : result.message());
  return result && done == frames && replaced_at > 0;
}

}  // namespace

int main() {
  // The state's size is known to the compiler, so that no heap is needed: this could be a microcontroller.
  constexpr auto past = tshift::presets::shiftser(bands, 4, tshift::direction::delay);
  constexpr auto both = tshift::presets::shiftser(bands, 4, tshift::direction::both);
  std::array<std::byte, stream::state_bytes(past, frame)> memory_past;
  std::array<std::byte, stream::state_bytes(both, frame)> memory_both;

  bool right = in_short(past) && in_short(both);
  right &= listen("from the past only", past, memory_past);
  right &= listen("from past and future", both, memory_both);
  return right ? 0 : 1;
}
