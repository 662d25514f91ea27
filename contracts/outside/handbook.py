"""Writes a command's figures between two marks of a handbook page, and reads the handbook's tables for the site."""

import itertools
from pathlib import Path


def write_between(page: Path, begin: str, end: str, found: str) -> None:
    """Write `found` between the marks of the page. Raises ValueError where it has none."""
    page.write_text(between(page.read_text(encoding="utf-8"), begin, end, found), encoding="utf-8")


def between(text: str, begin: str, end: str, found: str) -> str:
    """The page with `found` between its marks. Raises ValueError where it has none."""
    before, opened, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not opened or not closed:
        raise ValueError(f"the page has no {begin} and {end}; put them where the figures belong")
    return f"{before}{begin}\n\n{found}\n\n{end}{after}"


def tables(text: str) -> dict[str, list[dict[str, str]]]:
    """The tables of a page, each by the name of its first column."""
    found: dict[str, list[dict[str, str]]] = {}
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("| ---"):
            columns = _cells(lines[number - 1])
            below = itertools.takewhile(lambda one: one.startswith("|"), lines[number + 1 :])
            found[columns[0]] = [dict(zip(columns, _cells(row), strict=True)) for row in below]
    return found


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("**", "") for cell in line.strip().strip("|").split("|")]
