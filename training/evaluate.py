"""The gate: may the challenger replace the champion?

It decides promote or reject. Both models score the same holdout rows. The difference in gate.metric, with its interval,
must not be worse than gate.margin (`gate.py`). The more challengers were judged on these rows before, the stronger the
evidence must be (`evaluations.py`). Slices, floors, limits, calibration, leakage, the table's contract, the export's
proof, speed and size must pass as well. Without a champion, or with one of another project, task or target, the floors,
limits and checks alone decide, and the decision says so (contracts/pipeline_toml/champion.py).

The decision names each setting of pipeline.toml that asks less than it did of the champion, or is another one
(`relaxed_thresholds.py`).

The gate fails closed: the decision names whatever cannot be computed or loaded, or is not credible, and rejects. The
same build folder gives the same decision.json, to the byte.

Reads   build/data/, build/train/model/ (challenger), build/champion/ (champion, if there is one),
        build/evaluations.json, build/champion.json: how many evaluations had been counted when it was promoted
Writes  build/evaluate/decision.json: the decision, with every figure that led to it
        build/evaluate/diff.md: the same for people
        build/evaluate/plots.json: ROC and calibration curves, or residuals and predictions
        build/evaluate/model_figures.json: the importance of each feature, and the confusion matrix
        build/evaluate/latency.json: what one row cost on this machine
        build/evaluations.json: one more line, if this challenger was not judged on this holdout before
        build/evaluate/evaluation.json: this evaluation on the holdout, which a job hands on
Exits   0 promote · 3 reject · 2 pipeline.toml does not fit, or an earlier stage has not run · 1 a crash
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from contracts.decision import Check, Decision
from contracts.exits import Exit
from contracts.schema import write_json
from contracts.stage import Context, Outcome, run_stage
from training.judging.checks.run_checks import (
    inspect_folder,
    inspect_limits,
    inspect_plausibility,
    inspect_validity,
)
from training.judging.checks.skill import baseline_check, notes_of
from training.judging.comparisons import ComparedMetrics, compare_all
from training.judging.counted_evaluation import CountedEvaluation, count_evaluation
from training.judging.diff import render
from training.judging.evaluations import confidence_of_evaluation
from training.judging.formatting import rounded
from training.judging.gate import GateRuling, judge
from training.judging.gate_case import GateCase, load_case
from training.judging.model_figures import model_figures
from training.judging.plots import write_plots
from training.judging.relaxed_thresholds import changed, relaxed
from training.judging.slices import SliceFigures, compare_slices
from training.statistics.costs import costs_of


def work(context: Context) -> Outcome:
    """Score, compare, check, decide, write. Raises UsageError for what must be fixed before anything can be judged."""
    config = context.config
    case = load_case(context)
    decision = decide(context, case)
    write(context.folder, decision)
    if case.paired is not None and decision.comparisons:
        write_plots(context.folder, case.paired, config.data.task)
        figures = model_figures(case.paired, case.holdout, case.challenger, config.gate.metric, config.data.seed)
        write_json(context.folder / "model_figures.json", figures)
    print("\n".join(decision.notes), end="\n" if decision.notes else "", flush=True)
    headline = " ".join([*_sentences(decision), f"See {context.folder / 'diff.md'}."])
    if decision.decision == "promote":
        return Outcome("promote", headline)
    return Outcome("reject", headline, Exit.FINDING, decision.reason_codes[0])


def decide(context: Context, case: GateCase) -> Decision:
    """Compare the models, run every check, and apply the gate's rules."""
    config, gate = context.config, context.config.gate
    counted = count_evaluation(context, case)
    confidence = confidence_of_evaluation(gate.confidence, counted.number)
    metrics, slices = ComparedMetrics(), SliceFigures()
    if case.paired is not None:
        has_champion = case.champion is not None
        costs = costs_of(config.training)
        metrics = compare_all(case.paired, config.metrics, gate, confidence, costs, has_champion=has_champion)
        frame = case.holdout.as_read(case.holdout.manifest.features).frame
        slices = compare_slices(case.paired, frame, gate, has_champion=has_champion)
    validity = inspect_validity(context, case, metrics)
    limits = (
        *baseline_check(case.paired, metrics, gate, confidence, case.holdout, case.challenger.reference),
        *inspect_plausibility(context, case, metrics),
        *inspect_limits(context, case, metrics),
        *inspect_folder(context, case),
    )
    ruling = judge(
        gate.metric,
        len(case.holdout.frame),
        validity=validity,
        comparisons=metrics.comparisons,
        slices=slices.slices,
        slice_margin=gate.slice_margin,
        limits=limits,
    )
    checks = (*validity, *limits, *_slices_as_check(slices))
    return _decision(context, case, counted, confidence, ruling, metrics, slices, checks)


def _decision(
    context: Context,
    case: GateCase,
    counted: CountedEvaluation,
    confidence: float,
    ruling: GateRuling,
    metrics: ComparedMetrics,
    slices: SliceFigures,
    checks: tuple[Check, ...],
) -> Decision:
    """decision.json: the ruling, with every figure that led to it."""
    holdout, challenger, champion, card = case.holdout, case.challenger, case.champion, case.champion_card
    table = holdout.manifest.tables["holdout"]
    return Decision(
        decision=ruling.decision,
        reasons=ruling.reasons,
        reason_codes=ruling.reason_codes,
        metric=context.config.gate.metric,
        challenger=challenger.digest,
        champion=champion.digest if champion else "",
        first_run=case.first_run,
        data_digest=holdout.manifest.digest,
        settings=context.settings,
        commit=challenger.scorer.card.commit if challenger.scorer else "",
        holdout_rows=len(holdout.frame),
        holdout_first=table.first,
        holdout_last=table.last,
        clusters=_clusters(case),
        evaluation=counted.number,
        evaluations=counted.evaluations,
        forgotten=counted.forgotten,
        confidence=rounded(confidence),
        relaxed=relaxed(context.config, card.gate) if card else (),
        changed=changed(context.config, card.gate) if card else (),
        detectable_difference=metrics.detectable_difference,
        baseline=case.paired.baseline.name if case.paired and case.paired.baseline else "",
        notes=tuple(notes_of(case.paired, metrics, holdout.manifest)),
        comparisons=metrics.comparisons,
        checks=checks,
        slices=slices.slices,
    )


def write(folder: Path, decision: Decision) -> None:
    """decision.json and diff.md."""
    write_json(folder / "decision.json", decision)
    partial = folder / "diff.md.partial"
    partial.write_text(render(decision), encoding="utf-8")
    partial.replace(folder / "diff.md")


def _clusters(case: GateCase) -> int:
    """Of rows that depend on each other; without clusters each row is one."""
    if case.paired is None or case.paired.clusters is None:
        return len(case.holdout.frame)
    return len(set(case.paired.clusters.tolist()))


def _slices_as_check(slices: SliceFigures) -> tuple[Check, ...]:
    if not slices.slices and not slices.unmeasured:
        return ()
    worse = sum(one.outcome == "worse" for one in slices.slices)
    shown = len(slices.slices) - slices.judged
    unmeasured = f", {len(slices.unmeasured)} not measured because a class has no rows" if slices.unmeasured else ""
    return (
        Check(
            name="slices",
            passed=worse == 0,
            seen=f"{slices.judged} judged, of which {worse} worse; {shown} shown only{unmeasured}",
            required="none worse by more than gate.slice_margin, with gate.slice_min_rows (pipeline.toml)",
        ),
    )


def _sentences(decision: Decision) -> Iterator[str]:
    """The headline: the first reason, and what a reader must know beside it."""
    yield decision.reasons[0]
    if others := len(decision.reasons) - 1:
        yield f"And {others} more reason{'s' if others > 1 else ''}."
    yield from filter(None, (decision.first_run, decision.forgotten))
    if decision.relaxed:
        yield f"The gate asks less than before: {' '.join(decision.relaxed)}"


main = partial(run_stage, "evaluate", __doc__, work)
