"""Reads the table that pipeline.toml names, and cuts it into train, holdout and replay.

A model learns from train and is judged on the holdout; the replay stands for later requests. The stage decides which
columns are features and of which kind (`columns.py`), which rows are in which table (`splits.py`), and whether the
table is usable (`table_checks.py`, `leaking_features.py`, `identifiers.py`). Features, their categories, ranges and
examples come from train alone. The same source and pipeline.toml give the same digests.

Reads   data.source: a CSV, Parquet or JSON-lines path, glob or URL, or module:function;
        pipeline.toml [data] and [features], and training.weights.
Writes  build/data/train.parquet, holdout.parquet, replay.parquet: features, target, time, cluster and weights;
        build/data/requests.parquet: features and dates of the replay's rows as the source has them, for clients;
        build/data/data.json: source and its sha256, features, what was left out and why, rows and digest of each table.
Exits   0 done · 2 pipeline.toml does not fit the table · 3 the table is refused · 1 a crash.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contracts.data_manifest import (
    CLUSTER_COLUMN,
    REQUESTS_FILE,
    TABLE_NAMES,
    DataManifest,
    LeftOut,
    Table,
    TableName,
    manifest_digest,
)
from contracts.dates.inputs import DateInput
from contracts.features import Feature, text_reader
from contracts.pipeline_toml.keys import Config, Data
from contracts.schema import write_json
from contracts.stage import Context, Outcome, run_stage
from training.dataset.column_values import as_sent, comparable, convert, to_numbers, to_text
from training.dataset.columns import Choice, choose_features
from training.dataset.csv_types import reading_of
from training.dataset.feature_facts import describe
from training.dataset.identifiers import refuse_leaking_identifiers, repeated_identifiers, with_repeats
from training.dataset.leaking_features import refuse_leaking_feature
from training.dataset.preparation.calendar_parts import date_inputs, dates_as_sent, with_calendar_parts
from training.dataset.preparation.rare_classes import without_rare_classes
from training.dataset.preparation.spellings import normalised_column, normaliser, spelling_notes
from training.dataset.sources import read_source
from training.dataset.splits import Cut, Times, cut_by_share, cut_by_time, groups_of, read_times, strata_of, units_of
from training.dataset.summary import summary
from training.dataset.table_checks import (
    refuse_repeated_rows,
    refuse_reserved_names,
    refuse_scarce_classes,
    refuse_too_few_rows,
    refuse_wrong_roles,
)
from training.dataset.table_digest import ArrowColumn, table_digest
from training.dataset.targets import Target, drop_unanswered, read_target
from training.keyed.past import with_past
from training.keyed.weights import Numbers, refuse_weightless, refuse_wrong_weights
from training.refusals import UnfitTableError
from training.tables import Table as LoadedTable
from training.tables import positive_last


@dataclass(frozen=True)
class Rows:
    """All rows that have a target, how they are cut, and their weights. Arrays are [rows], in the source's order."""

    table: pd.DataFrame
    target: Target
    times: Times | None
    cut: Cut
    unanswered: int
    notes: tuple[str, ...] = ()
    weights: Numbers | None = None


def work(context: Context) -> Outcome:
    """Read, cut, choose, check and write. Raises SettingError or UnfitTableError."""
    data = context.config.data
    loaded = read_source(data.source, data.sha256, partial(reading_of, context.config))
    rows = read_rows(with_past(with_calendar_parts(loaded.table, context.config), context.config), context.config)
    with _reason_of_blocks(rows.cut, context.config.data):
        choice = choose_features(rows.table, rows.cut.rows["train"], context.config)
    weights = context.config.training.weights
    refuse_reserved_names([*choice.kinds, data.target, *filter(None, [data.time, weights])])
    refuse_repeated_rows(rows.table.drop(columns=list(context.config.features.past or ())), data)
    features, columns = _features(rows, choice, context.config)
    notes = [*loaded.notes, *rows.notes, *_spelling_notes(columns, choice, context.config)]
    columns |= _answers(rows, data)
    if rows.weights is not None and weights is not None:
        columns[weights] = pa.array(rows.weights)
    tables = {name: _write(context.folder, name, columns, rows) for name in TABLE_NAMES}
    repeated = repeated_identifiers(rows.table, rows.cut, choice.left_out)
    choice = Choice(choice.kinds, with_repeats(choice.left_out, repeated, data))
    dates = date_inputs(rows.table, rows.cut.rows["train"], features, context.config)
    manifest = _manifest(context.config, loaded.sha256, rows.target, features, dates, choice.left_out, tables)
    if not data.time:
        train, holdout = (_written(context.folder, name, manifest) for name in ("train", "holdout"))
        refuse_leaking_identifiers(repeated, train, holdout, context.config)
    requests = _write_requests(context.folder, rows, choice, dates)
    write_json(context.folder / "data.json", manifest.model_copy(update={"requests": requests}))
    print("\n".join([*notes, *summary(choice, rows.table, rows.target, rows.cut, rows.unanswered, data)]), flush=True)
    sizes = ", ".join(f"{name} {table.rows:,}" for name, table in tables.items())
    return Outcome("pass", f"{sizes} rows of {data.source}; {len(features)} features")


def read_rows(table: pd.DataFrame, config: Config) -> Rows:
    """The rows with target, times, weights and cut. Raises where a table has too few rows, or lacks a class."""
    data = config.data
    refuse_wrong_roles(list(table.columns), data)
    refuse_wrong_weights(table, config)
    table, unanswered = drop_unanswered(table, data)
    table, notes = without_rare_classes(table, data)
    target = read_target(table[data.target], data)
    times = read_times(table[data.time], data) if data.time else None
    cut = _cut(table, target, times, config)
    with _reason_of_blocks(cut, data):
        refuse_too_few_rows({name: len(positions) for name, positions in cut.rows.items()}, data)
        if target.classes:
            refuse_scarce_classes(target.classes, {name: target.values[rows] for name, rows in cut.rows.items()}, data)
    name = config.training.weights
    weights = None if name is None else to_numbers(table[name])
    if name is not None and weights is not None:
        refuse_weightless(weights, target, cut, name)
    return Rows(table, target, times, cut, unanswered, (*notes, *target.notes), weights)


@contextmanager
def _reason_of_blocks(cut: Cut, data: Data) -> Iterator[None]:
    """Adds to a refusal of the cut that rows which are equal are to blame, where they are so many."""
    try:
        yield
    except UnfitTableError as error:
        if data.group or not cut.large_blocks:
            raise
        count, block = sum(len(rows) for rows in cut.rows.values()), len(cut.large_blocks[0])
        raise UnfitTableError(
            f"{error} Rows that are equal in all features stay in one table, and {block:,} of {count:,} are: the "
            "columns tell too few rows apart. Bring columns that tell more of them.",
            code=error.code,
        ) from error


def _cut(table: pd.DataFrame, target: Target, times: Times | None, config: Config) -> Cut:
    data = config.data
    if times is not None:
        return cut_by_time(times, data)
    strata = strata_of(target.values, bool(target.classes))
    if data.group:
        return cut_by_share(strata, groups_of(table[data.group]), data)
    # Rows are equal where all possible features are: columns such as a running number do not count.
    kinds = choose_features(table, np.arange(len(table)), config).kinds
    columns = (convert(name, table[name], kind) for name, kind in kinds.items())
    read = (
        normalised_column(column, normaliser(config.features, name))
        for name, column in zip(kinds, columns, strict=True)
    )
    return cut_by_share(strata, units_of(map(comparable, read)), data)


def _features(rows: Rows, choice: Choice, config: Config) -> tuple[list[Feature], dict[str, ArrowColumn]]:
    """Each feature as train shows it, and its values in all rows, with texts as the source has them.

    Columns of features.past are not tested for leakage: a steady series may predict the target well, without it.
    """
    train = rows.cut.rows["train"]
    answers = rows.target.values[train]
    features, columns = [], {}
    for name, kind in choice.kinds.items():
        column = convert(name, rows.table[name], kind)
        of_train = column.take(train)
        feature = describe(name, kind, of_train, config.features)
        read = comparable(normalised_column(of_train, text_reader(feature)))
        if name not in (config.features.past or {}):
            refuse_leaking_feature(name, read, kind == "categorical", answers, len(rows.target.classes))
        features.append(feature)
        columns[name] = column
    return features, columns


def _spelling_notes(columns: dict[str, ArrowColumn], choice: Choice, config: Config) -> list[str]:
    texts = {name: pc.value_counts(columns[name]) for name, kind in choice.kinds.items() if kind == "categorical"}
    return [
        note
        for name, counted in texts.items()
        for note in spelling_notes(
            name,
            dict(zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True)),
            config.features.normalise.get(name, ()),
        )
    ]


def _answers(rows: Rows, data: Data) -> dict[str, ArrowColumn]:
    """Target, time and cluster of all rows. Rows of one cluster depend on each other: those of a group, or of a day."""
    columns = {data.target: rows.target.column()}
    if rows.times is not None:
        columns[data.time] = pa.array(rows.times)
    if data.group:
        columns[CLUSTER_COLUMN] = to_text(rows.table[data.group])
    elif rows.times is not None:
        codes, days = pd.factorize(rows.times.astype("datetime64[D]").astype(np.int64))
        names = pa.array(days.astype("datetime64[D]").astype(str), type=pa.large_string())
        columns[CLUSTER_COLUMN] = names.take(pa.array(codes))
    return columns


def _write(folder: Path, name: TableName, columns: dict[str, ArrowColumn], rows: Rows) -> Table:
    positions = rows.cut.rows[name]
    table = pa.table({column: values.take(pa.array(positions)) for column, values in columns.items()})
    pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
    span = ["", ""] if rows.times is None else [_second(rows.times[positions[end]]) for end in (0, -1)]
    return Table(rows=len(positions), digest=table_digest(table), first=span[0], last=span[1])


def _write_requests(folder: Path, rows: Rows, choice: Choice, dates: Sequence[DateInput]) -> str:
    """Write the replay's features and dates as a client has them, taken from the source, and return their digest.

    Parts of dates are among them: a champion of before `dates` was on the card is sent these.
    """
    replay = rows.table.iloc[rows.cut.rows["replay"]]
    columns = {name: as_sent(replay[name], kind) for name, kind in choice.kinds.items()}
    table = pa.table(columns | {one.name: dates_as_sent(replay[one.name], one.format) for one in dates})
    pq.write_table(table, folder / REQUESTS_FILE, compression="zstd")
    return table_digest(table)


def _written(folder: Path, name: TableName, manifest: DataManifest) -> LoadedTable:
    return LoadedTable(name, pd.read_parquet(folder / f"{name}.parquet"), positive_last(manifest))


def _second(time: np.datetime64) -> str:
    return str(time.astype("datetime64[s]")).replace("T", " ")


def _manifest(
    config: Config,
    sha256: str,
    target: Target,
    features: Sequence[Feature],
    dates: Sequence[DateInput],
    left_out: Sequence[LeftOut],
    tables: dict[TableName, Table],
) -> DataManifest:
    data = config.data
    manifest = DataManifest(
        source=data.source,
        source_sha256=sha256,
        task=data.task,
        target=data.target,
        classes=target.classes,
        positive=target.positive,
        time=data.time,
        cluster=CLUSTER_COLUMN if data.time or data.group else "",
        weights=config.training.weights,
        as_of=str(data.as_of or ""),
        features=tuple(features),
        dates=tuple(dates),
        left_out=tuple(left_out),
        tables=tables,
        digest="",
    )
    return manifest.model_copy(update={"digest": manifest_digest(manifest, data)})


main = partial(run_stage, "data", __doc__, work)
