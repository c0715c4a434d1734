#!/usr/bin/env python3
"""Five observations of one theta by `sample --together`, against exact draws (docs/together.md).

together.py OUT [--run RUN] [--thetas N] [--observations N] [--only NAME ...]

The task is slcp, whose posterior given n observations of four draws each is that of 4 n draws. It is sampled
exactly, with no chain that might not mix: given S, the mean of the draws is N(m, S / 4n), and (theta_2,
theta_3, theta_4) has the density |S|^(-(4n - 1) / 2) exp(-tr(S^-1 A) / 2), A being the sums of squares about
the mean m. Draws of the inverse Wishart distribution of 4n - 2 degrees of freedom and scale A have it up to
the factor 1 / |theta_2 theta_3|, by which they are weighed and resampled. Signs of theta_2 and theta_3 are
even: all four modes are there. What falls outside the prior's box is dropped.

RUN is a model of the task with the prior in its config; without one the recipe's Flux1Joint is trained on
10,000 simulations. Scores are C2ST by scikit-learn's random forest and by `fluxsbi c2st` (MLP), for each
theta: of the ways in WAYS, and of the single observations' posteriors for scale, a mean over them.
"""
import argparse
import json
import subprocess
from pathlib import Path

import common
import numpy as np

JITTER = 1e-6  # of slcp's variances, as in lib/data/tasks/slcp.cpp
BOUND = 3
CONFIG = f"prior: {{kind: box, low: {[-BOUND] * 5}, high: {[BOUND] * 5}}}\n"
# What is added to `sample --together` for each way of putting observations together.
WAYS = {
    "together": [],
    "stochastic": ["--solver", "zero_ends", "--steps", "200", "--set", "sampling.noise_amount=2",
                   "sampling.spacing=2"],
}


def run(options, *words):
    subprocess.run([options.fluxsbi, *map(str, words), "-q"], check=True)


def propose(x, random, proposals=400_000):
    """theta [m, 5] inside the prior's box and their weights, given the draws x [n, 2]."""
    n = len(x)
    mean = x.mean(axis=0)
    root = np.linalg.cholesky((x - mean).T @ (x - mean))
    freedom = n - 2
    # Bartlett: S^-1 = root'^-1 L L' root^-1 with L lower triangular, so S = U U' with U = root L'^-1.
    l_11 = np.sqrt(random.chisquare(freedom, proposals))
    l_22 = np.sqrt(random.chisquare(freedom - 1, proposals))
    l_21 = random.normal(size=proposals)
    upper = np.zeros((proposals, 2, 2))
    upper[:, 0, 0], upper[:, 1, 1], upper[:, 0, 1] = 1 / l_11, 1 / l_22, -l_21 / (l_11 * l_22)
    factor = root @ upper
    covariance = factor @ factor.transpose(0, 2, 1)
    centre = mean + (factor @ random.normal(size=(proposals, 2, 1)))[:, :, 0] / np.sqrt(n)
    s_1 = np.sqrt(np.maximum(covariance[:, 0, 0] - JITTER, 0))
    s_2 = np.sqrt(np.maximum(covariance[:, 1, 1] - JITTER, 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        theta_4 = np.arctanh(covariance[:, 0, 1] / (s_1 * s_2))
        weight = 1 / np.sqrt(s_1 * s_2)
    signs = random.choice([-1, 1], size=(2, proposals))
    theta = np.stack([*centre.T, signs[0] * np.sqrt(s_1), signs[1] * np.sqrt(s_2), theta_4], axis=1)
    inside = np.isfinite(theta).all(axis=1) & (np.abs(theta) <= BOUND).all(axis=1)
    return theta[inside], weight[inside]


def exact(x, draws, random):
    """[draws, 5] of the posterior given the draws x [n, 2]; the proposals are worth four times as many."""
    parts, total, squares = [], 0, 0
    while not squares or total**2 / squares < 4 * draws:
        parts.append(propose(x, random))
        total += parts[-1][1].sum()
        squares += (parts[-1][1]**2).sum()
    theta, weight = (np.concatenate(values) for values in zip(*parts))
    places = (np.arange(draws) + random.uniform()) / draws
    chosen = np.searchsorted(np.cumsum(weight / total), places)
    return theta[np.minimum(chosen, len(theta) - 1)]


def prepare(options):
    """[thetas, observations, 8] of x, and files of exact draws given all and given each."""
    file = options.out / "observed.npz"
    count = options.observations
    if not file.exists():
        theta = np.random.default_rng(11).uniform(-BOUND, BOUND, size=(options.thetas, 5))
        np.save(options.out / "theta.npy", np.repeat(theta, count, axis=0))
        run(options, "simulate", "slcp", "--theta", options.out / "theta.npy", "--seed", 12, "-o", file)
    observed = np.load(file)["x"].reshape(options.thetas, count, 8).astype(np.float64)
    for t, x in enumerate(observed):
        for name, part in {"all": x, **{str(j): x[j] for j in range(count)}}.items():
            target = options.out / f"exact_{t}_{name}.npy"
            if not target.exists():
                random = np.random.default_rng([t, *map(ord, name)])
                draws = exact(part.reshape(-1, 2), options.draws, random)
                np.save(target, draws.astype(np.float32))
    return observed


def trained(options):
    if options.run:
        return options.run
    data = options.out / "simulations.npz"
    if not data.exists():
        run(options, "simulate", "slcp", "-n", 10000, "--seed", 1, "-o", data)
    config = options.out / "prior.yaml"
    config.write_text(CONFIG)
    folder = options.out / "run"
    if not (folder / "model.safetensors").exists():
        common.train(options, config, folder, {"strategy.model": "flux1joint"}, "--data", data)
    return folder


def sample(options, model, x, file, *more):
    if not file.exists():
        np.save(file.with_suffix(".x.npy"), x.astype(np.float32))
        run(options, "sample", model, "--x", file.with_suffix(".x.npy"), "-n", options.draws, "--seed", 9,
            "-o", file, *more)
    return file


def score(options, scores, name, reference, samples, row):
    draws = np.load(samples)["samples"][row]
    scores.get(f"{name} forest", lambda: common.random_forest(reference, draws))
    scores.get(f"{name} mlp", lambda: common.perceptron(options, reference, samples, row))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("out", type=Path, help="folder of runs, samples and scores; what is there is kept")
    ap.add_argument("--run", type=Path, help="a trained model, whose config has the prior")
    ap.add_argument("--only", nargs="*", default=[], metavar="NAME", help="these ways, or single")
    ap.add_argument("--fluxsbi", default=common.ROOT / "build/fluxsbi", help="default: build/fluxsbi")
    ap.add_argument("--thetas", type=int, default=4)
    ap.add_argument("--observations", type=int, default=5)
    ap.add_argument("--draws", type=int, default=4000)
    options = ap.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    scores = common.Scores(options.out / "scores.json")
    observed, model = prepare(options), trained(options)
    for name in ["single", *WAYS]:
        if options.only and name not in options.only:
            continue
        for t, x in enumerate(observed):
            file = options.out / f"{name}_{t}.npz"
            if name == "single":
                sample(options, model, x, file)
                for j in range(len(x)):
                    score(options, scores, f"{name} {t} {j}", options.out / f"exact_{t}_{j}.npy", file, j)
            else:
                sample(options, model, x, file, "--together", *WAYS[name])
                score(options, scores, f"{name} {t}", options.out / f"exact_{t}_all.npy", file, 0)
        print(json.dumps(table_row(scores, name, options)), flush=True)


def table_row(scores, name, options):
    row = {"way": name}
    for kind in ("forest", "mlp"):
        each = []
        for t in range(options.thetas):
            parts = [f" {j}" for j in range(options.observations)] if name == "single" else [""]
            each.append(common.mean(scores, [f"{name} {t}{part} {kind}" for part in parts]))
        row[kind] = " ".join(each)
    return row


if __name__ == "__main__":
    main()
