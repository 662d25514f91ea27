"""Reads one table from CSV, Parquet or JSON-lines files. A file that cannot be read is refused; nothing is skipped.

`csv_text.py` reads CSV as text, and `csv_types.py` decides the type of each column by all files. JSON lines (.jsonl,
.ndjson) and Parquet have types of their own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import TypeVar

import pandas as pd
import pyarrow as pa

from training.dataset.csv_text import UTF_16_MARKS, CsvFile, read_csv_text
from training.dataset.csv_types import ColumnReader, Reading
from training.refusals import UnfitTableError, listed

COMPRESSED = frozenset({".gz", ".bz2", ".xz", ".zst", ".zip"})
PARQUET_SUFFIXES = frozenset({".parquet", ".pq"})
JSON_LINES_SUFFIXES = frozenset({".jsonl", ".ndjson"})
PARQUET_MAGIC = b"PAR1"
NOT_CSV = {b"PK": "a zip or an Excel file", b"\x1f\x8b": "gzip", b"<": "HTML or XML", b"{": "JSON", b"[": "JSON"}
HEAD_BYTES = 65536
Read = TypeVar("Read")


@dataclass(frozen=True)
class SourceFile:
    """A file on this machine, and the name by which its owner knows it."""

    name: str
    path: Path


def read_files(
    files: Sequence[SourceFile], reading: Callable[[list[str]], Reading]
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The rows of all files, in the order given, and notes on how they were read.

    `reading`: how to read CSV, given the column names. Raises SettingError or UnfitTableError with the file's name.
    """
    heads = [_head(file) for file in files]
    if any(_is_csv(file, head) for file, head in zip(files, heads, strict=True)):
        return _read_csv(files, heads, reading)
    tables = [_read_typed(file) for file in files]
    _refuse_other_names(files, [list(table.columns) for table in tables])
    return (tables[0] if len(tables) == 1 else pd.concat(tables, ignore_index=True)), ()


def _head(file: SourceFile) -> bytes:
    try:
        with file.path.open("rb") as opened:
            head = opened.read(HEAD_BYTES)
    except OSError as error:
        raise UnfitTableError(f"{file.name} cannot be read ({error.strerror}).", code="unreadable-file") from None
    if not head:
        raise UnfitTableError(f"{file.name} is empty (0 bytes).", code="empty-file")
    return head


def _is_csv(file: SourceFile, head: bytes) -> bool:
    return not head.startswith(PARQUET_MAGIC) and file.path.suffix not in PARQUET_SUFFIXES | JSON_LINES_SUFFIXES


def _read_typed(file: SourceFile) -> pd.DataFrame:
    """A file whose format has types."""
    if file.path.suffix in JSON_LINES_SUFFIXES:
        return _explained(
            file, "JSON lines", lambda: pd.read_json(file.path, lines=True, dtype=False, convert_dates=False)
        )
    return _explained(file, "Parquet", lambda: pd.read_parquet(file.path))


def _read_csv(
    files: Sequence[SourceFile], heads: Sequence[bytes], reading: Callable[[list[str]], Reading]
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    for file, head in zip(files, heads, strict=True):
        if not _is_csv(file, head):
            raise UnfitTableError(
                f"{file.name} is no CSV, but {files[0].name} is. Files of one source have one format.",
                code="mixed-formats",
            )
    for file, head in zip(files, heads, strict=True):
        if file.path.suffix not in COMPRESSED and not head.startswith(UTF_16_MARKS):
            _refuse_other_formats(file, head)
    how = reading([]).csv
    opened = [CsvFile(file.name, file.path, how) for file in files]
    tables = [_explained(file, "CSV", partial(read_csv_text, one)) for file, one in zip(files, opened, strict=True)]
    _refuse_other_names(files, [table.column_names for table in tables])
    table, notes = _typed(opened, tables, reading)
    separators = sorted(
        {one.separator() for one in opened} - {","} - ({"\t"} if ".tsv" in files[0].path.suffixes else set())
    )
    said = [f"values are separated by {sign!r}" for sign in separators if sign != how.separator]
    return table, (*said, *notes)


def _typed(
    opened: Sequence[CsvFile], tables: Sequence[pa.Table], reading: Callable[[list[str]], Reading]
) -> tuple[pd.DataFrame, list[str]]:
    """The rows of all tables of text with their types, and notes on what was recognised."""
    ends = list(accumulate(len(table) for table in tables))

    def place_of(row: int) -> str:
        number = next(number for number, end in enumerate(ends) if row < end)
        first = ends[number] - len(tables[number])
        return f"line {opened[number].line_of(row - first):,} of {opened[number].name}"

    text = pa.concat_tables(tables)
    reader = ColumnReader(reading(text.column_names), place_of)
    return pd.DataFrame({name: reader.typed(name, text[name].to_pandas()) for name in text.column_names}), reader.notes


def _refuse_other_names(files: Sequence[SourceFile], names: Sequence[Sequence[str]]) -> None:
    for file, columns in zip(files[1:], names[1:], strict=True):
        if list(columns) != list(names[0]):
            differing = sorted(set(names[0]) ^ set(columns)) or ["the same names in another order"]
            raise UnfitTableError(
                f"{file.name} and {files[0].name} do not have the same columns: {listed(differing)}. "
                "Files of one source must agree in names and order.",
                code="other-columns",
            )


def _refuse_other_formats(file: SourceFile, head: bytes) -> None:
    seen = next((what for start, what in NOT_CSV.items() if head.lstrip().startswith(start)), "")
    if not seen and b"\0" in head:
        seen = "binary"
    if seen:
        raise UnfitTableError(
            f"{file.name} is not CSV: it looks like {seen}. Save the table as CSV or Parquet.", code="not-a-table"
        )


def _explained(file: SourceFile, required: str, read: Callable[[], Read]) -> Read:
    try:
        return read()
    except (pa.ArrowException, pd.errors.ParserError, ValueError, OSError, EOFError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UnfitTableError(f"{file.name} is not {required}: {reason}.", code="not-a-table") from None
