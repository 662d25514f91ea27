"""The features that a model reads: names, kinds, categories, and how a value becomes a float32.

Numeric: float32, NaN where missing. Boolean: 0, 1, NaN where missing. Categorical: the position in the feature's sorted
`categories`, -1 when unknown. A missing string is the category MISSING, so that it is explicit in every table. Tables
and logs keep a text unchanged; `text_reader` gives its category.
"""

import unicodedata
from collections.abc import Callable, Collection, Iterator
from functools import partial
from itertools import islice
from operator import not_
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from contracts.schema import FeatureKind, InputKind, Schema, Spelling

Matrix = npt.NDArray[np.float32]
Value = float | bool | str | None

MISSING = "(missing)"
RARE = "(rare)"
UNKNOWN = -1.0


class Feature(Schema):
    """One column that the model reads, with what training saw of it.

    `normalise`: differences between texts that do not count. `rare`: the normalised texts of the category RARE.
    """

    name: str
    kind: FeatureKind
    categories: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    missing_share: float = 0.0
    example: float | bool | str | None = None
    normalise: Annotated[tuple[Spelling, ...], Field(exclude_if=not_)] = ()
    rare: Annotated[tuple[str, ...], Field(exclude_if=not_)] = ()

    @property
    def may_be_missing(self) -> bool:
        return self.missing_share > 0


def normalised(text: str, steps: Collection[Spelling]) -> str:
    """The text without the differences that `steps` name. Normalising it again changes nothing.

    Source: the Unicode Standard, D145 (canonical caseless match), for why `case` folds what `nfc` has decomposed.
    """
    if "trim" in steps:
        text = " ".join(text.split())
    if "nfc" in steps:
        text = unicodedata.normalize("NFD", text)
    if "case" in steps:
        text = text.casefold()
    return unicodedata.normalize("NFC", text) if "nfc" in steps else text


def text_reader(feature: Feature) -> Callable[[str], str] | None:
    """A function from a text to its category, known or not. None where the category is the text itself."""
    if not feature.normalise and not feature.rare:
        return None
    steps, rare = feature.normalise, frozenset(feature.rare)

    def read(text: str) -> str:
        text = normalised(text, steps)
        return RARE if text in rare else text

    return read


def code_reader(feature: Feature) -> Callable[[Value, float], float]:
    """A function from a text (None: missing) to its code. Its second argument is the code of unknown texts."""
    codes: dict[Value, float] = {name: float(code) for code, name in enumerate(feature.categories)}
    codes[None] = codes.get(MISSING, UNKNOWN)
    read = text_reader(feature)
    if read is None:
        return codes.get

    def look_up(text: Value, unknown: float) -> float:
        code = codes.get(text)
        return codes.get(read(str(text)), unknown) if code is None else code

    return look_up


def as_json(value: Any, kind: InputKind) -> Value:
    """A value of the source as a client's request has it: null where missing, booleans as booleans, whole numbers
    unchanged."""
    if value is None or value != value:
        return None
    if kind in ("categorical", "date"):
        return str(value)
    if kind == "boolean":
        return bool(value)
    # By its text, the shortest that gives the same number: 55.04 as a client writes it, not 55.040000915527344.
    return value if isinstance(value, int) else float(str(value))


def other_spellings(feature: Feature) -> Iterator[str]:
    """Texts that differ from their category: one for each step of `normalise` that changes any, and one rare text."""
    ways: dict[Spelling, Callable[[str], str]] = {
        "trim": lambda text: f" {text} ",
        "case": str.upper,
        "nfc": partial(unicodedata.normalize, "NFD"),
    }
    for step in feature.normalise:
        written = ((text, ways[step](text)) for text in feature.categories if text not in (MISSING, RARE))
        yield from islice((way for text, way in written if way != text == normalised(way, feature.normalise)), 1)
    yield from feature.rare[:1]
