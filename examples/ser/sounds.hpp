// SPDX-License-Identifier: MIT
// Sounds that a command works on: one file, a folder of files, a manifest of them, or a tensor of samples.
#pragma once

#include <CLI/CLI.hpp>

#include <memory>
#include <span>
#include <string>
#include <tshift/view.hpp>
#include <vector>

namespace ser {

using tshift::index_t;

/// A batch of waves, filled up with zeros to the longest.
template <class T>
struct waves {
  index_t batch = 0, samples = 0;
  std::vector<T> values;         // [batch, samples]
  std::vector<index_t> lengths;  // in samples, one each
  std::vector<std::string> names;

  tshift::tensor_view<T const> view() const {
    return {values, {.batch = batch, .time = samples, .channels = 1}, tshift::layout::ntc, lengths};
  }
};

struct sound_options {
  std::string input;   // a sound, a folder of them, a manifest, or a safetensors file
  std::string tensor;  // of that file: [N, samples] or [samples]; empty: the command's own name for it
  std::string usual = "input";
  std::string lengths;       // its tensor of lengths, [N]; empty: all have all samples
  int rate = 16000;          // samples per second that are wanted
  bool other_rates = false;  // whether the command has an option for them
  bool mix = false;          // several channels to their mean, else they are refused
  bool resample = false;     // other rates to that one, else they are refused

  /// The options that say so.
  void add_to(CLI::App& app);
};

/// Whether the input is a file of tensors, by the end of its name: .safetensors.
/// @throws ser_error  it is not there
bool holds_tensors(sound_options const& from);

/// The sounds of a folder in the order of their names, of a manifest in its own, or the one.
std::vector<std::string> sound_files(sound_options const& from);

/// The files that are read: of a folder or a manifest all.
/// @throws ser_error  it cannot be read
std::vector<std::string> input_files(sound_options const& from);

/// Refuses to write over what is read, also under another name: a link, or another way to the folder; and into a folder that
/// is not there. An empty name is none. @throws usage_error, ser_error
void check_output(std::string const& output, std::vector<std::string> const& read);

/// Refuses options that would change nothing. @return whether the input holds tensors
/// @throws usage_error, ser_error
bool check_options(sound_options const& from);

/// Whether its elements are F64, so that everything is computed in double.
bool is_double(sound_options const& from);

/// Seconds of a sound file, as its header says.
/// @throws ser_error  as reading it would
double sound_seconds(sound_options const& from);

/// One sound, block by block; memory does not depend on its length.
class sound_blocks {
 public:
  /// @throws ser_error  naming the file and what is wrong with it
  sound_blocks(std::string const& path, sound_options const& from);
  sound_blocks(sound_blocks const&) = delete;
  sound_blocks& operator=(sound_blocks const&) = delete;
  ~sound_blocks();

  /// Empty at the end. Holds until the next call.
  std::span<float const> read();
  double seconds() const;

 private:
  struct reader;
  std::unique_ptr<reader> reader_;
};

/// @throws ser_error, file_error  naming the file and what is wrong with it
template <class T>
waves<T> read_waves(sound_options const& from);

}  // namespace ser
