# SPDX-License-Identifier: MIT
"""What the tests of the PyTorch operators share: plans, random bits, the shift by its definition, a count of cases."""

import sys
import time

import torch

PADDINGS = ["zero", "keep", "edge", "circular"]

# Folds of 8 channels: begin, count, offset of each.
PLANS = {
    "nothing": [],
    "delay": [0, 3, 1],
    "advance": [0, 3, -1],
    "both": [0, 3, 1, 3, 3, -1],
    "released tsm": [0, 2, -1, 2, 2, 1],
    "by two and three": [0, 2, 2, 5, 3, -3],
    "all channels": [0, 8, 1],
    "further than the end": [0, 3, 100, 4, 3, -100],
    "unordered, with an empty fold": [6, 1, -2, 2, 0, 5, 0, 2, 1],
}
CHANNELS = 8

_counts = {}
_started = time.monotonic()


def check(condition, what, kind="cases"):
    """Counts a case, and ends the program if it does not hold."""
    if not condition:
        sys.exit(f"FAILED: {what}")
    _counts[kind] = _counts.get(kind, 0) + 1


def raises(kinds, sentence, call):
    """call() must raise one of kinds with the sentence in its message."""
    try:
        call()
    except kinds as error:
        check(sentence in str(error), f"the message is '{error}', it should contain '{sentence}'", "refusals")
        return
    sys.exit(f"FAILED: nothing was raised where '{sentence}' is due")


def report():
    counts = ", ".join(f"{count} {kind}" for kind, count in _counts.items())
    print(f"{sys.argv[0].rsplit('/', 1)[-1]}: {counts} passed in {time.monotonic() - _started:.1f} s")


def source_frames(time_, offset, padding, length):
    """For every frame the frame it comes from, -1 for the fill value: the definition, one frame at a time."""
    frames = []
    for t in range(time_):
        source = t - offset
        if t >= length:
            source = t
        elif not 0 <= source < length:
            end = 0 if offset > 0 else length - 1
            source = {"zero": -1, "keep": t, "edge": end, "circular": source % length}[padding]
        frames.append(source)
    return frames


def shifted(x, folds, padding, lengths=None, fill=0):
    """S x for [N, T, C, ...], by the definition."""
    y = x.clone()
    for begin, count, offset in zip(folds[::3], folds[1::3], folds[2::3]):
        for n in range(x.shape[0]):
            length = x.shape[1] if lengths is None else int(lengths[n])
            for t, source in enumerate(source_frames(x.shape[1], offset, padding, length)):
                part = slice(begin, begin + count)
                y[n, t, part] = fill if source < 0 else x[n, source, part]
    return y


def random_bits(shape, dtype, generator):
    """Any bits that an element of dtype may have, NaNs and signed zeros among them."""
    if dtype == torch.bool:
        return torch.randint(0, 2, shape, generator=generator).bool()
    size = torch.empty(0, dtype=dtype).element_size()
    return torch.randint(0, 256, (*shape, size), dtype=torch.uint8, generator=generator).view(dtype).reshape(shape)


def same_bits(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and torch.equal(
        a.contiguous().flatten().view(torch.uint8), b.contiguous().flatten().view(torch.uint8))
