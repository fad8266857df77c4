// SPDX-License-Identifier: MIT
// Models fed frame by frame, beside themselves on the whole clip. Times are per frame.
#include <tshift/models/crnn.hpp>
#include <tshift/models/shift_cnn.hpp>
#include <tshift/models/shift_lstm.hpp>
#include <tshift/models/shiftformer.hpp>
#include <tshift/models/streamed.hpp>

#include "../tests/support/seeded.hpp"
#include "../tests/support/seeded_neighbours.hpp"
#include "floors.hpp"

namespace tshift_bench { namespace {

namespace models = tshift::models;
constexpr index_t classes = 4;

/// Pushes x in chunks, and flushes; y receives the logits. The stream is as new afterwards.
template <class Model>
void run_stream(models::streamed<Model>& live, tensor_view<float const> x, tensor_view<float> y, index_t chunk) {
  for (index_t t = 0; t < x.shape.time; t += chunk) live.push(x.slice_frames(t, std::min(chunk, x.shape.time - t)));
  live.flush(y);
}

/// make() gives the model.
template <class Make>
void add_streamed(char const* name, shape const& dims, index_t chunk, Make const& make) {
  bool const images = dims.space > 1;
  std::string const clip =
      images ? image_text(dims) : "1x" + std::to_string(dims.time) + "x" + std::to_string(dims.channels);
  row const info{
      .table = "streamed models: a clip pushed in chunks, then flushed; floor: the model on all of it; per frame",
      .tensor = "chunk " + std::to_string(chunk) + " of " + clip,
      .variant = name,
      .target = chunk == 16 ? 1.5 : 0,
      .frames = dims.time,
      .footprint = static_cast<std::size_t>(dims.size()) * sizeof(float),
      .slow = true};
  add_row(info, [=] {
    auto const model = make();
    auto const memory = tensors<float>(dims);
    tensor_view<float const> const x(memory.x, dims, layout::ntsc);
    tensor_view<float> const y(memory.y, {1, 1, classes}), want(memory.want, {1, 1, classes});
    auto const live = std::make_shared<models::streamed<std::remove_cvref_t<decltype(model)>>>(model, 1, dims.space);
    std::printf("%s, chunk %td: a stream takes %td KiB besides the weights\n", name, chunk,
                live->memory_bytes() / 1024);
    auto const room = scratch(model.workspace_size(dims));
    model.forward(x, want, room);
    for (int pass = 0; pass < 2; ++pass) {  // the second proves that flush leaves the stream as new
      run_stream(*live, x, y, chunk);
      closeness error;
      for (index_t k = 0; k < classes; ++k) error.add(static_cast<double>(want(0, 0, k)), y(0, 0, k));
      error.check(name);
    }
    return std::pair([=] { run_stream(*live, x, y, chunk); }, [=] { model.forward(x, want, room); });
  });
}

void add_streamed_models() {
  bool const smoke = current_effort() == effort::smoke;
  shape const dims{1, smoke ? 40 : 374, smoke ? 48 : 768};
  auto const weights = [dims](char const* kind) {
    return test_support::seeded_weights<float>({kind, "none", dims.channels, 0, classes, true}, 1);
  };
  test_support::crnn_sizes sizes;
  sizes.directions = 1;
  if (smoke) {
    sizes.bands = 9;
    sizes.filters = 16;
    sizes.body = {32, 32};
    sizes.frame = 20;
    sizes.hidden = 8;
  }
  shape const image{1, smoke ? 20 : 300, sizes.channels, sizes.bands};
  for (index_t const chunk : {1, 16, 64}) {
    add_streamed("ShiftCNN", dims, chunk, [=] { return models::shift_cnn<float>(weights("cnn")); });
    add_streamed("Shiftformer", dims, chunk, [=] { return models::shiftformer<float>(weights("shiftformer")); });
    add_streamed("ShiftLSTM of one direction", dims, chunk,
                 [=] { return models::shift_lstm<float>(weights("shift_lstm")); });
    add_streamed("CRNN of one direction", image, chunk,
                 [=] { return models::crnn<float>(test_support::seeded_neighbour<float>(sizes, 1)); });
  }
}

registration const streamed_rows(97, add_streamed_models);

}  // namespace
}  // namespace tshift_bench
