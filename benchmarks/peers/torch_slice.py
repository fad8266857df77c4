#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The shift as people write it with PyTorch slices, beside tshift, in one process and on the same memory.

Run by hand, with a Python that has torch (Debian: /usr/bin/python3 and python3-torch). Compiles operator_c.cpp into a
temporary folder, verifies that both give the same tensor, then times them in turns on one thread:

  torch         the function people write: allocates its result, fills it by slice assignment
  torch reused  the same slices into a result that is kept, which no user's module does; shows what the allocation costs
  tshift        tshift::shift into memory the caller has
  memcpy        of the whole tensor

The exit status tells whether all results were right, never whether they were fast.
"""

import argparse
import ctypes
import math
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

try:
    import torch
except ImportError:
    sys.exit("torch_slice: this Python has no torch; Debian has it as python3-torch, for /usr/bin/python3")

HERE = pathlib.Path(__file__).resolve().parent
SHAPES = [(32, 374, 768), (1, 374, 768), (1, 64, 256)]
TARGETS = {SHAPES[0]: 6.0, SHAPES[1]: 2.0, SHAPES[2]: 8.0}  # torch / tshift, out of place, at least
N_DIVS = [2, 4, 8, 16]


def torch_shift(x, fold, both):
    out = torch.zeros_like(x)
    out[:, 1:, :fold] = x[:, :-1, :fold]
    if both:
        out[:, :-1, fold : 2 * fold] = x[:, 1:, fold : 2 * fold]
        out[:, :, 2 * fold :] = x[:, :, 2 * fold :]
    else:
        out[:, :, fold:] = x[:, :, fold:]
    return out


def torch_shift_reused(x, out, fold, both):
    out[:, :1, :fold] = 0
    out[:, 1:, :fold] = x[:, :-1, :fold]
    if both:
        out[:, -1:, fold : 2 * fold] = 0
        out[:, :-1, fold : 2 * fold] = x[:, 1:, fold : 2 * fold]
        out[:, :, 2 * fold :] = x[:, :, 2 * fold :]
    else:
        out[:, :, fold:] = x[:, :, fold:]
    return out


def torch_shift_inplace(x, fold, both):
    x[:, 1:, :fold] = x[:, :-1, :fold].clone()  # without clone the slices overlap, and the result is undefined
    x[:, :1, :fold] = 0
    if both:
        x[:, :-1, fold : 2 * fold] = x[:, 1:, fold : 2 * fold].clone()
        x[:, -1:, fold : 2 * fold] = 0
    return x


def compile_operator(folder, options):
    library = pathlib.Path(folder) / "liboperator_c.so"
    command = [options.compiler, "-std=c++20", "-O3", "-DNDEBUG", "-march=native", "-shared", "-fPIC"]
    command += ["-I", str(options.include)]
    for path in options.system_include:
        command += ["-isystem", path]
    command += [str(HERE / "operator_c.cpp"), "-o", str(library)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        sys.exit(f"torch_slice: cannot run {options.compiler}: {error}")
    if done.returncode != 0:
        sys.exit("torch_slice: operator_c.cpp does not compile:\n" + done.stderr)
    c = ctypes.CDLL(str(library))
    pointer, integer = ctypes.c_void_p, ctypes.c_int64
    c.tshift_peer_isa.restype = ctypes.c_char_p
    c.tshift_peer_shift.restype = ctypes.c_double
    c.tshift_peer_shift.argtypes = [pointer, pointer] + [integer] * 4 + [ctypes.c_int32, integer]
    c.tshift_peer_shift_inplace.restype = ctypes.c_double
    c.tshift_peer_shift_inplace.argtypes = [pointer] + [integer] * 4 + [ctypes.c_int32, integer]
    c.tshift_peer_memcpy.restype = ctypes.c_double
    c.tshift_peer_memcpy.argtypes = [pointer, pointer, integer, integer]
    return c


def python_loop(work):
    """Nanoseconds for one call of work, of `repeats` calls timed together."""

    def timed(repeats):
        start = time.perf_counter_ns()
        for _ in range(repeats):
            work()
        return (time.perf_counter_ns() - start) / repeats

    return timed


def c_loop(function, *arguments):
    def timed(repeats):
        nanoseconds = function(*arguments, repeats)
        if nanoseconds < 0:
            sys.exit("torch_slice: the operator refused its arguments")
        return nanoseconds

    return timed


def repeats_for(timed, least_ns=100_000):
    timed(1)
    repeats = 1
    while timed(repeats) * repeats < least_ns:
        repeats *= 2
    return repeats


def in_turns(contestants, rounds):
    """Times all contestants once per round, round after round. Returns {name: [nanoseconds per call, ...]}."""
    repeats = {name: repeats_for(timed) for name, timed in contestants.items()}
    times = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, timed in contestants.items():
            times[name].append(timed(repeats[name]))
    return times


def paired(times, over, under):
    """Median and 10% and 90% quantiles of the ratio over / under, round by round."""
    ratios = sorted(a / b for a, b in zip(times[over], times[under]))
    at = lambda q: ratios[min(len(ratios) - 1, math.floor(q * len(ratios)))]
    return statistics.median(ratios), at(0.1), at(0.9)


def require_equal(want, got, what):
    if not torch.equal(want, got):
        where = (want != got).nonzero()[0].tolist()
        sys.exit(f"torch_slice: {what}: results differ, first at [n, t, c] = {where}")


def processor():
    for line in open("/proc/cpuinfo", encoding="utf-8"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown"


def main():
    parser = argparse.ArgumentParser(description="tshift beside PyTorch's slice assignment, one thread")
    parser.add_argument("--rounds", type=int, default=31, help="measurements of each contestant per row (31)")
    parser.add_argument("--compiler", default="g++", help="C++20 compiler (g++)")
    parser.add_argument("--include", type=pathlib.Path, default=HERE.parent.parent / "include", help="folder of tshift/")
    parser.add_argument("--system-include", action="append", default=[], help="folder of xsimd/, if not the system's")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds must be >= 1")

    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows = misses = targets = 0
    with tempfile.TemporaryDirectory() as folder:
        c = compile_operator(folder, options)
        version = subprocess.run([options.compiler, "--version"], capture_output=True, text=True).stdout.splitlines()[0]
        print(f"date: {time.strftime('%Y-%m-%d')}")
        print(f"processor: {processor()}")
        usage = [line.split(":")[1].strip() for line in torch.__config__.show().splitlines() if "capability" in line]
        print(f"torch: {torch.__version__}, {torch.get_num_threads()} thread, {' '.join(usage) or 'unknown'}")
        print(f"tshift: {version}, -O3 -march=native, {c.tshift_peer_isa().decode()}")
        call = statistics.median(python_loop(c.tshift_peer_empty)(1000) for _ in range(31))
        print(f"an empty C function called from here: {call:.0f} ns. Not in tshift's and memcpy's times, which repeat")
        print("inside C; torch's times include Python's calls, because its users pay for them.")
        print(f"medians of {options.rounds} rounds; ratios are medians over the rounds, with their 10% and 90% quantiles")

        out_of_place = "{:>14} {:>5} {:>6} {:>11} {:>12} {:>10} {:>10} {:>12} {:>15} {:>13} {:>6} {:>7}"
        print("\nout of place: y = S x")
        print(out_of_place.format("[N,T,C]", "n_div", "way", "torch us", "reused us", "tshift us", "memcpy us",
                                  "torch/tshift", "10%..90%", "reused/tshift", "target", "verdict"))
        for shape in SHAPES:
            for both in (False, True):
                for n_div in N_DIVS:
                    N, T, C = shape
                    fold = C // n_div
                    x = torch.randn(shape)
                    want = torch_shift(x, fold, both)
                    kept = torch.full(shape, math.nan)
                    require_equal(want, torch_shift_reused(x, kept, fold, both), f"torch reused {shape} {n_div}")
                    y = torch.full(shape, math.nan)
                    shift = c_loop(c.tshift_peer_shift, x.data_ptr(), y.data_ptr(), N, T, C, n_div, int(both))
                    shift(1)
                    require_equal(want, y, f"tshift {shape} n_div {n_div}")
                    times = in_turns({
                        "torch": python_loop(lambda: torch_shift(x, fold, both)),
                        "reused": python_loop(lambda: torch_shift_reused(x, kept, fold, both)),
                        "tshift": shift,
                        "memcpy": c_loop(c.tshift_peer_memcpy, x.data_ptr(), y.data_ptr(), 4 * x.numel()),
                    }, options.rounds)
                    ratio, low, high = paired(times, "torch", "tshift")
                    reused, _, _ = paired(times, "reused", "tshift")
                    us = {name: statistics.median(values) / 1000 for name, values in times.items()}
                    met = ratio >= TARGETS[shape]
                    rows, misses = rows + 1, misses + (not met)
                    print(out_of_place.format(
                        "x".join(map(str, shape)), n_div, "both" if both else "delay", f"{us['torch']:.2f}",
                        f"{us['reused']:.2f}", f"{us['tshift']:.2f}", f"{us['memcpy']:.2f}", f"{ratio:.1f}",
                        f"{low:.1f}..{high:.1f}", f"{reused:.1f}", f">={TARGETS[shape]:.0f}", "ok" if met else "MISSED"),
                        flush=True)
        print(f"{rows - misses} of {rows} rows within target")

        inplace = "{:>14} {:>5} {:>6} {:>11} {:>10} {:>12} {:>15}"
        print("\nin place: x = S x (no target)")
        print(inplace.format("[N,T,C]", "n_div", "way", "torch us", "tshift us", "torch/tshift", "10%..90%"))
        for shape in SHAPES:
            for both in (False, True):
                for n_div in N_DIVS:
                    N, T, C = shape
                    fold = C // n_div
                    x = torch.randn(shape)
                    ours = x.clone()
                    want = torch_shift(x, fold, both)
                    require_equal(want, torch_shift_inplace(x, fold, both), f"torch in place {shape} {n_div}")
                    shift = c_loop(c.tshift_peer_shift_inplace, ours.data_ptr(), N, T, C, n_div, int(both))
                    shift(1)
                    require_equal(want, ours, f"tshift in place {shape} n_div {n_div}")
                    times = in_turns({
                        "torch": python_loop(lambda: torch_shift_inplace(x, fold, both)),
                        "tshift": shift,
                    }, options.rounds)
                    ratio, low, high = paired(times, "torch", "tshift")
                    us = {name: statistics.median(values) / 1000 for name, values in times.items()}
                    print(inplace.format("x".join(map(str, shape)), n_div, "both" if both else "delay",
                                         f"{us['torch']:.2f}", f"{us['tshift']:.2f}", f"{ratio:.1f}",
                                         f"{low:.1f}..{high:.1f}"), flush=True)


if __name__ == "__main__":
    main()
