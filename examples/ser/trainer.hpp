// SPDX-License-Identifier: MIT
// One training: epochs over some samples, with checkpoints that it can go on from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "dataset.hpp"
#include "metrics.hpp"
#include "recipe.hpp"
#include "teacher.hpp"
#include "trainee.hpp"

namespace ser {

/// How a training goes on and ends.
struct training_options {
  recipe how;
  index_t epochs = 20, batch = 32;
  std::uint64_t seed = 42;
  index_t crop = 0;  ///< frames: longer samples are cut, at random while training, in the middle otherwise; 0: whole
  index_t patience = 0;         ///< epochs without a better UA of the dev samples; 0: all epochs
  index_t roll = 0;             ///< frames: while training each sample is rolled by a random number of them, both ways
  bool shuffles = true;         ///< the order of each epoch
  transfer_plan transfer = {};  ///< where classes count nothing, the features' distance chooses the epoch
};

/// Which samples are for what, by their number in the data set.
struct parts {
  std::vector<index_t> train, dev, test;
};

/// What an epoch came to.
struct epoch_result {
  index_t epoch = 0, step = 0;  ///< counted from 1
  double loss = 0, grad_norm = 0, rate = 0;
  double dev_loss = 0, dev_wa = 0, dev_ua = 0, dev_f1 = 0;
};

class trainer {
 public:
  /// @param folder  for last.safetensors and best.safetensors; empty: nothing is saved
  /// @param config  one line that tells this training from others; saved with it
  /// @param about   what best.safetensors says of itself beside its labels
  trainer(trainee<float>& model, dataset const& data, parts const& of, training_options const& how,
          std::string const& folder = "", std::string const& config = "",
          std::map<std::string, std::string> const& about = {});
  trainer(trainer const&) = delete;
  trainer& operator=(trainer const&) = delete;
  ~trainer() = default;

  /// What best.safetensors holds of these values, where that is more than they: called with them.
  void save_as(std::function<std::vector<tshift::weights::tensor>(std::span<float const>)> form) {
    form_ = std::move(form);
  }

  /// Goes on from last.safetensors, if it is there.
  /// @return whether it was
  /// @throws ser_error  it is of another configuration or other data
  bool resume();

  /// All epochs that are left. @param ended  called after each
  /// @param stop  asked after each step; where it says so, the training is saved and this returns false
  /// @throws ser_error  a loss or gradient is not finite: names step, sample and parameter; what was before is saved
  bool run(std::function<void(epoch_result const&)> const& ended, std::function<bool()> const& stop);

  /// Steps of the whole training, and those that are done.
  index_t steps() const noexcept { return how_.epochs * steps_of_epoch(); }
  index_t steps_done() const noexcept { return step_; }

  /// The values of the best epoch, for the test.
  std::span<float const> best() const noexcept { return best_; }
  index_t best_epoch() const noexcept { return best_epoch_; }
  std::vector<epoch_result> const& epochs() const noexcept { return epochs_; }

  /// Predictions of samples by the model as it is. @return mean loss
  /// @param logits  those of all samples; null: not wanted
  double evaluate(std::span<index_t const> samples, confusion& to, std::vector<float>* logits = nullptr);

 private:
  index_t steps_of_epoch() const noexcept;
  void step(std::span<index_t const> batch, index_t epoch, index_t number);
  [[noreturn]] void refuse(std::span<index_t const> batch, index_t epoch, double loss, double norm);
  train::transfer_options losses() const;
  /// The teacher's features, where they count.
  std::span<float const> taught(tshift::tensor_view<float const> const& x) const;
  /// Of an epoch: the larger, the better.
  double quality(epoch_result const& e) const { return how_.transfer.classes > 0 ? e.dev_ua : -e.dev_loss; }
  tshift::tensor_view<float const> gather(std::span<index_t const> samples, index_t epoch, bool random);
  void save() const;
  void save_best() const;

  trainee<float>& model_;
  dataset const& data_;
  parts const& parts_;
  training_options how_;
  std::string folder_, config_;
  std::map<std::string, std::string> about_;
  std::uint64_t digest_;
  std::function<std::vector<tshift::weights::tensor>(std::span<float const>)> form_;
  rates rates_;
  std::vector<float> first_, second_, best_;
  std::vector<epoch_result> epochs_;
  index_t step_ = 0, best_epoch_ = 0;  // steps that are done
  double best_quality_ = std::numeric_limits<double>::lowest();
  // Of the epoch that is under way.
  double loss_sum_ = 0, weight_sum_ = 0, norm_sum_ = 0;
  // Kept from batch to batch.
  std::vector<float> x_, y_;
  std::vector<index_t> lengths_, labels_;
};

}  // namespace ser
