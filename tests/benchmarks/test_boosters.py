"""The boosters' benchmark: ratios pair the rounds, and scikit-learn's own is 1."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.boosters import MANY, ONE, USUAL, Model, table, trained
from benchmarks.serving.results import JSON_BATCH, Measurement
from contracts.model_folder import Metric
from contracts.stage import Build
from testbed.cards import card

MEASURED = Measurement(rows_per_second=100.0, p50_ms=1.0, p99_ms=2.0, cpu_us_per_request=10.0)


def test_a_ratio_is_the_median_of_the_rounds_own_ratios(tmp_path: Path) -> None:
    known = card((), "binary").model_copy(
        update={"metrics": {"roc_auc": Metric(value=0.7, low=0.6, high=0.8, confidence=0.95)}}
    )
    models = [Model(name, Build(tmp_path), known, 1.0, 300.0, 50_000) for name in (USUAL, "lightgbm")]
    cells = {}
    for scenario in (ONE, MANY, JSON_BATCH):
        # The machine became slower: each round's ratio is 2, 2 and 0.5, whatever the rounds' own speeds.
        cells[USUAL, scenario] = [replace(MEASURED, rows_per_second=speed) for speed in (400.0, 100.0, 40.0)]
        cells["lightgbm", scenario] = [replace(MEASURED, rows_per_second=speed) for speed in (800.0, 200.0, 20.0)]
    usual, booster = table(models, cells, "roc_auc").splitlines()[2:]
    assert usual.endswith("| 1.00 | 1.00 |")
    assert booster.endswith("| 2.00 | 2.00 |")


def test_a_configuration_without_the_line_of_candidates_is_named(tmp_path: Path) -> None:
    config = tmp_path / "pipeline.toml"
    config.write_text("[training]\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="0 lines 'candidates"):
        trained(USUAL, config, tmp_path)
