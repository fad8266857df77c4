// SPDX-License-Identifier: MIT
#include "study.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <thread>
#include <tshift/version.hpp>
#include <utility>
#include <xsimd/xsimd.hpp>

#include "error.hpp"
#include "interrupts.hpp"
#include "new_model_options.hpp"
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
    "Each training has a fixed number of epochs and is tested once. --only takes direction, order, order-3, or one\n"
    "setting of them, direction/n4. --write needs a folder, and puts study.csv and pictures there; the tables go into\n"
    "its study.md, between the lines that name them. Ctrl-C ends the step and stops.\n"
    "\n"
    "Settings: nN moves 1/N of the channels per direction, by one frame, in two directions, on both paths of a block;\n"
    "-delay, -skip, -branch and -stride2 change that.\n";

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
    new_model const model = study_model(*setting, task, 64);
    rows.push_back({&task, setting, predicted(model, task.distance), {}});
  }
}

std::string order_name(index_t distance) { return "order-" + std::to_string(distance); }

}  // namespace

study_command::study_command(CLI::App& program)
    : command_(*program.add_subcommand("study", "What a shift brings, from Debian's packages alone")) {
  command_.footer(details);
  command_.get_formatter()->column_width(36);
  command_.add_flag("--quick", quick_, "Fewer settings, two folds, one seed: minutes");
  command_.add_option("--only", only_, "These tasks or settings; may be given several times")
      ->type_name("TASK[/SETTING]")
      ->allow_extra_args(false);
  add_count(command_, "--folds", folds_, 1, "Of each task, the first ones (5)");
  add_count(command_, "--seeds", seeds_, 1, "Trainings of each fold (direction 5, order 1)");
  add_count(command_, "--epochs", epochs_, 1, "Of each training (direction 4, order 15)");
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

std::vector<study_task> study_command::events_tasks() const {
  std::vector<study_task> tasks;
  for (index_t const distance : distances) {
    study_task task{order_name(distance), distance};
    task.folds = folds_ > 0 ? folds_ : quick_ ? 2 : 5;
    task.seeds = seeds_ > 0 ? seeds_ : 1;  // each fold has events of its own
    task.epochs = epochs_ > 0 ? epochs_ : 15;
    task.fold = [distance, pairs = pairs_](index_t fold) { return make_events(distance, fold, pairs); };
    tasks.push_back(std::move(task));
  }
  return tasks;
}

study_task study_command::direction_task(spoken_sounds const& sounds) const {
  study_task task{"direction"};
  task.project = true;
  task.folds = std::min(sounds.voices(), folds_ > 0 ? folds_ : quick_ ? 2 : sounds.voices());
  task.seeds = seeds_ > 0 ? seeds_ : quick_ ? 1 : 5;
  task.epochs = epochs_ > 0 ? epochs_ : 4;
  task.fold = [&sounds](index_t fold) { return sounds.fold(fold); };
  return task;
}

std::string study_command::facts(std::vector<study_row> const& rows, std::string const& sounds, double seconds) const {
  std::string command = "bash cmake/run.sh study";
  for (CLI::Option const* const each : command_.get_options()) {
    std::string const name = each->get_name();
    if (each->count() == 0 || name == "--write" || name == "--sounds" || name == "--threads") continue;
    for (std::string const& value : each->results()) {
      command += " " + name;
      if (name != "--quick") command += " " + one_line(value);
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

std::string study_command::page_of(std::vector<study_row> const& rows, std::string const& about) const {
  std::map<std::string, std::string> tables = study_tables(rows);
  tables["facts"] = about;
  return study_page(text_of(fs::path(folder_) / "study.md"), tables);
}

void study_command::write(std::vector<study_row> const& rows, std::string const& about) const {
  auto const put = [this](std::string const& name, std::string const& text) {
    write_text((fs::path(folder_) / name).string(), text);
  };
  std::string const page = page_of(rows, about);
  put("study.csv", study_csv(rows));
  if (rows.front().task->distance > 0) put("study_order.svg", events_svg(rows));
  if (rows.back().task->distance == 0) put("study_direction.svg", direction_svg(rows));
  for (study_row const& row : rows) {
    if (row.task->distance > 0 || (row.setting->name != "none" && row.setting->name != "n4")) continue;
    confusion sum(2);
    for (study_run const& run : row.runs) sum.add(run.test);
    put("study_" + row.setting->name + ".svg", confusion_svg(sum, {"forwards", "backwards"}, row.setting->words));
  }
  put("study.md", page);
}

void study_command::run() const {
  if (!folder_.empty() && !fs::is_directory(folder_)) {
    throw ser_error("--write: there is no folder " + one_line(folder_));
  }
  auto const began = std::chrono::steady_clock::now();
  polite_interrupts const interrupts;
  auto const stop = [] { return interrupted != 0; };
  std::vector<study_setting> const settings = study_settings();
  auto const chosen = [this, &settings](std::string const& task) {
    std::vector<study_setting const*> result;
    for (study_setting const& each : settings) {
      if (is_wanted(task, each)) result.push_back(&each);
    }
    return result;
  };

  std::optional<spoken_sounds> sounds;
  std::optional<study_task> direction;
  std::vector<study_row> rows;
  std::vector<study_task> const events = events_tasks();
  for (study_task const& task : events) append_rows(rows, task, chosen(task.name));
  std::string said;
  if (auto const asked = chosen("direction"); !asked.empty()) {
    sounds.emplace(sounds_, stop);
    direction = direction_task(*sounds);
    append_rows(rows, *direction, asked);
    said = sounds->description();
    std::printf("direction: %s\n", said.c_str());
  }
  if (rows.empty()) throw usage_error("--only leaves nothing: no task, or none of its settings, is called so");
  if (!folder_.empty()) (void)page_of(rows, "");  // what it refuses should not wait for the results

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
  double const seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  if (!folder_.empty()) write(rows, facts(rows, said, seconds));
}

}  // namespace ser
