#!/usr/bin/env python3
"""log p(x) of gaussian_linear by joint models against the closed form (docs/joint_models.md).

evidence.py OUT RUN RUN ... [--rows N] [--draws N]

The runs are joint models of the task: theta ~ N(0, 0.1) and x ~ N(theta, 0.1) in ten dimensions, variances,
so x ~ N(0, 0.2). `fluxsbi compare --x` is asked for log p(x) of observations of that distribution. For each
run: the difference from the closed form, mean, mean of the absolute values and the largest of these.
"""
import argparse
import json
import subprocess
from pathlib import Path

import common
import numpy as np


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("out", type=Path, help="folder of observations and of what was found")
    ap.add_argument("runs", nargs="+", help="two run folders or more, as compare takes them")
    ap.add_argument("--fluxsbi", default=common.ROOT / "build/fluxsbi", help="default: build/fluxsbi")
    ap.add_argument("--rows", type=int, default=10)
    ap.add_argument("--draws", type=int, default=50)
    options = ap.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    x = np.random.default_rng(21).normal(scale=0.2**0.5, size=(options.rows, 10)).astype(np.float32)
    np.savez(options.out / "x.npz", x=x)
    done = subprocess.run(
        [options.fluxsbi, "compare", *options.runs, "--x", options.out / "x.npz", "-n",
         str(options.draws), "--json", "-q"],
        check=True,
        capture_output=True,
        text=True)
    rows = json.loads(done.stdout)["rows"]
    exact = -(x.astype(np.float64)**2).sum(axis=1) / 0.4 - 5 * np.log(2 * np.pi * 0.2)
    for i, run in enumerate(options.runs):
        answers = [row["models"][i] for row in rows]
        off = np.array([answer["log_evidence"] for answer in answers]) - exact
        each = " ".join(f"{v:+.3f}" for v in off)
        error = np.mean([answer["standard_error"] for answer in answers])
        size = np.abs(off)
        print(f"{run} ({answers[0]['by']}): {each}, mean {off.mean():+.3f}, mean size {size.mean():.3f}, "
              f"largest {size.max():.3f}, standard error {error:.3f}")


if __name__ == "__main__":
    main()
