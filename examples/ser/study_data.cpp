// SPDX-License-Identifier: MIT
#include "study_data.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <map>
#include <set>
#include <span>
#include <system_error>
#include <tshift/audio.hpp>
#include <tshift/train/random.hpp>

#include "error.hpp"
#include "progress.hpp"
#include "svg.hpp"

namespace ser {
namespace {

namespace fs = std::filesystem;

/// Appends x [frames, channels] as label 0, and the same from the last frame to the first as label 1.
void append_pair(dataset& to, std::span<float const> x, sample first) {
  auto const width = static_cast<std::ptrdiff_t>(to.channels);
  first.first = static_cast<index_t>(to.features.size()) / to.channels;
  first.frames = static_cast<index_t>(x.size()) / to.channels;
  sample second = first;
  second.label = 1;
  second.first += first.frames;
  to.samples.push_back(first);
  to.samples.push_back(second);
  to.features.insert(to.features.end(), x.begin(), x.end());
  for (auto row = x.end(); row != x.begin(); row -= width) to.features.insert(to.features.end(), row - width, row);
}

// --- events ----------------------------------------------------------------------------------------------------------

namespace events {
constexpr index_t frames = 32, channels = 64, margin = 12, tested_pairs = 500;
constexpr double strength = 1.5;  // of a pattern's +-1, in noise of deviation 1
constexpr std::uint64_t seed = 1;
constexpr index_t patterns = train::purposes::own + 2, noise = train::purposes::own + 3;
}  // namespace events

std::vector<float> pattern(index_t fold, index_t event) {
  train::random_stream stream(events::seed, events::patterns, fold, event);
  std::vector<float> result(static_cast<std::size_t>(events::channels));
  for (float& v : result) v = static_cast<float>(stream.below(2) == 0 ? -events::strength : events::strength);
  return result;
}

// --- recordings ------------------------------------------------------------------------------------------------------

constexpr int rate = 8000;
constexpr index_t hop = 120, win_length = 240, most_frames = 96, least_samples = 4800;

tshift::log_mel_options mirrored_options(index_t bands) {
  tshift::log_mel_options o{.sample_rate = rate, .win_length = win_length, .n_fft = 512, .hop = hop};
  o.window = tshift::window_kind::hann_symmetric;
  o.place = tshift::window_place::front;
  o.centre = tshift::centre_padding::none;
  o.bands = bands;
  o.low = 60;
  o.log = tshift::log_kind::ln;
  o.floor = 1e-8;  // about what rounding to 16 bits leaves in a band
  return o;
}

/// From the first to the last 10 ms that are at most 40 dB below the loudest.
std::span<float const> without_silence(std::span<float const> samples) {
  constexpr std::size_t block = 80;
  std::vector<double> energies;
  for (std::size_t i = 0; i + block <= samples.size(); i += block) {
    double sum = 0;
    for (float const v : samples.subspan(i, block)) sum += static_cast<double>(v) * static_cast<double>(v);
    energies.push_back(sum);
  }
  if (energies.empty()) return {};
  double const least = std::max(1e-4 * *std::ranges::max_element(energies), 1e-30);
  auto const heard = [least](double e) { return e >= least; };
  auto const begin = std::ranges::find_if(energies, heard);
  if (begin == energies.end()) return {};
  auto end = energies.end();
  while (!heard(*(end - 1))) --end;
  auto const first = static_cast<std::size_t>(begin - energies.begin());
  return samples.subspan(first * block, static_cast<std::size_t>(end - begin) * block);
}

/// What becomes features: of what is heard the middle, in whole hops. Empty where that is too short.
std::vector<float> middle_of(std::span<float const> samples) {
  auto const heard = without_silence(samples);
  auto const count = static_cast<index_t>(heard.size());
  if (count <= least_samples) return {};
  index_t const frames = std::min(most_frames, (count - win_length) / hop + 1);
  index_t const kept = win_length + (frames - 1) * hop;
  auto const from = heard.subspan(static_cast<std::size_t>((count - kept) / 2), static_cast<std::size_t>(kept));
  return {from.begin(), from.end()};
}

/// What is no speech, and the same in every language.
bool is_speech(fs::path const& path) {
  for (char const* const name : {"ascending-2tone", "beep", "beeperr", "confbridge-join", "confbridge-leave",
                                 "descending-2tone", "tt-monkeys"}) {
    if (path.stem() == name) return false;
  }
  return path.parent_path().filename() != "silence";
}

/// All .wav below a folder, in the order of their names.
std::vector<fs::path> sounds_below(fs::path const& folder) {
  std::vector<fs::path> found;
  for (fs::directory_entry const& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path().extension() == ".wav" && is_speech(entry.path())) {
      found.push_back(entry.path());
    }
  }
  std::ranges::sort(found);
  return found;
}

/// What is said in a sound: its path below its voice's folder.
std::string prompt_of(fs::path const& sound, fs::path const& folder) {
  return sound.lexically_relative(folder).string();
}

/// Mean 0 and deviation 1 in each channel over what is trained on.
void normalise(study_fold& fold) {
  dataset& data = fold.data;
  tshift::audio::band_statistics statistics(data.channels);
  for (index_t const i : fold.of.train) {
    sample const& s = data.samples[static_cast<std::size_t>(i)];
    statistics.add(tshift::tensor_view<float const>(data.features_of(s).data(), {1, s.frames, data.channels}));
  }
  auto const all = static_cast<index_t>(data.features.size()) / data.channels;
  tshift::tensor_view<float> const x(data.features.data(), {1, all, data.channels});
  tshift::audio::normalise<float>(x, x, statistics);
}

}  // namespace

study_fold reading(study_fold const& from, study_features what) {
  if (what == study_features::plain) return from;
  dataset const& old = from.data;
  index_t const bands = old.channels, channels = what == study_features::deltas ? 3 * bands : bands + 1;
  study_fold result{from.name, {}, from.of};
  dataset& data = result.data;
  data.labels = old.labels;
  data.samples = old.samples;
  data.channels = channels;
  data.features.resize(old.features.size() / static_cast<std::size_t>(bands) * static_cast<std::size_t>(channels));
  for (sample const& s : old.samples) {
    tshift::tensor_view<float const> const x(old.features_of(s).data(), {1, s.frames, bands});
    tshift::tensor_view<float> const y(data.features.data() + s.first * channels, {1, s.frames, channels});
    if (what == study_features::deltas) {
      tshift::audio::stack_deltas<float>(x, y, tshift::delta_kind::htk);
      continue;
    }
    for (index_t t = 0; t < s.frames; ++t) {
      std::copy_n(x.at(0, t, 0), bands, y.at(0, t, 0));
      double const part = s.frames > 1 ? static_cast<double>(t) / static_cast<double>(s.frames - 1) : 0.5;
      *y.at(0, t, bands) = static_cast<float>(2 * part - 1);
    }
  }
  if (what == study_features::deltas) normalise(result);
  return result;
}

study_fold make_events(index_t distance, index_t fold, index_t pairs) {
  using namespace events;
  study_fold result;
  result.name = std::to_string(fold + 1);
  dataset& data = result.data;
  data.labels = {"a, b", "b, a"};
  data.channels = channels;
  std::array<std::vector<float>, 2> const shapes{pattern(fold, 0), pattern(fold, 1)};
  std::vector<float> x(static_cast<std::size_t>(frames * channels));
  for (index_t i = 0; i < pairs + tested_pairs; ++i) {
    train::random_stream stream(seed, noise, 16 * fold + distance, i);
    for (float& v : x) v = static_cast<float>((2 * stream.uniform() - 1) * std::sqrt(3.0));
    index_t const first = margin + stream.below(frames - 2 * margin - distance);
    for (index_t const event : {0, 1}) {
      std::vector<float> const& shape = shapes[static_cast<std::size_t>(event)];
      auto const row = x.begin() + (first + event * distance) * channels;
      std::ranges::transform(shape, std::span(row, shape.size()), row, std::plus<>());
    }
    append_pair(data, x, {std::to_string(i), 0, "", "", 0, 0, ""});
    auto& part = i < pairs ? result.of.train : result.of.test;
    for (index_t const which : {0, 1}) part.push_back(2 * i + which);
  }
  return result;
}

spoken_sounds::spoken_sounds(std::string const& folder, index_t bands, index_t prompts,
                             std::function<bool()> const& stop) {
  std::error_code none;
  std::vector<fs::path> folders, sounds;
  for (fs::directory_entry const& entry : fs::directory_iterator(folder, none)) {
    std::string const name = entry.path().filename().string();
    if (entry.is_directory() && !entry.is_symlink() && std::ranges::count(name, '_') == 3) folders.push_back(entry);
  }
  std::ranges::sort(folders);
  std::set<std::string> kept;  // of the prompts
  for (fs::path const& each : folders) {
    for (fs::path const& sound : sounds_below(each)) kept.insert(prompt_of(sound, each));
  }
  if (auto const all = static_cast<index_t>(kept.size()); prompts > 0 && all > prompts) {
    index_t number = 0;  // those where the share of `prompts` that is reached grows
    std::erase_if(kept, [&number, prompts, all](std::string const&) {
      ++number;
      return number * prompts / all == (number - 1) * prompts / all;
    });
  }
  std::vector<std::size_t> ends;  // of each folder's sounds
  for (fs::path const& each : folders) {
    for (fs::path const& sound : sounds_below(each)) {
      if (kept.contains(prompt_of(sound, each))) sounds.push_back(sound);
    }
    ends.push_back(sounds.size());
    std::string const name = each.filename().string();
    voices_.push_back({name, name.substr(name.rfind('_') + 1)});
  }
  bool const two = std::ranges::any_of(voices_, [this](voice const& v) { return v.speaker != voices_[0].speaker; });
  if (!two) {
    throw ser_error(
        one_line(folder) +
        " must have the voices of two speakers: Debian's packages asterisk-core-sounds-en-wav, -fr-wav, ... "
        "bring them, and `bash cmake/run.sh study` installs them");
  }

  tshift::audio::log_mel<float> const front_end(mirrored_options(bands));
  auto workspace = front_end.make_workspace({.time = win_length + (most_frames - 1) * hop, .channels = 1});
  data_.labels = {"forwards", "backwards"};
  data_.channels = bands;
  progress bar(static_cast<double>(sounds.size()));
  std::size_t number = 0;  // of the voice
  std::vector<float> features, reversed;
  for (std::size_t i = 0; i < sounds.size() && !stop(); ++i) {
    while (i == ends[number]) ++number;
    if (fs::file_size(sounds[i]) <= 2 * least_samples) continue;  // some of Debian's have no samples at all
    sound_options one;
    one.input = sounds[i].string();
    one.rate = rate;
    std::vector<float> samples = middle_of(read_waves<float>(one).values);
    bar.at(static_cast<double>(i + 1));
    if (samples.empty()) continue;
    auto const size = static_cast<std::size_t>(front_end.frames(static_cast<index_t>(samples.size())) * bands);
    features.resize(size);
    reversed.resize(size);
    front_end.forward(std::span<float const>(samples), std::span(features), workspace);
    std::ranges::reverse(samples);
    front_end.forward(std::span<float const>(samples), std::span(reversed), workspace);

    voice& of = voices_[number];
    ++of.sounds;
    append_pair(data_, features, {one.input, 0, of.name, prompt_of(sounds[i], folders[number]), 0, 0, of.speaker});
    auto const second = data_.features.end() - static_cast<std::ptrdiff_t>(size);
    for (std::size_t k = 0; k < size; ++k) {
      auto const flipped = static_cast<double>(second[static_cast<std::ptrdiff_t>(k)]);
      difference_ = std::max(difference_, std::fabs(flipped - static_cast<double>(reversed[k])));
    }
    std::ranges::copy(reversed, second);
  }
  if (!(difference_ < 1e-3)) {
    throw ser_error("the features of reversed sounds differ from reversed features by " + std::to_string(difference_));
  }
}

study_fold spoken_sounds::split(std::string const& name, std::function<bool(sample const&)> const& is_tested,
                                std::function<bool(sample const&)> const& is_trained) const {
  study_fold result{name, data_, {}};
  for (std::size_t i = 0; i < data_.samples.size(); ++i) {
    if (is_tested(data_.samples[i])) result.of.test.push_back(static_cast<index_t>(i));
    if (is_trained(data_.samples[i])) result.of.train.push_back(static_cast<index_t>(i));
  }
  if (result.of.train.empty() || result.of.test.empty()) {
    throw ser_error("there are no sounds of more than 0.6 s to train on, or none of " + one_line(name));
  }
  normalise(result);
  return result;
}

study_fold spoken_sounds::fold(index_t number) const {
  voice const& left_out = voices_[static_cast<std::size_t>(number)];
  return split(
      left_out.name, [&left_out](sample const& s) { return s.group == left_out.name; },
      [&left_out](sample const& s) { return s.speaker != left_out.speaker; });
}

study_fold spoken_sounds::fold_of_prompts(index_t part, index_t parts) const {
  std::map<std::string, index_t> part_of;
  for (sample const& s : data_.samples) part_of[s.text] = 0;
  index_t number = 0;
  for (auto& [prompt, of] : part_of) of = number++ % parts;
  auto const is_tested = [&part_of, part](sample const& s) { return part_of.at(s.text) == part; };
  study_fold result =
      split("prompts " + std::to_string(part + 1), is_tested, [&is_tested](sample const& s) { return !is_tested(s); });
  dataset& data = result.data;
  data.labels.clear();
  for (voice const& each : voices_) {
    for (std::string const& direction : data_.labels) data.labels.push_back(each.name + " " + direction);
  }
  for (sample& s : data.samples) {
    auto const is_its = [&s](voice const& v) { return v.name == s.group; };
    s.label += 2 * (std::ranges::find_if(voices_, is_its) - voices_.begin());
  }
  return result;
}

std::string spoken_sounds::description() const {
  std::string text;
  append(text, "%zu sounds of more than 0.6 s (", data_.samples.size() / 2);
  for (voice const& each : voices_) {
    text += (&each == voices_.data() ? "" : ", ") + one_line(each.name) + " " + std::to_string(each.sounds);
  }
  append(text, "), forwards and backwards; features of reversed sounds and reversed features differ by at most %.1e",
         difference_);
  return text;
}

}  // namespace ser
