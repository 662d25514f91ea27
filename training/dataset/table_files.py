"""One table from CSV or Parquet files. What cannot be read as it stands is refused; nothing is guessed or skipped.

CSV is UTF-8 with commas (tabs in .tsv), may be compressed (.gz .bz2 .xz .zst .zip), and its first line names the
columns. Empty fields, NA, NaN, null and None are missing.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

from training.dataset.table_checks import refuse_bad_names
from training.refusals import UnfitTableError, listed

COMPRESSED = frozenset({".gz", ".bz2", ".xz", ".zst", ".zip"})
PARQUET_SUFFIXES = frozenset({".parquet", ".pq"})
PARQUET_MAGIC = b"PAR1"
NOT_CSV = {b"PK": "a zip or an Excel file", b"\x1f\x8b": "gzip", b"<": "HTML or XML", b"{": "JSON", b"[": "JSON"}
HEAD_BYTES = 65536


@dataclass(frozen=True)
class SourceFile:
    """A file on this machine, and the name by which its owner knows it."""

    name: str
    path: Path


def read_files(files: Sequence[SourceFile]) -> pd.DataFrame:
    """The rows of all files, in the order given. Raises UnfitTableError: which file, and what is wrong with it."""
    tables = [_read_file(file) for file in files]
    first = list(tables[0].columns)
    for file, table in zip(files[1:], tables[1:], strict=True):
        if list(table.columns) != first:
            differing = sorted(set(first) ^ set(table.columns)) or ["the same names in another order"]
            raise UnfitTableError(
                f"{file.name} and {files[0].name} do not have the same columns: {listed(differing)}. "
                "Files of one source must agree in names and order."
            )
    return tables[0] if len(tables) == 1 else pd.concat(tables, ignore_index=True)


def _read_file(file: SourceFile) -> pd.DataFrame:
    try:
        with file.path.open("rb") as opened:
            head = opened.read(HEAD_BYTES)
    except OSError as error:
        raise UnfitTableError(f"{file.name} cannot be read ({error.strerror}).") from None
    if not head:
        raise UnfitTableError(f"{file.name} is empty (0 bytes).")
    if head.startswith(PARQUET_MAGIC) or file.path.suffix in PARQUET_SUFFIXES:
        return _explained(file, "Parquet", lambda: pd.read_parquet(file.path))
    if file.path.suffix not in COMPRESSED:
        _refuse_other_formats(file, head)
    return _explained(file, "CSV in UTF-8", lambda: _read_csv(file))


def _refuse_other_formats(file: SourceFile, head: bytes) -> None:
    seen = next((what for start, what in NOT_CSV.items() if head.lstrip().startswith(start)), "")
    if not seen and b"\0" in head:
        seen = "binary"
    if seen:
        raise UnfitTableError(f"{file.name} is not CSV: it looks like {seen}. Save the table as CSV or Parquet.")


def _explained(file: SourceFile, required: str, read: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    try:
        return read()
    except pd.errors.EmptyDataError:
        raise UnfitTableError(f"{file.name} is empty: it has no line with column names.") from None
    except (pa.ArrowException, pd.errors.ParserError, ValueError, OSError, EOFError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UnfitTableError(f"{file.name} is not {required}: {reason}.") from None


def _read_csv(file: SourceFile) -> pd.DataFrame:
    separator = "\t" if ".tsv" in file.path.suffixes else ","
    # pandas renames repeated and empty names silently, so the header is looked at as it stands.
    header = pd.read_csv(file.path, sep=separator, header=None, nrows=1, dtype=str, keep_default_na=False)
    names = [str(name) for name in header.iloc[0]]
    if len(names) == 1 and any(sign in names[0] for sign in ";\t|"):
        raise UnfitTableError(
            f"{file.name}: no comma in its first line, {names[0][:80]!r}. Separate columns by commas."
        )
    refuse_bad_names(names, file.name)
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            return pd.read_csv(file.path, sep=separator, low_memory=False, index_col=False)
        except pd.errors.ParserWarning:  # pandas would drop the values that have no name
            seen = f"{file.name}: its rows have more values than its first line has names ({len(names)})."
            raise UnfitTableError(seen) from None
