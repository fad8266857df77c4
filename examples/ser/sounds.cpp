// SPDX-License-Identifier: MIT
#include "sounds.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <system_error>
#include <tshift/io/safetensors.hpp>
#include <utility>

#include "../demo/demo_error.hpp"
#include "../demo/wav.hpp"
#include "error.hpp"
#include "manifest.hpp"
#include "resample.hpp"
#include "tensor_file.hpp"

namespace ser {
namespace {

namespace fs = std::filesystem;
using tshift::io::safetensors;
using tshift::weights::dtype;
using tshift::weights::tensor;

std::string tensor_of(sound_options const& from) { return from.tensor.empty() ? from.usual : from.tensor; }

bool is_safetensors(fs::path const& path) { return path.extension() == ".safetensors"; }

std::string described(safetensors const& file, tensor const& x) {
  return title(file, x.name) + " is " + shown(x.shape) + " of " + name_of(x.type);
}

template <class T>
waves<T> read_tensor(sound_options const& from) {
  auto const file = safetensors::open(from.input);
  tensor const& x = need(file, tensor_of(from));
  if (!is_number(x.type)) throw ser_error(described(file, x) + ", must be F32, F16, BF16 or F64");
  if (x.shape.size() != 1 && x.shape.size() != 2)
    throw ser_error(described(file, x) + ", must be [N, samples] or [samples]");
  waves<T> result;
  result.batch = x.shape.size() == 2 ? x.shape[0] : 1;
  result.samples = x.shape.back();
  auto const values = tshift::weights::read_as<T>(x, "ser", file.source());
  result.values.resize(static_cast<std::size_t>(values.size()));
  if (values.size() > 0) values.copy_to(result.values.data(), 0, values.size());
  result.lengths.assign(static_cast<std::size_t>(result.batch), result.samples);
  if (!from.lengths.empty()) {
    tensor const& given = need(file, from.lengths);
    if (given.type != dtype::i64 && given.type != dtype::i32)
      throw ser_error(described(file, given) + ", must be I64 or I32");
    if (given.shape != std::vector<index_t>{result.batch}) {
      throw ser_error(described(file, given) + ", must be [" + std::to_string(result.batch) + "]: one for each wave");
    }
    for (std::size_t n = 0; n < result.lengths.size(); ++n) {
      index_t const length = integer_at(given, n);
      if (length < 0 || length > result.samples) {
        throw ser_error(one_line(file.source()) + ": " + one_line(given.name) + "[" + std::to_string(n) +
                        "] = " + std::to_string(length) + ", must be from 0 to the " + std::to_string(result.samples) +
                        " samples");
      }
      result.lengths[n] = length;
    }
  }
  for (index_t n = 0; n < result.batch; ++n) result.names.push_back(tensor_of(from) + "[" + std::to_string(n) + "]");
  return result;
}

/// What goes wrong with a sound file, in this program's words.
template <class Call>
auto in_our_words(Call const& call) {
  try {
    return call();
  } catch (demo::demo_error const& error) {
    std::string text = one_line(error.what());  // main ends the sentence
    if (text.ends_with('.')) text.pop_back();
    throw ser_error(text);
  }
}

std::vector<float> read_sound(std::string const& path, sound_options const& from) {
  sound_blocks file(path, from);
  std::vector<float> samples;
  for (auto block = file.read(); !block.empty(); block = file.read()) {
    samples.insert(samples.end(), block.begin(), block.end());
  }
  return samples;
}

/// The files of a manifest in its order, or of a folder in the order of their names, without hidden ones and folders.
std::vector<std::string> files_of(std::string const& input) {
  if (is_manifest(input)) {
    std::vector<std::string> listed;
    for (manifest_entry const& entry : read_manifest(input)) listed.push_back(entry.at("path"));
    return listed;
  }
  if (!fs::is_directory(input)) return {input};
  std::vector<std::string> found;
  for (fs::directory_entry const& entry : fs::directory_iterator(input)) {
    if (entry.is_regular_file() && !entry.path().filename().string().starts_with('.')) {
      found.push_back(entry.path().string());
    }
  }
  if (found.empty()) throw ser_error("the folder " + one_line(input) + " holds no files");
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

void sound_options::add_to(CLI::App& app) {
  app.add_flag("--mix", mix, "Several channels: their mean")->disable_flag_override();
  app.add_flag("--resample", resample,
               "Sounds at other rates: brought to the one that is wanted by libsoxr.\n"
               "Other resamplers differ in the fourth digit; features do, too")
      ->disable_flag_override();
}

struct sound_blocks::reader {
  demo::wav_reader file;
  std::unique_ptr<resampler> change{};  // where the rate is another
  bool over = false;
};

sound_blocks::sound_blocks(std::string const& path, sound_options const& from)
    : reader_(in_our_words([&path] {
        return std::make_unique<reader>(reader{demo::wav_reader(path, std::numeric_limits<int>::max())});
      })) {
  demo::wav_reader const& file = reader_->file;
  if (file.rate() != from.rate && !from.resample) {
    throw ser_error(one_line(path) + " has " + std::to_string(file.rate()) + " samples per second, must have " +
                    std::to_string(from.rate) + ": --resample converts it" +
                    (from.other_rates ? ", --rate chooses another" : ""));
  }
  if (file.rate() != from.rate) reader_->change = std::make_unique<resampler>(file.rate(), from.rate);
  if (file.channels() != 1 && !from.mix) {
    throw ser_error(one_line(path) + " has " + std::to_string(file.channels()) + " channels; --mix takes their mean");
  }
}

sound_blocks::~sound_blocks() = default;

std::span<float const> sound_blocks::read() {
  auto const next = [this] { return in_our_words([this] { return reader_->file.read(); }); };
  if (reader_->change == nullptr) return next();
  std::span<float const> made;
  while (made.empty() && !reader_->over) {
    auto const block = next();
    reader_->over = block.empty();
    made = reader_->change->run(block);
  }
  return made;
}

double sound_blocks::seconds() const { return static_cast<double>(reader_->file.total()) / reader_->file.rate(); }

double sound_seconds(sound_options const& from) { return sound_blocks(from.input, from).seconds(); }

bool holds_tensors(sound_options const& from) {
  std::error_code error;
  if (!fs::exists(from.input, error)) throw ser_error("there is no file or folder " + one_line(from.input));
  return is_safetensors(from.input);
}

std::vector<std::string> sound_files(sound_options const& from) { return files_of(from.input); }

std::vector<std::string> input_files(sound_options const& from) {
  if (holds_tensors(from)) return {from.input};
  auto files = files_of(from.input);
  files.push_back(from.input);  // the manifest itself
  return files;
}

void check_output(std::string const& output, std::vector<std::string> const& read) {
  if (output.empty()) return;
  std::error_code ignored;
  for (std::string const& each : read) {
    if (output == each || fs::equivalent(output, each, ignored)) {
      throw usage_error(one_line(output) + " is read, and cannot be written as well");
    }
  }
  fs::path const folder = fs::path(output).parent_path();
  if (!folder.empty() && !fs::is_directory(folder, ignored)) {
    throw ser_error(one_line(output) + ": there is no folder " + one_line(folder.string()));
  }
}

bool check_options(sound_options const& from) {
  bool const tensors = holds_tensors(from);
  if (tensors && (from.mix || from.resample)) {
    throw usage_error("--mix and --resample are for sounds, and " + one_line(from.input) + " holds tensors");
  }
  if (!tensors && !(from.tensor.empty() && from.lengths.empty())) {
    throw usage_error("--tensor and --lengths are for a .safetensors file, which " + one_line(from.input) + " is not");
  }
  return tensors;
}

bool is_double(sound_options const& from) {
  if (!holds_tensors(from)) return false;
  auto const file = safetensors::open(from.input);
  return need(file, tensor_of(from)).type == dtype::f64;
}

template <class T>
waves<T> read_waves(sound_options const& from) {
  if (holds_tensors(from)) return read_tensor<T>(from);
  waves<T> result;
  std::vector<std::vector<float>> sounds;
  for (std::string const& path : files_of(from.input)) {
    sounds.push_back(read_sound(path, from));
    // A folder's files have names of their own; what a manifest lists may not.
    result.names.push_back(is_manifest(from.input) ? path : fs::path(path).filename().string());
    result.lengths.push_back(static_cast<index_t>(sounds.back().size()));
    result.samples = std::max(result.samples, result.lengths.back());
  }
  result.batch = static_cast<index_t>(sounds.size());
  auto const row = static_cast<std::size_t>(result.samples);
  result.values.resize(sounds.size() * row);
  for (std::size_t n = 0; n < sounds.size(); ++n) {
    std::copy(sounds[n].begin(), sounds[n].end(), result.values.begin() + static_cast<std::ptrdiff_t>(n * row));
    sounds[n] = {};
  }
  return result;
}

template waves<float> read_waves(sound_options const&);
template waves<double> read_waves(sound_options const&);

}  // namespace ser
