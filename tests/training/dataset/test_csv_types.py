"""CSV columns: text as the file has it, numbers only where all values are, a refusal where a few are not."""

from pathlib import Path

import pandas as pd
import pytest

from contracts.exits import UsageError
from contracts.pipeline_toml.keys import Csv
from tests.refusals import refuses
from training.dataset.csv_types import Reading
from training.dataset.sources import Loaded, read_source


def load(folder: Path, *texts: str | bytes, text: str = "", unchecked: str = "", **csv: object) -> Loaded:
    """The table of one file for each text, read with these keys of data.csv."""
    for number, content in enumerate(texts):
        (folder / f"{number}.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    named, ignored = frozenset(filter(None, [text])), frozenset(filter(None, [unchecked]))
    how = Reading(Csv.model_validate(csv), named, ignored)
    return read_source(str(folder / "*.csv"), "", lambda _: how)


def column(*values: object) -> str:
    return "a,b\n" + "".join(f"{value},1\n" for value in values)


def test_leading_zeros_stay_and_are_reported(tmp_path: Path) -> None:
    loaded = load(tmp_path, column("05271", "80331"))
    assert loaded.table["a"].tolist() == ["05271", "80331"]
    assert any(note.startswith("a stays text: ") and "05271" in note for note in loaded.notes)


def test_one_file_with_leading_zeros_decides_for_all(tmp_path: Path) -> None:
    assert load(tmp_path, column("001", "2"), column("1", "3")).table["a"].tolist() == ["001", "2", "1", "3"]


def test_regions_and_plans_called_na_and_none_are_not_missing(tmp_path: Path) -> None:
    assert load(tmp_path, column("NA", "EU", "None", "")).table["a"].tolist() == ["NA", "EU", "None", None]


def test_na_among_numbers_is_missing_and_reported(tmp_path: Path) -> None:
    loaded = load(tmp_path, column("1.5", "NA", "", "2"))
    assert loaded.table["a"].isna().tolist() == [False, True, True, False]
    (note,) = loaded.notes
    assert note.startswith("a: 1 values")
    assert "'NA'" in note


def test_texts_that_mean_missing_can_be_set(tmp_path: Path) -> None:
    assert load(tmp_path, column("x", "-"), missing=["", "-"]).table["a"].tolist() == ["x", None]
    assert load(tmp_path, column("1", "?"), missing_numbers=["?"]).table["a"].isna().tolist() == [False, True]


def test_a_column_declared_as_text_keeps_what_the_file_says(tmp_path: Path) -> None:
    assert load(tmp_path, column("1.10", "1.1", "7"), text="a").table["a"].tolist() == ["1.10", "1.1", "7"]


def test_two_texts_that_are_one_number_are_reported(tmp_path: Path) -> None:
    loaded = load(tmp_path, column("1.10", "1.1", "7"))
    assert loaded.table["a"].tolist() == [1.1, 1.1, 7.0]
    assert 'features.kinds.a = "categorical"' in loaded.notes[0]


def test_whole_numbers_stay_whole_and_words_become_booleans(tmp_path: Path) -> None:
    table = load(tmp_path, "a,b,c\n1,true,x\n2,FALSE,1\n").table
    assert table["a"].dtype == "int64"
    assert table["b"].tolist() == [True, False]
    assert table["c"].tolist() == ["x", "1"]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["1", "2", "3", "?"], "numbers but for 1 of 4 values, such as '?'; the first is in line 5 of"),
        (["1", "2", "?", "4"], 'missing_numbers = ["NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null", "None", "?"]'),
        (["$1,230", "$900", "$77"], 'data.csv.strip = "$"'),
        (['"1,230"', '"2,500"', '"3,100"'], 'data.csv.thousands = ","'),
        (['"1,5"', '"2,5"', '"3,25"'], 'data.csv.decimal = ","'),
        (["12%", "7%", "8%"], 'data.csv.strip = "%"'),
    ],
)
def test_numbers_with_other_values_among_them_are_asked_about(tmp_path: Path, cells: list[str], said: str) -> None:
    rows = "".join(f"{cell},1\n" if "," not in cell or cell.startswith('"') else f'"{cell}",1\n' for cell in cells)
    with pytest.raises(UsageError) as refused:
        load(tmp_path, "a,b\n" + rows)
    assert said in str(refused.value)


def test_a_remedy_can_be_pasted_for_a_name_with_spaces(tmp_path: Path) -> None:
    with refuses(UsageError, "few-texts-among-numbers", 'features.kinds."customer id"', '"categorical"'):
        load(tmp_path, "customer id,b\n1,2\n2,2\nx,2\n")


def test_categories_with_a_number_among_them_pass(tmp_path: Path) -> None:
    assert load(tmp_path, column("red", "blue", "7")).table["a"].tolist() == ["red", "blue", "7"]


def test_a_column_that_is_not_used_is_not_asked_about(tmp_path: Path) -> None:
    assert load(tmp_path, column("1", "2", "3", "?"), unchecked="a").table["a"].tolist() == ["1", "2", "3", "?"]


def test_the_signs_of_a_locale_are_read_by_their_keys(tmp_path: Path) -> None:
    text = "a;b\n1.234,5;x\n2,5;y\n"
    loaded = load(tmp_path, text, decimal=",", thousands=".")
    assert loaded.table["a"].tolist() == [1234.5, 2.5]
    assert [note.split()[-1] for note in loaded.notes] == ["';'"]


def test_money_is_read_once_its_sign_is_named(tmp_path: Path) -> None:
    table = load(tmp_path, 'a,b\n"$1,230",1\n$900,2\n', strip="$", thousands=",").table
    assert table["a"].tolist() == [1230, 900]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a,b\nx,1\nZürich,2\n".encode("latin-1"), "line 3 has byte 0xfc"),
        ("a,b\nx,1\n".encode("utf-16"), 'data.csv.encoding = "utf-16"'),
    ],
)
def test_another_encoding_is_named_with_its_line(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        load(tmp_path, content)
    assert said in str(refused.value)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-8"])
def test_an_encoding_that_is_set_is_read(tmp_path: Path, encoding: str) -> None:
    assert load(tmp_path, "a,b\nZürich,2\n".encode(encoding), encoding=encoding).table["a"].tolist() == ["Zürich"]


def test_a_mark_before_the_first_name_is_no_part_of_it(tmp_path: Path) -> None:
    assert list(load(tmp_path, b"\xef\xbb\xbfa,b\n1,2\n").table) == ["a", "b"]


def test_json_lines_say_themselves_what_is_text(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"plz": "05271", "n": 1}\n{"plz": "80331", "n": null}\n', encoding="utf-8")
    table = read_source(str(path), "").table
    assert table["plz"].tolist() == ["05271", "80331"]
    assert pd.isna(table["n"].iloc[1])
