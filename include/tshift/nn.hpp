// SPDX-License-Identifier: MIT
// tshift's blocks: small networks for inference whose layers read through a temporal shift at no cost. This header brings
// all of them, and of other libraries only xsimd.
//
// Every block B<T> (T is float or double) is weights, made once, and these calls:
//
//   B<T> block(sizes, weight, bias, ...)            weights in PyTorch's order: spans, vectors, or tensors of a file in
//                                                   F32, F64, F16 or BF16 (weights/values.hpp); packed, and shared by copies
//   B<T> block(sizes, {weight, stored::bf16}, bias)  its matrices kept as bfloat16: half the memory (weights/stored.hpp)
//   block.forward(x, y)                             y = f(x), where no workspace is needed
//   block.forward(x, y, workspace)                  workspace: block.workspace_size(x.shape) elements of T, anyone's
//   block.forward(executor, x, y, workspace)        the same bits from any executor and any number of threads
//   block.make_workspace(x.shape)                   a std::vector<T> of that size
//
//   x        [N, T, C], rows of neighbouring channels (layout ntc, any strides above): a tensor_view, or shifted(view, plan),
//            which the block reads through. Ragged batches: x.lengths.
//   y        [N, T, C'], other memory than x unless a block says otherwise; written whole
//   throws   shape_error before the first write: sizes or lengths disagree, channels are no neighbours, memory overlaps, the
//            workspace is too small. Nothing else; forward allocates, locks and prints nothing
//   threads  one object serves any number of threads, each with its own y and workspace
//   bits     of a row, or of a sequence, do not depend on what stands beside it in the batch, nor on the executor
//
// The blocks
//
//   linear             y = W x + b                                   (+ skip)    torch.nn.Linear
//   conv1d             any taps, stride, zero padding, groups                    torch.nn.Conv1d
//   depthwise_conv1d   one filter a channel, "same" padding                      torch.nn.Conv1d, groups = channels
//   layer_norm         over channels; y may be x                                 torch.nn.LayerNorm
//   gelu(x, y)         exact; a function, y may be x                             torch.nn.functional.gelu
//   relu, leaky_relu, elu(x, y), activate(f, x, y)   functions, y may be x       torch.nn.ReLU, LeakyReLU, ELU
//   mlp                W2 gelu(W1 x)                                 (+ skip)    a transformer's perceptron
//   lstm               one layer, one direction or both                          torch.nn.LSTM
//   self_attention     heads of any width, four kinds of positions               no output projection
//   wave_conv          samples to channels normalised over time, GELU            Conv1d, GroupNorm, GELU of wav2vec 2.0
//   winograd_conv1d    three taps, stride 2: conv1d in five products for six     torch.nn.Conv1d
//   mean_pool(x, y)    over time, a function: y is [N, 1, C]                     torch.mean
//   summary            last, mean, max, std, attention, or several: [N, 1, C']   a layer of two directions in front
//   chain(a, b, ...)   linear, mlp, layer_norm, chain; first also depthwise_conv1d   torch.nn.Sequential, a few rows at a time
//
// Blocks of images: x [N, T, F, C], time the height, space F the width, the channels of a pixel neighbours (a view of shape
// {N, T, C, F}, layout::ntsc)
//
//   conv2d             any kernel, stride, zeros on each side, groups; (f)       torch.nn.Conv2d
//   winograd_conv2d    three taps along space: conv2d in four products for six; (f)   torch.nn.Conv2d
//   max_pool, avg_pool(x, y, time, space)   windows inside the image, functions  torch.nn.MaxPool2d, AvgPool2d
//   instance_norm      each channel over all pixels; y may be x; (f)             torch.nn.InstanceNorm2d
//
// Branches side by side: each writes its channels of one image, y.slice_channels(first, count).
// (f): an activation is applied to what they make. weights/batch_norm.hpp folds a batch norm into the layer before it.
//
// Those with (+ skip) have forward_add(x, skip, y, workspace): the sum costs no pass of its own, and skip may be shifted.
//
// Where the shift stands in a residual block (residual.hpp)
//
//   wrap<T>(f, placement, plan)   y = [S] x + f([S] x) for a block of this library, or for any callable f(x, y).
//                                 placement: none, branch (TSM's "residual"), skip (ShiftSER's), both
//
// Frame by frame (streamed.hpp)
//
//   stream<T>(sequences, steps...)   row blocks, wrap of one, conv1d, lstm of one direction, one after the other: push(x, y)
//                                    gives the frames that are due, flush(y) the rest; offline's bits, however x is cut
//
// A network of one's own: blocks as members, and the whole is a block by deriving from calls<Network, T, tensor_view<T const>>;
// its workspace is computed by the same call (examples/10_own_network.cpp). The definition of every block as plain loops: nn/reference.hpp.
#pragma once

#include <tshift/nn/activations.hpp>
#include <tshift/nn/block.hpp>
#include <tshift/nn/chain.hpp>
#include <tshift/nn/conv1d.hpp>
#include <tshift/nn/conv2d.hpp>
#include <tshift/nn/depthwise_conv1d.hpp>
#include <tshift/nn/instance_norm.hpp>
#include <tshift/nn/layer_norm.hpp>
#include <tshift/nn/linear.hpp>
#include <tshift/nn/lstm.hpp>
#include <tshift/nn/mlp.hpp>
#include <tshift/nn/pool.hpp>
#include <tshift/nn/pool2d.hpp>
#include <tshift/nn/residual.hpp>
#include <tshift/nn/self_attention.hpp>
#include <tshift/nn/streamed.hpp>
#include <tshift/nn/summary.hpp>
#include <tshift/nn/wave_conv.hpp>
#include <tshift/nn/winograd_conv1d.hpp>
#include <tshift/nn/winograd_conv2d.hpp>
#include <tshift/tshift.hpp>
#include <tshift/weights/batch_norm.hpp>
