"""Error rates of the drift verdict on tables of any size and kind, of which it is known whether they drifted.

    python -m drills.rates.drift_tables grid       made tables: rows × columns × kind, clean and with one column moved
    python -m drills.rates.drift_tables public     public tables, split at random, their window replayed many times
    python -m drills.rates.drift_tables cost       CPU seconds of one comparison, by columns
    python -m drills.rates.drift_tables table      the tables of all, into docs/drift.md

A window is judged as in the stage: copies are removed, then every statistic, predictions and labels are compared.
Three fifths of a table's rows are the reference (at most `drift.reference_rows`), 15 % are the window. Effect sizes are
off: they would only lower the rate, and chance alone is measured. `--first` runs other seeds and adds to the record.

Reads   nothing
Writes  drills/rates/drift_tables.json, docs/drift.md between its marks
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from contracts.features import Feature
from contracts.model_folder import PREDICTION_COLUMN, ModelCard
from contracts.outside.handbook import write_between
from contracts.pipeline_toml.keys import Drift
from contracts.schema import Task
from drills.rates.proportion import Proportion
from reports.drift.comparison import compare
from reports.drift.effective_rows import distinct_window
from reports.drift.log_reader import Answers, RequestWindow
from testbed.cards import card

FIGURES = Path("drills/rates/drift_tables.json")
PAGE = Path("docs/drift.md")
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"
ROWS, COLUMNS = (150, 500, 2000, 20_000), (5, 50, 500)
NO_EFFECT_SIZES = Drift(
    numeric_effect=1e-9, categorical_effect=1e-9, prediction_effect=1e-9, label_effect=1e-9, missing_effect=1e-9,
    repeated_effect=1e-9, min_labels=1,
)  # fmt: skip
SHIFT_SD = 0.5
TARGET = "target"
Column = npt.NDArray[Any]
COPIES = 4400


@dataclass(frozen=True)
class Sides:
    """The reference and the window of one table."""

    card: ModelCard
    reference: pd.DataFrame
    window: RequestWindow

    @property
    def has_alarm(self) -> bool:
        """Whether anything is above its threshold: a column, the predictions, the labels, or repeated rows."""
        window = distinct_window(self.window, self.reference)
        seen = compare(NO_EFFECT_SIZES, self.card, self.reference, window.rows, window.answers, 0, seed=7)
        is_over = any(one.drifted for one in seen.columns) or bool(seen.labels and seen.labels.moved)
        return is_over or window.repeated > 0

    def moved(self, name: str) -> "Sides":
        """The same sides with one numeric column of the window moved by half a standard deviation."""
        rows = self.window.rows
        shifted = rows.assign(**{name: rows[name] + SHIFT_SD * float(self.reference[name].std())})
        return Sides(self.card, self.reference, window_of(shifted, self.window.answers.actual))


def window_of(rows: pd.DataFrame, actual: Column, sources: Column | None = None) -> RequestWindow:
    """A log of these rows. `sources`: which row of a replayed table each is."""
    count = len(rows)
    answers = Answers(np.zeros((count, 2)), actual, np.zeros(count, dtype=np.int64))
    known = np.full(count, -1) if sources is None else sources
    return RequestWindow(rows, answers, count, "", "", 0, 0, 0, 0, known)


def _numbers(random: np.random.Generator, rows: int, columns: int) -> Column:
    """Half of the columns are correlated by one factor, the others are noise."""
    table = random.normal(size=(rows, columns))
    table[:, : columns // 2] += random.normal(size=(rows, 1))
    return table


def _equal_rows(random: np.random.Generator, rows: int, columns: int) -> Column:
    """One row in five is in the table twice."""
    table = _numbers(random, rows - rows // 6, columns)
    twice: Column = np.concatenate([table, table[random.choice(len(table), rows // 6, replace=False)]])
    shuffled: Column = random.permutation(twice)
    return shuffled


def _ties(random: np.random.Generator, rows: int, columns: int) -> Column:
    """Whole numbers: counts, most of them 0 or 1, one value in twenty missing."""
    table = random.poisson(0.7, size=(rows, columns)).astype(float)
    table[random.random(table.shape) < 0.05] = np.nan
    return table


def _heavy(random: np.random.Generator, rows: int, columns: int) -> Column:
    """Amounts: log-normal, a few of them a thousand times the median."""
    amounts: Column = np.exp(2 * _numbers(random, rows, columns))
    return amounts


KINDS: dict[str, Callable[[np.random.Generator, int, int], Column]] = {
    "plain": _numbers, "equal rows": _equal_rows, "heavy ties": _ties, "heavy tails": _heavy,
    "1 % positives": _numbers, "long tail": _numbers,
}  # fmt: skip


def made(kind: str, rows: int, columns: int, random: np.random.Generator) -> Sides:
    """A table of one distribution, split at random."""
    features = [Feature(name=f"c{place}", kind="numeric") for place in range(columns)]
    frame = pd.DataFrame(KINDS[kind](random, rows, columns), columns=[one.name for one in features])
    if kind == "long tail":
        # Zipf's law: up to a third of a window's values may not be in the reference.
        texts = np.minimum(random.zipf(1.5, rows), 5000).astype(str)
        frame["c0"], features[0] = texts, Feature(name="c0", kind="categorical", categories=tuple(sorted({*texts})))
    chance = random.beta(1, 99, rows) if kind == "1 % positives" else random.beta(2, 5, rows)
    frame[PREDICTION_COLUMN] = chance
    frame[TARGET] = np.where(random.random(rows) < chance, "yes", "no")
    return _cut(frame, features, random.permutation(rows), "binary", ("no", "yes"))


def _cut(frame: pd.DataFrame, features: list[Feature], order: Column, task: Task, classes: tuple[str, ...]) -> Sides:
    known = order[: min(NO_EFFECT_SIZES.reference_rows, int(0.6 * len(frame)))]
    later = frame.iloc[order[-int(0.15 * len(frame)) :]].reset_index(drop=True)
    one = card(tuple(features), task, target=TARGET, classes=classes)
    window = window_of(later.drop(columns=TARGET), later[TARGET].to_numpy(dtype=object))
    return Sides(one, frame.iloc[known].reset_index(drop=True), window)


def grid(first: int, trials: dict[int, int], rows: list[int], columns: list[int]) -> Iterator[tuple[str, Any]]:
    """The counts of each cell, in all and by kind of table: alarms on clean tables, and moved columns found."""
    for size in rows:
        for width in columns:
            counts: Counter[str] = Counter()
            for number in range(first, first + trials[width]):
                kind = list(KINDS)[number % len(KINDS)]
                sides = made(kind, size, width, np.random.default_rng([number, size, width]))
                alarm = sides.has_alarm
                counts.update({"trials": 1, "called": alarm, f"{kind}: trials": 1, f"{kind}: called": alarm})
                if number % 3 == 0:
                    counts.update({"moved": 1, "found": sides.moved(f"c{width - 1}").has_alarm})
            print(size, width, dict(counts), flush=True)
            yield f"{size} × {width}", dict(counts)


def _tables() -> Iterator[tuple[str, pd.DataFrame, Column, Any]]:
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
    for name, load, model in (
        ("breast cancer, 569 × 30", load_breast_cancer, linear),
        ("wine, 178 × 13", load_wine, linear),
        ("diabetes, 442 × 10", load_diabetes, make_pipeline(StandardScaler(), Ridge(1.0))),
    ):
        table = load(as_frame=True)
        yield name, table.data, table.target.to_numpy(), model


def public(trials: int) -> Iterator[tuple[str, Any]]:
    """The counts of each public table: split at random, with a model fitted on one part; 4,400 rows are replayed."""
    for name, inputs, target, model in _tables():
        counts: Counter[str] = Counter()
        for number in range(trials):
            sides = _fitted(inputs, target, model, np.random.default_rng(number))
            counts.update(
                {"trials": 1, "called": sides.has_alarm, "copies taken for rows": _with_copies(sides).has_alarm}
            )
        print(name, dict(counts), flush=True)
        yield name, dict(counts)


def _fitted(inputs: pd.DataFrame, target: Column, model: Any, random: np.random.Generator) -> Sides:
    order = random.permutation(len(inputs))
    known, later = order[: int(0.6 * len(order))], order[-int(0.15 * len(order)) :]
    frame = inputs.set_axis([f"c{place}" for place in range(inputs.shape[1])], axis=1).astype(np.float32)
    is_class = len(np.unique(target)) < 10
    # As in reference.parquet: out-of-fold predictions for the reference, the model's own for the window.
    method = "predict_proba" if is_class else "predict"
    of_known = cross_val_predict(clone(model), frame.iloc[known], target[known], cv=3, method=method)
    of_later = getattr(clone(model).fit(frame.iloc[known], target[known]), method)(frame.iloc[later])
    predicted = [one[:, -1] if is_class else one for one in (of_known, of_later)]
    actual = target.astype(str) if is_class else target.astype(float)
    before = frame.iloc[known].assign(**{PREDICTION_COLUMN: predicted[0], TARGET: actual[known]}).reset_index(drop=True)
    after = frame.iloc[later].assign(**{PREDICTION_COLUMN: predicted[1]}).reset_index(drop=True)
    copies = np.arange(COPIES) % len(after)
    features = tuple(Feature(name=str(name), kind="numeric") for name in frame)
    classes = tuple(map(str, np.unique(target))) if is_class else ()
    one = card(features, "binary" if is_class else "regression", target=TARGET, classes=classes)
    labels = actual[later].astype(object)[copies]
    return Sides(one, before, window_of(after.iloc[copies].reset_index(drop=True), labels, copies))


def _with_copies(sides: Sides) -> "_CopiesCounted":
    return _CopiesCounted(sides.card, sides.reference, sides.window)


class _CopiesCounted(Sides):
    """The same, but each copy counts as a row."""

    @property
    def has_alarm(self) -> bool:
        seen = compare(NO_EFFECT_SIZES, self.card, self.reference, self.window.rows, self.window.answers, 0, seed=7)
        return any(one.drifted for one in seen.columns)


def cost(columns: tuple[int, ...] = (5, 50, 100, 200, 500, 1000)) -> Iterator[tuple[str, Any]]:
    """CPU seconds of one comparison of 2,000 rows with 2,000."""
    for width in columns:
        random = np.random.default_rng(width)
        sides = made("plain", 4000, width, random)
        both = [made("plain", 4000, width, random).reference.iloc[:2000] for _ in range(2)]
        rows = both[1].drop(columns=TARGET).reset_index(drop=True)
        pair = Sides(sides.card, both[0], window_of(rows, both[1][TARGET].to_numpy(dtype=object)))
        began = time.process_time()
        called = pair.has_alarm
        found = {"seconds": round(time.process_time() - began, 2), "called": called}
        print(width, found, flush=True)
        yield str(width), found


def table_text(figures: dict[str, Any]) -> str:
    """All parts as Markdown."""
    texts = {"grid": _grid_text, "public": _public_text, "cost": _cost_text}
    return "\n\n".join(text(figures[part]) for part, text in texts.items() if figures.get(part))


def _grid_text(cells: dict[str, Any]) -> str:
    lines = ["| rows × columns | window | alarms, clean | alarms, one column moved |", "| --- | ---: | --- | --- |"]
    for name, seen in sorted(cells.items(), key=lambda one: tuple(map(int, one[0].split(" × ")))):
        rows = int(name.split(" × ")[0])
        shares = (Proportion(seen["called"], seen["trials"]), Proportion(seen["found"], seen["moved"]))
        lines.append(f"| {name} | {int(0.15 * rows):,} | {shares[0]} | {shares[1]} |")
    lines += ["", "| kind of table | alarms, clean |", "| --- | --- |"]
    total = sum((Counter(seen) for seen in cells.values()), Counter())
    for kind in [*(f"{kind}: " for kind in KINDS), ""]:
        share = Proportion(total[f"{kind}called"], total[f"{kind}trials"])
        lines.append(f"| {kind.rstrip(': ') or 'all'} | {share} |")
    return "\n".join(lines)


def _public_text(found: dict[str, Any]) -> str:
    lines = ["| public table, split at random | alarms | alarms if copies counted as rows |", "| --- | --- | --- |"]
    for name, seen in found.items():
        both = (Proportion(seen[key], seen["trials"]) for key in ("called", "copies taken for rows"))
        lines.append(f"| {name} | {' | '.join(map(str, both))} |")
    return "\n".join(lines)


def _cost_text(found: dict[str, Any]) -> str:
    lines = ["| numeric columns | CPU seconds, 2,000 rows against 2,000 |", "| ---: | ---: |"]
    lines += [f"| {int(width):,} | {seen['seconds']:.1f} |" for width, seen in found.items()]
    return "\n".join(lines)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m drills.rates.drift_tables", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("part", choices=("grid", "public", "cost", "table"))
    parser.add_argument(
        "--first", type=int, default=0, help="the first trial's number; above 0, counts are added to those on record"
    )
    parser.add_argument("--trials", type=int, nargs=3, default=(300, 150, 30), help="of 5, 50 and 500 columns")
    parser.add_argument("--rows", type=int, nargs="+", default=list(ROWS))
    parser.add_argument("--columns", type=int, nargs="+", default=list(COLUMNS))
    asked = parser.parse_args()
    figures: dict[str, Any] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    parts: dict[str, Callable[[], Iterator[tuple[str, Any]]]] = {
        "grid": lambda: grid(asked.first, dict(zip(COLUMNS, asked.trials, strict=True)), asked.rows, asked.columns),
        "public": lambda: public(asked.trials[0]),
        "cost": cost,
    }
    for name, found in parts[asked.part]() if asked.part in parts else ():
        kept = figures.setdefault(asked.part, {})
        counts = Counter(kept[name] if asked.first and name in kept else {})
        counts.update(found)  # `+` would drop the counts of 0
        kept[name] = dict(counts)
    FIGURES.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    write_between(PAGE, BEGIN, END, table_text(figures))


if __name__ == "__main__":
    main()
