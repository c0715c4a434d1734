#!/usr/bin/env python3
"""Posteriors from observations in which a part of x is missing (docs/results.md).

missing.py OUT [--stage train|score|table] [--only WORD ...] [--simulations N]

Two tasks whose posterior is known for any part of x: two moons, each value of which is missing with
probability 0.2, and slcp, each of whose four draws (pairs of values) is. One model a task is trained with
data.nan: impute on such rows, and one for each pattern of the table on complete rows of the values that the
pattern leaves. Both see the same number of simulations and of steps. Their samples for five observations of
each pattern are compared by `fluxsbi c2st` (MLP) with exact draws, which this script makes:

two moons: with u = (theta_0 + theta_1) / sqrt 2 and v = (theta_1 - theta_0) / sqrt 2, the prior is uniform on
the square |u| + |v| <= sqrt 2, x_0 = p_0 + 1/4 - |u| and x_1 = p_1 + v for a point p of the half circle.
Given x_0 alone, |u| is p_0 + 1/4 - x_0 for a random p, kept with a probability in proportion to the length of
the square there, and v is uniform on that length; given x_1 alone likewise.

slcp: given n of the four draws with mean m and sums of squares A, the mean mu of the draws is N(m, S / n)
where the prior's square allows it, and (theta_2, theta_3, theta_4) has the density |S|^(-(n - 1) / 2)
exp(-tr(S^-1 A) / 2) times the probability of that square: draws of the prior are resampled with these
weights.
"""
import argparse
import subprocess
from pathlib import Path

import common
import numpy as np

RATE = 0.2
JITTER = 1e-6  # of slcp's variances, as in lib/data/tasks/slcp.cpp
# Which values each pattern lacks.
PATTERNS = {
    "two_moons": {"none": [], "x_0": [0], "x_1": [1]},
    "slcp": {"none": [], "one_draw": [2, 3], "two_draws": [0, 1, 6, 7]},
}
WIDTH = {"two_moons": 1, "slcp": 2}  # values that are missing together
ROWS = 5


def simulate(options, task, rows, seed, file):
    if not file.exists():
        subprocess.run(
            [options.fluxsbi, "simulate", task, "-n",
             str(rows), "--seed",
             str(seed), "-q", "-o", file],
            check=True)
    data = np.load(file)
    return data["theta"].reshape(rows, -1), data["x"].reshape(rows, -1)


def holes(x, width, random):
    lost = np.repeat(random.uniform(size=(len(x), x.shape[1] // width)) < RATE, width, axis=1)
    return np.where(lost, np.nan, x).astype(np.float32)


def half_circle(count, random):
    angle = np.pi * (random.uniform(size=count) - 0.5)
    radius = random.normal(0.1, 0.01, size=count)
    return radius * np.cos(angle), radius * np.sin(angle)


def exact_two_moons(x, draws, random):
    side = np.sqrt(2.0)
    found = []
    while sum(map(len, found)) < draws:
        p_0, p_1 = half_circle(20 * draws, random)
        u = p_0 + 0.25 - x[0] if np.isfinite(x[0]) else random.uniform(0, side, size=20 * draws)
        v = x[1] - p_1 if np.isfinite(x[1]) else random.uniform(-side, side, size=20 * draws)
        keep = (u >= 0) & (u + np.abs(v) <= side
                          )  # a uniform draw of the missing side keeps its length's share
        u, v = (u * np.where(random.uniform(size=len(u)) < 0.5, 1, -1))[keep], v[keep]
        found.append(np.stack([u - v, u + v], axis=1) / side)
    return np.concatenate(found)[:draws]


def exact_slcp(x, draws, random, proposals=4_000_000):
    points = x.reshape(4, 2)
    points = points[np.isfinite(points).all(axis=1)].astype(np.float64)
    n = len(points)
    if n == 0:
        return random.uniform(-3, 3, size=(draws, 5))
    mean = points.mean(axis=0)
    first, second = (points - mean).T
    theta = random.uniform(-3, 3, size=(proposals, 3))
    s_1, s_2, rho = theta[:, 0] ** 2, theta[:, 1] ** 2, np.tanh(theta[:, 2])
    a, b, c = s_1 ** 2 + JITTER, rho * s_1 * s_2, s_2 ** 2 + JITTER
    determinant = a * c - b * b
    trace = c * (first @ first) - 2 * b * (first @ second) + a * (second @ second)
    log_weight = -(n - 1) / 2 * np.log(determinant) - trace / determinant / 2
    weight = np.exp(log_weight - log_weight.max())
    found = []
    while sum(map(len, found)) < draws:  # the square's probability by rejection
        rows = random.choice(proposals, size=4 * draws, p=weight / weight.sum())
        l_11 = np.sqrt(a[rows] / n)
        l_21 = b[rows] / n / l_11
        l_22 = np.sqrt(np.maximum(c[rows] / n - l_21 ** 2, 0))
        z_1, z_2 = random.normal(size=(2, len(rows)))
        centre = mean + np.stack([l_11 * z_1, l_21 * z_1 + l_22 * z_2], axis=1)
        keep = (np.abs(centre) <= 3).all(axis=1)
        found.append(np.concatenate([centre, theta[rows]], axis=1)[keep])
    return np.concatenate(found)[:draws]


EXACT = {"two_moons": exact_two_moons, "slcp": exact_slcp}


def prepare(options, task, pattern):
    """Observations of a pattern, and exact draws for each."""
    observed = options.out / f"{task}_{pattern}_x.npy"
    if not observed.exists():
        _, x = simulate(options, task, ROWS, 77, options.out / f"{task}_observed.npz")
        x[:, PATTERNS[task][pattern]] = np.nan
        np.save(observed, x.astype(np.float32))
    for row, x in enumerate(np.load(observed)):
        file = options.out / f"{task}_{pattern}_exact_{row}.npy"
        if not file.exists():
            random = np.random.default_rng([row, *map(ord, pattern)])
            np.save(file, EXACT[task](x, options.draws, random).astype(np.float32))
    return np.load(observed)


def train(options, task, kind):
    """Trains the model with data.nan: impute (kind "impute"), or that of a pattern alone."""
    theta, x = simulate(options, task, options.simulations, 1, options.out / f"{task}.npz")
    data = options.out / f"{task}_{kind}_data.npz"
    keep = [i for i in range(x.shape[1]) if i not in PATTERNS[task].get(kind, [])]
    shown = holes(x, WIDTH[task], np.random.default_rng(5)) if kind == "impute" else x[:, keep]
    np.savez(data, theta=theta, x=shown)
    settings = dict(word.split("=", 1) for word in options.set)
    if kind == "impute":
        settings["data.nan"] = "impute"
    common.train(options, None, options.out / f"{task}_{kind}", settings, "--data", data)


def score(options, scores, task, kind, pattern):
    observed = prepare(options, task, pattern)
    run = options.out / f"{task}_{kind}"
    if not (run / "model.safetensors").exists():
        return
    samples = options.out / f"{task}_{kind}_{pattern}.npz"
    if not samples.exists():
        if kind != "impute":
            observed = observed[:, np.isfinite(observed).all(axis=0)]
        file = samples.with_suffix(".x.npy")
        np.save(file, observed)
        subprocess.run([
            options.fluxsbi, "sample", run, "--x", file, "-n",
            str(options.draws), "--seed", "9", "-q", "-o", samples
        ],
                       check=True)
    for row in range(ROWS):
        exact = options.out / f"{task}_{pattern}_exact_{row}.npy"
        scores.get(f"{task} {kind} {pattern} {row}", lambda: common.perceptron(options, exact, samples, row))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("out", type=Path, help="folder of runs, samples and scores; what is there is kept")
    ap.add_argument("--only",
                    nargs="*",
                    default=[],
                    metavar="WORD",
                    help="models whose name contains one of these")
    ap.add_argument("--stage", choices=["train", "score", "table"])
    ap.add_argument("--fluxsbi",
                    default=common.ROOT / "build/fluxsbi",
                    help="the program (default: build/fluxsbi)")
    ap.add_argument("--simulations", type=int, default=10000)
    ap.add_argument("--draws", type=int, default=10000)
    ap.add_argument("--set",
                    nargs="*",
                    default=[],
                    metavar="KEY=VALUE",
                    help="further settings of all trainings")
    options = ap.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    scores = common.Scores(options.out / "scores.json")
    for task, patterns in PATTERNS.items():
        for kind in ["impute", *patterns]:
            if options.only and not any(word in f"{task}_{kind}" for word in options.only):
                continue
            if options.stage in (None, "train"):
                train(options, task, kind)
            if options.stage in (None, "score"):
                for pattern in patterns if kind == "impute" else [kind]:
                    score(options, scores, task, kind, pattern)
    print("| task | missing | impute | trained for it alone |\n|---|---|---|---|")
    for task, patterns in PATTERNS.items():
        for pattern in patterns:
            impute, alone = (common.mean(scores, [f"{task} {kind} {pattern} {row}" for row in range(ROWS)])
                             for kind in ("impute", pattern))
            print(f"| {task} | {pattern} | {impute} | {alone} |")


if __name__ == "__main__":
    main()
