#!/usr/bin/env python3
"""C2ST and samples a second of students and their teacher (docs/distillation.md).

distillation.py OUT --sbibm DIR [--only TASK ...] [--stage score|rates|draw] [--steps N]
                [--evaluations K ...] [--distill WORD ...]

Trains a model of each task on 10,000 simulations, distils a student for each number of evaluations, and
scores both by scikit-learn's random forest. For comparison the teacher also draws with as few steps, of its
own solver and of ddim, which is the student before its training. The models are the recipe's; ar1_series has
an embedding network (configs/series_cnn1d.yaml), and observations and exact posterior draws of its own.

Rates are draws a second of the processor, without the time to start. All samplers of a task take turns, so
that their ratios hold on a machine that others use. Everything runs on one thread, and a second call goes on
where the first one was stopped. OUT/scores.json keeps every number, OUT/distillation.md the tables and
OUT/distillation.png the picture. Needs numpy, scikit-learn and, for the picture, matplotlib.
"""
import os
import statistics
import subprocess
from types import SimpleNamespace

import common
import numpy as np

TASKS = ["two_moons", "gaussian_linear", "slcp", "ar1_series"]
CONFIGS = {"ar1_series": "configs/series_cnn1d.yaml"}
MODELS = {"slcp": ["--set", "strategy.model=flux1joint"]}
OF_TEACHER = 30  # evaluations that a draw of the teacher takes


def fluxsbi(options, *words):
    """Runs the program; the seconds that the processor worked for it."""
    process = subprocess.Popen([str(options.fluxsbi), *map(str, words)], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"error: fluxsbi {' '.join(map(str, words))} failed")
    return used.ru_utime + used.ru_stime


def learn(options, run, *words):
    """Trains into the folder RUN; the seconds of the processor, None where an earlier call began it."""
    if (run / "config.yaml").exists():
        fluxsbi(options, "resume", run, "-q")
        return None
    return fluxsbi(options, *words, "-o", run, "-q", "--force")


def train(options, task):
    data, settings = options.out / f"{task}.npz", ["--set", f"training.nsteps={options.steps}"]
    if task in CONFIGS:
        return learn(options, options.out / task, "train", common.ROOT / CONFIGS[task], "--set",
                     "data.simulations=10000", *settings)
    if not data.exists():
        fluxsbi(options, "simulate", task, "-n", 10000, "--seed", 5, "-q", "-o", data)
    return learn(options, options.out / task, "train", "--data", data, *settings, *MODELS.get(task, []))


def distil(options, task, k):
    return learn(options, options.out / f"{task}_{k}", "distill", options.out / task, "--evaluations", k,
                 *options.distill)


def observe(options, task):
    """The file of the task's observations, and one array of reference draws for each of them."""
    observed = options.out / f"{task}_x.npy"
    if task not in CONFIGS:
        common.save_observations(options, task, observed)
        return observed, [np.load(common.reference(options, task, k)) for k in options.observations]
    simulated, exact = options.out / f"{task}_x.npz", options.out / f"{task}_exact.npz"
    if not exact.exists():
        fluxsbi(options, "simulate", task, "-n", len(options.observations), "--seed", 7, "-q", "--force",
                "-o", simulated)
        fluxsbi(options, "simulate", task, "--posterior", simulated, "-n", options.draws, "--seed", 8, "-q",
                "-o", exact)
    np.save(observed, np.load(simulated)["x"])
    return observed, list(np.load(exact)["samples"])


def draw_samples(options, run, observed, count, *more):
    """The samples [observations, count, d], and the seconds of the processor."""
    file = options.out / f"draws_{os.getpid()}.npz"
    seconds = fluxsbi(options, "sample", run, "--x", observed, "-n", count, "--seed", 9, "-q", "-o", file,
                      "--force", "--set", "sampling.max_tries=20", *more)
    samples = np.load(file)["samples"]
    file.unlink()
    return samples, seconds


def score(options, task, run, *more):
    """The C2ST of each observation."""
    observed, references = observe(options, task)
    samples, _ = draw_samples(options, run, observed, options.draws, *more)
    rows = [row.reshape(len(row), -1) for row in samples]
    return [
        float(common.forest_c2st(reference[:len(row)].reshape(len(row), -1), row).mean())
        for reference, row in zip(references, (row[np.isfinite(row).all(axis=1)] for row in rows))
    ]


def teacher(options, task):
    seconds = train(options, task)
    return {"c2st": score(options, task, options.out / task), "seconds": seconds}


def student(options, task, k):
    seconds = distil(options, task, k)
    return {"c2st": score(options, task, options.out / f"{task}_{k}"), "seconds": seconds}


def few_steps(options, task, solver, k):
    return {"c2st": score(options, task, options.out / task, "--solver", solver, "--steps", k)}


def names(options, task):
    """What is scored of a task: its teacher first."""
    rows = {f"{task} teacher": lambda: teacher(options, task)}
    for k in options.evaluations:
        for solver in ["auto", "ddim"]:
            rows[f"{task} {solver} {k}"] = lambda solver=solver, k=k: few_steps(options, task, solver, k)
        rows[f"{task} student {k}"] = lambda k=k: student(options, task, k)
    rows[f"{task} ddim {OF_TEACHER}"] = lambda: few_steps(options, task, "ddim", OF_TEACHER)
    return rows


def show(name, found):
    seconds = f"{found['seconds']:6.0f} s" if found.get("seconds") else " " * 8
    print(f"{name:28} {np.mean(found['c2st']):.3f} {seconds}   " + " ".join(f"{value:.3f}"
                                                                            for value in found["c2st"]),
          flush=True)


def rates(options, task):
    """Draws a second of the teacher (30) and of each student, by evaluations."""
    observed, _ = observe(options, task)
    one = options.out / f"{task}_one.npy"
    np.save(one, np.load(observed)[:1])
    runs = {OF_TEACHER: options.out / task}
    runs |= {k: options.out / f"{task}_{k}" for k in options.evaluations}
    evaluations_in_all = 120000
    seconds, starting = {k: [] for k in runs}, {k: [] for k in runs}
    for _ in range(5):
        for k, run in runs.items():
            starting[k].append(draw_samples(options, run, one, 1)[1])
            seconds[k].append(draw_samples(options, run, one, evaluations_in_all // k)[1])
    return {
        str(k): evaluations_in_all // k / (statistics.median(seconds[k]) - statistics.median(starting[k]))
        for k in runs
    }


def table(options, scores):
    """The tables of docs/distillation.md."""
    columns = [*options.evaluations, OF_TEACHER]
    lines = ["| task | | " + " | ".join(map(str, columns)) + " |", "|---" * (2 + len(columns)) + "|"]
    for task in options.tasks:
        for row, title in {
                "student": "student",
                "auto": "teacher, few steps",
                "ddim": "teacher, ddim"
        }.items():
            cells = []
            for k in columns:
                name = f"{task} teacher" if (row, k) == ("auto", OF_TEACHER) else f"{task} {row} {k}"
                found = scores.values.get(name)
                cells.append(f"{np.mean(found['c2st']):.3f}".lstrip("0") if found else "")
            lines.append(f"| {task if row == 'student' else ''} | {title} | " + " | ".join(cells) + " |")
    lines += [
        "", "| evaluations | " + " | ".join(map(str, columns)) + " |", "|---" * (1 + len(columns)) + "|"
    ]
    for task in options.tasks:
        found = scores.values.get(f"{task} rates")
        if found:
            lines.append(f"| {task} | " +
                         " | ".join(f"{found[str(k)]:,.0f} ({found[str(k)] / found[str(OF_TEACHER)]:.3g})"
                                    for k in columns) + " |")
    (options.out / "distillation.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def draw(options, scores):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    figure, panels = plt.subplots(1,
                                  len(options.tasks),
                                  figsize=(3.4 * len(options.tasks), 3.8),
                                  sharey=True,
                                  squeeze=False,
                                  layout="constrained")
    columns = [*options.evaluations, OF_TEACHER]
    looks = {
        "ddim": SimpleNamespace(label="teacher, ddim", color="C0", width=1),
        "auto": SimpleNamespace(label="teacher, its own solver", color="C1", width=1),
        "student": SimpleNamespace(label="student", color="C2", width=3),
    }
    for task, panel in zip(options.tasks, panels[0]):
        best = scores.values.get(f"{task} teacher")
        if best:
            panel.axhline(np.mean(best["c2st"]), color="grey", linewidth=0.7, linestyle="--")
        speed = scores.values.get(f"{task} rates")
        for row, look in looks.items():
            found = {k: scores.values.get(f"{task} {row} {k}") for k in columns}
            if row == "auto":
                found[OF_TEACHER] = best
            found = {k: float(np.mean(value["c2st"])) for k, value in found.items() if value}
            panel.plot(list(found),
                       list(found.values()),
                       marker="o",
                       markersize=4,
                       color=look.color,
                       linewidth=look.width,
                       label=look.label)
            if row == "student" and speed:
                for k, value in found.items():
                    panel.annotate(f"{speed[str(k)] / speed[str(OF_TEACHER)]:.2g}x", (k, value),
                                   textcoords="offset points",
                                   xytext=(-4, -14),
                                   ha="center",
                                   fontsize=8,
                                   color=look.color)
        panel.set_xscale("log")
        panel.set_xticks(columns, [str(k) for k in columns])
        panel.set_xlim(0.7, 1.3 * OF_TEACHER)
        panel.minorticks_off()
        panel.set_title(task, fontsize=10)
    panels[0][0].set_ylim(0.45, 1.02)
    panels[0][0].legend(fontsize=8)
    figure.supxlabel("evaluations of the network for a sample; 28x: samples a second, in times the teacher's",
                     fontsize=10)
    figure.supylabel("C2ST (random forest); 0.5 is perfect", fontsize=10)
    figure.savefig(options.out / "distillation.png", dpi=80)


def main():
    ap = common.arguments(__doc__)
    ap.add_argument("--stage", choices=["score", "rates", "draw"], help="one stage alone (default: all)")
    ap.add_argument("--steps", type=int, default=4000, help="of the teachers")
    ap.add_argument("--evaluations", type=int, nargs="*", default=[1, 2, 4, 8], metavar="K")
    ap.add_argument("--distill", nargs="*", default=[], metavar="WORD", help="further words for distill")
    ap.set_defaults(draws=4000, observations=[1, 4, 6, 8])
    options = ap.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    options.tasks = [task for task in TASKS if not options.only or task in options.only]
    os.environ["OMP_NUM_THREADS"] = "1"
    scores = common.Scores(options.out / "scores.json")
    if options.stage in (None, "score"):
        for task in options.tasks:
            for name, work in names(options, task).items():
                show(name, scores.get(name, work))
    if options.stage in (None, "rates"):
        for task in options.tasks:
            scores.get(f"{task} rates", lambda task=task: rates(options, task))
    if options.stage in (None, "draw"):
        table(options, scores)
        draw(options, scores)


if __name__ == "__main__":
    main()
