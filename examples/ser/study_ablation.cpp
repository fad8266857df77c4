// SPDX-License-Identifier: MIT
#include "study_ablation.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "metrics.hpp"
#include "study_report.hpp"
#include "svg.hpp"

namespace ser {
namespace {

/// Null: it was not run.
study_row const* find(std::vector<study_row> const& rows, std::string const& task, std::string const& setting) {
  for (study_row const& row : rows) {
    if (row.task->name == task && row.setting->name == setting && !row.runs.empty()) return &row;
  }
  return nullptr;
}

std::string verdict(study_difference const& d) {
  if (d.parts < study_difference::fewest) return "too few parts";
  if (!d.shows()) return "does not show";
  return d.mean > 0 ? "**shows**" : "**shows, against it**";
}

std::string results_table(study_form const& form, std::vector<study_row> const& rows) {
  std::string text =
      "| setting | | predicted | direction, % | as predicted | voices and direction, % | of them the voice | the "
      "direction | as predicted |\n|---|---|---|---|---|---|---|---|---|\n";
  for (study_setting const& setting : form.settings) {
    study_row const* const direction = find(rows, "direction", setting.name);
    study_row const* const voices = find(rows, "voices", setting.name);
    study_row const* const any = direction != nullptr ? direction : voices;
    if (any == nullptr) continue;
    text += "| `" + setting.name + "` | " + setting.words + " | " + prediction_words(*any) + " |";
    auto const met = [](study_row const& row) { return row.is_met() ? " | yes |" : " | **no** |"; };
    text += direction == nullptr ? " | |" : " " + mean_words(direction->accuracies(), "±") + met(*direction);
    if (voices == nullptr) {
      text += " | | | |\n";
      continue;
    }
    text += " " + mean_words(voices->accuracies(), "±") + " | " + mean_words(voices->values(&study_run::voice), "±") +
            " | " + mean_words(voices->values(&study_run::direction), "±") + met(*voices) + "\n";
  }
  return text;
}

/// A comparison over a task; its numbers are nothing where one of both settings was not run.
template <class Do>
void each_comparison(study_form const& form, std::vector<study_row> const& rows, Do const& what) {
  for (study_comparison const& asked : form.comparisons) {
    for (char const* const task : {"direction", "voices"}) {
      study_row const* const with = find(rows, task, asked.with);
      study_row const* const without = find(rows, task, asked.without);
      if (with == nullptr || without == nullptr) continue;
      what(asked, std::string(task), difference_of(*with, *without, &study_run::accuracy));
    }
  }
}

std::string contributions_table(study_form const& form, std::vector<study_row> const& rows) {
  std::string text =
      "| asked | with | without | task | difference, points | by chance | |\n|---|---|---|---|---|---|---|\n";
  each_comparison(form, rows, [&text](study_comparison const& asked, std::string const& task, auto const& d) {
    text += "| " + asked.words + " | `" + asked.with + "` | `" + asked.without + "` | " + task;
    append(text, " | %+.1f ± %.1f | %.2g | ", d.mean, d.deviation, d.chance);
    text += verdict(d) + " |\n";
  });
  return text;
}

}  // namespace

double chance_of(double t, index_t degrees) {
  // With t = sqrt(degrees) tan a its density becomes that of a, cos(a)^(degrees - 1). Simpson's rule.
  auto const area = [degrees](double to) {
    constexpr int steps = 2000;
    double sum = 0;
    for (int i = 0; i <= steps; ++i) {
      double const weight = i == 0 || i == steps ? 1 : i % 2 == 1 ? 4 : 2;
      sum += weight * std::pow(std::cos(to * i / steps), static_cast<double>(degrees - 1));
    }
    return sum * to / (3 * steps);
  };
  return std::max(0.0,
                  1 - area(std::atan(std::fabs(t) / std::sqrt(static_cast<double>(degrees)))) / area(std::acos(0)));
}

study_difference difference_of(study_row const& with, study_row const& without, double (study_run::*of)() const) {
  std::map<std::string, std::pair<std::vector<double>, std::vector<double>>> parts;
  auto const part_of = [](study_run const& run) { return run.fold_name.substr(run.fold_name.rfind('_') + 1); };
  for (study_run const& run : with.runs) parts[part_of(run)].first.push_back((run.*of)());
  for (study_run const& run : without.runs) parts[part_of(run)].second.push_back((run.*of)());
  std::vector<double> differences;
  for (auto const& [name, values] : parts) {
    differences.push_back(spread(values.first).mean - spread(values.second).mean);
  }
  spread const all(differences);
  study_difference result{static_cast<index_t>(differences.size()), all.mean, all.deviation};
  if (result.parts < 2) return result;
  double const error = all.deviation / std::sqrt(static_cast<double>(result.parts));
  result.chance = error > 0 ? chance_of(all.mean / error, result.parts - 1) : all.mean == 0 ? 1 : 0;
  return result;
}

std::map<std::string, std::string> ablation_tables(study_form const& form, std::vector<study_row> const& rows) {
  std::map<std::string, std::string> tables{{"results", ""}, {"contributions", ""}};
  if (rows.empty() || rows.front().runs.empty()) return tables;
  tables["results"] = results_table(form, rows);
  tables["contributions"] = contributions_table(form, rows);
  return tables;
}

std::string ablation_lines(study_form const& form, std::vector<study_row> const& rows) {
  std::string text;
  each_comparison(form, rows, [&text](study_comparison const& asked, std::string const& task, auto const& d) {
    append(text, "%-10s %+6.1f +- %4.1f points, by chance %.2g, %-19s ", task.c_str(), d.mean, d.deviation, d.chance,
           d.parts < study_difference::fewest ? "too few parts"
           : !d.shows()                       ? "does not show"
           : d.mean > 0                       ? "shows"
                                              : "shows, against it");
    text += asked.words + ": " + asked.with + " less " + asked.without + "\n";
  });
  return text;
}

std::string ablation_svg(study_form const& form, std::vector<study_row> const& rows) {
  strokes_picture picture;
  picture.title = form.name == "study_crnn" ? "What the parts of a CRNN bring" : "Teacher, student, and a shift";
  picture.left = 300;
  std::vector<strokes_panel> const panels{{"direction", 40, "forwards or backwards, %", {}},
                                          {"voices", 0, "voice and direction, %", {}}};
  for (strokes_panel panel : panels) {
    bool any = false;
    for (study_setting const& setting : form.settings) {
      study_row const* const row = find(rows, panel.task, setting.name);
      panel.values.push_back(row == nullptr ? std::vector<double>() : row->accuracies());
      any = any || row != nullptr;
    }
    if (any) picture.panels.push_back(std::move(panel));
  }
  for (study_setting const& setting : form.settings) picture.words.push_back(setting.words);
  // Settings that were not run.
  for (std::size_t i = picture.words.size(); i-- > 0;) {
    auto const is_empty = [i](strokes_panel const& panel) { return panel.values[i].empty(); };
    if (!std::ranges::all_of(picture.panels, is_empty)) continue;
    picture.words.erase(picture.words.begin() + static_cast<std::ptrdiff_t>(i));
    for (strokes_panel& panel : picture.panels) {
      panel.values.erase(panel.values.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  picture.below =
      "each stroke a training, the bar their mean; orange: 50 %, what a model without order has on the left "
      "and cannot exceed on the right";
  return strokes_svg(picture);
}

}  // namespace ser
