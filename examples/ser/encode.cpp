// SPDX-License-Identifier: MIT
#include "encode.hpp"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <tshift/io/safetensors.hpp>
#include <vector>

#include "../shiftser/interrupts.hpp"
#include "error.hpp"

namespace ser {
namespace {

using tshift::models::hidden_states;

constexpr char const* details =
    "W holds wav2vec 2.0, HuBERT or WavLM with the names of transformers, torchaudio, fairseq or ShiftSER; a head behind it\n"
    "is passed over. IN is a sound at 16 kHz (whatever libsndfile reads), a folder of sounds, or a .safetensors file with\n"
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
  command_.add_option("--input", from_.input, "Sounds")->type_name("IN")->required();
  command_.add_option("--output", output_, "A safetensors file")->type_name("OUT")->required();
  command_.add_option("--tensor", from_.tensor, "What the waves are called in IN (waveform)")->type_name("NAME");
  command_.add_option("--lengths", from_.lengths, "The tensor of their lengths in samples, [N], I64 or I32")
      ->type_name("NAME");
  command_.add_flag("--mix", from_.mix, "Several channels: their mean")->disable_flag_override();
  command_.add_option("--states", states_, "All hidden states, number K from 0 on, or the encoder's output")
      ->type_name("all|K|last");
}

void encode_command::run() const {
  std::error_code ignored;
  if (output_ == from_.input || std::filesystem::equivalent(output_, from_.input, ignored)) {
    throw usage_error("--output " + one_line(output_) + " is the input, must be another file");
  }
  if (output_ == how_.weights || std::filesystem::equivalent(output_, how_.weights, ignored)) {
    throw usage_error("--output " + one_line(output_) + " are the weights, must be another file");
  }
  bool const tensors = holds_tensors(from_);
  if (tensors && from_.mix) throw usage_error("--mix is for sounds, and " + one_line(from_.input) + " holds tensors");
  if (!tensors && !(from_.tensor.empty() && from_.lengths.empty())) {
    throw usage_error("--tensor and --lengths are for a .safetensors file, which " + one_line(from_.input) + " is not");
  }
  if (is_double(from_)) {
    run_as<double>();
  } else {
    run_as<float>();
  }
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
  std::string const done = normalise(sounds, how_, files);
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
  for (std::string const& name : sounds.names) names += (names.empty() ? "" : "\n") + name;
  std::vector<tshift::weights::tensor> made;
  if (states_ != "last") made.emplace_back("hidden_states", std::vector<index_t>{copies, N, frames, D}, values);
  if (all || one == L) {
    auto const last = std::span<T const>(values).last(static_cast<std::size_t>(each));
    made.emplace_back("last_hidden_state", std::vector<index_t>{N, frames, D}, last);
  }
  made.emplace_back("frames", std::vector<index_t>{N}, own);
  {
    shiftser::interrupts_held const now;
    tshift::io::write_safetensors(output_, made, {{"sounds", names}});
  }
  std::printf("%s: %s %s of %s; %s\n", one_line(output_).c_str(), made.front().name.c_str(),
              shown(made.front().shape).c_str(), sizeof(T) == 8 ? "F64" : "F32", done.c_str());
}

}  // namespace ser
