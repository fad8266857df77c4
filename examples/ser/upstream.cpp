// SPDX-License-Identifier: MIT
#include "upstream.hpp"

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <tshift/io/safetensors.hpp>
#include <utility>

#include "error.hpp"
#include "text_file.hpp"

namespace ser {
namespace {

namespace fs = std::filesystem;

encoder_options options_of(data_options const& from) {
  encoder_options how;
  how.weights = from.encoder;
  how.config = from.config;
  return how;
}

}  // namespace

upstream::upstream(data_options const& from, index_t layers, double rate, double dropout)
    : data_(from), file_(tshift::io::safetensors::open(from.encoder).state_dict()), how_(options_of(from)),
      files_(how_) {
  auto const& sizes = files_.checkpoint.sizes;
  if (layers > 0) {
    if (layers > sizes.layers) {
      throw usage_error("--fine-tune " + std::to_string(layers) + ": " + one_line(from.encoder) + " has " +
                        std::to_string(sizes.layers) + " layers");
    }
    if (from.states != "last") throw usage_error("--states and --fine-tune contradict each other");
    data_.states = std::to_string(sizes.layers - layers);
    refuse_joined(sizes.layers - layers);
    tuned_ = tuned_layers{&files_.checkpoint.encoder, sizes, files_.config.options_for(sizes),
                          sizes.layers - layers,      rate,  dropout};
  }
  if (data_.states == "all") states_ = sizes.layers + 1;
}

void upstream::refuse_joined(index_t first) const {
  std::map<index_t, std::vector<index_t>> shapes;
  for (tshift::weights::tensor const& each : file_) shapes[each.byte] = each.shape;
  for (index_t i = first; i < files_.checkpoint.sizes.layers; ++i) {
    std::string const name = "encoder.layers." + std::to_string(i) + ".attention.q_proj.weight";
    auto const* const query = files_.checkpoint.encoder.find(name);
    if (query != nullptr && shapes[query->byte] == query->shape) continue;
    throw ser_error(one_line(how_.weights) +
                    " has queries, keys and values in one tensor, as torchaudio's WavLM: its layers cannot be trained; "
                    "with transformers' names they can");
  }
}

std::vector<tshift::weights::tensor> upstream::tensors(train::parameter_table const& table,
                                                       std::span<float const> values, bool shiftser) const {
  auto const value = [values](train::parameter const& p) {
    return values.subspan(static_cast<std::size_t>(p.offset), static_cast<std::size_t>(p.size));
  };
  // The checkpoint's own name of each trained tensor: its elements lie where those of the renamed one do.
  std::map<index_t, train::parameter const*> trained;
  for (train::parameter const& p : table) {
    if (!p.name.starts_with("encoder.")) continue;
    if (auto const* const found = files_.checkpoint.encoder.find(p.name)) trained[found->byte] = &p;
  }
  // A model of ShiftSER is known by what stands before the encoder's names.
  std::string const& before = files_.checkpoint.prefix;
  std::vector<tshift::weights::tensor> made;
  for (tshift::weights::tensor const& each : file_) {
    if (files_.checkpoint.rest.contains(each.name)) continue;
    std::string name = each.name;
    if (shiftser && name.starts_with(before)) name = "pretrain." + name.substr(before.size());
    auto const found = trained.find(each.byte);
    if (found == trained.end()) {
      made.emplace_back(name, each.type, each.shape, each.bytes);
    } else {
      made.emplace_back(name, each.shape, value(*found->second));
    }
  }
  for (train::parameter const& p : table) {
    if (p.name.starts_with("encoder.") || p.name.starts_with("specaugment.")) continue;
    bool const own = shiftser && p.name != "layer_weights";
    made.emplace_back((own ? "model." : "") + p.name, p.shape, value(p));
  }
  return made;
}

void upstream::copy_configs(std::string const& folder) const {
  for (std::string const& path : how_.files()) {
    std::ifstream file(path, std::ios::binary);
    if (path == how_.weights || !file) continue;
    auto json = nlohmann::ordered_json::parse(file, nullptr, false);
    if (!json.is_object()) throw ser_error(one_line(path) + " is no JSON object");
    if (fs::path(path).filename() == "preprocessor_config.json") {
      write_text((fs::path(folder) / "preprocessor_config.json").string(), json.dump(2) + "\n");
    } else {
      json["use_weighted_layer_sum"] = states_ > 0;
      write_text((fs::path(folder) / "config.json").string(), json.dump(2) + "\n");
    }
  }
}

}  // namespace ser
