"""Runs the gate as a stage on a drawn build folder, and reads its decision."""

import json
from pathlib import Path

from contracts.decision import Check, Comparison, Decision
from contracts.exits import Exit
from contracts.model_folder import CARD_FILE
from contracts.schema import Task, read_json
from contracts.stage import Build, StageRecord, execute
from testbed.model_folders import SIGNAL, draw_tables, write_data, write_model
from training.evaluate import work

NOISY = {"signal": SIGNAL, "noise": 0.8}
A_LITTLE_NOISY = {"signal": SIGNAL, "noise": 0.25}
WRONG_IN_WEST = {"signal": SIGNAL, "echo": 2.0}


def fresh_build(root: Path) -> Build:
    """Data, and the best model as challenger; no champion yet."""
    build = Build(root / "build")
    write_data(build, draw_tables())
    write_model(build.challenger, build)
    return build


def pipeline_toml(folder: Path, task: Task = "binary", gate: str = "", training: str = "", **gate_keys: str) -> Path:
    """A pipeline.toml for the drawn tables and the challenger there is.

    `gate`, `training`: more lines there; gate_keys replace gate's.
    """
    metric = "rmse" if task == "regression" else "roc_auc"
    keys = {"metric": f'"{metric}"', "margin": "0.01", "slice_min_rows": "300"} | gate_keys
    lines = "\n".join(f"{key} = {value}" for key, value in keys.items())
    card = Build(folder / "build").challenger / CARD_FILE
    candidate = json.loads(card.read_bytes())["estimator"] if card.exists() else "logistic"
    path = folder / "pipeline.toml"
    path.write_text(
        f'[project]\nname = "drawn"\n[data]\nsource = "drawn"\ntarget = "answer"\ntask = "{task}"\ntime = "at"\n'
        f'as_of = 2024-03-31\nmin_holdout_rows = 1000\n[training]\ncandidates = ["{candidate}"]\nmetric = "{metric}"\n'
        f"{training}\n[gate]\n{lines}\n{gate}\n",
        encoding="utf-8",
    )
    return path


def evaluate(build: Build, task: Task = "binary", gate: str = "", **gate_keys: str) -> tuple[Exit, str]:
    """Exit code and headline."""
    code = execute("evaluate", pipeline_toml(build.root.parent, task, gate, **gate_keys), build, work)
    return code, read_json(build.stage("evaluate") / "stage.json", StageRecord, "make evaluate").headline


def decided(build: Build, task: Task = "binary", gate: str = "", **gate_keys: str) -> Decision:
    """The decision; exit code and headline must agree with it."""
    code, headline = evaluate(build, task, gate, **gate_keys)
    decision = read_json(build.stage("evaluate") / "decision.json", Decision, "make evaluate")
    assert code is (Exit.PASS if decision.decision == "promote" else Exit.FINDING), headline
    assert headline.startswith(decision.reasons[0])
    assert (build.stage("evaluate") / "diff.md").is_file()
    return decision


def deciding(decision: Decision) -> Comparison:
    return next(one for one in decision.comparisons if one.decides)


def check(decision: Decision, name: str) -> Check:
    return next(one for one in decision.checks if one.name == name)


def failed(decision: Decision) -> list[str]:
    return [one.name for one in decision.checks if not one.passed]
