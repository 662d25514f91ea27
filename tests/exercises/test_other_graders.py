"""Exercises 0, 2 and 4: each with the subject that it needs, a whole run, a container engine, a table and its stage."""

import hashlib
import json
import os
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from contracts.stage import CHAIN, Build
from deploy.engine import docker
from drills.pipeline_toml import with_key
from exercises.graders.checks import image
from exercises.graders.grading import EXERCISES, SOLUTIONS, Place, WaitsError, grade
from tests.exercises import planted
from tests.exercises.conftest import write_graded_model
from tests.exercises.planted import Wrong
from tests.exercises.test_graders import copied, exercise_of, failures, graded, require_own_reasons
from tests.reports.records import whole_run, write_record
from tests.reports.run_histories import decision_of

READ, IMAGE, DRILL = exercise_of("0"), exercise_of("2"), exercise_of("4")


def names_of(mistake: Wrong) -> str:
    return mistake.check


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """A whole run's files."""
    build = whole_run(tmp_path_factory.mktemp("run") / "build", "carrier")
    decision_of(build, promote=True)
    write_record(build, "build")
    return build


def right_answers(build: Build) -> dict[str, Any]:
    """Read from the files as a person would: by json and eyes, not by the grader's own functions."""

    def read(name: str) -> Any:
        return json.loads((build.root / name).read_text(encoding="utf-8"))

    decision, drift = read("evaluate/decision.json"), read("drift/verdict.json")
    seconds = {stage: read(f"{build.stage(stage).name}/stage.json")["seconds"] for stage in CHAIN}
    features = [one for one in drift["columns"] if one["kind"] == "feature"]
    model = (build.challenger / "model.json").read_bytes()
    return {
        "holdout_rows": read("data/data.json")["tables"]["holdout"]["rows"],
        "estimator": json.loads(model)["estimator"],
        "model": hashlib.sha256(model).hexdigest()[:12],
        "decision": decision["decision"],
        "interval_low": next(
            one["challenger"]["low"] for one in decision["comparisons"] if one["metric"] == decision["metric"]
        ),
        "p95_ms": read("load-test/verdict.json")["p95_ms"],
        "moved_most": max(features, key=lambda one: one["distance"] / one["threshold"])["column"],
        "longest_stage": max(seconds, key=lambda name: seconds[name]),
    }


def write_answers(folder: Path, answers: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    lines = [f"{name} = {value!r}" for name, value in answers.items()]
    (folder / "answers.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_reading_a_run_fails_unanswered_for_each_questions_own_reason(run: Build) -> None:
    require_own_reasons(READ, graded(READ, EXERCISES / READ.folder, run))


def test_reading_a_run_passes_with_what_the_files_say(run: Build, tmp_path: Path) -> None:
    assert failures(graded(READ, write_answers(tmp_path / "answers", right_answers(run)), run)) == {}


@pytest.mark.parametrize("name", tomllib.loads((EXERCISES / READ.folder / "answers.toml").read_text()).keys())
def test_one_wrong_answer_is_caught_alone(name: str, run: Build, tmp_path: Path) -> None:
    answers = right_answers(run)
    answers[name] = answers[name] + 1 if isinstance(answers[name], int | float) else "something else"
    seen = failures(graded(READ, write_answers(tmp_path / "answers", answers), run))
    assert list(seen) == [name.replace("_", "-")]


def test_the_image_stub_fails_every_check_for_its_own_reason(build: Build) -> None:
    require_own_reasons(IMAGE, graded(IMAGE, EXERCISES / IMAGE.folder, build))


def test_the_image_solution_passes_every_check(build: Build) -> None:
    assert failures(graded(IMAGE, SOLUTIONS / IMAGE.folder, build)) == {}


@pytest.mark.parametrize("mistake", planted.IMAGE, ids=names_of)
def test_a_mistake_in_an_image_is_caught_by_its_check_and_by_no_other(
    mistake: Wrong, build: Build, tmp_path: Path
) -> None:
    assert list(failures(graded(IMAGE, copied(IMAGE, tmp_path, mistake), build))) == [mistake.check]


class Forgetful(image.BuildContext):
    """An engine that keeps no layer for its first `forgets` builds after the first one, as one short of room does."""

    forgets = 0

    def build(self, context: Path | None = None, options: Sequence[str] = ()) -> str:
        if context is None and self.tags and self.forgets:
            self.forgets -= 1
            options = [*options, "--no-cache"]
        return super().build(context, options)


@pytest.mark.parametrize(
    ("copied_first", "forgets", "said"),
    [
        ("", 0, ""),
        ("", 2, ""),
        ("", 100, "waits for an engine that keeps its layers"),
        ("COPY app.py /first.py\n", 0, "after a line in app.py changed"),
        ("COPY app.py /first.py\n", 2, "after a line in app.py changed"),
    ],
)
def test_an_engine_that_forgets_its_layers_is_not_taken_for_a_wrong_order(
    copied_first: str, forgets: int, said: str, tmp_path: Path
) -> None:
    layer = "RUN head -c 4096 /dev/urandom > /dependencies\n"
    base = os.environ.get("PYTHON_IMAGE") or image.base_named_in((SOLUTIONS / "02-image" / "Dockerfile").read_text())
    (tmp_path / "Dockerfile").write_text(
        f"ARG PYTHON_IMAGE={base}\nFROM ${{PYTHON_IMAGE}}\n{copied_first}{layer}COPY app.py /app.py\n"
    )
    (tmp_path / "app.py").write_text(f"# {tmp_path}\n")
    shop = Forgetful(tmp_path, "secret", "recipe")
    try:
        assert shop.layers
        shop.forgets = forgets
        try:
            seen = image.order(shop)
        except WaitsError as error:
            seen = str(error)
        assert seen.startswith(said)
        assert bool(seen) is bool(said)
    finally:
        docker("image", "rm", "--force", *shop.tags)


def test_without_an_engine_the_lint_is_done_and_the_rest_says_what_it_waits_for(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    seen = grade(IMAGE, Place(SOLUTIONS / IMAGE.folder, build.root))
    assert [one.state for one in seen.results] == ["pass", *["waits"] * 6]
    assert all("waits for a container engine" in one.seen for one in seen.results[1:])


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """pipeline.toml on a small table with the columns that the flights have, and a model folder beside it."""
    root = tmp_path_factory.mktemp("table")
    draw = np.random.default_rng(3)
    moments = pd.date_range("2013-06-01", "2013-10-31", periods=3000)
    distance = draw.normal(900, 300, len(moments)).astype("float32")
    late = draw.random(len(moments)) < 1 / (1 + np.exp(-(distance - 1200) / 200))
    frame = pd.DataFrame({"scheduled_at": moments, "distance": distance, "late": late})
    frame["origin"] = draw.choice(["JFK", "LGA", "EWR"], len(moments))
    frame.to_parquet(root / "flights.parquet", index=False)
    text = Path("pipeline.toml").read_text(encoding="utf-8")
    wanted = {"data.source": str(root / "flights.parquet"), "data.min_train_rows": 100, "data.min_holdout_rows": 100}
    for key, value in {**wanted, "features.exclude": [], "gate.slices": ["origin"]}.items():
        text = with_key(text, key, value)
    (root / "pipeline.toml").write_text(text, encoding="utf-8")
    write_graded_model(Build(root / "build").challenger)
    return root


def drilled(table: Path, folder: Path) -> dict[str, str]:
    return failures(graded(DRILL, folder, Build(table / "build"), table / "pipeline.toml"))


def test_the_drill_stub_fails_every_check_for_its_own_reason(table: Path) -> None:
    require_own_reasons(DRILL, graded(DRILL, EXERCISES / DRILL.folder, Build(table / "build"), table / "pipeline.toml"))


def test_the_drill_solution_passes_every_check(table: Path) -> None:
    assert drilled(table, SOLUTIONS / DRILL.folder) == {}


@pytest.mark.parametrize("mistake", planted.DRILL, ids=names_of)
def test_a_mistake_in_a_drill_is_caught_by_its_check_and_by_no_other(
    mistake: Wrong, table: Path, tmp_path: Path
) -> None:
    assert list(drilled(table, copied(DRILL, tmp_path, mistake))) == [mistake.check]
