"""Error rates of the drift verdict on tables whose rows belong to groups, split by whole groups.

    python -m drills.rates.drift_groups            tables of persons with several rows each, clean and with a shift
    python -m drills.rates.drift_groups --trials N how many of each; --first runs other seeds and adds to the record

Rows of a person share some columns and are correlated in others. Three fifths of the persons are the reference and
15 % the window. Each table is judged three times: with the window's persons known, as in the chain; with them unknown,
as in production; and as if all rows were independent. Effect sizes are off, as in `drift_tables.py`. In the shifted
tables one column that a person's rows share is moved by half a standard deviation.

Reads   nothing
Writes  drills/rates/drift_groups.json, docs/drift.md between its marks
"""

import argparse
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from contracts.data_manifest import CLUSTER_COLUMN
from contracts.features import Feature
from contracts.model_folder import PREDICTION_COLUMN
from contracts.outside.handbook import write_between
from drills.rates.drift_tables import NO_EFFECT_SIZES, PAGE, SHIFT_SD, TARGET, Sides, window_of
from drills.rates.proportion import Proportion
from reports.drift.comparison import compare, groups_of
from reports.drift.effective_rows import distinct_window
from reports.drift.thresholds import Groups
from reports.drift.verdict import LEAST_GROUPS
from testbed.cards import card

FIGURES = Path("drills/rates/drift_groups.json")
BEGIN, END = "<!-- groups: begin -->", "<!-- groups: end -->"
PERSONS, ROWS_OF_A_PERSON = (80, 200, 600), (4, 20)
VIEWS = ("known", "unknown", "as rows")
SHIFTED = "age"


def made(persons: int, rows: int, random: np.random.Generator) -> Sides:
    """A table of `persons` with about `rows` rows each, split by persons. They share its last columns."""
    person = np.repeat(np.arange(persons), 1 + random.poisson(rows - 1, persons))
    count = len(person)
    own = random.normal(size=(persons, 3))[person]
    risk = 0.5 * own[:, 0] + random.normal(size=count)
    table = pd.DataFrame(
        {
            "spent": own[:, 0] + random.normal(size=count),
            "waited": np.exp(random.normal(size=count)),
            "way": random.choice(list("abcd"), count, p=[0.4, 0.3, 0.2, 0.1]),
            "town": random.choice([f"t{place}" for place in range(12)], persons)[person],
            "children": random.poisson(1.0, persons)[person].astype(float),
            SHIFTED: own[:, 1],
        }
    )
    features = [
        Feature(name=name, kind="categorical", categories=tuple(sorted({*table[name]})))
        if name in ("way", "town")
        else Feature(name=name, kind="numeric")
        for name in map(str, table)
    ]
    chance = 1 / (1 + np.exp(1 - risk))
    table = table.assign(**{PREDICTION_COLUMN: chance, CLUSTER_COLUMN: person})
    table[TARGET] = np.where(random.random(count) < chance, "yes", "no")
    order = random.permutation(persons)
    known, later = (
        table[np.isin(person, some)].reset_index(drop=True)
        for some in (order[: int(0.6 * persons)], order[-int(0.15 * persons) :])
    )
    window = window_of(later.drop(columns=[TARGET, CLUSTER_COLUMN]), later[TARGET].to_numpy(dtype=object))
    return Sides(
        card(tuple(features), "binary", target=TARGET, classes=("no", "yes")),
        known,
        replace(window, groups=later[CLUSTER_COLUMN].to_numpy()),
    )


def has_alarm(sides: Sides, view: str) -> bool | None:
    """Whether anything is above its threshold, or repeated; None if there are too few groups."""
    reference, window = sides.reference, sides.window
    if view == "unknown":
        window = replace(window, groups=None)
    if view == "as rows":
        reference = reference.drop(columns=CLUSTER_COLUMN)
    window = distinct_window(window, reference)
    groups = groups_of(reference)
    if groups is not None and min(Groups(groups, window.groups).counts(len(window.rows))) < LEAST_GROUPS:
        return None
    seen = compare(NO_EFFECT_SIZES, sides.card, reference, window.rows, window.answers, 0, 7, window.groups)
    is_over = any(one.drifted for one in seen.columns) or bool(seen.labels and seen.labels.moved)
    return is_over or window.repeated > 0


def _moved(sides: Sides) -> Sides:
    rows = sides.window.rows
    moved = rows.assign(**{SHIFTED: rows[SHIFTED] + SHIFT_SD * float(sides.reference[SHIFTED].std())})
    return Sides(sides.card, sides.reference, replace(sides.window, rows=moved))


def measured(persons: int, rows: int, first: int, trials: int) -> dict[str, int]:
    """The counts of alarms in each view; every third table also with the shift."""
    counts: Counter[str] = Counter()
    for number in range(first, first + trials):
        sides = made(persons, rows, np.random.default_rng([number, persons, rows]))
        for view in VIEWS:
            alarm = has_alarm(sides, view)
            counts.update({f"{view}: trials": alarm is not None, f"{view}: called": bool(alarm)})
            if number % 3 == 0:
                found = has_alarm(_moved(sides), view)
                counts.update({f"{view}: moved": found is not None, f"{view}: found": bool(found)})
    return dict(counts)


def table_text(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        "| persons × rows of each | persons in the window | alarms, clean: persons known | … unknown | … as rows "
        "| shift found: known | … unknown |",
        "| --- | ---: | --- | --- | --- | --- | --- |",
    ]
    for name, seen in figures.items():
        clean = [_share(seen, f"{view}: called", f"{view}: trials") for view in VIEWS]
        found = [_share(seen, f"{view}: found", f"{view}: moved") for view in VIEWS[:2]]
        lines.append(f"| {name} | {int(0.15 * int(name.split()[0]))} | {' | '.join([*clean, *found])} |")
    return "\n".join(lines)


def _share(seen: dict[str, int], some: str, every: str) -> str:
    trials = seen.get(every, 0)
    return str(Proportion(seen.get(some, 0), trials)) if trials else "insufficient"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m drills.rates.drift_groups", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--first", type=int, default=0, help="the first trial's number; above 0, counts are added to those on record"
    )
    parser.add_argument("--trials", type=int, default=300, help="of each size; 0 only writes the page")
    parser.add_argument("--persons", type=int, nargs="+", default=list(PERSONS))
    parser.add_argument("--rows", type=int, nargs="+", default=list(ROWS_OF_A_PERSON))
    asked = parser.parse_args()
    recorded: dict[str, Any] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {"groups": {}}
    figures = recorded["groups"]
    for persons in asked.persons if asked.trials else ():
        for rows in asked.rows:
            name, found = f"{persons} × {rows}", measured(persons, rows, asked.first, asked.trials)
            print(name, found, flush=True)
            figures[name] = dict(Counter(figures[name]) + Counter(found)) if asked.first and name in figures else found
            FIGURES.write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    write_between(PAGE, BEGIN, END, table_text(figures))


if __name__ == "__main__":
    main()
