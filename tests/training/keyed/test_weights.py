"""Weights of rows: never a feature, used in every fit and figure, and refused by row."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn import metrics as sklearn_metrics
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

from contracts.exits import Exit, FindingError, UsageError
from contracts.model_folder import read_card
from contracts.pipeline_toml.reader import load_config, settings_digest
from contracts.schema import Task
from contracts.stage import Build, Context, StageName
from scoring.scorer import load_scorer
from tests.refusals import refuses
from tests.training.evaluating import failed
from tests.training.plain_scripts import figures, judged, parts, pipeline_toml, ran, run_stage
from tests.training.toy_tables import Refusal
from training import data
from training.fitting.fit_weights import RowWeights, WeightsError, fitted, of_classes
from training.judging.relaxed_thresholds import changed, recorded
from training.refusals import SettingError

HEAVY = "class_weight = { 0 = 30.0 }"
CANDIDATES: dict[Task, str] = {"binary": "hist_gradient_boosting", "regression": "ridge"}


def cancer() -> pd.DataFrame:
    frame: pd.DataFrame = load_breast_cancer(as_frame=True).frame
    return frame.iloc[:, [0, 1, 4, 8, 9, 30]].assign(counts=weights(len(frame)))


def diabetes() -> pd.DataFrame:
    frame: pd.DataFrame = load_diabetes(as_frame=True).frame
    return frame.assign(counts=weights(len(frame)))


def weights(rows: int) -> npt.NDArray[np.float64]:
    return np.random.default_rng(4).choice(np.array([0.0, 0.5, 1.0, 6.0]), rows, p=[0.05, 0.45, 0.3, 0.2])


def asked(folder: Path, task: Task, training: str, gate: str = "") -> Path:
    """A pipeline.toml with these lines."""
    return pipeline_toml(folder, task, CANDIDATES[task], training=f"trials = 1\n{training}", gate=gate)


def test_a_binary_model_is_fitted_and_judged_as_by_a_plain_script(tmp_path: Path) -> None:
    build, decision = ran(asked(tmp_path, "binary", 'weights = "counts"'), cancer())
    card, learned, held = parts(build)
    assert "counts" not in [one.name for one in card.features]
    plain = HistGradientBoostingClassifier(early_stopping=False, random_state=3, **card.parameters)
    plain.fit(learned.matrix(card.features), learned.truth, sample_weight=learned.weights)
    said = plain.predict_proba(held.matrix(card.features))[:, 1]
    seen = figures(decision)
    each: Any = {"sample_weight": held.weights}
    assert seen["roc_auc"] == pytest.approx(sklearn_metrics.roc_auc_score(held.truth, said, **each), abs=1e-5)
    assert seen["log_loss"] == pytest.approx(sklearn_metrics.log_loss(held.truth, said, **each), abs=1e-5)
    assert seen["brier"] == pytest.approx(sklearn_metrics.brier_score_loss(held.truth, said, **each), abs=1e-5)
    is_called = said >= (card.threshold or 0)
    assert seen["precision"] == pytest.approx(sklearn_metrics.precision_score(held.truth, is_called, **each), abs=1e-5)
    assert seen["roc_auc"] != pytest.approx(sklearn_metrics.roc_auc_score(held.truth, said), abs=1e-5)
    assert failed(decision) == []
    assert any("'counts' (training.weights)" in note for note in decision.notes)


def test_a_regression_is_fitted_and_judged_as_by_a_plain_script(tmp_path: Path) -> None:
    build, decision = ran(asked(tmp_path, "regression", 'weights = "counts"', "limits.pinball_90 = 1000.0"), diabetes())
    card, learned, held = parts(build)
    plain = make_pipeline(StandardScaler(), Ridge(alpha=1.0))
    numbers, one = learned.matrix(card.features), [feature.kind for feature in card.features]
    assert set(one) == {"numeric"}
    plain.fit(numbers, learned.truth, ridge__sample_weight=learned.weights)
    said = plain.predict(held.matrix(card.features))
    seen = figures(decision)
    each: Any = {"sample_weight": held.weights}
    assert seen["rmse"] == pytest.approx(sklearn_metrics.root_mean_squared_error(held.truth, said, **each), rel=1e-4)
    assert seen["r2"] == pytest.approx(sklearn_metrics.r2_score(held.truth, said, **each), abs=1e-4)
    wanted = sklearn_metrics.mean_pinball_loss(held.truth, said, alpha=0.9, **each)
    assert seen["pinball_90"] == pytest.approx(wanted, rel=1e-4)


def test_the_baseline_of_weighted_rows_is_their_weighted_mean(tmp_path: Path) -> None:
    build, decision = ran(asked(tmp_path, "regression", 'weights = "counts"'), diabetes())
    _, learned, held = parts(build)
    rmse = next(one for one in decision.comparisons if one.metric == "rmse")
    mean = np.full(len(held.truth), np.average(learned.truth, weights=learned.weights))
    wanted = sklearn_metrics.root_mean_squared_error(held.truth, mean, sample_weight=held.weights)
    assert rmse.baseline == pytest.approx(wanted, rel=1e-4)


def test_balanced_classes_are_those_of_scikit_learn_and_the_gate_fits_them_again(tmp_path: Path) -> None:
    build, decision = ran(asked(tmp_path, "binary", 'class_weight = "balanced"'), cancer().drop(columns="counts"))
    card, learned, held = parts(build)
    plain = HistGradientBoostingClassifier(
        early_stopping=False, random_state=3, class_weight="balanced", **card.parameters
    )
    plain.fit(learned.matrix(card.features), learned.truth)
    said = plain.predict_proba(held.matrix(card.features))
    own = load_scorer(build.challenger).predict(held.matrix(card.features))
    np.testing.assert_allclose(own, said, atol=1e-5)
    assert "fitted again" not in failed(decision)
    assert card.gate["training.class_weight"] == "balanced"


def test_a_model_of_other_weights_is_refused_by_the_gates_own_fit(tmp_path: Path) -> None:
    table = cancer().drop(columns="counts")
    build, _ = ran(asked(tmp_path, "binary", HEAVY), table)
    assert failed(judged(build, asked(tmp_path, "binary", HEAVY))) == []
    without = judged(build, asked(tmp_path, "binary", ""))
    assert without.decision == "reject"
    assert {"fitted again", "out-of-fold figures"} <= set(failed(without))


def test_weights_that_are_all_the_same_change_no_figure(tmp_path: Path) -> None:
    (tmp_path / "with").mkdir()
    (tmp_path / "without").mkdir()
    _, of_sevens = ran(asked(tmp_path / "with", "binary", 'weights = "counts"'), cancer().assign(counts=7.0))
    _, of_none = ran(asked(tmp_path / "without", "binary", ""), cancer().drop(columns="counts"))
    for one, other in zip(of_sevens.comparisons, of_none.comparisons, strict=True):
        assert one.challenger.value == pytest.approx(other.challenger.value, abs=1e-5)
        assert one.challenger.low == pytest.approx(other.challenger.low, abs=1e-4)
        assert one.baseline == pytest.approx(other.baseline, abs=1e-5)


def test_the_card_has_the_figures_of_rows_that_count_the_same_for_production(tmp_path: Path) -> None:
    build, _ = ran(asked(tmp_path, "binary", 'weights = "counts"'), cancer())
    card = read_card(build.challenger)
    assert card.unweighted is not None
    assert card.metrics_in_production == card.unweighted
    assert card.metrics["log_loss"] != card.unweighted["log_loss"]


def test_data_that_was_made_with_other_weights_is_refused(tmp_path: Path) -> None:
    build, _ = ran(asked(tmp_path, "binary", 'weights = "counts"'), cancer())
    config = asked(tmp_path, "binary", "")
    after: tuple[StageName, ...] = ("train", "evaluate")
    for name in after:
        code, headline = run_stage(name, config, build)
        assert code is Exit.USAGE
        assert "training.weights" in headline


def refusal(folder: Path, table: pd.DataFrame, training: str = 'weights = "counts"', task: Task = "binary") -> Refusal:
    table.to_parquet(folder / "table.parquet")
    build = Build(folder / "build")
    build.stage("data").mkdir(parents=True, exist_ok=True)
    config = load_config(asked(folder, task, training))
    with pytest.raises((UsageError, FindingError)) as raised:
        data.work(Context(config, build, build.stage("data")))
    return Refusal.of(raised.value)


@pytest.mark.parametrize(("value", "seen"), [(-1.0, "-1"), (np.nan, "none"), (np.inf, "inf")])
def test_a_weight_that_cannot_count_is_refused_with_its_row(tmp_path: Path, value: float, seen: str) -> None:
    table = cancer()
    table.loc[[7, 20], "counts"] = value
    said = refusal(tmp_path, table)
    assert said.code == "bad-weights"
    assert "2 of 569" in said
    assert f" 8 with {seen};" in said


def test_weights_without_any_sum_are_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path, cancer().assign(counts=0.0))
    assert said.code == "weightless"
    assert " train's " in said


def test_a_class_without_any_weight_is_refused_with_its_first_row(tmp_path: Path) -> None:
    table = cancer()
    table["counts"] = table["counts"].where(table["target"] == 1, 0.0)
    said = refusal(tmp_path, table)
    assert said.code == "weightless"
    assert "class '0'" in said


def test_a_column_that_cannot_be_weights_is_refused(tmp_path: Path) -> None:
    assert "counts?" in refusal(tmp_path, cancer(), 'weights = "count"')
    assert refusal(tmp_path, cancer(), 'weights = "target"').code == "key-twice"
    assert refusal(tmp_path, cancer().assign(counts="many")).code == "not-numeric"
    listed = refusal(tmp_path, cancer(), 'weights = "counts"\n[features]\ninclude = ["counts"]')
    assert (listed.code, "training.weights" in listed) == ("not-a-feature", True)


@pytest.mark.parametrize("value", ['"equal"', "3", "{}", "{ yes = 0 }", "{ yes = true }"])
def test_a_class_weight_is_balanced_or_a_table(tmp_path: Path, value: str) -> None:
    with refuses(UsageError, "contradiction", "training.class_weight is ", '"balanced"'):
        load_config(asked(tmp_path, "binary", f"class_weight = {value}"))


def test_values_have_no_class_weight(tmp_path: Path) -> None:
    with refuses(UsageError, "contradiction", "training.class_weight is ", "regression"):
        load_config(asked(tmp_path, "regression", 'class_weight = "balanced"'))


def test_a_class_that_there_is_not_is_refused_by_name() -> None:
    with refuses(SettingError, "unknown-class", "'yse'", " yes?"):
        of_classes({"yse": 2.0}, ("no", "yes"))


def test_classes_weigh_as_in_scikit_learn_and_times_the_rows_own_weight() -> None:
    truth, own = np.array([0, 0, 0, 1]), np.array([1.0, 1.0, 2.0, 3.0])
    rows = np.arange(4)
    balanced = RowWeights(None, "balanced").in_fit(rows, truth)
    assert balanced is not None
    np.testing.assert_allclose(balanced, compute_sample_weight("balanced", truth))
    np.testing.assert_array_equal(RowWeights(None, {1: 5.0}).in_fit(rows, truth), [1, 1, 1, 5])
    both = RowWeights(own, "balanced").in_fit(rows, truth)
    assert both is not None
    assert both[:3].sum() == pytest.approx(both[3])
    np.testing.assert_array_equal(RowWeights(own).in_fit(rows[2:], truth[2:]), [2, 3])
    assert RowWeights().in_fit(rows, truth) is None


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), LogisticRegression())),
    ],
)
def test_weights_reach_the_last_step_of_a_pipeline(model: Any) -> None:
    random = np.random.default_rng(0)
    matrix, truth = random.normal(size=(80, 2)).astype(np.float32), np.arange(80) % 2
    own = np.where(truth == 1, 9.0, 1.0)
    assert fitted(model, matrix, truth, own).predict_proba(matrix)[:, 1].mean() > 0.8


def test_weights_reach_the_regressor_of_a_transformed_target() -> None:
    model = TransformedTargetRegressor(Ridge(), func=np.arcsinh, inverse_func=np.sinh)
    matrix, truth = np.zeros((4, 1), dtype=np.float32), np.array([0.0, 0.0, 0.0, 1.0])
    assert fitted(model, matrix, truth, np.array([1.0, 1.0, 1.0, 1e6])).predict(matrix)[0] > 0.9


def test_an_estimator_without_weights_is_refused_by_its_name() -> None:
    with refuses(WeightsError, "no-weights", "KNeighborsClassifier"):
        fitted(KNeighborsClassifier(), np.zeros((4, 1), np.float32), np.array([0, 1, 0, 1]), np.ones(4))


def test_weights_that_are_new_since_the_champion_are_reported(tmp_path: Path) -> None:
    without = recorded(load_config(asked(tmp_path, "binary", "")))
    now = load_config(asked(tmp_path, "binary", 'weights = "counts"\nclass_weight = { 0 = 2.0 }'))
    of_class, of_rows = changed(now, without)
    assert of_class.startswith("training.class_weight.0 is 2;")
    assert of_rows.startswith("training.weights is counts;")


def test_keys_that_are_not_set_change_no_digest_of_settings(tmp_path: Path) -> None:
    config = load_config(asked(tmp_path, "binary", ""))
    told = config.model_dump(mode="json")
    assert not {"weights", "class_weight", "spaces"} & told["training"].keys()
    assert "past" not in told["features"]
    assert settings_digest(config) != settings_digest(load_config(asked(tmp_path, "binary", 'weights = "w"')))
