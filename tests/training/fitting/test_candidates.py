"""The names in training.candidates, and refusals with the name that was meant."""

from pathlib import Path

import numpy as np
import pytest

from contracts.schema import Task
from contracts.stage import Build
from tests.refusals import refuses
from tests.training.toy_build import FEATURES, write_build
from training.fitting.boosters import READERS
from training.fitting.candidates import KINDS, Candidate, CandidateError, find_candidates
from training.fitting.export import export
from training.fitting.proof import prove
from training.fitting.search import one_thread
from training.tables import load_table

TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")
NAN_COLUMNS = [0, 2]
BUILT_IN = [(name, task) for name, kind in KINDS.items() if name not in READERS for task in kind.tasks]


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> dict[Task, Build]:
    return {task: write_build(tmp_path_factory.mktemp(task), task) for task in TASKS}


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "own_models.py").write_text(
        "from sklearn.dummy import DummyClassifier\n"
        "def prior(features, task, seed):\n    return DummyClassifier(strategy='prior')\n"
        "def nothing(features, task, seed):\n    return None\n"
        "def the_class(features, task, seed):\n    return DummyClassifier\n"
        "def takes_too_few(features):\n    return DummyClassifier()\n"
        "def fails(features, task, seed):\n    raise KeyError('mine')\n"
        "from sklearn.tree import DecisionTreeClassifier\n"
        "def tree(features, task, seed, depth, leaf=1):\n"
        "    if depth > 9:\n        raise ValueError('too deep')\n"
        "    return DecisionTreeClassifier(max_depth=depth, min_samples_leaf=leaf, random_state=seed)\n",
        encoding="utf-8",
    )
    (tmp_path / "own_broken.py").write_text("1 / 0\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return "own_models"


def found(name: str, task: Task = "binary", trials: int = 4) -> Candidate:
    return find_candidates([name], FEATURES, task, 7, trials)[0]


@pytest.mark.parametrize(("name", "task"), BUILT_IN)
def test_each_built_in_candidate_learns_and_can_be_exported_exactly(
    builds: dict[Task, Build], name: str, task: Task
) -> None:
    train, holdout = (load_table(builds[task], table) for table in ("train", "holdout"))
    candidate = found(name, task)
    matrix = holdout.matrix(FEATURES)
    with one_thread():
        model = candidate.make(candidate.settings[0]).fit(train.matrix(FEATURES), train.truth)
    proof = prove(model, export(model, len(FEATURES), task), matrix, task, nan_columns=NAN_COLUMNS, threshold=0.5)
    assert proof.label_flips == 0
    assert model.score(matrix, holdout.truth) > {"binary": 0.6, "multiclass": 0.4, "regression": 0.2}[task]


def test_a_feature_that_is_wholly_missing_in_a_fold_does_no_harm(builds: dict[Task, Build]) -> None:
    train = load_table(builds["binary"], "train")
    matrix = train.matrix(FEATURES)
    matrix[:, NAN_COLUMNS] = np.nan
    candidate = found("logistic")
    model = candidate.make(candidate.settings[0]).fit(matrix, train.truth)
    assert np.isfinite(model.predict_proba(load_table(builds["binary"], "holdout").matrix(FEATURES))).all()


@pytest.mark.parametrize("name", sorted(set(KINDS) - set(READERS)))
def test_settings_begin_with_the_default_and_more_trials_keep_those_of_fewer(name: str) -> None:
    task = KINDS[name].tasks[-1]
    three, many = found(name, task, 3).settings, found(name, task, 1000).settings
    assert many[0] == {key: values[0] for key, values in KINDS[name].space.items()}
    assert many[:3] == three
    assert len(many) == np.prod([len(values) for values in KINDS[name].space.values()])
    assert len({tuple(setting.items()) for setting in many}) == len(many)


def test_one_trial_is_the_default_alone() -> None:
    assert len(found("hist_gradient_boosting", trials=1).settings) == 1


def test_a_function_of_ones_own_is_tried_once(module: str) -> None:
    candidate = found(f"{module}:prior")
    assert candidate.settings == ({},)
    assert type(candidate.make({})).__name__ == "DummyClassifier"


def with_space(name: str, trials: int = 4, **space: tuple[float | int | str | bool, ...]) -> Candidate:
    return find_candidates([name], FEATURES, "binary", 7, trials, {name: space})[0]


def test_a_function_of_ones_own_is_tried_with_the_values_of_its_space(module: str) -> None:
    candidate = with_space(f"{module}:tree", depth=(3, 5), leaf=(1, 20, 50))
    assert candidate.settings[0] == {"depth": 3, "leaf": 1}
    assert len(candidate.settings) == 4
    assert len(with_space(f"{module}:tree", 99, depth=(3, 5), leaf=(1, 20, 50)).settings) == 6
    made = candidate.make({"depth": 5, "leaf": 20})
    assert (made.max_depth, made.min_samples_leaf, made.random_state) == (5, 20, 7)


def test_a_function_that_does_not_take_the_space_is_refused_with_its_signature(module: str) -> None:
    with refuses(CandidateError, "candidate-signature", "leaves", "def tree(features, ", "depth, leaves)"):
        with_space(f"{module}:tree", depth=(3,), leaves=(1,))


def test_a_setting_that_fails_is_named(module: str) -> None:
    with refuses(CandidateError, "candidate-raised", "{'depth': 10}", "too deep"):
        with_space(f"{module}:tree", depth=(10, 3))


def test_a_space_of_no_candidate_and_one_of_a_built_in_are_refused(module: str) -> None:
    for name in (f"{module}:tere", "logistic"):
        with refuses(CandidateError, "space-of-no-candidate", f"{name!r}", f"which has {module}:tree"):
            find_candidates([f"{module}:tree", "logistic"], FEATURES, "binary", 7, 1, {name: {"depth": (3,)}})


def test_a_space_beyond_all_trials_is_refused(module: str) -> None:
    with refuses(CandidateError, "space-too-large", "1,000,000 settings"):
        with_space(f"{module}:tree", depth=tuple(range(1000)), leaf=tuple(range(1000)))


def test_candidates_keep_the_order_of_pipeline_toml() -> None:
    names = ["hist_gradient_boosting", "logistic"]
    assert [one.name for one in find_candidates(names, FEATURES, "binary", 7, 1)] == names


def test_an_unknown_candidate_is_refused_with_the_nearest_name() -> None:
    with refuses(CandidateError, "unknown-candidate", "'hist_gradient_bosting'", "hist_gradient_boosting?"):
        found("hist_gradient_bosting")


def test_a_candidate_like_no_other_is_refused_with_all_names() -> None:
    with refuses(CandidateError, "unknown-candidate", "'svm'", "logistic, ridge,", "module:function"):
        found("svm")


def test_logistic_is_refused_for_a_regression_with_ridge_in_its_place() -> None:
    with refuses(CandidateError, "candidate-for-another-task", "data.task", "ridge"):
        found("logistic", "regression")


def test_ridge_is_refused_for_classes_with_logistic_in_its_place() -> None:
    with refuses(CandidateError, "candidate-for-another-task", "data.task", "logistic"):
        found("ridge", "multiclass")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no_such_module:make", r"cannot be imported \(ModuleNotFoundError"),
        ("own_broken:make", r"cannot be imported \(ZeroDivisionError"),
        (":make", r"cannot be imported \(ValueError"),
        ("own_models:prio", "has no function 'prio'"),
        (
            "own_models:takes_too_few",
            r"takes \(features\) \(too many .*Required: def takes_too_few\(features, task, seed\)",
        ),
        ("own_models:fails", r"raised KeyError: 'mine'\. Required: def fails\(features, task, seed\)"),
        ("own_models:tree", r"takes .*depth.*Required: def tree\(features, task, seed\): an unfitted estimator"),
        ("own_models:nothing", "returns None, which is no estimator for a binary task"),
        ("own_models:the_class", "required: an instance with fit, predict, predict_proba"),
    ],
)
@pytest.mark.usefixtures("module")
def test_a_function_that_gives_no_estimator_is_refused(name: str, said: str) -> None:
    with pytest.raises(CandidateError, match=said):
        found(name)
