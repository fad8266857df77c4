// SPDX-License-Identifier: MIT
// Two versions of the library in one program: what the unit of each can do.
#pragma once

struct version_unit {
  int version;
  char const* (*run)();  // every operation; null, or what went wrong
  void (*raise)();
  bool (*catches)(void (*raise)());  // as its own shape_error
  void const* handler;               // where its on_error is
};

extern version_unit const first_version;
extern version_unit const second_version;
