"""promote, on a laptop: the challenger becomes the champion, if every stage passed for this model folder.

Nothing here decides. Each stage wrote which model, champion, data, settings and image it saw. If one is missing, has
failed or saw another, the challenger is refused (deploy/admission/) and the champion stays.

Reads   build/data, build/train/model, build/champion, build/evaluate, build/image, build/load-test, build/drift;
        pipeline.toml
Writes  build/champion, the model folder that the next run compares with, and build/champion.json, how many evaluations
        were counted by then; build/deploy/deployed.json
Exits   0 promoted · 3 a stage did not pass for what lies here now · 2 a stage has not run
"""

import shutil
from functools import partial
from pathlib import Path

from contracts.exits import UsageError
from contracts.model_folder import CARD_FILE, model_digest
from contracts.pipeline_toml.champion import champion_of
from contracts.release import Champion, Deployment
from contracts.schema import write_json
from contracts.stage import Context, Outcome, run_stage
from deploy.admission.evidence import read_case
from deploy.admission.rules import require, short
from scoring.scorer import load_scorer


def work(context: Context) -> Outcome:
    """Check the evidence of every stage, then replace the champion by the challenger."""
    build = context.build
    if not (build.challenger / CARD_FILE).exists():
        raise UsageError(f"{build.challenger} is no model folder. Run `make pipeline` first.")
    challenger = load_scorer(build.challenger)
    case = require(read_case(build, context.config), "Not promoted")
    first_run = champion_of(build, context.config).first_run
    previous = _previous_digest(build.champion)
    replace_folder(build.challenger, build.champion)
    record = Champion(model=challenger.digest, commit=case.decision.commit, evaluations=case.decision.evaluations)
    write_json(build.champion_record, record)
    write_json(
        context.folder / "deployed.json",
        Deployment(model=challenger.digest, previous=previous, reason=_with(case.decision.reasons[0], first_run)),
    )
    instead = f"in place of {short(previous)}" if previous else "as the first champion"
    said = f"{challenger.card.estimator} {short(challenger.digest)} {instead}."
    return Outcome("promoted", _with(said, first_run))


def _previous_digest(champion: Path) -> str:
    return model_digest(champion) if (champion / CARD_FILE).exists() else ""


def _with(sentence: str, first_run: str) -> str:
    return f"{sentence} {first_run}" if first_run else sentence


def replace_folder(source: Path, target: Path) -> None:
    """Replace `target` by a copy of `source`. If killed, a complete folder is there, or another run restores it."""
    fresh, old = target.with_name(target.name + ".new"), target.with_name(target.name + ".old")
    if old.exists() and not target.exists():
        old.rename(target)
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    shutil.copytree(source, fresh)
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)


main = partial(run_stage, "promote", __doc__, work)
