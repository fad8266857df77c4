// SPDX-License-Identifier: MIT
// The fuzz targets of tests/fuzz, run over their committed inputs: what fuzzing has reached or found stays tested.
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "../fuzz/safetensors_mutator.hpp"
#include "../fuzz/safetensors_target.hpp"
#include "../fuzz/shift_target.hpp"
#include "../support/catch.hpp"

namespace {

namespace fs = std::filesystem;

struct corpus_input {
  std::string place;  // file and line
  std::vector<std::uint8_t> bytes;
};

// Every line of the folder's files: hexadecimal digits, then a comment behind '#'.
std::vector<corpus_input> corpus(std::string const& name) {
  std::vector<corpus_input> inputs;
  for (fs::directory_entry const& entry :
       fs::directory_iterator(fs::path(TSHIFT_GOLDEN_DIR) / "../fuzz/corpus" / name)) {
    std::ifstream file(entry.path());
    if (!file) throw std::runtime_error(entry.path().string() + " cannot be read");
    int number = 0;
    for (std::string line; std::getline(file, line);) {
      ++number;
      std::string const place = entry.path().filename().string() + ":" + std::to_string(number);
      std::string const digits = line.substr(0, line.find_first_of(" #"));
      if (digits.empty()) continue;
      if (digits.size() % 2 != 0 || digits.find_first_not_of("0123456789abcdef") != std::string::npos) {
        throw std::runtime_error(place + " is not pairs of hexadecimal digits");
      }
      std::vector<std::uint8_t> bytes;
      for (std::size_t i = 0; i < digits.size(); i += 2) {
        bytes.push_back(static_cast<std::uint8_t>(std::stoul(digits.substr(i, 2), nullptr, 16)));
      }
      inputs.push_back({place, std::move(bytes)});
    }
  }
  return inputs;
}

// What the target says of an input; "" if every promise is kept.
template <class Target>
std::string finding(Target target, std::vector<std::uint8_t> const& bytes) {
  try {
    target(bytes);
  } catch (std::exception const& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("The fuzz targets keep their promises over the committed corpus", "[fuzz]") {
  auto const check = [](std::string const& name, auto target) {
    std::size_t inputs = 0;
    for (corpus_input const& input : corpus(name)) {
      ++inputs;
      std::string const found = finding(target, input.bytes);
      if (!found.empty()) FAIL_CHECK(input.place << ": " << found);
    }
    return inputs;
  };
  // Counts of lines: whoever adds one, adds one here.
  CHECK(check("safetensors", fuzz::safetensors_input) == 342);
  CHECK(check("shift", fuzz::shift_input) == 1301);
}
