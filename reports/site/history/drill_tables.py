"""What the drills found: the table of planted faults, and the gates' error rates. Read, never judged.

    build/drills/drills.json      {"drills": [{"name", "stage", "planted", "expected_exit", "exit", "expected_reason",
                                  "reason", "passed", "seconds"}, …]}
    drills/rates/*.json           how often a gate errs, measured occasionally and kept with the code: an object whose
                                  lists (or objects) of objects are tables, and whose other values are the note
    build/drills/rates/*.json     the same, or a finished table: {"title", "note", "columns", "rows": [[…], …]}

Other keys are ignored: a drill may record more than the site shows. `name` and `passed` are required.
"""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, RootModel, ValidationError

from contracts.exits import UsageError
from contracts.schema import read_outside_json, write_json

DRILLS_FILE = "drills.json"
VERSION = "format_version"
MOST_BYTES = 1024 * 1024
Text = Annotated[str, Field(max_length=2_000)]


class Tolerant(BaseModel):
    """Frozen and finite like every schema here, but ignores other keys."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class Drill(Tolerant):
    """One planted fault. `passed`: whether it was refused with the expected exit code and reason."""

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


class RateFile(RootModel[dict[str, JsonValue]]):
    """Any object."""


class RateTable(Tolerant):
    """A table that the site shows as it is."""

    title: Text
    note: Text = ""
    columns: Annotated[tuple[Text, ...], Field(max_length=20)]
    rows: Annotated[tuple[tuple[float | Text | None, ...], ...], Field(max_length=200)]


class DrillTables(Tolerant):
    """Both, and the files that could not be read."""

    drills: Drills | None = None
    rates: tuple[RateTable, ...] = ()
    unreadable: tuple[str, ...] = ()


def read_drill_tables(folder: Path, measured: Path = Path("nowhere")) -> DrillTables:
    """Read a folder like build/drills, and one of rates measured earlier. Missing files give empty tables; files that
    do not fit are named in `unreadable`."""
    unreadable: list[str] = []
    drills: Drills | None = None
    if (folder / DRILLS_FILE).exists():
        try:
            drills = read_outside_json(folder / DRILLS_FILE, Drills, "make drill", MOST_BYTES)
        except UsageError:
            unreadable.append(DRILLS_FILE)
    rates: list[RateTable] = []
    for path in [*sorted((folder / "rates").glob("*.json")), *sorted(measured.glob("*.json"))]:
        try:
            rates += _rate_tables(path.stem, read_outside_json(path, RateFile, "make drill", MOST_BYTES).root)
        except (UsageError, ValidationError):
            unreadable.append(path.name)
    return DrillTables(drills=drills, rates=tuple(rates), unreadable=tuple(unreadable))


def _rate_tables(name: str, seen: dict[str, JsonValue]) -> list[RateTable]:
    """Each list of objects as a table. Raises ValidationError if there is none, or one is too large."""
    if isinstance(seen.get("columns"), list):
        return [RateTable.model_validate({"title": name} | seen)]
    note = ", ".join(f"{_words(key)} {value}" for key, value in seen.items() if _is_plain(value) and key != VERSION)
    tables: list[dict[str, object]] = []
    for key, found in seen.items():
        rows = _as_rows(key, found)
        if isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows):
            flat = [_flat(row) for row in rows if isinstance(row, dict)]
            columns = list(dict.fromkeys(column for row in flat for column in row))
            cells = [[row.get(column) for column in columns] for row in flat]
            tables.append(
                {
                    "title": f"Rates measured, {_words(name)}: {_words(key)}",
                    "columns": columns,
                    "rows": cells,
                    "note": note,
                }
            )
    return [RateTable.model_validate(table) for table in tables or [{"title": name}]]


def _as_rows(key: str, found: JsonValue) -> JsonValue:
    """An object of objects as a list of them, each with its name; any other value unchanged."""
    if isinstance(found, dict) and found and all(_is_row(row) for row in found.values()):
        return [{key: name, **row} for name, row in found.items() if isinstance(row, dict)]
    return found


def _is_row(found: JsonValue) -> bool:
    return isinstance(found, dict) and all(_is_plain(value) for value in found.values())


def _flat(row: dict[str, JsonValue], before: str = "") -> dict[str, JsonValue]:
    """A row's plain values; those of a nested object get both names."""
    found: dict[str, JsonValue] = {}
    for key, value in row.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{before}{_words(key)} ")
        elif _is_plain(value):
            found[f"{before}{_words(key)}"] = value
    return found


def _is_plain(value: JsonValue) -> bool:
    return value is None or isinstance(value, str | int | float)


def _words(key: str) -> str:
    return key.replace("_", " ")


def copy_drill_tables(source: Path, target: Path) -> bool:
    """Write the tables that were read into another folder; False if there are none. Raises UsageError if one cannot
    be read."""
    tables = read_drill_tables(source)
    if tables.unreadable:
        raise UsageError(f"{source} has {', '.join(tables.unreadable)}, which is no table of drills. See docs/site.md.")
    if tables.drills:
        write_json(target / DRILLS_FILE, tables.drills)
    for number, rates in enumerate(tables.rates):
        write_json(target / "rates" / f"{number:02}.json", rates)
    return bool(tables.drills or tables.rates)
