#!/usr/bin/env python3
"""The table of models by methods at 10,000 simulations (docs/results.md).

methods.py OUT --sbibm DIR [--stage train|score|table] [--only WORD ...]

Trains every cell of two tasks, three models and four methods with configs/methods, samples the benchmark's
observations, scores by `fluxsbi c2st` (MLP) and by scikit-learn's random forest, and prints the table. Needs
numpy and scikit-learn.
"""
import common

TASKS = ["two_moons", "slcp"]
MODELS = ["flux1", "flux1joint", "simformer"]
# Which training times a task takes. Sharp posteriors need little noise, broad ones the middle of the path
# (docs/results.md).
SHARP = {
    "flow": {"time_distribution": "logit_normal", "time_mean": 2.0, "time_std": 1.8},
    "diffusion": {"sigma_mean": -2.0, "sigma_std": 1.8},
    "score_matching": {"times": "log_normal", "sigma_mean": -2.0, "sigma_std": 1.8, "weighting": "denoised"},
}
BROAD = {
    "flow": {"time_distribution": "power_law"},
    "diffusion": {"sigma_mean": -0.7, "sigma_std": 1.2},
    "score_matching": {"times": "log_normal", "sigma_mean": -0.7, "sigma_std": 1.2, "weighting": "denoised"},
}
TIMES = {"two_moons": SHARP, "slcp": BROAD, "gaussian_linear": BROAD, "gaussian_mixture": BROAD}
METHODS = {
    "flow": {"method": "flow"},
    "edm": {"method": "diffusion", "preconditioning": "edm"},
    "ve": {"method": "score_matching", "sde": "ve"},
    "vp": {"method": "score_matching", "sde": "vp"},
}


def settings(task):
    """The settings of each method by name."""
    return {name: {f"strategy.{key}": value for key, value in {**keys, **TIMES[task][keys["method"]]}.items()}
            for name, keys in METHODS.items()}


def cells(options):
    kinds = [f"{model}_{method}" for method in METHODS for model in MODELS]
    for task, kind, name in common.cells(options, TASKS, kinds, "{}_{}"):
        model, method = kind.split("_")
        yield task, model, method, name


def score(options, scores, task, name):
    file = options.out / f"{name}.npz"
    samples = common.sample(options, task, options.out / name, file)
    for row, k in enumerate(options.observations):
        reference = common.reference(options, task, k)
        scores.get(f"{name} {k} rf", lambda: common.random_forest(reference, samples[row]))
        scores.get(f"{name} {k} mlp", lambda: common.perceptron(options, reference, file, row))


def table(options, scores):
    print("| task | model | method | MLP | random forest |\n|---|---|---|---|---|")
    for task, model, method, name in cells(options):
        mlp, forest = (common.mean(scores, [f"{name} {k} {kind}" for k in options.observations])
                       for kind in ("mlp", "rf"))
        print(f"| {task} | {model} | {method} | {mlp} | {forest} |")


def main():
    ap = common.arguments(__doc__)
    ap.add_argument("--stage", choices=["train", "score", "table"], help="one stage alone (default: all)")
    options = ap.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    scores = common.Scores(options.out / "scores.json")
    stages = [options.stage] if options.stage else ["train", "score", "table"]
    for task, model, method, name in cells(options):
        if "train" in stages:
            config = common.ROOT / f"configs/methods/{task}_{model}.yaml"
            common.train(options, config, options.out / name, settings(task)[method])
        if "score" in stages:
            score(options, scores, task, name)
    if "table" in stages:
        table(options, scores)


if __name__ == "__main__":
    main()
