"""One run's look at the holdout: counted, handed on, and compared with what was counted when the champion came in."""

from dataclasses import dataclass

from contracts.release import Champion
from contracts.schema import read_json, write_json
from contracts.stage import Build, Context
from training.judging.contestants import Contestant
from training.judging.evaluations import (
    Look,
    evaluation_of,
    forgotten,
    holdout_key,
    holdout_of,
    number_of_evaluation,
    read_ledger,
)
from training.tables import Table


@dataclass(frozen=True)
class Looked:
    """This look at the holdout: its number, how many are counted in all, and why some may be missing."""

    number: int
    evaluations: int
    forgotten: str


def look_at(
    context: Context, holdout: Table, challenger: Contestant, champion: Contestant | None, *, has_met: bool
) -> Looked:
    """Count this look at the holdout. A challenger that could not be scored has shown nothing and is not counted."""
    build = context.build
    rival = evaluation_of(champion.scorer.card, champion.digest) if champion and champion.scorer else None
    if challenger.scorer is None or not has_met:
        ledger = read_ledger(build.evaluations)
        so_far = len(ledger.holdouts.get(holdout_key(holdout.frame, holdout.manifest), ()))
        return Looked(max(1, so_far), ledger.evaluations, "")
    here, new = holdout_of(holdout.frame, holdout.manifest), evaluation_of(challenger.scorer.card, challenger.digest)
    number = number_of_evaluation(build.evaluations, here, new, rival)
    look = Look(holdout=here.key, rows=here.rows, model=new.model, function=new.function)
    write_json(context.folder / "evaluation.json", look)
    ledger = read_ledger(build.evaluations)
    why = forgotten(ledger, new.function, rival.function if rival else "", remembered(build, champion))
    return Looked(number, ledger.evaluations, why)


def remembered(build: Build, champion: Contestant | None) -> int:
    """How many were counted when this champion was promoted; 0 where that is not known. Raises UsageError."""
    if champion is None or not build.champion_record.exists():
        return 0
    record = read_json(build.champion_record, Champion, "make champion")
    return record.evaluations if record.model == champion.digest else 0
