"""Replaces characters in texts from outside that HTML and XML must not contain by U+FFFD.

XML cannot express control characters, so a single one in a reason makes a whole feed unreadable. A direction mark
reorders the text after it, our own words included. Half of a surrogate pair cannot be written to a file at all. This
module does no escaping.
"""

import re

# Control characters except tab and end of line, direction marks (Unicode Standard Annex 9), surrogates, noncharacters.
_UNSHOWN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
REPLACEMENT = "\ufffd"


def showable(text: str) -> str:
    """The text without characters that would break a page or a feed, or change its direction."""
    return _UNSHOWN.sub(REPLACEMENT, text)
