// SPDX-License-Identifier: MIT
#include "listen.hpp"

#include <charconv>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "error.hpp"

namespace ser {
namespace {

double seconds_of(std::string const& name, std::string_view text) {
  double value = 0;
  auto const [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || stop != text.data() + text.size() || !(value >= 0.025) || value > 3600) {
    throw CLI::ValidationError(name + ": '" + std::string(text) + "' is no time from 0.025 to 3600 seconds");
  }
  return value;
}

index_t samples_of(double seconds) { return static_cast<index_t>(std::lround(seconds * heard_rate)); }

template <class Number>
void add_to(std::vector<double>& sums, std::vector<Number> const& numbers) {
  sums.resize(numbers.size());
  for (std::size_t k = 0; k < numbers.size(); ++k) sums[k] += static_cast<double>(numbers[k]);
}

template <class Number>
std::vector<Number> mean_of(std::vector<double> const& sums, index_t count) {
  std::vector<Number> mean;
  for (double const sum : sums) mean.push_back(static_cast<Number>(sum / static_cast<double>(count)));
  return mean;
}

}  // namespace

void timeline_option::add_to(CLI::App& app) {
  app.add_option_function<std::string>(
         "--timeline",
         [this](std::string const& text) {
           auto const colon = text.find(':');
           if (colon == std::string::npos)
             throw CLI::ValidationError("--timeline: '" + text + "' is no WINDOW:HOP in seconds");
           window = seconds_of("--timeline", std::string_view(text).substr(0, colon));
           hop = seconds_of("--timeline", std::string_view(text).substr(colon + 1));
         },
         "Of an encoder: windows of so many seconds, one every so many (4:1)")
      ->type_name("WINDOW:HOP");
}

listener::listener(emotion_model& model, sample_norm const& norm, listening const& asked, bool windows, bool whole)
    : model_(model), norm_(norm), unknown_below_(asked.unknown_below), whole_(whole) {
  index_t const window = samples_of(asked.window);
  if (window < model.shortest()) {
    throw usage_error("--timeline: a window has " + std::to_string(window) +
                      " samples, must have >= " + std::to_string(model.shortest()));
  }
  bool const normalised = norm.kind != normalisation::none;
  if (windows) {
    live_.emplace(model.encoder(), tshift::window_options{window, samples_of(asked.hop), normalised, norm.eps});
  }
}

void listener::push(std::span<float const> samples, visitor const& said) {
  count_ += static_cast<index_t>(samples.size());
  whole_ = whole_ && count_ <= samples_of(heard_whole) && model_.fits(count_);
  if (whole_) {
    kept_.insert(kept_.end(), samples.begin(), samples.end());
  } else {
    kept_ = {};
  }
  if (live_) live_->push(samples, [this, &said](auto const& window) { hear(window, said); });
}

heard listener::finish(std::string const& name, visitor const& said) {
  if (count_ < model_.shortest()) {
    throw ser_error(one_line(name) + " has " + std::to_string(count_) +
                    " samples, must have >= " + std::to_string(model_.shortest()));
  }
  if (live_) live_->flush([this, &said](auto const& window) { hear(window, said); });
  heard result;
  result.samples = norm_.text();
  if (whole_) {
    auto made = hear_whole();
    result.values = model_.values_of(made.y);
    result.y = std::move(made.y);
    result.feature = std::move(made.feature);
    result.how = "the whole sound";
    return result;
  }
  result.values = mean_of<double>(values_, windows_);
  result.y = mean_of<float>(y_, windows_);
  result.feature = mean_of<float>(feature_, windows_);
  result.how = windows_ == 1 ? "one window" : "the mean of " + std::to_string(windows_) + " windows";
  return result;
}

void listener::hear(tshift::models::encoder_window<float> const& window, visitor const& said) {
  auto const made = model_.answer(window.states);
  auto values = model_.values_of(made.y);
  add_to(values_, values);
  add_to(y_, made.y);
  add_to(feature_, made.feature);
  ++windows_;
  std::string verdict = model_.regression() ? "" : model_.verdict(values, unknown_below_);
  said({static_cast<double>(window.begin) / heard_rate, static_cast<double>(window.end) / heard_rate, std::move(values),
        std::move(verdict)});
}

emotion_model::result listener::hear_whole() {
  std::span<float> const all(kept_);
  if (norm_.kind != normalisation::none) tshift::models::normalise_wave(all, norm_.eps);
  return model_.run({all.data(), {.batch = 1, .time = static_cast<index_t>(all.size()), .channels = 1}});
}

heard listen(emotion_model& model, encoder_options const& how, encoder_files const& files, sound_options const& from,
             listening const& asked, std::function<void(double)> const& progress) {
  sound_blocks sound(from.input, from);
  bool const whole = sound.seconds() <= heard_whole && model.fits(samples_of(sound.seconds()));
  listener ear(model, {how, files}, asked, asked.windows || !whole, whole);
  timeline windows;
  windows.sound = utf8(std::filesystem::path(from.input).filename().string());
  windows.labels = model.labels();
  windows.probabilities = !model.regression();
  envelope wave(heard_rate);
  auto const said = [&windows, &progress](timeline::entry const& each) {
    windows.entries.push_back(each);
    progress(each.start);
  };
  for (auto block = sound.read(); !block.empty(); block = sound.read()) {
    for (float const sample : block) wave.add(sample);
    ear.push(block, said);
  }
  heard result = ear.finish(from.input, said);
  result.windows = std::move(windows);
  result.wave = std::move(wave);
  return result;
}

}  // namespace ser
