// SPDX-License-Identifier: MIT
// Weights as bf16, beside the same block or model in full: half the memory to read, and, where the processor multiplies
// bf16, half the time of a product.
#include <tshift/models/crnn.hpp>
#include <tshift/models/shift_cnn.hpp>
#include <tshift/models/shift_lstm.hpp>
#include <tshift/models/shiftformer.hpp>
#include <tshift/models/speech_encoder.hpp>
#include <tshift/models/vertical_vit.hpp>
#include <tshift/weights/speech_encoder_names.hpp>

#include "../tests/support/seeded.hpp"
#include "../tests/support/seeded_neighbours.hpp"
#include "../tests/support/seeded_speech.hpp"
#include "floors.hpp"

namespace tshift_bench { namespace {

namespace models = tshift::models;
namespace nn = tshift::nn;
using tshift::stored;
using tshift::weights::state_dict;

constexpr index_t classes = 4;
constexpr double never_slower = 1;  // elsewhere
constexpr double half = nn::kernel::multiplies_bf16 ? 0.6 : never_slower;

std::string ntc(shape const& on) { return "ntc 1x" + std::to_string(on.time) + "x" + std::to_string(on.channels); }

/// @param make  make(how) gives the block or model with weights kept so
/// @param out   of y, for x of this shape
template <class Make>
void add_pair(std::string const& name, std::string const& on, shape const& dims, shape const& out, double target,
              Make const& make) {
  row const info{.table = std::string("bf16 weights: ") +
                          (nn::kernel::multiplies_bf16 ? "multiplied as they are" : "widened") +
                          "; floor: the same in full",
                 .tensor = on,
                 .variant = name,
                 .target = target,
                 .footprint = static_cast<std::size_t>(dims.size()) * sizeof(float),
                 .slow = true};
  add_row(info, [=] {
    auto const near = make(stored::bf16), full = make(stored::full);
    auto const in = std::make_shared<buffer<float>>(), made = std::make_shared<buffer<float>>(),
               wanted = std::make_shared<buffer<float>>();
    in->reserve(static_cast<std::size_t>(dims.size()));
    fill_random(in->data(), static_cast<std::size_t>(dims.size()), 1);
    for (auto const& each : {made, wanted}) each->reserve(static_cast<std::size_t>(out.size()));
    tensor_view<float const> const x(in->data(), dims, layout::ntsc);
    tensor_view<float> const y(made->data(), out), want(wanted->data(), out);
    auto const room = scratch(
        std::max(static_cast<index_t>(full.workspace_size(dims)), static_cast<index_t>(near.workspace_size(dims))));
    auto const forward = [x, room, in](auto const& block, tensor_view<float> const& to) { block.forward(x, to, room); };
    forward(full, want);
    forward(near, y);
    double off = 0, all = 0;
    for (index_t i = 0; i < want.size(); ++i) {
      auto const a = static_cast<double>(y.data[i]), b = static_cast<double>(want.data[i]);
      off += (a - b) * (a - b);
      all += b * b;
    }
    if (!(std::sqrt(off / all) < 0.03)) throw std::runtime_error("as bf16 it is further from full than 3 %");
    return std::pair([=] { forward(near, (void(made), y)); }, [=] { forward(full, (void(wanted), want)); });
  });
}

state_dict stored_as(state_dict weights, stored how) {
  weights.store_as(how);
  return weights;
}

/// wav2vec 2.0 base, or in small for a smoke test.
test_support::speech_sizes base(bool smoke) {
  test_support::speech_sizes s = test_support::published_sizes(false);
  if (!smoke) return s;
  s.channels = std::vector<index_t>(7, 32);
  s.width = 48;
  s.layers = 2;
  s.heads = 4;
  s.hidden = 96;
  s.taps = 16;
  s.groups = 2;
  return s;
}

void add_all_pairs() {
  bool const smoke = current_effort() == effort::smoke;
  index_t const D = smoke ? 48 : 768, time = smoke ? 40 : 374;
  auto const values = [](index_t count, index_t fan, std::uint64_t seed) {
    return random_values(count, 1 / std::sqrt(static_cast<double>(fan)), seed);
  };
  for (index_t const rows : {index_t{1}, time}) {
    add_pair("linear, D to 4 D", ntc({1, rows, D}), {1, rows, D}, {1, rows, 4 * D}, half, [=](stored how) {
      return nn::linear<float>(D, 4 * D, {values(4 * D * D, D, 1), how}, values(4 * D, 1, 2));
    });
  }
  add_pair("LSTM, two directions", ntc({1, time, D}), {1, time, D}, {1, time, 2 * D}, half, [=](stored how) {
    auto const ih = values(4 * D * D, D, 3), hh = values(4 * D * D, D, 4), bias = values(4 * D, D, 5);
    nn::lstm_weights<float> const w{{ih, how}, {hh, how}, bias, bias};
    return nn::lstm<float>(D, D, w, w);
  });
  auto const weights = [D](char const* kind, stored how) {
    return stored_as(test_support::seeded_weights<float>({kind, "none", D, 0, classes}, 1), how);
  };
  shape const frames{1, time, D}, logits{1, 1, classes};
  add_pair("ShiftCNN", ntc(frames), frames, logits, 0,
           [=](stored how) { return models::shift_cnn<float>(weights("cnn", how)); });
  add_pair("ShiftLSTM", ntc(frames), frames, logits, 0,
           [=](stored how) { return models::shift_lstm<float>(weights("shift_lstm", how)); });
  add_pair("Shiftformer", ntc(frames), frames, logits, 0,
           [=](stored how) { return models::shiftformer<float>(weights("shiftformer", how)); });
  test_support::crnn_sizes crnn;
  test_support::vit_sizes vit;
  vit.teacher = true;
  if (smoke) {
    crnn.bands = 9;
    crnn.filters = 16;
    crnn.body = {48, 48};
    crnn.frame = 20;
    crnn.hidden = 8;
    vit.rows = 32;
  }
  shape const image{1, smoke ? 20 : 300, crnn.channels, crnn.bands}, columns{1, smoke ? 24 : 128, vit.rows};
  add_pair("CRNN", image_text(image), image, logits, 0, [=](stored how) {
    return models::crnn<float>(stored_as(test_support::seeded_neighbour<float>(crnn, 1), how));
  });
  add_pair("vertical-patch ViT, teacher", ntc(columns), columns, logits, 0, [=](stored how) {
    return models::vertical_vit<float>(stored_as(test_support::seeded_neighbour<float>(vit, 1), how));
  });
  test_support::speech_sizes const s = base(smoke);
  shape const sound{1, smoke ? 4000 : 120000, 1};
  add_pair("encoder base", ntc(sound), sound, {1, smoke ? 12 : 374, s.width}, half, [=](stored how) {
    auto const checkpoint = stored_as(test_support::seeded_speech<float>(s, 1), how);
    return models::speech_encoder<float>(tshift::weights::speech_encoder_weights(checkpoint), {.heads = s.heads});
  });
}

registration const bf16_rows(96, add_all_pairs);

}  // namespace
}  // namespace tshift_bench
