"""The texts of the scheduled job: a tracking issue about drift, a pull request that moves `as_of`. All escaped."""

from collections.abc import Iterator

from contracts.outside.markdown import escape as cell
from contracts.scheduled_drift import RetrainDecision
from contracts.verdict import ColumnComparison, DriftVerdict, PerformanceComparison
from reports.page.summary import table

MOST_COLUMNS = 12
STATES = {"stable": "Stable", "insufficient": "Too few requests to tell", "drift": "Drift"}
LASTING, NOT_LASTING = "Drift that lasts", "Drift, not yet lasting"
IS_WORSE, IS_LATE = "Has the model become worse?", "Do the inputs arrive a day late?"


def drift_text(verdict: DriftVerdict) -> str:
    """drift.md: what was found, in the order in which it matters."""
    if verdict.first_run:
        return f"## Nothing in production yet\n\n{cell(verdict.first_run)}\n"
    parts = [f"## {_title(verdict)}", *_about(verdict), *(f"- {cell(reason)}" for reason in verdict.reasons)]
    text = "\n".join([parts[0], "", parts[1], "", *parts[2:]])
    return "\n\n".join([text, *_tables(verdict)]) + "\n"


def retrain_text(decision: RetrainDecision) -> str:
    """retrain.md: the body of the pull request, or why there is none."""
    reasons = "\n".join(f"- {cell(reason)}" for reason in decision.reasons)
    if not decision.is_due:
        return f"## No retrain is due\n\n{reasons}\n"
    return (
        f"## Retrain: as\\_of {decision.as_of_before} → {decision.as_of}\n\n{reasons}\n\n"
        f"Model in production: {cell(decision.model)}. This changes one line of pipeline.toml; the chain trains on the "
        "newer rows, and the gate decides whether that model is better. Close it, and nothing happens.\n"
    )


def _title(verdict: DriftVerdict) -> str:
    lasting = verdict.persistence
    if verdict.state != "drift" or lasting is None:
        return STATES[verdict.state]
    return LASTING if lasting.is_lasting else NOT_LASTING


def _about(verdict: DriftVerdict) -> Iterator[str]:
    days = f", {verdict.window_days} days" if verdict.window_days else ""
    kept = ""
    if lasting := verdict.persistence:
        kept = (
            f" {lasting.drifted} of the last {lasting.windows} windows drifted; {lasting.needed} of "
            f"{lasting.of_windows} are a finding."
        )
    yield (
        f"{verdict.current_rows:,} requests{days}, against {verdict.reference_rows:,} reference rows. "
        f"Traffic: {cell(verdict.traffic)}. Model {cell(verdict.model)}.{kept}"
    )


def _tables(verdict: DriftVerdict) -> Iterator[str]:
    yield table(["question", "answer"], _answers(verdict))
    ranked = sorted(verdict.columns, key=lambda one: one.distance / one.threshold, reverse=True)
    if moved := [one for one in ranked if one.drifted] or ranked[:3]:
        yield table(
            ["column", "distance", "threshold", "by chance", "historic", "method"], map(_column, moved[:MOST_COLUMNS])
        )
    if other := verdict.evidently:
        says = "drift" if other.is_drift else "no drift"
        yield (
            f"{cell(other.library)}, by its defaults and for comparison: {says}, {len(other.drifted)} of "
            f"{other.columns} columns."
        )


def _clipped(seen: PerformanceComparison) -> str:
    return ", by clipped losses" if seen.clipped and seen.clipped.decided else ""


def _answers(verdict: DriftVerdict) -> Iterator[list[str]]:
    yield ["Have the inputs moved?", verdict.inputs]
    yield ["Have the predictions moved?", verdict.predictions]
    if seen := verdict.performance:
        yield [
            IS_WORSE,
            f"{seen.outcome}: {cell(seen.metric)} {seen.current:.3f}, {seen.labels:,} labels{_clipped(seen)}",
        ]
    elif guess := verdict.estimated:
        interval = f"{guess.estimate:.3f} [{guess.low:.3f}, {guess.high:.3f}]"
        yield [IS_WORSE, f"no labels; estimated {cell(guess.metric)} {interval}"]
    else:
        why = f"; no estimate is possible: {cell(verdict.not_estimated)}" if verdict.not_estimated else ""
        yield [IS_WORSE, f"not known, no labels{why}"]
    if timing := verdict.timing:
        said = f"{timing.own:.2f} of their own day, {timing.following:.2f} of the day after"
        yield [IS_LATE, f"{'yes' if timing.is_late else 'no'}; labels follow {said}"]
    if labels := verdict.labels:
        yield ["Are labels distributed as in training?", f"{'no' if labels.moved else 'yes'}, {labels.distance:.3f}"]


def _column(one: ColumnComparison) -> list[str]:
    figures = [one.distance, one.threshold, one.by_chance, one.historic]
    return [cell(one.column), *("" if figure is None else f"{figure:.3f}" for figure in figures), cell(one.method)]
