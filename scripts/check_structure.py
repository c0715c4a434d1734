#!/usr/bin/env python3
"""Checks the layout of the sources; prints FILE:LINE: RULE for each breach and exits with 1.

Rules:
  order      a room (a folder of lib/) includes only rooms that stand before it in lib/CMakeLists.txt, and its
             CMakeLists.txt USES only those; nothing in lib/ includes from apps/ or tests/
  torch      the folders of TORCH_FREE include no LibTorch header, neither directly nor through a project header;
             nor does a .cu or .cuh file
  length     no source file is longer than 500 lines
  hosts      no file names the host of a package registry: where packages come from is the user's setting
  leftovers  no file of code leaves work to be done
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
TORCH_FREE = [Path("lib") / folder
              for folder in ("core", "io", "config", "data", "engine/tile", "checkpoint", "diagnose", "report")]
MAX_LINES = 500
SOURCES = {".cpp", ".hpp", ".h", ".cu", ".cuh"}
TEXTS = SOURCES | {".txt", ".cmake", ".sh", ".py", ".md", ".yaml", ".json"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
TORCH = re.compile(r"^(torch|ATen|c10|caffe2)/")
HOST = re.compile(r"\b(debian|pypi|pythonhosted)\.[a-z]{3}\b", re.IGNORECASE)
LEFTOVER = re.compile(r"\b(TO" r"DO|FIX" r"ME)\b")


def tracked_files():
    """Files that git tracks or would track, relative to ROOT."""
    command = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others",
               "--exclude-standard"]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
    return sorted(Path(name) for name in set(names) if name and (ROOT / name).is_file())


def rooms_in_order():
    text = (ROOT / "lib/CMakeLists.txt").read_text()
    return re.findall(r"^\s*add_subdirectory\((\w+)\)", text, re.MULTILINE)


def lines_of(path):
    return (ROOT / path).read_text(encoding="utf-8", errors="replace").splitlines()


class Includes:
    """The #include lines of each file, and which LibTorch header a file reaches."""

    def __init__(self):
        self.direct_ = {}
        self.reached_ = {}

    def direct(self, path):
        """[(line number, header, project file or None)]"""
        if path not in self.direct_:
            found = []
            for number, line in enumerate(lines_of(path), 1):
                if match := INCLUDE.match(line):
                    beside, from_lib = path.parent / match[2], Path("lib") / match[2]
                    own = next((p for p in (beside, from_lib) if (ROOT / p).is_file()), None)
                    found.append((number, match[2], own))
            self.direct_[path] = found
        return self.direct_[path]

    def torch_header(self, path):
        """A LibTorch header that the file includes, itself or through project headers, or None."""
        if path not in self.reached_:
            self.reached_[path] = None  # ends a circle of headers
            for _, header, own in self.direct(path):
                reached = header if TORCH.match(header) else own and self.torch_header(own)
                if reached:
                    self.reached_[path] = reached
                    break
        return self.reached_[path]


def check_order(path, rooms, includes):
    room = path.parts[1]
    for number, header, _ in includes.direct(path):
        first = header.split("/")[0]
        if first in ("apps", "tests"):
            yield number, f"order: lib/ includes nothing from {first}/"
        elif first in rooms and rooms.index(first) > rooms.index(room):
            yield number, f"order: {room} may not include {header}; {first} comes after {room} in lib/CMakeLists.txt"


def check_uses(path, rooms):
    room = path.parts[1]
    text = "\n".join(lines_of(path))
    for match in re.finditer(r"\bUSES((?:\s+\w+)*)", text):
        for used in match[1].split():
            if used in rooms and rooms.index(used) >= rooms.index(room):
                yield text[: match.start()].count("\n") + 1, f"order: {room} may not use {used}, which comes after it"


def check_torch(path, includes):
    """A torch-free folder, or a CUDA source."""
    for number, header, own in includes.direct(path):
        reached = header if TORCH.match(header) else own and includes.torch_header(own)
        if reached:
            through = "" if reached == header else f" through {header}"
            yield number, f"torch: {path} must do without LibTorch, and includes {reached}{through}"


def check_text(path):
    lines = lines_of(path)
    if path.suffix in SOURCES and len(lines) > MAX_LINES:
        yield len(lines), f"length: {len(lines)} lines; more than {MAX_LINES} hold more than one idea"
    for number, line in enumerate(lines, 1):
        if HOST.search(line):
            yield number, "hosts: names the host of a package registry"
        if path.suffix != ".md" and LEFTOVER.search(line):
            yield number, "leftovers: finish it, or say in the changelog what is missing"


def breaches():
    rooms, includes = rooms_in_order(), Includes()
    for path in tracked_files():
        in_room = len(path.parts) > 2 and path.parts[0] == "lib" and path.parts[1] in rooms
        if in_room and path.suffix in SOURCES:
            yield from ((path, *breach) for breach in check_order(path, rooms, includes))
            if path.suffix in (".cu", ".cuh") or any(path.is_relative_to(folder) for folder in TORCH_FREE):
                yield from ((path, *breach) for breach in check_torch(path, includes))
        if in_room and path.name == "CMakeLists.txt":
            yield from ((path, *breach) for breach in check_uses(path, rooms))
        if path.suffix in TEXTS or path.name == "run":
            yield from ((path, *breach) for breach in check_text(path))


def main():
    found = list(breaches())
    for path, number, rule in found:
        print(f"{path}:{number}: {rule}")
    print(f"structure: {len(found)} breaches" if found else "structure: includes point one way, no file is too long")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
