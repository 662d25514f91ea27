"""The summary as Markdown: for a job's page and a pull request's comment, under 20 kB."""

from collections.abc import Iterable, Sequence

from contracts.decision import Comparison, Decision
from contracts.outside.markdown import escape as cell
from contracts.stage import CHAIN
from contracts.verdict import DriftVerdict, LoadRatio, LoadVerdict, PairedRun
from reports.page.results import Results

LIMIT_BYTES = 20_000
MOST_SLICES = 12
ICONS = {0: "✅", 3: "❌", 2: "⚠️", 1: "💥"}
SKIPPED = "➖"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the cells are already harmless."""
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def render_summary(results: Results) -> str:
    """The whole summary. Longer parts are cut, never the verdicts."""
    parts = [_title(results), _stages(results)]
    if results.unreadable:
        parts.append(
            f"> ⚠️ {cell(', '.join(results.unreadable))}: not what this code writes. Where a pull request changes a "
            "schema, the code of its base writes this and cannot read it: the run's page has the figures."
        )
    parts += [f"> ⚠️ {cell(one)}" for one in results.mismatches()]
    parts += [f"> ⚠️ {cell(one)}" for one in results.first_run()]
    if results.decision:
        parts += [f"> ⚠️ The gate asks less than before: {cell(one)}" for one in results.decision.relaxed]
        parts += [f"> ⚠️ {cell(one)}" for one in results.decision.notes]
        parts += [f"> Changed since the champion: {cell(one)}" for one in results.decision.changed]
        parts += _decision(results.decision)
    if results.load:
        parts.append(_load(results.load))
    if results.drift:
        parts.append(_drift(results.drift))
    text = "\n\n".join(part for part in parts if part) + "\n"
    if len(text.encode()) > LIMIT_BYTES:
        text = (
            text.encode()[: LIMIT_BYTES - 100].decode(errors="ignore").rpartition("\n")[0]
            + "\n\n… cut: see the page.\n"
        )
    return text


def _title(results: Results) -> str:
    if results.failed:
        return f"## {ICONS[results.failed.exit_code]} Stopped at {results.failed.stage}: {cell(results.failed.verdict)}"
    if results.unreadable:
        return "## ⚠️ Not everything can be read here"
    if len(results.records) < len(CHAIN):
        return "## ⚠️ Unfinished: not every stage has run"
    return f"## ✅ {results.passed}"


def _stages(results: Results) -> str:
    rows = []
    for stage in CHAIN:
        record = results.records.get(stage)
        if record is None:
            folder = {"build": "image"}.get(stage, stage)
            has_run = f"{folder}/stage.json" in results.unreadable
            rows.append([stage, "cannot be read here" if has_run else "not run", "", ""])
        else:
            icon = SKIPPED if record.verdict == "skipped" else ICONS[record.exit_code]
            mark = f"{icon} {cell(record.verdict)}"
            rows.append([stage, mark, cell(record.headline), f"{record.seconds:.1f}"])
    return table(["stage", "verdict", "figure", "seconds"], rows)


def _decision(decision: Decision) -> list[str]:
    span = ""
    if decision.holdout_first:
        span = f", {cell(decision.holdout_first[:10])} to {cell(decision.holdout_last[:10])}"
    about = (
        f"Holdout: {decision.holdout_rows:,} rows{span}, {decision.clusters:,} clusters. Try {decision.tries} on it, "
        f"so each bound is one-sided at {decision.confidence:.4g}."
    )
    if decision.baseline:
        about = f"Baseline, which reads no feature: {cell(decision.baseline)}. {about}"
    if decision.detectable_difference:
        about += f" Smallest difference seen with 80 % power: {decision.detectable_difference:.4f}."
    metrics = table(
        ["metric", "baseline", "champion", "challenger", "difference", "interval", "outcome"],
        [_comparison(one) for one in decision.comparisons],
    )
    parts = ["### Champion and challenger", metrics, about]
    broken = [f"- **{cell(one.name)}**: {cell(one.seen)}; required: {cell(one.required)}. {cell(one.remedy)}"
              for one in decision.checks if not one.passed]  # fmt: skip
    if broken:
        parts += ["Checks that did not hold:", "\n".join(broken)]
    slices = [one for one in decision.slices if one.outcome == "worse"]
    if slices:
        parts.append("Slices that became worse:")
        parts.append(table(["slice", "rows", "champion", "challenger"], [
            [f"{cell(one.column)} = {cell(one.value)}", f"{one.rows:,}", _figure(one.champion), _figure(one.challenger)]
            for one in slices[:MOST_SLICES]
        ]))  # fmt: skip
    return parts


def _comparison(one: Comparison) -> list[str]:
    name = f"**{cell(one.metric)}**" if one.decides else cell(one.metric)
    baseline, champion = _figure(one.baseline), _figure(one.champion.value if one.champion else None)
    if one.difference is None:
        return [name, baseline, champion, _figure(one.challenger.value), "", "", one.outcome]
    interval = f"{one.difference.low:+.4f} … {one.difference.high:+.4f}"
    return [
        name,
        baseline,
        champion,
        _figure(one.challenger.value),
        f"{one.difference.value:+.4f}",
        interval,
        one.outcome,
    ]


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _load(load: LoadVerdict) -> str:
    loaded = cell(load.served) or f"a {load.target}"
    figures = (
        f"### Load\n\n{load.requests:,} requests at {load.requests_per_second:.0f} a second against {loaded}, "
        f"{load.failures} failed. p50 {load.p50_ms:.2f} ms, p95 {load.p95_ms:.2f} ms, p99 {load.p99_ms:.2f} ms; "
        f"{load.cpu_us_per_request:.0f} µs of CPU a request, {load.peak_mb:.0f} MB."
    )
    if load.paired is None:
        why = cell(load.first_run) or "There is no champion to compare with."
        return f"{figures} {why} The absolute limits alone decide."
    return "\n\n".join([figures, _ratios(load.paired), f"Champion: {cell(load.paired.served)}."])


def _ratios(paired: PairedRun) -> str:
    header = ["figure", "champion", "challenger", "ratio", "interval", f"lower bound at most {paired.max_ratio:g}"]
    return table(header, [_ratio(one) for one in paired.ratios])


def _ratio(one: LoadRatio) -> list[str]:
    interval = f"{one.low:.3f} … {one.high:.3f}"
    mark = "✅" if one.passed else "❌"
    return [one.figure, f"{one.champion:.2f}", f"{one.challenger:.2f}", f"{one.ratio:.3f}", interval, mark]


def _drift(drift: DriftVerdict) -> str:
    moved = [f"{cell(one.column)} {one.distance:.3f} (limit {one.threshold:g})" for one in drift.columns if one.drifted]
    over = f" Over their threshold: {', '.join(moved[:MOST_SLICES])}." if moved else ""
    performance = f"{drift.performance.outcome}" if drift.performance else "not measured, no labels came in"
    if drift.estimated and not drift.performance:
        guess = drift.estimated
        performance = (
            f"no labels; estimated {cell(guess.metric)} {guess.estimate:.3f} [{guess.low:.3f}, {guess.high:.3f}]"
        )
    other = ""
    if drift.evidently:
        columns = f"{len(drift.evidently.drifted)} of {drift.evidently.columns} columns"
        other = f" {cell(drift.evidently.library)} by its defaults: {columns}."
    answers = f"Inputs: **{drift.inputs}**, predictions: **{drift.predictions}**, performance: {performance}"
    if drift.timing and drift.timing.is_late:
        answers += ", **inputs look a day late**"
    worth = f" worth {drift.effective_rows:,} rows" if drift.replayed_copies or drift.repeated_rows else ""
    rows = f"{drift.current_rows:,} requests{worth} against {drift.reference_rows:,} reference rows"
    return f"### Drift\n\n{answers}; {rows}. Traffic: {cell(drift.traffic)}.{over}{other}"
