// SPDX-License-Identifier: MIT
// Pictures as SVG: boxes, lines, text.
#pragma once

#include <cstdarg>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ser {

/// printf to the end of a text.
[[gnu::format(printf, 2, 3)]] void append(std::string& to, char const* format, ...);

/// Somebody else's text in XML; what no XML holds becomes a question mark.
std::string escaped(std::string_view text);

/// Colours that also those tell apart who see no red or green (Okabe, Ito 2008).
inline constexpr char const* colours[] = {"#0072b2", "#e69f00", "#009e73", "#d55e00",
                                          "#cc79a7", "#56b4e9", "#f0e442", "#000000"};

struct rgb {
  int red, green, blue;
};

class svg {
 public:
  svg(double width, double height);

  void box(double x, double y, double width, double height, rgb colour);
  void line(std::vector<std::pair<double, double>> const& points, std::string const& colour, double width);
  /// @param anchor  start, middle or end
  void text(double x, double y, std::string const& what, double size, std::string const& anchor, bool bold = false,
            std::string const& colour = "black");
  std::string finish() { return text_ + "</svg>\n"; }

 private:
  std::string text_;
};

/// A line of a chart.
struct curve {
  std::string name;
  std::vector<std::pair<double, double>> points;
};

/// Curves over the same axis.
struct chart {
  std::string title, below;  // and what the horizontal axis is
  std::vector<curve> curves;
};

/// Charts one below the other.
std::string charts_svg(std::vector<chart> const& charts);

}  // namespace ser
