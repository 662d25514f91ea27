"""docs/benchmarks.md: each part of `make bench` writes its figures between its own marks; the rest stays."""

import os
import platform
from pathlib import Path

DOCUMENT = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def write_section(part: str, text: str) -> None:
    """Put the figures of one part between its marks. Raises SystemExit where the document has lost them."""
    begin, end = f"<!-- {part}: written by `make bench PART={part}` -->", f"<!-- end of {part} -->"
    document = DOCUMENT.read_text(encoding="utf-8")
    if begin not in document or end not in document:
        raise SystemExit(f"{DOCUMENT.name} lacks {begin!r} or {end!r}: put the marks back.")
    before, _, rest = document.partition(begin)
    _, _, after = rest.partition(end)
    DOCUMENT.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")
    print(f"docs/{DOCUMENT.name}, part {part}, written")


def machine() -> str:
    """What it was measured on."""
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}."
