"""`build/data/data.json`: the tables' source, how they were cut, and what training saw of each column."""

from operator import not_
from typing import Annotated, Literal

from pydantic import Field

from contracts.dates.inputs import DateInput
from contracts.features import Feature
from contracts.pipeline_toml.keys import Data
from contracts.schema import Schema, Task, is_unset, json_digest

TableName = Literal["train", "holdout", "replay"]
TABLE_NAMES: tuple[TableName, ...] = ("train", "holdout", "replay")
# The replay's rows as a client has them, with dates and their parts. The load test sends what the model's card names.
REQUESTS_FILE = "requests.parquet"
# In the tables of build/data: the day or the data.group of a row. In reference.parquet of a table without time: the
# number of the row's group, or of its equal rows where there are many of these.
CLUSTER_COLUMN = "cluster"


class LeftOut(Schema):
    """A column that is no feature, and why."""

    column: str
    reason: str


class Table(Schema):
    """One Parquet file: `digest` is the sha256 of its contents' canonical bytes, `first` and `last` its time span."""

    rows: int
    digest: str
    first: str = ""
    last: str = ""


class DataManifest(Schema):
    """data.json. `dates`: what features are made of. `weights`: the column of training.weights; None: all are equal.

    The tables have the features, the target and, where there are any, time, cluster and weights. The target is a class
    name as a string, or float64 for a regression. Numbers are float32, booleans 0/1/NaN as float32, strings without
    nulls. `requests`: the digest of REQUESTS_FILE.
    """

    format_version: Literal[1] = 1
    source: str
    source_sha256: str
    task: Task
    target: str
    classes: tuple[str, ...] = ()
    positive: str = ""
    time: str = ""
    cluster: str = ""
    weights: Annotated[str | None, Field(exclude_if=is_unset)] = None
    as_of: str = ""
    features: tuple[Feature, ...]
    dates: Annotated[tuple[DateInput, ...], Field(exclude_if=not_)] = ()
    left_out: tuple[LeftOut, ...] = ()
    tables: dict[TableName, Table]
    requests: str = ""
    digest: str


def manifest_digest(manifest: DataManifest, data: Data) -> str:
    """`sha256:…` of the training data: the tables' digests, their columns, and how they were cut.

    The source and the columns that were left out do not change it.
    """
    content = manifest.model_dump(mode="json", exclude={"source", "source_sha256", "left_out", "requests", "digest"})
    keys = {"as_of", "holdout_days", "replay_days"} if data.time else {"seed", "holdout_share", "replay_share"}
    return f"sha256:{json_digest(content | {'cut': data.model_dump(mode='json', include=keys | {'group'})})}"
