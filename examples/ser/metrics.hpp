// SPDX-License-Identifier: MIT
// What is said of predictions: accuracies, F1, the confusion matrix.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "model_options.hpp"

namespace ser {

/// Counts of samples by label and prediction.
class confusion {
 public:
  explicit confusion(index_t classes = 0) : classes_(classes), counts_(static_cast<std::size_t>(classes * classes)) {}

  void add(index_t label, index_t predicted) { ++at(label, predicted); }
  void add(confusion const& other);

  index_t classes() const noexcept { return classes_; }
  index_t count(index_t label, index_t predicted) const {
    return counts_[static_cast<std::size_t>(label * classes_ + predicted)];
  }
  /// Samples of a label.
  index_t of_label(index_t label) const;
  index_t all() const;

  /// WA: the share of samples that are right.
  double weighted_accuracy() const;
  /// UA: the mean, over the labels that occur, of the share of their samples that is right.
  double unweighted_accuracy() const;
  /// The mean over all labels of 2 right / (samples of the label + predictions of it); 0 for one that neither occurs nor is
  /// predicted.
  double macro_f1() const;

 private:
  index_t& at(index_t label, index_t predicted) {
    return counts_[static_cast<std::size_t>(label * classes_ + predicted)];
  }

  index_t classes_;
  std::vector<index_t> counts_;
};

/// The three together.
struct scores {
  double wa = 0, ua = 0, f1 = 0;

  scores() = default;
  explicit scores(confusion const& of) : wa(of.weighted_accuracy()), ua(of.unweighted_accuracy()), f1(of.macro_f1()) {}
};

/// Mean and deviation (that of a sample: divided by the number less one; 0 of a single one).
struct spread {
  double mean = 0, deviation = 0;

  explicit spread(std::vector<double> const& values);
};

/// The definitions above as sentences, for the program's output.
extern char const* const metric_words;

/// The matrix for people: a label a row, a prediction a column.
std::string confusion_text(confusion const& of, std::vector<std::string> const& labels);

/// The matrix as an SVG: counts and, by shade, their share of the row.
std::string confusion_svg(confusion const& of, std::vector<std::string> const& labels, std::string const& title);

}  // namespace ser
