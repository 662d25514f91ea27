"""Categories that differ only in spelling: reported by the data stage, and read as one by features.normalise."""

import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from contracts.data_manifest import TABLE_NAMES
from contracts.exits import Exit
from contracts.features import RARE, Feature
from contracts.model_folder import Golden, read_card
from contracts.stage import Build, execute
from scoring.encoder import Encoder
from tests.training.toy_tables import machines, misuse, run, table_of
from training.tables import load_table
from training.train import work as train

DECOMPOSED = unicodedata.normalize("NFD", "Zürich")
SPELT = ["Bern", "Bern ", "bern", "Zürich", DECOMPOSED, "Genf"]
EVERY_STEP = {"plant": ["trim", "nfc", "case"]}


def with_plants(*names: str, **columns: Any) -> pd.DataFrame:
    """The machines with these plants, each in its share of the rows."""
    return machines(plant=np.random.default_rng(4).choice(np.array(names, dtype=object), 400), **columns)


def plant_of(folder: Path, table: pd.DataFrame, **features: Any) -> Feature:
    return next(one for one in run(folder, table, **features).features if one.name == "plant")


@pytest.mark.parametrize(
    ("names", "steps"),
    [
        (["Bern", "Bern ", "Genf"], '["trim"]'),
        (["Bern", "bern", "Genf"], '["case"]'),
        (["Zürich", DECOMPOSED, "Genf"], '["nfc"]'),
        (["Bern", " BERN", "Genf"], '["trim", "case"]'),
        (SPELT, '["trim", "nfc", "case"]'),
    ],
)
def test_other_spellings_are_reported_with_counts_and_the_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], names: list[str], steps: str
) -> None:
    table = with_plants(*names)
    run(tmp_path, table)
    (said,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("plant: ")]
    assert said.endswith(f"features.normalise.plant = {steps}")
    most = table["plant"].value_counts()
    assert f"{names[0]!r} ({most[names[0]]:,} rows)" in said


def test_classes_that_differ_only_in_spelling_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = np.random.default_rng(4).choice(["yes", "no", "maybe", "Maybe "], 400, p=[0.3, 0.3, 0.3, 0.1])
    run(tmp_path, machines(failed=answers), {"task": "multiclass"})
    (said,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("failed: ")]
    assert said.startswith("failed: 1 class ")
    assert "2 ways" in said
    assert "'maybe' (" in said


def test_two_classes_in_three_spellings_are_refused_with_the_spellings(tmp_path: Path) -> None:
    answers = np.random.default_rng(4).choice(["yes", "no", "No"], 400)
    said = misuse(tmp_path, machines(failed=answers))
    assert said.code == "other-task"
    assert "3 classes" in said
    assert "2 ways" in said


def test_different_names_and_normalised_ones_are_not_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, with_plants("Bern", "Berne", "Genf"))
    run(tmp_path, with_plants(*SPELT), normalise=EVERY_STEP)
    assert "plant: " not in capsys.readouterr().out


def test_a_missing_step_is_proposed_beside_the_declared_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, with_plants(*SPELT), normalise={"plant": ["trim"]})
    said = capsys.readouterr().out
    assert "features.normalise.plant = " in said
    assert '["trim", "nfc", "case"]' in said


def test_the_model_knows_one_category_and_tables_keep_what_the_source_has(tmp_path: Path) -> None:
    feature = plant_of(tmp_path, with_plants(*SPELT), normalise=EVERY_STEP)
    assert feature.categories == ("bern", "genf", "zürich")
    assert feature.normalise == ("trim", "nfc", "case")
    assert set(pd.concat([table_of(tmp_path, name) for name in TABLE_NAMES])["plant"]) == set(SPELT)
    codes = Encoder([feature]).rows([{"plant": name} for name in SPELT])
    assert codes[:, 0].tolist() == [0, 0, 0, 2, 2, 1]


def test_rows_that_differ_by_a_spelling_alone_stay_on_one_side_of_the_cut(tmp_path: Path) -> None:
    pair, is_second = np.divmod(np.arange(400), 2)
    failed = np.random.default_rng(6).choice(["yes", "no"], 400)
    table = machines(heat=pair / 100, is_new=True, machine="m", failed=failed)
    table["plant"] = np.where(pair % 3, "Bern", "Genf") + np.where(is_second, " ", "").astype(object)
    run(tmp_path, table.drop(columns="at"), {"max_repeated_rows": 1.0}, normalise={"plant": ["trim", "case"]})
    assert "plant" in table_of(tmp_path, "train")
    heats = [set(table_of(tmp_path, name)["heat"]) for name in TABLE_NAMES]
    assert len(set.union(*heats)) == sum(map(len, heats))


def test_columns_without_categories_cannot_be_normalised(tmp_path: Path) -> None:
    assert misuse(tmp_path, machines(), normalise={"heat": ["trim"]}).code == "not-categorical"
    assert misuse(tmp_path, machines(), normalise={"at": ["trim"]}).code == "not-categorical"
    assert misuse(tmp_path, machines(), normalise={"plnat": ["trim"]}).code == "unknown-column"


def test_categories_of_few_rows_are_read_as_one(tmp_path: Path) -> None:
    table = with_plants(*["north"] * 20, *["south"] * 20, "Thun", "Zug", "zug ")
    feature = plant_of(tmp_path, table, normalise={"plant": ["trim", "case"]}, min_category_rows=30)
    assert feature.categories == (RARE, "north", "south")
    assert feature.rare == ("thun", "zug")
    codes = Encoder([feature]).rows([{"plant": name} for name in ("Thun", " ZUG", "south", "Genf")])
    assert codes[:, 0].tolist() == [0, 0, 2, -1]


def test_a_column_of_rare_categories_alone_is_left_out(tmp_path: Path) -> None:
    left_out = {one.column: one.reason for one in run(tmp_path, machines(), min_category_rows=30).left_out}
    assert "features.min_category_rows = 30" in left_out["machine"]


def test_a_long_tail_is_kept_as_one_category_where_rare_ones_are_put_together(tmp_path: Path) -> None:
    tail = [f"shop {number}" for number in range(60)]
    table = with_plants(*["north"] * 60, *["south"] * 60, *tail)
    left_out = {one.column: one.reason for one in run(tmp_path, table, max_categories=30).left_out}
    assert "features.min_category_rows = 20" in left_out["plant"]
    feature = plant_of(tmp_path, table, max_categories=30, min_category_rows=20)
    assert feature.categories == (RARE, "north", "south")
    assert len(feature.rare) == len(set(table_of(tmp_path, "train")["plant"])) - 2


def test_a_model_folder_proves_other_spellings_and_its_reference_is_as_it_reads(tmp_path: Path) -> None:
    table = with_plants(*SPELT, *["Thun"] * 1)
    run(tmp_path, table, normalise=EVERY_STEP, min_category_rows=50)
    build = Build(tmp_path / "build")
    config = tmp_path / "pipeline.toml"
    config.write_text(config.read_text().replace("'ridge'", "'hist_gradient_boosting'"))
    assert execute("train", config, build, train) is Exit.PASS
    card = read_card(build.challenger)
    golden = Golden.model_validate_json((build.challenger / "golden.json").read_bytes())
    tried = {row.inputs["plant"] for row in golden.rows}
    assert {" bern ", "BERN", unicodedata.normalize("NFD", "zürich")} <= tried
    assert set(pd.read_parquet(build.challenger / "reference.parquet")["plant"]) <= set(card.features[1].categories)
    assert next(one for one in card.features if one.name == "plant").normalise == ("trim", "nfc", "case")


def test_another_models_reading_is_its_own(tmp_path: Path) -> None:
    """A champion that was trained before the key was set meets the texts that it knows."""
    before = plant_of(tmp_path, with_plants(*SPELT))
    run(tmp_path, with_plants(*SPELT), normalise=EVERY_STEP)
    holdout = load_table(Build(tmp_path / "build"), "holdout")
    assert (holdout.matrix([before]) >= 0).all()
    assert holdout.as_read([before]) is holdout
