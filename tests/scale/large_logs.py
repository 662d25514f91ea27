"""Request logs of any size in Parquet, drawn by DuckDB: twelve features, a model that answers them, and known faults.

Every value is a function of the row's number and of `salt`, so the same log has the same rows at any speed, and two
salts give two independent samples of one distribution.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import onnx
import pandas as pd
from onnx import numpy_helper

from contracts.features import Feature
from contracts.model_folder import PREDICTION_COLUMN, Golden, Metric, model_digest
from contracts.stage import Build
from testbed.cards import sign
from testbed.served_folders import graph, write_folder

REFERENCE_ROWS = 5000
REFERENCE_SALT = 1
ROWS_OF_A_FILE = 10_000_000
MOST_ROWS = 10**11
MOST_COLUMNS = 100
DAYS = 7
START_US = 1_767_225_600_000_000  # 2026-01-01
CARRIERS = tuple(f"carrier {number:02}" for number in range(12))
PLACES = tuple(f"place {number:02}" for number in range(60))

FEATURES = (
    Feature(name="temperature", kind="numeric"),
    Feature(name="dew point", kind="numeric"),
    Feature(name="pressure", kind="numeric", missing_share=0.1),
    Feature(name="wind", kind="numeric"),
    Feature(name="minute", kind="numeric"),
    Feature(name="distance", kind="numeric"),
    Feature(name="seats", kind="numeric"),
    Feature(name="age", kind="numeric", missing_share=0.02),
    Feature(name="holiday", kind="boolean"),
    Feature(name="return", kind="boolean", missing_share=0.2),
    Feature(name="carrier", kind="categorical", categories=CARRIERS),
    Feature(name="place", kind="categorical", categories=PLACES),
)
# In the order of FEATURES; of a category times its position.
WEIGHTS = (0.02, -0.03, 0.01, 0.05, 0.0004, 0.0002, 0.003, 0.02, 0.5, -0.2, 0.04, 0.01)
BIAS = -13.0


@dataclass(frozen=True)
class World:
    """What a log is drawn from. As it is, nothing has moved since the reference.

    `warmer`: degrees (of a standard deviation of 8); `other_carriers`, `no_pressure`, `stuck_wind`, `one_row`: shares
    of the requests; `times`: how often each row is sent; `unlinked`: the dew point no longer follows the temperature.
    """

    salt: int = 2
    warmer: float = 0.0
    other_carriers: float = 0.0
    no_pressure: float = 0.0
    stuck_wind: float = 0.0
    one_row: float = 0.0
    times: int = 1
    unlinked: bool = False


def write_log(folder: Path, world: World, rows: int, model: str) -> Path:
    """`rows` predictions as Parquet in `folder`, in files of at most ROWS_OF_A_FILE."""
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(config={"memory_limit": "1GB", "preserve_insertion_order": "false"}) as connection:
        for number, begin in enumerate(range(0, rows, ROWS_OF_A_FILE)):
            query = _records(world, begin, min(rows, begin + ROWS_OF_A_FILE), rows, model)
            file = folder / f"predictions-{number:04}.parquet"
            connection.execute(f"COPY ({query}) TO '{file}' (FORMAT parquet, COMPRESSION zstd)")
    return folder


def table_of(world: World, rows: int) -> pd.DataFrame:
    """Features, `prediction` and `answer` as reference.parquet has them."""
    names = [one.name for one in FEATURES]
    columns = ", ".join(f'"{name}"' for name in names)
    truth = f"CASE WHEN {_uniform('i', 90)} < p THEN 'yes' ELSE 'no' END"
    query = f"SELECT {columns}, p AS {PREDICTION_COLUMN}, {truth} AS answer FROM ({_rows(world, 0, rows)}) ORDER BY i"
    with duckdb.connect() as connection:
        table = connection.execute(query).df()
    for one in FEATURES:
        table[one.name] = table[one.name].astype(str if one.kind == "categorical" else np.float32)
    return table


def write_champion(root: Path) -> tuple[Build, Path, str]:
    """build/champion and a pipeline.toml below `root`: a model that runs, its reference, and its digest."""
    build = Build(root / "build")
    write_folder(
        build.champion, model=_graph(), features=FEATURES, golden=Golden(tolerance=1e-4, rows=()), rows=(), name="drawn"
    )
    table_of(World(salt=REFERENCE_SALT), REFERENCE_ROWS).to_parquet(build.champion / "reference.parquet", index=False)
    sign(build.champion, metrics={"roc_auc": Metric(value=0.7, low=0.68, high=0.72, confidence=0.95)})
    config = root / "pipeline.toml"
    config.write_text(
        '[project]\nname = "drawn"\n[data]\nsource = "drawn"\ntarget = "answer"\ntask = "binary"\n'
        '[training]\ncandidates = ["logistic"]\nmetric = "roc_auc"\n[gate]\nmetric = "roc_auc"\nmargin = 0.01\n',
        encoding="utf-8",
    )
    return build, config, model_digest(build.champion)


def _graph() -> onnx.ModelProto:
    model = graph("binary", bias=BIAS, features=len(FEATURES))
    weights = next(one for one in model.graph.initializer if one.name == "W")
    weights.CopyFrom(numpy_helper.from_array(np.array(WEIGHTS, dtype=np.float32).reshape(-1, 1), "W"))
    return model


def _records(world: World, begin: int, end: int, rows: int, model: str) -> str:
    struct = ", ".join(f"'{one.name}': \"{one.name}\"" for one in FEATURES)
    step = DAYS * 86_400_000_000 / rows
    return f"""
        SELECT printf('%016x', hash({_numbered(world, "i")})) AS id,
               CAST({START_US} + i * {step!r} AS BIGINT) AS at_us, '{model}' AS model, {{{struct}}} AS features,
               CASE WHEN p >= 0.5 THEN 'yes' ELSE 'no' END AS prediction, [1 - p, p] AS probabilities
        FROM ({_rows(world, begin, end)})
    """


def _rows(world: World, begin: int, end: int) -> str:
    """Columns i, the features, and p, the probability of "yes"."""
    weighted = " + ".join(f"{weight!r} * {_code(one)}" for one, weight in zip(FEATURES, WEIGHTS, strict=True))
    return f"SELECT *, 1 / (1 + exp(-({BIAS!r} + {weighted}))) AS p FROM ({_features(world, begin, end)})"


def _code(feature: Feature) -> str:
    if feature.kind == "categorical":
        return f'CAST(right("{feature.name}", 2) AS INTEGER)'
    return f'coalesce(CAST("{feature.name}" AS DOUBLE), 0)'


def _features(world: World, begin: int, end: int) -> str:
    """Columns i and the features. A row's number is `n`: the same for all copies of a row."""
    is_one = f"{_uniform(_numbered(world, 'i'), 80)} < {world.one_row}"
    copy = f"CASE WHEN {is_one} THEN 0 ELSE i // {world.times} END"

    def u(column: int) -> str:
        return _uniform(_numbered(world, "n"), column)

    def normal(column: int) -> str:
        return f"sqrt(-2 * ln({u(column)} + 1e-18)) * cos({2 * math.pi!r} * {u(column + 1)})"

    heat = normal(20) if world.unlinked else "z"
    usual = f"CAST(floor(12 * pow({u(10)}, 2)) AS INTEGER)"
    carrier = f"CASE WHEN {u(9)} < {world.other_carriers} THEN 11 ELSE {usual} END"
    return f"""
        SELECT i,
               CAST(15 + 8 * z + {world.warmer} AS FLOAT) AS temperature,
               CAST(8 + 6 * {heat} + 2 * ({normal(3)}) AS FLOAT) AS "dew point",
               CASE WHEN {u(5)} >= 0.1 + {world.no_pressure}
                    THEN CAST(round(1013 + 7 * ({normal(6)}), 1) AS FLOAT) END AS pressure,
               CASE WHEN {u(8)} < {world.stuck_wind} THEN 7
                    ELSE CAST(floor(-6 * ln({u(11)} + 1e-18)) AS FLOAT) END AS wind,
               CAST(floor(1440 * (0.2 + 0.7 * {u(12)})) AS FLOAT) AS minute,
               CAST(200 + 150 * c + 10 * floor(3 * {u(13)}) AS FLOAT) AS distance,
               CAST([50, 100, 140, 180, 220, 300][CAST(1 + floor(6 * {u(14)}) AS INTEGER)] AS FLOAT) AS seats,
               CASE WHEN {u(15)} >= 0.02 THEN CAST(-9 * ln({u(16)} + 1e-18) AS FLOAT) END AS age,
               {u(17)} < 0.1 AS holiday,
               CASE WHEN {u(18)} >= 0.2 THEN {u(19)} < 0.5 END AS return,
               printf('carrier %02d', c) AS carrier,
               printf('place %02d', CAST(floor(60 * pow({u(22)}, 3)) AS INTEGER)) AS place
        FROM (SELECT i, n, {normal(1)} AS z, {carrier} AS c
              FROM (SELECT range AS i, {copy} AS n FROM range({begin}, {end})))
    """


def _uniform(of: str, column: int) -> str:
    """Uniform on [0, 1), another one for each column. DuckDB's hash of (row, column) is not: its columns correlate."""
    return f"(CAST(hash({of} * {MOST_COLUMNS} + {column}) AS DOUBLE) / 1.8446744073709552e19)"


def _numbered(world: World, row: str) -> str:
    """A row's number, which no row of another salt has."""
    return f"({row} + {world.salt} * {MOST_ROWS})"
