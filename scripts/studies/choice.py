#!/usr/bin/env python3
"""Does the held-out log-density choose the model that has the best posterior?

choice.py OUT --sbibm DIR [--only WORD ...]

Trains three models at 1,000 and 10,000 simulations of several tasks with two seeds, computes the mean
log-density of 500 fresh pairs of each task, and scores the benchmark's observations by `fluxsbi c2st` (MLP).
The choice looks at the log-density alone. Prints one table a task and budget. Needs numpy.
"""
import json
import subprocess

import common
import numpy as np

TASKS = ["two_moons", "slcp", "gaussian_linear", "bernoulli_glm"]
BUDGETS = {1000: 4000, 10000: 12000}  # simulations: steps; the weights of the best validation loss are kept
MODELS = ["flux1", "flux1joint", "simformer"]
SEEDS = [1, 2]
HELD_OUT = 500


def simulate(options, task, count, seed, file):
    if not file.exists():
        subprocess.run(
            [options.fluxsbi, "simulate", task, "-n",
             str(count), "--seed",
             str(seed), "-q", "-o", file],
            check=True)


def train(options, task, budget, model, seed, run):
    """The recipe of configs/own_data.yaml with the networks of configs/methods."""
    if (run / "model.safetensors").exists():
        return
    data = options.out / f"{task}_{budget}.npz"
    simulate(options, task, budget, 5, data)
    steps = BUDGETS[budget]
    settings = {
        "strategy.method": "flow",
        "strategy.time_distribution": "logit_normal",
        "strategy.time_mean": 1.0,
        "strategy.time_std": 1.5,
        "data.task": "null",
        "data.file": data,
        "training.nsteps": steps,
        "training.batch_size": 256,
        "training.val_every": 100,
        "optimizer.max_lr": 1e-3,
        "optimizer.min_lr": 1e-6,
        "optimizer.decay_transition": 0.3,
        "optimizer.warmup_steps": 200,
        "training.seed": seed,
    }
    if model != "flux1":
        settings["condition_mask.posterior"] = 0.8
    config = common.ROOT / "configs/methods" / f"two_moons_{model}.yaml"
    common.train(options, config, run, settings)


def log_density(options, task, run):
    """The mean log-density of the held-out theta given their x, in nats."""
    held_out = options.out / f"{task}_held_out.npz"
    simulate(options, task, HELD_OUT, 77, held_out)
    file = run.with_suffix(".log_prob.npz")
    subprocess.run(
        [options.fluxsbi, "log-prob", run, "--theta", held_out, "--x", held_out, "-q", "--force", "-o", file],
        check=True)
    return float(np.mean(np.load(file)["log_prob"]))


def c2st(options, task, run):
    file = run.with_suffix(".samples.npz")
    common.sample(options, task, run, file)
    scores = [common.perceptron(options, common.reference(options, task, k), file, row)
              for row, k in enumerate(options.observations)]
    file.unlink()
    return float(np.mean(scores))


def table(scores, task, budget):
    print(
        f"\n{task}, {budget} simulations\n\n"
        "| model | held-out log-density (seeds) | C2ST (seeds) |\n|---|---|---|"
    )
    for model in MODELS:
        names = [f"{task}_{budget}_{model}_{seed}" for seed in SEEDS]
        shown = [[scores.values.get(f"{name}.{what}") for name in names] for what in ("log_density", "c2st")]
        print(f"| {model} | " +
              " | ".join(" ".join("-" if v is None else f"{v:.3f}" for v in row) for row in shown) + " |")


def main():
    options = common.arguments(__doc__).parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    scores = common.Scores(options.out / "scores.json")
    for seed in SEEDS:
        for budget in BUDGETS:
            for task, model, name in common.cells(options, TASKS, MODELS, f"{{}}_{budget}_{{}}_{seed}"):
                run = options.out / name
                train(options, task, budget, model, seed, run)
                scores.get(f"{name}.log_density", lambda: log_density(options, task, run))
                scores.get(f"{name}.c2st", lambda: c2st(options, task, run))
                print(name,
                      json.dumps({
                          k: v for k, v in scores.values.items() if k.startswith(name + ".")
                      }),
                      flush=True)
    for task in TASKS:
        for budget in BUDGETS:
            table(scores, task, budget)


if __name__ == "__main__":
    main()
