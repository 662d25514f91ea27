"""Drills as Markdown tables: for the job summary, and between two marks in docs/drills.md."""

from collections.abc import Iterable, Sequence

from contracts.drills import DrillRecord, DrillRecords
from drills.drill import Drill

BEGIN, END = "<!-- drills: begin -->", "<!-- drills: end -->"
LONGEST_REASON = 220


def summary(records: DrillRecords) -> str:
    """The drills that ran, failed ones first: how each ended, and why."""
    passed = sum(one.passed for one in records.drills)
    mark = "✅" if passed == len(records.drills) else "❌"
    title = f"## {mark} {passed} of {len(records.drills)} drills ended as planned"
    ran = f"{'All drills' if records.full else 'The drills of every push'}, {records.seconds:.0f} s."
    rows = (
        ("✅" if one.passed else "❌", _cell(one.name), _cell(one.planted), _ended(one), _cell(_short(one.reason)))
        for one in sorted(records.drills, key=lambda one: one.passed)
    )
    return f"{title}\n\n{ran}\n\n{_table(('', 'drill', 'planted', 'answer', 'reason'), rows)}\n"


def listing(drills: Sequence[Drill]) -> str:
    """All drills, for docs/drills.md: the same in every run."""
    rows = (
        (_cell(one.name) + (" (nightly)" if one.nightly else ""), _cell(one.planted), f"{one.stage}: {one.exit_code}")
        for one in drills
    )
    return _table(("drill", "what is planted", "stage and exit code"), rows)


def _ended(one: DrillRecord) -> str:
    if one.exit == one.expected_exit:
        return f"{one.stage} {one.exit}"
    return f"{one.stage} {one.exit}, required {one.expected_exit}"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_REASON else f"{text[: LONGEST_REASON - 1]}…"


def _cell(text: str) -> str:
    safe = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "&#64;")
    return safe.replace("|", "&#124;").replace("`", "&#96;").replace("*", "\\*").replace("[", "\\[")


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])
