#!/usr/bin/env python3
"""What the compiler and the emulation say of the CUDA kernels (lib/engine/cuda/kernels), as the tables of
docs/gpu_kernels.md.

    scripts/gpu_kernels.py check           compiles them for sm_80 and sm_90; exit code 1 on a spilled
                                           register, a stack frame or any warning
    scripts/gpu_kernels.py write [BUILD]   the same, and writes the tables into docs/gpu_kernels.md; BUILD
                                           (default build/) holds fluxsbi_kernel_traffic
    scripts/gpu_kernels.py write [BUILD] --measured FILE
                                           the times that `fluxsbi_kernel_check --measure` has printed
                                           on a GPU stand beside the estimates

Without nvcc `check` says so in one line and is content: the tests run the kernels under emulation everywhere.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KERNELS = ROOT / "lib/engine/cuda/kernels"
DOCUMENT = ROOT / "docs/gpu_kernels.md"
ARCHITECTURES = ("sm_80", "sm_90")
# Of a multiprocessor: warps, blocks, registers (given out by 256 to a warp), bytes of shared memory, of which
# each block takes 1 KB for itself (CUDA C++ Programming Guide, "Compute Capabilities").
LIMITS = {"sm_80": (64, 32, 65536, 164 * 1024), "sm_90": (64, 32, 65536, 228 * 1024)}
# An H100 SXM: bytes a second of its memory and of its L2 cache, float32 operations a second; and what
# starting a kernel inside of a graph takes. Datasheet and common experience, not measured here.
MEMORY, CACHE, ARITHMETIC, START = 3.35e12, 5.5e12, 60e12, 2.0e-6


def find_nvcc():
    for folder in (None, os.environ.get("CUDA_HOME", "/usr/local/cuda") + "/bin"):
        if found := shutil.which("nvcc", path=folder):
            return found
    return None


def plain_name(mangled):
    """("attention_gradient", "bfloat16") of a kernel's symbol."""
    name = subprocess.run(["c++filt", mangled], capture_output=True, text=True, check=True).stdout
    kernel, arguments = re.search(r"(\w+)_kernel(?:<([^>]*)>)?\(", name).groups()
    types = ["bfloat16" if "bfloat16" in word else "float32" for word in (arguments or "float").split(",")]
    return kernel, " to ".join(dict.fromkeys((types[0], types[-1])))


def compile_kernels(nvcc, source, architecture):
    """[{kernel, storage, registers, stack, spills, barriers}] of a file; exits on a complaint of nvcc."""
    command = [
        nvcc, "-std=c++17", f"-I{ROOT / 'lib'}", f"-arch={architecture}", "-cubin", "-o", os.devnull,
        "-Xptxas", "-v,--warn-on-spills", "-Werror", "all-warnings",
        str(source)
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{source.name} for {architecture}:\n{done.stdout}{done.stderr}")
    found = []
    pattern = (r"Compiling entry function '(\w+)'.*?(\d+) bytes stack frame, (\d+) bytes spill stores, "
               r"(\d+) bytes spill loads.*?Used (\d+) registers, used (\d+) barriers")
    for symbol, stack, stores, loads, registers, barriers in re.findall(pattern, done.stderr, re.DOTALL):
        kernel, storage = plain_name(symbol)
        found.append({"kernel": kernel, "storage": storage, "registers": int(registers), "stack": int(stack),
                      "spills": int(stores) + int(loads), "barriers": int(barriers)})
    return found


def compile_all(nvcc):
    """{(kernel, storage): {architecture: report}}"""
    sources = sorted(KERNELS.glob("*.cu"))
    jobs = [(source, architecture) for source in sources for architecture in ARCHITECTURES]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        reports = list(pool.map(lambda job: compile_kernels(nvcc, *job), jobs))
    kernels = {}
    for (_, architecture), report in zip(jobs, reports):
        for one in report:
            kernels.setdefault((one["kernel"], one["storage"]), {})[architecture] = one
    return kernels


def spilled(kernels):
    return [f"{kernel} {storage} for {architecture}: {one['spills']} bytes spilled, {one['stack']} of stack"
            for (kernel, storage), reports in sorted(kernels.items())
            for architecture, one in reports.items() if one["spills"] or one["stack"]]


def occupancy(architecture, threads, registers, shared):
    warps, blocks, all_registers, all_shared = LIMITS[architecture]
    of_block = (threads + 31) // 32
    by_registers = all_registers // ((registers * 32 + 255) // 256 * 256) // of_block
    by_shared = all_shared // ((shared + 1024 + 127) // 128 * 128)
    return min(blocks, warps // of_block, by_registers, by_shared) * of_block / warps


def traffic(build):
    """What fluxsbi_kernel_traffic counts, with the kernel's name and its place in the step apart."""
    program = build / "tests/cuda_kernels/fluxsbi_kernel_traffic"
    if not program.exists():
        sys.exit(f"{program} is not there: cmake --build {build} --target fluxsbi_kernel_traffic")
    output = subprocess.run([program, "--measure"], capture_output=True, text=True, check=True).stdout
    return json.loads(output)


def split_name(row):
    kernel, _, place = row["kernel"].rpartition(", ")
    return kernel.split(", ")[0], place


def compiler_table(kernels, rows):
    """Registers and occupancy; shared memory and threads of the reference Flux1's largest launch."""
    launches = {}
    for row in rows:
        key = (split_name(row)[0], row["storage"])
        if row["shared_bytes"] >= launches.get(key, {"shared_bytes": -1})["shared_bytes"]:
            launches[key] = row
    threads = {"unit_squares": 256, "gradient_norm": 256}
    shared = {"gradient_norm": 1024}
    lines = ["| Kernel | Storage | Threads | Shared memory (bytes) | Registers sm_80, sm_90 | Spills | "
             "Occupancy sm_80, sm_90 |", "|---|---|---|---|---|---|---|"]
    for (kernel, storage), reports in sorted(kernels.items()):
        launch = launches.get((kernel, storage.split(" to ")[0]), {})
        of_block = launch.get("threads", threads.get(kernel))
        bytes_of_block = launch.get("shared_bytes", shared.get(kernel, 0))
        registers = [reports[a]["registers"] for a in ARCHITECTURES]
        occupied = [f"{100 * occupancy(a, of_block, r, bytes_of_block):.0f} %"
                    for a, r in zip(ARCHITECTURES, registers)]
        spills = sum(one["spills"] for one in reports.values())
        cells = [kernel, storage, of_block, bytes_of_block, ", ".join(map(str, registers)), spills,
                 ", ".join(occupied)]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return lines


def estimate(row):
    """Seconds of one launch: the slowest of memory, cache and arithmetic, and the start of each kernel."""
    work = max(row["distinct_bytes"] / MEMORY, row["asked_bytes"] / CACHE, row["operations"] / ARITHMETIC)
    return work + START * row["launches"]


def traffic_table(rows, measured):
    beside = " Measured (µs) |" if measured else ""
    lines = ["| Kernel | Storage | Launches a step | Least bytes | Bytes asked for | Least time (µs) | "
             f"Estimate (µs) |{beside}", "|---|---|---|---|---|---|---|" + ("---|" if measured else "")]
    times = {(row["kernel"], row["storage"]): row["microseconds"] for row in measured}
    for row in rows:
        least, asked = row["distinct_bytes"], row["asked_bytes"]
        line = (f"| {row['kernel']} | {row['storage']} | {row['per_step'] * row['launches']} | {least:,} | "
                f"{asked:,} | {1e6 * least / MEMORY:.2f} | {1e6 * estimate(row):.1f} |")
        if measured:
            line += f" {times[row['kernel'], row['storage']]:.1f} |"
        lines.append(line)
    for storage in ("float32", "bfloat16"):
        own = [row for row in rows if row["storage"] == storage]
        launches = sum(row["per_step"] * row["launches"] for row in own)
        least = sum(row["per_step"] * row["distinct_bytes"] for row in own)
        asked = sum(row["per_step"] * row["asked_bytes"] for row in own)
        total = sum(row["per_step"] * estimate(row) for row in own)
        line = (f"| **a step** | {storage} | {launches} | {least:,} | {asked:,} | "
                f"{1e6 * least / MEMORY:.1f} | {1e6 * total:.0f} |")
        if measured:
            line += f" {sum(row['per_step'] * times[row['kernel'], storage] for row in own):.0f} |"
        lines.append(line)
    return lines


def replace_table(text, name, lines):
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        sys.exit(f"{DOCUMENT.relative_to(ROOT)} has no lines {begin.strip()} and {end.strip()}")
    return before + begin + "\n" + "\n".join(lines) + "\n\n" + end + after


def main(arguments):
    if not arguments or arguments[0] not in ("check", "write"):
        sys.exit(__doc__)
    nvcc = find_nvcc()
    if not nvcc:
        print("CUDA kernels: not compiled here (no nvcc); the tests run them under emulation")
        return 0 if arguments[0] == "check" else 1
    kernels = compile_all(nvcc)
    if problems := spilled(kernels):
        print("\n".join(problems))
        return 1
    version = subprocess.run([nvcc, "--version"], capture_output=True, text=True, check=True).stdout
    release = re.search(r"V([\d.]+)", version)[1]
    architectures = " and ".join(ARCHITECTURES)
    print(f"CUDA kernels: {len(kernels)} for {architectures} by nvcc {release}, no register spilled")
    if arguments[0] == "check":
        return 0
    measured = []
    if "--measured" in arguments:
        at = arguments.index("--measured")
        measured = json.loads(Path(arguments[at + 1]).read_text())
        del arguments[at:at + 2]
    rows = traffic(Path(arguments[1]) if len(arguments) > 1 else ROOT / "build")
    text = DOCUMENT.read_text()
    text = replace_table(text, "compiler", [f"By nvcc {release}.", ""] + compiler_table(kernels, rows))
    text = replace_table(text, "traffic", traffic_table(rows, measured))
    DOCUMENT.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
