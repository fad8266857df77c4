// SPDX-License-Identifier: MIT
// shift_stream: a clip pushed in pieces, beside memcpy of the same pieces. Times are per frame.
#include "support.hpp"

namespace tshift_bench { namespace {

/// Pushes x in chunks and flushes; y receives the frames in order. The stream is as new afterwards.
void run_stream(tshift::shift_stream<float>& stream, tensor_view<float const> x, tensor_view<float> y, index_t chunk) {
  shape const& dims = x.shape;
  index_t written = 0;
  for (index_t t = 0; t < dims.time; t += chunk) {
    index_t const k = std::min(chunk, dims.time - t);
    tensor_view<float const> const in(x.at(0, t, 0), {1, k, dims.channels});
    tensor_view<float> const out(y.at(0, written, 0), {1, stream.ready(k), dims.channels});
    written += stream.push(in, out);
  }
  tensor_view<float> const tail(y.at(0, written, 0), {1, stream.pending(), dims.channels});
  stream.flush(tail);
}

void add(way const& w, index_t chunk) {
  constexpr shape dims{1, 374, 768};
  shift_plan const plan = tshift::presets::shiftser(dims.channels, 8, w.value);
  double const frame = static_cast<double>(dims.channels) * sizeof(float);
  row const info{.table = "shift_stream: a clip of 374 frames pushed in chunks; floor: memcpy of the chunks; per frame",
                 .tensor = chunk == 1 ? "chunk 1x1x768" : "chunk 1x" + std::to_string(chunk) + "x768",
                 .variant = w.text,
                 .n_div = 8,
                 .bytes = 2 * frame,
                 .frames = dims.time,
                 .footprint = static_cast<std::size_t>(dims.time) * static_cast<std::size_t>(frame)};
  add_row(info, [=] {
    auto const memory = tensors<float>(dims);
    tensor_view<float const> const x(memory.x, dims);
    tensor_view<float> const y(memory.y, dims);
    tensor_view<float> const want(memory.want, dims);
    auto const stream = std::make_shared<tshift::shift_stream<float>>(plan, shape{1, 1, dims.channels});
    tshift::reference::shift(x, want, plan);
    for (int pass = 0; pass < 2; ++pass) {  // the second proves that flush leaves the stream as new
      memory.poison();
      run_stream(*stream, x, y, chunk);
      expect_equal(want, y);
    }
    return std::pair([=] { run_stream(*stream, x, y, chunk); },
                     [=] {
                       for (index_t t = 0; t < dims.time; t += chunk) {
                         auto const frames = static_cast<std::size_t>(std::min(chunk, dims.time - t));
                         std::memcpy(y.at(0, t, 0), x.at(0, t, 0), frames * 768 * sizeof(float));
                         benchmark::ClobberMemory();
                       }
                     });
  });
}

void add_shift_stream() {
  for (way const w : {delay, both}) {
    for (index_t const chunk : {1, 16}) add(w, chunk);
  }
}

registration const shift_stream_rows(60, add_shift_stream);

}  // namespace
}  // namespace tshift_bench
