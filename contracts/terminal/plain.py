r"""Texts from outside on a terminal: a column, a category, a commit's author, a reason with values in it.

A control character can move the cursor, rename the window or hide what was written before; a mark that turns the
direction of text shows it in another order. And a workflow's log runs what stands in it: a line that begins with `::`
as a command, and `##[` wherever it stands (ActionCommand in GitHub's runner). Each is written as Python would
write it (`\x1b`).
"""

import re
import sys
from typing import Any, TextIO

# All controls but the end of a line and a tab; marks of direction (Unicode Standard Annex 9).
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_COMMANDS = re.compile(r"##\[|^[^\S\n]*::", re.M)


def plain(text: str) -> str:
    """The same text, with each control character, mark of direction and beginning of a log's command spelled out."""
    shown = _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    return _COMMANDS.sub(lambda found: found[0].replace("[", r"\x5b").replace("::", r"\x3a:"), shown)


class PlainStream:
    """A text stream that writes plain text; all else is the stream's own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def unfiltered(self) -> TextIO:
        """The stream itself, for what moves the cursor on purpose."""
        return self._stream

    def write(self, text: str) -> int:
        """Write the text plainly; how many characters it has."""
        self._stream.write(plain(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def write_plainly() -> None:
    """From now on, whatever this process prints is plain."""
    sys.stdout, sys.stderr = PlainStream(sys.stdout), PlainStream(sys.stderr)
