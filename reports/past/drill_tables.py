"""What the drills found: the table of planted faults, and the rates at which the gates err. Read, never judged.

    build/drills/drills.json      {"drills": [{"name", "stage", "planted", "expected_exit", "exit", "expected_reason",
                                  "reason", "passed", "seconds"}, …]}
    build/drills/rates/*.json     {"title", "note", "columns": [text, …], "rows": [[text or number, …], …]}

Other keys are left alone: a drill may say more than the site shows. `name` and `passed` are required.
"""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from contracts.exits import UsageError
from contracts.schema import read_outside_json, write_json

DRILLS_FILE = "drills.json"
MOST_BYTES = 1024 * 1024
Text = Annotated[str, Field(max_length=2_000)]


class Tolerant(BaseModel):
    """Frozen and finite like every schema here, but other keys are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class Drill(Tolerant):
    """One planted fault. `passed`: whether it was refused, with the exit code and the reason that were expected."""

    name: Text
    passed: bool
    stage: Text = ""
    planted: Text = ""
    expected_exit: int | None = None
    exit: int | None = None
    expected_reason: Text = ""
    reason: Text = ""
    seconds: float | None = None


class Drills(Tolerant):
    """drills.json."""

    drills: Annotated[tuple[Drill, ...], Field(max_length=500)] = ()

    @property
    def failed(self) -> tuple[Drill, ...]:
        return tuple(drill for drill in self.drills if not drill.passed)


class RateTable(Tolerant):
    """One file of rates: a table that the site shows as it is."""

    title: Text
    note: Text = ""
    columns: Annotated[tuple[Text, ...], Field(max_length=20)]
    rows: Annotated[tuple[tuple[float | Text | None, ...], ...], Field(max_length=200)]


class DrillTables(Tolerant):
    """Both, and the files that could not be read."""

    drills: Drills | None = None
    rates: tuple[RateTable, ...] = ()
    unreadable: tuple[str, ...] = ()


def read_drill_tables(folder: Path) -> DrillTables:
    """Read a folder like build/drills. What is absent is empty; what does not fit is named in `unreadable`."""
    unreadable: list[str] = []
    drills: Drills | None = None
    if (folder / DRILLS_FILE).exists():
        try:
            drills = read_outside_json(folder / DRILLS_FILE, Drills, "make drill", MOST_BYTES)
        except UsageError:
            unreadable.append(DRILLS_FILE)
    rates: list[RateTable] = []
    for path in sorted((folder / "rates").glob("*.json")):
        try:
            rates.append(read_outside_json(path, RateTable, "make drill", MOST_BYTES))
        except UsageError:
            unreadable.append(path.name)
    return DrillTables(drills=drills, rates=tuple(rates), unreadable=tuple(unreadable))


def copy_drill_tables(source: Path, target: Path) -> bool:
    """Put the tables, as they were read, into another folder; False where there are none. Raises UsageError when one
    cannot be read."""
    tables = read_drill_tables(source)
    if tables.unreadable:
        raise UsageError(f"{source} has {', '.join(tables.unreadable)}, which is no table of drills. See docs/site.md.")
    if tables.drills:
        write_json(target / DRILLS_FILE, tables.drills)
    for number, rates in enumerate(tables.rates):
        write_json(target / "rates" / f"{number:02}.json", rates)
    return bool(tables.drills or tables.rates)
