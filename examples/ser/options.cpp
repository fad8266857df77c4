// SPDX-License-Identifier: MIT
#include "options.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <system_error>
#include <tshift/audio/presets.hpp>
#include <utility>

namespace ser {
namespace {

using tshift::index_t;
using tshift::log_mel_options;

/// The whole text as a number; CLI11 would read 010 as 8.
template <class Number>
Number number_of(std::string const& name, std::string const& text) {
  Number value{};
  char const* const end = text.data() + text.size();
  auto const [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || stop != end) {
    throw CLI::ValidationError(name + ": '" + text + "' is no " + (std::is_same_v<Number, double> ? "" : "whole ") +
                               "number");
  }
  return value;
}

}  // namespace

template <class Value>
void front_end_options::add_choice(CLI::App& app, std::string const& name, Value log_mel_options::*member,
                                   std::vector<std::pair<std::string, Value>> const& words, std::string const& help) {
  std::string list;
  for (auto const& [word, value] : words) list += (list.empty() ? "" : "|") + word;
  auto const read = [this, name, member, words, list](std::string const& text) {
    for (auto const& [word, value] : words) {
      if (word != text) continue;
      changes_.emplace_back([member, value = value](log_mel_options& o) { o.*member = value; });
      return;
    }
    throw CLI::ValidationError(name + ": '" + text + "' is none of " + list);
  };
  app.add_option_function<std::string>(name, read, help)->type_name(list);
}

void front_end_options::add_number(CLI::App& app, std::string const& name, double log_mel_options::*member,
                                   std::string const& help) {
  auto const read = [this, name, member](std::string const& text) {
    auto const value = number_of<double>(name, text);
    changes_.emplace_back([member, value](log_mel_options& o) { o.*member = value; });
  };
  app.add_option_function<std::string>(name, read, help)->type_name("X");
}

void front_end_options::add_count(CLI::App& app, std::string const& name, index_t log_mel_options::*member,
                                  std::string const& help) {
  auto const read = [this, name, member](std::string const& text) {
    auto const value = number_of<index_t>(name, text);
    changes_.emplace_back([member, value](log_mel_options& o) { o.*member = value; });
  };
  app.add_option_function<std::string>(name, read, help)->type_name("N");
}

front_end_options::front_end_options(CLI::App& app) {
  using namespace tshift;
  using o = log_mel_options;
  std::size_t const others = app.get_options().size();
  std::string presets;
  for (auto const& each : audio::presets::table) presets += (presets.empty() ? "" : "|") + std::string(each.name);
  app.add_option_function<std::string>(
         "--preset",
         [this, presets](std::string const& text) {
           if (audio::presets::find(text) == nullptr) {
             throw CLI::ValidationError("--preset: '" + text + "' is none of " + presets);
           }
           preset_ = text;
         },
         "The tool whose features they are (librosa)")
      ->type_name(presets);
  app.add_option_function<std::string>(
         "--rate", [this](std::string const& text) { rate_ = number_of<double>("--rate", text); },
         "Samples per second that the features are made for (16000);\nsound of another rate is refused")
      ->type_name("HZ");

  add_count(app, "--n-fft", &o::n_fft, "Samples of the FFT, and of the window where the preset's are equal");
  app.add_option_function<std::string>(
         "--win-length",
         [this](std::string const& text) {
           auto const value = number_of<index_t>("--win-length", text);
           window_given_ = true;
           changes_.emplace_back([value](log_mel_options& options) { options.win_length = value; });
         },
         "Samples of the window")
      ->type_name("N");
  add_count(app, "--hop", &o::hop, "Samples from frame to frame");
  add_choice<window_kind>(app, "--window", &o::window,
                          {{"rectangular", window_kind::rectangular},
                           {"hann", window_kind::hann},
                           {"hann-symmetric", window_kind::hann_symmetric},
                           {"hamming", window_kind::hamming},
                           {"hamming-symmetric", window_kind::hamming_symmetric},
                           {"blackman", window_kind::blackman},
                           {"blackman-symmetric", window_kind::blackman_symmetric},
                           {"povey", window_kind::povey}},
                          "Its shape");
  add_choice<window_place>(app, "--place", &o::place,
                           {{"centred", window_place::centred}, {"front", window_place::front}},
                           "Where a window shorter than the FFT stands in it");
  auto const centre = [this](std::string const& text) {
    if (text != "zero" && text != "reflect" && text != "none") {
      throw CLI::ValidationError("--centre: '" + text + "' is none of zero|reflect|none");
    }
    changes_.emplace_back([text](log_mel_options& options) {
      options.centre = text == "none"   ? centre_padding::none
                       : text == "zero" ? centre_padding::zero
                                        : centre_padding::reflect;
      if (text == "none") return;
      options.place = window_place::centred;  // a frame around its sample has no ends of its own
      options.edges = frame_edges::snip;
    });
  };
  app.add_option_function<std::string>("--centre", centre,
                                       "Frames around their sample, and what lies outside the sound")
      ->type_name("zero|reflect|none");
  add_choice<frame_edges>(app, "--snip-edges", &o::edges, {{"yes", frame_edges::snip}, {"no", frame_edges::mirror}},
                          "Whole frames only, or mirrored at the ends (Kaldi's)");
  add_choice<frame_edges>(app, "--edges", &o::edges,
                          {{"snip", frame_edges::snip}, {"mirror", frame_edges::mirror}, {"pad", frame_edges::pad}},
                          "The same, and zeros behind the end");
  add_count(app, "--drop-last", &o::drop_last, "Frames dropped from the end");
  add_count(app, "--samples", &o::samples, "Cut the sound, or fill it up with zeros, to so many; 0: as it is");
  add_count(app, "--frames", &o::frames, "Cut the features, or fill them up, to so many frames; 0: as they are");

  add_number(app, "--scale", &o::scale, "Of the samples; 32768 makes 16-bit numbers of them");
  add_choice<bool>(app, "--remove-mean", &o::remove_mean, {{"yes", true}, {"no", false}}, "Each frame's mean");
  add_number(app, "--pre-emphasis", &o::pre_emphasis, "c of x[i] - c x[i-1]");
  add_choice<emphasis_over>(app, "--emphasis", &o::emphasis,
                            {{"frame", emphasis_over::frame}, {"signal", emphasis_over::signal}},
                            "What that runs over");
  add_number(app, "--power", &o::power, "Of the spectrum's magnitude: 2 energy, 1 magnitude");
  add_choice<spectrum_norm>(app, "--spectrum", &o::spectrum,
                            {{"none", spectrum_norm::none}, {"n-fft", spectrum_norm::n_fft}},
                            "What the spectrum is divided by");

  add_count(app, "--bands", &o::bands, "Filters");
  add_number(app, "--low", &o::low, "Lower edge of the first, in Hz");
  add_number(app, "--high", &o::high, "Upper edge of the last, in Hz; <= 0: so much above half the rate");
  add_choice<mel_kind>(app, "--mel", &o::mel, {{"htk", mel_kind::htk}, {"slaney", mel_kind::slaney}}, "Hz to mel");
  add_choice<triangle_space>(app, "--triangles", &o::triangles,
                             {{"hz", triangle_space::hz}, {"mel", triangle_space::mel}, {"bins", triangle_space::bins}},
                             "In what the filters' sides are straight");
  add_choice<filter_norm>(app, "--norm", &o::norm, {{"none", filter_norm::none}, {"slaney", filter_norm::slaney}},
                          "Peaks of 1, or areas of 1");

  auto const log = [this](std::string const& text) {
    static std::pair<char const*, log_kind> const words[] = {
        {"db", log_kind::db}, {"ln", log_kind::ln}, {"log10", log_kind::log10}, {"none", log_kind::none}};
    for (auto const& [word, kind] : words) {
      if (text != word) continue;
      bare_ = kind == log_kind::none;
      changes_.emplace_back([kind = kind](log_mel_options& options) { options.log = kind; });
      return;
    }
    throw CLI::ValidationError("--log: '" + text + "' is none of db|ln|log10|none");
  };
  app.add_option_function<std::string>("--log", log,
                                       "Of the energies; none: the energies, without the preset's floor and limits")
      ->type_name("db|ln|log10|none");
  add_number(app, "--floor", &o::floor, "Least energy");
  add_choice<floor_kind>(app, "--floor-by", &o::floor_by,
                         {{"clamp", floor_kind::clamp}, {"add", floor_kind::add}, {"zeros", floor_kind::zeros}},
                         "max(S, floor), S + floor, or the floor for exact zeros");
  add_choice<reference_kind>(app, "--reference", &o::reference,
                             {{"1", reference_kind::one}, {"max", reference_kind::max}},
                             "What a sequence's values are relative to");
  auto const top = [this](std::string const& text) {
    double const value = text == "none" ? log_mel_options::no_limit : number_of<double>("--top-db", text);
    changes_.emplace_back([value](log_mel_options& options) { options.top_db = value; });
  };
  app.add_option_function<std::string>("--top-db", top, "At most so much below a sequence's maximum")
      ->type_name("X|none");
  add_number(app, "--subtract", &o::subtract, "From the features");
  add_number(app, "--divide", &o::divide, "The features, after that");
  auto const all = app.get_options();
  own_.assign(all.begin() + static_cast<std::ptrdiff_t>(others), all.end());
}

std::string front_end_options::words() const {
  std::string text = "--preset " + preset_;
  for (CLI::Option const* const each : own_) {
    if (each->get_name() == "--preset") continue;
    for (std::string const& value : each->results())
      text.append(" ").append(each->get_name()).append(" ").append(value);
  }
  return text;
}

bool front_end_options::is_default() const {
  return std::ranges::all_of(own_, [](CLI::Option const* each) { return each->count() == 0; });
}

log_mel_options front_end_options::make() const {
  log_mel_options options = tshift::audio::presets::find(preset_)->make(rate_);
  bool const whole_window = options.win_length == options.n_fft;
  if (bare_) {
    options.floor = 0;
    options.reference = tshift::reference_kind::one;
    options.top_db = log_mel_options::no_limit;
    options.subtract = 0;
    options.divide = 1;
  }
  for (change const& each : changes_) each(options);
  if (whole_window && !window_given_) options.win_length = options.n_fft;
  return options;
}

}  // namespace ser
