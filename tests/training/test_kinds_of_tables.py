"""Clean tables of kinds that public ones have: the gate promotes an honest model of each, and refuses a changed one."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contracts.decision import Decision
from contracts.exits import Exit
from contracts.model_folder import Golden
from contracts.schema import read_json, write_json
from contracts.stage import Build, execute
from testbed.cards import sign
from tests.training.evaluating import check, failed
from tests.training.toy_tables import BY_TIME, finding, machines, run
from training.evaluate import work as evaluate
from training.train import work as train

REGRESSION = {"task": "regression", "target": "value"}


def designed() -> pd.DataFrame:
    """400 rows, each the only one of its combination: a third more of them make a tree much better."""
    cells = pd.MultiIndex.from_product([range(20), range(2), range(10)], names=["state", "sex", "cause"]).to_frame()
    luck = np.random.default_rng(2)
    of_cause, of_state = np.sort(luck.lognormal(3, 1.2, 10)), luck.normal(1, 0.1, 20)
    value = of_cause[cells["cause"]] * (1 + 0.8 * cells["sex"]) * of_state[cells["state"]]
    table = cells.reset_index(drop=True).astype({"sex": str, "cause": str, "state": float})
    return table.assign(value=value.to_numpy() + luck.normal(0, 1, len(table)))


def collinear() -> pd.DataFrame:
    """3,000 rows with two columns of almost the same number. Ridge shrinks their difference less, the more rows."""
    luck = np.random.default_rng(3)
    first, answer = luck.normal(size=3000), luck.normal(size=3000)
    noise = {f"noise_{number}": luck.normal(size=3000) for number in range(5)}
    return pd.DataFrame({"first": first, "second": first + 0.02 * answer, **noise, "value": answer})


def long_tailed() -> pd.DataFrame:
    """1,500 rows: the value is a difference, of millions in half of them, and of terms that cancel in the others."""
    luck = np.random.default_rng(4)
    bought = luck.uniform(-10, 10, 1500)
    sold = bought + np.where(luck.random(1500) < 0.5, luck.normal(0, 1, 1500), 0)
    noise = {f"noise_{number}": luck.normal(size=1500) for number in range(5)}
    return pd.DataFrame({"bought": bought, "sold": sold, **noise, "value": 1e6 * (bought - sold)})


def judged(folder: Path, table: pd.DataFrame, candidate: str, data: Mapping[str, object] | None = None) -> Decision:
    run(folder, table, data)
    config, build = folder / "pipeline.toml", Build(folder / "build")
    text = config.read_text(encoding="utf-8").replace("'ridge'", f"'{candidate}'")
    config.write_text(text.replace("margin = 0.05", "margin = 0.05\nmax_single_feature_auc = 1.0"), encoding="utf-8")
    assert execute("train", config, build, train) is Exit.PASS
    return again(folder)


def again(folder: Path) -> Decision:
    build = Build(folder / "build")
    execute("evaluate", folder / "pipeline.toml", build, evaluate)
    return read_json(build.stage("evaluate") / "decision.json", Decision, "make evaluate")


@pytest.mark.parametrize(
    ("table", "candidate"), [(designed(), "hist_gradient_boosting"), (collinear(), "ridge")], ids=["a design", "a line"]
)
def test_a_model_that_more_rows_make_much_better_is_no_leak(
    tmp_path: Path, table: pd.DataFrame, candidate: str
) -> None:
    decision = judged(tmp_path, table, candidate, REGRESSION)
    assert failed(decision) == []
    card = json.loads((Build(tmp_path / "build").challenger / "model.json").read_bytes())
    assert decision.comparisons[0].challenger.value < 0.85 * card["metrics"]["rmse"]["low"]


def test_a_model_of_values_with_a_long_tail_is_tested_by_the_rows_that_can_test_it(tmp_path: Path) -> None:
    decision = judged(tmp_path, long_tailed(), "ridge", REGRESSION)
    assert failed(decision) == []
    golden = Build(tmp_path / "build").challenger / "golden.json"
    whole = Golden.model_validate_json(golden.read_bytes())
    assert len(whole.rows) < 16  # the graph is off by too much on the others
    for fewer in (whole.rows[:1], whole.rows[-4:]):
        write_json(golden, whole.model_copy(update={"rows": fewer}))
        sign(golden.parent)
        assert failed(again(tmp_path)) == ["golden rows"]


@pytest.mark.parametrize("candidate", ["logistic", "hist_gradient_boosting", "random_forest"])
def test_a_column_that_begins_late_is_learned_from(tmp_path: Path, candidate: str) -> None:
    table = machines(1500)
    table["late"] = (table["failed"] == "yes") + np.random.default_rng(5).normal(0, 0.7, len(table))
    table.loc[: len(table) // 3, "late"] = np.nan
    decision = judged(tmp_path, table, candidate, BY_TIME)
    assert check(decision, "fitted again").passed
    assert decision.comparisons[0].challenger.value > 0.75


def test_a_table_whose_rows_are_mostly_equal_is_refused_with_that_reason(tmp_path: Path) -> None:
    cells = pd.DataFrame({"age": ["old", "young"] * 2, "sex": ["m", "m", "f", "f"]})
    table = cells.loc[np.repeat([0, 1, 2, 3], [700, 100, 100, 100])].reset_index(drop=True)
    answers = np.where(np.random.default_rng(6).random(1000) < 0.4, "yes", "no")
    said = finding(tmp_path, table.assign(number=range(1000), failed=answers))
    assert "700 of 1,000 are" in said
    assert "Bring columns" in said


def test_ten_columns_with_gaps_and_categories_are_all_tried_missing_and_unknown(tmp_path: Path) -> None:
    luck, table = np.random.default_rng(8), machines(600)
    for number in range(10):
        values = luck.choice(["a", "b", "c"], 600).astype(object)
        values[luck.random(600) < 0.1] = None
        table[f"kind_{number}"] = values
    decision = judged(tmp_path, table.drop(columns=["heat", "machine", "plant"]), "logistic", BY_TIME)
    assert "none tries" not in check(decision, "golden rows").seen
    assert check(decision, "golden rows").passed
