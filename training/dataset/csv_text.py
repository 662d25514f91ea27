"""Reads a CSV file as text, value by value, unchanged: nothing is guessed, dropped or filled in.

`csv_types.py` then decides what the texts are. A quotation mark that is not closed, a row with too many or too few
values, and bytes that are not in the encoding are refused with their line. Where data.csv.separator is empty, a .tsv
file has a tab; in any other file it is the most frequent of , ; tab and | in the first line.
"""

import csv
import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TextIO

import fsspec
import pyarrow as pa
import pyarrow.csv as pa_csv

from contracts.pipeline_toml.keys import Csv
from training.dataset.table_checks import refuse_bad_names
from training.refusals import SettingError, UnfitTableError

SEPARATORS = ",;\t|"
QUOTE = b'"'
CHUNK_BYTES = 1 << 20
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
MOST_BYTES_OF_A_FIELD = 1 << 24


@dataclass(frozen=True)
class CsvFile:
    """A file and how to read it. `name`: as its owner knows it."""

    name: str
    path: Path
    csv: Csv

    def line_of(self, row: int) -> int:
        """The line, from 1, in which a row begins. Rows are numbered from 0, after the line with names."""
        with self.text() as opened:
            reader = csv.reader(opened, delimiter=self.separator())
            lines_before, record = 0, -1  # the names are record 0
            for values in reader:
                record += bool(values)
                if record == row + 1:
                    break
                lines_before = reader.line_num
        return lines_before + 1

    def names(self) -> list[str]:
        """The column names in its first line, unchanged."""
        with self.text() as opened:
            return next(csv.reader(opened, delimiter=self.separator()), [])

    def separator(self) -> str:
        if self.csv.separator:
            return self.csv.separator
        if ".tsv" in self.path.suffixes:
            return "\t"
        with self.text() as opened:
            first = opened.readline()
        return max(SEPARATORS, key=first.count)

    def bytes(self) -> IO[bytes]:
        """The file, decompressed by its ending: .gz .bz2 .xz .zip, and .zst by Arrow."""
        if self.path.suffix == ".zst":
            opened: IO[bytes] = pa.CompressedInputStream(pa.OSFile(str(self.path)), "zstd")
        else:
            opened = fsspec.open(str(self.path), "rb", compression="infer").open()
        return opened

    def text(self) -> TextIO:
        encoding = "utf-8-sig" if self.csv.encoding.lower().replace("_", "-") == "utf-8" else self.csv.encoding
        return io.TextIOWrapper(self.bytes(), encoding=encoding, newline="")


def read_csv_text(file: CsvFile) -> pa.Table:
    """Every column as text. Raises SettingError or UnfitTableError."""
    csv.field_size_limit(MOST_BYTES_OF_A_FIELD)
    _refuse_encoding(file)
    names = file.names()
    if not names:
        raise UnfitTableError(f"{file.name} is empty: it has no line with column names.", code="no-header")
    refuse_bad_names(names, file.name)
    _refuse_open_quote(file)
    return _parsed(file, names)


def _parsed(file: CsvFile, names: list[str]) -> pa.Table:
    wrong: list[pa_csv.InvalidRow] = []

    def keep(row: pa_csv.InvalidRow) -> str:
        wrong.append(row)
        return "skip"

    with file.bytes() as opened:
        table = pa_csv.read_csv(
            opened,
            read_options=pa_csv.ReadOptions(use_threads=False, encoding=file.csv.encoding),
            parse_options=pa_csv.ParseOptions(
                delimiter=file.separator(), newlines_in_values=True, invalid_row_handler=keep
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.large_string()), strings_can_be_null=False
            ),
        )
    if wrong:
        _refuse_row(file, wrong[0], len(wrong))
    return table


def _refuse_row(file: CsvFile, row: "pa_csv.InvalidRow", count: int) -> None:
    others = f", and {count - 1:,} other rows are wrong too" if count > 1 else ""
    raise UnfitTableError(
        f"{file.name}: the row in line {file.line_of(row.number - 2):,} has {row.actual_columns} values, "
        f"the first line names {row.expected_columns} columns{others}. The row: {row.text[:80]!r}. "
        f"Complete it, or quote a value that holds {file.separator()!r}.",
        code="ragged-row",
    )


def _refuse_encoding(file: CsvFile) -> None:
    """Raises SettingError, with the line, where bytes are not text in this encoding."""
    with file.bytes() as opened:
        head = opened.read(2)
    if head in UTF_16_MARKS and "16" not in file.csv.encoding:
        raise SettingError(f'{file.name} is UTF-16. Set data.csv.encoding = "utf-16".', code="other-encoding")
    try:
        with file.text() as opened:
            while opened.read(CHUNK_BYTES):
                pass
    except UnicodeDecodeError:
        _refuse_first_wrong_line(file)
    except LookupError:
        raise SettingError(
            f"data.csv.encoding = {file.csv.encoding!r} is no encoding that Python knows.", code="unknown-encoding"
        ) from None


def _refuse_first_wrong_line(file: CsvFile) -> None:
    with file.bytes() as opened:
        for number, line in enumerate(opened, start=1):
            try:
                line.decode(file.csv.encoding)
            except UnicodeDecodeError as error:
                raise SettingError(
                    f"{file.name}: line {number:,} has byte 0x{line[error.start]:02x}, which is not {error.encoding}. "
                    'Say what it is: data.csv.encoding = "cp1252" for a file from Excel on Windows, or "latin-1".',
                    code="other-encoding",
                ) from None
    raise SettingError(
        f"{file.name} is not {file.csv.encoding}. Set data.csv.encoding to what it is.", code="other-encoding"
    )


def _refuse_open_quote(file: CsvFile) -> None:
    """Raises UnfitTableError for an odd number of quotation marks: the last one would open a value up to the end."""
    with file.bytes() as opened:
        if not sum(chunk.count(QUOTE) for chunk in _chunks(opened)) % 2:
            return
    began = 1
    with file.text() as text:
        reader = csv.reader(text, delimiter=file.separator(), strict=True)
        try:
            for _ in reader:
                began = reader.line_num + 1
        except csv.Error:
            raise UnfitTableError(
                f"{file.name}: a quotation mark in line {began:,} never ends. Close it.", code="open-quote"
            ) from None


def _chunks(opened: IO[bytes]) -> Iterator[bytes]:
    return itertools.takewhile(len, (opened.read(CHUNK_BYTES) for _ in itertools.count()))
