"""Single stages by their real commands: the same bytes twice, out of order, after a rejection."""

from pathlib import Path

import pytest

from contracts.stage import CHAIN
from tests.chain.commands import run, write_table


def test_the_same_commit_and_data_give_the_same_bytes(tmp_path: Path) -> None:
    config = write_table("breast-cancer", tmp_path)
    for build in ("one", "two"):
        for stage in ("data", "train", "evaluate"):
            ended = run(stage, config, tmp_path / build)
            assert ended.returncode == 0, f"{stage}: {ended.stdout}{ended.stderr}"
    for name in ("train/model/model.onnx", "train/model/golden.json", "train/model/model.json",
                 "train/model/reference.parquet", "evaluate/decision.json"):  # fmt: skip
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


@pytest.mark.parametrize("stage", [stage for stage in (*CHAIN[1:], "promote") if stage != "build"])
def test_a_stage_out_of_order_says_which_command_comes_first(stage: str, tmp_path: Path) -> None:
    config = write_table("wine", tmp_path)
    ended = run(stage, config, tmp_path / "build")
    assert ended.returncode in {2, 3}, ended.stderr
    assert "make " in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_rejected_challenger_is_not_deployed(tmp_path: Path) -> None:
    config, root = write_table("diabetes", tmp_path), tmp_path / "build"
    config.write_text(config.read_text() + "\n[gate.floors]\nr2 = 0.99\n")
    assert run("data", config, root).returncode == 0
    assert run("train", config, root).returncode == 0
    gate = run("evaluate", config, root)
    assert gate.returncode == 3
    assert "r2" in gate.stderr
    assert "gate.floors" in gate.stderr
    assert run("promote", config, root).returncode != 0
    assert not (root / "champion").exists()
