// SPDX-License-Identifier: MIT
#include "study_runs.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <exception>
#include <mutex>
#include <optional>
#include <span>

#include "progress.hpp"
#include "workers.hpp"

namespace ser {
namespace {

/// Offsets of the paper's shift, 1/4, two ways.
void begin_as_paper(trainee<float>& model, index_t channels) {
  tshift::shift_plan const plan = tshift::presets::shiftser(channels, 4, tshift::direction::both);
  for (train::parameter const& p : model.table()) {
    if (!p.name.ends_with(".offset")) continue;
    for (tshift::fold const& f : plan.folds()) {
      std::ranges::fill(
          model.values().subspan(static_cast<std::size_t>(p.offset + f.begin), static_cast<std::size_t>(f.count)),
          static_cast<float>(f.offset));
    }
  }
  model.pack();
}

void look_at_offsets(trainee<float>& model, study_run& to) {
  double sum = 0;
  index_t count = 0;
  for (train::parameter const& p : model.table()) {
    if (!p.name.ends_with(".offset")) continue;
    auto const offsets = model.values().subspan(static_cast<std::size_t>(p.offset), static_cast<std::size_t>(p.size));
    for (float const a : offsets) {
      double const size = std::fabs(static_cast<double>(a));
      sum += size;
      to.most_offset = std::max(to.most_offset, size);
    }
    count += p.size;
  }
  if (count > 0) to.mean_offset = sum / static_cast<double>(count);
}

/// The test, a pair at a time.
void test_pairs(trainee<float>& model, study_fold const& fold, study_run& to) {
  to.test = to.longest = confusion(2);
  dataset const& data = fold.data;
  index_t most = 0;
  for (index_t const i : fold.of.test) most = std::max(most, data.samples[static_cast<std::size_t>(i)].frames);
  for (std::size_t i = 0; i < fold.of.test.size(); i += 2) {
    sample const& first = data.samples[static_cast<std::size_t>(fold.of.test[i])];
    tshift::tensor_view<float const> const both(data.features_of(first).data(), {2, first.frames, data.channels});
    std::array<float, 4> y{};
    model.forward(both, y);
    double difference = 0;
    for (std::size_t k = 0; k < 2; ++k) {
      auto const a = static_cast<double>(y[k]), b = static_cast<double>(y[k + 2]);
      difference = std::max(difference, std::fabs(a - b) / std::max({1.0, std::fabs(a), std::fabs(b)}));
    }
    index_t const answers[] = {y[1] > y[0] ? 1 : 0, y[3] > y[2] ? 1 : 0};
    for (index_t const label : {0, 1}) {
      to.test.add(label, answers[label]);
      if (first.frames == most) to.longest.add(label, answers[label]);
    }
    ++to.pairs;
    to.same += answers[0] == answers[1] ? 1 : 0;
    to.equal += difference <= rounding ? 1 : 0;
    to.difference = std::max(to.difference, difference);
  }
}

/// What is to be trained: a row, and which of its runs.
struct job {
  study_row* row;
  std::size_t run;
};

}  // namespace

std::vector<double> study_row::accuracies() const {
  std::vector<double> result;
  for (study_run const& each : runs) result.push_back(each.accuracy());
  return result;
}

new_model study_model(study_setting const& setting, study_task const& task, index_t channels) {
  new_model model = setting.model;
  model.channels = channels;
  model.hidden = 2 * channels;
  model.classes = 2;
  model.project = task.project;
  return model;
}

bool train_once(study_task const& task, study_setting const& setting, study_fold const& fold,
                std::function<bool()> const& stop, study_run& to) {
  auto const seed = static_cast<std::uint64_t>(to.seed);
  trainee<float> model(study_model(setting, task, fold.data.channels), seed);
  if (setting.from_paper) begin_as_paper(model, fold.data.channels);
  training_options how;
  how.how.rate = 1e-3;
  how.how.weight_decay = 0.01;
  how.how.schedule = schedule_kind::constant;
  how.epochs = task.epochs;
  how.seed = seed;
  how.roll = setting.roll;
  trainer training(model, fold.data, fold.of, how);
  if (!training.run([](epoch_result const&) {}, stop)) return false;
  to.fold_name = fold.name;
  to.trained = static_cast<index_t>(fold.of.train.size());
  to.loss = training.epochs().back().loss;
  look_at_offsets(model, to);
  test_pairs(model, fold, to);
  return true;
}

bool run_study(std::vector<study_row>& rows, index_t threads, std::function<bool()> const& stop,
               std::function<void(study_task const&)> const& ended) {
  // All jobs of a fold one behind the other: each thread has one fold in memory.
  std::vector<job> jobs;
  for (std::size_t first = 0, last = 0; first < rows.size(); first = last) {
    study_task const& task = *rows[first].task;
    while (last < rows.size() && rows[last].task == &task) ++last;
    for (std::size_t r = first; r < last; ++r) rows[r].runs.resize(static_cast<std::size_t>(task.folds * task.seeds));
    for (index_t k = 0; k < task.folds; ++k) {
      for (std::size_t r = first; r < last; ++r) {
        for (index_t s = 0; s < task.seeds; ++s) {
          auto const at = static_cast<std::size_t>(k * task.seeds + s);
          rows[r].runs[at].fold = k;
          rows[r].runs[at].seed = s + 1;
          jobs.push_back({&rows[r], at});
        }
      }
    }
  }

  std::mutex one_at_a_time;
  std::size_t next = 0, done = 0;
  std::vector<bool> finished(jobs.size());
  std::exception_ptr error;
  progress bar(static_cast<double>(jobs.size()));
  auto const take = [&one_at_a_time, &next, &error, &jobs]() -> std::optional<std::size_t> {
    std::lock_guard const lock(one_at_a_time);
    if (error != nullptr || next == jobs.size()) return std::nullopt;
    return next++;
  };
  auto const end = [&](std::size_t i) {
    std::lock_guard const lock(one_at_a_time);
    finished[i] = true;
    for (; done < jobs.size() && finished[done]; ++done) {
      study_task const* const task = jobs[done].row->task;
      bar.at(static_cast<double>(done + 1));
      if (done + 1 == jobs.size() || jobs[done + 1].row->task != task) ended(*task);
    }
  };
  workers const exec(threads);
  exec(threads, [&take, &end, &stop, &jobs, &error, &one_at_a_time](index_t) noexcept {
    try {
      study_task const* of = nullptr;
      index_t number = -1;
      std::optional<study_fold> fold;
      while (auto const i = take()) {
        study_row const& row = *jobs[*i].row;
        study_run& to = jobs[*i].row->runs[jobs[*i].run];
        if (of != row.task || number != to.fold) {
          of = row.task;
          number = to.fold;
          fold = of->fold(number);
        }
        if (stop() || !train_once(*of, *row.setting, *fold, stop, to)) return;
        end(*i);
      }
    } catch (...) {
      std::lock_guard const lock(one_at_a_time);
      if (error == nullptr) error = std::current_exception();
    }
  });
  if (error != nullptr) std::rethrow_exception(error);
  return done == jobs.size();
}

}  // namespace ser
