"""Counts this run's evaluation on the holdout, records it, and compares the count with that of the champion's day."""

from dataclasses import dataclass

from contracts.release import Champion
from contracts.schema import read_json, write_json
from contracts.stage import Build, Context
from training.judging.evaluations import (
    EvaluationRecord,
    evaluation_of,
    forgotten,
    holdout_key,
    holdout_of,
    number_of_evaluation,
    read_ledger,
)
from training.judging.gate_case import GateCase
from training.judging.scored_models import ScoredModel


@dataclass(frozen=True)
class CountedEvaluation:
    """The evaluation's number on this holdout, how many are counted in all, and why some may be missing."""

    number: int
    evaluations: int
    forgotten: str


def count_evaluation(context: Context, case: GateCase) -> CountedEvaluation:
    """Count the evaluation. A challenger that could not be scored has shown nothing and is not counted."""
    build, holdout, scorer = context.build, case.holdout, case.challenger.scorer
    ledger = read_ledger(build.evaluations)
    if scorer is None or case.paired is None:
        so_far = len(ledger.holdouts.get(holdout_key(holdout.frame, holdout.manifest), ()))
        return CountedEvaluation(max(1, so_far), ledger.evaluations, "")
    here, new = holdout_of(holdout.frame, holdout.manifest), evaluation_of(scorer.card, case.challenger.digest)
    card, digest = case.champion_card, case.champion.digest if case.champion else ""
    old = evaluation_of(card, digest) if card else None
    number = number_of_evaluation(build.evaluations, here, new, old)
    record = EvaluationRecord(holdout=here.key, rows=here.rows, model=new.model, function=new.function)
    write_json(context.folder / "evaluation.json", record)
    ledger = read_ledger(build.evaluations)
    why = forgotten(ledger, new.function, old.function if old else "", remembered(build, case.champion))
    return CountedEvaluation(number, ledger.evaluations, why)


def remembered(build: Build, champion: ScoredModel | None) -> int:
    """How many were counted when this champion was promoted; 0 where that is not known. Raises UsageError."""
    if champion is None or not build.champion_record.exists():
        return 0
    record = read_json(build.champion_record, Champion, "make champion")
    return record.evaluations if record.model == champion.digest else 0
