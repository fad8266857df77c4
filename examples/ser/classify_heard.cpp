// SPDX-License-Identifier: MIT
#include "classify_heard.hpp"

#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <tshift/io/safetensors.hpp>
#include <vector>

#include "emotions.hpp"
#include "error.hpp"
#include "hearing.hpp"
#include "interrupts.hpp"
#include "manifest.hpp"
#include "network.hpp"
#include "progress.hpp"

namespace ser {

void classify_heard(model_options const& asked, sound_options const& sounds) {
  auto const file = tshift::io::safetensors::open(asked.weights);
  model_options words = asked;
  take_model(words, file.metadata());
  network const model = make_network(file.state_dict(), words);
  hearing const how(file.metadata());
  if (!how.known()) {
    throw ser_error(
        one_line(asked.weights) +
        " does not say what its features are, for it did not learn from sounds: ser features makes some of " +
        one_line(asked.input));
  }
  sound_features const features = how.features();
  if (!model.widths.allows(features.channels())) {
    throw ser_error(one_line(asked.weights) + " reads " + model.widths.text() +
                    ", its features have D = " + std::to_string(features.channels()));
  }
  auto const labels = labels_for(asked.labels, file.metadata(), model.classes());
  std::printf("%s: %s\n", one_line(asked.weights).c_str(), model.description.c_str());

  sound_options one = sounds;
  one.rate = features.rate();
  auto const paths = sound_files(sounds);
  bool const listed = is_manifest(sounds.input);
  std::vector<float> workspace, logits, probabilities;
  std::string names;
  std::vector<std::string> lines;
  {
    progress bar(static_cast<double>(paths.size()));
    for (std::string const& path : paths) {
      std::string const name = listed ? path : std::filesystem::path(path).filename().string();
      one.input = path;
      std::vector<float> const made = features.of(read_waves<float>(one));
      if (made.empty()) throw ser_error(one_line(path) + " is too short for a frame");
      auto const x = middle(made, features.channels(), how.crop());
      model.check_length(x.shape.time, path);
      workspace.resize(static_cast<std::size_t>(model.workspace_size(x.shape)));
      std::vector<float> y(static_cast<std::size_t>(model.classes()));
      model.forward(x, {y.data(), {1, 1, model.classes()}}, workspace);
      auto const values = softmax(y);
      lines.push_back(verdict_line(one_line(name), labels, verdict_of(labels, values, asked.unknown_below), values));
      logits.insert(logits.end(), y.begin(), y.end());
      for (double const value : values) probabilities.push_back(static_cast<float>(value));
      names += (names.empty() ? "" : "\n") + utf8(one_line(name));
      bar.at(static_cast<double>(lines.size()));
    }
  }
  for (std::string const& line : lines) std::printf("%s\n", line.c_str());
  if (asked.output.empty()) return;
  std::string called;
  for (std::string const& label : labels) called += (called.empty() ? "" : ",") + label;
  std::vector<index_t> const shape{static_cast<index_t>(lines.size()), model.classes()};
  interrupts_held const now;
  tshift::io::write_safetensors(asked.output, {{"y", shape, logits}, {"probabilities", shape, probabilities}},
                                {{"sounds", names}, {"labels", called}});
}

}  // namespace ser
