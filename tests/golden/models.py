# SPDX-License-Identifier: MIT
"""ShiftSER's downstream models in PyTorch, inference only, with the parameter names of its checkpoints, and numbers to
fill them with. The oracle of models.txt, and what benchmarks/peers/models.py exports to ONNX.

Everything is written plainly: the shift as slices joined by cat, relative positions as a [T, T, head] table.

    kind         what                                       shift
    cnn          two convolutional blocks                   in the second block only
    lstm         bidirectional LSTM                         on its input
    shift_lstm   the same under the names of ShiftLSTM
    transformer  two blocks of attention and MLP            round both attentions
    shiftformer  two blocks of shift and MLP                round both MLPs

Placement, f being what the shift is put round:  none f(x) + x;  branch f(S x) + x;  skip f(x) + S x;
both f(S x) + S x. The LSTM has no skip connection: branch and both are the same, skip means nothing.
"""

import math

import numpy
import torch
from torch import nn

HEADS = 12
KINDS = ("cnn", "lstm", "shift_lstm", "transformer", "shiftformer")
POSITIONS = ("absolute", "relative_key", "relative_key_query")


# --- The shift ------------------------------------------------------------------------------------------------------


class Shift:
    """S and where it stands. Folds of D // n_div channels; n_div 0: S is the identity."""

    def __init__(self, n_div=0, direction="delay", stride=1, placement="none", padding="zero"):
        assert n_div >= 0 and stride >= 1 and direction in ("delay", "advance", "both")
        assert placement in ("none", "branch", "skip", "both") and padding in ("zero", "keep", "edge", "circular")
        self.n_div, self.direction, self.stride = n_div, direction, stride
        self.placement, self.padding = placement, padding

    def branch(self, x):
        """What f reads."""
        return self.shifted(x) if self.placement in ("branch", "both") else x

    def skip(self, x):
        """What is added to f's result."""
        return self.shifted(x) if self.placement in ("skip", "both") else x

    def shifted(self, x):
        """x [N, T, D] with its first fold moved, or its first to later frames and its second to earlier ones."""
        fold = 0 if self.n_div == 0 else x.shape[2] // self.n_div
        if fold == 0:
            return x
        first, second, rest = x[:, :, :fold], x[:, :, fold : 2 * fold], x[:, :, 2 * fold :]
        if self.direction == "delay":
            return torch.cat([self.delayed(first), second, rest], dim=2)
        if self.direction == "advance":
            return torch.cat([self.advanced(first), second, rest], dim=2)
        return torch.cat([self.delayed(first), self.advanced(second), rest], dim=2)

    def delayed(self, part):
        if self.padding == "circular":
            return torch.roll(part, self.stride, dims=1)
        frames = part.shape[1]
        lost = min(self.stride, frames)
        return torch.cat([self.filling(part[:, :lost], part[:, :1]), part[:, : frames - lost]], dim=1)

    def advanced(self, part):
        if self.padding == "circular":
            return torch.roll(part, -self.stride, dims=1)
        frames = part.shape[1]
        lost = min(self.stride, frames)
        return torch.cat([part[:, lost:], self.filling(part[:, frames - lost :], part[:, frames - 1 :])], dim=1)

    def filling(self, own, border):
        """What vacated frames get: own holds their values before, border the first or the last frame."""
        if self.padding == "zero":
            return torch.zeros_like(own)
        return own if self.padding == "keep" else border.expand_as(own)


# --- Models: x [N, T, D] to logits [N, K] ---------------------------------------------------------------------------


class SpecAugment(nn.Module):
    """Does nothing at inference, but has a parameter in every checkpoint."""

    def __init__(self, width):
        super().__init__()
        self.masked_spec_embed = nn.Parameter(torch.zeros(width))


class SwapTimeAndChannels(nn.Module):
    def forward(self, x):
        return x.transpose(1, 2)


class ConvBlock(nn.Module):
    """f of the CNN, on [N, D, T]."""

    def __init__(self, width):
        super().__init__()
        self.sequential = nn.Sequential(
            nn.Conv1d(width, width, kernel_size=7, padding=3, groups=width),
            SwapTimeAndChannels(),
            nn.LayerNorm(width),
            SwapTimeAndChannels(),
            nn.Conv1d(width, 4 * width, kernel_size=1),
            nn.GELU(),
            nn.Conv1d(4 * width, width, kernel_size=1),
        )

    def forward(self, x):
        return self.sequential(x)


class Cnn(nn.Module):
    def __init__(self, width, classes, shift):
        super().__init__()
        self.specaugment = SpecAugment(width)
        self.conv_block = nn.ModuleList([ConvBlock(width), ConvBlock(width)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)
        self.shift = shift

    def forward(self, x):
        x = self.block(x, 0, Shift())
        x = self.block(x, 1, self.shift)
        return self.head(self.norm(x).mean(dim=1))

    def block(self, x, index, shift):
        f = self.conv_block[index](shift.branch(x).transpose(1, 2)).transpose(1, 2)
        return shift.skip(x) + f


class Wrapped(nn.Module):
    """Puts `net.` into the names, as the released shift does round a module."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x)


class Lstm(nn.Module):
    def __init__(self, width, classes, shift, wrapped):
        super().__init__()
        assert shift.placement != "skip"
        self.specaugment = SpecAugment(width)
        rnn = nn.LSTM(width, width, num_layers=1, batch_first=True, bidirectional=True)
        self.rnn = Wrapped(rnn) if wrapped else rnn
        self.norm = nn.LayerNorm(2 * width)
        self.head = nn.Linear(2 * width, classes)
        self.shift = shift

    def forward(self, x):
        states, _ = self.rnn(self.shift.branch(x))
        return self.head(self.norm(states).mean(dim=1))


class Attention(nn.Module):
    """12 heads, no output projection. E[l - r + length - 1] is the embedding p of the distance from r to l."""

    def __init__(self, width, length, position):
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.head_width = width // HEADS
        self.length, self.position = length, position
        if position != "absolute":
            self.distance_embedding = nn.Embedding(2 * length - 1, self.head_width)

    def forward(self, x):
        batch, frames, width = x.shape
        qkv = self.qkv(x).reshape(batch, frames, 3, HEADS, self.head_width)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each [N, heads, T, head_width]
        scores = q @ k.transpose(2, 3)
        if self.position != "absolute":
            t = torch.arange(frames)
            p = self.distance_embedding(t.view(-1, 1) - t.view(1, -1) + self.length - 1)
            scores = scores + torch.einsum("nhld,lrd->nhlr", q, p)
            if self.position == "relative_key_query":
                scores = scores + torch.einsum("nhrd,lrd->nhlr", k, p)
        weights = torch.softmax(scores / math.sqrt(self.head_width), dim=3)
        return (weights @ v).permute(0, 2, 1, 3).reshape(batch, frames, width)


class Mlp(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)
        self.act = nn.GELU()

    def forward(self, x):
        return self.fc2(self.act(self.fc1(x)))


class TransformerBlock(nn.Module):
    def __init__(self, width, length, position, shift):
        super().__init__()
        self.token_mixer = Attention(width, length, position)
        self.norm1 = nn.LayerNorm(width)
        self.mlp = Mlp(width)
        self.norm2 = nn.LayerNorm(width)
        self.shift = shift

    def forward(self, x):
        x = self.norm1(self.shift.skip(x) + self.token_mixer(self.shift.branch(x)))
        return self.norm2(x + self.mlp(x))


class ShiftformerBlock(nn.Module):
    def __init__(self, width, shift):
        super().__init__()
        self.mlp = Mlp(width)
        self.norm2 = nn.LayerNorm(width)
        self.shift = shift

    def forward(self, x):
        return self.norm2(self.shift.skip(x) + self.mlp(self.shift.branch(x)))


class Transformer(nn.Module):
    """Both kinds. Absolute positions are added to x once, before the first block; a Shiftformer may have them, too."""

    def __init__(self, width, length, classes, position, shift, shiftformer):
        super().__init__()
        self.specaugment = SpecAugment(width)
        self.position = position
        if position == "absolute":
            self.position_embeddings = nn.Embedding(length, width)
            self.register_buffer("position_ids", torch.arange(length).reshape(1, length))
        if shiftformer:
            blocks = [ShiftformerBlock(width, shift) for _ in range(2)]
        else:
            blocks = [TransformerBlock(width, length, position, shift) for _ in range(2)]
        self.transformer = nn.Sequential(*blocks)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        if self.position == "absolute":
            x = x + self.position_embeddings(self.position_ids[:, : x.shape[1]])
        return self.head(self.transformer(x).mean(dim=1))


def build(kind, width, length, classes, position, shift):
    """A model in double precision. length: the longest T; 0 where the model has no table of positions."""
    assert kind in KINDS
    if kind == "cnn":
        model = Cnn(width, classes, shift)
    elif kind in ("lstm", "shift_lstm"):
        model = Lstm(width, classes, shift, wrapped=kind == "shift_lstm")
    else:
        model = Transformer(width, length, classes, position, shift, shiftformer=kind == "shiftformer")
    return model.double().eval().requires_grad_(False)


# --- Numbers: the same in tests/support/seeded.hpp ------------------------------------------------------------------


def random_bits(name, size, seed):
    """SplitMix64 from a state that depends on the tensor's name (FNV-1a) and the seed."""
    state = 0xCBF29CE484222325
    for byte in name.encode("ascii"):
        state = (state ^ byte) * 0x100000001B3 % 2**64
    state ^= seed * 0x9E3779B97F4A7C15 % 2**64
    z = numpy.arange(1, size + 1, dtype=numpy.uint64) * numpy.uint64(0x9E3779B97F4A7C15) + numpy.uint64(state)
    z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    return z ^ (z >> numpy.uint64(31))


def seeded(name, shape, seed):
    """float32 values in row-major order. u is in [-1, 1), a multiple of 2^-23:

    x                                                    u
    tables of positions, and the vector of SpecAugment   0.5 u
    other tensors of rank 2, 3                           u * float32(2 / sqrt(product of all sizes but the first))
    scales of a LayerNorm                                1 + 0.25 u
    biases                                               0.25 u

    Each takes one rounding at most, so that no compiler's contraction changes a bit.
    """
    shape = tuple(shape)
    bits = random_bits(name, math.prod(shape), seed)
    u = ((bits >> numpy.uint64(40)).astype(numpy.float64) * 2.0**-23 - 1).astype(numpy.float32)
    f32 = numpy.float32
    if name == "x":
        values = u
    elif "embed" in name:
        values = f32(0.5) * u
    elif len(shape) > 1:
        values = u * f32(2 / math.sqrt(math.prod(shape[1:])))
    elif name.endswith(".weight"):
        values = f32(1) + f32(0.25) * u
    else:
        values = f32(0.25) * u
    return values.reshape(shape)


def fill(model, seed):
    """Gives every parameter its seeded values; buffers stay."""
    for name, parameter in model.named_parameters():
        parameter.copy_(torch.from_numpy(seeded(name, parameter.shape, seed)))
    return model
