"""What a grade looks like on a terminal: what was asked, what was seen, where to read."""

import sys

from contracts.exits import Exit
from exercises.graders.grading import Exercise, Grade, Result

MARKS = {"pass": "pass", "fail": "FAIL", "waits": "waits", "not asked": "-"}


def said_of(exercise: Exercise, seen: Grade) -> str:
    """The whole text."""
    lines = [f"{exercise.title} (exercises/{exercise.folder})"]
    if seen.stopped:
        lines += ["", f"Nothing could be asked: {seen.stopped}"]
    for one in seen.results:
        lines += _said_of(one)
    waits = seen.count("waits")
    lines += ["", f"{seen.count('pass')} of {len(seen.results)} right" + (f", {waits} wait." if waits else ".")]
    command = "project" if exercise.number == "project" else exercise.number
    if seen.count("pass") + waits == len(seen.results):
        lines += [
            f"One solution: exercises/solutions/{exercise.folder}.",
            f"What production does differently: {exercise.different}",
        ]
    else:
        lines.append(f"`make hint N={command}` helps, a little more each time.")
    return "\n".join(lines)


def _said_of(one: Result) -> list[str]:
    first = f"  {MARKS[one.state]:<6} {one.check:<16} {one.asked}"
    if one.state == "pass" or one.state == "not asked":
        return [first]
    lines = [first, f"         seen: {one.seen}"]
    return lines if one.state == "waits" else [*lines, f"         read: {one.read}"]


def say(text: str) -> Exit:
    """A mistake in the command's use."""
    print(text, file=sys.stderr)
    return Exit.USAGE
