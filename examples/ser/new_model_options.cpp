// SPDX-License-Identifier: MIT
#include "new_model_options.hpp"

#include <cstdlib>
#include <utility>

#include "error.hpp"

namespace ser {
namespace {

std::pair<char const*, architecture> const kinds[] = {{"cnn", architecture::cnn},
                                                      {"lstm", architecture::lstm},
                                                      {"shift_lstm", architecture::shift_lstm},
                                                      {"transformer", architecture::transformer},
                                                      {"shiftformer", architecture::shiftformer}};

char const* const kind_words = "cnn|lstm|shift_lstm|transformer|shiftformer|head|crnn|vit_student|vit_teacher";

architecture kind_of(std::string const& word) {
  for (auto const& [name, kind] : kinds) {
    if (word == name) return kind;
  }
  throw usage_error("--model: '" + one_line(word) + "' is none of " + kind_words);
}

bool is_vit(std::string const& word) { return word == "vit_student" || word == "vit_teacher"; }

}  // namespace

CLI::Option* add_count(CLI::App& app, std::string const& name, index_t& to, index_t least, std::string const& help) {
  return app
      .add_option_function<std::string>(
          name,
          [&to, name, least](std::string const& text) {
            char* end = nullptr;
            long long const value = std::strtoll(text.c_str(), &end, 10);
            if (text.empty() || *end != '\0' || value < least || value > (1LL << 31)) {
              throw CLI::ValidationError(name + ": '" + text + "' is no whole number from " + std::to_string(least));
            }
            to = static_cast<index_t>(value);
          },
          help)
      ->type_name("N");
}

void new_model_options::add_to(CLI::App& app) {
  app.add_option("--model", kind_, "What is trained (shiftformer)")->type_name(kind_words);
  add_count(app, "--hidden", hidden_, 1,
            "Of its perceptrons, of an LSTM's direction, of a head (4 D, D, 256; of a\nViT 512, of a CRNN's LSTM 128)");
  add_count(app, "--blocks", blocks_, 1, "Of them (2; of a ViT 3, a teacher 6)");
  app.add_flag("--one-way", one_way_, "An LSTM, a CRNN's as well, runs forwards alone: ser live can hear it");
  add_count(app, "--taps", taps_, 1, "Of a CNN's filters, odd (7)");
  app.add_flag("--project,!--no-project", project_,
               "A linear layer in front: neighbouring bands are alike, and which of\n"
               "them are shifted would matter. By default for sounds")
      ->each([this](std::string const&) { project_given_ = true; });
  app.add_flag("--learned-shift", learned_, "In front of each block of a Shiftformer, one offset a channel");
  app.add_option("--learned-spread", learned_spread_, "Its offsets begin in [-X, X] (0: all at 0)")
      ->type_name("X")
      ->check(CLI::Range(0.0, 1000.0));
  images_.add_to(app);
}

bool new_model_options::is_of_images() const noexcept { return kind_ == "crnn" || is_vit(kind_); }

new_model new_model_options::make_images(model_options const& words, tshift::shape const& x, index_t classes,
                                         index_t pixels) const {
  bool const vit = is_vit(kind_);
  char const* const refused = project_given_ && project_ ? "--project"
                              : learned_                 ? "--learned-shift"
                              : taps_ > 0                ? "--taps"
                              : blocks_ > 0 && !vit      ? "--blocks"
                              : one_way_ && vit          ? "--one-way"
                                                         : nullptr;
  std::string const title = title_of(vit ? architecture::vertical_vit : architecture::crnn, false);
  if (refused != nullptr) throw usage_error(std::string(refused) + ": a " + title + " has no such thing");
  if (words.positions) {
    throw usage_error(std::string("--position ") + name_of(*words.positions) + ": a " + title +
                      " has no such positions");
  }
  new_model m;
  m.kind = vit ? architecture::vertical_vit : architecture::crnn;
  m.channels = x.channels;
  m.classes = classes;
  m.one_way = one_way_;
  if (vit) {
    images_.take_vit(m, words, kind_ == "vit_teacher", hidden_, blocks_);
  } else {
    images_.take_crnn(m, words, hidden_, pixels);
  }
  return m;
}

new_model new_model_options::make(model_options const& words, tshift::shape const& x, index_t classes, bool project,
                                  index_t pixels) const {
  if (is_of_images()) return make_images(words, x, classes, pixels);
  image_words more = words.images;
  more.heads.reset();  // of a Transformer as well
  for (std::string const& name : {images_.first(), more.first_of_vit(), more.first_of_crnn()}) {
    if (!name.empty()) throw usage_error(name + " is an option of a CRNN or a vertical-patch ViT, see --model");
  }
  if (words.no_positions) throw usage_error("--no-positions: a new model has none unless --position says which");
  new_model m;
  if (kind_ == "head") {
    if (one_way_) throw usage_error("--one-way: the new model is a head");
    if (words.n_div || words.towards || words.stride || words.where || words.positions || learned_) {
      throw usage_error("--model head has neither a shift nor positions");
    }
    m.head = hidden_ > 0 ? hidden_ : 256;
    m.channels = x.channels;
    m.classes = classes;
    m.shift = {0, tshift::direction::delay, 1, tshift::placement::none};
    return m;
  }
  m.kind = kind_of(kind_);
  m.channels = x.channels;
  m.classes = classes;
  bool const recurrent = m.kind == architecture::lstm || m.kind == architecture::shift_lstm;
  if (one_way_ && !recurrent)
    throw usage_error("--one-way: the new model is a " + std::string(title_of(m.kind, false)));
  m.one_way = one_way_;
  m.hidden = hidden_ > 0 ? hidden_ : recurrent ? x.channels : 4 * x.channels;
  m.blocks = blocks_ > 0 ? blocks_ : m.blocks;
  m.taps = taps_ > 0 ? taps_ : m.taps;
  m.heads = words.images.heads.value_or(m.heads);
  if (m.kind == architecture::transformer) m.images.heads = m.heads;  // which no tensor says
  m.project = project_given_ ? project_ : project;
  m.learned = learned_;
  m.learned_spread = learned_spread_;
  if (!learned_) m.shift = shift_for(m.kind, words, x.channels);
  if (words.positions) {
    if (recurrent || m.kind == architecture::cnn) {
      throw usage_error(std::string("--position ") + name_of(*words.positions) + ": CNNs and LSTMs have no positions");
    }
    m.positions = *words.positions;
    m.longest = x.time;
  }
  return m;
}

}  // namespace ser
