"""The last lines of `make pipeline`: what passed, what did not, and what comes next, in words."""

from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.stage import Build
from reports.page.stage import ending
from reports.results import read_results
from tests.reports import scenes


@pytest.mark.parametrize(
    ("situation", "said"),
    [
        (scenes.first_run, ["verdict    Passed: a first champion, but build was skipped", "skipped    build: "]),
        (scenes.promoted, ["verdict    Passed: better than the champion", "passed     data, train, evaluate, build"]),
        (scenes.drift_found, ["but drift was found", "found      drift: ", "next       "]),
        (
            scenes.rejected,
            ["verdict    Rejected: ", "stopped    evaluate: ", "not run    build, load-test, drift, for"],
        ),
    ],
    ids=["skipped", "plain", "found", "stopped"],
)
def test_the_end_says_in_words_what_passed_what_did_not_and_what_comes_next(
    tmp_path: Path, situation: Callable[[Path], Build], said: list[str]
) -> None:
    ended = "\n".join(ending(read_results(situation(tmp_path)), "laptop"))
    assert [one for one in said if one not in ended] == []


def test_the_end_of_a_run_in_which_all_is_plain_finds_and_skips_nothing(tmp_path: Path) -> None:
    words = [line.split()[0] for line in ending(read_results(scenes.promoted(tmp_path)), "laptop")]
    assert words == ["verdict", "passed", "next"]
