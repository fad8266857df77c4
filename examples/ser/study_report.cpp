// SPDX-License-Identifier: MIT
#include "study_report.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <set>
#include <utility>

#include "error.hpp"
#include "svg.hpp"
#include "text_file.hpp"

namespace ser {
namespace {

std::vector<study_row const*> of_direction(std::vector<study_row> const& rows) {
  std::vector<study_row const*> result;
  for (study_row const& row : rows) {
    if (row.task->distance == 0) result.push_back(&row);
  }
  return result;
}

/// Distances of the events that there are, and settings in their order.
struct events_grid {
  std::set<index_t> distances;
  std::vector<study_setting const*> settings;

  explicit events_grid(std::vector<study_row> const& rows) {
    for (study_row const& row : rows) {
      if (row.task->distance == 0) continue;
      distances.insert(row.task->distance);
      if (std::ranges::find(settings, row.setting) == settings.end()) settings.push_back(row.setting);
    }
    std::ranges::sort(settings);  // they stand in one array
  }
};

/// Null: it was not run.
study_row const* find(std::vector<study_row> const& rows, study_setting const* setting, index_t distance) {
  for (study_row const& row : rows) {
    if (row.setting == setting && row.task->distance == distance) return &row;
  }
  return nullptr;
}

std::string direction_table(std::vector<study_row> const& rows) {
  std::string text =
      "| setting | | predicted | accuracy, % | least | most | runs | as predicted |\n"
      "|---|---|---|---|---|---|---|---|\n";
  for (study_row const* const row : of_direction(rows)) {
    auto const values = row->accuracies();
    auto const [least, most] = std::ranges::minmax(values);
    text += "| `" + row->setting->name + "` | " + row->setting->words + " | " + prediction_words(*row) + " | " +
            mean_words(values, "±");
    append(text, " | %.1f | %.1f | %zu | %s |\n", least, most, values.size(),
           row->said == prediction::open ? ""
           : row->is_met()               ? "yes"
                                         : "**no**");
  }
  return text;
}

std::string voices_table(std::vector<study_row> const& rows) {
  auto const direction = of_direction(rows);
  std::string text, rule;
  for (study_row const* const row : direction) {
    std::map<index_t, std::pair<std::string, std::vector<double>>> folds;
    for (study_run const& run : row->runs) {
      folds[run.fold].first = run.fold_name;
      folds[run.fold].second.push_back(run.accuracy());
    }
    if (row == direction.front()) {
      text = "| setting |";
      rule = "\n|---|";
      for (auto const& [number, fold] : folds) {
        text += " " + fold.first + " |";
        rule += "---|";
      }
      text += rule + "\n";
    }
    text += "| `" + row->setting->name + "` |";
    for (auto const& [number, fold] : folds) text.append(" ").append(mean_words(fold.second, "±")).append(" |");
    text += "\n";
  }
  return text;
}

std::string events_table(std::vector<study_row> const& rows) {
  events_grid const grid(rows);
  std::string text = "| setting | |", rule = "|---|---|";
  for (index_t const distance : grid.distances) {
    append(text, " %td frame%s apart |", distance, distance == 1 ? "" : "s");
    rule += "---|";
  }
  text += "\n" + rule + "\n";
  for (study_setting const* const setting : grid.settings) {
    text += "| `" + setting->name + "` | " + setting->words + " |";
    for (index_t const distance : grid.distances) {
      study_row const* const row = find(rows, setting, distance);
      if (row != nullptr) {
        auto const values = row->accuracies();
        std::string const result = prediction_words(*row) + " → " + mean_words(values, "±");
        text += row->is_met() ? " " + result : " **" + result + "**";
      }
      text += " |";
    }
    text += "\n";
  }
  return text;
}

std::string offsets_table(std::vector<study_row> const& rows) {
  std::string text =
      "| task | offsets begin as | accuracy, % | mean size at the end | largest |\n|---|---|---|---|---|\n";
  for (study_row const& row : rows) {
    if (row.said != prediction::open) continue;
    std::vector<double> means;
    double most = 0;
    for (study_run const& run : row.runs) {
      means.push_back(run.mean_offset);
      most = std::max(most, run.most_offset);
    }
    text += "| " + row.task->name + " | `" + row.setting->name + "` | " + mean_words(row.accuracies(), "±");
    append(text, " | %.2f | %.2f |\n", spread(means).mean, most);
  }
  return text;
}

/// White at 50 %, blue at 100.
rgb shade_of(double accuracy) {
  double const share = std::clamp((accuracy - 50) / 50, 0.0, 1.0);
  int const rest = 255 - static_cast<int>(std::lround(185 * share));
  return {rest, rest, 255};
}

}  // namespace

std::string prediction_words(study_row const& row) {
  switch (row.said) {
    case prediction::chance: return "50 exactly";
    case prediction::blind: return "blind: 50";
    case prediction::faint: return "faint";
    case prediction::sees: return row.task->distance == 0 ? "far above 50" : "sees";
    case prediction::open: break;
  }
  return "open";
}

std::string mean_words(std::vector<double> const& values, char const* sign) {
  spread const s(values);
  std::string text;
  append(text, "%.1f", s.mean);
  if (values.size() > 1) append(text, " %s %.1f", sign, s.deviation);
  return text;
}

std::string study_head() { return "task       setting          predicted     accuracy %         runs  as predicted\n"; }

std::string study_line(study_row const& row) {
  std::string text;
  append(text, "%-10s %-16s %-13s %-18s %4zu  %s", row.task->name.c_str(), row.setting->name.c_str(),
         prediction_words(row).c_str(), mean_words(row.accuracies(), "+-").c_str(), row.runs.size(),
         row.said == prediction::open ? ""
         : row.is_met()               ? "yes"
                                      : "NO");
  if (row.runs.front().test.classes() > 2) {
    text += ": direction " + mean_words(row.values(&study_run::direction), "+-") + ", voice " +
            mean_words(row.values(&study_run::voice), "+-");
  }
  return text + "\n";
}

std::string chance_table(std::vector<study_row> const& rows) {
  std::string text =
      "| task | setting | pairs tested | the same answer | the same logits to 1e-5 | largest difference | last loss |\n"
      "|---|---|---|---|---|---|---|\n";
  for (study_row const& row : rows) {
    if (row.runs.empty() || row.said != prediction::chance) continue;
    index_t pairs = 0, same = 0, equal = 0;
    double difference = 0;
    std::vector<double> losses;
    for (study_run const& run : row.runs) {
      pairs += run.pairs;
      same += run.same;
      equal += run.equal;
      difference = std::max(difference, run.difference);
      losses.push_back(run.loss);
    }
    text += "| " + row.task->name + " | `" + row.setting->name + "`";
    append(text, " | %td | %td | %td | %.1e | %.4f |\n", pairs, same, equal, difference, spread(losses).mean);
  }
  return text;
}

std::string study_csv(std::vector<study_row> const& rows) {
  std::string text =
      "task,setting,predicted,fold,seed,trained,accuracy,tests,pairs,same_answer,equal_logits,largest_difference,loss,"
      "mean_offset,largest_offset";
  bool const many = std::ranges::any_of(
      rows, [](study_row const& row) { return !row.runs.empty() && row.runs.front().test.classes() > 2; });
  text += many ? ",direction,voice\n" : "\n";
  for (study_row const& row : rows) {
    for (study_run const& run : row.runs) {
      text += row.task->name + "," + row.setting->name + "," + name_of(row.said) + "," + quoted(run.fold_name);
      append(text, ",%td,%td,%.4f,%td,%td,%td,%td,%.3e,%.6f,%.4f,%.4f", run.seed, run.trained, run.accuracy(),
             run.test.all(), run.pairs, run.same, run.equal, run.difference, run.loss, run.mean_offset,
             run.most_offset);
      if (many) append(text, ",%.4f,%.4f", run.direction(), run.voice());
      text += "\n";
    }
  }
  return text;
}

std::map<std::string, std::string> study_tables(std::vector<study_row> const& rows) {
  bool const spoken = !of_direction(rows).empty(), has_events = !events_grid(rows).settings.empty();
  std::map<std::string, std::string> tables{{"chance", ""}, {"offsets", ""}};
  if (spoken) tables.insert({{"direction", ""}, {"voices", ""}});
  if (has_events) tables.insert({{"events", ""}});
  if (rows.empty() || rows.front().runs.empty()) return tables;
  for (auto& [name, table] : tables) {
    table = name == "chance"      ? chance_table(rows)
            : name == "offsets"   ? offsets_table(rows)
            : name == "direction" ? direction_table(rows)
            : name == "voices"    ? voices_table(rows)
                                  : events_table(rows);
  }
  return tables;
}

std::string study_page(std::string const& page, std::map<std::string, std::string> const& tables) {
  std::string const opens = "<!-- begin ", closes = " -->\n";
  std::string result;
  if (page.empty()) {
    for (auto const& [name, table] : tables) {
      result += opens + name + closes + table + "<!-- end " + name + " -->\n\n";
    }
    return result;
  }
  std::size_t at = 0;
  for (;;) {
    std::size_t const begin = page.find(opens, at);
    if (begin == std::string::npos) return result + page.substr(at);
    std::size_t const name_at = begin + opens.size(), name_end = page.find(closes, name_at);
    std::string const name = name_end == std::string::npos ? "" : page.substr(name_at, name_end - name_at);
    auto const table = tables.find(name);
    if (table == tables.end()) {
      throw ser_error("the page has a table '" + one_line(name.substr(0, 40)) +
                      "', and this run has none of that name");
    }
    std::size_t const end = page.find("<!-- end " + name + " -->", name_end);
    if (end == std::string::npos) throw ser_error("the page's table " + name + " has no end");
    result += page.substr(at, name_end + closes.size() - at) + table->second;
    at = end;
  }
}

std::string strokes_svg(strokes_picture const& of) {
  bool const alone = of.panels.size() < 2;
  double const width = alone ? 440 : 300, top = 62, step = 22, numbers = 130;
  double const bottom = top + step * static_cast<double>(of.words.size());
  svg picture(of.left + (width + numbers) * static_cast<double>(of.panels.size()), bottom + 50);
  picture.text(20, 26, of.title, 15, "start", true);
  picture.text(20, 44, of.below, 12, "start", false, "#555");
  for (std::size_t i = 0; i < of.words.size(); ++i) {
    picture.text(of.left - 12, top + step * (static_cast<double>(i) + 0.5) + 4, of.words[i], 12, "end");
  }
  double left = of.left;
  for (strokes_panel const& panel : of.panels) {
    double const right = left + width;
    auto const x_of = [&panel, left, width](double accuracy) {
      return left + width * (std::clamp(accuracy, panel.low, 100.0) - panel.low) / (100 - panel.low);
    };
    for (int tick = static_cast<int>(panel.low); tick <= 100; tick += 10) {
      double const x = x_of(tick);
      picture.line({{x, top - 4}, {x, bottom}}, tick == 50 ? "#d55e00" : "#ddd", tick == 50 ? 1.5 : 1);
      picture.text(x, bottom + 18, std::to_string(tick), 11, "middle", false, "#555");
    }
    double y = top;
    for (std::vector<double> const& values : panel.values) {
      double const middle = y + step / 2;
      y += step;
      if (values.empty()) continue;
      for (double const value : values) {
        double const x = x_of(value);
        picture.line({{x, middle - 6}, {x, middle + 6}}, "#56b4e9", 1.2);
      }
      double const mean = x_of(spread(values).mean);
      picture.line({{mean, middle - 8}, {mean, middle + 8}}, "#0072b2", 3.5);
      picture.text(right + 14, middle + 4, mean_words(values, "±"), 12, "start");
    }
    picture.text((left + right) / 2, bottom + 36, panel.below, 12, "middle", false, "#555");
    left = right + numbers;
  }
  return picture.finish();
}

std::string direction_svg(std::vector<study_row> const& rows) {
  strokes_picture picture;
  picture.title = "Forwards or backwards? Speech of speakers that were not trained on";
  picture.below = "each stroke a training, the bar their mean; accuracy in %, chance is 50";
  picture.panels = {{"direction", 40, "accuracy, %", {}}};
  for (study_row const* const row : of_direction(rows)) {
    picture.words.push_back(row->setting->words);
    picture.panels.front().values.push_back(row->accuracies());
  }
  return strokes_svg(picture);
}

std::string events_svg(std::vector<study_row> const& rows) {
  events_grid const grid(rows);
  double const left = 250, top = 84, width = 108, step = 30;
  svg picture(left + width * static_cast<double>(grid.distances.size()) + 30,
              top + step * static_cast<double>(grid.settings.size()) + 20);
  picture.text(20, 26, "Which of two events came first?", 15, "start", true);
  picture.text(20, 44, "accuracy in %, and what was predicted; red: not as predicted", 12, "start", false, "#555");
  double x = left;
  for (index_t const distance : grid.distances) {
    std::string const frames = std::to_string(distance) + (distance == 1 ? " frame apart" : " frames apart");
    picture.text(x + width / 2, top - 12, frames, 12, "middle");
    double y = top;
    for (study_setting const* const setting : grid.settings) {
      if (distance == *grid.distances.begin()) picture.text(left - 12, y + 19, setting->words, 12, "end");
      if (study_row const* const row = find(rows, setting, distance); row != nullptr) {
        auto const values = row->accuracies();
        double const mean = spread(values).mean;
        picture.box(x, y, width - 2, step - 2, shade_of(mean));
        std::string number;
        append(number, "%.1f", mean);
        std::string const colour = !row->is_met() ? "#d55e00" : mean > 85 ? "white" : "black";
        picture.text(x + width / 2, y + 14, number, 13, "middle", true, colour);
        picture.text(x + width / 2, y + 25, prediction_words(*row), 9.5, "middle", false, colour);
      }
      y += step;
    }
    x += width;
  }
  return picture.finish();
}

}  // namespace ser
