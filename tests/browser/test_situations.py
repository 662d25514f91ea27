"""Every situation on page and comment: it fits a phone, nobody is shut out, nothing is lost in GitHub's sanitizer."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.browser import SCHEMES, Scheme, barriers, faint_texts, overflowing, silent_plots, watched
from tests.browser.gallery import WIDTHS
from tests.browser.github_markdown import shown, unsanitized
from tests.reports.scenes import SCENES

MOST_BYTES = 300_000


class Seen(HTMLParser):
    """Tags with what they carry, and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(f"{tag} {attrs}")

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", SCENES)
def test_a_situation_is_readable_by_everybody(
    browser: Browser, situations: dict[str, dict[str, Path]], name: str, width: int, scheme: Scheme
) -> None:
    with watched(browser, situations[name]["report"], width, scheme, bypass_csp=True) as (page, seen):
        assert seen.complaints == []
        assert overflowing(page) == []
        assert silent_plots(page) == []
        assert faint_texts(page) == []
        assert barriers(page) == []


@pytest.mark.parametrize("name", SCENES)
def test_verdict_reason_and_next_step_are_on_the_first_screen_of_a_phone(
    browser: Browser, situations: dict[str, dict[str, Path]], name: str
) -> None:
    with watched(browser, situations[name]["report"], WIDTHS[-1], is_unfolded=False) as (page, _):
        page.set_viewport_size({"width": WIDTHS[-1], "height": 844})
        lines = page.locator(".banner dl.lines > div")
        assert lines.last.locator("dt").inner_text() == "Next"
        box = lines.last.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 844 * (2 if name == "long-names" else 1)


@pytest.mark.parametrize("name", SCENES)
def test_a_page_is_small_and_needs_no_script(situations: dict[str, dict[str, Path]], name: str) -> None:
    text = situations[name]["report"].read_text(encoding="utf-8")
    assert len(text.encode()) < MOST_BYTES
    assert "<script" not in text


@pytest.mark.parametrize("name", SCENES)
def test_every_plot_has_a_table(browser: Browser, situations: dict[str, dict[str, Path]], name: str) -> None:
    with watched(browser, situations[name]["report"]) as (page, _):
        plots = page.locator("svg.plot").count()
        assert page.locator("figure:has(svg.plot) table").count() == plots
        pictures = page.locator("div.picture svg.intervals").count()
        assert page.locator("div.picture ~ table").count() >= pictures


@pytest.mark.parametrize("name", SCENES)
def test_githubs_sanitizer_takes_nothing_out_of_a_comment(situations: dict[str, dict[str, Path]], name: str) -> None:
    markdown = (situations[name]["report"].parent / "summary.md").read_text(encoding="utf-8")
    before, after = Seen(unsanitized(markdown)), Seen(shown(markdown))
    assert after.tags == before.tags
    assert after.text.split() == before.text.split()


@pytest.mark.parametrize("name", SCENES)
def test_a_comment_begins_with_the_verdict_and_three_lines_and_folds_the_rest(
    situations: dict[str, dict[str, Path]], name: str
) -> None:
    markdown = (situations[name]["report"].parent / "summary.md").read_text(encoding="utf-8")
    head, *folded = markdown.split("<details>")
    assert re.match(
        r"## (✅|⚠️|❌) .{10,90}\n\n(- \*\*The model:\*\* .+\n)?- \*\*Why:\*\* .+\n- \*\*Next:\*\* .+\n", head
    )
    assert "|" not in re.sub(r"```.*?```", "", head, flags=re.S), "no table is left unfolded"
    assert folded


@pytest.mark.parametrize(("name", "has_difference"), [("promoted", True), ("rejected", True), ("first-run", False)])
def test_the_picture_of_a_comment_fits_a_phone_and_has_the_margin(
    situations: dict[str, dict[str, Path]], name: str, has_difference: bool
) -> None:
    markdown = (situations[name]["report"].parent / "summary.md").read_text(encoding="utf-8")
    (picture,) = re.findall(r"```text\n(.*?)\n```", markdown, re.S)
    assert max(map(len, picture.splitlines())) <= 40
    assert ("difference" in picture) is ("┆ margin" in picture) is has_difference


@pytest.mark.parametrize("markup", [
    '<p style="color: red">a</p>', '<p class="x">a</p>', '<p onclick="x()">a</p>', "<svg><circle/></svg>",
    "[a](javascript:x)", "<form><input></form>",
])  # fmt: skip
def test_the_sanitizer_takes_out_what_github_does(markup: str) -> None:
    assert Seen(shown(markup)).tags != Seen(unsanitized(markup)).tags


def test_axe_finds_what_it_is_for(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "index.html"
    path.write_text("<!doctype html><title>x</title><body><img src='data:,'>", encoding="utf-8")
    with watched(browser, path, bypass_csp=True) as (page, _):
        assert any(one.startswith("image-alt") for one in barriers(page))
