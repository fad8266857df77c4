# SPDX-License-Identifier: MIT
"""wav2vec 2.0, HuBERT and WavLM in PyTorch, inference only, with the parameter names of transformers' Wav2Vec2Model. The
oracle of speech.txt, and what benchmarks/peers/speech.py exports to ONNX.

Written from the papers' and the released code's formulas. Sizes and switches are those of config.json, in short:

    channels kernels strides   of the convolutions          width layers heads hidden   of the transformer
    norm      group: a GroupNorm behind the first convolution; layer: a LayerNorm behind each
    bias      whether the convolutions have biases          taps groups   of the positional convolution
    first     whether a layer's norms stand before its two parts (do_stable_layer_norm) or behind them
    buckets distance   of WavLM's table of positions, 0: none            projection_norm   False in DistilHuBERT
"""

import dataclasses
import math

import torch
from torch import nn

import models


@dataclasses.dataclass
class Sizes:
    channels: tuple = (512,) * 7
    kernels: tuple = (10, 3, 3, 3, 3, 2, 2)
    strides: tuple = (5, 2, 2, 2, 2, 2, 2)
    norm: str = "group"
    bias: bool = False
    width: int = 768
    layers: int = 12
    heads: int = 12
    hidden: int = 3072
    taps: int = 128
    groups: int = 16
    first: bool = False
    projection_norm: bool = True
    buckets: int = 0
    distance: int = 800
    eps: float = 1e-5

    def frames(self, samples):
        for kernel, stride in zip(self.kernels, self.strides):
            samples = 0 if samples < kernel else (samples - kernel) // stride + 1
        return samples

    def valid(self, length, padded, rule):
        """Frames of a padded row that belong to a sequence of so many samples."""
        if rule == "conv":
            return self.frames(length)
        frames = self.frames(padded)
        padding = torch.arange(padded) >= length
        padding = padding[: padded - padded % frames].view(frames, -1).all(dim=1)
        return int((~padding).sum())


# --- The parts ------------------------------------------------------------------------------------------------------


class ConvLayer(nn.Module):
    def __init__(self, sizes, index):
        super().__init__()
        inputs = 1 if index == 0 else sizes.channels[index - 1]
        outputs = sizes.channels[index]
        self.conv = nn.Conv1d(inputs, outputs, sizes.kernels[index], sizes.strides[index], bias=sizes.bias)
        self.norm = sizes.norm if sizes.norm == "layer" or index == 0 else "none"
        if self.norm == "layer":
            self.layer_norm = nn.LayerNorm(outputs)
        elif self.norm == "group":
            self.layer_norm = nn.GroupNorm(outputs, outputs)

    def forward(self, x):
        x = self.conv(x)
        if self.norm == "layer":
            x = self.layer_norm(x.transpose(1, 2)).transpose(1, 2)
        elif self.norm == "group":
            x = self.layer_norm(x)
        return nn.functional.gelu(x)


class FeatureExtractor(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.conv_layers = nn.ModuleList(ConvLayer(sizes, i) for i in range(len(sizes.kernels)))

    def forward(self, x):
        x = x[:, None]
        for layer in self.conv_layers:
            x = layer(x)
        return x.transpose(1, 2)


class FeatureProjection(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        if sizes.projection_norm:
            self.layer_norm = nn.LayerNorm(sizes.channels[-1], eps=sizes.eps)
        self.projection = nn.Linear(sizes.channels[-1], sizes.width)

    def forward(self, x):
        return self.projection(self.layer_norm(x) if hasattr(self, "layer_norm") else x)


class PositionalConv(nn.Module):
    def __init__(self, sizes, weight_norm=True):
        super().__init__()
        conv = nn.Conv1d(sizes.width, sizes.width, sizes.taps, padding=sizes.taps // 2, groups=sizes.groups)
        self.conv = nn.utils.weight_norm(conv, dim=2) if weight_norm else conv

    def forward(self, x):
        y = self.conv(x.transpose(1, 2)).transpose(1, 2)
        return nn.functional.gelu(y[:, : x.shape[1]])


class Attention(nn.Module):
    def __init__(self, sizes, index):
        super().__init__()
        self.sizes, self.heads = sizes, sizes.heads
        for name in ("k_proj", "v_proj", "q_proj", "out_proj"):
            setattr(self, name, nn.Linear(sizes.width, sizes.width))
        if sizes.buckets:
            self.gru_rel_pos_const = nn.Parameter(torch.ones(1, sizes.heads, 1, 1))
            self.gru_rel_pos_linear = nn.Linear(sizes.width // sizes.heads, 8)
            if index == 0:
                self.rel_attn_embed = nn.Embedding(sizes.buckets, sizes.heads)

    def split(self, x):
        """[N, T, D] to [N, heads, T, D / heads]."""
        return x.view(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def table(self, frames):
        """What each head adds for query t and key s, [heads, T, T], before the gate."""
        half, distance = self.sizes.buckets // 2, self.sizes.distance
        exact = half // 2
        d = torch.arange(frames)[None, :] - torch.arange(frames)[:, None]
        far = d.abs()
        wide = torch.log(far.clamp(min=1).double() / exact) / math.log(distance / exact) * (half - exact)
        wide = (exact + wide.long()).clamp(max=half - 1)
        bucket = torch.where(far < exact, far, wide) + (d > 0) * half
        return self.rel_attn_embed(bucket).permute(2, 0, 1)

    def forward(self, x, table=None, keys=None):
        """keys: how many frames of each sequence are attended to."""
        q, k, v = (self.split(getattr(self, name)(x)) for name in ("q_proj", "k_proj", "v_proj"))
        scores = q @ k.transpose(2, 3) / math.sqrt(q.shape[3])
        if table is not None:
            sums = self.gru_rel_pos_linear(self.split(x)).view(x.shape[0], self.heads, x.shape[1], 2, 4).sum(4)
            a, b = torch.sigmoid(sums).chunk(2, dim=3)
            scores = scores + (a * (b * self.gru_rel_pos_const - 1) + 2) * table
        if keys is not None:
            behind = torch.arange(x.shape[1])[None, :] >= torch.tensor(keys)[:, None]
            scores = scores.masked_fill(behind[:, None, None, :], float("-inf"))
        y = torch.softmax(scores, dim=3) @ v
        return self.out_proj(y.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.intermediate_dense = nn.Linear(sizes.width, sizes.hidden)
        self.output_dense = nn.Linear(sizes.hidden, sizes.width)

    def forward(self, x):
        return self.output_dense(nn.functional.gelu(self.intermediate_dense(x)))


class Layer(nn.Module):
    def __init__(self, sizes, index):
        super().__init__()
        self.first = sizes.first
        self.attention = Attention(sizes, index)
        self.layer_norm = nn.LayerNorm(sizes.width, eps=sizes.eps)
        self.feed_forward = FeedForward(sizes)
        self.final_layer_norm = nn.LayerNorm(sizes.width, eps=sizes.eps)

    def forward(self, x, table, keys):
        if self.first:
            x = x + self.attention(self.layer_norm(x), table, keys)
            return x + self.feed_forward(self.final_layer_norm(x))
        x = self.layer_norm(x + self.attention(x, table, keys))
        return self.final_layer_norm(x + self.feed_forward(x))


class Transformer(nn.Module):
    def __init__(self, sizes, weight_norm):
        super().__init__()
        self.first, self.buckets = sizes.first, sizes.buckets
        self.pos_conv_embed = PositionalConv(sizes, weight_norm)
        self.layer_norm = nn.LayerNorm(sizes.width, eps=sizes.eps)
        self.layers = nn.ModuleList(Layer(sizes, i) for i in range(sizes.layers))

    def forward(self, x, keys):
        """All hidden states, [0] to [L]."""
        x = x + self.pos_conv_embed(x)
        if not self.first:
            x = self.layer_norm(x)
        table = self.layers[0].attention.table(x.shape[1]) if self.buckets else None
        states = [x]
        for layer in self.layers:
            states.append(layer(states[-1], table, keys))
        if self.first:
            states[-1] = self.layer_norm(states[-1])
        return states


class SpeechEncoder(nn.Module):
    """x [N, S] to a list of L + 1 hidden states [N, T, D].

    lengths: None, or how many samples of each row are its own; then padding is masked, valid frames counted by the rule.
    """

    def __init__(self, sizes, weight_norm=True):
        super().__init__()
        self.sizes = sizes
        self.feature_extractor = FeatureExtractor(sizes)
        self.feature_projection = FeatureProjection(sizes)
        self.encoder = Transformer(sizes, weight_norm)

    def forward(self, x, lengths=None, rule="conv"):
        h = self.feature_projection(self.feature_extractor(x))
        keys = None
        if lengths is not None:
            keys = [self.sizes.valid(length, x.shape[1], rule) for length in lengths]
            for row, frames in zip(h, keys):
                row[frames:] = 0
        return self.encoder(h, keys)


def fill(model, seed):
    """Every parameter from its name and the seed, as tests/support/seeded.hpp has them; double precision, no gradient."""
    model = model.double().eval()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(False)
        parameter.copy_(torch.from_numpy(models.seeded(name, tuple(parameter.shape), seed)).double())
    return model
