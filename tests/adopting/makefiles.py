"""What of the makefiles, and of the commands behind them, names a module, a script or a folder that is gone."""

import re
from collections.abc import Collection
from pathlib import Path

# Targets that shall count as gone although they are there.
ASKED: set[str] = set()


def exists(root: Path, module: str) -> bool:
    place = root / module.replace(".", "/")
    return place.with_suffix(".py").exists() or place.is_dir()


def table(root: Path, text: str) -> str:
    """ROOM/__main__.py without the commands whose module is gone."""
    lines = text.splitlines(keepends=True)
    rows = [re.match(r'    "[a-z-]+": "([\w.]+)",\n', line) for line in lines]
    return "".join(line for line, row in zip(lines, rows, strict=True) if not row or exists(root, row[1]))


def runs(root: Path, module: str, command: str) -> bool:
    """Whether `python -m MODULE COMMAND` is there. A room without a table takes no command."""
    if module in ("venv", "benchmarks"):  # benchmarks.$$part, by its own commands.mk
        return True
    main = root / module / "__main__.py"
    if "." in module or not main.exists():
        return exists(root, module) and ("." in module or main.exists())
    commands = re.findall(r'^    "([a-z-]+)": "[\w.]+",$', main.read_text(encoding="utf-8"), re.M)
    return not commands or command in commands


def targets(root: Path, text: str) -> str:
    """A makefile without the targets that start what is gone, and without the tests that are gone."""
    kept = []
    for block in re.split(r"\n\n+", text.rstrip("\n")):
        started = all(
            runs(root, *pair) for pair in re.findall(r"\$\((?:RUN|PYTHON)\) -m ([a-z][\w.]*) ?([a-z-]*)", block)
        )
        scripts = all((root / path).exists() for path in re.findall(r"\$\(RUN\) ([\w/-]+\.py)", block))
        tests = set(re.findall(r"(?<!--ignore) (tests/[\w/]+(?:\.py)?)(?= |$)", block, re.M))
        gone = {path for path in tests if not (root / path).exists()}
        if ".PHONY" in block and (not (started and scripts) or (gone and gone == tests)):
            continue
        for path in gone:
            block = re.sub(rf"(--ignore)? {path}(?= |$)", "", block, flags=re.M)
        kept.append(re.sub(r" --ignore (tests/[\w/.]+)", lambda m: m[0] if (root / m[1]).exists() else "", block))
    return "\n\n".join(kept) + "\n"


def names(root: Path) -> set[str]:
    """The targets that there are."""
    paths = (root / "Makefile", *root.glob("**/commands.mk"))
    texts = "\n".join(path.read_text(encoding="utf-8") for path in paths)
    return set(re.findall(r"^\.PHONY: (\S+)$", texts, re.M)) - ASKED


def script(root: Path, text: str) -> str:
    """A shell script without the lines that make a target that is gone, or a part of tests/scale that is."""
    there = names(root)
    lines = text.splitlines(keepends=True)
    made = [re.match(r" *make(?:_whole)? ([a-z-]+)(?:.* PART=(\w+))?", line) for line in lines]
    return "".join(
        line for line, one in zip(lines, made, strict=True) if not one or _is_there(root, there, *one.groups())
    )


def _is_there(root: Path, targets: Collection[str], target: str, part: str | None) -> bool:
    return target in targets and (part is None or any(root.glob(f"tests/scale/test_{part}*.py")))


def type_checked(root: Path, text: str) -> str:
    """pyproject.toml, in which mypy's list names only folders that are there."""
    listed = re.search(r"(?<=\[tool\.mypy\]\n)files = \[[^]]+\]", text)
    if not listed:
        return text
    kept = re.sub(r'"([^"]+)",? ?', lambda m: m[0] if (root / m[1]).exists() else "", listed[0])
    return text.replace(listed[0], kept)
