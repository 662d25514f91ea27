"""GitHub's own parser on every workflow and action, and the lock file that brings it."""

import json
from pathlib import Path

import pytest

from tests.workflows.engine import ENGINE, ROOT, Engine

FILES = sorted(
    path.relative_to(ROOT).as_posix() for path in (ROOT / ".github").rglob("*.yml") if "dependabot" not in path.name
)
FILES = [path for path in FILES if "/workflows/" in path or path.endswith("action.yml")]


@pytest.mark.parametrize("path", FILES)
def test_githubs_own_parser_finds_no_error(engine: Engine, path: str) -> None:
    assert engine.parse(path)[0] == []


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("on: push\njobs: {a: {runs-on: x, steps: [{run: x}], needs: b}}\n", "one job with no dependencies"),
        ("on: push\njobs: {a: {runs-on: x, steps: [{run: x}], if: steps.b.result}}\n", "Unrecognized named-value"),
        ("on: push\njobs: {a: {runs-on: x, stepz: []}}\n", "Unexpected value 'stepz'"),
    ],
)
def test_githubs_own_parser_names_an_error(tmp_path: Path, engine: Engine, text: str, error: str) -> None:
    path = tmp_path / "workflow.yml"
    path.write_text(text)
    assert any(error in one for one in engine.parse(str(path))[0])


@pytest.mark.parametrize("path", [path for path in FILES if "/workflows/" in path])
def test_no_condition_is_a_text(engine: Engine, path: str) -> None:
    """Braces inside a folded text make a condition a text, which is always true."""
    for name, job in engine.parse(path)[1]["jobs"].items():
        assert not job["if"].startswith("format("), name
        assert [step["if"] for step in job.get("steps", []) if step["if"].startswith("format(")] == [], name


def test_the_lock_file_has_hashes_and_names_no_registry() -> None:
    text = (ENGINE / "package-lock.json").read_text()
    packages = {name: one for name, one in json.loads(text)["packages"].items() if name}
    assert len(packages) >= 4
    assert {name for name, one in packages.items() if "resolved" in one} == set()
    assert {name for name, one in packages.items() if "sha512-" not in one["integrity"]} == set()
