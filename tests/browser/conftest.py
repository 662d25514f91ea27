"""One browser for all tests here, and the pages as the commands write them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from contracts.exits import Exit
from contracts.stage import Build, execute
from reports.page.stage import work as report
from reports.site.build import build_site
from tests.browser.browser import chromium
from tests.browser.gallery import written
from tests.reports.records import write_record
from tests.reports.run_histories import GITHUB, complete_run, write_run_history
from tests.reports.scenes import SCENES

CONFIG = Path("pipeline.toml")
LONG = "a_column_whose_name_has_no_space_" * 12


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


def report_page(root: Path, text: str) -> Path:
    """The report of one complete run, with `text` wherever a text from outside can stand."""
    build = complete_run(root / "build", text)
    assert execute("report", CONFIG, build, report) is Exit.PASS
    return build.stage("report") / "index.html"


def site_page(root: Path, text: str, name: str, days: int) -> Path:
    """The site of a history of `days`, the same way."""
    environment = GITHUB | {"GITHUB_REF_NAME": text, "RUN_TITLE": text}
    write_run_history(root / "history", root / "past", days, text, environment)
    return build_site(name, Build(root / "published"), root / "history", environment)


def written_pages(root: Path, text: str, name: str = "flights", days: int = 3) -> dict[str, Path]:
    """Every kind of page there is."""
    pages = {"report": report_page(root, text), "site": site_page(root, text, name, days)}
    pages["production"] = pages["site"].parent / "production.html"
    pages["site of one run"] = build_site(name, Build(root / "build"), None, {})
    lessons = pages["site"].parent / "docs" / "learn" / "en"
    pages |= {"lesson": lessons / "05-monitoring.html", "glossary": lessons / "glossary.html"}
    pages["task"] = pages["site"].parent / "exercises" / "02-image" / "README.html"
    pages["report in the site"] = max(pages["site"].parent.glob("runs/*/report/index.html"))
    return pages


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("pages")
    pages = written_pages(root, "carrier", days=12)
    stopped = Build(root / "stopped")
    write_record(stopped, "data")
    write_record(stopped, "train", 3, "The export flips 12 labels.")
    assert execute("report", CONFIG, stopped, report) is Exit.PASS
    pages["report of a stopped chain"] = stopped.stage("report") / "index.html"
    (root / "empty").mkdir()
    pages["site before any run"] = build_site("flights", Build(root / "none"), root / "empty", {})
    return pages


@pytest.fixture(scope="session")
def situations(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Path]]:
    """Every situation's report and comment, by its name."""
    root = tmp_path_factory.mktemp("situations")
    return {name: written(name, root) for name in SCENES}


@pytest.fixture(scope="session")
def wide_pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return written_pages(tmp_path_factory.mktemp("wide"), LONG, LONG)
