// SPDX-License-Identifier: MIT
// ser: from sound to features, to the hidden states of pre-trained encoders and to emotions; and training.
#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <tshift/error.hpp>
#include <tshift/io/file_error.hpp>
#include <vector>

#include "classify.hpp"
#include "encode.hpp"
#include "error.hpp"
#include "evaluate.hpp"
#include "features.hpp"
#include "gradients.hpp"
#include "live.hpp"
#include "options_file.hpp"
#include "study.hpp"
#include "train.hpp"

namespace ser { namespace {

int run(int count, char const* const* arguments) {
  CLI::App program("Speech emotion recognition from sound, without Python.", "ser");
  program.require_subcommand(1);
  program.set_help_flag("-h,--help", "Print this");
  features_command const features(program);
  encode_command const encode(program);
  classify_command const classify(program);
  live_command const live(program);
  gradients_command const gradients(program);
  train_command const train(program);
  evaluate_command const evaluate(program);
  study_command const study(program);
  std::vector<std::string> const all = with_options_file({arguments, arguments + count});
  std::vector<std::string> backwards(all.rbegin(), all.rend() - 1);  // as CLI11 wants it, without the program's name
  try {
    program.parse(backwards);
  } catch (CLI::CallForHelp const&) {
    CLI::App const* asked = &program;
    for (CLI::App const* const each : {&features.app(), &encode.app(), &classify.app(), &live.app(), &gradients.app(),
                                       &train.app(), &evaluate.app(), &study.app()}) {
      if (each->parsed()) asked = each;
    }
    std::fputs(asked->help().c_str(), stdout);
    return 0;
  } catch (CLI::ParseError const& error) {
    throw usage_error(one_line(error.what()));
  }
  if (features.app().parsed()) features.run();
  if (encode.app().parsed()) encode.run();
  if (classify.app().parsed()) classify.run();
  if (live.app().parsed()) live.run();
  if (gradients.app().parsed()) gradients.run();
  if (train.app().parsed()) train.run();
  if (evaluate.app().parsed()) evaluate.run();
  if (study.app().parsed()) study.run();
  return 0;
}

int guarded(int count, char const* const* arguments) {
  try {
    int const code = run(count, arguments);
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) throw ser_error("cannot write to the standard output");
    return code;
  } catch (usage_error const& error) {
    std::fprintf(stderr, "ser: %s. Try ser --help.\n", error.what());
    return 2;
  } catch (ser_error const& error) {
    std::fprintf(stderr, "ser: %s.\n", error.what());
  } catch (tshift::file_error const& error) {
    std::fprintf(stderr, "ser: %s.\n", error.what());
  } catch (tshift::shape_error const& error) {
    std::fprintf(stderr, "ser: %s.\n", error.what());
  } catch (std::bad_alloc const&) {
    std::fprintf(stderr, "ser: not enough memory.\n");
  } catch (std::length_error const&) {
    std::fprintf(stderr, "ser: not enough memory.\n");
  } catch (std::exception const& error) {
    std::fprintf(stderr, "ser: unexpected: %s.\n", error.what());
  }
  return 1;
}

}}  // namespace ser

int main(int count, char** arguments) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow further is an error like a full disk
  return ser::guarded(count, arguments);
}
