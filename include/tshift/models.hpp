// SPDX-License-Identifier: MIT
// tshift's models: ShiftSER's networks, and wav2vec 2.0, HuBERT and WavLM, from the weights of a checkpoint. This header
// brings all of them, and of other libraries only xsimd; files are read by tshift/io/safetensors.hpp.
//
//   auto const file = io::safetensors::open("W.safetensors");
//   models::shift_cnn<float> const model(file.state_dict());
//   std::vector<float> workspace = model.make_workspace(x.shape);
//   model.forward(x, y, workspace);                   // x [N, T, D] to logits y [N, 1, classes]
//   model.forward(executor, x, y, workspace);         // the same bits, the work shared out
//
//   shift_cnn     convolutional blocks, a shift on the skip of the last      CNN with options baseline
//   shift_lstm    a recurrent layer that reads shifted input                 LSTM with options baseline
//   shiftformer   a shift in place of attention                              Transformer by its tensors
//
//   speech_encoder      samples [N, S, 1] to frames [N, T, D]                 any hidden state, all, a weighted sum
//   sequence_head       mean over time and two layers, as transformers has them: frames to logits
//   speech_classifier   an encoder and a head behind it, any of the above     samples to logits
//
//   crnn                images [N, T, F, C] of log-mel features to logits     convolutions of several widths, LSTM, summary
//   vertical_vit        images [N, W, H], column by column, to logits and     a student's tokens are columns; a teacher has a
//                       the feature that a student learns                     stem of convolutions and coordinates
//
//   models::streamed live(model);                     // frame by frame: shift_cnn, shiftformer; shift_lstm and crnn of one
//   live.push(x, y);                                  // direction. y: the logits of the frames that have left the network
//   live.flush(y);                                    // the end: those of all
//
//   models::windowed live(encoder, {.window = 64000, .hop = 16000});     // a speech encoder, window by window
//   live.push(samples, [&](auto const& window) { ... window.states ... });
//
//   weights.store_as(stored::bf16);                   // before a model is made of a state_dict: half the memory
//
//   auto const checkpoint = weights::speech_encoder_weights(file.state_dict());      // whoever wrote it
//   auto const config = io::speech_encoder_config::open("config.json");
//   models::speech_encoder<float> const encoder(checkpoint, config.options_for(checkpoint.sizes));
//   models::speech_classifier const model(encoder, models::sequence_head<float>(checkpoint.rest, encoder.channels()));
//
// Sizes are read off the tensors; a tensor that is missing, of another shape, or left over is a shape_error that names it.
// model_shift says how many channels move, which way, how far, and where; each model has its paper's as `paper`.
// Lengths of x are honoured: padding changes nothing, not one bit. as_released(x) computes as the released code does,
// which takes padding for frames. What forward is called with, throws and promises: nn.hpp.
#pragma once

#include <tshift/models/crnn.hpp>
#include <tshift/models/sequence_head.hpp>
#include <tshift/models/shift_cnn.hpp>
#include <tshift/models/shift_lstm.hpp>
#include <tshift/models/shiftformer.hpp>
#include <tshift/models/speech_classifier.hpp>
#include <tshift/models/speech_encoder.hpp>
#include <tshift/models/streamed.hpp>
#include <tshift/models/vertical_vit.hpp>
#include <tshift/models/windowed.hpp>
#include <tshift/nn.hpp>
