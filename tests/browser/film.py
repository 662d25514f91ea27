"""Part of `make pictures`: the README's run of `make pipeline` as a short film, an SVG that moves without a script.

The lines are those of the README's own block, so that film and text agree; a test says when one is older.

Reads   README.md
Writes  docs/pictures/pipeline.svg
Exits   0 written
"""

import re
import sys
from html import escape
from pathlib import Path

from contracts.exits import Exit

ROOT = Path(__file__).parents[2]
FILM = ROOT / "docs" / "pictures" / "pipeline.svg"
BLOCK = re.compile(r"```\n(\$ make pipeline\n.*?)```", re.S)
LINE_PX, SIGN_PX, MOST_SIGNS = 20, 7.8, 118
# Of film for each second that a stage takes; a stage that takes no time is still seen.
PACE, LEAST_SECONDS, PAUSE_SECONDS = 0.05, 0.4, 4.0
STYLE = """
rect { fill: #12171e; } text { font: 13px ui-monospace, Menlo, Consolas, monospace; fill: #e6eaf0; white-space: pre; }
.line { opacity: 0; animation: appear .2s forwards; } @keyframes appear { to { opacity: 1; } }
@media (prefers-reduced-motion: reduce) { .line { opacity: 1; animation: none; } }
"""


def film(readme: str) -> str:
    """The SVG. Raises ValueError where the README has no such block."""
    found = BLOCK.search(readme)
    if found is None:
        raise ValueError("README.md has no block that begins with `$ make pipeline`.")
    lines = found[1].rstrip("\n").split("\n")
    at, drawn = 0.0, []
    for number, text in enumerate(lines):
        y = 28 + LINE_PX * number
        drawn.append(
            f'<text x="16" y="{y}" class="line" style="animation-delay: {at:.2f}s">{escape(_cut(text))}</text>'
        )
        at += _seconds(lines[number + 1]) if number + 1 < len(lines) else PAUSE_SECONDS
    width, height = round(32 + SIGN_PX * MOST_SIGNS), 28 + LINE_PX * len(lines)
    told = escape(" ".join(" ".join(line.split()) for line in lines))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
        f"<title>make pipeline, from data to report</title><desc>{told}</desc><style>{STYLE}</style>"
        f'<rect width="{width}" height="{height}" rx="8"/>{"".join(drawn)}</svg>\n'
    )


def _cut(text: str) -> str:
    return text if len(text) <= MOST_SIGNS else text[: MOST_SIGNS - 1].rstrip("…") + "…"


def _seconds(line: str) -> float:
    """How long the film waits for a line: as long as its stage took, at the film's pace."""
    took = re.match(r"[a-z-]+ +[a-z]+ +([\d.]+)", line)
    return max(LEAST_SECONDS, PACE * float(took[1])) if took else LEAST_SECONDS


def main() -> Exit:
    """Run the command and return its exit code."""
    FILM.write_text(film((ROOT / "README.md").read_text(encoding="utf-8")), encoding="utf-8")
    return Exit.PASS


if __name__ == "__main__":
    sys.exit(main())
