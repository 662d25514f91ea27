"""CO2 over Mauna Loa, week by week since 1958: lags and means by pipeline.toml alone give a plain script's figures."""

from pathlib import Path

import pandas as pd
import pytest
from sklearn import metrics
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from statsmodels.datasets import co2

from tests.training.evaluating import failed
from tests.training.plain_scripts import figures, parts, pipeline_toml, ran

IN_TIME = 'time = "week"\nas_of = 1998-01-01\nholdout_days = 1000\nreplay_days = 700'
PAST = """
[features.past.last]
column = "target"
lag = 1
[features.past.a_year_before]
column = "target"
lag = 52
[features.past.lately]
column = "target"
mean_of = 8
"""


def weeks() -> pd.DataFrame:
    """In another order than time's, with weeks that have no value."""
    table: pd.DataFrame = co2.load_pandas().data.rename(columns={"co2": "target"}).rename_axis("week").reset_index()
    return table.sample(frac=1, random_state=0)


def test_a_ridge_on_lags_has_the_figures_of_a_plain_script(tmp_path: Path) -> None:
    config = pipeline_toml(
        tmp_path, "regression", "ridge", of_data=IN_TIME, training="trials = 1", more=PAST,
        gate="max_single_feature_auc = 1.0",
    )  # fmt: skip
    build, decision = ran(config, weeks())
    assert "single feature" not in failed(decision)
    card, learned, held = parts(build)
    assert [one.name for one in card.features] == ["last", "a_year_before", "lately"]

    plain = weeks().sort_values("week").set_index("week")
    values = plain["target"]
    plain["last"], plain["a_year_before"] = values.shift(1), values.shift(52)
    plain["lately"] = values.rolling(8, min_periods=1).mean().shift(1)
    names = ["last", "a_year_before", "lately"]
    plain = plain.dropna(subset="target")
    begin, as_of = pd.Timestamp("1998-01-01") - pd.Timedelta(days=1000), pd.Timestamp("1998-01-01")
    before = plain[plain.index < begin]
    after = plain[(plain.index >= begin) & (plain.index < as_of)]
    assert (len(before), len(after)) == (len(learned.frame), len(held.frame))
    pd.testing.assert_frame_equal(
        held.frame[names], after[names].astype("float32").reset_index(drop=True), check_exact=False, rtol=1e-6
    )

    model = make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), Ridge(alpha=1.0))
    model.fit(before[names].to_numpy("float32"), before["target"])
    said = model.predict(after[names].to_numpy("float32"))
    seen = figures(decision)
    assert seen["rmse"] == pytest.approx(metrics.root_mean_squared_error(after["target"], said), rel=1e-3)
    assert seen["mae"] == pytest.approx(metrics.mean_absolute_error(after["target"], said), rel=1e-3)
