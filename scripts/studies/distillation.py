#!/usr/bin/env python3
"""C2ST and samples a second of students and their teacher (docs/distillation.md).

distillation.py OUT --sbibm DIR [--only WORD ...] [--steps N] [--evaluations K ...] [--distill WORD ...]

Trains the recipe's model of each task on 10,000 simulations, distils a student for each number of
evaluations, and scores both by scikit-learn's random forest. For comparison the teacher also draws with as
few steps, of its own solver and of ddim, which is the student before its training. Everything runs on one
thread. Prints the table; OUT/scores.json keeps every number. Needs numpy and scikit-learn.
"""
import json
import os
import subprocess
import time

import common
import numpy as np

TASKS = ["two_moons", "gaussian_linear", "slcp"]
MODELS = {"slcp": ["--set", "strategy.model=flux1joint"]}


def fluxsbi(options, *words):
    """Runs the program; its standard output and the seconds that it took."""
    began = time.monotonic()
    done = subprocess.run([str(options.fluxsbi), *map(str, words)],
                          check=True,
                          stdout=subprocess.PIPE,
                          text=True)
    return done.stdout, time.monotonic() - began


def train(options, task):
    run, data = options.out / task, options.out / f"{task}.npz"
    if (run / "model.safetensors").exists():
        return 0
    fluxsbi(options, "simulate", task, "-n", 10000, "--seed", 5, "-o", data)
    return fluxsbi(options, "train", "--data", data, "-o", run, "--force", "-q", "--set",
                   f"training.nsteps={options.steps}", *MODELS.get(task, []))[1]


def score(options, task, run, *more):
    """The C2ST of each observation, and samples a second."""
    file, observed = options.out / f"draws_{os.getpid()}.npz", options.out / f"{task}_x.npy"
    common.save_observations(options, task, observed)
    text, _ = fluxsbi(options, "sample", run, "--x", observed, "-n", options.draws, "--seed", 9, "-q",
                      "--json", "-o", file, "--force", "--set", "sampling.max_tries=20", *more)
    samples, said = np.load(file)["samples"], json.loads(text)
    file.unlink()
    return {
        "c2st": [
            common.random_forest(common.reference(options, task, k), samples[row])
            for row, k in enumerate(options.observations)
        ],
        "rate": len(options.observations) * options.draws / said["seconds"]
    }


def student(options, task, k):
    run = options.out / f"{task}_{k}"
    seconds = fluxsbi(options, "distill", options.out / task, "--evaluations", k, "-o", run, "--force",
                      "-q", *options.distill)[1]
    return {**score(options, task, run), "seconds": seconds}


def teacher(options, task):
    seconds = train(options, task)
    return {**score(options, task, options.out / task), "seconds": seconds}


def show(name, found):
    seconds = f"{found['seconds']:6.0f} s" if found.get("seconds") else " " * 8
    print(f"{name:36} {np.mean(found['c2st']):.3f} {found['rate']:9.0f}/s {seconds}   " +
          " ".join(f"{value:.3f}" for value in found["c2st"]),
          flush=True)


def main():
    ap = common.arguments(__doc__)
    ap.add_argument("--steps", type=int, default=4000, help="of the teachers")
    ap.add_argument("--evaluations", type=int, nargs="*", default=[1, 2, 4, 8], metavar="K")
    ap.add_argument("--distill", nargs="*", default=[], metavar="WORD", help="further words for distill")
    ap.set_defaults(draws=4000, observations=[1, 4, 6, 8])
    options = ap.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    os.environ["OMP_NUM_THREADS"] = "1"
    scores = common.Scores(options.out / "scores.json")
    for task in TASKS:
        if options.only and task not in options.only:
            continue
        rows = {f"{task} teacher": lambda: teacher(options, task)}
        for k in options.evaluations:
            for solver in ["auto", "ddim"]:
                few = ["--solver", solver, "--steps", str(k)]
                rows[f"{task} teacher, {k} of {solver}"] = lambda few=few: score(
                    options, task, options.out / task, *few)
            rows[f"{task} student {k}"] = lambda k=k: student(options, task, k)
        for name, work in rows.items():
            show(name, scores.get(name, work))


if __name__ == "__main__":
    main()
