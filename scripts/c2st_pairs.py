#!/usr/bin/env python3
"""Writes pairs of sample sets for comparing `fluxsbi c2st` with scikit-learn, and scikit-learn's scores of
them.

c2st_pairs.py SBIBM OUT [--only NAME ...] [--no-scores]

SBIBM holds TASK/num_observation_K/reference_posterior_samples.npy, [10000, d] float32 each, and
TASK/observations.npy, [10, dx]. OUT gets NAME.reference.npy, NAME.samples.npy and scores.csv, which the test
"c2st agrees with scikit-learn on the pairs of a folder" reads through FLUXSBI_C2ST_PAIRS (docs/c2st.md).
Needs numpy and scikit-learn.
"""
import argparse
import os
import time

import numpy as np


def two_moons_posterior(x, n, rng):
    """Exact draws for x_0 < 0.2: the crescent's point p is drawn, the fold |theta_0 + theta_1| undone."""
    draws = np.empty((0, 2))
    while len(draws) < n:
        angle, radius = rng.uniform(-np.pi / 2, np.pi / 2, 2 * n), rng.normal(0.1, 0.01, 2 * n)
        z0 = radius * np.cos(angle) + 0.25 - x[0]
        z1 = x[1] - radius * np.sin(angle)
        possible, z0 = z0 >= 0, z0 * rng.choice([-1, 1], 2 * n)
        theta = np.stack([(z0 - z1) / np.sqrt(2), (z0 + z1) / np.sqrt(2)], axis=1)
        draws = np.concatenate([draws, theta[possible & (np.abs(theta) < 1).all(axis=1)]])
    return draws[:n]


def gaussian_linear_posterior(x, n, rng):
    return rng.normal(x / 2, np.sqrt(0.05), (n, len(x)))


def same_moments(reference, n, rng):
    """A Gaussian with the reference's mean and covariance."""
    return rng.multivariate_normal(reference.mean(axis=0), np.cov(reference.T), n)


def scaled(reference, factor):
    mean = reference.mean(axis=0)
    return mean + factor * (reference - mean)


def second_half(pool, change):
    """Rows of the reference that the other side does not use, changed."""
    return change(pool[5000:8000])


# name: task, observation, rows, samples(pool of 10,000 reference draws, x_o, rng); the reference is the first
# rows
PAIRS = {
    "two_moons_exact": ("two_moons", 1, 10000, lambda pool, x, rng: two_moons_posterior(x, 10000, rng)),
    "two_moons_exact_4": ("two_moons", 4, 3000, lambda pool, x, rng: two_moons_posterior(x, 3000, rng)),
    "two_moons_noise": ("two_moons", 2, 3000,
                        lambda pool, x, rng: second_half(pool, lambda s: s + rng.normal(0, 0.01, s.shape))),
    "two_moons_scaled":
        ("two_moons", 3, 10000, lambda pool, x, rng: scaled(two_moons_posterior(x, 10000, rng), 1.02)),
    "gaussian_mixture_moments":
        ("gaussian_mixture", 1, 3000, lambda pool, x, rng: same_moments(pool, 3000, rng)),
    "sir_shifted":
        ("sir", 1, 3000, lambda pool, x, rng: second_half(pool, lambda s: s + 0.3 * pool.std(axis=0))),
    "lotka_volterra_scaled":
        ("lotka_volterra", 1, 3000, lambda pool, x, rng: second_half(pool, lambda s: scaled(s, 1.25))),
    "slcp_same": ("slcp", 1, 3000, lambda pool, x, rng: second_half(pool, lambda s: s)),
    "slcp_noise":
        ("slcp", 2, 3000, lambda pool, x, rng: second_half(pool, lambda s: s + rng.normal(0, 0.15, s.shape))),
    "gaussian_linear_exact":
        ("gaussian_linear", 1, 3000, lambda pool, x, rng: gaussian_linear_posterior(x, 3000, rng)),
    "gaussian_linear_scaled": ("gaussian_linear", 2, 3000,
                               lambda pool, x, rng: scaled(gaussian_linear_posterior(x, 3000, rng), 1.15)),
    "bernoulli_glm_moments": ("bernoulli_glm", 1, 3000, lambda pool, x, rng: same_moments(pool, 3000, rng)),
    "gaussian_linear_shifted_10k":
        ("gaussian_linear", 3, 10000, lambda pool, x, rng: gaussian_linear_posterior(x, 10000, rng) + 0.02),
}


def c2st(reference, samples):
    """The benchmark's score, as its protocol states it (docs/c2st.md)."""
    from sklearn.model_selection import KFold, cross_val_score
    from sklearn.neural_network import MLPClassifier

    mean = reference.mean(axis=0, dtype=np.float64).astype(np.float32)
    deviation = reference.std(axis=0, dtype=np.float64, ddof=1).astype(np.float32)
    data = np.concatenate([(reference - mean) / deviation, (samples - mean) / deviation])
    labels = np.concatenate([np.zeros(len(reference)), np.ones(len(samples))])
    width = 10 * reference.shape[1]
    network = MLPClassifier(hidden_layer_sizes=(width, width), max_iter=10000, random_state=1)
    return cross_val_score(network,
                           data,
                           labels,
                           cv=KFold(5, shuffle=True, random_state=1),
                           scoring="accuracy").mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sbibm")
    parser.add_argument("out")
    parser.add_argument("--only", nargs="+", choices=sorted(PAIRS), default=list(PAIRS), metavar="NAME")
    parser.add_argument("--no-scores", action="store_true", help="write the samples alone")
    arguments = parser.parse_args()
    os.makedirs(arguments.out, exist_ok=True)
    lines = ["name,score,seconds"]
    for name in arguments.only:
        task, observation, rows, draw = PAIRS[name]
        folder = os.path.join(arguments.sbibm, task)
        pool = np.load(
            os.path.join(folder, f"num_observation_{observation}", "reference_posterior_samples.npy"))
        x = np.load(os.path.join(folder, "observations.npy"))[observation - 1].astype(np.float64)
        rng = np.random.default_rng(list(PAIRS).index(name))
        reference, samples = pool[:rows], draw(pool.astype(np.float64), x, rng).astype(np.float32)
        np.save(os.path.join(arguments.out, name + ".reference.npy"), reference)
        np.save(os.path.join(arguments.out, name + ".samples.npy"), samples)
        if arguments.no_scores:
            continue
        start = time.time()
        score = c2st(reference, samples)
        lines.append(f"{name},{score:.5f},{time.time() - start:.1f}")
        print(lines[-1], flush=True)
        with open(os.path.join(arguments.out, "scores.csv"), "w") as file:
            file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
