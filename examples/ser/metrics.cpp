// SPDX-License-Identifier: MIT
#include "metrics.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "error.hpp"
#include "svg.hpp"

namespace ser {

char const* const metric_words =
    "WA    accuracy: the share of all samples that are right\n"
    "UA    the mean over the labels of the share of their samples that is right (balanced accuracy)\n"
    "F1    the mean over the labels of 2 TP / (2 TP + FP + FN) (macro F1)\n"
    "pooled: of the samples of all folds together; mean +- deviation: over the folds";

void confusion::add(confusion const& other) {
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
}

index_t confusion::of_label(index_t label) const {
  index_t sum = 0;
  for (index_t k = 0; k < classes_; ++k) sum += count(label, k);
  return sum;
}

index_t confusion::all() const {
  index_t sum = 0;
  for (index_t const each : counts_) sum += each;
  return sum;
}

double confusion::weighted_accuracy() const {
  index_t right = 0;
  for (index_t k = 0; k < classes_; ++k) right += count(k, k);
  return all() > 0 ? static_cast<double>(right) / static_cast<double>(all()) : 0;
}

double confusion::unweighted_accuracy() const {
  double sum = 0;
  index_t labels = 0;
  for (index_t k = 0; k < classes_; ++k) {
    if (of_label(k) == 0) continue;
    sum += static_cast<double>(count(k, k)) / static_cast<double>(of_label(k));
    ++labels;
  }
  return labels > 0 ? sum / static_cast<double>(labels) : 0;
}

double confusion::macro_f1() const {
  double sum = 0;
  for (index_t k = 0; k < classes_; ++k) {
    index_t predicted = 0;
    for (index_t j = 0; j < classes_; ++j) predicted += count(j, k);
    index_t const both = of_label(k) + predicted;
    if (both > 0) sum += 2 * static_cast<double>(count(k, k)) / static_cast<double>(both);
  }
  return classes_ > 0 ? sum / static_cast<double>(classes_) : 0;
}

spread::spread(std::vector<double> const& values) {
  auto const count = static_cast<double>(values.size());
  for (double const v : values) mean += v / count;
  double squares = 0;
  for (double const v : values) squares += (v - mean) * (v - mean);
  if (values.size() > 1) deviation = std::sqrt(squares / (count - 1));
}

std::string confusion_text(confusion const& of, std::vector<std::string> const& labels) {
  std::vector<std::string> names;
  std::size_t widest = 5;
  for (std::string const& label : labels) {
    names.push_back(one_line(label).substr(0, 14));
    widest = std::max(widest, names.back().size());
  }
  int const width = static_cast<int>(widest);
  std::string text, line(26, ' ');
  for (std::string const& name : names) append(line, " %*s", width, name.c_str());
  text = "predicted" + line.substr(9) + "\n";
  for (index_t i = 0; i < of.classes(); ++i) {
    line.clear();
    append(line, "%-26s", names[static_cast<std::size_t>(i)].c_str());
    for (index_t j = 0; j < of.classes(); ++j) append(line, " %*td", width, of.count(i, j));
    text += line + "\n";
  }
  return text;
}

std::string confusion_svg(confusion const& of, std::vector<std::string> const& labels, std::string const& title) {
  double const cell = 64, left = 120, top = 90;
  auto const n = static_cast<double>(of.classes());
  svg picture(std::max(left + n * cell + 20, 320.0), top + n * cell + 20);
  picture.text(left, 24, title, 15, "start", true);
  picture.text(left + n * cell / 2, 48, "predicted", 12, "middle");
  for (index_t i = 0; i < of.classes(); ++i) {
    auto const at = static_cast<double>(i);
    std::string const& name = labels[static_cast<std::size_t>(i)];
    picture.text(left + (at + 0.5) * cell, top - 12, name, 12, "middle");
    picture.text(left - 10, top + (at + 0.5) * cell + 4, name, 12, "end");
    double const all = std::max(1.0, static_cast<double>(of.of_label(i)));
    for (index_t j = 0; j < of.classes(); ++j) {
      double const share = static_cast<double>(of.count(i, j)) / all;
      double const x = left + static_cast<double>(j) * cell, y = top + at * cell;
      int const shade = 255 - static_cast<int>(std::lround(185 * share));
      picture.box(x, y, cell - 2, cell - 2, {shade, shade, 255});
      std::string const colour = share > 0.6 ? "white" : "black";
      picture.text(x + cell / 2, y + cell / 2, std::to_string(of.count(i, j)), 15, "middle", false, colour);
      picture.text(x + cell / 2, y + cell / 2 + 17, std::to_string(std::lround(100 * share)) + " %", 11, "middle",
                   false, colour);
    }
  }
  return picture.finish();
}

}  // namespace ser
