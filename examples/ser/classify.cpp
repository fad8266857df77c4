// SPDX-License-Identifier: MIT
#include "classify.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <span>
#include <system_error>
#include <tshift/io/files.hpp>
#include <tshift/io/safetensors.hpp>
#include <vector>

#include "classify_frames.hpp"
#include "error.hpp"
#include "interrupts.hpp"
#include "manifest.hpp"

namespace ser {
namespace {

constexpr int rate = 16000;
constexpr double whole_seconds = 30;  // longer sounds are heard window by window
constexpr double usual_window = 4, usual_hop = 1;

constexpr char const* details =
    "W holds an encoder with a head for emotions: transformers' Wav2Vec2ForSequenceClassification and its like, audeering's\n"
    "regression, or ShiftSER's `pretrain.` and `model.`. IN is then a sound at 16 kHz (whatever libsndfile reads), a folder of\n"
    "sounds, a manifest (.csv with a column path, or .jsonl), or a .safetensors file with waves [N, samples]. Or W holds ShiftSER's model alone, and IN the features\n"
    "[N, frames, D] that it reads.\n"
    "\n"
    "A sound longer than 30 s is heard in windows, and its emotion is the mean of theirs. OUT is a .safetensors file with y,\n"
    "probabilities and feature [N, D]; of a timeline, .csv or .json.";

double seconds_of(std::string const& name, std::string_view text) {
  double value = 0;
  auto const [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || stop != text.data() + text.size() || !(value >= 0.025) || value > 3600) {
    throw CLI::ValidationError(name + ": '" + std::string(text) + "' is no time from 0.025 to 3600 seconds");
  }
  return value;
}

bool ends_with(std::string const& text, char const* end) { return text.ends_with(end); }

void write_text(std::string const& path, std::string const& text) {
  std::span<std::byte const> const bytes = std::as_bytes(std::span(text));
  interrupts_held const now;
  tshift::detail::replace_file(path, std::span(&bytes, 1));
}

/// A bar on a terminal that stands for standard error, and nothing elsewhere.
class progress {
 public:
  explicit progress(double all) : all_(all), shown_(::isatty(2) == 1 && all > 0) {}
  progress(progress const&) = delete;
  progress& operator=(progress const&) = delete;
  ~progress() {
    if (shown_) std::fprintf(stderr, "\r\033[K");
  }
  void at(double done) {
    int const percent = static_cast<int>(100 * std::min(done / all_, 1.0));
    if (!shown_ || percent == percent_) return;
    percent_ = percent;
    std::string const bar(static_cast<std::size_t>(percent * 40 / 100), '#');
    std::fprintf(stderr, "\r[%-40s] %3d %%", bar.c_str(), percent);
    std::fflush(stderr);
  }

 private:
  double all_;
  bool shown_;
  int percent_ = -1;
};

void print_values(std::string const& name, std::vector<std::string> const& labels, std::string const& verdict,
                  std::span<double const> values) {
  std::printf("%s: %s", one_line(name).c_str(), verdict.c_str());
  for (std::size_t k = 0; k < labels.size(); ++k) {
    std::printf("%s%s %.3f", k == 0 ? (verdict.empty() ? "" : " (") : ", ", labels[k].c_str(), values[k]);
  }
  std::printf("%s\n", verdict.empty() ? "" : ")");
}

}  // namespace

classify_command::classify_command(CLI::App& program)
    : command_(*program.add_subcommand("classify", "The emotion of sounds, or of their features, and its timeline")) {
  command_.footer(std::string(details) + "\n\n" + model_details);
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
  command_
      .add_option_function<std::string>(
          "--timeline",
          [this](std::string const& text) {
            auto const colon = text.find(':');
            if (colon == std::string::npos)
              throw CLI::ValidationError("--timeline: '" + text + "' is no WINDOW:HOP in seconds");
            window_ = seconds_of("--timeline", std::string_view(text).substr(0, colon));
            hop_ = seconds_of("--timeline", std::string_view(text).substr(colon + 1));
          },
          "Windows of so many seconds, one every so many: 4:1 where a sound is\nlonger than one window")
      ->type_name("WINDOW:HOP");
  command_.add_option("--picture", picture_, "An SVG of the timeline above the waveform")
      ->type_name("FILE")
      ->check(not_empty);
  command_.add_flag("--time", time_, "Time a model of features, on one thread")->disable_flag_override();
  add_model_options(command_, words_);
}

void classify_command::check_output() const {
  std::error_code ignored;
  for (std::string const& made : {output_, picture_}) {
    if (made.empty()) continue;
    for (std::string const& read : {input_, how_.weights, how_.config}) {
      if (made == read || std::filesystem::equivalent(made, read, ignored)) {
        throw usage_error(one_line(made) + " is read, and cannot be written as well");
      }
    }
  }
  if (!output_.empty() && output_ == picture_) throw usage_error("--output and --picture are one file");
}

void classify_command::run() const {
  check_output();
  auto const weights = tshift::io::safetensors::open(how_.weights);
  bool const encoder = tshift::weights::holds_speech_encoder(weights.state_dict());
  if (encoder) return classify_sounds();
  classify_features();
}

void classify_command::classify_features() const {
  if (!how_.config.empty() || how_.padded() || how_.normalise != normalisation::unset || how_.eps || sounds_.mix ||
      sounds_.resample || window_ > 0 || !picture_.empty()) {
    throw usage_error(
        "--config, --normalize, --mask, --as-released, --frames, --mix, --resample, --timeline and --picture are for " +
        std::string("models that hear sounds, and ") + one_line(how_.weights) + " holds no encoder");
  }
  model_options words = words_;
  words.weights = how_.weights;
  words.input = input_;
  words.output = output_;
  words.tensor = tensor_.empty() ? "x" : tensor_;
  words.lengths = lengths_;
  words.time = time_;
  words.probabilities = true;
  if (!labels_.empty()) words.labels = split_labels(labels_);
  words.unknown_below = unknown_;
  ser::classify_frames(words);
}

void classify_command::classify_sounds() const {
  if (time_) throw usage_error("--time is for models of features");
  sound_options from = sounds_;
  from.input = input_;
  from.usual = "waveform";
  from.tensor = tensor_;
  if (lengths_) from.lengths = "lengths";
  bool const tensors = holds_tensors(from);
  if (tensors && (from.mix || from.resample)) {
    throw usage_error("--mix and --resample are for sounds, and " + one_line(input_) + " holds tensors");
  }
  if (!tensors && !(tensor_.empty() && !lengths_)) {
    throw usage_error("--tensor and --lengths are for a .safetensors file, which " + one_line(input_) + " is not");
  }
  encoder_files const files(how_);
  emotion_model model(how_, files, words_, labels_);
  std::printf("%s: %s\n", one_line(how_.weights).c_str(), model.description().c_str());

  bool const alone = !tensors && !is_manifest(input_) && !std::filesystem::is_directory(input_);
  if (alone && (window_ > 0 || sound_seconds(from) > usual_window)) return classify_long(model, files, input_);
  if (window_ > 0 || !picture_.empty()) {
    throw usage_error("--timeline and --picture are for one sound" +
                      std::string(alone ? " of more than 4 s, or with --timeline" : ""));
  }
  if (!output_.empty() && !ends_with(output_, ".safetensors")) {
    throw usage_error("--output " + one_line(output_) + ": several sounds give a .safetensors file");
  }
  waves<float> sounds = read_waves<float>(from);
  std::string const done = normalise(sounds, how_, files);
  std::printf("%s\n", done.c_str());
  for (index_t n = 0; n < sounds.batch; ++n) {  // all of them before the first is computed
    if (sounds.lengths[static_cast<std::size_t>(n)] >= model.shortest()) continue;
    throw ser_error(one_line(sounds.names[static_cast<std::size_t>(n)]) + " has " +
                    std::to_string(sounds.lengths[static_cast<std::size_t>(n)]) +
                    " samples, must have >= " + std::to_string(model.shortest()));
  }
  std::vector<float> y, probabilities, feature;
  std::string names;
  {
    progress bar(static_cast<double>(sounds.batch));
    for (index_t n = 0; n < sounds.batch; ++n) {
      auto const made = model.run(sounds.view().slice_sequences(n, 1));
      auto const values = model.values_of(made.y);
      y.insert(y.end(), made.y.begin(), made.y.end());
      for (double const value : values) probabilities.push_back(static_cast<float>(value));
      feature.insert(feature.end(), made.feature.begin(), made.feature.end());
      names += (names.empty() ? "" : "\n") + sounds.names[static_cast<std::size_t>(n)];
      bar.at(static_cast<double>(n + 1));
    }
  }
  auto const classes = static_cast<std::size_t>(model.classes());
  for (std::size_t n = 0; n < sounds.names.size(); ++n) {
    std::vector<double> const values(probabilities.begin() + static_cast<std::ptrdiff_t>(n * classes),
                                     probabilities.begin() + static_cast<std::ptrdiff_t>((n + 1) * classes));
    print_values(sounds.names[n], model.labels(), model.regression() ? "" : model.verdict(values, unknown_), values);
  }
  if (output_.empty()) return;
  std::string labels;
  for (std::string const& label : model.labels()) labels += (labels.empty() ? "" : ",") + label;
  std::vector<tshift::weights::tensor> tensors_made;
  tensors_made.emplace_back("y", std::vector<index_t>{sounds.batch, model.classes()}, y);
  if (!model.regression()) {
    tensors_made.emplace_back("probabilities", std::vector<index_t>{sounds.batch, model.classes()}, probabilities);
  }
  tensors_made.emplace_back("feature", std::vector<index_t>{sounds.batch, model.channels()}, feature);
  interrupts_held const now;
  tshift::io::write_safetensors(output_, tensors_made, {{"sounds", names}, {"labels", labels}});
}

void classify_command::classify_long(emotion_model& model, encoder_files const& files, std::string const& path) const {
  bool const table = !output_.empty() && !ends_with(output_, ".safetensors");
  if (table && !ends_with(output_, ".csv") && !ends_with(output_, ".json")) {
    throw usage_error("--output " + one_line(output_) + ": must end with .csv, .json or .safetensors");
  }
  if (!picture_.empty() && !ends_with(picture_, ".svg")) {
    throw usage_error("--picture " + one_line(picture_) + ": must end with .svg");
  }
  double const window = window_ > 0 ? window_ : usual_window, hop = window_ > 0 ? hop_ : usual_hop;
  auto const samples = static_cast<std::size_t>(std::lround(window * rate)),
             step = static_cast<std::size_t>(std::lround(hop * rate));
  sound_options from = sounds_;
  from.input = path;
  sound_blocks sound(path, from);
  envelope wave(rate);
  timeline all{std::filesystem::path(path).filename().string(), model.labels(), !model.regression(), {}};
  std::vector<float> feature(static_cast<std::size_t>(model.channels())), y(static_cast<std::size_t>(model.classes()));
  std::vector<float> whole, ahead;  // of a short sound all of it; what the next windows need
  std::string done;
  auto const hear = [this, &model, &files, &done](std::vector<float> part) {
    waves<float> one;
    one.batch = 1;
    one.samples = static_cast<index_t>(part.size());
    one.lengths = {one.samples};
    one.values = std::move(part);
    done = normalise(one, how_, files);
    return model.run(one.view());
  };
  {
    progress bar(sound_seconds(from));
    std::size_t begin = 0,
                skip = 0;  // the first sample of `ahead`; samples of the file to pass over, where hop > window
    for (bool more = true; more;) {
      auto const block = sound.read();
      more = !block.empty();
      for (float const sample : block) wave.add(sample);
      if (wave.seconds(rate) <= whole_seconds) whole.insert(whole.end(), block.begin(), block.end());
      std::size_t const passed = std::min(skip, block.size());
      skip -= passed;
      ahead.insert(ahead.end(), block.begin() + static_cast<std::ptrdiff_t>(passed), block.end());
      // At the end one shorter window, if most of it is new: at least half a window, or all there is.
      while (ahead.size() >= samples ||
             (!more && ahead.size() >= static_cast<std::size_t>(model.shortest()) &&
              (all.entries.empty() || 2 * ahead.size() >= samples + samples - std::min(step, samples)))) {
        std::size_t const size = std::min(samples, ahead.size());
        auto const made = hear({ahead.begin(), ahead.begin() + static_cast<std::ptrdiff_t>(size)});
        auto values = model.values_of(made.y);
        std::string verdict = model.regression() ? "" : model.verdict(values, unknown_);
        all.entries.push_back({static_cast<double>(begin) / rate, static_cast<double>(begin + size) / rate,
                               std::move(values), std::move(verdict)});
        for (std::size_t i = 0; i < feature.size(); ++i) feature[i] += made.feature[i];
        for (std::size_t i = 0; i < y.size(); ++i) y[i] += made.y[i];
        std::size_t const dropped = std::min(step, ahead.size());
        ahead.erase(ahead.begin(), ahead.begin() + static_cast<std::ptrdiff_t>(dropped));
        skip += step - dropped;
        begin += step;
        bar.at(static_cast<double>(begin) / rate);
        if (!more && size < samples) ahead.clear();
      }
    }
  }
  if (all.entries.empty()) {
    throw ser_error(one_line(path) + " has " + std::to_string(static_cast<long long>(wave.seconds(rate) * rate + 0.5)) +
                    " samples, must have >= " + std::to_string(model.shortest()));
  }
  std::vector<double> values(y.size());
  std::string how = "the whole sound";
  if (wave.seconds(rate) <= whole_seconds) {
    auto const made = hear(std::move(whole));
    values = model.values_of(made.y);
    y = made.y;
    feature = made.feature;
  } else {
    auto const count = static_cast<double>(all.entries.size());
    for (timeline::entry const& each : all.entries) {
      for (std::size_t k = 0; k < values.size(); ++k) values[k] += each.values[k] / count;
    }
    for (float& value : feature) value /= static_cast<float>(count);
    for (float& value : y) value /= static_cast<float>(count);
    how = "the mean of " + std::to_string(all.entries.size()) + " windows";
  }
  std::printf("%s\n\n", done.c_str());
  print_values(all.sound, model.labels(), model.regression() ? "" : model.verdict(values, unknown_), values);
  std::printf("(%s; %.4g s of sound)\n\n", how.c_str(), wave.seconds(rate));
  for (timeline::entry const& each : all.entries) {
    char name[64];
    std::snprintf(name, sizeof name, "%7.2f to %7.2f s", each.start, each.end);
    print_values(name, model.labels(), each.verdict, each.values);
  }
  if (table) {
    write_text(output_, ends_with(output_, ".csv") ? all.csv() : all.json());
  } else if (!output_.empty()) {
    std::vector<float> const probabilities(values.begin(), values.end());
    std::vector<tshift::weights::tensor> made;
    made.emplace_back("y", std::vector<index_t>{1, model.classes()}, y);
    if (!model.regression())
      made.emplace_back("probabilities", std::vector<index_t>{1, model.classes()}, probabilities);
    made.emplace_back("feature", std::vector<index_t>{1, model.channels()}, feature);
    interrupts_held const now;
    tshift::io::write_safetensors(output_, made, {{"sounds", all.sound}});
  }
  if (!picture_.empty()) write_text(picture_, picture(all, wave, rate));
  for (std::string const& file : {output_, picture_}) {
    if (!file.empty()) std::printf("%s is written\n", one_line(file).c_str());
  }
}

}  // namespace ser
