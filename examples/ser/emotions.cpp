// SPDX-License-Identifier: MIT
#include "emotions.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <tshift/io/safetensors.hpp>
#include <tshift/nn/pool.hpp>
#include <utility>

#include "error.hpp"

namespace ser {
namespace {

using tshift::models::hidden_states;
using tshift::models::sequence_head;
using tshift::weights::state_dict;
using head_kinds = std::variant<sequence_head<float>, network>;

/// The tensors behind the encoder without "model.", where all of them have it, but for weights of the encoder's states: a
/// model of ShiftSER.
state_dict shiftser_part(state_dict const& rest) {
  constexpr std::string_view prefix = "model.";
  state_dict part = rest.without_tensors();
  for (tshift::weights::tensor const& each : rest) {
    if (each.name == "layer_weights") continue;
    if (!each.name.starts_with(prefix)) return {};
    tshift::weights::tensor renamed = each;
    renamed.name.erase(0, prefix.size());
    part.add(std::move(renamed));
  }
  return part;
}

void refuse_shift_options(model_options const& words) {
  if (words.n_div || words.towards || words.stride || words.where || words.positions) {
    throw usage_error(
        "--n-div, --direction, --stride, --placement and --position are for ShiftSER's models, and this head is none");
  }
  std::string const of_vit = words.images.first_of_vit(),
                    first = of_vit.empty() ? words.images.first_of_crnn() : of_vit;
  if (!first.empty()) throw usage_error(first + " is for models of images, and this head is none");
}

head_kinds head_behind(encoder_files const& files, model_options const& words, index_t channels) {
  state_dict const& rest = files.checkpoint.rest;
  if (rest.size() == 0) {
    throw ser_error(one_line(rest.source()) +
                    " holds an encoder and no head for emotions: ser encode gives what a head of your own can read");
  }
  state_dict const part = shiftser_part(rest);
  if (part.size() > 0) {
    model_options known = words;
    take_model(known, files.metadata);
    return make_network(part, known);
  }
  refuse_shift_options(words);
  return sequence_head<float>(rest, channels);
}

}  // namespace

emotion_model::emotion_model(encoder_options const& how, encoder_files const& files, model_options const& words,
                             std::string const& labels)
    : padded_(how.padded()), prepared_(how, files), encoder_(prepared_.encoder),
      head_(head_behind(files, words, encoder_.channels())) {
  std::string behind;
  if (auto const* const head = std::get_if<sequence_head<float>>(&head_)) {
    if (!head->layer_weights().empty()) {
      encoder_ = encoder_.with(hidden_states<float>::weighted_sum(head->layer_weights()));
    }
    if (files.config.weighted_sum().value_or(!head->layer_weights().empty()) == head->layer_weights().empty()) {
      throw ser_error(one_line(files.config.source()) + ": use_weighted_layer_sum is " +
                      (head->layer_weights().empty() ? "true, but there are no layer_weights"
                                                     : "false, but there are layer_weights") +
                      " in " + one_line(how.weights));
    }
    behind = head->regression() ? "a regression" : "a classifier";
    if (!head->layer_weights().empty()) behind += " over a weighted sum of all layers";
  } else {
    auto const& behind_it = std::get<network>(head_);
    if (behind_it.channels() != encoder_.channels()) {
      throw ser_error(one_line(how.weights) + ": the model reads " + std::to_string(behind_it.channels()) +
                      " channels, the encoder has " + std::to_string(encoder_.channels()));
    }
    behind = behind_it.description;
    if (auto const* const found = files.checkpoint.rest.find("layer_weights")) {
      auto const values = tshift::weights::read_as<double>(*found, "ser", files.checkpoint.rest.source());
      std::vector<double> weights(static_cast<std::size_t>(values.size()));
      values.copy_to(weights.data(), 0, values.size());
      encoder_ = encoder_.with(hidden_states<float>::weighted_sum(weights));
      behind += ", over a weighted sum of all layers";
    }
  }
  auto const count = static_cast<std::size_t>(classes());
  labels_ = !labels.empty() ? split_labels(labels) : files.labels.empty() ? files.config.labels() : files.labels;
  if (labels_.size() != count && !labels.empty()) {
    throw usage_error("--labels names " + std::to_string(labels_.size()) + " classes, the model has " +
                      std::to_string(count));
  }
  if (labels_.size() != count) {  // also labels that a conversion left of another head
    if (!labels_.empty()) {
      std::fprintf(stderr, "ser: warning: %zu labels for %zu classes are not used.\n", labels_.size(), count);
    }
    labels_.clear();
    for (std::size_t k = 0; k < count; ++k) labels_.push_back("class " + std::to_string(k));
  }
  for (std::string& label : labels_) label = one_line(utf8(label));
  for (std::string const& label : labels_) {
    if (label.empty() && !labels.empty()) throw usage_error("--labels: a label is empty");
  }
  auto const& sizes = files.checkpoint.sizes;
  description_ = std::string(sizes.buckets > 0                   ? "WavLM"
                             : files.config.model_type().empty() ? "an encoder"
                                                                 : files.config.model_type()) +
                 ", " + std::to_string(sizes.layers) + " layers of " + std::to_string(sizes.width) + "; " + behind;
  if (words.stored == tshift::stored::bf16 && std::holds_alternative<sequence_head<float>>(head_)) {
    description_ += "; weights as bf16";
  }
}

bool emotion_model::fits(index_t samples) const {
  auto const* const behind = std::get_if<network>(&head_);
  return behind == nullptr || behind->longest() < 0 || encoder_.frames(samples) <= behind->longest();
}

bool emotion_model::regression() const noexcept {
  auto const* const head = std::get_if<sequence_head<float>>(&head_);
  return head != nullptr && head->regression();
}

index_t emotion_model::classes() const {
  return std::visit([](auto const& head) { return head.classes(); }, head_);
}

emotion_model::result emotion_model::run(tshift::tensor_view<float const> x) {
  if (!prepared_.lengths) x.lengths = {};
  index_t const frames = encoder_.frames_of(x, 0), own = encoder_.own_frames_of(x, 0), D = channels();
  tshift::shape const dims{.batch = 1, .time = encoder_.frames(x.shape.time), .channels = D};
  states_.resize(static_cast<std::size_t>(dims.size()));
  workspace_.resize(static_cast<std::size_t>(encoder_.workspace_size(x.shape)));
  encoder_.forward(x, tshift::tensor_view<float>(states_.data(), dims), workspace_);

  tshift::tensor_view<float const> seen(states_.data(), {.batch = 1, .time = frames, .channels = D});
  if (own < frames) seen.lengths = {&own, 1};
  return answer(seen);
}

emotion_model::result emotion_model::answer(tshift::tensor_view<float const> const& seen) {
  index_t const D = channels();
  result made{std::vector<float>(static_cast<std::size_t>(classes())), std::vector<float>(static_cast<std::size_t>(D))};
  tshift::nn::mean_pool<float>(seen, {made.feature.data(), {.batch = 1, .time = 1, .channels = D}});
  tshift::tensor_view<float> const y(made.y.data(), {.batch = 1, .time = 1, .channels = classes()});
  std::visit(
      [this, &seen, &y](auto const& head) {
        workspace_.resize(std::max(workspace_.size(), static_cast<std::size_t>(head.workspace_size(seen.shape))));
        head.forward(seen, y, workspace_);
      },
      head_);
  return made;
}

std::vector<double> softmax(std::span<float const> y) {
  std::vector<double> values(y.begin(), y.end());
  double const largest = *std::ranges::max_element(values);
  double sum = 0;
  for (double& value : values) sum += value = std::exp(value - largest);
  for (double& value : values) value /= sum;
  return values;
}

std::vector<double> emotion_model::values_of(std::span<float const> y) const {
  return regression() ? std::vector<double>(y.begin(), y.end()) : softmax(y);
}

std::string verdict_of(std::vector<std::string> const& labels, std::span<double const> probabilities,
                       double unknown_below) {
  auto const best = std::ranges::max_element(probabilities);
  // Written so that NaN is unknown.
  if (!(*best >= unknown_below)) return "unknown";
  return labels[static_cast<std::size_t>(best - probabilities.begin())];
}

std::string verdict_line(std::string const& name, std::vector<std::string> const& labels, std::string const& verdict,
                         std::span<double const> values) {
  std::string line = name + ": " + verdict;
  for (std::size_t k = 0; k < labels.size(); ++k) {
    char number[32];
    std::snprintf(number, sizeof number, " %.3f", values[k]);
    line += (k > 0 ? ", " : verdict.empty() ? "" : " (") + labels[k] + number;
  }
  return line + (verdict.empty() ? "" : ")");
}

std::vector<std::string> labels_for(std::vector<std::string> const& asked,
                                    std::map<std::string, std::string> const& metadata, index_t classes) {
  auto const count = static_cast<std::size_t>(classes);
  if (!asked.empty() && asked.size() != count) {
    throw usage_error("--labels names " + std::to_string(asked.size()) + " classes, the model has " +
                      std::to_string(count));
  }
  auto const said = metadata.find("labels");
  std::vector<std::string> labels = asked;
  if (labels.empty() && said != metadata.end()) labels = split_labels(said->second);
  if (labels.size() != count) {
    labels.clear();
    for (std::size_t k = 0; k < count; ++k) labels.push_back("class " + std::to_string(k));
  }
  for (std::string& label : labels) label = one_line(utf8(label));
  return labels;
}

}  // namespace ser
