"""A request log in Parquet, as DuckDB reads it: the columns that it must have, and what a record's fields are in SQL.

The columns are the fields of a record (contracts/request_log.py): `id`, `at_us`, `model`, `features` as a STRUCT with a
field for each feature, `prediction` and, for classes, `probabilities` as a list. Files whose names begin with `labels-`
have `id`, `at_us`, `actual` and, if there is one, `observed_us`. What a feature's value means is that of a log in JSON
Lines (log_reader.py): float32, missing where it is NaN or not given, and text as it came.
"""

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from contracts.exits import UsageError
from contracts.features import Feature
from contracts.model_folder import PREDICTION_COLUMN, ModelCard
from contracts.request_log import ANY_KEY
from reports.drift.log_reader import LARGEST_FLOAT32, score_order

SUFFIX = ".parquet"
OF_LABELS = "labels-"
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")


@dataclass(frozen=True)
class ParquetFiles:
    """The files of one log."""

    predictions: tuple[str, ...]
    labels: tuple[str, ...] = ()


def parquet_files(path: str) -> ParquetFiles | None:
    """The log that is meant by a file, a folder or a glob; None where that is not Parquet. Raises UsageError."""
    folder = Path(path)
    if folder.is_dir():
        found = sorted(folder.glob(f"*{SUFFIX}"))
    elif not path.endswith(SUFFIX):
        return None
    else:
        found = (
            [folder] if folder.is_file() else sorted(Path(folder.anchor).glob(str(folder.relative_to(folder.anchor))))
        )
    labels = tuple(str(one.resolve()) for one in found if one.name.startswith(OF_LABELS))
    predictions = tuple(str(one.resolve()) for one in found if not one.name.startswith(OF_LABELS))
    if not predictions:
        raise UsageError(
            f"{path}: no Parquet file of predictions is there. Required: a file, a folder or a glob of *{SUFFIX}; "
            f"names that begin with {OF_LABELS} are those of labels.",
            code="no-request-log",
        )
    return ParquetFiles(predictions, labels)


def text_of(value: str) -> str:
    """A text as SQL's literal."""
    return "'" + value.replace("'", "''") + "'"


def source_of(files: Sequence[str]) -> str:
    """What to select from. A [ in a path is a glob to DuckDB, which then reads another file."""
    return f"read_parquet([{', '.join(text_of(glob.escape(file)) for file in files)}], union_by_name = true)"


@dataclass(frozen=True)
class Records:
    """One model's records as SQL: expressions over `source`. `is_ours` and `is_other` say whose record a row is.

    `is_of_model` is `is_ours` where every row is known to be a record.
    `values`: of each logged feature and of `prediction`, a REAL or, where it is in `texts`, a text.
    `fields`: a list of texts as log_reader.py reads them from JSON: the prediction, the scores, the features.
    """

    source: str
    is_ours: str
    is_other: str
    is_of_model: str
    values: Mapping[str, str]
    texts: frozenset[str]
    fields: str
    owner: str

    def narrowed(self, every: int, ours: int, others: int) -> "Records":
        """The same, with no more conditions than these counts of rows leave: each one is a column to read."""
        if ours == every:
            return replace(self, is_ours="true")
        return replace(self, is_ours=self.is_of_model) if ours + others == every else self


def records_of(
    connection: duckdb.DuckDBPyConnection,
    files: ParquetFiles,
    card: ModelCard,
    digest: str,
    features: Sequence[Feature],
) -> Records:
    """Raises UsageError where a column is missing, or is not of the type that it must have."""
    source = source_of(files.predictions)
    columns = _columns(connection, source, files.predictions[0], card)
    given = dict(columns["features"].children)
    _refuse_alike([one.name for one in features], list(given), files.predictions[0])
    known = {one.name: _given(one.name, one.name in given) for one in features}
    is_class = card.task == "multiclass"
    quantity = "prediction" if card.task != "binary" else _probability(card, card.positive)
    texts = {one.name for one in features if one.kind == "categorical"} | ({PREDICTION_COLUMN} if is_class else set())
    raw = {**known, PREDICTION_COLUMN: quantity}
    is_known = "prediction IS NOT NULL" if is_class else f"isfinite(TRY_CAST({quantity} AS DOUBLE))"
    is_record = "id IS NOT NULL AND at_us IS NOT NULL AND features IS NOT NULL"
    scores = ["prediction"] if card.task == "regression" else [_probability(card, one) for one in score_order(card)]
    fields = [quantity, *scores, *known.values()]
    return Records(
        source=source,
        is_ours=f"{is_record} AND model = {text_of(digest)} AND {is_known}",
        is_other=f"{is_record} AND model <> {text_of(digest)}",
        is_of_model=f"model = {text_of(digest)}",
        values={name: _text(one) if name in texts else _number(one) for name, one in raw.items()},
        texts=frozenset(texts),
        fields=f"[{', '.join(map(_text, fields))}]",
        owner=f"coalesce(CAST(key AS VARCHAR), {text_of(ANY_KEY)})" if "key" in columns else text_of(ANY_KEY),
    )


def _columns(
    connection: duckdb.DuckDBPyConnection, source: str, first: str, card: ModelCard
) -> dict[str, "duckdb.sqltypes.DuckDBPyType"]:
    try:
        relation = connection.sql(f"SELECT * FROM {source} LIMIT 0")
    except duckdb.Error as error:
        raise UsageError(f"{first} cannot be read as Parquet: {str(error)[:300]}", code="not-a-request-log") from None
    columns = dict(zip(relation.columns, relation.types, strict=True))
    required = ["id", "at_us", "model", "features", "prediction"]
    if card.task != "regression":
        required.append("probabilities")
    wrong = [f"no column {name}" for name in required if name not in columns]
    if "features" in columns and columns["features"].id != "struct":
        wrong.append(f"features is {columns['features']}, required is a STRUCT with a field for each feature")
    if "at_us" in columns and str(columns["at_us"]) not in _NUMBERS:
        wrong.append(f"at_us is {columns['at_us']}, required are microseconds since 1970 as BIGINT")
    if "probabilities" in columns and required[-1] == "probabilities" and columns["probabilities"].id != "list":
        wrong.append(f"probabilities is {columns['probabilities']}, required is DOUBLE[]")
    if wrong:
        raise UsageError(
            f"{first}: {'; '.join(wrong)}. The columns are the fields of a record (contracts/request_log.py); "
            "docs/scale.md writes such a file from a log in JSON Lines.",
            code="not-a-request-log",
        )
    return columns


def _refuse_alike(names: Sequence[str], given: Sequence[str], first: str) -> None:
    """Raises UsageError for a feature that DuckDB takes for another: it ignores case, and renames the second of two."""
    for name in names:
        alike = [one for one in given if one.casefold() == name.casefold() and one != name]
        if alike:
            raise UsageError(
                f"{first}: the field {alike[0]!r} of features and the feature {name!r} differ only by case, which "
                "cannot be told apart in Parquet here. Rename one of them, or keep the log as JSON Lines.",
                code="names-alike",
            )


def _given(name: str, is_logged: bool) -> str:
    return f"struct_extract(features, {text_of(name)})" if is_logged else "NULL"


def _probability(card: ModelCard, name: str) -> str:
    return f"probabilities[{card.classes.index(name) + 1}]"


def _text(expression: str) -> str:
    return f"CAST({expression} AS VARCHAR)"


def _number(expression: str) -> str:
    """As the model reads it. NaN is the largest number to DuckDB, so it goes first."""
    known, most = f"nullif(TRY_CAST({expression} AS DOUBLE), 'NaN'::DOUBLE)", f"{LARGEST_FLOAT32!r}::DOUBLE"
    return f"CAST(CASE WHEN {known} > {most} THEN {most} WHEN {known} < -{most} THEN -{most} ELSE {known} END AS REAL)"
