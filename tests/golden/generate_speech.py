#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes speech.txt next to this script, or compares it: hidden states of the encoders in speech.py, in double precision.

    /usr/bin/python3 tests/golden/generate_speech.py            write
    /usr/bin/python3 tests/golden/generate_speech.py --check    regenerate, compare, exit 1 if anything differs

Run by hand, under a minute. Weights and inputs are not stored: both sides generate them (seeded in models.py,
tests/support/seeded.hpp). The format is in README.md.
"""

import itertools
import pathlib
import sys

import numpy
import torch

sys.dont_write_bytecode = True  # no __pycache__ in the source tree
import generate_models  # noqa: E402
import models  # noqa: E402
import speech  # noqa: E402
from torch import nn  # noqa: E402

FILE = pathlib.Path(__file__).resolve().parent / "speech.txt"

# 400 samples are the first frame, 720 the second: edges, and some in between.
LENGTHS = (400, 401, 719, 720, 1039, 1040, 3000, 5121)
SIGNALS = ("uniform", "quiet", "offset", "silence", "level", "late")


def signal(kind, n, samples, seed):
    """float32 [n, samples], equal to the last bit on both sides."""
    u = models.seeded("x", (n, samples), seed)
    f32 = numpy.float32
    if kind == "quiet":
        return u * f32(2.0**-12)
    if kind == "offset":
        return f32(0.25) + u * f32(2.0**-6)
    if kind == "silence":
        return numpy.zeros_like(u)
    if kind == "level":
        return numpy.full_like(u, 0.25)
    if kind == "late":  # silent in its first half
        return numpy.where(numpy.arange(samples) < samples // 2, f32(0), u)
    return u


class Case:
    """mode: whole: no lengths; ragged: each sequence alone; conv, reshape: padding masked, by that rule."""

    def __init__(self, sizes, lengths, *, mode="whole", kind="uniform", samples=0):
        self.sizes, self.lengths, self.mode, self.kind = sizes, lengths, mode, kind
        self.samples = max(samples, *lengths)

    def input(self, seed):
        x = torch.from_numpy(signal(self.kind, len(self.lengths), self.samples, seed)).clone()
        for row, length in zip(x, self.lengths):
            if self.mode != "whole":
                row[length:] = 0
        return x.double()

    def states(self, model, x):
        """[L + 1, N, T, D]"""
        if self.mode == "whole":
            return torch.stack(model(x))
        if self.mode != "ragged":
            return torch.stack(model(x, self.lengths, self.mode))
        frames = self.sizes.frames(self.samples)
        rows = [torch.stack(model(x[n : n + 1, :length])) for n, length in enumerate(self.lengths)]
        return torch.cat([nn.functional.pad(row, (0, 0, 0, frames - row.shape[2])) for row in rows], dim=1)

    def frames(self):
        rule = self.mode if self.mode == "reshape" else "conv"
        lengths = [self.samples] * len(self.lengths) if self.mode == "whole" else self.lengths
        return [self.sizes.valid(length, self.samples, rule) for length in lengths]


# --- Cases ----------------------------------------------------------------------------------------------------------


def all_cases():
    channels = itertools.cycle(((8,) * 7, (6, 9, 7, 8, 5, 4, 10), (16,) * 7))
    shapes = itertools.cycle(((12, 3, 20), (16, 2, 33), (10, 1, 7), (24, 4, 24)))
    positions = itertools.cycle(((128, 2), (7, 1), (16, 2), (128, 1)))
    lengths, kinds = itertools.cycle(LENGTHS), itertools.cycle(SIGNALS)
    switches = itertools.product(("group", "layer"), (False, True), (False, True), (0, 32), (True, False))
    for norm, bias, first, buckets, projection_norm in switches:
        for mode in ("whole", "ragged", "conv", "reshape"):
            width, heads, hidden = next(shapes)
            taps, groups = next(positions)
            sizes = speech.Sizes(channels=next(channels), norm=norm, bias=bias, width=width, heads=heads, hidden=hidden,
                                 layers=2, taps=taps, groups=groups, first=first, buckets=buckets, distance=10,
                                 projection_norm=projection_norm)
            count = 1 if mode == "whole" else 3
            yield Case(sizes, [next(lengths) for _ in range(count)], mode=mode, kind=next(kinds) if count == 1 else "uniform",
                       samples=0 if mode == "whole" else 3600)
    small = {"channels": (8,) * 7, "width": 12, "heads": 3, "hidden": 20, "layers": 2, "taps": 16, "groups": 2}
    # Every edge alone, and every signal.
    for norm, samples in itertools.product(("group", "layer"), LENGTHS):
        yield Case(speech.Sizes(norm=norm, first=norm == "layer", **small), [samples])
    for norm, kind, mode in itertools.product(("group", "layer"), SIGNALS, ("whole", "ragged")):
        yield Case(speech.Sizes(norm=norm, **small), [4000, 1500], mode=mode, kind=kind)
    # Other convolutions than the published ones; WavLM's own buckets, farther than they reach; more pieces than one.
    other = {**small, "channels": (9, 7, 5), "kernels": (4, 3, 5), "strides": (3, 1, 2)}
    two = {**small, "channels": (4, 6), "kernels": (10, 3), "strides": (5, 4)}
    for sizes, norm, mode in itertools.product((other, two), ("group", "layer"), ("whole", "ragged")):
        yield Case(speech.Sizes(norm=norm, **sizes), [700, 41, 322], mode=mode)
    for mode in ("whole", "ragged"):
        yield Case(speech.Sizes(**{**two, "layers": 1}, buckets=320, distance=800), [20000, 9000][: 1 + (mode == "ragged")], mode=mode)
        yield Case(speech.Sizes(**{**small, "layers": 1}), [100000, 45000][: 1 + (mode == "ragged")], mode=mode)
    for eps in (1e-3, 1e-7):
        yield Case(speech.Sizes(**small, eps=eps), [2000])
    # Full size: base, and a layer of large. Three frames: both sides take seconds.
    yield Case(speech.Sizes(), [1040])
    yield Case(speech.Sizes(norm="layer", bias=True, first=True, width=1024, layers=1, heads=16, hidden=4096), [1040])
    yield Case(speech.Sizes(layers=1, buckets=320), [1040, 720], mode="ragged")


# --- Writing --------------------------------------------------------------------------------------------------------


def probes(states, seed):
    """Three numbers for every frame of each state, or for eight of them: the states themselves would be a large file."""
    width = states.shape[-1]
    states = states[:, :, :: 1 + states.shape[2] // 8]
    probe = torch.from_numpy(models.seeded("x", (3, width), seed + 1000)).double()
    return states @ probe.T


def block(index, case):
    seed = index + 1
    model, x = speech.fill(speech.SpeechEncoder(case.sizes), seed), case.input(seed)
    states = case.states(model, x)
    assert bool(torch.isfinite(states).all())
    weights = torch.softmax(torch.from_numpy(models.seeded("x", (len(states),), seed + 2000)).double(), dim=0)
    flat = nn.functional.layer_norm(states, states.shape[-1:], eps=1e-5)
    frames = case.frames()
    if case.mode == "ragged":  # a normalised row of zeros is zeros, but not their bias: there is none
        assert all(bool((flat[:, n, count:] == 0).all()) for n, count in enumerate(frames))
    sums = [torch.einsum("k,kntd->ntd", weights, each) for each in (states, flat)]
    values = probes(torch.cat([states, *[each[None] for each in sums]]), seed)
    s = case.sizes
    tensors = [*model.parameters(), x]
    bits = sum(int(t.float().numpy().view(numpy.uint32).sum(dtype=numpy.uint64)) for t in tensors) % 2**64
    return [
        f"case {index}",
        " ".join(["channels", *map(str, s.channels)]),
        " ".join(["kernels", *map(str, s.kernels)]),
        " ".join(["strides", *map(str, s.strides)]),
        f"switches {s.norm} {int(s.bias)} {int(s.first)} {int(s.projection_norm)}",
        f"sizes {s.width} {s.layers} {s.heads} {s.hidden} {s.taps} {s.groups} {s.buckets} {s.distance} {s.eps:g}",
        f"input {len(case.lengths)} {case.samples} {seed} {case.kind} {bits}",
        " ".join(["mode", case.mode, *map(str, case.lengths)]),
        " ".join(["frames", *map(str, frames)]),
        " ".join(["y", *(f"{value:.7e}" for value in values.flatten().tolist())]),
    ]


if __name__ == "__main__":
    cases = list(all_cases())
    sys.exit(generate_models.write_or_check(__doc__, "generate_speech.py", FILE, cases, block))
