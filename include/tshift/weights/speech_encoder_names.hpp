// SPDX-License-Identifier: MIT
// Other people's checkpoints of wav2vec 2.0, HuBERT and WavLM as one dictionary, with the names that transformers uses.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tshift/config.hpp>
#include <tshift/error.hpp>
#include <tshift/weights/speech_encoder_family.hpp>
#include <tshift/weights/state_dict.hpp>
#include <tshift/weights/state_renamer.hpp>
#include <tshift/weights/tensor.hpp>
#include <tshift/weights/text.hpp>
#include <tshift/weights/weight_norm.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace weights {

/// What the tensors of a speech encoder say about it. In none of them are the strides of its convolutions, whether its
/// layers normalise before or behind, and, but for WavLM, the number of heads: config.json has these.
struct speech_encoder_sizes {
  index_t width = 0;              ///< D
  index_t layers = 0;             ///< of the transformer
  index_t hidden = 0;             ///< of a layer's feed-forward part
  std::vector<index_t> channels;  ///< out of each convolution over the samples
  std::vector<index_t> kernels;   ///< taps of each
  bool norm_every_conv = false;   ///< a LayerNorm behind each of them; else a GroupNorm behind the first
  bool conv_bias = false;         ///< whether they have biases
  bool projection_norm = false;   ///< whether a LayerNorm stands before the projection to D: not in DistilHuBERT
  index_t positional_taps = 0;    ///< of the positional convolution
  index_t positional_groups = 0;  ///< of the same
  index_t heads = 0;              ///< of WavLM, else 0: not known
  index_t buckets = 0;            ///< distances that WavLM's table of positions tells apart, else 0
};

/// A checkpoint taken apart by speech_encoder_weights.
struct speech_encoder_checkpoint {
  state_dict encoder;              ///< the encoder, with the names of transformers' Wav2Vec2Model, and no others
  state_dict rest;                 ///< a head behind it, untouched and with its own names
  speech_encoder_sizes sizes;      ///< read off the tensors
  speech_encoder_family family{};  ///< whose names the checkpoint has
  std::string prefix;              ///< what stands there before the encoder's names: "wav2vec2." for example
};

}}}}  // namespace tshift::weights

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// Moves an encoder over, part by part.
class encoder_renamer {
 public:
  explicit encoder_renamer(weights::state_dict const& from)
      : from_(from), names_(recognise_encoder(from)), renamer_("speech_encoder", from) {
    made_.encoder = renamer_.make_dictionary();
    made_.rest = renamer_.make_dictionary();
    made_.family = names_.family;
    made_.prefix = names_.prefix;
  }

  weights::speech_encoder_checkpoint run() {
    refuse_batch_norm();
    move_convs();
    if (sizes_.projection_norm) move(encoder_part::projection_norm, {sizes_.channels.back()});
    move(encoder_part::projection, {sizes_.width, sizes_.channels.back()});
    move_positional();
    look_at_layers();
    move(encoder_part::norm, {sizes_.width});
    for (index_t i = 0; i < sizes_.layers; ++i) move_layer(i);
    for (std::string_view const name : encoder_leftovers) {
      renamer_.ignore(name);
      renamer_.ignore(std::string(names_.prefix).append(name));
    }
    for (weights::tensor const& each : from_) {
      if (!of_a_head(each.name)) continue;
      made_.rest.add(each);
      renamer_.ignore(each.name);
    }
    renamer_.finish();
    return std::move(made_);
  }

 private:
  using part_shape = std::initializer_list<index_t>;

  /// Moves a part's weight and bias.
  void move(encoder_part part, part_shape shape, index_t layer = -1) {
    renamer_.move_module(names_.of(part, layer), made_.encoder, ours_.of(part, layer), shape);
  }

  /// Its padding of zeros comes behind the norm: near the ends, no weight and bias of a convolution do the same.
  void refuse_batch_norm() const {
    std::string name = names_.of(encoder_part::positional);
    name = names_.is_fairseq() ? name + ".running_mean" : name.substr(0, name.rfind('.')) + ".batch_norm.";
    weights::tensor const* const found = renamer_.find_any(name);
    if (found == nullptr) return;
    fail("speech_encoder: %s: a batch norm before the positional convolution is not supported%s",
         shown_name(found->name).c_str(), shown_place(from_.source(), found->byte).c_str());
  }

  void move_convs() {
    index_t const count = renamer_.count(names_.convs());
    for (index_t i = 0; i < count; ++i) {
      if (from_.contains(names_.conv(i) + ".bias")) sizes_.conv_bias = true;
      if (i > 0 && renamer_.has_any(names_.conv_norm(i, true) + ".")) sizes_.norm_every_conv = true;
    }
    bool const every = sizes_.norm_every_conv;
    for (index_t i = 0, inputs = 1; i < count; ++i) {
      std::string const name = names_.conv(i);
      index_t const outputs = renamer_.size(name + ".weight", 0), taps = renamer_.size(name + ".weight", 2);
      renamer_.move_module(name, made_.encoder, ours_.conv(i), {outputs, inputs, taps}, sizes_.conv_bias);
      if (every || i == 0) {
        renamer_.move_module(names_.conv_norm(i, every), made_.encoder, ours_.conv_norm(i, every), {outputs});
      }
      sizes_.channels.push_back(outputs);
      sizes_.kernels.push_back(taps);
      inputs = outputs;
    }
    if (count == 1) renamer_.refuse(names_.conv(0) + ".weight", "and alone: group and layer norm look the same then");
    sizes_.projection_norm = renamer_.has_any(names_.of(encoder_part::projection_norm) + ".");
    sizes_.width = renamer_.size(names_.of(encoder_part::projection) + ".weight", 0);
  }

  void move_positional() {
    std::string const from = names_.of(encoder_part::positional), to = ours_.of(encoder_part::positional);
    static constexpr char const* ends[3][2] = {
        {".weight", ".weight"},
        {".weight_g", ".weight_v"},
        {".parametrizations.weight.original0", ".parametrizations.weight.original1"}};
    char const* const* spelling = nullptr;
    for (auto const& each : ends) {
      char const* const there = from_.contains(from + each[0]) ? each[0] : each[1];
      if (!from_.contains(from + there)) continue;
      if (spelling != nullptr) {
        fail("speech_encoder: %s has its weight in two spellings, as %s and %s%s", shown_name(from).c_str(),
             spelling[0] + 1, there + 1, shown_place(from_.source(), -1).c_str());
      }
      spelling = each;
    }
    if (spelling == nullptr) spelling = ends[0];
    std::string const lengths = from + spelling[0], weight = from + spelling[1];
    index_t const width = sizes_.width, inputs = renamer_.size(weight, 1), taps = renamer_.size(weight, 2);
    if (width % inputs != 0) renamer_.refuse(weight, "must have a second size that divides the encoder's width");
    sizes_.positional_taps = taps;
    sizes_.positional_groups = width / inputs;
    if (spelling == ends[0]) {
      renamer_.move(weight, made_.encoder, to + ".weight", {width, inputs, taps});
    } else {
      weights::tensor const& g = renamer_.take(lengths, {1, 1, taps});
      weights::tensor const& v = renamer_.take(weight, {width, inputs, taps});
      made_.encoder.add_owned(to + ".weight", {width, inputs, taps},
                              weights::fold_weight_norm(g, v, "speech_encoder", from_.source()));
    }
    renamer_.move(from + ".bias", made_.encoder, to + ".bias", {width});
  }

  void look_at_layers() {
    sizes_.layers = renamer_.count(names_.of(encoder_part::layers));
    sizes_.hidden = renamer_.size(names_.of(encoder_part::intermediate, 0) + ".weight", 0);
    for (index_t i = 0; i < sizes_.layers; ++i) {
      gated_ = gated_ || renamer_.has_any(names_.of(encoder_part::gate, i)) ||
               renamer_.has_any(names_.of(encoder_part::gate_constant, i)) ||
               renamer_.has_any(names_.of(encoder_part::bias_table, i));
      stacked_ = stacked_ || renamer_.has_any(names_.stacked(i));
    }
    if (!gated_) return;
    std::string const table = names_.of(encoder_part::bias_table, 0) + ".weight";
    sizes_.buckets = renamer_.size(table, 0);
    sizes_.heads = renamer_.size(table, 1);
    if (sizes_.width % sizes_.heads != 0) renamer_.refuse(table, "must be as wide as a divisor of the encoder's width");
  }

  void move_layer(index_t i) {
    using enum encoder_part;
    index_t const width = sizes_.width;
    move_attention(i, ".weight", "in_proj_weight", {width, width}, {3 * width, width});
    move_attention(i, ".bias", "in_proj_bias", {width}, {3 * width});
    renamer_.move_module(stacked_ ? names_.stacked(i) + "out_proj" : names_.of(out_proj, i), made_.encoder,
                         ours_.of(out_proj, i), {width, width});
    move(attention_norm, {width}, i);
    move(intermediate, {sizes_.hidden, width}, i);
    move(output, {width, sizes_.hidden}, i);
    move(final_norm, {width}, i);
    if (!gated_) return;
    index_t const heads = sizes_.heads;
    move(gate, {8, width / heads}, i);
    renamer_.move(names_.of(gate_constant, i), made_.encoder, ours_.of(gate_constant, i), {1, heads, 1, 1});
    if (i > 0) return;
    renamer_.move(names_.of(bias_table, i) + ".weight", made_.encoder, ours_.of(bias_table, i) + ".weight",
                  {sizes_.buckets, heads});
  }

  /// q, k and v: three tensors, or one below the other in one.
  void move_attention(index_t i, char const* end, char const* one, part_shape shape, part_shape stacked) {
    using enum encoder_part;
    if (stacked_) {
      renamer_.split(names_.stacked(i) + one, made_.encoder,
                     {ours_.of(q_proj, i) + end, ours_.of(k_proj, i) + end, ours_.of(v_proj, i) + end}, stacked);
      return;
    }
    for (encoder_part const part : {q_proj, k_proj, v_proj}) {
      renamer_.move(names_.of(part, i) + end, made_.encoder, ours_.of(part, i) + end, shape);
    }
  }

  bool of_a_head(std::string_view name) const {
    return name == "layer_weights" || name.starts_with("projector.") || name.starts_with("classifier.") ||
           (names_.prefix == "pretrain." && name.starts_with("model."));
  }

  weights::state_dict const& from_;
  encoder_naming names_, ours_;
  weights::state_renamer renamer_;
  weights::speech_encoder_checkpoint made_;
  weights::speech_encoder_sizes& sizes_ = made_.sizes;
  bool gated_ = false, stacked_ = false;
};

}}}}  // namespace tshift::detail

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace weights {

/// Takes apart a checkpoint of wav2vec 2.0, HuBERT or WavLM, whoever wrote it: transformers, torchaudio (ShiftSER,
/// behind "pretrain."), or fairseq (unilm, Microsoft, s3prl). The same network gives the same dictionary from each.
/// Computed is one tensor alone, as F32: the weight of the positional convolution where it is kept as weight norm
/// (fold_weight_norm), in the old spelling (weight_g) or in the new (parametrizations). The others keep their types, and
/// their bytes are the checkpoint's, also where torchaudio's WavLM has q, k and v in one.
/// A head for emotions (layer_weights, projector, classifier; behind "pretrain." also model) comes back as `rest`. What
/// pretraining and heads for text leave is passed over.
/// @param checkpoint  may go afterwards; memory that it borrows must stay
/// @throws shape_error  for a tensor that is missing, of another shape or no floating-point number, and for one that
///                      is not known; for two encoders, or names of two families; for a weight in two spellings; for a
///                      batch norm before the positional convolution, which some HuBERT have. A missing last layer is
///                      not seen where nothing else is missing: compare sizes.layers and the convolutions with config.json
/// Cost: a look at every name, and folding.
/// Source: transformers' modeling_wav2vec2, _hubert and _wavlm, torchaudio's wav2vec2/components, fairseq's wav2vec2.
inline speech_encoder_checkpoint speech_encoder_weights(state_dict const& checkpoint) {
  return detail::encoder_renamer(checkpoint).run();
}

}}}}  // namespace tshift::weights

#include <tshift/macros/back.hpp>
