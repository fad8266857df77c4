// SPDX-License-Identifier: MIT
#include "feature_form.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <string_view>
#include <system_error>
#include <utility>

#include "error.hpp"

namespace ser {
namespace {

using tshift::image_resize;
using tshift::image_scale;

/// A whole number of at least `least`; -1: it is none.
index_t count_of(std::string_view text, index_t least) {
  index_t value = 0;
  auto const [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  bool const whole = !text.empty() && error == std::errc() && stop == text.data() + text.size();
  return whole && value >= least && value <= (index_t{1} << 26) ? value : -1;
}

template <class Value>
CLI::Option* add_choice(CLI::App& app, std::string const& name, Value& to,
                        std::vector<std::pair<std::string, Value>> const& words, std::string const& help) {
  std::string list;
  for (auto const& [word, value] : words) list += (list.empty() ? "" : "|") + word;
  auto const read = [&to, name, words, list](std::string const& text) {
    for (auto const& [word, value] : words) {
      if (word != text) continue;
      to = value;
      return;
    }
    throw CLI::ValidationError(name + ": '" + text + "' is none of " + list);
  };
  return app.add_option_function<std::string>(name, read, help)->type_name(list);
}

CLI::Option* add_level(CLI::App& app, std::string const& name, double& to, std::string const& help) {
  auto const read = [&to, name](std::string const& text) {
    auto const [stop, error] = std::from_chars(text.data(), text.data() + text.size(), to);
    if (text.empty() || error != std::errc() || stop != text.data() + text.size()) {
      throw CLI::ValidationError(name + ": '" + text + "' is no number");
    }
  };
  return app.add_option_function<std::string>(name, read, help)->type_name("X");
}

}  // namespace

feature_form::feature_form(CLI::App& app) {
  std::size_t const others = app.get_options().size();
  add_choice<std::string>(app, "--deltas", deltas_, {{"none", "none"}, {"htk", "htk"}, {"librosa", "librosa"}},
                          "Behind the bands, their first and second derivative");
  app.add_option_function<std::string>(
         "--image", [this](std::string const& text) { take_size(text); },
         "An image of H rows, low bands at the bottom, and W columns;\nW 0: a column a frame")
      ->type_name("HxW");
  std::size_t const before = app.get_options().size();
  add_choice<image_scale>(
      app, "--image-scale", options_.scale,
      {{"min-max", image_scale::min_max}, {"range", image_scale::range}, {"none", image_scale::none}},
      "Values to 0 ... 1: a sound's least and largest, or those of\n--image-low and --image-high; or as they are (min-max)");
  add_level(app, "--image-low", options_.low, "What becomes 0 of a range (-80)");
  add_level(app, "--image-high", options_.high, "What becomes 1 of a range (0)");
  add_choice<image_resize>(app, "--image-resize", options_.resize,
                           {{"linear", image_resize::linear},
                            {"antialiased", image_resize::antialiased},
                            {"area", image_resize::area},
                            {"adaptive", image_resize::adaptive},
                            {"none", image_resize::none}},
                           "How frames become columns, and bands rows; none: a column a frame,\n"
                           "the rest is cut off, or black at the right (linear)");
  app.add_option_function<std::string>(
         "--image-frames",
         [this](std::string const& text) {
           options_.frames = count_of(text, 1);
           if (options_.frames < 0)
             throw CLI::ValidationError("--image-frames: '" + text + "' is no whole number from 1");
         },
         "Of each sound, cut or black at the right before it is resized\n(as many as it has)")
      ->type_name("N");
  auto const all = app.get_options();
  own_.assign(all.begin() + static_cast<std::ptrdiff_t>(others), all.end());
  of_images_.assign(all.begin() + static_cast<std::ptrdiff_t>(before), all.end());
}

void feature_form::take_size(std::string const& text) {
  std::size_t const sign = text.find('x');
  std::string_view const both = text;
  rows_ = count_of(both.substr(0, sign), 1);
  columns_ = sign == std::string::npos ? -1 : count_of(both.substr(sign + 1), 0);
  if (rows_ < 0 || columns_ < 0) {
    throw CLI::ValidationError("--image: '" + text + "' is no HxW, two whole numbers such as 128x128");
  }
  image_ = true;
}

std::string feature_form::words() const {
  std::string text;
  for (CLI::Option const* const each : own_) {
    for (std::string const& value : each->results()) text += " " + each->get_name() + "=" + value;
  }
  return text.empty() ? "" : text.substr(1);
}

bool feature_form::is_default() const {
  return std::ranges::all_of(own_, [](CLI::Option const* each) { return each->count() == 0; });
}

void feature_form::check() const {
  auto const given = [this](std::string const& name) {
    return std::ranges::any_of(
        own_, [&name](CLI::Option const* each) { return each->get_name() == name && each->count() > 0; });
  };
  for (CLI::Option const* const each : of_images_) {
    if (!image_ && each->count() > 0) throw usage_error(each->get_name() + " changes nothing without --image");
  }
  if (!image_) return;
  if (deltas_ != "none") throw usage_error("--image and --deltas exclude each other");
  if (options_.scale != image_scale::range && (given("--image-low") || given("--image-high"))) {
    throw usage_error("--image-low and --image-high are of --image-scale range");
  }
  bool const fixed = columns_ == 0 || options_.resize == image_resize::none;
  if (columns_ == 0 && given("--image-resize") && options_.resize != image_resize::none) {
    throw usage_error("--image-resize changes nothing where a column is a frame: W is 0");
  }
  if (fixed && given("--image-frames")) {
    throw usage_error("--image-frames changes nothing where a column is a frame: there is nothing to resize");
  }
}

template <class T>
formed<T> feature_form::with_deltas(formed<T> x) const {
  if (deltas_ == "none") return x;
  formed<T> stacked{
      {x.shape.batch, x.shape.time, 3 * x.shape.channels}, std::vector<T>(3 * x.values.size()), x.lengths};
  tshift::audio::stack_deltas<T>(x.view(), stacked.view(), deltas());
  return stacked;
}

template <class T>
formed<T> feature_form::as_image(formed<T> x) const {
  if (!image_) return x;
  tshift::spectrogram_image_options how = options_;
  if (columns_ == 0) how.resize = image_resize::none;
  index_t const columns = columns_ > 0 ? columns_ : x.shape.time;
  if (how.resize == image_resize::none && rows_ != x.shape.channels) {
    throw ser_error("an image of " + std::to_string(rows_) + " rows, the features have " +
                    std::to_string(x.shape.channels) +
                    " bands: --bands makes as many, --image-resize the one of the other");
  }
  formed<T> made{{x.shape.batch, columns, rows_}, {}, {}};
  made.values.resize(static_cast<std::size_t>(made.shape.size()));
  for (index_t n = 0; n < x.shape.batch; ++n) {
    bool const own = how.resize == image_resize::none;
    made.lengths.push_back(own ? std::min(columns, x.view().length(n)) : columns);
  }
  tshift::audio::spectrogram_image<T>(x.view(), made.view(), how);
  return made;
}

template formed<float> feature_form::with_deltas(formed<float>) const;
template formed<double> feature_form::with_deltas(formed<double>) const;
template formed<float> feature_form::as_image(formed<float>) const;
template formed<double> feature_form::as_image(formed<double>) const;

}  // namespace ser
