"""A changed model folder with new checksums is refused; one with new checksums alone passes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from contracts.model_folder import Golden, ModelCard, read_card
from contracts.schema import write_json
from contracts.stage import Build
from testbed.cards import sign
from testbed.model_folders import SIGNAL, draw_tables, write_model
from tests.training.evaluating import check, decided, failed


def golden_of(build: Build) -> Golden:
    return Golden.model_validate_json((build.challenger / "golden.json").read_bytes())


def replace_golden(build: Build, rows: Any) -> None:
    write_json(build.challenger / "golden.json", golden_of(build).model_copy(update={"rows": tuple(rows)}))
    sign(build.challenger)


def replace_reference(build: Build, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    path = build.challenger / "reference.parquet"
    change(pd.read_parquet(path)).to_parquet(path, index=False)
    sign(build.challenger)


def test_a_folder_with_new_checksums_alone_passes_every_recomputation(build: Build) -> None:
    sign(build.challenger, commit="d" * 40)
    decision = decided(build)
    assert failed(decision) == []
    names = {one.name for one in decision.checks}
    assert {"fitted again", "out-of-fold figures", "reference rows", "reference predictions", "golden rows"} <= names


def test_a_reference_from_the_replay_is_refused(build: Build) -> None:
    replay = draw_tables()["replay"].drop(columns="cluster")
    replace_reference(build, lambda told: replay.iloc[: len(told)].assign(prediction=told["prediction"].to_numpy()))
    assert "reference rows" in failed(decided(build))
    assert ", 0 " in check(decided(build), "reference rows").seen


@pytest.mark.parametrize(
    "change",
    [lambda told: told.iloc[:-1], lambda told: told.iloc[::-1], lambda told: told.assign(noise=np.float32(0))],
    ids=["one row fewer", "another order", "another column"],
)
def test_any_other_row_of_the_reference_is_found(build: Build, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    replace_reference(build, change)
    assert "reference rows" in failed(decided(build))


@pytest.mark.parametrize("by", [0.9, 1.1])
def test_other_predictions_of_the_right_rows_are_found(build: Build, by: float) -> None:
    replace_reference(build, lambda told: told.assign(prediction=(told["prediction"] * by).clip(0, 1)))
    assert failed(decided(build)) == ["reference predictions"]


def test_a_reference_without_predictions_is_named_and_no_crash(build: Build) -> None:
    replace_reference(build, lambda told: told.drop(columns="prediction"))
    assert "columns prediction" in check(decided(build), "challenger").seen


def test_golden_rows_that_were_cut_repeated_or_taken_from_one_end_show_too_little(build: Build) -> None:
    rows = golden_of(build).rows
    for fewer in (rows[:1], rows[:1] * len(rows), [rows[0], rows[2], rows[4], rows[6]] * 5):
        replace_golden(build, fewer)
        assert failed(decided(build)) == ["golden rows"]


def test_golden_rows_without_unknown_values_are_refused_by_name(build: Build) -> None:
    replace_golden(build, golden_of(build).rows[::2] * 2)
    assert failed(decided(build)) == ["golden rows"]
    assert " shop " in check(decided(build), "golden rows").seen


def test_one_or_two_golden_rows_may_be_absent(build: Build) -> None:
    rows = golden_of(build).rows
    replace_golden(build, rows[:4] + rows[5:])
    assert failed(decided(build)) == []


def other_history(card: ModelCard) -> dict[str, Any]:
    first, *others = card.history
    wider = {days: 3 * distance + 0.1 for days, distance in first.largest.items()}
    return {"history": (first.model_copy(update={"largest": wider}), *others)}


def other_figures(card: ModelCard) -> dict[str, Any]:
    lower = card.metrics["roc_auc"].model_copy(update={"low": card.metrics["roc_auc"].low - 0.2})
    return {"metrics": card.metrics | {"roc_auc": lower}}


def other_ranges(card: ModelCard) -> dict[str, Any]:
    first, *others = card.features
    return {"features": (first.model_copy(update={"missing_share": 0.5}), *others)}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (other_history, "history of distances"),
        (lambda card: {"history": card.history[1:]}, "history of distances"),
        (other_figures, "out-of-fold figures"),
        (lambda _: {"metrics": {}}, "out-of-fold figures"),
        (other_ranges, "description of the data"),
        (lambda _: {"train_rows": 7}, "description of the data"),
        (lambda card: {"proof": card.proof.model_copy(update={"rows": 100})}, "export parity"),
        (lambda _: {"estimator": "hist_gradient_boosting"}, "fitted again"),
        (lambda _: {"parameters": {"C": 7.0}}, "fitted again"),
    ],
)
def test_what_the_card_says_is_compared_with_what_is_recomputed(
    build: Build, change: Callable[[ModelCard], dict[str, Any]], name: str
) -> None:
    sign(build.challenger, **change(read_card(build.challenger)))
    assert name in failed(decided(build))


def test_a_graph_that_is_not_the_winners_is_found_by_its_answers(build: Build) -> None:
    """Two columns exchanged: every file agrees with every other, and the graph reads noise where echo is."""
    weights = {"signal": SIGNAL, "noise": 0.2}
    write_model(build.challenger, build, weights)
    honest = read_card(build.challenger)
    write_model(build.challenger, build, {"signal": SIGNAL, "echo": 0.2})
    sign(build.challenger, estimator=honest.estimator, metrics=honest.metrics, history=honest.history)
    assert "fitted again" in failed(decided(build))
    write_model(build.challenger, build, weights)
    assert "fitted again" not in failed(decided(build))
