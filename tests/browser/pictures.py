"""`make pictures`: what the README shows of a run, drawn by a browser from build/: the report and the comment.

The comment is summary.md as GitHub's own Markdown renders it. `pictures.json` has the digest of what draws both, so
that a test says when a picture is older than its page.

Reads   build/report/index.html, build/report/summary.md
Writes  docs/pictures/report.png, comment.png, pictures.json
Exits   0 drawn · 2 there is no report, or no Chromium
"""

import argparse
import hashlib
import json
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page

from contracts.exits import Exit
from tests.browser.browser import chromium, watched
from tests.browser.github_markdown import as_page

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
DRAWN_BY = ("reports/page/templates/**/*", "reports/page/*.py", "reports/words/*.py", "tests/browser/pictures.py")
WIDTH = 1000
HEIGHTS = {"report": 760, "comment": 620}


def digest() -> str:
    """Of everything that decides how the pictures look."""
    files = sorted(path for pattern in DRAWN_BY for path in ROOT.glob(pattern) if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def draw(build: Path) -> None:
    """Both pictures, of the run in `build`."""
    report, summary = build / "report" / "index.html", build / "report" / "summary.md"
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        comment = Path(folder) / "comment.html"
        comment.write_text(as_page(summary.read_text(encoding="utf-8")), encoding="utf-8")
        for name, page_path in (("report", report), ("comment", comment)):
            with watched(browser, page_path.resolve(), WIDTH) as (page, _):
                _shoot(page, name)
    (PICTURES / "pictures.json").write_text(json.dumps({"drawn_by": digest()}) + "\n", encoding="utf-8")


def _shoot(page: Page, name: str) -> None:
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = false; })")
    page.screenshot(
        path=PICTURES / f"{name}.png", clip={"x": 0, "y": 0, "width": WIDTH, "height": HEIGHTS[name]}, full_page=True
    )


def main() -> Exit:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="make pictures", description=__doc__)
    parser.add_argument("--build", type=Path, default=Path("build"), help="default: build")
    build = parser.parse_args().build
    if not (build / "report" / "index.html").exists():
        print(f"pictures: {build}/report has no page. Run `make pipeline` first.", file=sys.stderr)
        return Exit.USAGE
    draw(build)
    return Exit.PASS


if __name__ == "__main__":
    sys.exit(main())
