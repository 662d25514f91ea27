"""Texts from outside in every page: nothing of them runs, even without the page's own content policy, and all is shown.

The policy of the pages (no script at all) is switched off here, so that what is tested is the escaping alone.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser

from contracts.features import Feature
from contracts.outside.markup import showable
from contracts.verdict import ColumnComparison
from reports.drift.evidently_report import HTML_FILE, write_report
from tests.browser.browser import live_markup, watched
from tests.browser.conftest import report_page, site_page
from tests.payloads import PAYLOADS


def plain(text: str) -> str:
    """As a reader sees it: on one line, with a replacement for what a page must not contain."""
    return " ".join(showable(text).split())


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_text_from_outside_runs_nowhere_and_is_shown_as_it_is(browser: Browser, tmp_path: Path, payload: str) -> None:
    for path in (report_page(tmp_path, payload), site_page(tmp_path, payload, payload, days=2)):
        with watched(browser, path, bypass_csp=True) as (page, seen):
            assert (seen.dialogs, seen.complaints) == ([], [])
            assert live_markup(page) == []
            assert [one for one in seen.requests if not one.startswith(("file:", "data:"))] == []
            assert plain(payload) in " ".join((page.locator("body").text_content() or "").split())


@pytest.mark.parametrize("payload", [text for text in PAYLOADS if "alert" in text and text.startswith(("<", '"', "'"))])
def test_the_browser_would_have_run_it(browser: Browser, tmp_path: Path, payload: str) -> None:
    path = tmp_path / "index.html"
    path.write_text(f"<!doctype html><title>x</title><p title={payload!r}></p><p>{payload}</p>", encoding="utf-8")
    with watched(browser, path, bypass_csp=True) as (page, seen):
        assert seen.dialogs or live_markup(page)


def test_the_pages_own_policy_stops_a_script_that_got_in(
    browser: Browser, pages: dict[str, Path], tmp_path: Path
) -> None:
    path = tmp_path / "index.html"
    page_text = pages["site"].read_text(encoding="utf-8")
    path.write_text(page_text.replace("<main>", "<main><script>alert(1)</script>"), encoding="utf-8")
    with watched(browser, path) as (_, seen):
        assert seen.dialogs == []
        assert any("Content Security Policy" in one for one in seen.complaints)


def test_names_and_values_in_evidentlys_page_run_nowhere(browser: Browser, tmp_path: Path) -> None:
    random = np.random.default_rng(7)
    names = [text for text in PAYLOADS if "<" in text]
    features = [Feature(name=name, kind=("categorical", "numeric")[place % 2]) for place, name in enumerate(names)]
    columns = [
        ColumnComparison(
            column=name, kind="feature", method="jensenshannon", distance=0.1, threshold=0.2, drifted=False
        )
        for name in names
    ]

    def table() -> pd.DataFrame:
        values = (random.normal(size=100), random.choice(PAYLOADS, 100))
        return pd.DataFrame({name: values[0 if place % 2 else 1] for place, name in enumerate(names)})

    theirs = write_report(table(), table(), columns, features, tmp_path)
    assert set(theirs.drifted) <= set(names)
    assert theirs.columns == len(names)
    with watched(browser, tmp_path / HTML_FILE) as (page, seen):
        page.get_by_text("Dataset Drift").first.wait_for()
        assert (seen.dialogs, seen.complaints) == ([], [])
