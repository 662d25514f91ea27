"""The history's folder: entries are appended, the last few runs are kept in full, older ones are pruned.

A run kept in full is laid out like build/, so that the same code makes the report page of past and present runs.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contracts.exits import UsageError
from contracts.history import EventName, HistoryEntry
from contracts.model_folder import CARD_FILE
from contracts.schema import MOST_JSON_BYTES, read_outside_json, require_file, write_json
from contracts.stage import Build

ENTRY_BYTES = 64 * 1024
# For each kind of event. Evidently's page has 4 to 6 MB, however many rows there are.
KEPT_RUNS = 7
KEPT_BYTES = 120 * 1024 * 1024
JSON_BYTES = MOST_JSON_BYTES
REPORT_BYTES = 20 * 1024 * 1024
DRIFT_FILES = {"drift/stage.json": JSON_BYTES, "drift/verdict.json": JSON_BYTES, "drift/evidently.html": REPORT_BYTES}
RUN_FILES = DRIFT_FILES | {
    "data/stage.json": JSON_BYTES,
    "data/data.json": JSON_BYTES,
    "train/stage.json": JSON_BYTES,
    f"train/model/{CARD_FILE}": JSON_BYTES,
    "evaluate/stage.json": JSON_BYTES,
    "evaluate/decision.json": JSON_BYTES,
    "evaluate/diff.md": JSON_BYTES,
    "evaluate/plots.json": JSON_BYTES,
    "evaluate/model_figures.json": JSON_BYTES,
    "image/stage.json": JSON_BYTES,
    "image/image.json": JSON_BYTES,
    "load-test/stage.json": JSON_BYTES,
    "load-test/verdict.json": JSON_BYTES,
    "load-test/locust.html": REPORT_BYTES,
}
FILES_OF: dict[EventName, dict[str, int]] = {"run": RUN_FILES, "drift": DRIFT_FILES, "rollback": {}}


@dataclass(frozen=True)
class RunHistory:
    """The entries in order of time, and the names of unreadable files: a gap must not look like a quiet time."""

    entries: tuple[HistoryEntry, ...]
    unreadable: tuple[str, ...]


def entry_path(history: Path, entry: HistoryEntry) -> Path:
    """runs/<year>/<id>.json."""
    return history / "runs" / entry.at[:4] / f"{entry.id}.json"


def append(history: Path, entry: HistoryEntry) -> Path:
    """Write the entry, replacing an earlier one of the same workflow run. Raises UsageError if it is too large."""
    size = len(entry.model_dump_json(indent=2).encode())
    if size > ENTRY_BYTES:
        raise UsageError(f"This run's entry has {size:,} bytes; the history takes at most {ENTRY_BYTES:,} of one run.")
    if entry.workflow:
        again = f"*Z-{entry.event}-{entry.workflow.run_id}-{entry.workflow.attempt}.json"
        for earlier in (history / "runs").glob(f"*/{again}"):
            earlier.unlink()
            shutil.rmtree(history / "kept" / earlier.stem, ignore_errors=True)
    path = entry_path(history, entry)
    write_json(path, entry)
    return path


def check_kept(build: Build, event: EventName) -> None:
    """Raises UsageError on a file that is too large to keep, or no plain file."""
    for source, _, most_bytes in _to_keep(build, event):
        require_file(source, "make pipeline", most_bytes)


def keep(entry: HistoryEntry, build: Build, target: Path) -> int:
    """Copy only the files that the site shows of this run; returns their bytes. `check_kept` comes first."""
    copied = 0
    for source, place, _ in _to_keep(build, entry.event):
        (target / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target / place)
        copied += source.stat().st_size
    return copied


def _to_keep(build: Build, event: EventName) -> Iterator[tuple[Path, str, int]]:
    for place, most_bytes in FILES_OF[event].items():
        source = build.root / place
        if source.exists() or source.is_symlink():
            yield source, place, most_bytes


def prune(history: Path, most_bytes: int = KEPT_BYTES) -> tuple[str, ...]:
    """Delete runs kept in full beyond KEPT_RUNS of each event and `most_bytes` in all; returns their ids. Their entries
    stay."""
    seen: dict[str, int] = {}
    total, gone = 0, []
    for folder in sorted((history / "kept").glob("*"), reverse=True):
        event = folder.name.split("-")[1] if "-" in folder.name else ""
        seen[event] = seen.get(event, 0) + 1
        total += sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        if event not in FILES_OF or seen[event] > KEPT_RUNS or total > most_bytes:
            shutil.rmtree(folder)
            gone.append(folder.name)
    return tuple(gone)


def read_run_history(history: Path) -> RunHistory:
    """Every entry that can be read, oldest first."""
    entries, unreadable = [], []
    for path in sorted((history / "runs").glob("*/*.json")):
        try:
            entry = read_outside_json(path, HistoryEntry, "make history", ENTRY_BYTES)
        except UsageError:
            unreadable.append(path.name)
            continue
        if path == entry_path(history, entry):
            entries.append(entry)
        else:
            unreadable.append(path.name)
    return RunHistory(tuple(sorted(entries, key=lambda entry: entry.id)), tuple(unreadable))
