"""The category of a text, without the differences that a feature normalises."""

import unicodedata
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.features import MISSING, RARE, UNKNOWN, Feature, code_reader, normalised, other_spellings, text_reader
from contracts.schema import Spelling

STEPS = st.lists(st.sampled_from(["trim", "nfc", "case"]), unique=True)


def city(*categories: str, **changes: object) -> Feature:
    return Feature.model_validate({"name": "city", "kind": "categorical", "categories": categories} | changes)


@pytest.mark.parametrize(
    ("text", "step", "read"),
    [
        ("  New   York\t", "trim", "New York"),
        ("Bern\u00a0", "trim", "Bern"),
        ("BERN", "case", "bern"),
        ("Straße", "case", "strasse"),
        (unicodedata.normalize("NFD", "Zürich"), "nfc", "Zürich"),
    ],
)
def test_each_step_takes_its_own_difference_away_and_no_other(text: str, step: Spelling, read: str) -> None:
    assert normalised(text, [step]) == read
    assert normalised(text, [one for one in get_args(Spelling) if one != step]) != read


@given(st.text(max_size=12), STEPS)
def test_a_text_that_was_normalised_stays_the_same(text: str, steps: list[Spelling]) -> None:
    once = normalised(text, steps)
    assert normalised(once, steps) == once


@given(st.text(max_size=12))
def test_texts_that_are_canonically_and_caselessly_equal_are_read_as_one(text: str) -> None:
    forms = [text, unicodedata.normalize("NFD", text), text.casefold(), unicodedata.normalize("NFC", text.casefold())]
    assert len({normalised(form, ["nfc", "case"]) for form in forms}) == 1


def test_a_feature_that_says_nothing_reads_texts_as_they_are_and_is_written_as_before() -> None:
    plain = city("Bern", MISSING)
    assert text_reader(plain) is None
    assert code_reader(plain)("bern", UNKNOWN) == UNKNOWN
    assert set(plain.model_dump()) == {
        "name", "kind", "categories", "minimum", "maximum", "missing_share", "example"
    }  # fmt: skip


def test_rare_texts_are_one_category_and_one_never_seen_stays_unknown() -> None:
    code_of = code_reader(city(RARE, "bern", normalise=["case"], rare=["thun", "zug"]))
    assert [code_of(text, UNKNOWN) for text in ("Bern", "Thun", "ZUG", RARE, "Genf", None)] == [1, 0, 0, 0, -1, -1]


def test_a_missing_text_is_no_spelling_of_another() -> None:
    assert code_reader(city("(missing)", "none", normalise=["case", "trim"]))(None, UNKNOWN) == 0


def test_other_spellings_show_each_step_and_a_rare_text() -> None:
    feature = city(RARE, "zürich", normalise=["trim", "case", "nfc"], rare=["thun"])
    assert list(other_spellings(feature)) == [" zürich ", "ZÜRICH", unicodedata.normalize("NFD", "zürich"), "thun"]
    assert list(other_spellings(city("Bern"))) == []
    assert list(other_spellings(city("1", "2", normalise=["case"]))) == []
