#!/usr/bin/env python3
"""C2ST of two files of samples by scikit-learn's random forest, as GenSBI and Simformer score posteriors.

c2st_forest.py REFERENCE SAMPLES [--row K] [--max-rows N] [--threads N]

Files are .npy [n, d], .npz with `samples`, or .csv with a line of names; --row takes the K-th of arrays
[rows, n, d]. The forest has scikit-learn's defaults and random_state 1. Both sets are z-scored by the
reference (ddof 0). Five shuffled folds, seed 1. Prints one JSON object. Needs numpy and scikit-learn.
`fluxsbi benchmark` runs it, where it finds both.
"""
import argparse
import json
import sys
import time


def load(path, row, np):
    """[n, d]: the finite rows."""
    if path.endswith(".csv"):
        values = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
    else:
        values = np.load(path)
        if hasattr(values, "files"):
            values = values["samples"]
    if values.ndim > 2:
        if row is None:
            sys.exit(f"error: {path}: holds samples of {len(values)} observations; choose one with --row")
        values = values[row]
    values = values.reshape(len(values), -1)
    return values[np.isfinite(values).all(axis=1)]


def forest_c2st(x, y, threads=1):
    """The accuracy of each fold; x [n, d] is the reference, y [n, d] the samples."""
    import numpy as np
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import KFold, cross_val_score
    scale = x.std(axis=0)
    scale[scale < 1e-14] = 1
    data = (np.concatenate([x, y]) - x.mean(axis=0)) / scale
    side = np.concatenate([np.zeros(len(x)), np.ones(len(y))])
    forest = RandomForestClassifier(random_state=1, n_jobs=threads)
    folds = KFold(n_splits=5, shuffle=True, random_state=1)
    return cross_val_score(forest, data, side, cv=folds, scoring="accuracy")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("reference")
    ap.add_argument("samples")
    ap.add_argument("--row", type=int)
    ap.add_argument("--max-rows", type=int, default=10000)
    ap.add_argument("--threads", type=int, default=1)
    options = ap.parse_args()
    import numpy as np
    began = time.monotonic()
    x, y = (load(path, options.row, np) for path in (options.reference, options.samples))
    rows = min(len(x), len(y), options.max_rows)
    if rows < 10:
        sys.exit(f"error: {options.samples}: {rows} samples are too few for five folds")
    folds = forest_c2st(x[:rows].astype(np.float64), y[:rows].astype(np.float64), options.threads)
    print(json.dumps({"c2st": float(folds.mean()), "rows": rows, "dimensions": x.shape[1],
                      "folds": folds.tolist(),
                      "seconds": time.monotonic() - began}))


if __name__ == "__main__":
    main()
