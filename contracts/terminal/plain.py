r"""Makes texts from outside safe for a terminal: a column, a category, a commit's author, a reason with values.

A control character can move the cursor, rename the window or hide earlier output. A direction mark can reorder text.
And a workflow's log executes some of its text: a line that begins with `::`, and `##[` anywhere (ActionCommand in
GitHub's runner). Half of a surrogate pair, which stands for a byte of a name that is not UTF-8, cannot be printed at
all. Each of these is written as Python writes it (`\x1b`), and so is what the terminal's encoding lacks.
"""

import re
import sys
from typing import Any, TextIO

# All control characters except the end of a line and a tab, direction marks (Unicode Standard Annex 9), surrogates.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_COMMANDS = re.compile(r"##\[|^[^\S\n]*::", re.M)


def plain(text: str) -> str:
    """The text with each control character, direction mark and beginning of a log's command spelled out."""
    shown = _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    return _COMMANDS.sub(lambda found: found[0].replace("[", r"\x5b").replace("::", r"\x3a:"), shown)


class PlainStream:
    """A text stream that writes plain text; everything else is passed to the stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def unfiltered(self) -> TextIO:
        """The stream itself, for output that moves the cursor on purpose."""
        return self._stream

    def write(self, text: str) -> int:
        """Write the plain text. Returns the number of characters in `text`."""
        encoding = self._stream.encoding or "utf-8"  # a stream in memory has none
        self._stream.write(plain(text).encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def write_plainly() -> None:
    """Make all further output of this process plain."""
    sys.stdout, sys.stderr = PlainStream(sys.stdout), PlainStream(sys.stderr)
