"""Slices are judged where possible, shown where not, and corrected for their number."""

import numpy as np
import pandas as pd
import pytest

from contracts.data_manifest import DataManifest
from contracts.data_manifest import Table as Described
from contracts.decision import SliceComparison
from contracts.features import MISSING
from contracts.pipeline_toml.keys import Gate
from tests.refusals import refuses
from training.judging.comparisons import PairedPredictions
from training.judging.scored_models import Predictions
from training.judging.slices import SliceError, compare_slices, refuse_impossible_slices

ROWS = 3000


def gate(*columns: str, least: int = 300, margin: float = 0.05) -> Gate:
    return Gate(metric="roc_auc", margin=0.01, slices=columns, slice_margin=margin, slice_min_rows=least)


def manifest() -> DataManifest:
    described = Described(rows=ROWS, digest="0" * 64)
    return DataManifest(
        source="toy",
        source_sha256="",
        task="binary",
        target="answer",
        time="at",
        features=(),
        tables={"train": described, "holdout": described, "replay": described},
        digest="d",
    )


@pytest.fixture
def frame() -> pd.DataFrame:
    random = np.random.default_rng(8)
    return pd.DataFrame(
        {
            "shop": random.choice(np.array(["east", "north", "west"]), ROWS),
            "is_new": random.integers(0, 2, ROWS).astype(np.float32),
            "day": np.arange(ROWS) // 100,
        }
    )


def paired(frame: pd.DataFrame, worse: "pd.Series[bool] | None" = None, has_champion: bool = True) -> PairedPredictions:
    """A good champion, and a challenger that is the same but for noise on the rows where `worse` holds."""
    random = np.random.default_rng(9)
    strength = random.normal(size=ROWS) * 2
    truth = (random.random(ROWS) < 1 / (1 + np.exp(-strength))).astype(np.int64)
    noise = random.normal(size=ROWS) * 4 * (0 if worse is None else worse.to_numpy())
    answers = []
    for logits in (strength + noise, strength):
        yes = 1 / (1 + np.exp(-logits))
        answers.append(Predictions(np.column_stack([1 - yes, yes]), 0.5))
    return PairedPredictions(
        truth, frame["day"].to_numpy(dtype=np.int64), answers[0], answers[1] if has_champion else None
    )


def outcomes(slices: tuple[SliceComparison, ...]) -> dict[str, str]:
    return {f"{one.column} {one.value}": one.outcome for one in slices}


def test_equal_models_are_equivalent_on_every_slice(frame: pd.DataFrame) -> None:
    seen = compare_slices(paired(frame), frame, gate("shop", "is_new"), has_champion=True)
    assert outcomes(seen.slices) == dict.fromkeys(
        ["shop east", "shop north", "shop west", "is_new 0", "is_new 1"], "equivalent"
    )
    assert seen.judged == 5
    assert sum(one.rows for one in seen.slices[:3]) == ROWS


def test_only_the_slice_that_is_worse_is_called_so(frame: pd.DataFrame) -> None:
    seen = compare_slices(paired(frame, frame["shop"] == "west"), frame, gate("shop"), has_champion=True)
    assert outcomes(seen.slices) == {"shop east": "equivalent", "shop north": "equivalent", "shop west": "worse"}


def test_a_slice_within_its_margin_is_not_worse(frame: pd.DataFrame) -> None:
    lenient = gate("shop", margin=0.4)
    seen = compare_slices(paired(frame, frame["shop"] == "west"), frame, lenient, has_champion=True)
    assert "worse" not in outcomes(seen.slices).values()


def test_a_slice_with_too_few_rows_is_shown_and_not_judged(frame: pd.DataFrame) -> None:
    rare = frame.assign(shop=np.where(np.arange(ROWS) < 299, "rare", frame["shop"]))
    seen = compare_slices(paired(rare, rare["shop"] == "rare"), rare, gate("shop"), has_champion=True)
    shown = next(one for one in seen.slices if one.value == "rare")
    assert (shown.rows, shown.difference, shown.outcome) == (299, None, "inconclusive")
    assert shown.champion is not None
    assert seen.judged == 3


def test_a_slice_of_one_class_has_no_figure_and_is_named(frame: pd.DataFrame) -> None:
    met = paired(frame)
    alike = frame.assign(shop=np.where(met.truth == 1, "yes", "no"))
    seen = compare_slices(met, alike, gate("shop"), has_champion=True)
    assert seen.slices == ()
    assert seen.unmeasured == ("shop no", "shop yes")


def test_a_slice_on_a_single_day_is_not_judged(frame: pd.DataFrame) -> None:
    one_day = frame.assign(shop=np.where(frame["day"] == 3, "there", "elsewhere"))
    seen = compare_slices(paired(one_day), one_day, gate("shop", least=50), has_champion=True)
    assert [one.value for one in seen.slices if one.difference is None] == ["there"]


def test_more_slices_make_each_bound_stricter(frame: pd.DataFrame) -> None:
    met = paired(frame, frame["shop"] == "west")
    few = compare_slices(met, frame, gate("shop"), has_champion=True).slices
    many = compare_slices(met, frame, gate("shop", "is_new"), has_champion=True).slices
    assert few[2].difference is not None
    assert many[2].difference is not None
    assert many[2].difference.high > few[2].difference.high


def test_without_a_champion_slices_are_shown(frame: pd.DataFrame) -> None:
    seen = compare_slices(paired(frame, has_champion=False), frame, gate("shop"), has_champion=False)
    assert set(outcomes(seen.slices).values()) == {"no champion"}
    assert seen.judged == 0


def test_missing_values_are_a_slice_of_their_own(frame: pd.DataFrame) -> None:
    gaps = frame.assign(is_new=np.where(np.arange(ROWS) % 3 == 0, np.nan, frame["is_new"]))
    seen = compare_slices(paired(gaps), gaps, gate("is_new"), has_champion=True)
    assert [one.value for one in seen.slices] == [MISSING, "0", "1"]


@pytest.mark.parametrize("column", ["shopp", "answer", "at", ""])
def test_a_column_that_is_no_feature_is_refused(frame: pd.DataFrame, column: str) -> None:
    with pytest.raises(SliceError, match=r"gate\.slices"):
        refuse_impossible_slices(gate(column), manifest(), frame.assign(answer="no", at=1))


def test_the_nearest_name_is_offered(frame: pd.DataFrame) -> None:
    with refuses(SliceError, "unknown-slice", "'shopp'", "shop?"):
        refuse_impossible_slices(gate("shopp"), manifest(), frame)


def test_a_number_with_many_values_is_refused(frame: pd.DataFrame) -> None:
    measured = frame.assign(size=np.arange(ROWS, dtype=np.float32))
    with pytest.raises(SliceError, match="3,000 values"):
        refuse_impossible_slices(gate("size"), manifest(), measured)
    refuse_impossible_slices(gate("shop", "is_new"), manifest(), measured)
