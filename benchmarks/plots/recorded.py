# SPDX-License-Identifier: MIT
"""Tables made from those in benchmarks/RESULTS.md: summaries of what was measured once, for the pages that say less."""

import pathlib
import re
import statistics

PAGE = pathlib.Path(__file__).resolve().parent.parent / "RESULTS.md"
SIZES = ["32x374x768", "1x374x768", "1x64x256"]
SHIFTED = ["ShiftCNN", "ShiftLSTM", "Shiftformer"]


class Missing(Exception):
    pass


def markdown(headings, rows, text_columns=1):
    lines = [headings, ["---"] * text_columns + ["---:"] * (len(headings) - text_columns), *rows]
    return "\n".join("| " + " | ".join(map(str, cells)) + " |" for cells in lines)


def region(name):
    """What stands between the marks of this name."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.search(rf"<!-- begin {name} -->\n(.*?)<!-- end {name} -->", text, re.DOTALL)
    if not found:
        raise Missing(f"{PAGE.name} has no table {name}")
    return found.group(1)


def rows_of(text):
    """Cells of all lines of tables, headings left out."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for i, row in enumerate(cells) if not row[0].startswith("---")
            and not (i + 1 < len(cells) and cells[i + 1][0].startswith("---"))]


def judged(operation):
    """{case: [(ratio, target, verdict)]} of an operation's rows with a target, in the page's order."""
    sections = re.split(r"^### ", region("operator"), flags=re.MULTILINE)
    text = next((section for section in sections if section.startswith(operation + ":")), None)
    if text is None:
        raise Missing(f"{PAGE.name} has no table {operation}")
    found = {}
    for case, _, _, _, _, _, ratio, _, target, verdict in rows_of(text):
        if target != "-":
            found.setdefault(case, []).append((float(ratio), target, verdict))
    return found


def models(name="models"):
    """{(model, [N,T,D]): cells} of a table that peers/models.py wrote."""
    found = {(row[0], row[1]): row[2:] for row in rows_of(region(name))}
    if not found:
        raise Missing(f"{PAGE.name}: the table {name} is empty")
    return found


def case_text(case):
    layout, sizes = case.split()
    N, T, C, S = (sizes.split("x") + ["1"])[:4]
    if layout == "ntcs" and S == str(56 * 56):
        return f"`[{N}, {T}, {C}, 56, 56]` NTCHW"
    return f"`[{sizes.replace('x', ', ')}]`" + {"ntc": "", "nct": " NCT"}[layout]


def summary():
    rows = []
    for operation in ("shift", "shift_inplace", "shift_add"):
        for case, each in judged(operation).items():
            ratios = [ratio for ratio, _, _ in each]
            met = sum(verdict == "ok" for _, _, verdict in each)
            rows.append([f"`{operation}`", case_text(case), each[0][1], f"{statistics.median(ratios):.2f}",
                         f"{max(ratios):.2f}", f"{met} of {len(each)}"])
    return markdown(["operation", "case", "target", "median", "worst", "within"], rows, 2)


def models_short():
    rows = []
    for (name, shape), cells in models().items():
        if shape == SIZES[1]:
            rows.append([name, *(f"{float(cell):.0f} ms" for cell in cells[:3]), f"{float(cells[3]):.2f}"])
    return markdown(["", "tshift", "PyTorch", "ONNX Runtime", "tshift over the faster"], rows)


def training_short():
    """The steps that peers/training.py has measured; no line before there are any."""
    rows = [[row[0], *(f"{float(cell):.0f} ms" if cell != "-" else "" for cell in row[2:5]), f"{float(row[5]):.2f}"]
            for row in rows_of(region("training_beside"))]
    return markdown(["", "tshift", "PyTorch, AVX2", "PyTorch, AVX-512", "tshift over the faster"], rows)


def headline():
    """The README's: medians over n_div, directions and paddings, and the shifted models."""
    rows = []
    for operation, what in (("shift", "`shift` over `memcpy` of the tensor"),
                            ("shift_inplace", "`shift_inplace` over `memcpy` of what moves")):
        found = judged(operation)
        rows.append([what, *(f"{statistics.median(ratio for ratio, _, _ in found['ntc ' + size]):.2f}" for size in SIZES)])
    slices = region("slices")
    times = [re.search(rf"^ *{size} +8 +delay +(?:\S+ +){{4}}(\S+)", slices, re.MULTILINE) for size in SIZES]
    if None in times:
        raise Missing(f"{PAGE.name}: the table slices lacks n_div 8, delay")
    rows.append(["PyTorch's slice assignment over `shift`", *(f"{float(time.group(1)):.1f}" for time in times)])

    def each(table, cell, form):
        cells = []
        for size in SIZES:
            known = [table.get((name, size)) for name in SHIFTED]
            cells.append("" if None in known else "; ".join(form.format(float(row[cell])) for row in known))
        return cells

    rows.append(["; ".join(SHIFTED) + " over the faster of PyTorch and ONNX Runtime", *each(models(), 3, "{:.2f}")])
    threads = {(row[2], row[0].split()[1]): [1 / float(row[6])] for row in rows_of(region("threads"))}
    if threads:
        rows.append(["the same three on one thread over on two", *each(threads, 0, "{:.2f}")])
    sizes = [f"`[{size.replace('x', ', ')}]`" for size in SIZES]
    return markdown(["time on one core, float `[N, T, C]`", *sizes], rows)


TABLES = {"summary": summary, "models_short": models_short, "training_short": training_short, "headline": headline}
