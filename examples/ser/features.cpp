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
#include "png.hpp"
#include "text_file.hpp"

namespace ser {
namespace {

constexpr char const* details =
    "IN is a sound (whatever libsndfile reads), a folder of sounds, a manifest (.csv with\n"
    "a column path, or .jsonl), or a .safetensors file with waves [N, samples] or\n"
    "[samples]. Samples are in [-1, 1). OUT gets `features` [N, frames, bands], zeros behind a shorter sound's frames,\n"
    "and `lengths` [N], I64: its frames. They are F32; F64 where the waves are, and then everything is.\n"
    "\n"
    "With --image features are [N, W, H], an image column by column, row 0 the highest band; PyTorch's images [N, 1, H, W] are\n"
    "features.mT[:, None]. A sound is cut to --image-frames, scaled by its own values, filled up with black, and resized.\n"
    "\n"
    "An option changes only what it names. --n-fft takes the window along where a preset's window fills its FFT.\n"
    "What excludes each other is refused with a sentence.";

}  // namespace

features_command::features_command(CLI::App& program)
    : command_(*program.add_subcommand("features", "Log-mel features of sounds, as the tool of a preset makes them")),
      front_end_(with_files()), form_(command_) {
  command_.add_option("--picture", picture_, "The image as a PNG, to look at; of one sound")->type_name("FILE");
  command_
      .add_option_function<std::string>(
          "--colours",
          [this](std::string const& text) {
            if (text != "heat" && text != "grey") {
              throw CLI::ValidationError("--colours: '" + text + "' is none of heat|grey");
            }
            colours_ = text == "heat";
          },
          "Its colours: dark blue to light yellow, or grey, 255 times the\nvalue (heat)")
      ->type_name("heat|grey");
}

CLI::App& features_command::with_files() {
  command_.footer(details);
  command_.get_formatter()->column_width(36);
  command_.add_option("--input", from_.input, "Sounds")->type_name("IN")->required();
  command_.add_option("--output", output_, "A safetensors file")->type_name("OUT")->required();
  command_.add_option("--tensor", from_.tensor, "What the waves are called in IN (input)")->type_name("NAME");
  command_.add_option("--lengths", from_.lengths, "The tensor of their lengths in samples, [N], I64 or I32")
      ->type_name("NAME");
  from_.add_to(command_);
  return command_;
}

void features_command::run() const {
  form_.check();
  if (picture_.empty() && command_.count("--colours") > 0) throw usage_error("--colours are of --picture");
  if (!picture_.empty()) {
    if (!form_.is_image()) throw usage_error("--picture shows an image, and there is none without --image HxW");
    if (!form_.is_scaled()) throw usage_error("--picture shows values from 0 to 1, and --image-scale none has others");
    if (!picture_.ends_with(".png")) throw usage_error("--picture " + one_line(picture_) + ": must end with .png");
    if (picture_ == output_) throw usage_error("--output and --picture are one file");
  }
  for (std::string const& each : {output_, picture_}) check_output(each, input_files(from_));
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
  if (!picture_.empty() && sounds.batch != 1) {
    throw usage_error("--picture is for one sound, and " + one_line(from_.input) + " has " +
                      std::to_string(sounds.batch));
  }

  index_t const frames = front_end.frames(sounds.samples), bands = front_end.bands();
  formed<T> made{{sounds.batch, frames, bands}, {}, {}};
  made.values.resize(static_cast<std::size_t>(made.shape.size()));
  for (index_t const length : sounds.lengths) made.lengths.push_back(front_end.frames(length));
  auto workspace = front_end.make_workspace(sounds.view().shape);
  front_end.forward(sounds.view(), made.view(), workspace);
  made = form_.as_image(form_.with_deltas(std::move(made)));
  std::string picture;
  if (!picture_.empty()) picture = png_of<T>(made.view(), colours_);

  std::vector<index_t> const shape{sounds.batch, made.shape.time, made.shape.channels};
  std::vector<std::int64_t> const lengths(made.lengths.begin(), made.lengths.end());
  std::string names;
  for (std::string const& name : sounds.names) names += (names.empty() ? "" : "\n") + utf8(name);
  {
    interrupts_held const now;
    tshift::io::write_safetensors(output_, {{"features", shape, made.values}, {"lengths", {sounds.batch}, lengths}},
                                  {{"sounds", names}});
  }
  std::printf("%s: features %s of %s\n", one_line(output_).c_str(), shown(shape).c_str(),
              sizeof(T) == 8 ? "F64" : "F32");
  if (picture.empty()) return;
  write_text(picture_, picture);
  std::printf("%s is written\n", one_line(picture_).c_str());
}

}  // namespace ser
