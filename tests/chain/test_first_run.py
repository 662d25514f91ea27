"""What a user of the template meets: production still runs another project's model when their own table comes."""

import re
import shutil
from pathlib import Path

import pytest

from contracts.model_folder import model_digest
from contracts.stage import CHAIN, Build
from tests.chain.commands import ROOT, read, run, write_table

SAID = "First run of this project: the champion {digest} is of another one (project: 'wine', here 'breast-cancer'"


@pytest.fixture(scope="module")
def champion_of_wine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model folder of a run of another table."""
    folder = tmp_path_factory.mktemp("wine")
    config = write_table("wine", folder)
    for stage in ("data", "train"):
        ended = run(stage, config, folder / "build")
        assert ended.returncode == 0, ended.stderr
    return Build(folder / "build").challenger


@pytest.fixture
def root(tmp_path: Path, champion_of_wine: Path) -> Path:
    shutil.copytree(champion_of_wine, tmp_path / "build" / "champion")
    return tmp_path / "build"


def test_a_champion_of_another_project_is_a_first_run_in_every_stage_and_said_by_each(
    root: Path, tmp_path: Path
) -> None:
    config = write_table("breast-cancer", tmp_path)
    champion = model_digest(root / "champion")
    said = SAID.format(digest=champion[:19])
    for stage in (*CHAIN, "report"):
        ended = run(stage, config, root)
        assert ended.returncode == 0, f"{stage}: {ended.stdout}{ended.stderr}"
        if stage in ("evaluate", "load-test"):
            assert said in ended.stdout
    decision = read(root / "evaluate/decision.json")
    assert decision["first_run"].startswith(said)
    assert (decision["champion"], decision["comparisons"][0]["outcome"]) == ("", "no champion")
    assert decision["relaxed"] == []
    if "load-test" in CHAIN:
        load = read(root / "load-test/verdict.json")
        assert (load["first_run"], load["paired"]) == (decision["first_run"], None)
    page = re.sub(r"&#39;", "'", (root / "report" / "index.html").read_text(encoding="utf-8"))
    assert said in page
    for text in ((root / name).read_text(encoding="utf-8") for name in ("evaluate/diff.md", "report/summary.md")):
        assert "⚠️ First run of this project" in text

    deployed = run("promote", config, root)
    assert deployed.returncode == 0, deployed.stderr
    assert said in deployed.stdout
    assert said in read(root / "deploy" / "deployed.json")["reason"]
    assert read(root / "deploy" / "deployed.json")["previous"] == champion

    again = run("evaluate", config, root)
    assert again.returncode == 0, again.stderr
    decision = read(root / "evaluate" / "decision.json")
    assert (decision["champion"], decision["first_run"]) == (model_digest(root / "champion"), "")


@pytest.mark.skipif(
    not (ROOT / "reports" / "scheduled").exists(), reason="this repository has no scheduled drift check"
)
def test_until_the_first_deploy_the_scheduled_job_has_nothing_to_watch_and_calls_nobody(
    root: Path, tmp_path: Path
) -> None:
    config = write_table("breast-cancer", tmp_path)
    for stage in ("data", "requests", "scheduled-drift", "retrain"):
        ended = run(stage, config, root)
        assert ended.returncode == 0, f"{stage}: {ended.stdout}{ended.stderr}"
        assert stage == "data" or "First run of this project" in ended.stdout
    verdict = read(root / "drift" / "verdict.json")
    assert (verdict["state"], verdict["model"], verdict["current_rows"]) == ("insufficient", "", 0)
    assert "Nothing in production" in (root / "drift" / "drift.md").read_text(encoding="utf-8")
    assert not read(root / "drift" / "retrain.json")["is_due"]


@pytest.mark.parametrize("changed", ["a column is gone", "a column is renamed", "another positive class"])
def test_what_else_differs_stays_a_rejection(changed: str, tmp_path: Path) -> None:
    config, root = write_table("breast-cancer", tmp_path), tmp_path / "build"
    for stage in ("data", "train"):
        assert run(stage, config, root).returncode == 0
    shutil.copytree(Build(root).challenger, root / "champion")
    table = tmp_path / "breast-cancer.csv"
    text = table.read_text(encoding="utf-8")
    if changed == "a column is gone":
        config.write_text(config.read_text() + '\n[features]\nexclude = ["mean area"]\n')
    elif changed == "a column is renamed":
        table.write_text(text.replace("mean area", "area", 1), encoding="utf-8")
    else:
        config.write_text(config.read_text().replace('target = "target"', 'target = "target"\npositive = "0"'))
    for stage in ("data", "train"):
        ended = run(stage, config, root)
        assert ended.returncode == 0, ended.stderr
    gate = run("evaluate", config, root)
    assert gate.returncode == 3, gate.stdout
    assert "champion: none" in gate.stderr, "the remedy can be done on GitHub"
    assert read(root / "evaluate" / "decision.json")["first_run"] == ""


def test_champion_none_leaves_the_comparison_out_for_one_run_and_says_so(root: Path, tmp_path: Path) -> None:
    config = write_table("wine", tmp_path)
    fetched = run("champion", config, root, "--champion", "none")
    assert fetched.returncode == 0, fetched.stderr
    for stage in ("data", "train", "evaluate"):
        ended = run(stage, config, root)
        assert ended.returncode == 0, ended.stderr
    assert "No champion is compared with, as asked: CHAMPION=none." in ended.stdout
    assert read(root / "evaluate" / "decision.json")["first_run"]
