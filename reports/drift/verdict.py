"""Pure rules: what one window means. Distances, thresholds and performance come in; Evidently is not asked to judge.

Three questions are kept apart: have the inputs moved, have the predictions moved, has the model become worse? Whether a
person must look (`state`) follows from all three:

    performance is worse, labels are distributed otherwise, follow the
    next day's predictions, or went wrong in one slice; or predictions
    do not follow from the logged features                              drift, whatever the inputs say
    performance held                                                    stable: inputs and predictions may move
    labels came in, and cannot tell                                     drift if the predictions moved
    no labels                                                           drift if inputs or predictions moved

Too few rows answer nothing, and never pass as stable. Rows count that are not only copies of others; where too many
are, the inputs have drifted by that alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from contracts.exits import Exit
from contracts.pipeline_toml.keys import Drift
from contracts.verdict import (
    ColumnComparison,
    DriftState,
    DriftVerdict,
    EstimatedPerformance,
    LabelledDay,
    LibraryVerdict,
    PerformanceComparison,
    ScoredAgain,
    SliceComparison,
    Timing,
)
from reports.drift.comparison import Compared
from reports.drift.log_reader import RequestWindow

VERDICT_FILE = "verdict.json"
NAMED_COLUMNS = 6


@dataclass(frozen=True)
class Findings:
    """All that was measured of one window. `window_days`: how long it was, 0 where that means nothing."""

    reference_rows: int
    window_days: int
    compared: Compared
    performance: PerformanceComparison | None = None
    estimated: EstimatedPerformance | None = None
    evidently: LibraryVerdict | None = None
    labelled_days: tuple[LabelledDay, ...] = ()
    timing: Timing | None = None
    not_estimated: str = ""
    scored_again: ScoredAgain | None = None
    slices: tuple[SliceComparison, ...] = ()

    @property
    def wrong_slices(self) -> tuple[SliceComparison, ...]:
        return tuple(one for one in self.slices if one.moved)

    @property
    def is_called(self) -> bool:
        """Whether something asks for a person that is neither inputs nor predictions nor performance."""
        is_late = self.timing is not None and self.timing.is_late
        follows = self.scored_again is None or self.scored_again.follows
        return is_late or not follows or bool(self.wrong_slices)


@dataclass(frozen=True)
class Subject:
    """Whose requests these are: digests of the model, of its training data, and of pipeline.toml."""

    model: str
    data_digest: str
    settings: str


def judge(drift: Drift, window: RequestWindow, findings: Findings, subject: Subject, traffic: str) -> DriftVerdict:
    """The verdict over one window, alone: persistence is added by the scheduled job."""
    compared, performance = findings.compared, findings.performance
    is_enough = len(window.rows) >= drift.min_rows
    inputs = _inputs(drift, window, compared) if is_enough else "insufficient"
    predictions: DriftState = "insufficient"
    if is_enough:
        predictions = "drift" if compared.prediction.drifted else "stable"
    labels = compared.labels if is_enough else None
    is_called = bool(labels and labels.moved) or findings.is_called
    state = overall(inputs, predictions, performance, is_called=is_called)
    answers = (
        _answers(findings, inputs, predictions, _repeated(drift, window)) if is_enough else [_too_few(drift, window)]
    )
    advice = _advice(drift, state, findings, has_moved="drift" in (inputs, predictions))
    return DriftVerdict(
        state=state,
        reasons=(*answers, *advice, *_log_notes(window, compared)),
        model=subject.model,
        data_digest=subject.data_digest,
        settings=subject.settings,
        traffic=traffic,
        reference_rows=findings.reference_rows,
        current_rows=window.requests,
        current_first=window.first,
        current_last=window.last,
        torn_lines=window.torn_lines,
        repeated_ids=window.repeated_ids,
        other_models=window.other_models,
        effective_rows=len(window.rows),
        replayed_copies=window.replayed,
        repeated_rows=window.repeated,
        inputs=inputs,
        predictions=predictions,
        performance=performance,
        columns=compared.columns,
        window_days=findings.window_days,
        false_alarm_rate=drift.false_alarm_rate,
        labels=labels,
        estimated=findings.estimated,
        not_estimated=findings.not_estimated,
        labelled_days=findings.labelled_days,
        timing=findings.timing,
        scored_again=findings.scored_again,
        slices=findings.wrong_slices or findings.slices[:1],
        evidently=findings.evidently,
    )


def overall(
    inputs: DriftState, predictions: DriftState, performance: PerformanceComparison | None, *, is_called: bool
) -> DriftState:
    """The table at the head of this module."""
    outcome = performance.outcome if performance else None
    if outcome == "worse" or is_called:
        return "drift"
    if "insufficient" in (inputs, predictions):
        return "drift" if "drift" in (inputs, predictions) else "insufficient"
    if outcome == "held":
        return "stable"
    asked = (predictions,) if outcome == "inconclusive" else (inputs, predictions)
    return "drift" if "drift" in asked else "stable"


def exit_code(drift: Drift, verdict: DriftVerdict) -> Exit:
    """Drift stops a deploy only where pipeline.toml says so; then too little traffic to tell stops it as well."""
    return Exit.FINDING if drift.blocks_deploy and verdict.state != "stable" else Exit.PASS


def headline(drift: Drift, findings: Findings, verdict: DriftVerdict) -> str:
    """The figures to remember, in one line."""
    worth = f" worth {verdict.effective_rows:,}" if verdict.replayed_copies or verdict.repeated_rows else ""
    rows = f"{verdict.current_rows:,} requests{worth} against {verdict.reference_rows:,} reference rows"
    if verdict.effective_rows < drift.min_rows:
        return f"{rows}; at least {drift.min_rows:,} requests are required (drift.min_rows in pipeline.toml)"
    compared = findings.compared
    inputs = f"inputs {verdict.inputs}: {len(compared.drifted)} of {len(compared.features)} columns"
    if compared.features:
        inputs += f", most {_distance(compared.features[0])}"
    prediction = f"predictions {verdict.predictions} {compared.prediction.distance:.3g}"
    return f"{inputs}; {prediction}; performance {_performance_in_short(verdict)}; {rows}"


def _performance_in_short(verdict: DriftVerdict) -> str:
    if verdict.performance:
        return f"{verdict.performance.outcome} {verdict.performance.metric} {verdict.performance.current:.3g}"
    if verdict.estimated:
        return f"not measured, estimated {verdict.estimated.metric} {verdict.estimated.estimate:.3g}"
    return "not known"


def _inputs(drift: Drift, window: RequestWindow, compared: Compared) -> DriftState:
    if _repeated(drift, window):
        return "drift"
    if not compared.features:
        return "insufficient"
    return "drift" if compared.drifted else "stable"


def _repeated(drift: Drift, window: RequestWindow) -> str:
    """Says which share of the requests only repeats others, where it matters; empty where not."""
    share = window.repeated / max(1, window.repeated + len(window.rows))
    if share <= drift.repeated_effect:
        return ""
    return (
        f"; {share:.1%} of the requests only repeat others (drift.repeated_effect {drift.repeated_effect:g}): a client "
        "or a source that is stuck, or sends twice"
    )


def _too_few(drift: Drift, window: RequestWindow) -> str:
    worth = f", worth {len(window.rows):,} rows, for the others repeat these" * bool(window.replayed + window.repeated)
    return (
        f"Insufficient: {window.requests:,} requests of this model are in the log{worth}, at least "
        f"{drift.min_rows:,} are required (drift.min_rows in pipeline.toml), because so few can hardly tell drift "
        "from chance. Wait for more traffic, or load longer (load.seconds)."
    )


def _answers(findings: Findings, inputs: DriftState, predictions: DriftState, repeated: str) -> Iterator[str]:
    """One sentence for each of the three questions, and one for the labels."""
    compared = findings.compared
    count = f"{len(compared.drifted)} of {len(compared.features)} columns over their threshold{_named(compared)}"
    if not compared.features:
        yield "Inputs cannot be judged: the log has none of the model's features (service.logged_features)."
    else:
        yield f"Inputs {'drifted' if inputs == 'drift' else 'are stable'}: {count}{repeated}."
    says = "drifted" if predictions == "drift" else "are stable"
    yield f"Predictions {says}: {_distance(compared.prediction)}, {compared.prediction.method}."
    yield _performance(findings)
    if timing := findings.timing:
        yield _in_time(timing)
    if findings.slices:
        yield _of_slices(findings)
    if (again := findings.scored_again) and not again.follows:
        yield (
            f"Predictions do not follow from the logged features: of {again.rows:,} rows, scored again, "
            f"{again.others:,} get another one."
        )
    if labels := compared.labels:
        says = "are distributed otherwise than in training" if labels.moved else "are distributed as in training"
        against = f"{labels.distance:.3g} {'>' if labels.moved else '≤'} {labels.threshold:.3g}"
        yield f"Labels {says}: {labels.method} {against} on {labels.labels:,}."


def _performance(findings: Findings) -> str:
    if seen := findings.performance:
        return _measured(seen)
    if guess := findings.estimated:
        return (
            f"Performance is not measured, for no labels came in. Estimated {guess.metric} {guess.estimate:.3f} "
            f"[{guess.low:.3f}, {guess.high:.3f}] against {guess.reference:.3f} out of fold. {guess.assumption}"
        )
    why = f", and without them no estimate is possible: {findings.not_estimated}" if findings.not_estimated else ""
    return f"Performance is not known: the log has no labels{why}."


def _measured(seen: PerformanceComparison) -> str:
    about = f"{seen.metric} {seen.current:.3f} on {seen.labels:,} labels, {seen.reference:.3f} out of fold"
    if seen.difference is None or seen.outcome == "insufficient":
        return f"Performance cannot be judged yet: {about}; more labels are required (drift.min_labels)."
    interval = f"{seen.difference.value:+.3f} [{seen.difference.low:+.3f}, {seen.difference.high:+.3f}]"
    meaning = {"worse": "became worse", "held": "held"}
    says = meaning.get(seen.outcome or "", "shows no loss that is sure, and these labels cannot rule one out")
    return f"Performance {says}: {about}; {interval}, {seen.method} (gate.margin).{_by_clipped(seen)}"


def _by_clipped(seen: PerformanceComparison) -> str:
    """Says so where a few labels hid what the others show."""
    clipped = seen.clipped
    if clipped is None or not clipped.decided:
        return ""
    labels = f"{clipped.rows:,} label{'s' if clipped.rows != 1 else ''} with a larger loss"
    interval = f"{clipped.difference.value:+.3f} [{clipped.difference.low:+.3f}, {clipped.difference.high:+.3f}]"
    return (
        f" Decided with each row's loss clipped at {clipped.largest_loss:.3g}, because {labels} "
        f"{'are' if clipped.rows != 1 else 'is'} {clipped.share:.0%} of the sum: {clipped.current:.3f} against "
        f"{clipped.reference:.3f} out of fold, {interval}. Are these labels right?"
    )


def _of_slices(findings: Findings) -> str:
    named = [
        f"{one.column} {one.value} ({one.figure} {one.difference:+.3f} ± {one.reach:.3f} on {one.labels:,})"
        for one in (findings.wrong_slices or findings.slices)[:NAMED_COLUMNS]
    ]
    if findings.wrong_slices:
        return f"Labels went wrong in a slice, compared with the rest: {', '.join(named)} (gate.slice_margin)."
    return f"No slice's labels went wrong, compared with the rest: furthest {named[0]}."


def _in_time(timing: Timing) -> str:
    says = "look a day late: labels follow" if timing.is_late else "do not look a day late: labels follow"
    return (
        f"Inputs {says} the predictions of their own day by {timing.own:.2f} and those of the day after by "
        f"{timing.following:.2f}, over {timing.days} days; 1 and 0 is right. Difference at most {timing.high:.2f}."
    )


def _named(compared: Compared) -> str:
    named = [_distance(one) for one in compared.drifted[:NAMED_COLUMNS]]
    if len(compared.drifted) > NAMED_COLUMNS:
        named.append(f"{len(compared.drifted) - NAMED_COLUMNS} more")
    return f" ({', '.join(named)})" if named else ""


def _distance(one: ColumnComparison) -> str:
    return f"{one.column} {one.distance:.3g} {'>' if one.drifted else '≤'} {one.threshold:.3g}"


def _advice(drift: Drift, state: DriftState, findings: Findings, *, has_moved: bool) -> Iterator[str]:
    performance, labels = findings.performance, findings.compared.labels
    if findings.timing and findings.timing.is_late:
        yield (
            "To do: look at the join that brings the inputs to the model, for it serves yesterday's values. Fix it "
            "there; a retrain would learn from a table that is not late."
        )
    elif findings.scored_again and not findings.scored_again.follows:
        yield "To do: look at what stands between model and log, a cache or a converter; no distance can be trusted."
    elif findings.wrong_slices:
        yield "To do: look at where the slice's labels come from, and what changed for it; a retrain would learn that."
    elif performance and performance.outcome == "worse":
        yield "To do: fix what the inputs show, or retrain with a later data.as_of."
    elif state == "drift" and labels and labels.moved:
        yield (
            "To do: probabilities and the decision threshold were set for other shares of the target. Look whether "
            "they still fit; a retrain with a later data.as_of learns the new ones."
        )
    elif state == "drift":
        yield (
            "To do: see which columns in evidently.html; a unit or a category that changed is a fault to fix at its "
            "source. Bring labels (POST /feedback): only they say whether the model became worse."
        )
    elif state == "stable" and has_moved:
        yield "Nothing to do: what moved, moved while performance held."
    if state != "stable" and drift.blocks_deploy:
        yield "This stops the deploy, because drift.blocks_deploy is true."


def _log_notes(window: RequestWindow, compared: Compared) -> Iterator[str]:
    """What was left out, and why: nothing is dropped in silence."""
    if compared.not_logged:
        yield (
            f"Not in the log, so not compared: {', '.join(compared.not_logged)} (service.logged_features); nor are "
            "the others given them."
        )
    drawn = len(window.rows) + window.replayed + window.repeated
    if drawn < window.requests:
        yield f"Compared on {drawn:,} of {window.requests:,} requests, drawn by data.seed."
    if window.replayed:
        yield f"{_counted(window.replayed, 'replayed copy', 'replayed copies')} of rows that count once left out."
    if window.repeated:
        yield f"{_counted(window.repeated, 'request')} that only repeat{'s' * (window.repeated == 1)} others left out."
    if window.other_models:
        yield f"{_counted(window.other_models, 'record')} of other models left out; if you trained again, load again."
    if window.repeated_ids:
        yield f"{_counted(window.repeated_ids, 'repeated id')} counted once."
    if window.torn_lines:
        yield f"{_counted(window.torn_lines, 'torn last line')} skipped: a process was stopped while it wrote."
    if window.unreadable_lines:
        yield f"{_counted(window.unreadable_lines, 'unreadable line')} skipped: no record of format 1."


def _counted(number: int, noun: str, plural: str = "") -> str:
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
