#!/usr/bin/env python3
"""What an error of log-densities costs the test `hpd` (docs/diagnostics.md): its power against a width that
is slightly wrong, where a normal error is added to every log q.

density_error.py [--sets N]      (numpy and scipy; some minutes)
"""
import argparse

import numpy as np
from scipy.stats import kstest

PAIRS, DRAWS, LEVEL = 500, 100, 0.01
# Dimensions and the posterior's standard deviation where 1 is right: such as half of the sets find.
FAULTS = ((2, 0.93), (2, 1.07), (5, 0.955), (5, 1.045))
ERRORS = (0, 0.05, 0.1, 0.2, 0.3, 0.5)


def power(random, dimensions, width, error, sets):
    failed = 0
    for _ in range(sets):
        # log q but for constants, of theta* ~ N(0, I) and of draws ~ N(0, width^2 I)
        truth = -0.5 * ((random.normal(size=(PAIRS, dimensions)) / width) ** 2).sum(-1)
        draws = -0.5 * (random.normal(size=(PAIRS, DRAWS, dimensions)) ** 2).sum(-1)
        truth += error * random.normal(size=truth.shape)
        draws += error * random.normal(size=draws.shape)
        below = (draws < truth[:, None]).sum(1)
        pit = (below + random.uniform(size=PAIRS)) / (DRAWS + 1)
        failed += kstest(pit, "uniform").pvalue < LEVEL
    return failed / sets


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--sets", type=int, default=400)
    options = ap.parse_args()
    random = np.random.default_rng(0)
    print("| dimensions, sd | " + " | ".join(f"error {error:g}" for error in ERRORS) + " |")
    print("|---" * (len(ERRORS) + 1) + "|")
    for dimensions, width in FAULTS:
        found = [power(random, dimensions, width, error, options.sets) for error in ERRORS]
        print(f"| {dimensions}, {width} | " + " | ".join(f"{100 * share:.0f}" for share in found) + " |",
              flush=True)


if __name__ == "__main__":
    main()
