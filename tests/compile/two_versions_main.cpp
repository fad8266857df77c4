// SPDX-License-Identifier: MIT
// Each version does its own work; their errors and handlers are their own.
#include "two_versions.hpp"

#include <cstdio>

int main() {
  version_unit const* const units[] = {&first_version, &second_version};
  if (units[0]->version == units[1]->version) return std::puts("both units are of one version"), 1;
  if (units[0]->handler == units[1]->handler) return std::puts("the versions share on_error"), 1;
  for (version_unit const* a : units) {
    if (char const* wrong = a->run()) return std::printf("version %d: %s\n", a->version, wrong), 1;
    for (version_unit const* b : units) {
      if (a->catches(b->raise) != (a == b))
        return std::puts("a version catches the other's shape_error, or not its"), 1;
    }
  }
  std::printf("versions %d and %d in one program\n", units[0]->version, units[1]->version);
  return 0;
}
