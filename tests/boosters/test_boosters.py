"""Each booster as a candidate by name: learns, is exported exactly, and goes through the train stage."""

import importlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contracts.decision import Check
from contracts.exits import Exit
from contracts.model_folder import Golden, read_card
from contracts.pipeline_toml.reader import load_config
from contracts.schema import Task, read_json
from contracts.stage import Build, StageRecord, execute
from scoring.scorer import load_scorer
from tests.training.fitting.known_models import COLUMNS, NAN_COLUMNS, Known, known_boosters, toy
from tests.training.fitting.models_page import EXACT, REFUSED, line, outcome, page_has
from tests.training.toy_build import FEATURES, write_build, write_config
from training.fitting.boosters import READERS
from training.fitting.boosters.lightgbm import ZERO
from training.fitting.candidates import find_candidates
from training.fitting.export import export
from training.fitting.proof import prove
from training.fitting.search import one_thread
from training.judging.checks.recomputed import recomputed_checks
from training.judging.scored_models import load_and_score
from training.tables import load_table
from training.train import work

TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")


@pytest.fixture(autouse=True)
def quiet() -> None:
    warnings.simplefilter("ignore")


@pytest.mark.parametrize("known", known_boosters(), ids=lambda one: one.name)
def test_a_booster_is_exact_or_refused_as_its_page_says(known: Known) -> None:
    assert outcome(known) == (REFUSED if known.instead else EXACT)


def test_the_page_has_a_line_for_each() -> None:
    lines = [line(one, REFUSED if one.instead else EXACT) for one in known_boosters()]
    assert page_has("boosters", lines), "docs/models.md: run `make booster-test`, then `make models-page`"


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("library", READERS)
def test_a_booster_goes_through_the_train_stage_twice_with_the_same_bytes(
    tmp_path: Path, library: str, task: Task
) -> None:
    build = write_build(tmp_path, task)
    config = write_config(tmp_path, task, training__candidates=f'["{library}"]', training__trials="2")
    graphs = []
    for _ in range(2):
        assert execute("train", config, build, work) is Exit.PASS
        graphs.append((build.challenger / "model.onnx").read_bytes())
    assert graphs[0] == graphs[1]
    card = load_scorer(build.challenger).card
    assert card.estimator == library
    assert card.proof.label_flips == 0
    assert [one.name for one in recomputed_from(build, config) if not one.passed] == []


def recomputed_from(build: Build, config: Path) -> list[Check]:
    holdout = load_table(build, "holdout")
    golden = Golden.model_validate_json((build.challenger / "golden.json").read_bytes())
    challenger = load_and_score("challenger", build.challenger, holdout)
    return list(recomputed_checks(load_config(config), build, holdout, challenger, golden))


@pytest.mark.parametrize("library", READERS)
def test_every_setting_of_the_search_is_one_that_the_library_takes(library: str) -> None:
    matrix, truth = toy("binary", rows=200)
    candidate = find_candidates([library], FEATURES, "binary", 7, 64)[0]
    for setting in candidate.settings:
        short = {**setting, **({"iterations": 2} if library == "catboost" else {"n_estimators": 2})}
        with one_thread():
            candidate.make(short).fit(matrix, truth)
    assert len(candidate.settings) >= 16


@pytest.mark.parametrize("library", READERS)
def test_one_that_cannot_be_exported_is_left_out_before_the_search_and_named(tmp_path: Path, library: str) -> None:
    build = write_build(tmp_path)
    config = write_config(tmp_path, training__candidates=f'["tests.boosters.refused:{library}", "logistic"]')
    assert execute("train", config, build, work) is Exit.PASS
    card = read_card(build.challenger)
    assert card.estimator == "logistic"
    assert list(card.refused_candidates) == [f"tests.boosters.refused:{library}"]
    headline = read_json(build.stage("train") / "stage.json", StageRecord, "make train").headline
    assert f"tests.boosters.refused:{library} was left out" in headline


def test_lightgbm_takes_numbers_next_to_zero_for_zero_and_so_does_its_graph() -> None:
    """A threshold next to zero is where a rounded one went wrong."""
    random = np.random.default_rng(0)
    matrix = random.choice([-1.0, -1e-36, 0.0, 1e-36, 1.0], size=(900, COLUMNS)).astype(np.float32)
    truth = (matrix[:, 0] >= 0).astype(int) ^ (random.random(900) < 0.1)
    model = importlib.import_module("lightgbm").LGBMClassifier(verbose=-1, n_jobs=1).fit(matrix, truth)
    thresholds = _thresholds(model.booster_.dump_model()["tree_info"][0]["tree_structure"])
    assert min(abs(one) for one in thresholds) <= ZERO
    assert prove(model, export(model, COLUMNS, "binary"), matrix, "binary", nan_columns=NAN_COLUMNS).label_flips == 0


def _thresholds(node: dict[str, Any]) -> list[float]:
    if "split_feature" not in node:
        return []
    return [node["threshold"], *_thresholds(node["left_child"]), *_thresholds(node["right_child"])]
