"""The champion that a stage compares with: the model folder `build/champion/`, or none, and then why.

In GitHub a workflow puts the model folder of what production runs there; on a laptop `make promote` does. A champion of
another project, task or target is none that this project can be compared with: whoever makes a repository from the
template has the template's champion first. So it is a *stated first run*: the sentence stands in every decision,
verdict and summary, because a changed project.name switches the comparison off.

A column that is gone or renamed is no other project: such a champion cannot be scored, and rejects. A folder that is
there but cannot be trusted is never taken for none.
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


class Question(NamedTuple):
    """What a model is for. Models with one question are compared; all else that differs between two is a finding."""

    project: str
    task: str
    target: str


class NoChampion(Schema):
    """build/no-champion.json: why `make champion` put none there, as a sentence."""

    format_version: Literal[1] = 1
    reason: str


class Standing(NamedTuple):
    """`folder`: the champion to compare with, in whatever state it is; None where there is none. `first_run`: the
    sentence that says why there is none, "" where there is one, or where nothing was ever deployed from here."""

    folder: Path | None
    first_run: str = ""


def champion_of(build: Build, config: Config) -> Standing:
    """The champion, if this project has one. Raises UsageError for a damaged build/no-champion.json."""
    folder = build.champion
    if not os.path.lexists(folder):  # a dangling link is a champion gone wrong
        return Standing(None, _why_none(build))
    try:
        card = read_card(folder)
        verify_files(folder, card)
    except ModelFolderError:
        return Standing(folder)  # whoever loads it says what is wrong with it
    said = first_run(card, model_digest(folder), asked_in(config))
    return Standing(None, said) if said else Standing(folder)


def first_run(champion: ModelCard, digest: str, here: Question) -> str:
    """The sentence where this champion answers another question than `here`; "" where it answers the same."""
    differing = "; ".join(_differences(asked_by(champion), here))
    if not differing:
        return ""
    return (
        f"First run of this project: the champion {digest[:19]} is of another one ({differing}) and is not compared "
        "with. A deploy puts the challenger in its place."
    )


def asked_in(config: Config) -> Question:
    """What pipeline.toml asks for."""
    return Question(config.project.name, config.data.task, config.data.target)


def asked_by(card: ModelCard) -> Question:
    """What a model was made for."""
    return Question(card.name, card.task, card.target)


def _differences(seen: Question, here: Question) -> Iterator[str]:
    for field, of_champion, of_here in zip(Question._fields, seen, here, strict=True):
        if of_champion != of_here:
            yield f"{field}: {of_champion!r}, here {of_here!r}"


def _why_none(build: Build) -> str:
    if not build.no_champion.exists():
        return ""
    return read_json(build.no_champion, NoChampion, "make champion").reason
