# SPDX-License-Identifier: MIT
"""The CRNN and the vertical-patch ViT in PyTorch, inference only. The oracle of neighbours.txt.

Written from the sheets of the published systems: Chen 2018 (3-D ACRNN) with several kernel widths and summaries; Kim and
Lee 2024, with the parameter names of their checkpoints. Images of the CRNN are [N, T, F, C], those of the ViT [N, W, H].
"""

import dataclasses

import torch
from torch import nn

import models


# --- CRNN -----------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class CrnnSizes:
    channels: int = 3
    bands: int = 40
    widths: tuple = (5,)
    band_taps: int = 3
    filters: int = 128  # of each width
    body: tuple = (256,) * 5
    body_taps: tuple = (5, 3)
    pool: tuple = (2, 4)
    frame: int = 768  # 0: no layer
    hidden: int = 128
    directions: int = 2
    attention: int = 0  # width of the network; 0: none
    head: int = 64
    classes: int = 4
    norm: bool = False
    act: str = "leaky_relu"
    factor: float = 0.01
    summary: tuple = ("mean", "max")
    eps: float = 1e-5
    scorer: str = "sigmoid"


def activation(sizes):
    return {
        "leaky_relu": nn.LeakyReLU(sizes.factor),
        "relu": nn.ReLU(),
        "elu": nn.ELU(sizes.factor),
        "gelu": nn.GELU(),
    }[sizes.act]


class Conv(nn.Conv2d):
    """On [N, C, T, F], "same": of an even kernel the zero that is one too many stands after the last."""

    def __init__(self, inputs, outputs, taps, norm=False):
        odd = all(count % 2 == 1 for count in taps)
        super().__init__(inputs, outputs, taps, padding=tuple(count // 2 for count in taps) if odd else 0)
        self.norm, self.odd = nn.BatchNorm2d(outputs) if norm else None, odd

    def forward(self, z):
        frames, bands = self.kernel_size
        if not self.odd:
            z = nn.functional.pad(z, ((bands - 1) // 2, bands // 2, (frames - 1) // 2, frames // 2))
        z = super().forward(z)
        return z if self.norm is None else self.norm(z)


class Widths(nn.Module):
    """Convolutions 0, 1, ... side by side, and their norm."""

    def __init__(self, sizes):
        super().__init__()
        self.count = len(sizes.widths)
        for number, taps in enumerate(sizes.widths):
            self.add_module(str(number), Conv(sizes.channels, sizes.filters, (taps, sizes.band_taps)))
        self.norm = nn.BatchNorm2d(sizes.filters * self.count) if sizes.norm else None

    def forward(self, z):
        z = torch.cat([self.get_submodule(str(number))(z) for number in range(self.count)], dim=1)
        return z if self.norm is None else self.norm(z)


class Frame(nn.Linear):
    def __init__(self, inputs, outputs, norm):
        super().__init__(inputs, outputs)
        self.norm = nn.BatchNorm1d(outputs) if norm else None

    def forward(self, z):
        z = super().forward(z)
        return z if self.norm is None else self.norm(z.transpose(1, 2)).transpose(1, 2)


class Attention(nn.Module):
    def __init__(self, inputs, width):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(width, inputs))
        self.bias = nn.Parameter(torch.zeros(width))
        self.vector = nn.Parameter(torch.zeros(width))

    def forward(self, h, scorer):
        v = nn.functional.linear(h, self.weight, self.bias)
        score = (torch.sigmoid(v) if scorer == "sigmoid" else torch.tanh(v)) @ self.vector
        return (torch.softmax(score, dim=1)[:, :, None] * h).sum(dim=1)


class Crnn(nn.Module):
    """shift stands before the convolutions of the body whose numbers, from 1, are in `shifted`."""

    def __init__(self, sizes, shift=None, shifted=()):
        super().__init__()
        self.sizes, self.shift, self.shifted = sizes, shift or models.Shift(), shifted
        inputs = [sizes.filters * len(sizes.widths), *sizes.body]
        body = [Conv(i, o, sizes.body_taps, sizes.norm) for i, o in zip(inputs, sizes.body)]
        self.conv = nn.ModuleList([Widths(sizes), *body])
        wide = inputs[-1] * ((sizes.bands - sizes.pool[1]) // sizes.pool[1] + 1)
        self.frame = Frame(wide, sizes.frame, sizes.norm) if sizes.frame else None
        self.lstm = nn.LSTM(sizes.frame or wide, sizes.hidden, batch_first=True, bidirectional=sizes.directions == 2)
        outputs = sizes.directions * sizes.hidden
        if sizes.attention:
            self.attention = Attention(outputs, sizes.attention)
        self.head = nn.ModuleList(
            [nn.Linear(outputs * len(sizes.summary), sizes.head), nn.Linear(sizes.head, sizes.classes)]
        )

    def moved(self, z):
        """S z, [N, C, T, F]"""
        n, c, t, f = z.shape
        rows = z.permute(0, 3, 2, 1).reshape(n * f, t, c)
        return self.shift.branch(rows).reshape(n, f, t, c).permute(0, 3, 2, 1)

    def summarised(self, h):
        s, half = self.sizes, self.sizes.hidden
        parts = []
        for kind in s.summary:
            if kind == "last":
                parts.append(torch.cat([h[:, -1, :half], h[:, 0, half:]], dim=1))
            elif kind == "mean":
                parts.append(h.mean(dim=1))
            elif kind == "max":
                parts.append(h.amax(dim=1))
            elif kind == "std":
                parts.append(torch.sqrt(h.var(dim=1, unbiased=False) + s.eps))
            else:
                parts.append(self.attention(h, s.scorer))
        return torch.cat(parts, dim=1)

    def forward(self, x):
        act = activation(self.sizes)
        z = act(self.conv[0](x.permute(0, 3, 1, 2)))
        z = nn.functional.max_pool2d(z, self.sizes.pool)
        for number, conv in enumerate(self.conv[1:], 1):
            z = act(conv(self.moved(z) if number in self.shifted else z))
        z = z.permute(0, 2, 3, 1).flatten(2)
        if self.frame is not None:
            z = act(self.frame(z))
        h, _ = self.lstm(z)
        return self.head[1](act(self.head[0](self.summarised(h))))


# --- ViT ------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class VitSizes:
    teacher: bool = False
    rows: int = 128  # H
    width: int = 256  # d
    heads: int = 5
    depth_of_head: int = 64
    hidden: int = 512
    layers: int = 3
    classes: int = 4
    patch_height: int = 0  # 0: all rows
    patch_width: int = 1
    mean: bool = False
    corrected: bool = False


class Patches(nn.Module):
    """[N, C, H, W] to patches, row by row of the image, elements in the order row, column, channel."""

    def __init__(self, height, width):
        super().__init__()
        self.height, self.width = height, width

    def forward(self, z):
        n, c, h, w = z.shape
        z = z.reshape(n, c, h // self.height, self.height, w // self.width, self.width)
        return z.permute(0, 2, 4, 3, 5, 1).reshape(n, -1, self.height * self.width * c)


class VitAttention(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        inner = sizes.heads * sizes.depth_of_head
        self.sizes = sizes
        self.norm = nn.LayerNorm(sizes.width)
        self.to_qkv = nn.Linear(sizes.width, 3 * inner, bias=False)
        projects = not (sizes.heads == 1 and sizes.depth_of_head == sizes.width)
        self.to_out = nn.Sequential(nn.Linear(inner, sizes.width), nn.Dropout(0)) if projects else nn.Identity()

    def forward(self, z):
        n, t, _ = z.shape
        s = self.sizes
        q, k, v = self.to_qkv(self.norm(z)).reshape(n, t, 3, s.heads, s.depth_of_head).permute(2, 0, 3, 1, 4)
        weights = torch.softmax(q @ k.transpose(2, 3) * s.depth_of_head**-0.5, dim=3)
        return self.to_out((weights @ v).transpose(1, 2).reshape(n, t, -1))


class FeedForward(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.net = nn.Sequential(
            nn.LayerNorm(sizes.width),
            nn.Linear(sizes.width, sizes.hidden),
            nn.GELU(),
            nn.Dropout(0),
            nn.Linear(sizes.hidden, sizes.width),
            nn.Dropout(0),
        )

    def forward(self, z):
        return self.net(z)


class Transformer(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.norm = nn.LayerNorm(sizes.width)
        self.layers = nn.ModuleList(nn.ModuleList([VitAttention(sizes), FeedForward(sizes)]) for _ in range(sizes.layers))


def all_but_first(move, z):
    """A shift along time leaves token 0 where it is."""
    return torch.cat([z[:, :1], move(z[:, 1:])], dim=1)


class VerticalVit(nn.Module):
    CHANNELS = (1, 16, 32, 64, 32, 16, 1)

    def __init__(self, sizes, shift=None):
        super().__init__()
        self.sizes, self.shift = sizes, shift or models.Shift()
        if sizes.teacher:
            stem = []
            for inputs, outputs in zip(self.CHANNELS, self.CHANNELS[1:]):
                stem += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.InstanceNorm2d(outputs), nn.GELU()]
            self.conv_stem = nn.Sequential(*stem)
        height = sizes.patch_height or sizes.rows
        size = (3 if sizes.teacher else 1) * height * sizes.patch_width
        self.cls_token = nn.Parameter(torch.zeros(1, 1, sizes.width))
        self.to_patch_embedding = nn.Sequential(
            Patches(height, sizes.patch_width),
            nn.LayerNorm(size),
            nn.Linear(size, sizes.width),
            nn.LayerNorm(sizes.width),
        )
        self.transformer = Transformer(sizes)
        self.mlp_head = nn.Linear(sizes.width, sizes.classes)

    def coordinates(self, z):
        """As released each axis is divided by the other's length."""
        n, _, h, w = z.shape
        row = torch.arange(h, dtype=z.dtype)[:, None].expand(h, w)
        column = torch.arange(w, dtype=z.dtype)[None, :].expand(h, w)
        by = (h - 1, w - 1) if self.sizes.corrected else (w - 1, h - 1)
        planes = torch.stack([2 * row / by[0] - 1, 2 * column / by[1] - 1])
        return torch.cat([z, planes.expand(n, 2, h, w)], dim=1)

    def forward(self, x):
        z = x.transpose(1, 2)[:, None]
        if self.sizes.teacher:
            z = self.coordinates(self.conv_stem(z))
        z = self.to_patch_embedding(z)
        z = torch.cat([self.cls_token.expand(len(z), 1, -1), z], dim=1)
        for attention, feed_forward in self.transformer.layers:
            if self.shift.n_div == 0:  # an exported graph holds nothing of it
                z = z + attention(z)
            else:
                z = all_but_first(self.shift.skip, z) + self.attended(attention, z)
            z = z + feed_forward(z)
        z = self.transformer.norm(z)
        feature = z.mean(dim=1) if self.sizes.mean else z[:, 0]
        return self.mlp_head(feature), feature

    def attended(self, attention, z):
        """The shift moves what the norm has made."""
        norm, moved = attention.norm, all_but_first(self.shift.branch, attention.norm(z))
        attention.norm = nn.Identity()
        result = attention(moved)
        attention.norm = norm
        return result


# --- Numbers --------------------------------------------------------------------------------------------------------


def fill(model, seed):
    """Gives every parameter and every running mean and variance its seeded values, in double."""
    models.fill(model, seed)
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.copy_(torch.from_numpy(models.seeded(name, buffer.shape, seed)))
        elif name.endswith("running_var"):  # around 1, as scales are
            buffer.copy_(torch.from_numpy(models.seeded(name + ".weight", buffer.shape, seed)))
    return model.double().eval()
