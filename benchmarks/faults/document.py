"""The table in docs/faults.md: a family's lines are replaced when it runs, the other families' stay."""

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.faults.figures import Figure

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "faults.md"
BEGIN, END = "<!-- table: written by `make torture` -->", "<!-- end of table -->"
HEADER = ["| family | figure | seen | required | |", "| --- | --- | --- | --- | --- |"]


def write_table(figures: Mapping[str, Sequence[Figure]], order: Sequence[str], document: Path) -> Path:
    """Put these families' figures between the marks. Returns the document's path in the repository."""
    before, _, rest = document.read_text(encoding="utf-8").partition(BEGIN)
    table, _, after = rest.partition(END)
    lines = {family: [line for line in table.splitlines() if line.startswith(f"| {family} |")] for family in order}
    lines |= {family: [_line(family, one) for one in several] for family, several in figures.items()}
    rows = [line for family in order for line in lines[family]]
    text = "\n".join([BEGIN, f"`make torture`, {machine()}", "", *HEADER, *rows, END])
    document.write_text(before + text + after, encoding="utf-8")
    return document.relative_to(ROOT) if document.is_relative_to(ROOT) else document


def machine() -> str:
    """Cores, system and Python."""
    cores = os.cpu_count()
    return f"{cores} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}."


def _line(family: str, figure: Figure) -> str:
    verdict = "" if not figure.required else "holds" if figure.holds else "**missed**"
    cells = [family, figure.what, figure.seen, figure.required, verdict]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
