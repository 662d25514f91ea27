"""Sources of a table, their sha256, and files that cannot be read."""

import gzip
import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.exits import FindingError, UsageError
from tests.training.toy_tables import Refusal
from training.dataset.digests import frame_digest
from training.dataset.sources import Loaded, read_source
from training.dataset.table_digest import table_digest

CSV = "a,b\n1,x\n2,y\n"
HERE = __name__
WRONG = "0" * 64


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves a folder, and says nothing about it."""

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are no part of a test's output."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A real web server over tmp_path; yields its address."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(tmp_path))) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def write(folder: Path, name: str, content: str | bytes = CSV) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def sha256(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def read(source: object) -> Loaded:
    return read_source(str(source), "")


def misuse(source: object, pinned: str = "") -> Refusal:
    with pytest.raises(UsageError) as raised:
        read_source(str(source), pinned)
    return Refusal.of(raised.value)


def finding(source: object, pinned: str = "") -> Refusal:
    with pytest.raises(FindingError) as raised:
        read_source(str(source), pinned)
    return Refusal.of(raised.value)


# Functions that stand for a user's own module.
def a_table() -> pd.DataFrame:
    return pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}, index=[7, 9])


def an_arrow_table() -> Any:
    return pa.table({"a": [1, 2], "b": ["x", "y"]})


def a_list() -> list[int]:
    return [1, 2]


def a_mistake() -> pd.DataFrame:
    raise KeyError("no such column")


def twice_a() -> pd.DataFrame:
    return pd.DataFrame([[1, 2]], columns=["a", "a"])


def unnamed() -> pd.DataFrame:
    return pd.DataFrame([[1, 2]])


def half_a_character() -> pd.DataFrame:
    return pd.DataFrame({"a": pd.Series(["x", "\ud800"], dtype=object)})


NOT_CALLABLE = 3


def test_csv_is_read_and_its_bytes_give_the_digest(tmp_path: Path) -> None:
    loaded = read(write(tmp_path, "t.csv"))
    assert loaded.table.to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}
    assert loaded.sha256 == sha256(CSV)


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    assert list(read(write(tmp_path, "t.csv", "\ufeff" + CSV)).table.columns) == ["a", "b"]


def test_tabs_and_compressed_files_are_read(tmp_path: Path) -> None:
    expected = ["a", "b"]
    assert list(read(write(tmp_path, "t.tsv", CSV.replace(",", "\t"))).table.columns) == expected
    assert list(read(write(tmp_path, "t.csv.gz", gzip.compress(CSV.encode()))).table.columns) == expected


def test_parquet_is_read_whatever_it_is_called(tmp_path: Path) -> None:
    for name in ("t.parquet", "t.data"):
        a_table().to_parquet(tmp_path / name, index=False)
        assert read(tmp_path / name).table["b"].tolist() == ["x", "y"]


def test_a_glob_reads_all_files_in_order_of_their_names(tmp_path: Path) -> None:
    write(tmp_path, "t-2.csv", "a,b\n3,z\n")
    write(tmp_path, "t-1.csv")
    loaded = read(tmp_path / "t-*.csv")
    assert loaded.table["a"].tolist() == [1, 2, 3]
    both = "\n".join(sorted([sha256(CSV), sha256("a,b\n3,z\n")]))
    assert loaded.sha256 == sha256(both)


def test_a_file_whose_name_looks_like_a_glob_is_read(tmp_path: Path) -> None:
    assert len(read(write(tmp_path, "t[1].csv")).table) == 2


def test_a_function_is_called_and_its_values_give_the_digest() -> None:
    loaded = read(f"{HERE}:a_table")
    assert loaded.table.index.tolist() == [0, 1]
    assert loaded.sha256 == read(f"{HERE}:an_arrow_table").sha256 == frame_digest(a_table())


def test_a_file_url_is_read_without_a_pin_since_it_is_on_this_machine(tmp_path: Path) -> None:
    assert len(read(f"file://{write(tmp_path, 't.csv')}").table) == 2


def test_a_url_is_read_with_its_pin(server: str, tmp_path: Path) -> None:
    write(tmp_path, "t.csv")
    assert read_source(f"{server}/t.csv", sha256(CSV)).table["a"].tolist() == [1, 2]
    assert read_source(f"{server}/t.csv?version=2", sha256(CSV)).table["a"].tolist() == [1, 2]


def test_a_compressed_url_is_read_with_its_pin(server: str, tmp_path: Path) -> None:
    content = gzip.compress(CSV.encode())
    write(tmp_path, "t.csv.gz", content)
    assert len(read_source(f"{server}/t.csv.gz", hashlib.sha256(content).hexdigest()).table) == 2


def test_a_url_with_another_sha256_is_refused(server: str, tmp_path: Path) -> None:
    write(tmp_path, "t.csv")
    text = finding(f"{server}/t.csv", WRONG)
    assert sha256(CSV) in text
    assert WRONG in text


def test_a_url_without_a_pin_is_refused_before_anything_is_fetched() -> None:
    text = misuse("http://127.0.0.1:9/t.csv")
    assert "data.sha256 is empty" in text
    assert "make pin" in text


def test_a_url_that_is_not_there_is_refused(server: str) -> None:
    assert misuse(f"{server}/missing.csv", WRONG).code == "not-fetched"


def test_a_server_that_does_not_answer_is_refused() -> None:
    assert "cannot be fetched" in misuse("http://127.0.0.1:9/t.csv", WRONG)


def test_a_scheme_that_nobody_knows_is_refused() -> None:
    assert misuse("gopher://host/t.csv", WRONG).code == "no-source"


@pytest.mark.parametrize("name", ["t.csv", "t-*.csv"])
def test_a_file_with_another_sha256_is_refused_with_both(tmp_path: Path, name: str) -> None:
    write(tmp_path, "t.csv")
    write(tmp_path, "t-1.csv")
    text = finding(tmp_path / name, WRONG)
    assert text.code == "source-changed"
    assert sha256(CSV) in text
    assert WRONG in text


def test_a_functions_table_with_another_sha256_is_refused() -> None:
    text = finding(f"{HERE}:a_table", WRONG)
    assert text.code == "source-changed"
    assert frame_digest(a_table()) in text
    assert WRONG in text


def test_bytes_that_are_not_pinned_are_not_even_parsed(tmp_path: Path) -> None:
    assert "has sha256" in finding(write(tmp_path, "t.csv", b"\0\0"), WRONG)


def test_a_missing_file_a_folder_and_an_empty_glob_are_refused(tmp_path: Path) -> None:
    assert "no such file" in misuse(tmp_path / "t.csv")
    assert "is a folder" in misuse(tmp_path)
    assert "matches no file" in misuse(tmp_path / "*.csv")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.csv", b"", "is empty (0 bytes)"),
        ("t.csv", b"\n\n", "is empty: it has no line with column names"),
        ("t.csv", b"a,b\n", "has no rows"),
        ("t.csv", b"a,b\n1,2\n1,2,3\n", "the row in line 3 has 3 values, the first line names 2 columns"),
        ("t.csv", b"a,b\n1,2,3\n4,5,6\n", "line 2 has 3 values, the first line names 2 columns, and 1 other rows"),
        ("t.csv", b'a,b\n1,2\n\n3\n4,"x\ny"\n', "the row in line 4 has 1 values"),
        ("t.csv", b'a,b\n1,2\n3,"x\n4,5\n', "a quotation mark in line 3 never ends"),
        ("t.csv", b"a,b\n\x00\x01\n", "it looks like binary"),
        ("t.csv", b"<!DOCTYPE html><html>", "it looks like HTML"),
        ("t.json", b'[{"a": 1}]', "it looks like JSON"),
        ("t.xlsx", b"PK\x03\x04rest", "it looks like a zip or an Excel file"),
        ("t.csv", gzip.compress(b"a,b\n1,2\n", mtime=0), "it looks like gzip"),
        ("t.csv.gz", b"a,b\n1,2\n", "is not CSV: Not a gzipped file"),
        ("t.parquet", b"a,b\n1,2\n", "is not Parquet"),
        ("t.parquet", b"PAR1 cut short", "is not Parquet"),
    ],
)
def test_files_that_are_no_tables_are_refused_by_name(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    text = finding(write(tmp_path, name, content))
    assert said in text
    assert name in text


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("a,b,a", "more than one column named a"),
        ("a,,b", "column 2 has no name"),
        (",a,b", "write it without (pandas: index=False, R: row.names=FALSE)"),
        ("a,b\u202e,c", "printable"),
        ("a, b,c", "no space at either end"),
        (f"a,{'b' * 101},c", "at most 100"),
    ],
)
def test_bad_column_names_of_a_csv_are_refused(tmp_path: Path, header: str, said: str) -> None:
    assert said in finding(write(tmp_path, "t.csv", f"{header}\n1,2,3\n"))


def test_bad_column_names_of_a_function_are_refused() -> None:
    assert finding(f"{HERE}:twice_a").code == "column-twice"
    assert finding(f"{HERE}:unnamed").code == "bad-name"


def test_text_that_is_no_unicode_is_refused() -> None:
    assert finding(f"{HERE}:half_a_character").code == "not-unicode"


def test_parquet_with_a_column_twice_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), tmp_path / "t.parquet")
    assert "a" in finding(tmp_path / "t.parquet")


def test_files_of_one_glob_with_other_columns_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "t-1.csv")
    write(tmp_path, "t-2.csv", "a,c\n1,2\n")
    assert finding(tmp_path / "t-*.csv").code == "other-columns"
    write(tmp_path, "t-2.csv", "b,a\n1,2\n")
    assert finding(tmp_path / "t-*.csv").code == "other-columns"


def test_modules_and_functions_that_are_not_there_are_refused() -> None:
    assert misuse("no_such_module:load").code == "no-module"
    assert "a_table?" in misuse(f"{HERE}:a_tabel")
    assert misuse(f"{HERE}:NOT_CALLABLE").code == "no-function"


def test_a_function_that_wants_arguments_is_refused_with_the_signature() -> None:
    said = misuse(f"{HERE}:write")
    assert said.code == "source-signature"
    assert "takes (folder: pathlib." in said
    assert "def write()" in said
    assert "docs/own-table.md" in said


def test_a_module_that_cannot_be_imported_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_broken_source.py").write_text("1 / 0\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    said = misuse("own_broken_source:load")
    assert said.code == "source-not-importable"
    assert "ZeroDivisionError" in said


def test_a_function_that_returns_no_table_or_fails_is_refused() -> None:
    assert misuse(f"{HERE}:a_list").code == "no-table"
    text = misuse(f"{HERE}:a_mistake")
    assert text.code == "source-raised"
    assert "KeyError: 'no " in text
    assert Path(__file__).name in text


def test_digests_tell_values_apart_and_not_how_they_are_stored() -> None:
    frame = pd.DataFrame({"n": [1.0, np.nan], "t": ["a", None], "d": [pd.Timestamp("2026-01-01"), pd.NaT]})
    stored_otherwise = frame.astype({"n": "Float64", "t": "category", "d": "datetime64[ns]"})
    assert frame_digest(frame) == frame_digest(stored_otherwise)
    assert frame_digest(frame) == table_digest(pa.Table.from_pandas(frame))
    for changed in (
        frame.assign(n=[1.0, 2.0]),
        frame.assign(t=["a", ""]),
        frame.rename(columns={"n": "m"}),
        frame[::-1],
        frame[["t", "n", "d"]],
    ):
        assert frame_digest(changed) != frame_digest(frame)


def test_digests_tell_where_one_text_ends_and_the_next_begins() -> None:
    assert frame_digest(pd.DataFrame({"t": ["ab", "c"]})) != frame_digest(pd.DataFrame({"t": ["a", "bc"]}))


def test_digests_of_mixed_values_exist() -> None:
    mixed = pd.DataFrame({"x": pd.Series([1, "a", [2]], dtype=object)})
    assert frame_digest(mixed) == frame_digest(mixed.copy())
