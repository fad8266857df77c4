// SPDX-License-Identifier: MIT
// What a training leaves behind: numbers of all folds, and the files they are written to.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "metrics.hpp"
#include "trainer.hpp"

namespace ser {

/// Of all folds.
class run_results {
 public:
  explicit run_results(std::vector<std::string> labels) : labels_(std::move(labels)) {}

  /// While a fold is trained.
  void set_epochs(std::string const& fold, std::vector<epoch_result> const& epochs);
  /// After its test.
  /// @param as_released  the test group was also the one that chose: each metric is that of its own best epoch
  void add(std::string const& fold, index_t best_epoch, std::vector<epoch_result> const& epochs, confusion const& test,
           bool as_released);

  /// For people: each fold, pooled, mean and deviation, and what the words mean.
  std::string table() const;
  std::string log() const;               ///< a JSON object a line: an epoch
  std::string summary() const;           ///< CSV: a fold a line, and the pooled samples
  std::string curves() const;            ///< SVG: losses, UA and rate over epochs
  std::string confusion_matrix() const;  ///< SVG: of the pooled samples
  confusion pooled() const;

 private:
  struct one {
    std::string fold;
    index_t best_epoch = 0;
    std::vector<epoch_result> epochs;
    confusion test;
    scores of_test;
    bool tested = false;
  };
  one& of(std::string const& fold);

  std::vector<std::string> labels_;
  std::vector<one> folds_;
  bool as_released_ = false;
};

/// What the folder of a fold is called.
std::string fold_folder(std::string const& name);

class run_folder {
 public:
  /// Makes it, and writes config.json and options.ini. An empty path is no folder.
  /// @param config   what decides the result
  /// @param options  the whole command as a file for --options
  /// @throws ser_error  it holds another training, or one and resume is not asked for
  run_folder(std::string path, std::string const& config, std::string const& options, bool resume);

  /// Made; empty where there is no folder.
  std::string of_fold(std::string const& name) const;
  void write(run_results const& results) const;
  /// The confusion matrix of a fold's test, into its folder.
  void write_fold(std::string const& name, confusion const& test, std::vector<std::string> const& labels) const;

 private:
  std::string path_;
};

}  // namespace ser
