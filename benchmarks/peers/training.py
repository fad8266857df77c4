#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A training step of ShiftSER's models in tshift and in PyTorch, side by side on one thread, or on several.

Run by hand, with a Python that has torch (Debian: /usr/bin/python3 with python3-torch and libopenblas0):

    /usr/bin/python3 benchmarks/peers/training.py [--threads 2] [--markdown FILE]

A step is forward, cross-entropy, backward, clipping to a norm of 5, and AdamW: 5e-4, decay 0.05 of what has more than one
dimension. Nothing is dropped or masked, and no gradient of x is asked for. tshift's step also packs the new weights.
Models, sides, seeds, rounds and the lines between this script and a side are those of models.py; a run of several
steps begins with the seeded values.

PyTorch is two sides, equal but for the kernels of OpenBLAS, which chooses by itself and may not choose well: those for
AVX2, and those for AVX-512 where the machine has it. ONNX Runtime is none: the package that models.py installs trains nothing.

First all sides must agree with PyTorch in double precision: the loss before and after a step, the norm of all gradients,
and each parameter's gradient. Then they take turns.

  ratio       tshift over the faster of the others: median over the rounds, with 10% and 90% quantiles
  3 forwards  three times the FLOPs of the forward pass, at the best rate that any side reached on the product [T, D] x [D, 4 D].
              Two of the three recurrent products of an LSTM read their weights at each step; the longer counts. It is
              more than a step needs: no gradient of x is asked for
  kept        what tshift keeps from the forward pass for the backward one, in sizes of x; planned: what it was reckoned to
  speedup     with --threads: tshift's time on one thread over that on all of them, in the same round

The exit status tells whether all results were right, never whether they were fast.
"""

import argparse
import contextlib
import ctypes
import json
import math
import os
import pathlib
import statistics
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # no __pycache__ in the source tree
import models  # noqa: E402  sets the number of threads before torch is loaded

HERE = pathlib.Path(__file__).resolve().parent
SHAPE = (4, 374, 768)
RATE, DECAY, CLIP = 5e-4, 0.05, 5.0
KEPT = {"cnn": 15, "shift_lstm": 13, "transformer": 22, "shiftformer": 12}  # planned, in sizes of x
ROWS = [row for row in models.MODELS if row.kind in KEPT and (row.kind != "cnn" or row.shift != models.NONE)]
KERNELS = {"torch AVX2": "Haswell", "torch AVX-512": "SkylakeX"}  # OPENBLAS_CORETYPE of a side
PEERS = ["tshift", *KERNELS]
TOLERANCE = {"loss": 1e-5, "norm": 1e-5, "loss after a step": 1e-4, "gradients": 2e-5}  # relative to double precision
TORCH = {**TOLERANCE, "norm": 2e-4, "gradients": 5e-5}  # its sums of squares and of frames are chains of floats


# --- A step in PyTorch ------------------------------------------------------------------------------------------------


class Trained:
    """A model, its batch and its optimiser. Calling it is a step."""

    def __init__(self, torch, model, x):
        self.torch, self.model, self.x, self.shape = torch, model, x, tuple(x.shape)
        # Nothing reads the vector of SpecAugment here.
        self.named = {name: p.requires_grad_() for name, p in model.named_parameters() if not name.startswith("specaugment.")}
        self.start = [p.detach().clone() for p in self.named.values()]
        self.labels = torch.tensor([(7 * n + 3) % models.CLASSES for n in range(self.shape[0])])
        decay = lambda many: [p for p in self.named.values() if (p.dim() > 1) == many]
        groups = [{"params": decay(True), "weight_decay": DECAY}, {"params": decay(False), "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=RATE)
        self()  # the optimiser makes its moments in its first step
        self.restart()

    def restart(self):
        with self.torch.no_grad():
            for p, start in zip(self.named.values(), self.start):
                p.copy_(start)
        for state in self.optimiser.state.values():
            for number in state.values():
                number.zero_()

    def backward(self):
        self.optimiser.zero_grad(set_to_none=True)
        loss = self.torch.nn.functional.cross_entropy(self.model(self.x), self.labels)
        loss.backward()
        return loss

    def __call__(self):
        """The loss, and the norm of the gradients."""
        loss = self.backward()
        norm = self.torch.nn.utils.clip_grad_norm_(self.named.values(), CLIP)
        self.optimiser.step()
        return float(loss.detach()), float(norm)

    def gradients(self):
        """{parameter: gradient} of the seeded values; and the loss, the norm, the loss after a step."""
        self.restart()
        self.backward()
        gradients = {name: p.grad.clone() for name, p in self.named.items()}
        return gradients, [*self(), self()[0]]


class Loaded(Trained):
    """The same in float, as the side of PyTorch loads it."""

    def __init__(self, torch, golden, words, folder):
        model, shape = models.torch_model(golden, [words[0].removeprefix("train."), *words[1:]])
        super().__init__(torch, model.float(), models.read_input(torch, folder, shape))

    @staticmethod
    def mode(_):
        return contextlib.nullcontext()

    def answer(self, command, file):
        if command != "gradients":
            return None
        gradients, numbers = self.gradients()
        write_tensors(file, gradients)
        return [*numbers, 0]


def kernels():
    """What OpenBLAS calls the kernels that it has chosen."""
    for line in open("/proc/self/maps", encoding="utf-8"):
        path = line.split()[-1]
        if "blas" in path:
            with contextlib.suppress(OSError, AttributeError):
                name = ctypes.CDLL(path).openblas_get_corename
                name.restype = ctypes.c_char_p
                return f", OpenBLAS for {name().decode()}"
    return ", no OpenBLAS"


# --- Safetensors: an 8-byte length, a header in JSON, the numbers ------------------------------------------------------


def write_tensors(file, tensors):
    header, at = {}, 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [at, at + 4 * tensor.numel()]}
        at += 4 * tensor.numel()
    head = json.dumps(header).encode()
    with open(file, "wb") as out:
        out.write(len(head).to_bytes(8, "little") + head)
        for tensor in tensors.values():
            out.write(tensor.contiguous().numpy().astype("<f4").tobytes())


def read_tensors(torch, file):
    data = bytearray(pathlib.Path(file).read_bytes())
    begin = 8 + int.from_bytes(data[:8], "little")
    tensors = {}
    for name, entry in json.loads(data[8:begin].decode()).items():
        first, last = entry["data_offsets"]
        tensors[name] = torch.frombuffer(data, dtype=torch.float32, count=(last - first) // 4, offset=begin + first)
        tensors[name] = tensors[name].reshape(entry["shape"])
    return tensors


# --- Measuring --------------------------------------------------------------------------------------------------------


def start_sides(options, folder):
    sides = {}
    for name in PEERS:
        if name in options.without:
            continue
        if name == "tshift":
            command, variables = [str(options.tshift or models.compile_tshift(folder, options))], {}
        else:
            command = [sys.executable, str(HERE / "training.py"), "--torch-side"]
            variables = {"OPENBLAS_CORETYPE": KERNELS[name]}
        sides[name] = models.Side(name, command, options.threads, **variables)
    return sides


def has_avx512():
    lines = open("/proc/cpuinfo", encoding="utf-8").read().splitlines()
    return any(line.startswith("flags") and "avx512f" in line.split() for line in lines)


def distances(want, wanted_numbers, got, numbers):
    """{what: relative distance to double precision}, that of the worst gradient among them. A gradient that is less than
    1e-4 of all is measured by that: what must be zero is rounding."""
    far = {}
    for what, number, right in zip(("loss", "norm", "loss after a step"), numbers, wanted_numbers):
        far[what] = abs(number - right) / max(abs(right), 1.0 if what != "norm" else 0.0)
    far["gradients"] = math.inf
    if {name: tensor.shape for name, tensor in got.items()} == {name: tensor.shape for name, tensor in want.items()}:
        least = 1e-4 * math.sqrt(sum(float(tensor.square().sum()) for tensor in want.values()))
        off = lambda name: float((got[name].double() - want[name]).norm()) / max(float(want[name].norm()), least)
        each = [off(name) for name in want]
        if all(map(math.isfinite, each)):
            far["gradients"] = max(each)
    return far


def prepare(torch, golden, row, sides, folder):
    """Loads the row on all sides, and compares them with double precision. ({side: distances}, numbers tshift keeps)"""
    model, shape = models.torch_model(golden, row.words().split())
    x = torch.from_numpy(golden.seeded("x", shape, models.SEED))
    (folder / "x.f32").write_bytes(x.numpy().astype("<f4").tobytes())
    want, wanted_numbers = Trained(torch, model, x.double()).gradients()
    far, kept = {}, 0
    for name, side in sides.items():
        side.ask(f"load {row.words('train.')} {folder}", "ok")
        *numbers, saved = [float(word) for word in side.ask(f"gradients {folder / 'gradients'}", "gradients").split()]
        kept = max(kept, saved)
        far[name] = distances(want, wanted_numbers, read_tensors(torch, folder / "gradients"), numbers)
    return far, kept


def columns(options):
    others = [f"{name} ms" for name in KERNELS]
    own = ["3 forwards ms", "x 3 forwards"] if options.threads == 1 else models.SHARED
    return ["model", "[N,T,D]", "tshift ms", *others, "ratio", "10%..90%", *own, "kept", "planned"]


def cells(row, times, best_rates, kept):
    """The words of a line of the table."""
    median = {name: statistics.median(values) for name, values in times.items()}
    ratio = spread = times_forwards = "-"
    others = [name for name in KERNELS if name in median]
    if "tshift" in median and others:
        middle, low, high = models.paired(times["tshift"], times[min(others, key=median.get)])
        ratio, spread = f"{middle:.3f}", f"{low:.3f}..{high:.3f}"
    if "alone" in times:
        middle, low, high = models.paired(times["alone"], times["tshift"])
        own = [f"{middle:.2f}", f"{low:.2f}..{high:.2f}"]
    else:
        forwards = row.floor_ms(*best_rates, training=True)
        if "tshift" in median:
            times_forwards = f"{median['tshift'] / forwards:.2f}"
        own = [f"{forwards:.2f}", times_forwards]
    ms = [f"{median[name]:.{2 if median[name] >= 1 else 4}f}" if name in median else "-" for name in PEERS]
    in_x = f"{kept / math.prod(row.shape):.2f}" if kept > 0 else "-"
    return [row.name, "x".join(map(str, row.shape)), *ms, ratio, spread, *own, in_x, str(KEPT[row.kind])]


def measure(options, folder):
    torch, golden = models.import_torch()
    sides = start_sides(options, folder)
    try:
        head = [f"date: {time.strftime('%Y-%m-%d')}"]
        head += [f"processor: {models.processor()}, cores {' '.join(map(str, options.cores))}"]
        head += [f"{name}: {side.what}" for name, side in sides.items()]
        head += [f"medians of {options.rounds} rounds, in which the sides take turns"]
        print("\n".join(head) + "\n")
        names = columns(options)
        form = "  ".join(f"{{:>{max(len(name), 12)}}}" for name in names)
        print(form.format(*names))
        table, notes, wrong, best = [], [], 0, {}  # best: (GFLOP/s, GB/s) by D
        for row in [row.at(options.shape) for row in ROWS if not options.model or row.name in options.model]:
            what = f"{row.name} {'x'.join(map(str, row.shape))}"
            far, kept = prepare(torch, golden, row, sides, folder)
            accepted = {name: TOLERANCE if name == "tshift" else TORCH for name in far}
            bad = [f"the {key} of {name} is {off:.1e} off (accepted: {accepted[name][key]})"
                   for name, each in far.items() for key, off in each.items() if not off <= accepted[name][key]]
            if bad:
                wrong += 1
                notes.append(f"{what}: WRONG, not timed: {', '.join(bad)}")
                print(notes[-1], flush=True)
                continue
            width = row.shape[2]
            for _ in range(1 if width in best else 3):  # the first time, everything is still warming up
                rates_of = models.rates(sides)
                best[width] = list(map(max, zip(best.get(width, (0, 0)), *rates_of.values())))
            times = models.in_turns(sides, options.rounds, options.threads)
            table.append(cells(row, times, best[width], kept))
            print(form.format(*table[-1]), flush=True)
            said = [f"{name} {far[name]['gradients']:.1e}, {far[name]['loss after a step']:.1e}, {gflops:.0f}, {gbytes:.0f}"
                    for name, (gflops, gbytes) in rates_of.items()]
            notes.append(f"{what}: {'; '.join(said)}")
        legend = ("of each side: relative distance to double precision (L2) of the parameter's gradient that is furthest from "
                  "it, and of the loss after a step; sgemm, GFLOP/s; reading, GB/s")
        print(f"\n{legend}")
        print("\n".join("  " + note for note in notes))
        if options.markdown:
            options.markdown.write_text(models.page(head, names, table, legend, notes), encoding="utf-8")
        return 1 if wrong else 0
    finally:
        for side in sides.values():
            side.close()


def shape_of(text):
    try:
        n, t, d = map(int, text.split("x"))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: must be NxTxD") from error
    if min(n, t, d) < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be at least 1 each")
    return n, t, d


def parse(arguments):
    parser = argparse.ArgumentParser(description="A training step of ShiftSER's models in tshift and PyTorch")
    parser.add_argument("--rounds", type=int, default=15, help="measurements of each side per row (15)")
    parser.add_argument("--core", type=int, help="the core for everything (the last one this process may use)")
    parser.add_argument("--threads", type=int, default=1, help="of each side, on the last cores this process may use (1)")
    parser.add_argument("--without", action="append", default=[], choices=PEERS, help="leave a side out; repeatable")
    parser.add_argument("--model", action="append", default=[], choices=[row.name for row in ROWS],
                        help="only this one; repeatable")
    parser.add_argument("--shape", type=shape_of, default=SHAPE, metavar="NxTxD", help="of x ({}x{}x{})".format(*SHAPE))
    parser.add_argument("--markdown", type=pathlib.Path, help="also writes the table and its circumstances to a file")
    models.add_build_options(parser)
    options = parser.parse_args(arguments)
    if not has_avx512():
        options.without.append("torch AVX-512")
    if set(options.without) == set(PEERS):
        parser.error("--without leaves nobody")
    models.choose_cores(parser, options)
    return options


def main():
    if sys.argv[1:] == ["--torch-side"]:
        return models.torch_side(Loaded, kernels)
    options = parse(sys.argv[1:])
    os.sched_setaffinity(0, options.cores)  # inherited by every side
    with tempfile.TemporaryDirectory() as folder:
        return measure(options, pathlib.Path(folder))


if __name__ == "__main__":
    sys.exit(main())
