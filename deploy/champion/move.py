"""`make move-champion`: after a deploy the new model is the champion, after a rollback the earlier one.

It is the last step, so a deploy that fails leaves the champion unchanged. With an image in a registry the tag
`champion` moves to its digest. In both cases the model folder and its record are prepared for the history branch.

Reads   what every stage wrote, and build/image/pushed.json; or, with IMAGE=name@sha256:…, that image
Writes  the tag in the registry; build/deploy/champion, champion.json, deployed.json
Exits   0 moved, or there already · 3 a stage did not pass for it, or not a model that can be trusted · 2 nothing to
        move to · 1 no answer
"""

import argparse
from pathlib import Path

from contracts.exits import Exit
from contracts.image import Image, PushedImage
from contracts.model_folder import CARD_FILE, ModelCard, model_digest, read_card
from contracts.pipeline_toml.champion import first_run, purpose_of_card
from contracts.pipeline_toml.keys import Config
from contracts.pipeline_toml.reader import load_config
from contracts.release import Champion, Deployment
from contracts.schema import read_json, write_json
from contracts.stage import Build
from deploy.admission.evidence import read_case
from deploy.admission.rules import require
from deploy.champion.fetch import FOLDER, RECORD, SCHEME
from deploy.champion.fetch import fetch as fetch_champion
from deploy.champion.promote import replace_folder
from deploy.command import run_command
from deploy.registry.registry import check_digest_reference, move_tag
from scoring.scorer import load_scorer

TAG = "champion"


def main() -> Exit:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="make move-champion", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--image", default="", help="name@sha256:…, after a rollback")
    parser.add_argument("--config", type=Path, default=Path("pipeline.toml"), help="default: pipeline.toml")
    parser.add_argument("--build", type=Path, default=Path("build"), help="default: build")
    asked = parser.parse_args()
    build = Build(asked.build)

    def work() -> str:
        return roll_back(build, asked.image) if asked.image else move(build, load_config(asked.config))

    return run_command("move-champion", lambda: f"move-champion: {work()}")


def move(build: Build, config: Config) -> str:
    """Make this run's challenger the champion. Raises UsageError, FindingError and EngineError."""
    case = require(read_case(build, config), "The champion was not moved")
    challenger = load_scorer(build.challenger)
    image = read_json(build.stage("build") / "image.json", Image, "make build")
    pushed = build.stage("build") / "pushed.json"
    reference = read_json(pushed, PushedImage, "make publish-image").reference if pushed.exists() else ""
    counted = case.decision.evaluations
    record = Champion(model=challenger.digest, image=reference, commit=image.commit, evaluations=counted)
    return _move(build, build.challenger, record, f"every stage passed for it{_first_run(build, challenger.card)}")


def roll_back(build: Build, reference: str) -> str:
    """Make the model of an earlier image the champion. Raises UsageError, FindingError and EngineError."""
    check_digest_reference(reference)
    before = _digest(build.champion)
    fetch_champion(SCHEME + reference, build)
    scorer = load_scorer(build.champion)
    record = Champion(model=scorer.digest, image=reference, commit=scorer.card.commit)
    return _move(build, build.champion, record, "rolled back by hand", before)


def _move(build: Build, model: Path, record: Champion, reason: str, before: str | None = None) -> str:
    folder = build.stage("deploy")
    if record.image:
        move_tag(record.image, TAG)
    previous = _digest(build.champion) if before is None else before
    folder.mkdir(parents=True, exist_ok=True)
    replace_folder(model, folder / FOLDER)
    write_json(folder / RECORD, record)
    write_json(folder / "deployed.json", Deployment(model=record.model, previous=previous, reason=reason))
    where = f"{record.image} has the tag {TAG}" if record.image else "no image was pushed, so there is no tag to move"
    return f"{record.model[:19]} is the champion ({reason}); {where}."


def _first_run(build: Build, card: ModelCard) -> str:
    """Says that the model it replaces was never compared with it, because that is of another project."""
    if not (build.champion / CARD_FILE).exists():
        return ""
    said = first_run(read_card(build.champion), _digest(build.champion), purpose_of_card(card))
    return f". {said}" if said else ""


def _digest(folder: Path) -> str:
    return model_digest(folder) if (folder / CARD_FILE).exists() else ""
