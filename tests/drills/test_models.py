"""Changes of a model folder change what they should and nothing else; an impossible one is refused."""

from pathlib import Path

import numpy as np
import pytest

from contracts.model_folder import ModelFolderError
from drills.models import Rescored, add_weight, add_work, blur, edit, rescore, rescoring, swap_outputs
from drills.scene import PlantError, Scene
from scoring.scorer import load_scorer
from testbed.cards import sign
from tests.drills.scenes import healthy
from training.statistics.scores import score
from training.tables import load_table


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return healthy(tmp_path / "base")


def answers(scene: Scene) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.float64]], float]:
    """The challenger's probabilities of the holdout, and their roc_auc."""
    holdout, scorer = load_table(scene.build, "holdout"), load_scorer(scene.challenger)
    given = scorer.predict(holdout.matrix(scorer.card.features)).astype(np.float64)
    return given, score("roc_auc", holdout.truth, given, threshold=None)


@pytest.mark.parametrize("loss", [0.005, 0.02, 0.1])
def test_a_blurred_model_is_worse_by_what_was_asked(scene: Scene, loss: float) -> None:
    _, before = answers(scene)
    blur(scene, scene.challenger, loss=loss)
    assert answers(scene)[1] == pytest.approx(before - loss, abs=0.0005)


def test_a_loss_that_no_noise_can_make_is_refused(scene: Scene) -> None:
    with pytest.raises(PlantError, match=r"roc_auc .* 0\.45"):
        blur(scene, scene.challenger, loss=0.45)


def test_a_shift_of_the_log_odds_keeps_the_ranking(scene: Scene) -> None:
    before, area = answers(scene)
    rescore(scene.challenger, Rescored(offset=1.0))
    after, same = answers(scene)
    assert (after[:, 1] > before[:, 1]).all()
    assert same == pytest.approx(area, abs=1e-6)


def test_noise_in_one_category_leaves_the_others_alone(scene: Scene) -> None:
    before, _ = answers(scene)
    blur(scene, scene.challenger, loss=0.01, but="shop=west")
    after, _ = answers(scene)
    is_west = (load_table(scene.build, "holdout").frame["shop"] == "west").to_numpy()
    moved = np.abs(after - before).max(axis=1) > 1e-5
    assert not moved[is_west].any()
    assert moved[~is_west].mean() > 0.9


def test_swapped_outputs_answer_the_other_way_round(scene: Scene) -> None:
    before, _ = answers(scene)
    edit(scene.challenger, swap_outputs)
    assert answers(scene)[0] == pytest.approx(before[:, ::-1])


@pytest.mark.parametrize("change", [add_weight(1), add_work(50)])
def test_ballast_and_work_change_no_answer(scene: Scene, change: object) -> None:
    assert callable(change)
    before, _ = answers(scene)
    edit(scene.challenger, change)
    assert np.array_equal(answers(scene)[0], before)


def test_golden_rows_that_stay_give_the_change_away(scene: Scene) -> None:
    edit(scene.challenger, rescoring(Rescored(offset=0.01)), keeps_golden=True)
    with pytest.raises(ModelFolderError, match="golden row 0"):
        load_scorer(scene.challenger)


def test_a_change_that_changes_nothing_is_refused(scene: Scene) -> None:
    with pytest.raises(PlantError, match="graph"):
        edit(scene.challenger, lambda _: None)


def test_a_card_that_is_signed_again_is_another_model(scene: Scene) -> None:
    before = load_scorer(scene.challenger).digest
    sign(scene.challenger, commit="e" * 40)
    assert load_scorer(scene.challenger).digest != before
