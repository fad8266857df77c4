// SPDX-License-Identifier: MIT
#include "classify.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <span>
#include <tshift/io/safetensors.hpp>
#include <utility>
#include <vector>

#include "classify_frames.hpp"
#include "classify_heard.hpp"
#include "error.hpp"
#include "interrupts.hpp"
#include "listen.hpp"
#include "manifest.hpp"
#include "progress.hpp"
#include "text_file.hpp"

namespace ser {
namespace {

constexpr char const* details =
    "W holds an encoder with a head for emotions: transformers' Wav2Vec2ForSequenceClassification and its like, audeering's\n"
    "regression, or ShiftSER's `pretrain.` and `model.`. IN is then a sound at 16 kHz (whatever libsndfile reads), a folder of\n"
    "sounds, a manifest (.csv with a column path, or .jsonl), or a .safetensors file with waves [N, samples]. Or W holds a\n"
    "model alone, of those below, and IN the features [N, frames, D] or the images that it reads.\n"
    "\n"
    "A sound longer than 30 s is heard in windows, and its probabilities are the mean of theirs, and so are y and feature. OUT\n"
    "is a .safetensors file with y, probabilities and feature [N, D]; of one sound also .csv or .json, its timeline. The last\n"
    "window is shorter where at least half a hop is left.";

bool ends_with(std::string const& text, char const* end) { return text.ends_with(end); }

void print_values(std::string const& name, std::vector<std::string> const& labels, std::string const& verdict,
                  std::span<double const> values) {
  std::printf("%s\n", verdict_line(one_line(name), labels, verdict, values).c_str());
}

/// Of all sounds, in their order.
struct results {
  std::vector<float> y, probabilities, feature;
  std::vector<std::string> names;
  std::vector<std::vector<double>> values;

  void add(std::string const& name, std::span<float const> logits, std::vector<double> of,
           std::span<float const> mean) {
    names.push_back(name);
    y.insert(y.end(), logits.begin(), logits.end());
    feature.insert(feature.end(), mean.begin(), mean.end());
    for (double const value : of) probabilities.push_back(static_cast<float>(value));
    values.push_back(std::move(of));
  }

  void print(emotion_model const& model, double unknown_below) const {
    for (std::size_t n = 0; n < names.size(); ++n) {
      std::string const verdict = model.regression() ? "" : model.verdict(values[n], unknown_below);
      print_values(names[n], model.labels(), verdict, values[n]);
    }
  }

  void write(emotion_model const& model, std::string const& path) const {
    auto const count = static_cast<index_t>(names.size());
    std::string sounds, labels;
    for (std::string const& name : names) sounds += (sounds.empty() ? "" : "\n") + utf8(one_line(name));
    for (std::string const& label : model.labels()) labels += (labels.empty() ? "" : ",") + label;
    std::vector<tshift::weights::tensor> made;
    made.emplace_back("y", std::vector<index_t>{count, model.classes()}, y);
    if (!model.regression()) {
      made.emplace_back("probabilities", std::vector<index_t>{count, model.classes()}, probabilities);
    }
    made.emplace_back("feature", std::vector<index_t>{count, model.channels()}, feature);
    interrupts_held const now;
    tshift::io::write_safetensors(path, made, {{"sounds", sounds}, {"labels", labels}});
  }
};

}  // namespace

classify_command::classify_command(CLI::App& program)
    : command_(*program.add_subcommand("classify", "The emotion of sounds, or of their features, and its timeline")) {
  command_.footer(std::string(details) + "\n\n" + model_details + "\n\n" + image_model_details);
  command_.get_formatter()->column_width(36);
  command_.add_option("--input,input", input_, "Sounds, or features")->type_name("IN")->required()->check(not_empty);
  how_.add_to(command_);
  command_.add_option("--output", output_, "Results as a file")->type_name("OUT")->check(not_empty);
  command_.add_option("--tensor", tensor_, "What waves (waveform) or features (x) are called in IN")
      ->type_name("NAME")
      ->check(not_empty);
  command_
      .add_flag("--lengths", lengths_,
                "Honour the tensor lengths [N], I64 or I32, of IN: samples or frames behind\n"
                "a sequence's length count for nothing")
      ->disable_flag_override();
  sounds_.add_to(command_);
  command_.add_option("--labels", labels_, "What the classes are called, in their order")
      ->type_name("A,B,...")
      ->check(not_empty);
  command_
      .add_option_function<std::string>(
          "--unknown",
          [this](std::string const& text) {
            auto const [stop, error] = std::from_chars(text.data(), text.data() + text.size(), unknown_);
            if (text.empty() || error != std::errc() || stop != text.data() + text.size() ||
                !(unknown_ >= 0 && unknown_ <= 1)) {
              throw CLI::ValidationError("--unknown: '" + text + "' is no probability from 0 to 1");
            }
          },
          "Where no class is as likely as that, the emotion is unknown")
      ->type_name("P");
  windows_.add_to(command_);
  command_.add_option("--picture", picture_, "An SVG of the timeline above the waveform")
      ->type_name("FILE")
      ->check(not_empty);
  command_.add_flag("--time", time_, "Time a model of features, on one thread")->disable_flag_override();
  add_model_options(command_, words_);
  add_image_words(command_, words_.images);
}

void classify_command::run() const {
  if (!output_.empty() && output_ == picture_) throw usage_error("--output and --picture are one file");
  auto const weights = tshift::io::safetensors::open(how_.weights);
  bool const encoder = tshift::weights::holds_speech_encoder(weights.state_dict());
  if (encoder) return classify_sounds();
  classify_features();
}

void classify_command::classify_features() const {
  if (!how_.config.empty() || how_.padded() || how_.normalise != normalisation::unset || how_.eps ||
      windows_.window > 0 || !picture_.empty()) {
    throw usage_error(
        "--config, --normalize, --mask, --as-released, --frames, --timeline and --picture are for models " +
        std::string("with an encoder, and ") + one_line(how_.weights) + " holds none");
  }
  sound_options from = sounds_;
  from.input = input_;
  bool const tensors = check_options(from);
  check_output(output_, input_files(from));
  check_output(output_, {how_.weights});
  model_options words = words_;
  words.weights = how_.weights;
  words.stored = how_.stored;
  words.input = input_;
  words.output = output_;
  words.tensor = tensor_.empty() ? "x" : tensor_;
  words.lengths = lengths_;
  words.time = time_;
  if (!labels_.empty()) words.labels = split_labels(labels_);
  words.unknown_below = unknown_;
  if (tensors) return ser::classify_frames(words);
  if (!tensor_.empty() || lengths_ || time_) {
    throw usage_error("--tensor, --lengths and --time are for a .safetensors file, which " + one_line(input_) +
                      " is not");
  }
  ser::classify_heard(words, from);
}

void classify_command::classify_sounds() const {
  if (time_) throw usage_error("--time is for models of features");
  sound_options from = sounds_;
  from.input = input_;
  from.usual = "waveform";
  from.tensor = tensor_;
  if (lengths_) from.lengths = "lengths";
  bool const tensors = check_options(from);
  bool const alone = !tensors && !is_manifest(input_) && !std::filesystem::is_directory(input_);
  bool const table = ends_with(output_, ".csv") || ends_with(output_, ".json");
  if (!alone && (windows_.window > 0 || !picture_.empty() || table)) {
    throw usage_error("--timeline, --picture and an --output of .csv or .json are for one sound");
  }
  if (!output_.empty() && !table && !ends_with(output_, ".safetensors")) {
    throw usage_error("--output " + one_line(output_) + ": must end with .csv, .json or .safetensors");
  }
  if (!picture_.empty() && !ends_with(picture_, ".svg")) {
    throw usage_error("--picture " + one_line(picture_) + ": must end with .svg");
  }
  for (std::string const& made : {output_, picture_}) {
    check_output(made, input_files(from));
    check_output(made, how_.files());
  }
  encoder_files const files(how_);
  model_options words = words_;
  words.stored = how_.stored;
  emotion_model model(how_, files, words, labels_);
  if (unknown_ > 0 && model.regression()) throw usage_error("--unknown is for classes, and the model is a regression");
  std::printf("%s: %s\n", one_line(how_.weights).c_str(), model.description().c_str());
  // What depends on the sounds beside, or on none but itself.
  if (tensors || how_.padded() || how_.normalise == normalisation::batch) return classify_batch(model, files, from);
  classify_each(model, files, from, alone);
}

/// Sounds that are computed as rows of a batch.
void classify_command::classify_batch(emotion_model& model, encoder_files const& files,
                                      sound_options const& from) const {
  if (windows_.window > 0 || !picture_.empty() || (!output_.empty() && !ends_with(output_, ".safetensors"))) {
    throw usage_error("--timeline, --picture and an --output of .csv or .json are not for batches");
  }
  waves<float> sounds = read_waves<float>(from);
  std::string const done = normalise(sounds, how_, files, model.whole_rows());
  std::printf("%s\n", done.c_str());
  for (index_t n = 0; n < sounds.batch; ++n) {  // all of them before the first is computed
    if (sounds.lengths[static_cast<std::size_t>(n)] >= model.shortest()) continue;
    throw ser_error(one_line(sounds.names[static_cast<std::size_t>(n)]) + " has " +
                    std::to_string(sounds.lengths[static_cast<std::size_t>(n)]) +
                    " samples, must have >= " + std::to_string(model.shortest()));
  }
  results all;
  {
    progress bar(static_cast<double>(sounds.batch));
    for (index_t n = 0; n < sounds.batch; ++n) {
      auto const made = model.run(sounds.view().slice_sequences(n, 1));
      all.add(sounds.names[static_cast<std::size_t>(n)], made.y, model.values_of(made.y), made.feature);
      bar.at(static_cast<double>(n + 1));
    }
  }
  all.print(model, unknown_);
  if (!output_.empty()) all.write(model, output_);
}

/// Sounds that are heard one after the other.
void classify_command::classify_each(emotion_model& model, encoder_files const& files, sound_options const& from,
                                     bool alone) const {
  results all;
  sound_options one = from;
  listening asked;
  asked.unknown_below = unknown_;
  if (windows_.window > 0) {
    asked.window = windows_.window;
    asked.hop = windows_.hop;
  }
  if (alone) {
    double const seconds = sound_seconds(from);
    asked.windows = windows_.window > 0 || seconds > asked.window || !output_.empty() || !picture_.empty();
    heard made;
    {
      progress bar(seconds);
      made = listen(model, how_, files, from, asked, [&bar](double at) { bar.at(at); });
    }
    all.add(made.windows.sound, made.y, made.values, made.feature);
    std::printf("%s\n\n", made.samples.c_str());
    all.print(model, unknown_);
    std::printf("(%s; %.4g s of sound)\n", made.how.c_str(), made.wave.seconds(heard_rate));
    if (!made.windows.entries.empty()) std::printf("\n");
    for (timeline::entry const& each : made.windows.entries) {
      char name[64];
      std::snprintf(name, sizeof name, "%7.2f to %7.2f s", each.start, each.end);
      print_values(name, model.labels(), each.verdict, each.values);
    }
    if (ends_with(output_, ".safetensors")) {
      all.write(model, output_);
    } else if (!output_.empty()) {
      write_text(output_, ends_with(output_, ".csv") ? made.windows.csv() : made.windows.json());
    }
    if (!picture_.empty()) write_text(picture_, picture(made.windows, made.wave, heard_rate));
    for (std::string const& file : {output_, picture_}) {
      if (!file.empty()) std::printf("%s is written\n", one_line(file).c_str());
    }
    return;
  }
  auto const paths = sound_files(from);
  std::string samples;
  {
    progress bar(static_cast<double>(paths.size()));
    for (std::string const& path : paths) {
      one.input = path;
      heard const made = listen(model, how_, files, one, asked, [](double) {});
      all.add(is_manifest(from.input) ? path : made.windows.sound, made.y, made.values, made.feature);
      samples = made.samples;
      bar.at(static_cast<double>(all.names.size()));
    }
  }
  std::printf("%s\n", samples.c_str());
  all.print(model, unknown_);
  if (!output_.empty()) all.write(model, output_);
}

}  // namespace ser
