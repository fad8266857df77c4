// SPDX-License-Identifier: MIT
#include "panels.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <vector>

namespace demo {
namespace {

using tshift::index_t;

constexpr colour paper = {255, 255, 255}, ink = {40, 40, 40}, line = {255, 255, 255};
constexpr colour vacated = {196, 196, 196}, vacated_stripe = {164, 164, 164};

constexpr int channel_height = 4;  // pixels
constexpr int wanted_width = 960;  // pixels of a panel, about
constexpr int widest_frame = 12;   // pixels
constexpr int margin = 14;
constexpr int left_margin = 56;    // channel numbers
constexpr int right_margin = 238;  // what happened to each fold
constexpr int title_height = 30;
constexpr int axis_height = 34;
constexpr int legend_height = 54;

/// Neighbouring channels that move together.
struct band {
  index_t begin, count, offset;
};

std::vector<band> bands_of(tshift::shift_plan const& plan) {
  std::vector<index_t> offsets(static_cast<std::size_t>(plan.channels()), 0);
  for (tshift::fold const& f : plan.folds()) std::fill_n(offsets.begin() + f.begin, f.count, f.offset);
  std::vector<band> bands;
  for (index_t c = 0; c < plan.channels(); ++c) {
    index_t const offset = offsets[static_cast<std::size_t>(c)];
    if (bands.empty() || bands.back().offset != offset) bands.push_back({c, 0, offset});
    ++bands.back().count;
  }
  return bands;
}

std::string formatted(char const* format, double value) {
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

/// Maps features to [0, 1], so that the quietest and loudest few cells do not decide about the contrast.
class contrast {
 public:
  explicit contrast(tshift::tensor_view<float const> x) {
    std::vector<float> values;
    for (index_t t = 0; t < x.shape.time; ++t) {
      for (index_t c = 0; c < x.shape.channels; ++c) values.push_back(x(0, t, c));
    }
    if (values.empty()) return;
    std::ranges::sort(values);
    low_ = static_cast<double>(values[values.size() * 2 / 100]);
    high_ = static_cast<double>(values[(values.size() - 1) * 998 / 1000]);
  }
  double operator()(float value) const noexcept {
    return high_ > low_ ? (static_cast<double>(value) - low_) / (high_ - low_) : 0.0;
  }

 private:
  double low_ = 0.0, high_ = 0.0;
};

/// One panel: where it stands, and how its cells are painted.
struct panel {
  picture& canvas;
  int left, top, frame_width;
  index_t frames, channels;

  int width() const { return static_cast<int>(frames) * frame_width; }
  int height() const { return static_cast<int>(channels) * channel_height; }
  int y_of(index_t c) const { return top + height() - static_cast<int>(c + 1) * channel_height; }  // channel 0 below

  void cell(index_t t, index_t c, colour paint) const {
    canvas.rectangle(left + static_cast<int>(t) * frame_width, y_of(c), frame_width, channel_height, paint);
  }

  /// Grey with slanted stripes, which no cell of a feature map has.
  void vacated_cell(index_t t, index_t c) const {
    cell(t, c, vacated);
    int const x0 = left + static_cast<int>(t) * frame_width, y0 = y_of(c);
    for (int y = y0; y < y0 + channel_height; ++y) {
      for (int x = x0; x < x0 + frame_width; ++x) {
        if ((x + y) % 8 < 2) canvas.rectangle(x, y, 1, 1, vacated_stripe);
      }
    }
  }

  void boundary(index_t c) const { canvas.rectangle(left, y_of(c) + channel_height, width(), 1, line); }

  void channel_axis(std::vector<band> const& bands) const {
    for (band const& b : bands) {
      int const y = y_of(b.begin) + channel_height - 1;
      canvas.rectangle(left - 6, y, 6, 1, ink);
      std::string const number = std::to_string(b.begin);
      canvas.text(left - 10 - static_cast<int>(number.size()) * 2 * picture::glyph_width, y - 12, number, ink);
    }
  }

  void time_axis(double frames_per_second) const {
    double const seconds = static_cast<double>(frames) / frames_per_second;
    double const step = seconds > 3.0 ? 1.0 : seconds > 0.5 ? 0.25 : 0.05;
    for (int i = 0; i * step <= seconds; ++i) {
      int const x = left + static_cast<int>(i * step * frames_per_second * frame_width);
      canvas.rectangle(x, top + height(), 1, 6, ink);
      canvas.text(x - 4, top + height() + 11, formatted("%.4g", i * step) + (i == 0 ? " s" : ""), ink);
    }
  }

  /// Lines beside a band, vertically in its middle.
  void remark(band const& b, std::vector<std::string> const& words) const {
    constexpr int spacing = 20;
    int const middle = y_of(b.begin) + channel_height - static_cast<int>(b.count) * channel_height / 2;
    int y = middle - static_cast<int>(words.size()) * spacing / 2 + 3;
    for (std::string const& row : words) {
      canvas.text(left + width() + 12, y, row, ink);
      y += spacing;
    }
  }
};

std::string channel_range(band const& b) {
  return "channels " + std::to_string(b.begin) + "-" + std::to_string(b.begin + b.count - 1);
}

}  // namespace

picture before_and_after(tshift::tensor_view<float const> x, tshift::shift_plan const& plan, std::string const& what,
                         double frames_per_second) {
  index_t const T = x.shape.time, C = x.shape.channels;
  int const frame_width =
      static_cast<int>(std::clamp<index_t>(wanted_width / std::max<index_t>(T, 1), 1, widest_frame));
  int const panel_width = static_cast<int>(T) * frame_width, panel_height = static_cast<int>(C) * channel_height;
  int const width = std::max(left_margin + panel_width + right_margin + margin, 1000);
  int const second_title = margin + title_height + panel_height + axis_height + margin;
  int const legend = second_title + title_height + panel_height + axis_height + margin;

  picture canvas(width, legend + legend_height, paper);
  panel const before{canvas, left_margin, margin + title_height, frame_width, T, C};
  panel const after{canvas, left_margin, second_title + title_height, frame_width, T, C};
  contrast const shade(x);
  std::vector<band> const bands = bands_of(plan);

  canvas.text(left_margin, margin, "before: log-mel features, time to the right, low frequencies at the bottom", ink);
  for (index_t t = 0; t < T; ++t) {
    for (index_t c = 0; c < C; ++c) before.cell(t, c, heat(shade(x(0, t, c))));
  }

  canvas.text(left_margin, second_title, "after: " + what, ink);
  auto const shifted = tshift::shifted(x, plan);
  for (index_t t = 0; t < T; ++t) {
    for (auto const& run : shifted.runs(0, t)) {
      for (index_t i = 0; i < run.count; ++i) {
        if (run.data == nullptr) {
          after.vacated_cell(t, run.begin + i);
        } else {
          after.cell(t, run.begin + i, heat(shade(run.data[i * x.strides.channels])));
        }
      }
    }
  }

  for (band const& b : bands) {
    std::string const seconds = formatted("%.2f s", static_cast<double>(std::abs(b.offset)) / frames_per_second);
    before.remark(b, {channel_range(b)});
    if (b.offset > 0) after.remark(b, {channel_range(b), "> delayed " + seconds, "gap at the left"});
    if (b.offset < 0) after.remark(b, {channel_range(b), "< advanced " + seconds, "gap at the right"});
    if (b.offset == 0) after.remark(b, {channel_range(b), "not moved"});
  }
  for (panel const& each : {before, after}) {
    for (band const& b : bands) {
      if (b.begin > 0) each.boundary(b.begin);
    }
    each.channel_axis(bands);
    each.time_axis(frames_per_second);
  }

  int const bar = left_margin + 6 * 2 * picture::glyph_width, bar_width = 256;
  canvas.text(left_margin, legend, "quiet", ink);
  for (int i = 0; i < bar_width; ++i) canvas.rectangle(bar + i, legend - 2, 1, 18, heat(i / (bar_width - 1.0)));
  canvas.text(bar + bar_width + 12, legend, "loud", ink);
  int const box = bar + bar_width + 12 + 8 * 2 * picture::glyph_width;
  panel const sample{canvas, box, legend - 2, 9, 4, 4};
  for (index_t t = 0; t < 4; ++t) {
    for (index_t c = 0; c < 4; ++c) sample.vacated_cell(t, c);
  }
  canvas.text(box + 48, legend, "vacated by the shift", ink);
  return canvas;
}

}  // namespace demo
