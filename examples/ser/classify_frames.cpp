// SPDX-License-Identifier: MIT
#include "classify_frames.hpp"

#include <cstddef>
#include <cstdio>
#include <span>
#include <string>
#include <tshift/io/safetensors.hpp>
#include <vector>

#include "emotions.hpp"
#include "error.hpp"
#include "feature_file.hpp"
#include "interrupts.hpp"
#include "network.hpp"
#include "report.hpp"

namespace ser {
namespace {

/// Softmax of each row.
std::vector<float> probabilities_of(std::span<float const> y, index_t classes) {
  std::vector<float> result;
  for (auto const width = static_cast<std::size_t>(classes); !y.empty(); y = y.subspan(width)) {
    for (double const value : softmax(y.first(width))) result.push_back(static_cast<float>(value));
  }
  return result;
}

}  // namespace

void classify_frames(model_options const& asked) {
  auto const file = tshift::io::safetensors::open(asked.weights);
  model_options words = asked;
  take_model(words, file.metadata());
  auto const said = file.metadata().find("labels");
  auto const weights = file.state_dict();
  network const model = make_network(weights, words);
  if (!words.labels.empty() && static_cast<index_t>(words.labels.size()) != model.classes()) {
    throw usage_error("--labels names " + std::to_string(words.labels.size()) + " classes, the model has " +
                      std::to_string(model.classes()));
  }
  if (words.labels.empty() && said != file.metadata().end()) {
    words.labels = split_labels(said->second);
    if (static_cast<index_t>(words.labels.size()) != model.classes()) words.labels.clear();
  }
  feature_file const x(words, model);
  if (words.time && x.frames() == 0) throw usage_error("--time: there are no frames in " + one_line(words.input));
  std::printf("%s: %s\n%s\n", one_line(words.weights).c_str(), model.description.c_str(), x.description().c_str());
  if (std::string const warning = x.warning(); !warning.empty()) {
    std::fprintf(stderr, "ser: warning: %s\n", warning.c_str());
  }

  tshift::shape const dims = x.view().shape;
  std::vector<float> values(static_cast<std::size_t>(dims.batch * model.classes()));
  std::vector<float> workspace(static_cast<std::size_t>(model.workspace_size(dims)));
  tshift::tensor_view<float> const y(values.data(), {.batch = dims.batch, .time = 1, .channels = model.classes()});
  std::vector<float> feature(static_cast<std::size_t>(dims.batch * model.features()));
  model.forward(x.view(), y, workspace, feature);
  std::vector<index_t> const shape{dims.batch, model.classes()};
  std::vector<float> const probabilities = probabilities_of(values, model.classes());
  std::vector<tshift::weights::tensor> made;
  made.emplace_back("y", shape, values);
  made.emplace_back("probabilities", shape, probabilities);
  if (model.features() > 0) made.emplace_back("feature", std::vector<index_t>{dims.batch, model.features()}, feature);
  if (!words.output.empty()) {
    interrupts_held const now;
    tshift::io::write_safetensors(words.output, made);
  }
  if (!words.output.empty()) std::printf("%s: y %s of F32\n", one_line(words.output).c_str(), shown(shape).c_str());
  std::printf("\n");
  print_table(values, model.classes());
  if (!words.labels.empty() || words.unknown_below > 0) print_verdicts(words, probabilities, model.classes());
  if (words.time) {
    std::printf("\n");
    print_times(model, x.view(), x.frames(), y, workspace);
  }
}

}  // namespace ser
