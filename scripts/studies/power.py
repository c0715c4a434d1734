#!/usr/bin/env python3
"""Which fault each test of a posterior sees, and with how many pairs (docs/diagnostics.md).

power.py OUT [--program PATH] [--fluxsbi PATH] [--only run|table|draw] [--cases NAME] [--of POSTERIOR]

Runs the hidden cases of fluxsbi_test_diagnose on posteriors in closed form that are right or wrong on purpose
(tests/diagnose/toy.cpp), prints the tables as Markdown, and draws a pass and a fail of each test as
OUT/diagnostics.png.
The run takes hours on one core; --cases chooses among its cases, such as "false alarms*", and --of the
posterior whose false alarms are counted, such as slcp.
"""
import argparse
import csv
import json
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Of each test the graph that says most: (test, number of the finding with graphs, number of the graph).
SHOWN = [("sbc", 0, 0), ("sbc", 0, 1), ("coverage", 0, 0), ("hpd", 0, 0), ("tarp", 0, 0),
         ("data_averaged", 0, 0),
         ("regions", 0, 0), ("lc2st", 0, 1), ("lc2st", 1, 0), ("sharpness", 0, 0), ("prior", 0, 0),
         ("training", 0, 0), ("ppc", 0, 0), ("inside", 1, 0), ("solver", 0, 0)]


def run(program, cases, posterior, out):
    environment = dict(os.environ, FLUXSBI_POWER=str(out.resolve()))
    if posterior:
        environment["FLUXSBI_POWER_OF"] = posterior
    subprocess.run([program, cases], check=True, env=environment)


def rows_of(file):
    with open(file, encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def print_power(out):
    rows = rows_of(out / "power.csv")
    names = list(dict.fromkeys(row["test"] for row in rows))
    pairs = list(dict.fromkeys(int(row["pairs"]) for row in rows))
    print("| fault | " + " | ".join(names) + " |")
    print("|---" * (len(names) + 1) + "|")
    for fault in dict.fromkeys(row["fault"] for row in rows):
        cells = []
        for name in names:
            found = {int(r["pairs"]): round(100 * int(r["failed"]) / int(r["seeds"])) for r in rows
                     if r["test"] == name and r["fault"] == fault}
            cells.append(" ".join(str(found.get(n, "-")) for n in pairs))
        print(f"| {fault} | " + " | ".join(cells) + " |")
    print(f"\nPer cent that fail, of N = {', '.join(map(str, pairs))} pairs")


def print_alarms(out):
    rows = rows_of(out / "alarms.csv")
    names = list(dict.fromkeys(row["test"] for row in rows))
    print("| posterior | " + " | ".join(names) + " |")
    print("|---" * (len(names) + 1) + "|")
    for posterior in dict.fromkeys(row["posterior"] for row in rows):
        found = {
            r["test"]: f"{r['alarms_at_0.1']}, {r['alarms_at_0.01']}"
            for r in rows
            if r["posterior"] == posterior
        }
        cells = [found.get(name, "") for name in names]
        print(f"| {posterior} | " + " | ".join(cells) + " |")


def print_local(out):
    rows = rows_of(out / "local.csv")
    columns = list(dict.fromkeys((row["test"], row["pairs"]) for row in rows))
    print("| fault | " + " | ".join(f"{test}, {pairs} pairs" for test, pairs in columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for fault in dict.fromkeys(row["fault"] for row in rows):
        found = {(r["test"], r["pairs"]): f"{r['failed']} of {r['seeds']}"
                 for r in rows if r["fault"] == fault}
        print(f"| {fault} | " + " | ".join(found.get(column, "") for column in columns) + " |")


def draw(fluxsbi, out):
    """A graph that passes and one that fails side by side, by the program's own drawing."""
    drawn = []
    for test, number, graph in SHOWN:
        for name in ("pass.json", "fail.json"):
            findings = [f for f in json.loads((out / name).read_text()) if f["test"] == test and f["graphs"]]
            drawn.append(dict(findings[number], graphs=[findings[number]["graphs"][graph]]))
    (out / "findings.json").write_text(json.dumps(drawn))
    picture = out / "diagnostics.png"
    subprocess.run([fluxsbi, "plot", out / "findings.json", "-o", picture, "--force"], check=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("out", type=Path, help="folder of the tables and the picture")
    ap.add_argument("--program", default=ROOT / "build/tests/diagnose/fluxsbi_test_diagnose")
    ap.add_argument("--fluxsbi", default=ROOT / "build/fluxsbi")
    ap.add_argument("--cases", default="[power]", help="hidden cases to run, as Catch2 chooses them")
    ap.add_argument("--of", help="posterior whose false alarms are counted, such as slcp (default: all)")
    ap.add_argument("--only", nargs="*", default=["run", "table", "draw"], choices=["run", "table", "draw"])
    options = ap.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if "run" in options.only:
        run(options.program, options.cases, options.of, options.out)
    if "table" in options.only:
        for file, print_table in (("power", print_power), ("alarms", print_alarms), ("local", print_local)):
            if (options.out / f"{file}.csv").exists():
                print_table(options.out)
    if "draw" in options.only:
        draw(options.fluxsbi, options.out)


if __name__ == "__main__":
    main()
