// SPDX-License-Identifier: MIT
#include "new_image_options.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

#include "error.hpp"
#include "image_models.hpp"

namespace ser {
namespace {

/// One for each of so many, where one was given.
std::vector<index_t> spread(std::vector<index_t> list, std::size_t count, char const* name) {
  if (list.size() == 1) list.resize(count, list[0]);
  if (list.size() != count) {
    throw usage_error(std::string(name) + ": " + std::to_string(list.size()) +
                      " of them, must be one, or one for each of " + std::to_string(count) + " convolutions");
  }
  return list;
}

bool has(std::vector<tshift::summary_kind> const& kinds, tshift::summary_kind which) {
  return std::ranges::find(kinds, which) != kinds.end();
}

}  // namespace

void new_image_options::add_to(CLI::App& app) {
  of_crnn_ = {
      add_counts(app, "--widths", widths_, "Frames of a CRNN's first filters, side by side (5,9,17,33)"),
      add_optional_count(app, "--width-bands", width_bands_, 1, "Their bands (3)"),
      add_counts(app, "--filters", filters_, "Channels that each width makes: one number, or one for each (32)"),
      add_counts(app, "--body", body_,
                 "Channels of a CRNN's further convolutions; none: there are none\n(256,256,256,256,256)",
                 /*none=*/true),
      add_windows(app, "--body-taps", body_taps_, "Frames and bands of their filters: one pair, or one for each (5x3)"),
      add_optional_count(app, "--frame-size", frame_, 0,
                         "Of a CRNN's linear layer over a frame; 0: there is none (768)"),
      add_optional_count(app, "--attention", attention_, 1,
                         "Width of the network of --summary attention (as the LSTM's outputs)"),
      add_optional_count(app, "--head-size", head_, 1, "Channels between a CRNN's last two layers (64)"),
      add_optional_count(
          app, "--pixel-channels", pixels_, 1,
          "Into how many images a CRNN's frame is cut, one beside the other\n(3 with --deltas, else 1)")};
  of_vit_ = {add_optional_count(app, "--dim", dim_, 1, "Channels of a ViT's token (256)"),
             add_optional_count(app, "--head-dim", head_dim_, 1, "Of each of its heads (64)"),
             add_counts(app, "--stem", stem_, "Channels of a teacher's convolutions, the last 1 (16,32,64,32,16,1)")};
}

std::string new_image_options::first_of(options const& some) {
  for (CLI::Option const* each : some) {
    if (each->count() > 0) return each->get_name();
  }
  return {};
}

std::string new_image_options::first() const {
  std::string const of_crnn = first_of(of_crnn_);
  return of_crnn.empty() ? first_of(of_vit_) : of_crnn;
}

void new_image_options::take_crnn(new_model& m, model_options const& words, index_t hidden, index_t channels) const {
  if (std::string const other = first_of(of_vit_); !other.empty()) {
    throw usage_error(other + " is an option of a vertical-patch ViT, and the new model is a CRNN");
  }
  train::crnn_sizes& s = m.crnn;
  s.channels = pixels_.value_or(channels);
  s.widths = widths_.value_or(s.widths);
  s.width_bands = width_bands_.value_or(s.width_bands);
  s.filters = spread(filters_.value_or(std::vector<index_t>{s.filters[0]}), s.widths.size(), "--filters");
  s.body = body_.value_or(s.body);
  if (body_taps_ && s.body.empty()) throw usage_error("--body-taps changes nothing without --body");
  std::vector<index_t> frames{s.body_frames[0]}, bands{s.body_bands[0]};
  if (body_taps_) {
    frames.clear();
    bands.clear();
    for (window_size const& each : *body_taps_) {
      frames.push_back(each.frames);
      bands.push_back(each.bands);
    }
  }
  s.body_frames = spread(frames, s.body.size(), "--body-taps");
  s.body_bands = spread(bands, s.body.size(), "--body-taps");
  s.frame = frame_.value_or(s.frame);
  if (hidden > 0) s.hidden = hidden;
  s.both_ways = !m.one_way;
  s.head = head_.value_or(s.head);
  m.shift = shift_for(architecture::crnn, words, std::accumulate(s.filters.begin(), s.filters.end(), index_t{0}));
  m.images = words.images;
  check_image_words(architecture::crnn, m.images, m.shift, "the new model is a CRNN");

  auto const kinds = m.images.summary.value_or(std::vector<tshift::summary_kind>{});
  bool const attends = has(kinds, tshift::summary_kind::attention) || (kinds.empty() && attention_);
  if (attends) s.attention = attention_.value_or((m.one_way ? 1 : 2) * s.hidden);
  if (attention_ && !attends) throw usage_error("--attention changes nothing in --summary " + name_of(kinds));
  if (m.images.scorer && !attends) throw usage_error("--scorer is of --summary attention");
  if (m.images.summary_eps && !has(kinds, tshift::summary_kind::std))
    throw usage_error("--summary-eps is of --summary std");
  if (m.images.norm_eps) throw usage_error("--norm-eps: a new CRNN has no batch norms");
}

void new_image_options::take_vit(new_model& m, model_options const& words, bool teacher, index_t hidden,
                                 index_t blocks) const {
  if (std::string const other = first_of(of_crnn_); !other.empty()) {
    throw usage_error(other + " is an option of a CRNN, and the new model is a vertical-patch ViT");
  }
  if (stem_ && !teacher) throw usage_error("--stem: a student has none");
  train::vertical_vit_sizes& s = m.vit;
  if (teacher) s.stem = stem_.value_or(train::vertical_vit_sizes::released_stem());
  s.width = dim_.value_or(s.width);
  s.layers = blocks > 0 ? blocks : teacher ? 6 : 3;
  if (hidden > 0) s.hidden = hidden;
  index_t const heads = words.images.heads.value_or(5), of_each = head_dim_.value_or(64);
  s.inner = heads * of_each;
  s.projects = heads != 1 || of_each != s.width;  // as the authors' code has it
  m.shift = shift_for(architecture::vertical_vit, words, s.width);
  m.images = words.images;
  m.images.heads.reset();
  if (of_each != 64) m.images.heads = heads;  // which no tensor says
  if (m.images.coordinates && !teacher) throw usage_error("--coordinates: a student has none");
  check_image_words(architecture::vertical_vit, m.images, m.shift, "the new model is a vertical-patch ViT");
}

}  // namespace ser
