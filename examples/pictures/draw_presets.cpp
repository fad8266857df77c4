// SPDX-License-Identifier: MIT
// Draws the presets for examples/presets.md, every entry of presets::table and what else the page shows: every tensor
// element is the number of its frame, the library shifts them, and what comes out is the picture.
//
//   draw_presets <folder>          writes the pictures
//   draw_presets --check <folder>  compares them with those in the folder
#include <algorithm>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <tshift/tshift.hpp>

namespace {

using tshift::direction;
using tshift::index_t;
using tshift::padding;
using tshift::shift_plan;

// [tsm]
constexpr shift_plan tsm = tshift::presets::tsm(8, 4);
static_assert(tsm == shift_plan(8, {{.begin = 0, .count = 2, .offset = -1},     // the future arrives
                                    {.begin = 2, .count = 2, .offset = +1}}));  // the past arrives
// [/tsm]

// [tsm_online]
constexpr shift_plan tsm_online = tshift::presets::tsm_online(8, 4);
static_assert(tsm_online == shift_plan(8, {{.begin = 0, .count = 2, .offset = +1}}));
// [/tsm_online]

// [shiftser]
constexpr shift_plan delay = tshift::presets::shiftser(8, 4);
constexpr shift_plan both = tshift::presets::shiftser(8, 4, direction::both);
static_assert(delay == shift_plan(8, {{.begin = 0, .count = 2, .offset = +1}}));
static_assert(both == shift_plan(8, {{.begin = 0, .count = 2, .offset = +1}, {.begin = 2, .count = 2, .offset = -1}}));
// [/shiftser]

// [shiftser_keep]
constexpr shift_plan kept = tshift::presets::shiftser(8, 4, direction::both, 2, padding::keep);
static_assert(kept == shift_plan(8, {{.begin = 0, .count = 2, .offset = +2}, {.begin = 2, .count = 2, .offset = -2}},
                                 padding::keep));
// [/shiftser_keep]

// [paddle]
constexpr shift_plan paddle = tshift::presets::paddle(9, 0.2f);
static_assert(paddle == shift_plan(9, {{.begin = 0, .count = 1, .offset = +1},     // int(9 * 0.2) = 1
                                       {.begin = 1, .count = 2, .offset = -1}}));  // int(18 * 0.2) - 1 = 2
// [/paddle]

// [tps]
constexpr shift_plan tps = tshift::presets::tps(8, 4);
static_assert(tps == shift_plan(8, {{.begin = 0, .count = 2, .offset = +1}, {.begin = 2, .count = 2, .offset = -1}},
                                padding::keep));
// [/tps]

// [rwkv]
constexpr shift_plan rwkv = tshift::presets::rwkv(8);
static_assert(rwkv == shift_plan(8, {{.begin = 0, .count = 4, .offset = +1}}));
// [/rwkv]

// [shift_gcn]
constexpr shift_plan shift_gcn = tshift::presets::shift_gcn(18);
static_assert(shift_gcn == shift_plan(18, {{0, 2, -1},
                                           {2, 2, -2},
                                           {4, 2, -3},
                                           {6, 2, -4},  //
                                           {8, 2, +1},
                                           {10, 2, +2},
                                           {12, 2, +3},
                                           {14, 2, +4}}));
// [/shift_gcn]

// [roll]
constexpr shift_plan roll(8, {{.begin = 0, .count = 4, .offset = +1}}, padding::circular);
// [/roll]

struct drawing {
  std::string name;  // of the file
  std::string call;  // as the title
  shift_plan plan;
};

/// A preset as the page draws it: n_div 4, and the fewest channels, 8 or more, that give every fold two.
drawing drawing_of(tshift::presets::entry const& preset) {
  for (index_t channels = 8; channels < 100; ++channels) {
    shift_plan const plan = preset.make(channels, {.n_div = 4});
    bool const wide = std::all_of(plan.folds().begin(), plan.folds().end(), [](auto const& f) { return f.count > 1; });
    if (!wide) continue;
    std::string const n_div = preset.takes_n_div() ? ", 4" : "";
    return {preset.name(), "presets::" + std::string(preset.name()) + '(' + std::to_string(channels) + n_div + ')',
            plan};
  }
  throw std::logic_error(std::string("presets::") + preset.name() + " moves too little to be drawn");
}

/// Every preset of the table. Before them what its plain call would not show; a name in both is drawn as it stands here.
std::vector<drawing> all_drawings() {
  std::vector<drawing> all{
      {"shiftser_both", "presets::shiftser(8, 4, both)", both},
      {"shiftser_keep", "presets::shiftser(8, 4, both, 2, keep)", kept},
      {"paddle", "presets::paddle(9, 0.2f)", paddle},
      {"roll", "shift_plan(8, {{0, 4, +1}}, circular)", roll},
  };
  for (tshift::presets::entry const& preset : tshift::presets::table) {
    bool const there = std::any_of(all.begin(), all.end(), [&](drawing const& d) { return d.name == preset.name(); });
    if (!there) all.push_back(drawing_of(preset));
  }
  return all;
}

// --- measures, in pixels ----------------------------------------------------------------------------------------------

constexpr index_t frames = 6;
constexpr index_t cell_width = 32, cell_height = 26;
constexpr index_t before_x = 64;                         // the column x
constexpr index_t after_x = before_x + cell_width + 24;  // the grid y
constexpr index_t grid_y = 84;                           // both
constexpr index_t grid_bottom = grid_y + frames * cell_height;
constexpr index_t height = grid_bottom + 64;
constexpr index_t least_width = 410;  // of the longest title and the legend

// A frame has a colour, the same in light and dark; everything else follows the reader's choice.
constexpr char const* style = R"svg(<style>
svg{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;text-anchor:middle}
.p{fill:#f6f8fa;stroke:#d0d7de}text{fill:#1f2328}.l{text-anchor:start}.r{text-anchor:end}.m{fill:#59636e}
.k{stroke:#59636e;fill:none;stroke-width:1.5}.z{fill:#fff}.g{stroke:#f6f8fa;stroke-width:2;fill:none}.h{stroke:#1f2328;stroke-opacity:.3}
.n{fill:#1f2328}.f0{fill:#f6d55c}.f1{fill:#f2a65a}.f2{fill:#ee94a8}.f3{fill:#bda2e2}.f4{fill:#86b4e8}.f5{fill:#74c9b9}
@media(prefers-color-scheme:dark){.p{fill:#161b22;stroke:#3d444d}text{fill:#e6edf3}.n{fill:#1f2328}.m{fill:#9198a1}
.k{stroke:#9198a1}.z{fill:#d0d7de}.g{stroke:#161b22}}
</style>
<defs><pattern id="h" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
<path class="h" d="M1,0V6" stroke-width="1.4"/></pattern></defs>
)svg";

std::string text(index_t x, index_t y, std::string_view kind, std::string_view words) {
  std::string const head = "<text x='" + std::to_string(x) + "' y='" + std::to_string(y) + '\'';
  return head + (kind.empty() ? "" : " class='" + std::string(kind) + '\'') + '>' + std::string(words) + "</text>\n";
}

std::string rect(index_t x, index_t y, index_t width, index_t tall, std::string_view rest) {
  return "<rect x='" + std::to_string(x) + "' y='" + std::to_string(y) + "' width='" + std::to_string(width) +
         "' height='" + std::to_string(tall) + "' " + std::string(rest) + "/>\n";
}

/// Neighbouring cells of frame t that came from one frame; -1: from none.
std::string cells(index_t x, index_t t, index_t count, index_t from, bool vacated) {
  std::string path;
  for (index_t i = 0; i < count; ++i) {
    path += 'M' + std::to_string(x + i * cell_width) + ',' + std::to_string(grid_y + t * cell_height) + 'h' +
            std::to_string(cell_width) + 'v' + std::to_string(cell_height) + "h-" + std::to_string(cell_width) + 'z';
  }
  std::string const colour = from < 0 ? "z" : "f" + std::to_string(from);
  std::string const hatching = vacated ? "<path fill='url(#h)' d='" + path + "'/>\n" : "";
  return "<path class='" + colour + "' d='" + path + "'/>\n" + hatching + "<path class='g' d='" + path + "'/>\n";
}

/// What stands above a run of channels: where its values come from, an arrow that way they move, a bracket.
std::string heading(index_t begin, index_t count, index_t offset) {
  index_t const left = after_x + begin * cell_width + 3, right = after_x + (begin + count) * cell_width - 3;
  index_t const middle = (left + right) / 2, y = grid_y - 8;
  auto const at = [](index_t px, index_t py) { return std::to_string(px) + ',' + std::to_string(py); };
  std::string words = "t";
  if (offset > 0) words += "\u2212" + std::to_string(offset);
  if (offset < 0) words += "+" + std::to_string(-offset);
  std::string result = text(middle, y - 20, "", words);
  std::string path = "M" + at(left, y + 4) + "V" + std::to_string(y) + "H" + std::to_string(right) + "v4";
  index_t const tip = offset > 0 ? y - 4 : y - 15, tail = offset > 0 ? y - 15 : y - 4, back = offset > 0 ? -4 : 4;
  if (offset != 0) {
    path += "M" + at(middle, tail) + "V" + std::to_string(tip) + "M" + at(middle - 4, tip + back) + "L" +
            at(middle, tip) + "L" + at(middle + 4, tip + back);
  }
  return result + "<path class='k' d='" + path + "'/>\n";
}

/// The number in a cell. One that came from no frame has none.
std::string digit(index_t x, int from) {
  return from < 0 ? "" : "<tspan x='" + std::to_string(x + cell_width / 2) + "'>" + std::to_string(from) + "</tspan>";
}

/// The offset of each channel.
std::vector<index_t> offsets_of(shift_plan const& plan) {
  std::vector<index_t> result(static_cast<std::size_t>(plan.channels()), 0);
  for (tshift::fold const& f : plan.folds()) {
    for (index_t c = f.begin; c < f.begin + f.count; ++c) result[static_cast<std::size_t>(c)] = f.offset;
  }
  return result;
}

std::string legend_of(padding edge) {
  switch (edge) {
    case padding::zero: return "no such frame: zeros";
    case padding::keep: return "no such frame: its own";
    case padding::edge: return "no such frame: the nearest";
    case padding::circular: return "no such frame: round the end";
  }
  throw std::logic_error("a padding without words");
}

std::string picture(drawing const& what) {
  index_t const channels = what.plan.channels();
  tshift::shape const dims{.time = frames, .channels = channels};
  std::vector<int> before(static_cast<std::size_t>(dims.size())), after(before.size());
  tshift::tensor_view const x(before.data(), dims), y(after.data(), dims);
  for (index_t t = 0; t < frames; ++t) {
    for (index_t c = 0; c < channels; ++c) x(0, t, c) = static_cast<int>(t);
  }
  tshift::shift(x, y, what.plan, -1);

  std::vector<index_t> const offsets = offsets_of(what.plan);
  index_t const grid_right = after_x + channels * cell_width;
  index_t const width = grid_right + 24 > least_width ? grid_right + 24 : least_width;
  std::string svg = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 " + std::to_string(width) + ' ' +
                    std::to_string(height) + "' width='" + std::to_string(width) + "' height='" +
                    std::to_string(height) + "' role='img'>\n<title>" + what.call +
                    "</title>\n<desc>Rows are frames, columns are channels. Number and colour of a cell: the frame it "
                    "comes from.</desc>\n" +
                    style;
  svg += rect(0, 0, width, height, "rx='8' class='p'");
  svg += text(20, 26, "l", what.call);

  for (index_t begin = 0; begin < channels;) {
    index_t end = begin;
    while (end < channels && offsets[static_cast<std::size_t>(end)] == offsets[static_cast<std::size_t>(begin)]) ++end;
    svg += heading(begin, end - begin, offsets[static_cast<std::size_t>(begin)]);
    begin = end;
  }

  for (index_t t = 0; t < frames; ++t) {
    index_t const baseline = grid_y + t * cell_height + cell_height / 2 + 5;
    svg += text(before_x - 10, baseline, "r m", "t=" + std::to_string(t));
    svg += cells(before_x, t, 1, t, false);
    auto const vacated = [&](index_t c) {
      index_t const source = t - offsets[static_cast<std::size_t>(c)];
      return source < 0 || source >= frames;
    };
    for (index_t begin = 0; begin < channels;) {
      index_t end = begin;
      while (end < channels && y(0, t, end) == y(0, t, begin) && vacated(end) == vacated(begin)) ++end;
      svg += cells(after_x + begin * cell_width, t, end - begin, y(0, t, begin), vacated(begin));
      begin = end;
    }
    svg += "<text class='n' y='" + std::to_string(baseline) + "'>";
    svg += digit(before_x, static_cast<int>(t));
    for (index_t c = 0; c < channels; ++c) svg += digit(after_x + c * cell_width, y(0, t, c));
    svg += "</text>\n";
  }
  svg += text(before_x + cell_width / 2, grid_bottom + 19, "m", "x");
  svg += text((after_x + grid_right) / 2, grid_bottom + 19, "m", "y, channels 0 to " + std::to_string(channels - 1));
  svg += rect(before_x + 8, grid_bottom + 35, 16, 14, "class='z'");
  svg += rect(before_x + 8, grid_bottom + 35, 16, 14, "fill='url(#h)'");
  svg += text(before_x + cell_width, grid_bottom + 47, "l m", legend_of(what.plan.edge()));
  return svg + "</svg>\n";
}

std::string read(std::string const& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

int run(std::string const& folder, bool check) {
  int wrong = 0;
  std::vector<drawing> const drawings = all_drawings();
  for (drawing const& what : drawings) {
    std::string const path = folder + '/' + what.name + ".svg", svg = picture(what);
    if (!check) {
      std::ofstream file(path, std::ios::binary);
      if (!(file << svg << std::flush)) throw std::runtime_error(path + " cannot be written");
      std::printf("%s: %zu bytes\n", path.c_str(), svg.size());
    } else if (read(path) != svg) {
      std::fprintf(stderr, "%s is not what the library does now; draw_presets <folder> draws it\n", path.c_str());
      ++wrong;
    }
  }
  if (check && wrong == 0) std::printf("%zu pictures are what the library does\n", drawings.size());
  return wrong == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) try {
  std::vector<std::string> const words(argv + 1, argv + argc);
  if (words.size() == 1 && !words[0].starts_with('-')) return run(words[0], false);
  if (words.size() == 2 && words[0] == "--check") return run(words[1], true);
  std::fprintf(stderr, "usage: draw_presets [--check] <folder>\n");
  return 2;
} catch (std::exception const& e) {
  std::fprintf(stderr, "draw_presets: %s\n", e.what());
  return 1;
}
