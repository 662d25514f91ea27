"""The table in docs/faults.md: a run replaces its family's lines and keeps the others."""

import os
import platform
from collections.abc import Sequence
from pathlib import Path

from benchmarks.faults.figure import Figure

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "faults.md"
BEGIN, END = "<!-- table: written by `make torture` -->", "<!-- end of table -->"
HEADER = ["| family | figure | seen | required | |", "| --- | --- | --- | --- | --- |"]


def write_table(family: str, figures: Sequence[Figure], order: Sequence[str], document: Path) -> None:
    """Write this family's figures between the marks, in the families' order."""
    before, _, rest = document.read_text(encoding="utf-8").partition(BEGIN)
    table, _, after = rest.partition(END)
    lines = {name: [line for line in table.splitlines() if line.startswith(f"| {name} |")] for name in order}
    lines[family] = [_line(family, one) for one in figures]
    rows = [line for name in order for line in lines[name]]
    text = "\n".join([BEGIN, f"`make torture`, {machine()}", "", *HEADER, *rows, END])
    document.write_text(before + text + after, encoding="utf-8")


def machine() -> str:
    """Cores, system and Python."""
    cores = os.cpu_count()
    return f"{cores} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}."


def _line(family: str, figure: Figure) -> str:
    verdict = "" if not figure.required else "holds" if figure.holds else "**missed**"
    cells = [family, figure.what, figure.seen, figure.required, verdict]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
