// SPDX-License-Identifier: MIT
#include "teacher.hpp"

#include <charconv>
#include <cmath>
#include <filesystem>
#include <system_error>
#include <tshift/io/safetensors.hpp>

#include "dataset.hpp"
#include "error.hpp"
#include "image_models.hpp"
#include "run_folder.hpp"

namespace ser {
namespace {

tshift::vertical_vit_options options_for(tshift::weights::state_dict const& weights, model_options const& words) {
  model_choice const found = choose_model(weights, words);
  if (found.kind != architecture::vertical_vit) {
    throw ser_error(one_line(weights.source()) + " is a " + title_of(found.kind, found.shift.n_div > 0) +
                    ", and a teacher must be a vertical-patch ViT, which gives a feature");
  }
  return vit_options_of(found.images, found.shift);
}

}  // namespace

template <class T>
teacher<T>::teacher(tshift::weights::state_dict const& weights, model_options const& words)
    : name_(one_line(weights.source())), model_(weights, options_for(weights, words)) {}

template <class T>
void teacher<T>::check(trainee<T> const& student) const {
  auto const differ = [this](std::string const& what, index_t own, index_t other) {
    throw ser_error("the teacher " + name_ + " has " + std::to_string(own) + " " + what + ", the student " +
                    std::to_string(other));
  };
  if (student.features() == 0) {
    throw ser_error(std::string("a ") + title_of(student.choice().kind, false) +
                    " gives no feature that could be learned from the teacher " + name_);
  }
  if (model_.features() != student.features()) differ("channels of its feature", features(), student.features());
  if (model_.classes() != student.classes()) differ("classes", model_.classes(), student.classes());
  index_t const rows = model_.channels();
  if (rows >= 0 && rows != student.channels()) differ("rows of an image", rows, student.channels());
}

template <class T>
std::span<T const> teacher<T>::features_of(tshift::tensor_view<T const> const& x) {
  index_t const N = x.shape.batch;
  features_.resize(static_cast<std::size_t>(N * features()));
  y_.resize(static_cast<std::size_t>(N * model_.classes()));
  workspace_.resize(static_cast<std::size_t>(model_.workspace_size(x.shape)));
  tshift::tensor_view<T> const feature(features_.data(), {N, 1, features()}), y(y_.data(), {N, 1, model_.classes()});
  model_.forward_both(exec_, x, feature, y, std::span<T>(workspace_));
  return features_;
}

template class teacher<float>;
template class teacher<double>;

std::string checkpoint_of(std::string const& path, std::string const& fold) {
  namespace fs = std::filesystem;
  if (!fs::is_directory(path)) return path;
  fs::path const file = fs::path(path) / fold_folder(fold) / "best.safetensors";
  if (!fold.empty() && fs::exists(file)) return file.string();
  throw ser_error(one_line(path) + (fold.empty() ? " is a folder, must be a file of weights here"
                                                 : " holds no best.safetensors of fold " + one_line(fold)));
}

void transfer_words::add_to(CLI::App& app) {
  app.add_option("--teacher", path_,
                 "A vertical-patch ViT whose feature is learned: a file, or the folder\n"
                 "of a training of the same folds, of which each has its own teacher")
      ->type_name("W");
  app.add_option("--teacher-options", said_,
                 "What no tensor of it says, nor its file, as options:\n--teacher-options=\"--heads 4\"")
      ->type_name("TEXT");
  app.add_option_function<std::string>(
         "--stage",
         [this](std::string const& text) {
           if (text != "classes" && text != "features" && text != "both") {
             throw CLI::ValidationError("--stage: '" + text + "' is none of classes|features|both");
           }
           stage_ = text;
         },
         "What is learned: the labels; the teacher's feature; or both (both with\n--teacher, else classes)")
      ->type_name("classes|features|both");
  app.add_option_function<std::string>(
         "--alpha",
         [this](std::string const& text) {
           double value = 0;
           char const* const end = text.data() + text.size();
           auto const [stop, error] = std::from_chars(text.data(), end, value);
           if (text.empty() || error != std::errc() || stop != end || !(value > 0) || !std::isfinite(value)) {
             throw CLI::ValidationError("--alpha: '" + text + "' is no number > 0");
           }
           alpha_ = value;
         },
         "Factor of the features' distance, beside the labels' loss (1; the\npaper's is not published)")
      ->type_name("A");
}

void transfer_words::check() const {
  if (given() && stage_ == "classes") throw usage_error("--stage classes learns nothing of --teacher");
  if (given() && stage_ == "features" && alpha_) throw usage_error("--alpha changes nothing in --stage features");
  if (given()) return;
  if (!stage_.empty() && stage_ != "classes") throw usage_error("--stage " + stage_ + " needs --teacher");
  if (alpha_) throw usage_error("--alpha needs --teacher");
  if (!said_.empty()) throw usage_error("--teacher-options needs --teacher");
}

transfer_plan transfer_words::plan() const {
  if (!given()) return {};
  if (features_alone()) return {nullptr, 0, 1};
  return {nullptr, 1, alpha_.value_or(1)};
}

template <class T>
std::unique_ptr<teacher<T>> transfer_words::open(std::string const& fold) const {
  model_options words;
  CLI::App app;
  add_model_options(app, words);
  add_image_words(app, words.images);
  try {
    app.parse(said_);
  } catch (CLI::ParseError const& error) {
    throw usage_error("--teacher-options: " + one_line(error.what()));
  }
  auto const file = tshift::io::safetensors::open(checkpoint_of(path_, fold));
  take_model(words, file.metadata());
  return std::make_unique<teacher<T>>(file.state_dict(), words);
}

template std::unique_ptr<teacher<float>> transfer_words::open(std::string const&) const;
template std::unique_ptr<teacher<double>> transfer_words::open(std::string const&) const;

std::uint64_t transfer_words::digest(std::string const& fold, std::uint64_t before) const {
  auto const file = tshift::io::safetensors::open(checkpoint_of(path_, fold));
  std::uint64_t value = before;
  auto const add = [&value](std::string const& text) { value = digest_of(std::as_bytes(std::span(text)), value); };
  add(said_);
  for (auto const& [name, text] : file.metadata()) add(name + "\n" + text + "\n");
  for (auto const& each : file.tensors()) {
    add(each.name + shown(each.shape));
    value = digest_of(each.bytes, value);
  }
  return value;
}

}  // namespace ser
