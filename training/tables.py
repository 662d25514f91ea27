"""Reads the tables in build/data for the stages after it: features as a float32 matrix, truth, clusters and weights.

Texts are encoded by `contracts/features.py`, as in the service; each distinct text only once.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from contracts.data_manifest import DataManifest, TableName
from contracts.exits import FindingError, UsageError
from contracts.features import Feature, Matrix, text_reader
from contracts.pipeline_toml.keys import Config
from contracts.schema import read_json
from contracts.stage import Build
from scoring.encoder import Encoder
from training.dataset.digests import frame_digest

Integers = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]

MANIFEST_FILE = "data.json"
MADE_BY = "make data"
SETTINGS_OF_TABLES = (
    "data.task", "data.target", "data.positive", "data.time", "data.as_of", "training.weights"
)  # fmt: skip


class TableError(FindingError):
    """A table lacks what a model needs: a column that it reads, a known class, a finite target."""


@dataclass(frozen=True)
class Table:
    """Rows of one table. `frame`: its columns as the data stage wrote them, numbered from 0."""

    name: TableName
    frame: pd.DataFrame
    manifest: DataManifest

    def matrix(self, features: Sequence[Feature]) -> Matrix:
        """float32 [rows, features], encoded for a model with these features.

        Raises TableError where a column is absent, or has text where the model reads numbers, or the reverse.
        """
        matrix = np.empty((len(self.frame), len(features)), dtype=np.float32)
        for position, feature in enumerate(features):
            matrix[:, position] = self._encoded(feature)
        return matrix

    @property
    def truth(self) -> Integers | Numbers:
        """[rows]: positions in `manifest.classes`, where 1 is the positive one of two; or a regression's values.

        Raises TableError for a class that the manifest does not have, and for a value that is missing or infinite.
        """
        target = self.frame[self.manifest.target]
        if self.manifest.task == "regression":
            values = target.to_numpy(dtype=np.float64)
            if not np.isfinite(values).all():
                raise TableError(
                    f"The {self.name} table has rows whose {target.name} is missing or infinite.", code="not-finite"
                )
            return values
        positions = pd.Index(self.manifest.classes).get_indexer(pd.Index(target)).astype(np.int64)
        if (positions < 0).any():
            seen = target.iloc[int(np.argmax(positions < 0))]
            known = ", ".join(self.manifest.classes)
            raise TableError(
                f"The {self.name} table has {target.name} = {seen!r}; required: one of {known}.", code="unknown-answer"
            )
        return positions

    @property
    def clusters(self) -> Integers | None:
        """[rows]: the number of the row's day or group. None where rows are independent of each other."""
        if not self.manifest.cluster:
            return None
        return pd.factorize(self.frame[self.manifest.cluster])[0].astype(np.int64)

    @property
    def days(self) -> Integers | None:
        """[rows]: the row's day, numbered in order of time from 0. None where there is no time column."""
        if not self.manifest.time:
            return None
        days: Integers = pd.factorize(self.frame[self.manifest.time].dt.floor("D"), sort=True)[0].astype(np.int64)
        return days

    @property
    def weights(self) -> Numbers | None:
        """[rows]: how much each counts, 0 or more. None where all count the same. Raises TableError."""
        name = self.manifest.weights
        if name is None:
            return None
        if name not in self.frame:
            raise TableError(f"The {self.name} table has no column {name!r}, its weights.", code="no-column")
        weights = self.frame[name].to_numpy(dtype=np.float64)
        if not (np.isfinite(weights) & (weights >= 0)).all():
            raise TableError(
                f"The {self.name} table has rows whose {name} is no weight of 0 or more.", code="bad-weights"
            )
        return weights

    def as_read(self, features: Sequence[Feature]) -> "Table":
        """The table with texts as the model with these features reads them: normalised, and rare ones as one."""
        changed = {}
        for feature in features:
            read = text_reader(feature)
            column = self.frame.get(feature.name)
            if read is not None and column is not None and not pd.api.types.is_numeric_dtype(column):
                changed[feature.name] = column.map({text: read(str(text)) for text in column.unique()})
        return Table(self.name, self.frame.assign(**changed), self.manifest) if changed else self

    def take(self, rows: Integers) -> "Table":
        """The rows at these positions, in this order."""
        return Table(self.name, self.frame.iloc[rows].reset_index(drop=True), self.manifest)

    def _encoded(self, feature: Feature) -> npt.NDArray[np.float32]:
        if feature.name not in self.frame:
            raise TableError(
                f"The {self.name} table has no column {feature.name!r}, which the model reads.", code="no-column"
            )
        column = self.frame[feature.name]
        is_text = not pd.api.types.is_numeric_dtype(column)
        if is_text != (feature.kind == "categorical"):
            seen = "text" if is_text else "numbers"
            raise TableError(
                f"{feature.name!r} holds {seen} in the {self.name} table, and the model reads it as {feature.kind}.",
                code="other-type",
            )
        if not is_text:
            return column.to_numpy(dtype=np.float32)
        codes, distinct = pd.factorize(column, use_na_sentinel=False)
        values = [{feature.name: None if pd.isna(value) else str(value)} for value in distinct]
        encoded: npt.NDArray[np.float32] = Encoder([feature]).rows(values)[codes, 0]
        return encoded


def spread_positions(rows: int, most: int) -> Integers:
    """Positions of at most `most` of so many rows, ascending and evenly spread."""
    return np.unique(np.linspace(0, rows - 1, min(rows, most)).astype(np.int64)) if rows else np.arange(0)


def refuse_other_settings(
    config: Config, manifest: DataManifest, remedy: str, only: Collection[str] = SETTINGS_OF_TABLES
) -> None:
    """Raises UsageError for a build/data that was made by other settings. `only`: the keys to compare."""
    data = config.data
    for key, now, made_for in (
        ("data.task", data.task, manifest.task),
        ("data.target", data.target, manifest.target),
        ("data.positive", data.positive or manifest.positive, manifest.positive),
        ("data.time", data.time, manifest.time),
        ("data.as_of", str(data.as_of or ""), manifest.as_of),
        ("training.weights", config.training.weights, manifest.weights),
    ):
        if key in only and now != made_for:
            raise UsageError(
                f"pipeline.toml has {key} = {now!r}, and build/data was made for {made_for!r}. {remedy}",
                code="other-settings",
            )


def load_manifest(build: Build) -> DataManifest:
    """data.json with the positive class last, so that its probability is always the last column.

    Raises UsageError where the data stage has not run.
    """
    return positive_last(read_json(build.stage("data") / MANIFEST_FILE, DataManifest, MADE_BY))


def positive_last(manifest: DataManifest) -> DataManifest:
    """The manifest with the positive class of a binary task last."""
    if manifest.task != "binary":
        return manifest
    others = tuple(name for name in manifest.classes if name != manifest.positive)
    return manifest.model_copy(update={"classes": (*others, manifest.positive)})


def load_table(build: Build, name: TableName, columns: Sequence[str] | None = None) -> Table:
    """One table, with all columns or those named. Raises UsageError where it is not what data.json describes."""
    manifest = load_manifest(build)
    path = build.stage("data") / f"{name}.parquet"
    try:
        frame = pd.read_parquet(path, columns=None if columns is None else list(columns))
    except FileNotFoundError:
        raise UsageError(f"{path} is not there. Run `{MADE_BY}` first.", code="not-there") from None
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"{path} is not what `{MADE_BY}` writes: {reason} Run it again.", code="unreadable") from None
    required = manifest.tables[name].rows
    if len(frame) != required:
        raise UsageError(
            f"{path} has {len(frame):,} rows, {MANIFEST_FILE} says {required:,}. Run `{MADE_BY}` again.",
            code="other-rows",
        )
    return Table(name, frame, manifest)


def refuse_changed(table: Table) -> None:
    """Raises TableError for a complete table whose values are not those that data.json describes."""
    if frame_digest(table.frame) != table.manifest.tables[table.name].digest:
        raise TableError(
            f"{table.name}.parquet is not what {MANIFEST_FILE} describes: it has as many rows, and other values. "
            f"Something changed it after the data stage. Run `{MADE_BY}` again.",
            code="table-changed",
        )
