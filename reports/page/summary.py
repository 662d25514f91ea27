"""The summary as Markdown: for a job's page and a pull request's comment, under 20 kB.

First the verdict, three lines, the intervals as a text picture, and warnings. All else is folded.
It uses only what GitHub's sanitizer keeps: headings, tables, quotations, code, `details`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from contracts.decision import Comparison, Decision
from contracts.outside.markdown import escape as cell
from contracts.stage import CHAIN, StageName, StageRecord
from contracts.verdict import DriftVerdict, LoadRatio, LoadVerdict, PairedRun
from reports.page.text_picture import text_picture
from reports.results import Results
from reports.words.numerals import form_of, spoken
from reports.words.results_in_words import in_words, warnings
from reports.words.verdict import Place, Verdict, verdict_of

LIMIT_BYTES = 20_000
SPARE_BYTES = 200
MOST_SLICES = 12
MOST_WARNINGS = 8
ICONS = {0: "✅", 3: "❌", 2: "⚠️", 1: "💥"}
TONES = {"good": "✅", "open": "⚠️", "bad": "❌"}
DRIFT_STATES = {"stable": "stable", "drift": "found", "insufficient": "too few rows to tell"}
SKIPPED, OPEN = "➖", "⚠️"
# Commands and keys of pipeline.toml, shown as code; harmless in a text from outside, too.
_CODE = re.compile(r"&#96;(make [a-z-]+(?: [A-Z]+=[\w-]+)*|[a-z]+\.[a-z_]+)&#96;")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the cells must be escaped already."""
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def render_summary(results: Results, place: Place = "laptop") -> str:
    """The whole summary. Folded parts that do not fit are named at the end; the verdict is never cut."""
    verdict = verdict_of(results, place)
    parts = [f"## {TONES[verdict.tone]} {cell(verdict.headline)}", *_lines(results, verdict)]
    if deciding := results.deciding:
        parts.append(text_picture(deciding))
    parts += _warnings(results)
    room = LIMIT_BYTES - SPARE_BYTES - len("\n\n".join(parts).encode())
    left_out = []
    for title, text in _folded(results):
        part = f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"
        if len(part.encode()) > room:
            left_out.append(title)
            continue
        room -= len(part.encode()) + 2
        parts.append(part)
    if left_out:
        parts.append("No room here, see the page: " + "; ".join(one.partition(":")[0] for one in left_out) + ".")
    return "\n\n".join(part for part in parts if part) + "\n"


def _lines(results: Results, verdict: Verdict) -> Iterator[str]:
    lines = (("The model", " ".join(in_words(results))), ("Why", verdict.why), ("Next", verdict.next_step))
    yield "\n".join(f"- **{name}:** {_prose(text)}" for name, text in lines if text)


def _prose(text: str) -> str:
    """One of our sentences, escaped, with its commands as code."""
    return _CODE.sub(r"`\1`", cell(text, longest=1000))


def _warnings(results: Results) -> Iterator[str]:
    decision = results.decision
    lines = [f"> ⚠️ {cell(one)}" for one in warnings(results)]
    lines += [f"> Changed since the champion: {cell(one)}" for one in (decision.changed if decision else ())]
    more = [f"> And {len(lines) - MOST_WARNINGS} more: see the page."] if len(lines) > MOST_WARNINGS else []
    yield "\n\n".join(lines[:MOST_WARNINGS] + more)


def _folded(results: Results) -> Iterator[tuple[str, str]]:
    """Title and text of each folded part, the most wanted first."""
    decision = results.decision
    if decision:
        broken = [check for check in decision.checks if not check.passed]
        if broken:
            yield (
                f"❌ {len(broken)} of {len(decision.checks)} checks {'does' if len(broken) == 1 else 'do'} not hold",
                "\n".join(
                    f"- **{cell(one.name)}**: {cell(one.seen)}; required: {cell(one.required)}. {cell(one.remedy)}"
                    for one in broken
                ),
            )
        yield "Every metric on the holdout", "\n\n".join(_metrics(decision))
        if worse := _worse_slices(decision):
            yield "❌ Slices that became worse", worse
    if results.load:
        yield f"Load: {results.load.verdict}{_of_another(results, 'load-test')}", _load(results.load)
    if results.drift:
        state = DRIFT_STATES[results.drift.state]
        yield f"Drift: {state}{_of_another(results, 'drift')}", _drift(results.drift)
    yield f"The chain: {_stage_counts(results)}", _stages(results)


def _stage_counts(results: Results) -> str:
    left_out = {*results.skipped, *results.stale}
    passed = sum(one.exit_code == 0 and one.stage not in left_out for one in results.records.values())
    skipped = f", {len(results.skipped)} skipped" if results.skipped else ""
    stale = f", {len(results.stale)} of another model" if results.stale else ""
    return f"{passed} of {len(CHAIN)} stages passed{skipped}{stale}, {results.seconds:.0f} s"


def _of_another(results: Results, stage: StageName) -> str:
    return ", of another model" if stage in results.stale else ""


def _stages(results: Results) -> str:
    rows = []
    for stage in CHAIN:
        record = results.records.get(stage)
        if record is None:
            folder = {"build": "image"}.get(stage, stage)
            has_run = f"{folder}/stage.json" in results.unreadable
            rows.append([stage, "cannot be read here" if has_run else "not run", "", ""])
            continue
        icon = _icon(results, record)
        stale = ", of another model" if stage in results.stale else ""
        rows.append([stage, f"{icon} {cell(record.verdict)}{stale}", cell(record.headline), f"{record.seconds:.1f}"])
    return table(["stage", "verdict", "figure", "seconds"], rows)


def _icon(results: Results, record: StageRecord) -> str:
    if record.stage in results.skipped:
        return SKIPPED
    is_open = record.stage in results.stale or (record.stage in results.findings and record.exit_code == 0)
    return OPEN if is_open else ICONS[record.exit_code]


def _metrics(decision: Decision) -> Iterator[str]:
    """The table of metrics without empty columns, then the holdout that it was measured on."""
    wanted = {
        "champion": any(one.champion for one in decision.comparisons),
        "baseline": any(one.baseline is not None for one in decision.comparisons),
    }
    header = ["metric", "challenger"]
    header += (["champion", "difference", "outcome"] if wanted["champion"] else []) + ["baseline"] * wanted["baseline"]
    yield table(header, [_metric(one, wanted) for one in decision.comparisons])
    span = ""
    if decision.holdout_first:
        span = f", {cell(decision.holdout_first[:10])} to {cell(decision.holdout_last[:10])}"
    about = (
        f"Holdout: {decision.holdout_rows:,} rows{span}, {decision.clusters:,} clusters. "
        f"Evaluation {decision.evaluation} on it, so each bound is one-sided at {decision.confidence:.4g}."
    )
    if decision.detectable_difference:
        about += f" Smallest difference seen with 80 % power: {decision.detectable_difference:.4f}."
    if decision.baseline:
        about += f" Baseline: {cell(decision.baseline)}."
    yield about


def _metric(one: Comparison, wanted: dict[str, bool]) -> list[str]:
    row = [f"**{cell(one.title)}**, decides" if one.decides else cell(one.title), spoken(one.challenger)]
    if wanted["champion"]:
        row += [spoken(one.champion) if one.champion else ""]
        row += [spoken(one.difference, with_sign=True) if one.difference else "", one.outcome]
    if wanted["baseline"]:
        row.append("" if one.baseline is None else form_of(one.challenger)(one.baseline))
    return row


def _worse_slices(decision: Decision) -> str:
    worse = [one for one in decision.slices if one.outcome == "worse"]
    rows = [
        [f"{cell(one.column)} = {cell(one.value)}", f"{one.rows:,}", _figure(one.champion), _figure(one.challenger)]
        for one in worse[:MOST_SLICES]
    ]
    return table(["slice", "rows", "champion", "challenger"], rows) if rows else ""


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _load(load: LoadVerdict) -> str:
    loaded = cell(load.served) or f"a {load.target}"
    figures = (
        f"{load.requests:,} requests at {load.requests_per_second:.0f} a second against {loaded}, "
        f"{load.failures} failed. p50 {load.p50_ms:.2f} ms, p95 {load.p95_ms:.2f} ms, p99 {load.p99_ms:.2f} ms; "
        f"{load.cpu_us_per_request:.0f} µs of CPU a request, {load.peak_mb:.0f} MB."
    )
    if load.paired is None:
        return f"{figures} There is no champion to compare with: the absolute limits alone decide."
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
    if drift.performance and drift.performance.clipped and drift.performance.clipped.decided:
        performance += " (by clipped losses: a few labels hid it)"
    if drift.estimated and not drift.performance:
        guess = drift.estimated
        performance = (
            f"no labels; estimated {cell(guess.metric)} {guess.estimate:.3f} [{guess.low:.3f}, {guess.high:.3f}]"
        )
    elif drift.not_estimated and not drift.performance:
        performance = f"not known: no labels, and no estimate is possible: {cell(drift.not_estimated)}"
    other = ""
    if drift.evidently:
        columns = f"{len(drift.evidently.drifted)} of {drift.evidently.columns} columns"
        other = f" {cell(drift.evidently.library)} by its defaults: {columns}."
    answers = f"Inputs: **{drift.inputs}**, predictions: **{drift.predictions}**, performance: {performance}"
    if drift.timing and drift.timing.is_late:
        answers += ", **inputs look a day late**"
    worth = f" worth {drift.effective_rows:,} rows" if drift.replayed_copies or drift.repeated_rows else ""
    rows = f"{drift.current_rows:,} requests{worth} against {drift.reference_rows:,} reference rows"
    return f"{answers}; {rows}. Traffic: {cell(drift.traffic)}.{over}{other}"
