"""One champion of each booster goes the whole way by the chain's real commands, and is served without its library."""

import subprocess
import sys
from pathlib import Path

import pytest

from contracts.model_folder import model_digest, read_card
from contracts.stage import CHAIN, Build
from tests.chain.commands import read, run, write_table
from training.fitting.boosters import READERS

WITHOUT_LIBRARY = """
import sys
for name in ("lightgbm", "xgboost", "catboost"):
    sys.modules[name] = None
from pathlib import Path
from scoring.scorer import load_scorer
load_scorer(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("library", READERS)
def test_a_booster_becomes_champion_by_the_whole_chain(library: str, tmp_path: Path) -> None:
    config, build = write_table("breast-cancer", tmp_path), Build(tmp_path / "build")
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace('["logistic", "hist_gradient_boosting"]', f'["{library}"]'), encoding="utf-8")
    for stage in (*CHAIN, "report", "promote"):
        ended = run(stage, config, build.root)
        assert ended.returncode == 0, f"{stage}: {ended.stdout}{ended.stderr}"
    card = read_card(build.champion)
    assert (card.estimator, card.proof.label_flips) == (library, 0)
    loaded = read(build.stage("load-test") / "verdict.json")
    assert loaded["model"] == model_digest(build.champion) == read(build.stage("drift") / "verdict.json")["model"]
    alone = subprocess.run([sys.executable, "-c", WITHOUT_LIBRARY, build.champion], check=False, capture_output=True)
    assert alone.returncode == 0, alone.stderr.decode()
