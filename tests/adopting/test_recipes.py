"""Each recipe of docs/adopting.md leaves a repository whose checks pass and whose tests can be collected."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.adopting.recipes import Recipe, copy_checkout, order, play, recipes
from tests.repository.test_promises import ROOT

RECIPES = recipes()
only_in_full = pytest.mark.skipif(os.environ.get("FULL") != "1", reason="each recipe alone: `make adopt-test FULL=1`")


def run(checkout: Path, *command: str) -> None:
    """A command that shall pass in the copy, with the types that the checkout has already checked."""
    if (ROOT / ".mypy_cache").exists() and not (checkout / ".mypy_cache").exists():
        shutil.copytree(ROOT / ".mypy_cache", checkout / ".mypy_cache")
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    ended = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{' '.join(command)}: {ended.stdout[-4000:]}{ended.stderr[-2000:]}"


def assert_whole(checkout: Path) -> None:
    """`make check`, which holds links, commands and workflows too; and no test needs what is gone."""
    run(checkout, "make", "--old-file=setup", "check")
    run(checkout, sys.executable, "-m", "pytest", "--collect-only", "-qq", "tests")


def adopted(names: list[Recipe], folder: Path) -> Path:
    checkout = copy_checkout(folder)
    for recipe in names:
        play(recipe, checkout)
    return checkout


@only_in_full
@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_leaves_a_whole_repository(name: str, tmp_path: Path) -> None:
    assert_whole(adopted(order(name), tmp_path / "adopted"))


def test_all_recipes_leave_a_whole_repository_and_a_chain_that_passes(tmp_path: Path) -> None:
    checkout = adopted(list(RECIPES.values()), tmp_path / "adopted")
    assert_whole(checkout)
    run(checkout, sys.executable, "-m", "pytest", "-q", "-n2", "tests/chain/test_tables.py")


def test_a_recipe_that_leaves_a_workflow_behind_is_seen(tmp_path: Path) -> None:
    """The control: files removed without `make forget` break promises."""
    checkout = copy_checkout(tmp_path / "adopted")
    shutil.rmtree(checkout / "benchmarks")
    with pytest.raises(AssertionError, match=r"\.yml|README|benchmarks"):
        run(checkout, sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "tests/repository/test_promises.py")
