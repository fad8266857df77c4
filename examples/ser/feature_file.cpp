// SPDX-License-Identifier: MIT
#include "feature_file.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <tshift/io/safetensors.hpp>

#include "error.hpp"
#include "tensor_file.hpp"

namespace ser {
namespace {

using tshift::io::safetensors;
using tshift::weights::dtype;
using tshift::weights::tensor;

/// [N, L, D]; [L, D] is one sequence; [N, L, F, C] and [N, 1, H, L] are images.
tshift::shape shape_of(safetensors const& file, tensor const& x, network const& model) {
  std::string const found = title(file, x.name) + " is " + shown(x.shape) + " of " + name_of(x.type);
  if (!is_number(x.type)) throw ser_error(found + ", must be F32, F16, BF16 or F64");
  std::size_t const rank = x.shape.size();
  index_t const pixels = model.pixel_channels();
  std::string const image = pixels > 0              ? "[N, L, F, " + std::to_string(pixels) + "], "
                            : model.reads_columns() ? "[N, 1, H, W], "
                                                    : "";
  bool const is_image = rank == 4 && (pixels > 0 ? x.shape[3] == pixels : model.reads_columns() && x.shape[1] == 1);
  if (rank != 2 && rank != 3 && !is_image) throw ser_error(found + ", must be " + image + "[N, L, D] or [L, D]");
  tshift::shape result{rank == 2 ? 1 : x.shape[0], x.shape[rank == 2 ? 0 : 1], x.shape[rank - 1], 1};
  if (is_image && pixels > 0) result.channels = x.shape[2] * pixels;
  if (is_image && pixels == 0) result = {x.shape[0], x.shape[3], x.shape[2], 1};
  if (!model.widths.allows(result.channels)) throw ser_error(found + ", the model needs " + model.widths.text());
  if (result.time < model.shortest && result.batch > 0) {
    throw ser_error(found + (model.shortest == 1 ? ", and the mean over no frames is no number" : "") +
                    "; must have L >= " + std::to_string(model.shortest));
  }
  return result;
}

std::vector<index_t> lengths_of(safetensors const& file, tshift::shape const& x, index_t shortest) {
  tensor const& given = need(file, "lengths");
  std::string const found = title(file, given.name) + " is " + shown(given.shape) + " of " + name_of(given.type);
  if (given.type != dtype::i64 && given.type != dtype::i32) throw ser_error(found + ", must be I64 or I32");
  if (given.shape != std::vector<index_t>{x.batch}) {
    throw ser_error(found + ", must be " + shown(std::vector<index_t>{x.batch}) + ": one for each sequence");
  }
  std::vector<index_t> result(static_cast<std::size_t>(x.batch));
  for (std::size_t n = 0; n < result.size(); ++n) {
    result[n] = integer_at(given, n);
    if (result[n] < shortest || result[n] > x.time) {
      throw ser_error(title(file, given.name) + "[" + std::to_string(n) + "] = " + std::to_string(result[n]) +
                      ", must be from " + std::to_string(shortest) + " to the " + std::to_string(x.time) +
                      " frames of x");
    }
  }
  return result;
}

}  // namespace

feature_file::feature_file(model_options const& words, network const& model) {
  auto const file = safetensors::open(words.input);
  tensor const& entry = need(file, words.tensor);
  shape_ = shape_of(file, entry, model);
  description_ =
      one_line(file.source()) + ": " + one_line(entry.name) + " " + shown(entry.shape) + " of " + name_of(entry.type);
  if (words.lengths) {
    lengths_ = lengths_of(file, shape_, model.shortest);
    description_ += ", with lengths";
  } else if (file.find("lengths") != nullptr) {
    description_ += "; its lengths are not used, --lengths would";
  }
  x_ = tshift::weights::read_as<float>(entry, "ser", file.source());
  if (x_.native() == nullptr || entry.shape.size() == 4) {
    converted_.resize(static_cast<std::size_t>(x_.size()));
    x_.copy_to(converted_.data(), 0, x_.size());
  }
  if (entry.shape.size() == 4) turn(model);
  name_ = entry.name;
  file_ = file.state_dict();
}

void feature_file::turn(network const& model) {
  std::vector<float> const given = converted_;
  index_t const C = model.pixel_channels(), L = shape_.time, D = shape_.channels;
  tshift::tensor_view<float> const to(converted_.data(), shape_);
  for (index_t n = 0; n < shape_.batch; ++n) {
    for (index_t t = 0; t < L; ++t) {
      for (index_t d = 0; d < D; ++d) {
        // Of C channels the bands of each come one after the other; of columns the rows lie L apart.
        index_t const at = C > 0 ? t * D + d % (D / C) * C + d / (D / C) : d * L + t;
        to(n, t, d) = given[static_cast<std::size_t>(n * L * D + at)];
      }
    }
  }
}

std::span<float const> feature_file::x() const {
  if (!converted_.empty() || x_.native() == nullptr) return converted_;
  return {x_.native(), static_cast<std::size_t>(x_.size())};
}

tshift::tensor_view<float const> feature_file::view() const { return {x(), shape_, tshift::layout::ntc, lengths_}; }

index_t feature_file::frames() const {
  index_t sum = 0;
  for (index_t n = 0; n < shape_.batch; ++n) sum += view().length(n);
  return sum;
}

std::string feature_file::warning() const {
  std::span const values = x();
  auto const strange = [](float value) { return !std::isfinite(value); };
  auto const count = std::ranges::count_if(values, strange);
  if (count == 0) return "";
  index_t const first = std::ranges::find_if(values, strange) - values.begin();
  index_t const row = first / shape_.channels;
  std::vector<index_t> const at{row / shape_.time, row % shape_.time, first % shape_.channels};
  return one_line(name_) + " has " + std::to_string(count) + (count == 1 ? " value that is" : " values that are") +
         " NaN or infinite, the first at " + shown(at) + " of [N, L, D]";
}

}  // namespace ser
