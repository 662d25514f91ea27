"""One value of [data] changes, and no other byte. Any other layout is refused."""

import tomllib
from pathlib import Path

import pytest

from contracts.exits import UsageError
from contracts.pipeline_toml.edits import edit, with_data_value
from tests.refusals import refuses

DIGEST = "ab" * 32


def with_day(text: str) -> str:
    return with_data_value(text, "as_of", "2013-10-29")


def with_sha256(text: str) -> str:
    return with_data_value(text, "sha256", f'"{DIGEST}"', after="source")


def test_one_line_of_the_shipped_file_changes_and_its_comments_stay() -> None:
    text = Path("pipeline.toml").read_text(encoding="utf-8")
    edited = with_day(text)
    changed = [pair for pair in zip(text.splitlines(), edited.splitlines(), strict=True) if pair[0] != pair[1]]
    assert [after for _, after in changed] == ["as_of = 2013-10-29"]
    assert str(tomllib.loads(edited)["data"]["as_of"]) == "2013-10-29"


def test_comments_line_ends_and_other_tables_stay() -> None:
    text = "[other]\r\nas_of = 2000-01-01\r\n[data] # here\r\nas_of = 2013-10-01 # today\r\n"
    assert with_day(text) == text.replace("2013-10-01 # today", "2013-10-29 # today")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[data]\nsource = 'x'\n", "[data]\nsource = 'x'\nsha256 = \"{}\"\n"),
        ("[data]\nsource = 'x'", "[data]\nsource = 'x'\nsha256 = \"{}\"\n"),
        ("[data] # here\r\nsha256 = ''\r\nsource = 'x'\r\n", "[data] # here\r\nsha256 = \"{}\"\r\nsource = 'x'\r\n"),
        ("[data]\r\nsource = 'x'\r\n[gate]\r\n", "[data]\r\nsource = 'x'\r\nsha256 = \"{}\"\r\n[gate]\r\n"),
        ("[data]\n sha256=\"old\"  # why\nsource='x'\n", "[data]\n sha256=\"{}\"  # why\nsource='x'\n"),
        ("[a]\nsha256 = ''\n[data]\nsource = 'x'\n", "[a]\nsha256 = ''\n[data]\nsource = 'x'\nsha256 = \"{}\"\n"),
    ],
    ids=["no key", "no last newline", "Windows lines", "Windows lines, no key", "a comment", "another table's key"],
)  # fmt: skip
def test_a_text_value_is_replaced_or_added(before: str, after: str) -> None:
    assert with_sha256(before) == after.format(DIGEST)


@pytest.mark.parametrize(
    "text",
    [
        "data = {source = 'x'}\n",
        "data.source = 'x'\n",
        "[data]\nnote = '''\n[gate]\n'''\nsource = 'x'\n",
        "[data]\nsource = 'x'\n'sha256' = ''\n",
    ],
    ids=["inline table", "dotted key", "header inside a text", "quoted key"],
)
def test_a_layout_without_a_place_for_the_line_is_refused(text: str) -> None:
    with refuses(UsageError, "no-plain-line", f'sha256 = "{DIGEST}"'):
        with_sha256(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[data]\nx = 1\n",
        "as_of = 2013-10-01\n",
        "[data]\nas_of = 2013-10-01\nas_of = 2013-10-02\n",
        "data = {as_of = 2013-10-01, x = 1}\n",
        '[data]\n"as_of" = 2013-10-01\n',
    ],
    ids=["empty", "no line", "no table", "two lines", "inline table", "quoted key"],
)
def test_a_file_without_one_plain_line_is_refused(text: str) -> None:
    with refuses(UsageError, "no-plain-line", "as_of = 2013-10-29"):
        with_day(text)


def test_a_byte_order_mark_stays(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.toml"
    path.write_bytes(b"\xef\xbb\xbf[data]\r\nas_of = 2013-10-01\r\n")
    edit(path, with_day)
    assert path.read_bytes() == b"\xef\xbb\xbf[data]\r\nas_of = 2013-10-29\r\n"
