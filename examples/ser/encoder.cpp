// SPDX-License-Identifier: MIT
#include "encoder.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <system_error>
#include <tshift/io/safetensors.hpp>
#include <tshift/models/windowed.hpp>

#include "error.hpp"
#include "model_options.hpp"

namespace ser {
namespace {

namespace fs = std::filesystem;
using tshift::frame_rule;

double number_of(std::string const& name, std::string const& text) {
  double value = 0;
  char const* const end = text.data() + text.size();
  auto const [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || stop != end || !(value >= 0) || !std::isfinite(value)) {
    throw CLI::ValidationError(name + ": '" + text + "' is no number >= 0");
  }
  return value;
}

}  // namespace

void encoder_options::add_to(CLI::App& app) {
  app.add_option("--weights", weights, "The checkpoint: a safetensors file")
      ->type_name("W")
      ->required()
      ->check(not_empty);
  app.add_option("--config", config, "Its config.json; by default the one beside it")
      ->type_name("FILE")
      ->check(not_empty);
  add_weights_as(app, stored);
  auto const word = [](std::string const& name, std::string const& text, auto const& words, auto& to) {
    std::string list;
    for (auto const& [each, value] : words) {
      list += (list.empty() ? "" : "|") + std::string(each);
      if (text != each) continue;
      to = value;
      return;
    }
    throw CLI::ValidationError(name + ": '" + text + "' is none of " + list);
  };
  app.add_option_function<std::string>(
         "--normalize",
         [this, word](std::string const& text) {
           static constexpr std::pair<char const*, normalisation> words[] = {
               {"none", normalisation::none}, {"utterance", normalisation::utterance}, {"batch", normalisation::batch}};
           word("--normalize", text, words, normalise);
         },
         "Samples to mean 0 and variance 1: of each sound's own, or of the\nwhole batch, its padding included, as torchaudio's bundles do. By\n"
         "default what preprocessor_config.json beside the config says, and\nnone where that is missing")
      ->type_name("none|utterance|batch");
  app.add_option_function<std::string>(
         "--normalize-eps", [this](std::string const& text) { eps = number_of("--normalize-eps", text); },
         "Added to the variance: 1e-7 as transformers for utterance, 1e-5 for\nbatch")
      ->type_name("E");
  app.add_flag(
         "--as-released", as_released,
         "Compute over the padding of a batch as transformers, torchaudio and\nfairseq do. Without, each sound gives what it gives alone")
      ->disable_flag_override();
  app.add_option_function<std::string>(
         "--mask",
         [this, word](std::string const& text) {
           static constexpr std::pair<char const*, masking> words[] = {
               {"auto", masking::automatic}, {"on", masking::on}, {"off", masking::off}};
           word("--mask", text, words, mask);
         },
         "Then: whether padding is masked. auto: as preprocessor_config.json\nsays, and without one where all convolutions have norms. on and off mean\n"
         "--as-released, too")
      ->type_name("auto|on|off");
  app.add_option_function<std::string>(
         "--frames",
         [this, word](std::string const& text) {
           static constexpr std::pair<char const*, frame_rule> words[] = {{"conv", frame_rule::conv},
                                                                          {"reshape", frame_rule::reshape}};
           word("--frames", text, words, frames);
         },
         "How many frames of a padded row are a sound's own: as many as it has\nalone, or as fairseq's HuBERT and WavLM count (means --as-released)")
      ->type_name("conv|reshape");
}

namespace {

fs::path config_of(encoder_options const& from) {
  return from.config.empty() ? fs::path(from.weights).parent_path() / "config.json" : fs::path(from.config);
}

tshift::io::speech_encoder_config read_config(encoder_options const& from) {
  fs::path const path = config_of(from);
  std::error_code ignored;
  if (from.config.empty() && !fs::exists(path, ignored)) {
    throw ser_error("there is no " + one_line(path.string()) +
                    ": --config names the checkpoint's config.json, without which the " +
                    "number of heads and the order of the norms are not known");
  }
  return tshift::io::speech_encoder_config::open(path);
}

}  // namespace

std::vector<std::string> split_labels(std::string const& text) {
  std::vector<std::string> result;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    std::size_t const end = std::min(text.find(',', begin), text.size());
    result.push_back(one_line(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return result;
}

std::vector<std::string> encoder_options::files() const {
  fs::path const path = config_of(*this);
  return {weights, path.string(), (path.parent_path() / "preprocessor_config.json").string()};
}

encoder_files::encoder_files(encoder_options const& from)
    : encoder_files(from, tshift::io::safetensors::open(from.weights)) {}

encoder_files::encoder_files(encoder_options const& from, tshift::io::safetensors const& file)
    : checkpoint(tshift::weights::speech_encoder_weights(stored_as(file.state_dict(), from.stored))),
      config(read_config(from)), metadata(file.metadata()) {
  auto const said = metadata.find("labels");
  if (said != metadata.end()) labels = split_labels(said->second);
  fs::path const beside = config_of(from).parent_path() / "preprocessor_config.json";
  std::error_code ignored;
  if (!fs::exists(beside, ignored)) return;
  says_so = beside.string();
  tshift::detail::mapped_file const text(says_so);
  auto const json = tshift::detail::json_object::parse(text.bytes(), says_so);
  normalise = json.flag("do_normalize").value_or(true);       // transformers' default
  mask = json.flag("return_attention_mask").value_or(false);  // the same
  auto const sampled = json.number("sampling_rate");
  if (sampled && *sampled != 16000) json.refuse("sampling_rate", "must be 16000");
}

sample_norm::sample_norm(encoder_options const& how, encoder_files const& files)
    : kind(how.normalise), why("--normalize") {
  if (kind == normalisation::unset) {
    kind = files.normalise ? normalisation::utterance : normalisation::none;
    why = files.says_so.empty() ? "no preprocessor_config.json" : one_line(files.says_so);
  }
  if (kind == normalisation::none && how.eps) {
    throw usage_error("--normalize-eps changes nothing where nothing is normalised");
  }
  eps = how.eps.value_or(kind == normalisation::utterance ? 1e-7 : 1e-5);
}

std::string sample_norm::text() const {
  char const* const what = kind == normalisation::none    ? "samples as they are ("
                           : kind == normalisation::batch ? "samples normalised over the batch ("
                                                          : "samples normalised one sound at a time (";
  return what + why + ")";
}

template <class T>
std::string normalise(waves<T>& sounds, encoder_options const& how, encoder_files const& files, bool padding) {
  sample_norm const norm(how, files);
  std::span<T> const all(sounds.values);
  if (norm.kind == normalisation::batch) tshift::models::normalise_wave(all, norm.eps);
  for (index_t n = 0; n < sounds.batch && norm.kind == normalisation::utterance; ++n) {
    auto const row =
        all.subspan(static_cast<std::size_t>(n * sounds.samples), static_cast<std::size_t>(sounds.samples));
    auto const length = padding ? row.size() : static_cast<std::size_t>(sounds.lengths[static_cast<std::size_t>(n)]);
    tshift::models::normalise_wave(row.first(length), norm.eps);
    for (T& behind : row.subspan(length)) behind = T(0);
  }
  return norm.text();
}

template <class T>
prepared_encoder<T>::prepared_encoder(encoder_options const& how, encoder_files const& files)
    : encoder(files.checkpoint, files.config.options_for(files.checkpoint.sizes)),
      rule(how.frames.value_or(frame_rule::conv)) {
  if (!how.padded()) return;
  bool const masked = how.mask == masking::on ||
                      (how.mask == masking::automatic && files.mask.value_or(files.checkpoint.sizes.norm_every_conv));
  lengths = masked;
  if (masked) encoder = encoder.with_mask(rule);
}

template std::string normalise(waves<float>&, encoder_options const&, encoder_files const&, bool);
template std::string normalise(waves<double>&, encoder_options const&, encoder_files const&, bool);
template struct prepared_encoder<float>;
template struct prepared_encoder<double>;

}  // namespace ser
