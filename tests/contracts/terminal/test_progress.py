"""The progress bar on a terminal; without one nothing is written."""

import io
from collections.abc import Iterator

import pytest

from contracts.terminal.progress import CLEAR, FIRST_SECONDS, clock_time, line, progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def ticking(step: float) -> Iterator[float]:
    now = 0.0
    while True:
        yield now
        now += step


@pytest.mark.parametrize("step", [0.01, FIRST_SECONDS])
def test_a_terminal_sees_what_takes_long_and_an_empty_line_at_the_end(step: float) -> None:
    screen, clock = Terminal(), ticking(step)
    with progress("search", 4, screen, lambda: next(clock)) as shown:
        assert list(shown.over("abcd")) == ["a", "b", "c", "d"]
    said = screen.getvalue()
    assert ("search" in said) is (step == FIRST_SECONDS)
    assert said.endswith(CLEAR)


def test_where_there_is_no_terminal_there_is_not_a_byte() -> None:
    file, clock = io.StringIO(), ticking(FIRST_SECONDS)
    with progress("search", 4, file, lambda: next(clock)) as shown:
        list(shown.over("abcd"))
        shown.clear()
    assert file.getvalue() == ""


def test_a_failure_leaves_an_empty_line_too() -> None:
    screen = Terminal()
    with pytest.raises(ValueError, match="broken"), progress("search", 4, screen):
        raise ValueError("broken")
    assert screen.getvalue() == CLEAR


def test_the_line_has_progress_and_the_remaining_time() -> None:
    name, bar, *done, left, _ = line("search", 6, 24, 30).split()
    assert (name, bar.count("━"), len(bar)) == ("search", 6, 24)
    assert (done, left) == (["6", "of", "24,"], "1:30")
    assert line("load", 0, 20, 0).endswith("0 of 20")
    assert "25 of 20," in line("load", 25, 20, 25)
    assert " 0:00 " in line("load", 25, 20, 25)


@pytest.mark.parametrize(("seconds", "text"), [(31, "0:31"), (725, "12:05"), (3729, "1:02:09")])
def test_durations_have_minutes_and_seconds(seconds: float, text: str) -> None:
    assert clock_time(seconds) == text
