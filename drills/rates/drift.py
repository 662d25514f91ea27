"""Error rates of the drift verdict, measured on windows of which it is known whether they drifted.

    python -m drills.rates.drift independent   false alarms and power on rows drawn at random, Evidently beside it
    python -m drills.rates.drift weeks         real weeks after training, clean and with planted faults
    python -m drills.rates.drift labelled      the same, and months, by measured performance with weather a day old
    python -m drills.rates.drift table         the table of both, into docs/drift.md

The stage's own rules judge them.

*Independent*: reference and window are drawn from the train rows, so nothing has moved. There are many references,
because one may be lucky. A shift moves one numeric column of the window by 0.3 standard deviations: each in turn.
*Weeks*: the rows after training, as `make scheduled-drift` would see them with the model card's history of windows.

Reads   pipeline.toml; build/train/model and build/data/train.parquet of the shipped configuration
Writes  drills/rates/drift.json, docs/drift.md between its marks
"""

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from contracts.features import MISSING
from contracts.model_folder import PREDICTION_COLUMN, ModelCard
from contracts.outside.handbook import tables, write_between
from contracts.pipeline_toml.keys import Config
from contracts.pipeline_toml.reader import load_config
from contracts.verdict import ColumnComparison
from drills.rates.proportion import Proportion
from reports.drift.comparison import Baseline, baseline_of
from reports.drift.evidently_report import default_verdict
from reports.drift.log_reader import Answers, unknown
from reports.drift.performance import measured
from reports.drift.timing import labelled_days, timing_of
from scoring.scorer import Scorer, load_scorer
from training.dataset.sources import read_source

FIGURES = Path("drills/rates/drift.json")
PAGE = Path("docs/drift.md")
BEGIN, END = "<!-- rates: begin -->", "<!-- rates: end -->"
SIZES = (100, 200, 500, 1000, 5000)
SHIFT_SD = 0.3
WEATHER = ("temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib")
# Not the columns that have one value in most rows: there, 0.3 standard deviations are no realistic shift.
SHIFTED = ("minute_of_day", "distance", "temp", "dewp", "humid", "wind_speed", "pressure", "seats", "year_built")
LATE_DAYS = 30
Fault = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class World:
    """The shipped configuration and its model."""

    config: Config
    scorer: Scorer
    build: Path

    @property
    def card(self) -> ModelCard:
        return self.scorer.card

    def answered(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table as the drift stage reads it from a log: encoded, with the model's predictions."""
        frame = table.copy()
        inputs = {name: frame[name].to_numpy() for name in self.scorer.encoder.names}
        frame[PREDICTION_COLUMN] = self.scorer.predict(self.scorer.encoder.columns(inputs))[:, 1]
        for feature in self.card.features:
            if feature.kind == "categorical":
                known = frame[feature.name].isin(feature.categories)
                frame[feature.name] = frame[feature.name].where(known, frame[feature.name].map(unknown))
        return frame


def share_of(hits: int, trials: int) -> dict[str, float]:
    """A share with its interval, for the JSON."""
    seen = Proportion(hits, trials)
    return {"hits": hits, "trials": trials, "share": seen.share, "low": seen.ends[0], "high": seen.ends[1]}


def independent(world: World, size: int, first: int, references: int, windows: int, evidently: int) -> dict[str, Any]:
    """Alarms in windows of `size` rows of one distribution, and in the same with one column shifted."""
    pool = world.answered(pd.read_parquet(world.build / "data" / "train.parquet"))
    card = world.card.model_copy(update={"history": ()})  # rows drawn at random have no time
    counts: Counter[str] = Counter()
    for number in range(first, first + references):
        random = np.random.default_rng([number, size])
        reference = pool.iloc[random.choice(len(pool), world.config.drift.reference_rows, replace=False)]
        baseline = baseline_of(world.config.drift, card, reference, card.features)
        for turn in range(windows):
            window = pool.iloc[random.choice(len(pool), size, replace=False)]
            counts.update(_alarms(world, baseline, window, SHIFTED[turn % len(SHIFTED)], pool))
            if number - first + turn * references < evidently:
                theirs = default_verdict(reference, window, [one.name for one in card.features])
                counts.update({"evidently any": bool(theirs.drifted), "evidently half": theirs.is_drift})
    trials = references * windows
    found = _shares(counts, trials, max(1, min(evidently, trials)))
    print(size, {key: round(one["share"], 3) for key, one in found.items() if "share" in one}, flush=True)
    return found


def _alarms(world: World, baseline: Baseline, window: pd.DataFrame, column: str, pool: pd.DataFrame) -> dict[str, int]:
    """Whether there is an alarm: in the clean window, by chance alone, and with this column shifted."""
    clean = _compared(baseline, window, 0)
    moved = window.assign(**{column: window[column] + SHIFT_SD * float(pool[column].std())})
    is_found = any(one.drifted for one in _compared(baseline, world.answered(moved), 0))
    return {
        "clean": any(one.drifted for one in clean),
        "by chance": any(one.distance > (one.by_chance or 0) for one in clean),
        "shift": is_found,
        f"{column}: shifted": 1,
        f"{column}: found": is_found,
    }


def _shares(counts: Counter[str], trials: int, shown: int) -> dict[str, Any]:
    """The shares of `trials` windows, of which Evidently judged `shown`."""
    by_column = {name: (counts[f"{name}: found"], counts[f"{name}: shifted"]) for name in SHIFTED}
    return {
        "clean": share_of(counts["clean"], trials),
        "clean, by chance alone": share_of(counts["by chance"], trials),
        "shift": share_of(counts["shift"], trials),
        "shift by column": {name: share_of(*one) for name, one in by_column.items() if one[1]},
        "evidently, any column": share_of(counts["evidently any"], shown),
        "evidently, half of the columns": share_of(counts["evidently half"], shown),
    }


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Two runs with different seeds as one: hits and trials add up."""
    if "trials" in one:
        return share_of(one["hits"] + other["hits"], one["trials"] + other["trials"])
    return {key: merged(value, other[key]) for key, value in one.items()}


def world_of(build: Path) -> World:
    """The shipped configuration and the model that it made."""
    return World(load_config(Path("pipeline.toml")), load_scorer(build / "train" / "model"), build)


def weeks(world: World) -> dict[str, Any]:
    """Alarms in the real weeks after training: in clean ones, and with planted faults."""
    later = _later(world)
    reference = pd.read_parquet(world.build / "train" / "model" / "reference.parquet")
    baseline = baseline_of(world.config.drift, world.card, reference, world.card.features)
    found: dict[str, Any] = {}
    for rows in (0, 500):
        hits: dict[str, list[str]] = {name: [] for name in (THINNED if rows else FAULTS)}
        count = 0
        for first, window in _windows(later, 7):
            count += 1
            thinned = window.sample(rows, random_state=world.config.data.seed).sort_index() if rows else window
            for name, fault in (THINNED if rows else FAULTS).items():
                table = world.answered(fault(thinned))
                moved = [one.column for one in _compared(baseline, table, 7) if one.drifted]
                if moved:
                    hits[name].append(f"{first}: {', '.join(moved[:3])}")
        found[f"weeks of {rows or 'all'} rows"] = {
            name: share_of(len(where), count) | {"where": where[:20]} for name, where in hits.items()
        }
        print(rows, {name: f"{len(where)}/{count}" for name, where in hits.items()}, flush=True)
    return found


def labelled(world: World) -> dict[str, Any]:
    """Measured performance in these windows, with weather in time and a day old; and Evidently's own verdict."""
    later = _later(world)
    reference = pd.read_parquet(world.build / "train" / "model" / "reference.parquet")
    names = [one.name for one in world.card.features]
    called = [
        bool(default_verdict(reference, world.answered(window), names).drifted) for _, window in _windows(later, 7)
    ]
    found: dict[str, Any] = {"evidently weeks": share_of(sum(called), len(called))}
    for days in (7, 30):
        found[f"performance of {days} days"] = list(_performance(world, later, days))
    return found | _late(world, later)


def _late(world: World, later: pd.DataFrame) -> dict[str, Any]:
    """How many windows of 30 days, one from each day on, are judged late: with weather in time, and a day old."""
    found: dict[str, Any] = {}
    for name, table in (("clean", later), ("stale", _stale(later))):
        days = labelled_days(world.card, _answers(world, table))
        windows = [days[first : first + LATE_DAYS] for first in range(len(days) - LATE_DAYS + 1)]
        seen = [timing_of(window, (), world.config.gate.confidence) for window in windows]
        found[f"late, {name}"] = share_of(sum(bool(one and one.is_late) for one in seen), len(seen))
        print(f"late, {name}", found[f"late, {name}"], flush=True)
    return found


def _answers(world: World, table: pd.DataFrame) -> Answers:
    """The model's predictions of these rows, and their labels."""
    scores = world.answered(table)[PREDICTION_COLUMN].to_numpy(dtype=np.float64)
    moments = table[world.config.data.time].to_numpy(dtype="datetime64[D]").astype(np.int64)
    return Answers(np.stack([1 - scores, scores], axis=1), table[world.card.target].to_numpy(dtype=object), moments)


def _performance(world: World, later: pd.DataFrame, days: int) -> Iterator[dict[str, Any]]:
    """The measured performance in each window, with weather in time and a day old."""
    old = _stale(later)
    for (first, window), (_, stale) in zip(_windows(later, days), _windows(old, days), strict=True):
        row: dict[str, Any] = {"first": first}
        for name, table in (("clean", window), ("stale", stale)):
            answers = _answers(world, table)
            seen = measured(world.config, world.card, answers)
            late = timing_of(labelled_days(world.card, answers), (), world.config.gate.confidence)
            if seen and seen.difference:
                row[name] = {
                    "value": seen.current,
                    "outcome": seen.outcome,
                    "difference": seen.difference.model_dump(),
                    "timing": late.model_dump() if late else None,
                }
        print(days, row, flush=True)
        yield row


def _compared(baseline: Baseline, window: pd.DataFrame, days: int) -> list[ColumnComparison]:
    return [one for _, one in baseline.compared(window, days, has_labels=False, seed=7)]


def _later(world: World) -> pd.DataFrame:
    """The rows after training, encoded like reference.parquet."""
    data, card = world.config.data, world.card
    table = read_source(data.source, data.sha256).table
    table = table[table[data.time] > pd.Timestamp(card.train_last)].reset_index(drop=True)
    columns: dict[str, Any] = {}
    for feature in card.features:
        values = table[feature.name]
        is_text = feature.kind == "categorical"
        columns[feature.name] = values.fillna(MISSING).astype(str) if is_text else values.astype(np.float32)
    columns[card.target] = table[card.target].map({True: "true", False: "false"})
    return pd.DataFrame(columns | {data.time: table[data.time]})


def _windows(table: pd.DataFrame, days: int) -> Iterator[tuple[str, pd.DataFrame]]:
    """Whole windows in order of time, with their first day."""
    day = table["scheduled_at"].dt.floor("D")
    number = (day - day.min()).dt.days // days
    for _, window in table.groupby(number):
        if window["scheduled_at"].dt.floor("D").nunique() == days:
            yield str(window["scheduled_at"].iloc[0].date()), window


def _stale(table: pd.DataFrame) -> pd.DataFrame:
    """The same flights with the weather that was observed at their origin a day before."""
    known = table[["scheduled_at", "origin", *WEATHER]].drop_duplicates(["scheduled_at", "origin"])
    known = known.assign(scheduled_at=known["scheduled_at"] + pd.Timedelta(days=1))
    ordered = table.drop(columns=list(WEATHER)).sort_values("scheduled_at", kind="stable")
    joined = pd.merge_asof(ordered, known.sort_values("scheduled_at"), on="scheduled_at", by="origin")
    joined.index = ordered.index
    return joined.sort_index()[list(table.columns)]


def _celsius(column: str) -> Fault:
    return lambda table: table.assign(**{column: (table[column] - 32) * 5 / 9})


def _times(column: str, factor: float) -> Fault:
    return lambda table: table.assign(**{column: table[column] * factor})


def _stuck(column: str, every: int) -> Fault:
    """One row in `every` has the window's median."""
    return lambda table: table.assign(
        **{column: table[column].where(np.arange(len(table)) % every > 0, table[column].dropna().median())}
    )


FAULTS: dict[str, Fault] = {
    "clean": lambda table: table,
    "temp in °C": _celsius("temp"),
    "dewp in °C": _celsius("dewp"),
    "temp and dewp in °C": lambda table: _celsius("dewp")(_celsius("temp")(table)),
    "distance in km": _times("distance", 1.609344),
    "pressure in inHg": _times("pressure", 0.02953),
    "visib in km": _times("visib", 1.609344),
    "wind_speed in km/h": _times("wind_speed", 1.609344),
    "carrier UA renamed": lambda table: table.assign(carrier=table["carrier"].replace("UA", "United")),
    "carrier MQ gone": lambda table: table[table["carrier"] != "MQ"],
    "origin EWR gone": lambda table: table[table["origin"] != "EWR"],
    "carrier of another flight": lambda table: table.assign(carrier=np.roll(table["carrier"], 1)),
    "origin of another flight": lambda table: table.assign(origin=np.roll(table["origin"], 1)),
    "distance of another flight": lambda table: table.assign(distance=np.roll(table["distance"], 1)),
    "seats stuck in one row of five": _stuck("seats", 5),
    "temp stuck in one row of five": _stuck("temp", 5),
    "minute stuck in one row of ten": _stuck("minute_of_day", 10),
    "origin in lower case": lambda table: table.assign(origin=table["origin"].str.lower()),
}
THINNED = {name: FAULTS[name] for name in ("clean", "temp in °C", "carrier UA renamed", "origin in lower case")}


def table_text(figures: dict[str, Any]) -> str:
    """All parts as Markdown."""
    texts = {"independent": _independent_text, "weeks": _weeks_text, "labelled": _labelled_text}
    return "\n\n".join(text(figures[part]) for part, text in texts.items() if part in figures)


def _independent_text(found: dict[str, Any]) -> str:
    lines = [
        "| rows of the window | false alarms | by chance alone | Evidently's default: any column | … half of them "
        "| shift of 0.3 sd found |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    keys = ("clean", "clean, by chance alone", "evidently, any column", "evidently, half of the columns", "shift")
    for size, row in sorted(found.items(), key=lambda item: int(item[0])):
        lines.append(f"| {int(size):,} | " + " | ".join(_share(row[key]) for key in keys) + " |")
    columns = found.get("200", {}).get("shift by column", {})
    named = ", ".join(f"{name} {one['share']:.0%}" for name, one in columns.items())
    return "\n".join([*lines, "", f"Which column is shifted matters; at 200 rows: {named}."])


def _weeks_text(found: dict[str, Any]) -> str:
    whole, thin = found["weeks of all rows"], found["weeks of 500 rows"]
    lines = ["| real weeks, September to December | alarms, all rows | alarms, 500 rows each |", "| --- | --- | --- |"]
    lines += [f"| {name} | {_of(whole[name])} | {_of(thin[name]) if name in thin else ''} |" for name in whole]
    return "\n".join(lines)


def _labelled_text(found: dict[str, Any]) -> str:
    lines = [f"By its default, Evidently finds a drifted column in {_of(found['evidently weeks'])} clean weeks.", ""]
    lines += [
        "| 30 days from | roc_auc | measured | in time? "
        "| a day old: roc_auc | a day old: measured | a day old: in time? |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in found["performance of 30 days"]:
        lines.append(f"| {row['first']} | {_measured_cells(row['clean'])} | {_measured_cells(row['stale'])} |")
    overlapping = (
        f"{_of(found['late, clean'])} with weather in time, {_of(found['late, stale'])} with weather a day old"
    )
    lines += ["", "In time? The coefficients of the day's own predictions and of the next day's: 1 and 0 are right."]
    lines += ["", f"Judged late, of the overlapping windows of 30 days that begin on each day: {overlapping}."]
    weekly = found["performance of 7 days"]
    worse = {name: sum(row[name]["outcome"] == "worse" for row in weekly) for name in ("clean", "stale")}
    said = f"Of {len(weekly)} weeks, {worse['clean']} are measured worse with weather in time"
    lines += ["", f"{said}, and {worse['stale']} with weather a day old."]
    return "\n".join(lines)


def _measured_cells(one: dict[str, Any]) -> str:
    late = one["timing"]
    in_time = f"{'**late**' if late['is_late'] else 'yes'}: {late['own']:.2f}, {late['following']:.2f}"
    return f"{one['value']:.3f} | {one['outcome']} | {in_time}"


def _share(one: dict[str, float]) -> str:
    return f"{one['share']:.1%} [{one['low']:.1%}, {one['high']:.1%}]"


def _of(one: dict[str, float]) -> str:
    return f"{one['hits']} of {one['trials']}"


def main() -> None:
    """The command."""
    asked = _parser().parse_args()
    figures: dict[str, Any] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    figures = {part: found for part, found in figures.items() if isinstance(found, dict)}
    if asked.part != "table":
        measure(asked, world_of(asked.build), figures)
    FIGURES.write_text(
        json.dumps(figures | tables(table_text(figures)), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    write_between(PAGE, BEGIN, END, table_text(figures))


def measure(asked: argparse.Namespace, world: World, figures: dict[str, Any]) -> None:
    """Measure one part, into `figures`."""
    if asked.part == "weeks":
        figures["weeks"] = weeks(world)
    elif asked.part == "labelled":
        figures["labelled"] = labelled(world)
    else:
        rows = figures.setdefault("independent", {})
        for size in asked.size or SIZES:
            found = independent(world, size, asked.first, asked.references, asked.windows, asked.evidently)
            known = rows.get(str(size)) if asked.first else None
            rows[str(size)] = merged(known, found) if known else found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m drills.rates.drift", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("part", choices=("independent", "weeks", "labelled", "table"))
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument(
        "--first",
        type=int,
        default=0,
        help="the first reference's number; above 0, counts are added to those on record",
    )
    parser.add_argument("--size", type=int, action="append", help="rows of a window; default: all sizes")
    parser.add_argument("--references", type=int, default=40)
    parser.add_argument("--windows", type=int, default=27)
    parser.add_argument("--evidently", type=int, default=40, help="windows of each size that Evidently judges, too")
    return parser


if __name__ == "__main__":
    main()
