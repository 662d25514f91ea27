"""Finds texts that are one category to a person and several to a model: `Bern`, `Bern ` and `bern`, or Unicode forms.

Tables keep the source's texts. A feature says how to normalise them (`features.normalise`). Training, gate, service and
drift all use `contracts/features.py` for it.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations
from typing import get_args

import pyarrow as pa

from contracts.features import MISSING, normalised
from contracts.pipeline_toml.keys import Features
from contracts.schema import Spelling
from training.dataset.table_digest import ArrowColumn
from training.refusals import toml_key, toml_value

STEPS: tuple[Spelling, ...] = get_args(Spelling)
# Fewest first, so that the suggestion has no more than what is needed.
CHOICES = tuple(choice for size in (1, 2, 3) for choice in combinations(STEPS, size))
SHOWN = 4


def normaliser(features: Features, name: str) -> Callable[[str], str] | None:
    """The function that normalises a column's texts by pipeline.toml; None where texts stay unchanged."""
    steps = features.normalise.get(name)
    return partial(normalised, steps=steps) if steps else None


def normalised_column(text: ArrowColumn, read: Callable[[str], str] | None) -> ArrowColumn:
    """The column [rows] with each text as `read` gives it."""
    if read is None:
        return text
    encoded = text.dictionary_encode()
    return pa.array([read(one) for one in encoded.dictionary.to_pylist()], type=text.type).take(encoded.indices)


def spelling_notes(name: str, counts: Mapping[str, int], declared: Sequence[Spelling]) -> Iterator[str]:
    """A line where texts of a column differ only in spaces, case or Unicode form.

    `counts`: rows of each text. `declared`: features.normalise for this column.
    """
    categories = _grouped(counts, STEPS)
    if len(categories) == len(_grouped(counts, declared)):
        return
    needed = next(one for one in CHOICES if set(declared) <= set(one) and len(_grouped(counts, one)) == len(categories))
    said = _in_several_ways(categories, declared, ("category", "categories"))
    yield f"{name}: {said}; if they are the same, {toml_key('features.normalise', name)} = {toml_value(needed)}"


def class_notes(target: str, counts: Mapping[str, int]) -> Iterator[str]:
    """A line where classes of the target differ only in these. No key merges them, because labels must be classes."""
    classes = _grouped(counts, STEPS)
    if len(classes) < len(counts):
        said = _in_several_ways(classes, (), ("class", "classes"))
        yield f"{target}: {said}; if they are the same, write them alike in the source"


def _in_several_ways(
    found: Mapping[str, Mapping[str, int]], declared: Sequence[Spelling], noun: tuple[str, str]
) -> str:
    """How many are written in how many ways, with the one that has most ways as example. `noun`: singular, plural."""
    most = max(found.values(), key=lambda texts: (len(_grouped(texts, declared)), sum(texts.values())))
    shown = ", ".join(f"{text!r} ({rows:,} rows)" for text, rows in Counter(most).most_common(SHOWN))
    several = [texts for texts in found.values() if len(_grouped(texts, declared)) > 1]
    ways = sum(len(_grouped(texts, declared)) for texts in several)
    return f"{len(several):,} {noun[len(several) > 1]} written in {ways:,} ways, such as {shown}"


def _grouped(counts: Mapping[str, int], steps: Sequence[Spelling]) -> dict[str, dict[str, int]]:
    """The texts by their normalised form, with their rows."""
    found: dict[str, dict[str, int]] = {}
    for text, rows in counts.items():
        if text != MISSING:
            found.setdefault(normalised(text, steps), {})[text] = rows
    return found
