// SPDX-License-Identifier: MIT
// A log-mel front end on the command line: a preset, and an option for each thing that presets differ in.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <string>
#include <tshift/audio/log_mel_options.hpp>
#include <vector>

namespace ser {

/// Adds the options to a command. They are noted while the command line is read, and carried out in its order by make().
class front_end_options {
 public:
  explicit front_end_options(CLI::App& app);
  front_end_options(front_end_options const&) = delete;
  front_end_options& operator=(front_end_options const&) = delete;
  ~front_end_options() = default;

  /// The preset with what was changed.
  /// @throws shape_error  the preset is not made for the rate
  tshift::log_mel_options make() const;
  /// What was asked for, as it would stand on a command line: the same for the same features.
  std::string words() const;
  /// Whether nothing was.
  bool is_default() const;

 private:
  using change = std::function<void(tshift::log_mel_options&)>;

  template <class Value>
  void add_choice(CLI::App& app, std::string const& name, Value tshift::log_mel_options::*member,
                  std::vector<std::pair<std::string, Value>> const& words, std::string const& help);
  void add_number(CLI::App& app, std::string const& name, double tshift::log_mel_options::*member,
                  std::string const& help);
  void add_count(CLI::App& app, std::string const& name, tshift::index_t tshift::log_mel_options::*member,
                 std::string const& help);

  std::string preset_ = "librosa";
  double rate_ = 16000;
  bool window_given_ = false, bare_ = false;
  std::vector<change> changes_;
  std::vector<CLI::Option const*> own_;
};

}  // namespace ser
