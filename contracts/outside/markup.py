"""Texts from outside in HTML and XML: each sign that no page or feed may have is replaced by U+FFFD.

XML has no way to write a control character, so a single one in a reason makes a whole feed unreadable. A mark that
turns the direction of text shows what follows it in another order, also our own words. And half of a surrogate pair
cannot be written to a file at all. Escaping is not done here.
"""

import re

# Controls but tab and end of line, marks of direction (Unicode Standard Annex 9), surrogates, and what is no character.
_UNSHOWN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
REPLACEMENT = "\ufffd"


def showable(text: str) -> str:
    """The same text without signs that would break a page or a feed, or turn it round."""
    return _UNSHOWN.sub(REPLACEMENT, text)
