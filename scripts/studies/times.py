#!/usr/bin/env python3
"""Which distribution of training times suits flow matching: C2ST of Flux1 on several tasks (docs/results.md).

times.py OUT --sbibm DIR [--only WORD ...]

Trains configs/methods with every distribution, 6,000 steps each, samples with the default solver, scores by scikit-learn's
random forest and prints the table. Needs numpy and scikit-learn.
"""
import common

TASKS = ["two_moons", "slcp", "gaussian_mixture", "gaussian_linear"]
TIMES = {
    "uniform": {"strategy.time_distribution": "uniform"},
    "power law 1": {"strategy.time_distribution": "power_law", "strategy.time_alpha": 1.0},
    "power law 4": {"strategy.time_distribution": "power_law", "strategy.time_alpha": 4.0},
    "logit-normal 0, 1": {"strategy.time_distribution": "logit_normal", "strategy.time_mean": 0.0,
                          "strategy.time_std": 1.0},
    "logit-normal 1, 1.5": {"strategy.time_distribution": "logit_normal", "strategy.time_mean": 1.0,
                            "strategy.time_std": 1.5},
    "logit-normal 2, 1.8": {"strategy.time_distribution": "logit_normal", "strategy.time_mean": 2.0,
                            "strategy.time_std": 1.8},
}


def folder(options, name):
    return options.out / name.replace(",", "").replace(" ", "_")


def score(options, scores, task, name):
    run = folder(options, name)
    samples = common.sample(options, task, run, run.with_name(run.name + ".npz"))
    for row, k in enumerate(options.observations):
        scores.get(f"{name} {k}", lambda: common.random_forest(common.reference(options, task, k), samples[row]))


def main():
    ap = common.arguments(__doc__)
    ap.set_defaults(observations=[1, 4, 8], draws=3000)
    options = ap.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    scores = common.Scores(options.out / "times.json")
    for task, times, name in common.cells(options, TASKS, TIMES, "{} {}"):
        settings = {"strategy.method": "flow", "training.nsteps": 6000, **TIMES[times]}
        common.train(options, common.ROOT / f"configs/methods/{task}_flux1.yaml", folder(options, name), settings)
        score(options, scores, task, name)
    print("| times | " + " | ".join(TASKS) + " |\n" + "|---" * (len(TASKS) + 1) + "|")
    for times in TIMES:
        means = [common.mean(scores, [f"{task} {times} {k}" for k in options.observations])
                 for task in TASKS]
        print(f"| {times} | " + " | ".join(means) + " |")


if __name__ == "__main__":
    main()
