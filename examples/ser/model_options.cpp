// SPDX-License-Identifier: MIT
#include "model_options.hpp"

#include <charconv>
#include <system_error>
#include <utility>
#include <vector>

#include "error.hpp"

namespace ser {
namespace {

template <class Value>
using choices = std::vector<std::pair<std::string, Value>>;

choices<tshift::direction> const directions = {
    {"delay", tshift::direction::delay}, {"advance", tshift::direction::advance}, {"both", tshift::direction::both}};
choices<tshift::placement> const placements = {{"none", tshift::placement::none},
                                               {"branch", tshift::placement::branch},
                                               {"skip", tshift::placement::skip},
                                               {"both", tshift::placement::both}};
choices<tshift::frame_positions> const positions = {
    {"absolute", tshift::frame_positions::absolute},
    {"relative_key", tshift::frame_positions::relative_key},
    {"relative_key_query", tshift::frame_positions::relative_key_query}};

/// CLI11 reads 010 as 8, and a number that is too large as the largest.
index_t whole_number(std::string const& text, index_t least) {
  index_t value = 0;
  char const* const end = text.data() + text.size();
  auto const [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || stop != end || value < least) {
    throw CLI::ValidationError("'" + text + "' is no whole number from " + std::to_string(least));
  }
  return value;
}

CLI::Option* add_number(CLI::App& app, std::string const& name, std::optional<index_t>& to, index_t least,
                        std::string const& help) {
  auto const read = [&to, least, name](std::string const& text) {
    try {
      to = whole_number(text, least);
    } catch (CLI::ValidationError const& error) {
      throw CLI::ValidationError(name + ": " + error.what());
    }
  };
  return app.add_option_function<std::string>(name, read, help)->type_name("N");
}

template <class Value, class To>
CLI::Option* add_choice(CLI::App& app, std::string const& name, To& to, choices<Value> const& list,
                        std::string const& help) {
  std::string words;
  for (auto const& [word, value] : list) words += (words.empty() ? "" : "|") + word;
  auto const read = [&to, &list, name, words](std::string const& text) {
    for (auto const& [word, value] : list) {
      if (word == text) {
        to = value;
        return;
      }
    }
    throw CLI::ValidationError(name + ": '" + text + "' is none of " + words);
  };
  return app.add_option_function<std::string>(name, read, help)->type_name(words);
}

template <class Value>
char const* name_in(choices<Value> const& list, Value value) {
  for (auto const& [word, meant] : list) {
    if (meant == value) return word.c_str();
  }
  return "?";
}

}  // namespace

char const* const model_details =
    "Without options the shift of ShiftSER's models is the paper's; an option changes only what it names:\n"
    "\n"
    "  model        recognised by                n-div  direction  stride  placement\n"
    "  ShiftCNN     conv_block.*                    16  delay           1  skip, in the last block\n"
    "  ShiftLSTM    rnn.net.*                        4  delay           1  on the input\n"
    "  Shiftformer  transformer.*                    4  both            1  both, in place of attention\n"
    "  LSTM         rnn.*                            0  delay           1  on the input\n"
    "  Transformer  transformer.*.token_mixer.*      0  delay           1  none\n"
    "\n"
    "A CNN has the tensors of a ShiftCNN: --n-div 0 makes it one. An LSTM is shifted where --n-div says so, and a\n"
    "Transformer where --n-div and --placement do. The LSTMs have no skip connection: branch and both are the same,\n"
    "skip is refused. A model of `ser train` knows its own shift. An option that would change nothing, such as --stride without a shift, is refused.\n"
    "\n"
    "x may be [L, D] as well, and of type F32, F16, BF16 or F64. Other tensors of its file are passed over, as are\n"
    "specaugment.* and position_ids among the weights. y is written at the end and as a whole: whoever looks there\n"
    "sees the old file or the new one.";

char const* name_of(tshift::placement where) { return name_in(placements, where); }
char const* name_of(tshift::frame_positions kind) { return name_in(positions, kind); }

void add_weights_as(CLI::App& app, tshift::stored& to) {
  static choices<tshift::stored> const words = {{"float", tshift::stored::full}, {"bf16", tshift::stored::bf16}};
  add_choice(
      app, "--weights-as", to, words,
      "What the model keeps its matrices as: bf16 takes half the memory, and\nchanges results in the third digit");
}

tshift::weights::state_dict stored_as(tshift::weights::state_dict weights, tshift::stored how) {
  weights.store_as(how);
  return weights;
}

std::string shift_words(tshift::model_shift const& shift) {
  if (shift.n_div == 0 || shift.where == tshift::placement::none) return "--n-div 0";
  return "--n-div " + std::to_string(shift.n_div) + " --direction " + tshift::name_of(shift.towards) + " --stride " +
         std::to_string(shift.stride) + " --placement " + name_of(shift.where);
}

void take_model(model_options& words, std::map<std::string, std::string> const& metadata) {
  take_image_words(words.images, metadata);
  auto const said = metadata.find("shift");
  if (said == metadata.end()) return;
  model_options kept;
  CLI::App app;
  add_model_options(app, kept);
  try {
    app.parse(said->second);
  } catch (CLI::ParseError const&) {
    return;  // somebody else's word
  }
  words.no_positions |= kept.no_positions && !words.positions;
  if (words.n_div || words.towards || words.stride || words.where) return;
  words.n_div = kept.n_div;
  words.towards = kept.towards;
  words.stride = kept.stride;
  words.where = kept.where;
}

void add_model_options(CLI::App& app, model_options& to) {
  add_number(app, "--n-div", to.n_div, 0, "Shift 1/N of the channels per direction; 0: no shift");
  add_choice(app, "--direction", to.towards, directions, "Which frames arrive: earlier, later, both");
  add_number(app, "--stride", to.stride, 1, "Shift by so many frames");
  add_choice(app, "--placement", to.where, placements,
             "What reads S x, the shifted x: none x + f(x), branch x + f(S x),\n"
             "skip S x + f(x), both S x + f(S x)");
  add_choice(app, "--position", to.positions, positions,
             "What the attention knows of positions. By default what the tables are\n"
             "for: relative_key_query (relative_key has the same), or absolute");
  app.add_flag("--no-positions", to.no_positions,
               "A Transformer without positions is meant, and not one whose table got lost");
}

}  // namespace ser
