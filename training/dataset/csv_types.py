"""Decides whether a CSV column has numbers, booleans or text, by all its values in all files.

A column has numbers where every value is one, apart from data.csv.missing and data.csv.missing_numbers. The latter
count as missing in columns of numbers only: "NA" is no number, but among regions it may be North America. Text stays as
the file has it: columns that features.kinds calls categorical, data.group and classes are never read as numbers, and
neither are values with leading zeros, such as 05271. A column of numbers with a few other values is refused: the user
must say what they mean.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from contracts.pipeline_toml.keys import Config, Csv
from training.refusals import SettingError, listed, toml_key, toml_value

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
LEADING_ZERO = re.compile(r"[+-]?0\d+")
MONEY = re.compile(r"[\s$€£¥%,'_]+")
# From this share of numbers on, other values count as faults and not as categories.
MOSTLY = 0.5
EXAMPLES = 3


@dataclass(frozen=True)
class Reading:
    """How to read CSV columns. `text`: columns that stay text. `unchecked`: columns that are not used; None: all."""

    csv: Csv = field(default_factory=Csv)
    text: frozenset[str] = frozenset()
    unchecked: frozenset[str] | None = field(default=frozenset())

    def checks(self, name: str) -> bool:
        return self.unchecked is not None and name not in self.unchecked


ANYTHING = Reading(unchecked=None)


def reading_of(config: Config, columns: list[str]) -> Reading:
    """How to read CSV columns by pipeline.toml."""
    data, features = config.data, config.features
    text = {name for name, kind in features.kinds.items() if kind == "categorical"} | {data.group, data.time}
    text |= features.dates.keys()
    if data.task != "regression":
        text.add(data.target)
    past = {name for one in (features.past or {}).values() for name in (one.column, one.by)}
    used = {data.target, config.training.weights, *past, *(features.include or set(columns) - set(features.exclude))}
    return Reading(data.csv, frozenset(text), frozenset(set(columns) - used))


class ColumnReader:
    """Types one column after the other. `place_of`: a row's place, for messages. `notes`: what was recognised."""

    def __init__(self, reading: Reading, place_of: Callable[[int], str]) -> None:
        self._reading, self._csv, self._place_of = reading, reading.csv, place_of
        self.notes: list[str] = []

    def typed(self, name: str, values: "pd.Series[Any]") -> "pd.Series[Any]":
        """`values`: text [rows]. Numbers, booleans or text [rows], None or NaN where missing. Raises SettingError."""
        codes, distinct = pd.factorize(values, use_na_sentinel=False)
        texts = [str(text) for text in distinct]
        is_missing = np.array([text.strip() in self._csv.missing for text in texts], dtype=bool)
        if name in self._reading.text:
            return _as_text(codes, texts, is_missing)
        may_be_missing = np.array([text.strip() in self._csv.missing_numbers for text in texts], dtype=bool)
        present = [
            text.strip() for text, missing in zip(texts, is_missing | may_be_missing, strict=True) if not missing
        ]
        if present and {text.lower() for text in present} <= {"true", "false"}:
            return _as_booleans(codes, texts, is_missing | may_be_missing)
        plain = {text: self._plain(text) for text in present}
        numbers = [text for text in present if NUMBER.fullmatch(plain[text])]
        if present and len(numbers) == len(present):
            if any(LEADING_ZERO.fullmatch(text) for text in numbers):
                zero = next(text for text in numbers if LEADING_ZERO.fullmatch(text))
                self.notes.append(f"{name} stays text: its values have leading zeros, such as {zero}")
                return _as_text(codes, texts, is_missing)
            self._note_missing(name, codes, texts, may_be_missing & ~is_missing)
            self._note_equal(name, [plain[text] for text in numbers])
            return _as_numbers(codes, texts, is_missing | may_be_missing, plain)
        if present and self._reading.checks(name):
            self._refuse_faults(name, codes, texts, is_missing | may_be_missing, set(numbers))
        return _as_text(codes, texts, is_missing)

    def _plain(self, text: str) -> str:
        """A number as Python writes it."""
        for sign in (self._csv.thousands, *self._csv.strip):
            text = text.replace(sign, "") if sign else text
        return text.replace(self._csv.decimal, ".") if self._csv.decimal != "." else text

    def _note_missing(self, name: str, codes: "np.ndarray[Any, Any]", texts: list[str], is_token: Any) -> None:
        if is_token.any():
            count = int(is_token[codes].sum())
            tokens = ", ".join(repr(text) for text, one in zip(texts, is_token, strict=True) if one)
            self.notes.append(f"{name}: {count:,} values {tokens} are missing numbers")

    def _note_equal(self, name: str, numbers: list[str]) -> None:
        """Note two texts that are the same number, such as the versions 1.1 and 1.10."""
        first: dict[float, str] = {}
        for text in numbers:
            other = first.setdefault(float(text), text)
            if other != text:
                key = toml_key("features.kinds", name)
                self.notes.append(f'{name}: {other} and {text} are one number; if they differ, {key} = "categorical"')
                return

    def _refuse_faults(
        self, name: str, codes: "np.ndarray[Any, Any]", texts: list[str], is_missing: Any, numbers: set[str]
    ) -> None:
        """Refuse a column of numbers with a few other values, or with a currency sign or the like in its numbers."""
        is_fault = np.array(
            [not gone and text.strip() not in numbers for text, gone in zip(texts, is_missing, strict=True)]
        )
        faults, rows = is_fault[codes], len(codes) - int(is_missing[codes].sum())
        others = [text for text, one in zip(texts, is_fault, strict=True) if one]
        bare = [MONEY.sub("", text) for text in others]
        looks_like_numbers = sum(bool(NUMBER.fullmatch(text)) for text in bare) >= 0.95 * len(bare)
        if not looks_like_numbers and faults.sum() >= (1 - MOSTLY) * rows:
            return
        first = int(np.argmax(faults))
        shown = listed([repr(text[:30]) for text in others[:EXAMPLES]])
        raise SettingError(
            f"column {name!r} has numbers but for {int(faults.sum()):,} of {rows:,} values, such as {shown}; "
            f"the first is in {self._place_of(first)}. {'. '.join(self._remedies(name, others, looks_like_numbers))}",
            code="few-texts-among-numbers",
        )

    def _remedies(self, name: str, others: list[str], looks_like_numbers: bool) -> Iterator[str]:
        if looks_like_numbers:
            signs = "".join(sorted({sign for text in others for sign in text if sign in "$€£¥%"}))
            if signs:
                yield f"If they are numbers: data.csv.strip = {toml_value(signs)}"
            if any(re.search(r"\d,\d{3}(\D|$)", text) for text in others):
                yield 'If a comma separates thousands: data.csv.thousands = ","'
            elif any(re.search(r"\d,\d+$", text) for text in others):
                yield 'If a comma is the decimal sign: data.csv.decimal = ","'
        else:
            tokens = [*self._csv.missing_numbers, *dict.fromkeys(text.strip() for text in others[:EXAMPLES])]
            yield f"If they mean that a number is missing: data.csv.missing_numbers = {toml_value(tokens)}"
        yield f'If the column names categories: {toml_key("features.kinds", name)} = "categorical"'
        yield f"If it is not to be used: features.exclude = {toml_value([name])}"


def _as_text(codes: Any, texts: list[str], is_missing: Any) -> "pd.Series[Any]":
    named = np.array([None if gone else text for text, gone in zip(texts, is_missing, strict=True)], dtype=object)
    return pd.Series(named[codes], dtype=object)


def _as_booleans(codes: Any, texts: list[str], is_missing: Any) -> "pd.Series[Any]":
    meant = [None if gone else text.strip().lower() == "true" for text, gone in zip(texts, is_missing, strict=True)]
    values = np.array(meant, dtype=object)[codes]
    return pd.Series(values, dtype=object if is_missing.any() else bool)


def _as_numbers(codes: Any, texts: list[str], is_missing: Any, plain: dict[str, str]) -> "pd.Series[Any]":
    """Whole numbers stay whole where none is missing and each fits 64 bits."""
    written = ["nan" if gone else plain[text.strip()] for text, gone in zip(texts, is_missing, strict=True)]
    whole = not is_missing.any() and all(re.fullmatch(r"[+-]?\d{1,18}", text) for text in written)
    numbers = np.array(
        [int(text) if whole else float(text) for text in written], dtype=np.int64 if whole else np.float64
    )
    return pd.Series(numbers[codes])
