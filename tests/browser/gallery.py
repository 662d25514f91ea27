"""`make gallery`: every situation of scenes.py as report and as comment, at 1280 and 390 px, in light and dark.

For the eye of whoever changes a page: what was decided, why, is it worth deploying, what next?

Writes  build/gallery/<situation>-<page>-<width>-<scheme>.png
Exits   0 drawn
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Browser

from contracts.exits import Exit
from contracts.stage import Build, execute
from reports.page.stage import work as report
from reports.site.build import build_site
from tests.browser.browser import SCHEMES, chromium, watched
from tests.browser.github_markdown import as_page
from tests.reports.run_histories import GITHUB
from tests.reports.scenes import SCENES, past

CONFIG = Path("pipeline.toml")
WIDTHS = (1280, 390)
SITE = "site"


def written(name: str, root: Path) -> dict[str, Path]:
    """The pages of one situation: report and comment."""
    build: Build = SCENES[name](root / name)
    if execute("report", CONFIG, build, report) is not Exit.PASS:
        raise RuntimeError(f"the report of {name} was not written")
    folder = build.stage("report")
    comment = folder / "comment.html"
    comment.write_text(as_page((folder / "summary.md").read_text(encoding="utf-8")), encoding="utf-8")
    return {"report": folder / "index.html", "comment": comment}


def written_site(root: Path) -> dict[str, Path]:
    """The pages of a site over a history of two weeks."""
    page = build_site("flights", Build(root / "published"), past(root / "past"), GITHUB)
    return {"first-page": page, "production": page.parent / "production.html"}


def draw(browser: Browser, pages: dict[str, Path], name: str, folder: Path) -> None:
    """Each page at each width, in each scheme, folded as a reader finds it."""
    for kind, path in pages.items():
        for width in WIDTHS:
            for scheme in SCHEMES:
                with watched(browser, path, width, scheme, is_unfolded=False) as (page, _):
                    page.screenshot(path=folder / f"{name}-{kind}-{width}-{scheme}.png", full_page=True)


def main(arguments: Sequence[str] | None = None) -> Exit:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="make gallery", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--build", type=Path, default=Path("build"), help="default: build")
    parser.add_argument("--only", default="", help="names of situations, separated by spaces")
    asked = parser.parse_args(arguments)
    folder = asked.build / "gallery"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as root, chromium() as browser:
        for name in asked.only.split() or (*SCENES, SITE):
            pages = written_site(Path(root)) if name == SITE else written(name, Path(root))
            draw(browser, pages, name, folder)
    print(f"gallery: {len(list(folder.glob('*.png')))} pictures in {folder}.")
    return Exit.PASS


if __name__ == "__main__":
    sys.exit(main())
