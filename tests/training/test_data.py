"""The data stage as a whole: from a source and a pipeline.toml to three tables and data.json, or a refusal."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.data_manifest import TABLE_NAMES, DataManifest
from contracts.exits import Exit
from contracts.features import MISSING
from contracts.pipeline_toml.reader import load_config
from contracts.schema import read_json
from contracts.stage import Build, Context, StageRecord, execute
from scoring.encoder import Encoder
from tests.training.toy_tables import BY_TIME, finding, machines, misuse, run, table_of, wine, write_config
from training.data import work

TOYS = "tests.training.toy_tables"
TEXTS = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=8)


def all_rows(folder: Path) -> pd.DataFrame:
    return pd.concat([table_of(folder, name) for name in TABLE_NAMES], ignore_index=True)


@pytest.fixture(scope="module")
def flights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data stage run by the repository's own pipeline.toml."""
    folder = tmp_path_factory.mktemp("flights")
    assert execute("data", Path("pipeline.toml"), Build(folder / "build"), work) is Exit.PASS
    return folder


def manifest_of(folder: Path) -> DataManifest:
    return read_json(folder / "build" / "data" / "data.json", DataManifest, "make data")


# The default table.


def test_no_flight_of_train_is_later_than_holdout_and_none_of_holdout_later_than_replay(flights: Path) -> None:
    train, holdout, replay = (table_of(flights, name)["scheduled_at"] for name in TABLE_NAMES)
    assert train.max() < pd.Timestamp("2013-09-01") <= holdout.min()
    assert holdout.max() < pd.Timestamp("2013-10-01") <= replay.min()
    assert replay.max() < pd.Timestamp("2013-10-31")
    assert all(times.is_monotonic_increasing for times in (train, holdout, replay))


def test_the_flights_manifest_says_what_is_in_the_tables(flights: Path) -> None:
    manifest = manifest_of(flights)
    assert (manifest.classes, manifest.positive, manifest.cluster) == (("false", "true"), "true", "cluster")
    for name in TABLE_NAMES:
        table, described = table_of(flights, name), manifest.tables[name]
        names = [feature.name for feature in manifest.features]
        assert list(table.columns) == [*names, "late", "scheduled_at", "cluster"]
        assert described.rows == len(table)
        assert described.first == str(table["scheduled_at"].min())
        assert described.last == str(table["scheduled_at"].max())
        assert (table["cluster"] == table["scheduled_at"].dt.strftime("%Y-%m-%d")).all()


def test_the_stage_names_rows_and_source_in_its_headline(flights: Path) -> None:
    record = read_json(flights / "build" / "data" / "stage.json", StageRecord, "make data")
    for shown in ("train 217,727,", "holdout 27,010,", "replay 27,702 ", " training.flights:load;"):
        assert shown in record.headline


def test_twice_the_same_source_gives_the_same_bytes(flights: Path, tmp_path: Path) -> None:
    assert execute("data", Path("pipeline.toml"), Build(tmp_path / "build"), work) is Exit.PASS
    for name in ("data.json", "train.parquet", "holdout.parquet", "replay.parquet"):
        once, again = (folder / "build" / "data" / name for folder in (flights, tmp_path))
        assert once.read_bytes() == again.read_bytes()


# What tables hold.


def test_values_are_float32_and_text_without_nulls(tmp_path: Path) -> None:
    manifest = run(tmp_path, machines(plant=["north", None, "west", "west"] * 100), BY_TIME)
    kinds = {feature.name: feature.kind for feature in manifest.features}
    assert kinds == {"heat": "numeric", "plant": "categorical", "is_new": "boolean", "machine": "categorical"}
    table = all_rows(tmp_path)
    assert table["heat"].dtype == table["is_new"].dtype == np.float32
    assert set(table["is_new"]) == {0.0, 1.0}
    assert set(table["plant"]) == {"north", "west", MISSING}
    assert set(table["failed"]) == {"no", "yes"}
    assert table["at"].dtype.kind == "M"


def test_feature_facts_come_from_train_alone(tmp_path: Path) -> None:
    table = machines()
    late = table["at"] >= pd.Timestamp("2026-02-20")
    table.loc[late, "plant"] = "new plant"
    table.loc[late, "heat"] = 99.0
    manifest = run(tmp_path, table, BY_TIME)
    features = {feature.name: feature for feature in manifest.features}
    train = table_of(tmp_path, "train")
    assert features["plant"].categories == ("north", "south", "west")
    assert features["heat"].maximum == pytest.approx(train["heat"].max())
    assert features["heat"].missing_share == pytest.approx(train["heat"].isna().mean())


def test_a_column_that_is_empty_in_train_is_left_out_though_it_has_values_later(tmp_path: Path) -> None:
    table = machines()
    table["sensor"] = np.where(table["at"] < pd.Timestamp("2026-02-20"), np.nan, table["heat"])
    manifest = run(tmp_path, table, BY_TIME)
    assert [one.column for one in manifest.left_out] == ["sensor"]


def test_examples_are_real_values_that_the_encoder_takes(tmp_path: Path) -> None:
    manifest = run(tmp_path, machines(), BY_TIME)
    train = table_of(tmp_path, "train")
    for feature in manifest.features:
        assert np.float32(feature.example) in train[feature.name].to_numpy() if feature.kind != "categorical" else True
    row = Encoder(manifest.features).row({feature.name: feature.example for feature in manifest.features})
    assert np.isfinite(row).all()
    assert min(row[1], row[3]) >= 0


def test_booleans_and_whole_numbers_become_class_names(tmp_path: Path) -> None:
    table = machines()
    as_boolean = run(tmp_path, table.assign(failed=table["failed"] == "yes"))
    assert (as_boolean.classes, as_boolean.positive) == (("false", "true"), "true")
    as_number = run(tmp_path, table.assign(failed=(table["failed"] == "yes").astype(float)))
    assert (as_number.classes, as_number.positive) == (("0", "1"), "1")


def test_the_positive_class_can_be_chosen(tmp_path: Path) -> None:
    assert run(tmp_path, machines(), {"positive": "no"}).positive == "no"


def test_rows_without_an_answer_are_dropped_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = machines()
    table.loc[::10, "failed"] = None
    manifest = run(tmp_path, table)
    assert sum(one.rows for one in manifest.tables.values()) == 360
    assert "40 rows without" in capsys.readouterr().out


def test_kinds_shares_and_left_out_columns_are_printed_in_a_line_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = machines(always=1, serial=np.arange(400), note=[f"it broke on day {day}" for day in range(400)])
    run(tmp_path, table, BY_TIME, exclude=["is_new"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[0] for line in lines] == ["features", "class shares", "left out"]
    assert "1 numeric (heat);" in lines[0]
    assert "categorical (plant, machine)" in lines[0]
    assert all(f"{name} no " in lines[1] for name in ("train", "holdout", "replay"))
    assert all(f"{name} (" in lines[2] for name in ("always", "serial", "note", "is_new"))
    assert "features.exclude)" in lines[2]


def test_groups_too_large_for_the_proportion_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, machines(machine=[f"m{row % 5}" for row in range(400)]), {"group": "machine"})
    assert "data.group = 'machine'" in capsys.readouterr().out


def test_a_large_block_of_equal_rows_is_named_with_its_values_and_a_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = machines()
    for name, value in {"heat": np.nan, "plant": "north", "is_new": True, "machine": "m1"}.items():
        table[name] = table[name].where(table.index >= 100, value)
    asked: dict[str, object] = {"max_repeated_rows": 1.0}
    run(tmp_path, table, asked)
    (said,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("large blocks")]
    assert "(1, with 25.0% of the table): rows that are equal in all features stay together" in said
    assert "(heat missing, plant 'north', is_new True, machine 'm1') has 100 rows, all in train" in said
    assert "data.group" in said
    run(tmp_path, table.assign(case=np.arange(400).astype(str)), asked | {"group": "case"})
    assert "large blocks" not in capsys.readouterr().out


def test_listed_features_keep_their_order_and_the_rest_is_named(tmp_path: Path) -> None:
    manifest = run(tmp_path, machines(), include=["plant", "heat"])
    assert [feature.name for feature in manifest.features] == ["plant", "heat"]
    assert {one.column for one in manifest.left_out} == {"is_new", "machine"} | {"at"}


def test_a_group_is_the_cluster_and_no_feature(tmp_path: Path) -> None:
    manifest = run(tmp_path, machines(), {"group": "machine"}, exclude=["at"])
    assert manifest.cluster == "cluster"
    assert "machine" not in {feature.name for feature in manifest.features}
    sides = [set(table_of(tmp_path, name)["cluster"]) for name in TABLE_NAMES]
    assert all(sides)
    assert not sides[0] & sides[1]
    assert not sides[0] & sides[2]
    assert not sides[1] & sides[2]


def test_without_time_and_group_there_is_no_cluster(tmp_path: Path) -> None:
    assert run(tmp_path, machines()).cluster == ""
    assert "cluster" not in table_of(tmp_path, "train")


def test_rows_that_are_equal_but_for_a_running_number_stay_together(tmp_path: Path) -> None:
    once = machines(200).drop(columns=["at", "machine"])
    twice = pd.concat([once, once], ignore_index=True).assign(row_number=np.arange(400))
    manifest = run(tmp_path, twice)
    names = [feature.name for feature in manifest.features]
    assert "row_number" not in names
    sides = [set(table_of(tmp_path, name)[names].itertuples(index=False, name=None)) for name in TABLE_NAMES]
    heats = [{row[0] for row in side if row[0] == row[0]} for side in sides]
    assert not heats[0] & heats[1]
    assert not heats[0] & heats[2]


def test_digests_depend_on_the_training_data_and_nothing_else(tmp_path: Path) -> None:
    table = machines()
    first = run(tmp_path, table, BY_TIME)
    assert run(tmp_path, table, BY_TIME).digest == first.digest
    table.to_csv(tmp_path / "t.csv", index=False)
    from_csv = run(tmp_path, str(tmp_path / "t.csv"), BY_TIME)
    assert from_csv.source_sha256 == hashlib.sha256((tmp_path / "t.csv").read_bytes()).hexdigest()
    assert from_csv.digest == first.digest
    assert run(tmp_path, table, BY_TIME | {"as_of": "2026-03-13"}).digest != first.digest
    assert run(tmp_path, table, BY_TIME, exclude=["heat"]).digest != first.digest
    assert run(tmp_path, table.assign(heat=table["heat"] + 1), BY_TIME).digest != first.digest


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plants=st.lists(TEXTS, min_size=2, max_size=6, unique=True))
def test_any_text_survives_as_it_is(tmp_path: Path, plants: list[str]) -> None:
    table = machines(plant=np.resize(np.array([*plants], dtype=object), 400))
    run(tmp_path, table, BY_TIME, kinds={"plant": "categorical"})
    assert set(all_rows(tmp_path)["plant"]) == set(plants)


# Tables that scikit-learn ships.


@pytest.mark.parametrize(
    ("name", "task", "features", "classes"),
    [
        ("breast_cancer", "binary", 30, ("0", "1")),
        ("wine", "multiclass", 13, ("0", "1", "2")),
        ("diabetes", "regression", 10, ()),
    ],
)
def test_the_toy_tables_pass_with_a_few_lines(
    tmp_path: Path, name: str, task: str, features: int, classes: tuple[str, ...]
) -> None:
    manifest = run(tmp_path, f"{TOYS}:{name}", {"target": "target", "task": task})
    assert len(manifest.features) == features
    assert manifest.classes == classes
    rows = [manifest.tables[table].rows for table in TABLE_NAMES]
    assert rows[1] / sum(rows) == pytest.approx(0.25, abs=0.02)
    assert rows[2] / sum(rows) == pytest.approx(0.15, abs=0.02)


def test_a_csv_works_like_the_function_it_came_from(tmp_path: Path) -> None:
    wine().to_csv(tmp_path / "wine.csv", index=False)
    asked: dict[str, object] = {"target": "target", "task": "multiclass"}
    assert run(tmp_path, str(tmp_path / "wine.csv"), asked).digest == run(tmp_path, f"{TOYS}:wine", asked).digest


# Refusals: what pipeline.toml must change.


@pytest.mark.parametrize(
    ("data", "features", "said"),
    [
        ({"target": "faild"}, {}, "data.target = 'faild' is no column.* Did you mean failed\\?"),
        ({"target": "zzz"}, {}, "is no column.* It has heat, plant, is_new, at, machine, failed"),
        (BY_TIME | {"time": "att"}, {}, "data.time = 'att' is no column.* Did you mean at\\?"),
        ({"group": "maschine"}, {}, "data.group = 'maschine' is no column.* Did you mean machine\\?"),
        ({"group": "failed"}, {}, "data.target = 'failed' is data.time or data.group too"),
        (BY_TIME | {"as_of": "2030-01-01"}, {}, "outside the table: at runs from 2026-01-01 to 2026-04-10"),
        (BY_TIME | {"time": "heat"}, {}, "data.time = 'heat' holds numeric values"),
        ({"positive": "maybe"}, {}, "data.positive = 'maybe' is no class of 'failed', which has no, yes"),
        ({"task": "multiclass"}, {}, "has two classes. Set data.task to binary"),
        ({"task": "multiclass", "target": "plant", "positive": "north"}, {}, "data.positive = 'north' is for binary"),
        ({"target": "plant"}, {}, "data.task is binary, but 'plant' has 3 classes \\(north, south, west\\)"),
        ({"task": "regression"}, {}, "data.task is regression, but 'failed' holds text values such as '(no|yes)'"),
        ({"task": "regression", "target": "is_new"}, {}, "data.task is regression, but 'is_new' holds boolean values"),
        ({"task": "regression", "target": "heat", "positive": "yes"}, {}, "take it out for a regression"),
        ({"target": "heat"}, {}, "has values such as -?[0-9.]+: this looks like regression"),
        ({"target": "at"}, {}, "'at' holds date values; required: text, booleans or whole numbers"),
        ({}, {"include": ["heta"]}, "features.include names 'heta'.* Did you mean heat\\?"),
        ({}, {"exclude": ["heta"]}, "features.exclude names 'heta'.* Did you mean heat\\?"),
        ({}, {"kinds": {"heta": "numeric"}}, "features.kinds names 'heta'.* Did you mean heat\\?"),
        ({}, {"include": ["heat", "heat"]}, "features.include names 'heat' twice"),
        ({}, {"include": ["heat", "failed"]}, "names 'failed', which is data.target and never a feature"),
        (BY_TIME, {"include": ["at"]}, "names 'at', which is data.time and never a feature"),
        ({}, {"include": ["heat"], "exclude": ["heat"]}, "features.exclude and features.include both name 'heat'"),
        ({}, {"kinds": {"heat": "numeric"}, "exclude": ["heat"]}, "features.exclude and features.kinds both name"),
        ({}, {"include": ["at"]}, "features.include names 'at', but this column is a date"),
        ({}, {"include": ["machine"], "max_categories": 10}, "names 'machine', but this column is taken for"),
        ({}, {"kinds": {"at": "categorical"}}, "features.kinds names 'at', but this column is a date"),
        ({}, {"kinds": {"plant": "numeric"}}, "'plant' is taken for numeric, but has values such as '"),
        ({}, {"kinds": {"plant": "boolean"}}, "'plant' is taken for boolean, but has values such as"),
    ],
)  # fmt: skip
def test_a_pipeline_toml_that_does_not_fit_the_table_is_refused(
    tmp_path: Path, data: dict[str, object], features: dict[str, object], said: str
) -> None:
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(misuse(tmp_path, machines(), data, **features))


def test_a_third_class_that_reads_like_no_answer_names_the_key_that_says_so(tmp_path: Path) -> None:
    table = machines()
    table.loc[:9, "failed"] = "NA"
    said = misuse(tmp_path, table)
    assert said.code == "other-task"
    assert '.csv.missing = ["",' in said


def test_a_name_that_has_quotes_in_the_file_can_be_pasted(tmp_path: Path) -> None:
    said = misuse(tmp_path, machines().rename(columns={"failed": "'failed'"}))
    assert said.endswith(""" "'failed'"?""")


@pytest.mark.parametrize("name", ["cluster", "prediction"])
def test_names_that_the_pipeline_writes_itself_are_refused(tmp_path: Path, name: str) -> None:
    assert misuse(tmp_path, machines().rename(columns={"heat": name})).code == "reserved-name"
    assert misuse(tmp_path, machines().rename(columns={"failed": name}), {"target": name}).code == "reserved-name"


def test_more_than_a_hundred_classes_look_like_regression(tmp_path: Path) -> None:
    table = machines(count=np.arange(400) % 150)
    assert misuse(tmp_path, table, {"target": "count", "task": "multiclass"}).code == "other-task"


# Refusals: what the table shows.


def test_a_target_with_one_class_is_refused(tmp_path: Path) -> None:
    assert finding(tmp_path, machines(failed="no")).code == "one-class"


def test_a_train_table_with_one_class_is_refused(tmp_path: Path) -> None:
    table = machines()
    table.loc[table["at"] < "2026-02-20", "failed"] = "no"
    assert finding(tmp_path, table, BY_TIME).code == "one-class"


def test_a_constant_target_of_a_regression_is_refused(tmp_path: Path) -> None:
    assert finding(tmp_path, machines(heat=3.0), {"target": "heat", "task": "regression"}).code == "constant-target"


def test_a_target_that_is_mostly_missing_is_refused(tmp_path: Path) -> None:
    table = machines()
    table.loc[:250, "failed"] = None
    assert finding(tmp_path, table).code == "target-missing"


def test_a_target_that_is_always_missing_is_refused(tmp_path: Path) -> None:
    assert finding(tmp_path, machines(failed=None)).code == "target-missing"


@pytest.mark.parametrize("key", ["min_train_rows", "min_holdout_rows"])
def test_too_few_rows_are_refused_with_the_key(tmp_path: Path, key: str) -> None:
    assert f"data.{key} requires 5,000" in finding(tmp_path, machines(), {key: 5000})
    assert "data.as_of = 2026-03-12" in finding(tmp_path, machines(), BY_TIME | {key: 5000})


def test_an_empty_replay_is_refused_since_nothing_could_be_served(tmp_path: Path) -> None:
    table = machines()
    gap = table[(table["at"] < "2026-03-12") | (table["at"] >= "2026-04-05")]
    text = finding(tmp_path, gap, BY_TIME)
    assert text.code == "no-replay"
    assert "Move data.as_of back" in text


def test_a_class_that_is_rare_in_the_holdout_is_refused(tmp_path: Path) -> None:
    table = machines()
    in_holdout = table["at"].between("2026-02-20", "2026-03-11 23:59")
    table.loc[in_holdout, "failed"] = "no"
    table.loc[table.index[in_holdout][:3], "failed"] = "yes"
    refused = finding(tmp_path, table, BY_TIME)
    assert refused.code == "rare-class"
    assert "data.holdout_days" in refused
    assert "drop_classes_below" not in refused  # a binary task would have one class left


def test_a_class_that_vanished_is_refused_with_another_as_of(tmp_path: Path) -> None:
    table = machines()
    grade = table["plant"].where((table["plant"] != "west") | (table["at"] < "2026-02-20"), "south")
    asked = BY_TIME | {"target": "grade", "task": "multiclass"}
    refused = finding(tmp_path, table.assign(grade=grade), asked, exclude=["plant"])
    assert refused.code == "rare-class"
    assert "'west' has 0 " in refused
    assert "move data.as_of back" in refused
    assert "data.drop_classes_below = " in refused


@pytest.mark.parametrize(("first", "where"), [("2026-02-20", "holdout"), ("2026-03-12", "replay")])
def test_a_class_that_train_never_saw_is_refused(tmp_path: Path, first: str, where: str) -> None:
    table = machines()
    grade = np.where(table["at"] >= first, table["plant"], table["plant"].where(table["plant"] != "west", "south"))
    asked = BY_TIME | {"target": "grade", "task": "multiclass"}
    said = finding(tmp_path, table.assign(grade=grade), asked, exclude=["plant"])
    assert (said.code, f"in {where}" in said) == ("unseen-class", True)


def test_a_listed_feature_without_values_is_refused(tmp_path: Path) -> None:
    text = finding(tmp_path, machines(heat=np.nan), include=["heat", "plant"])
    assert text.code == "listed-without-values"
    assert "'heat'" in text


def test_a_table_without_any_feature_is_refused(tmp_path: Path) -> None:
    assert finding(tmp_path, machines()[["at", "failed"]]).code == "no-features"
    assert finding(tmp_path, machines()[["failed"]]).code == "no-features"


def test_infinite_values_are_refused(tmp_path: Path) -> None:
    table = machines()
    table.loc[5, "heat"] = np.inf
    assert finding(tmp_path, table).code == "infinite-values"
    asked: dict[str, object] = {"target": "heat", "task": "regression"}
    assert finding(tmp_path, table.fillna({"heat": 0}), asked).code == "infinite-values"


def test_a_number_to_predict_beyond_float32_is_refused_with_its_row(tmp_path: Path) -> None:
    said = finding(tmp_path, machines(heat=np.geomspace(1, 1e50, 400)), {"task": "regression", "target": "heat"})
    assert said.code == "infinite-values"
    assert "the first in row " in said


def test_a_feature_that_is_the_target_in_disguise_is_refused(tmp_path: Path) -> None:
    table = machines()
    repaired = table["failed"].map({"yes": "repaired", "no": "nothing"})
    for disguise in (repaired, table["failed"] == "yes", np.where(table["failed"] == "yes", 7.5, 0.0)):
        assert finding(tmp_path, table.assign(after=disguise)).code == "target-leakage"
    run(tmp_path, table.assign(after=repaired), exclude=["after"])


def test_rows_that_were_loaded_twice_are_refused(tmp_path: Path) -> None:
    twice = pd.concat([machines(), machines().iloc[::5]], ignore_index=True)
    text = finding(tmp_path, twice, BY_TIME)
    assert text.code == "repeated-rows"
    assert "16.7 %" in text
    assert "data.max_repeated_rows" in text
    run(tmp_path, twice, BY_TIME | {"max_repeated_rows": 0.2})


def test_rows_that_hold_lists_are_compared_too(tmp_path: Path) -> None:
    table = machines()
    listing = table.assign(parts=pd.Series([[number % 3] for number in range(len(table))]))
    run(tmp_path, listing, BY_TIME)
    assert finding(tmp_path, pd.concat([listing, listing], ignore_index=True), BY_TIME).code == "repeated-rows"


def test_a_time_that_does_not_parse_is_refused(tmp_path: Path) -> None:
    text = finding(tmp_path, machines(at="soon"), BY_TIME)
    assert text.code == "times-missing"
    assert "'soon'" in text


# How the stage ends.


def test_exit_codes_tell_a_wrong_setting_from_a_wrong_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = f"{TOYS}:wine", f"{TOYS}:no_such_table"
    asked: dict[str, object] = {"target": "target", "task": "multiclass"}
    for source, extra, code in (
        (good, {}, Exit.PASS),
        (bad, {}, Exit.USAGE),
        (good, {"min_train_rows": 9999}, Exit.FINDING),
    ):
        config = write_config(tmp_path, source, asked | extra)
        assert execute("data", config, Build(tmp_path / "build"), work) is code
        assert "Traceback" not in "".join(capsys.readouterr())


def test_a_refusal_leaves_no_tables_of_an_earlier_run(tmp_path: Path) -> None:
    build = Build(tmp_path / "build")
    asked: dict[str, object] = {"target": "target", "task": "multiclass"}
    assert execute("data", write_config(tmp_path, f"{TOYS}:wine", asked), build, work) is Exit.PASS
    config = write_config(tmp_path, f"{TOYS}:wine", asked | {"min_train_rows": 9999})
    assert execute("data", config, build, work) is Exit.FINDING
    assert [path.name for path in build.stage("data").iterdir()] == ["stage.json"]


def test_a_function_source_is_pinned_by_its_table(tmp_path: Path) -> None:
    asked: dict[str, object] = {"target": "target", "task": "multiclass"}
    seen = run(tmp_path, f"{TOYS}:wine", asked).source_sha256
    assert run(tmp_path, f"{TOYS}:wine", asked | {"sha256": seen}).source_sha256 == seen
    assert finding(tmp_path, f"{TOYS}:wine", asked | {"sha256": "0" * 64}).code == "source-changed"


def test_the_configuration_is_the_only_thing_that_the_stage_is_given(tmp_path: Path) -> None:
    build = Build(tmp_path / "build")
    build.stage("data").mkdir(parents=True)
    config = load_config(write_config(tmp_path, f"{TOYS}:diabetes", {"target": "target", "task": "regression"}))
    outcome = work(Context(config, build, build.stage("data")))
    assert outcome.exit_code is Exit.PASS
    assert outcome.headline.endswith("tests.training.toy_tables:diabetes; 10 features")
    assert table_of(tmp_path, "train")["target"].dtype == np.float64
