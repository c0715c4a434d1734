#!/usr/bin/env python3
"""What the default sizes of `fluxsbi diagnose` cost in power (docs/diagnostics.md): that of `sbc` by the
number of draws of a pair, and that of `hpd` where log-densities have an error.

diagnose_sizes.py [--sets N]      (numpy and scipy; some minutes)
"""
import argparse

import numpy as np
from scipy.stats import kstest, norm

PAIRS, DENSITY_DRAWS, LEVEL = 500, 100, 0.01
# Posteriors N(shift, width^2) where N(0, 1) is right, such as about half of the sets find.
FAULTS = ((0.13, 1), (0, 0.85), (0, 1.18))
DRAWS = (49, 99, 199, 499, 999)
# Dimensions and width, and errors of log q.
WIDTHS = ((2, 0.93), (2, 1.07), (5, 0.955), (5, 1.045))
ERRORS = (0, 0.05, 0.1, 0.2, 0.3, 0.5)


def found(pit):
    return kstest(pit, "uniform").pvalue < LEVEL


def power_of_ranks(random, shift, width, draws, sets):
    failed = 0
    for _ in range(sets):
        below = random.binomial(draws, norm.cdf((random.normal(size=PAIRS) - shift) / width))
        failed += found((below + random.uniform(size=PAIRS)) / (draws + 1))
    return failed / sets


def power_of_densities(random, dimensions, width, error, sets):
    failed = 0
    for _ in range(sets):
        # log q but for constants, of theta* ~ N(0, I) and of draws ~ N(0, width^2 I)
        truth = -0.5 * ((random.normal(size=(PAIRS, dimensions)) / width) ** 2).sum(-1)
        draws = -0.5 * (random.normal(size=(PAIRS, DENSITY_DRAWS, dimensions)) ** 2).sum(-1)
        truth += error * random.normal(size=truth.shape)
        draws += error * random.normal(size=draws.shape)
        below = (draws < truth[:, None]).sum(1)
        failed += found((below + random.uniform(size=PAIRS)) / (DENSITY_DRAWS + 1))
    return failed / sets


def table(first, faults, word, sizes, power):
    print(f"| {first} | " + " | ".join(f"{word} {size:g}" for size in sizes) + " |")
    print("|---" * (len(sizes) + 1) + "|")
    for fault in faults:
        shares = [power(*fault, size) for size in sizes]
        cells = " | ".join(f"{100 * share:.0f}" for share in shares)
        print(f"| {fault[0]:g}, {fault[1]:g} | {cells} |", flush=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--sets", type=int, default=400)
    sets = ap.parse_args().sets
    random = np.random.default_rng(0)
    table("shift, sd", FAULTS, "draws", DRAWS, lambda *case: power_of_ranks(random, *case, 5 * sets))
    print()
    table("dimensions, sd", WIDTHS, "error", ERRORS, lambda *case: power_of_densities(random, *case, sets))


if __name__ == "__main__":
    main()
