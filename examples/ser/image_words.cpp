// SPDX-License-Identifier: MIT
#include "image_words.hpp"

#include <charconv>
#include <cstddef>
#include <functional>
#include <limits>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

namespace ser {
namespace {

using tshift::activation;
using tshift::attention_scorer;
using tshift::summary_kind;
using tshift::window_axis;

std::pair<std::string_view, summary_kind> const summaries[] = {{"last", summary_kind::last},
                                                               {"mean", summary_kind::mean},
                                                               {"max", summary_kind::max},
                                                               {"std", summary_kind::std},
                                                               {"attention", summary_kind::attention}};

/// The whole text; CLI11 would read 010 as 8. Nothing: it is no number, or less than `least`.
template <class Number>
std::optional<Number> number_of(std::string_view text, Number least) {
  Number value{};
  auto const [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || stop != text.data() + text.size() || !(value >= least)) return {};
  return value;
}

std::vector<std::string_view> parts_of(std::string_view text, char between) {
  std::vector<std::string_view> parts;
  for (std::size_t sign = text.find(between); sign != std::string_view::npos; sign = text.find(between)) {
    parts.push_back(text.substr(0, sign));
    text.remove_prefix(sign + 1);
  }
  parts.push_back(text);
  return parts;
}

/// Adds an option whose text `read` takes or refuses.
void add(CLI::App& app, std::string const& name, std::string const& type, std::string const& rule,
         std::function<bool(std::string_view)> const& read, std::string const& help) {
  app.add_option_function<std::string>(
         name,
         [name, rule, read](std::string const& text) {
           if (!read(text)) throw CLI::ValidationError(name + ": '" + text + "' is " + rule);
         },
         help)
      ->type_name(type);
}

template <class Number>
void add_number(CLI::App& app, std::string const& name, std::optional<Number>& to, Number least,
                std::string const& help) {
  bool const whole = std::is_integral_v<Number>;
  std::string const rule =
      (whole ? "no whole number from " : "no number from ") + std::to_string(static_cast<index_t>(least));
  auto const read = [&to, least](std::string_view text) {
    to = number_of<Number>(text, least);
    return to.has_value();
  };
  add(app, name, whole ? "N" : "X", rule, read, help);
}

template <class Value>
void add_choice(CLI::App& app, std::string const& name, std::optional<Value>& to,
                std::vector<std::pair<std::string, Value>> const& words, std::string const& help) {
  std::string list;
  for (auto const& [word, value] : words) list += (list.empty() ? "" : "|") + word;
  auto const read = [&to, words](std::string_view text) {
    for (auto const& [word, value] : words) {
      if (word == text) to = value;
    }
    return to.has_value();
  };
  add(app, name, list, "none of " + list, read, help);
}

/// "relu", "leaky_relu", "leaky_relu:0.01"
bool read_activation(std::string_view text, std::optional<activation>& to) {
  auto const parts = parts_of(text, ':');
  std::optional<double> factor;
  if (parts.size() == 2) factor = number_of<double>(parts[1], std::numeric_limits<double>::lowest());
  if (parts.size() > 2 || (parts.size() == 2 && !factor)) return false;
  if (parts[0] == "leaky_relu") to = factor ? activation::leaky_relu(*factor) : activation::leaky_relu();
  if (parts[0] == "elu") to = factor ? activation::elu(*factor) : activation::elu();
  if (!factor && parts[0] == "relu") to = activation::relu();
  if (!factor && parts[0] == "gelu") to = activation::gelu();
  return to.has_value();
}

std::optional<window_size> window_of(std::string_view text) {
  auto const parts = parts_of(text, 'x');
  if (parts.size() != 2) return {};
  auto const frames = number_of<index_t>(parts[0], 1), bands = number_of<index_t>(parts[1], 1);
  if (!frames || !bands) return {};
  return window_size{*frames, *bands};
}

/// As short as it can be read back from.
std::string text_of(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

bool read_summary(std::string_view text, std::optional<std::vector<summary_kind>>& to) {
  std::vector<summary_kind> kinds;
  for (std::string_view const part : parts_of(text, ',')) {
    std::size_t const before = kinds.size();
    for (auto const& [word, kind] : summaries) {
      if (word == part) kinds.push_back(kind);
    }
    if (kinds.size() == before) return false;
  }
  to = kinds;
  return true;
}

}  // namespace

char const* const image_model_details =
    "Beside these, the models of two other systems, which have no shift unless --n-div and --placement say so:\n"
    "\n"
    "  CRNN               conv.0.*              x [N, L, D], D = C F: bands, or bands and their deltas; or [N, L, F, C]\n"
    "  vertical-patch ViT to_patch_embedding.*  x [N, W, H], as `ser features --image` makes it; or [N, 1, H, W]\n"
    "\n"
    "What is in no tensor of theirs is said by options, or by the file's metadata under `model`, as the options are\n"
    "written. An option that the model has not is refused.";

std::string name_of(std::vector<summary_kind> const& kinds) {
  std::string text;
  for (summary_kind const kind : kinds) {
    for (auto const& [word, named] : summaries) {
      if (named == kind) text += (text.empty() ? "" : ", ") + std::string(word);
    }
  }
  return text;
}

void add_optional_count(CLI::App& app, std::string const& name, std::optional<index_t>& to, index_t least,
                        std::string const& help) {
  add_number<index_t>(app, name, to, least, help);
}

void add_counts(CLI::App& app, std::string const& name, std::optional<std::vector<index_t>>& to,
                std::string const& help, bool none) {
  auto const read = [&to, none](std::string_view text) {
    std::vector<index_t> numbers;
    for (std::string_view const part : parts_of(text, ',')) {
      if (none && text == "none") break;
      auto const number = number_of<index_t>(part, 1);
      if (!number) return false;
      numbers.push_back(*number);
    }
    to = numbers;
    return true;
  };
  add(app, name, "I,J,...", std::string("no list of whole numbers from 1") + (none ? ", and not none" : ""), read,
      help);
}

void add_windows(CLI::App& app, std::string const& name, std::optional<std::vector<window_size>>& to,
                 std::string const& help) {
  auto const read = [&to](std::string_view text) {
    std::vector<window_size> windows;
    for (std::string_view const part : parts_of(text, ',')) {
      auto const each = window_of(part);
      if (!each) return false;
      windows.push_back(*each);
    }
    to = windows;
    return true;
  };
  add(app, name, "TxF,...", "no list of TxF, two whole numbers from 1 such as 5x3", read, help);
}

void add_image_words(CLI::App& app, image_words& to) {
  add_number<index_t>(
      app, "--heads", to.heads, 1,
      "Of a ViT's attention (as many as have 64 channels each; of a new one 5),\nor of a Transformer's (12; of a new one 4)");
  add_number<index_t>(app, "--patch-width", to.patch_width, 1, "Columns of a ViT's patch (1)");
  add_number<index_t>(app, "--patch-height", to.patch_height, 1, "Its rows (all)");
  add_choice<bool>(app, "--pool", to.mean, {{"cls", false}, {"mean", true}},
                   "A ViT's feature: of its first token, or the mean of all (cls)");
  add_choice<bool>(app, "--coordinates", to.corrected, {{"as_released", false}, {"corrected", true}},
                   "Of a teacher's pixels: each over the length of the other axis, as the\n"
                   "code has it, or over its own (as_released)");
  add(
      app, "--activation", "NAME[:X]", "none of relu, leaky_relu[:SLOPE], elu[:ALPHA] and gelu",
      [&to](std::string_view text) { return read_activation(text, to.f); },
      "Of a CRNN: relu, leaky_relu:SLOPE, elu:ALPHA or gelu\n(leaky_relu:0.01)");
  add(
      app, "--max-pool", "TxF", "no TxF, two whole numbers from 1 such as 2x4",
      [&to](std::string_view text) {
        auto const read = window_of(text);
        if (!read) return false;
        to.pool_time = window_axis{read->frames, read->frames};
        to.pool_bands = window_axis{read->bands, read->bands};
        return true;
      },
      "Frames and bands that a CRNN pools (2x4)");
  add_number<double>(app, "--norm-eps", to.norm_eps, 0, "Of a CRNN's batch norms (1e-5; of TensorFlow 1e-3)");
  add(
      app, "--summary", "A,B,...", "no list of last, mean, max, std and attention",
      [&to](std::string_view text) { return read_summary(text, to.summary); },
      "What a CRNN takes of its LSTM: last, mean, max, std, attention, or several\n"
      "(attention where there are tensors for it, else mean,max)");
  add_number<double>(app, "--summary-eps", to.summary_eps, 0, "Of std (1e-5)");
  add_choice<attention_scorer>(app, "--scorer", to.scorer,
                               {{"sigmoid", attention_scorer::sigmoid}, {"tanh", attention_scorer::tanh}},
                               "Of attention (sigmoid)");
  add_counts(app, "--shifted-convs", to.shifted, "Before which convolutions of a CRNN's body the shift stands (all)");
}

void take_image_words(image_words& words, std::map<std::string, std::string> const& metadata) {
  auto const said = metadata.find("model");
  if (said == metadata.end()) return;
  image_words kept;
  CLI::App app;
  add_image_words(app, kept);
  try {
    app.parse(said->second);
  } catch (CLI::ParseError const&) {
    return;  // somebody else's word
  }
  auto const take = [](auto& to, auto const& from) {
    if (!to) to = from;
  };
  take(words.heads, kept.heads);
  take(words.patch_width, kept.patch_width);
  take(words.patch_height, kept.patch_height);
  take(words.mean, kept.mean);
  take(words.corrected, kept.corrected);
  take(words.f, kept.f);
  take(words.pool_time, kept.pool_time);
  take(words.pool_bands, kept.pool_bands);
  take(words.norm_eps, kept.norm_eps);
  take(words.summary_eps, kept.summary_eps);
  take(words.summary, kept.summary);
  take(words.scorer, kept.scorer);
  take(words.shifted, kept.shifted);
}

std::string image_words::text() const {
  std::string all;
  auto const say = [&all](std::string const& name, std::string const& value) {
    all += (all.empty() ? "" : " ") + name + " " + value;
  };
  if (heads) say("--heads", std::to_string(*heads));
  if (patch_width) say("--patch-width", std::to_string(*patch_width));
  if (patch_height) say("--patch-height", std::to_string(*patch_height));
  if (mean) say("--pool", *mean ? "mean" : "cls");
  if (corrected) say("--coordinates", *corrected ? "corrected" : "as_released");
  if (f) {
    bool const leaky = f->which == activation::kind::leaky_relu, elu = f->which == activation::kind::elu;
    say("--activation", leaky                                ? "leaky_relu:" + text_of(f->factor)
                        : elu                                ? "elu:" + text_of(f->factor)
                        : f->which == activation::kind::gelu ? "gelu"
                                                             : "relu");
  }
  if (pool_time) say("--max-pool", std::to_string(pool_time->taps) + "x" + std::to_string(pool_bands->taps));
  if (norm_eps) say("--norm-eps", text_of(*norm_eps));
  if (summary) {
    std::string list = name_of(*summary);
    std::erase(list, ' ');
    say("--summary", list);
  }
  if (summary_eps) say("--summary-eps", text_of(*summary_eps));
  if (scorer) say("--scorer", *scorer == attention_scorer::tanh ? "tanh" : "sigmoid");
  if (shifted) {
    std::string list;
    for (index_t const each : *shifted) list += (list.empty() ? "" : ",") + std::to_string(each);
    say("--shifted-convs", list);
  }
  return all;
}

std::string image_words::first_of_vit() const {
  if (heads) return "--heads";
  if (patch_width) return "--patch-width";
  if (patch_height) return "--patch-height";
  if (mean) return "--pool";
  return corrected ? "--coordinates" : "";
}

std::string image_words::first_of_crnn() const {
  if (f) return "--activation";
  if (pool_time) return "--max-pool";
  if (norm_eps) return "--norm-eps";
  if (summary) return "--summary";
  if (summary_eps) return "--summary-eps";
  if (scorer) return "--scorer";
  return shifted ? "--shifted-convs" : "";
}

}  // namespace ser
