// SPDX-License-Identifier: MIT
#include "image_words.hpp"

#include <cstddef>
#include <type_traits>

#include "option_forms.hpp"

namespace ser {
namespace {

using tshift::summary_kind;

/// The only list of them: body(the member, the option, of a ViT or a CRNN, help).
template <class Body>
void for_each_word(Body const& body) {
  using w = image_words;
  constexpr bool of_vit = true, of_crnn = false;
  body(
      &w::heads, "--heads", of_vit,
      "Of a ViT's attention (as many as have 64 channels each; of a new one 5),\nor of a Transformer's (12; of a new one 4)");
  body(&w::patch_width, "--patch-width", of_vit, "Columns of a ViT's patch (1)");
  body(&w::patch_height, "--patch-height", of_vit, "Its rows (all)");
  body(&w::mean, "--pool", of_vit, "A ViT's feature: of its first token, or the mean of all (cls)");
  body(&w::coordinates, "--coordinates", of_vit,
       "Of a teacher's pixels: each over the length of the other axis, as the\n"
       "code has it, or over its own (as_released)");
  body(&w::f, "--activation", of_crnn, "Of a CRNN: relu, leaky_relu:SLOPE, elu:ALPHA or gelu\n(leaky_relu:0.01)");
  body(&w::pool, "--max-pool", of_crnn, "Frames and bands that a CRNN pools (2x4)");
  body(&w::norm_eps, "--norm-eps", of_crnn, "Of a CRNN's batch norms (1e-5; of TensorFlow 1e-3)");
  body(&w::summary, "--summary", of_crnn,
       "What a CRNN takes of its LSTM: last, mean, max, std, attention, or several\n"
       "(attention where there are tensors for it, else mean,max)");
  body(&w::summary_eps, "--summary-eps", of_crnn, "Of std (1e-5)");
  body(&w::scorer, "--scorer", of_crnn, "Of attention (sigmoid)");
  body(&w::shifted, "--shifted-convs", of_crnn, "Before which convolutions of a CRNN's body the shift stands (all)");
}

std::string first_of(image_words const& words, bool vit) {
  std::string first;
  for_each_word([&words, &first, vit](auto member, char const* name, bool of_vit, char const* /*help*/) {
    if (first.empty() && of_vit == vit && words.*member) first = name;
  });
  return first;
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
  std::string text = form<std::vector<summary_kind>>::text(kinds);
  for (std::size_t comma = text.find(','); comma != std::string::npos; comma = text.find(',', comma + 1)) {
    text.insert(comma + 1, " ");
  }
  return text;
}

CLI::Option* add_optional_count(CLI::App& app, std::string const& name, std::optional<index_t>& to, index_t least,
                                std::string const& help) {
  return add(app, name, to, help, {least});
}

CLI::Option* add_counts(CLI::App& app, std::string const& name, std::optional<std::vector<index_t>>& to,
                        std::string const& help, bool none) {
  return add(app, name, to, help, {none});
}

CLI::Option* add_windows(CLI::App& app, std::string const& name, std::optional<std::vector<window_size>>& to,
                         std::string const& help) {
  return add(app, name, to, help);
}

void add_image_words(CLI::App& app, image_words& to) {
  for_each_word([&app, &to](auto member, char const* name, bool /*of_vit*/, char const* help) {
    add(app, name, to.*member, help);
  });
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
  for_each_word([&words, &kept](auto member, char const* /*name*/, bool /*of_vit*/, char const* /*help*/) {
    if (!(words.*member)) words.*member = kept.*member;
  });
}

std::string image_words::text() const {
  std::string all;
  for_each_word([this, &all](auto member, char const* name, bool /*of_vit*/, char const* /*help*/) {
    auto const& value = this->*member;
    if (!value) return;
    using form_of_it = form<std::remove_cvref_t<decltype(*value)>>;
    all += (all.empty() ? "" : " ") + std::string(name) + " " + form_of_it().text(*value);
  });
  return all;
}

std::string image_words::first_of_vit() const { return first_of(*this, true); }
std::string image_words::first_of_crnn() const { return first_of(*this, false); }

}  // namespace ser
