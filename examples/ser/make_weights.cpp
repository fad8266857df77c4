// SPDX-License-Identifier: MIT
// Checkpoints of random weights with transformers' names, to try `ser` with where no trained one is at hand, and for its
// checks: HuBERT with a head for four emotions over a weighted sum of all layers, and its config.json.
// usage: ser_make_weights FOLDER [small|base]
#include <cstddef>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <string>
#include <tshift/io/safetensors.hpp>
#include <vector>

#include "support/seeded_speech.hpp"

namespace {

namespace fs = std::filesystem;
using test_support::seeded;
using test_support::speech_sizes;
using tshift::index_t;
using tshift::weights::state_dict;

constexpr std::uint64_t seed = 2023;
constexpr index_t classes = 4;

speech_sizes sizes_of(bool base) {
  speech_sizes s;
  s.channels = std::vector<index_t>(7, base ? 512 : 32);
  s.kernels = {10, 3, 3, 3, 3, 2, 2};
  s.strides = {5, 2, 2, 2, 2, 2, 2};
  s.width = base ? 768 : 48;
  s.layers = base ? 12 : 3;
  s.heads = base ? 12 : 4;
  s.hidden = 4 * s.width;
  s.taps = base ? 128 : 32;
  s.groups = base ? 16 : 4;
  return s;
}

void write(fs::path const& path, std::string const& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

std::string list_of(std::vector<index_t> const& values) {
  std::string text;
  for (index_t const value : values) text += (text.empty() ? "[" : ", ") + std::to_string(value);
  return text + "]";
}

std::string config_of(speech_sizes const& s) {
  auto const text = [](index_t value) { return std::to_string(value); };
  return "{\n  \"architectures\": [\"HubertForSequenceClassification\"],\n  \"model_type\": \"hubert\",\n"
         "  \"hidden_size\": " +
         text(s.width) + ",\n  \"num_hidden_layers\": " + text(s.layers) +
         ",\n  \"num_attention_heads\": " + text(s.heads) + ",\n  \"intermediate_size\": " + text(s.hidden) +
         ",\n  \"conv_dim\": " + list_of(s.channels) + ",\n  \"conv_kernel\": " + list_of(s.kernels) +
         ",\n  \"conv_stride\": " + list_of(s.strides) +
         ",\n  \"conv_bias\": false,\n  \"feat_extract_norm\": \"group\",\n"
         "  \"do_stable_layer_norm\": false,\n  \"layer_norm_eps\": 1e-05,\n  \"num_conv_pos_embeddings\": " +
         text(s.taps) + ",\n  \"num_conv_pos_embedding_groups\": " + text(s.groups) +
         ",\n  \"use_weighted_layer_sum\": true,\n"
         "  \"id2label\": {\"0\": \"neutral\", \"1\": \"happy\", \"2\": \"angry\", \"3\": \"sad\"}\n}\n";
}

void make(fs::path const& folder, bool base) {
  speech_sizes const s = sizes_of(base);
  std::vector<std::vector<float>> memory;
  std::vector<tshift::weights::tensor> tensors;
  auto const add = [&](std::string const& name, std::string const& stands_in, std::vector<index_t> const& shape) {
    memory.push_back(seeded<float>(stands_in, shape, seed));
    tensors.emplace_back(name, shape, memory.back());
  };
  auto const encoder = tensors_of(s);
  memory.reserve(encoder.size() + 5);
  for (auto const& [name, shape] : encoder) add("hubert." + name, name, shape);
  add("projector.weight", "projector.weight", {s.width, s.width});
  add("projector.bias", "projector.bias", {s.width});
  add("classifier.weight", "classifier.weight", {classes, s.width});
  add("classifier.bias", "classifier.bias", {classes});
  add("layer_weights", "layer_weights", {s.layers + 1});
  fs::create_directories(folder);
  tshift::io::write_safetensors((folder / "model.safetensors").string(), tensors, {{"format", "pt"}});
  write(folder / "config.json", config_of(s));
  write(folder / "preprocessor_config.json",
        "{\"do_normalize\": true, \"feature_size\": 1, \"return_attention_mask\": false, \"sampling_rate\": 16000}\n");
}

}  // namespace

int main(int count, char** arguments) {
  std::string const size = count > 2 ? arguments[2] : "small";
  if (count < 2 || count > 3 || (size != "small" && size != "base")) {
    std::fprintf(stderr, "usage: ser_make_weights FOLDER [small|base]\n");
    return 2;
  }
  try {
    make(arguments[1], size == "base");
  } catch (std::exception const& error) {
    std::fprintf(stderr, "ser_make_weights: %s\n", error.what());
    return 1;
  }
  return 0;
}
