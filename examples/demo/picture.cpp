// SPDX-License-Identifier: MIT
#include "picture.hpp"

#include <png.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <numbers>

#include "demo_error.hpp"

namespace demo {
namespace {

static_assert(sizeof(colour) == 3, "rows of pixels go to libpng as they are");

/// One letter: seven rows of five bits, the leftmost column in the highest bit.
struct glyph {
  char letter;
  std::uint8_t rows[picture::glyph_height];
};

constexpr glyph glyphs[] = {
    {'A', {0x0e, 0x11, 0x11, 0x1f, 0x11, 0x11, 0x11}}, {'B', {0x1e, 0x11, 0x11, 0x1e, 0x11, 0x11, 0x1e}},
    {'C', {0x0e, 0x11, 0x10, 0x10, 0x10, 0x11, 0x0e}}, {'D', {0x1e, 0x11, 0x11, 0x11, 0x11, 0x11, 0x1e}},
    {'E', {0x1f, 0x10, 0x10, 0x1e, 0x10, 0x10, 0x1f}}, {'F', {0x1f, 0x10, 0x10, 0x1e, 0x10, 0x10, 0x10}},
    {'G', {0x0e, 0x11, 0x10, 0x17, 0x11, 0x11, 0x0e}}, {'H', {0x11, 0x11, 0x11, 0x1f, 0x11, 0x11, 0x11}},
    {'I', {0x0e, 0x04, 0x04, 0x04, 0x04, 0x04, 0x0e}}, {'J', {0x07, 0x02, 0x02, 0x02, 0x02, 0x12, 0x0c}},
    {'K', {0x11, 0x12, 0x14, 0x18, 0x14, 0x12, 0x11}}, {'L', {0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x1f}},
    {'M', {0x11, 0x1b, 0x15, 0x15, 0x11, 0x11, 0x11}}, {'N', {0x11, 0x11, 0x19, 0x15, 0x13, 0x11, 0x11}},
    {'O', {0x0e, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0e}}, {'P', {0x1e, 0x11, 0x11, 0x1e, 0x10, 0x10, 0x10}},
    {'Q', {0x0e, 0x11, 0x11, 0x11, 0x15, 0x12, 0x0d}}, {'R', {0x1e, 0x11, 0x11, 0x1e, 0x14, 0x12, 0x11}},
    {'S', {0x0f, 0x10, 0x10, 0x0e, 0x01, 0x01, 0x1e}}, {'T', {0x1f, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04}},
    {'U', {0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0e}}, {'V', {0x11, 0x11, 0x11, 0x11, 0x11, 0x0a, 0x04}},
    {'W', {0x11, 0x11, 0x11, 0x15, 0x15, 0x15, 0x0a}}, {'X', {0x11, 0x11, 0x0a, 0x04, 0x0a, 0x11, 0x11}},
    {'Y', {0x11, 0x11, 0x0a, 0x04, 0x04, 0x04, 0x04}}, {'Z', {0x1f, 0x01, 0x02, 0x04, 0x08, 0x10, 0x1f}},
    {'0', {0x0e, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0e}}, {'1', {0x04, 0x0c, 0x04, 0x04, 0x04, 0x04, 0x0e}},
    {'2', {0x0e, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1f}}, {'3', {0x1f, 0x02, 0x04, 0x02, 0x01, 0x11, 0x0e}},
    {'4', {0x02, 0x06, 0x0a, 0x12, 0x1f, 0x02, 0x02}}, {'5', {0x1f, 0x10, 0x1e, 0x01, 0x01, 0x11, 0x0e}},
    {'6', {0x06, 0x08, 0x10, 0x1e, 0x11, 0x11, 0x0e}}, {'7', {0x1f, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08}},
    {'8', {0x0e, 0x11, 0x11, 0x0e, 0x11, 0x11, 0x0e}}, {'9', {0x0e, 0x11, 0x11, 0x0f, 0x01, 0x02, 0x0c}},
    {'_', {0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x1f}}, {'.', {0x00, 0x00, 0x00, 0x00, 0x00, 0x0c, 0x0c}},
    {',', {0x00, 0x00, 0x00, 0x00, 0x0c, 0x04, 0x08}}, {':', {0x00, 0x0c, 0x0c, 0x00, 0x0c, 0x0c, 0x00}},
    {'-', {0x00, 0x00, 0x00, 0x1f, 0x00, 0x00, 0x00}}, {'>', {0x00, 0x04, 0x02, 0x1f, 0x02, 0x04, 0x00}},
    {'<', {0x00, 0x04, 0x08, 0x1f, 0x08, 0x04, 0x00}}, {'(', {0x02, 0x04, 0x08, 0x08, 0x08, 0x04, 0x02}},
    {')', {0x08, 0x04, 0x02, 0x02, 0x02, 0x04, 0x08}}};

std::uint8_t to_srgb(double linear) noexcept {
  double const v = std::clamp(linear, 0.0, 1.0);
  double const encoded = v <= 0.0031308 ? 12.92 * v : 1.055 * std::pow(v, 1.0 / 2.4) - 0.055;
  return static_cast<std::uint8_t>(std::lround(255.0 * encoded));
}

}  // namespace

// A path through the Oklab space (Ottosson, 2020): lightness rises linearly, hue turns from blue over purple and red to
// yellow, and the colours are strongest in the middle, where the screen has room for that.
colour heat(double value) noexcept {
  double const v = std::clamp(value, 0.0, 1.0);
  double const lightness = 0.14 + 0.82 * v;
  double const chroma = 0.05 + 0.14 * std::sin(std::numbers::pi * std::pow(v, 0.85));
  double const hue = (275.0 + 190.0 * v) * std::numbers::pi / 180.0;
  double const a = chroma * std::cos(hue), b = chroma * std::sin(hue);

  double const l = std::pow(lightness + 0.3963377774 * a + 0.2158037573 * b, 3.0);
  double const m = std::pow(lightness - 0.1055613458 * a - 0.0638541728 * b, 3.0);
  double const s = std::pow(lightness - 0.0894841775 * a - 1.2914855480 * b, 3.0);
  return {to_srgb(+4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
          to_srgb(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
          to_srgb(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s)};
}

picture::picture(int width, int height, colour background)
    : width_(width), height_(height),
      pixels_(static_cast<std::size_t>(width) * static_cast<std::size_t>(height), background) {}

void picture::rectangle(int x, int y, int width, int height, colour paint) {
  int const right = std::min(x + width, width_), bottom = std::min(y + height, height_);
  for (int row = std::max(y, 0); row < bottom; ++row) {
    for (int column = std::max(x, 0); column < right; ++column) {
      pixels_[static_cast<std::size_t>(row) * static_cast<std::size_t>(width_) + static_cast<std::size_t>(column)] =
          paint;
    }
  }
}

void picture::text(int x, int y, std::string_view words, colour paint, int scale) {
  for (char const letter : words) {
    auto const capital = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
    auto const* const found = std::ranges::find(glyphs, capital, &glyph::letter);
    if (found != std::ranges::end(glyphs)) {
      for (int row = 0; row < glyph_height; ++row) {
        for (int column = 0; column < 5; ++column) {
          if ((found->rows[row] >> (4 - column) & 1) != 0) {
            rectangle(x + column * scale, y + row * scale, scale, scale, paint);
          }
        }
      }
    }
    x += glyph_width * scale;
  }
}

void picture::write_png(std::string const& path) const {
  auto const refuse = [&](std::string const& why) {
    throw demo_error("cannot write the picture '" + path + "': " + why + ".");
  };
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width_);
  image.height = static_cast<png_uint_32>(height_);
  image.format = PNG_FORMAT_RGB;

  // Not png_image_write_to_file: where that fails it removes what it was given, be it a device.
  std::FILE* const file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) refuse(std::strerror(errno));
  bool const written = png_image_write_to_stdio(&image, file, 0, pixels_.data(), 0, nullptr) != 0;
  bool const closed = std::fclose(file) == 0;
  if (!written) refuse(image.message);
  if (!closed) refuse(std::strerror(errno));
}

}  // namespace demo
