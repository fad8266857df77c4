#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes neighbours.txt next to this script, or compares it: logits of the models in neighbours.py, in double precision.

    /usr/bin/python3 tests/golden/generate_neighbours.py            write
    /usr/bin/python3 tests/golden/generate_neighbours.py --check    regenerate, compare, exit 1 if anything differs

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
from neighbours import Crnn, CrnnSizes, VerticalVit, VitSizes, fill  # noqa: E402

FILE = pathlib.Path(__file__).resolve().parent / "neighbours.txt"


class Case:
    """lengths: none: all have T; else y is every sequence alone, cut to its length."""

    def __init__(self, sizes, batch, time, *, lengths=(), shift=(0, "delay", 1, "none", "zero"), shifted=()):
        self.sizes, self.batch, self.time, self.lengths, self.shifted = sizes, batch, time, lengths, shifted
        self.shift = models.Shift(*shift)

    def model(self):
        if isinstance(self.sizes, CrnnSizes):
            return Crnn(self.sizes, self.shift, self.shifted)
        return VerticalVit(self.sizes, self.shift)

    def input(self, seed):
        s = self.sizes
        pixels = (s.bands, s.channels) if isinstance(s, CrnnSizes) else (s.rows,)
        return torch.from_numpy(models.seeded("x", (self.batch, self.time, *pixels), seed)).double()

    def results(self, model, x):
        """Logits, and behind them the features of a ViT, one list for each sequence."""
        if not self.lengths:
            return self.rows(model(x))
        return sum((self.rows(model(x[n : n + 1, :length])) for n, length in enumerate(self.lengths)), [])

    @staticmethod
    def rows(result):
        parts = result if isinstance(result, tuple) else (result,)
        return [torch.cat([part[n] for part in parts]) for n in range(len(parts[0]))]

    def lines(self):
        s, shift = self.sizes, self.shift
        if isinstance(s, CrnnSizes):
            yield f"crnn {s.channels} {s.bands} {s.band_taps} {s.filters} {s.frame} {s.hidden} {s.directions}"
            yield f"head {s.attention} {s.head} {s.classes} {int(s.norm)} {s.scorer} {s.eps:g}"
            yield f"activation {s.act} {s.factor:g}"
            yield " ".join(["widths", *map(str, s.widths)])
            yield " ".join(["body", *map(str, (*s.body_taps, *s.body))])
            yield " ".join(["pool", *map(str, s.pool)])
            yield " ".join(["summary", *s.summary])
            yield " ".join(["shifted", *map(str, self.shifted)])
        else:
            yield f"vit {int(s.teacher)} {s.rows} {s.width} {s.heads} {s.depth_of_head} {s.hidden} {s.layers} {s.classes}"
            yield f"patches {s.patch_height} {s.patch_width} {int(s.mean)} {int(s.corrected)}"
        yield f"shift {shift.n_div} {shift.direction} {shift.stride} {shift.placement} {shift.padding}"


# --- Cases ----------------------------------------------------------------------------------------------------------


def crnn_cases():
    small = {"bands": 13, "filters": 4, "body": (6, 5), "frame": 9, "hidden": 5, "head": 6, "classes": 3}
    summaries = ("last", "mean", "max", "std", "attention")
    # Every summary alone, one direction and both, whole and ragged.
    for kind, directions, ragged in itertools.product(summaries, (1, 2), (False, True)):
        sizes = CrnnSizes(**small, directions=directions, summary=(kind,), attention=7 if kind == "attention" else 0)
        yield Case(sizes, 3, 17, lengths=(17, 6, 9) if ragged else ())
    # Several, in any order; both scorers; eps.
    for some, scorer in (("mean", "max"), "sigmoid"), (("attention", "last", "std"), "tanh"), (summaries, "sigmoid"):
        width = 4 if "attention" in some else 0
        yield Case(CrnnSizes(**small, summary=some, attention=width, scorer=scorer, eps=1e-2), 2, 12, lengths=(5, 12))
    # Widths, even ones among them; taps; channels; norms; activations; without a frame layer, without a body.
    for widths in (1,), (4,), (8, 16), (5, 9, 17, 33), (2, 3, 7):
        for norm, channels in itertools.product((False, True), (1, 3)):
            yield Case(CrnnSizes(**small, widths=widths, norm=norm, channels=channels), 2, 20, lengths=(20, 11))
    for act, factor in ("leaky_relu", 0.3), ("relu", 0), ("elu", 1), ("elu", 0.5), ("gelu", 0):
        yield Case(CrnnSizes(**small, act=act, factor=factor, norm=True), 2, 16)
    for body, frame in ((), 9), ((), 0), ((6,), 0), ((5, 6, 7, 8), 11):
        yield Case(CrnnSizes(**{**small, "body": body, "frame": frame}), 2, 15, lengths=(15, 8))
    for taps, body_taps, pool in (2, (4, 2), (2, 4)), (5, (3, 5), (1, 2)), (4, (1, 1), (3, 3)), (1, (6, 4), (2, 1)):
        yield Case(CrnnSizes(**small, band_taps=taps, body_taps=body_taps, pool=pool), 2, 14, lengths=(14, 9))
    for bands in (4, 7, 8, 11):  # what the pool drops
        yield Case(CrnnSizes(**{**small, "bands": bands}), 2, 13)
    # Shifts before convolutions of the body.
    for direction, placement, padding in itertools.product(
        ("delay", "advance", "both"), ("branch", "both"), ("zero", "keep", "edge", "circular")
    ):
        stride = 2 if padding == "edge" else 1
        shifted = (1, 2) if placement == "branch" else (stride,)
        shift = (2, direction, stride, placement, padding)
        yield Case(CrnnSizes(**small), 2, 18, lengths=(18, 7), shift=shift, shifted=shifted)


def vit_cases():
    small = {"rows": 10, "width": 12, "heads": 3, "depth_of_head": 5, "hidden": 20, "layers": 2, "classes": 3}
    for teacher, mean in itertools.product((False, True), (False, True)):
        yield Case(VitSizes(**small, teacher=teacher, mean=mean), 2, 7)
        yield Case(VitSizes(**small, teacher=teacher, mean=mean), 3, 9, lengths=(9, 2, 5))
        # Patches of several columns, of some rows, of both; H is not W.
        for height, width in (0, 3), (5, 1), (2, 2), (10, 4):
            sizes = VitSizes(**small, teacher=teacher, mean=mean, patch_height=height, patch_width=width)
            yield Case(sizes, 2, 12, lengths=(12, 2 * width) if mean else ())
    for teacher in (False, True):
        # One head: without an output projection where it is as wide as a token.
        for depth in (12, 7):
            yield Case(VitSizes(**{**small, "heads": 1, "depth_of_head": depth}, teacher=teacher), 2, 8)
        yield Case(VitSizes(**{**small, "heads": 12, "depth_of_head": 1}, teacher=teacher), 2, 8)
        yield Case(VitSizes(**{**small, "rows": 20}, teacher=teacher, corrected=True), 2, 6)
        yield Case(VitSizes(**{**small, "layers": 1}, teacher=teacher), 40, 3)  # more than are computed together
    for direction, placement, padding in itertools.product(
        ("delay", "both"), ("branch", "skip", "both"), ("zero", "circular")
    ):
        yield Case(VitSizes(**small), 2, 9, lengths=(9, 4), shift=(4, direction, 1, placement, padding))


def full_size_cases():
    yield Case(CrnnSizes(summary=("attention",), attention=64), 1, 300)  # Chen's; the width of its attention is ours
    yield Case(CrnnSizes(widths=(5, 9, 17, 33), filters=32, norm=True), 1, 300)
    yield Case(VitSizes(), 1, 128)
    yield Case(VitSizes(teacher=True, layers=6), 1, 128)


# --- Writing --------------------------------------------------------------------------------------------------------


def block(index, case):
    seed = index + 1
    model, x = fill(case.model(), seed), case.input(seed)
    results = case.results(model, x)
    values = torch.cat(results)
    assert bool(torch.isfinite(values).all())
    if case.shift.n_div > 0:  # a test to 1e-5 sees whether it is there
        still = torch.cat(Case(case.sizes, case.batch, case.time, lengths=case.lengths).results(still_of(case, seed), x))
        assert float(torch.linalg.norm(still - values) / torch.linalg.norm(values)) > 1e-4
    tensors = [*model.parameters(), *(b for b in model.buffers() if b.dtype == torch.float64), x]
    bits = sum(int(t.float().numpy().view(numpy.uint32).sum(dtype=numpy.uint64)) for t in tensors) % 2**64
    return [
        f"case {index}",
        *case.lines(),
        f"input {case.batch} {case.time} {seed} {bits}",
        " ".join(["lengths", *map(str, case.lengths)]) if case.lengths else "lengths none",
        " ".join(["y", *(f"{value:.9e}" for value in values.flatten().tolist())]),
    ]


def still_of(case, seed):
    return fill(Case(case.sizes, case.batch, case.time).model(), seed)


if __name__ == "__main__":
    cases = [*crnn_cases(), *vit_cases(), *full_size_cases()]
    sys.exit(generate_models.write_or_check(__doc__, "generate_neighbours.py", FILE, cases, block))
