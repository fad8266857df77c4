// SPDX-License-Identifier: MIT
// The definition of every block as plain loops: the text to read first, and the oracle that the blocks are tested
// against. One loop an index, from the formula alone; no SIMD, nothing fused. Slow; not for production.
//
//   reference/frame.hpp: each frame by itself
//     linear            y[n, t, o] = bias[o] + sum over i of weight[o, i] x[n, t, i]
//     gelu              y[n, t, c] = x[n, t, c] Phi(x[n, t, c])
//     layer_norm        y[n, t, c] = (x[n, t, c] - mean) / sqrt(variance + eps) * weight[c] + bias[c]
//     mlp               y = second(gelu(first(x)))
//   reference/conv.hpp: neighbouring frames
//     conv1d            y[n, t, o] = bias[o] + sum over i, k of weight[o, i, k] x[n, t stride + k - padding, i]
//     depthwise_conv1d  y[n, t, c] = bias[c] + sum over k of weight[c, k] x[n, t + k - K / 2, c]
//   reference/image.hpp: neighbouring pixels, time being the height of an image and space its width
//     conv2d            y[n, t, o, p] = bias[o] + sum over i, k, l of weight[o, i, k, l] x[n, t + k, i, p + l]
//     max_pool          y[n, t, c, p] = the largest of x[n, t + k, c, p + l]
//     avg_pool          y[n, t, c, p] = the mean of x[n, t + k, c, p + l]
//     instance_norm     y[n, t, c, p] = (x[n, t, c, p] - mean) / sqrt(variance + eps)
//   reference/sequence.hpp: a whole sequence
//     mean_pool         y[n, 0, c] = (sum over t of x[n, t, c]) / length
//     group_norm        y[n, t, c] = (x[n, t, c] - mean) / sqrt(variance + eps) * weight[c] + bias[c]
//     lstm              c = f c + i g, h = o tanh(c), y[n, t] = h
//     self_attention    y[n, l] = sum over r of softmax over r (q[l] . k[r] / sqrt(d)) v[r]
//     gated_self_attention   the same, each score with gate(l) table[bucket(r - l)] beside it
//   reference/summary.hpp: a whole sequence made one frame
//     summary           y[n, 0] = last, mean, max, std or attention of x[n, t] over t, or several side by side
//   reference/residual.hpp: any of them with a shift
//     residual          y = [S] x + f([S] x)
//
// Call reference::linear(x, y, weight, bias): T, the type of y, is what it computes in, and weights are of that type;
// reference::linear<long double, float>(x, y, weight, bias) has weights in float and computes in long double.
// T may be any number type with + - * / and <, and with exp, tanh, sqrt or erfc beside it where a formula has them: one
// that counts operations, say, or that carries an error along.
//
// Legend: n sequence, t frame, c channel (i of x, o of y), k tap, S a shift. x and y are tensor_views, [N, T, C] in any
// memory; a ragged batch says so in x.lengths, and past a sequence's length means t >= lengths[n]. What looks at each
// frame by itself computes those frames like any other; the others write zeros there.
// Weights stand in PyTorch's order, the last index fastest; an empty span of biases is none. The caller answers for
// sizes that match; outputs must not overlap inputs, except those of gelu.
#pragma once

#include <tshift/macros/away.hpp>

#include <tshift/nn/reference/conv.hpp>
#include <tshift/nn/reference/frame.hpp>
#include <tshift/nn/reference/image.hpp>
#include <tshift/nn/reference/residual.hpp>
#include <tshift/nn/reference/sequence.hpp>
#include <tshift/nn/reference/summary.hpp>

#include <tshift/macros/back.hpp>
