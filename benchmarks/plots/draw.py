#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Draws the results of tshift_bench as SVG. Needs matplotlib (Debian: python3-matplotlib, for /usr/bin/python3).

    tshift_bench --benchmark_out=results.json
    /usr/bin/python3 benchmarks/plots/draw.py results.json --out FOLDER [--models benchmarks/RESULTS.md]

sizes.svg and cold.svg need the rows sizes/ and cold/, shares.svg the rows shift/ and shift_inplace/, models.svg
and blocks.svg the tables that peers/models.py has written into the page given. What cannot be drawn is said.
"""

import argparse
import io
import pathlib
import re
import sys

sys.dont_write_bytecode = True  # no __pycache__ in the source tree

try:
    import matplotlib
except ImportError:
    sys.exit("draw: this Python has no matplotlib; Debian has it as python3-matplotlib, for /usr/bin/python3")

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator  # noqa: E402

from results import COPIES, MODES, Results, fail, memcpy_rate, models_of, size_text  # noqa: E402

# Text stays text; the same numbers give the same bytes.
matplotlib.rcParams.update({
    "svg.fonttype": "none", "svg.hashsalt": "tshift", "font.family": "sans-serif", "font.size": 10,
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "sans-serif"], "axes.spines.top": False,
    "axes.spines.right": False, "axes.grid": True, "grid.color": "#dddddd", "grid.linewidth": 0.6,
    "axes.axisbelow": True, "legend.frameon": False, "legend.fontsize": 9})

# Okabe and Ito's colours, which the colour-blind can tell apart; a marker each as well.
STYLE = {"memcpy": ("#000000", ""), "out of place": ("#0072B2", "o"), "NCT": ("#56B4E9", "s"),
         "in place": ("#D55E00", "^"), "add": ("#009E73", "D"), "lazy": ("#CC79A7", "v"),
         "read without a shift": ("#999999", "x")}
LABEL = {"out of place": "shift, [N, T, C]", "NCT": "shift, [N, C, T]", "in place": "shift_inplace", "add": "shift_add",
         "lazy": "shifted, read by a sum", "read without a shift": "the same sum, no shift", "memcpy": "memcpy"}


NOTE = """Bytes that must move, read
and written, in tensors:
memcpy, shift  2
shift_inplace  2 × share moved
shift_add  3
sums  1

Dashed: input and output
together fill the cache."""


def line(axes, mode, x, y):
    colour, marker = STYLE[mode]
    edge = 1 if marker == "x" else 0  # an edge would be written out for every point
    axes.plot(x, y, color=colour, marker=marker, markersize=5, markeredgewidth=edge, label=LABEL[mode],
              zorder=3 if mode == "memcpy" else 2, linewidth=2.4 if mode == "memcpy" else 1.5)


def size_axis(axes, sizes, caches, name_caches):
    axes.set_xscale("log", base=2)
    ticks = [4 << (10 + 2 * k) for k in range(10) if sizes[0] <= 4 << (10 + 2 * k) <= sizes[-1]]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.tick_params(axis="x", labelsize=9)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: size_text(v)))
    for name, size in caches:
        # Input and output together fill the cache there.
        if sizes[0] <= size / 2 <= sizes[-1]:
            axes.axvline(size / 2, color="#aaaaaa", linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
            if name_caches:
                axes.text(size / 2, 1.01, f"½ {name}", transform=axes.get_xaxis_transform(), ha="center", va="bottom",
                          fontsize=8, color="#777777")


def number_axis(axes, ticks, form):
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(FixedLocator([t for t in ticks if low <= t <= high]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: form.format(v)))


def finish(figure, path, caption):
    figure.text(0.01, 0.008, caption, fontsize=7.5, color="#777777")
    text = io.StringIO()
    metadata = {"Date": None, "Creator": "benchmarks/plots/draw.py"}
    figure.savefig(text, format="svg", metadata=metadata, facecolor="white")
    plt.close(figure)
    # Three or four digits are fine enough, and half as long; spaces at the ends of lines are matplotlib's.
    text = re.sub(r"(\d\d\.\d)\d+", r"\1", text.getvalue())
    text = re.sub(r"(\d\.\d\d)\d+", r"\1", text)
    path.write_text(re.sub(r"^ +| +$", "", text, flags=re.MULTILINE), encoding="utf-8")


def draw_sizes(results, table, title, path):
    by_size = results.sizes(table)
    if not by_size:
        return f"no rows of {table}/: {path.name} is not drawn"
    sizes = list(by_size)
    figure, (rates, times) = plt.subplots(2, 1, figsize=(8.4, 7.4), sharex=True, height_ratios=[3, 2])
    line(rates, "memcpy", sizes, [memcpy_rate(by_size[s]) for s in sizes])
    times.axhline(1, color=STYLE["memcpy"][0], linewidth=2.4, zorder=3)
    for mode in MODES:
        line(rates, mode, sizes, [by_size[s][mode].rate for s in sizes])
        line(times, mode, sizes, [by_size[s][mode].ratio * COPIES[mode] for s in sizes])
    number_axis(rates, (1, 2, 5, 10, 20, 50, 100, 200, 400), "{:g}")
    number_axis(times, (0.0625, 0.125, 0.25, 0.5, 1, 2, 4, 8), "{:g}")
    rates.set_ylabel("GB/s of the bytes that must move")
    times.set_ylabel("time of a call, in memcpys")
    times.set_xlabel("size of the tensor: float, 256 channels, of which 1/8 moves each way")
    for axes in (rates, times):
        size_axis(axes, sizes, results.caches(), axes is rates)
    rates.text(1.03, 0.5, NOTE, transform=rates.transAxes, fontsize=8, color="#555555", va="top", linespacing=1.5)
    rates.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.3)
    rates.set_title(title, loc="left", fontsize=11, pad=18)
    figure.subplots_adjust(left=0.085, right=0.745, top=0.92, bottom=0.095, hspace=0.1)
    finish(figure, path, results.caption())
    return None


def draw_shares(results, path):
    tensors = {"ntc_32x374x768": "[32, 374, 768], 35 MiB", "ntc_1x374x768": "[1, 374, 768], 1.1 MiB"}
    ways = ("delay", "both")
    if not all(results.of(t, "delay", tensor) for t in ("shift", "shift_inplace") for tensor in tensors):
        return f"no rows of shift/ and shift_inplace/ with every n_div: {path.name} is not drawn"
    figure, panels = plt.subplots(1, 2, figsize=(8.4, 4.3), sharey=True)
    highest = 1
    for axes, (tensor, name) in zip(panels, tensors.items()):
        share_of = lambda r: (2 if r.variant == "both" else 1) * (768 // r.n_div) / 768
        out = sorted((share_of(r), r.ratio) for w in ways for r in results.of("shift", w, tensor))
        # The floor of an in-place row is already times the share.
        rows = [r for w in ways for r in results.of("shift_inplace", w, tensor)]
        within = sorted((share_of(r), r.ratio * share_of(r)) for r in rows)
        axes.plot([0, 1], [1, 1], color="#0072B2", linewidth=1, linestyle="--")
        axes.plot([0, 1], [0, 1], color="#D55E00", linewidth=1, linestyle="--", label="as many bytes in memcpy")
        axes.plot(*zip(*out), linestyle="none", marker="o", markersize=5, color="#0072B2", label="shift")
        axes.plot(*zip(*within), linestyle="none", marker="^", markersize=5, color="#D55E00", label="shift_inplace")
        axes.set_title(name, loc="left", fontsize=10)
        axes.set_xlabel("share of the channels that moves")
        axes.set_xlim(0, 1.04)
        highest = max(highest, *(y for _, y in out + within))
    panels[0].set_ylim(0, 1.05 * highest)
    panels[0].set_ylabel("time, in copies of the tensor (memcpy)")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="upper right", ncol=3, bbox_to_anchor=(0.99, 1.0))
    figure.subplots_adjust(left=0.08, right=0.985, top=0.86, bottom=0.18, wspace=0.08)
    finish(figure, path, results.caption())
    return None


def draw_models(page, word, caption, path):
    """Bars of the models ("model") or the blocks ("block"), a panel for each [N, T]."""
    models = models_of(page, word)
    if not models:
        return f"no table of peers/models.py in {page}: {path.name} is not drawn"
    widest = {}  # heads may make some a little narrower than the others
    for m in models:
        frames, width = m.shape.rsplit("x", 1)
        widest[frames] = max(int(width), widest.get(frames, 0))
    most_rows = max(sum(m.shape.rsplit("x", 1)[0] == frames for m in models) for frames in widest)
    inches = 1.45 + 0.525 * most_rows
    sides = {"PyTorch": "#D55E00", "ONNX Runtime": "#56B4E9", "tshift": "#0072B2"}
    figure, panels = plt.subplots(1, len(widest), figsize=(8.4, inches), sharey=True, squeeze=False)
    height = 0.27
    for axes, (frames, width) in zip(panels[0], widest.items()):
        rows = [m for m in models if m.shape.rsplit("x", 1)[0] == frames]
        most = max(ms / m.ms["tshift"] for m in rows for ms in m.ms.values() if ms is not None)
        for k, (side, colour) in enumerate(sides.items()):
            for i, m in enumerate(rows):
                ms = m.ms[side]
                if ms is None:
                    continue
                times = ms / m.ms["tshift"]
                y = i + (k - 1) * height
                axes.barh(y, times, height * 0.92, color=colour, label=side if i == 0 else None)
                number, unit = (ms, "ms") if ms >= 0.1 else (ms * 1000, "us")
                text = f"{number:.{0 if number >= 100 else 1 if number >= 10 else 2}f} {unit}"
                axes.text(times + most * 0.015, y, text, va="center", fontsize=7.5, color="#444444")
        axes.set_title(f"[{frames.replace('x', ', ')}, {width}]", loc="left", fontsize=10)
        axes.set_xlim(0, most * 1.24)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("time over tshift's")
        axes.set_yticks(range(len(rows)), [m.name for m in rows])
    panels[0][0].set_ylim(most_rows - 0.4, -0.6)
    for axes in panels[0]:
        axes.tick_params(axis="y", length=0)
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper center", ncol=3, bbox_to_anchor=(0.5, 1.0))
    left = 0.045 + 0.0088 * max(len(m.name) for m in models)
    figure.subplots_adjust(left=left, right=0.99, top=1 - 0.64 / inches, bottom=0.71 / inches, wspace=0.1)
    finish(figure, path, caption)
    return None


def main():
    parser = argparse.ArgumentParser(description="Draws the results of tshift_bench as SVG")
    parser.add_argument("results", type=pathlib.Path, help="what tshift_bench wrote with --benchmark_out")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder for the pictures")
    parser.add_argument("--models", type=pathlib.Path, help="a page with the tables of peers/models.py")
    options = parser.parse_args()
    try:
        results = Results(options.results)
    except (OSError, ValueError, KeyError) as error:
        return fail("draw", f"cannot read {options.results}: {error}")
    options.out.mkdir(parents=True, exist_ok=True)
    out = options.out
    missing = [
        draw_sizes(results, "sizes", "Speed over size, warm: tensors that were just used", out / "sizes.svg"),
        draw_sizes(results, "cold", "Speed over size, cold: caches emptied before every call", out / "cold.svg"),
        draw_shares(results, out / "shares.svg"),
    ]
    if options.models:
        page = "Table, versions and command: benchmarks/RESULTS.md."
        missing += [
            draw_models(options.models, "model", f"Models from input to logits, one core, one thread. {page} "
                        "The small Transformer: 252.", out / "models.svg"),
            draw_models(options.models, "block", f"Single blocks, one core, one thread. {page} "
                        "The small self_attention: 252.", out / "blocks.svg"),
        ]
    for sentence in filter(None, missing):
        print(f"draw: {sentence}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
