#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the golden files next to this script, or compares them: published shifts, computed by PyTorch.

    /usr/bin/python3 tests/golden/generate.py            write
    /usr/bin/python3 tests/golden/generate.py --check    regenerate, compare, exit 1 if anything differs

Run by hand; building and testing the library needs neither Python nor torch. Every shift below stands as users of the
system write it (slice assignment, cat, pad, roll, a cache), not as a list of folds, so that the library's fold lists
are checked against something else. The format is in README.md.
"""

import argparse
import pathlib
import sys

import numpy
import torch
import torch.nn.functional

SEED = 20230604
HERE = pathlib.Path(__file__).resolve().parent


# --- Published systems. x is [N, T, C] or [N, T, C, H, W]; v is the value of a frame that has no source. -----------


class System:
    """A preset as its users write it, and its folds: a second statement of what the slices say."""

    def __init__(self, shift, folds, own):
        self.shift, self.folds, self.own = shift, folds, own


SYSTEMS = {}


def system(folds, own=lambda *arguments: "zero"):
    """Registers shift(x, *arguments, v) under its name. folds and own (the padding) take C and the arguments."""

    def register(shift):
        SYSTEMS[shift.__name__] = System(shift, folds, own)
        return shift

    return register


def shiftser_folds(c, n_div, way, stride, edge):
    size = c // n_div
    both = [(0, size, stride), (size, size, -stride)]
    return {"delay": both[:1], "advance": [(0, size, -stride)], "both": both}[way]


@system(shiftser_folds, own=lambda c, n_div, way, stride, edge: edge)
def shiftser(x, n_div, way, stride, edge, v):
    """One or two folds of C // n_div moved by stride frames, by slice assignment."""
    fold = x.shape[2] // n_div
    out = x.clone() if edge == "keep" else torch.full_like(x, v)
    if way in ("delay", "both"):
        out[:, stride:, :fold] = x[:, :-stride, :fold]
    if way == "advance":
        out[:, :-stride, :fold] = x[:, stride:, :fold]
    if way == "both":
        out[:, :-stride, fold : 2 * fold] = x[:, stride:, fold : 2 * fold]
    kept = 2 * fold if way == "both" else fold
    out[:, :, kept:] = x[:, :, kept:]
    return out


@system(lambda c, n_div: [(0, c // n_div, -1), (c // n_div, c // n_div, 1)])
def tsm(x, n_div, v):
    """The first fold takes the next frame, the second the previous one; slices glued with cat."""
    fold = x.shape[2] // n_div
    future, past, rest = x[:, :, :fold], x[:, :, fold : 2 * fold], x[:, :, 2 * fold :]
    future = torch.cat([future[:, 1:], torch.full_like(future[:, :1], v)], dim=1)
    past = torch.cat([torch.full_like(past[:, :1], v), past[:, :-1]], dim=1)
    return torch.cat([future, past, rest], dim=2)


@system(lambda c, n_div: [(0, c // n_div, 1)])
def tsm_online(x, n_div, v):
    """Frame by frame: the first fold is swapped with a cache that holds the frame before."""
    fold = x.shape[2] // n_div
    cache = torch.full_like(x[:, 0, :fold], v)
    frames = []
    for frame in x.unbind(dim=1):
        frames.append(torch.cat([cache, frame[:, fold:]], dim=1))
        cache = frame[:, :fold]
    return torch.stack(frames, dim=1)


def paddle_bounds(channels, ratio):
    """Two truncations of float32 products."""
    r = numpy.float32(ratio)
    return int(numpy.float32(channels) * r), int(numpy.float32(channels * 2) * r)


def paddle_folds(c, ratio):
    c1, c2 = paddle_bounds(c, ratio)
    return [(0, c1, 1), (c1, c2 - c1, -1)]


@system(paddle_folds)
def paddle(x, ratio, v):
    """One frame of padding on both sides of T, three slices of it, cat over the channels."""
    frames = x.shape[1]
    c1, c2 = paddle_bounds(x.shape[2], ratio)
    sides = [0, 0] * (x.dim() - 2) + [1, 1]
    padded = torch.nn.functional.pad(x, sides, value=v)
    return torch.cat([padded[:, :frames, :c1], padded[:, 2:, c1:c2], padded[:, 1:-1, c2:]], dim=2)


@system(lambda c, n_div: [(0, c // n_div, 1), (c // n_div, c // n_div, -1)], own=lambda c, n_div: "keep")
def tps(x, n_div, v):
    """As ShiftSER in both directions, but onto a copy, so that vacated frames keep their own values."""
    fold = x.shape[2] // n_div
    before, after, rest = torch.split(x, [fold, fold, x.shape[2] - 2 * fold], dim=2)
    before = torch.cat([before[:, :1], before[:, :-1]], dim=1)
    after = torch.cat([after[:, 1:], after[:, -1:]], dim=1)
    return torch.cat([before, after, rest], dim=2)


@system(lambda c: [(0, c // 2, 1)])
def rwkv(x, v):
    """The first half padded by one row in front and cropped by one at the end."""
    half = x.shape[2] // 2
    time_shift = torch.nn.ConstantPad2d((0, 0, 1, -1), v)
    return torch.cat([time_shift(x[:, :, :half]), x[:, :, half:]], dim=2)


@system(lambda c: [(i * (c // 9), c // 9, offset) for i, offset in enumerate((-1, -2, -3, -4, 1, 2, 3, 4))])
def shift_gcn(x, v):
    """Nine parts: four look ahead by 1..4 frames, four look back by 1..4, the last one and the remainder stay."""
    part = x.shape[2] // 9
    out = torch.full_like(x, v)
    for i in range(4):
        ahead = slice(i * part, (i + 1) * part)
        back = slice((i + 4) * part, (i + 5) * part)
        out[:, : -(i + 1), ahead] = x[:, i + 1 :, ahead]
        out[:, i + 1 :, back] = x[:, : -(i + 1), back]
    out[:, :, 8 * part :] = x[:, :, 8 * part :]
    return out


@system(lambda c: [(0, c // 2, -1), (c // 2, c - c // 2, 1)])
def gsm(x, v):
    """Two halves, a frame of padding at the end of the one and in front of the other, as where every gate is one."""
    half = x.shape[2] // 2
    ahead, back = x[:, :, :half], x[:, :, half:]
    ahead = torch.cat([ahead[:, 1:], torch.full_like(ahead[:, :1], v)], dim=1)
    back = torch.cat([torch.full_like(back[:, :1], v), back[:, :-1]], dim=1)
    return torch.cat([ahead, back], dim=2)


# --- The same folds with a padding that the published system does not offer. ----------------------------------------


def circular(x, folds):
    """torch.roll per fold."""
    out = x.clone()
    for begin, count, offset in folds:
        out[:, :, begin : begin + count] = torch.roll(x[:, :, begin : begin + count], offset, dims=1)
    return out


def edge_frames(x, folds):
    """An index per frame, clamped to the first and the last."""
    out = x.clone()
    last = x.shape[1] - 1
    for begin, count, offset in folds:
        source = (torch.arange(x.shape[1]) - offset).clamp(0, last)
        out[:, :, begin : begin + count] = x.index_select(1, source)[:, :, begin : begin + count]
    return out


def keep_frames(x, folds):
    """Slice assignment onto a copy."""
    out = x.clone()
    for begin, count, offset in folds:
        channels = slice(begin, begin + count)
        if offset > 0:
            out[:, offset:, channels] = x[:, :-offset, channels]
        else:
            out[:, :offset, channels] = x[:, -offset:, channels]
    return out


# --- Cases ----------------------------------------------------------------------------------------------------------


class Case:
    """A preset with its arguments, a padding, and a shape."""

    def __init__(self, preset, *arguments, n, t, hw=None, layout="ntc", pad=None, fill=0, lengths=None):
        self.preset, self.arguments = preset, arguments
        self.n, self.t, self.c, self.hw = n, t, arguments[0], hw
        self.layout, self.fill, self.lengths = layout, fill, lengths
        self.system = SYSTEMS[preset]
        own = self.system.own(*arguments)
        self.pad, self.replaced = (own, False) if pad is None else (pad, True)

    def folds(self):
        """(begin, count, offset) per fold."""
        return self.system.folds(*self.arguments)

    def published(self, x):
        if self.replaced:
            return {"circular": circular, "edge": edge_frames, "keep": keep_frames}[self.pad](x, self.folds())
        return self.system.shift(x, *self.arguments[1:], float(self.fill))

    def apply(self, x):
        """The published shift; of a ragged batch, on every sequence alone, padding after it untouched."""
        if self.lengths is None:
            return self.published(x)
        rows = []
        for n, frames in enumerate(self.lengths):
            row = x[n : n + 1]
            moved = [self.published(row[:, :frames])] if frames > 0 else []
            rows.append(torch.cat(moved + [row[:, frames:]], dim=1))
        return torch.cat(rows, dim=0)

    def definition(self, x):
        """The same by the formula y[t] = x[t - offset] in plain loops, to catch a slip in either of the two."""
        y = x.clone()
        for n in range(self.n):
            frames = self.t if self.lengths is None else self.lengths[n]
            for begin, count, offset in self.folds():
                for t in range(frames):
                    source = t - offset
                    inside = 0 <= source < frames
                    for c in range(begin, begin + count):
                        if inside:
                            y[n, t, c] = x[n, source, c]
                        elif self.pad == "zero":
                            y[n, t, c] = self.fill
                        elif self.pad == "circular":
                            y[n, t, c] = x[n, source % frames, c]
                        elif self.pad == "edge":
                            y[n, t, c] = x[n, 0 if offset > 0 else frames - 1, c]
        return y

    def dense(self, tensor):
        """The elements in the order of the layout, outermost dimension first."""
        video = tensor.dim() == 5
        order = {
            "ntc": (0, 1, 2),
            "nct": (0, 2, 1),
            "tnc": (1, 0, 2),
            "ntcs": (0, 1, 2, 3, 4),
            "ntsc": (0, 1, 3, 4, 2),
            "ncts": (0, 2, 1, 3, 4),
            "tncs": (1, 0, 2, 3, 4),
        }[self.layout]
        assert len(order) == (5 if video else 3)
        return tensor.permute(*order).contiguous().flatten()


def preset_cases():
    for way in ("delay", "advance", "both"):
        for stride in (1, 2, 3):
            for edge in ("zero", "keep"):
                for n, t, c, n_div in ((2, 5, 9, 4), (1, 1, 4, 2), (1, 2, 5, 2), (3, 9, 3, 3), (1, 5, 3, 8)):
                    yield Case("shiftser", c, n_div, way, stride, edge, n=n, t=t)
    for t in (1, 2, 5, 9):
        for n, c, n_div in ((1, 16, 8), (2, 9, 4), (3, 5, 2), (1, 7, 3), (2, 7, 8)):
            yield Case("tsm", c, n_div, n=n, t=t)
            yield Case("tsm_online", c, n_div, n=n, t=t)
            yield Case("tps", c, n_div, n=n, t=t)
        for n, c, ratio in (
            (1, 9, 0.2),
            (2, 5, 1 / 3),
            (3, 2, 1 / 3),
            (1, 10, 0.35),
            (1, 20, 0.35),
            (1, 16, 0.25),
            (2, 8, 0.125),
            (1, 7, 0.49),
            (2, 1, 0.25),
            (1, 3, 0.1),
            (1, 12, 1 / 3),
        ):
            yield Case("paddle", c, ratio, n=n, t=t)
        for n, c in ((1, 3), (3, 2), (2, 7), (1, 8)):
            yield Case("rwkv", c, n=n, t=t)
        for n, c in ((1, 9), (2, 20), (1, 8), (1, 29)):
            yield Case("shift_gcn", c, n=n, t=t)
    for fill in (7, -3):
        for edge in ("zero", "keep"):
            yield Case("shiftser", 7, 3, "both", 2, edge, n=2, t=5, fill=fill)
        yield Case("tsm", 9, 4, n=2, t=5, fill=fill)
        yield Case("tsm_online", 9, 4, n=2, t=5, fill=fill)
        yield Case("paddle", 9, 0.2, n=2, t=5, fill=fill)
        yield Case("rwkv", 5, n=2, t=5, fill=fill)
        yield Case("shift_gcn", 20, n=1, t=5, fill=fill)
    # One more preset is one more loop at the end: the numbers of the cases before it stay.
    for t in (1, 2, 5):
        for n, c, fill in ((1, 8, 0), (2, 5, 0), (1, 1, 0), (2, 6, 7)):
            yield Case("gsm", c, n=n, t=t, fill=fill)


def padding_cases():
    for pad in ("circular", "edge", "keep"):
        for t in (1, 2, 5, 9):
            for way in ("delay", "advance", "both"):
                for stride in (1, 2, 3, 7):
                    yield Case("shiftser", 5, 2, way, stride, "zero", n=1 + stride % 2, t=t, pad=pad)
            yield Case("tsm", 9, 4, n=2, t=t, pad=pad)
            yield Case("tsm_online", 5, 2, n=1, t=t, pad=pad)
            yield Case("paddle", 9, 0.2, n=1, t=t, pad=pad)
            yield Case("rwkv", 3, n=3, t=t, pad=pad)
            yield Case("shift_gcn", 11, n=1, t=t, pad=pad)
    for t in (1, 2, 5):
        yield Case("tps", 7, 3, n=2, t=t, pad="circular")
        yield Case("tps", 7, 3, n=2, t=t, pad="edge")


def layout_cases():
    for layout in ("nct", "tnc"):
        yield Case("shiftser", 9, 4, "delay", 1, "zero", n=2, t=5, layout=layout)
        yield Case("shiftser", 7, 2, "both", 2, "keep", n=3, t=5, layout=layout)
        yield Case("tsm", 9, 4, n=2, t=5, layout=layout)
        yield Case("paddle", 9, 0.2, n=2, t=5, layout=layout)
        yield Case("shift_gcn", 20, n=1, t=9, layout=layout)
        yield Case("rwkv", 6, n=3, t=2, layout=layout)
        yield Case("tps", 7, 3, n=2, t=5, layout=layout)
        yield Case("tsm", 9, 4, n=2, t=5, layout=layout, pad="edge")
        yield Case("tsm", 9, 4, n=2, t=5, layout=layout, pad="circular")
    for layout in ("ntcs", "ntsc", "ncts", "tncs"):
        yield Case("tsm", 8, 4, n=2, t=3, hw=(2, 3), layout=layout)
        yield Case("tsm_online", 5, 2, n=1, t=5, hw=(1, 3), layout=layout)
        yield Case("paddle", 5, 1 / 3, n=2, t=3, hw=(2, 2), layout=layout)
        yield Case("paddle", 9, 0.2, n=1, t=2, hw=(3, 1), layout=layout, fill=4)
        yield Case("tps", 4, 2, n=1, t=5, hw=(2, 2), layout=layout)
        yield Case("tsm", 5, 2, n=2, t=3, hw=(2, 2), layout=layout, pad="circular")
        yield Case("tsm", 5, 2, n=2, t=3, hw=(2, 2), layout=layout, pad="edge")


def ragged_cases():
    for lengths in ((5, 3, 1), (0, 5, 2)):
        for edge in ("zero", "keep"):
            for stride in (1, 2):
                yield Case("shiftser", 5, 2, "both", stride, edge, n=3, t=5, lengths=lengths)
        for pad in ("circular", "edge"):
            yield Case("shiftser", 5, 2, "both", 2, "zero", n=3, t=5, lengths=lengths, pad=pad)
        yield Case("tsm", 9, 4, n=3, t=5, lengths=lengths, fill=7)
        yield Case("shift_gcn", 11, n=3, t=5, lengths=lengths)
        yield Case("rwkv", 3, n=3, t=5, lengths=lengths)
        yield Case("tsm", 5, 2, n=3, t=5, lengths=lengths, layout="nct")
        yield Case("paddle", 5, 1 / 3, n=3, t=5, hw=(1, 2), lengths=lengths, layout="ntsc")


def add_cases():
    for t in (1, 2, 5):
        yield Case("shiftser", 9, 4, "delay", 1, "zero", n=2, t=t)
        yield Case("shiftser", 5, 2, "both", 2, "keep", n=2, t=t)
        yield Case("tsm", 9, 4, n=2, t=t, fill=7)
        yield Case("paddle", 9, 0.2, n=1, t=t)
        yield Case("tps", 7, 3, n=1, t=t)
        yield Case("rwkv", 7, n=3, t=t)
        yield Case("shift_gcn", 11, n=1, t=t)
        yield Case("tsm", 9, 4, n=2, t=t, pad="circular")
        yield Case("tsm", 9, 4, n=2, t=t, pad="edge")
        yield Case("tsm", 5, 2, n=2, t=t, layout="nct")
        yield Case("tsm", 4, 2, n=2, t=t, hw=(2, 2), layout="ncts")
        yield Case("rwkv", 3, n=2, t=t, lengths=(t, t // 2))


FILES = {
    "presets.txt": (preset_cases, "x y g dx"),
    "paddings.txt": (padding_cases, "x y g dx"),
    "layouts.txt": (layout_cases, "x y g dx"),
    "ragged.txt": (ragged_cases, "x y g dx"),
    "shift_add.txt": (add_cases, "x r y"),
}


# --- Writing --------------------------------------------------------------------------------------------------------


class Integers:
    """Integers from -9 to 9 from a generator written out here, so that no library's version changes them."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % 19 - 9

    def tensor(self, case):
        shape = (case.n, case.t, case.c) + (case.hw or ())
        values = [self.next() for _ in range(int(numpy.prod(shape)))]
        return torch.tensor(values, dtype=torch.float64).reshape(shape)


def number(value):
    """A preset's argument as text. A ratio is a float32: the shortest text that reads back as it."""
    return str(numpy.float32(value)) if isinstance(value, float) else str(value)


def row(name, tensor):
    values = [int(v) for v in tensor.tolist()]
    assert all(float(i) == v for i, v in zip(values, tensor.tolist()))
    return " ".join([name] + [str(v) for v in values])


def block(index, case, fields, integers):
    x = integers.tensor(case).requires_grad_()
    y = case.apply(x)
    if not torch.equal(y, case.definition(x.detach())):
        sys.exit(f"{case.preset}{tuple(case.arguments)}: the system's code and its folds {case.folds()} disagree")
    arrays = {"x": x.detach(), "y": y.detach()}
    if "dx" in fields:
        arrays["g"] = integers.tensor(case)
        (arrays["dx"],) = torch.autograd.grad(y, x, arrays["g"])
    if "r" in fields:
        arrays["r"] = integers.tensor(case)
        arrays["y"] = arrays["y"] + arrays["r"]
    space = 1 if case.hw is None else case.hw[0] * case.hw[1]
    folds = case.folds()
    lines = [
        f"case {index}",
        " ".join(["preset", case.preset] + [number(a) for a in case.arguments]),
        f"padding {case.pad} {'replaced' if case.replaced else 'own'}",
        " ".join(["folds", str(len(folds))] + [str(v) for fold in folds for v in fold]),
        f"shape {case.n} {case.t} {case.c} {space}",
        f"layout {case.layout}",
        f"fill {case.fill}",
        " ".join(["lengths"] + [str(v) for v in case.lengths or ()]),
    ]
    lines += [row(name, case.dense(arrays[name])) for name in fields]
    return lines


def generate(name):
    cases, fields = FILES[name]
    # One stream per file: a case added to one file changes no other.
    integers = Integers(SEED + list(FILES).index(name))
    cases = list(cases())
    lines = [
        f"# Generated by tests/golden/generate.py, torch {torch.__version__}, seed {SEED}. Do not edit.",
        "# SPDX-License-Identifier: MIT",
        f"fields {fields}",
        f"cases {len(cases)}",
    ]
    for index, case in enumerate(cases):
        lines += block(index, case, fields.split(), integers)
    lines.append("end")
    return "\n".join(lines) + "\n"


def without_version(text):
    """The text with torch's version cut out of its first line: another version must still give the same numbers."""
    first, _, rest = text.partition("\n")
    words = first.split(" ")
    if "torch" in words[:-1]:
        del words[words.index("torch") + 1]
    return " ".join(words) + "\n" + rest


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the files instead of writing them")
    check = parser.parse_args().check
    different = 0
    for name in FILES:
        text = generate(name)
        cases = text.split("\n", 4)[3]
        path = HERE / name
        if not check:
            path.write_text(text, encoding="ascii", newline="\n")
            print(f"{name}: {cases}, {len(text)} bytes")
        elif not path.is_file():
            print(f"{name}: missing")
            different += 1
        elif without_version(path.read_bytes().decode("ascii", "replace")) != without_version(text):
            print(f"{name}: differs from what this script generates")
            different += 1
        else:
            print(f"{name}: {cases}, equal")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
