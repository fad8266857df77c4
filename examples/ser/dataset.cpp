// SPDX-License-Identifier: MIT
#include "dataset.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <tshift/io/safetensors.hpp>

#include "batch_file.hpp"
#include "encoder.hpp"
#include "error.hpp"
#include "hearing.hpp"
#include "interrupts.hpp"
#include "manifest.hpp"
#include "progress.hpp"

namespace ser {
namespace {

namespace fs = std::filesystem;

/// A sound that is to become a sample.
struct wanted {
  std::string path, label, group, text, speaker;
};

std::vector<wanted> of_manifest(data_options const& from) {
  auto const entries = read_manifest(from.data);
  auto const field = [](manifest_entry const& entry, std::string const& name) {
    auto const found = entry.find(name);
    return found == entry.end() ? std::string() : found->second;
  };
  auto const all_have = [&entries, &field](std::string const& name) {
    return std::ranges::none_of(entries, [&](manifest_entry const& entry) { return field(entry, name).empty(); });
  };
  std::string group = from.group;
  if (group.empty()) group = all_have("speaker") ? "speaker" : all_have("session") ? "session" : "";
  std::vector<wanted> all;
  for (manifest_entry const& entry : entries) {
    std::string const path = field(entry, "path");
    if (field(entry, "label").empty()) throw ser_error(one_line(from.data) + ": " + one_line(path) + " has no label");
    if (!group.empty() && field(entry, group).empty()) {
      throw ser_error(one_line(from.data) + ": " + one_line(path) + " has no " + one_line(group));
    }
    all.push_back({path, field(entry, "label"), field(entry, group), field(entry, "text"), field(entry, "speaker")});
  }
  return all;
}

std::vector<wanted> of_folder(data_options const& from) {
  std::vector<wanted> all;
  std::set<std::string> labels;
  for (auto const& entry : fs::directory_iterator(from.data)) {
    if (entry.is_directory()) labels.insert(entry.path().filename().string());
  }
  for (std::string const& label : labels) {
    sound_options inside = from.sounds;
    inside.input = (fs::path(from.data) / label).string();
    for (std::string const& path : sound_files(inside)) all.push_back({path, label, "", "", ""});
  }
  if (all.empty()) {
    throw ser_error(one_line(from.data) + " holds no sounds in folders; it must have a folder for each label");
  }
  return all;
}

/// By name. Without commas: a file's metadata has them between labels.
std::vector<std::string> labels_of(std::vector<wanted> const& all) {
  std::set<std::string> names;
  for (wanted const& each : all) names.insert(each.label);
  for (std::string const& name : names) {
    if (name.find(',') != std::string::npos) throw ser_error("the label " + one_line(name) + " has a comma");
  }
  return {names.begin(), names.end()};
}

/// Features of one sound after the other.
struct feature_maker {
  index_t channels = 0;
  std::function<std::vector<float>(std::string const& path)> of;
};

/// @param form  null: nothing becomes of them
feature_maker log_mels(data_options const& from, tshift::log_mel_options const& options, feature_form const* form) {
  auto const front_end = std::make_shared<sound_features>(options, form, from.normalised() == "utterance");
  sound_options one = from.sounds;
  one.other_rates = true;
  one.rate = front_end->rate();
  return {front_end->channels(), [front_end, one](std::string const& path) {
            sound_options this_one = one;
            this_one.input = path;
            return front_end->of(read_waves<float>(this_one));
          }};
}

feature_maker states_of_encoder(data_options const& from) {
  using tshift::models::hidden_states;
  struct room {
    encoder_options how;
    encoder_files files;
    tshift::models::speech_encoder<float> encoder;
    std::vector<float> workspace, states;
  };
  encoder_options how;
  how.weights = from.encoder;
  how.config = from.config;
  encoder_files files(how);
  auto encoder = prepared_encoder<float>(how, files).encoder;
  index_t const state = state_of(from.states, encoder.layers());
  encoder = encoder.with(state < 0 ? hidden_states<float>::all() : hidden_states<float>::one(state));
  index_t const copies = encoder.states().copies(), D = encoder.channels();
  auto const kept = std::make_shared<room>(room{how, std::move(files), std::move(encoder), {}, {}});
  sound_options const one = from.sounds;
  return {copies * D, [kept, one, copies, D](std::string const& path) {
            sound_options this_one = one;
            this_one.input = path;
            waves<float> sound = read_waves<float>(this_one);
            (void)normalise(sound, kept->how, kept->files, false);
            auto const x = sound.view();
            if (sound.samples < kept->encoder.shortest()) {
              throw ser_error(one_line(path) + " has " + std::to_string(sound.samples) +
                              " samples, must have >= " + std::to_string(kept->encoder.shortest()));
            }
            index_t const frames = kept->encoder.frames(sound.samples);
            kept->workspace.resize(static_cast<std::size_t>(kept->encoder.workspace_size(x.shape)));
            kept->states.resize(static_cast<std::size_t>(copies * frames * D));
            // State k as [1, frames, D]; then those of a frame beside each other.
            tshift::tensor_view<float> const y(kept->states.data(), {copies, frames, D});
            kept->encoder.forward(x, y, kept->workspace);
            std::vector<float> values(kept->states.size());
            for (index_t k = 0; k < copies; ++k) {
              for (index_t t = 0; t < frames; ++t) {
                std::copy_n(y.at(k, t, 0), D, values.data() + (t * copies + k) * D);
              }
            }
            return values;
          }};
}

void read_sounds(dataset& to, feature_maker const& make) {
  to.channels = make.channels;
  progress bar(static_cast<double>(to.samples.size()));
  double done = 0;
  for (sample& each : to.samples) {
    std::vector<float> const values = make.of(each.name);
    if (values.empty()) throw ser_error(one_line(each.name) + " is too short for a frame");
    each.first = static_cast<index_t>(to.features.size()) / to.channels;
    each.frames = static_cast<index_t>(values.size()) / to.channels;
    to.features.insert(to.features.end(), values.begin(), values.end());
    bar.at(++done, "sounds");
  }
}

dataset of_tensors(data_options const& from) {
  auto const file = tshift::io::safetensors::open(from.data);
  std::string const name = file.find("x") != nullptr ? "x" : "features";
  auto const& x = need(file, name);
  if (x.shape.size() != 3 || x.size() == 0) {
    throw ser_error(title(file, name) + " is " + shown(x.shape) + ", must be [N, T, D], none of them 0");
  }
  batch_of<float> const batch = read_batch<float>(file, name, "labels", file.find("lengths") != nullptr, x.shape[2]);
  std::vector<index_t> groups;
  if (file.find("groups") != nullptr) groups = integers_of(file, "groups");
  dataset result;
  result.channels = batch.shape.channels;
  index_t const most = *std::ranges::max_element(batch.labels);
  if (*std::ranges::min_element(batch.labels) < 0 || most > 9999) {
    throw ser_error(title(file, "labels") + " must be from 0 to 9999");
  }
  for (index_t k = 0; k <= most; ++k) result.labels.push_back(std::to_string(k));
  for (index_t n = 0; n < batch.shape.batch; ++n) {
    auto const at = static_cast<std::size_t>(n);
    index_t const frames = batch.view().length(n);
    float const* const begin = batch.view().at(n, 0, 0);
    index_t const first = static_cast<index_t>(result.features.size()) / result.channels;
    result.features.insert(result.features.end(), begin, begin + frames * result.channels);
    result.samples.push_back({std::to_string(n), batch.labels[at], at < groups.size() ? std::to_string(groups[at]) : "",
                              "", first, frames, ""});
  }
  return result;
}

}  // namespace

std::uint64_t digest_of(std::span<std::byte const> bytes, std::uint64_t seed) {
  for (std::byte const b : bytes) seed = (seed ^ std::to_integer<std::uint64_t>(b)) * 0x100000001b3u;
  return seed;
}

std::vector<std::string> dataset::groups() const {
  std::set<std::string> names;
  for (sample const& each : samples) names.insert(each.group);
  return {names.begin(), names.end()};
}

std::uint64_t dataset::digest() const {
  std::uint64_t value = digest_of(std::as_bytes(std::span(features)));
  for (sample const& each : samples) {
    std::string const line =
        labels[static_cast<std::size_t>(each.label)] + "\n" + each.group + "\n" + std::to_string(each.frames) + "\n";
    value = digest_of(std::as_bytes(std::span(line)), value);
  }
  return value;
}

void data_options::add_to(CLI::App& app) {
  app.add_option("--data", data, "A folder of folders, a manifest, or a safetensors file")->type_name("DATA");
  app.add_option("--group", group, "The manifest's column that folds are made of (speaker, else session)")
      ->type_name("NAME");
  app.add_option("--cache", cache, "A folder in which features are kept")->type_name("FOLDER");
  app.add_option_function<std::string>(
         "--features-normalise",
         [this](std::string const& text) {
           if (text != "utterance" && text != "none") {
             throw CLI::ValidationError("--features-normalise: '" + text + "' is none of utterance|none");
           }
           normalise = text;
         },
         "Of log-mel features: each band of a sound to mean 0, deviation 1")
      ->type_name("utterance|none");
  app.add_option("--encoder", encoder, "Features are hidden states of this wav2vec 2.0, HuBERT or WavLM")
      ->type_name("W");
  app.add_option("--encoder-config", config, "Its config.json, where that is not beside it")->type_name("FILE");
  app.add_option("--states", states, "Which of them: the output, number K from 0 on, or all (last)")
      ->type_name("last|K|all");
  sounds.add_to(app);
}

namespace {

/// What tells a file from a later one of its name.
std::string stamp(std::string const& path) {
  std::error_code none;
  auto const time = fs::last_write_time(path, none).time_since_epoch().count();
  return path + "\n" + std::to_string(fs::file_size(path, none)) + " " + std::to_string(time) + "\n";
}

/// The file of a cache that holds the features of these sounds, whether it is there or not; empty: there is no cache.
std::string cache_file(data_options const& from, dataset const& of, std::string const& features) {
  if (from.cache.empty()) return "";
  std::string key = features + "\n" + std::to_string(from.sounds.mix) + std::to_string(from.sounds.resample) + "\n";
  for (sample const& each : of.samples) key += stamp(each.name);
  std::error_code error;
  fs::create_directories(from.cache, error);
  if (error) throw ser_error(one_line(from.cache) + ": " + error.message());
  std::string const number = std::to_string(digest_of(std::as_bytes(std::span(key))));
  return (fs::path(from.cache) / ("features-" + number + ".safetensors")).string();
}

void read_cache(std::string const& path, dataset& to) {
  auto const kept = tshift::io::safetensors::open(path);
  to.features = numbers_of<float>(kept, "features");
  std::vector<index_t> const lengths = integers_of(kept, "lengths");
  to.channels = need(kept, "features").shape.back();
  index_t first = 0;
  for (std::size_t i = 0; i < to.samples.size() && i < lengths.size(); ++i) {
    to.samples[i].first = first;
    to.samples[i].frames = lengths[i];
    first += lengths[i];
  }
  if (lengths.size() != to.samples.size() || first * to.channels != static_cast<index_t>(to.features.size())) {
    throw ser_error(one_line(path) + " does not hold the features of these sounds; delete it");
  }
}

void write_cache(std::string const& path, dataset const& from) {
  std::vector<std::int64_t> lengths;
  for (sample const& each : from.samples) lengths.push_back(each.frames);
  index_t const frames = static_cast<index_t>(from.features.size()) / from.channels;
  interrupts_held const now;
  tshift::io::write_safetensors(path, {{"features", {frames, from.channels}, from.features},
                                       {"lengths", {static_cast<index_t>(lengths.size())}, lengths}});
}

}  // namespace

index_t state_of(std::string const& text, index_t layers) {
  if (text == "all") return -1;
  if (text == "last") return layers;
  index_t value = 0;
  char const* const end = text.data() + text.size();
  auto const [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || stop != end || value < 0 || value > layers) {
    throw usage_error("--states: '" + one_line(text) + "' is none of all, last, and 0 to " + std::to_string(layers));
  }
  return value;
}

dataset list_sounds(data_options const& from) {
  if (!fs::exists(from.data)) throw ser_error(one_line(from.data) + ": there is no such file or folder");
  if (!is_manifest(from.data) && !fs::is_directory(from.data)) {
    throw ser_error(one_line(from.data) + ": must be a folder, or end with .csv, .jsonl or .safetensors");
  }
  std::vector<wanted> const all = is_manifest(from.data) ? of_manifest(from) : of_folder(from);
  dataset result;
  result.labels = labels_of(all);
  for (wanted const& each : all) {
    auto const label = std::ranges::find(result.labels, each.label) - result.labels.begin();
    result.samples.push_back({each.path, label, each.group, each.text, 0, 0, each.speaker});
  }
  return result;
}

dataset read_dataset(data_options const& from, front_end_options const& front_end, feature_form const* form) {
  auto const described = [&from](dataset const& made, char const* samples) {
    return one_line(from.data) + ": " + std::to_string(made.samples.size()) + " " + samples +
           ", D = " + std::to_string(made.channels) + ", " + std::to_string(made.labels.size()) + " classes";
  };
  bool const changes = form != nullptr && !form->is_default();
  if (from.data.ends_with(".safetensors")) {
    if (!from.encoder.empty()) throw usage_error("--encoder is for sounds, and " + one_line(from.data) + " is tensors");
    if (changes) throw usage_error(form->words() + " is for sounds, and " + one_line(from.data) + " is tensors");
    dataset result = of_tensors(from);
    result.description = described(result, "sequences");
    return result;
  }
  if (changes) form->check();
  if (!from.encoder.empty() && (changes || !front_end.is_default())) {
    throw usage_error("--encoder's features are its hidden states: options of log-mel features change nothing");
  }
  dataset result = list_sounds(from);
  std::string const features = from.encoder.empty()
                                   ? front_end.words() + (changes ? " " + form->words() : "") + " " + from.normalised()
                                   : stamp(from.encoder) + stamp(from.config) + from.states;
  std::string const file = cache_file(from, result, features);
  if (!file.empty() && fs::exists(file)) {
    read_cache(file, result);
  } else {
    read_sounds(result, from.encoder.empty() ? log_mels(from, front_end.make(), form) : states_of_encoder(from));
    if (!file.empty()) write_cache(file, result);
  }
  result.description = described(result, "sounds");
  return result;
}

}  // namespace ser
