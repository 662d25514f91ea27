"""Reads a request log with DuckDB into one table that is encoded like the model's reference.

A line is a record, torn (the last one of a file, cut off by a kill), or unreadable; all three are counted. A prediction
id counts once, by its earliest record, because an edge may replay a request. Records of other models are counted and
ignored. Numbers are float32 with NaN if missing, booleans 0/1/NaN, strings as the model reads them: "(missing)", or a
digest if the model does not know them. A logged feature that a client omitted is missing. A log longer than `at_most`
rows is sampled by the digest of seed and id, so that the same log gives the same sample in any order of files.

Labels (labels-*.jsonl) are joined by prediction id; the first label of an id counts. A label's day is that of
`observed_us`, or else of the request. If a table was replayed, sources-*.jsonl says which row each prediction answers.

Memory: ids and times of the whole window (a few bytes for each request), and the features of the sample alone.
"""

import datetime as dt
import glob
import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import ValidationError

from contracts.exits import UsageError
from contracts.features import MISSING, Feature, text_reader
from contracts.model_folder import PREDICTION_COLUMN, ModelCard
from contracts.request_log import (
    ANY_KEY,
    CLOCK_SKEW_SECONDS,
    LABELS_GLOB,
    NOT_TRAFFIC,
    PREDICTIONS_GLOB,
    SOURCES_GLOB,
    PredictionRecord,
)
from reports.drift.large_log.whole import WholeLog

# Prefix of a category that the model does not know; a digest follows, because unknown categories must stay distinct: a
# table with a long tail always has new ones. A client's text must not get into a published page.
UNKNOWN_CATEGORY = "(unknown)"
AT_MOST_ROWS = 50_000
TAIL_BYTES = 1 << 20
LARGEST_FLOAT32 = float(np.finfo(np.float32).max)

# The fields that every record has. JSON pointers, so that no column name becomes SQL.
_ENVELOPE = ("/v", "/id", "/at_us", "/model", "/features")
# chr(1) cannot be in JSON, so each line is one field. TRY: json_valid accepts a lone surrogate, but reading it fails.
_RECORDS = """
    SELECT md5_number($seed || ':' || field[2]) AS key, TRY_CAST(field[3] AS BIGINT) AS at_us,
           field[4] = $model AS ours, line
    FROM (SELECT line, TRY(json_extract_string(line, $envelope)) AS field
          FROM read_csv($files, columns = {'line': 'VARCHAR'}, delim = chr(1), quote = '', escape = '',
                        header = false, auto_detect = false, ignore_errors = true))
    WHERE field[1] = '1' AND field[2] IS NOT NULL AND at_us IS NOT NULL AND starts_with(field[5], '{')
      AND (field[4] <> $model OR (ours AND CASE WHEN $is_number THEN isfinite(TRY_CAST(field[6] AS DOUBLE))
                                                ELSE field[6] IS NOT NULL END))
"""
_FIND = f"CREATE TEMP TABLE found AS SELECT key, at_us, ours FROM ({_RECORDS})"
_COUNT = """
    SELECT count(*) FILTER (ours), count(DISTINCT key) FILTER (ours), count(*) FILTER (NOT ours),
           min(at_us) FILTER (ours), max(at_us) FILTER (ours)
    FROM found
"""
_DRAW = "CREATE TEMP TABLE drawn AS SELECT DISTINCT key FROM found WHERE ours ORDER BY key LIMIT $at_most"
# MATERIALIZED: otherwise the features of every record are read before the join discards most of them.
_SAMPLE = f"""
    CREATE TEMP TABLE sample AS
    WITH mine AS MATERIALIZED (SELECT key, at_us, line FROM ({_RECORDS}) SEMI JOIN drawn USING (key) WHERE ours)
    SELECT key, at_us, TRY(json_extract_string(line, $pointers)) AS field,
           coalesce(TRY(json_extract_string(line, '/key')), $any_key) AS owner
    FROM mine
    QUALIFY row_number() OVER (PARTITION BY key ORDER BY at_us, line) = 1
"""
# A label that another replica took names the keys that may own its prediction (`for_keys`). Keys, and the label's time,
# are compared with the prediction's here.
_LABELS = """
    CREATE TEMP TABLE labels AS
    SELECT key, labelled_us, actual, observed_us
    FROM (SELECT md5_number($seed || ':' || field[2]) AS key, TRY_CAST(field[3] AS BIGINT) AS labelled_us,
                 field[4] AS actual, TRY_CAST(field[5] AS BIGINT) AS observed_us,
                 CASE WHEN field[6] IS NOT NULL THEN coalesce(TRY(field[6]::JSON::VARCHAR[]), []) END AS for_keys, line
          FROM (SELECT line, TRY(json_extract_string(line, $label)) AS field
                FROM read_csv($files, columns = {'line': 'VARCHAR'}, delim = chr(1), quote = '', escape = '',
                              header = false, auto_detect = false, ignore_errors = true))
          WHERE field[1] = '1' AND field[2] IS NOT NULL AND field[3] IS NOT NULL AND field[4] IS NOT NULL)
    JOIN sample USING (key)
    WHERE for_keys IS NULL OR (
        (owner = $any_key OR list_has_any(for_keys, [owner, $any_key]))
        AND (observed_us IS NULL OR observed_us >= at_us - $skew_us))
    QUALIFY row_number() OVER (PARTITION BY key ORDER BY labelled_us, line) = 1
"""
NO_LABELS = "CREATE TEMP TABLE labels (key UHUGEINT, labelled_us BIGINT, actual VARCHAR, observed_us BIGINT)"
_SOURCES = """
    CREATE TEMP TABLE sources AS
    SELECT md5_number($seed || ':' || field[2]) AS key, any_value(TRY_CAST(field[3] AS BIGINT)) AS source
    FROM (SELECT line, TRY(json_extract_string(line, $source)) AS field
          FROM read_csv($files, columns = {'line': 'VARCHAR'}, delim = chr(1), quote = '', escape = '',
                        header = false, auto_detect = false, ignore_errors = true))
    WHERE field[1] = '1' AND field[2] IS NOT NULL GROUP BY key
"""
NO_SOURCES = "CREATE TEMP TABLE sources (key UHUGEINT, source BIGINT)"
_ROWS = """
    SELECT field, actual, coalesce(observed_us, at_us) // 86400000000, coalesce(source, -1)
    FROM sample LEFT JOIN labels USING (key) LEFT JOIN sources USING (key) ORDER BY at_us, key
"""
_SPAN = """
    SELECT min(at_us), max(at_us) FROM (
        SELECT TRY_CAST(TRY(json_extract_string(line, '/at_us')) AS BIGINT) AS at_us
        FROM read_csv($files, columns = {'line': 'VARCHAR'}, delim = chr(1), quote = '', escape = '',
                      header = false, auto_detect = false, ignore_errors = true))
"""
_LABEL = ("/v", "/id", "/at_us", "/actual", "/observed_us", "/for_keys")
_SOURCE = ("/v", "/id", "/row")


@dataclass(frozen=True)
class Answers:
    """Predictions and labels, for each of `RequestWindow.rows`.

    `scores`: probabilities [rows, classes] in `score_order`, or values [rows, 1]; NaN if a record has none.
    `actual`: labels as text, None without a label. `days`: since 1970, of the label if it has a time, or the request.
    """

    scores: npt.NDArray[np.float64]
    actual: npt.NDArray[np.object_]
    days: npt.NDArray[np.int64]


@dataclass(frozen=True)
class RequestWindow:
    """The requests of one model. `rows`: a column for each logged feature, and `prediction`; in order of time.

    `sources` [rows]: the row of a replayed table, -1 if unknown. `groups` [rows]: the number of the row's group, None
    if unknown. `replayed` and `repeated`: how many rows were removed because they add no information
    (effective_rows.py). `whole`: what is known of all rows of a large log, if these are a sample of it.
    """

    rows: pd.DataFrame
    answers: Answers
    requests: int
    first: str
    last: str
    torn_lines: int
    unreadable_lines: int
    repeated_ids: int
    other_models: int
    sources: npt.NDArray[np.int64]
    replayed: int = 0
    repeated: int = 0
    groups: npt.NDArray[np.int64] | None = None
    whole: WholeLog | None = None

    @property
    def effective_rows(self) -> int:
        """The number of effective rows: of these or, where they are a sample, of the whole log."""
        return self.whole.effective if self.whole else len(self.rows)

    def only(self, kept: npt.NDArray[np.bool_]) -> "RequestWindow":
        """The window with these rows alone. `kept`: [rows]."""
        some = Answers(self.answers.scores[kept], self.answers.actual[kept], self.answers.days[kept])
        rows, groups = self.rows[kept].reset_index(drop=True), None if self.groups is None else self.groups[kept]
        return replace(self, rows=rows, answers=some, sources=self.sources[kept], groups=groups)

    def of_groups(self, group_of_source: npt.NDArray[np.int64] | None) -> "RequestWindow":
        """With the group of each row, where every row says which one of a replayed table it is, [rows of the table]."""
        is_traffic = self.sources != NOT_TRAFFIC
        sources = np.where(is_traffic, self.sources, 0)
        if group_of_source is None or not len(sources) or sources.min() < 0 or sources.max() >= len(group_of_source):
            return self
        return replace(self, groups=group_of_source[sources])


def read_window(folder: Path, card: ModelCard, digest: str, seed: int, at_most: int = AT_MOST_ROWS) -> RequestWindow:
    """All requests in `folder` that the model `digest` answered. Raises UsageError if there is no log."""
    files = sorted(folder.glob(PREDICTIONS_GLOB))
    if not files:
        raise UsageError(f"{folder} has no {PREDICTIONS_GLOB}. Run `make load-test` first.", code="no-request-log")
    parameters = _parameters(files, card, digest, seed)
    lines, torn = map(sum, zip(*(_line_ends(file) for file in files), strict=True))
    with tempfile.TemporaryDirectory() as spill, connect(spill) as connection:
        connection.execute(_FIND, parameters)
        ours, requests, others, first, last = connection.execute(_COUNT).fetchall()[0]
        rows, answers, sources = _sample(connection, folder, parameters, card, at_most)
    if lines and not ours + others:
        raise UsageError(
            f"{folder}: none of {lines:,} lines is a prediction record of format 1 (contracts/request_log.py). "
            "Run `make load-test` again.",
            code="no-prediction-records",
        )
    return RequestWindow(
        rows=rows,
        answers=answers,
        requests=requests,
        first=timestamp(first),
        last=timestamp(last),
        torn_lines=torn,
        unreadable_lines=max(0, lines - torn - ours - others),
        repeated_ids=ours - requests,
        other_models=others,
        sources=sources,
    )


def time_span(folder: Path) -> tuple[dt.datetime, dt.datetime] | None:
    """The first and the last time of all predictions in `folder`, UTC; None without predictions."""
    files = [glob.escape(str(file)) for file in sorted(folder.glob(PREDICTIONS_GLOB))]
    with tempfile.TemporaryDirectory() as spill, connect(spill) as connection:
        first, last = connection.execute(_SPAN, {"files": files}).fetchall()[0]
    moments = [dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=one) for one in (first, last) if one is not None]
    return (moments[0], moments[1]) if moments else None


def connect(spill: str) -> duckdb.DuckDBPyConnection:
    """DuckDB with little memory; it spills to a folder."""
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": "512MB",
        "temp_directory": spill,
        "autoinstall_known_extensions": "false",
        # Conditions that are pushed down parse each line again: 3.6 times slower.
        "disabled_optimizers": "filter_pushdown",
    }
    return duckdb.connect(config=settings)


def _parameters(files: Sequence[Path], card: ModelCard, digest: str, seed: int) -> dict[str, object]:
    """The parameters of both queries. Paths are escaped, because DuckDB takes a [ in a path for a glob."""
    quantity, is_number = _prediction_path(card)
    return {
        "files": [glob.escape(str(file)) for file in files],
        "envelope": [*_ENVELOPE, quantity],
        "model": digest,
        "seed": str(seed),
        "is_number": is_number,
    }


def _sample(
    connection: duckdb.DuckDBPyConnection, folder: Path, parameters: Mapping[str, object], card: ModelCard, at_most: int
) -> tuple[pd.DataFrame, Answers, npt.NDArray[np.int64]]:
    """At most `at_most` of the requests found, with their labels and source rows."""
    quantity, _ = _prediction_path(card)
    features, scores = logged_features(card), _score_paths(card)
    pointers = [quantity, *scores, *(f"/features/{_escaped(feature.name)}" for feature in features)]
    connection.execute(_DRAW, {"at_most": at_most})
    connection.execute(_SAMPLE, {**parameters, "pointers": pointers, "any_key": ANY_KEY})
    for name, read, absent, of in (
        (
            LABELS_GLOB,
            _LABELS,
            NO_LABELS,
            {"label": list(_LABEL), "any_key": ANY_KEY, "skew_us": CLOCK_SKEW_SECONDS * 1_000_000},
        ),
        (SOURCES_GLOB, _SOURCES, NO_SOURCES, {"source": list(_SOURCE)}),
    ):
        files = [glob.escape(str(file)) for file in sorted(folder.glob(name))]
        connection.execute(*((read, {"files": files, "seed": parameters["seed"], **of}) if files else (absent,)))
    return sampled_rows(connection, card)


def sampled_rows(
    connection: duckdb.DuckDBPyConnection, card: ModelCard
) -> tuple[pd.DataFrame, Answers, npt.NDArray[np.int64]]:
    """The tables sample, labels and sources as rows like the reference's, answers, and source rows.

    sample (key, at_us, field, owner): `field` is a list of texts, the prediction, the scores and the logged features.
    """
    features, scores = logged_features(card), _score_paths(card)
    found = connection.execute(_ROWS).fetchall()
    fields = [field for field, *_ in found]
    table = _table([[field[0], *field[1 + len(scores) :]] for field in fields], features, card)
    answers = Answers(
        scores=np.array([[_float(one) for one in field[1 : 1 + len(scores)]] for field in fields], dtype=np.float64)
        .reshape(len(found), len(scores)),
        actual=np.array([_label(actual, card) for _, actual, *_ in found], dtype=object),
        days=np.array([day for _, _, day, _ in found], dtype=np.int64),
    )  # fmt: skip
    return table, answers, np.array([source for *_, source in found], dtype=np.int64)


def logged_features(card: ModelCard) -> list[Feature]:
    """The features that the service writes into its log."""
    return [feature for feature in card.features if feature.name in (card.logged_features or {feature.name})]


def _label(actual: str | None, card: ModelCard) -> str | None:
    """The label, if it is one: a value beyond float32 is none, because its square would make the metric infinite."""
    is_label = card.task != "regression" or abs(_float(actual)) <= LARGEST_FLOAT32
    return actual if is_label else None


def _score_paths(card: ModelCard) -> list[str]:
    if card.task == "regression":
        return ["/prediction"]
    return [f"/probabilities/{card.classes.index(name)}" for name in score_order(card)]


def score_order(card: ModelCard) -> tuple[str, ...]:
    """The classes in the order of `Answers.scores`: the card's order; of two classes, the positive one is the last."""
    if card.task != "binary":
        return card.classes
    return (*(name for name in card.classes if name != card.positive), card.positive)


def _float(text: str | None) -> float:
    try:
        return np.nan if text is None else float(text)
    except ValueError:
        return np.nan


def _line_ends(file: Path) -> tuple[int, bool]:
    """The number of lines, and whether the last one is torn: it lacks its newline and is no record."""
    lines, tail = 0, b""
    with file.open("rb") as content:
        while chunk := content.read(TAIL_BYTES):
            lines += chunk.count(b"\n")
            tail = chunk.rpartition(b"\n")[2] if b"\n" in chunk else tail + chunk
    return lines + bool(tail), bool(tail) and not _is_record(tail)


def _is_record(line: bytes) -> bool:
    try:
        PredictionRecord.model_validate_json(line)
    except ValidationError:
        return False
    return True


def _prediction_path(card: ModelCard) -> tuple[str, bool]:
    """The path in a record of what reference.parquet calls `prediction`, and whether it is a number."""
    if card.task == "binary":
        return f"/probabilities/{card.classes.index(card.positive)}", True
    return "/prediction", card.task == "regression"


def _escaped(name: str) -> str:
    """A name as a token of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def timestamp(at_us: int | None) -> str:
    if at_us is None:
        return ""
    return (dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=at_us)).isoformat(sep=" ", timespec="seconds")


def _table(fields: Sequence[Sequence[str | None]], features: Sequence[Feature], card: ModelCard) -> pd.DataFrame:
    prediction, *values = zip(*fields, strict=True) if fields else [()] * (1 + len(features))
    table = {feature.name: _encoded(column, feature) for feature, column in zip(features, values, strict=True)}
    is_class = card.task == "multiclass"
    table[PREDICTION_COLUMN] = categories_of(prediction, card.classes) if is_class else _numbers(prediction)
    return pd.DataFrame(table)


def _encoded(values: Sequence[str | None], feature: Feature) -> pd.Series:
    if feature.kind == "categorical":
        return categories_of(values, feature.categories, text_reader(feature))
    if feature.kind == "boolean":
        return _numbers([{"true": "1", "false": "0"}.get(value or "", value) for value in values])
    return _numbers(values)


def categories_of(
    values: Sequence[str | None], known: Sequence[str], read: Callable[[str], str] | None = None
) -> pd.Series:
    shown: dict[str | None, str] = {None: MISSING, MISSING: MISSING} | {category: category for category in known}
    for value in set(values) - shown.keys():
        category = str(value) if read is None else read(str(value))
        shown[value] = shown.get(category) or unknown(category)
    return pd.Series([shown[value] for value in values], dtype=str)


def unknown(category: str) -> str:
    """The text in a window of a category that the model does not know."""
    return f"{UNKNOWN_CATEGORY} {hashlib.sha256(category.encode(errors='replace')).hexdigest()[:16]}"


def _numbers(values: Sequence[str | None]) -> pd.Series:
    """The numbers as the model reads them: float32, clipped to its range."""
    numbers = pd.to_numeric(pd.Series(list(values), dtype=object), errors="coerce").astype(np.float64)
    return numbers.clip(-LARGEST_FLOAT32, LARGEST_FLOAT32).astype(np.float32)
