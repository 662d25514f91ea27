"""Build folders as artifacts bring them: small, complete, and with any text put into every place that takes one."""

from pathlib import Path

from contracts.decision import Check, Comparison, Decision, Interval, SliceComparison
from contracts.schema import write_json
from contracts.stage import CHAIN, Build, StageRecord
from contracts.verdict import ColumnComparison, DriftState, DriftVerdict

DIGEST = "sha256:" + "1" * 64


def write_record(build: Build, stage: str, text: str = "a figure", exit_code: int = 0, verdict: str = "pass") -> None:
    record = StageRecord.model_validate(
        {"stage": stage, "exit_code": exit_code, "verdict": verdict, "headline": text, "seconds": 1, "peak_mb": 1}
    )
    write_json(build.root / stage / "stage.json", record)


def write_run(root: Path, text: str = "roc_auc") -> Build:
    """Records of every stage, a decision and a drift verdict, with `text` wherever a text from outside can be."""
    build = Build(root)
    for stage in CHAIN:
        write_record(build, stage, text, verdict=text)
    figure = Interval(value=0.7, low=0.6, high=0.8)
    decision = Decision(
        decision="reject", reasons=(text,), metric=text, challenger=text, data_digest=text, settings=text, commit=text,
        holdout_rows=10, holdout_first=text, holdout_last=text, clusters=1, evaluation=1, confidence=0.95,
        comparisons=(
            Comparison(
                metric=text, title=text, higher_is_better=True, challenger=figure, champion=figure, difference=figure,
                outcome="worse", decides=True, method=text,
            ),
        ),
        checks=(Check(name=text, passed=False, seen=text, required=text, remedy=text),),
        slices=(SliceComparison(column=text, value=text, rows=5, challenger=0.5, outcome="worse"),),
    )  # fmt: skip
    write_json(build.stage("evaluate") / "decision.json", decision)
    write_drift(build, text)
    return build


def write_drift(build: Build, text: str = "temp", state: DriftState = "drift") -> None:
    """drift/verdict.json."""
    verdict = DriftVerdict(
        state=state, reasons=(text,), model=text, data_digest=text, settings=text, traffic=text,
        reference_rows=10, current_rows=10, current_first=text, current_last=text, torn_lines=0,
        repeated_ids=0, other_models=0,
        inputs=state, predictions="stable",
        columns=(
            ColumnComparison(column=text, kind="feature", method=text, distance=1, threshold=0.5, drifted=True),
        ),
    )  # fmt: skip
    write_json(build.stage("drift") / "verdict.json", verdict)
