// SPDX-License-Identifier: MIT
#include "run_folder.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <system_error>

#include "error.hpp"
#include "svg.hpp"
#include "text_file.hpp"

namespace ser {
namespace {

namespace fs = std::filesystem;

void make_folder(fs::path const& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) throw ser_error(one_line(path.string()) + ": " + error.message());
}

std::string row(std::string const& name, index_t samples, scores const& of) {
  std::string text;
  append(text, "%-24s %7td %8.1f %8.1f %8.1f\n", one_line(name).substr(0, 24).c_str(), samples, 100 * of.wa,
         100 * of.ua, 100 * of.f1);
  return text;
}

}  // namespace

run_results::one& run_results::of(std::string const& fold) {
  for (one& each : folds_) {
    if (each.fold == fold) return each;
  }
  folds_.emplace_back();
  folds_.back().fold = fold;
  return folds_.back();
}

void run_results::set_epochs(std::string const& fold, std::vector<epoch_result> const& epochs) {
  of(fold).epochs = epochs;
}

void run_results::add(std::string const& fold, index_t best_epoch, std::vector<epoch_result> const& epochs,
                      confusion const& test, bool as_released) {
  one& to = of(fold);
  to.best_epoch = best_epoch;
  to.epochs = epochs;
  to.test = test;
  as_released_ = as_released;
  to.of_test = scores(test);
  for (epoch_result const& e : epochs) {
    if (!as_released) break;
    to.of_test.wa = std::max(to.of_test.wa, e.dev_wa);
    to.of_test.ua = std::max(to.of_test.ua, e.dev_ua);
    to.of_test.f1 = std::max(to.of_test.f1, e.dev_f1);
  }
  to.tested = true;
}

confusion run_results::pooled() const {
  confusion sum(static_cast<index_t>(labels_.size()));
  for (one const& each : folds_) {
    if (each.tested) sum.add(each.test);
  }
  return sum;
}

std::string run_results::table() const {
  std::string text =
      as_released_ ? "\nAs released: the test group chose the epoch, for each metric its own. No honest score.\n" : "";
  text += "\nfold                     samples     WA %     UA %     F1 %\n";
  std::vector<double> wa, ua, f1;
  for (one const& each : folds_) {
    if (!each.tested) continue;
    text += row(each.fold, each.test.all(), each.of_test);
    wa.push_back(each.of_test.wa);
    ua.push_back(each.of_test.ua);
    f1.push_back(each.of_test.f1);
  }
  text += row("pooled", pooled().all(), scores(pooled()));
  append(text, "%-32s %8.1f %8.1f %8.1f\n%-32s %8.1f %8.1f %8.1f\n\n", "mean", 100 * spread(wa).mean,
         100 * spread(ua).mean, 100 * spread(f1).mean, "+-", 100 * spread(wa).deviation, 100 * spread(ua).deviation,
         100 * spread(f1).deviation);
  return text + confusion_text(pooled(), labels_) + "\n" + metric_words + "\n";
}

std::string run_results::log() const {
  std::string text;
  for (one const& each : folds_) {
    for (epoch_result const& e : each.epochs) {
      nlohmann::ordered_json const line{
          {"fold", utf8(each.fold)},  {"epoch", e.epoch},         {"step", e.step},          {"loss", e.loss},
          {"grad_norm", e.grad_norm}, {"learning_rate", e.rate},  {"eval_loss", e.dev_loss}, {"eval_wa", e.dev_wa},
          {"eval_ua", e.dev_ua},      {"eval_macro_f1", e.dev_f1}};
      text += line.dump() + "\n";
    }
  }
  return text;
}

std::string run_results::summary() const {
  std::string text = "fold,samples,best_epoch,wa,ua,macro_f1\n";
  auto const add = [&text](std::string const& name, std::string const& epoch, index_t samples, scores const& of) {
    text += quoted(name);
    append(text, ",%td,%s,%.6f,%.6f,%.6f\n", samples, epoch.c_str(), of.wa, of.ua, of.f1);
  };
  for (one const& each : folds_) {
    if (each.tested) add(each.fold, std::to_string(each.best_epoch), each.test.all(), each.of_test);
  }
  add("pooled", "", pooled().all(), scores(pooled()));
  return text;
}

std::string run_results::curves() const {
  chart loss{"Training loss", "epoch", {}}, chosen{"UA of the samples that choose the epoch, %", "epoch", {}},
      rate{"Learning rate of an epoch's last step", "epoch", {}};
  for (one const& each : folds_) {
    std::string const name = "fold " + each.fold;
    curve a{name, {}}, b{name, {}}, c{name, {}};
    for (epoch_result const& e : each.epochs) {
      auto const at = static_cast<double>(e.epoch);
      a.points.emplace_back(at, e.loss);
      b.points.emplace_back(at, 100 * e.dev_ua);
      c.points.emplace_back(at, e.rate);
    }
    loss.curves.push_back(std::move(a));
    chosen.curves.push_back(std::move(b));
    if (rate.curves.empty()) {
      c.name = "all folds";
      rate.curves.push_back(std::move(c));
    }
  }
  return charts_svg({loss, chosen, rate});
}

std::string run_results::confusion_matrix() const { return confusion_svg(pooled(), labels_, "All folds together"); }

run_folder::run_folder(std::string path, std::string const& config, std::string const& options, bool resume)
    : path_(std::move(path)) {
  if (path_.empty()) {
    if (resume) throw usage_error("--resume needs --run");
    return;
  }
  make_folder(path_);
  fs::path const file = fs::path(path_) / "config.json";
  if (std::ifstream old(file); old) {
    std::string const before{std::istreambuf_iterator<char>(old), {}};
    if (!resume) throw ser_error(one_line(path_) + " holds a training; --resume goes on with it");
    if (before != config + "\n") {
      throw ser_error(one_line(path_) + " holds a training of another configuration or of other data");
    }
  }
  write_text(file.string(), config + "\n");
  write_text((fs::path(path_) / "options.ini").string(), options);
}

std::string fold_folder(std::string const& name) {
  std::string safe = "fold-";
  for (char const c : name) safe += std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' ? c : '_';
  return safe;
}

std::string run_folder::of_fold(std::string const& name) const {
  if (path_.empty()) return "";
  fs::path const folder = fs::path(path_) / fold_folder(name);
  make_folder(folder);
  return folder.string();
}

void run_folder::write(run_results const& results) const {
  if (path_.empty()) return;
  auto const in = [this](char const* name) { return (fs::path(path_) / name).string(); };
  write_text(in("log.jsonl"), results.log());
  write_text(in("summary.csv"), results.summary());
  write_text(in("curves.svg"), results.curves());
  if (results.pooled().all() > 0) write_text(in("confusion.svg"), results.confusion_matrix());
}

void run_folder::write_fold(std::string const& name, confusion const& test,
                            std::vector<std::string> const& labels) const {
  if (path_.empty()) return;
  write_text((fs::path(of_fold(name)) / "confusion.svg").string(), confusion_svg(test, labels, "Fold " + name));
}

}  // namespace ser
