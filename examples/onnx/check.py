#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""recipe.py against tshift's operator: the presets, the function in PyTorch, and its exports in ONNX Runtime.

    PYTHONPATH=build/torch /usr/bin/python3 examples/onnx/check.py --ort-dir build/onnxruntime

PYTHONPATH names the built examples/torch_extension. The folder has onnxruntime-node, or gets it from npm. Every output
of ONNX Runtime must equal the operator's bit for bit, for inputs of random bits: NaNs, infinities and signed zeros too.
"""

import argparse
import array
import itertools
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import warnings

import torch

import recipe
import tshift_torch

HERE = pathlib.Path(__file__).resolve().parent
ORT_VERSION = "1.30.0"
OPSETS = [11, 13, 17]
PADDINGS = ["zero", "keep", "edge", "circular"]
CHANNELS = 19  # odd, and no multiple of anything


def own_presets(channels):
    """name: (the recipe's folds and padding, the arguments of the same preset in C++)"""
    plans = {}
    for direction, stride in itertools.product(("delay", "advance", "both"), (1, 2, 3)):
        for n_div in (2, 4, 16):
            options = dict(n_div=n_div, direction=direction, stride=stride)
            name = f"shiftser_{direction}_{n_div}_by{stride}"
            plans[name] = recipe.shiftser(channels, **options), ("shiftser", options)
    for n_div in (2, 3, 8):
        plans[f"tsm_{n_div}"] = recipe.tsm(channels, n_div), ("tsm", dict(n_div=n_div))
        plans[f"tsm_online_{n_div}"] = recipe.tsm_online(channels, n_div), ("tsm_online", dict(n_div=n_div))
        plans[f"tps_{n_div}"] = recipe.tps(channels, n_div), ("tps", dict(n_div=n_div))
    for ratio in (0.05, 0.125, 0.2, 0.25, 0.29, 1 / 3, 0.35, 0.49):  # 0.29 of 50: a matter of float32
        plans[f"paddle_{ratio:.3f}"] = recipe.paddle(channels, ratio), ("paddle", dict(shift_ratio=ratio))
    plans["rwkv"] = recipe.rwkv(channels), ("rwkv", {})
    plans["shift_gcn"] = recipe.shift_gcn(channels), ("shift_gcn", {})
    return plans


def other_presets(channels):
    """The library's presets for which the recipe has no function: their folds come from the library."""
    plans = {}
    for name in tshift_torch.preset_names():
        if not hasattr(recipe, name):
            folds, padding = tshift_torch.preset(name, channels)
            plans[name] = (list(zip(folds[0::3], folds[1::3], folds[2::3])), padding), (name, {})
    return plans


def presets(channels):
    return own_presets(channels) | other_presets(channels)


def flat(folds):
    return [number for fold in folds for number in fold]


def check_presets():
    count = 0
    checked = set()
    for channels in [*range(0, 70), 255, 256, 768, 1023, 2048]:
        for name, ((folds, padding), (preset, options)) in own_presets(channels).items():
            checked.add(preset)
            want = tuple(tshift_torch.preset(preset, channels, **options))
            if (flat(folds), padding) != want:
                sys.exit(f"FAILED: recipe.{name}, {channels} channels: {folds}, {padding}; the library has {want}")
            count += 1
    for name in tshift_torch.preset_names():
        if hasattr(recipe, name) and name not in checked:
            sys.exit(f"FAILED: recipe.{name} is compared with nothing; own_presets() does not list it")
    print(f"presets: {count} equal to the library's; exported with the library's folds: {', '.join(other_presets(8))}")


class Shift(torch.nn.Module):
    def __init__(self, folds, padding, **options):
        super().__init__()
        self.folds, self.padding, self.options = folds, padding, options

    def forward(self, x):
        return recipe.temporal_shift(x, self.folds, self.padding, **self.options)


def models():
    """(name, layer, shapes to run): every preset with every padding, then other orders of memory and what is rare."""
    shapes = [(n, t, CHANNELS) for n, t in [(1, 1), (1, 2), (3, 3), (2, 5), (1, 8), (2, 0), (0, 4)]]
    for (name, ((folds, _), _)), padding in itertools.product(presets(CHANNELS).items(), PADDINGS):
        yield f"{name}_{padding}", Shift(folds, padding), shapes
    folds, _ = recipe.tsm(CHANNELS, 4)
    more = [(2, 3, -7), (9, 1, 5), (15, 4, 2)]
    for padding in PADDINGS:
        yield f"video_{padding}", Shift(folds, padding), [(1, 8, CHANNELS, 3, 2), (2, 1, CHANNELS, 4, 4)]
        nthwc = [(1, 8, 3, 2, CHANNELS), (2, 1, 4, 4, CHANNELS)]
        yield f"video_nthwc_{padding}", Shift(folds, padding, channel_dim=4), nthwc
        yield f"nct_{padding}", Shift(folds, padding, time_dim=2, channel_dim=1), [(2, CHANNELS, 7), (1, CHANNELS, 1)]
        yield f"gaps_{padding}", Shift(more, padding), shapes
        yield f"nothing_{padding}", Shift([(0, 0, 1), (3, 4, 0)], padding), shapes
        yield f"all_{padding}", Shift([(0, CHANNELS, 2)], padding), shapes
    yield "circular_shortest_3", Shift(more, "circular", shortest=3), [s for s in shapes if s[1] >= 3]
    yield "circular_shortest_7", Shift(more, "circular", shortest=7), [s for s in shapes if s[1] >= 7]


def expected(layer, x):
    """The operator's result."""
    options = {name: value for name, value in layer.options.items() if name != "shortest"}
    return tshift_torch.temporal_shift(x, flat(layer.folds), layer.padding, **options)


def same_bits(a, b):
    return a.shape == b.shape and torch.equal(a.contiguous().view(torch.int32), b.contiguous().view(torch.int32))


def export(layer, shape, opset, path):
    """With every axis but the channels' dynamic."""
    channel_dim = layer.options.get("channel_dim", 2)
    axes = {d: f"dim{d}" for d in range(len(shape)) if d != channel_dim}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the exporter's remarks about its own constants
        warnings.simplefilter("error", torch.jit.TracerWarning)  # a size that became a constant would be a defect
        torch.onnx.export(layer, torch.zeros(shape), str(path), opset_version=opset, input_names=["x"],
                          output_names=["y"], dynamic_axes={"x": axes, "y": axes})


def write_runs(folder):
    """Checks the recipe in PyTorch, exports it, and writes what run_ort.mjs reads."""
    generator = torch.Generator().manual_seed(2)
    listed, inputs, outputs, eager, refused = [], [], [], 0, 0
    at = 0
    for name, layer, shapes in models():
        runs = []
        for shape in shapes:
            bits = torch.randint(-(2**31), 2**31, shape, generator=generator).to(torch.int32)
            x = bits.view(torch.float32)
            y = expected(layer, x)
            if not same_bits(layer(x), y):
                sys.exit(f"FAILED: {name}, {shape}: recipe.temporal_shift in PyTorch differs from the operator")
            eager += 1
            runs.append({"dims": list(shape), "at": at})
            for numbers, parts in ((x, inputs), (y, outputs)):
                parts.append(array.array("i", numbers.contiguous().view(torch.int32).flatten().tolist()).tobytes())
            at += 4 * x.numel()
        for opset in OPSETS:
            example = tuple(max(n, 2) for n in max(shapes, key=lambda shape: shape[1]))
            export(layer, example, opset, folder / f"{name}_{opset}.onnx")
            listed.append({"model": f"{name}_{opset}", "opset": opset, "runs": runs})
    for name, parts in (("x.f32", inputs), ("y.f32", outputs)):
        (folder / name).write_bytes(b"".join(parts))
    (folder / "runs.json").write_text(json.dumps(listed))
    for folds, padding in [([(0, 3, 1), (2, 2, 1)], "zero"), ([(17, 3, 1)], "zero"), ([(0, 3, 1)], "reflect")]:
        try:
            recipe.temporal_shift(torch.zeros(1, 2, CHANNELS), folds, padding)
        except ValueError:
            refused += 1
        else:
            sys.exit(f"FAILED: recipe.temporal_shift takes {folds}, {padding}")
    print(f"recipe in PyTorch: {eager} cases equal to the operator bit for bit, {refused} refusals")
    print(f"{len(listed)} exports, opsets {', '.join(map(str, OPSETS))}")


def install_ort(folder):
    """onnxruntime-node carries the Linux library; its install script would only add one for GPUs."""
    if (folder / "node_modules" / "onnxruntime-node").is_dir():
        return
    if shutil.which("npm") is None:
        sys.exit("check: there is no npm to install onnxruntime-node with")
    folder.mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run([*command, f"onnxruntime-node@{ORT_VERSION}"], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit("check: npm cannot install onnxruntime-node:\n" + done.stderr)


def main():
    parser = argparse.ArgumentParser(description="the ONNX recipe of the temporal shift against the operator")
    parser.add_argument("--ort-dir", type=pathlib.Path, required=True, help="folder that has or gets onnxruntime-node")
    options = parser.parse_args()
    torch.set_num_threads(1)
    started = time.monotonic()
    check_presets()
    install_ort(options.ort_dir)
    with tempfile.TemporaryDirectory() as folder:
        write_runs(pathlib.Path(folder))
        done = subprocess.run(["node", str(HERE / "run_ort.mjs"), str(options.ort_dir), folder])
    if done.returncode != 0:
        sys.exit(f"check: run_ort.mjs ended with {done.returncode}")
    print(f"onnx: passed in {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main()
