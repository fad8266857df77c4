// SPDX-License-Identifier: MIT
#include "png.hpp"

#include <png.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "../demo/picture.hpp"
#include "error.hpp"

namespace ser {

template <class T>
std::string png_of(tshift::tensor_view<T const> const& image, bool colours) {
  tshift::index_t const width = image.shape.time, height = image.shape.channels;
  auto const refuse = [width, height](std::string const& why) {
    throw ser_error("a picture of " + std::to_string(width) + " x " + std::to_string(height) + " pixels: " + why);
  };
  constexpr tshift::index_t most = std::numeric_limits<std::int32_t>::max() / 4;
  if (width < 1 || height < 1 || width > most || height > most) refuse("a PNG holds no such");
  std::vector<std::uint8_t> pixels;
  pixels.reserve(static_cast<std::size_t>(width * height) * (colours ? 3 : 1));
  for (tshift::index_t row = 0; row < height; ++row) {
    for (tshift::index_t column = 0; column < width; ++column) {
      auto const value = static_cast<double>(image(0, column, row));
      double const shown = value > 0 ? (value < 1 ? value : 1) : 0;  // NaN is 0
      if (!colours) {
        pixels.push_back(static_cast<std::uint8_t>(std::lround(255 * shown)));
        continue;
      }
      demo::colour const paint = demo::heat(shown);
      pixels.insert(pixels.end(), {paint.red, paint.green, paint.blue});
    }
  }
  png_image made = {};
  made.version = PNG_IMAGE_VERSION;
  made.width = static_cast<png_uint_32>(width);
  made.height = static_cast<png_uint_32>(height);
  made.format = colours ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  png_alloc_size_t size = 0;
  if (png_image_write_to_memory(&made, nullptr, &size, 0, pixels.data(), 0, nullptr) == 0) refuse(made.message);
  std::string bytes(size, '\0');
  if (png_image_write_to_memory(&made, bytes.data(), &size, 0, pixels.data(), 0, nullptr) == 0) refuse(made.message);
  bytes.resize(size);
  return bytes;
}

template std::string png_of(tshift::tensor_view<float const> const&, bool);
template std::string png_of(tshift::tensor_view<double const> const&, bool);

}  // namespace ser
