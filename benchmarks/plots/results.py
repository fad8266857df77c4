# SPDX-License-Identifier: MIT
"""What tshift_bench wrote with --benchmark_out=FILE, and the tables of peers/models.py, as Python objects."""

import json
import pathlib
import statistics
import sys
from typing import NamedTuple

MODES = ["out of place", "NCT", "in place", "add", "lazy", "read without a shift"]
# Bytes that must be read and written, over those of a memcpy of the tensor; in place: of the channels that move.
COPIES = {"out of place": 1, "NCT": 1, "in place": 0.25, "add": 1.5, "lazy": 0.5, "read without a shift": 0.5}


class Row(NamedTuple):
    table: str
    tensor: str
    n_div: int
    variant: str
    bytes: int  # of the tensor
    us: float  # median
    rate: float  # GB/s of the bytes to move
    floor_us: float  # median, share included
    ratio: float  # over the floor


class Results:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        self.context = content["context"]
        self.rows = []
        for entry in content["benchmarks"]:
            if entry.get("run_type") != "iteration" or entry.get("error_occurred") or "ratio" not in entry:
                continue
            options = ("iterations:", "repeats:", "manual_time")
            words = [w for w in entry["name"].split("/") if not w.startswith(options)]
            n_div = next((int(w[6:]) for w in words if w.startswith("n_div=")), 0)
            words = [w for w in words if not w.startswith("n_div=")]
            self.rows.append(Row(words[0], words[1], n_div, words[-1].replace("_", " "),
                                 int(entry.get("tensor_bytes", 0)), entry["median_us"], entry.get("GB/s", 0.0),
                                 entry["floor_us"], entry["ratio"]))

    def of(self, table, variant=None, tensor=None):
        """Rows in order of size."""
        found = [r for r in self.rows if r.table == table]
        found = [r for r in found if variant in (None, r.variant) and tensor in (None, r.tensor)]
        return sorted(found, key=lambda r: (r.bytes, r.n_div))

    def sizes(self, table):
        """{bytes: {mode: row}}, of sizes that have all modes."""
        by_size = {}
        for r in self.of(table):
            by_size.setdefault(r.bytes, {})[r.variant] = r
        return {size: rows for size, rows in by_size.items() if all(mode in rows for mode in MODES)}

    def caches(self):
        """[(name, bytes)] of the data caches."""
        return [(f"L{c['level']}", c["size"]) for c in self.context["caches"] if c["type"] != "Instruction"]

    @property
    def processor(self):
        return self.context["processor"]

    @property
    def date(self):
        return self.context["date"][:10]

    @property
    def busy(self):
        """Cores that other programs kept busy before the run; None: bench.sh --record alone looks."""
        value = self.context.get("cores_busy_before")
        return None if value is None else float(value)

    @property
    def quick(self):
        return not self.context["effort"].startswith("full")

    def caption(self):
        c = self.context
        said = [self.processor, "one core", c["isa"], c["compiler"], f"tshift {c['tshift']}", self.date]
        if self.quick:
            said.append("a quick run, not for publication")
        if self.busy is not None and self.busy > 0.2:
            said.append(f"while others kept {self.busy:.1f} cores busy")
        return ", ".join(said)


def memcpy_us(modes):
    """memcpy of the tensor, in microseconds: every mode has timed it beside itself."""
    return statistics.median(row.floor_us / COPIES[mode] for mode, row in modes.items())


def memcpy_rate(modes):
    """GB/s."""
    return 2 * modes["out of place"].bytes / memcpy_us(modes) * 1e-3


def size_text(count):
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:g} {unit}"
        count /= 1024
    return f"{count:g} GiB"


class Model(NamedTuple):
    name: str
    shape: str
    ms: dict  # by side; None: not measured


def models_of(page, word):
    """The rows of the table that peers/models.py writes, of models ("model") or of blocks ("block"): the page's first."""
    wanted = [word, "[N,T,D]", "tshift ms", "torch ms", "ort ms"]
    found = []
    inside = False
    for line in pathlib.Path(page).read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells[:5] == wanted:
            inside = True
        elif inside and not line.startswith("|"):
            break
        elif inside and not cells[0].startswith("---"):
            times = [None if cell == "-" else float(cell) for cell in cells[2:5]]
            found.append(Model(cells[0], cells[1], dict(zip(("tshift", "PyTorch", "ONNX Runtime"), times))))
    return found


def fail(program, sentence):
    print(f"{program}: {sentence}", file=sys.stderr)
    return 1
