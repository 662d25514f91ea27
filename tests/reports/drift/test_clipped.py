"""A few labels hide no loss of the others, and make none: the metric is looked at with clipped losses, too."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from contracts.model_folder import PREDICTION_COLUMN, Metric, ModelCard
from contracts.pipeline_toml.keys import Config
from contracts.pipeline_toml.reader import load_config
from contracts.schema import Task
from contracts.verdict import PerformanceComparison
from reports.drift.clipped import within_the_reference
from reports.drift.log_reader import Answers
from reports.drift.performance import measured
from reports.drift.slices import slices_of
from reports.drift.timing import labelled_days
from reports.drift.verdict import Findings, judge
from tests.reports.drift.test_verdict import DRIFT, STILL, SUBJECT, compared, performance, window
from tests.reports.logged_requests import card, write_config
from training.statistics.scores import score as gates_score

ROWS, DAYS = 3000, 30
REGRESSION = ("rmse", "mae", "mape", "r2", "pinball_90")


def config_of(folder: Path, metric: str, task: Task = "regression") -> Config:
    path = write_config(folder / "pipeline.toml", task=task)
    text = path.read_text()
    path.write_text(text.replace('"rmse"', f'"{metric}"').replace('"roc_auc"', f'"{metric}"'))
    return load_config(path)


def values(rows: int, scale: float = 1.0, seed: int = 1, tail: str = "normal") -> tuple[Any, Any]:
    """What a model says, and what came of it: `scale` times as far off as it was."""
    random = np.random.default_rng(seed)
    said = random.normal(50, 5, rows)
    off = random.normal(size=rows) if tail == "normal" else random.standard_t(2.5, size=rows)
    return said, said + 2 * scale * off


def answers(said: Any, truth: Any, seed: int = 2) -> Answers:
    days = 16_000 + np.sort(np.random.default_rng(seed).integers(DAYS, size=len(said)))
    return Answers(said[:, None], np.array([repr(float(one)) for one in truth], dtype=object), days)


def world(metric: str, tail: str = "normal") -> tuple[ModelCard, pd.DataFrame]:
    """A card with its figure out of fold, and the reference that this is the figure of."""
    said, truth = values(5000, seed=9, tail=tail)
    figure = gates_score(metric, truth, said, threshold=None)
    spread = 0.02 * abs(figure)
    known = Metric(value=figure, low=figure - spread, high=figure + spread, confidence=0.95)
    return card("regression").model_copy(update={"metrics": {metric: known}}), pd.DataFrame(
        {PREDICTION_COLUMN: said, "late": truth}
    )


def judged(folder: Path, metric: str, said: Any, truth: Any, tail: str = "normal") -> PerformanceComparison:
    known, reference = world(metric, tail)
    found = measured(config_of(folder, metric), known, answers(said, truth), reference)
    assert found is not None
    return found


# Where a label goes wrong, and which labels these are.
FORGED = {
    "one of 1e4": (1e4, 1),
    "one of 1e30": (1e30, 1),
    "two of -1e6": (-1e6, 2),
}


@pytest.mark.parametrize("forged", FORGED)
@pytest.mark.parametrize("metric", REGRESSION)
def test_forged_labels_hide_no_loss(tmp_path: Path, metric: str, forged: str) -> None:
    said, truth = values(ROWS, scale=1.5)
    value, count = FORGED[forged]
    truth[:: ROWS // count] = value
    found = judged(tmp_path, metric, said, truth)
    assert found.outcome == "worse", found


def test_without_clipping_one_label_hid_it(tmp_path: Path) -> None:
    said, truth = values(ROWS, scale=1.5)
    truth[7] = 1e4
    known, reference = world("rmse")
    config = config_of(tmp_path, "rmse")
    raw, clipped = (measured(config, known, answers(said, truth), rows) for rows in (None, reference))
    assert raw is not None
    assert clipped is not None
    assert (raw.outcome, clipped.outcome) == ("inconclusive", "worse")
    assert clipped.clipped is not None
    assert clipped.clipped.decided
    assert clipped.clipped.share > 0.99
    assert 0 < clipped.clipped.current - clipped.clipped.reference < 2


def test_heavy_tails_hide_no_loss(tmp_path: Path) -> None:
    hidden = [judged(tmp_path, "rmse", *values(ROWS, 1.5, seed, "heavy"), tail="heavy").outcome for seed in range(20)]
    assert hidden == ["worse"] * 20


def test_labels_of_zero_hide_no_loss_under_mape(tmp_path: Path) -> None:
    said, truth = values(ROWS, scale=1.5)
    truth[:3] = 0.0
    found = judged(tmp_path, "mape", said, truth)
    assert found.outcome == "worse"
    assert np.isfinite(found.current)


@pytest.mark.parametrize("forged", [0, 1, 3])
@pytest.mark.parametrize("metric", REGRESSION)
@pytest.mark.parametrize("scale", [1.0, 0.8])
def test_they_make_no_loss_where_there_is_none(tmp_path: Path, metric: str, forged: int, scale: float) -> None:
    said, truth = values(ROWS, scale=scale)
    truth[:forged] = 0.0 if metric == "mape" else 1e4
    found = judged(tmp_path, metric, said, truth)
    assert found.clipped is not None
    assert found.clipped.difference.high > 0
    assert not (found.clipped.decided and found.outcome == "worse")


def test_clipping_decides_nothing_where_the_metric_tells(tmp_path: Path) -> None:
    for scale, outcome in ((1.5, "worse"), (0.5, "held")):
        found = judged(tmp_path, "rmse", *values(ROWS, scale))
        assert found.clipped is not None
        assert (found.outcome, found.clipped.decided) == (outcome, False)


def test_labels_of_probability_zero_hide_no_loss_under_log_loss(tmp_path: Path) -> None:
    def rows(count: int, turned: float, seed: int) -> tuple[Any, Any]:
        random = np.random.default_rng(seed)
        says = 1 / (1 + np.exp(-random.normal(-1.5, 1.2, count)))
        return says, (random.random(count) < says) ^ (random.random(count) < turned)

    before, truth_before = rows(5000, 0.0, 9)
    says, truth = rows(ROWS, 0.08, 1)
    says[:2], truth[:2] = 1e-300, True
    known = Metric(value=0.45, low=0.44, high=0.46, confidence=0.95)
    given = card("binary").model_copy(update={"metrics": {"log_loss": known}})
    reference = pd.DataFrame({PREDICTION_COLUMN: before, "late": np.where(truth_before, "true", "false")})
    seen = dataclasses.replace(answers(says, truth), scores=np.stack([1 - says, says], axis=1))
    seen.actual[:] = np.where(truth, "true", "false")
    found = measured(config_of(tmp_path, "log_loss", "binary"), given, seen, reference)
    assert found is not None
    assert found.clipped is not None
    assert found.clipped.difference.high < 0


@pytest.mark.parametrize("metric", ["roc_auc", "accuracy", "brier"])
def test_a_bounded_metric_is_not_clipped(tmp_path: Path, metric: str) -> None:
    random = np.random.default_rng(1)
    says = random.random(ROWS)
    known = Metric(value=0.5, low=0.4, high=0.6, confidence=0.95)
    given = card("binary").model_copy(update={"metrics": {metric: known}, "threshold": 0.5})
    seen = dataclasses.replace(answers(says, says), scores=np.stack([1 - says, says], axis=1))
    seen.actual[:] = np.where(random.random(ROWS) < says, "true", "false")
    reference = pd.DataFrame({PREDICTION_COLUMN: says, "late": np.where(says > 0.5, "true", "false")})
    found = measured(config_of(tmp_path, metric, "binary"), given, seen, reference)
    assert found is not None
    assert found.clipped is None


def test_the_verdict_says_what_was_clipped_and_asks_whether_it_is_right(tmp_path: Path) -> None:
    said, truth = values(ROWS, scale=1.5)
    truth[7] = 1e4
    found = judged(tmp_path, "rmse", said, truth)
    assert found.clipped is not None
    assert f"clipped at {found.clipped.largest_loss:.3g}" in said_of(found)
    assert "clipped" not in said_of(performance("worse"))


def said_of(seen: PerformanceComparison) -> str:
    return " ".join(judge(DRIFT, window(), Findings(5000, 30, compared(STILL), seen), SUBJECT, "production").reasons)


@pytest.mark.parametrize("forged", FORGED)
def test_forged_labels_hide_no_slice_that_went_wrong(tmp_path: Path, forged: str) -> None:
    known, reference = world("rmse")
    reference["carrier"] = np.random.default_rng(4).choice(["AA", "DL"], len(reference))
    said, truth = values(ROWS)
    carriers = np.random.default_rng(3).choice(["AA", "DL"], ROWS)
    truth[carriers == "AA"] += 1.0
    value, count = FORGED[forged]
    truth[np.flatnonzero(carriers == "DL")[:count]] = value
    seen = within_the_reference(known, answers(said, truth), reference)
    requests = dataclasses.replace(window(), rows=pd.DataFrame({"carrier": carriers}), answers=seen)
    (first, *_) = slices_of(config_of(tmp_path, "rmse"), known, reference, requests)
    assert (first.moved, first.figure) == (True, "error")


def test_a_forged_label_is_no_days_mean() -> None:
    known, reference = world("rmse")
    said, truth = values(ROWS)
    before = labelled_days(known, answers(said, truth))
    truth[7] = 1e30
    days = labelled_days(known, within_the_reference(known, answers(said, truth), reference))
    assert [one.actual[0] for one in days] == pytest.approx([one.actual[0] for one in before], abs=0.5)


def test_labels_as_far_off_as_those_of_the_reference_stay_as_they_are() -> None:
    known, reference = world("rmse")
    seen = answers(*values(ROWS, scale=0.8))
    assert list(within_the_reference(known, seen, reference).actual) == list(seen.actual)
