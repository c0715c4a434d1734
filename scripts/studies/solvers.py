#!/usr/bin/env python3
"""C2ST against the number of network evaluations, for every method on four tasks (docs/solvers.md).

solvers.py OUT --sbibm DIR [--stage train|score|draw] [--only WORD ...]

Trains Flux1 with each method and configs/methods (a folder of methods.py serves as OUT, too), samples with every solver at
several numbers of evaluations, scores by scikit-learn's random forest and draws OUT/solvers.png. The same noise is used
throughout, so that curves differ by their solvers alone. Needs numpy, scikit-learn and matplotlib.
"""
import common
import methods

TASKS = ["two_moons", "slcp", "gaussian_linear", "gaussian_mixture"]
EVALUATIONS = [6, 10, 16, 30, 100]
# Name in the picture: solver, evaluations a step, further options. "auto" is what the methods take by default.
SOLVERS = {
    "euler": ("euler", 1, []),
    "heun": ("heun", 2, []),
    "adams_bashforth": ("adams_bashforth", 1, []),
    "dpmpp_2m": ("dpmpp_2m", 1, []),
}
AUTO = {
    "flow": ("adams_bashforth", 1, ["--set", "sampling.spacing=2"]),
    "edm": ("dpmpp_2m", 1, []),
    "ve": ("dpmpp_2m", 1, []),
    "vp": ("dpmpp_2m", 1, []),
}


def cells(options):
    return common.cells(options, TASKS, methods.METHODS, "{}_flux1_{}")


def curves(method):
    """The solvers of a method's panel by name, the default's last, so that it is drawn on top."""
    shown = dict(SOLVERS)
    shown["auto"] = AUTO[method]
    if AUTO[method] in SOLVERS.values():
        shown = {name: solver for name, solver in shown.items() if solver != AUTO[method] or name == "auto"}
    return shown


def label(method, curve):
    solver, _, more = AUTO[method]
    return f"auto: {solver}" + (", spacing 2" if more else "") if curve == "auto" else curve


def points(options):
    for task, method, name in cells(options):
        for curve, (solver, cost, more) in curves(method).items():
            for evaluations in EVALUATIONS:
                yield task, name, f"{name} {curve} {evaluations}", solver, evaluations // cost, more


def score(options, scores):
    for task, name, point, solver, steps, more in points(options):
        if point in scores.values:
            continue
        file = options.out / "solvers.npz"
        file.unlink(missing_ok=True)
        samples = common.sample(options, task, options.out / name, file, "--solver", solver, "--steps", str(steps),
                                *more)
        scores.get(point, lambda: sum(
            common.random_forest(common.reference(options, task, k), samples[row])
            for row, k in enumerate(options.observations)) / len(options.observations))
        file.unlink()


def draw(options, scores):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    figure, panels = plt.subplots(len(methods.METHODS), len(TASKS), figsize=(13, 11), sharex=True, layout="constrained")
    for task, method, name in cells(options):
        panel = panels[list(methods.METHODS).index(method)][TASKS.index(task)]
        for curve in curves(method):
            found = [(e, scores.values.get(f"{name} {curve} {e}")) for e in EVALUATIONS]
            found = [(e, value) for e, value in found if value is not None]
            style = {"color": "black", "linewidth": 2} if curve == "auto" else {"linewidth": 1}
            panel.plot([e for e, _ in found], [value for _, value in found], marker="o", markersize=3,
                       label=label(method, curve), **style)
        panel.set_xscale("log")
        panel.set_xticks(EVALUATIONS, [str(e) for e in EVALUATIONS])
        panel.minorticks_off()
        panel.axvline(30, color="grey", linewidth=0.5)
        panel.set_title(f"{task}, {method}", fontsize=10)
        panel.legend(fontsize=7)
    figure.supxlabel("network evaluations a sample")
    figure.supylabel("C2ST (random forest); 0.5 is indistinguishable from the reference")
    figure.savefig(options.out / "solvers.png", dpi=90)


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
            common.train(options, config, options.out / name, methods.settings(task)[method])
    if options.stage in (None, "score"):
        score(options, scores)
    if options.stage in (None, "draw"):
        draw(options, scores)


if __name__ == "__main__":
    main()
