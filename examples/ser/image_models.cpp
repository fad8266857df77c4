// SPDX-License-Identifier: MIT
#include "image_models.hpp"

#include <cstddef>
#include <limits>
#include <string_view>
#include <tshift/train/crnn_checkpoint.hpp>

#include "error.hpp"

namespace ser {
namespace {

using tshift::pixel_coordinates;
using tshift::models::crnn;
using tshift::models::vertical_vit;
using tshift::weights::state_dict;

std::string counted(index_t count, std::string const& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

/// Multiply-adds, twice, of all weights of that name.
double flops_of(state_dict const& weights, std::string const& name) {
  auto const* const tensor = weights.find(name + ".weight");
  return tensor != nullptr ? 2 * static_cast<double>(tensor->size()) : 0;
}

/// The same of `prefix`FIRST, `prefix`FIRST + STEP, ... before `end`. @param count  gets their number
double flops_of_all(state_dict const& weights, std::string const& prefix, index_t first, index_t step,
                    std::string const& end, index_t& count) {
  double sum = 0;
  for (count = 0;; ++count) {
    std::string const name = prefix + std::to_string(first + step * count) + end;
    if (!weights.contains(name + ".weight")) return sum;
    sum += flops_of(weights, name);
  }
}

/// The size of a dimension; the model that was made of the weights has it.
index_t size_of(state_dict const& weights, std::string const& name, std::size_t axis) {
  return weights.find(name)->shape[axis];
}

network of_crnn(state_dict const& weights, image_words const& words, tshift::model_shift const& shift,
                std::string const& shift_description) {
  auto const options = crnn_options_of(words, shift);
  crnn<float> const model(weights, options);
  index_t const stride = options.image.pool_bands.stride;
  index_t const C = model.channels(), F = model.bands(), pooled = options.image.pool_bands.count(F);
  index_t widths = 0, body = 0;
  double const first = flops_of_all(weights, "conv.0.", 0, 1, "", widths);
  double later = flops_of_all(weights, "conv.", 1, 1, "", body) * static_cast<double>(pooled);
  later += flops_of(weights, "frame") + flops_of(weights, "attention");
  for (auto const& tensor : weights) {
    bool const matrix = tensor.name.starts_with("lstm.weight_");
    if (matrix) later += 2 * static_cast<double>(tensor.size());
  }
  std::string sizes;
  for (index_t j = 0; j < widths; ++j) {
    sizes += (j == 0 ? "" : ", ") + std::to_string(size_of(weights, "conv.0." + std::to_string(j) + ".weight", 2));
  }
  bool const both = weights.contains("lstm.weight_ih_l0_reverse"), attends = weights.contains("attention.weight");

  network result{model, {}, {}, {}};
  result.widths = {C * F, C * (F + stride - 1), C};
  result.shortest = options.image.pool_time.taps;
  result.description = "CRNN, D = " + std::to_string(C) + " x " + std::to_string(F) + ", " +
                       std::to_string(model.classes()) + " classes, widths " + sizes + ", " +
                       counted(body, "convolution") + " more, " + (both ? "1 bidirectional layer" : "1 layer") + ", " +
                       name_of(tshift::models::crnn_summary(options, attends)) + "; " + shift_description;
  if (shift.n_div != 0 && shift.where != tshift::placement::none) {
    std::string before_which;
    for (index_t const each : options.image.shifted) {
      before_which += (before_which.empty() ? "" : ", ") + std::to_string(each);
    }
    result.description += ", before " + (before_which.empty() ? "all of these" : "convolution " + before_which);
  }
  result.flops.per_frame = first * static_cast<double>(F) + later / static_cast<double>(options.image.pool_time.stride);
  result.flops.per_sequence = flops_of(weights, "head.0") + flops_of(weights, "head.1");
  return result;
}

network of_vit(state_dict const& weights, image_words const& words, tshift::model_shift const& shift,
               std::string const& shift_description) {
  auto const options = vit_options_of(words, shift);
  vertical_vit<float> const model(weights, options);
  std::string const block = "transformer.layers.";
  index_t blocks = 0, stem_layers = 0;
  double per_token = 0;
  for (char const* const part : {".0.to_qkv", ".0.to_out.0", ".1.net.1", ".1.net.4"}) {
    index_t found = 0;
    per_token += flops_of_all(weights, block, 0, 1, part, found);
  }
  blocks = model.depth();
  index_t const D = model.features(), inner = blocks > 0 ? size_of(weights, block + "0.0.to_qkv.weight", 0) / 3 : 0;
  index_t const heads = model.heads();
  index_t const planes = model.is_teacher() ? 3 : 1;
  index_t const high = size_of(weights, "to_patch_embedding.1.weight", 0) / planes / options.patch_width;

  network result{model, {}, {}, {}};
  // Patches of fewer rows than the image serve images of any multiple.
  index_t const most = options.patch_height > 0 ? std::numeric_limits<index_t>::max() : high;
  result.widths = {high, most, high};
  result.shortest = options.patch_width;
  result.description =
      std::string("vertical-patch ViT, ") + (model.is_teacher() ? "teacher" : "student") +
      ", D = " + std::to_string(D) + ", " + std::to_string(model.classes()) + " classes, " + counted(blocks, "block") +
      " of " + counted(heads, "head") + ", patches of " + std::to_string(high) + " x " +
      std::to_string(options.patch_width) + (options.mean ? ", mean of all tokens" : ", first token") +
      (model.is_teacher() && options.coordinates == pixel_coordinates::corrected ? ", corrected coordinates" : "") +
      "; " + shift_description;
  // Of 1 + r L tokens, r for each column, the first is no patch; L columns, and of the rows as many as a patch has.
  double const stem = model.is_teacher() ? flops_of_all(weights, "conv_stem.", 0, 3, "", stem_layers) : 0;
  double const r = 1 / static_cast<double>(options.patch_width), patch = flops_of(weights, "to_patch_embedding.2");
  double const attention = 4 * static_cast<double>(inner * blocks);
  result.flops.per_sequence = per_token + attention + flops_of(weights, "mlp_head");
  result.flops.per_frame = r * (per_token + patch + 2 * attention) + stem * static_cast<double>(high);
  result.flops.per_pair_of_frames = r * r * attention;
  return result;
}

}  // namespace

tshift::vertical_vit_options vit_options_of(image_words const& words, tshift::model_shift const& shift) {
  tshift::vertical_vit_options o;
  o.heads = words.heads.value_or(o.heads);
  o.patch_width = words.patch_width.value_or(o.patch_width);
  o.patch_height = words.patch_height.value_or(o.patch_height);
  o.mean = words.mean.value_or(o.mean);
  o.coordinates = words.coordinates.value_or(o.coordinates);
  o.shift = shift;
  return o;
}

tshift::crnn_options crnn_options_of(image_words const& words, tshift::model_shift const& shift) {
  tshift::crnn_options o;
  o.image.f = words.f.value_or(o.image.f);
  if (words.pool) {
    o.image.pool_time = tshift::nn::pooled(words.pool->frames);
    o.image.pool_bands = tshift::nn::pooled(words.pool->bands);
  }
  o.image.norm_eps = words.norm_eps.value_or(o.image.norm_eps);
  o.image.shift = shift;
  o.image.shifted = words.shifted.value_or(o.image.shifted);
  o.summary = words.summary.value_or(o.summary);
  o.summary_eps = words.summary_eps.value_or(o.summary_eps);
  o.scorer = words.scorer.value_or(o.scorer);
  return o;
}

template <class T>
state_dict trainable(state_dict const& weights, architecture kind, image_words const& words) {
  if (kind != architecture::crnn) return weights;
  state_dict own(weights.source()), masks;
  for (tshift::weights::tensor const& each : weights) (each.name.starts_with("specaugment.") ? masks : own).add(each);
  double const eps = words.norm_eps.value_or(tshift::crnn_image_options().norm_eps);
  state_dict plain = tshift::train::crnn_without_norms<T>(own, eps);
  for (tshift::weights::tensor const& each : masks) plain.add(each);
  return plain;
}

template state_dict trainable<float>(state_dict const&, architecture, image_words const&);
template state_dict trainable<double>(state_dict const&, architecture, image_words const&);

void check_image_words(architecture kind, image_words const& words, tshift::model_shift const& shift,
                       std::string const& title) {
  std::string const of_crnn = words.first_of_crnn();
  image_words own = words;
  if (kind == architecture::transformer) own.heads.reset();
  std::string const of_vit = own.first_of_vit();
  if (!of_vit.empty() && kind != architecture::vertical_vit) {
    throw usage_error(of_vit + " is an option of a vertical-patch ViT, and " + title);
  }
  if (!of_crnn.empty() && kind != architecture::crnn) {
    throw usage_error(of_crnn + " is an option of a CRNN, and " + title);
  }
  if (words.shifted && (shift.n_div == 0 || shift.where == tshift::placement::none)) {
    throw usage_error("--shifted-convs changes nothing where nothing is shifted");
  }
}

network make_image_network(state_dict const& weights, architecture kind, image_words const& words,
                           tshift::model_shift const& shift, std::string const& shift_description) {
  return kind == architecture::crnn ? of_crnn(weights, words, shift, shift_description)
                                    : of_vit(weights, words, shift, shift_description);
}

}  // namespace ser
