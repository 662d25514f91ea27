"""A table that was split by groups: whole groups are what chance moves, and what a window is worth."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contracts.data_manifest import CLUSTER_COLUMN, DataManifest
from contracts.features import Feature
from contracts.model_folder import PREDICTION_COLUMN, model_digest
from contracts.pipeline_toml.keys import Drift
from contracts.request_log import SourceRecord
from contracts.schema import read_json, write_json
from contracts.stage import Build, execute
from contracts.verdict import DriftVerdict
from reports.drift.comparison import baseline_of
from reports.drift.effective_rows import distinct_window
from reports.drift.stage import work
from reports.drift.thresholds import Groups, by_chance
from scoring.distances import counted
from scoring.drift_statistics import fit_others
from testbed.cards import sign
from tests.reports.drift.test_effective_rows import window
from tests.reports.logged_requests import card, records, rows, write_config, write_log, write_model

FAINT = Drift(numeric_effect=1e-9, categorical_effect=1e-9, prediction_effect=1e-9, missing_effect=1e-9)
FEATURES = (
    Feature(name="age", kind="numeric"),
    Feature(name="town", kind="categorical", categories=("a", "b", "c")),
    Feature(name="cost", kind="numeric"),
)


def persons(count: int, seed: int, each: int = 4) -> pd.DataFrame:
    """Rows of `count` persons, `each` of them, with the person's number: only the cost is another one in every row."""
    random = np.random.default_rng(seed)
    person = np.repeat(np.arange(count), each)
    age = random.normal(size=count)[person]
    return pd.DataFrame(
        {
            "age": age,
            "town": random.choice(list("abc"), count)[person],
            "cost": random.normal(size=count * each),
            PREDICTION_COLUMN: 1 / (1 + np.exp(-age)),
            CLUSTER_COLUMN: person,
        }
    )


def alarms(persons_in_window: int, view: str, shift: float = 0.0, of_each: int = 4) -> float:
    """The share of windows called, of 80 over twenty references. `view`: known, unknown, or as rows.

    `of_each`: so many of a person's four rows came in.
    """
    called = []
    known = card("binary", features=FEATURES)
    for number in range(20):
        reference = persons(150, 1000 + number)
        before = reference.drop(columns=CLUSTER_COLUMN) if view == "as rows" else reference
        baseline = baseline_of(FAINT, known, before, FEATURES)
        for turn in range(4):
            now = persons(persons_in_window, 50_000 + 100 * number + turn)
            now = now[np.arange(len(now)) % 4 < of_each].reset_index(drop=True)
            now["age"] += shift
            groups = now.pop(CLUSTER_COLUMN).to_numpy() if view == "known" else None
            seen = baseline.compared(now, 0, has_labels=False, seed=number, window_groups=groups)
            called.append(any(one.drifted for _, one in seen))
    return float(np.mean(called))


@pytest.mark.parametrize("view", ["known", "unknown"])
def test_a_window_of_whole_groups_alarms_as_often_as_stated(view: str) -> None:
    assert alarms(40, view) <= 0.11


def test_a_window_of_parts_of_groups_alarms_no_more_often() -> None:
    assert alarms(60, "known", of_each=1) <= 0.11


def test_rows_of_groups_taken_as_independent_alarm_far_more_often() -> None:
    assert alarms(40, "as rows") > 0.3


@pytest.mark.parametrize("view", ["known", "unknown"])
def test_a_shift_of_a_groups_own_column_is_found(view: str) -> None:
    assert alarms(80, view, shift=0.7) > 0.8


def test_groups_of_one_row_each_give_the_thresholds_of_rows() -> None:
    table = np.random.default_rng(1).normal(size=(900, 3))
    columns = [counted("wasserstein", table[:600, place], table[600:, place]) for place in range(3)]
    own = by_chance(columns, 0.05, 1, Groups(np.arange(600), np.arange(300)))
    assert own == pytest.approx(by_chance(columns, 0.05, 1), rel=0.1)
    assert by_chance(columns, 0.05, 1, Groups(np.arange(600), None)) == pytest.approx(own, rel=0.15)


def test_the_same_number_on_both_sides_is_not_the_same_group() -> None:
    assert Groups(np.array([0, 0, 1]), np.array([0, 2])).counts(2) == (2, 2)
    assert Groups(np.arange(100) // 4, None).counts(40) == (25, 10)


def test_a_fit_does_not_know_the_group_of_the_row_that_it_measures() -> None:
    table = {
        "age": np.repeat(np.random.default_rng(1).normal(size=50), 4),
        "cost": np.random.default_rng(2).normal(size=200),
    }
    folds = fit_others(table, [FEATURES[0], FEATURES[2]], np.repeat(np.arange(50), 4)).folds
    assert (folds.reshape(50, 4) == folds.reshape(50, 4)[:, :1]).all()
    assert len(np.unique(folds)) == 5


@pytest.mark.parametrize("is_known", [True, False])
def test_rows_that_are_equal_within_a_group_by_nature_all_count(is_known: bool) -> None:
    reference, now = (persons(200, seed).drop(columns="cost") for seed in (1, 2))
    groups = now.pop(CLUSTER_COLUMN).to_numpy()
    seen = distinct_window(replace(window(now), groups=groups if is_known else None), reference)
    assert (len(seen.rows), seen.repeated) == (800, 0)


@pytest.mark.parametrize("is_known", [True, False])
def test_a_bots_row_beside_whole_groups_counts_once(is_known: bool) -> None:
    reference, now = (persons(200, seed).drop(columns="cost") for seed in (1, 2))
    now = pd.concat([now, now.iloc[np.zeros(400, dtype=int)].assign(**{CLUSTER_COLUMN: np.arange(400) + 1000})])
    groups = now.pop(CLUSTER_COLUMN).to_numpy()
    seen = distinct_window(replace(window(now), groups=groups if is_known else None), reference)
    assert seen.repeated == pytest.approx(400, abs=10)


def replayed(folder: Path, of_group: int) -> DriftVerdict:
    """The stage on a model whose reference has groups, and a replay of 400 rows in groups of that many rows."""
    write_model(Build(folder))
    model = folder / "train" / "model"
    grouped = rows(2000, seed=1).assign(**{CLUSTER_COLUMN: np.arange(2000) // 4})
    grouped.to_parquet(model / "reference.parquet", index=False)
    sign(model)
    data = folder / "data" / "data.json"
    manifest = read_json(data, DataManifest, "make data")
    replay = manifest.tables["replay"].model_copy(update={"first": "", "last": ""})
    write_json(data, manifest.model_copy(update={"cluster": CLUSTER_COLUMN, "tables": {"replay": replay}}))
    texts = [f"person {place // of_group}" for place in range(400)]
    pd.DataFrame({CLUSTER_COLUMN: texts}).to_parquet(folder / "data" / "replay.parquet", index=False)
    many = records(rows(400, seed=2), model_digest(model))
    requests = folder / "load-test" / "requests"
    write_log(requests, many)
    lines = [SourceRecord(id=one.id, row=place).model_dump_json() for place, one in enumerate(many)]
    (requests / "sources-load-test.jsonl").write_text("\n".join(lines), encoding="utf-8")
    execute("drift", write_config(folder / "pipeline.toml", "min_rows = 50"), Build(folder), work)
    return read_json(folder / "drift" / "verdict.json", DriftVerdict, "make drift")


def test_the_chain_knows_the_groups_of_the_replay(tmp_path: Path) -> None:
    pairs, singles = (replayed(tmp_path / str(size), size) for size in (40, 1))
    assert (pairs.state, singles.state) == ("stable", "stable")
    thresholds = [next(one for one in seen.columns if one.column == "temp").by_chance or 0 for seen in (pairs, singles)]
    assert thresholds[0] > 1.5 * thresholds[1]


def test_few_groups_are_insufficient_however_many_rows_they_have(tmp_path: Path) -> None:
    seen = replayed(tmp_path, of_group=50)
    assert (seen.state, seen.inputs, seen.effective_rows) == ("insufficient", "insufficient", 400)
    assert all(value in seen.reasons[0] for value in ("500 groups", "8 in the window", "data.group", "10"))
