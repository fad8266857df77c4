// SPDX-License-Identifier: MIT
#include "listen.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <utility>

#include "error.hpp"

namespace ser {

heard listen(emotion_model& model, encoder_options const& how, encoder_files const& files, sound_options const& from,
             listening const& asked, std::function<void(double)> const& progress) {
  auto const samples = static_cast<std::size_t>(std::lround(asked.window * heard_rate)),
             step = static_cast<std::size_t>(std::lround(asked.hop * heard_rate)),
             shortest = static_cast<std::size_t>(model.shortest());
  if (samples < shortest) {
    throw usage_error("--timeline: a window has " + std::to_string(samples) +
                      " samples, must have >= " + std::to_string(shortest));
  }
  sound_blocks sound(from.input, from);
  bool const whole_fits =
      sound.seconds() <= heard_whole && model.fits(static_cast<index_t>(std::lround(sound.seconds() * heard_rate)));
  bool const windows = asked.windows || !whole_fits;
  heard result;
  result.windows.sound = utf8(std::filesystem::path(from.input).filename().string());
  result.windows.labels = model.labels();
  result.windows.probabilities = !model.regression();
  result.feature.assign(static_cast<std::size_t>(model.channels()), 0.0f);
  result.y.assign(static_cast<std::size_t>(model.classes()), 0.0f);
  auto const hear = [&model, &how, &files, &result](std::vector<float> part) {
    waves<float> one;
    one.batch = 1;
    one.samples = static_cast<index_t>(part.size());
    one.lengths = {one.samples};
    one.values = std::move(part);
    result.samples = normalise(one, how, files, false);
    return model.run(one.view());
  };

  std::vector<float> whole, ahead;  // of a short sound all of it; what the next windows need
  std::size_t begin = 0, skip = 0;  // the first sample of `ahead`; how many to pass over, where hop > window
  for (bool more = true; more;) {
    auto const block = sound.read();
    more = !block.empty();
    for (float const sample : block) result.wave.add(sample);
    if (whole_fits) whole.insert(whole.end(), block.begin(), block.end());
    if (!windows) continue;
    std::size_t const passed = std::min(skip, block.size());
    skip -= passed;
    ahead.insert(ahead.end(), block.begin() + static_cast<std::ptrdiff_t>(passed), block.end());
    // The last window may be shorter: where at least half a hop of it was in none before, or there is no other.
    std::size_t const known = samples - std::min(step, samples);
    while (ahead.size() >= samples ||
           (!more && ahead.size() >= shortest &&
            (result.windows.entries.empty() || 2 * ahead.size() >= 2 * known + std::min(step, samples)))) {
      std::size_t const size = std::min(samples, ahead.size());
      auto const made = hear({ahead.begin(), ahead.begin() + static_cast<std::ptrdiff_t>(size)});
      auto values = model.values_of(made.y);
      std::string verdict = model.regression() ? "" : model.verdict(values, asked.unknown_below);
      result.windows.entries.push_back({static_cast<double>(begin) / heard_rate,
                                        static_cast<double>(begin + size) / heard_rate, std::move(values),
                                        std::move(verdict)});
      for (std::size_t i = 0; i < result.feature.size(); ++i) result.feature[i] += made.feature[i];
      for (std::size_t i = 0; i < result.y.size(); ++i) result.y[i] += made.y[i];
      std::size_t const dropped = std::min(step, ahead.size());
      ahead.erase(ahead.begin(), ahead.begin() + static_cast<std::ptrdiff_t>(dropped));
      skip += step - dropped;
      begin += step;
      progress(static_cast<double>(begin) / heard_rate);
      if (!more && size < samples) ahead.clear();
    }
  }
  double const seconds = result.wave.seconds(heard_rate);
  if (seconds * heard_rate < static_cast<double>(shortest)) {
    throw ser_error(one_line(from.input) + " has " + std::to_string(std::lround(seconds * heard_rate)) +
                    " samples, must have >= " + std::to_string(shortest));
  }
  if (whole_fits) {
    auto made = hear(std::move(whole));
    result.values = model.values_of(made.y);
    result.y = std::move(made.y);
    result.feature = std::move(made.feature);
    result.how = "the whole sound";
    return result;
  }
  auto const count = result.windows.entries.size();
  result.values.assign(result.y.size(), 0.0);
  for (timeline::entry const& each : result.windows.entries) {
    for (std::size_t k = 0; k < result.values.size(); ++k)
      result.values[k] += each.values[k] / static_cast<double>(count);
  }
  for (float& value : result.feature) value /= static_cast<float>(count);
  for (float& value : result.y) value /= static_cast<float>(count);
  result.how = count == 1 ? "one window" : "the mean of " + std::to_string(count) + " windows";
  return result;
}

}  // namespace ser
