# SPDX-License-Identifier: MIT
"""Holds what gcov found in include/ against tests/coverage/argued.txt.

usage: check.py <folder with .gcda files> <repository> <argued.txt>

Of the operator, weights/ and io/ every branch must be taken, of all headers every line be reached, but for what the list
argues. A gap that is not on the list fails, and so does an entry of the list that is no gap any more. Prints figures,
of which none is required: code that goes takes its branches along.

A template, and a lambda in one, is in the program once for each element type and call. They are one piece of source, and
a branch of it is taken if any copy took it. gcov reports the copies of a template one by one, and strings the branches of
a lambda's copies together in one line, copy after copy; copies are the functions that begin at the same line and column,
so what is strung together is cut into as many pieces as there are copies. Both are folded. A template's copies with another
number of branches (another side of an `if constexpr`) are other code, and must be taken for themselves; if a lambda's
differ so, the string cannot be cut, and of that line only the line is required. Such lines are counted.
"""

import collections
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = "include/tshift/"
LINES_ONLY = ("nn/", "models/", "train/", "audio/")  # their branches are counted, not required: see argued.txt


def read_list(path):
    """The entries, in order: dicts with text, gap, why, perhaps file, and the number of their first line."""
    entries, entry = [], {}
    for number, line in enumerate([*path.read_text().splitlines(), ""], 1):
        if line.startswith("#"):
            continue
        if not line:
            if entry:
                missing = [key for key in ("text", "gap", "why") if not entry.get(key)]
                if missing:
                    sys.exit(f"{path}:{entry['line']}: no {missing[0]}")
                if not re.fullmatch(r"line|[1-9][0-9]*", entry["gap"]):
                    sys.exit(f"{path}:{entry['line']}: a gap is 'line' or a number of branches")
                entries.append(entry)
            entry = {}
            continue
        key, _, value = line.partition(" ")
        if key not in ("file", "text", "gap", "why") or key in entry:
            sys.exit(f"{path}:{number}: '{key}' is unknown or comes twice")
        entry.setdefault("line", number)
        entry[key] = value
    return entries


class Line:
    """What all units and copies together say of a line."""

    def __init__(self):
        self.count = 0
        self.uncut = False
        self.copies = {}  # (line, column of the function, number of branches): [taken?, a way out for exceptions?]...

    def add(self, found, where, copies):
        """A line of gcov's; it stands in a function that begins at `where`, of which so many copies are strung together."""
        self.count += found["count"]
        branches = found["branches"]
        if not branches:
            return
        if len(branches) % copies:
            self.uncut = True
            return
        period = len(branches) // copies
        folded = self.copies.setdefault((where, period), [[False, False] for _ in range(period)])
        for i, branch in enumerate(branches):
            one = folded[i % period]
            one[0] |= branch["count"] > 0
            # gcov does not say so of a line that this unit never ran.
            one[1] |= branch["throw"]

    def branches(self):
        """Whether each was taken; without the edges on which exceptions leave."""
        return [taken for folded in self.copies.values() for taken, throws in folded if taken or not throws]


def gcov(data):
    """What gcov says about one unit: the records of its JSON."""
    run = subprocess.run(["gcov", "--branch-probabilities", "--json-format", "--stdout", str(data)],
                         check=True, capture_output=True, text=True, cwd=data.parent)
    return [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]


def measure(folder, root):
    """{header: {number: Line}} of all units in a folder."""
    headers = collections.defaultdict(lambda: collections.defaultdict(Line))
    units = sorted(folder.glob("*.gcda"))
    if not units:
        sys.exit(f"{folder} has no .gcda files: no program was measured")
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("TSHIFT_JOBS", os.cpu_count()))) as pool:
        for records in pool.map(gcov, units):
            for file in (file for record in records for file in record["files"]):
                path = pathlib.Path(file["file"])
                if not path.is_relative_to(root):
                    continue
                begins = {f["name"]: (f["start_line"], f["start_column"]) for f in file["functions"]}
                ends = {begins[f["name"]]: f["end_line"] for f in file["functions"]}
                copies = collections.Counter(begins.values())
                lines = headers[str(path.relative_to(root))]
                for line in file["lines"]:
                    number = line["line_number"]
                    if "function_name" in line:
                        lines[number].add(line, begins.get(line["function_name"]), 1)
                    else:
                        where = max((at for at in ends if at[0] <= number <= ends[at]), default=None)
                        lines[number].add(line, where, copies[where] or 1)
    return headers


def plain(text):
    """Source without comments and with single spaces: where its lines are broken does not matter."""
    return " ".join(re.sub(r"//[^\n]*", "", text).split())


def statements(source):
    """For each line of a header the first line of the statement it belongs to, and the statements by first line."""
    first, texts, begin, text = {}, {}, 1, ""
    for number, line in enumerate(source, 1):
        code = plain(line)
        if not text:
            begin = number
        first[number] = begin
        text = f"{text} {code}".strip()
        texts[begin] = text
        if not code or code.startswith("#") or code[-1] in ";{}:":
            text = ""
    return first, texts


def gaps_of(lines, first, texts, branches_matter):
    """(first line of a statement, text, gap): "line", or how many branches of the whole statement are not taken."""
    untaken = collections.Counter()
    for number, line in sorted(lines.items()):
        if line.count == 0:
            yield number, texts[first[number]], "line"
        elif branches_matter:
            untaken[first[number]] += line.branches().count(False)
    for number, count in untaken.items():
        if count:
            yield number, texts[number], str(count)


def main():
    folder, repository, argued = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
    entries = read_list(argued)
    used = [0] * len(entries)
    figures = collections.Counter()
    failures = []
    for name, lines in sorted(measure(folder, repository / ROOT).items()):
        first, texts = statements((repository / ROOT / name).read_text().splitlines())
        below = "other" if name.startswith(LINES_ONLY) else "operator"
        for line in lines.values():
            figures["lines"] += 1
            figures["reached"] += line.count > 0
            figures["uncut"] += line.uncut
            figures[below + " branches"] += len(line.branches())
            figures[below + " taken"] += line.branches().count(True)
        for number, text, gap in gaps_of(lines, first, texts, below == "operator"):
            for i, entry in enumerate(entries):
                if entry.get("file", name) == name and plain(entry["text"]) in text and entry["gap"] == gap:
                    used[i] += 1
                    break
            else:
                failures.append(f"{ROOT}{name}:{number}: gap {gap}: {text}")
    for entry, uses in zip(entries, used):
        if uses == 0:
            failures.append(f"{argued}:{entry['line']}: is no gap any more: {entry['text']}")
    print("\n".join(failures), file=sys.stderr)
    print(f"operator and io: {figures['operator taken']} of {figures['operator branches']} branches;",
          f"nn and models: {figures['other taken']} of {figures['other branches']};",
          f"{figures['reached']} of {figures['lines']} lines; {sum(used)} gaps argued; {figures['uncut']} lines without their branches")
    if failures:
        sys.exit(f"{len(failures)} gaps or entries")
    if not figures["operator taken"]:
        sys.exit("no branch of the operator was taken: nothing was measured")


main()
