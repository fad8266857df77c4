// SPDX-License-Identifier: MIT
#include "live.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <tshift/io/safetensors.hpp>
#include <vector>

#include "emotions.hpp"
#include "error.hpp"
#include "interrupts.hpp"
#include "live_features.hpp"
#include "live_model.hpp"
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
    "CRNN of one direction. Samples come raw on the standard input, as sox and arecord write them, or from a WAV at the speed\n"
    "of its sound:\n"
    "  arecord -t raw -f S16_LE -r 16000 | ser live --weights W\n"
    "  sox speech.wav -t raw - | ser live --weights W\n"
    "  ser live --weights W --simulate speech.wav\n"
    "\n"
    "Each answer is of all that was heard so far; the last is what `ser classify` says of the whole. Ctrl-C ends it like the\n"
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

/// How long answers took to follow the sound.
class delays {
 public:
  void add(double seconds) {
    if (last_.size() < kept) last_.resize(last_.size() + 1);
    last_[count_++ % kept] = seconds;
    most_ = std::max(most_, seconds);
  }
  /// Of the last ones.
  double median() const {
    auto sorted = last_;
    std::ranges::sort(sorted);
    return sorted[sorted.size() / 2];
  }
  /// Of all.
  double most() const { return most_; }

 private:
  static constexpr std::size_t kept = 1000;  // whoever listens for days needs no more memory

  std::vector<double> last_;
  std::size_t count_ = 0;
  double most_ = 0;
};

/// What is printed, a line at a time, to whoever reads it while it reads.
class reporter {
 public:
  reporter(std::vector<std::string> labels, bool json, double unknown_below)
      : labels_(std::move(labels)), json_(json), unknown_below_(unknown_below) {}

  /// @param y  empty: no frame has left the network yet
  /// @return whether anybody still reads
  bool answer(double heard, std::span<float const> y, bool last) const {
    bool const none = y.empty();
    auto const values = none ? std::vector<double>() : softmax(y);
    std::string const verdict = none ? "" : verdict_of(labels_, values, unknown_below_);
    if (json_) {
      nlohmann::ordered_json line;
      line["seconds"] = heard;
      if (!none) {
        line["label"] = verdict;
        for (std::size_t k = 0; k < values.size(); ++k) line["probabilities"][labels_[k]] = values[k];
      }
      line["last"] = last;
      return put(line.dump() + "\n");
    }
    char text[64];
    std::snprintf(text, sizeof text, last ? "all of %.2f s" : "%9.2f s", heard);
    if (none) return put(std::string(text) + ": nothing yet\n");
    std::string name = text;
    if (!last) {
      double const most = *std::ranges::max_element(values);
      std::string bar(most > 0 ? static_cast<std::size_t>(std::lround(20 * most)) : 0, '#');  // none of NaN
      bar.resize(20, '.');
      name += "  [" + bar + "]";
    }
    return put(verdict_line(name, labels_, verdict, values) + "\n");
  }

  bool delay(live_features const& features, live_model const& model, delays const& of) const {
    double const frames = features.look_ahead(), ahead = static_cast<double>(model.latency()) * features.hop();
    if (json_) {
      nlohmann::ordered_json line;
      line["delay"] = {
          {"frame", frames}, {"network", ahead}, {"computing_median", of.median()}, {"computing_most", of.most()}};
      return put(line.dump() + "\n");
    }
    char text[256];
    std::snprintf(
        text, sizeof text,
        "(from sound to answer %.0f ms: a frame takes %.0f ms of sound, the network looks %.0f ms ahead, computing "
        "takes %.1f ms, at most %.1f ms)\n",
        1000 * (frames + ahead + of.median()), 1000 * frames, 1000 * ahead, 1000 * of.median(), 1000 * of.most());
    return put(text);
  }

  bool put(std::string const& text) const {
    errno = 0;
    bool const good = std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
    if (!good && errno != EPIPE) throw ser_error("cannot write to the standard output");
    if (!good) std::clearerr(stdout);
    return good;
  }

 private:
  std::vector<std::string> labels_;
  bool json_;
  double unknown_below_;
};

}  // namespace

live_command::live_command(CLI::App& program)
    : command_(*program.add_subcommand("live", "The emotion of a sound while it is still going on")) {
  command_.footer(std::string(details) + "\n\n" + model_details + "\n\n" + image_model_details);
  command_.get_formatter()->column_width(36);
  command_.add_option("--weights", weights_, "A safetensors file")->type_name("W")->required()->check(not_empty);
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
  add_weights_as(command_, words_.stored);
  add_model_options(command_, words_);
  add_image_words(command_, words_.images);
}

void live_command::run() const {
  auto const file = tshift::io::safetensors::open(weights_);
  if (tshift::weights::holds_speech_encoder(file.state_dict())) {
    throw usage_error(
        one_line(weights_) +
        " holds an encoder, whose attention needs the whole sound: ser classify --timeline hears it in windows");
  }
  if (simulate_.empty() && (sounds_.mix || command_.count("--pace") > 0)) {
    throw usage_error("--mix and --pace are for --simulate; --channels says how many the standard input has");
  }
  if (!simulate_.empty() && command_.count("--format") + command_.count("--rate") + command_.count("--channels") > 0) {
    throw usage_error("--format, --rate and --channels are for the standard input, and --simulate reads a file");
  }
  if (simulate_.empty() && ::isatty(0) == 1) {
    throw usage_error("the standard input is a terminal: pipe samples into it, or --simulate a WAV");
  }
  model_options words = words_;
  take_model(words, file.metadata());
  network const made = make_network(file.state_dict(), words);
  hearing const how(file.metadata());
  if (!how.known()) {
    throw ser_error(one_line(weights_) +
                    " does not say what its features are: it was not trained on sounds by ser train");
  }
  live_features features(how);
  if (!made.widths.allows(features.channels())) {
    throw ser_error(one_line(weights_) + " reads " + made.widths.text() +
                    ", its features have D = " + std::to_string(features.channels()));
  }
  live_model model(made, features.channels());
  std::vector<std::string> const asked = labels_.empty() ? std::vector<std::string>() : split_labels(labels_);
  reporter const to(labels_for(asked, file.metadata(), model.classes()), json_, unknown_);

  sound_options from = sounds_;
  from.input = simulate_;
  from.rate = features.rate();
  polite_interrupts const guard;
  std::signal(SIGPIPE, SIG_IGN);  // whoever has read enough ends this like the end of the input
  auto const input = simulate_.empty() ? raw_input({format_.value_or(sample_format::s16), rate_, channels_},
                                                   features.rate(), sounds_.resample)
                                       : simulated_input(from, pace_);
  if (!json_ && !to.put(one_line(weights_) + ": " + made.description + "\n")) return;

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
      bool const read = to.answer(heard / rate, model.answer(), false);
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
  bool const read = to.answer(heard / rate, y, true);
  took.add(std::chrono::duration<double>(clock::now() - came).count());
  if (read) to.delay(features, model, took);
}

}  // namespace ser
