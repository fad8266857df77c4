#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes models.txt next to this script, or compares it: logits of the models in models.py, in double precision.

    /usr/bin/python3 tests/golden/generate_models.py            write
    /usr/bin/python3 tests/golden/generate_models.py --check    regenerate, compare, exit 1 if anything differs

Run by hand, under a minute; building and testing the library needs neither Python nor torch. Weights and inputs are
not stored: both sides generate them (seeded in models.py, tests/support/seeded.hpp). The format is in README.md.
"""

import argparse
import itertools
import pathlib
import sys

import numpy
import torch

sys.dont_write_bytecode = True  # no __pycache__ in the source tree
import models  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
FILE = HERE / "models.txt"
TOLERANCE = 1e-9  # of --check: another BLAS sums in another order


class Case:
    def __init__(self, kind, shift, *, d, t, n=1, classes=4, position="none", spare=0, lengths=()):
        self.kind, self.position, self.shift = kind, position, shift
        self.d, self.t, self.n, self.classes, self.lengths = d, t, n, classes, lengths
        # Models without a table of positions know no longest T.
        self.length = 0 if position == "none" else t + spare

    def with_shift(self, shift):
        """The same model and input with another shift."""
        return Case(self.kind, shift, d=self.d, t=self.t, n=self.n, classes=self.classes, position=self.position,
                    spare=max(self.length - self.t, 0), lengths=self.lengths)

    def moves(self, x):
        """Whether the shift changes a tensor of x's shape."""
        rows = [x[n : n + 1, :frames] for n, frames in enumerate(self.lengths)] or [x]
        return self.shift.placement != "none" and not all(torch.equal(self.shift.shifted(row), row) for row in rows)

    def full_size(self):
        return self.d == 768

    def model(self, seed):
        model = models.build(self.kind, self.d, self.length, self.classes, self.position, self.shift)
        return models.fill(model, seed)

    def input(self, seed):
        return torch.from_numpy(models.seeded("x", (self.n, self.t, self.d), seed)).double()

    def logits(self, model, x):
        """Of a ragged batch: every sequence alone, cut to its length."""
        if not self.lengths:
            return model(x)
        return torch.cat([model(x[n : n + 1, :frames]) for n, frames in enumerate(self.lengths)])


# --- Cases ----------------------------------------------------------------------------------------------------------

WIDTHS = (12, 24, 36, 60)  # the heads divide them
ANY_WIDTHS = (12, 24, 7, 36, 60, 13, 33)
MODELS = [
    ("cnn", "none", ANY_WIDTHS, ("branch", "skip", "both")),
    ("lstm", "none", ANY_WIDTHS, ("branch",)),
    ("shift_lstm", "none", ANY_WIDTHS, ("branch", "both")),
    ("transformer", "absolute", WIDTHS, ("branch", "skip", "both")),
    ("transformer", "relative_key", WIDTHS, ("branch", "skip", "both")),
    ("transformer", "relative_key_query", WIDTHS, ("branch", "skip", "both")),
    ("shiftformer", "none", WIDTHS, ("branch", "skip", "both")),
]
PAPER = {
    "cnn": models.Shift(16, "delay", 1, "skip"),
    "shift_lstm": models.Shift(4, "delay", 1, "branch"),
    "shiftformer": models.Shift(4, "both", 1, "both"),
}


class Turns:
    """Sizes that change from case to case, at different periods, so that they meet in many combinations."""

    def __init__(self, widths):
        self.sizes = [itertools.cycle(values) for values in (widths, (6, 1, 9, 3, 7), (1, 3, 2), (4, 2, 5, 3, 7, 6))]
        self.spares = itertools.cycle((0, 3, 1))

    def next(self):
        d, t, n, classes = [next(size) for size in self.sizes]
        return {"d": d, "t": t, "n": n, "classes": classes, "spare": next(self.spares)}


def all_shifts():
    """Every placement, direction and stride with two of four n_div, and sizes in turns."""
    for kind, position, widths, placements in MODELS:
        turns = Turns(widths)
        for where, way in itertools.product(placements, ("delay", "advance", "both")):
            for stride, n_div in ((1, 4), (2, 2), (5, 16), ("T + 2", 8), (1, 16), (2, 8), (5, 2), ("T + 2", 4)):
                sizes = turns.next()
                stride = sizes["t"] + 2 if stride == "T + 2" else stride
                yield Case(kind, models.Shift(n_div, way, stride, where), position=position, **sizes)


def no_shift():
    """placement none, whatever else is set; n_div 0 in every placement; n_div of more than D."""
    for kind, position, widths, placements in MODELS:
        turns = Turns(widths)
        for t in (1, 2, 7, 16):
            sizes = dict(turns.next(), t=t)
            yield Case(kind, models.Shift(), position=position, **sizes)
        yield Case(kind, models.Shift(2, "both", 3, "none"), position=position, **turns.next())
        for where in placements:
            yield Case(kind, models.Shift(0, "both", 2, where), position=position, **turns.next())
            yield Case(kind, models.Shift(61, "delay", 1, where), position=position, **turns.next())


def paddings():
    for kind, position, widths, placements in MODELS:
        turns = Turns(widths)
        strides = itertools.cycle((1, 2, 8, 4))
        for padding, way in itertools.product(("keep", "edge", "circular"), ("delay", "advance", "both")):
            shift = models.Shift(4, way, next(strides), placements[-1], padding)
            yield Case(kind, shift, position=position, **dict(turns.next(), d=widths[-1]))


def ragged():
    for kind, position, widths, placements in MODELS:
        for lengths in ((9, 4, 1), (3, 8), (2,)):
            sizes = {"n": len(lengths), "t": 9, "d": widths[3], "classes": 3, "lengths": lengths, "spare": len(lengths)}
            yield Case(kind, models.Shift(), position=position, **sizes)
            for where, way in itertools.product(placements, ("delay", "advance", "both")):
                yield Case(kind, models.Shift(4, way, 1, where), position=position, **sizes)
            yield Case(kind, models.Shift(2, "both", 5, placements[-1]), position=position, **sizes)
            for padding in ("keep", "edge", "circular"):
                yield Case(kind, models.Shift(2, "both", 2, placements[0], padding), position=position, **sizes)


def shiftformer_with_positions():
    """The released constructor allows it."""
    yield Case("shiftformer", models.Shift(4, "both", 1, "both"), position="absolute", d=24, t=7, n=2)
    yield Case("shiftformer", models.Shift(), position="absolute", d=12, t=5, n=1, spare=4)


def full_size():
    sizes = {"d": 768, "t": 374}
    yield Case("cnn", models.Shift(), **sizes)
    yield Case("cnn", PAPER["cnn"], **sizes)
    yield Case("lstm", models.Shift(), **sizes)
    yield Case("shift_lstm", PAPER["shift_lstm"], **sizes)
    for position in models.POSITIONS:
        yield Case("transformer", models.Shift(), position=position, **sizes)
    yield Case("shiftformer", PAPER["shiftformer"], **sizes)


def all_cases():
    return [*all_shifts(), *no_shift(), *paddings(), *ragged(), *shiftformer_with_positions(), *full_size()]


# --- Writing --------------------------------------------------------------------------------------------------------


def bit_sum(model, x):
    """Of the float32 bits of all weights and of x, modulo 2^64: tells a wrong generator from a wrong model."""
    tensors = [*model.parameters(), x]
    return sum(int(t.float().numpy().view(numpy.uint32).sum(dtype=numpy.uint64)) for t in tensors) % 2**64


def block(index, case):
    seed = index + 1
    model, x = case.model(seed), case.input(seed)
    y = case.logits(model, x)
    assert y.shape == (case.n, case.classes) and bool(torch.isfinite(y).all())
    # A case whose logits would survive a missing shift or another position kind tests nothing.
    if case.moves(x):
        plain = case.with_shift(models.Shift()).model(seed)
        assert (case.logits(plain, x) - y).norm() > 1e-4 * y.norm(), (index, vars(case), vars(case.shift))
    if case.position == "relative_key" and max(case.lengths or (case.t,)) > case.shift.stride:
        other = case.with_shift(case.shift)
        other.position = "relative_key_query"
        assert (other.logits(other.model(seed), x) - y).norm() > 1e-4 * y.norm(), (index, vars(case))
    shift = case.shift
    lines = [
        f"case {index}",
        f"model {case.kind} {case.position} {case.d} {case.length} {case.classes}",
        f"shift {shift.n_div} {shift.direction} {shift.stride} {shift.placement} {shift.padding}",
        f"input {case.n} {case.t} {seed} {bit_sum(model, x)}",
        " ".join(["lengths", *map(str, case.lengths)]),
        " ".join(["y", *(f"{value:.12e}" for value in y.flatten().tolist())]),
    ]
    if case.full_size():
        single = case.logits(model.float(), x.float()).double()
        lines.append(f"# PyTorch's own float32 logits are {float((single - y).norm() / y.norm()):.1e} off")
    return lines


def block_and_progress(index, case):
    lines = block(index, case)
    if case.full_size():
        print(f"case {index}: {case.kind} {case.position} {case.shift.placement}{lines[-1][1:]}")
    return lines


def text_of(generator, cases, block):
    """A golden file: what block(index, case) says of every case, between head and `end`."""
    lines = [
        f"# Generated by tests/golden/{generator}, torch {torch.__version__}. Do not edit.",
        "# SPDX-License-Identifier: MIT",
        f"cases {len(cases)}",
    ]
    with torch.no_grad():
        for index, case in enumerate(cases):
            lines += block(index, case)
    return "\n".join([*lines, "end", ""])


def difference(have, want):
    """The first line that differs, or None. Comments are passed over; logits may differ by TOLERANCE."""
    have, want = [[s for s in text.splitlines() if not s.startswith("#")] for text in (have, want)]
    for a, b in itertools.zip_longest(have, want):
        if a == b:
            continue
        if a is None or b is None or not (a.startswith("y ") and b.startswith("y ")):
            return f"has {a}, must be {b}"
        try:
            a_values, b_values = [numpy.array([float(v) for v in line.split()[1:]]) for line in (a, b)]
        except ValueError:
            return f"has {a}, must be {b}"
        if a_values.shape != b_values.shape:
            return f"has {a}, must be {b}"
        # Written so that NaN differs.
        if not numpy.linalg.norm(a_values - b_values) <= TOLERANCE * numpy.linalg.norm(b_values):
            return f"has {a}, must be {b}"
    return None


def write_or_check(doc, generator, file, cases, block):
    """The command of a generator: writes its file, or with --check compares with it. Returns its exit status."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the file instead of writing it")
    check = parser.parse_args().check
    text = text_of(generator, cases, block)
    if not check:
        file.write_text(text, encoding="ascii", newline="\n")
        print(f"{file.name}: {len(cases)} cases, {len(text)} bytes")
        return 0
    if not file.is_file():
        print(f"{file.name}: missing")
        return 1
    differs = difference(file.read_bytes().decode("ascii", "replace"), text)
    print(f"{file.name}: {differs or f'{len(cases)} cases, equal'}")
    return 1 if differs else 0


if __name__ == "__main__":
    sys.exit(write_or_check(__doc__, "generate_models.py", FILE, all_cases(), block_and_progress))
