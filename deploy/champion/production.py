"""Production's model on the history branch: `make champion CHAMPION=production`, and `make record-champion`.

The branch holds `champion.json` and the folder `champion`. A fetched branch without that record means that nothing was
deployed yet: then the gate's floors alone decide. An unreadable record does not mean that.

Reads   IMAGE_REPOSITORY; build/deploy/champion.json and champion (`make record-champion`)
Writes  <HISTORY>/champion.json, <HISTORY>/champion
Exits   0 recorded, or nothing was deployed in this run · 3 not a model folder that can be trusted · 2 a damaged record
"""

import argparse
import os
from pathlib import Path

from contracts.exits import Exit, UsageError
from contracts.model_folder import CARD_FILE, MODEL_FILES, ModelFolderError
from contracts.release import Champion
from contracts.schema import read_outside_json, require_file
from contracts.stage import Build
from deploy.champion.fetch import FOLDER, NOTHING_DEPLOYED, RECORD, RECORD_BYTES, SCHEME
from deploy.champion.move import TAG
from deploy.champion.promote import replace_folder
from deploy.command import run_command
from scoring.scorer import load_scorer

MOST_BYTES = 50_000_000


def champion_of(history: Path, repository: str) -> str:
    """The CHAMPION that `production` stands for: a tag in the registry, the branch's folder, or NOTHING_DEPLOYED.

    Raises UsageError.
    """
    if not history.is_dir():
        raise UsageError(f"CHAMPION is production, and {history} is not there. Run `make fetch-history` first.")
    if not (history / RECORD).exists():
        return NOTHING_DEPLOYED
    record = read_outside_json(history / RECORD, Champion, "make record-champion", RECORD_BYTES)
    return f"{SCHEME}{repository}:{TAG}" if record.image and repository else str(history / FOLDER)


def record_champion(build: Build, history: Path) -> str:
    """Copy what this run put into production. Raises UsageError and ModelFolderError."""
    folder = build.stage("deploy")
    if not (folder / RECORD).exists():
        return "nothing was put into production in this run."
    if not history.is_dir():
        raise UsageError(f"{history} is not there. Run `make fetch-history` first.")
    record = read_outside_json(folder / RECORD, Champion, "make move-champion", RECORD_BYTES)
    for name in (CARD_FILE, *MODEL_FILES):
        require_file(folder / FOLDER / name, "make move-champion", MOST_BYTES)
    digest = load_scorer(folder / FOLDER).digest
    if digest != record.model:
        raise ModelFolderError(
            f"{folder / FOLDER} is model {digest}; {RECORD} names {record.model}.", code="other-model"
        )
    replace_folder(folder / FOLDER, history / FOLDER)
    (history / RECORD).write_bytes((folder / RECORD).read_bytes())
    return f"{digest[:19]} is in {history}."


def main() -> Exit:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="make record-champion", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("doing", choices=["print", "record"])
    parser.add_argument("--history", type=Path, required=True, help="the folder")
    parser.add_argument("--build", type=Path, default=Path("build"), help="default: build")
    asked = parser.parse_args()
    if asked.doing == "print":
        return run_command("champion", lambda: champion_of(asked.history, os.environ.get("IMAGE_REPOSITORY", "")))
    build = Build(asked.build)
    return run_command("record-champion", lambda: f"record-champion: {record_champion(build, asked.history)}")
