// SPDX-License-Identifier: MIT
// shiftser: a PyTorch checkpoint of ShiftSER and features of speech in, logits out.
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <tshift/io/safetensors.hpp>
#include <vector>

#include "command.hpp"
#include "error.hpp"
#include "features.hpp"
#include "interrupts.hpp"
#include "network.hpp"
#include "report.hpp"

namespace shiftser { namespace {

/// Also under another name: a link, or another way to the folder.
void refuse_same_file(std::string const& output, std::string const& other, char const* what) {
  std::error_code ignored;
  if (output == other || std::filesystem::equivalent(output, other, ignored)) {
    throw usage_error("--output " + one_line(output) + " is the file of the " + what + ", must be another");
  }
}

int run(int count, char const* const* arguments) {
  auto const words = parse(count, arguments);
  if (!words) return 0;
  refuse_same_file(words->output, words->weights, "weights");
  refuse_same_file(words->output, words->input, "input");

  auto const weights = tshift::io::safetensors::open(words->weights).state_dict();
  network const model = make_network(weights, *words);
  features const x(*words, model.channels());
  if (words->time && x.frames() == 0) throw usage_error("--time: there are no frames in " + one_line(words->input));
  std::printf("%s: %s\n%s\n", one_line(words->weights).c_str(), model.description.c_str(), x.description().c_str());
  if (std::string const warning = x.warning(); !warning.empty()) {
    std::fprintf(stderr, "shiftser: warning: %s\n", warning.c_str());
  }

  tshift::shape const dims = x.view().shape;
  std::vector<float> values(static_cast<std::size_t>(dims.batch * model.classes()));
  std::vector<float> workspace(static_cast<std::size_t>(model.workspace_size(dims)));
  tshift::tensor_view<float> const y(values.data(), {.batch = dims.batch, .time = 1, .channels = model.classes()});
  model.forward(x.view(), y, workspace);
  {
    interrupts_held const now;
    tshift::io::write_safetensors(words->output, {{"y", {dims.batch, model.classes()}, values}});
  }
  std::printf("%s: y %s of F32\n\n", one_line(words->output).c_str(),
              shown(std::vector{dims.batch, model.classes()}).c_str());
  print_table(values, model.classes());
  if (words->time) {
    std::printf("\n");
    print_times(model, x.view(), x.frames(), y, workspace);
  }
  return 0;
}

int guarded(int count, char const* const* arguments) {
  try {
    int const code = run(count, arguments);
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
      throw shiftser_error("cannot write to the standard output");
    }
    return code;
  } catch (usage_error const& error) {
    std::fprintf(stderr, "shiftser: %s. Try shiftser --help.\n", error.what());
    return 2;
  } catch (shiftser_error const& error) {
    std::fprintf(stderr, "shiftser: %s.\n", error.what());
  } catch (tshift::file_error const& error) {
    std::fprintf(stderr, "shiftser: %s.\n", error.what());
  } catch (tshift::shape_error const& error) {
    std::fprintf(stderr, "shiftser: %s.\n", error.what());
  } catch (std::bad_alloc const&) {
    std::fprintf(stderr, "shiftser: not enough memory.\n");
  } catch (std::length_error const&) {
    std::fprintf(stderr, "shiftser: not enough memory.\n");
  } catch (std::exception const& error) {
    std::fprintf(stderr, "shiftser: unexpected: %s.\n", error.what());
  }
  return 1;
}

}  // namespace
}  // namespace shiftser

int main(int count, char** arguments) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow further is an error like a full disk
  return shiftser::guarded(count, arguments);
}
