#!/usr/bin/env python3
"""C2ST against the number of network evaluations, for every method on four tasks (docs/solvers.md).

solvers.py OUT --sbibm DIR [--stage train|score|draw] [--only WORD ...]

Trains Flux1 with each method and configs/methods, samples with every solver at several numbers of
evaluations, scores by scikit-learn's random forest and draws OUT/solvers.png. The same
noise is used throughout, so that curves differ by their solvers alone. Needs numpy,
scikit-learn and matplotlib.
"""
import common

TASKS = ["two_moons", "slcp", "gaussian_linear", "gaussian_mixture"]
EVALUATIONS = [6, 10, 16, 30, 100]
SOLVERS = {"euler": 1, "heun": 2, "adams_bashforth": 1, "dpmpp_2m": 1}  # with the evaluations of a step
# What the methods take by default, with the method's own spacing of steps, as everywhere here.
AUTO = {"flow": "adams_bashforth", "edm": "adams_bashforth", "ve": "dpmpp_2m", "vp": "dpmpp_2m"}

# Which training times a task takes. Sharp posteriors need little noise, broad ones the middle of the path
# (docs/results.md; methods.sh has the same).
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
    return common.cells(options, TASKS, METHODS, "{}_flux1_{}")


def points(options):
    for task, method, name in cells(options):
        for solver, cost in SOLVERS.items():
            for evaluations in EVALUATIONS:
                yield task, name, f"{name} {solver} {evaluations}", solver, evaluations // cost


def score(options, scores):
    for task, name, point, solver, steps in points(options):
        if point in scores.values:
            continue
        file = options.out / "solvers.npz"
        file.unlink(missing_ok=True)
        # With few evaluations most samples may lie outside the prior: those that do not are compared.
        samples = common.sample(options, task, options.out / name, file, "--solver", solver, "--steps",
                                str(steps), "--set", "sampling.max_tries=20")
        scores.get(point, lambda: sum(
            common.random_forest(common.reference(options, task, k), samples[row])
            for row, k in enumerate(options.observations)) / len(options.observations))
        file.unlink()


def draw(options, scores):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    figure, panels = plt.subplots(len(METHODS), len(TASKS), figsize=(13, 11), sharex=True,
                                  layout="constrained")
    for task, method, name in cells(options):
        panel = panels[list(METHODS).index(method)][TASKS.index(task)]
        for index, solver in enumerate(SOLVERS):
            found = [(e, scores.values.get(f"{name} {solver} {e}")) for e in EVALUATIONS]
            found = [(e, value) for e, value in found if value is not None]
            auto = solver == AUTO[method]
            style = {"linewidth": 3, "zorder": 3} if auto else {"linewidth": 1}
            panel.plot([e for e, _ in found], [value for _, value in found],
                       marker="o",
                       markersize=3,
                       color=f"C{index}",
                       label=f"{solver} (auto)" if auto else solver,
                       **style)
        panel.set_xscale("log")
        panel.set_xticks(EVALUATIONS, [str(e) for e in EVALUATIONS])
        panel.minorticks_off()
        panel.axvline(30, color="grey", linewidth=0.5)
        panel.set_title(f"{task}, {method}", fontsize=10)
        panel.legend(fontsize=7)
    figure.supxlabel("network evaluations a sample")
    figure.supylabel("C2ST (random forest); 0.5 is indistinguishable from the reference")
    figure.savefig(options.out / "solvers.png", dpi=80)


def main():
    ap = common.arguments(__doc__)
    ap.set_defaults(observations=[1, 4, 8], draws=1500)
    ap.add_argument("--stage", choices=["train", "score", "draw"], help="one stage alone (default: all)")
    options = ap.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    scores = common.Scores(options.out / "solvers.json")
    if options.stage in (None, "train"):
        for task, method, name in cells(options):
            config = common.ROOT / f"configs/methods/{task}_flux1.yaml"
            common.train(options, config, options.out / name, settings(task)[method])
    if options.stage in (None, "score"):
        score(options, scores)
    if options.stage in (None, "draw"):
        draw(options, scores)


if __name__ == "__main__":
    main()
