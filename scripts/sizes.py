#!/usr/bin/env python3
"""How large the sources are: lines by room, long files and functions, casts and string comparisons.

    scripts/sizes.py [FOLDER] [--long]      # of a checkout; --long names the long files and functions

A function is counted from its opening brace at the start of a line's block to the matching closing one;
option tables (functions that return a config::Table) are left out, because their length is that of the
options' help.
"""

import re
import sys
from pathlib import Path

LONG_FILE, LONG_FUNCTION = 300, 40
SOURCES = (".cpp", ".hpp", ".inl", ".cu")


def files_of(root, folder):
    return sorted(path for path in (root / folder).rglob("*") if path.suffix in SOURCES)


def rooms(root):
    for folder in sorted((root / "lib").iterdir()):
        if folder.is_dir():
            yield f"lib/{folder.name}"
    yield from ("apps", "tests")


STATEMENT = re.compile(
    r"\s*(if|for|while|switch|do|else|try|case|return|namespace|struct|class|enum|union|const auto)\b")


def functions(path):
    """(name, lines, from the first of its signature) of the functions in a file's namespaces and classes."""
    begins = {}  # indentation -> where the last definition began, and its first line
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines()):
        indent = len(line) - len(line.lstrip())
        if line in ("}", "  }") and indent in begins:
            begin, head = begins.pop(indent)
            name = re.search(r"([\w:~]+)\(", head)
            if name and "Table<" not in head:
                yield name[1], number - begin + 1
        elif indent in (0, 2) and re.match(r"\s*[A-Za-z_~\[]", line) and not STATEMENT.match(line):
            if "(" in line and not line.rstrip().endswith(";"):
                begins[indent] = number, line
            else:
                begins.pop(indent, None)


def main():
    arguments = [word for word in sys.argv[1:] if not word.startswith("--")]
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    total = {"files": 0, "lines": 0, "long files": 0, "long functions": 0, "casts": 0, "comparisons": 0}
    print(
        "| room | files | lines | files over 300 | functions over 40 | dynamic_cast | comparisons with text |"
    )
    print("|---|---|---|---|---|---|---|")
    named = []
    for room in rooms(root):
        count = dict.fromkeys(total, 0)
        for path in files_of(root, room):
            text = path.read_text(encoding="utf-8", errors="replace")
            lines = text.count("\n")
            count["files"] += 1
            count["lines"] += lines
            count["casts"] += text.count("dynamic_cast<")
            count["comparisons"] += len(re.findall(r'[=!]= "', text))
            if lines > LONG_FILE:
                count["long files"] += 1
                named.append(f"{path.relative_to(root)}: {lines} lines")
            for name, length in functions(path):
                if length > LONG_FUNCTION:
                    count["long functions"] += 1
                    named.append(f"{path.relative_to(root)}: {name}, {length} lines")
        for key in total:
            total[key] += count[key]
        print("| " + " | ".join([room, *(str(count[key]) for key in total)]) + " |")
    print("| all | " + " | ".join(str(total[key]) for key in total) + " |")
    if "--long" in sys.argv:
        print("\n".join(["", *named]))


if __name__ == "__main__":
    main()
