// SPDX-License-Identifier: MIT
#include "features.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <tshift/audio.hpp>
#include <tshift/io/safetensors.hpp>
#include <utility>
#include <vector>

#include "error.hpp"
#include "interrupts.hpp"

namespace ser {
namespace {

constexpr char const* details =
    "IN is a sound (whatever libsndfile reads), a folder of sounds, a manifest (.csv with\n"
    "a column path, or .jsonl), or a .safetensors file with waves [N, samples] or\n"
    "[samples]. Samples are in [-1, 1). OUT gets `features` [N, frames, bands], zeros behind a shorter sound's frames,\n"
    "and `lengths` [N], I64: its frames. They are F32; F64 where the waves are, and then everything is.\n"
    "\n"
    "An option changes only what it names. --n-fft takes the window along where a preset's window fills its FFT.\n"
    "What excludes each other is refused with a sentence.";

}  // namespace

features_command::features_command(CLI::App& program)
    : command_(*program.add_subcommand("features", "Log-mel features of sounds, as the tool of a preset makes them")),
      front_end_(with_files()) {}

CLI::App& features_command::with_files() {
  command_.footer(details);
  command_.get_formatter()->column_width(36);
  command_.add_option("--input", from_.input, "Sounds")->type_name("IN")->required();
  command_.add_option("--output", output_, "A safetensors file")->type_name("OUT")->required();
  command_.add_option("--tensor", from_.tensor, "What the waves are called in IN (input)")->type_name("NAME");
  command_.add_option("--lengths", from_.lengths, "The tensor of their lengths in samples, [N], I64 or I32")
      ->type_name("NAME");
  from_.add_to(command_);
  auto const deltas = [this](std::string const& text) {
    if (text != "none" && text != "htk" && text != "librosa") {
      throw CLI::ValidationError("--deltas: '" + text + "' is none of none|htk|librosa");
    }
    deltas_ = text;
  };
  command_.add_option_function<std::string>("--deltas", deltas, "Behind the bands, their first and second derivative")
      ->type_name("none|htk|librosa");
  return command_;
}

void features_command::run() const {
  check_output(output_, input_files(from_));
  (void)check_options(from_);
  if (is_double(from_)) {
    run_as<double>();
  } else {
    run_as<float>();
  }
}

template <class T>
void features_command::run_as() const {
  auto const options = front_end_.make();
  tshift::audio::log_mel<T> const front_end(options);
  sound_options from = from_;
  from.other_rates = true;
  from.rate = static_cast<int>(std::lround(options.sample_rate));
  waves<T> const sounds = read_waves<T>(from);

  index_t const frames = front_end.frames(sounds.samples), bands = front_end.bands();
  tshift::shape const shape{.batch = sounds.batch, .time = frames, .channels = bands};
  std::vector<T> values(static_cast<std::size_t>(shape.size()));
  auto workspace = front_end.make_workspace(sounds.view().shape);
  front_end.forward(sounds.view(), tshift::tensor_view<T>(values.data(), shape), workspace);
  std::vector<index_t> own;
  for (index_t const length : sounds.lengths) own.push_back(front_end.frames(length));

  index_t width = bands;
  if (deltas_ != "none") {
    width = 3 * bands;
    std::vector<T> stacked(3 * values.size());
    auto const kind = deltas_ == "htk" ? tshift::delta_kind::htk : tshift::delta_kind::librosa;
    tshift::shape const wide{.batch = shape.batch, .time = frames, .channels = width};
    tshift::audio::stack_deltas(tshift::tensor_view<T const>(values.data(), shape, tshift::layout::ntc, own),
                                tshift::tensor_view<T>(stacked.data(), wide, tshift::layout::ntc, own), kind);
    values = std::move(stacked);
  }

  std::vector<std::int64_t> const lengths(own.begin(), own.end());
  std::string names;
  for (std::string const& name : sounds.names) names += (names.empty() ? "" : "\n") + utf8(name);
  {
    interrupts_held const now;
    tshift::io::write_safetensors(
        output_, {{"features", {sounds.batch, frames, width}, values}, {"lengths", {sounds.batch}, lengths}},
        {{"sounds", names}});
  }
  std::printf("%s: features %s of %s\n", one_line(output_).c_str(),
              shown(std::vector{sounds.batch, frames, width}).c_str(), sizeof(T) == 8 ? "F64" : "F32");
}

}  // namespace ser
