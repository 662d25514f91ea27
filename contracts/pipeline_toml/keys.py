"""The schema of pipeline.toml: every key, its type and its bounds. `reader.py` reads the file.

Comments in pipeline.toml say when to change a value; the docstrings here say what it means.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from operator import not_
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, Strict, field_validator, model_validator

from contracts.schema import CalendarPart, FeatureKind, Spelling, Task, is_unset

NumericDistance = Literal["wasserstein", "jensenshannon", "psi"]
CategoricalDistance = Literal["jensenshannon", "psi"]

Share = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Names = Annotated[tuple[Annotated[str, Strict()], ...], Strict(False)]  # a TOML array
Spellings = Annotated[tuple[Spelling, ...], Strict(False), Field(min_length=1)]
CalendarParts = Annotated[tuple[CalendarPart, ...], Strict(False), Field(min_length=1)]
MOST_CATEGORIES = 10_000
# A key that is not set is not written, so that older records keep their digest.
IF_SET = Field(exclude_if=not_)

METRICS_OF_TASK: dict[Task, tuple[str, ...]] = {
    "binary": ("roc_auc", "average_precision", "brier", "log_loss", "accuracy", "precision", "recall", "f1"),
    "multiclass": ("roc_auc", "average_precision", "brier", "log_loss", "accuracy", "f1"),
    "regression": ("rmse", "mae", "r2"),
}
# pinball_01 to pinball_99, and the quantile of each.
QUANTILES = {f"pinball_{percent:02}": percent / 100 for percent in range(1, 100)}
# Computed only where pipeline.toml names them: each is for models of its own kind, and MAPE excludes targets of 0.
METRICS_ON_REQUEST: dict[Task, tuple[str, ...]] = {
    "binary": (),
    "multiclass": (),
    "regression": ("mape", *QUANTILES),
}
# For these metrics a floor would pass the worst models; for all others a limit would.
LESS_IS_BETTER = frozenset({"brier", "log_loss", "rmse", "mae", "mape", *QUANTILES})


ClassWeight = Literal["balanced"] | dict[str, float]
Space = Mapping[str, tuple[float | int | str | bool | None, ...]]
Values = Annotated[tuple[float | int | str | bool, ...], Strict(False), Field(min_length=1)]


def _is_weight(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf")


class Section(BaseModel):
    """One table of pipeline.toml. Unknown keys, wrong types and impossible values are refused by name."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Project(Section):
    """The name of the model, the image and the pages."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]


class Csv(Section):
    """How CSV files are read.

    `separator` "": recognised from the first line. `missing`: texts that mean a missing value in any column;
    `missing_numbers`: texts that also do so in columns of numbers. `strip`: signs to remove from numbers.
    """

    separator: Annotated[str, Field(pattern=r"^.?$")] = ""
    decimal: Annotated[str, Field(pattern=r"^[.,]$")] = "."
    thousands: Annotated[str, Field(pattern=r"^[.,' _\u00a0]?$")] = ""
    encoding: str = "utf-8"
    missing: Names = ("",)
    missing_numbers: Names = ("NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null", "None")
    strip: str = ""

    @model_validator(mode="after")
    def _signs_differ(self) -> "Csv":
        if self.decimal == self.thousands:
            raise ValueError("decimal and thousands are the same sign")
        return self


class Data(Section):
    """The source of the table, and how it is cut into train, holdout and replay.

    `time_format` "": ISO 8601; else `epoch_s`, `epoch_ms`, or a strptime format such as %d/%m/%Y.
    `drop_classes_below`: classes with fewer rows are left out; `merge_classes_below`: such classes become one,
    `(rare)`; 0: neither.
    """

    source: Annotated[str, Field(min_length=1)]
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    target: Annotated[str, Field(min_length=1)]
    task: Task
    positive: str = ""
    time: str = ""
    time_format: str = ""
    group: str = ""
    as_of: dt.date | None = None
    holdout_days: Count = 30
    replay_days: Count = 30
    holdout_share: Share = 0.25
    replay_share: Share = 0.15
    min_train_rows: Count = 1000
    min_holdout_rows: Count = 1000
    max_repeated_rows: Annotated[float, Field(ge=0, le=1)] = 0.1
    drop_classes_below: Annotated[int, Field(ge=0), IF_SET] = 0
    merge_classes_below: Annotated[int, Field(ge=0), IF_SET] = 0
    seed: Annotated[int, Field(ge=0)] = 0
    csv: Csv = Csv()

    @model_validator(mode="after")
    def _time_needs_as_of(self) -> "Data":
        wrong = []
        if self.time and self.as_of is None:
            wrong.append("as_of is missing: a table with a time column needs the day that counts as today")
        if self.as_of is not None and not self.time:
            wrong.append("as_of is set, but time is empty: name the time column, or take as_of out")
        if self.holdout_share + self.replay_share >= 1:
            wrong.append("holdout_share and replay_share together leave no rows to train on")
        if wrong:
            raise ValueError("\n".join(wrong))
        return self


class Past(Section):
    """A column made of earlier rows: the value `lag` rows ago, or the mean of the last `mean_of` rows.

    `by`: only rows with the same value in this column. `known_after_hours`: how long after its time a row's value is
    known.
    """

    column: Annotated[str, Field(min_length=1)]
    lag: Count | None = None
    mean_of: Count | None = None
    by: str = ""
    known_after_hours: Annotated[float, Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _lag_or_mean(self) -> "Past":
        if (self.lag is None) == (self.mean_of is None):
            raise ValueError("one of lag and mean_of is required: the value so many rows ago, or the mean of so many")
        return self


class Features(Section):
    """The columns that the model reads, and their kinds. Empty `include`: inferred. `past`: columns of earlier rows.

    `normalise`: by column of categories, which differences between texts do not count: `trim` for spaces at the ends
    and repeated ones, `nfc` for Unicode forms, `case` for upper and lower case. `min_category_rows`: categories with
    fewer rows in train become one, `(rare)`; 0: none does.
    """

    include: Names = ()
    exclude: Names = ()
    kinds: dict[str, FeatureKind] = {}
    max_categories: Annotated[int, Field(ge=2, le=MOST_CATEGORIES)] = 200
    normalise: Annotated[dict[str, Spellings], IF_SET] = {}
    min_category_rows: Annotated[int, Field(ge=0), IF_SET] = 0
    dates: Annotated[dict[str, CalendarParts], IF_SET] = {}
    past: Annotated[dict[str, Past] | None, Field(exclude_if=is_unset)] = None

    @property
    def made_of_dates(self) -> dict[str, tuple[str, CalendarPart]]:
        """By name of each feature that `dates` makes, the column and the part."""
        return {f"{name}_{part}": (name, part) for name, parts in self.dates.items() for part in parts}


class Training(Section):
    """The candidates and their search, the weights of rows, and the costs that set the decision threshold.

    `weights`: the column with the weight of each row, in the fit and in every figure; None: all count the same.
    `class_weight`: additional weights by class, in the fit alone. `spaces`: by module:function among the candidates and
    by parameter, the values to try, the default first.
    """

    candidates: Annotated[Names, Field(min_length=1)]
    metric: str
    trials: Count = 4
    folds: Annotated[int, Field(ge=2, le=20)] = 3
    cost_of_a_miss: Positive = 1.0
    cost_of_a_false_alarm: Positive = 1.0
    weights: Annotated[str | None, Field(min_length=1, exclude_if=is_unset)] = None
    class_weight: Annotated[ClassWeight | None, Field(exclude_if=is_unset)] = None
    spaces: Annotated[dict[str, dict[str, Values]] | None, Field(exclude_if=is_unset)] = None

    @field_validator("class_weight", mode="before")
    @classmethod
    def _is_balanced_or_a_table(cls, value: Any) -> Any:
        is_table = isinstance(value, dict) and value and all(_is_weight(one) for one in value.values())
        if value is not None and value != "balanced" and not is_table:
            raise ValueError(
                f'training.class_weight is {value!r}; required: "balanced", or a weight above 0 for each class, '
                "such as { yes = 5.0 }"
            )
        return value

    @property
    def has_costs(self) -> bool:
        """Whether pipeline.toml sets the costs of errors; by default both cost the same."""
        return bool(self.model_fields_set & {"cost_of_a_miss", "cost_of_a_false_alarm"})


class Gate(Section):
    """What a challenger must show against the champion, and on its own."""

    metric: str
    margin: Annotated[float, Field(ge=0)]
    confidence: Annotated[float, Field(ge=0.8, lt=1)] = 0.95
    better_than_baseline: bool = True
    floors: dict[str, float] = {}
    limits: dict[str, float] = {}
    max_calibration_error: Positive | None = None
    slices: Names = ()
    slice_margin: Annotated[float, Field(ge=0)] = 0.05
    slice_min_rows: Count = 500
    max_shared_rows: Annotated[float, Field(ge=0, le=1)] = 0.01
    max_single_feature_auc: Annotated[float, Field(gt=0.5, le=1)] = 0.98
    cost_margin: Annotated[float, Field(ge=0)] = 0.02
    max_error_reduction: Annotated[float, Field(gt=0, le=1)] = 0.2
    max_generalization_gap: Annotated[float, Field(ge=0)] | None = None
    signed_off: Names = ()
    max_row_us: Positive = 1000.0
    max_model_mb: Positive = 50.0


class Load(Section):
    """The load on the service, and the limit of each figure."""

    requests_per_second: Positive = 200.0
    connections: Count = 8
    seconds: Positive = 20.0
    warmup_seconds: Annotated[float, Field(ge=0)] = 2.0
    max_p50_ms: Positive = 10.0
    max_p95_ms: Positive = 50.0
    max_p99_ms: Positive = 100.0
    max_error_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    min_rate_share: Share = 0.95
    max_stall_ms: Positive = 1000.0
    max_growth_mb: Positive = 32.0
    max_leak_bytes: Positive = 500.0
    blocks: Annotated[int, Field(ge=8)] = 20
    max_ratio: Annotated[float, Field(gt=1)] = 1.10


class ColumnDrift(Section):
    """Method and effect size for one column, in place of the general ones."""

    method: NumericDistance | CategoricalDistance
    effect: Positive


class Drift(Section):
    """How reference and window are compared, the rate of false alarms, and when a retrain is due.

    An effect is the least distance that matters, even where a smaller one is significant.
    """

    false_alarm_rate: Annotated[float, Field(gt=0, le=0.5)] = 0.05
    numeric_method: NumericDistance = "wasserstein"
    numeric_effect: Positive = 0.1
    categorical_method: CategoricalDistance = "jensenshannon"
    categorical_effect: Positive = 0.1
    prediction_effect: Positive = 0.1
    label_effect: Positive = 0.05
    missing_effect: Share = 0.02
    repeated_effect: Share = 0.05
    columns: dict[str, ColumnDrift] = {}
    historic_factor: Annotated[float, Field(ge=1)] = 1.25
    window_days: Count = 7
    min_rows: Count = 200
    min_labels: Count = 500
    reference_rows: Annotated[int, Field(ge=30)] = 5000
    lasting_windows: Count = 2
    of_windows: Count = 3
    retrain_cooldown_days: Count = 3
    max_retrains_per_week: Count = 1
    blocks_deploy: bool = False

    @model_validator(mode="after")
    def _lasting_is_reachable(self) -> "Drift":
        if self.lasting_windows > self.of_windows:
            raise ValueError("drift.lasting_windows is more than drift.of_windows: nothing could ever last")
        return self


class Service(Section):
    """Settings of the service that the model card has."""

    max_batch_rows: Annotated[int, Field(ge=1, le=100_000)] = 1000
    logged_features: Names = ()


class Deploy(Section):
    """What a new version must show beside the old one before it gets all the traffic."""

    canary_percent: Annotated[tuple[Annotated[int, Field(ge=1, le=99)], ...], Strict(False)] = (10, 50)
    canary_seconds: Positive = 30.0
    canary_min_requests: Count = 100
    canary_max_seconds: Positive = 600.0
    max_error_increase: Annotated[float, Field(ge=0, le=1)] = 0.005
    max_odd_increase: Annotated[float, Field(ge=0, le=1)] = 0.02
    max_latency_ratio: Annotated[float, Field(gt=1)] = 2.0
    fast_enough_ms: Annotated[float, Field(ge=0)] = 5.0
    ready_seconds: Positive = 120.0
    drain_seconds: Positive = 35.0
    watch_seconds: Positive = 60.0

    @model_validator(mode="after")
    def _shares_grow(self) -> "Deploy":
        wrong = []
        if list(self.canary_percent) != sorted(set(self.canary_percent)):
            wrong.append("deploy.canary_percent must grow from step to step")
        if self.canary_max_seconds < self.canary_seconds:
            wrong.append("deploy.canary_max_seconds is less than deploy.canary_seconds: no step could end")
        if wrong:
            raise ValueError("\n".join(wrong))
        return self


class Config(Section):
    """The whole of pipeline.toml."""

    project: Project
    data: Data
    features: Features = Features()
    training: Training
    gate: Gate
    load: Load = Load()
    drift: Drift = Drift()
    service: Service = Service()
    deploy: Deploy = Deploy()

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics to compute: all of the task, and others that pipeline.toml names."""
        asked = (self.training.metric, self.gate.metric, *self.gate.floors, *self.gate.limits)
        return tuple(dict.fromkeys((*METRICS_OF_TASK[self.data.task], *asked)))

    @model_validator(mode="after")
    def _metrics_fit_the_task(self) -> "Config":
        if wrong := [*self._unknown_metrics(), *self._misplaced_metrics()]:
            raise ValueError("\n".join(wrong))
        return self

    def _unknown_metrics(self) -> Iterator[str]:
        usual, others = METRICS_OF_TASK[self.data.task], METRICS_ON_REQUEST[self.data.task]
        known = ", ".join((*usual, *(name for name in others if name not in QUANTILES)))
        known += ", pinball_01 to pinball_99" if others else ""
        asked = {"training.metric": [self.training.metric], "gate.metric": [self.gate.metric]}
        asked |= {"gate.floors": list(self.gate.floors), "gate.limits": list(self.gate.limits)}
        for key, names in asked.items():
            for name in names:
                if name not in usual and name not in others:
                    yield f"{key}: {name!r} is no metric of a {self.data.task} task; use one of {known}"

    def _misplaced_metrics(self) -> Iterator[str]:
        for key, misplaced, other in (
            ("gate.floors", LESS_IS_BETTER & self.gate.floors.keys(), "gate.limits"),
            ("gate.limits", self.gate.limits.keys() - LESS_IS_BETTER, "gate.floors"),
        ):
            if misplaced:
                better = "less" if other == "gate.limits" else "more"
                yield f"{key}: of {', '.join(sorted(misplaced))} {better} is better; it belongs under {other}"
        if self.gate.max_calibration_error is not None and self.data.task != "binary":
            yield "gate.max_calibration_error is for binary tasks only: take it out"
        if self.features.past and not self.data.time:
            yield "features.past is set, but data.time is empty: only time says which rows are earlier"
        if self.training.class_weight is not None and self.data.task == "regression":
            yield "training.class_weight is for classes, and data.task is regression: take it out"
