"""A left-out column that repeats across the cut is named, and refused where it leaks the target."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from contracts.data_manifest import DataManifest
from contracts.exits import Exit
from contracts.schema import read_json
from contracts.stage import Build, StageRecord, execute
from tests.refusals import code_of
from training.data import work

CUSTOMERS, VISITS = 400, 6
Answer = Callable[[np.random.Generator, pd.DataFrame], "pd.Series[Any]"]


def by_customer(random: np.random.Generator, table: pd.DataFrame) -> "pd.Series[Any]":
    yes = (random.random(CUSTOMERS) < 0.4)[table["customer"].str[9:].astype(int)]
    return pd.Series(np.where(yes, "yes", "no"))


def by_age(random: np.random.Generator, table: pd.DataFrame) -> "pd.Series[Any]":
    return pd.Series(np.where(random.random(len(table)) < 1 / (1 + np.exp(-table["age"])), "yes", "no"))


def data(root: Path, answer: Answer, *, lines: str = "", gate: str = "", with_time: bool = False) -> tuple[Exit, Build]:
    random = np.random.default_rng(3)
    customer = random.permutation(np.repeat(np.arange(CUSTOMERS), VISITS))
    own = random.normal(size=(CUSTOMERS, 2))
    table = pd.DataFrame(own[customer], columns=["age", "income"])
    table["visit"] = random.normal(size=len(table))
    table["customer"] = [f"customer {number}" for number in customer]
    table["answer"] = answer(random, table)
    if with_time:
        table["at"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(len(table)), unit="h")
    table.to_csv(root / "table.csv", index=False)
    time = 'time = "at"\nas_of = 2024-03-01\nholdout_days = 20\nreplay_days = 10\n' if with_time else ""
    (root / "pipeline.toml").write_text(
        f'[project]\nname = "drawn"\n[data]\nsource = "{root / "table.csv"}"\ntarget = "answer"\ntask = "binary"\n'
        f"min_train_rows = 100\nmin_holdout_rows = 100\n{time}{lines}\n[features]\nmax_categories = 20\n"
        f'[training]\ncandidates = ["logistic"]\nmetric = "roc_auc"\n'
        f'[gate]\nmetric = "roc_auc"\nmargin = 0.01\n{gate}\n',
        encoding="utf-8",
    )
    build = Build(root / "build")
    return execute("data", root / "pipeline.toml", build, work), build


def headline(build: Build) -> str:
    return read_json(build.stage("data") / "stage.json", StageRecord, "make data").headline


def reason_of(build: Build, column: str) -> str:
    manifest = read_json(build.stage("data") / "data.json", DataManifest, "make data")
    return next(one.reason for one in manifest.left_out if one.column == column)


def test_customers_who_leak_the_target_across_the_cut_are_refused_with_the_key(tmp_path: Path) -> None:
    code, build = data(tmp_path, by_customer)
    assert code is Exit.FINDING
    assert code_of(build, "data") == "identifier-leaks"
    assert 'data.group = "customer"' in headline(build)


def test_declared_customers_stay_on_one_side(tmp_path: Path) -> None:
    code, build = data(tmp_path, by_customer, lines='group = "customer"')
    assert code is Exit.PASS
    assert "train has" not in reason_of(build, "customer")


def test_a_group_that_is_set_already_is_not_proposed_again(tmp_path: Path) -> None:
    _, build = data(tmp_path, by_customer, lines='group = "customer"', with_time=True)
    assert "train has" in reason_of(build, "customer")
    assert "set data.group" not in reason_of(build, "customer")


def test_another_group_is_proposed_in_place_of_the_one_that_is_set(tmp_path: Path) -> None:
    code, build = data(tmp_path, by_customer, lines='group = "visit"')
    assert (code, code_of(build, "data")) == (Exit.FINDING, "identifier-leaks")
    assert '"visit"' in headline(build)


def test_a_leak_that_is_signed_off_passes(tmp_path: Path) -> None:
    code, _ = data(tmp_path, by_customer, gate='signed_off = ["customer on both sides"]')
    assert code is Exit.PASS


def test_customers_without_a_leak_are_named_and_pass(tmp_path: Path) -> None:
    code, build = data(tmp_path, by_age)
    assert code is Exit.PASS, headline(build)
    assert 'data.group = "customer"' in reason_of(build, "customer")


def test_in_a_table_with_time_customers_come_again_and_are_named_only(tmp_path: Path) -> None:
    code, build = data(tmp_path, by_customer, with_time=True)
    assert code is Exit.PASS, headline(build)
    assert 'data.group = "customer"' in reason_of(build, "customer")


@pytest.mark.parametrize("column", ["visit_number"])
def test_a_column_with_distinct_values_in_every_row_is_ignored(tmp_path: Path, column: str) -> None:
    def answer(random: np.random.Generator, table: pd.DataFrame) -> "pd.Series[Any]":
        table[column] = [f"visit {number}" for number in range(len(table))]
        return by_age(random, table)

    code, build = data(tmp_path, answer)
    assert code is Exit.PASS
    assert "train has" not in reason_of(build, column)
