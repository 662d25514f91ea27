"""Puts what a command measured between two marks of a page of the handbook."""


def between(text: str, begin: str, end: str, measured: str) -> str:
    """The page with `measured` between its marks. Raises ValueError where it has none."""
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the page has no {begin} and {end}; put them where the figures belong")
    return f"{before}{begin}\n\n{measured}\n\n{end}{after}"
