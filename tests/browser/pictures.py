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

from cmarkgfm import github_flavored_markdown_to_html
from playwright.sync_api import Page

from contracts.exits import Exit
from tests.browser.browser import chromium, watched

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
DRAWN_BY = ("reports/page/templates/*", "reports/page/*.py", "tests/browser/pictures.py")
WIDTH = 1000
HEIGHTS = {"report": 760, "comment": 620}
GITHUB_LIKE = """<!doctype html><meta charset="utf-8"><style>
body { font: 14px/1.5 -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; color: #1f2328; margin: 0; }
article { border: 1px solid #d1d9e0; border-radius: 6px; margin: 16px; padding: 16px; }
table { border-collapse: collapse; margin: 0 0 16px; } th, td { border: 1px solid #d1d9e0; padding: 6px 13px; }
code { background: #eff1f3; border-radius: 6px; padding: 0.2em 0.4em; font-size: 85%; }
h1, h2 { border-bottom: 1px solid #d1d9e0; }
</style><article>"""


def digest() -> str:
    """Of everything that decides how the pictures look."""
    files = sorted(path for pattern in DRAWN_BY for path in ROOT.glob(pattern) if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def draw(build: Path) -> None:
    """Both pictures, of the run in `build`."""
    report, summary = build / "report" / "index.html", build / "report" / "summary.md"
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        comment = Path(folder) / "comment.html"
        html = github_flavored_markdown_to_html(summary.read_text(encoding="utf-8"))
        comment.write_text(GITHUB_LIKE + html + "</article>", encoding="utf-8")
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
