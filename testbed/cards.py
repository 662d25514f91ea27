"""A model card with a value in every field, of which a test changes some; and how to sign a changed one."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from contracts.features import Feature
from contracts.model_folder import CARD_FILE, MODEL_FILES, ExportProof, ModelCard, read_card, sha256_of
from contracts.schema import Task, write_json

CLASSES: dict[Task, tuple[str, ...]] = {"binary": ("no", "yes"), "multiclass": ("a", "b", "c"), "regression": ()}


def card(features: Sequence[Feature], task: Task = "binary", **changes: Any) -> ModelCard:
    """A card for these features. In a binary task the last class is the positive one, from a probability of 0.5 on."""
    classes = tuple(changes.get("classes", CLASSES[task]))
    is_binary = task == "binary"
    fields: dict[str, Any] = {
        "name": "drawn",
        "task": task,
        "target": "answer",
        "features": tuple(features),
        "classes": classes,
        "positive": classes[-1] if is_binary else "",
        "threshold": 0.5 if is_binary else None,
        "estimator": "by hand",
        "parameters": {},
        "metrics": {},
        "train_rows": 100,
        "data_digest": "sha256:" + "d" * 64,
        "commit": "c" * 40,
        "versions": {},
        "proof": ExportProof(rows=100, boundary_rows=10, label_flips=0, largest_difference=0.0),
        "max_batch_rows": 50,
        "logged_features": (),
        "files": {},
    }
    return ModelCard(**(fields | changes))


def sign(folder: Path, **card: Any) -> None:
    """Put the files' sha256 into the card, and `card`'s other fields with them."""
    digests = {name: sha256_of(folder / name) for name in MODEL_FILES}
    changed = read_card(folder).model_copy(update={"files": digests, **card})
    write_json(folder / CARD_FILE, ModelCard.model_validate_json(json.dumps(changed.model_dump(mode="json"))))
