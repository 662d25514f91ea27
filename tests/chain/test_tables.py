"""The whole chain by its real commands, on three tables: two classes, three classes, a value."""

from pathlib import Path

import pytest

from contracts.model_folder import model_digest
from contracts.stage import CHAIN, Build
from tests.chain.commands import TABLES, read, run, write_table


@pytest.mark.parametrize("name", TABLES)
def test_a_table_goes_through_the_whole_chain_and_becomes_the_champion(name: str, tmp_path: Path) -> None:
    config, root = write_table(name, tmp_path), tmp_path / "build"
    for stage in (*CHAIN, "report", "promote"):
        ended = run(stage, config, root)
        assert ended.returncode == 0, f"{stage}: {ended.stdout}{ended.stderr}"
    build = Build(root)
    digest = model_digest(build.challenger)
    assert read(root / "evaluate" / "decision.json")["comparisons"][0]["outcome"] == "no champion"
    for judge in {"load-test", "drift"} & set(CHAIN):
        assert read(root / judge / "verdict.json")["model"] == digest
    page = (root / "report" / "index.html").read_text(encoding="utf-8")
    assert "<h2>Passed: a first champion" in page
    assert model_digest(build.champion) == digest

    first = (root / "evaluate" / "decision.json").read_bytes()
    again = run("evaluate", config, root)
    assert again.returncode == 0, again.stderr
    decision = read(root / "evaluate" / "decision.json")
    assert decision["champion"] == digest
    assert decision["comparisons"][0]["outcome"] == "equivalent"
    assert decision["comparisons"][0]["difference"]["value"] == 0
    assert (root / "evaluate" / "decision.json").read_bytes() != first
