// SPDX-License-Identifier: MIT
#include "encode.hpp"

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <tshift/io/safetensors.hpp>
#include <vector>

#include "error.hpp"
#include "interrupts.hpp"

namespace ser {
namespace {

using tshift::models::hidden_states;

constexpr char const* details =
    "W holds wav2vec 2.0, HuBERT or WavLM with the names of transformers, torchaudio, fairseq or ShiftSER; a head behind it\n"
    "is passed over. IN is a sound at 16 kHz (whatever libsndfile reads), a folder of sounds, a manifest (.csv with\n"
    "a column path, or .jsonl), or a .safetensors file with\n"
    "waves [N, samples] or [samples]. OUT gets `hidden_states` [L + 1, N, frames, D], numbered as transformers does, or\n"
    "[1, N, frames, D] of one; `last_hidden_state` [N, frames, D] where it is among them; and `frames` [N], I64: each\n"
    "sound's own. F32; F64 where the waves are, and then everything is computed in it.";

}  // namespace

encode_command::encode_command(CLI::App& program)
    : command_(*program.add_subcommand("encode", "Hidden states of wav2vec 2.0, HuBERT and WavLM for sounds")) {
  command_.footer(details);
  command_.get_formatter()->column_width(36);
  from_.usual = "waveform";
  how_.add_to(command_);
  auto* const input = command_.add_option("--input", from_.input, "Sounds")->type_name("IN");
  auto* const output = command_.add_option("--output", output_, "A safetensors file")->type_name("OUT");
  command_
      .add_option("--check", dump_,
                  "Instead of the two: a dump of what another program made of these\n"
                  "weights, `waveform` as the model saw it and `hidden_states`, to be\n"
                  "compared with. examples/ser/dump.py writes one")
      ->type_name("DUMP")
      ->excludes(input)
      ->excludes(output);
  command_.add_option("--tensor", from_.tensor, "What the waves are called in IN (waveform)")
      ->type_name("NAME")
      ->check(not_empty);
  command_.add_option("--lengths", from_.lengths, "The tensor of their lengths in samples, [N], I64 or I32")
      ->type_name("NAME")
      ->check(not_empty);
  from_.add_to(command_);
  command_.add_option("--states", states_, "All hidden states, number K from 0 on, or the encoder's output")
      ->type_name("all|K|last");
}

void encode_command::run() const {
  if (!dump_.empty()) return compare();
  if (from_.input.empty() || output_.empty()) throw usage_error("--input and --output are required, or --check");
  check_output(output_, input_files(from_));
  check_output(output_, how_.files());
  (void)check_options(from_);
  if (is_double(from_)) {
    run_as<double>();
  } else {
    run_as<float>();
  }
}

void encode_command::compare() const {
  constexpr double most = 1e-4;  // PyTorch in float stays below 1e-5 where nothing is wrong
  if (from_.mix || from_.resample) throw usage_error("--mix and --resample are for sounds, and a dump holds tensors");
  if (states_ != "all") throw usage_error("--states changes nothing: --check compares all of them");
  encoder_options how = how_;
  if (how.normalise == normalisation::unset) how.normalise = normalisation::none;  // the dump has what the model saw
  encoder_files const files(how);
  prepared_encoder<float> const prepared(how, files);
  auto const encoder = prepared.encoder.with(hidden_states<float>::all());
  sound_options from = from_;
  from.input = dump_;
  if (!holds_tensors(from)) throw usage_error("--check " + one_line(dump_) + ": must be a .safetensors file");
  waves<float> sounds = read_waves<float>(from);
  if (sounds.batch == 0) throw ser_error(one_line(dump_) + ": waveform holds no waves");
  (void)normalise(sounds, how, files, how.padded() && !prepared.lengths);
  auto const file = tshift::io::safetensors::open(dump_);
  auto const* const theirs = file.find("hidden_states");
  index_t const N = sounds.batch, frames = encoder.frames(sounds.samples), D = encoder.channels();
  std::vector<index_t> const shape{encoder.states().copies(), N, frames, D};
  if (theirs == nullptr || theirs->shape != shape) {
    throw ser_error(one_line(dump_) + ": hidden_states " +
                    (theirs == nullptr ? "are missing" : "are " + shown(theirs->shape)) + ", must be " + shown(shape));
  }
  auto const want = tshift::weights::read_as<double>(*theirs, "ser", file.source());
  tshift::tensor_view<float const> x = sounds.view();
  if (!prepared.lengths) x.lengths = {};
  std::vector<float> values(static_cast<std::size_t>(want.size())), workspace = encoder.make_workspace(x.shape);
  encoder.forward(x, tshift::tensor_view<float>(values.data(), {shape[0] * N, frames, D}), workspace);
  double worst = 0;
  for (index_t k = 0; k < shape[0]; ++k) {
    double off = 0, size = 0, largest = 0;
    for (index_t i = k * N * frames * D; i < (k + 1) * N * frames * D; ++i) {
      double const difference = static_cast<double>(values[static_cast<std::size_t>(i)]) - want[i];
      off += difference * difference;
      size += want[i] * want[i];
      if (!std::isnan(largest) && !(std::fabs(difference) <= largest)) largest = std::fabs(difference);
    }
    double const relative = size > 0 ? std::sqrt(off / size) : std::sqrt(off);
    std::printf("state %2td: %.1e off, relative; %.1e at most\n", k, relative, largest);
    if (!std::isnan(worst) && !(relative <= worst)) worst = relative;  // NaN stays
  }
  if (!(worst <= most)) {
    char text[160];
    std::snprintf(text, sizeof text,
                  ": the states are %.1e off, must be within %.0e: the first state that is tells where", worst, most);
    throw ser_error(one_line(dump_) + text);
  }
  std::printf("%s: the states agree\n", one_line(dump_).c_str());
}

template <class T>
void encode_command::run_as() const {
  encoder_files const files(how_);
  prepared_encoder<T> const prepared(how_, files);
  index_t const L = prepared.encoder.layers();
  bool const all = states_ == "all";
  index_t one = L;
  if (!all && states_ != "last") {
    char const* const end = states_.data() + states_.size();
    auto const [stop, error] = std::from_chars(states_.data(), end, one);
    if (states_.empty() || error != std::errc() || stop != end || one < 0 || one > L) {
      throw usage_error("--states: '" + one_line(states_) + "' is none of all, last, and 0 to " + std::to_string(L));
    }
  }
  auto const encoder = prepared.encoder.with(all ? hidden_states<T>::all() : hidden_states<T>::one(one));

  waves<T> sounds = read_waves<T>(from_);
  std::string const done = normalise(sounds, how_, files, how_.padded() && !prepared.lengths);
  index_t const N = sounds.batch, frames = encoder.frames(sounds.samples), D = encoder.channels();
  index_t const copies = encoder.states().copies(), each = N * frames * D;
  tshift::tensor_view<T const> x = sounds.view();
  if (!prepared.lengths) x.lengths = {};
  for (index_t n = 0; n < N; ++n) {  // all of them before the first is computed
    if (x.length(n) >= encoder.shortest()) continue;
    throw ser_error(one_line(sounds.names[static_cast<std::size_t>(n)]) + " has " + std::to_string(x.length(n)) +
                    " samples, must have >= " + std::to_string(encoder.shortest()));
  }
  std::vector<T> values(static_cast<std::size_t>(copies * each)), workspace = encoder.make_workspace(x.shape);
  std::vector<std::int64_t> own;
  for (index_t n = 0; n < N; ++n) {
    // Of each state one sequence: [copies, frames, D], as far apart as the states are.
    tshift::tensor_view<T> const y(values.data() + n * frames * D, {copies, frames, D}, {each, D, 1, 1});
    encoder.forward(x.slice_sequences(n, 1), y, workspace);
    own.push_back(prepared.frames(sounds.lengths[static_cast<std::size_t>(n)], sounds.samples));
  }

  std::string names;
  for (std::string const& name : sounds.names) names += (names.empty() ? "" : "\n") + utf8(name);
  std::vector<tshift::weights::tensor> made;
  if (states_ != "last") made.emplace_back("hidden_states", std::vector<index_t>{copies, N, frames, D}, values);
  if (all || one == L) {
    auto const last = std::span<T const>(values).last(static_cast<std::size_t>(each));
    made.emplace_back("last_hidden_state", std::vector<index_t>{N, frames, D}, last);
  }
  made.emplace_back("frames", std::vector<index_t>{N}, own);
  {
    interrupts_held const now;
    tshift::io::write_safetensors(output_, made, {{"sounds", names}});
  }
  std::printf("%s: %s %s of %s; %s\n", one_line(output_).c_str(), made.front().name.c_str(),
              shown(made.front().shape).c_str(), sizeof(T) == 8 ? "F64" : "F32", done.c_str());
}

}  // namespace ser
