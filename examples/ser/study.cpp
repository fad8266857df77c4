// SPDX-License-Identifier: MIT
#include "study.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>
#include <thread>
#include <tshift/version.hpp>
#include <utility>
#include <xsimd/xsimd.hpp>

#include "error.hpp"
#include "interrupts.hpp"
#include "new_model_options.hpp"
#include "study_ablation.hpp"
#include "study_report.hpp"
#include "text_file.hpp"

namespace ser {
namespace {

namespace fs = std::filesystem;

constexpr char const* details =
    "Trains small models with and without a shift, and prints what was predicted beside what came out:\n"
    "\n"
    "  direction  is speech played forwards or backwards? Prompts of Debian's asterisk-core-sounds-*-wav; each voice\n"
    "             is left out once, and so is its speaker in other languages\n"
    "  order-D    which of two events, D = 1, 2, 3 or 5 frames apart, came first? Synthetic\n"
    "\n"
    "Settings: nN moves 1/N of the channels per direction, by one frame, in two directions, on both paths of a block;\n"
    "-delay, -skip, -branch and -stride2 change that.\n"
    "\n"
    "--crnn and --vit leave out the parts of a CRNN, and of a vertical-patch ViT and its teacher, one by one:\n"
    "\n"
    "  direction  as above\n"
    "  voices     which voice, and forwards or backwards? Of prompts that were not trained on\n"
    "\n"
    "and say of each part whether it shows: whether its difference over speakers or prompts is larger than one of a\n"
    "hundred would be by chance.\n"
    "\n"
    "Each training has a fixed number of epochs and is tested once. --only takes direction, order, order-3, voices,\n"
    "or one setting of them, direction/n4. --write needs a folder, and puts study.csv and pictures there, with --crnn\n"
    "study_crnn.csv, with --vit study_vit.csv; the tables go into its study.md, study_crnn.md or study_vit.md,\n"
    "between the lines that name them. Ctrl-C ends the step and stops.\n";

constexpr std::array<index_t, 4> distances{1, 2, 3, 5};

/// Everything that a file holds; nothing where there is none.
std::string text_of(fs::path const& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string today() {
  std::time_t const now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 16> text{};
  (void)std::strftime(text.data(), text.size(), "%Y-%m-%d", &parts);
  return text.data();
}

/// As Linux calls it.
std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return one_line(line.substr(line.find(':') + 2));
  }
  return "unknown";
}

std::string compiler() {
#ifdef __clang__
  return "clang " __clang_version__;
#else
  return "g++ " __VERSION__;
#endif
}

/// Of all settings those that a task is trained with.
void append_rows(std::vector<study_row>& rows, study_task const& task,
                 std::vector<study_setting const*> const& settings) {
  for (study_setting const* const setting : settings) {
    new_model const model = study_model(*setting, task, 64, 2);
    rows.push_back({&task, setting, predicted(*setting, model, task.distance), {}});
  }
}

std::string order_name(index_t distance) { return "order-" + std::to_string(distance); }

}  // namespace

study_command::study_command(CLI::App& program)
    : command_(*program.add_subcommand("study", "What a shift brings, from Debian's packages alone")) {
  command_.footer(details);
  command_.get_formatter()->column_width(36);
  command_.add_flag("--crnn", crnn_, "The parts of a CRNN in place of a shift");
  command_.add_flag("--vit", vit_, "Those of a vertical-patch ViT");
  command_.add_flag("--quick", quick_, "Fewer settings, two folds, one seed: minutes");
  command_.add_option("--only", only_, "These tasks or settings; may be given several times")
      ->type_name("TASK[/SETTING]")
      ->allow_extra_args(false);
  add_count(command_, "--folds", folds_, 1, "Of each task, the first ones (5)");
  add_count(command_, "--seeds", seeds_, 1, "Trainings of each fold (direction 5, order 1; --crnn, --vit 1)");
  add_count(command_, "--epochs", epochs_, 1, "Of each training (direction 4, order 15; --crnn 4, --vit 2)");
  add_count(command_, "--pairs", pairs_, 1, "Of events that are trained on (800)");
  threads_ = std::max<index_t>(1, std::thread::hardware_concurrency());
  add_count(command_, "--threads", threads_, 1, "Trainings at a time; no result depends on it (all there are)");
  command_.add_option("--sounds", sounds_, "Where the voices are (" + sounds_ + ")")->type_name("FOLDER");
  command_.add_option("--write", folder_, "A folder for tables and pictures")->type_name("FOLDER");
}

bool study_command::is_wanted(std::string const& task, study_setting const& setting) const {
  if (quick_ && !setting.quick) return false;
  return only_.empty() || std::ranges::any_of(only_, [&task, &setting](std::string const& asked) {
           std::size_t const slash = asked.find('/');
           std::string const of = asked.substr(0, slash);
           bool const fits = of == task || (of == "order" && task.starts_with("order-"));
           return fits && (slash == std::string::npos || asked.substr(slash + 1) == setting.name);
         });
}

study_form study_command::form() const {
  if (crnn_ && vit_) throw usage_error("--crnn and --vit are two studies");
  if (!crnn_ && !vit_) return shift_study();
  if (command_.count("--pairs") > 0) throw usage_error("--pairs are of events, and --crnn and --vit have none");
  study_form result = crnn_ ? crnn_study() : vit_study();
  if (quick_) {
    result.prompts = 48;
    result.epochs = 8;
  }
  return result;
}

study_task study_command::events_task(index_t distance) const {
  study_task task{order_name(distance), distance};
  task.folds = folds_ > 0 ? folds_ : quick_ ? 2 : 5;
  task.seeds = seeds_ > 0 ? seeds_ : 1;  // each fold has events of its own
  task.epochs = epochs_ > 0 ? epochs_ : 15;
  task.fold = [distance, pairs = pairs_](index_t fold) { return make_events(distance, fold, pairs); };
  return task;
}

study_task study_command::spoken_task(std::string const& name, study_form const& form,
                                      spoken_sounds const& sounds) const {
  study_task task{name};
  task.project = true;
  task.seeds = seeds_ > 0 ? seeds_ : quick_ ? 1 : form.seeds;
  task.epochs = epochs_ > 0 ? epochs_ : form.epochs;
  task.batch = form.batch;
  task.rate = form.rate;
  if (name == "direction") {
    task.folds = std::min(sounds.voices(), folds_ > 0 ? folds_ : quick_ ? 2 : sounds.voices());
    task.fold = [&sounds](index_t fold) { return sounds.fold(fold); };
  } else {
    constexpr index_t parts = 5;
    task.folds = std::min(parts, folds_ > 0 ? folds_ : quick_ ? 2 : parts);
    task.fold = [&sounds](index_t fold) { return sounds.fold_of_prompts(fold, parts); };
  }
  return task;
}

std::string study_command::facts(std::vector<study_row> const& rows, std::string const& sounds, double seconds) const {
  std::string command = "bash cmake/run.sh study";
  for (CLI::Option const* const each : command_.get_options()) {
    std::string const name = each->get_name();
    if (each->count() == 0 || name == "--write" || name == "--sounds" || name == "--threads") continue;
    for (std::string const& value : each->results()) {
      command += " " + name;
      if (each->get_items_expected_max() > 0) command += " " + one_line(value);
    }
  }
  std::size_t trainings = 0;
  for (study_row const& row : rows) trainings += row.runs.size();
  std::string text = "| | |\n|---|---|\n";
  auto const add = [&text](char const* name, std::string const& value) {
    text += std::string("| ") + name + " | " + value + " |\n";
  };
  if (!sounds.empty()) add("recordings", sounds);
  add("trainings", std::to_string(trainings) + ", in " + std::to_string(static_cast<long>(seconds / 60)) + " minutes");
  add("processor", processor() + ", " + std::to_string(threads_) + (threads_ == 1 ? " thread" : " threads"));
  add("compiler", compiler() + ", for " + xsimd::default_arch::name());
  add("tshift", std::to_string(TSHIFT_VERSION_MAJOR) + "." + std::to_string(TSHIFT_VERSION_MINOR) + "." +
                    std::to_string(TSHIFT_VERSION_PATCH));
  add("date", today());
  add("command", "`" + command + "`");
  return text;
}

std::string study_command::page_of(study_form const& form, std::vector<study_row> const& rows,
                                   std::string const& about) const {
  auto tables = form.is_ablation() ? ablation_tables(form, rows) : study_tables(rows);
  if (form.is_ablation()) tables["chance"] = chance_table(rows);
  tables["facts"] = about;
  return study_page(text_of(fs::path(folder_) / (form.name + ".md")), tables);
}

void study_command::write(study_form const& form, std::vector<study_row> const& rows, std::string const& about) const {
  auto const put = [this](std::string const& name, std::string const& text) {
    write_text((fs::path(folder_) / name).string(), text);
  };
  std::string const page = page_of(form, rows, about);
  put(form.name + ".csv", study_csv(rows));
  if (form.is_ablation()) put(form.name + ".svg", ablation_svg(form, rows));
  for (study_row const& row : rows) {
    if (form.is_ablation() || row.task->distance > 0) continue;
    if (row.setting->name != "none" && row.setting->name != "n4") continue;
    confusion sum(2);
    for (study_run const& run : row.runs) sum.add(run.test);
    put("study_" + row.setting->name + ".svg", confusion_svg(sum, {"forwards", "backwards"}, row.setting->words));
  }
  if (!form.is_ablation()) {
    if (rows.front().task->distance > 0) put("study_order.svg", events_svg(rows));
    if (rows.back().task->distance == 0) put("study_direction.svg", direction_svg(rows));
  }
  put(form.name + ".md", page);
}

void study_command::run() const {
  study_form const form = this->form();
  if (!folder_.empty() && !fs::is_directory(folder_)) {
    throw ser_error("--write: there is no folder " + one_line(folder_));
  }
  auto const began = std::chrono::steady_clock::now();
  polite_interrupts const interrupts;
  auto const stop = [] { return interrupted != 0; };
  auto const chosen = [this, &form](std::string const& task) {
    std::vector<study_setting const*> result;
    for (study_setting const& each : form.settings) {
      if (is_wanted(task, each)) result.push_back(&each);
    }
    return result;
  };

  std::optional<spoken_sounds> sounds;
  std::deque<study_task> tasks;  // rows point to them
  std::vector<study_row> rows;
  for (index_t const distance : distances) {
    auto const asked = chosen(order_name(distance));
    if (asked.empty() || form.is_ablation()) continue;
    append_rows(rows, tasks.emplace_back(events_task(distance)), asked);
  }
  for (char const* const name : {"direction", "voices"}) {
    auto const asked = chosen(name);
    if (asked.empty() || (std::string_view(name) == "voices" && !form.is_ablation())) continue;
    if (!sounds) sounds.emplace(sounds_, form.bands, form.prompts, stop);
    append_rows(rows, tasks.emplace_back(spoken_task(name, form, *sounds)), asked);
  }
  if (rows.empty()) throw usage_error("--only leaves nothing: no task, or none of its settings, is called so");
  std::string const said = sounds ? sounds->description() : "";
  if (sounds) std::printf("recordings: %s\n", said.c_str());
  if (!folder_.empty()) (void)page_of(form, rows, "");  // what it refuses should not wait for the results

  std::fputs(study_head().c_str(), stdout);
  std::fflush(stdout);
  auto const ended = [&rows](study_task const& task) {
    if (::isatty(2) == 1) std::fputs("\r\033[K", stderr);  // where the bar stands
    for (study_row const& row : rows) {
      if (row.task == &task) std::fputs(study_line(row).c_str(), stdout);
    }
    std::fflush(stdout);
  };
  bool const whole = !stop() && run_study(rows, threads_, stop, ended);
  if (!whole) {
    throw ser_error("stopped; what was printed is done" + std::string(folder_.empty() ? "" : ", nothing is written"));
  }
  std::fputs(ablation_lines(form, rows).c_str(), stdout);
  double const seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  if (!folder_.empty()) write(form, rows, facts(rows, said, seconds));
}

}  // namespace ser
