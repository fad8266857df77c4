// SPDX-License-Identifier: MIT
#include "train.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <tshift/io/files.hpp>
#include <utility>
#include <vector>

#include "error.hpp"
#include "folds.hpp"
#include "interrupts.hpp"
#include "metrics.hpp"
#include "options_file.hpp"
#include "progress.hpp"
#include "replay.hpp"
#include "run_folder.hpp"
#include "svg.hpp"
#include "upstream.hpp"

namespace ser {
namespace {

constexpr char const* details =
    "DATA is a folder with a folder of sounds for each label; a manifest (.csv or .jsonl with path, label, and a column of\n"
    "speakers or sessions, see --group); or a .safetensors file with x [N, T, D], labels [N], and perhaps lengths and\n"
    "groups [N]. Of sounds log-mel features are made, as `ser features` makes them.\n"
    "\n"
    "Each group is left out once and tested; the next one in order chooses the epoch, by UA; all others train. RUN gets\n"
    "config.json, options.ini (for --options), log.jsonl, summary.csv, curves.svg, confusion.svg, and for each fold\n"
    "last.safetensors, from which --resume goes on, and best.safetensors, which `ser evaluate`, `ser classify` and PyTorch\n"
    "read. Ctrl-C ends the step, saves, and stops; once more stops at once.\n"
    "\n";

/// "12 s", "3 min 20 s", "2 h 5 min"
std::string shown_time(double seconds) {
  auto const whole = static_cast<long>(std::lround(std::max(0.0, std::min(seconds, 1e9))));
  std::string text;
  if (whole < 60) {
    append(text, "%ld s", whole);
  } else if (whole < 3600) {
    append(text, "%ld min %ld s", whole / 60, whole % 60);
  } else {
    append(text, "%ld h %ld min", whole / 3600, whole / 60 % 60);
  }
  return text;
}

}  // namespace

train_command::train_command(CLI::App& program)
    : command_(*program.add_subcommand("train", "A model from labelled sounds or features")), front_end_(command_),
      form_(command_) {
  command_.footer(std::string(details) + model_details + "\n\n" + image_model_details);
  command_.get_formatter()->column_width(36);
  command_.add_option("--options", options_, "Options as a file, NAME = VALUE a line; the command line wins")
      ->type_name("FILE");
  data_.add_to(command_);
  command_.add_option("--run", run_, "The folder of this training")->type_name("RUN");
  command_.add_flag("--resume", resume_, "Goes on where RUN was left");
  command_.add_flag("--quiet", quiet_, "Prints the result alone");
  model_.add_to(command_);
  command_
      .add_option(
          "--weights", words_.weights,
          "Begins with these, in place of random ones: a file, or the folder of a\ntraining of the same folds, of which each goes on with its own")
      ->type_name("W");
  add_model_options(command_, words_);
  add_image_words(command_, words_.images);
  transfer_.add_to(command_);
  add_recipe_options(command_, how_.how);
  add_count(command_, "--epochs", how_.epochs, 1, "Over the training samples (20)");
  add_count(command_, "--batch", how_.batch, 1, "Sequences of a step (32)");
  add_count(command_, "--crop", how_.crop, 1, "Frames that longer samples are cut to, at random while training");
  add_count(command_, "--roll", how_.roll, 1, "While training each sample is rolled by up to so many frames");
  command_.add_flag("--spec-augment", changes_.masks, "Masks spans of frames and channels while training");
  command_.add_option("--dropout", changes_.dropout, "Of the features while training (0)")
      ->type_name("P")
      ->check(CLI::Range(0.0, 0.999));
  add_count(command_, "--patience", how_.patience, 1, "Epochs without a better UA after which a fold ends");
  command_.add_option("--seed", how_.seed, "Of values, order and cuts (42)")->type_name("N");
  add_count(command_, "--fine-tune", fine_tune_, 1, "So many of the encoder's upper layers are trained as well");
  command_.add_option("--encoder-rate", encoder_rate_, "Factor of the learning rate for those (0.1)")
      ->type_name("X")
      ->check(CLI::Range(0.0, 1000.0));
  command_
      .add_option("--encoder-dropout", encoder_dropout_,
                  "Inside those while training, where their recipes have it (0.1)")
      ->type_name("P")
      ->check(CLI::Range(0.0, 0.999));
  add_count(command_, "--threads", threads_, 1, "That compute; no result depends on it (1)");
  add_count(command_, "--folds", folds_, 2, "Folds by chance, where no groups are known");
  command_.add_flag("--no-dev", no_dev_, "No group chooses the epoch: the last one is tested");
  command_.add_flag("--as-released", as_released_,
                    "ShiftSER's own protocol: nothing is shuffled, the rate is as-released,\n"
                    "and the test group chooses the epoch, for each metric its own");
  command_
      .add_option("--replay", replay_,
                  "In place of all this, one step of W for each batch of FILE: x [S, N, T, D],\n"
                  "labels [S, N]; --output gets loss, grad_norm, lr [S] and after.NAME")
      ->type_name("FILE");
  command_.add_option("--output", words_.output, "Of --replay")->type_name("OUT");
  command_.add_option("--tensor", words_.tensor, "What x is called in FILE (x)")->type_name("NAME");
  command_.add_flag("--lengths", words_.lengths, "FILE has lengths [S, N]");
}

void train_command::run() const {
  transfer_.check();
  if (replay_.empty()) return train();
  if (words_.weights.empty() || words_.output.empty()) throw usage_error("--replay needs --weights and --output");
  if (!data_.data.empty() || !run_.empty()) throw usage_error("--replay takes neither --data nor --run");
  replay(words_, how_.how, transfer_, replay_);
}

void train_command::report(epoch_result const& e, double seconds_left) const {
  if (quiet_) return;
  std::string chosen;
  if (!no_dev_ && transfer_.features_alone()) append(chosen, ", dev distance %.4f", e.dev_loss);
  if (!no_dev_ && !transfer_.features_alone())
    append(chosen, ", dev loss %.4f UA %.1f %% WA %.1f %%", e.dev_loss, 100 * e.dev_ua, 100 * e.dev_wa);
  std::printf("  epoch %td: loss %.4f%s; %s left\n", e.epoch, e.loss, chosen.c_str(), shown_time(seconds_left).c_str());
  std::fflush(stdout);
}

void train_command::train() const {
  if (data_.data.empty()) throw usage_error("--data is required");
  if (as_released_ && no_dev_) throw usage_error("--as-released and --no-dev contradict each other");
  if (as_released_ && transfer_.given()) throw usage_error("--as-released and --teacher contradict each other");
  if (std::string const name = model_.first_of_images(); !name.empty() && !words_.weights.empty()) {
    throw usage_error(name + ": --weights has its own sizes");
  }
  std::unique_ptr<upstream> kept;
  if (!data_.encoder.empty()) kept = std::make_unique<upstream>(data_, fine_tune_, encoder_rate_, encoder_dropout_);
  upstream const* const encoder = kept.get();
  if (encoder == nullptr && fine_tune_ > 0) throw usage_error("--fine-tune needs --encoder");
  if (encoder != nullptr && !words_.weights.empty()) throw usage_error("--weights and --encoder contradict each other");
  dataset const data = read_dataset(encoder != nullptr ? encoder->data() : data_from(), front_end_, &form_);
  training_options how = how_;
  std::vector<fold> folds = make_folds(data, folds_, !no_dev_ && !as_released_, how.seed);
  if (as_released_) {
    how.shuffles = false;
    how.how.schedule = schedule_kind::as_released;
    for (fold& each : folds) each.of.dev = each.of.test;
  }
  how.transfer = transfer_.plan();
  std::string const said = config(data, encoder, folds);
  run_folder const folder(run_, said, options_text(command_, {"--run", "--resume", "--quiet", "--options"}), resume_);
  if (!quiet_) std::printf("%s\n", data.description.c_str());
  for (fold const& each : folds) {
    for (std::string const& sentence : overlaps(data, each)) {
      std::fprintf(stderr, "ser: warning: %s.\n", sentence.c_str());
    }
  }
  polite_interrupts const interrupts;
  run_results results(data.labels);
  for (std::size_t k = 0; k < folds.size(); ++k) {
    fold const& each = folds[k];
    auto const model = make_model(data, encoder, each.name);
    std::unique_ptr<teacher<float>> from;
    if (transfer_.given()) {
      from = transfer_.open<float>(each.name);
      from->set_threads(threads_);
      from->check(*model);
      how.transfer.from = from.get();
    }
    trainer one(*model, data, each.of, how, folder.of_fold(each.name), said, about(model->choice()));
    if (encoder != nullptr) {
      one.save_as([&](std::span<float const> values) {
        return encoder->tensors(model->table(), values, model_.is_shiftser());
      });
      if (!run_.empty()) encoder->copy_configs(folder.of_fold(each.name));
    }
    bool const resumed = resume_ && one.resume();
    if (!quiet_) {
      std::printf("fold %s (%zu of %zu): %zu to train, %zu to choose, %zu to test%s\n", one_line(each.name).c_str(),
                  k + 1, folds.size(), each.of.train.size(), each.of.dev.size(), each.of.test.size(),
                  resumed ? (", from epoch " + std::to_string(one.epochs().size() + 1)).c_str() : "");
    }
    auto const began = std::chrono::steady_clock::now();
    std::size_t const before = one.epochs().size();
    progress bar(static_cast<double>(one.steps()));
    auto const ended = [&](epoch_result const& e) {
      results.set_epochs(each.name, one.epochs());
      folder.write(results);
      double const seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
      auto const left =
          static_cast<double>((how.epochs - e.epoch) + how.epochs * static_cast<index_t>(folds.size() - k - 1));
      bar.clear();
      report(e, seconds / static_cast<double>(one.epochs().size() - before) * left);
    };
    auto const stop = [&] {
      bar.at(static_cast<double>(one.steps_done()), "steps");
      return interrupted != 0;
    };
    bool const whole = one.run(ended, stop);
    bar.clear();
    if (!whole) {
      throw ser_error("stopped in fold " + one_line(each.name) +
                      (run_.empty() ? "; without --run nothing is kept" : "; the same command with --resume goes on"));
    }
    std::ranges::copy(one.best(), model->values().begin());
    model->pack();
    confusion matrix(model->classes());
    one.evaluate(each.of.test, matrix);
    results.add(each.name, one.best_epoch(), one.epochs(), matrix, as_released_);
    folder.write(results);
    folder.write_fold(each.name, matrix, data.labels);
  }
  std::fputs(results.table().c_str(), stdout);
  if (transfer_.features_alone()) {
    std::printf("The labels were not learned: WA, UA and F1 are those of a head as it began.\n");
  }
  if (!run_.empty()) std::printf("\n%s holds the run\n", one_line(run_).c_str());
}

}  // namespace ser
