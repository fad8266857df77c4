// SPDX-License-Identifier: MIT
// tshift's training: exact gradients for every block and model, losses, optimisers, and what recipes need around them. This
// header brings all of it, and of other libraries only xsimd. Inference includes none of it.
//
//   train::parameter_table table;
//   train::shiftformer<float> model(table, {.channels = 64, .hidden = 256, .classes = 4}, models::shiftformer<float>::paper);
//   std::vector<float> values(table.size()), gradients(table.size()), first(table.size()), second(table.size());
//   train::initialise<float>(table, 42, values);               // or train::read_values(table, state_dict, values)
//   for (index_t step = 1; step <= steps; ++step) {
//     model.pack(values);                                      // after values have changed
//     model.forward(x, logits, saved, workspace);              // the bits of inference
//     double const loss = train::cross_entropy<float>(logits, labels, {}, dlogits);
//     std::fill(gradients.begin(), gradients.end(), 0.0f);
//     model.backward(x, saved, dlogits, {}, gradients, workspace);      // {}: no gradient of x is wanted
//     auto const clipped = train::gradient_clipping<float>(table, gradients, 5);
//     train::adamw<float>(table, {.rate = 5e-4, .decay = 0.05}, step, {values, gradients, first, second}, clipped.factor);
//   }
//
//   memory   all of it the caller's: four flat arrays in the table's order; `saved` of saved_size(x.shape) elements, between
//            the passes; a workspace of workspace_size(x.shape). No call allocates
//   written  y, dx, saved; added to: gradients. A batch may come in pieces
//   lengths  frames behind a sequence's length are not read, and have no gradient
//   bits     of a gradient are those of the sequences one after the other: they do not depend on the executor, on padding,
//            or on how a batch is cut
//   throws   shape_error before the first write
//
// Blocks, with the names and the forward passes of nn.hpp
//
//   linear, mlp, conv1d, depthwise_conv1d, layer_norm, gelu, activate (relu, leaky_relu, elu), lstm, mean_pool
//   self_attention                 four kinds of positions, heads of any width
//   summary                        last, mean, max, std, attention, or several
//   conv2d, max_pool, avg_pool, instance_norm   of images; a batch norm is trained as the layer it is folded into
//   branches                       blocks side by side in channels
//   learned_shift, mix_shift       what is shifted, and how far, is learnt
//   run_residual                   the shift in a residual block, at its placement
//
// Models     shift_cnn, shift_lstm, shiftformer, and their baselines; crnn; vertical_vit, teacher and student, whose
//            backward_both is of feature and logits; checkpoint.hpp and crnn_checkpoint.hpp read and write their weights
// Encoders   speech_layer (wav2vec 2.0, HuBERT, WavLM), layer_sum of their states, sequence_head: what is fine-tuned
// Losses     cross_entropy (class weights, label smoothing), l1, mean_squared_error; transfer_loss of a student
// Optimisers adamw, adam, sgd; gradient_clipping; schedules: constant, cosine, plateau, new_bob, and ShiftSER's as_released
// Recipes    initialise, dropout, spec_augment; random_stream: numbers that have no state to save
#pragma once

#include <tshift/train/activations.hpp>
#include <tshift/train/attention_names.hpp>
#include <tshift/train/branches.hpp>
#include <tshift/train/checkpoint.hpp>
#include <tshift/train/clip.hpp>
#include <tshift/train/conv1d.hpp>
#include <tshift/train/conv2d.hpp>
#include <tshift/train/crnn.hpp>
#include <tshift/train/crnn_checkpoint.hpp>
#include <tshift/train/depthwise_conv1d.hpp>
#include <tshift/train/dropout.hpp>
#include <tshift/train/initialise.hpp>
#include <tshift/train/instance_norm.hpp>
#include <tshift/train/layer_norm.hpp>
#include <tshift/train/layer_sum.hpp>
#include <tshift/train/learned_shift.hpp>
#include <tshift/train/linear.hpp>
#include <tshift/train/loss.hpp>
#include <tshift/train/lstm.hpp>
#include <tshift/train/mix_shift.hpp>
#include <tshift/train/mlp.hpp>
#include <tshift/train/optimiser.hpp>
#include <tshift/train/pool.hpp>
#include <tshift/train/pool2d.hpp>
#include <tshift/train/random.hpp>
#include <tshift/train/residual.hpp>
#include <tshift/train/schedule.hpp>
#include <tshift/train/self_attention.hpp>
#include <tshift/train/sequence_head.hpp>
#include <tshift/train/spec_augment.hpp>
#include <tshift/train/speech_layer.hpp>
#include <tshift/train/speech_layer_options.hpp>
#include <tshift/train/summary.hpp>
#include <tshift/train/transfer.hpp>
#include <tshift/train/vertical_vit.hpp>
