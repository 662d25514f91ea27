"""When a retrain is due, and the one line that it changes."""

import datetime as dt
from pathlib import Path

import pytest

from contracts.decision import Interval
from contracts.pipeline_toml.keys import Drift
from contracts.scheduled_drift import Retrain, RetrainDecision
from contracts.verdict import DriftVerdict, PerformanceComparison, PerformanceOutcome, Persistence, Timing
from reports.scheduled.retrain_rules import decide, newest_day
from reports.scheduled.texts import IS_WORSE, LASTING, NOT_LASTING, drift_text, retrain_text
from tests.reports.records import drift_verdict

NOW = dt.datetime(2013, 11, 1, 4, 37)
AS_OF, NEWEST = dt.date(2013, 10, 1), dt.date(2013, 10, 29)
DRIFT = Drift(retrain_cooldown_days=3, max_retrains_per_week=2)
SHIPPED = Path(__file__).parents[3] / "pipeline.toml"


def verdict(outcome: PerformanceOutcome | None = "worse", drifted: int = 2, *, kept: bool = True) -> DriftVerdict:
    performance = PerformanceComparison(
        metric="roc_auc", labels=9000, reference=0.73, current=0.66, days=30, outcome=outcome,
        difference=Interval(value=-0.07, low=-0.1, high=-0.04), method="clustered by day, 30 days",
    )  # fmt: skip
    lasting = Persistence(windows=3, drifted=drifted, needed=2, of_windows=3, is_lasting=drifted >= 2)
    return drift_verdict("sha256:" + "a" * 64).model_copy(
        update={"performance": performance if outcome else None, "persistence": lasting if kept else None}
    )


def asked(days_ago: float) -> Retrain:
    return Retrain(at=NOW - dt.timedelta(days=days_ago), model="m", as_of_before=AS_OF, as_of=AS_OF)


def due(
    seen: DriftVerdict, *past: Retrain, as_of: dt.date | None = AS_OF, newest: dt.date | None = NEWEST
) -> RetrainDecision:
    return decide(DRIFT, seen, past, NOW, as_of, newest)


def test_lasting_drift_with_a_measured_loss_is_due() -> None:
    decision = due(verdict())
    assert (decision.is_due, decision.as_of_before, decision.as_of) == (True, AS_OF, NEWEST)
    assert "roc_auc is 0.660 on 9,000 labels, 0.730 out of fold: -0.070 [-0.100, -0.040]" in decision.reasons[1]


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (verdict(drifted=1), "No lasting drift: 1 of the last 3 windows"),
        (verdict(kept=False), "with HISTORY="),
        (verdict(None), "no labels came in"),
        (verdict("held"), "performance is held"),
        (verdict("inconclusive"), "performance is inconclusive"),
        (verdict("insufficient"), "performance is insufficient"),
    ],
)
def test_without_a_lasting_and_measured_loss_none_is_due(seen: DriftVerdict, says: str) -> None:
    decision = due(seen)
    assert not decision.is_due
    assert decision.as_of is None
    assert says in decision.reasons[0]


def test_inputs_that_are_late_are_mended_and_not_learned_around() -> None:
    late = Timing(days=28, own=0.1, following=0.9, high=-0.2, is_late=True)
    assert "no retrain helps" in due(verdict().model_copy(update={"timing": late})).reasons[0]
    assert due(verdict().model_copy(update={"timing": late.model_copy(update={"is_late": False})})).is_due


def test_the_cooldown_is_kept() -> None:
    assert "drift.retrain_cooldown_days" in due(verdict(), asked(2.9)).reasons[0]
    assert due(verdict(), asked(3.1)).is_due


def test_the_cap_of_a_week_is_kept() -> None:
    assert "drift.max_retrains_per_week" in due(verdict(), asked(4), asked(6.9)).reasons[0]
    assert due(verdict(), asked(4), asked(7.1)).is_due


@pytest.mark.parametrize("newest", [AS_OF, dt.date(2013, 9, 1), None])
def test_as_of_never_moves_back_nor_stays(newest: dt.date | None) -> None:
    assert f"data.as_of = {AS_OF}" in due(verdict(), newest=newest).reasons[0]


def test_a_table_without_time_has_nothing_to_move() -> None:
    assert "`make pin`" in due(verdict(), as_of=None).reasons[0]


def test_a_whole_day_of_rows_is_left_after_it() -> None:
    end = dt.datetime(2013, 10, 30, 23, 59)
    assert newest_day(end, end) == dt.date(2013, 10, 29)
    assert newest_day(dt.datetime(2013, 10, 30, 0, 1), end) == dt.date(2013, 10, 29)


def test_it_does_not_move_beyond_the_window_that_drifted() -> None:
    assert newest_day(dt.datetime(2013, 12, 31), dt.datetime(2013, 10, 8, 12)) == dt.date(2013, 10, 8)


def test_texts_for_issues_and_pull_requests_let_nothing_in() -> None:
    evil = "</script>@everyone [x](http://x) | `a` #1"
    seen = verdict().model_copy(update={"traffic": evil, "reasons": (evil,)})
    columns = tuple(one.model_copy(update={"column": evil}) for one in seen.columns)
    text = drift_text(seen.model_copy(update={"columns": columns}))
    asks = retrain_text(RetrainDecision(is_due=False, reasons=(evil,), model="m"))
    for one in (text, asks):
        assert "<" not in one.replace("&lt;", "")
        assert "@everyone" not in one
        assert "[x](http" not in one
        assert " #1" not in one


def test_the_text_of_an_issue_says_whether_it_lasts() -> None:
    assert drift_text(verdict()).startswith(f"## {LASTING}")
    assert drift_text(verdict(drifted=1)).startswith(f"## {NOT_LASTING}")
    assert f"| {IS_WORSE} | worse: roc_auc 0.660, 9,000 labels |" in drift_text(verdict())


def test_the_text_of_a_pull_request_has_both_days() -> None:
    assert "as\\_of 2013-10-01 → 2013-10-29" in retrain_text(due(verdict()))
