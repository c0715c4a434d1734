#!/usr/bin/env python3
"""Which training times, or noise levels, suit each method: C2ST of Flux1 on several tasks (docs/results.md).

times.py OUT --sbibm DIR [--only WORD ...]

Trains configs/methods with every candidate, 6,000 steps each, samples with the default solver, scores by
scikit-learn's random forest and prints the table. Needs numpy and scikit-learn.
"""
import common

TASKS = ["two_moons", "slcp", "gaussian_mixture", "gaussian_linear"]


def logit_normal(mean, std):
    return {"method": "flow", "time_distribution": "logit_normal", "time_mean": mean, "time_std": std}


def levels(mean, std, **keys):
    """Noise levels whose logarithm is normal."""
    return {"sigma_mean": mean, "sigma_std": std, **keys}


SCORE = {"method": "score_matching", "sde": "ve"}
DENOISED = {**SCORE, "times": "log_normal", "weighting": "denoised"}
CANDIDATES = {
    "uniform": {"method": "flow", "time_distribution": "uniform"},
    "power law 1": {"method": "flow", "time_distribution": "power_law", "time_alpha": 1.0},
    "power law 4": {"method": "flow", "time_distribution": "power_law", "time_alpha": 4.0},
    "logit-normal 0, 1": logit_normal(0.0, 1.0),
    "logit-normal 1, 1.5": logit_normal(1.0, 1.5),
    "logit-normal 2, 1.8": logit_normal(2.0, 1.8),
    "edm -0.7, 1.2": levels(-0.7, 1.2, method="diffusion"),
    "edm -1.2, 1.2": levels(-1.2, 1.2, method="diffusion"),
    "edm -1.2, 1.8": levels(-1.2, 1.8, method="diffusion"),
    "edm -2, 1.8": levels(-2.0, 1.8, method="diffusion"),
    "ve even, noise": {**SCORE, "times": "log_noise", "weighting": "noise"},
    "ve -0.7, 1.2": levels(-0.7, 1.2, **DENOISED),
    "ve -1.2, 1.2": levels(-1.2, 1.2, **DENOISED),
    "ve -1.2, 1.8": levels(-1.2, 1.8, **DENOISED),
    "ve -2, 1.8": levels(-2.0, 1.8, **DENOISED),
}


def folder(options, name):
    return options.out / name.replace(",", "").replace(" ", "_")


def score(options, scores, task, name):
    run = folder(options, name)
    samples = common.sample(options, task, run, run.with_name(run.name + ".npz"))
    for row, k in enumerate(options.observations):
        scores.get(f"{name} {k}",
                   lambda: common.random_forest(common.reference(options, task, k), samples[row]))


def main():
    ap = common.arguments(__doc__)
    ap.set_defaults(observations=[1, 4, 8], draws=3000)
    options = ap.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    scores = common.Scores(options.out / "times.json")
    for task, candidate, name in common.cells(options, TASKS, CANDIDATES, "{} {}"):
        settings = {
            f"strategy.{key}": value for key, value in CANDIDATES[candidate].items()
        } | {
            "training.nsteps": 6000
        }
        common.train(options, common.ROOT / f"configs/methods/{task}_flux1.yaml", folder(options, name),
                     settings)
        score(options, scores, task, name)
    print("| times | " + " | ".join(TASKS) + " |\n" + "|---" * (len(TASKS) + 1) + "|")
    for candidate in CANDIDATES:
        means = [common.mean(scores, [f"{task} {candidate} {k}" for k in options.observations])
                 for task in TASKS]
        print(f"| {candidate} | " + " | ".join(means) + " |")


if __name__ == "__main__":
    main()
