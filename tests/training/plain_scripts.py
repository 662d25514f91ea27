"""Runs data, train and evaluate on a public table, for comparison with a plain script."""

from pathlib import Path

import pandas as pd

from contracts.decision import Decision
from contracts.exits import Exit
from contracts.model_folder import ModelCard, read_card
from contracts.schema import Task, read_json
from contracts.stage import Build, StageName, StageRecord, execute
from training import data, evaluate, train
from training.tables import Table, load_table

WORK = {"data": data.work, "train": train.work, "evaluate": evaluate.work}
METRICS: dict[Task, str] = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}


def pipeline_toml(
    folder: Path, task: Task, candidate: str, *, more: str = "", of_data: str = "", training: str = "", gate: str = ""
) -> Path:
    """A pipeline.toml for folder/table.parquet, whose target is `target`; the rest are lines of its sections."""
    path = folder / "pipeline.toml"
    path.write_text(
        f'[project]\nname = "own"\n[data]\nsource = "{folder / "table.parquet"}"\ntarget = "target"\ntask = "{task}"\n'
        f"min_train_rows = 40\nmin_holdout_rows = 20\nseed = 3\n{of_data}\n"
        f'[training]\ncandidates = ["{candidate}"]\nmetric = "{METRICS[task]}"\n{training}\n'
        f'[gate]\nmetric = "{METRICS[task]}"\nmargin = 0.5\n{gate}\n{more}\n',
        encoding="utf-8",
    )
    return path


def run_stage(name: StageName, config: Path, build: Build) -> tuple[Exit, str]:
    """Exit code and headline."""
    code = execute(name, config, build, WORK[name])
    return code, read_json(build.stage(name) / "stage.json", StageRecord, name).headline


def ran(config: Path, table: pd.DataFrame) -> tuple[Build, Decision]:
    """Data, train and evaluate, without a champion. Data and train must pass."""
    folder = config.parent
    table.to_parquet(folder / "table.parquet")
    build = Build(folder / "build")
    before: tuple[StageName, ...] = ("data", "train")
    for name in before:
        code, headline = run_stage(name, config, build)
        assert code is Exit.PASS, headline
    return build, judged(build, config)


def judged(build: Build, config: Path) -> Decision:
    """What evaluate decides on the build folder as it is."""
    _, headline = run_stage("evaluate", config, build)
    assert (build.stage("evaluate") / "decision.json").exists(), headline
    return read_json(build.stage("evaluate") / "decision.json", Decision, "make evaluate")


def figures(decision: Decision) -> dict[str, float]:
    """The challenger's value of each metric."""
    return {one.metric: one.challenger.value for one in decision.comparisons}


def parts(build: Build) -> tuple[ModelCard, Table, Table]:
    """The challenger's card, the train table and the holdout."""
    return read_card(build.challenger), load_table(build, "train"), load_table(build, "holdout")
