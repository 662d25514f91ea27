"""A scene: the copy in which a fault is planted, with its own pipeline.toml, table and build folder.

A scene begins healthy: data, a challenger that was just trained, and a champion that computes the same. Plants change
it by the methods below or by `drills/models.py`, which raise PlantError if they changed nothing.
"""

import json
import re
import shutil
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from contracts.data_manifest import DataManifest, Table, TableName
from contracts.exits import Exit
from contracts.pipeline_toml.reader import load_config
from contracts.schema import read_json, write_json
from contracts.stage import Build, StageName
from drills.commands import make_stage
from drills.pipeline_toml import with_key
from training.dataset.digests import frame_digest

SOURCE = "source.parquet"
Change = Callable[[pd.DataFrame], pd.DataFrame]


class PlantError(Exception):
    """The fault could not be planted, so the drill has failed."""


@dataclass(frozen=True)
class Scene:
    """One copy. `root` holds pipeline.toml, the source's table and build/; `environment`: variables of the stages."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        return self.root / "pipeline.toml"

    @property
    def build(self) -> Build:
        return Build(self.root / "build")

    @property
    def challenger(self) -> Path:
        return self.build.challenger

    @property
    def champion(self) -> Path:
        return self.build.champion

    @property
    def manifest(self) -> DataManifest:
        return read_json(self.build.stage("data") / "data.json", DataManifest, "make data")

    @property
    def is_from_holdout_on(self) -> "pd.Series[bool]":
        """[rows of the source]: whether the row is in the holdout or later."""
        return self.is_from(days_before_as_of=load_config(self.config).data.holdout_days)

    def is_from(self, *, days_before_as_of: int) -> "pd.Series[bool]":
        """[rows of the source]: whether the row is at most so many days before as_of, or later."""
        data = load_config(self.config).data
        first = pd.Timestamp(str(data.as_of)) - pd.Timedelta(days=days_before_as_of)
        return pd.read_parquet(self.root / SOURCE)[data.time] >= first

    def set(self, key: str, value: object) -> None:
        """Plant a setting in pipeline.toml; None removes the key. Raises PlantError if it is set so already."""
        text = self.config.read_text(encoding="utf-8")
        changed = with_key(text, key, value)
        if tomllib.loads(changed) == tomllib.loads(text):
            raise PlantError(f"pipeline.toml has {key} = {value!r} already")
        self.config.write_text(changed, encoding="utf-8")

    def prepare(self, key: str, value: object) -> None:
        """Set what the fault needs beside it in pipeline.toml; it may be set so already."""
        self.config.write_text(with_key(self.config.read_text(encoding="utf-8"), key, value), encoding="utf-8")

    def forget_champion(self) -> None:
        """Remove the champion: the challenger is judged by itself, and the load test is half as long."""
        shutil.rmtree(self.champion)

    def source(self, change: Change) -> None:
        """Change the source's table: `change` gets all columns and rows of the flights."""
        before = pd.read_parquet(self.root / SOURCE)
        after = change(before.copy())
        if after.equals(before):
            raise PlantError("the source's table has not changed")
        after.to_parquet(self.root / SOURCE, index=False)

    def table(self, name: TableName, change: Change, *, described: bool = True) -> None:
        """Change a table after the data stage. `described`: data.json describes the changed table, too."""
        path = self.build.stage("data") / f"{name}.parquet"
        before = pd.read_parquet(path)
        after = change(before.copy()).reset_index(drop=True)
        if after.equals(before):
            raise PlantError(f"{path.name} has not changed")
        after.to_parquet(path, index=False)
        if described:
            self._describe(name, pd.read_parquet(path))

    @contextmanager
    def for_training(self, change: Change) -> Iterator[None]:
        """Let the train stage alone read other rows, as a faulty one would; data.json keeps the old dates."""
        folder = self.build.stage("data")
        kept = {name: (folder / name).read_bytes() for name in ("train.parquet", "data.json")}
        manifest = self.manifest
        self.table("train", change)
        seen = self.manifest.tables["train"].model_dump(include={"rows", "digest"})
        self._write(manifest, "train", manifest.tables["train"].model_copy(update=seen))
        yield
        for name, content in kept.items():
            (folder / name).write_bytes(content)

    def run(self, *stages: StageName) -> None:
        """Run earlier stages on the fault. Raises PlantError if one does not pass."""
        for stage in stages:
            ended = make_stage(stage, self.config, self.build, self.environment)
            if ended.exit_code is not Exit.PASS:
                raise PlantError(f"{stage}, an earlier stage, ended with {ended.exit_code}: {ended.reasons[0]}")

    def run_with(self, stage: StageName, key: str, value: object) -> None:
        """Run one earlier stage with another setting, and restore pipeline.toml."""
        before = self.config.read_bytes()
        self.set(key, value)
        self.run(stage)
        self.config.write_bytes(before)

    def run_refused(self, stage: StageName) -> None:
        """Run an earlier stage that must refuse the fault. Raises PlantError if it does not."""
        ended = make_stage(stage, self.config, self.build, self.environment)
        if ended.exit_code != Exit.FINDING:
            raise PlantError(f"{stage} ended with {ended.exit_code}, required {Exit.FINDING:d}: {ended.reasons[0]}")

    def edit(self, path: Path, pattern: str, replacement: str) -> None:
        """Replace the first match of a regular expression in a file."""
        before = path.read_text(encoding="utf-8")
        after = re.sub(pattern, replacement, before, count=1)
        if after == before:
            raise PlantError(f"{path.name} has no {pattern}")
        path.write_text(after, encoding="utf-8")

    def edit_json(self, path: Path, **fields: object) -> None:
        """Replace fields at the top of a JSON file."""
        before = json.loads(path.read_text(encoding="utf-8"))
        if not fields.keys() <= before.keys() or before | fields == before:
            raise PlantError(f"{path.name} lacks one of {', '.join(fields)}, or has these values already")
        path.write_text(json.dumps(before | fields, indent=2) + "\n", encoding="utf-8")

    def _describe(self, name: TableName, frame: pd.DataFrame) -> None:
        manifest = self.manifest
        times = frame[manifest.time] if manifest.time in frame and len(frame) else pd.Series(dtype="datetime64[us]")
        span = [str(times.iloc[end])[:19] if len(times) else "" for end in (0, -1)]
        table = Table(rows=len(frame), digest=frame_digest(frame), first=span[0], last=span[1])
        self._write(manifest, name, table)

    def _write(self, manifest: DataManifest, name: TableName, table: Table) -> None:
        changed = manifest.model_copy(update={"tables": {**manifest.tables, name: table}})
        write_json(self.build.stage("data") / "data.json", changed)


def copy_of(base: Scene, root: Path) -> Scene:
    """A new copy of `base` in `root`."""
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(base.root, root)
    scene = Scene(root, dict(base.environment))
    text = scene.config.read_text(encoding="utf-8")
    scene.config.write_text(with_key(text, "data.source", str(root / SOURCE)), encoding="utf-8")
    return scene


def to_celsius(fahrenheit: "pd.Series[float]") -> "pd.Series[float]":
    """Degrees Celsius."""
    return (fahrenheit - 32) / 1.8


def flip_a_bit(path: Path) -> None:
    """Damage a file: one bit in its middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
