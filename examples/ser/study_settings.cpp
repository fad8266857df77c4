// SPDX-License-Identifier: MIT
#include "study_settings.hpp"

#include <algorithm>
#include <cmath>
#include <tshift/nn/residual.hpp>
#include <utility>

#include "metrics.hpp"

namespace ser {
namespace {

using tshift::direction;
using tshift::placement;

/// Every sum of one of each.
std::set<index_t> sums(std::set<index_t> const& a, std::set<index_t> const& b) {
  std::set<index_t> result;
  for (index_t const x : a) {
    for (index_t const y : b) result.insert(x + y);
  }
  return result;
}

study_setting shifted(index_t n_div, direction towards, placement where, index_t stride) {
  std::string const share = std::to_string(n_div);
  study_setting s;
  s.name = "n" + share;
  s.words = "1/" + share + (towards == direction::both ? ", two ways" : ", one way");
  if (towards == direction::delay) s.name += "-delay";
  if (where != placement::both) {
    s.name += std::string("-") + name_of(where);
    s.words += std::string(", ") + name_of(where);
  }
  if (stride != 1) {
    s.name += "-stride" + std::to_string(stride);
    s.words += ", stride " + std::to_string(stride);
  }
  s.model.shift = {n_div, towards, stride, where};
  return s;
}

study_setting learned(std::string const& name, std::string const& words, double width, bool from_paper) {
  study_setting s{"learned-" + name, "learned, from " + words, {}};
  s.model.learned = true;
  s.model.learned_spread = width;
  s.from_paper = from_paper;
  return s;
}

study_setting convolving(std::string const& name, std::string const& words, tshift::model_shift const& shift) {
  study_setting s{name, words, {}};
  s.model.kind = architecture::cnn;
  s.model.shift = shift;
  return s;
}

}  // namespace

study_form shift_study() {
  std::pair<direction, placement> const kinds[] = {{direction::both, placement::both},
                                                   {direction::delay, placement::both},
                                                   {direction::both, placement::skip},
                                                   {direction::both, placement::branch}};
  std::vector<study_setting> all{{"none", "no shift", {}}};
  for (auto const& [towards, where] : kinds) {
    for (index_t const n_div : {2, 4, 8, 16}) all.push_back(shifted(n_div, towards, where, 1));
  }
  for (index_t const stride : {2, 3}) all.push_back(shifted(4, direction::both, placement::both, stride));
  all.push_back({"roll", "no shift, rolled in training", {}, 8});
  all.push_back(learned("zero", "0", 0, false));
  all.push_back(learned("uniform", "[-1, 1]", 1, false));
  all.push_back(learned("paper", "1/4, two ways", 0, true));
  all.push_back(convolving("cnn", "CNN, no shift", {}));
  all.push_back(convolving("shift-cnn", "ShiftCNN: 1/16, one way, skip", {16, direction::delay, 1, placement::skip}));
  for (study_setting& s : all) {
    for (char const* const name : {"none", "n2", "n4", "n4-delay", "n2-branch", "roll", "learned-uniform", "cnn"}) {
      s.quick = s.quick || s.name == name;
    }
  }
  study_form form;
  form.name = "study";
  form.settings = std::move(all);
  return form;
}

mixture mixed(new_model const& model) {
  tshift::nn::placed_plan const shift(model.shift, model.channels);
  std::set<index_t> moved, taps;
  index_t channels = 0;
  for (tshift::fold const& f : shift.plan.folds()) {
    if (f.count > 0) moved.insert(f.offset);
    channels += f.count;
  }
  if (channels < model.channels) moved.insert(0);
  bool const convolves = model.kind == architecture::cnn;
  index_t const reach = convolves ? model.taps / 2 : 0;
  for (index_t k = -reach; k <= reach; ++k) taps.insert(k);

  std::set<index_t> const still{0};
  mixture at{still, still};
  for (index_t i = 0; i < model.blocks; ++i) {
    bool const shifts = !convolves || i + 1 == model.blocks;
    auto const& branch = shifts && tshift::nn::shifts_branch(shift.where) ? moved : still;
    auto const& skip = shifts && tshift::nn::shifts_skip(shift.where) ? moved : still;
    at.by_perceptron = sums(at.by_norm, sums(branch, taps));
    at.by_norm = sums(at.by_norm, skip);
    at.by_norm.insert(at.by_perceptron.begin(), at.by_perceptron.end());
  }
  return at;
}

prediction predicted(new_model const& model, index_t distance) {
  if (model.learned) return prediction::open;
  if (model.kind == architecture::crnn || !model.vit.stem.empty()) return prediction::sees;
  if (model.kind == architecture::vertical_vit) {
    bool const moves = model.shift.n_div != 0 && model.shift.where != placement::none;
    return !moves ? prediction::chance : distance == 0 ? prediction::sees : prediction::open;
  }
  mixture const at = mixed(model);
  if (at.by_norm.size() == 1) return prediction::chance;
  auto const meet = [distance](std::set<index_t> const& in) {
    if (distance == 0) return in.size() > 1;
    return std::ranges::any_of(in, [&in, distance](index_t o) { return in.contains(o + distance); });
  };
  if (meet(at.by_perceptron)) return prediction::sees;
  return meet(at.by_norm) ? prediction::faint : prediction::blind;
}

prediction predicted(study_setting const& setting, new_model const& model, index_t distance) {
  return setting.reads == study_features::places ? prediction::sees : predicted(model, distance);
}

char const* name_of(prediction of) {
  switch (of) {
    case prediction::chance: return "chance";
    case prediction::blind: return "blind";
    case prediction::faint: return "faint";
    case prediction::sees: return "sees";
    case prediction::open: break;
  }
  return "open";
}

bool is_met(prediction of, std::vector<double> const& accuracies) {
  double const mean = spread(accuracies).mean;
  switch (of) {
    case prediction::chance: return std::ranges::all_of(accuracies, [](double a) { return std::fabs(a - 50) <= 0.5; });
    case prediction::blind: return std::fabs(mean - 50) <= 3;
    case prediction::faint: return mean > 50;
    case prediction::sees: return mean > 80;
    case prediction::open: break;
  }
  return true;
}

}  // namespace ser
