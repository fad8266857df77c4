// SPDX-License-Identifier: MIT
// The trainings of a study, in several threads.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "metrics.hpp"
#include "study_data.hpp"
#include "study_settings.hpp"

namespace ser {

/// A question, and where its data come from.
struct study_task {
  std::string name;      // for --only: order-3
  index_t distance = 0;  // of events; 0: direction of time
  bool project = false;  // a linear layer in front
  index_t folds = 0, seeds = 0, epochs = 0, batch = 32;
  double rate = 1e-3;  // of learning
  std::function<study_fold(index_t)> fold{};
};

/// What one training came to. Its last epoch is tested, once: nothing chooses.
struct study_run {
  index_t fold = 0, seed = 0;
  std::string fold_name;
  index_t trained = 0;  // samples that were trained on
  confusion test;
  confusion longest;       // of the test samples those with the most frames: sounds whose ends are cut away
  double loss = 0;         // of the last epoch's training samples
  index_t pairs = 0;       // that were tested
  index_t same = 0;        // of them those of which both get the same answer: one of the two is wrong
  index_t equal = 0;       // those of which both get the same logits, up to rounding
  double difference = 0;   // the largest between logits of a pair, relative to them or to 1
  double mean_offset = 0;  // of a learned shift, the mean of |offset|
  double most_offset = 0;  // and the largest

  /// Per cent: of all answers; of the direction, whatever the voice; of the voice, whatever the direction.
  double accuracy() const { return 100 * test.weighted_accuracy(); }
  double direction() const;
  double voice() const;
};

/// All trainings of a setting on a task, in order of folds and seeds.
struct study_row {
  study_task const* task = nullptr;
  study_setting const* setting = nullptr;
  prediction said = prediction::open;
  std::vector<study_run> runs;

  /// One of its runs' numbers, of each.
  std::vector<double> values(double (study_run::*of)() const) const;
  std::vector<double> accuracies() const { return values(&study_run::accuracy); }
  /// Whether the direction of time came out as was predicted.
  bool is_met() const { return ser::is_met(said, values(&study_run::direction)); }
};

/// The model of a setting for a task's data: of ShiftSER's two blocks, perceptrons of 2 D.
new_model study_model(study_setting const& setting, study_task const& task, index_t channels, index_t classes);

/// Logits of a pair are equal up to rounding if they differ by at most so much, relative to them or to 1.
inline constexpr double rounding = 1e-5;

/// What a teacher's training came to.
struct study_teacher {
  tshift::weights::state_dict weights;
  study_run run;
};

/// Teachers, each trained once for a task's fold and seed, by whoever asks first.
class study_teachers {
 public:
  /// Trains, or waits for who does.
  /// @param train  writes what came of it, and says whether it went through
  /// @return null: it did not
  study_teacher const* of(study_task const& task, study_setting const& setting, study_run const& run,
                          std::function<bool(study_teacher&)> const& train);

 private:
  /// One of them. Whoever has its lock trains.
  struct place {
    std::mutex lock;
    bool done = false;
    study_teacher made;
  };

  std::mutex lock_;
  std::map<std::tuple<std::string, std::string, index_t, index_t>, std::unique_ptr<place>> all_;
};

/// One training, of all its stages. AdamW, decay 0.01, clipped at 5.
/// @param stop  asked after each step
/// @return whether it went through
bool train_once(study_task const& task, study_setting const& setting, study_fold const& fold, study_teachers& teachers,
                std::function<bool()> const& stop, study_run& to);

/// For each row one training for each fold and seed. Results do not depend on the number of threads.
/// @param rows   those of a task one behind the other; their runs are written
/// @param ended  called when all rows of a task are done, in their order, by one thread at a time
/// @return whether it went through
/// @throws ser_error  that of a training
bool run_study(std::vector<study_row>& rows, index_t threads, std::function<bool()> const& stop,
               std::function<void(study_task const&)> const& ended);

}  // namespace ser
