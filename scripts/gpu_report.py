#!/usr/bin/env python3
"""Prints what scripts/gpu_check.sh verified, on one page, from the folder in which its steps left their
results.

kernels.txt and kernels.json are what the program of the kernels' cases printed, memcheck.txt and its like
what compute-sanitizer printed. tests.json and tests.xml are ctest's (labels; outcomes and output),
bench_cpu.json and bench_cuda.json are what `fluxsbi bench --json` printed. A line of the page is PASS, FAIL
or "not run"; the exit code is 0 if no line is FAIL and the CUDA tests ran.
"""

import datetime
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

# What is verified by tests: the title, and what a test's labels and name must match, beside the label cuda.
TOPICS = [
    ("outputs, CPU against GPU", r"\b(output|outputs|forward|parity)\b"),
    ("gradients, CPU against GPU", r"\b(gradient|gradients|backward|parity)\b"),
    ("graph capture against eager", r"\b(graph|capture|captured)\b"),
    ("bf16 against float32", r"\b(bf16|bfloat16)\b"),
    ("training on the GPU", r"\b(train|trains|training|trainer)\b"),
    ("sampling on the GPU", r"\b(sample|samples|sampling|sampler)\b"),
]


def first_line(*command):
    try:
        out = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip()
        return out.splitlines()[0] if out else "unknown"
    except (OSError, subprocess.SubprocessError):
        return "not there"


def toolkit():
    for nvcc in ("nvcc", "/usr/local/cuda/bin/nvcc"):
        try:
            out = subprocess.run([nvcc, "--version"], capture_output=True, text=True, check=True).stdout
            return re.search(r"release ([\d.]+)", out)[1]
        except (OSError, subprocess.SubprocessError, TypeError):
            continue
    return "not there"


def read_json(path):
    try:
        return json.loads(path.read_text())
    except (OSError, json.JSONDecodeError):
        return None


def step_result(folder, name):
    """(exit code, seconds) of a step, or None if it did not run."""
    try:
        code, seconds = (folder / f"{name}.result").read_text().split()
        return int(code), int(seconds)
    except (OSError, ValueError):
        return None


def read_tests(folder):
    """[(name, labels, 'passed' | 'failed' | 'skipped')]"""
    listing, outcomes = read_json(folder / "tests.json"), {}
    try:
        for case in ElementTree.parse(folder / "tests.xml").getroot().iter("testcase"):
            status = case.get("status")
            outcomes[case.get("name")] = {"run": "passed", "fail": "failed"}.get(status, "skipped")
    except (OSError, ElementTree.ParseError):
        return []
    labels = {}
    for test in (listing or {}).get("tests", []):
        properties = {entry["name"]: entry["value"] for entry in test.get("properties", [])}
        labels[test["name"]] = properties.get("LABELS", [])
    return [(name, labels.get(name, []), outcome) for name, outcome in outcomes.items()]


def tally(tests):
    """(PASS | FAIL | not run, 'n passed, ...')"""
    counts = {kind: sum(outcome == kind for *_, outcome in tests) for kind in ("passed", "failed", "skipped")}
    words = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count) or "no such test"
    verdict = "FAIL" if counts["failed"] else "PASS" if counts["passed"] else "not run"
    return verdict, words


def figures(result):
    """(section, name, "value unit") of a bench result."""
    for section, entries in result.items():
        if isinstance(entries, dict):
            for name, entry in entries.items():
                yield section, name, f"{entry['value']:.6g} {entry['unit']}".rstrip()


def build_line(folder):
    result = step_result(folder, "build")
    if result is None:
        return "build with FLUXSBI_CUDA=on", "not run", ""
    return "build with FLUXSBI_CUDA=on", "FAIL" if result[0] else "PASS", f"{result[1]} s"


def kernel_lines(folder):
    ran = step_result(folder, "kernels") is not None
    try:
        last = (folder / "kernels.txt").read_text().strip().splitlines()[-1]
    except (OSError, IndexError):
        last = ""
    verdict = "PASS" if last.endswith(" 0 wrong") else "FAIL" if ran else "not run"
    yield "own kernels against their references", verdict, last or ("they did not run" if ran else "")
    for tool in ("memcheck", "racecheck", "synccheck", "initcheck"):
        try:
            text = (folder / f"{tool}.txt").read_text()
        except OSError:
            yield f"  compute-sanitizer {tool}", "not run", ""
            continue
        summary = re.findall(r"(?:ERROR SUMMARY|RACECHECK SUMMARY): (.*)", text)
        clean = bool(summary) and re.match(r"0 ", summary[-1]) is not None
        last_line = summary[-1] if summary else "it ended early"
        yield f"  compute-sanitizer {tool}", "PASS" if clean else "FAIL", last_line
    measured = read_json(folder / "kernels.json") or []
    for storage in ("float32", "bfloat16"):
        own = [row for row in measured if row["storage"] == storage and "microseconds" in row]
        if own:
            total = sum(row["per_step"] * row["microseconds"] for row in own)
            yield f"  own kernels of a training step, {storage}", "", f"{total:.0f} us"


def test_lines(folder):
    tests = read_tests(folder)
    cuda = [test for test in tests if "cuda" in test[1]]
    crashed = step_result(folder, "test")
    verdict, words = tally(cuda)
    if verdict == "PASS" and crashed and crashed[0] and not any(outcome == "failed" for *_, outcome in tests):
        verdict, words = "FAIL", f"ctest ended with {crashed[0]}"
    yield "golden tests", *tally([test for test in tests if "golden" in test[1]])
    yield "CUDA tests", verdict, words
    for title, pattern in TOPICS:
        of_topic = [test for test in cuda if re.search(pattern, " ".join([test[0], *test[1]]), re.IGNORECASE)]
        yield f"  {title}", *tally(of_topic)
    for name, _, outcome in tests:
        if outcome == "failed":
            yield f"  failed: {name}", "FAIL", ""


def bench_lines(folder):
    for device in ("cpu", "cuda"):
        result = read_json(folder / f"bench_{device}.json")
        if result is None:
            ran = step_result(folder, "bench") is not None
            yield f"bench on {device}", "FAIL" if ran else "not run", "no JSON came out" if ran else ""
            continue
        yield f"bench on {device}", "PASS", ""
        for section, name, figure in figures(result):
            yield f"  {section}: {name}", "", figure


def main():
    folder = Path(sys.argv[1])
    root = Path(__file__).resolve().parent.parent
    lines = [*kernel_lines(folder), build_line(folder), *test_lines(folder), *bench_lines(folder)]
    page = [
        f"fluxsbi GPU check, {datetime.datetime.now():%Y-%m-%d %H:%M}, commit " +
        first_line("git", "-c", f"safe.directory={root}", "-C", str(root), "describe", "--always", "--dirty"),
        "GPU: " +
        first_line("nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader") +
        f"; CUDA toolkit {toolkit()}",
        "",
        *(f"{title:<72} {verdict:<8} {detail}".rstrip() for title, verdict, detail in lines),
    ]
    text = "\n".join(page) + "\n"
    print(text, end="")
    (folder / "page.txt").write_text(text)
    verdicts = {title: verdict for title, verdict, _ in lines}
    return 1 if "FAIL" in verdicts.values() or verdicts["CUDA tests"] != "PASS" else 0


if __name__ == "__main__":
    sys.exit(main())
