#!/usr/bin/env python3
"""Which fault each test of a posterior sees, and with how many pairs (docs/diagnostics.md).

power.py OUT [--program PATH] [--only run|table|draw]

Runs the hidden cases of fluxsbi_test_diagnose on posteriors in closed form that are right or wrong on purpose
(tests/diagnose/toy.cpp), prints the tables as Markdown, and draws a pass and a fail of each test as
OUT/diagnostics.png.
The run takes half an hour on one core. Needs matplotlib to draw.
"""
import argparse
import csv
import json
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KINDS = ["lines", "histogram", "points"]
# Of each test, the graph that says most: (test, number of the finding with graphs, number of the graph).
SHOWN = [("sbc", 0, 0), ("sbc", 0, 1), ("coverage", 0, 0), ("tarp", 0, 0), ("hpd", 0, 0),
         ("data_averaged", 0, 0), ("lc2st", 0, 1), ("lc2st", 1, 0), ("ppc", 0, 0), ("inside", 1, 0),
         ("solver", 0, 0)]


def run(program, out):
    environment = dict(os.environ, FLUXSBI_POWER=str(out.resolve()))
    subprocess.run([program, "[power]"], check=True, env=environment)


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


def draw_graph(axes, graph, verdict):
    x = graph["x"]
    if KINDS[graph["kind"]] == "histogram":
        for curve in graph["curves"]:
            axes.stairs(curve["y"], x, label=curve["label"])
        if graph["low"]:
            axes.fill_between(x,
                              graph["low"] + graph["low"][-1:],
                              graph["high"] + graph["high"][-1:],
                              step="post",
                              color="grey",
                              alpha=0.3)
    else:
        style = "." if KINDS[graph["kind"]] == "points" else "-"
        for curve in graph["curves"]:
            axes.plot(x, curve["y"], "o" if len(x) < 5 else style, markersize=3, label=curve["label"])
        if graph["low"]:
            axes.fill_between(x, graph["low"], graph["high"], color="grey", alpha=0.3)
    if graph["diagonal"]:
        axes.plot([0, 1], [0, 1], "k:", linewidth=1)
    if "expected" in graph:
        axes.axhline(graph["expected"], color="k", linestyle=":", linewidth=1)
    axes.set_title(f"{graph['title']}: {verdict}", fontsize=8)
    axes.set_xlabel(graph["x_label"], fontsize=7)
    axes.set_ylabel(graph["y_label"], fontsize=7)
    axes.tick_params(labelsize=6)
    if len(graph["curves"]) > 1:
        axes.legend(fontsize=6)


def draw(out):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    findings = json.loads((out / "findings.json").read_text())
    figure, axes = plt.subplots(len(SHOWN), 2, figsize=(9, 2.6 * len(SHOWN)))
    for row, (test, finding, graph) in zip(axes, SHOWN):
        for cell, wrong in zip(row, (False, True)):
            drawn = [f for f in findings if f["test"] == test and f["wrong"] == wrong and f["graphs"]
                    ][finding]
            draw_graph(cell, drawn["graphs"][graph], drawn["verdict"])
    figure.tight_layout()
    figure.savefig(out / "diagnostics.png", dpi=80)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("out", type=Path, help="folder of the tables and the picture")
    ap.add_argument("--program", default=ROOT / "build/tests/diagnose/fluxsbi_test_diagnose")
    ap.add_argument("--only", nargs="*", default=["run", "table", "draw"], choices=["run", "table", "draw"])
    options = ap.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if "run" in options.only:
        run(options.program, options.out)
    if "table" in options.only:
        print_power(options.out)
        print_alarms(options.out)
    if "draw" in options.only:
        draw(options.out)


if __name__ == "__main__":
    main()
