"""When a retrain is due, and to which day `data.as_of` moves. Pure rules.

A retrain is due if drift lasts (`persistence.py`) and performance measurably fell, unless inputs arrive late
(`timing.py`), which a retrain does not fix. Moved inputs without a loss, or an estimate without labels, are no reason.
A cooldown and a cap per week keep a daily job from asking for the same retrain daily.
"""

import datetime as dt
from collections.abc import Sequence

from contracts.pipeline_toml.keys import Drift
from contracts.scheduled_drift import Retrain, RetrainDecision
from contracts.verdict import DriftVerdict


def decide(
    drift: Drift,
    verdict: DriftVerdict,
    retrains: Sequence[Retrain],
    now: dt.datetime,
    as_of: dt.date | None,
    newest: dt.date | None,
) -> RetrainDecision:
    """`now`: UTC; `as_of`: the current one; `newest`: the latest day to which it can move, None if unknown."""
    against = _reason_against(drift, verdict, retrains, now, as_of, newest)
    if against:
        return RetrainDecision(is_due=False, reasons=(against,), model=verdict.model, as_of_before=as_of)
    return RetrainDecision(
        is_due=True, reasons=_grounds(verdict), model=verdict.model, as_of_before=as_of, as_of=newest
    )  # fmt: skip


def newest_day(last_row: dt.datetime, window_last: dt.datetime) -> dt.date:
    """The latest `as_of` that leaves a whole day of rows after it and lies within the window that drifted."""
    return min((last_row - dt.timedelta(days=1)).date(), window_last.date())


def _reason_against(
    drift: Drift,
    verdict: DriftVerdict,
    retrains: Sequence[Retrain],
    now: dt.datetime,
    as_of: dt.date | None,
    newest: dt.date | None,
) -> str:
    """The first reason why no retrain is due; empty if one is."""
    if verdict.first_run:
        return verdict.first_run
    lasting = verdict.persistence
    if lasting is None:
        return (
            "The verdict knows of no earlier windows: run `make scheduled-drift` with HISTORY=, a folder that is kept."
        )
    if not lasting.is_lasting:
        return (
            f"No lasting drift: {lasting.drifted} of the last {lasting.windows} windows drifted, "
            f"{lasting.needed} of {lasting.of_windows} are required (drift.lasting_windows)."
        )
    if verdict.timing and verdict.timing.is_late:
        return "Inputs arrive a day late: that is fixed where they are joined, and no retrain helps."
    if verdict.performance is None:
        return "Drift lasts, but no labels came in: whether the model became worse is not known (POST /feedback)."
    if verdict.performance.outcome != "worse":
        return f"Drift lasts, but the model is not significantly worse: performance is {verdict.performance.outcome}."
    ages = [(now - one.at) / dt.timedelta(days=1) for one in retrains]
    if ages and min(ages) < drift.retrain_cooldown_days:
        return (
            f"The last retrain was asked for {min(ages):.1f} days ago; at least {drift.retrain_cooldown_days} "
            "must pass (drift.retrain_cooldown_days)."
        )
    if sum(age < 7 for age in ages) >= drift.max_retrains_per_week:
        return f"{drift.max_retrains_per_week} retrains in a week is the most (drift.max_retrains_per_week)."
    if as_of is None:
        return "The table has no time, so there is no as_of to move: bring a newer source, and run `make pin`."
    if newest is None or newest <= as_of:
        return f"There are no rows to move to: data.as_of = {as_of} must leave a whole day of rows after it."
    return ""


def _grounds(verdict: DriftVerdict) -> tuple[str, ...]:
    lasting, seen = verdict.persistence, verdict.performance
    if lasting is None or seen is None or seen.difference is None:
        raise ValueError("a retrain is due only with lasting drift and a measured loss")
    clipped = seen.clipped if seen.clipped and seen.clipped.decided else None
    return (
        f"Drift lasts: {lasting.drifted} of the last {lasting.windows} windows.",
        f"{seen.metric} is {seen.current:.3f} on {seen.labels:,} labels, {seen.reference:.3f} out of fold: "
        f"{seen.difference.value:+.3f} [{seen.difference.low:+.3f}, {seen.difference.high:+.3f}], {seen.method}.",
        *(
            [
                f"With each row's loss clipped at {clipped.largest_loss:.3g} it is {clipped.current:.3f}, "
                f"{clipped.reference:.3f} out of fold: {clipped.rows:,} labels hid this. Look at them before you merge."
            ]
            if clipped
            else []
        ),
    )
