"""Puts what a command measured between two marks of a page of the handbook, and reads its tables for the site."""

import itertools


def between(text: str, begin: str, end: str, measured: str) -> str:
    """The page with `measured` between its marks. Raises ValueError where it has none."""
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the page has no {begin} and {end}; put them where the figures belong")
    return f"{before}{begin}\n\n{measured}\n\n{end}{after}"


def tables(text: str) -> dict[str, list[dict[str, str]]]:
    """The tables of a page, each under the name of its first column: the site shows what the handbook says."""
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
