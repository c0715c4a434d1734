#!/usr/bin/env python3
"""Samples under another prior than that of the training, against exact ones (docs/results.md).

another_prior.py OUT RUN --task two_moons|gaussian_linear --sbibm DIR [--observations K ...] [--draws N]

RUN was trained on the task. gaussian_linear: the prior N(0, 0.1) of each parameter becomes N(0.1, 0.05), and
since x = theta + N(0, 0.1) the exact posterior is normal, of variance v = 1 / (1 / 0.1 + 1 / 0.05) and mean
v (x / 0.1 + 0.1 / 0.05); 0.1 and 0.05 are variances. two_moons: the box [-1, 1]^2 becomes [-1, 0] x [-1, 1],
and exact draws are the benchmark's reference draws that lie there (3, 7, 8, 9 and 10 have few or nothing on
one side). C2ST (MLP) with `sample --prior`, and of the posterior under the training prior for comparison.
"""
from pathlib import Path

import common
import numpy as np

BOX = "{kind: box, low: [-1, -1], high: [0, 1]}"
NORMAL = f"{{kind: normal, mean: {[0.1] * 10}, scale: {[0.05**0.5] * 10}}}"


def exact(options, task, k):
    """Draws of the posterior under the other prior."""
    if task == "two_moons":
        draws = np.load(common.reference(options, task, k))
        return draws[draws[:, 0] <= 0]
    file = options.sbibm / task / f"num_observation_{k}" / "observation.csv"
    x = np.loadtxt(file, delimiter=",", skiprows=1, ndmin=1)
    variance = 1 / (1 / 0.1 + 1 / 0.05)
    noise = np.random.default_rng(k).normal(size=(options.draws, len(x)))
    return variance * (x / 0.1 + 0.1 / 0.05) + variance**0.5 * noise


def main():
    parser = common.arguments(__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--task", required=True, choices=["two_moons", "gaussian_linear"])
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    other = options.out / f"{options.task}.yaml"
    other.write_text(f"prior: {BOX if options.task == 'two_moons' else NORMAL}\n")
    scores = common.Scores(options.out / "scores.json")
    for kind, more in {"another prior": ["--prior", other], "training prior": []}.items():
        name = f"{options.task}, {kind}"
        file = options.out / f"{name.replace(', ', '_').replace(' ', '_')}.npz"
        common.sample(options, options.task, options.run, file, *more)
        for row, k in enumerate(options.observations):
            draws = options.out / f"{options.task}_{k}.npy"
            np.save(draws, exact(options, options.task, k).astype(np.float32))
            scores.get(f"{name}, {k}", lambda: common.perceptron(options, draws, file, row))
        names = [f"{name}, {k}" for k in options.observations]
        each = " ".join(f"{scores.values[n]:.3f}" for n in names)
        print(f"{name}: {each}, mean {common.mean(scores, names)}", flush=True)


if __name__ == "__main__":
    main()
