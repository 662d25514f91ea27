"""`make champion CHAMPION=…`: fetches production's model folder into build/champion, and proves it.

    CHAMPION=docker://user/name:champion   from that image, by tag or digest (…@sha256:…)
    CHAMPION=path/to/model                 a copy of that folder
    CHAMPION=none                          no champion for one run: the gate's floors alone decide
    CHAMPION=production                    what the history branch names (production.py), as workflows do

A champion that cannot be fetched ends the chain. It never silently becomes "none", which would promote anything. If
there is none, every decision and verdict says why.

Reads   the image's /model, or the folder
Writes  build/champion, replaced whole, or unchanged on any refusal; build/champion.json, its record, if the history has
        one; build/champion-image.json, its image, with which the load test serves it; without a champion
        build/no-champion.json, which says why
Exits   0 fetched (or none, as asked) · 3 not a model folder that can be trusted · 2 no such image, folder or name ·
        1 the registry or the engine does not answer
"""

import argparse
import io
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from contracts.exits import Exit, UsageError
from contracts.image import MODEL_LABEL, MODEL_PLACE, ChampionImage
from contracts.model_folder import CARD_FILE, MODEL_FILES, ModelFolderError
from contracts.pipeline_toml.champion import NONE_AS_ASKED, NoChampion
from contracts.release import Champion
from contracts.schema import read_outside_json, write_json
from contracts.stage import Build
from deploy.champion.promote import replace_folder
from deploy.command import run_command
from deploy.engine import docker
from deploy.login import LOGIN_REFUSED
from deploy.registry.registry import NoSuchImageError, pull
from scoring.scorer import load_scorer

SCHEME = "docker://"
NONE = "none"
NOTHING_DEPLOYED = "nothing-deployed"
WHY_NONE = {
    NONE: NONE_AS_ASKED,
    NOTHING_DEPLOYED: "First run: nothing was deployed yet, so there is no champion.",
}
MAX_BYTES = 2_000_000_000
RECORD = "champion.json"
RECORD_BYTES = 100_000
# The model folder beside that record.
FOLDER = "champion"


def main() -> Exit:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="make champion", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--champion", default="", help="docker://user/name:tag, a folder, or none")
    parser.add_argument("--history", type=Path, help="the folder; its champion.json has the number of evaluations")
    parser.add_argument("--build", type=Path, default=Path("build"), help="default: build")
    asked = parser.parse_args()
    return run_command("champion", lambda: f"champion: {_fetched(asked.champion, Build(asked.build), asked.history)}")


def _fetched(champion: str, build: Build, history: Path | None) -> str:
    """As `fetch`; where the registry refuses this user, with the history's copy as the way out."""
    try:
        return fetch(champion, build, history)
    except NoSuchImageError as error:
        copy = history / FOLDER if history is not None else None
        if error.code != LOGIN_REFUSED or copy is None or not (copy / CARD_FILE).is_file():
            raise
        raise NoSuchImageError(
            f"{error} Or set CHAMPION={copy}, on GitHub the variable of that name: the champion's model as the branch "
            "history keeps it, which needs no login.",
            code=error.code,
        ) from None


def fetch(champion: str, build: Build, history: Path | None = None) -> str:
    """Put the champion into build/ and describe it. Raises UsageError, ModelFolderError and EngineError."""
    build.champion_record.unlink(missing_ok=True)
    if not champion:
        raise UsageError(
            "CHAMPION is not set; required: docker://user/name:champion, a folder, or none.", code="champion-not-named"
        )
    if champion in WHY_NONE:
        return _no_champion(build, WHY_NONE[champion])
    reference = champion.removeprefix(SCHEME) if champion.startswith(SCHEME) else None
    with tempfile.TemporaryDirectory() as scratch:
        fetched = Path(scratch) / "model"
        here = _from_folder(Path(champion), fetched) if reference is None else _from_image(reference, fetched)
        scorer = load_scorer(fetched)
        build.root.mkdir(parents=True, exist_ok=True)
        build.champion_image.unlink(missing_ok=True)
        replace_folder(fetched, build.champion)
    if reference is not None:
        write_json(build.champion_image, ChampionImage(model=scorer.digest, reference=reference, engine_id=here))
    _copy_record(build, scorer.digest, history)
    return f"{scorer.card.name}, {scorer.card.estimator} {scorer.digest[:19]}, from {champion}."


def _no_champion(build: Build, reason: str) -> str:
    shutil.rmtree(build.champion, ignore_errors=True)
    build.champion_image.unlink(missing_ok=True)
    build.root.mkdir(parents=True, exist_ok=True)
    write_json(build.no_champion, NoChampion(reason=reason))
    return f"{reason} The floors alone decide."


def _copy_record(build: Build, digest: str, history: Path | None) -> None:
    """Take over the history's record of this model, if it has one."""
    if history is not None and (history / RECORD).exists():
        record = read_outside_json(history / RECORD, Champion, "make record-champion", RECORD_BYTES)
        if record.model == digest:
            write_json(build.champion_record, record)


def _from_folder(source: Path, target: Path) -> str:
    """Copy the folder; it has no image."""
    if not source.is_dir():
        raise UsageError(f"CHAMPION is {str(source)!r}: no such folder, and it does not begin with {SCHEME}.")
    target.mkdir()
    for name in (CARD_FILE, *MODEL_FILES):
        if not (source / name).is_file():
            raise ModelFolderError(f"{source / name} is not there: not a model folder.")
        shutil.copyfile(source / name, target / name)
    return ""


def _from_image(reference: str, target: Path) -> str:
    """Pull the image, copy its model folder, and return its engine id."""
    here = pull(reference)
    copy_model(reference, target)
    return here


def copy_model(reference: str, target: Path) -> None:
    """Copy the model folder out of an image, prove it, and compare it with the label. Raises ModelFolderError.

    Nothing in the image runs: a container is created, its files are read, and it is removed.
    """
    container = docker("create", "--network=none", reference, "--self-test")
    try:
        archive = _read_archive(container, reference)
    finally:
        docker("rm", container)
    unpack(archive, target, reference)
    labelled = docker("image", "inspect", "--format", f'{{{{index .Config.Labels "{MODEL_LABEL}"}}}}', reference)
    digest = load_scorer(target).digest
    if labelled != digest:
        raise ModelFolderError(f"{reference} holds model {digest}, but its label {MODEL_LABEL} says {labelled!r}.")


def _read_archive(container: str, reference: str) -> bytes:
    done = subprocess.run(["docker", "cp", f"{container}:{MODEL_PLACE}", "-"], capture_output=True, check=False)
    if done.returncode != 0:
        raise ModelFolderError(f"{reference} has no {MODEL_PLACE}: it is not an image of this service.")
    return done.stdout


def unpack(archive: bytes, target: Path, reference: str) -> None:
    """Write the model folder's files, and only them, out of the tar that `docker cp` gives. Raises ModelFolderError."""
    allowed = {f"{MODEL_PLACE.strip('/')}/{name}": name for name in (CARD_FILE, *MODEL_FILES)}
    target.mkdir()
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            if member.isdir() and member.name.strip("/") == MODEL_PLACE.strip("/"):
                continue
            name = allowed.get(member.name)
            file = tar.extractfile(member) if name is not None and member.isreg() else None
            if name is None or file is None or member.size > MAX_BYTES:
                raise ModelFolderError(
                    f"{reference} has {member.name!r} in {MODEL_PLACE}: a model folder has no such file."
                )
            (target / name).write_bytes(file.read())
