// SPDX-License-Identifier: MIT
#include "evaluate.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <map>
#include <numeric>
#include <optional>
#include <tshift/io/safetensors.hpp>
#include <vector>

#include "emotions.hpp"
#include "encoder.hpp"
#include "error.hpp"
#include "hearing.hpp"
#include "metrics.hpp"
#include "progress.hpp"
#include "svg.hpp"
#include "text_file.hpp"
#include "trainee.hpp"
#include "trainer.hpp"

namespace ser {
namespace {

constexpr char const* details =
    "W is a best.safetensors of `ser train`, which knows its labels, its features and its shift; or another of the models below.\n"
    "DATA is what `ser train` takes; labels that W does not know are refused. Every sample counts once, whatever it was\n"
    "used for before: a score on samples that W has learned from, or that chose its epoch, says little.\n"
    "\n";

/// What a file says of its labels; empty: nothing.
std::string labels_in(std::map<std::string, std::string> const& metadata) {
  auto const found = metadata.find("labels");
  return found == metadata.end() ? "" : found->second;
}

/// Labels in the model's order, and each sample's number there.
void take_order(dataset& data, std::vector<std::string> const& labels, std::string const& source) {
  std::vector<index_t> numbers;
  for (std::string const& label : data.labels) {
    auto const found = std::ranges::find(labels, label);
    if (found == labels.end()) {
      std::string known;
      for (std::string const& each : labels) known += (known.empty() ? "" : ", ") + each;
      throw ser_error("the label " + one_line(label) + " is none of those of " + one_line(source) + ": " + known);
    }
    numbers.push_back(found - labels.begin());
  }
  for (sample& each : data.samples) each.label = numbers[static_cast<std::size_t>(each.label)];
  data.labels = labels;
}

/// A sample a line.
std::string predictions_csv(dataset const& data, std::span<float const> logits) {
  auto const classes = data.labels.size();
  std::string text = "sample,label,predicted";
  for (std::string const& label : data.labels) text += "," + quoted(label);
  text += "\n";
  for (std::size_t n = 0; n < data.samples.size(); ++n) {
    auto const probabilities = softmax(logits.subspan(n * classes, classes));
    auto const best = std::ranges::max_element(probabilities) - probabilities.begin();
    sample const& of = data.samples[n];
    text += quoted(of.name) + "," + quoted(data.labels[static_cast<std::size_t>(of.label)]) + "," +
            quoted(data.labels[static_cast<std::size_t>(best)]);
    for (double const p : probabilities) append(text, ",%.6f", p);
    text += "\n";
  }
  return text;
}

}  // namespace

evaluate_command::evaluate_command(CLI::App& program)
    : command_(*program.add_subcommand("evaluate", "How good a model is on labelled sounds or features")),
      front_end_(command_), form_(command_) {
  command_.footer(std::string(details) + model_details + "\n\n" + image_model_details);
  command_.get_formatter()->column_width(36);
  command_.add_option("--weights", words_.weights, "A safetensors file")->type_name("W")->required();
  data_.add_to(command_);
  command_.add_option("--predictions", predictions_, "A CSV of each sample's label, prediction and probabilities")
      ->type_name("FILE");
  command_.add_option("--picture", picture_, "An SVG of the confusion matrix")->type_name("FILE");
  add_model_options(command_, words_);
  add_image_words(command_, words_.images);
}

void evaluate_command::run() const {
  if (data_.data.empty()) throw usage_error("--data is required");
  auto const file = tshift::io::safetensors::open(words_.weights);
  bool const hears = tshift::weights::holds_speech_encoder(file.state_dict());
  scored const all = hears                                  ? score_sounds()
                     : holds_image_model(file.state_dict()) ? score_images(file)
                                                            : score_features(file);
  dataset const& data = all.data;
  confusion matrix(static_cast<index_t>(data.labels.size()));
  std::size_t const classes = data.labels.size();
  for (std::size_t n = 0; n < data.samples.size(); ++n) {
    auto const row = std::span(all.logits).subspan(n * classes, classes);
    matrix.add(data.samples[n].label, std::ranges::max_element(row) - row.begin());
  }
  std::vector<index_t> labels;
  for (sample const& each : data.samples) labels.push_back(each.label);
  tshift::shape const shape{static_cast<index_t>(labels.size()), 1, matrix.classes()};
  double const loss = train::cross_entropy<float const>({all.logits.data(), shape}, labels, {});
  std::printf("%s\n\nloss %.4f   WA %.1f %%   UA %.1f %%   F1 %.1f %%\n\n%s\n%s\n", data.description.c_str(), loss,
              100 * matrix.weighted_accuracy(), 100 * matrix.unweighted_accuracy(), 100 * matrix.macro_f1(),
              confusion_text(matrix, data.labels).c_str(), metric_words);
  if (!predictions_.empty()) write_text(predictions_, predictions_csv(data, all.logits));
  if (!picture_.empty()) write_text(picture_, confusion_svg(matrix, data.labels, one_line(data_.data)));
  for (std::string const& made : {predictions_, picture_}) {
    if (!made.empty()) std::printf("%s is written\n", one_line(made).c_str());
  }
}

dataset evaluate_command::read(tshift::io::safetensors const& file, width_rule const& widths, index_t classes) const {
  data_options from = data_;
  hearing const kept(file.metadata());
  if (!from.normalise && !kept.normalise().empty()) from.normalise = kept.normalise();
  bool const known = front_end_.is_default() && form_.is_default() && kept.known();
  feature_form const* const form = known ? &kept.form() : &form_;
  if (!from.normalise && form->is_image()) from.normalise = "none";  // an image is scaled as a whole
  bool const tensors = from.data.ends_with(".safetensors");
  dataset data = read_dataset(from, known ? kept.front_end() : front_end_, known && tensors ? nullptr : form);
  if (!widths.allows(data.channels)) {
    throw ser_error(one_line(words_.weights) + " reads " + widths.text() +
                    ", the data has D = " + std::to_string(data.channels));
  }
  std::string const said = labels_in(file.metadata());
  std::vector<std::string> labels;
  if (!said.empty()) labels = split_labels(said);
  if (static_cast<index_t>(labels.size()) != classes) {
    labels.clear();
    for (index_t k = 0; k < classes; ++k) labels.push_back(std::to_string(k));
  }
  take_order(data, labels, words_.weights);
  return data;
}

evaluate_command::scored evaluate_command::score_features(tshift::io::safetensors const& file) const {
  model_options words = words_;
  take_model(words, file.metadata());
  trainee<float> model(file.state_dict(), words);
  scored all{read(file, {model.channels(), model.channels(), 1}, model.classes()), {}};
  training_options how;
  how.crop = hearing(file.metadata()).crop();
  parts const none;
  trainer scorer(model, all.data, none, how);
  std::vector<index_t> numbers(all.data.samples.size());
  std::iota(numbers.begin(), numbers.end(), index_t{0});
  confusion unused(model.classes());
  (void)scorer.evaluate(numbers, unused, &all.logits);
  return all;
}

evaluate_command::scored evaluate_command::score_images(tshift::io::safetensors const& file) const {
  model_options words = words_;
  take_model(words, file.metadata());
  network const model = make_network(file.state_dict(), words);
  scored all{read(file, model.widths, model.classes()), {}};
  std::vector<float> workspace, y(static_cast<std::size_t>(model.classes()));
  progress bar(static_cast<double>(all.data.samples.size()));
  double done = 0;
  index_t const crop = hearing(file.metadata()).crop();
  for (sample const& each : all.data.samples) {
    auto const x = middle(all.data.features_of(each), all.data.channels, crop);
    model.check_length(x.shape.time, each.name);
    workspace.resize(static_cast<std::size_t>(model.workspace_size(x.shape)));
    model.forward(x, {y.data(), {1, 1, model.classes()}}, workspace);
    all.logits.insert(all.logits.end(), y.begin(), y.end());
    bar.at(++done, "samples");
  }
  all.data.description += "; " + model.description;
  return all;
}

evaluate_command::scored evaluate_command::score_sounds() const {
  if (!front_end_.is_default() || !form_.is_default() || data_.normalise || !data_.encoder.empty()) {
    throw usage_error("options of log-mel features and --encoder change nothing: " + one_line(words_.weights) +
                      " holds an encoder");
  }
  encoder_options how;
  how.weights = words_.weights;
  how.config = data_.config;
  encoder_files const files(how);
  emotion_model model(how, files, words_, "");
  if (model.regression()) throw ser_error(one_line(words_.weights) + " is a regression, and labels are classes");
  scored all{list_sounds(data_), {}};
  take_order(all.data, model.labels(), words_.weights);
  progress bar(static_cast<double>(all.data.samples.size()));
  double done = 0;
  for (sample const& each : all.data.samples) {
    sound_options one = data_.sounds;
    one.input = each.name;
    waves<float> sound = read_waves<float>(one);
    (void)normalise(sound, how, files, model.whole_rows());
    if (sound.samples < model.shortest()) {
      throw ser_error(one_line(each.name) + " has " + std::to_string(sound.samples) +
                      " samples, must have >= " + std::to_string(model.shortest()));
    }
    auto const made = model.run(sound.view());
    all.logits.insert(all.logits.end(), made.y.begin(), made.y.end());
    bar.at(++done, "sounds");
  }
  all.data.description =
      one_line(data_.data) + ": " + std::to_string(all.data.samples.size()) + " sounds; " + model.description();
  return all;
}

}  // namespace ser
