"""This machine, or the runner that a job is on, has what the suites rely on; what is missing is told in a sentence."""

import re
from pathlib import Path

import pytest

from tests.machine.needed import PROGRAMS, Program, missing

ROOT = Path(__file__).parents[2]
BY_NAME = pytest.mark.parametrize("program", PROGRAMS, ids=lambda one: one.name)


def fake(folder: Path, program: Program, script: str) -> str:
    """A PATH on which the program is this script."""
    place = folder / program.asked[0]
    place.write_text(f"#!/bin/sh\n{script}\n")
    place.chmod(0o755)
    return str(folder)


def test_this_machine_has_what_the_suites_rely_on() -> None:
    assert [said for program in PROGRAMS if (said := missing(program))] == []


@BY_NAME
def test_a_missing_program_is_told_with_what_needs_it_and_what_to_do(program: Program, tmp_path: Path) -> None:
    said = missing(program, str(tmp_path))
    assert said.startswith(f"{program.name} {'.'.join(map(str, program.least))} or newer is required: {program.why}; ")
    assert "No such file" in said
    assert said.endswith(f"Remedy: {program.remedy}.")


@BY_NAME
def test_a_program_that_is_too_old_is_told_with_its_version(program: Program, tmp_path: Path) -> None:
    older = [*program.least[:-1], program.least[-1] - 1, 9]
    old = ".".join(map(str, older))
    assert f"; here is {old}. " in missing(program, fake(tmp_path, program, f"echo {program.name} v{old}"))


@BY_NAME
def test_the_least_version_will_do(program: Program, tmp_path: Path) -> None:
    least = ".".join(map(str, (*program.least, 0)))
    assert missing(program, fake(tmp_path, program, f"echo v{least}, build 1234567")) == ""


def test_an_engine_that_does_not_answer_is_told_with_its_words(tmp_path: Path) -> None:
    engine = next(one for one in PROGRAMS if one.name == "Docker Engine")
    silent = fake(tmp_path, engine, "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    assert "`docker version` said: Cannot connect to the Docker daemon. Remedy: " in missing(engine, silent)


@pytest.mark.parametrize(
    ("place", "pattern", "name"),
    [
        ("docs/compose.md", r"Docker Engine (\d+)", "Docker Engine"),
        ("docs/compose.md", r"Compose ([\d.]+\d)", "Docker Compose"),
        ("tests/workflows/engine/package.json", r'"node": ">=([\d.]+)"', "Node"),
        ("pyproject.toml", r'requires-python = ">=([\d.]+)', "Python"),
    ],
)
def test_the_documents_name_the_same_versions(place: str, pattern: str, name: str) -> None:
    if not (ROOT / place).exists():
        pytest.skip(f"this repository has no {place}")
    found = re.search(pattern, (ROOT / place).read_text(encoding="utf-8"))
    assert found
    assert found[1] == ".".join(map(str, next(one for one in PROGRAMS if one.name == name).least))
