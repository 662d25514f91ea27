"""Error rates of the gate: its own rule judges models whose true difference is known, on many holdouts.

    python -m drills.rates.gate train     four models of the flights, by the real commands
    python -m drills.rates.gate measure   their scores, and every rate; writes the table and the picture

The population is September to December, 122 days that no model was trained on. A holdout is 30 of these days, drawn
with replacement and with all their rows, because rows of one day are not independent. Two real models are compared.
Noise on the scores of one sets the true difference of AUC over the whole population to the one in the table. Then the
gate judges (`training.statistics`, `training.judging`), as it does in `make evaluate`.

On the same draws, two other rules judge: the same with rows taken as independent, and `new >= old`.

Reads   pipeline.toml (its gate; --margin sets another margin)
Writes  build/rates/gate/: the models; drills/rates/gate.json; docs/drills.md between its marks; its picture
"""

import argparse
import datetime as dt
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from contracts.outside.handbook import write_between
from contracts.pipeline_toml.reader import load_config
from contracts.schema import write_json
from contracts.stage import Build
from drills.pipeline_toml import with_key
from drills.rates.gate_rates import Cell, Rates
from drills.rates.pictures import power_curves
from drills.rates.proportion import Proportion
from scoring.scorer import load_scorer
from training.judging.comparisons import as_interval
from training.judging.evaluations import confidence_of_evaluation
from training.judging.gate import outcome_of
from training.judging.scored_models import predictions_for
from training.statistics.intervals import Estimate, paired_difference
from training.statistics.scores import score
from training.tables import Integers, load_table

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "build" / "rates" / "gate"
DOCUMENT = ROOT / "docs" / "drills.md"
PICTURE = ROOT / "docs" / "pictures" / "gate-power.svg"
RECORD = Path(__file__).with_name("gate.json")
BEGIN, END = "<!-- gate rates: begin -->", "<!-- gate rates: end -->"

METRIC = "roc_auc"
DAYS = 30
STEPS = (0.0, 0.5, 1.0, 2.0, 4.0)
RULES = ("gate", "rows independent", "new >= old")
EVALUATIONS = 10
SEED = 7
NOISE_STEPS = 40
LARGEST_NOISE = 64.0
PROMOTED = ("better", "equivalent")

Numbers = npt.NDArray[np.float64]

# Training ends on 31 July, for the older model on 30 June; the rows from September to December are the replay.
_WINDOW: dict[str, object] = {"data.as_of": dt.date(2013, 9, 1), "data.replay_days": 122, "data.holdout_days": 31}
VARIANTS: dict[str, dict[str, object]] = {
    "champion": _WINDOW,
    "another seed": {**_WINDOW, "data.seed": 9},
    "a month older": {**_WINDOW, "data.holdout_days": 62},
    "another kind": {**_WINDOW, "training.candidates": ["logistic"], "training.trials": 1},
}
PAIRS = {
    "the same recipe with another seed": ("another seed", "champion"),
    "trained a month longer": ("champion", "a month older"),
    "another kind of model (logistic regression)": ("another kind", "champion"),
}


@dataclass(frozen=True)
class Population:
    """truth [rows]; the rows of each day; odds: the log-odds of each model [rows]; noise, the same for all, [rows]."""

    truth: Integers
    rows_of_day: tuple[npt.NDArray[np.intp], ...]
    odds: dict[str, Numbers]
    noise: Numbers


@dataclass(frozen=True)
class Rule:
    """The gate's margin and one-sided confidence."""

    margin: float
    confidence: float


def train() -> None:
    """Train every variant by `training.data` and `training.train`, each with its own keys in pipeline.toml."""
    for name, keys in VARIANTS.items():
        folder = MODELS / name.replace(" ", "-")
        folder.mkdir(parents=True, exist_ok=True)
        text = (ROOT / "pipeline.toml").read_text(encoding="utf-8")
        for key, value in keys.items():
            text = with_key(text, key, value)
        config = folder / "pipeline.toml"
        config.write_text(text, encoding="utf-8")
        for stage in ("data", "train"):
            command = [
                sys.executable,
                "-m",
                "training",
                stage,
                "--config",
                str(config),
                "--build",
                f"{folder / 'build'}",
            ]
            subprocess.run(command, cwd=ROOT, check=True)


def population() -> Population:
    """The rows after as_of, and each model's predictions. Raises UsageError if `train` has not run."""
    odds: dict[str, Numbers] = {}
    for name in VARIANTS:
        build = Build(MODELS / name.replace(" ", "-") / "build")
        table = load_table(build, "replay")
        odds[name] = _odds(predictions_for(load_scorer(build.challenger), table).predicted[:, 1])
    days = table.days
    if days is None or table.truth.dtype.kind != "i":
        raise ValueError("the rates need a binary table with time")
    rows = tuple(np.flatnonzero(days == day) for day in range(int(days.max()) + 1))
    noise = np.random.default_rng(SEED).standard_normal(len(days))
    return Population(table.truth.astype(np.int64), rows, odds, noise)


def apart(
    known: Population, challenger: str, champion: str, worse_by: float, noise: Numbers
) -> tuple[Numbers, Numbers]:
    """Both models' scores, so that the challenger's AUC on the population is `worse_by` below the champion's.

    Noise is added to the model whose AUC must fall.
    """
    new, old = known.odds[challenger], known.odds[champion]
    ahead = _auc(known.truth, new) - _auc(known.truth, old) + worse_by
    if ahead >= 0:
        return _blurred(known.truth, new, noise, _auc(known.truth, new) - ahead), old
    return new, _blurred(known.truth, old, noise, _auc(known.truth, old) + ahead)


def measure_cell(known: Population, rule: Rule, draws: int, task: tuple[str, float]) -> Cell:
    """One cell of the table."""
    pair, margins = task
    new, old = apart(known, *PAIRS[pair], margins * rule.margin, known.noise)
    promoted, errors = dict.fromkeys(RULES, 0), []
    for rows, clusters in holdouts(known, draws, SEED + round(10 * margins)):
        clustered = _difference(known, new, old, rows, clusters, rule.confidence)
        independent = _difference(known, new, old, rows, None, rule.confidence)
        errors.append(clustered.standard_error)
        verdicts = (_passes(clustered, rule.margin), _passes(independent, rule.margin), clustered.value >= 0)
        for name, verdict in zip(RULES, verdicts, strict=True):
            promoted[name] += verdict
    mean_error = round(float(np.mean(errors)), 6)
    return Cell(pair=pair, margins_worse=margins, draws=draws, standard_error=mean_error, promoted=promoted)


def measure_evaluations(known: Population, rule: Rule, draws: int) -> tuple[int, int]:
    """On how many of `draws` holdouts one of ten models, each a margin worse, is promoted: with evaluations counted,
    and without.
    """
    rng = np.random.default_rng(SEED)
    pairs = [PAIRS["the same recipe with another seed"], PAIRS["trained a month longer"]]
    noises = [rng.standard_normal(len(known.noise)) for _ in range(EVALUATIONS)]
    models = [apart(known, *pairs[k % len(pairs)], rule.margin, noise) for k, noise in enumerate(noises)]
    counted = uncounted = 0
    for rows, clusters in holdouts(known, draws, SEED):
        seen = [_difference(known, new, old, rows, clusters, rule.confidence) for new, old in models]
        uncounted += any(_passes(one, rule.margin) for one in seen)
        corrected = (
            _difference(known, new, old, rows, clusters, confidence_of_evaluation(rule.confidence, number))
            for number, (new, old) in enumerate(models, start=1)
        )
        counted += any(_passes(one, rule.margin) for one in corrected)
    return counted, uncounted


def holdouts(known: Population, draws: int, seed: int) -> Iterator[tuple[npt.NDArray[np.intp], Integers]]:
    """Rows and day numbers, [rows] each, of `draws` holdouts; a day that is drawn twice counts as two."""
    rng = np.random.default_rng(seed)
    for _ in range(draws):
        days = [known.rows_of_day[day] for day in rng.integers(0, len(known.rows_of_day), DAYS)]
        yield np.concatenate(days), np.repeat(np.arange(DAYS), [len(one) for one in days]).astype(np.int64)


def measure(margin: float | None, draws: int) -> Rates:
    """Every rate, on all cores."""
    gate = load_config(ROOT / "pipeline.toml").gate
    rule = Rule(gate.margin if margin is None else margin, gate.confidence)
    known = population()
    tasks = [(pair, step) for pair in PAIRS for step in STEPS]
    with ProcessPoolExecutor(2) as pool:
        tried = pool.submit(measure_evaluations, known, rule, max(1, draws // 2))
        cells = tuple(pool.map(partial(measure_cell, known, rule, draws), tasks))
        counted, uncounted = tried.result()
    return Rates(
        metric=METRIC, margin=rule.margin, confidence=rule.confidence, days=DAYS, rows=len(known.truth), cells=cells,
        evaluations_draws=max(1, draws // 2), evaluations=EVALUATIONS,
        let_in_counted=counted, let_in_uncounted=uncounted,
    )  # fmt: skip


def table(rates: Rates) -> str:
    """The rates as Markdown."""
    lines = [
        f"Margin {rates.margin:g}, one-sided confidence {rates.confidence:g}, holdouts of {rates.days} days out of"
        f" {rates.rows:,} flights; {rates.cells[0].draws} draws a row. Share promoted, with 95 % intervals (Wilson):",
        "",
        "| challenger, against the champion | true difference | standard error |"
        " this gate | rows independent | `new >= old` |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for cell in rates.cells:
        shares = " | ".join(str(Proportion(cell.promoted[rule], cell.draws)) for rule in RULES)
        lines.append(f"| {cell.pair} | {_worse(cell.margins_worse)} | {cell.standard_error:.4f} | {shares} |")
    counted = Proportion(rates.let_in_counted, rates.evaluations_draws)
    uncounted = Proportion(rates.let_in_uncounted, rates.evaluations_draws)
    lines += [
        "",
        f"{rates.evaluations} evaluations on one holdout, each of another model that is one margin worse: one of "
        f"them is promoted on {counted} of {rates.evaluations_draws} holdouts, on {uncounted} if evaluations are not "
        "counted.",
    ]
    return "\n".join(lines)


def _worse(margins: float) -> str:
    return "none" if not margins else f"{margins:g} margin{'s' if margins > 1 else ''} worse"


def _difference(known: Population, new: Numbers, old: Numbers, rows: npt.NDArray[np.intp], clusters: Integers | None,
                confidence: float) -> Estimate:  # fmt: skip
    challenger, champion = _two_columns(new[rows]), _two_columns(old[rows])
    truth = known.truth[rows]
    return paired_difference(METRIC, truth, challenger, champion, clusters, confidence=confidence, threshold=None)


def _passes(estimate: Estimate, margin: float) -> bool:
    return outcome_of(as_interval(estimate), margin, higher_is_better=True) in PROMOTED


def _blurred(truth: Integers, odds: Numbers, noise: Numbers, aim: float) -> Numbers:
    low, high = 0.0, LARGEST_NOISE
    for _ in range(NOISE_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if _auc(truth, odds + middle * noise) < aim else (middle, high)
    return odds + high * noise


def _auc(truth: Integers, odds: Numbers) -> float:
    return score(METRIC, truth, _two_columns(odds), threshold=None)


def _two_columns(odds: Numbers) -> Numbers:
    positive = 1 / (1 + np.exp(-odds))
    return np.column_stack([1 - positive, positive])


def _odds(probability: Numbers) -> Numbers:
    clipped = np.clip(probability, 1e-6, 1 - 1e-6)
    odds: Numbers = np.log(clipped / (1 - clipped))
    return odds


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m drills.rates.gate", description=__doc__)
    parser.add_argument("step", choices=["train", "measure"])
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--margin", type=float)
    given = parser.parse_args(arguments)
    if given.step == "train":
        train()
        return
    rates = measure(given.margin, given.draws)
    print(table(rates))
    write_json(RECORD, rates)
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(power_curves(rates), encoding="utf-8")
    write_between(DOCUMENT, BEGIN, END, table(rates))


if __name__ == "__main__":
    main()
