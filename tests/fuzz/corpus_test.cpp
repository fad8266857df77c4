// SPDX-License-Identifier: MIT
// The fuzz targets of tests/fuzz, run over their committed inputs: what fuzzing has reached or found stays tested. Those
// of the targets isa and wav are programs of their own.
#include <cstddef>
#include <filesystem>
#include <string>

#include "../fuzz/corpus.hpp"
#include "../fuzz/safetensors_mutator.hpp"
#include "../fuzz/safetensors_target.hpp"
#include "../fuzz/shift_target.hpp"
#include "../fuzz/speech_target.hpp"
#include "../fuzz/stream_target.hpp"
#include "../support/catch.hpp"

TEST_CASE("The fuzz targets keep their promises over the committed corpus", "[fuzz]") {
  auto const check = [](std::string const& name, auto target) {
    std::size_t inputs = 0;
    for (fuzz::corpus_input const& input :
         fuzz::corpus(std::filesystem::path(TSHIFT_GOLDEN_DIR) / "../fuzz/corpus" / name)) {
      ++inputs;
      std::string const found = fuzz::finding(target, input.bytes);
      if (!found.empty()) FAIL_CHECK(input.place << ": " << found);
    }
    return inputs;
  };
  // So many lines there are at least: none is lost unnoticed.
  CHECK(check("safetensors", fuzz::safetensors_input) >= 350);
  CHECK(check("shift", fuzz::shift_input) >= 1301);
  CHECK(check("speech", fuzz::speech_input) >= 3);
  CHECK(check("stream", fuzz::stream_input) >= 8);
}
