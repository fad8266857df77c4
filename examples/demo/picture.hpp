// SPDX-License-Identifier: MIT
// A picture to paint on: rectangles, small text, a colour map, and a PNG file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace demo {

struct colour {
  std::uint8_t red, green, blue;
};

/// Colour of a value from 0 (dark blue) to 1 (light yellow); values outside are clipped. Lightness grows in equal
/// perceived steps, so the map reads the same in grey.
colour heat(double value) noexcept;

/// Positions are pixels from the top left; what lies outside is cut off.
class picture {
 public:
  static constexpr int glyph_width = 6;   ///< pixels from one letter to the next, at scale 1
  static constexpr int glyph_height = 7;  ///< pixels, at scale 1

  picture(int width, int height, colour background);

  int width() const noexcept { return width_; }
  int height() const noexcept { return height_; }

  void rectangle(int x, int y, int width, int height, colour paint);

  /// Letters without a glyph are drawn as capitals, unknown characters as spaces. < and > are arrows.
  void text(int x, int y, std::string_view words, colour paint, int scale = 2);

  /// @throws demo_error  naming the file and why it cannot be written
  void write_png(std::string const& path) const;

 private:
  int width_;
  int height_;
  std::vector<colour> pixels_;
};

}  // namespace demo
