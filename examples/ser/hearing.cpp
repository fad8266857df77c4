// SPDX-License-Identifier: MIT
#include "hearing.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <tshift/audio/normalise.hpp>
#include <utility>

namespace ser {
namespace {

std::string said_in(std::map<std::string, std::string> const& metadata, char const* name) {
  auto const found = metadata.find(name);
  return found == metadata.end() ? "" : found->second;
}

}  // namespace

sound_features::sound_features(tshift::log_mel_options const& options, feature_form const* form, bool normalised)
    : mel_(options), form_(form), normalised_(normalised), rate_(static_cast<int>(std::lround(options.sample_rate))) {}

std::vector<float> sound_features::of(waves<float> const& sound) const {
  formed<float> made{{1, mel_.frames(sound.samples), mel_.bands()}, {}, {}};
  if (made.shape.time == 0) return made.values;
  made.values.resize(static_cast<std::size_t>(made.shape.size()));
  made.lengths = {made.shape.time};
  auto workspace = mel_.make_workspace(sound.view().shape);
  mel_.forward(sound.view(), made.view(), workspace);
  if (form_ != nullptr) made = form_->with_deltas(std::move(made));
  if (normalised_) tshift::audio::normalise_utterances<float>(made.view(), made.view());
  if (form_ != nullptr) made = form_->as_image(std::move(made));
  return made.values;
}

hearing::hearing(std::map<std::string, std::string> const& metadata)
    : front_end_(app_), form_(app_), normalise_(said_in(metadata, "normalise")),
      crop_(std::max<index_t>(0, std::strtoll(said_in(metadata, "crop").c_str(), nullptr, 10))) {
  std::string const features = said_in(metadata, "features");
  if (features.empty()) return;
  app_.parse(features);
  known_ = true;
}

sound_features hearing::features() const {
  bool const as_usual = normalise_.empty() ? !form_.is_image() : normalise_ == "utterance";
  return {front_end_.make(), form_.is_default() ? nullptr : &form_, as_usual};
}

tshift::tensor_view<float const> middle(std::span<float const> features, index_t channels, index_t crop) {
  index_t const all = static_cast<index_t>(features.size()) / channels, some = crop > 0 ? std::min(crop, all) : all;
  return {features.data() + (all - some) / 2 * channels, {1, some, channels}};
}

}  // namespace ser
