// SPDX-License-Identifier: MIT
#include "recipe.hpp"

#include <charconv>
#include <cmath>
#include <system_error>
#include <utility>

namespace ser {
namespace {

std::vector<std::pair<std::string, schedule_kind>> const schedules = {{"constant", schedule_kind::constant},
                                                                      {"cosine", schedule_kind::cosine},
                                                                      {"plateau", schedule_kind::plateau},
                                                                      {"as-released", schedule_kind::as_released}};

/// A finite number >= least.
double number(std::string const& name, std::string const& text, double least) {
  double value = 0;
  char const* const end = text.data() + text.size();
  auto const [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || stop != end || !(value >= least) || !std::isfinite(value)) {
    throw CLI::ValidationError(name + ": '" + text + "' is no number >= " + (least > 0 ? "1e-30" : "0"));
  }
  return value;
}

void add_number(CLI::App& app, std::string const& name, double& to, double least, std::string const& help) {
  app.add_option_function<std::string>(
         name, [&to, name, least](std::string const& text) { to = number(name, text, least); }, help)
      ->type_name("X");
}

}  // namespace

char const* name_of(schedule_kind kind) {
  for (auto const& [word, meant] : schedules) {
    if (meant == kind) return word.c_str();
  }
  return "?";
}

rates::rates(recipe const& how, index_t steps) : how_(how), steps_(steps), plateau_(how.rate) {
  if (!how_.warm_up) how_.warm_up = steps / 20;
}

double rates::of(index_t s) const {
  namespace schedule = tshift::train::schedules;
  switch (how_.schedule) {
    case schedule_kind::constant: break;
    case schedule_kind::cosine: return schedule::cosine{how_.rate, how_.rate / 100, steps_, *how_.warm_up}.rate(s);
    case schedule_kind::plateau: return plateau_.rate();
    case schedule_kind::as_released:
      return schedule::as_released{steps_, *how_.warm_up, how_.rate, how_.rate / 1000, how_.rate / 100}.rate(s);
  }
  return how_.rate;
}

void rates::epoch_ended(double metric) { plateau_.step(metric); }

void add_recipe_options(CLI::App& app, recipe& to) {
  add_number(app, "--lr", to.rate, 0, "Learning rate at its peak (5e-4)");
  add_number(app, "--weight-decay", to.weight_decay, 0, "AdamW's, not of tensors of one dimension (0.05)");
  app.add_option_function<std::string>(
         "--clip",
         [&to](std::string const& text) {
           to.clip = text == "none" ? std::numeric_limits<double>::infinity() : number("--clip", text, 1e-30);
         },
         "The largest norm of all gradients (5)")
      ->type_name("X|none");
  std::string words;
  for (auto const& [word, kind] : schedules) words += (words.empty() ? "" : "|") + word;
  app.add_option_function<std::string>(
         "--schedule",
         [&to, words](std::string const& text) {
           for (auto const& [word, kind] : schedules) {
             if (word == text) {
               to.schedule = kind;
               return;
             }
           }
           throw CLI::ValidationError("--schedule: '" + text + "' is none of " + words);
         },
         "Of the learning rate (cosine, down to a hundredth)")
      ->type_name(words);
  app.add_option_function<std::string>(
         "--warm-up",
         [&to](std::string const& text) {
           double const steps = number("--warm-up", text, 0);
           if (steps != std::floor(steps) || steps > 1e9) {
             throw CLI::ValidationError("--warm-up: '" + text + "' is no number of steps");
           }
           to.warm_up = static_cast<index_t>(steps);
         },
         "Steps in which the rate rises (a twentieth of all)")
      ->type_name("N");
  add_number(app, "--smoothing", to.smoothing, 0, "Of labels, at most 1 (0)");
  app.add_option("--class-weights", to.class_weights, "One for each class")->type_name("W,W,...")->delimiter(',');
}

}  // namespace ser
