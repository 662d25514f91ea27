"""The rules of the drift verdict, as pure functions of distances, thresholds and performance.

There are three questions: have the inputs moved, have the predictions moved, has the model become worse? The state says
whether a person must look:

    performance became worse; labels are distributed differently, follow
    the next day's predictions, or are wrong in one slice; predictions do
    not follow from the logged features                                  drift, whatever the inputs are
    performance held                                                     stable, even if inputs or predictions moved
    labels neither show nor rule out a loss                              drift if the predictions moved
    no labels                                                            drift if inputs or predictions moved

With too few effective rows the state is "insufficient", never "stable". If too many rows are repeats, the inputs have
drifted by that alone.
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
    LargeLog,
    LibraryVerdict,
    PerformanceComparison,
    ScoredAgain,
    SliceComparison,
    Timing,
)
from reports.drift.comparison import Compared
from reports.drift.large_log.wording import large_log_of, notes_of
from reports.drift.log_reader import RequestWindow

VERDICT_FILE = "verdict.json"
NAMED_COLUMNS = 6
# With fewer groups on a side, such as people with several rows each, distances come from the groups, not from drift.
LEAST_GROUPS = 10


@dataclass(frozen=True)
class Findings:
    """Everything measured in one window. `window_days`: its length, 0 if the table has no time.

    `groups`: the number of groups of reference and window, None if rows are independent.
    """

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
    groups: tuple[int, int] | None = None

    @property
    def has_few_groups(self) -> bool:
        """Whether there are too few groups to tell drift from differences between groups."""
        return self.groups is not None and min(self.groups) < LEAST_GROUPS

    @property
    def wrong_slices(self) -> tuple[SliceComparison, ...]:
        return tuple(one for one in self.slices if one.moved)

    @property
    def needs_a_person(self) -> bool:
        """Whether a person must look, whatever inputs, predictions and performance are."""
        is_late = self.timing is not None and self.timing.is_late
        follows = self.scored_again is None or self.scored_again.follows
        return is_late or not follows or bool(self.wrong_slices)


@dataclass(frozen=True)
class Subject:
    """What is judged: digests of the model, of its training data, and of pipeline.toml."""

    model: str
    data_digest: str
    settings: str


def judge(drift: Drift, window: RequestWindow, findings: Findings, subject: Subject, traffic: str) -> DriftVerdict:
    """The verdict on one window by itself; the scheduled job adds persistence."""
    compared = findings.compared
    states = _states(drift, window, findings)
    large = large_log_of(window, compared, findings.reference_rows)
    return DriftVerdict(
        state=states.state,
        reasons=tuple(_reasons(drift, window, findings, states, large)),
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
        effective_rows=window.effective_rows,
        replayed_copies=window.replayed,
        repeated_rows=window.repeated,
        inputs=states.inputs,
        predictions=states.predictions,
        performance=findings.performance,
        columns=compared.columns,
        window_days=findings.window_days,
        false_alarm_rate=drift.false_alarm_rate,
        labels=compared.labels if states.is_enough else None,
        estimated=findings.estimated,
        not_estimated=findings.not_estimated,
        labelled_days=findings.labelled_days,
        timing=findings.timing,
        scored_again=findings.scored_again,
        slices=findings.wrong_slices or findings.slices[:1],
        evidently=findings.evidently,
        large_log=large,
    )


@dataclass(frozen=True)
class _States:
    """The states of one window. `is_enough`: it has at least drift.min_rows effective rows, of enough groups."""

    inputs: DriftState
    predictions: DriftState
    state: DriftState
    is_enough: bool


def _states(drift: Drift, window: RequestWindow, findings: Findings) -> _States:
    inputs: DriftState = "insufficient"
    predictions: DriftState = "insufficient"
    compared = findings.compared
    is_enough = min(len(window.rows), window.effective_rows) >= drift.min_rows and not findings.has_few_groups
    if is_enough:
        inputs = _inputs(drift, window, compared)
        predictions = "drift" if compared.prediction.drifted else "stable"
    has_moved_labels = is_enough and compared.labels is not None and compared.labels.moved
    needs_a_person = has_moved_labels or findings.needs_a_person
    state = overall(inputs, predictions, findings.performance, needs_a_person=needs_a_person)
    return _States(inputs, predictions, state, is_enough)


def _reasons(
    drift: Drift, window: RequestWindow, findings: Findings, states: _States, large: LargeLog | None
) -> Iterator[str]:
    if states.is_enough:
        yield from _answers(findings, states, _repeated(drift, window))
    else:
        yield _too_few(drift, window, findings)
    yield from _advice(drift, states, findings)
    yield from notes_of(window, large)
    yield from _log_notes(window, findings.compared)


def overall(
    inputs: DriftState, predictions: DriftState, performance: PerformanceComparison | None, *, needs_a_person: bool
) -> DriftState:
    """The state, by the table in this module's docstring."""
    outcome = performance.outcome if performance else None
    if outcome == "worse" or needs_a_person:
        return "drift"
    if "insufficient" in (inputs, predictions):
        return "drift" if "drift" in (inputs, predictions) else "insufficient"
    if outcome == "held":
        return "stable"
    asked = (predictions,) if outcome == "inconclusive" else (inputs, predictions)
    return "drift" if "drift" in asked else "stable"


def exit_code(drift: Drift, verdict: DriftVerdict) -> Exit:
    """FINDING only with drift.blocks_deploy: on drift and on insufficient traffic."""
    return Exit.FINDING if drift.blocks_deploy and verdict.state != "stable" else Exit.PASS


def headline(drift: Drift, findings: Findings, verdict: DriftVerdict) -> str:
    """The most important figures, in one line."""
    is_less = verdict.large_log and verdict.effective_rows < verdict.current_rows
    worth = f" worth {verdict.effective_rows:,}" if verdict.replayed_copies or verdict.repeated_rows or is_less else ""
    rows = f"{verdict.current_rows:,} requests{worth} against {verdict.reference_rows:,} reference rows"
    if verdict.effective_rows < drift.min_rows:
        return f"{rows}; at least {drift.min_rows:,} requests are required (drift.min_rows in pipeline.toml)"
    if findings.has_few_groups:
        return f"{rows}; {_few_groups(findings)}"
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
    """The share of the requests that only repeat others, as text; empty if it is within drift.repeated_effect."""
    requests = window.requests if window.whole else window.repeated + len(window.rows)
    share = window.repeated / max(1, requests)
    if share <= drift.repeated_effect:
        return ""
    return (
        f"; {share:.1%} of the requests only repeat others (drift.repeated_effect {drift.repeated_effect:g}): a client "
        "or source is stuck, or sends twice"
    )


def _few_groups(findings: Findings) -> str:
    reference, window = findings.groups or (0, 0)
    return (
        f"{reference:,} groups (data.group, or equal rows) in the reference and {window:,} in the window; required: at "
        f"least {LEAST_GROUPS} on each side"
    )


def _too_few(drift: Drift, window: RequestWindow, findings: Findings) -> str:
    if min(len(window.rows), window.effective_rows) >= drift.min_rows:
        return (
            f"Insufficient: {_few_groups(findings)}, because rows of one group are correlated, and so few groups can "
            "hardly tell drift from chance. Wait for more traffic, or raise data.replay_share."
        )
    effective = f", but only {window.effective_rows:,} effective rows, because the others repeat these"
    return (
        f"Insufficient: the log has {window.requests:,} requests of this model"
        f"{effective if window.replayed + window.repeated else ''}; required: at least {drift.min_rows:,} "
        "(drift.min_rows in pipeline.toml), because fewer can hardly tell drift from chance. Wait for more traffic, or "
        "load longer (load.seconds)."
    )


def _answers(findings: Findings, states: _States, repeated: str) -> Iterator[str]:
    """A sentence for each of the three questions, and for each check of labels and predictions."""
    compared = findings.compared
    count = f"{len(compared.drifted)} of {len(compared.features)} columns over their threshold{_named(compared)}"
    if not compared.features:
        yield "Inputs cannot be judged: the log has none of the model's features (service.logged_features)."
    else:
        yield f"Inputs {'drifted' if states.inputs == 'drift' else 'are stable'}: {count}{repeated}."
    says = "drifted" if states.predictions == "drift" else "are stable"
    yield f"Predictions {says}: {_distance(compared.prediction)}, {compared.prediction.method}."
    yield _performance(findings)
    if timing := findings.timing:
        yield _in_time(timing)
    if findings.slices:
        yield _of_slices(findings)
    if (again := findings.scored_again) and not again.follows:
        yield (
            f"Predictions do not follow from the logged features: of {again.rows:,} rows that were scored again, "
            f"{again.others:,} get another prediction."
        )
    if labels := compared.labels:
        says = "are distributed differently than in training" if labels.moved else "are distributed as in training"
        against = f"{labels.distance:.3g} {'>' if labels.moved else '≤'} {labels.threshold:.3g}"
        yield f"Labels {says}: {labels.method} {against} on {labels.labels:,}."


def _performance(findings: Findings) -> str:
    if seen := findings.performance:
        return _measured(seen)
    if guess := findings.estimated:
        return (
            f"Performance is not measured, because there are no labels. Estimated {guess.metric} {guess.estimate:.3f} "
            f"[{guess.low:.3f}, {guess.high:.3f}] against {guess.reference:.3f} out of fold. {guess.assumption}"
        )
    why = f", and an estimate is not possible: {findings.not_estimated}" if findings.not_estimated else ""
    return f"Performance is not known: the log has no labels{why}."


def _measured(seen: PerformanceComparison) -> str:
    about = f"{seen.metric} {seen.current:.3f} on {seen.labels:,} labels, {seen.reference:.3f} out of fold"
    if seen.difference is None or seen.outcome == "insufficient":
        return f"Performance cannot be judged yet: {about}; more labels are required (drift.min_labels)."
    interval = f"{seen.difference.value:+.3f} [{seen.difference.low:+.3f}, {seen.difference.high:+.3f}]"
    meaning = {"worse": "became worse", "held": "held"}
    says = meaning.get(seen.outcome or "", "shows no significant loss, but these labels cannot rule one out")
    return f"Performance {says}: {about}; {interval}, {seen.method} (gate.margin).{_by_clipped(seen)}"


def _by_clipped(seen: PerformanceComparison) -> str:
    """A sentence if the clipped losses decided; empty if not."""
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
        return f"Labels went wrong in a slice, compared with all other rows: {', '.join(named)} (gate.slice_margin)."
    return f"Labels went wrong in no slice, compared with all other rows; the largest difference: {named[0]}."


def _in_time(timing: Timing) -> str:
    return (
        f"Inputs {'look' if timing.is_late else 'do not look'} a day late: over {timing.days} days, labels follow the "
        f"predictions of their own day with coefficient {timing.own:.2f}, those of the next day with "
        f"{timing.following:.2f}; 1 and 0 are right. The difference is at most {timing.high:.2f}."
    )


def _named(compared: Compared) -> str:
    named = [_distance(one) for one in compared.drifted[:NAMED_COLUMNS]]
    if len(compared.drifted) > NAMED_COLUMNS:
        named.append(f"{len(compared.drifted) - NAMED_COLUMNS} more")
    return f" ({', '.join(named)})" if named else ""


def _distance(one: ColumnComparison) -> str:
    return f"{one.column} {one.distance:.3g} {'>' if one.drifted else '≤'} {one.threshold:.3g}"


def _advice(drift: Drift, states: _States, findings: Findings) -> Iterator[str]:
    state, has_moved = states.state, "drift" in (states.inputs, states.predictions)
    performance, labels = findings.performance, findings.compared.labels
    if findings.timing and findings.timing.is_late:
        yield (
            "To do: check the join that brings the inputs to the model, because it serves yesterday's values. Do not "
            "retrain: the training table is not late."
        )
    elif findings.scored_again and not findings.scored_again.follows:
        yield "To do: check the way from model to log, such as a cache or a converter; no distance can be trusted."
    elif findings.wrong_slices:
        yield "To do: check where the slice's labels come from, and what changed; a retrain would learn wrong labels."
    elif performance and performance.outcome == "worse":
        yield "To do: fix what the inputs show, or retrain with a later data.as_of."
    elif state == "drift" and labels and labels.moved:
        yield (
            "To do: check whether probabilities and decision threshold still fit, because they were fitted to other "
            "shares of the target; a retrain with a later data.as_of learns the new shares."
        )
    elif state == "drift":
        yield (
            "To do: see in evidently.html which columns drifted, and fix a changed unit or category at its source. "
            "Send labels (POST /feedback): only they show whether the model became worse."
        )
    elif state == "stable" and has_moved:
        yield "Nothing to do: inputs or predictions moved, but performance held."
    if state != "stable" and drift.blocks_deploy:
        yield "This stops the deploy, because drift.blocks_deploy is true."


def _log_notes(window: RequestWindow, compared: Compared) -> Iterator[str]:
    """What was left out of the comparison, and why."""
    if compared.not_logged:
        yield (
            f"Not in the log, so not compared: {', '.join(compared.not_logged)} (service.logged_features). Nor is any "
            "column compared given the others."
        )
    drawn = len(window.rows) + window.replayed + window.repeated
    if drawn < window.requests and not window.whole:
        yield f"Compared on a sample of {drawn:,} of {window.requests:,} requests (data.seed)."
    if window.replayed:
        yield f"Left out: {_counted(window.replayed, 'replayed copy', 'replayed copies')} of rows that count once."
    if window.repeated:
        yield f"Left out: {_counted(window.repeated, 'request')} that only repeat{'s' * (window.repeated == 1)} others."
    if window.other_models:
        yield f"Left out: {_counted(window.other_models, 'record')} of other models; if you trained again, load again."
    if window.repeated_ids:
        yield f"Counted once: {_counted(window.repeated_ids, 'repeated id')}."
    if window.torn_lines:
        yield f"Skipped: {_counted(window.torn_lines, 'torn last line')}, because a process was killed while it wrote."
    if window.unreadable_lines:
        yield f"Skipped: {_counted(window.unreadable_lines, 'unreadable line')}: not a record of format 1."


def _counted(number: int, noun: str, plural: str = "") -> str:
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
