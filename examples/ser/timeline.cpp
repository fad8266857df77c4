// SPDX-License-Identifier: MIT
#include "timeline.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <nlohmann/json.hpp>

#include "svg.hpp"

namespace ser {
namespace {

/// A field of CSV (RFC 4180).
std::string field(std::string const& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (char const c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

constexpr double left = 56, right = 776, top = 44, middle = 284, low = 312, bottom = 392;

}  // namespace

std::string timeline::csv() const {
  std::string text = probabilities ? "start,end,emotion" : "start,end";
  for (std::string const& label : labels) text.append(",").append(field(label));
  text += "\n";
  for (entry const& each : entries) {
    append(text, "%.3f,%.3f", each.start, each.end);
    if (probabilities) text.append(",").append(field(each.verdict));
    for (double const value : each.values) append(text, ",%.6g", value);
    text += "\n";
  }
  return text;
}

std::string timeline::json() const {
  nlohmann::ordered_json all;
  all["sound"] = sound;
  all["labels"] = labels;
  all["windows"] = nlohmann::ordered_json::array();
  for (entry const& each : entries) {
    nlohmann::ordered_json one{{"start", each.start}, {"end", each.end}};
    if (probabilities) one["emotion"] = each.verdict;
    one[probabilities ? "probabilities" : "values"] = each.values;
    all["windows"].push_back(std::move(one));
  }
  return all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

void envelope::add(float sample) {
  if (count_++ % step_ == 0) parts_.emplace_back(sample, sample);
  parts_.back().first = std::min(parts_.back().first, sample);
  parts_.back().second = std::max(parts_.back().second, sample);
}

std::string picture(timeline const& of, envelope const& wave, int rate) {
  double const seconds = std::max(wave.seconds(rate), 1e-3);
  auto const x_of = [seconds](double at) { return left + (right - left) * at / seconds; };
  double least = 0, most = 1;  // of probabilities; what a regression gives may lie outside
  for (timeline::entry const& each : of.entries) {
    for (double const value : each.values) {
      if (!std::isfinite(value)) continue;
      least = std::min(least, value);
      most = std::max(most, value);
    }
  }
  auto const y_of = [least, most](double value) { return middle - (middle - top) * (value - least) / (most - least); };

  std::string text =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 920 428\" font-family=\"sans-serif\" font-size=\"12\">\n"
      "<rect width=\"920\" height=\"428\" fill=\"white\"/>\n";
  append(text, "<text x=\"%g\" y=\"24\" font-size=\"15\">", left);
  text += escaped(of.sound) + "</text>\n";
  for (int i = 0; i <= 4; ++i) {
    double const value = least + (most - least) * i / 4, y = y_of(value);
    append(text, "<path d=\"M%g %.1fH%g\" stroke=\"#ddd\"/>", left, y, right);
    append(text, "<text x=\"%g\" y=\"%.1f\" text-anchor=\"end\" fill=\"#555\">%.2g</text>\n", left - 8, y + 4, value);
  }
  // About eight marks, at round distances.
  double step = std::pow(10, std::floor(std::log10(seconds / 8)));
  while (seconds / step > 10) step *= seconds / step > 40 ? 5 : 2;
  for (double at = 0; at <= seconds * 1.0001; at += step) {
    append(text, "<path d=\"M%.1f %gV%g\" stroke=\"#eee\"/>", x_of(at), top, bottom);
    append(text, "<text x=\"%.1f\" y=\"%g\" text-anchor=\"middle\" fill=\"#555\">%g s</text>\n", x_of(at), bottom + 20,
           at);
  }

  double loudest = 1e-9;
  for (auto const& [from, to] : wave.parts())
    loudest = std::max({loudest, -static_cast<double>(from), static_cast<double>(to)});
  auto const count = wave.parts().size(),
             columns = std::min<std::size_t>(count, static_cast<std::size_t>(right - left));
  text += "<path fill=\"none\" stroke=\"#888\" d=\"";
  for (std::size_t i = 0; i < columns; ++i) {
    float from = 0, to = 0;
    for (std::size_t k = i * count / columns; k < (i + 1) * count / columns; ++k) {
      from = std::min(from, wave.parts()[k].first);
      to = std::max(to, wave.parts()[k].second);
    }
    double const x = left + (right - left) * (static_cast<double>(i) + 0.5) / static_cast<double>(columns);
    double const centre = (low + bottom) / 2, half = (bottom - low) / 2 / loudest;
    append(text, "M%.1f %.1fV%.1f", x, centre - half * static_cast<double>(to),
           centre - half * static_cast<double>(from) + 0.5);
  }
  text += "\"/>\n";

  for (std::size_t k = 0; k < of.labels.size(); ++k) {
    char const* const colour = colours[k % std::size(colours)];
    char const* const dash = k < std::size(colours) ? "" : " stroke-dasharray=\"6 3\"";
    std::string line;
    bool down = false;
    for (timeline::entry const& each : of.entries) {
      double const value = each.values[k];
      if (!std::isfinite(value)) {
        down = false;
        continue;
      }
      append(line, "%c%.1f %.1f", down ? 'L' : 'M', x_of((each.start + each.end) / 2), y_of(value));
      if (of.entries.size() == 1) append(line, "h1");
      down = true;
    }
    append(text, "<path fill=\"none\" stroke-width=\"2\" stroke-linejoin=\"round\" stroke=\"%s\"%s d=\"", colour, dash);
    text += line + "\"/>\n";
    double const y = top + 8 + 20 * static_cast<double>(k);
    append(text, "<path d=\"M%g %gh18\" stroke-width=\"3\" stroke=\"%s\"%s/>", right + 14, y, colour, dash);
    append(text, "<text x=\"%g\" y=\"%g\">", right + 38, y + 4);
    text += escaped(of.labels[k]) + "</text>\n";
  }
  return text + "</svg>\n";
}

}  // namespace ser
