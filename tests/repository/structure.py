"""The structure in figures: `make structure`, or `make structure AT=<commit>` for an earlier one.

Counts what a reader meets: files in a folder, imports between rooms and their circles, lines, long functions, make
targets, and phrases of four or more words that tests pin. Reads the commit from git, so that two can be compared.
"""

import ast
import io
import re
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

LONG_FUNCTION = 20
PINNED_WORDS = 4
MAX_FILES = 15


@dataclass(frozen=True)
class Structure:
    """`files`: Python files in each folder, `__init__.py` apart. `arrows`: imports from one folder to another."""

    files: Counter[str]
    arrows: frozenset[tuple[str, str]]
    lines: int
    long_functions: int
    targets: int
    pinned: int


def sources(revision: str) -> dict[str, str]:
    """Every Python file and makefile of a commit."""
    packed = subprocess.run(["git", "archive", revision], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        wanted = [member.name for member in archive if re.search(r"(\.py|\.mk|^Makefile)$", member.name)]
        opened = ((name, archive.extractfile(name)) for name in wanted)
        return {name: file.read().decode() for name, file in opened if file}


def structure_of(texts: dict[str, str]) -> Structure:
    """What `sources` returned, counted. Tests count for what they pin alone."""
    code = {name: ast.parse(text) for name, text in texts.items() if name.endswith(".py") and not is_test(name)}
    return Structure(
        files=Counter(folder_of(name) for name in code if not name.endswith("__init__.py")),
        arrows=frozenset(arrows(code)),
        lines=sum(texts[name].count("\n") for name in code),
        long_functions=sum(is_long(node) for tree in code.values() for node in ast.walk(tree)),
        targets=len(
            re.findall(r"^[a-z-]+:.*## \S", "\n".join(t for n, t in texts.items() if not n.endswith(".py")), re.M)
        ),
        pinned=sum(pins(ast.parse(text)) for name, text in texts.items() if name.endswith(".py") and is_test(name)),
    )


def is_test(name: str) -> bool:
    return name.startswith("tests/")


def folder_of(name: str) -> str:
    return str(PurePosixPath(name).parent)


def is_long(node: ast.AST) -> bool:
    """A function of more than LONG_FUNCTION lines, its docstring included."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    return (node.end_lineno or 0) - node.lineno + 1 > LONG_FUNCTION


def arrows(code: dict[str, ast.Module]) -> Iterator[tuple[str, str]]:
    """From folder to folder, for each import of a module of ours. A folder and the one that holds it count as one."""
    for name, tree in code.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    for module in (f"{node.module}.{alias.name}", node.module):
                        path = module.replace(".", "/")
                        if f"{path}.py" in code or f"{path}/__init__.py" in code:
                            target = folder_of(f"{path}.py") if f"{path}.py" in code else path
                            if not are_nested(target, folder_of(name)):
                                yield folder_of(name), target
                            break


def are_nested(one: str, other: str) -> bool:
    """Whether one folder holds the other, or they are the same: a room and what puts its parts together."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def circles(edges: frozenset[tuple[str, str]]) -> set[frozenset[str]]:
    """Folders that import each other, directly or through others (strongly connected components)."""
    reach: dict[str, set[str]] = {a: {b for start, b in edges if start == a} for a, _ in edges}
    changed = True
    while changed:
        changed = False
        for seen in reach.values():
            more = set().union(*(reach.get(one, set()) for one in seen)) - seen
            changed = changed or bool(more)
            seen |= more
    mutual = {
        a: frozenset({a} | {b for b in seen if a in reach.get(b, set())}) for a, seen in reach.items() if a in seen
    }
    return set(mutual.values())


def pins(tree: ast.Module) -> int:
    """Assertions, `match=` of pytest.raises, and values of `refuses`, on a text of PINNED_WORDS or more words."""
    tests: list[ast.AST] = [node.test for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    tests += [node.value for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "match"]
    tests += [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "refuses"]
    return sum(any(is_phrase(one) for one in ast.walk(node)) for node in tests)


def is_phrase(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value.split()) >= PINNED_WORDS


def table(structure: Structure) -> str:
    """One line a figure."""
    crowded = {folder: count for folder, count in structure.files.items() if count > MAX_FILES}
    inner = {edge for edge in structure.arrows if edge[0].split("/")[0] == edge[1].split("/")[0]}
    figures = {
        "files in the fullest folder": max(structure.files.values()),
        f"folders with more than {MAX_FILES} files": ", ".join(f"{k} {v}" for k, v in sorted(crowded.items()))
        or "none",
        "folders of code": len(structure.files),
        "imports between folders": len(structure.arrows),
        "of these between rooms of one top-level folder": len(inner),
        "circles between folders": len(circles(structure.arrows)),
        "lines of code without tests": structure.lines,
        f"functions over {LONG_FUNCTION} lines": structure.long_functions,
        "make targets that `make help` shows": structure.targets,
        f"phrases of {PINNED_WORDS} or more words that tests pin": structure.pinned,
    }
    return "\n".join(f"{value!s:>8}  {name}" for name, value in figures.items())


def main(revision: str) -> None:
    print(table(structure_of(sources(revision))))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 and sys.argv[1] else "HEAD")
