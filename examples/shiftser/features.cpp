// SPDX-License-Identifier: MIT
#include "features.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <tshift/io/safetensors.hpp>

#include "error.hpp"

namespace shiftser {
namespace {

using tshift::io::dtype;
using tshift::io::safetensors;
using tshift::io::tensor_entry;

/// "IO.safetensors: tensor x"
std::string title(safetensors const& file, std::string const& name) {
  return one_line(file.source()) + ": tensor " + one_line(name);
}

tensor_entry const& need(safetensors const& file, std::string const& name) {
  if (tensor_entry const* const tensor = file.find(name)) return *tensor;
  std::string others;
  for (std::size_t i = 0; i < file.tensors().size() && i < 5; ++i) {
    others += (i == 0 ? "it holds " : ", ") + one_line(file.tensors()[i].name);
  }
  if (file.tensors().size() > 5) others += " and " + std::to_string(file.tensors().size() - 5) + " more";
  throw shiftser_error(one_line(file.source()) + ": no tensor " + one_line(name) + "; " +
                       (others.empty() ? "it holds none" : others));
}

bool is_float(dtype type) {
  return type == dtype::f16 || type == dtype::bf16 || type == dtype::f32 || type == dtype::f64;
}

/// [N, L, D]; [L, D] is one sequence.
tshift::shape shape_of(safetensors const& file, tensor_entry const& x, index_t channels) {
  std::string const found = title(file, x.name) + " is " + shown(x.shape) + " of " + name_of(x.type);
  if (!is_float(x.type)) throw shiftser_error(found + ", must be F32, F16, BF16 or F64");
  std::size_t const rank = x.shape.size();
  if (rank != 2 && rank != 3) throw shiftser_error(found + ", must be [N, L, D] or [L, D]");
  if (x.shape.back() != channels) {
    throw shiftser_error(found + ", the model needs D = " + std::to_string(channels));
  }
  tshift::shape const result{rank == 3 ? x.shape[0] : 1, x.shape[rank - 2], channels, 1};
  if (result.time == 0 && result.batch > 0) {
    throw shiftser_error(found + ", and the mean over no frames is no number; must have L >= 1");
  }
  return result;
}

/// Little-endian, at any address.
template <class Integer>
index_t integer_at(std::byte const* from) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < sizeof(Integer); ++i) bits |= std::to_integer<std::uint64_t>(from[i]) << 8 * i;
  return static_cast<index_t>(static_cast<Integer>(bits));
}

std::vector<index_t> lengths_of(safetensors const& file, tshift::shape const& x) {
  tensor_entry const& tensor = need(file, "lengths");
  std::string const found = title(file, tensor.name) + " is " + shown(tensor.shape) + " of " + name_of(tensor.type);
  if (tensor.type != dtype::i64 && tensor.type != dtype::i32) throw shiftser_error(found + ", must be I64 or I32");
  if (tensor.shape != std::vector<index_t>{x.batch}) {
    throw shiftser_error(found + ", must be " + shown(std::vector<index_t>{x.batch}) + ": one for each sequence");
  }
  std::vector<index_t> result(static_cast<std::size_t>(x.batch));
  for (std::size_t n = 0; n < result.size(); ++n) {
    result[n] = tensor.type == dtype::i64 ? integer_at<std::int64_t>(tensor.bytes.data() + 8 * n)
                                          : integer_at<std::int32_t>(tensor.bytes.data() + 4 * n);
    if (result[n] < 1 || result[n] > x.time) {
      throw shiftser_error(title(file, tensor.name) + "[" + std::to_string(n) + "] = " + std::to_string(result[n]) +
                           ", must be from 1 to the " + std::to_string(x.time) + " frames of x");
    }
  }
  return result;
}

}  // namespace

features::features(command const& words, index_t channels) {
  auto const file = safetensors::open(words.input);
  tensor_entry const& entry = need(file, words.tensor);
  shape_ = shape_of(file, entry, channels);
  description_ = one_line(file.source()) + ": " + one_line(entry.name) + " " + shown(entry.shape) + " of " +
                 tshift::io::name_of(entry.type);
  if (words.lengths) {
    lengths_ = lengths_of(file, shape_);
    description_ += ", with lengths";
  } else if (file.find("lengths") != nullptr) {
    description_ += "; its lengths are not used, --lengths would";
  }
  tensors_ = file.state_dict<float>();
  x_ = tensors_.find(entry.name);
}

tshift::tensor_view<float const> features::view() const {
  return {std::span(x_->data, static_cast<std::size_t>(x_->size())), shape_, tshift::layout::ntc, lengths_};
}

index_t features::frames() const {
  index_t sum = 0;
  for (index_t n = 0; n < shape_.batch; ++n) sum += view().length(n);
  return sum;
}

std::string features::warning() const {
  std::span const values(x_->data, static_cast<std::size_t>(x_->size()));
  auto const strange = [](float value) { return !std::isfinite(value); };
  auto const count = std::ranges::count_if(values, strange);
  if (count == 0) return "";
  index_t const first = std::ranges::find_if(values, strange) - values.begin();
  index_t const row = first / shape_.channels;
  std::vector<index_t> const at{row / shape_.time, row % shape_.time, first % shape_.channels};
  return one_line(x_->name) + " has " + std::to_string(count) + (count == 1 ? " value that is" : " values that are") +
         " NaN or infinite, the first at " + shown(at) + " of [N, L, D]";
}

}  // namespace shiftser
