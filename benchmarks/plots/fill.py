#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the tables of pages, so that nobody types a number.

    /usr/bin/python3 benchmarks/plots/fill.py results.json [--tables FILE] PAGE.md...
        from what tshift_bench wrote with --benchmark_out=results.json and --markdown FILE; with --only NAME,
        repeatable, those tables alone, each with the facts of its run: other tables of the page come from another
    /usr/bin/python3 benchmarks/plots/fill.py --paste NAME=FILE... PAGE.md
        from what the scripts in benchmarks/peers/ wrote; which names there are, it says where one is not known
    /usr/bin/python3 benchmarks/plots/fill.py --derive [--check] PAGE.md...
        from the tables in benchmarks/RESULTS.md; --check writes nothing, and fails where a page has others

A table stands between the lines <!-- begin NAME --> and <!-- end NAME -->. A page with a name that is not known, or with
a table whose rows were not measured, is an error, and nothing is written.
"""

import argparse
import pathlib
import re
import statistics
import sys

sys.dont_write_bytecode = True  # no __pycache__ in the source tree

import recorded  # noqa: E402
from recorded import Missing, markdown  # noqa: E402
from results import MODES, Results, memcpy_rate, memcpy_us, size_text  # noqa: E402

HEADINGS = ["`shift` [N, T, C]", "`shift` [N, C, T]", "`shift_inplace`", "`shift_add`", "`shifted`, summed",
            "the sum alone"]


def us_text(us):
    for unit, factor in (("ns", 1e3), ("µs", 1), ("ms", 1e-3)):
        value = us * factor
        if value < 1000 or unit == "ms":
            return f"{value:.{0 if value >= 100 or unit == 'ns' else 1 if value >= 10 else 2}f} {unit}"


def needed(rows, what):
    if not rows:
        raise Missing(f"there are no rows of {what}")
    return rows


def one(results, table, tensor, variant, n_div):
    rows = [r for r in results.of(table, variant, tensor) if r.n_div == n_div]
    return needed(rows, f"{table}/{tensor}/n_div={n_div}/{variant}")[0]


def facts(results):
    c = results.context
    caches = ", ".join(f"{size_text(size)} {name}" for name, size in results.caches())
    lines = [("processor", f"{results.processor}, {caches}"), ("instruction set", c["isa"]),
             ("compiler", f"{c['compiler']}, {c['flags']}"), ("tshift", c["tshift"]), ("date", results.date),
             ("command", f"`{c['command']}`")]
    if results.quick:
        lines.append(("effort", "quick: not for publication"))
    if c["assertions"] != "off":
        lines.append(("assertions", c["assertions"]))
    if results.busy is not None:
        lines.append(("cores that other programs kept busy before it began", f"{results.busy:.2f} of {c['num_cpus']}"))
    return "\n".join(f"- {key}: {value}" for key, value in lines)


def speeds(results, table):
    rows = []
    for size, modes in needed(results.sizes(table), f"{table}/").items():
        memcpy = memcpy_rate(modes)
        rows.append([size_text(size), f"{memcpy:.0f}" if memcpy >= 10 else f"{memcpy:.1f}",
                     *(f"{modes[m].rate:.{0 if modes[m].rate >= 10 else 1}f} ({modes[m].ratio:.2f})" for m in MODES)])
    return markdown(["tensor", "`memcpy`", *HEADINGS], rows)


def times(results):
    rows = []
    for size, modes in needed(results.sizes("sizes"), "sizes/").items():
        rows.append([size_text(size), us_text(memcpy_us(modes)), *(us_text(modes[m].us) for m in MODES)])
    return markdown(["tensor", "`memcpy`", *HEADINGS], rows)


def shares(results):
    """In place and out of place, over the share, in copies of the tensor."""
    rows = []
    large, medium = "ntc_32x374x768", "ntc_1x374x768"
    for n_div in (2, 4, 8, 16):
        for way, folds in (("delay", 1), ("both", 2)):
            share = folds * (768 // n_div) / 768
            cells = []
            for tensor in (large, medium):
                out = one(results, "shift", tensor, way, n_div)
                within = one(results, "shift_inplace", tensor, way, n_div)
                cells += [f"{out.ratio:.2f}", f"{within.ratio * share:.2f}"]
            rows.append([f"{n_div}, {way}", f"{share:.3f}", *cells])
    rows.sort(key=lambda cells: (float(cells[1]), cells[0]), reverse=True)
    return markdown(["n_div, direction", "share: the bytes in place", "large: `shift`", "`shift_inplace`",
                     "medium: `shift`", "`shift_inplace`"], rows)


def stream(results):
    rows = []
    for r in needed(results.of("shift_stream"), "shift_stream/"):
        frames = int(re.search(r"chunk_1x(\d+)x", r.tensor).group(1))
        rows.append([r.variant, frames, f"{r.us * 1e3:.0f}", f"{r.floor_us * 1e3:.0f}", f"{r.ratio:.2f}"])
    rows.sort(key=lambda cells: (cells[0], cells[1]))
    return markdown(["direction", "frames per push", "ns per frame", "`memcpy`: ns per frame", "ratio"], rows)


def fresh(results):
    rows = []
    for r in needed(results.of("fresh"), "fresh/"):
        kept = one(results, "sizes", r.tensor, "out of place", r.n_div)
        pages = r.bytes / 4096
        rows.append([size_text(r.bytes), us_text(kept.us), us_text(r.us), f"{r.us / kept.us:.1f}",
                     f"{(r.us - kept.us) / pages * 1e3:.0f}"])
    return markdown(["tensor", "y kept", "y new in every call", "times as long", "ns more per page of 4 KiB"], rows)


def calls(results):
    """What a call costs before it moves anything worth it."""
    smallest = min(needed(results.sizes("sizes"), "sizes/"))
    modes = results.sizes("sizes")[smallest]
    rows = [[h, us_text(modes[m].us), us_text(modes[m].us / modes[m].ratio)] for h, m in zip(HEADINGS, MODES)]
    tiny = [r for r in results.of("shift", "both", "ntc_1x1x8") if r.n_div == 2]
    rows.insert(0, ["`shift` of 8 floats", us_text(needed(tiny, "shift/ntc_1x1x8")[0].us), us_text(tiny[0].floor_us)])
    what = f"call; tensors of {size_text(smallest)} from the second line on"
    return markdown([what, "time", "`memcpy` of as many bytes"], rows)


def regions(results):
    """Medians over the sizes whose input and output together lie in one level."""
    by_size = needed(results.sizes("sizes"), "sizes/")
    levels = results.caches() + [("memory", float("inf"))]
    rows, below = [], 0
    for name, size in levels:
        inside = [modes for bytes_, modes in by_size.items() if below < 2 * bytes_ <= size]
        if inside:
            sizes = [modes["out of place"].bytes for modes in inside]
            rate = lambda m: f"{statistics.median(modes[m].rate for modes in inside):.0f}"
            rows.append([name, f"{size_text(min(sizes))} to {size_text(max(sizes))}",
                         f"{statistics.median(memcpy_rate(modes) for modes in inside):.0f}",
                         *(rate(m) for m in MODES)])
        below = size
    return markdown(["x and y lie in", "tensors", "`memcpy`", *HEADINGS], rows, 2)


# What tshift_bench --markdown writes goes to RESULTS.md as it is: the tables whose titles begin so.
GROUPS = {"operator": ["shift", "shift_inplace", "shift_add", "shift_add of 16-bit floats", "shift_adjoint",
                       "shift_adjoint of 16-bit floats", "shift_adjoint_inplace",
                       "shift_adjoint_inplace of 16-bit floats", "shifted", "shift_stream"],
          "blocks": ["linear", "conv1d", "conv2d", "products", "lstm", "memory", "models", "cost of a shift"],
          "threads": ["two threads"], "streamed": ["streamed models"], "bf16": ["bf16 weights"], "audio": ["log_mel"],
          "learned": ["learned_shift", "learned_shift_adjoint", "learned_shift_backward", "mix_shift"],
          "training": ["training products", "training lstm", "training memory", "training weights"]}
PASTED = ["models", "models_2_threads", "speech", "speech_2_threads", "images", "images_2_threads", "models_bf16", "blocks_beside", "slices",
          "training_beside", "training_beside_2_threads"]
MEASURED = {"facts": facts, "sizes": lambda r: speeds(r, "sizes"), "cold": lambda r: speeds(r, "cold"), "times": times,
            "shares": shares, "stream": stream, "fresh": fresh, "calls": calls, "regions": regions}
ELSEWHERE = ["build_cost"]  # build_cost.sh writes that one
NAMES = [*MEASURED, *GROUPS, *PASTED, *recorded.TABLES, *ELSEWHERE]


def sections_of(tables):
    """{beginning of the title: the table with it}. A table that no page takes is an error, so that a new one is shown."""
    sections = {}
    for section in re.split(r"^### ", tables, flags=re.MULTILINE)[1:]:
        sections[section.split(":")[0]] = "### " + section.split("\n\nAll tables:")[0].strip()
    taken = ["sizes", "cold", "fresh", *(title for titles in GROUPS.values() for title in titles)]
    for title in sections:
        if title not in taken:
            raise Missing(f"no page shows the table '{title}': name it in GROUPS of fill.py")
    return sections


def group(sections, name):
    absent = [title for title in GROUPS[name] if title not in sections]
    if absent:
        raise Missing(f"{name}: there is no table {', '.join(absent)}")
    return "\n\n".join(sections[title] for title in GROUPS[name])


def pasted(name, text):
    """All that torch_slice.py printed, or the page that models.py or training.py wrote."""
    if not text.strip():
        raise Missing(f"{name}: the file is empty")
    return f"```text\n{text.strip()}\n```" if name == "slices" else text.strip()


def filled(page, tables):
    """The page with these tables in it. tables: {name: function that gives the text}."""

    def table(match):
        name = match.group(1)
        if name not in NAMES:
            raise Missing(f"{page}: no table is called {name}; there are {', '.join(NAMES)}")
        if name not in tables:
            return match.group(0)
        try:
            return f"<!-- begin {name} -->\n{tables[name]()}\n<!-- end {name} -->"
        except Missing as error:
            raise Missing(f"{page}: {error}") from error

    text = page.read_text(encoding="utf-8")
    new = re.sub(r"<!-- begin (\w+) -->\n.*?<!-- end \1 -->", table, text, flags=re.DOTALL)
    if not any(f"<!-- begin {name} -->" in text for name in tables):
        raise Missing(f"{page} has none of the tables {', '.join(tables)}: no <!-- begin NAME --> with its <!-- end NAME -->")
    return new


def chosen_tables(options):
    if options.derive:
        return recorded.TABLES
    if options.paste:
        tables = {}
        for word in options.paste:
            name, _, file = word.partition("=")
            if name not in PASTED:
                raise Missing(f"--paste {word}: must be NAME=FILE, NAME one of {', '.join(PASTED)}")
            tables[name] = lambda name=name, text=pathlib.Path(file).read_text(encoding="utf-8"): pasted(name, text)
        return tables
    try:
        results = Results(options.pages[0])
    except (ValueError, KeyError) as error:
        raise Missing(f"cannot read {options.pages[0]}: {error}") from error
    del options.pages[0]
    tables = {name: lambda make=make: make(results) for name, make in MEASURED.items()}
    if options.tables:
        sections = sections_of(options.tables.read_text(encoding="utf-8"))
        tables.update({name: lambda name=name: group(sections, name) for name in GROUPS})
    if options.only:
        unknown = [name for name in options.only if name not in tables]
        if unknown:
            raise Missing(f"--only {unknown[0]}: must be one of {', '.join(tables)}")
        tables = {name: lambda make=tables[name]: f"{facts(results)}\n\n{make()}" for name in options.only}
    return tables


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     usage="fill.py [options] PAGE.md...")
    parser.add_argument("--tables", type=pathlib.Path, metavar="FILE", help="of tshift_bench --markdown FILE")
    parser.add_argument("--only", metavar="NAME", default=[], action="append")
    parser.add_argument("--paste", nargs="+", metavar="NAME=FILE", default=[], action="extend")
    parser.add_argument("--derive", action="store_true")
    parser.add_argument("--check", action="store_true", help="with --derive")
    parser.add_argument("pages", nargs="*", type=pathlib.Path)
    options = parser.parse_intermixed_args()
    while options.paste and "=" not in options.paste[-1]:  # the page after NAME=FILE...
        options.pages.insert(0, pathlib.Path(options.paste.pop()))
    if options.check and not options.derive:
        parser.error("--check goes with --derive")
    stale = False
    try:
        tables = chosen_tables(options) if options.pages else {}
        if not options.pages:
            parser.error("no page is named")
        pages = [(page, filled(page, tables)) for page in options.pages]
    except (OSError, Missing) as error:
        sys.exit(f"fill: {error}")
    for page, text in pages:
        if not options.check:
            page.write_text(text, encoding="utf-8")
            print(f"fill: {page}")
        elif page.read_text(encoding="utf-8") != text:
            print(f"fill: {page} does not say what benchmarks/RESULTS.md says: "
                  f"/usr/bin/python3 benchmarks/plots/fill.py --derive {page}", file=sys.stderr)
            stale = True
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
