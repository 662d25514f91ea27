"""What serves before a rehearsal: the champion's image, its model in the new image, or the new image itself.

The new image itself serves if there is no champion, or one of another project, which cannot read the new one's rows
(contracts/pipeline_toml/champion.py).
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from contracts.image import MODEL_LABEL
from contracts.model_folder import read_card
from contracts.pipeline_toml.champion import champion_of, first_run, purpose_of_config
from contracts.pipeline_toml.keys import Config
from contracts.stage import Build
from deploy.champion.fetch import SCHEME, copy_model
from deploy.engine import EngineError, docker
from deploy.host.machine import Host
from deploy.registry.registry import pull
from deploy.rollout.candidate import Candidate, label_on_host
from scoring.scorer import load_scorer


@contextmanager
def predecessor(
    champion: str, build: Build, config: Config, image: str, project: Host
) -> Iterator[tuple[Candidate, str]]:
    """The version that serves before, and, if it is not the champion, why. `image`: the new one."""
    tag = f"{project.project}:before"
    folder, said = champion_of(build, config)
    try:
        if champion.startswith(SCHEME):
            own, said = _of_image(champion.removeprefix(SCHEME), config)
            yield own if not said else _again(image, tag), said
        else:
            yield _with_model(folder, image, tag) if folder else _again(image, tag), said
    finally:
        with suppress(EngineError):
            docker("image", "rm", "--force", tag)


def _of_image(reference: str, config: Config) -> tuple[Candidate, str]:
    pull(reference)
    model = label_on_host(reference, MODEL_LABEL)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        copy_model(reference, folder)
        said = first_run(read_card(folder), model, purpose_of_config(config))
    return Candidate(reference, model, "", "the champion"), said


def _with_model(folder: Path, image: str, tag: str) -> Candidate:
    model = load_scorer(folder).digest
    _build(tag, folder, f"FROM {image}", "COPY --chmod=644 . /model/", f'LABEL {MODEL_LABEL}="{model}"')
    return Candidate(tag, model, "", "the champion")


def _again(image: str, tag: str) -> Candidate:
    """The new image under another id."""
    with tempfile.TemporaryDirectory() as empty:
        _build(tag, Path(empty), f"FROM {image}", 'LABEL gatehouse.rehearsal="the new image itself: no champion"')
    return Candidate(tag, label_on_host(image, MODEL_LABEL), "", "the new image, for there is no champion")


def _build(tag: str, context: Path, *recipe: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "Dockerfile"
        file.write_text("\n".join([*recipe, ""]), encoding="utf-8")
        docker("build", "--quiet", "--network=none", f"--file={file}", f"--tag={tag}", str(context))
