"""Mistakes in pipeline.toml are listed by key and line."""

from pathlib import Path

import pytest

from contracts.pipeline_toml.reader import ConfigError, load_config
from tests.refusals import refuses

TRIALS = 'trials = "4"\n\n'
GOOD = """\
[project]
name = "wine"

[data]
source = "wine.csv"
target = "kind"
task = "multiclass"

[training]
candidates = ["logistic"]
metric = "log_loss"

[gate]
metric = "log_loss"
margin = 0.05
"""


def refusal(folder: Path, text: str) -> str:
    path = folder / "pipeline.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        load_config(path)
    return str(raised.value)


def require_refusal(folder: Path, text: str, code: str, *shown: str) -> None:
    path = folder / "pipeline.toml"
    path.write_text(text)
    with refuses(ConfigError, code, *shown):
        load_config(path)


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    plain, marked = Path("pipeline.toml").read_bytes(), tmp_path / "pipeline.toml"
    marked.write_bytes(b"\xef\xbb\xbf" + plain)
    assert load_config(marked) == load_config(Path("pipeline.toml"))


def test_the_repositorys_own_file_is_valid() -> None:
    config = load_config(Path("pipeline.toml"))
    assert config.data.source == "training.flights:load"


def test_a_short_file_gets_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "pipeline.toml").write_text(GOOD)
    config = load_config(tmp_path / "pipeline.toml")
    assert config.load.requests_per_second == 200
    assert config.drift.blocks_deploy is False


def test_an_unknown_key_is_refused_with_its_line_and_the_nearest_key(tmp_path: Path) -> None:
    wrong = GOOD.replace("margin = 0.05", "magrin = 0.05")
    require_refusal(tmp_path, wrong, "missing-key", "gate.margin", "pipeline.toml:15: ", "gate.magrin", "margin?")
    extra = GOOD.replace("margin = 0.05", "margin = 0.05\nmagrin = 0.05")
    require_refusal(tmp_path, extra, "unknown-key", "pipeline.toml:16: ", "gate.magrin", "margin?")


def test_an_unknown_table_is_refused_with_the_nearest_table(tmp_path: Path) -> None:
    wrong = GOOD + "\n[servise]\nmax_batch_rows = 5\n"
    require_refusal(tmp_path, wrong, "unknown-key", "pipeline.toml:17: ", "servise", "service?")


def test_a_wrong_type_is_refused_with_its_line_and_value(tmp_path: Path) -> None:
    wrong = GOOD.replace("margin = 0.05", 'margin = "small"')
    require_refusal(tmp_path, wrong, "wrong-value", "pipeline.toml:15: gate.margin ", "'small'", "valid number")


def test_a_whole_number_in_quotes_is_no_number(tmp_path: Path) -> None:
    require_refusal(tmp_path, GOOD.replace("[gate]", TRIALS + "[gate]"), "wrong-value", "training.trials", "'4'")


@pytest.mark.parametrize(
    ("line", "seen", "required"),
    [
        ("margin = -0.1", "gate.margin is -0.1;", "equal to 0"),
        ("margin = nan", "gate.margin is nan;", "finite number"),
        ("margin = 0.1\nconfidence = 1.0", "gate.confidence is 1.0;", "less than 1"),
    ],
)
def test_an_impossible_value_is_refused(tmp_path: Path, line: str, seen: str, required: str) -> None:
    require_refusal(tmp_path, GOOD.replace("margin = 0.05", line), "wrong-value", seen, required)


def test_a_metric_of_another_task_is_refused_with_those_of_this_one(tmp_path: Path) -> None:
    wrong = GOOD.replace('metric = "log_loss"\nmargin', 'metric = "rmse"\nmargin')
    require_refusal(tmp_path, wrong, "contradiction", "gate.metric: 'rmse' ", "multiclass", "roc_auc")


def test_metrics_on_request_are_computed_where_they_are_named(tmp_path: Path) -> None:
    regression = GOOD.replace('"multiclass"', '"regression"').replace('"log_loss"', '"pinball_90"')
    path = tmp_path / "pipeline.toml"
    path.write_text(regression + "[gate.limits]\nmape = 0.2\n")
    assert load_config(path).metrics == ("rmse", "mae", "r2", "pinball_90", "mape")
    said = refusal(tmp_path, regression.replace("pinball_90", "pinball_100"))
    assert "rmse, mae, r2" in said
    assert "pinball_01 to pinball_99" in said


def test_a_floor_on_a_mistyped_metric_is_refused(tmp_path: Path) -> None:
    wrong = GOOD + "\n[gate.floors]\nacuracy = 0.9\n"
    require_refusal(tmp_path, wrong, "contradiction", "gate.floors: 'acuracy'")


def test_a_time_column_without_as_of_is_refused(tmp_path: Path) -> None:
    wrong = GOOD.replace('task = "multiclass"', 'task = "multiclass"\ntime = "picked_at"')
    require_refusal(tmp_path, wrong, "contradiction", "pipeline.toml:4: as_of ")


def test_every_mistake_is_listed_at_once(tmp_path: Path) -> None:
    said = refusal(tmp_path, GOOD.replace("margin = 0.05", "margin = -1").replace('name = "wine"', 'name = "Wine!"'))
    assert "project.name is 'Wine!'" in said
    assert "gate.margin is -1" in said


def test_broken_toml_is_refused_with_the_place(tmp_path: Path) -> None:
    broken = "[project\nname = 1"
    require_refusal(tmp_path, broken, "not-toml", "line 1")


def test_a_missing_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with refuses(ConfigError, "no-file", "--config"):
        load_config(tmp_path / "pipeline.toml")


WRONG_TOGETHER = GOOD.replace(
    'task = "multiclass"', 'task = "multiclass"\nas_of = 2026-01-01\nmin_train_rows = "few"'
).replace("margin = 0.05", "margin = -1\n\n[gate.floors]\nacuracy = 0.9\nbrier = 0.1\n\n[drift]\nlasting_windows = 5")


@pytest.mark.parametrize(
    "said",
    [
        "pipeline.toml:9: data.min_train_rows is 'few'",
        "pipeline.toml:8: as_of is set, but time is empty",
        "pipeline.toml:17: gate.margin is -1",
        "pipeline.toml:20: gate.floors: 'acuracy' is no metric",
        "pipeline.toml:19: gate.floors: of brier less is better",
        "pipeline.toml:24: drift.lasting_windows is more than drift.of_windows",
    ],
)
def test_contradictions_are_listed_beside_wrong_values(tmp_path: Path, said: str) -> None:
    assert said in refusal(tmp_path, WRONG_TOGETHER)


def test_each_mistake_is_listed_once(tmp_path: Path) -> None:
    lines = refusal(tmp_path, WRONG_TOGETHER).splitlines()
    assert len(lines) == len(set(lines)) == 6


def test_a_key_without_a_similar_one_is_answered_with_all_known_keys(tmp_path: Path) -> None:
    said = refusal(tmp_path, GOOD + "\n[drift]\ntemperature = 5\n")
    assert "Did you mean" not in said
    assert "Known here: false_alarm_rate, " in said


@pytest.mark.parametrize(
    "line",
    ['features.kinds."customer id" = "numeric"', 'features.normalise."a.b" = ["trim"]', "features.exclude = ['x']"],
)
def test_a_remedy_can_be_pasted_above_the_first_table(tmp_path: Path, line: str) -> None:
    path = tmp_path / "pipeline.toml"
    path.write_text(f"{line}\n{GOOD}")
    assert load_config(path).features != load_config(Path("pipeline.toml")).features


def test_a_line_under_another_table_is_refused_with_its_table(tmp_path: Path) -> None:
    wrong = GOOD + 'features.kinds."customer id" = "numeric"\n'
    require_refusal(tmp_path, wrong, "unknown-key", "pipeline.toml:16: gate.features ", "[gate]", "[features]")


def test_a_table_that_begins_twice_is_refused_with_what_to_do(tmp_path: Path) -> None:
    wrong = 'features.kinds.a = "numeric"\n' + GOOD + "[features]\nmax_categories = 5\n"
    require_refusal(tmp_path, wrong, "table-twice", "line 17")


def test_the_line_of_a_dotted_key_is_known(tmp_path: Path) -> None:
    wrong = GOOD + '\n[features]\nkinds."customer id" = "number"\n'
    require_refusal(tmp_path, wrong, "wrong-value", "pipeline.toml:18: features.kinds.customer", "'number'")


@pytest.mark.parametrize(
    ("path", "code"), [("/dev/zero", "too-large"), ("/dev/null", "missing-key"), ("/proc/self/mem", "not-utf-8")]
)
def test_a_device_is_no_configuration(path: str, code: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_config(Path(path))
    assert raised.value.code == code


def test_arrays_without_an_end_are_refused(tmp_path: Path) -> None:
    require_refusal(tmp_path, f"a = {'[' * 50_000}", "not-toml")
    require_refusal(tmp_path, f"a = {'[' * 50_000}{']' * 50_000}", "not-toml")
