"""What the studies share: running fluxsbi, the benchmark's observations, scores."""
import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
from c2st_forest import forest_c2st  # noqa: E402


def arguments(description):
    """The options that every study has. A study adds its own."""
    ap = argparse.ArgumentParser(description=description,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("out", type=Path, help="folder of runs, samples and scores; what is there is kept")
    ap.add_argument("--only",
                    nargs="*",
                    default=[],
                    metavar="WORD",
                    help="cells whose name contains one of these")
    ap.add_argument("--fluxsbi", default=ROOT / "build/fluxsbi", help="the program (default: build/fluxsbi)")
    ap.add_argument(
        "--sbibm",
        type=Path,
        required=True,
        help="TASK/num_observation_K/{observation.csv,reference_posterior_samples.npy} of sbibm 1.1.0")
    ap.add_argument("--observations", type=int, nargs="*", default=list(range(1, 11)), metavar="K")
    ap.add_argument("--draws", type=int, default=10000)
    return ap


def cells(options, tasks, kinds, pattern):
    """(task, kind, name) of the entries of a table that --only selects; PATTERN makes the name of both."""
    for task in tasks:
        for kind in kinds:
            name = pattern.format(task, kind)
            if not options.only or any(word in name for word in options.only):
                yield task, kind, name


def train(options, config, run, settings, *more):
    """Trains CONFIG (None: the recipe) with SETTINGS into the folder RUN, or continues an earlier call."""
    if (run / "config.yaml").exists():
        command = ["resume", run]
    else:
        command = ["train", *([config] if config else []), "-o", run, "--seed", "1", "--force", *more]
        command += [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    with open(run.with_name(run.name + ".log"), "a", encoding="utf-8") as log:
        subprocess.run([options.fluxsbi, *command], check=True, stdout=log, stderr=log)


def save_observations(options, task, file):
    """The observations of TASK that were asked for, a row each."""
    rows = [
        np.loadtxt(options.sbibm / task / f"num_observation_{k}" / "observation.csv",
                   delimiter=",",
                   skiprows=1,
                   ndmin=1) for k in options.observations
    ]
    np.save(file, np.stack(rows).astype(np.float32))


def sample(options, task, run, file, *more):
    """[observations, draws, d] float32 samples of RUN in FILE, drawn unless they are there; returns them."""
    if not file.exists():
        observed = file.with_suffix(".x.npy")
        save_observations(options, task, observed)
        subprocess.run([
            options.fluxsbi, "sample", run, "--x", observed, "-n",
            str(options.draws), "--seed", "9", "-q", "-o", file, *more
        ],
                       check=True)
    return np.load(file)["samples"]


def reference(options, task, k):
    return options.sbibm / task / f"num_observation_{k}" / "reference_posterior_samples.npy"


def random_forest(reference_file, samples):
    """C2ST by scikit-learn's random forest (scripts/c2st_forest.py)."""
    x = np.load(reference_file)[:len(samples)]
    y = samples[np.isfinite(samples).all(axis=1)]
    return float(forest_c2st(x, y).mean())


def perceptron(options, reference_file, samples_file, row):
    """C2ST by `fluxsbi c2st` (MLP)."""
    done = subprocess.run(
        [options.fluxsbi, "c2st", reference_file, samples_file, "--row",
         str(row), "--json", "-q"],
        check=True,
        capture_output=True,
        text=True)
    return json.loads(done.stdout)["c2st"]


class Scores:
    """Scores by name in one JSON file, written after each new one, so that a study can go on."""

    def __init__(self, file):
        self.file = file
        self.values = json.loads(file.read_text()) if file.exists() else {}

    def get(self, name, compute):
        if name not in self.values:
            value = compute()
            self.values = json.loads(self.file.read_text()) if self.file.exists() else {}
            self.values[name] = value
            partial = self.file.with_suffix(".partial")
            partial.write_text(json.dumps(self.values, indent=1, sort_keys=True))
            os.replace(partial, self.file)
        return self.values[name]


def mean(scores, names):
    """The mean of some scores as text, "" unless all are there."""
    values = [scores.values.get(name) for name in names]
    return "" if None in values else f"{sum(values) / len(values):.3f}"
