#!/usr/bin/env python3
"""Ranks, TARP and L-C2ST of the same draws by fluxsbi, by sbi and by tarp (docs/diagnostics.md).

peer_diagnostics.py OUT [--program PATH] [--pairs N] [--draws L]

Makes pairs of a correlated Gaussian toy and draws of a posterior that is shifted by half a standard
deviation, runs the hidden case [peers] of fluxsbi_test_diagnose on them, and compares. Needs numpy, sbi
(0.27, with torch) and tarp; what cannot be imported is left out and named.
"""
import argparse
import os
import subprocess
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
SHIFT = 0.5


def posterior(x):
    """Mean [n, 2] and covariance [2, 2] for theta ~ N(0, I), x ~ N(theta, S)."""
    noise = np.array([[0.5, 0.35], [0.35, 0.5]])
    covariance = np.linalg.inv(np.eye(2) + np.linalg.inv(noise))
    return x @ np.linalg.inv(noise) @ covariance, covariance, noise


def make_pairs(count, draws, observed, seed):
    random = np.random.default_rng(seed)
    theta = random.normal(size=(count, 2))
    noise = posterior(theta)[2]
    x = theta + random.multivariate_normal(np.zeros(2), noise, size=count)
    mean, covariance, _ = posterior(x)
    mean = mean + SHIFT * np.sqrt(np.diag(covariance))
    samples = mean[:, None] + random.multivariate_normal(np.zeros(2), covariance, size=(count, draws))
    x_o = np.array([0.5, -0.3])
    mean_o = posterior(x_o[None])[0][0] + SHIFT * np.sqrt(np.diag(covariance))
    theta_o = random.multivariate_normal(mean_o, covariance, size=2 * observed)
    low, high = theta.min(axis=0), theta.max(axis=0)
    references = random.uniform(low, high, size=(count, 2))
    arrays = {
        "theta": theta,
        "x": x,
        "samples": samples,
        "references": references,
        "x_o": x_o,
        "theta_o": theta_o
    }
    # float32 on both sides, so that both compare the same numbers
    return {name: values.astype(np.float32).astype(np.float64) for name, values in arrays.items()}


def compare_sbc(pairs, ours):
    import torch
    from sbi.diagnostics.sbc import _run_sbc
    tensors = [torch.from_numpy(pairs[key]) for key in ("theta", "x")]
    samples = torch.from_numpy(pairs["samples"].transpose(1, 0, 2).copy())
    ranks = _run_sbc(*tensors, samples, "marginals", show_progress_bar=False).numpy().T
    print(f"sbc: {int((ranks != ours['ranks']).sum())} of {ranks.size} ranks differ from sbi's")


def compare_tarp(pairs, ours):
    """The curve at 100 credibilities: tarp's is a histogram between the smallest and the largest coverage."""
    import tarp
    theta, references = pairs["theta"], pairs["references"]
    low, high = theta.min(axis=0), theta.max(axis=0)
    ecp, alpha = tarp.get_tarp_coverage(pairs["samples"].transpose(1, 0, 2).copy(), theta.copy(),
                                        references=(references - low) / (high - low + 1e-10), norm=True,
                                        num_alpha_bins=100)
    own = np.searchsorted(np.sort(ours["tarp"]), alpha, side="right") / len(ours["tarp"])
    print(f"tarp: largest difference of the curve from tarp's {np.abs(own - ecp).max():.4f}, "
          f"mean {np.abs(own - ecp).mean():.4f}")


def compare_sbi_tarp(pairs, ours):
    import torch
    from sbi.diagnostics.tarp import _run_tarp
    tensors = [torch.from_numpy(pairs[key]) for key in ("theta", "references")]
    samples = torch.from_numpy(pairs["samples"].transpose(1, 0, 2).copy())
    ecp, alpha = _run_tarp(samples, *tensors, num_bins=100, z_score_theta=True)
    own = np.searchsorted(np.sort(ours["tarp"]), alpha.numpy(), side="right") / len(ours["tarp"])
    print(f"tarp: largest difference of the curve from sbi's {np.abs(own - ecp.numpy()).max():.4f}")


def compare_lc2st(pairs, ours):
    import torch
    from sbi.diagnostics.lc2st import LC2ST
    observed = torch.from_numpy(pairs["theta_o"][:len(pairs["theta_o"]) // 2].astype(np.float32))
    theta, x, draws = (torch.from_numpy(values.astype(np.float32)) for values in
                       (pairs["theta"], pairs["x"], pairs["samples"][:, 0]))
    theirs = []
    for seed in range(1, 11):
        test = LC2ST(theta, x, draws, seed=seed, z_score=True)
        test.train_on_observed_data(verbosity=0)
        theirs.append(float(np.mean(test.get_statistic_on_observed_data(
            theta_o=observed, x_o=torch.from_numpy(pairs["x_o"].astype(np.float32))))))
    print("lc2st: statistic at x_o over ten seeds of the classifier: "
          f"fluxsbi {np.mean(ours['lc2st']):.4f} +- {np.std(ours['lc2st'], ddof=1):.4f}, "
          f"sbi {np.mean(theirs):.4f} +- {np.std(theirs, ddof=1):.4f}")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("out", type=Path, help="folder of the draws and of what fluxsbi says of them")
    ap.add_argument("--program", default=ROOT / "build/tests/diagnose/fluxsbi_test_diagnose")
    ap.add_argument("--pairs", type=int, default=2000)
    ap.add_argument("--draws", type=int, default=1000)
    options = ap.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    pairs = make_pairs(options.pairs, options.draws, 1000, 1)
    np.savez(options.out / "pairs.npz", **pairs)
    environment = dict(os.environ, FLUXSBI_PEERS=str(options.out.resolve()))
    subprocess.run([options.program, "[peers]"], check=True, env=environment, stdout=subprocess.DEVNULL)
    ours = np.load(options.out / "fluxsbi.npz")
    for compare in (compare_sbc, compare_tarp, compare_sbi_tarp, compare_lc2st):
        try:
            compare(pairs, ours)
        except ImportError as missing:
            print(f"{compare.__name__}: left out, {missing}")


if __name__ == "__main__":
    main()
