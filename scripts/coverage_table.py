#!/usr/bin/env python3
"""coverage_table.py BUILD: gcov's counts of a build with FLUXSBI_COVERAGE, as a table by folder of lib/.

A line counts once, whichever files include it; it is covered where any of them ran it. Writes
BUILD/uncovered.txt: the lines that never ran, as FILE:FIRST-LAST.
"""

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NESTED = ("engine/tile", "sample/files")  # rooms inside the folder of another


def counts(build):
    """{file below ROOT: {line: how often it ran}}"""
    found = defaultdict(lambda: defaultdict(int))
    for notes in sorted(build.rglob("*.gcno")):
        result = subprocess.run(["gcov", "--json-format", "--stdout", str(notes)], cwd=build, check=True,
                                capture_output=True, text=True)
        for report in result.stdout.splitlines():
            for file in json.loads(report)["files"]:
                path = (build / file["file"]).resolve()
                if path.is_relative_to(ROOT / "lib"):
                    for line in file["lines"]:
                        found[path.relative_to(ROOT)][line["line_number"]] += line["count"]
    return found


def ranges(lines):
    """Sorted line numbers as [(first, last)] of runs without a gap."""
    runs = []
    for line in lines:
        if runs and line == runs[-1][1] + 1:
            runs[-1][1] = line
        else:
            runs.append([line, line])
    return runs


def main():
    build = Path(sys.argv[1]).resolve()
    files = counts(build)
    rooms = defaultdict(lambda: [0, 0])
    with (build / "uncovered.txt").open("w") as uncovered:
        for path, lines in sorted(files.items()):
            missed = sorted(line for line, count in lines.items() if count == 0)
            for first, last in ranges(missed):
                uncovered.write(f"{path}:{first}-{last}\n")
            room = next((nested for nested in NESTED if path.is_relative_to(Path("lib") / nested)),
                        path.parts[1])
            for name in (room, "all"):
                rooms[name][0] += len(lines)
                rooms[name][1] += len(lines) - len(missed)
    print("| Room | Lines | Covered |\n|---|---|---|")
    for room, (lines, covered) in sorted(rooms.items(), key=lambda row: (row[0] == "all", row[0])):
        print(f"| {room} | {lines:,} | {100 * covered / lines:.1f} % |")


if __name__ == "__main__":
    main()
