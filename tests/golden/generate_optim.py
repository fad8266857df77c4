#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes optim.txt next to this script, or compares it: PyTorch's optimisers, losses and schedules, in double.

    /usr/bin/python3 tests/golden/generate_optim.py            write
    /usr/bin/python3 tests/golden/generate_optim.py --check    regenerate, compare to 1e-12, exit 1 if anything differs

Inputs are made of integers on both sides and not stored. The format is in README.md.
"""

import argparse
import math
import pathlib
import sys

import torch

HERE = pathlib.Path(__file__).resolve().parent
MASK = (1 << 64) - 1
STEPS = 10
# Name, shape; those with one dimension do not decay, "shift" neither and has ten times the rate, "frozen" has no gradient.
PARAMETERS = [("mlp.weight", (5, 7)), ("mlp.bias", (5,)), ("frozen.weight", (3, 2)), ("shift.offset", (2, 3))]


def made(count, seed, scale=1.0):
    """SplitMix64, 24 bits of each number, in [-scale, scale): float values where scale is a power of two."""
    state, values = seed, []
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        z ^= z >> 31
        values.append(((z >> 40) - (1 << 23)) / (1 << 23) * scale)
    return torch.tensor(values, dtype=torch.float64)


def words(values):
    return " ".join(repr(float(v)) for v in values)


# --- Optimisers. A case is what PyTorch is called with; clip: the norm, 0 for none. ------------------------------------

OPTIMISERS = [
    ("adamw", dict(lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01), 0),
    ("adamw", dict(lr=5e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05), 0.5),
    ("adamw", dict(lr=0.1, betas=(0.5, 0.9), eps=1e-3, weight_decay=0.3), 5),
    ("adam", dict(lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0), 0),
    ("adam", dict(lr=5e-2, betas=(0.8, 0.99), eps=1e-6, weight_decay=0.1), 1),
    ("sgd", dict(lr=0.1, momentum=0, nesterov=False, weight_decay=0), 0),
    ("sgd", dict(lr=0.1, momentum=0, nesterov=False, weight_decay=0.01), 1),
    ("sgd", dict(lr=0.1, momentum=0.9, nesterov=False, weight_decay=0.01), 0),
    ("sgd", dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01), 0.7),
]


def run_optimiser(kind, options, clip, seed):
    sizes = [math.prod(shape) for _, shape in PARAMETERS]
    flat = made(sum(sizes), seed)
    tensors = [torch.nn.Parameter(v.reshape(s).clone()) for v, (_, s) in zip(flat.split(sizes), PARAMETERS)]
    rate, decay = options["lr"], options["weight_decay"]
    groups = []
    for (name, shape), tensor in zip(PARAMETERS, tensors):
        shift = name.startswith("shift")
        groups.append({"params": [tensor], "lr": rate * (10 if shift else 1),
                       "weight_decay": 0 if shift or len(shape) == 1 else decay})  # fmt: skip
    optimiser = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam, "sgd": torch.optim.SGD}[kind](groups, **options)
    norms, first = [], None
    for step in range(1, STEPS + 1):
        gradients = made(sum(sizes), seed + step)
        for (name, shape), tensor, g in zip(PARAMETERS, tensors, gradients.split(sizes)):
            tensor.grad = None if name.startswith("frozen") else g.reshape(shape).clone()
        if clip > 0:
            norms.append(torch.nn.utils.clip_grad_norm_(tensors, clip).item())
        optimiser.step()
        if step == 1:
            first = torch.cat([t.detach().reshape(-1) for t in tensors])
    assert torch.equal(tensors[2].detach().reshape(-1), flat.split(sizes)[2])
    return norms, first, torch.cat([t.detach().reshape(-1) for t in tensors])


def optimiser_cases():
    for index, (kind, o, clip) in enumerate(OPTIMISERS):
        seed = 1000 + 100 * index
        norms, first, last = run_optimiser(kind, o, clip, seed)
        numbers = [o["lr"], o["weight_decay"]]
        numbers += [o["momentum"], float(o["nesterov"])] if kind == "sgd" else [*o["betas"], o["eps"]]
        yield [f"optimiser {kind} {words(numbers)}", f"clip {words([clip])} {seed}", f"norms {words(norms)}".strip(),
               f"first {words(first)}", f"last {words(last)}"]  # fmt: skip


# --- Losses. ------------------------------------------------------------------------------------------------------------

CROSS_ENTROPIES = [(n, k, weighted, smoothing)
                   for n, k in ((1, 2), (5, 4), (8, 7))
                   for weighted in (False, True)
                   for smoothing in (0.0, 0.1, 0.6)]  # fmt: skip


def loss_cases():
    for index, (n, k, weighted, smoothing) in enumerate(CROSS_ENTROPIES):
        seed = 5000 + 10 * index
        z = made(n * k, seed, 8.0).reshape(n, k).requires_grad_()
        labels = ((made(n, seed + 1) + 1) * (k / 2)).long()
        weights = made(k, seed + 2) + 1.25 if weighted else None
        loss = torch.nn.functional.cross_entropy(z, labels, weight=weights, label_smoothing=smoothing)
        loss.backward()
        yield [f"cross_entropy {n} {k} {int(weighted)} {smoothing} {seed}", f"labels {' '.join(map(str, labels.tolist()))}",
               f"loss {words([loss.item()])}", f"gradient {words(z.grad.reshape(-1))}"]  # fmt: skip
    for index, (kind, f) in enumerate((("l1", torch.nn.functional.l1_loss), ("mse", torch.nn.functional.mse_loss))):
        seed = 6000 + 10 * index
        x, target = made(24, seed), made(24, seed + 1)
        x[5] = target[5]
        x.requires_grad_()
        loss = f(x, target)
        loss.backward()
        yield [f"{kind} 24 {seed}", f"loss {words([loss.item()])}", f"gradient {words(x.grad)}"]


# --- Schedules. ---------------------------------------------------------------------------------------------------------

PLATEAUS = [
    dict(mode="min", factor=0.1, patience=2, threshold=1e-4, threshold_mode="rel", cooldown=0, min_lr=0, eps=1e-8),
    dict(mode="max", factor=0.5, patience=0, threshold=0.05, threshold_mode="rel", cooldown=2, min_lr=0, eps=1e-8),
    dict(mode="min", factor=0.5, patience=1, threshold=0.05, threshold_mode="abs", cooldown=1, min_lr=0.2, eps=1e-8),
    dict(mode="max", factor=0.9, patience=1, threshold=0.1, threshold_mode="abs", cooldown=0, min_lr=0, eps=0.03),
]


def schedule_cases():
    for index, options in enumerate(PLATEAUS):
        seed = 7000 + 10 * index
        optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, **options)
        rates = []
        for i, metric in enumerate((made(40, seed) + 1).tolist()):  # in [0, 2), and getting better on the whole
            better = 1 - i / 50 if options["mode"] == "min" else 1 + i / 50
            schedule.step(metric * better)
            rates.append(optimiser.param_groups[0]["lr"])
        assert len(set(rates)) > 2, options
        o = options
        numbers = [o["factor"], o["patience"], o["threshold"], o["cooldown"], o["min_lr"], o["eps"]]
        yield [f"plateau {o['mode']} {o['threshold_mode']} {words(numbers)} {seed}", f"rates {words(rates)}"]
    for batches, epochs in ((139, 100), (3, 60)):
        steps, warm_up = epochs * batches, 5 * batches

        def factor(step):  # as ShiftSER's lr_scheduler.py has it, whose flat part is as long as the warm-up
            if step < warm_up:
                return step / max(1, warm_up)
            if step < 2 * warm_up:
                return 1.0
            return max(0.0, (steps - step) / max(1, steps - 2 * warm_up))

        optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=5e-4)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, factor)
        rates = []
        for _ in range(epochs):
            rates.append(optimiser.param_groups[0]["lr"])
            optimiser.step()
            schedule.step()
        yield [f"released_fine_tuning {steps} {warm_up}", f"rates {words(rates)}"]


def text_of():
    cases = [*optimiser_cases(), *loss_cases(), *schedule_cases()]
    lines = [f"# Generated by tests/golden/generate_optim.py, torch {torch.__version__}. Do not edit.",
             "# SPDX-License-Identifier: MIT", f"cases {len(cases)}"]  # fmt: skip
    for index, case in enumerate(cases):
        lines += [f"case {index}", *case]
    return "\n".join(lines + ["end", ""]), len(cases)


def close(a, b):
    try:
        return abs(float(a) - float(b)) <= 1e-12 * max(1, abs(float(a)))
    except ValueError:
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args().check
    torch.set_num_threads(1)
    path, (text, count) = HERE / "optim.txt", text_of()
    if not check:
        path.write_text(text)
        print(f"{path.name}: {count} cases, {len(text)} bytes")
        return 0
    old, new = path.read_text().splitlines()[1:], text.splitlines()[1:]
    same = len(old) == len(new)
    for a, b in zip(old, new):
        a, b = a.split(), b.split()
        same = same and len(a) == len(b) and all(x == y or close(x, y) for x, y in zip(a, b))
    print(f"{path.name}: {'as generated' if same else 'DIFFERS from what is generated'}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
