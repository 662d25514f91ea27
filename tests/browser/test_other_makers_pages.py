"""Evidently's own page in a real Chromium: what it calls drift is what our verdict calls drift, column by column."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, Page

from contracts.features import Feature
from contracts.model_folder import PREDICTION_COLUMN
from contracts.schema import read_json
from contracts.stage import Build, execute
from contracts.verdict import DriftVerdict
from reports.drift.evidently_report import HTML_FILE
from reports.drift.stage import work
from tests.browser.browser import watched
from tests.reports.logged_requests import FEATURES, records, rows, write_config, write_log, write_model

GREEN_OR_RED = {"Detected": True, "Not Detected": False}


def moved(traffic: pd.DataFrame) -> pd.DataFrame:
    """Two features that are over their thresholds, and two that are not."""
    return traffic.assign(temp=traffic["temp"] + 8, carrier=traffic["carrier"].replace("UA", "AA"))


def nearly(traffic: pd.DataFrame) -> pd.DataFrame:
    """A shift that Evidently's own test calls drift at this size, and that is below the least that matters to us."""
    return traffic.assign(temp=traffic["temp"] + np.float32(1.0))


def judged(root: Path, traffic: pd.DataFrame) -> DriftVerdict:
    build = Build(root)
    digest = write_model(build)
    write_log(build.stage("load-test") / "requests", records(traffic, digest, "binary"))
    execute("drift", write_config(root / "pipeline.toml"), build, work)
    return read_json(build.stage("drift") / "verdict.json", DriftVerdict, "make drift")


def colours(page: Page, features: tuple[Feature, ...]) -> dict[str, bool]:
    """Which columns the page says have drifted: the rows of its table, and the sentence on the prediction."""
    page.get_by_text("Data Drift Summary").first.wait_for()
    found = {}
    for feature in features:
        row = page.get_by_role("row").filter(has=page.get_by_text(feature.name, exact=True)).first
        said = next(text for text in GREEN_OR_RED if row.get_by_text(text, exact=True).count())
        found[feature.name] = GREEN_OR_RED[said]
    sentence = page.get_by_text("Drift detection method").first.inner_text()
    return found | {PREDICTION_COLUMN: "drift detected" in sentence}


@pytest.mark.parametrize(
    ("change", "drifted"),
    [
        (pd.DataFrame.copy, set()),
        (nearly, set()),
        (moved, {"temp", "carrier"}),
        (lambda traffic: traffic.assign(prediction=np.sqrt(traffic["prediction"])), {PREDICTION_COLUMN}),
    ],
    ids=["no drift", "too little to matter", "two inputs", "predictions"],
)
def test_evidentlys_page_is_red_where_our_verdict_is(
    browser: Browser, tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], drifted: set[str]
) -> None:
    verdict = judged(tmp_path, change(rows(1500, seed=2)))
    ours = {one.column: one.drifted for one in verdict.columns if one.column in {*names(), PREDICTION_COLUMN}}
    assert {name for name, is_drift in ours.items() if is_drift} == drifted
    with watched(browser, tmp_path / "drift" / HTML_FILE, bypass_csp=True, is_unfolded=False) as (page, _):
        assert colours(page, FEATURES) == ours
        of_inputs = any(ours[name] for name in names())
        headline = page.get_by_text("Dataset Drift is").first.inner_text()
        assert ("NOT detected" not in headline) is of_inputs


def names() -> set[str]:
    return {feature.name for feature in FEATURES}
