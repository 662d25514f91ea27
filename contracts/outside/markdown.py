"""Texts from outside in Markdown that GitHub renders: a branch, a column, a category, a reason with values in it.

Whatever could be markup, a link, a mention, a reference to an issue or an emoji is made harmless, and shows as it was
typed. Shown by GitHub's own renderer in tests/contracts/test_markdown.py.
"""

import re
import unicodedata

LONGEST_VALUE = 400
# A word that GitHub would link after it has rendered, where entities no longer help, is broken by a space of no width.
_LINKS = re.compile(
    r"@(?=\w)|#(?=\d)|:(?=//)|(?<=\b[Ww][Ww][Ww])(?=\.)|(?<=\b[Gg][Hh])(?=-\d)|:(?=(?:[+-]1|[\w+-]*[a-z][\w+-]*):)"
)
_NO_WIDTH = "\u200b"
_ENTITIES = {sign: f"&#{ord(sign)};" for sign in "|`*~\\$"} | {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# What makes a heading, a list, a task, a rule or a link's definition where a line begins.
_LEADING = re.compile(r"^[#+=\[-]")
_LEADING_NUMBER = re.compile(r"^(\d+)([.)])")


def escape(text: str, longest: int = LONGEST_VALUE) -> str:
    """Text as Markdown that shows just this text, on one line, in a table's cell or outside one; cut at `longest`."""
    plain = "".join(" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in text).strip()
    if len(plain) > longest:
        plain = plain[: longest - 1] + "…"
    safe = "".join(_ENTITIES.get(sign, sign) for sign in _LINKS.sub(lambda found: found[0] + _NO_WIDTH, plain))
    safe = re.sub(r"(?<![^\W_])_|_(?![^\W_])", "&#95;", safe)  # inside a word an underscore is only itself
    safe = re.sub(r"\](?=[(\[:])", "&#93;", safe).replace("![", "&#33;[")
    safe = _LEADING.sub(lambda found: f"&#{ord(found[0])};", safe)
    return _LEADING_NUMBER.sub(lambda found: f"{found[1]}&#{ord(found[2])};", safe)


def anchor_of(heading: str) -> str:
    """The name that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
