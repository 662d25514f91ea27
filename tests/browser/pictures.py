"""`make pictures`: what the README shows of the pages, drawn by a browser: comment, report, site, page to print.

They show situations of tests/reports/scenes.py, with likely figures; the comment is summary.md as GitHub's own Markdown
and sanitizer leave it. `pictures.json` has the digest of what draws them, so that a test says when one is older than
its page.

Writes  docs/pictures/comment.png, report.png, site.png, production.png, pictures.json
Exits   0 drawn
"""

import hashlib
import json
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser

from contracts.exits import Exit
from tests.browser.browser import chromium, watched
from tests.browser.gallery import written, written_site

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
DRAWN_BY = (
    "reports/page/templates/**/*",
    "reports/page/*.py",
    "reports/site/*.py",
    "reports/words/*.py",
    "tests/browser/pictures.py",
    "tests/browser/github_markdown.py",
    "tests/reports/scenes.py",
)
WIDTH = 1000
HEIGHTS = {"comment": 520, "report": 980, "site": 980, "production": 980}


def digest() -> str:
    """Of everything that decides how the pictures look."""
    files = sorted(path for pattern in DRAWN_BY for path in ROOT.glob(pattern) if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def draw(browser: Browser, root: Path) -> None:
    """All of them, folded as a reader finds them."""
    site = written_site(root)
    pages = {
        "comment": written("rejected", root)["comment"],
        "report": written("promoted", root)["report"],
        "site": site["first-page"],
        "production": site["production"],
    }
    for name, path in pages.items():
        with watched(browser, path, WIDTH, is_unfolded=False) as (page, _):
            page.screenshot(
                path=PICTURES / f"{name}.png",
                clip={"x": 0, "y": 0, "width": WIDTH, "height": HEIGHTS[name]},
                full_page=True,
            )


def main() -> Exit:
    """Run the command and return its exit code."""
    with tempfile.TemporaryDirectory() as root, chromium() as browser:
        draw(browser, Path(root))
    (PICTURES / "pictures.json").write_text(json.dumps({"drawn_by": digest()}) + "\n", encoding="utf-8")
    return Exit.PASS


if __name__ == "__main__":
    sys.exit(main())
