"""A student's app in a container of the service's image: graded alike, and with no rights at all."""

from pathlib import Path

import pytest

from exercises.graders.checks.api import EXERCISE
from exercises.graders.container import can_contain
from exercises.graders.grading import SOLUTIONS, Place, grade
from tests.containers.conftest import Built

pytestmark = pytest.mark.image_store

# Each answer says what the program could do.
LOOKS = """\
import os
import socket
from pathlib import Path
from fastapi import FastAPI

def tries(what):
    try:
        what()
    except OSError as error:
        return type(error).__name__
    return "could"

app = FastAPI()

@app.get("/readyz")
def ready():
    own, new = Path(__file__), Path("/new")
    return {"status": [os.getuid(), tries(lambda: own.write_text("")), tries(new.mkdir)]}
"""


def test_the_solution_passes_in_a_container(built: Built) -> None:
    assert can_contain(built.build.root)
    seen = grade(EXERCISE, Place(SOLUTIONS / EXERCISE.folder, built.build.root, engine=True))
    assert not seen.stopped
    assert {one.check: one.seen for one in seen.results if one.state != "pass"} == {}


def test_a_contained_program_is_not_root_and_writes_nowhere(built: Built, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(LOOKS, encoding="utf-8")
    seen = grade(EXERCISE, Place(tmp_path, built.build.root, engine=True))
    health = next(one.seen for one in seen.results if one.check == "health")
    assert '{"status":[10001,"OSError","OSError"]}' in health


def test_a_contained_program_that_ends_is_quoted(built: Built, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("raise RuntimeError('no luck')\n", encoding="utf-8")
    seen = grade(EXERCISE, Place(tmp_path, built.build.root, engine=True))
    assert "no luck" in seen.stopped
