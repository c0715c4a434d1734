#!/usr/bin/env python3
"""Conditionals of a joint model of the task gaussian_linear against the closed form.

    scripts/gaussian_conditionals.py questions FILE.csv
    fluxsbi sample RUN --given FILE.csv -n 10000 -o SAMPLES.npy
    scripts/gaussian_conditionals.py score FILE.csv SAMPLES.npy

`questions` writes one row each for the posterior, the likelihood and three random sets of given variables.
`score` prints, for each row, the largest error of a mean in standard deviations and the largest relative
error of a standard deviation over the blank columns, and exits with 2 if one exceeds 0.1 (MEAN_BOUND,
SD_BOUND).

theta_i ~ N(0, 0.1), x_i ~ N(theta_i, 0.1), all pairs independent, so that
    theta_i | x_i ~ N(x_i / 2, 0.05), x_i | theta_i ~ N(theta_i, 0.1), x_i ~ N(0, 0.2).
Needs nothing but Python's standard library.
"""

import array
import ast
import csv
import math
import random
import sys

PAIRS = 10
MEAN_BOUND = SD_BOUND = 0.1
NAMES = [f"theta_{i}" for i in range(PAIRS)] + [f"x_{i}" for i in range(PAIRS)]


def questions(path, seed=1):
    rng = random.Random(seed)
    patterns = [
        [False] * PAIRS + [True] * PAIRS,  # posterior
        [True] * PAIRS + [False] * PAIRS,  # likelihood
    ]
    for rate in (0.3, 0.5, 0.7):
        patterns.append([rng.random() < rate for _ in NAMES])
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(NAMES)
        for given in patterns:
            theta = [rng.gauss(0, math.sqrt(0.1)) for _ in range(PAIRS)]
            x = [rng.gauss(mean, math.sqrt(0.1)) for mean in theta]
            writer.writerow([f"{v:.6f}" if g else "" for v, g in zip(theta + x, given)])


def closed_form(column, row):
    """Mean and standard deviation of a blank column of a row (a list of 20 texts)."""
    other = row[(column + PAIRS) % (2 * PAIRS)]
    if column < PAIRS:
        return (float(other) / 2, math.sqrt(0.05)) if other else (0.0, math.sqrt(0.1))
    return (float(other), math.sqrt(0.1)) if other else (0.0, math.sqrt(0.2))


def load_npy(path):
    """Shape and float32 numbers of an .npy file."""
    with open(path, "rb") as file:
        magic = file.read(8)
        size = int.from_bytes(file.read(2 if magic[6] == 1 else 4), "little")
        header = ast.literal_eval(file.read(size).decode("latin1"))
        if header["descr"] != "<f4" or header["fortran_order"]:
            sys.exit(f"{path}: expected little-endian float32 in C order")
        numbers = array.array("f")
        numbers.frombytes(file.read())
    return header["shape"], numbers


def score(question_path, sample_path):
    with open(question_path, newline="") as file:
        rows = list(csv.reader(file))[1:]
    shape, numbers = load_npy(sample_path)
    if shape[0] != len(rows) or shape[2] != len(NAMES):
        sys.exit(f"{sample_path}: its shape {shape} does not fit {question_path}")
    draws, width = shape[1], shape[2]
    good = True
    for number, row in enumerate(rows):
        worst_mean = worst_sd = 0.0
        for column in (c for c in range(width) if row[c] == ""):
            values = numbers[number * draws * width + column : (number + 1) * draws * width : width]
            mean = math.fsum(values) / draws
            sd = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / draws)
            true_mean, true_sd = closed_form(column, row)
            worst_mean = max(worst_mean, abs(mean - true_mean) / true_sd)
            worst_sd = max(worst_sd, abs(sd / true_sd - 1))
        blank = sum(cell == "" for cell in row)
        print(
            f"row {number}: {blank:2d} blank, largest error of a mean {worst_mean:.3f} sd, "
            f"of an sd {100 * worst_sd:.1f} %"
        )
        good = good and worst_mean <= MEAN_BOUND and worst_sd <= SD_BOUND
    return 0 if good else 2


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "questions":
        questions(sys.argv[2])
    elif len(sys.argv) == 4 and sys.argv[1] == "score":
        sys.exit(score(sys.argv[2], sys.argv[3]))
    else:
        sys.exit(__doc__)
