# SPDX-License-Identifier: MIT
"""Holds what gcovr found in include/ against tests/coverage/argued.txt.

usage: check.py <gcovr's JSON> <repository> <argued.txt>

Of the operator and io/ every branch must be taken, of all headers every line be reached, but for what the list argues.
A gap that is not on the list fails, and so does an entry of the list that is no gap any more. Prints the figures.
"""

import collections
import json
import pathlib
import sys

ROOT = "include/tshift/"
LINES_ONLY = ("nn/", "models/")  # their branches are counted, not required: see argued.txt


def read_list(path):
    """The entries, in order: dicts with file, text, gap, why and the number of their first line."""
    entries, entry = [], {}
    for number, line in enumerate([*path.read_text().splitlines(), ""], 1):
        if line.startswith("#"):
            continue
        if not line:
            if entry:
                missing = [key for key in ("file", "text", "gap", "why") if not entry.get(key)]
                if missing:
                    sys.exit(f"{path}:{entry['line']}: no {missing[0]}")
                entries.append(entry)
            entry = {}
            continue
        key, _, value = line.partition(" ")
        if key not in ("file", "text", "gap", "why") or key in entry:
            sys.exit(f"{path}:{number}: '{key}' is unknown or comes twice")
        entry.setdefault("line", number)
        entry[key] = value
    return entries


def branches_of(line):
    """Those of a line that are no way out for exceptions.

    gcovr's own option leaves a branch in if one unit never ran the line, because gcov then does not say what it is.
    """
    return [branch for branch in line["branches"] if not branch["throw"]]


def gap_of(line, branches_matter):
    """What is missing in a line: "line", "2 of 4", or "" for nothing."""
    if line["count"] == 0:
        return "line"
    branches = branches_of(line)
    untaken = sum(branch["count"] == 0 for branch in branches)
    return f"{untaken} of {len(branches)}" if branches_matter and untaken else ""


def main():
    report, repository, argued = map(pathlib.Path, sys.argv[1:])
    entries = read_list(argued)
    used = [0] * len(entries)
    figures = collections.Counter()
    failures = []
    for file in json.loads(report.read_text())["files"]:
        name = file["file"]
        if not name.startswith(ROOT):
            continue
        name = name[len(ROOT):]
        figures["files"] += 1
        source = (repository / ROOT / name).read_text().splitlines()
        below = "other" if name.startswith(LINES_ONLY) else "operator"
        for line in file["lines"]:
            if line.get("gcovr/noncode"):
                continue
            taken = sum(branch["count"] > 0 for branch in branches_of(line))
            figures["lines"] += 1
            figures["reached"] += line["count"] > 0
            figures[below + " branches"] += len(branches_of(line))
            figures[below + " taken"] += taken
            gap = gap_of(line, below == "operator")
            if not gap:
                continue
            text = source[line["line_number"] - 1].strip()
            for i, entry in enumerate(entries):
                same_gap = entry["gap"] == gap or (entry["gap"] == "copies" and gap != "line")
                if entry["file"] == name and entry["text"] == text and same_gap:
                    used[i] += 1
                    break
            else:
                failures.append(f"{ROOT}{name}:{line['line_number']}: gap {gap}: {text}")
    for entry, uses in zip(entries, used):
        if uses == 0:
            failures.append(f"{argued}:{entry['line']}: is no gap any more: {entry['file']}: {entry['text']}")
    print("\n".join(failures), file=sys.stderr)
    # Read by cmake/prove/coverage.sh.
    print("branches", figures["operator taken"] + figures["other taken"])
    print("all-branches", figures["operator branches"] + figures["other branches"])
    print("operator", figures["operator taken"], figures["operator branches"])
    print("models", figures["other taken"], figures["other branches"])
    print("lines", figures["reached"], figures["lines"])
    print("argued", sum(used), "files", figures["files"])
    if failures:
        sys.exit(f"{len(failures)} gaps")


main()
