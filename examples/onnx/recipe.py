# SPDX-License-Identifier: MIT
"""The temporal shift of slices, pads and concatenations alone: for export to ONNX and to whatever reads it.

Slice assignment, as networks are usually written (y[:, 1:, :fold] = x[:, :-1, :fold]), is exported as ScatterND over
indices that the graph computes from the shape: TSM's three assignments become 155 nodes, three of them ScatterND
(PyTorch 1.13, opset 13, constants not counted). This form becomes 22: Slice, Pad, Concat, and what computes the
constant amounts of Pad, which runtimes fold; for padding "edge" Expand and Tile. Batch and time may stay dynamic. It
needs torch only, and can be trained as well.
"""

import operator
import struct

import torch


def part(x, dim, begin, end):
    """x[begin:end] along a dimension."""
    return torch.ops.aten.slice(x, dim, begin, end, 1)


def moved(x, offset, padding, dim, shortest):
    """All of x moved along time: y[t] = x[t - offset]. Right for T < |offset| too: nothing here asks for T."""
    s = abs(offset)
    delay = offset > 0
    if padding == "keep":
        pieces = [part(x, dim, 0, s), part(x, dim, 0, -s)] if delay else [part(x, dim, s, None), part(x, dim, -s, None)]
        return torch.cat(pieces, dim)
    if padding == "zero":
        amounts = [0, 0] * (x.dim() - 1 - dim) + ([s, 0] if delay else [0, s])
        longer = torch.nn.functional.pad(x, amounts)
    else:
        if padding == "edge":
            copies = [1] * x.dim()
            copies[dim] = s
            beside = (part(x, dim, 0, 1) if delay else part(x, dim, -1, None)).repeat(copies)
        elif padding == "circular":
            around = torch.cat([x] * -(-s // shortest), dim)  # at least s frames
            beside = part(around, dim, -s, None) if delay else part(around, dim, 0, s)
        else:
            raise ValueError(f"padding = {padding!r}, must be zero, keep, edge or circular")
        longer = torch.cat([beside, x] if delay else [x, beside], dim)
    return part(longer, dim, 0, -s) if delay else part(longer, dim, s, None)


def temporal_shift(x, folds, padding="zero", *, time_dim=1, channel_dim=2, shortest=1):
    """y[n, t, c] = x[n, t - offset, c] for c in [begin, begin + count); channels outside every fold stay.

    x         [N, T, C] or [N, T, C, H, W], or any order by time_dim and channel_dim (not negative); any T
    folds     (begin, count, offset) of each fold; offset > 0 delays, offset < 0 advances; they must not overlap
    padding   what fills the frames that a fold vacates: "zero", "keep" (x[t]), "edge" (x[0] or x[T - 1]), "circular"
    shortest  circular only: the least T > 0 that the graph will meet. It holds ceil(|offset| / shortest) copies of the
              fold, because a graph of slices cannot take an offset modulo T; shortest >= |offset| leaves one.
    The number of channels is fixed in an exported graph; N, T, H and W may be dynamic axes.
    """
    channels = operator.index(x.shape[channel_dim])  # a number, which a trace need not know about
    pieces, end = [], 0
    for begin, count, offset in sorted(fold for fold in folds if fold[1] > 0):
        if begin < end or begin + count > channels:
            raise ValueError(f"folds {folds} overlap, or leave the {channels} channels")
        if begin > end:
            pieces.append(part(x, channel_dim, end, begin))
        fold = part(x, channel_dim, begin, begin + count)
        pieces.append(moved(fold, offset, padding, time_dim, shortest) if offset else fold)
        end = begin + count
    if end < channels:
        pieces.append(part(x, channel_dim, end, None))
    return torch.cat(pieces, channel_dim) if len(pieces) > 1 else pieces[0]


# Published systems as (folds, padding). What each is, and where from: tshift/presets.hpp. It may have more; folds that
# nobody has written down here are those of tshift_torch.preset(name, channels), or of examples/presets.md.


def shiftser(channels, n_div, direction="delay", stride=1, padding="zero"):
    size = channels // n_div
    folds = {"delay": [(0, size, stride)], "advance": [(0, size, -stride)],
             "both": [(0, size, stride), (size, size, -stride)]}
    return folds[direction], padding


def tsm(channels, n_div=8):
    size = channels // n_div
    return [(0, size, -1), (size, size, 1)], "zero"


def tsm_online(channels, n_div=8):
    return [(0, channels // n_div, 1)], "zero"


def paddle(channels, shift_ratio=0.25):
    to_float = lambda value: struct.unpack("f", struct.pack("f", value))[0]  # PaddlePaddle multiplies in float32
    ratio = to_float(shift_ratio)
    c1, c2 = int(to_float(channels * ratio)), min(int(to_float(2 * channels * ratio)), channels)
    return [(0, c1, 1), (c1, c2 - c1, -1)], "zero"


def tps(channels, n_div):
    size = channels // n_div
    return [(0, size, 1), (size, size, -1)], "keep"


def rwkv(channels):
    return [(0, channels // 2, 1)], "zero"


def shift_gcn(channels):
    k = channels // 9
    return [(i * k, k, offset) for i, offset in enumerate([-1, -2, -3, -4, 1, 2, 3, 4])], "zero"
