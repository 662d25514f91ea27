"""Finds the champion that a stage compares with: the model folder `build/champion/`, or none, and then why.

On GitHub a workflow puts the model of production there; on a laptop `make promote` does. A champion of another project,
task or target cannot be compared with: every new repository from the template meets the template's champion first. That
is a *first run*. Every decision, verdict and summary says so, because a changed project.name switches the comparison
off.

A column that is gone or renamed makes no other project: such a champion cannot be scored, and the gate rejects. A
folder that is there but cannot be trusted never counts as no champion.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from contracts.model_folder import ModelCard, ModelFolderError, model_digest, read_card, verify_files
from contracts.pipeline_toml.keys import Config
from contracts.schema import Schema, read_json
from contracts.stage import Build

REMEDY = (
    "Put the champion's folder back; or, if it shall not be compared with any more, run once without: "
    "`make champion CHAMPION=none`, on GitHub Run workflow with champion: none. Then the floors alone decide."
)
NONE_AS_ASKED = "No champion is compared with, as asked: CHAMPION=none."


class Purpose(NamedTuple):
    """What a model is for. Only models with the same purpose are compared."""

    project: str
    task: str
    target: str


class NoChampion(Schema):
    """build/no-champion.json: a sentence that says why `make champion` put no champion there."""

    format_version: Literal[1] = 1
    reason: str


class FoundChampion(NamedTuple):
    """`folder`: the champion to compare with, sound or not; None where there is none. `first_run`: a sentence that says
    why there is none; "" where there is one, or where nothing was ever deployed."""

    folder: Path | None
    first_run: str = ""


def champion_of(build: Build, config: Config) -> FoundChampion:
    """The champion, if this project has one. Raises UsageError for a damaged build/no-champion.json."""
    folder = build.champion
    if not os.path.lexists(folder):  # a dangling link is a damaged champion
        return FoundChampion(None, _why_none(build))
    try:
        card = read_card(folder)
        verify_files(folder, card)
    except ModelFolderError:
        return FoundChampion(folder)  # loading it later says what is wrong with it
    sentence = first_run(card, model_digest(folder), purpose_of_config(config))
    return FoundChampion(None, sentence) if sentence else FoundChampion(folder)


def first_run(champion: ModelCard, digest: str, here: Purpose) -> str:
    """The sentence where this champion has another purpose than `here`; "" where it has the same."""
    differing = "; ".join(_differences(purpose_of_card(champion), here))
    if not differing:
        return ""
    return (
        f"First run of this project: the champion {digest[:19]} is of another one ({differing}) and is not compared "
        "with. A deploy puts the challenger in its place."
    )


def purpose_of_config(config: Config) -> Purpose:
    """The purpose of models that this pipeline.toml trains."""
    return Purpose(config.project.name, config.data.task, config.data.target)


def purpose_of_card(card: ModelCard) -> Purpose:
    """The purpose of this model."""
    return Purpose(card.name, card.task, card.target)


def _differences(champion: Purpose, here: Purpose) -> Iterator[str]:
    for field, of_champion, of_here in zip(Purpose._fields, champion, here, strict=True):
        if of_champion != of_here:
            yield f"{field}: {of_champion!r}, here {of_here!r}"


def _why_none(build: Build) -> str:
    if not build.no_champion.exists():
        return ""
    return read_json(build.no_champion, NoChampion, "make champion").reason
