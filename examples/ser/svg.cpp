// SPDX-License-Identifier: MIT
#include "svg.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <iterator>

#include "error.hpp"

namespace ser {

void append(std::string& to, char const* format, ...) {
  char text[256];
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  to += text;
}

std::string escaped(std::string_view text) {
  std::string result;
  for (char const c : utf8(text)) {
    if (c == '<') {
      result += "&lt;";
    } else if (c == '>') {
      result += "&gt;";
    } else if (c == '&') {
      result += "&amp;";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      result += '?';
    } else {
      result += c;
    }
  }
  return result;
}

svg::svg(double width, double height) {
  append(text_, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" font-family=\"sans-serif\">\n", width,
         height);
  append(text_, "<rect width=\"%g\" height=\"%g\" fill=\"white\"/>\n", width, height);
}

void svg::box(double x, double y, double width, double height, rgb colour) {
  append(text_, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"rgb(%d,%d,%d)\"/>\n", x, y, width,
         height, colour.red, colour.green, colour.blue);
}

void svg::line(std::vector<std::pair<double, double>> const& points, std::string const& colour, double width) {
  append(text_, "<path fill=\"none\" stroke-linejoin=\"round\" stroke-width=\"%g\" stroke=\"", width);
  text_ += colour + "\" d=\"";
  bool down = false;
  for (auto const& [x, y] : points) {
    if (!std::isfinite(y)) {  // a gap
      down = false;
      continue;
    }
    append(text_, "%c%.1f %.1f", down ? 'L' : 'M', x, y);
    down = true;
  }
  text_ += "\"/>\n";
}

void svg::text(double x, double y, std::string const& what, double size, std::string const& anchor, bool bold,
               std::string const& colour) {
  append(text_, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%g\" text-anchor=\"", x, y, size);
  text_ += anchor + "\" fill=\"" + colour + (bold ? "\" font-weight=\"bold\">" : "\">") + escaped(what) + "</text>\n";
}

namespace {

/// A round distance of which about so many fit into the range.
double round_step(double range, double count) {
  double const raw = std::max(range, 1e-12) / count, power = std::pow(10, std::floor(std::log10(raw)));
  for (double const factor : {1.0, 2.0, 5.0}) {
    if (raw <= factor * power) return factor * power;
  }
  return 10 * power;
}

void draw(svg& picture, chart const& of, double top) {
  double const left = 70, right = 640, bottom = top + 220;
  double low = INFINITY, high = -INFINITY, first = INFINITY, last = -INFINITY;
  for (curve const& each : of.curves) {
    for (auto const& [x, y] : each.points) {
      first = std::min(first, x);
      last = std::max(last, x);
      if (!std::isfinite(y)) continue;
      low = std::min(low, y);
      high = std::max(high, y);
    }
  }
  picture.text(left, top - 12, of.title, 14, "start", true);
  if (!(low <= high)) return picture.text(left, top + 30, "nothing to draw", 12, "start");
  if (low == high) {
    high = low > 0 ? 2 * low : low + 1;
    low = std::min(low, 0.0);
  }
  if (low >= 0 && low < 0.5 * high) low = 0;
  if (first == last) last = first + 1;
  auto const x_of = [&](double x) { return left + (right - left) * (x - first) / (last - first); };
  auto const y_of = [&](double y) { return bottom - (bottom - top) * (y - low) / (high - low); };
  double const up = round_step(high - low, 5), along = round_step(last - first, 8);
  for (double y = std::ceil(low / up) * up; y <= high + up * 1e-6; y += up) {
    picture.line({{left, y_of(y)}, {right, y_of(y)}}, "#ddd", 1);
    std::string label;
    append(label, "%g", std::fabs(y) < up * 1e-6 ? 0 : y);
    picture.text(left - 8, y_of(y) + 4, label, 11, "end", false, "#555");
  }
  for (double x = std::ceil(first / along) * along; x <= last + along * 1e-6; x += along) {
    std::string label;
    append(label, "%g", std::fabs(x) < along * 1e-6 ? 0 : x);
    picture.text(x_of(x), bottom + 18, label, 11, "middle", false, "#555");
  }
  picture.text((left + right) / 2, bottom + 36, of.below, 12, "middle", false, "#555");
  for (std::size_t k = 0; k < of.curves.size(); ++k) {
    std::vector<std::pair<double, double>> points;
    for (auto const& [x, y] : of.curves[k].points) points.emplace_back(x_of(x), y_of(y));
    char const* const colour = colours[k % std::size(colours)];
    picture.line(points, colour, 1.8);
    double const y = top + 10 + 20 * static_cast<double>(k);
    picture.line({{right + 14, y}, {right + 34, y}}, colour, 3);
    picture.text(right + 40, y + 4, of.curves[k].name, 12, "start");
  }
}

}  // namespace

std::string charts_svg(std::vector<chart> const& charts) {
  svg picture(820, 20 + 300 * static_cast<double>(charts.size()));
  double top = 40;
  for (chart const& each : charts) {
    draw(picture, each, top);
    top += 300;
  }
  return picture.finish();
}

}  // namespace ser
