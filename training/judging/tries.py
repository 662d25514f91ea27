"""How many challengers have been judged on one holdout: looking twice at the same rows has a price.

Ten tries at a model that is one margin worse get one of them through in 23 % of cases at 95 % confidence. So the k-th
challenger on a holdout must show its bound at 1 - (1 - confidence) / k². The k-th try pays for k², because the sum of
1 / k² is 1.64: however many tries there are, one of them errs at most 1.64 times as often as a single one would
(Bonferroni 1936, with unequal shares). Shares of 1 / k add up without end; with them, ten tries let a model in on 11 %
of the holdouts of docs/drills.md.

A holdout is its times and its answers, row by row: another feature, dropped or added, makes no new holdout of the same
rows.

A try is a *function*, not a folder: a model's digest changes with every commit, even where graph, categories and
threshold stay the same, and the same answers are not a second look. A challenger judged before keeps its number, and
the champion itself is no try.

The ledger, `build/tries.json`, is kept between runs. A ledger that cannot be read refuses every challenger.
"""

import hashlib
import json
from pathlib import Path
from typing import Literal

import pandas as pd
from pydantic import Field, ValidationError

from contracts.data_manifest import DataManifest
from contracts.exits import UsageError
from contracts.model_folder import ModelCard
from contracts.schema import Schema, write_json
from training.dataset.digests import frame_digest


def holdout_key(frame: pd.DataFrame, manifest: DataManifest) -> str:
    """What tells one holdout from another: times and answers in their order, and nothing that a model reads."""
    names = [name for name in (manifest.time, manifest.target) if name and name in frame]
    return frame_digest(frame[names])


class LedgerError(UsageError):
    """tries.json cannot be trusted, so the number of evaluations on this holdout is unknown."""


class Try(Schema):
    """One challenger: its digest when it was first judged, and the digest of what it computes."""

    model: str
    function: str


class Ledger(Schema):
    """tries.json: for each holdout, by its digest, the challengers in the order in which they came."""

    format_version: Literal[1] = 1
    holdouts: dict[str, tuple[Try, ...]] = Field(default_factory=dict)

    def number_of(self, holdout: str, function: str) -> int | None:
        """Which try this function was on the holdout, from 1; None if it was none."""
        functions = [one.function for one in self.holdouts.get(holdout, ())]
        return functions.index(function) + 1 if function in functions else None

    def with_try(self, holdout: str, new: Try) -> "Ledger":
        """This ledger with one more challenger."""
        return Ledger(holdouts={**self.holdouts, holdout: (*self.holdouts.get(holdout, ()), new)})


def number_of_try(path: Path, holdout: str, challenger: Try, champion: Try | None) -> int:
    """The challenger's number on this holdout, from 1; written down if it is a new one. Raises LedgerError."""
    ledger = read_ledger(path)
    known = ledger.number_of(holdout, challenger.function)
    if known is not None:
        return known
    so_far = len(ledger.holdouts.get(holdout, ()))
    if champion is not None and champion.function == challenger.function:
        return max(1, so_far)
    write_json(path, ledger.with_try(holdout, challenger))
    return so_far + 1


def read_ledger(path: Path) -> Ledger:
    """The ledger, empty where there is none yet. Raises LedgerError for one that is damaged."""
    try:
        return Ledger.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Ledger()
    except (OSError, ValidationError) as error:
        what = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error.strerror
        raise LedgerError(
            f"{path} cannot be trusted: {what}. It counts the challengers judged on each holdout. Put back an earlier "
            "copy; or move data.as_of to a new holdout and delete it, for a deleted count lets worse models in.",
            code="ledger-damaged",
        ) from None


def confidence_of_try(confidence: float, number: int) -> float:
    """The one-sided confidence that the k-th try must show. Never falls as k grows."""
    return 1 - (1 - confidence) / number**2


def try_of(card: ModelCard, digest: str) -> Try:
    """What identifies a challenger: everything that its answers depend on, and nothing else."""
    function = {
        "graph": card.files.get("model.onnx", ""),
        "features": [(feature.name, feature.kind, feature.categories) for feature in card.features],
        "classes": card.classes,
        "positive": card.positive,
        "threshold": card.threshold,
    }
    content = json.dumps(function, sort_keys=True).encode()
    return Try(model=digest, function=f"sha256:{hashlib.sha256(content).hexdigest()}")
