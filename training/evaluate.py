"""The gate: is the challenger fit to take the champion's place?

It decides promote or reject. Both models score the same holdout rows; the difference in gate.metric, with its interval,
must not be worse than gate.margin (`gate.py`). The more challengers were judged on these rows before, the stronger the
evidence must be (`evaluations.py`). Slices, floors, limits, calibration, leakage, the table's contract, the export's
proof, speed and size must hold as well. Without a champion, or with one of another project, task or target, the floors,
limits and checks alone decide; the decision says so (contracts/pipeline_toml/champion.py).

A setting of pipeline.toml that asks less than it did of the champion, or something else, has a line of its own in the
decision (`relaxed_thresholds.py`).

It fails closed: whatever cannot be computed, loaded or believed is named in the decision, and rejects. The same build
folder gives the same decision.json, to the byte.

Reads   build/data/, build/train/model/ (challenger), build/champion/ (champion, if there is one),
        build/evaluations.json, build/champion.json: how many evaluations had been counted when it was promoted
Writes  build/evaluate/decision.json: the decision, with every figure that led to it
        build/evaluate/diff.md: the same for people
        build/evaluate/plots.json: ROC and calibration curves, or residuals and predictions
        build/evaluate/model_figures.json: what each feature is worth to it, and what it takes each class for
        build/evaluate/latency.json: what one row cost on this machine
        build/evaluations.json: one more line, if this challenger was not judged on this holdout before
        build/evaluate/evaluation.json: this look at the holdout, which is what a job hands on
Exits   0 promote · 3 reject · 2 pipeline.toml does not fit, or an earlier stage has not run · 1 a crash
"""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from contracts.data_manifest import DataManifest
from contracts.decision import Check, Decision
from contracts.exits import Exit, UsageError
from contracts.pipeline_toml.champion import champion_of
from contracts.pipeline_toml.keys import Config
from contracts.schema import write_json
from contracts.stage import Build, Context, Outcome, run_stage
from training.judging.baseline import Baseline, baseline_of
from training.judging.checks.run_checks import (
    inspect_folder,
    inspect_limits,
    inspect_plausibility,
    inspect_validity,
)
from training.judging.checks.skill import baseline_check, notes_of
from training.judging.comparisons import ComparedMetrics, Contest, compare_all
from training.judging.contestants import Contestant, enter
from training.judging.diff import render
from training.judging.evaluations import confidence_of_evaluation
from training.judging.formatting import rounded
from training.judging.gate import judge
from training.judging.look import look_at
from training.judging.model_figures import model_figures
from training.judging.plots import write_plots
from training.judging.relaxed_thresholds import changed, relaxed
from training.judging.slices import SliceFigures, compare_slices, refuse_impossible_slices
from training.statistics.costs import costs_of
from training.tables import Table, TableError, load_table


def work(context: Context) -> Outcome:
    """Score, compare, check, decide, write. Raises UsageError for what must be fixed before anything can be judged."""
    config, build = context.config, context.build
    holdout = load_table(build, "holdout")
    refuse_other_data(config, holdout.manifest)
    refuse_impossible_slices(config.gate, holdout.manifest, holdout.as_read(holdout.manifest.features).frame)
    if not os.path.lexists(build.challenger):
        raise UsageError(f"{build.challenger} is not there. Run `make train` first.")
    challenger = enter("challenger", build.challenger, holdout)
    standing = champion_of(build, config)
    champion = enter("champion", standing.folder, holdout) if standing.folder else None
    contest, problem = meet(holdout, challenger, champion, baseline(build, holdout, config.metrics))
    decision = decide(context, holdout, challenger, champion, standing.first_run, contest, problem)
    write(context.folder, decision)
    if contest is not None and decision.comparisons:
        write_plots(context.folder, contest, config.data.task)
        figures = model_figures(contest, holdout, challenger, config.gate.metric, config.data.seed)
        write_json(context.folder / "model_figures.json", figures)
    said = f"{decision.reasons[0]}{_more(decision)}{_first_run(decision)}{_forgotten(decision)}{_relaxed(decision)}"
    print("\n".join(decision.notes), end="\n" if decision.notes else "", flush=True)
    headline = f"{said} See {context.folder / 'diff.md'}."
    if decision.decision == "promote":
        return Outcome("promote", headline)
    return Outcome("reject", headline, Exit.FINDING, decision.reason_codes[0])


def refuse_other_data(config: Config, manifest: DataManifest) -> None:
    """Raises UsageError for build/data that was made by another pipeline.toml."""
    data = config.data
    for key, asked, made_for in (
        ("data.task", data.task, manifest.task),
        ("data.target", data.target, manifest.target),
        ("data.positive", data.positive or manifest.positive, manifest.positive),
        ("data.time", data.time, manifest.time),
        ("data.as_of", str(data.as_of or ""), manifest.as_of),
        ("training.weights", config.training.weights, manifest.weights),
    ):
        if asked != made_for:
            raise UsageError(
                f"pipeline.toml has {key} = {asked!r}, and build/data was made for {made_for!r}. "
                "Run `make data` and `make train` again."
            )


def baseline(build: Build, holdout: Table, metrics: Sequence[str]) -> Baseline | None:
    """What the best answer is that reads no feature; None for tables that a check of their own refuses."""
    manifest = holdout.manifest
    train = load_table(build, "train", [manifest.target, *filter(None, [manifest.time, manifest.weights])])
    try:
        return baseline_of(train, holdout, metrics) if len(train.frame) and len(holdout.frame) else None
    except (TableError, KeyError):
        return None


def meet(
    holdout: Table, challenger: Contestant, champion: Contestant | None, baseline: Baseline | None
) -> tuple[Contest | None, str]:
    """All answers to the holdout rows. Or None, and the fault of the table where it has one."""
    manifest = holdout.manifest
    for column in filter(None, (manifest.target, manifest.cluster)):
        if column not in holdout.frame:
            return None, f"the holdout table has no column {column!r}"
    try:
        truth, weights = holdout.truth, holdout.weights
    except TableError as error:
        return None, str(error)
    if challenger.answers is None:
        return None, ""
    opponent = champion.answers if champion else None
    return Contest(truth, holdout.clusters, challenger.answers, opponent, baseline, weights), ""


def decide(
    context: Context,
    holdout: Table,
    challenger: Contestant,
    champion: Contestant | None,
    first_run: str,
    contest: Contest | None,
    problem: str,
) -> Decision:
    """The decision on models that have met."""
    config, gate, table = context.config, context.config.gate, holdout.manifest.tables["holdout"]
    looked = look_at(context, holdout, challenger, champion, has_met=contest is not None)
    number = looked.number
    confidence = confidence_of_evaluation(gate.confidence, number)
    figures, slices = ComparedMetrics(), SliceFigures()
    if contest is not None:
        has_champion, costs = champion is not None, costs_of(config.training)
        figures = compare_all(contest, config.metrics, gate, confidence, costs, has_champion=has_champion)
        read = holdout.as_read(holdout.manifest.features).frame
        slices = compare_slices(contest, read, gate, has_champion=has_champion)
    validity = inspect_validity(context, holdout, challenger, champion, figures, problem)
    limits = (
        *baseline_check(contest, figures, gate, confidence, holdout, challenger.reference),
        *inspect_plausibility(context, holdout, challenger, champion, contest, figures),
        *inspect_limits(context, challenger, champion, contest, figures),
        *inspect_folder(context, holdout, challenger),
    )
    judgement = judge(
        gate.metric,
        len(holdout.frame),
        validity=validity,
        comparisons=figures.comparisons,
        slices=slices.slices,
        slice_margin=gate.slice_margin,
        limits=limits,
    )
    return Decision(
        decision=judgement.decision,
        reasons=judgement.reasons,
        reason_codes=judgement.reason_codes,
        metric=gate.metric,
        challenger=challenger.digest,
        champion=champion.digest if champion else "",
        first_run=first_run,
        data_digest=holdout.manifest.digest,
        settings=context.settings,
        commit=challenger.scorer.card.commit if challenger.scorer else "",
        holdout_rows=len(holdout.frame),
        holdout_first=table.first,
        holdout_last=table.last,
        clusters=_clusters(holdout, contest),
        evaluation=number,
        evaluations=looked.evaluations,
        forgotten=looked.forgotten,
        confidence=rounded(confidence),
        relaxed=relaxed(config, champion.scorer.card.gate) if champion and champion.scorer else (),
        changed=changed(config, champion.scorer.card.gate) if champion and champion.scorer else (),
        detectable_difference=figures.detectable_difference,
        baseline=contest.baseline.name if contest and contest.baseline else "",
        notes=tuple(notes_of(contest, figures, holdout.manifest)),
        comparisons=figures.comparisons,
        checks=(*validity, *limits, *_slices_as_check(slices)),
        slices=slices.slices,
    )


def write(folder: Path, decision: Decision) -> None:
    """decision.json and diff.md."""
    write_json(folder / "decision.json", decision)
    partial = folder / "diff.md.partial"
    partial.write_text(render(decision), encoding="utf-8")
    partial.replace(folder / "diff.md")


def _clusters(holdout: Table, contest: Contest | None) -> int:
    if contest is None or contest.clusters is None:
        return len(holdout.frame)
    return len(set(contest.clusters.tolist()))


def _slices_as_check(slices: SliceFigures) -> tuple[Check, ...]:
    if not slices.slices and not slices.unmeasured:
        return ()
    worse = sum(one.outcome == "worse" for one in slices.slices)
    shown = len(slices.slices) - slices.judged
    unmeasured = f", {len(slices.unmeasured)} without a figure for want of a class" if slices.unmeasured else ""
    return (
        Check(
            name="slices",
            passed=worse == 0,
            seen=f"{slices.judged} judged, of which {worse} worse; {shown} shown only{unmeasured}",
            required="none worse by more than gate.slice_margin, with gate.slice_min_rows (pipeline.toml)",
        ),
    )


def _more(decision: Decision) -> str:
    others = len(decision.reasons) - 1
    return f" And {others} more reason{'s' if others > 1 else ''}." if others else ""


def _first_run(decision: Decision) -> str:
    return f" {decision.first_run}" if decision.first_run else ""


def _forgotten(decision: Decision) -> str:
    return f" {decision.forgotten}" if decision.forgotten else ""


def _relaxed(decision: Decision) -> str:
    return f" The gate asks less than before: {' '.join(decision.relaxed)}" if decision.relaxed else ""


main = partial(run_stage, "evaluate", __doc__, work)
