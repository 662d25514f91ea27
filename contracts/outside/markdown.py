"""Escapes texts from outside in Markdown for GitHub: a branch, a column, a category, a reason with values.

Whatever could be markup, a link, a mention, a reference to an issue or an emoji is escaped, and shows as it was typed.
tests/contracts/outside/test_markdown.py checks this with GitHub's own renderer.
"""

import re
import unicodedata

LONGEST_VALUE = 400
# GitHub links some words after rendering, where entities do not help: a zero-width space breaks them.
_LINKS = re.compile(
    r"@(?=\w)|#(?=\d)|:(?=//)|(?<=\b[Ww][Ww][Ww])(?=\.)|(?<=\b[Gg][Hh])(?=-\d)|:(?=(?:[+-]1|[\w+-]*[a-z][\w+-]*):)"
)
_NO_WIDTH = "\u200b"
_ENTITIES = {sign: f"&#{ord(sign)};" for sign in "|`*~\\$"} | {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# At the beginning of a line these make a heading, a list, a task, a rule or a link's definition.
_LEADING = re.compile(r"^[#+=\[-]")
_LEADING_NUMBER = re.compile(r"^(\d+)([.)])")


def escape(text: str, longest: int = LONGEST_VALUE) -> str:
    """Markdown that shows exactly this text, on one line, inside or outside a table's cell; cut at `longest`."""
    plain = "".join(" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in text).strip()
    if len(plain) > longest:
        plain = plain[: longest - 1] + "…"
    safe = "".join(_ENTITIES.get(sign, sign) for sign in _LINKS.sub(lambda found: found[0] + _NO_WIDTH, plain))
    safe = re.sub(r"(?<![^\W_])_|_(?![^\W_])", "&#95;", safe)  # inside a word an underscore is only itself
    safe = re.sub(r"\](?=[(\[:])", "&#93;", safe).replace("![", "&#33;[")
    safe = _LEADING.sub(lambda found: f"&#{ord(found[0])};", safe)
    return _LEADING_NUMBER.sub(lambda found: f"{found[1]}&#{ord(found[2])};", safe)


def anchor_of(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
