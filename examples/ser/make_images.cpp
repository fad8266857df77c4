// SPDX-License-Identifier: MIT
// The part of make_models that is models of images: CRNNs and vertical-patch ViTs.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <tshift/models/crnn.hpp>
#include <tshift/models/vertical_vit.hpp>
#include <vector>

#include "make_models.hpp"
#include "support/seeded_neighbours.hpp"

namespace {

using namespace make_models;
using test_support::seeded;
using tshift::direction;
using tshift::placement;
using tshift::weights::state_dict;

constexpr index_t bands = 13, rows = 14, deltas = 3;  // a CRNN's, and a ViT's
std::vector<std::int64_t> const image_lengths = {10, 4, 2};

test_support::crnn_sizes crnn_of(bool other) {
  test_support::crnn_sizes s;
  s.channels = other ? 1 : deltas;
  s.bands = bands;
  s.filters = 4;
  s.widths = other ? std::vector<index_t>{3} : std::vector<index_t>{5, 8};
  s.body = {6, 5};
  s.frame = other ? 0 : 9;
  s.hidden = 5;
  s.directions = other ? 1 : 2;
  s.attention = other ? 7 : 0;
  s.summaries = other ? 1 : 2;
  s.head = 6;
  s.norm = other;
  if (other) s.pool = {3, 2};
  return s;
}

test_support::vit_sizes vit_of(bool teacher, index_t depth_of_head = 5) {
  test_support::vit_sizes s;
  s.teacher = teacher;
  s.rows = rows;
  s.width = 12;
  s.heads = depth_of_head == 64 ? 2 : 3;
  s.depth_of_head = depth_of_head;
  s.hidden = 20;
  s.layers = 2;
  return s;
}

}  // namespace

/// The same numbers as [N, T, C F], the bands of each channel beside each other, and as an image.
void make_models::write_images() {
  auto const planar = seeded<float>("x", {batch, frames, deltas * bands}, seed);
  std::vector<float> pixels, turned;
  for (index_t row = 0; row < batch * frames; ++row) {
    for (index_t f = 0; f < bands; ++f) {
      for (index_t c = 0; c < deltas; ++c) {
        pixels.push_back(planar[static_cast<std::size_t>((row * deltas + c) * bands + f)]);
      }
    }
  }
  tensor const lengths_of("lengths", {batch}, image_lengths);
  write("io_crnn", {{"x", {batch, frames, deltas * bands}, planar}, lengths_of});
  write("io_crnn_pixels", {{"x", {batch, frames, bands, deltas}, pixels}, lengths_of});
  write("bad_io_crnn_pixels", {{"x", {batch, frames, deltas, bands}, pixels}});
  std::span const all(planar);
  write("io_bands", {{"x", {batch, frames, bands}, all.first(static_cast<std::size_t>(batch * frames * bands))}});
  write("bad_io_bands", {{"x", {1, 2, bands}, all.first(static_cast<std::size_t>(2 * bands))}});
  std::vector<std::int64_t> const one = {10, 1, 2};
  write("bad_io_crnn_short", {{"x", {batch, frames, deltas * bands}, planar}, {"lengths", {batch}, one}});

  auto const columns = seeded<float>("x", {batch, frames, rows}, seed);
  for (index_t n = 0; n < batch; ++n) {
    for (index_t h = 0; h < rows; ++h) {
      for (index_t w = 0; w < frames; ++w) {
        turned.push_back(columns[static_cast<std::size_t>((n * frames + w) * rows + h)]);
      }
    }
  }
  std::vector<std::int64_t> const labels = {0, 1, 3};
  write("io_vit", {{"x", {batch, frames, rows}, columns}, lengths_of, {"labels", {batch}, labels}});
  write("io_vit_planes", {{"x", {batch, 1, rows, frames}, turned}, lengths_of});
  write("bad_io_vit_planes", {{"x", {1, batch, rows, frames}, turned}});

  using tshift::layout;
  using tshift::models::crnn;
  using tshift::models::vertical_vit;
  std::vector<index_t> const frames_of(image_lengths.begin(), image_lengths.end());
  tshift::shape const image{batch, frames, deltas, bands};
  tshift::tensor_view<float const> const x3(pixels, image, layout::ntsc),
      x3_ragged(pixels, image, layout::ntsc, frames_of);
  tshift::tensor_view<float const> const x1(planar.data(), {batch, frames, 1, bands}, layout::ntsc);
  tshift::tensor_view<float const> const x2(columns, {batch, frames, rows});
  tshift::tensor_view<float const> const x2_ragged(columns, x2.shape, layout::ntc, frames_of);

  auto const file = [](std::string const& name, state_dict const& weights) {
    write(name, tensors(weights.begin(), weights.end()));
  };
  using test_support::seeded_neighbour;
  state_dict const first = seeded_neighbour<float>(crnn_of(false), seed),
                   second = seeded_neighbour<float>(crnn_of(true), seed);
  file("crnn", first);
  file("crnn_other", second);
  expect("crnn", crnn<float>(first), x3);
  expect("crnn_ragged", crnn<float>(first), x3_ragged);
  tshift::crnn_options how;
  how.image.f = tshift::activation::elu(0.5);
  expect("crnn_elu", crnn<float>(first, how), x3);
  how.image.f = tshift::activation::relu();
  how.summary = {tshift::summary_kind::last, tshift::summary_kind::std};
  how.summary_eps = 0.5;
  expect("crnn_std", crnn<float>(first, how), x3);
  how = {};
  how.image.shift = {2, direction::both, 1, placement::branch};
  expect("crnn_shift", crnn<float>(first, how), x3);
  how.image.shifted = {2};
  expect("crnn_shift_2", crnn<float>(first, how), x3);
  how = {};
  how.image.pool_time = {3, 3};
  how.image.pool_bands = {2, 2};
  how.image.norm_eps = 0.25;
  how.scorer = tshift::attention_scorer::tanh;
  expect("crnn_other", crnn<float>(second, how), x1);

  state_dict const student = seeded_neighbour<float>(vit_of(false), seed),
                   teacher = seeded_neighbour<float>(vit_of(true), seed);
  state_dict const usual = seeded_neighbour<float>(vit_of(false, 64), seed);
  file("student", student);
  file("teacher", teacher);
  file("student_64", usual);
  // "model" and "shift" as options, as a training would leave them.
  write("student_said", tensors(student.begin(), student.end()),
        {{"model", "--heads 3 --pool mean"},
         {"shift", "--n-div 4 --direction both --placement branch"},
         {"labels", "a,b,c,d"}});
  write("student_labels", tensors(student.begin(), student.end()), {{"model", "--heads=3"}, {"labels", "0,1,2,3"}});
  // Of sounds, with what they become.
  write("student_hears", tensors(student.begin(), student.end()),
        {{"model", "--heads 3"},
         {"labels", "0,1,2,3"},
         {"features", "--preset librosa --bands 14 --hop 400 --image=14x10 --image-resize=area"}});
  write("crnn_hears", tensors(first.begin(), first.end()),
        {{"labels", "0,1,2,3"}, {"features", "--preset kaldi --bands 13 --deltas=htk"}, {"normalise", "utterance"}});
  tshift::vertical_vit_options o;
  o.heads = 3;
  expect("student", vertical_vit<float>(student, o), x2);
  expect("student_ragged", vertical_vit<float>(student, o), x2_ragged);
  expect("teacher", vertical_vit<float>(teacher, o), x2);
  o.coordinates = tshift::pixel_coordinates::corrected;
  expect("teacher_corrected", vertical_vit<float>(teacher, o), x2);
  expect("student_64", vertical_vit<float>(usual), x2);
  o = {};
  o.heads = 3;
  o.mean = true;
  expect("student_mean", vertical_vit<float>(student, o), x2);
  o.shift = {4, direction::both, 1, placement::branch};
  expect("student_shift", vertical_vit<float>(student, o), x2);
  // A patch of 14 x 1 has as many elements as one of 7 x 2.
  o = {};
  o.heads = 3;
  o.patch_width = 2;
  o.patch_height = 7;
  expect("student_patches", vertical_vit<float>(student, o), x2);

  tensors list(student.begin(), student.end());
  write("bad_vit_missing", with(list, "mlp_head.bias", {}));
  write("bad_vit_patches", with(list, "to_patch_embedding.1.weight", {}));
  write("bad_crnn_missing", with(tensors(first.begin(), first.end()), "head.1.bias", {}));
}
