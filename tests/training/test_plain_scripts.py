"""A candidate of one's own, with a space, comes out as the same estimator does in a plain scikit-learn script."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from tests.training.evaluating import failed
from tests.training.plain_scripts import figures, judged, parts, pipeline_toml, ran

OWN = """
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.tree import DecisionTreeClassifier

def tree(features, task, seed, depth, leaf):
    return DecisionTreeClassifier(max_depth=depth, min_samples_leaf=leaf, random_state=seed)

def upper(features, task, seed):
    return HistGradientBoostingRegressor(loss="quantile", quantile=0.9, early_stopping=False, random_state=seed)
"""
SPACE = '[training.spaces."own_estimators:tree"]\ndepth = [1, 4]\nleaf = [40, 5]\n'


@pytest.fixture(autouse=True)
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_estimators.py").write_text(OWN, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)


def test_the_best_setting_of_a_space_wins_and_the_gate_fits_it_again(tmp_path: Path) -> None:
    table: pd.DataFrame = load_breast_cancer(as_frame=True).frame
    config = pipeline_toml(tmp_path, "binary", "own_estimators:tree", more=SPACE)
    build, decision = ran(config, table)
    card, learned, held = parts(build)
    assert card.parameters == {"depth": 4, "leaf": 5} or card.parameters == {"depth": 4, "leaf": 40}
    plain = DecisionTreeClassifier(
        max_depth=int(card.parameters["depth"] or 0), min_samples_leaf=int(card.parameters["leaf"] or 0), random_state=3
    )
    plain.fit(learned.matrix(card.features), learned.truth)
    said = plain.predict_proba(held.matrix(card.features))[:, 1]
    assert figures(decision)["roc_auc"] == pytest.approx(metrics.roc_auc_score(held.truth, said), abs=1e-5)
    assert "fitted again" not in failed(decision)
    narrower = pipeline_toml(tmp_path, "binary", "own_estimators:tree", more=SPACE.replace("[1, 4]", "[1, 2]"))
    assert "fitted again" in failed(judged(build, narrower))


def test_a_quantile_is_trained_and_judged_by_its_pinball_loss(tmp_path: Path) -> None:
    table: pd.DataFrame = load_diabetes(as_frame=True).frame
    config = pipeline_toml(tmp_path, "regression", "own_estimators:upper", gate="limits = { mape = 9.0 }")
    config.write_text(config.read_text().replace('"rmse"', '"pinball_90"'), encoding="utf-8")
    build, decision = ran(config, table)
    card, learned, held = parts(build)
    plain = HistGradientBoostingRegressor(loss="quantile", quantile=0.9, early_stopping=False, random_state=3)
    said = plain.fit(learned.matrix(card.features), learned.truth).predict(held.matrix(card.features))
    seen = figures(decision)
    assert seen["pinball_90"] == pytest.approx(metrics.mean_pinball_loss(held.truth, said, alpha=0.9), rel=1e-4)
    assert seen["mape"] == pytest.approx(metrics.mean_absolute_percentage_error(held.truth, said), rel=1e-4)
    one = next(one for one in decision.comparisons if one.decides)
    at = np.full(len(held.truth), np.quantile(learned.truth, 0.9))
    assert one.baseline == pytest.approx(metrics.mean_pinball_loss(held.truth, at, alpha=0.9), rel=1e-4)
    assert set(card.metrics) == set(seen)


def test_average_precision_of_three_classes_is_that_of_a_plain_script(tmp_path: Path) -> None:
    table: pd.DataFrame = load_wine(as_frame=True).frame
    build, decision = ran(pipeline_toml(tmp_path, "multiclass", "logistic", training="trials = 1"), table)
    card, learned, held = parts(build)
    plain = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, random_state=3))
    said = plain.fit(learned.matrix(card.features), learned.truth).predict_proba(held.matrix(card.features))
    wanted = metrics.average_precision_score(held.truth, said, average="macro")
    assert figures(decision)["average_precision"] == pytest.approx(wanted, abs=1e-4)
