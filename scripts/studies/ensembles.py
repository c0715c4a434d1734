#!/usr/bin/env python3
"""Does an ensemble of four answer better than one model of 1,000 simulations? When do its members disagree?

ensembles.py OUT --sbibm DIR [--only WORD ...] [--jobs N]

Trains a single model and an ensemble of four on the same 1,000 simulations of four tasks, computes the mean
log-density of 500 fresh pairs and its paired difference, and scores the benchmark's observations by
`fluxsbi c2st` (MLP). Then it draws the posteriors of 200 of those pairs, and of the same x moved by 2, 4 and
8 standard deviations in a random direction, and
says how far members disagree (docs/ensembles.md). Prints three tables. Needs numpy.
"""
import json
import subprocess

import common
import numpy as np

TASKS = ["two_moons", "gaussian_linear", "slcp", "bernoulli_glm"]
KINDS = {"single": 1, "ensemble": 4}
SIMULATIONS = 1000
HELD_OUT = 500
LOOKED_AT = 200
SHIFTS = [0, 2, 4, 8]
SETTINGS = {
    "strategy.method": "flow", "strategy.time_distribution": "logit_normal", "strategy.time_mean": 1.0,
    "strategy.time_std": 1.5, "data.task": "null", "data.validation_fraction": 0.1, "model.depth": 1,
    "model.depth_single_blocks": 2, "training.nsteps": 1000,
    "training.batch_size": 64, "training.val_every": 25,
    "training.early_stopping": "true", "optimizer.max_lr": 1e-3, "optimizer.min_lr": 1e-6,
    "optimizer.decay_transition": 0.3, "optimizer.warmup_steps": 100,
}


def simulate(options, task, count, seed, file):
    if not file.exists():
        subprocess.run([options.fluxsbi, "simulate", task, "-n", str(count), "--seed", str(seed), "-q",
                        "-o", file],
                       check=True)


def train(options, task, kind):
    """A small Flux1 by the recipe of configs/own_data.yaml."""
    run, data = options.out / f"{task}_{kind}", options.out / f"{task}_{SIMULATIONS}.npz"
    simulate(options, task, SIMULATIONS, 5, data)
    if not (run / "model.safetensors").exists():
        config = common.ROOT / "configs/methods/two_moons_flux1.yaml"
        common.train(options, config, run, {**SETTINGS, "data.file": data, "training.ensemble": KINDS[kind]})
    return run


def log_densities(options, task, name, run):
    """The log-densities of held-out theta given their x, in nats."""
    held_out, file = options.out / f"{task}_held_out.npz", options.out / f"{task}_{name}.log_prob.npz"
    simulate(options, task, HELD_OUT, 77, held_out)
    if not file.exists():
        subprocess.run([options.fluxsbi, "log-prob", run, "--theta", held_out, "--x", held_out, "-q",
                        "-o", file],
                       check=True)
    return np.load(file)["log_prob"]


def compare(options, task, scores):
    """Means and the paired difference, over pairs to which all models give a density."""
    runs = {kind: options.out / f"{task}_{kind}" for kind in KINDS}
    for number in range(1, KINDS["ensemble"] + 1):
        runs[f"member_{number}"] = runs["ensemble"] / "members" / str(number)
    found = {name: log_densities(options, task, name, run) for name, run in runs.items()}
    used = np.all([np.isfinite(values) for values in found.values()], axis=0)
    gain = (found["ensemble"] - found["single"])[used]
    scores.get(f"{task} log-density", lambda: {
        "single": float(found["single"][used].mean()), "ensemble": float(found["ensemble"][used].mean()),
        "members": float(np.mean([values[used].mean() for name, values in found.items()
                                  if "member" in name])),
        "gain": float(gain.mean()), "error": float(gain.std(ddof=1) / np.sqrt(len(gain))),
        "pairs": int(used.sum())})


def c2st(options, task, kind):
    file = options.out / f"{task}_{kind}.samples.npz"
    common.sample(options, task, options.out / f"{task}_{kind}", file)
    return [common.perceptron(options, common.reference(options, task, k), file, row)
            for row, k in enumerate(options.observations)]


def disagreement(samples, members):
    """(apart, factor) of each row, the largest over parameters: samples [rows, draws, d]."""
    parts = [samples[:, m::members] for m in range(members)]
    count = np.array([part.shape[1] for part in parts])[:, None, None]
    mean = np.stack([part.mean(axis=1) for part in parts])  # [members, rows, d]
    variance = np.stack([part.var(axis=1, ddof=1) for part in parts])
    kurtosis = np.stack([((part - part.mean(axis=1, keepdims=True))**4).mean(axis=1) for part in parts])
    kurtosis /= np.stack([part.var(axis=1) for part in parts])**2
    apart = (mean.var(axis=0, ddof=1) - (variance / count).mean(axis=0)) / variance.mean(axis=0)
    factor = np.log(variance).var(axis=0, ddof=1) / 4 - ((kurtosis - 1) / (4 * count)).mean(axis=0)
    return np.sqrt(np.maximum(apart, 0)).max(axis=1), np.exp(np.sqrt(np.maximum(factor, 0))).max(axis=1)


def look(options, task):
    """Quantiles of both numbers, by how far x was moved."""
    x = np.load(options.out / f"{task}_held_out.npz")["x"][:LOOKED_AT]
    spread = np.load(options.out / f"{task}_{SIMULATIONS}.npz")["x"].std(axis=0)
    direction = np.random.default_rng(3).standard_normal(x.shape)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    found = {}
    for shift in SHIFTS:
        file = options.out / f"{task}_moved_{shift}.npz"
        np.save(file.with_suffix(".npy"), (x + shift * spread * direction).astype(np.float32))
        if not file.exists():
            subprocess.run([options.fluxsbi, "sample", options.out / f"{task}_ensemble",
                            "--x", file.with_suffix(".npy"), "-n", "1000",
                            "--no-reject", "-q", "-o", file], check=True)
        apart, factor = disagreement(np.load(file)["samples"].astype(float), KINDS["ensemble"])
        found[str(shift)] = {"apart": np.quantile(apart, [0.5, 0.9, 0.99]).tolist(),
                             "factor": np.quantile(factor, [0.5, 0.9, 0.99]).tolist()}
    return found


def main():
    ap = common.arguments(__doc__)
    ap.add_argument("--part", choices=["train", "score", "all"], default="all")
    options = ap.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    options.out = options.out.resolve()
    scores = common.Scores(options.out / "scores.json")
    for task, kind, _ in common.cells(options, TASKS, KINDS, "{}_{}"):
        train(options, task, kind)
        if kind == "ensemble" and options.part != "train":
            compare(options, task, scores)
            scores.get(f"{task} disagreement", lambda task=task: look(options, task))
    if options.part == "train":
        return
    for task, kind, _ in common.cells(options, TASKS, KINDS, "{}_{}"):
        scores.get(f"{task} {kind} c2st", lambda task=task, kind=kind: c2st(options, task, kind))
    print("task              single   ensemble  gain (paired error)   C2ST single, ensemble")
    for task in TASKS:
        row = scores.values.get(f"{task} log-density")
        if row is None:
            continue
        means = [float(np.mean(scores.values[f"{task} {kind} c2st"])) for kind in KINDS]
        print(f"{task:16s} {row['single']:8.3f} {row['ensemble']:8.3f}   "
              f"{row['gain']:.3f} +- {row['error']:.3f}   "
              + ", ".join(f"{value:.3f}" for value in means))
    found = {name: value for name, value in scores.values.items() if "disagreement" in name}
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
