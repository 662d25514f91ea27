"""A grade as text for a terminal: what was asked, what was seen, where to read."""

import re
import sys
from pathlib import Path

from contracts.exits import Exit
from contracts.outside.markdown import anchor_of
from exercises.graders.grading import SOLUTIONS, Exercise, Grade, Result

MARKS = {"pass": "pass", "fail": "FAIL", "waits": "waits", "not asked": "-"}


def grade_text(exercise: Exercise, seen: Grade, language: str = "en") -> str:
    """The whole text. The chapters to read are in `language`; the rest is English."""
    lines = [f"{exercise.title} (exercises/{exercise.folder})"]
    if seen.stopped:
        lines += ["", f"Nothing could be asked: {seen.stopped}"]
    for one in seen.results:
        lines += _result_text(one, language)
    waits = seen.count("waits")
    lines += ["", f"{seen.count('pass')} of {len(seen.results)} right" + (f", {waits} wait." if waits else ".")]
    command = "project" if exercise.number == "project" else exercise.number
    if seen.count("pass") + waits == len(seen.results):
        # Exercise 0 asks about the learner's own run, so it has no solution to show.
        if (SOLUTIONS / exercise.folder).is_dir():
            lines.append(f"One solution: exercises/solutions/{exercise.folder}.")
        lines.append(f"What production does differently: {exercise.different}")
    else:
        lines.append(f"`make hint N={command}` helps, a little more each time.")
    return "\n".join(lines)


def _result_text(one: Result, language: str) -> list[str]:
    first = f"  {MARKS[one.state]:<6} {one.check:<16} {one.asked}"
    if one.state == "pass" or one.state == "not asked":
        return [first]
    lines = [first, f"         seen: {one.seen}"]
    return lines if one.state == "waits" else [*lines, f"         read: {translated_reference(language, one.read)}"]


def translated_reference(language: str, place: str) -> str:
    """The same heading of the same chapter in `language`: both have the same headings in the same order."""
    path, _, anchor = place.partition("#")
    other = path.replace("/en/", f"/{language}/")
    if other == path or not Path(other).is_file():
        return place
    return f"{other}#{_anchors(other)[_anchors(path).index(anchor)]}" if anchor else other


def _anchors(path: str) -> list[str]:
    page = re.sub(r"^```.*?^```$", "", Path(path).read_text(encoding="utf-8"), flags=re.M | re.S)
    return [anchor_of(heading) for heading in re.findall(r"^#+ (.+)$", page, re.M)]


def say(text: str) -> Exit:
    """Print a usage error; returns its exit code."""
    print(text, file=sys.stderr)
    return Exit.USAGE
