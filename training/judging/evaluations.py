"""Counts the evaluations on a holdout, and says how much stronger the evidence must be at each further one.

Of ten challengers that are all one margin worse, at least one passes in 23 % of cases at 95 % confidence. So the k-th
challenger on a holdout must show its bound at 1 - (1 - confidence) / k². The sum of 1 / k² is 1.64: however many
evaluations there are, one of them errs at most 1.64 times as often as a single one would (Bonferroni 1936, with unequal
shares). The sum of 1 / k has no limit; with it, ten evaluations let a model in on 11 % of the holdouts of
docs/drills.md.

A holdout is identified by its times and target values, row by row. A feature that is dropped or added makes no new
holdout of the same rows. An evaluation on another holdout counts by the share of rows that both have
(`holdout_rows.py`). These shares are added up and rounded: a holdout moved by a day counts as the same one, a holdout
moved by its whole length as a new one.

An evaluation belongs to a *function*, not to a folder. A model's digest changes with every commit, even where graph,
categories and threshold stay the same, and the same predictions tell nothing new. A challenger judged before keeps its
number, and the champion itself is not counted.

The ledger, `build/evaluations.json`, is kept between runs. A ledger that cannot be read refuses every challenger. The
decision says where a ledger is new, or shorter than when the champion was promoted (`forgotten`).
"""

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
from pydantic import Field, ValidationError

from contracts.data_manifest import DataManifest
from contracts.exits import UsageError
from contracts.features import Feature
from contracts.model_folder import ModelCard
from contracts.schema import Schema, write_json
from training.dataset.digests import frame_digest
from training.judging.holdout_rows import Rows, overlap, rows_of


def holdout_key(frame: pd.DataFrame, manifest: DataManifest) -> str:
    """The holdout's identity: its times and target values in their order, without the features."""
    names = [name for name in (manifest.time, manifest.target) if name and name in frame]
    return frame_digest(frame[names])


# What evaluations.json was called at first.
OLD_NAME = "tries.json"
FORGOTTEN = (
    "The bounds may be too narrow, because evaluations that are not counted have no price. Put back "
    "build/evaluations.json, or run `make fetch-history`."
)


class LedgerError(UsageError):
    """evaluations.json cannot be trusted, so the number of evaluations on this holdout is unknown."""


class Evaluation(Schema):
    """One challenger: its digest when it was first judged, and the digest of what it computes."""

    model: str
    function: str


class Ledger(Schema):
    """evaluations.json: for each holdout, by its digest, the challengers in their order, and a sample of its rows.

    Format 1 has no rows: such a holdout is recognised by its digest alone.
    """

    format_version: Literal[1, 2] = 2
    holdouts: dict[str, tuple[Evaluation, ...]] = Field(default_factory=dict)
    rows: dict[str, Rows] = Field(default_factory=dict)

    @property
    def evaluations(self) -> int:
        """How many are counted on all holdouts."""
        return sum(len(evaluations) for evaluations in self.holdouts.values())

    @property
    def functions(self) -> set[str]:
        """Every function that was ever judged."""
        return {one.function for evaluations in self.holdouts.values() for one in evaluations}

    def number_of(self, holdout: str, function: str) -> int | None:
        """Which evaluation this function was on the holdout, from 1; None if it was none."""
        functions = [one.function for one in self.holdouts.get(holdout, ())]
        return functions.index(function) + 1 if function in functions else None

    def elsewhere(self, holdout: "Holdout", function: str) -> float:
        """How many evaluations of other functions these rows had in other holdouts, each by its largest overlap."""
        here = {one.function for one in self.holdouts.get(holdout.key, ())} | {function}
        shares: dict[str, float] = {}
        for key, evaluations in self.holdouts.items():
            share = overlap(self.rows.get(key, ()), holdout.rows) if key != holdout.key else 0.0
            for one in evaluations:
                shares[one.function] = max(share, shares.get(one.function, 0.0))
        return sum(share for one, share in shares.items() if one not in here)

    def with_evaluation(self, holdout: "Holdout", new: Evaluation) -> "Ledger":
        """This ledger with one more challenger."""
        evaluations = (*self.holdouts.get(holdout.key, ()), new)
        return Ledger(
            holdouts={**self.holdouts, holdout.key: evaluations}, rows={**self.rows, holdout.key: holdout.rows}
        )


@dataclass(frozen=True)
class Holdout:
    """A holdout's identity, and a sample of its rows to measure its overlap with others."""

    key: str
    rows: Rows = ()


class EvaluationRecord(Schema):
    """build/evaluate/evaluation.json: this run's one evaluation on a holdout, which a job hands on."""

    format_version: Literal[1] = 1
    holdout: str
    rows: Rows
    model: str
    function: str


def holdout_of(frame: pd.DataFrame, manifest: DataManifest) -> Holdout:
    """The holdout of a table."""
    return Holdout(holdout_key(frame, manifest), rows_of(frame, manifest))


def number_of_evaluation(path: Path, holdout: Holdout, challenger: Evaluation, champion: Evaluation | None) -> int:
    """The challenger's number on this holdout, from 1. A new one is written to the ledger. Raises LedgerError."""
    ledger = read_ledger(path)
    elsewhere = ledger.elsewhere(holdout, challenger.function)
    known = ledger.number_of(holdout.key, challenger.function)
    if known is not None:
        return math.floor(known + elsewhere + 0.5)
    so_far = math.floor(len(ledger.holdouts.get(holdout.key, ())) + elsewhere + 0.5)
    if champion is not None and champion.function == challenger.function:
        return max(1, so_far)
    write_json(path, ledger.with_evaluation(holdout, challenger))
    return so_far + 1


def forgotten(ledger: Ledger, challenger: str, champion: str, remembered: int) -> str:
    """A sentence that says why evaluations may be missing in this ledger; "" where none seem to be.

    `ledger`: with the challenger in it, so that a second run says the same; `challenger`, `champion`: the digests of
    their functions, "" where there is none; `remembered`: how many were counted when the champion was promoted, 0 where
    that is not known.
    """
    if remembered > ledger.evaluations:
        seen = f"The count of holdout evaluations is shorter than it was: {remembered} when the champion was promoted, "
        return f"{seen}{ledger.evaluations} now. {FORGOTTEN}"
    if champion and not ledger.functions - {challenger} and champion not in ledger.functions:
        return (
            f"The count of holdout evaluations is new, and the champion was judged before it was promoted. {FORGOTTEN}"
        )
    return ""


def read_ledger(path: Path) -> Ledger:
    """The ledger, empty where there is none yet. Raises LedgerError for one that is damaged."""
    old = path.with_name(OLD_NAME)
    try:
        return Ledger.model_validate_json((path if path.exists() or not old.exists() else old).read_bytes())
    except FileNotFoundError:
        return Ledger()
    except (OSError, ValidationError) as error:
        what = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error.strerror
        raise LedgerError(
            f"{path} cannot be trusted: {what}. It counts the challengers judged on each holdout. Put back an earlier "
            "copy. Or move data.as_of to a new holdout and delete it: on the same holdout a deleted count lets worse "
            "models in.",
            code="ledger-damaged",
        ) from None


def confidence_of_evaluation(confidence: float, number: int) -> float:
    """The one-sided confidence required of the k-th evaluation. It never falls as k grows."""
    return 1 - (1 - confidence) / number**2


def evaluation_of(card: ModelCard, digest: str) -> Evaluation:
    """A challenger's identity: everything that its predictions depend on, and nothing else."""
    function: dict[str, object] = {
        "graph": card.files.get("model.onnx", ""),
        "features": [_function_of(feature) for feature in card.features],
        "classes": card.classes,
        "positive": card.positive,
        "threshold": card.threshold,
    }
    if card.dates:
        function["dates"] = [one.model_dump(include={"name", "format", "parts"}) for one in card.dates]
    content = json.dumps(function, sort_keys=True).encode()
    return Evaluation(model=digest, function=f"sha256:{hashlib.sha256(content).hexdigest()}")


def _function_of(feature: Feature) -> tuple[object, ...]:
    """How the model reads it. A fourth part only where texts are normalised, so that older digests stay."""
    read = ((feature.normalise, feature.rare),) if feature.normalise or feature.rare else ()
    return (feature.name, feature.kind, feature.categories, *read)
