// SPDX-License-Identifier: MIT
// A batch with labels, read from a file.
#pragma once

#include <cstddef>
#include <string>
#include <tshift/io/safetensors.hpp>
#include <tshift/view.hpp>
#include <tshift/weights/values.hpp>
#include <vector>

#include "error.hpp"
#include "model_options.hpp"
#include "tensor_file.hpp"

namespace ser {

/// Integers of I64 or I32. @throws ser_error  the tensor is missing, or of another type
inline std::vector<index_t> integers_of(tshift::io::safetensors const& file, std::string const& name) {
  using tshift::weights::dtype;
  tshift::weights::tensor const& from = need(file, name);
  if (from.type != dtype::i64 && from.type != dtype::i32) {
    throw ser_error(title(file, name) + " is of " + tshift::weights::name_of(from.type) + ", must be I64 or I32");
  }
  std::vector<index_t> result;
  for (std::size_t i = 0; i < static_cast<std::size_t>(from.size()); ++i) result.push_back(integer_at(from, i));
  return result;
}

/// Numbers of any floating-point type. @throws ser_error  the tensor is missing, or of another type
template <class T>
std::vector<T> numbers_of(tshift::io::safetensors const& file, std::string const& name) {
  tshift::weights::tensor const& from = need(file, name);
  auto const values = tshift::weights::read_as<T>(from, "ser", file.source());
  std::vector<T> result(static_cast<std::size_t>(values.size()));
  values.copy_to(result.data(), 0, values.size());
  return result;
}

/// x [N, T, D] with labels [N] and, where they are asked for, lengths [N].
template <class T>
struct batch_of {
  std::vector<T> x;
  tshift::shape shape;
  std::vector<index_t> labels, lengths;

  tshift::tensor_view<T const> view() const { return {x.data(), shape, tshift::layout::ntc, lengths}; }
};

/// @param channels  what the model needs
/// @param shortest  frames that a sequence must have
/// @throws ser_error  a tensor is missing or has another shape; a label or length is out of range
template <class T>
batch_of<T> read_batch(tshift::io::safetensors const& file, std::string const& x, std::string const& labels,
                       bool lengths, index_t channels, index_t shortest = 1) {
  tshift::weights::tensor const& given = need(file, x);
  if (given.shape.size() != 3 || given.shape[2] != channels || given.shape[0] < 1 || given.shape[1] < shortest) {
    throw ser_error(title(file, x) + " is " + shown(given.shape) + ", must be [N, L, " + std::to_string(channels) +
                    (shortest > 1 ? "], N >= 1 and L >= " + std::to_string(shortest) : "], N and L >= 1"));
  }
  batch_of<T> result{numbers_of<T>(file, x), {given.shape[0], given.shape[1], channels}, integers_of(file, labels), {}};
  auto const check_count = [&](std::string const& name, std::size_t count) {
    if (count != static_cast<std::size_t>(given.shape[0])) {
      throw ser_error(title(file, name) + " has " + std::to_string(count) + " elements, must have one for each of " +
                      std::to_string(given.shape[0]) + " sequences");
    }
  };
  check_count(labels, result.labels.size());
  if (!lengths) return result;
  result.lengths = integers_of(file, "lengths");
  check_count("lengths", result.lengths.size());
  for (std::size_t n = 0; n < result.lengths.size(); ++n) {
    if (result.lengths[n] < shortest || result.lengths[n] > given.shape[1]) {
      throw ser_error(title(file, "lengths") + "[" + std::to_string(n) + "] = " + std::to_string(result.lengths[n]) +
                      ", must be from " + std::to_string(shortest) + " to the " + std::to_string(given.shape[1]) +
                      " frames of x");
    }
  }
  return result;
}

}  // namespace ser
