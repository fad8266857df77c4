// SPDX-License-Identifier: MIT
#include "live.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <tshift/io/safetensors.hpp>
#include <vector>

#include "emotions.hpp"
#include "error.hpp"
#include "interrupts.hpp"
#include "listen.hpp"
#include "live_features.hpp"
#include "live_model.hpp"
#include "live_report.hpp"
#include "option_forms.hpp"

namespace ser {

template <>
struct form<sample_format> : choice<sample_format> {
  form()
      : choice{{{"s16", sample_format::s16},
                {"s32", sample_format::s32},
                {"f32", sample_format::f32},
                {"u8", sample_format::u8}}} {}
};

namespace {

constexpr char const* details =
    "W is a model of log-mel features that `ser train --features-normalise none` made: ShiftCNN, Shiftformer, or a ShiftLSTM or\n"
    "CRNN of one direction; or a model with an encoder, whose attention sees no sound before its end: it hears windows, as\n"
    "--timeline says, and each answer is of one. Samples come raw on the standard input, as sox and arecord write them, or from a WAV at the speed\n"
    "of its sound:\n"
    "  arecord -t raw -f S16_LE -r 16000 | ser live --weights W\n"
    "  sox speech.wav -t raw - | ser live --weights W\n"
    "  ser live --weights W --simulate speech.wav\n"
    "\n"
    "Each answer of a model of features is of all that was heard so far. The last is what `ser classify` says of the whole. Ctrl-C ends it like the\n"
    "end of the input. At the end stands how long an answer took to follow the sound.";

using clock = std::chrono::steady_clock;

/// A number from `least` to `most`.
template <class Number>
CLI::Option* add_number(CLI::App& app, std::string const& name, Number& to, Number least, Number most,
                        std::string const& help) {
  auto const read = [&to, name, least, most](std::string const& text) {
    auto const value = number_of<Number>(text, least);
    if (!value || *value > most) {
      char limits[64];
      std::snprintf(limits, sizeof limits, "%g to %g", static_cast<double>(least), static_cast<double>(most));
      throw CLI::ValidationError(name + ": '" + text + "' is no number from " + limits);
    }
    to = *value;
  };
  return app.add_option_function<std::string>(name, read, help);
}

}  // namespace

live_command::live_command(CLI::App& program)
    : command_(*program.add_subcommand("live", "The emotion of a sound while it is still going on")) {
  command_.footer(std::string(details) + "\n\n" + model_details + "\n\n" + image_model_details);
  command_.get_formatter()->column_width(36);
  how_.add_to(command_);
  command_.add_option("--simulate", simulate_, "A sound file in place of the standard input")
      ->type_name("WAV")
      ->check(not_empty);
  add_number(command_, "--pace", pace_, 0.0, 1000.0, "So many times as fast as its sound; 0: as fast as it goes (1)")
      ->type_name("X");
  add(command_, "--format", format_, "Raw samples, little-endian (s16)");
  add_number(command_, "--rate", rate_, 1000, 1000000, "Of raw samples, a second (the model's)")->type_name("N");
  add_number(command_, "--channels", channels_, 1, 64, "Of raw samples, which their mean makes one (1)")
      ->type_name("N");
  sounds_.add_to(command_);
  add_number(command_, "--every", every_, 0.01, 3600.0, "Seconds of sound from one answer to the next (1)")
      ->type_name("X");
  command_.add_flag("--json", json_, "A JSON object a line")->disable_flag_override();
  command_.add_option("--labels", labels_, "What the classes are called, in their order")
      ->type_name("A,B,...")
      ->check(not_empty);
  add_number(command_, "--unknown", unknown_, 0.0, 1.0, "Where no class is as likely as that, the emotion is unknown")
      ->type_name("P");
  windows_.add_to(command_);
  add_model_options(command_, words_);
  add_image_words(command_, words_.images);
}

void live_command::run() const {
  if (simulate_.empty() && (sounds_.mix || command_.count("--pace") > 0)) {
    throw usage_error("--mix and --pace are for --simulate; --channels says how many the standard input has");
  }
  if (!simulate_.empty() && command_.count("--format") + command_.count("--rate") + command_.count("--channels") > 0) {
    throw usage_error("--format, --rate and --channels are for the standard input, and --simulate reads a file");
  }
  if (simulate_.empty() && ::isatty(0) == 1) {
    throw usage_error("the standard input is a terminal: pipe samples into it, or --simulate a WAV");
  }
  auto const file = tshift::io::safetensors::open(how_.weights);
  polite_interrupts const guard;
  std::signal(SIGPIPE, SIG_IGN);  // whoever has read enough ends this like the end of the input
  if (tshift::weights::holds_speech_encoder(file.state_dict())) return hear_windows();
  hear_frames(file);
}

std::unique_ptr<live_input> live_command::input_at(int rate) const {
  sound_options from = sounds_;
  from.input = simulate_;
  from.rate = rate;
  return simulate_.empty() ? raw_input({format_.value_or(sample_format::s16), rate_, channels_}, rate, sounds_.resample)
                           : simulated_input(from, pace_);
}

/// An encoder, whose attention sees whole windows.
void live_command::hear_windows() const {
  if (command_.count("--every") > 0) {
    throw usage_error("--every: " + one_line(how_.weights) +
                      " holds an encoder, which answers window by window: --timeline 4:1");
  }
  if (how_.padded() || how_.normalise == normalisation::batch) {
    throw usage_error("--as-released, --mask, --frames reshape and --normalize batch are for batches");
  }
  encoder_files const files(how_);
  model_options words = words_;
  words.stored = how_.stored;
  emotion_model model(how_, files, words, labels_);
  if (unknown_ > 0 && model.regression()) throw usage_error("--unknown is for classes, and the model is a regression");
  listening asked;
  asked.unknown_below = unknown_;
  if (windows_.window > 0) {
    asked.window = windows_.window;
    asked.hop = windows_.hop;
  }
  sample_norm const norm(how_, files);
  listener ear(model, norm, asked, true, true);
  reporter const to(model.labels(), json_);
  auto const input = input_at(heard_rate);
  if (!json_ && !to.put(one_line(how_.weights) + ": " + model.description() + "\n" + norm.text() + "\n")) return;

  delays took;
  bool read = true;
  clock::time_point came;
  auto const said = [&](timeline::entry const& each) {
    std::optional<std::string> const verdict = model.regression() ? std::nullopt : std::optional(each.verdict);
    read = read && to.answer({each.end, each.start, each.values, verdict, false});
    took.add(std::chrono::duration<double>(clock::now() - came).count());
    came = clock::now();
  };
  for (auto block = input->read(); !block.empty() && read; block = input->read()) {
    came = clock::now();
    ear.push(block, said);
  }
  if (!read) return;
  came = clock::now();
  heard const all = ear.finish(input->name(), said);
  std::optional<std::string> verdict;
  if (!model.regression()) verdict = model.verdict(all.values, unknown_);
  read = read && to.answer({static_cast<double>(ear.samples()) / heard_rate, std::nullopt, all.values, verdict, true});
  took.add(std::chrono::duration<double>(clock::now() - came).count());
  if (read) to.delay({0, 0, asked.window}, took);
}

/// A model of features, frame by frame.
void live_command::hear_frames(tshift::io::safetensors const& file) const {
  if (windows_.window > 0 || !how_.config.empty() || how_.padded() || how_.normalise != normalisation::unset ||
      how_.eps) {
    throw usage_error("--config, --normalize, --mask, --as-released, --frames and --timeline are for models " +
                      std::string("with an encoder, and ") + one_line(how_.weights) + " holds none");
  }
  model_options words = words_;
  words.stored = how_.stored;
  take_model(words, file.metadata());
  network const made = make_network(file.state_dict(), words);
  hearing const how(file.metadata());
  if (!how.known()) {
    throw ser_error(one_line(how_.weights) +
                    " does not say what its features are: it was not trained on sounds by ser train");
  }
  live_features features(how);
  if (!made.widths.allows(features.channels())) {
    throw ser_error(one_line(how_.weights) + " reads " + made.widths.text() +
                    ", its features have D = " + std::to_string(features.channels()));
  }
  live_model model(made, features.channels());
  std::vector<std::string> const asked = labels_.empty() ? std::vector<std::string>() : split_labels(labels_);
  reporter const to(labels_for(asked, file.metadata(), model.classes()), json_);
  auto const input = input_at(features.rate());
  if (!json_ && !to.put(one_line(how_.weights) + ": " + made.description + "\n")) return;

  auto const answer = [this, &to](double heard, std::span<float const> y, bool last) {
    live_answer of;
    of.heard = heard;
    of.last = last;
    if (!y.empty()) {
      of.values = softmax(y);
      of.verdict = verdict_of(to.labels(), of.values, unknown_);
    }
    return to.answer(of);
  };
  double const rate = features.rate();
  double heard = 0, next = every_ * rate;
  delays took;
  for (auto block = input->read(); !block.empty(); block = input->read()) {
    auto const came = clock::now();
    while (!block.empty()) {
      auto const some = std::min(block.size(), static_cast<std::size_t>(std::ceil(std::max(1.0, next - heard))));
      model.push(features.push(block.first(some)));
      heard += static_cast<double>(some);
      block = block.subspan(some);
      if (heard < next) continue;
      bool const read = answer(heard / rate, model.answer(), false);
      took.add(std::chrono::duration<double>(clock::now() - came).count());
      if (!read) return;
      next += every_ * rate;
    }
  }
  auto const came = clock::now();
  model.push(features.flush());
  bool const cut = how.crop() > 0 && model.frames() > how.crop();
  auto const y = model.flush();
  if (y.empty()) throw ser_error(one_line(input->name()) + " gave too few samples for a frame");
  if (cut) {
    std::fprintf(stderr, "ser: warning: the model learned from %td frames of a sound, and so ser classify hears it.\n",
                 how.crop());
  }
  bool const read = answer(heard / rate, y, true);
  took.add(std::chrono::duration<double>(clock::now() - came).count());
  if (read) {
    to.delay({features.look_ahead(), static_cast<double>(model.latency()) * features.hop(), 0}, took);
  }
}

}  // namespace ser
