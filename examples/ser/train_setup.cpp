// SPDX-License-Identifier: MIT
// The part of `ser train` that makes models, and says what decides a training.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <tshift/io/safetensors.hpp>
#include <tshift/version.hpp>
#include <utility>
#include <vector>

#include "error.hpp"
#include "train.hpp"

namespace ser {
namespace {

bool is_tensors(std::string const& path) { return path.ends_with(".safetensors"); }

}  // namespace

data_options train_command::data_from() const {
  data_options from = data_;
  if (!from.normalise && form_.is_image()) from.normalise = "none";  // an image is scaled as a whole
  return from;
}

std::unique_ptr<trainee<float>> train_command::make_model(dataset const& data, upstream const* encoder,
                                                          std::string const& fold) const {
  std::unique_ptr<trainee<float>> model;
  auto const classes = static_cast<index_t>(data.labels.size());
  if (!words_.weights.empty()) {
    std::string const path = checkpoint_of(words_.weights, fold);
    auto const file = tshift::io::safetensors::open(path);
    model_options words = words_;
    take_model(words, file.metadata());
    model = std::make_unique<trainee<float>>(file.state_dict(), words, changes_, how_.seed, data.channels);
    if (model->channels() != data.channels || model->classes() != classes) {
      throw ser_error(one_line(path) + " is for D = " + std::to_string(model->channels()) + " and " +
                      std::to_string(model->classes()) + " classes, the data has D = " + std::to_string(data.channels) +
                      " and " + std::to_string(classes));
    }
  } else {
    index_t longest = 0;
    for (sample const& each : data.samples) longest = std::max(longest, each.frames);
    if (how_.crop > 0) longest = std::min(longest, how_.crop);
    index_t const states = encoder != nullptr ? encoder->states() : 0, D = data.channels / std::max<index_t>(1, states);
    bool const mels = encoder == nullptr && !is_tensors(data_.data);
    if (encoder != nullptr && model_.is_of_images()) {
      throw usage_error("--model " + model_.name() + ": its images are made of sound, and --encoder makes none");
    }
    new_model from = model_.make(words_, {1, longest, D}, classes, /*project=*/mels, form_.has_deltas() ? 3 : 1);
    from.channels = data.channels;
    from.states = states;
    from.tuned = encoder != nullptr ? encoder->tuned() : nullptr;
    model = std::make_unique<trainee<float>>(from, how_.seed, changes_);
  }
  for (sample const& each : data.samples) {
    index_t const frames = how_.crop > 0 ? std::min(each.frames, how_.crop) : each.frames;
    if (frames >= model->shortest()) continue;
    throw ser_error(one_line(each.name) + " has " + std::to_string(frames) +
                    " frames, must have >= " + std::to_string(model->shortest()));
  }
  model->set_threads(threads_);
  return model;
}

std::map<std::string, std::string> train_command::about(model_choice const& choice) const {
  std::map<std::string, std::string> said;
  if (!model_.is_learned() && model_.is_shiftser()) {
    said["shift"] = shift_words(choice.shift);
    // Positions are seen from tensors, and that there are none is not.
    if (choice.kind == architecture::transformer && !choice.positions) said["shift"] += " --no-positions";
  }
  std::string const model = choice.images.text();
  if (!model.empty()) said["model"] = model;
  if (how_.crop > 0) said["crop"] = std::to_string(how_.crop);
  if (!is_tensors(data_.data) && data_.encoder.empty()) {
    said["features"] = features();
    said["normalise"] = data_from().normalised();
  }
  return said;
}

std::string train_command::features() const {
  return front_end_.words() + (form_.is_default() ? "" : " " + form_.words());
}

std::string train_command::config(dataset const& data, upstream const* encoder, std::vector<fold> const& folds) const {
  nlohmann::ordered_json c;
  c["version"] = TSHIFT_VERSION;
  c["isa"] = xsimd::default_arch::name();
  c["data"] = data.digest();
  c["features"] = encoder != nullptr       ? "states " + encoder->data().states
                  : is_tensors(data_.data) ? "tensors"
                                           : features() + ", " + data_from().normalised();
  c["fine_tune"] = fine_tune_;
  if (fine_tune_ > 0) {
    c["encoder_rate"] = encoder_rate_;
    c["encoder_dropout"] = encoder_dropout_;
  }
  c["model"] = words_.weights.empty() ? model_.name() : "weights";
  std::uint64_t values = digest_of({}), taught = values;
  bool const alike = words_.weights.empty() || !std::filesystem::is_directory(words_.weights);
  for (fold const& each : folds) {
    auto const model = make_model(data, encoder, each.name);
    values = digest_of(std::as_bytes(std::span<float const>(model->values())), values);
    c["shift"] = model_.is_learned() ? "learned" : shift_words(model->choice().shift);
    if (std::string const more = model->choice().images.text(); !more.empty()) c["images"] = more;
    if (alike) break;  // all begin with the same
  }
  c["values"] = values;
  if (transfer_.given()) {
    for (fold const& each : folds) taught = transfer_.digest(each.name, taught);
    transfer_plan const plan = transfer_.plan();
    c["teacher"] = {{"digest", taught}, {"classes", plan.classes}, {"features", plan.features}};
  }
  recipe const& r = how_.how;
  c["rate"] = r.rate;
  c["weight_decay"] = r.weight_decay;
  c["clip"] = std::isfinite(r.clip) ? nlohmann::ordered_json(r.clip) : nlohmann::ordered_json("none");
  c["schedule"] = name_of(r.schedule);
  if (r.warm_up) c["warm_up"] = *r.warm_up;
  c["smoothing"] = r.smoothing;
  c["class_weights"] = r.class_weights;
  c["epochs"] = how_.epochs;
  c["batch"] = how_.batch;
  c["seed"] = how_.seed;
  c["crop"] = how_.crop;
  c["roll"] = how_.roll;
  c["patience"] = how_.patience;
  c["dropout"] = changes_.dropout;
  c["spec_augment"] = changes_.masks;
  c["folds"] = folds_;
  c["dev"] = !no_dev_;
  c["group"] = data_.group;
  c["as_released"] = as_released_;
  return c.dump();
}

}  // namespace ser
