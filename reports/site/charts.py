"""The site's plots of the history: the deciding metric, latency, cost, image, minutes, drift."""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from contracts.history import DriftFigures, HistoryEntry, LoadFigures
from reports.site.events import Event
from reports.site.timeline import Format, Line, Point, heat_chart, line_chart, stack_chart, table_of
from reports.words.past import deciding

MEGABYTE = 1_000_000
MOST_COLUMNS = 16
TINTS = 7
STATE_MARKS = {"stable": "", "drift": "bad", "insufficient": "open"}


@dataclass(frozen=True)
class Chart:
    """One card: title, the latest figure in large type, a sentence, the names of its lines, the picture or "", and a
    table of the latest figures."""

    title: str
    latest: str
    note: str
    keys: tuple[tuple[str, int], ...]
    picture: str
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def moment(entry: HistoryEntry) -> dt.datetime:
    """The entry's time, with its zone."""
    return dt.datetime.fromisoformat(entry.at)


Events = Sequence[Event]


def run_charts(runs: Sequence[HistoryEntry], events: Events = ()) -> list[Chart]:
    """Plots over runs of the chain, oldest first; those without a single figure are left out."""
    charts = (
        _metric_chart(runs, events),
        _latency_chart(runs, events),
        _cost_chart(runs, events),
        _memory_chart(runs, events),
        _image_chart(runs, events),
        _minutes_chart(runs, events),
    )
    return [chart for chart in charts if chart]


def drift_charts(entries: Sequence[HistoryEntry], events: Events = ()) -> list[Chart]:
    """Plots over drift verdicts, oldest first."""
    charts = (_distance_chart(entries, events), _performance_chart(entries, events), _columns_chart(entries, events))
    return [chart for chart in charts if chart]


def _metric_chart(runs: Sequence[HistoryEntry], events: Events) -> Chart | None:
    judged = [(entry, one) for entry in runs if (one := deciding(entry))]
    if not judged:
        return None
    latest = judged[-1][1]
    judged = [(entry, one) for entry, one in judged if one.metric == latest.metric]
    challenger, champion = [], []
    for entry, one in judged:
        rejected = entry.decision is not None and entry.decision.decision == "reject"
        said = f"{entry.at[:10]}: {one.value:.4f} [{one.low:.4f}, {one.high:.4f}]{', rejected' if rejected else ''}"
        challenger.append(Point(moment(entry), one.value, said, "bad" if rejected else "", one.low, one.high))
        if one.champion is not None:
            champion.append(Point(moment(entry), one.champion))
    lines = [Line("champion, same rows", 6, tuple(champion))] if champion else []
    lines.append(Line("challenger, with its interval", 1, tuple(challenger)))
    rejected_runs = sum(point.mark == "bad" for point in challenger)
    side = "more is better" if latest.higher_is_better else "less is better"
    note = f"On the holdout; {side}. {_runs(len(judged))}, {rejected_runs} rejected."
    return _chart(f"How good: {latest.title}", f"{latest.value:.4f}", note, lines, _three, events)


def _latency_chart(runs: Sequence[HistoryEntry], events: Events) -> Chart | None:
    loaded = _loads(runs)
    if not loaded:
        return None

    def series(name: str, tint: int, read: Callable[[LoadFigures], float]) -> Line:
        marks = {"pass": "", "fail": "bad", "unmeasured": "open"}
        return Line(name, tint, tuple(Point(moment(e), read(one), "", marks[one.verdict]) for e, one in loaded))

    lines = [series("p50", 1, lambda one: one.p50_ms), series("p95", 2, lambda one: one.p95_ms)]
    last = loaded[-1][1]
    note = f"Latest p50 {last.p50_ms:.2f}, p99 {last.p99_ms:.2f} ms at {last.requests_per_second:,.0f} requests/s."
    return _chart("How fast: 95 in 100 within", f"{last.p95_ms:.2f} ms", note, lines, _tick, events, from_zero=True)


def _cost_chart(runs: Sequence[HistoryEntry], events: Events) -> Chart | None:
    loaded = _loads(runs)
    if not loaded:
        return None
    line = Line("CPU µs", 3, tuple(Point(moment(entry), one.cpu_us_per_request) for entry, one in loaded))
    last = loaded[-1][1]
    note = f"Processor time of the {last.target} under load, over {last.requests:,} requests."
    return _chart("What an answer costs: CPU time", f"{last.cpu_us_per_request:,.0f} µs", note, [line], _count, events)


def _memory_chart(runs: Sequence[HistoryEntry], events: Events) -> Chart | None:
    loaded = _loads(runs)
    if not loaded:
        return None
    line = Line("MB", 7, tuple(Point(moment(entry), one.peak_mb) for entry, one in loaded))
    note = "Resident memory of the service under load, at most."
    return _chart("How much memory", f"{loaded[-1][1].peak_mb:,.0f} MB", note, [line], _count, events)


def _image_chart(runs: Sequence[HistoryEntry], events: Events) -> Chart | None:
    built = [(entry, entry.image) for entry in runs if entry.image]
    if not built:
        return None
    line = Line("MB", 4, tuple(Point(moment(entry), image.packed_bytes / MEGABYTE) for entry, image in built))
    last = built[-1][1]
    note = f"Compressed; {last.unpacked_bytes / MEGABYTE:,.0f} MB unpacked, ready in {last.cold_start_seconds:.1f} s."
    return _chart("How large the image is", f"{last.packed_bytes / MEGABYTE:,.1f} MB", note, [line], _count, events)


def _minutes_chart(runs: Sequence[HistoryEntry], events: Events) -> Chart | None:
    timed = [entry for entry in runs if entry.stages]
    if not timed:
        return None
    names = list(dict.fromkeys(one.stage for entry in timed for one in entry.stages if one.stage != "report"))
    seconds = {entry.id: {one.stage: one.seconds for one in entry.stages} for entry in timed}
    lines = [
        Line(name, number % TINTS + 1, tuple(Point(moment(e), seconds[e.id].get(name, 0.0) / 60) for e in timed))
        for number, name in enumerate(names)
    ]
    last = seconds[timed[-1].id]
    longest = max(last, key=lambda name: last[name])
    note = f"All stages together; {longest} took the longest, {last[longest]:.0f} s."
    picture = stack_chart("Minutes of the chain, stage by stage", lines, _tick, events)
    keys = tuple((line.name, line.tint) for line in lines)
    latest = f"{sum(last.values()) / 60:.1f} min"
    return Chart("How long a run takes", latest, note, keys, picture, *table_of(lines, _tick))


def _distance_chart(entries: Sequence[HistoryEntry], events: Events) -> Chart | None:
    judged = _drifts(entries)
    if not judged:
        return None
    inputs, predictions = [], []
    for entry, one in judged:
        if ratio := furthest(one, "feature"):
            said = f"{entry.at[:10]}: {ratio[0]:.2f} × its threshold ({ratio[1]})"
            inputs.append(Point(moment(entry), ratio[0], said, STATE_MARKS[one.inputs]))
        if ratio := furthest(one, "prediction"):
            said = f"{entry.at[:10]}: {ratio[0]:.2f} × the threshold"
            predictions.append(Point(moment(entry), ratio[0], said, STATE_MARKS[one.predictions]))
    lines = [Line("furthest input", 2, tuple(inputs)), Line("predictions", 1, tuple(predictions))]
    if not inputs and not predictions:
        return None
    last = furthest(judged[-1][1], "feature")
    note = f"As a multiple of its threshold (dashed). Furthest in the last window: {last[1]}." if last else ""
    latest = f"{last[0]:.2f} ×" if last else "–"
    drawn = [one for one in lines if one.points]
    picture = line_chart("Distance over threshold", drawn, _tick, limit=1.0, least=0.0, events=events)
    keys = tuple((one.name, one.tint) for one in drawn)
    return Chart("How far inputs moved", latest, note, keys, picture, *table_of(drawn, _tick))


def _performance_chart(entries: Sequence[HistoryEntry], events: Events) -> Chart | None:
    known = [(entry, entry.drift) for entry in entries if entry.drift and entry.drift.metric_current is not None]
    if not known:
        return None
    measured = [Point(moment(e), one.metric_current) for e, one in known if one.metric_current is not None]
    reference = [Point(moment(e), one.metric_reference) for e, one in known if one.metric_reference is not None]
    lines = [Line("measured", 1, tuple(measured)), Line("when it was trained", 6, tuple(reference))]
    last = known[-1][1]
    note = f"Measured on {last.labels:,} labels that came back as feedback."
    return _chart(f"How good in production: {last.metric}", f"{measured[-1].value:.4f}", note, lines, _three, events)


def _columns_chart(entries: Sequence[HistoryEntry], events: Events) -> Chart | None:
    judged = [(entry, one) for entry, one in _drifts(entries) if one.columns]
    if not judged:
        return None
    windows = [(entry.at[:10], {one.column: one.ratio for one in drift.columns}) for entry, drift in judged]
    last = windows[-1][1]
    names = sorted(last, key=lambda name: last[name], reverse=True)[:MOST_COLUMNS]
    over = sum(ratio > 1 for ratio in last.values())
    note = "Each cell is one window; red is beyond the column's threshold."
    picture = heat_chart("Distance of each column over its threshold, window by window", names, windows, events)
    rows = tuple((name, f"{last[name]:.2f} ×") for name in names)
    of = judged[-1][1].columns_compared
    return Chart("Which columns moved", f"{over} of {of}", note, (), picture, ("column", "last window"), rows)


def furthest(drift: DriftFigures, kind: str) -> tuple[float, str] | None:
    """The largest ratio of distance to threshold among one kind of column, and that column's name."""
    ratios = [(one.ratio, one.column) for one in drift.columns if one.kind == kind]
    return max(ratios, default=None)


def _chart(
    title: str, latest: str, note: str, lines: Sequence[Line], form: Format, events: Events, *, from_zero: bool = False
) -> Chart:
    keys = tuple((line.name, line.tint) for line in lines) if len(lines) > 1 else ()
    least = 0.0 if from_zero else None
    picture = line_chart(f"{title}, over time", lines, form, least=least, events=events)
    return Chart(title, latest, note, keys, picture, *table_of(lines, form))


def _loads(runs: Iterable[HistoryEntry]) -> list[tuple[HistoryEntry, LoadFigures]]:
    return [(entry, entry.load) for entry in runs if entry.load]


def _drifts(entries: Iterable[HistoryEntry]) -> list[tuple[HistoryEntry, DriftFigures]]:
    return [(entry, entry.drift) for entry in entries if entry.drift]


def _runs(number: int) -> str:
    return f"{number:,} run{'' if number == 1 else 's'}"


def _three(value: float) -> str:
    return f"{value:.3f}"


def _tick(value: float) -> str:
    return f"{value:.3g}"


def _count(value: float) -> str:
    return f"{value:,.4g}"
