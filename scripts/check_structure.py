#!/usr/bin/env python3
"""Checks the layout of the sources; prints FILE:LINE: RULE for each breach and exits with 1.

A room is a folder of lib/ whose CMakeLists.txt makes a target of its own, with fluxsbi_room(NAME ...) or
add_library(fluxsbi_NAME ...). Rooms stand in the order in which CMake reads those lines, nested folders
included:
engine/tile is a room, and so is engine/cuda. A folder that only adds sources to the room above it belongs to
that room.

Rules:
  order      a room includes only rooms that stand before it, and its CMakeLists.txt USES only those; nothing
             in lib/ includes from apps/ or tests/
  uses       a fluxsbi_room USES every room that it includes
  tests      a folder of tests/ is named after a room; it includes that room and those before it, and its
             CMakeLists.txt USES only those. Headers of other test folders count with all that they include.
             Nothing in tests/ includes from apps/. Exceptions:
               tests/support  is no room: what a test reaches through it counts as the test's own
               tests/app      runs the program as a user does: it includes only rooms without LibTorch
               tests/fuzz     the same: its targets are built without LibTorch
               tests/golden   may include every room, because one case goes from a network to its samples; no
                              other folder of tests/ includes it
  torch      the folders of TORCH_FREE include no LibTorch header, neither directly nor through a project
             header; nor does a .cu or .cuh file
  length     no source file is longer than 500 lines
  width      no line of code or comment is longer than 110 columns (Markdown has tables, tests/data records)
  clocks     durations are core::steady_seconds; the clock that can be set is read only for dates
  hosts      no file names the host of a package registry: where packages come from is the user's setting
  leftovers  no file of code leaves work to be done
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
TORCH_FREE = [Path("lib") / folder
              for folder in ("core", "distributed", "io", "config", "data", "engine/tile",
                             "engine/cuda/kernels", "checkpoint", "sample/files", "diagnose", "report",
                             "benchmark")]
TESTS_WITHOUT_TORCH = ("app", "fuzz")  # folders of tests/ that may include the rooms of TORCH_FREE alone
OTHER_TESTS = ("support", "golden", "pretend")  # folders of tests/ that may include all rooms
MAX_LINES = 500
MAX_COLUMNS = 110
SOURCES = {".cpp", ".hpp", ".h", ".inl", ".cu", ".cuh"}
TEXTS = SOURCES | {".txt", ".cmake", ".sh", ".py", ".md", ".yaml", ".json"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
CMAKE_STEP = re.compile(
    r"^[ \t]*(?:add_subdirectory\(([\w/]+)\)|fluxsbi_room\((\w+)|add_library\(fluxsbi_(\w+))", re.MULTILINE)
TORCH = re.compile(r"^(torch|ATen|c10|caffe2)/")
HOST = re.compile(r"\b(debian|pypi|pythonhosted)\.[a-z]{3}\b", re.IGNORECASE)
CLOCK = re.compile(r"\b(system_clock|high_resolution_clock|gettimeofday|CLOCK_REALTIME|std::time\()")
DATES = ("lib/report/run_folder.cpp", "lib/exchange/netcdf_layout.cpp", "lib/train/event_file.cpp")
LEFTOVER = re.compile(r"\b(TO" r"DO|FIX" r"ME)\b")


def tracked_files():
    """Files that git tracks or would track, relative to ROOT."""
    command = [
        "git", "-c", f"safe.directory={ROOT}", "-C",
        str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"
    ]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
    return sorted(Path(name) for name in set(names) if name and (ROOT / name).is_file())


def lines_of(path):
    return (ROOT / path).read_text(encoding="utf-8", errors="replace").splitlines()


def uses_of(cmake_file, function):
    """[(target, [(line number, used target)])] of each FUNCTION(target ... USES ...) in a CMakeLists.txt."""
    text = re.sub(r"#.*", "", "\n".join(lines_of(cmake_file)))
    found = []
    for call in re.finditer(rf"\b{function}\(\s*(\w+)([^()]*)\)", text):
        used = []
        for names in re.finditer(r"\bUSES\b((?:\s+(?![A-Z]+\b)[\w:]+)*)", call[2]):
            for name in re.finditer(r"[\w:]+", names[1]):
                at = call.start(2) + names.start(1) + name.start()
                used.append((text[:at].count("\n") + 1, name[0].removeprefix("fluxsbi_")))
        found.append((call[1], used))
    return found


class Rooms:
    """The rooms in order, each by its target's name ("tile"), with its folder below lib/ ("engine/tile")."""

    def __init__(self):
        self.folders = {}  # name -> folder, in order
        self.uses = {}  # name -> (CMakeLists.txt, [(line number, name)]) of each fluxsbi_room
        self.read_(Path("lib"))

    def read_(self, folder):
        cmake_file = folder / "CMakeLists.txt"
        if not (ROOT / cmake_file).is_file():
            return
        for name, used in uses_of(cmake_file, "fluxsbi_room"):
            self.uses[name] = (cmake_file, used)
        for nested, *names in CMAKE_STEP.findall("\n".join(lines_of(cmake_file))):
            if nested:
                self.read_(folder / nested)
            else:
                self.folders[names[0] or names[1]] = folder.relative_to("lib")

    def place(self, name):
        return list(self.folders).index(name)

    def before(self, name, other):
        """`other` is `name` or stands before it."""
        return self.place(other) <= self.place(name)

    def of(self, path):
        """The room that the path below lib/ lies in, or None; the innermost where rooms are nested."""
        inside = [name for name, folder in self.folders.items() if path.is_relative_to(folder)]
        return max(inside, key=lambda name: len(self.folders[name].parts), default=None)

    def torch_free(self, name):
        return Path("lib") / self.folders[name] in TORCH_FREE


class Includes:
    """The #include lines of each file, and what a file reaches through them."""

    def __init__(self, rooms):
        self.rooms_ = rooms
        self.direct_ = {}
        self.torch_ = {}
        self.from_tests_ = {}

    def direct(self, path):
        """[(line number, header, project file or None)]"""
        if path not in self.direct_:
            found = []
            folders = [path.parent, Path("lib")]
            if path.parts[0] == "tests":
                folders.insert(1, Path("tests"))
            for number, line in enumerate(lines_of(path), 1):
                if match := INCLUDE.match(line):
                    places = [Path(*(folder / match[2]).parts) for folder in folders]
                    own = next((place for place in places if (ROOT / place).is_file()), None)
                    if own and ".." in own.parts:
                        own = (ROOT / own).resolve().relative_to(ROOT)
                    found.append((number, match[2], own))
            self.direct_[path] = found
        return self.direct_[path]

    def room(self, header, own):
        """The room that a header lies in, be it made by CMake (core/version.hpp), or None."""
        if own and own.parts[0] != "lib":
            return None
        return self.rooms_.of(own.relative_to("lib") if own else Path(header))

    def torch_header(self, path):
        """A LibTorch header that the file includes, itself or through project headers, or None."""
        if path not in self.torch_:
            self.torch_[path] = None  # ends a circle of headers
            for _, header, own in self.direct(path):
                reached = header if TORCH.match(header) else own and self.torch_header(own)
                if reached:
                    self.torch_[path] = reached
                    break
        return self.torch_[path]

    def rooms_of_test(self, path):
        """[(line number, room, header of lib/, header of tests/ that it is reached through or None)]"""
        if path not in self.from_tests_:
            self.from_tests_[path] = found = []
            for number, header, own in self.direct(path):
                if room := self.room(header, own):
                    found.append((number, room, header, None))
                elif own and own.parts[0] == "tests":
                    found += [(number, *reached, header) for reached in
                              sorted({(room, inner) for _, room, inner, _ in self.rooms_of_test(own)})]
        return self.from_tests_[path]


def check_room(path, rooms, includes):
    """The includes of a file of lib/."""
    room = rooms.of(path.relative_to("lib"))
    cmake_file, used = rooms.uses.get(room, (None, []))
    for number, header, own in includes.direct(path):
        top = own.parts[0] if own else header.split("/")[0]
        other = includes.room(header, own)
        if top in ("apps", "tests"):
            yield path, number, f"order: lib/ includes nothing from {top}/"
        elif room is None or other is None or other == room:
            continue
        elif not rooms.before(room, other):
            yield path, number, f"order: {room} may not include {header}; {other} comes after {room} in lib/"
        elif cmake_file and other not in [name for _, name in used]:
            yield path, number, f"uses: {room} includes {header}, and {cmake_file} does not say USES {other}"


def check_uses(rooms):
    """The USES lists of lib/."""
    for room, (cmake_file, used) in rooms.uses.items():
        for number, name in used:
            if name not in rooms.folders:
                yield cmake_file, number, f"uses: {room} may not use {name}, which is no room of lib/"
            elif name == room or not rooms.before(room, name):
                yield cmake_file, number, f"order: {room} may not use {name}, which comes after it"


def check_test(path, rooms, includes):
    """The includes of a file of tests/."""
    folder = path.parts[1]
    if folder not in (*rooms.folders, *TESTS_WITHOUT_TORCH, *OTHER_TESTS):
        yield path, 1, f"tests: tests/{folder} is named after no room of lib/"
    for number, header, own in includes.direct(path):
        if (own.parts[0] if own else header.split("/")[0]) == "apps":
            yield path, number, "tests: tests/ includes nothing from apps/"
        if own and own.parts[:2] == ("tests", "golden") and folder != "golden":
            yield path, number, f"tests: {header} belongs to tests/golden alone"
    for number, room, header, through in includes.rooms_of_test(path):
        by_way = f" through {through}" if through else ""
        if folder in TESTS_WITHOUT_TORCH and not rooms.torch_free(room):
            yield path, number, (f"tests: tests/{folder} may include only rooms without LibTorch, "
                                 f"not {header}{by_way}")
        elif folder in rooms.folders and not rooms.before(folder, room):
            yield path, number, (f"tests: tests/{folder} may not include {header}{by_way}; "
                                 f"{room} comes after {folder} in lib/")


def check_test_uses(path, rooms):
    for test, used in uses_of(path, "fluxsbi_test"):
        for number, name in used:
            if test in rooms.folders and name in rooms.folders and not rooms.before(test, name):
                yield path, number, f"tests: the tests of {test} may not use {name}, which comes after it"


def check_torch(path, includes):
    """A torch-free folder, or a CUDA source."""
    for number, header, own in includes.direct(path):
        reached = header if TORCH.match(header) else own and includes.torch_header(own)
        if reached:
            through = "" if reached == header else f" through {header}"
            yield path, number, f"torch: {path} must do without LibTorch, and includes {reached}{through}"


def check_text(path):
    lines = lines_of(path)
    if path.suffix in SOURCES and len(lines) > MAX_LINES:
        yield path, len(lines), f"length: {len(lines)} lines; more than {MAX_LINES} hold more than one idea"
    wide = path.suffix == ".md" or path.is_relative_to("tests/data")
    timed = path.suffix in SOURCES and path.parts[0] in ("lib", "apps") and path.as_posix() not in DATES
    for number, line in enumerate(lines, 1):
        if not wide and len(line) > MAX_COLUMNS:
            yield path, number, f"width: {len(line)} columns; more than {MAX_COLUMNS} do not fit"
        if timed and CLOCK.search(line):
            yield path, number, "clocks: this clock jumps when it is set; durations are core::steady_seconds"
        if HOST.search(line):
            yield path, number, "hosts: names the host of a package registry"
        if path.suffix != ".md" and LEFTOVER.search(line):
            yield path, number, "leftovers: finish it, or say in the changelog what is missing"


def breaches():
    rooms = Rooms()
    includes = Includes(rooms)
    for path in tracked_files():
        source, place = path.suffix in SOURCES, path.parts[0] if len(path.parts) > 2 else ""
        if source and place == "lib":
            yield from check_room(path, rooms, includes)
            if path.suffix in (".cu", ".cuh") or any(path.is_relative_to(folder) for folder in TORCH_FREE):
                yield from check_torch(path, includes)
        if source and place == "tests":
            yield from check_test(path, rooms, includes)
        if path.name == "CMakeLists.txt" and place == "tests":
            yield from check_test_uses(path, rooms)
        if path.suffix in TEXTS or path.name == "run":
            yield from check_text(path)
    yield from check_uses(rooms)


def main():
    found = list(breaches())
    for path, number, rule in found:
        print(f"{path}:{number}: {rule}")
    print(f"structure: {len(found)} breaches"
          if found else "structure: includes point one way, no file is too long")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
