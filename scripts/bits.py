#!/usr/bin/env python3
"""Do the numbers stand still? Compares what a program computes with what a program of an earlier commit
computed.

    scripts/bits.py compare build/fluxsbi     # against tests/data/bits
    scripts/bits.py record OLD/fluxsbi        # writes tests/data/bits anew, from that program

Each model is trained for 300 steps in float32 with each method on each engine, one thread, from the same
simulations and seed; then the recorded models are sampled and asked for densities. What the tile engine
computes must be the same to the last bit: weights, samples, densities. The reference engine adds in another
order since its fused operations went. Of it losses, samples, densities, the first step's gradient and the
weights after 1, 10, 100 and 300 steps are compared, the last two as vectors by their norms. The biases of
keys are left out: they shift all scores of a softmax alike, so that their gradient is zero but for
rounding, which AdamW makes steps of. docs/build.md has the figures. On a processor whose instruction set
differs from the recording one's, LibTorch's own products round differently: the differences that are
printed are then those of float32. The exit code is 1 where something differs by more than is allowed.
"""

import json
import math
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "tests/data/bits"
MODELS = {
    "flux1":
        "{depth: 1, depth_single_blocks: 1, num_heads: 2, val_emb_dim: 2, id_emb_dim: 2, "
        "id_merge_mode: concat, id_embedding_strategy: [absolute, absolute], mlp_ratio: 2, "
        "param_dtype: float32}",
    "flux1joint": "{depth_single_blocks: 1, num_heads: 2, val_emb_dim: 2, id_emb_dim: 2, cond_emb_dim: 2, "
                  "id_merge_mode: concat, mlp_ratio: 2, param_dtype: float32}",
    "simformer":
        "{dim_value: 4, dim_id: 2, dim_condition: 2, num_heads: 2, num_layers: 1, fourier_features: 16, "
        "param_dtype: float32}",
}
METHODS = {"flow": "flow", "edm": "diffusion", "score": "score_matching"}
# The largest difference, relative to the largest number: of weights and losses, of samples, of densities,
# whose adaptive solver chooses its steps by its errors and so turns a rounding into more.
ENGINES = {"tile": (0.0, 0.0, 0.0), "reference": (1e-6, 1e-6, 5e-4)}
# The reference engine's gradient (moment1 after a step is a tenth of it) and weights: the step of their
# checkpoint and the array there.
VECTORS = {"gradient of step 1": (1, "moment1"), "weights after 1 step": (1, "master"),
           "weights after 10 steps": (10, "master"), "weights after 100 steps": (100, "master"),
           "weights after 300 steps": (300, "master")}
VECTOR_TOLERANCE = 1e-6  # of the difference's norm, relative to that of what was recorded


def run(program, *words, engine="tile"):
    environment = {"OMP_NUM_THREADS": "1", "FLUXSBI_ENGINE": engine, "PATH": "/usr/bin:/bin"}
    done = subprocess.run([str(program), *map(str, words)], env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}: exit code {done.returncode}\n{done.stderr}")


def read_tensors(path):
    """{name: tuple of numbers} of the float32 tensors of a .safetensors file."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header, tensors = json.loads(data[8:8 + length]), {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            tensors[name] = struct.unpack(f"<{(end - begin) // 4}f", data[begin:end])
    return tensors


def read_losses(path):
    """Training and validation losses of a metrics.jsonl."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [
        value for line in lines for key, value in sorted(line.items())
        if key.endswith("_loss") and value is not None
    ]


def write_tensors(path, tensors):
    header, body = {}, b""
    for name, values in tensors.items():
        packed = struct.pack(f"<{len(values)}f", *values)
        header[name] = {
            "dtype": "F32",
            "shape": [len(values)],
            "data_offsets": [len(body), len(body) + len(packed)]
        }
        body += packed
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def read_npy(path):
    """The numbers of a float32 or float64 .npy file."""
    data = path.read_bytes()
    length = struct.unpack("<H", data[8:10])[0]
    kind = "d" if b"'<f8'" in data[10:10 + length] else "f"
    body = data[10 + length:]
    return struct.unpack(f"<{len(body) // struct.calcsize(kind)}{kind}", body)


def config(model, method, engine):
    keep = ", save_every: 1, keep_checkpoints: 300" if engine == "reference" else ""
    return (f"strategy: {{method: {METHODS[method]}, model: {model}}}\nmodel: {MODELS[model]}\n"
            "optimizer: {max_lr: 1.0e-3, warmup_steps: 20}\n"
            f"training: {{nsteps: 300, batch_size: 32, val_every: 100, log_every: 100, seed: 3{keep}}}\n")


def key_biases(run):
    """The places of the biases of keys in a checkpoint's arrays, found by their numbers in the model file."""
    best = read_tensors(run / "checkpoints/step_00000300.safetensors")["best_ema"]
    places = set()
    for name, values in read_tensors(run / "model.safetensors").items():
        if name.endswith(".key.bias"):
            begin = next(at for at in range(len(best)) if best[at:at + len(values)] == values)
            places.update(range(begin, begin + len(values)))
    return places


def reference_numbers(run):
    """{part: numbers} of a run of the reference engine: its losses and VECTORS."""
    numbers, left_out = {"losses": read_losses(run / "metrics.jsonl")}, key_biases(run)
    for part, (step, array) in VECTORS.items():
        flat = read_tensors(run / f"checkpoints/step_{step:08d}.safetensors")[array]
        numbers[part] = [value for place, value in enumerate(flat) if place not in left_out]
    return numbers


def trainings(program, scratch):
    """(name, largest difference, {name: numbers}, model file) of each training."""
    data = scratch / "simulations.npz"
    run(program, "simulate", "two_moons", "-n", 500, "--seed", 5, "-o", data, "-q")
    for model in MODELS:
        for method in METHODS:
            for engine, (tolerance, _, _) in ENGINES.items():
                name = f"{model}.{method}.{engine}"
                yaml, folder = scratch / f"{name}.yaml", scratch / name
                yaml.write_text(config(model, method, engine))
                run(program, "train", yaml, "--data", data, "-o", folder, "-q", "--set",
                    "training.compute=float32", engine=engine)
                file = folder / "model.safetensors"
                numbers = read_tensors(file) if engine == "tile" else reference_numbers(folder)
                yield name, tolerance, numbers, file
                shutil.rmtree(folder)


def answers(program, scratch, models):
    """(name, largest difference, numbers) of samples and densities of the models of a folder."""
    observations, theta = scratch / "observations.npz", scratch / "theta.npz"
    for path in (observations, theta):
        run(program, "simulate", "two_moons", "-n", 3, "--seed", 7, "-o", path, "-q")
    for path in sorted(models.glob("*.safetensors")):
        for engine, (_, of_samples, of_densities) in ENGINES.items():
            samples, density = scratch / "samples.npy", scratch / "density.npy"
            run(program, "sample", path, "--x", observations, "-n", 40, "--seed", 9, "-o", samples,
                "--force", "-q", engine=engine)
            yield f"samples.{path.stem}.{engine}", of_samples, read_npy(samples)
            run(program, "log-prob", path, "--theta", theta, "--x", observations, "-o", density, "--force",
                "-q", engine=engine)
            yield f"log_prob.{path.stem}.{engine}", of_densities, read_npy(density)


def record(program, scratch):
    shutil.rmtree(FOLDER, ignore_errors=True)
    models = FOLDER / "models"
    models.mkdir(parents=True)
    found = {}
    for name, _, numbers, path in trainings(program, scratch):
        for part, values in numbers.items():
            found[f"{name}/{part}"] = values
        if name.endswith(".flow.tile"):
            shutil.copy(path, models / f"{name.split('.')[0]}.safetensors")
    for name, _, values in answers(program, scratch, models):
        found[name] = values
    write_tensors(FOLDER / "numbers.safetensors", found)
    print(f"wrote {len(found)} arrays to {FOLDER}")


def difference(found, expected):
    """The largest difference, relative to the largest number; NaN equals NaN."""
    if len(found) != len(expected):
        return float("inf")
    scale = max((abs(value) for value in expected if value == value), default=0.0) or 1.0
    largest = 0.0
    for a, b in zip(found, expected):
        if a != b and (a == a or b == b):
            gap = abs(a - b) / scale
            largest = max(largest, gap if gap == gap else float("inf"))
    return largest


def vector_differences(found, expected):
    """The norm of the difference relative to that of `expected`, the largest difference, and the largest of a
    number relative to that number."""
    gaps = [abs(a - b) for a, b in zip(found, expected, strict=True)]
    norm = math.sqrt(sum(b * b for b in expected))
    relative = max((gap / abs(b) if b else math.inf for gap, b in zip(gaps, expected) if gap), default=0.0)
    return math.sqrt(sum(gap * gap for gap in gaps)) / norm, max(gaps), relative


def as_float32(values):
    return struct.unpack(f"<{len(values)}f", struct.pack(f"<{len(values)}f", *values))


def compare(program, scratch):
    expected = read_tensors(FOLDER / "numbers.safetensors")
    bad = 0

    def judge(name, tolerance, pairs):
        nonlocal bad
        largest = max(difference(as_float32(found), recorded) for found, recorded in pairs)
        fine = largest <= tolerance
        bad += not fine
        verdict = "the same bits" if largest == 0 else f"differs by {largest:.2g} of the largest number"
        print(
            f"{'ok  ' if fine else 'BAD '} {name}: {verdict}{'' if fine else f', {tolerance:.2g} is allowed'}"
        )

    def judge_vector(name, found, recorded):
        nonlocal bad
        norm, largest, relative = vector_differences(found, recorded)
        fine = norm <= VECTOR_TOLERANCE
        bad += not fine
        allowed = "" if fine else f"; {VECTOR_TOLERANCE:.2g} of the norm is allowed"
        print(f"{'ok  ' if fine else 'BAD '} {name}: differs by {norm:.2g} of its norm, a number by at most "
              f"{largest:.2g} and {relative:.2g} of itself{allowed}")

    for name, tolerance, numbers, _ in trainings(program, scratch):
        recorded = {
            key.split("/", 1)[1]: values for key, values in expected.items() if key.startswith(name + "/")
        }
        if set(numbers) != set(recorded):
            sys.exit(f"{name}: other weights than recorded: {sorted(set(numbers) ^ set(recorded))}")
        judge(name, tolerance, [(numbers[key], recorded[key]) for key in recorded if key not in VECTORS])
        for part in (part for part in VECTORS if part in recorded):
            judge_vector(f"{name}, {part}", numbers[part], recorded[part])
    for name, tolerance, values in answers(program, scratch, FOLDER / "models"):
        judge(name, tolerance, [(values, expected[name])])
    return bad


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("record", "compare"):
        sys.exit(__doc__)
    program = Path(sys.argv[2]).resolve()
    with tempfile.TemporaryDirectory() as scratch:
        if sys.argv[1] == "record":
            record(program, Path(scratch))
        elif bad := compare(program, Path(scratch)):
            sys.exit(f"{bad} of the numbers have changed")


if __name__ == "__main__":
    main()
