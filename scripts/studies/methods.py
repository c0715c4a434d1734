#!/usr/bin/env python3
"""The table of models by methods at 10,000 simulations (docs/results.md).

methods.py OUT --sbibm DIR [--stage train|score|table] [--only WORD ...]

Trains every cell of two tasks, three models and four methods with configs/methods, samples the benchmark's observations,
scores by `fluxsbi c2st` (MLP) and by scikit-learn's random forest, and prints the table. Needs numpy and scikit-learn.
"""
import common

TASKS = ["two_moons", "slcp"]
MODELS = ["flux1", "flux1joint", "simformer"]
# Sharp posteriors want times near the data, broad ones the middle of the path (docs/results.md).
FLOW = {
    "two_moons": {"strategy.time_distribution": "logit_normal", "strategy.time_mean": 2.0, "strategy.time_std": 1.8},
    "slcp": {"strategy.time_distribution": "power_law"},
    "gaussian_linear": {"strategy.time_distribution": "power_law"},
    "gaussian_mixture": {"strategy.time_distribution": "power_law"},
}
EDM = {"strategy.preconditioning": "edm", "strategy.sigma_mean": -2.0, "strategy.sigma_std": 1.8}


def settings(task):
    """The settings of each method by name."""
    return {
        "flow": {"strategy.method": "flow", **FLOW[task]},
        "edm": {"strategy.method": "diffusion", **EDM},
        "ve": {"strategy.method": "score_matching", "strategy.sde": "ve"},
        "vp": {"strategy.method": "score_matching", "strategy.sde": "vp"},
    }


def cells(options):
    for task in TASKS:
        for method, values in settings(task).items():
            for model in MODELS:
                name = f"{task}_{model}_{method}"
                if common.wanted(options, name):
                    yield task, model, name, values


def score(options, scores, task, name):
    file = options.out / f"{name}.npz"
    samples = common.sample(options, task, options.out / name, file)
    for row, k in enumerate(options.observations):
        reference = common.reference(options, task, k)
        scores.get(f"{name} {k} rf", lambda: common.random_forest(reference, samples[row]))
        scores.get(f"{name} {k} mlp", lambda: common.perceptron(options, reference, file, row))


def table(options, scores):
    print("| task | model | method | MLP | random forest |\n|---|---|---|---|---|")
    for task, model, name, _ in cells(options):
        method = name.removeprefix(f"{task}_{model}_")
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
    for task, model, name, values in cells(options):
        if "train" in stages:
            common.train(options, common.ROOT / f"configs/methods/{task}_{model}.yaml", options.out / name, values)
        if "score" in stages:
            score(options, scores, task, name)
    if "table" in stages:
        table(options, scores)


if __name__ == "__main__":
    main()
