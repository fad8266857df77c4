// SPDX-License-Identifier: MIT
// What a speech encoder must be told, beside its tensors.
#pragma once

#include <tshift/macros/away.hpp>

#include <vector>

#include <tshift/config.hpp>
#include <tshift/error.hpp>

namespace tshift { inline namespace TSHIFT_V {

/// How many frames of a padded batch belong to a sequence, where padding is computed over: the tools differ.
enum class frame_rule {
  conv,    ///< as many as the sequence alone has: transformers, torchaudio, fairseq's wav2vec 2.0
  reshape  ///< all that cover one of its samples, if the row is cut into equal parts: fairseq's HuBERT, WavLM
};

}}  // namespace tshift

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA {

/// What no tensor of a speech encoder says; config.json does. The rest is read off the tensors.
struct speech_encoder_options {
  index_t heads = 12;                                 ///< num_attention_heads
  bool norm_first = false;                            ///< do_stable_layer_norm
  std::vector<index_t> strides{5, 2, 2, 2, 2, 2, 2};  ///< conv_stride
  double eps = 1e-5;                                  ///< layer_norm_eps: of all norms but those of the convolutions
  index_t max_distance = 800;                         ///< max_bucket_distance, WavLM alone
};

}}}  // namespace tshift

#include <tshift/macros/back.hpp>
