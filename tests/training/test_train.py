"""The train stage: a model folder for each task, the same twice, or a refusal with the reason."""

from pathlib import Path

import pandas as pd
import pytest

from contracts.exits import Exit
from contracts.model_folder import MODEL_FILES, ModelCard, read_card
from contracts.pipeline_toml.keys import METRICS_OF_TASK
from contracts.schema import Task, read_json, write_json
from contracts.stage import Build, StageRecord, execute
from scoring.encoder import Encoder
from scoring.scorer import load_scorer
from tests.refusals import code_of
from tests.training.toy_build import FEATURES, write_build, write_config
from training.tables import load_manifest, load_table
from training.train import work

TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")


def train(build: Build, config: Path) -> tuple[Exit, str]:
    """The stage's exit code and headline."""
    code = execute("train", config, build, work)
    return code, read_json(build.stage("train") / "stage.json", StageRecord, "make train").headline


def trained(root: Path, task: Task = "binary", rows: int = 300, **changes: str) -> ModelCard:
    build = write_build(root, task, rows)
    code, headline = train(build, write_config(root, task, **changes))
    assert code is Exit.PASS, headline
    return read_card(build.challenger)


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in (*MODEL_FILES, "model.json")}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("with_time", [True, False])
def test_each_kind_of_task_gives_a_model_folder_that_serves(tmp_path: Path, task: Task, with_time: bool) -> None:
    build = write_build(tmp_path, task, with_time=with_time)
    code, headline = train(build, write_config(tmp_path, task, training__candidates='["hist_gradient_boosting"]'))
    assert code is Exit.PASS, headline
    scorer = load_scorer(build.challenger)
    card = scorer.card
    assert tuple(card.metrics) == METRICS_OF_TASK[task]
    assert all(one.low <= one.value <= one.high and one.confidence == 0.95 for one in card.metrics.values())
    assert (card.threshold is None) == (task != "binary")
    assert card.proof.rows == 100
    assert card.proof.label_flips == 0
    answers = scorer.predict(Encoder(FEATURES).rows([{one.name: None for one in FEATURES}]))
    assert answers.shape == (1, len(card.classes) or 1)


def test_the_headline_names_the_winner_its_interval_and_the_proof(tmp_path: Path) -> None:
    code, headline = train(write_build(tmp_path), write_config(tmp_path))
    assert code is Exit.PASS
    assert headline.startswith("logistic, roc_auc 0.")
    assert " 220 rows;" in headline
    assert " 100 + " in headline


def test_twice_the_same_on_one_core_and_on_two_gives_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = write_build(tmp_path, rows=20_000)  # enough for the search to start processes
    candidates = '["logistic", "hist_gradient_boosting"]'
    config = write_config(tmp_path, training__candidates=candidates, training__folds="2", training__trials="4")
    folders = []
    for cores in ("1", "2"):
        monkeypatch.setenv("LOKY_MAX_CPU_COUNT", cores)
        assert train(build, config)[0] is Exit.PASS
        folders.append(contents(build.challenger))
    assert folders[0] == folders[1]


def test_the_holdouts_answers_are_never_read(tmp_path: Path) -> None:
    build, config = write_build(tmp_path), write_config(tmp_path)
    train(build, config)
    before = contents(build.challenger)
    path = build.stage("data") / "holdout.parquet"
    pd.read_parquet(path).drop(columns="answer").to_parquet(path)
    train(build, config)
    assert contents(build.challenger) == before


def test_another_seed_draws_another_reference(tmp_path: Path) -> None:
    build = write_build(tmp_path)
    references = []
    for seed in ("7", "8"):
        train(build, write_config(tmp_path, data__seed=seed))
        references.append((build.challenger / "reference.parquet").read_bytes())
    assert references[0] != references[1]


def test_the_better_candidate_wins_whatever_its_place(tmp_path: Path) -> None:
    for number, names in enumerate(('["logistic", "random_forest"]', '["random_forest", "logistic"]')):
        root = tmp_path / str(number)
        root.mkdir()
        assert trained(root, training__candidates=names, training__trials="1").estimator == "logistic"


def test_a_costly_miss_lowers_the_threshold_on_the_card(tmp_path: Path) -> None:
    thresholds = []
    for cost in ("0.2", "5.0"):
        root = tmp_path / cost
        root.mkdir()
        thresholds.append(trained(root, training__cost_of_a_miss=cost).threshold)
    assert thresholds[0] is not None
    assert thresholds[1] is not None
    assert thresholds[1] < 0.5 < thresholds[0]


def test_the_positive_class_is_the_last_one_on_the_card(tmp_path: Path) -> None:
    build = write_build(tmp_path)
    manifest = load_manifest(build).model_copy(update={"classes": ("no", "yes"), "positive": "no"})
    write_json(build.stage("data") / "data.json", manifest)
    train(build, write_config(tmp_path))
    card, scorer = read_card(build.challenger), load_scorer(build.challenger)
    table = load_table(build, "train")
    is_no = table.frame["answer"] == "no"
    probability = scorer.predict(table.matrix(FEATURES))[:, 1]
    assert card.classes == ("yes", "no")
    assert probability[is_no].mean() > probability[~is_no].mean()


def test_the_reference_holds_rows_that_were_judged_out_of_fold(tmp_path: Path) -> None:
    build = write_build(tmp_path)
    train(build, write_config(tmp_path))
    reference = pd.read_parquet(build.challenger / "reference.parquet")
    assert len(reference) == 100
    assert reference["at"].min() >= load_table(build, "train").frame["at"].iloc[80]  # the first block is not judged
    assert reference["prediction"].between(0, 1).all()


def test_the_card_has_the_commit_and_the_versions(tmp_path: Path) -> None:
    card = trained(tmp_path, service__max_batch_rows="5", service__logged_features='["age"]')
    assert (card.name, card.train_rows, card.train_first, card.train_last) == ("toy", 300, "first", "last")
    assert set(card.parameters) == {"C"}
    assert card.logged_features == ("age",)
    assert card.max_batch_rows == 5
    assert len(card.commit.removesuffix("-dirty")) == 40 or card.commit == "unknown"


def test_without_a_choice_every_feature_is_logged(tmp_path: Path) -> None:
    assert trained(tmp_path).logged_features == tuple(one.name for one in FEATURES)


def test_a_model_of_ones_own_goes_the_same_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_trees.py").write_text(
        "from sklearn.ensemble import ExtraTreesClassifier\n"
        "def make(features, task, seed):\n"
        "    return ExtraTreesClassifier(5, max_depth=3, random_state=seed)\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    card = trained(tmp_path, training__candidates='["own_trees:make"]')
    assert card.estimator == "own_trees:make"
    assert card.parameters == {}


def test_a_winner_that_cannot_be_exported_ends_the_stage_without_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_scaled.py").write_text(
        "from sklearn.pipeline import make_pipeline\n"
        "from sklearn.preprocessing import StandardScaler\n"
        "from sklearn.tree import DecisionTreeClassifier\n"
        "def make(features, task, seed):\n"
        "    return make_pipeline(StandardScaler(), DecisionTreeClassifier(max_depth=3, random_state=seed))\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    build = write_build(tmp_path)
    code, _ = train(build, write_config(tmp_path, training__candidates='["own_scaled:make"]'))
    assert code is Exit.FINDING
    assert code_of(build, "train") == "no-candidate-provable"
    assert not build.challenger.exists()


def test_no_data_is_refused_with_the_command_that_makes_it(tmp_path: Path) -> None:
    build = Build(tmp_path / "build")
    code, headline = train(build, write_config(tmp_path))
    assert (code, code_of(build, "train")) == (Exit.USAGE, "not-there")
    assert "`make data`" in headline


@pytest.mark.parametrize(("key", "value"), [("data__target", '"price"'), ("data__task", '"multiclass"')])
def test_data_that_was_made_for_another_question_is_refused(tmp_path: Path, key: str, value: str) -> None:
    build = write_build(tmp_path)
    code, headline = train(build, write_config(tmp_path, "binary", **{key: value}))
    assert (code, code_of(build, "train")) == (Exit.USAGE, "other-settings")
    assert f"{key.replace('__', '.')} = {value!r}".replace('"', "") in headline
    assert "Run `make data`" in headline


def test_an_unknown_logged_feature_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    build = write_build(tmp_path)
    code, headline = train(build, write_config(tmp_path, service__logged_features='["sizes"]'))
    assert (code, code_of(build, "train")) == (Exit.USAGE, "unknown-feature")
    assert "service.logged_features: 'sizes' " in headline
    assert " size?" in headline


def test_an_unknown_candidate_is_refused_before_anything_is_fitted(tmp_path: Path) -> None:
    build = write_build(tmp_path)
    code, headline = train(build, write_config(tmp_path, training__candidates='["logistics"]'))
    assert (code, code_of(build, "train")) == (Exit.USAGE, "unknown-candidate")
    assert " logistic?" in headline


def test_too_few_days_for_the_folds_are_a_finding(tmp_path: Path) -> None:
    build = write_build(tmp_path, rows=60)
    code, headline = train(build, write_config(tmp_path, training__folds="5"))
    assert (code, code_of(build, "train")) == (Exit.FINDING, "too-few-days")
    assert all(shown in headline for shown in ("60 rows", "3 days", "5 folds"))


def test_train_rows_that_data_json_does_not_describe_are_refused(tmp_path: Path) -> None:
    build = write_build(tmp_path)
    path = build.stage("data") / "train.parquet"
    rows = pd.read_parquet(path)
    rows.assign(answer=rows["answer"].iloc[::-1].to_numpy()).to_parquet(path, index=False)
    code, headline = train(build, write_config(tmp_path))
    assert (code, code_of(build, "train")) == (Exit.FINDING, "table-changed")
    assert "data.json" in headline
    assert not build.challenger.exists()


def test_the_card_records_the_settings_that_the_model_is_to_be_judged_under(tmp_path: Path) -> None:
    gate = trained(tmp_path).gate
    assert gate["gate.metric"] == "roc_auc"
    assert gate["gate.margin"] == 0.01
