"""Report and site in a real Chromium: desktop and phone, light and dark, long names; no error, no overflow."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.browser import (
    SCHEMES,
    WIDTHS,
    Scheme,
    barriers,
    dead_links,
    faint_texts,
    overflowing,
    silent_plots,
    watched,
)
from tests.browser.conftest import site_page
from tests.browser.film import FILM, film
from tests.browser.pictures import PICTURES, digest
from tests.repository.test_promises import ROOT

HAS_LESSONS = (ROOT / "docs" / "learn").exists()
LESSONS = ("lesson", "glossary", "task") if HAS_LESSONS else ()
NAMES = (
    "report",
    "report of a stopped chain",
    "report in the site",
    "site",
    "site of one run",
    "site before any run",
    "production",
    *LESSONS,
)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("name", NAMES)
def test_a_page_opens_from_its_file_without_a_complaint(
    browser: Browser, pages: dict[str, Path], name: str, width: int, scheme: Scheme
) -> None:
    with watched(browser, pages[name], width, scheme) as (page, seen):
        assert (seen.complaints, seen.dialogs) == ([], [])
        assert overflowing(page) == []
        assert dead_links(page, pages[name]) == []
        assert silent_plots(page) == []
        assert faint_texts(page) == []
        assert all(address.startswith(("file:", "data:")) for address in seen.requests)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", NAMES)
def test_a_page_shuts_nobody_out(browser: Browser, pages: dict[str, Path], name: str, scheme: Scheme) -> None:
    with watched(browser, pages[name], WIDTHS["phone"], scheme, bypass_csp=True) as (page, _):
        assert barriers(page) == []


def test_every_plot_of_the_site_has_a_table(browser: Browser, pages: dict[str, Path]) -> None:
    with watched(browser, pages["site"]) as (page, _):
        assert page.locator("figure.card table").count() == page.locator("figure.card svg.plot").count() > 0


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("name", ["report", "site", "production", "site of one run", "report in the site"])
def test_a_name_without_a_space_breaks_no_page(
    browser: Browser, wide_pages: dict[str, Path], name: str, width: int
) -> None:
    with watched(browser, wide_pages[name], width) as (page, _):
        assert overflowing(page) == []


def test_the_site_draws_every_figure_over_time(browser: Browser, pages: dict[str, Path]) -> None:
    with watched(browser, pages["site"]) as (page, _):
        cards = page.locator("figure.card")
        titles = [text.strip() for text in cards.locator(".label").all_inner_texts()]
        assert titles == [
            "How good: ROC AUC", "How fast: 95 in 100 within", "What an answer costs: CPU time",
            "How much memory", "How large the image is", "How long a run takes", "How far inputs moved",
            "Which columns moved",
        ]  # fmt: skip
        assert cards.locator("svg.plot").count() == len(titles)


@pytest.mark.skipif(not HAS_LESSONS, reason="no lessons here")
def test_a_reader_comes_from_the_site_to_a_lesson_its_task_and_back(browser: Browser, pages: dict[str, Path]) -> None:
    with watched(browser, pages["site"]) as (page, seen):
        page.get_by_role("link", name="A week of lessons").click()
        page.wait_for_url("**/docs/learn/en/README.html")
        page.get_by_role("link", name="2 An API").click()
        page.get_by_text("Which answer is right for a probability of 0.3").click()
        assert page.get_by_text("The positive class, late").is_visible()
        page.get_by_role("link", name="exercise 1").click()
        page.wait_for_url("**/exercises/01-api/README.html")
        page.get_by_role("link", name="Gatehouse").click()
        page.wait_for_url("**/site/index.html")
        assert seen.complaints == []


@pytest.mark.parametrize("days", [1, 40], ids=["the first", "the fortieth"])
def test_what_is_in_production_prints_on_one_page(browser: Browser, tmp_path: Path, days: int) -> None:
    page_file = site_page(tmp_path, "carrier", "flights", days).parent / "production.html"
    with watched(browser, page_file) as (page, _):
        printed = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1


def test_a_page_that_is_long_would_print_on_more(browser: Browser, pages: dict[str, Path]) -> None:
    with watched(browser, pages["site"]) as (page, _):
        assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True))) > 1


def test_light_and_dark_are_two_faces_of_one_page(browser: Browser, pages: dict[str, Path]) -> None:
    colours = set()
    for scheme in SCHEMES:
        with watched(browser, pages["site"], scheme=scheme) as (page, _):
            colours.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
            colours.add(page.evaluate("getComputedStyle(document.querySelector('svg.plot .line')).stroke"))
    assert len(colours) == 4


@pytest.mark.skipif(not HAS_LESSONS, reason="no lessons here")
def test_a_reader_comes_from_the_site_to_a_runs_report_and_back(browser: Browser, pages: dict[str, Path]) -> None:
    with watched(browser, pages["site"]) as (page, seen):
        page.get_by_role("link", name="report", exact=True).first.click()
        page.wait_for_url("**/report/index.html")
        assert page.get_by_role("heading", name="Champion and challenger").is_visible()
        page.get_by_role("link", name="All runs").click()
        page.wait_for_url("**/site/index.html")
        assert seen.complaints == []


def test_evidentlys_own_report_opens_from_the_site(browser: Browser, pages: dict[str, Path]) -> None:
    with watched(browser, pages["site"]) as (page, _):
        page.locator("ul.links a").first.click()
        page.wait_for_url("**/drift/evidently.html")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_pictures_of_dashboards_are_legible_and_say_what_they_show(
    browser: Browser, tmp_path: Path, scheme: Scheme
) -> None:
    drawn = sorted((PICTURES / "dashboards").glob("*.svg")) + sorted(PICTURES.glob("dashboard.svg"))
    inline = "".join(path.read_text(encoding="utf-8") for path in drawn)
    (tmp_path / "index.html").write_text(
        "<!doctype html><html lang='en'><meta charset='utf-8'><meta name='color-scheme' content='light dark'>"
        f"<title>x</title><body style='background: var(--card)'><main><h1>x</h1>{inline}</main>",
        encoding="utf-8",
    )
    with watched(browser, tmp_path / "index.html", scheme=scheme, bypass_csp=True) as (page, _):
        assert page.locator("svg").count() == len(drawn)
        assert silent_plots(page) == []
        assert faint_texts(page) == []
        assert barriers(page) == []


@pytest.mark.parametrize(
    ("markup", "check"),
    [
        ("<p style='width: 200vw'>wide</p>", "overflowing"),
        ("<a href='gone.html'>gone</a>", "dead_links"),
        ("<svg role='img'><title>no description</title></svg>", "silent_plots"),
        ("<img src='data:,' alt=''>", "silent_plots"),
        ("<p style='color: #ccc; background: #fff'>faint</p>", "faint_texts"),
    ],
)
def test_the_checks_find_what_they_are_for(browser: Browser, tmp_path: Path, markup: str, check: str) -> None:
    path = tmp_path / "index.html"
    path.write_text(f"<!doctype html><title>x</title><body>{markup}")
    with watched(browser, path) as (page, _):
        found = {
            "overflowing": overflowing(page),
            "dead_links": dead_links(page, path),
            "silent_plots": silent_plots(page),
            "faint_texts": faint_texts(page),
        }
    assert found[check]


def test_the_readmes_pictures_are_of_the_pages_as_they_are_drawn_now() -> None:
    drawn = json.loads((PICTURES / "pictures.json").read_text(encoding="utf-8"))["drawn_by"]
    assert drawn == digest(), "the pages are drawn in another way than the README's pictures: run `make pictures`"


def test_the_readmes_film_shows_the_run_that_its_text_shows() -> None:
    shown = FILM.read_text(encoding="utf-8")
    assert shown == film((ROOT / "README.md").read_text(encoding="utf-8")), "run `make pictures`"
    assert len(shown.encode()) < 300_000
    assert "<script" not in shown
    assert "prefers-reduced-motion" in shown
