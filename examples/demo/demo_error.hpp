// SPDX-License-Identifier: MIT
// The one way this program says no: main prints the sentence and exits with 1.
#pragma once

#include <stdexcept>

namespace demo {

class demo_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace demo
