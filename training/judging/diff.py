"""`diff.md`: a decision as Markdown, for a job summary, a pull request or a terminal. A pure function of the decision.

Names of classes, columns and categories come from outside and end in a comment on GitHub. Whatever could be markup, a
link, a mention or a reference to an issue is escaped (contracts/outside/markdown.py).
"""

from collections.abc import Iterable, Sequence

from contracts.decision import Check, Comparison, Decision, SliceComparison
from contracts.outside.markdown import escape
from training.judging.formatting import bounds, decimals_of, figure, signed

MOST_SLICES = 40
NOTHING = "–"


def render(decision: Decision) -> str:
    """The whole document: verdict, metrics, slices, checks, reasons."""
    decimals = decimals_of(decision.deciding) if decision.deciding else 3
    parts = [
        f"**{escape(decision.reasons[0])}**" if decision.reasons else f"**{decision.decision}**",
        f"- ⚠️ {escape(decision.first_run)}" if decision.first_run else "",
        f"- ⚠️ {escape(decision.forgotten)}" if decision.forgotten else "",
        _relaxed(decision.relaxed),
        "\n".join(f"- ⚠️ {escape(one)}" for one in decision.notes),
        "\n".join(f"- Changed since the champion: {escape(one)}" for one in decision.changed),
        _metrics(decision.comparisons, decimals),
        _grounds(decision, decimals),
        _slices(decision.slices, decimals),
        _checks(decision.checks),
        _reasons(decision.reasons),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _relaxed(sentences: Sequence[str]) -> str:
    """These come first: a reader must know by which thresholds the figures were judged."""
    return "\n".join(f"- ⚠️ The gate asks less than before: {escape(one)}" for one in sentences)


def _metrics(comparisons: Sequence[Comparison], decimals: int) -> str:
    if not comparisons:
        return ""
    header = ("metric", "baseline", "champion", "challenger", "difference", "bounds", "outcome")
    return _table(header, "lrrrrrl", (_metric_row(one, decimals) for one in comparisons))


def _metric_row(one: Comparison, decimals: int) -> tuple[str, ...]:
    digits = max(decimals_of(one), decimals) if one.decides else decimals_of(one)
    arrow = "" if one.higher_is_better else " (less is better)"
    title = escape(f"{one.title}{arrow}")
    if one.decides and one.margin is not None:
        title = f"**{title}** decides, margin {figure(one.margin, digits)}"
    return (
        title,
        NOTHING if one.baseline is None else figure(one.baseline, digits),
        NOTHING if one.champion is None else figure(one.champion.value, digits),
        figure(one.challenger.value, digits) + (f" {bounds(one.challenger, digits)}" if one.difference is None else ""),
        NOTHING if one.difference is None else signed(one.difference.value, digits),
        NOTHING if one.difference is None else bounds(one.difference, digits),
        f"**{one.outcome}**" if one.decides else one.outcome,
    )


def _grounds(decision: Decision, decimals: int) -> str:
    """The rows behind the figures, and the smallest difference that they can show."""
    span = f", {decision.holdout_first} to {decision.holdout_last}" if decision.holdout_first else ""
    clustered = f" in {decision.clusters:,} clusters" if decision.clusters != decision.holdout_rows else ""
    lines = [
        *([f"Baseline, which reads no feature: {escape(decision.baseline)}."] if decision.baseline else []),
        f"Holdout: {decision.holdout_rows:,} rows{clustered}{escape(span)}.",
        f"Evaluation {decision.evaluation} on it, so each bound is one-sided at {100 * decision.confidence:.4g} %.",
    ]
    if decision.detectable_difference:
        seen = figure(decision.detectable_difference, max(decimals, 4))
        lines.append(f"A true difference of {seen} in {decision.metric} is found on these rows in 80 % of cases.")
    return " ".join(lines)


def _slices(slices: Sequence[SliceComparison], decimals: int) -> str:
    if not slices:
        return ""
    order = {"worse": 0}
    shown = sorted(slices, key=lambda one: (order.get(one.outcome, 1), one.difference is None))[:MOST_SLICES]
    header = ("slice", "rows", "champion", "challenger", "difference", "bounds", "outcome")
    table = _table(header, "lrrrrrl", (_slice_row(one, decimals) for one in shown))
    more = len(slices) - len(shown)
    rest = f"\n\nAnd {more} more slices, none of them worse than these: see decision.json." if more else ""
    return f"### Slices\n\n{table}{rest}"


def _slice_row(one: SliceComparison, decimals: int) -> tuple[str, ...]:
    judged = one.difference is not None
    return (
        f"{escape(one.column)}: {escape(one.value)}",
        f"{one.rows:,}",
        NOTHING if one.champion is None else figure(one.champion, decimals),
        figure(one.challenger, decimals),
        NOTHING if one.difference is None else signed(one.difference.value, decimals),
        NOTHING if one.difference is None else bounds(one.difference, decimals),
        f"**{one.outcome}**" if one.outcome == "worse" else one.outcome if judged else "shown only",
    )


def _checks(checks: Sequence[Check]) -> str:
    if not checks:
        return ""
    rows = (
        (escape(one.name), "passed" if one.passed else "**failed**", escape(one.seen), escape(one.required))
        for one in checks
    )
    return f"### Checks\n\n{_table(('check', '', 'seen', 'required'), 'llll', rows)}"


def _reasons(reasons: Sequence[str]) -> str:
    return "### Reasons\n\n" + "\n".join(f"- {escape(reason)}" for reason in reasons) if reasons else ""


def _table(header: Sequence[str], alignment: str, rows: Iterable[Sequence[str]]) -> str:
    rules = ["---:" if side == "r" else "---" for side in alignment]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rules, *rows))
