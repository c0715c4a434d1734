#!/usr/bin/env python3
"""Opens what `fluxsbi export` writes with the programs that it is written for, and compares the numbers.

    scripts/check_exchange.py FLUXSBI [--keep FOLDER]

FLUXSBI is the program. Two virtual environments with pinned versions are made once, in $FLUXSBI_CACHE
(default ${XDG_CACHE_HOME:-~/.cache}/fluxsbi): ArviZ 0.x with xarray, getdist, ChainConsumer and corner, and
ArviZ 1.x, which needs Python 3.12. --keep leaves the files and pictures in FOLDER.

Exit code 0: all agree. 1: something differs. 77: nothing could be checked, for the reason that is printed (no
network).
"""

import argparse
import concurrent.futures
import fcntl
import glob
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SKIPPED = 77
COMMON = [
    "xarray==2026.9.0", "h5netcdf==1.8.2", "h5py==3.16.0", "netCDF4==1.7.5.1.post1", "matplotlib==3.11.2"
]
ENVIRONMENTS = {  # name: (packages, oldest Python)
    "arviz-0": (["arviz==0.23.4", "getdist==1.7.7", "ChainConsumer==1.3.0", "corner==2.3.0",
                 *COMMON], (3, 11)),
    "arviz-1": (["arviz==1.3.0", *COMMON], (3, 12)),
}


# --- outside: the environments, and the files --------------------------------------------------------------


def say(text):
    print(text, flush=True)


def pythons():
    """Interpreters to choose from, this one first."""
    yield sys.executable
    for minor in range(14, 10, -1):
        if found := shutil.which(f"python3.{minor}"):
            yield found
    yield from sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/3.1[0-9]*/bin/python3")))


def python_of(oldest):
    for python in pythons():
        ask = [python, "-c", f"import sys, venv, ensurepip; sys.exit(sys.version_info < {oldest})"]
        if subprocess.run(ask, capture_output=True, check=False).returncode == 0:
            return python
    return None


def environment(name):
    """The Python of the environment, which is made where it is missing; or None and why."""
    packages, oldest = ENVIRONMENTS[name]
    base = python_of(oldest)
    if base is None:
        return None, f"no Python {oldest[0]}.{oldest[1]} or newer with venv is installed"
    cache = os.environ.get("FLUXSBI_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "fluxsbi")
    digest = hashlib.sha256(" ".join([os.path.realpath(base), *packages]).encode()).hexdigest()[:12]
    folder = Path(cache) / "exchange" / f"{name}-{digest}"
    python = folder / "bin" / "python"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{folder}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / "complete").exists():
            return python, ""
        shutil.rmtree(folder, ignore_errors=True)
        say(f"{name}: installing {', '.join(packages)}")
        pip = [python, "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check",
               "--retries", "1", "--timeout", "20", "--only-binary=:all:", *packages]
        for command in ([base, "-m", "venv", folder], pip):
            done = subprocess.run([str(word) for word in command],
                                  capture_output=True,
                                  text=True,
                                  check=False)
            if done.returncode != 0:
                shutil.rmtree(folder, ignore_errors=True)
                lines = (done.stderr or done.stdout).strip().splitlines()
                return None, "the environment cannot be made: " + (lines[-1] if lines else "no reason given")
        (folder / "complete").touch()
    return python, ""


def run_program(program, folder, *words):
    done = subprocess.run([program, *words, "--force"],
                          cwd=folder,
                          capture_output=True,
                          text=True,
                          check=False)
    if done.returncode != 0:
        sys.exit(f"fluxsbi {' '.join(words)} ended with {done.returncode}: {done.stderr}")


def write_files(program, folder):
    """Samples of an exact posterior, and all that export can be given beside them."""

    def run(*words):
        run_program(program, folder, *words)

    run("simulate", "two_moons", "-n", "3", "--seed", "3", "-o", "observed.npz")
    run("simulate", "two_moons", "-n", "500", "--seed", "4", "-o", "prior.npz")
    run("simulate", "two_moons", "--posterior", "observed.npz", "-n", "200", "-o", "samples.npz")
    run("simulate", "two_moons", "--posterior", "observed.npz", "-n", "200", "-o", "samples.h5")
    run("simulate", "two_moons", "--theta", "samples.npz", "-o", "predictive.npz")


def export_files(program, folder):
    def run(*words):
        run_program(program, folder, "export", "samples.npz", *words)

    sides = [
        "--log-prob", "log_prob.npy", "--prior", "prior.npz", "--predictive", "predictive.npz", "--pit",
        "pit.npz"
    ]
    run(*sides, "-o", "all.nc")
    run(*sides, "--row", "1", "-o", "one.nc")
    run("--row", "1", "--log-prob", "log_prob.npy", "--weights", "weights.npy", "-o", "one.csv")
    run("--row", "1", "--log-prob", "log_prob.npy", "--weights", "weights.npy", "-o", "chain.txt")
    run("--draws-first", "-o", "first.npz")


def write_numbers():
    """What stands for the results of other commands."""
    import numpy

    random = numpy.random.default_rng(1)
    numpy.save("log_prob.npy", random.normal(size=(3, 200)))
    numpy.save("weights.npy", random.uniform(0.5, 1.5, size=(3, 200)))
    numpy.savez("pit.npz", pit=random.uniform(size=(150, 2)), rank=random.integers(0, 100, size=(150, 2)))


# --- inside an environment: one function a program ---------------------------------------------------------


def truth():
    import numpy

    samples = numpy.load("samples.npz")
    return {
        "samples": samples["samples"].astype("float64"),  # [3, 200, 2]
        "x": samples["x"].astype("float64"),
        "log_prob": numpy.load("log_prob.npy"),
        "weight": numpy.load("weights.npy"),
        "prior": numpy.load("prior.npz")["theta"].astype("float64"),
        "predictive": numpy.load("predictive.npz")["x"].astype("float64").reshape(3, 200, 2),
        "pit": numpy.load("pit.npz")["pit"],
    }


def same(found, wanted, what):
    import numpy

    found, wanted = numpy.asarray(found), numpy.asarray(wanted)
    assert found.shape == wanted.shape, f"{what}: shape {found.shape}, not {wanted.shape}"
    assert numpy.array_equal(found, wanted), f"{what}: largest difference {numpy.abs(found - wanted).max()}"


def check_groups(tree, wanted, row):
    """A tree of datasets (xarray's or ArviZ's) against the arrays; row: None where the file holds all."""
    many = row is None
    rows = slice(None) if many else row
    dims = ("chain", "draw", "observation") if many else ("chain", "draw")
    for j, name in enumerate(("theta_0", "theta_1")):
        variable = tree["posterior"][name]
        assert variable.dims == dims, f"{name}: dimensions {variable.dims}"
        same(variable.values[0], wanted["samples"][rows, :, j].T if many else wanted["samples"][row, :, j],
             name)
        same(tree["prior"][name].values[0], wanted["prior"][:, j], "prior " + name)
        same(tree["prior_sbc"][name].values[0], wanted["pit"][:, j], "PIT " + name)
    same(tree["sample_stats"]["lp"].values[0], wanted["log_prob"][rows].T, "lp")
    x = tree["posterior_predictive"]["x"]
    assert x.dims == (*dims, "x_dim_0"), f"predictive: dimensions {x.dims}"
    same(x.values[0], wanted["predictive"][rows].swapaxes(0, 1) if many else wanted["predictive"][row],
         "predictive")
    same(tree["observed_data"]["x"].values, wanted["x"][rows], "x")
    same(tree["posterior"]["draw"].values, range(200), "draw")


def check_xarray(wanted):
    import xarray

    for engine in ("h5netcdf", "netcdf4"):
        for path, row in (("all.nc", None), ("one.nc", 1)):
            with xarray.open_datatree(path, engine=engine) as tree:
                check_groups(tree, wanted, row)
                assert tree.attrs["creation_library"] == "fluxsbi", tree.attrs
        with xarray.open_dataset("samples.h5", engine=engine) as samples:
            assert samples["samples"].dims == ("observation", "draw", "parameter"), samples["samples"].dims
            assert not any(str(name).startswith("phony") for name in samples.sizes), samples.sizes
            same(samples["samples"].values.astype("float64"), wanted["samples"], "samples.h5")
    return f"xarray {xarray.__version__}"


def check_netcdf4(wanted):
    import netCDF4

    with netCDF4.Dataset("one.nc") as file:
        group = file.groups["posterior"]
        assert group.variables["theta_0"].dimensions == ("chain",
                                                         "draw"), group.variables["theta_0"].dimensions
        same(group.variables["theta_0"][0].filled(), wanted["samples"][1, :, 0], "theta_0")
    return f"netCDF4 {netCDF4.__version__}"


def check_arviz(wanted):
    import arviz
    import numpy

    data = arviz.from_netcdf("one.nc")
    check_groups(data, wanted, 1)
    check_groups(arviz.from_netcdf("all.nc"), wanted, None)
    mean = arviz.summary(data, round_to="none")["mean"].to_numpy(dtype=float)
    assert numpy.allclose(mean, wanted["samples"][1].mean(axis=0), rtol=1e-6), mean
    if arviz.__version__.startswith("0."):
        axes = arviz.plot_pair(data, kind="kde", marginals=True)
        axes[0, 0].figure.savefig("arviz0_pair.png")
        axes = arviz.plot_ppc(data, num_pp_samples=20, random_seed=1)
        numpy.ravel(axes)[0].figure.savefig("arviz0_ppc.png")
    else:
        arviz.plot_dist(data).savefig("arviz1_dist.png")
        arviz.plot_ecdf_pit(data, group="prior_sbc").savefig("arviz1_pit.png")
        arviz.plot_ppc_dist(data, num_samples=20).savefig("arviz1_ppc.png")
        arviz.plot_prior_posterior(data).savefig("arviz1_prior.png")
    return f"ArviZ {arviz.__version__}"


def check_getdist(wanted):
    import getdist
    import getdist.plots
    import numpy

    chain = getdist.loadMCSamples(os.path.abspath("chain"), settings={"ignore_rows": 0})
    assert [name.name for name in chain.paramNames.names] == ["theta_0", "theta_1"]
    assert chain.paramNames.names[0].label == r"\theta_{0}"
    same(chain.samples.astype("float32"), wanted["samples"][1].astype("float32"), "samples")
    same(chain.weights, wanted["weight"][1], "weights")
    same(chain.loglikes, -wanted["log_prob"][1], "log-posterior")
    mean = numpy.average(wanted["samples"][1], axis=0, weights=wanted["weight"][1])
    assert numpy.allclose(chain.getMeans(), mean), chain.getMeans()
    plotter = getdist.plots.get_subplot_plotter()
    plotter.triangle_plot([chain], filled=True)
    plotter.export("getdist.png")
    return f"getdist {getdist.__version__}"


def check_chainconsumer(wanted):
    import pandas
    from chainconsumer import Chain, ChainConsumer
    from importlib.metadata import version

    table = pandas.read_csv("one.csv", float_precision="round_trip")
    assert list(table.columns) == ["theta_0", "theta_1", "log_posterior", "weight"], table.columns
    same(table[["theta_0", "theta_1"]].to_numpy(), wanted["samples"][1], "samples")
    same(table["log_posterior"].to_numpy(), wanted["log_prob"][1], "log-posterior")
    chain = Chain(samples=table, name="fluxsbi")
    assert list(chain.data_columns) == ["theta_0", "theta_1"], chain.data_columns
    same(chain.weights, wanted["weight"][1], "weights")
    consumer = ChainConsumer()
    consumer.add_chain(chain)
    consumer.plotter.plot(filename="chainconsumer.png")
    return f"ChainConsumer {version('ChainConsumer')}"


def check_corner(wanted):
    import arviz
    import corner

    figure = corner.corner(arviz.from_netcdf("one.nc"), group="posterior")
    assert len(figure.axes) == 4, len(figure.axes)
    figure.savefig("corner.png")
    del wanted
    return f"corner {corner.__version__}"


def check_draws_first(wanted):
    import numpy

    found = numpy.load("first.npz")["samples_draws_first"]
    same(found, wanted["samples"].swapaxes(0, 1), "samples_draws_first")
    return f"NumPy {numpy.__version__}"


def inside(name):
    import matplotlib

    matplotlib.use("Agg")
    import warnings

    warnings.simplefilter("ignore")
    checks = [check_xarray, check_netcdf4, check_arviz, check_draws_first]
    if name == "arviz-0":
        checks += [check_getdist, check_chainconsumer, check_corner]
    wanted, failed = truth(), 0
    for check in checks:
        try:
            say(f"{name}: {check(wanted)} agrees")
        except Exception as problem:  # each program has errors of its own
            failed += 1
            say(f"{name}: {check.__name__} FAILED: {type(problem).__name__}: {problem}")
    return failed


# ----------------------------------------------------------------------------------------------------------


def check_all(program, folder):
    found = {}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        made = dict(zip(ENVIRONMENTS, pool.map(environment, ENVIRONMENTS)))
    for name, (python, reason) in made.items():
        if python is None:
            say(f"{name}: not checked: {reason}")
        else:
            found[name] = python
    if not found:
        say("skipped: no environment")
        return SKIPPED
    script = os.path.abspath(__file__)
    write_files(program, folder)
    subprocess.run([next(iter(found.values())), script, "--inside", "numbers"], cwd=folder, check=True)
    export_files(program, folder)
    running = [
        subprocess.Popen([python, script, "--inside", name], cwd=folder) for name, python in found.items()
    ]
    return int(any([process.wait() != 0 for process in running]))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs="?", help="the program fluxsbi")
    parser.add_argument("--keep", help="folder that keeps the files and pictures")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside == "numbers":
        return write_numbers()
    if arguments.inside:
        return int(inside(arguments.inside) > 0)
    if not arguments.program:
        parser.error("name the program fluxsbi")
    program = os.path.abspath(arguments.program)
    if arguments.keep:
        os.makedirs(arguments.keep, exist_ok=True)
        return check_all(program, arguments.keep)
    with tempfile.TemporaryDirectory() as folder:
        return check_all(program, folder)


if __name__ == "__main__":
    sys.exit(main())
