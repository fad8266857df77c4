// SPDX-License-Identifier: MIT
// The sentence an operation refuses with, so that tests can compare it word for word.
#pragma once

#include <string>

#include <tshift/error.hpp>

namespace test_support {

/// what() of the shape_error that the call throws; "" if it throws nothing. Other exceptions pass through.
template <class Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (tshift::shape_error const& error) {
    return error.what();
  }
  return "";
}

}  // namespace test_support
