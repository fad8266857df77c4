// SPDX-License-Identifier: MIT
// shiftser: a PyTorch checkpoint of ShiftSER and features of speech in, logits out.
#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <stdexcept>
#include <tshift/error.hpp>
#include <tshift/io/file_error.hpp>

#include "classify.hpp"
#include "command.hpp"
#include "error.hpp"

namespace shiftser { namespace {

int run(int count, char const* const* arguments) {
  auto const words = parse(count, arguments);
  if (words) classify(*words);
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
