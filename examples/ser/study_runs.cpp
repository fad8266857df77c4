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
#include <tshift/weights/state_reader.hpp>

#include "progress.hpp"
#include "teacher.hpp"
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
  to.test = to.longest = confusion(model.classes());
  dataset const& data = fold.data;
  auto const classes = static_cast<std::size_t>(model.classes());
  std::vector<float> y(2 * classes);
  index_t most = 0;
  for (index_t const i : fold.of.test) most = std::max(most, data.samples[static_cast<std::size_t>(i)].frames);
  for (std::size_t i = 0; i < fold.of.test.size(); i += 2) {
    sample const& first = data.samples[static_cast<std::size_t>(fold.of.test[i])];
    tshift::tensor_view<float const> const both(data.features_of(first).data(), {2, first.frames, data.channels});
    model.forward(both, y);
    double difference = 0;
    for (std::size_t k = 0; k < classes; ++k) {
      auto const a = static_cast<double>(y[k]), b = static_cast<double>(y[k + classes]);
      difference = std::max(difference, std::fabs(a - b) / std::max({1.0, std::fabs(a), std::fabs(b)}));
    }
    std::array<index_t, 2> answers{};
    for (std::size_t which = 0; which < 2; ++which) {
      auto const logits = std::span(y).subspan(which * classes, classes);
      answers[which] = std::ranges::max_element(logits) - logits.begin();
      index_t const label = first.label + static_cast<index_t>(which);
      to.test.add(label, answers[which]);
      if (first.frames == most) to.longest.add(label, answers[which]);
    }
    ++to.pairs;
    to.same += answers[0] == answers[1] ? 1 : 0;
    to.equal += difference <= rounding ? 1 : 0;
    to.difference = std::max(to.difference, difference);
  }
}

/// The share of answers that are right in what `of` says of a label, in per cent.
template <class Of>
double right(confusion const& test, Of const& of) {
  index_t sum = 0;
  for (index_t label = 0; label < test.classes(); ++label) {
    for (index_t answer = 0; answer < test.classes(); ++answer) {
      if (of(label) == of(answer)) sum += test.count(label, answer);
    }
  }
  return 100 * static_cast<double>(sum) / static_cast<double>(test.all());
}

/// What is to be trained: a row, and which of its runs.
struct job {
  study_row* row;
  std::size_t run;
};

}  // namespace

double study_run::direction() const {
  return right(test, [](index_t label) { return label % 2; });
}
double study_run::voice() const {
  return right(test, [](index_t label) { return label / 2; });
}

std::vector<double> study_row::values(double (study_run::*of)() const) const {
  std::vector<double> result;
  for (study_run const& each : runs) result.push_back((each.*of)());
  return result;
}

new_model study_model(study_setting const& setting, study_task const& task, index_t channels, index_t classes) {
  new_model model = setting.model;
  model.channels = channels;
  model.classes = classes;
  if (is_of_images(model.kind)) return model;
  model.hidden = 2 * channels;
  model.project = task.project;
  return model;
}

study_teacher const* study_teachers::of(study_task const& task, study_setting const& setting, study_run const& run,
                                        std::function<bool(study_teacher&)> const& train) {
  std::unique_lock all(lock_);
  std::unique_ptr<place>& found = all_[{task.name, setting.name, run.fold, run.seed}];
  if (found == nullptr) found = std::make_unique<place>();
  place& it = *found;
  all.unlock();
  std::lock_guard const own(it.lock);
  if (!it.done) it.done = train(it.made);
  return it.done ? &it.made : nullptr;
}

namespace {

/// All stages of a training, and the test.
/// @param from  null: nobody
bool train_and_test(study_task const& task, study_setting const& setting, study_fold const& fold, trainee<float>& model,
                    study_teacher const* from, std::function<bool()> const& stop, study_run& to) {
  std::optional<teacher<float>> taught_by;
  if (from != nullptr) {
    model_options words;
    words.images = setting.teacher->model.images;
    taught_by.emplace(from->weights, words);
    taught_by->check(model);
  }
  auto stages = setting.stages;
  if (stages.empty()) stages = {train::transfer_options::of_classes()};
  for (train::transfer_options const& losses : stages) {
    training_options how;
    how.how.rate = task.rate;
    how.how.weight_decay = 0.01;
    how.how.schedule = setting.schedule;
    how.epochs = task.epochs * setting.more;
    how.batch = task.batch;
    how.seed = static_cast<std::uint64_t>(to.seed);
    how.roll = setting.roll;
    if (losses.features > 0) how.transfer = {&*taught_by, losses.classes, losses.features};
    trainer training(model, fold.data, fold.of, how);
    if (!training.run([](epoch_result const&) {}, stop)) return false;
    to.loss = training.epochs().back().loss;
  }
  if (setting.borrows) {
    tshift::weights::state_reader<float> reader("study", from->weights);
    for (train::parameter const& p : model.table()) {
      if (!p.name.starts_with("mlp_head.")) continue;
      reader.take(p.name, std::span<index_t const>(p.shape)).copy_to(model.values().data() + p.offset, 0, p.size);
    }
    model.pack();
  }
  to.fold_name = fold.name;
  to.trained = static_cast<index_t>(fold.of.train.size());
  look_at_offsets(model, to);
  test_pairs(model, fold, to);
  return true;
}

tshift::weights::state_dict weights_of(trainee<float>& model) {
  tshift::weights::state_dict result("the teacher");
  for (train::parameter const& p : model.table()) {
    auto const values = model.values().subspan(static_cast<std::size_t>(p.offset), static_cast<std::size_t>(p.size));
    result.add_owned(p.name, p.shape, std::vector<float>(values.begin(), values.end()));
  }
  return result;
}

}  // namespace

bool train_once(study_task const& task, study_setting const& setting, study_fold const& fold, study_teachers& teachers,
                std::function<bool()> const& stop, study_run& to) {
  auto const seed = static_cast<std::uint64_t>(to.seed);
  std::optional<study_fold> made;
  if (setting.reads != study_features::plain) made = reading(fold, setting.reads);
  study_fold const& read = made ? *made : fold;
  auto const model_of = [&task, &read](study_setting const& of) {
    return study_model(of, task, read.data.channels, static_cast<index_t>(read.data.labels.size()));
  };
  study_teacher const* from = nullptr;
  if (study_setting const* const source = setting.teaches ? &setting : setting.teacher.get(); source != nullptr) {
    from = teachers.of(task, *source, to, [&](study_teacher& result) {
      trainee<float> model(model_of(*source), seed, source->changes);
      result.run = to;
      bool const whole = train_and_test(task, *source, read, model, nullptr, stop, result.run);
      result.weights = weights_of(model);
      return whole;
    });
    if (from == nullptr) return false;
  }
  if (setting.teaches) {
    to = from->run;
    return true;
  }
  trainee<float> model(model_of(setting), seed, setting.changes);
  if (setting.from_paper) begin_as_paper(model, read.data.channels);
  return train_and_test(task, setting, read, model, from, stop, to);
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
  study_teachers teachers;
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
  exec(threads, [&take, &end, &stop, &jobs, &error, &one_at_a_time, &teachers](index_t) noexcept {
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
        if (stop() || !train_once(*of, *row.setting, *fold, teachers, stop, to)) return;
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
