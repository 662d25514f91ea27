"""Pure rules: what the distances of one window mean. Evidently measures them; it is not asked to judge.

A feature has drifted when the distance of its values, or of which of them are missing, is over its threshold. Three
questions are kept apart: inputs, predictions, performance. Too few rows answer none of them, and never pass as stable.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from contracts.config import Drift
from contracts.exits import Exit
from contracts.model_folder import PREDICTION_COLUMN
from contracts.verdict import ColumnComparison, DriftState, DriftVerdict
from reports.drift_rules import ColumnRule
from reports.request_log import RequestWindow

NAMED_COLUMNS = 6


@dataclass(frozen=True)
class Measured:
    """What was compared, and how far apart it was. `not_logged`: features of the model that the log does not have."""

    reference_rows: int
    rules: tuple[ColumnRule, ...]
    distances: Mapping[str, float]
    not_logged: tuple[str, ...] = ()

    def ratio(self, rule: ColumnRule) -> float:
        """Distance over threshold: above 1 means drift, and columns of any method can be ranked by it."""
        return self.distances[rule.column] / rule.threshold

    @property
    def features(self) -> tuple[ColumnRule, ...]:
        """For each feature the rule that it is furthest from keeping; the furthest feature first."""
        furthest: dict[str, ColumnRule] = {}
        for rule in sorted(self.rules, key=self.ratio, reverse=True):
            if rule.source != PREDICTION_COLUMN:
                furthest.setdefault(rule.source, rule)
        return tuple(furthest.values())

    @property
    def drifted(self) -> tuple[ColumnRule, ...]:
        return tuple(rule for rule in self.features if self.distances[rule.column] > rule.threshold)

    @property
    def prediction(self) -> ColumnRule:
        return next(rule for rule in self.rules if rule.source == PREDICTION_COLUMN)


def judge(drift: Drift, window: RequestWindow, measured: Measured, model: str, traffic: str) -> DriftVerdict:
    """The verdict over one window. `performance` is None: a request log has no labels."""
    is_enough = window.requests >= drift.min_rows
    inputs = _inputs(drift, measured) if is_enough else "insufficient"
    predictions = _predictions(measured) if is_enough else "insufficient"
    state = _overall(inputs, predictions)
    answers = _answers(drift, measured, inputs, predictions) if is_enough else [_too_few(drift, window)]
    return DriftVerdict(
        state=state,
        reasons=(*answers, *_advice(drift, state), *_log_notes(window, measured)),
        model=model,
        traffic=traffic,
        reference_rows=measured.reference_rows,
        current_rows=window.requests,
        current_first=window.first,
        current_last=window.last,
        torn_lines=window.torn_lines,
        repeated_ids=window.repeated_ids,
        other_models=window.other_models,
        inputs=inputs,
        predictions=predictions,
        performance=None,
        columns=tuple(_comparison(rule, measured.distances[rule.column]) for rule in measured.rules),
    )


def exit_code(drift: Drift, verdict: DriftVerdict) -> Exit:
    """Drift stops a deploy only where pipeline.toml says so; then too little traffic to tell stops it as well."""
    return Exit.FINDING if drift.blocks_deploy and verdict.state != "stable" else Exit.PASS


def headline(drift: Drift, measured: Measured, verdict: DriftVerdict) -> str:
    """The figures to remember, in one line."""
    rows = f"{verdict.current_rows:,} requests against {verdict.reference_rows:,} reference rows"
    if verdict.current_rows < drift.min_rows:
        return f"{rows}; at least {drift.min_rows:,} requests are required (drift.min_rows in pipeline.toml)"
    inputs = f"inputs {verdict.inputs}: {len(measured.drifted)} of {len(measured.features)} columns"
    if measured.features:
        inputs += f", most {_distance(measured, measured.features[0])}"
    prediction = measured.distances[PREDICTION_COLUMN]
    return f"{inputs}; predictions {verdict.predictions} {prediction:.3g}; {rows}"


def _inputs(drift: Drift, measured: Measured) -> DriftState:
    if not measured.features:
        return "insufficient"
    share = len(measured.drifted) / len(measured.features)
    return "drift" if share > drift.max_drifted_share else "stable"


def _predictions(measured: Measured) -> DriftState:
    rule = measured.prediction
    return "drift" if measured.distances[rule.column] > rule.threshold else "stable"


def _overall(inputs: DriftState, predictions: DriftState) -> DriftState:
    states: tuple[DriftState, ...] = ("drift", "insufficient", "stable")
    return next(state for state in states if state in (inputs, predictions))


def _comparison(rule: ColumnRule, distance: float) -> ColumnComparison:
    return ColumnComparison(
        column=rule.column,
        kind="prediction" if rule.source == PREDICTION_COLUMN else "feature",
        method=rule.method,
        distance=distance,
        threshold=rule.threshold,
        drifted=distance > rule.threshold,
    )


def _too_few(drift: Drift, window: RequestWindow) -> str:
    return (
        f"Insufficient: {window.requests:,} requests of this model are in the log, at least {drift.min_rows:,} are "
        "required (drift.min_rows in pipeline.toml), because distances of small samples alarm without any drift. "
        "Wait for more traffic, or load longer (load.seconds)."
    )


def _answers(drift: Drift, measured: Measured, inputs: DriftState, predictions: DriftState) -> Iterator[str]:
    """One sentence for each of the three questions."""
    count = f"{len(measured.drifted)} of {len(measured.features)} columns over their threshold{_named(measured)}"
    allowed = f"{drift.max_drifted_share:.0%} may be (drift.max_drifted_share)"
    if not measured.features:
        yield "Inputs cannot be judged: the log has none of the model's features (service.logged_features)."
    else:
        yield f"Inputs {'drifted' if inputs == 'drift' else 'are stable'}: {count}; {allowed}."
    rule = measured.prediction
    says = "drifted" if predictions == "drift" else "are stable"
    yield f"Predictions {says}: {_distance(measured, rule)}, {rule.method} (drift.prediction_threshold)."
    yield "Performance is not known: the log has no labels."


def _named(measured: Measured) -> str:
    named = [_distance(measured, rule) for rule in measured.drifted[:NAMED_COLUMNS]]
    if len(measured.drifted) > NAMED_COLUMNS:
        named.append(f"{len(measured.drifted) - NAMED_COLUMNS} more")
    return f" ({', '.join(named)})" if named else ""


def _distance(measured: Measured, rule: ColumnRule) -> str:
    distance = measured.distances[rule.column]
    sign = ">" if distance > rule.threshold else "≤"
    return f"{rule.column} {distance:.3g} {sign} {rule.threshold:g}"


def _advice(drift: Drift, state: DriftState) -> Iterator[str]:
    if state == "drift":
        yield (
            "To do: see which columns in evidently.html, and compare the metric once labels are in. Inputs that moved "
            "while performance holds ask for nothing; if it fell, retrain with a later data.as_of."
        )
    if state != "stable" and drift.blocks_deploy:
        yield "This stops the deploy, because drift.blocks_deploy is true."


def _log_notes(window: RequestWindow, measured: Measured) -> Iterator[str]:
    """What was left out, and why: nothing is dropped in silence."""
    if measured.not_logged:
        yield f"Not in the log, so not compared: {', '.join(measured.not_logged)} (service.logged_features)."
    if len(window.rows) < window.requests:
        yield f"Compared on {len(window.rows):,} of {window.requests:,} requests, drawn by data.seed."
    if window.other_models:
        yield f"{_counted(window.other_models, 'record')} of other models left out; if you trained again, load again."
    if window.repeated_ids:
        yield f"{_counted(window.repeated_ids, 'repeated id')} counted once."
    if window.torn_lines:
        yield f"{_counted(window.torn_lines, 'torn last line')} skipped: a process was stopped while it wrote."
    if window.unreadable_lines:
        yield f"{_counted(window.unreadable_lines, 'unreadable line')} skipped: no record of format 1."


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
