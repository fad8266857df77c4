// SPDX-License-Identifier: MIT
// tshift_bench: runs the rows, prints one table per operator, and says which rows are within their target.
// The exit status tells whether all results were right, never whether they were fast.
#include <ctime>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <optional>
#include <regex>
#include <sstream>
#include <string_view>
#include <thread>

#include <xsimd/xsimd.hpp>

#include <tshift/config.hpp>
#include <tshift/version.hpp>

#include "support.hpp"

#ifndef TSHIFT_BENCH_FLAGS
#define TSHIFT_BENCH_FLAGS "unknown"
#endif

namespace tshift_bench {
namespace {

struct measured_row {
  row info;
  samples times;
};

struct failed_row {
  row info;
  std::string what;
};

effort chosen_effort = effort::full;
std::vector<measured_row> measured;
std::vector<failed_row> failures;
std::vector<std::string> registered;  // names of all rows, as Google Benchmark sees them

/// What adds the rows, by place. A function's variable: files register themselves before main, in any order.
std::multimap<int, void (*)()>& row_groups() {
  static std::multimap<int, void (*)()> groups;
  return groups;
}

/// Two rows of one name would be pooled as repetitions of one.
void check_names() {
  std::vector<std::string> names = registered;
  std::sort(names.begin(), names.end());
  auto const twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) throw std::runtime_error("two rows are called " + *twice);
}

// ---------------------------------------------------------------------------------------------------------- tables

std::string format(char const* text, double value) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, text, value);
  return buffer;
}

/// Microseconds with three or four digits: 0.0623, 5.12, 5120.
std::string format_us(double us) {
  return format(us < 1 ? "%.4f" : us < 100 ? "%.2f" : us < 1000 ? "%.1f" : "%.0f", us);
}

std::string format_target(double target) { return target > 0 ? format("%.2f", target) : "-"; }

bool within(double ratio, double target) { return ratio <= target; }

char const* verdict(double ratio, double target) {
  if (target <= 0 || chosen_effort == effort::smoke) return "-";
  return within(ratio, target) ? "ok" : "MISSED";
}

struct table {
  std::string title;
  std::string rate;
  std::vector<std::vector<std::string>> cells;
  int targets = 0, met = 0;

  std::vector<std::string> headings() const {
    return {"case", "n_div", "variant", "median us", rate, "floor us", "ratio", "10%..90%", "target", "verdict"};
  }
};

constexpr std::size_t text_columns[] = {0, 2, 9};  // the others hold numbers and are aligned to the right

bool is_text(std::size_t column) {
  return std::find(std::begin(text_columns), std::end(text_columns), column) != std::end(text_columns);
}

std::vector<table> make_tables() {
  std::vector<table> tables;
  for (measured_row const& r : measured) {
    auto found = std::find_if(tables.begin(), tables.end(), [&](table const& t) { return t.title == r.info.table; });
    if (found == tables.end()) {
      tables.push_back({r.info.table, r.info.flops > 0 ? "GFLOP/s" : "GB/s", {}});
      found = tables.end() - 1;
    }
    std::vector<double> const each = ratios(r.times, r.info.share);
    double const ratio = quantile(each, 0.5);
    double const median = quantile(r.times.operation, 0.5);
    double const amount = r.info.flops > 0 ? r.info.flops : r.info.bytes;
    found->cells.push_back({r.info.tensor, r.info.n_div > 0 ? std::to_string(r.info.n_div) : "-", r.info.variant,
                            format_us(median), amount > 0 ? format("%.1f", amount / median * 1e-3) : "-",
                            format_us(r.info.share * quantile(r.times.floor, 0.5)), format("%.2f", ratio),
                            format("%.2f", quantile(each, 0.1)) + ".." + format("%.2f", quantile(each, 0.9)),
                            format_target(r.info.target), verdict(ratio, r.info.target)});
    if (r.info.target > 0) {
      ++found->targets;
      found->met += within(ratio, r.info.target) ? 1 : 0;
    }
  }
  return tables;
}

std::string summary(int met, int targets, std::size_t rows) {
  if (chosen_effort == effort::smoke) return std::to_string(rows) + " rows verified";
  if (targets == 0) return std::to_string(rows) + " rows, none with a target";
  std::string text = std::to_string(met) + " of " + std::to_string(targets) + " rows within target";
  if (auto const others = rows - static_cast<std::size_t>(targets); others > 0) {
    text += " (" + std::to_string(others) + " more without a target)";
  }
  return text;
}

std::string summary(table const& t) { return summary(t.met, t.targets, t.cells.size()); }

std::string summary(std::vector<table> const& tables) {
  int met = 0, targets = 0;
  std::size_t rows = 0;
  for (table const& t : tables) met += t.met, targets += t.targets, rows += t.cells.size();
  return summary(met, targets, rows);
}

void print_text(std::ostream& out, table const& t) {
  std::vector<std::string> const headings = t.headings();
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < headings.size(); ++i) {
    std::size_t width = headings[i].size();
    for (auto const& line : t.cells) width = std::max(width, line[i].size());
    widths.push_back(width);
  }
  auto const print_line = [&](std::vector<std::string> const& line) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
      std::string const gap(widths[i] - line[i].size(), ' ');
      text += "  " + (is_text(i) ? line[i] + gap : gap + line[i]);
    }
    out << text.substr(0, text.find_last_not_of(' ') + 1) << '\n';
  };
  out << '\n' << t.title << '\n';
  print_line(headings);
  for (auto const& line : t.cells) print_line(line);
  out << "  " << summary(t) << '\n';
}

void print_markdown(std::ostream& out, table const& t) {
  auto const print_line = [&](std::vector<std::string> const& line) {
    for (std::string const& cell : line) out << "| " << cell << ' ';
    out << "|\n";
  };
  std::vector<std::string> const headings = t.headings();
  out << "\n### " << t.title << "\n\n";
  print_line(headings);
  for (std::size_t i = 0; i < headings.size(); ++i) out << (is_text(i) ? "|---" : "|---:");
  out << "|\n";
  for (auto const& line : t.cells) print_line(line);
  out << '\n' << summary(t) << ".\n";
}

// ----------------------------------------------------------------------------------------------------- where we are

std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.rfind("model name", 0) != 0) continue;
    auto const colon = line.find(':');
    if (colon == std::string::npos || colon + 2 > line.size()) continue;
    return line.substr(colon + 2);
  }
  return "unknown";
}

std::string compiler() {
#if defined(__clang__)
  return std::string("clang, ") + __VERSION__;
#elif defined(__GNUC__)
  return std::string("g++ ") + __VERSION__;
#else
  return "unknown";
#endif
}

std::string today() {
  std::time_t const now = std::time(nullptr);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d", std::gmtime(&now));
  return text;
}

using facts = std::vector<std::pair<std::string, std::string>>;

facts gather_facts(std::string const& command_line) {
  char const* const efforts[] = {"full", "quick: fewer rounds",
                                 "smoke: one round, smaller batches, times mean nothing"};
  return {{"processor", processor()},
          {"cores", std::to_string(std::thread::hardware_concurrency())},
          {"compiler", compiler()},
          {"flags", std::string_view(TSHIFT_BENCH_FLAGS).empty() ? "none" : TSHIFT_BENCH_FLAGS},
          {"assertions", TSHIFT_DEBUG ? "on: not a build to time" : "off"},
          {"isa", xsimd::default_arch::name()},
          {"tshift", std::to_string(TSHIFT_VERSION_MAJOR) + "." + std::to_string(TSHIFT_VERSION_MINOR) + "." +
                         std::to_string(TSHIFT_VERSION_PATCH)},
          {"effort", efforts[static_cast<int>(chosen_effort)]},
          {"date", today()},
          {"command", command_line}};
}

// --------------------------------------------------------------------------------------------------------- progress

/// The rows that --benchmark_filter leaves. Google Benchmark counts them as well, and does not tell.
std::size_t count_chosen() {
  std::string filter = benchmark::GetBenchmarkFilter();
  if (filter.empty() || filter == "all") filter = ".";
  bool const others = filter.front() == '-';
  std::regex const wanted(others ? filter.substr(1) : filter, std::regex_constants::extended);
  return static_cast<std::size_t>(std::count_if(registered.begin(), registered.end(), [&](std::string const& name) {
    return std::regex_search(name, wanted) != others;
  }));
}

/// Google Benchmark's console rows, without colours, and with our counters as a sentence: the library would print a
/// ratio of 0.97 as 970m.
class console : public benchmark::ConsoleReporter {
 public:
  explicit console(std::size_t rows) : ConsoleReporter(OO_None), rows_(rows) {}

  void ReportRuns(std::vector<Run> const& runs) override {
    std::vector<Run> shown = runs;
    ++done_;
    for (Run& run : shown) {
      auto const value = [&](char const* name) {
        auto const found = run.counters.find(name);
        return found == run.counters.end() ? 0.0 : found->second.value;
      };
      if (run.run_type == Run::RT_Iteration && !run.error_occurred) {
        double const target = value("target");
        run.report_label = format("ratio %.2f", value("ratio"));
        if (target > 0 && chosen_effort != effort::smoke) {
          run.report_label += format(", target %.2f: ", target) + verdict(value("ratio"), target);
        }
        run.report_label += "  (" + std::to_string(done_) + " of " + std::to_string(rows_) + ")";
      }
      run.counters.clear();
    }
    ConsoleReporter::ReportRuns(shown);
  }

 private:
  std::size_t rows_, done_ = 0;
};

// ---------------------------------------------------------------------------------------------------------- options

void print_usage() {
  std::puts(
      "tshift_bench: times the operator, the blocks and the models beside the least work that could do the same, and\n"
      "verifies every result first.\n"
      "\n"
      "  --quick              fewer rounds, no batch of 8 for blocks, tensors up to 256 MiB: under a minute\n"
      "  --smoke              every operation once, verified, on smaller tensors: proves that all of them run\n"
      "  --markdown FILE      also writes the tables to FILE, with machine, compiler and flags\n"
      "  --help               this text\n"
      "\n"
      "and Google Benchmark's own options, of which the useful ones here are\n"
      "  --benchmark_filter=REGEX        only the rows whose name matches, e.g. 'shift_add/.*1x374x768'\n"
      "  --benchmark_list_tests          the names of all rows\n"
      "  --benchmark_out=FILE            all numbers as JSON\n"
      "  --benchmark_format=json         JSON to standard output; the tables then go to standard error\n"
      "  --benchmark_repetitions=N       every row N times; the tables pool the rounds");
}

struct options {
  effort how = effort::full;
  std::optional<std::string> markdown;
};

/// Takes our options out of the list and leaves Google Benchmark's. Throws std::runtime_error for a wrong use.
options take_options(std::vector<char*>& arguments) {
  options result;
  std::vector<char*> rest;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string_view const argument = i == 0 ? "" : arguments[i];
    constexpr std::string_view markdown = "--markdown";
    if (argument == "--quick" || argument == "--smoke") {
      if (result.how != effort::full)
        throw std::runtime_error("--quick and --smoke are given together or twice; choose one");
      result.how = argument == "--quick" ? effort::quick : effort::smoke;
    } else if (argument == markdown) {
      if (i + 1 == arguments.size()) throw std::runtime_error("--markdown needs a file name after it");
      result.markdown = arguments[++i];
    } else if (argument.substr(0, markdown.size() + 1) == "--markdown=") {
      result.markdown = std::string(argument.substr(markdown.size() + 1));
    } else {
      rest.push_back(arguments[i]);
    }
  }
  if (result.markdown && result.markdown->empty()) throw std::runtime_error("--markdown needs a file name");
  arguments = std::move(rest);
  return result;
}

/// Now, not after minutes of measuring.
void check_writable(std::string const& file) {
  if (!std::ofstream(file, std::ios::app)) throw std::runtime_error("cannot write " + file);
}

void write_markdown(std::string const& file, facts const& where, std::vector<table> const& tables) {
  std::ofstream out(file, std::ios::trunc);
  for (auto const& [key, value] : where) out << "- " << key << ": " << value << '\n';
  for (table const& t : tables) print_markdown(out, t);
  out << "\nAll tables: " << summary(tables) << ".\n";
  out.flush();
  if (!out) throw std::runtime_error("could not write all of " + file);
}

int run(int argc, char** argv) {
  std::string command_line = "tshift_bench";  // without the folder, which says nothing to other people
  for (int i = 1; i < argc; ++i) command_line += std::string(" ") + argv[i];

  std::vector<char*> arguments(argv, argv + argc);
  options const chosen = take_options(arguments);
  chosen_effort = chosen.how;
  int count = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  benchmark::Initialize(&count, arguments.data(), print_usage);
  if (count > 1) throw std::runtime_error(std::string("unknown option ") + arguments[1] + "; --help lists the options");
  if (chosen.markdown) check_writable(*chosen.markdown);

  facts const where = gather_facts(command_line);
  for (auto const& [key, value] : where) {
    if (key != "date") benchmark::AddCustomContext(key, value);  // Google Benchmark has its own
  }

  for (auto const& [place, add_all] : row_groups()) add_all();
  check_names();

  // Any format but the console's is for programs, which must find nothing else on standard output.
  benchmark::BenchmarkReporter* reporter = benchmark::CreateDefaultDisplayReporter();
  bool const for_people = dynamic_cast<benchmark::ConsoleReporter*>(reporter) != nullptr;
  console ours(count_chosen());
  if (benchmark::RunSpecifiedBenchmarks(for_people ? &ours : reporter) == 0) {
    throw std::runtime_error("no row matches the filter; --benchmark_list_tests lists them");
  }
  benchmark::Shutdown();

  std::vector<table> const tables = make_tables();
  std::ostream& out = for_people ? std::cout : std::cerr;
  for (table const& t : tables) print_text(out, t);
  if (!tables.empty()) out << "\nAll tables: " << summary(tables) << '\n' << std::flush;
  if (chosen.markdown) write_markdown(*chosen.markdown, where, tables);
  for (failed_row const& f : failures) std::cerr << "tshift_bench: " << f.info.name() << ": " << f.what << '\n';
  if (!failures.empty()) std::cerr << "tshift_bench: wrong rows: " << failures.size() << '\n';
  return failures.empty() ? 0 : 1;
}

}  // namespace

std::string row::name() const {
  std::string text = table.substr(0, table.find(':')) + "/" + tensor + "/";
  if (n_div > 0) text += "n_div=" + std::to_string(n_div) + "/";
  text += variant;
  for (char& c : text) {
    if (c == ' ') c = '_';
  }
  text.erase(std::remove(text.begin(), text.end(), ','), text.end());
  return text;
}

registration::registration(int place, void (*add_all)()) { row_groups().emplace(place, add_all); }

effort current_effort() { return chosen_effort; }

index_t rounds_for(row const& info) {
  // Emptying the caches takes longer than most of what is timed then; and tensors whose rounds take 10 ms and more.
  if (info.cold || info.footprint >= (std::size_t{128} << 20)) {
    return chosen_effort == effort::full ? 21 : chosen_effort == effort::quick ? 5 : 1;
  }
  // Rounds of about 10 ms, and of about 100 ms.
  bool const slowest = info.slow || info.flops >= 1.2e10, slow = slowest || info.flops >= 1e9;
  if (slow && chosen_effort != effort::smoke) {
    return chosen_effort == effort::quick ? 3 : slowest ? 15 : 31;
  }
  bool const big = info.footprint >= (std::size_t{4} << 20);
  switch (chosen_effort) {
    case effort::full: return big ? 101 : 301;
    case effort::quick: return big ? 15 : 51;
    case effort::smoke: break;
  }
  return 1;
}

void record(row const& info, samples const& times) {
  for (measured_row& known : measured) {
    if (known.info.name() != info.name()) continue;
    known.times.operation.insert(known.times.operation.end(), times.operation.begin(), times.operation.end());
    known.times.floor.insert(known.times.floor.end(), times.floor.begin(), times.floor.end());
    return;
  }
  measured.push_back({info, times});
}

void record_name(std::string name) { registered.push_back(std::move(name)); }

void record_failure(row const& info, char const* what) { failures.push_back({info, what}); }

}  // namespace tshift_bench

int main(int argc, char** argv) {
  try {
    return tshift_bench::run(argc, argv);
  } catch (std::exception const& error) {
    std::cerr << "tshift_bench: " << error.what() << '\n';
    return 2;
  }
}
