"""`build/evaluate/decision.json`: promote or reject, with every figure behind it. Same inputs, same bytes."""

from typing import Literal

from pydantic import model_validator

from contracts.schema import Figure, Schema

Outcome = Literal["better", "equivalent", "worse", "inconclusive", "no champion"]
PROMOTED: frozenset[Outcome] = frozenset({"better", "equivalent", "no champion"})


class Evidence(Schema):
    """The digests that a stage's result is about. None: the stage says nothing about it. `champion` "": there was none.

    `settings`: of pipeline.toml as the stage read it (`settings_digest`). `image`: the image id (contracts/image.py).
    """

    model: str | None = None
    champion: str | None = None
    data: str | None = None
    settings: str | None = None
    image: str | None = None


class Interval(Schema):
    """A figure with its interval. `low` and `high` are one-sided bounds at the decision's confidence."""

    value: Figure
    low: Figure
    high: Figure


class Comparison(Schema):
    """One metric of challenger and champion on the same rows. Only the metric that decides has a margin.

    `baseline`: the metric of the best prediction that reads no feature; `over_baseline`: challenger minus baseline.
    """

    metric: str
    title: str
    higher_is_better: bool
    challenger: Interval
    champion: Interval | None = None
    difference: Interval | None = None
    baseline: Figure | None = None
    over_baseline: Interval | None = None
    margin: Figure | None = None
    outcome: Outcome
    decides: bool
    method: str


class Check(Schema):
    """One check: what was seen, what is required, and what to do where it fails. `name` is its code."""

    name: str
    passed: bool
    seen: str
    required: str
    remedy: str = ""


class SliceComparison(Schema):
    """The primary metric on the rows where `column` is `value`."""

    column: str
    value: str
    rows: int
    challenger: float
    champion: float | None = None
    difference: Interval | None = None
    outcome: Outcome


class Curve(Schema):
    """Points of a curve: x and y of equal length. `name`: challenger or champion."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]

    @model_validator(mode="after")
    def _is_of_points(self) -> "Curve":
        if len(self.x) != len(self.y):
            raise ValueError("x and y have different lengths")
        return self


class Plot(Schema):
    """One plot. `x`, `y`: the axes' labels; `has_diagonal`: whether the line y = x is drawn."""

    title: str
    x: str
    y: str
    has_diagonal: bool
    curves: tuple[Curve, ...]


class Plots(Schema):
    """`build/evaluate/plots.json`: curves of both models on the holdout, by the plot's name."""

    format_version: Literal[1] = 1
    plots: dict[str, Plot]


class Decision(Schema):
    """decision.json.

    `reason_codes`: one for each of `reasons`: a check's name, `slice`, or the outcome of the metric that decides.
    `relaxed`: one sentence for each setting that asks less than it did of the champion.
    `changed`: one for each other setting that changed; a person must judge whether it asks less.
    `baseline`: the rule by which the baseline predicts. `notes`: findings that are no reason to reject.
    `first_run`: the reason where there was no champion to compare with (contracts/pipeline_toml/champion.py).
    `evaluation`: its number on this holdout; `evaluations`: how many are counted in all; `forgotten`: why some may be
    missing, "" where none seem to be.
    `settings`: the digest of pipeline.toml as the gate read it (contracts/pipeline_toml/reader.py).
    """

    format_version: Literal[3] = 3
    decision: Literal["promote", "reject"]
    reasons: tuple[str, ...]
    reason_codes: tuple[str, ...] = ()
    metric: str
    challenger: str
    champion: str = ""
    first_run: str = ""
    data_digest: str
    settings: str
    commit: str
    holdout_rows: int
    holdout_first: str = ""
    holdout_last: str = ""
    clusters: int
    evaluation: int
    evaluations: int = 0
    forgotten: str = ""
    confidence: float
    relaxed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    detectable_difference: float | None = None
    baseline: str = ""
    notes: tuple[str, ...] = ()
    comparisons: tuple[Comparison, ...]
    checks: tuple[Check, ...]
    slices: tuple[SliceComparison, ...] = ()

    @property
    def deciding(self) -> Comparison | None:
        """The metric that decides; None where it could not be computed."""
        return next((one for one in self.comparisons if one.decides), None)

    @property
    def evidence(self) -> Evidence:
        """The model and the champion that were compared, the data and the settings."""
        return Evidence(model=self.challenger, champion=self.champion, data=self.data_digest, settings=self.settings)
