// SPDX-License-Identifier: MIT
// The ablation of the vertical-patch ViT: its teacher, its student, what the one brings to the other, and a shift.
#include <memory>
#include <string>
#include <tshift/nn/options.hpp>
#include <utility>
#include <vector>

#include "study_settings.hpp"

namespace ser {
namespace {

using stages = std::vector<train::transfer_options>;
using tshift::direction;
using tshift::placement;

/// Of the distance of features beside the classes. The paper's is not public.
constexpr double alpha = 1;

study_setting vit(std::string name, std::string words, std::vector<index_t> stem) {
  study_setting s{std::move(name), std::move(words), {}};
  s.model.kind = architecture::vertical_vit;
  train::vertical_vit_sizes& sizes = s.model.vit;
  sizes.width = 32;
  sizes.layers = 2;
  sizes.inner = 32;
  sizes.hidden = 64;
  s.model.images.heads = 2;
  if (!stem.empty())
    s.model.images.coordinates =
        tshift::pixel_coordinates::corrected;  // no square: the released ones would run over the edge
  sizes.stem = std::move(stem);
  return s;
}

study_setting taught(study_setting s, std::string name, std::string words,
                     std::shared_ptr<study_setting const> const& teacher, stages how) {
  s.name = std::move(name);
  s.words = std::move(words);
  s.teacher = teacher;
  s.stages = std::move(how);
  return s;
}

study_setting shifted(std::string const& name, std::string const& words, direction towards, placement where) {
  study_setting s = vit(name, words, {});
  s.model.shift = {4, towards, 1, where};
  return s;
}

}  // namespace

study_form vit_study() {
  study_setting teacher = vit("teacher", "stem of five convolutions, coordinates", {4, 8, 8, 4, 1});
  teacher.teaches = true;
  auto const by = std::make_shared<study_setting const>(teacher);
  study_setting const student = vit("student", "neither, classes alone", {});
  study_setting const moved = shifted("shift", "shift 1/4, two ways", direction::both, placement::both);
  auto const by_features = train::transfer_options::of_features(), by_classes = train::transfer_options::of_classes(),
             by_both = train::transfer_options::of_both(alpha);

  study_form form;
  form.name = "study_vit";
  form.bands = 24;
  form.epochs = 2;
  form.seeds = 1;
  form.batch = 8;
  form.settings = {
      teacher,
      vit("teacher-one", "stem of one convolution, coordinates", {1}),
      vit("places", "no stem, the column's coordinate", {}),
      student,
      vit("student-longer", "student, twice the epochs", {}),
      taught(student, "transfer", "student: features, then both", by, {by_features, by_both}),
      taught(student, "transfer-both", "student: both, without the first stage", by, {by_both}),
      taught(student, "transfer-classes", "student: features, then classes alone", by, {by_features, by_classes}),
      taught(student, "transfer-features", "student: features, and the teacher's last layer", by, {by_features}),
      moved,
      shifted("shift-delay", "shift 1/4, one way", direction::delay, placement::both),
      shifted("shift-branch", "shift 1/4, two ways, branch", direction::both, placement::branch),
      shifted("shift-skip", "shift 1/4, two ways, skip", direction::both, placement::skip),
      taught(moved, "shift-transfer", "shift 1/4, two ways: features, then both", by, {by_features, by_both}),
  };
  for (study_setting& s : form.settings) {
    if (s.name == "places") s.reads = study_features::places;
    if (s.name == "student-longer") s.more = 2;
    s.borrows = s.name == "transfer-features";
    for (char const* const name : {"teacher", "student", "transfer", "shift"}) s.quick = s.quick || s.name == name;
  }
  form.comparisons = {
      {"teacher against student: stem and coordinates", "teacher", "student"},
      {"five convolutions in place of one", "teacher", "teacher-one"},
      {"the column's coordinate alone", "places", "student"},
      {"stem and both coordinates in place of that", "teacher", "places"},
      {"transfer, both stages", "transfer", "student"},
      {"the same, against as many epochs of classes", "transfer", "student-longer"},
      {"its first stage, features alone", "transfer", "transfer-both"},
      {"features in its second stage", "transfer", "transfer-classes"},
      {"its second stage, against the teacher's last layer", "transfer", "transfer-features"},
      {"shift in place of positions", "shift", "student"},
      {"two ways in place of one", "shift", "shift-delay"},
      {"both paths in place of the branch", "shift", "shift-branch"},
      {"both paths in place of the skip connection", "shift", "shift-skip"},
      {"transfer to a student with a shift", "shift-transfer", "shift"},
      {"what is left of the gap: teacher against shift", "teacher", "shift"},
      {"the same, against shift and transfer", "teacher", "shift-transfer"},
  };
  return form;
}

}  // namespace ser
