"""Documents with figures: each part of `make bench` writes its own between its own marks, and keeps the rest."""

import os
import platform
from pathlib import Path

DOCUMENT = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def write_section(part: str, text: str, path: Path = DOCUMENT) -> None:
    """Write the figures of one part between its marks. Raises SystemExit if the marks are missing."""
    begin, end = f"<!-- {part}: written by `make bench PART={part}` -->", f"<!-- end of {part} -->"
    document = path.read_text(encoding="utf-8")
    if begin not in document or end not in document:
        raise SystemExit(f"{path.name} lacks {begin!r} or {end!r}: put the marks back.")
    before, _, rest = document.partition(begin)
    _, _, after = rest.partition(end)
    path.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")
    print(f"docs/{path.name}, part {part}, written")


def machine() -> str:
    """The machine that measured, in a sentence."""
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}."
