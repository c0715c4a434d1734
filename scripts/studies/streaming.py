#!/usr/bin/env python3
"""What streaming costs, that memory stays flat, that kills lose nothing, and how soon --watch answers.

    scripts/studies/streaming.py speed RUN --other OLD/fluxsbi   # runs of two programs, alternating
    scripts/studies/streaming.py memory RUN                      # resident memory from 10^4 to 10^7 draws
    scripts/studies/streaming.py kills RUN --rows 1000           # killed five times, against a whole run,
                                                                 # of which only the checksum is kept
    scripts/studies/streaming.py latency RUN                     # round trips of --watch -

RUN is a run folder whose x and theta are vectors. Times are those of the processor, which other programs on
the machine change least.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
CHEAP = ["--solver", "euler", "--steps"]


def timed(program, words):
    """Seconds of the processor and peak of resident memory in MB of a command."""
    process = subprocess.Popen([str(program), *map(str, words), "-q"])
    _, status, used = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{' '.join(map(str, words))}: status {status}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def observations(folder, rows, size):
    path = folder / f"x{rows}.npy"
    np.save(path, (np.random.default_rng(1).normal(size=(rows, size)) * 0.3).astype("f4"))
    return path


def speed(options, folder):
    x = observations(folder, 1, options.size)
    words = ["sample", options.run, "--x", x, "-n", options.draws or 1000000, *CHEAP, "8", "--force", "-o"]
    ratios = []
    for pair in range(options.repeats):
        ours, _ = timed(options.fluxsbi, [*words, folder / "a.npz"])
        theirs, _ = timed(options.other, [*words, folder / "b.npz"])
        ratios.append(ours / theirs)
        print(f"pair {pair}: {ours:.2f} s and {theirs:.2f} s, ratio {ours / theirs:.3f}", flush=True)
    same = np.array_equal(np.load(folder / "a.npz")["samples"], np.load(folder / "b.npz")["samples"])
    print(f"median ratio {statistics.median(ratios):.3f}; the samples are {'the same' if same else 'OTHERS'}")


def memory(options, folder):
    x = observations(folder, 1, options.size)
    for draws in (10**4, 10**5, 10**6, 10**7):
        for extension in options.extensions:
            _, peak = timed(options.fluxsbi, ["sample", options.run, "--x", x, "-n", draws, *CHEAP, "1",
                                              "--force", "-o", folder / f"a{extension}"])
            print(f"{draws:>9} draws, {extension}: peak {peak:.1f} MB", flush=True)


def checksum(path):
    """Of a file that may be larger than memory."""
    digest = hashlib.sha1()
    with open(path, "rb") as file:
        while piece := file.read(1 << 22):
            digest.update(piece)
    return digest.hexdigest()


def kills(options, folder):
    x = observations(folder, options.rows, options.size)
    words = ["sample", options.run, "--x", x, "-n", options.draws or 10000, *CHEAP, "1",
             "--dtype", options.dtype, "-o"]
    for extension in options.extensions:
        result = folder / f"samples{extension}"
        begin = time.monotonic()
        _, peak = timed(options.fluxsbi, [*words, result])
        wall, killed, peaks = time.monotonic() - begin, 0, []
        size, undisturbed = result.stat().st_size, checksum(result)
        print(f"{extension}: {size / 1e9:.2f} GB in {wall:.0f} s, peak {peak:.0f} MB", flush=True)
        result.unlink()  # so that the disk need hold one result only
        while not result.exists():
            process = subprocess.Popen([str(options.fluxsbi), *map(str, words), str(result), "-q"],
                                       stderr=subprocess.DEVNULL)
            begin = time.monotonic()
            if killed < 5:
                time.sleep(3 + random.random() * wall / 6)
                if not os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                    process.send_signal(signal.SIGKILL)
                    killed += 1
            _, status, used = os.wait4(process.pid, 0)
            if status not in (0, signal.SIGKILL):
                sys.exit(f"sample ended with status {status}")
            peaks.append(used.ru_maxrss / 1024)
            print(f"{extension}: {'killed' if status else 'finished'} after "
                  f"{time.monotonic() - begin:.0f} s, peak {peaks[-1]:.0f} MB", flush=True)
        same = checksum(result) == undisturbed
        print(f"{extension}: killed {killed} times: {'the same bytes' if same else 'OTHER BYTES'}, "
              f"peak {max(peaks):.0f} MB", flush=True)
        result.unlink()


def latency(options, folder):
    draws = options.draws or 1000
    service = subprocess.Popen([str(options.fluxsbi), "sample", str(options.run), "--watch", "-", "-n",
                                str(draws), "-q"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    rng, trips, own = np.random.default_rng(2), [], []
    for number in range(options.repeats * 10):
        line = json.dumps((rng.normal(size=options.size) * 0.3).round(4).tolist())
        begin = time.monotonic()
        service.stdin.write(line + "\n")
        service.stdin.flush()
        answer = json.loads(service.stdout.readline())
        if number > 0:  # the first one also starts the threads
            trips.append(time.monotonic() - begin)
            own.append(answer["seconds"])
    service.stdin.close()
    service.wait()
    beyond = [1000 * (trip - inside) for trip, inside in zip(trips, own)]
    print(f"{len(trips)} observations, {draws} draws: answered in {1000 * statistics.median(trips):.1f} ms, "
          f"of which sampling took {1000 * statistics.median(own):.1f} ms and all else "
          f"{statistics.median(beyond):.1f} ms (largest {max(beyond):.1f} ms)")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("what", choices=["speed", "memory", "kills", "latency"])
    ap.add_argument("run", type=Path)
    ap.add_argument("--fluxsbi", type=Path, default=ROOT / "build/fluxsbi")
    ap.add_argument("--other", type=Path, help="another fluxsbi, to compare the speed with")
    ap.add_argument("--size", type=int, default=2, help="numbers of an observation")
    ap.add_argument("--rows", type=int, default=100)
    ap.add_argument("--draws", type=int)
    ap.add_argument("--repeats", type=int, default=5)
    ap.add_argument("--dtype", default="auto", help="of the samples that are killed")
    ap.add_argument("--extensions", nargs="*", default=[".npz"])
    ap.add_argument("--folder", type=Path, help="where results go for a while (default: a temporary folder)")
    options = ap.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        globals()[options.what](options, Path(folder))


if __name__ == "__main__":
    main()
