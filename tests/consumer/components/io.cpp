// SPDX-License-Identifier: MIT
#include <tshift/io/safetensors.hpp>

#include <vector>

int main() {
  std::vector const weights{1.f, 2.f, 3.f};
  std::vector<std::byte> const memory = tshift::io::to_safetensors({{"w", {3}, weights}});
  auto const file = tshift::io::safetensors::parse(memory);
  auto const& read = file.state_dict();
  return read.size() == 1 ? 0 : 1;
}
