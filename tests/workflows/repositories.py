"""A repository made from this one with a small table of its own, its remote, and the events that GitHub tells a run."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from sklearn.datasets import load_breast_cancer

from tests.chain.commands import CONFIG, MARGINS
from tests.publishing.github_server import REPOSITORY
from tests.publishing.repositories import git

ROOT = Path(__file__).parents[2]


def make_repository(root: Path, name: str, more: str = "") -> Path:
    """A clone of this checkout's last commit, with a table that is quick to train on, and a bare remote behind it.

    `more` is added to its pipeline.toml. The clone's origin is the remote.
    """
    seed, remote = root / "seed", root / "remote.git"
    git(root, "clone", "--quiet", "--no-hardlinks", str(ROOT), str(seed))
    load_breast_cancer(as_frame=True).frame.to_csv(seed / "table.csv", index=False)
    config = CONFIG.format(name=name, source="table.csv", task="binary", linear="logistic", metric="roc_auc",
                           margin=MARGINS["roc_auc"])  # fmt: skip
    (seed / "pipeline.toml").write_text(config + more)
    git(seed, "add", "--all", "--force", "table.csv", "pipeline.toml")
    git(seed, "commit", "--quiet", "--message", "Use a small table")
    git(root, "clone", "--quiet", "--bare", str(seed), str(remote))
    subprocess.run(["git", "update-ref", "refs/heads/main", "HEAD"], cwd=remote, check=True)
    return clone(root, "first")


def clone(root: Path, name: str) -> Path:
    """Another clone of the remote, with what `make setup` installed here: the same files by other names."""
    made = root / name
    git(root, "clone", "--quiet", "--branch", "main", f"file://{root / 'remote.git'}", str(made))
    shutil.copytree(ROOT / ".venv", made / ".venv", symlinks=True, copy_function=os.link)
    for mark in (made / ".venv").glob(".has-*"):
        mark.unlink()
    (made / ".venv" / ".has-dev").touch()
    if (ROOT / ".uv").exists():  # make asks for it even where nothing is left to install
        (made / ".uv" / "bin").mkdir(parents=True)
        shutil.copy(
            ROOT / ".uv" / "bin" / "uv", made / ".uv" / "bin"
        )  # not linked: it must be newer than the clone's pins
    return made


def commit(clone: Path, path: str, text: str) -> str:
    """Change one file on main, push it, and return the commit."""
    git(clone, "checkout", "--quiet", "--force", "-B", "main", "origin/main")
    (clone / path).write_text(text)
    git(clone, "add", "--force", path)
    git(clone, "commit", "--quiet", "--message", f"Change {path}")
    git(clone, "push", "--quiet", "origin", "main")
    return git(clone, "rev-parse", "HEAD")


def event(clone: Path, name: str, run_id: str = "4711", **payload: Any) -> dict[str, Any]:
    """The `github` context of a run on main."""
    return {
        "event_name": name, "ref": "refs/heads/main", "ref_name": "main", "sha": git(clone, "rev-parse", "origin/main"),
        "repository": REPOSITORY, "run_id": run_id, "workflow": "A workflow", "token": "a-token",
        "server_url": "https://github.example", "event": {"repository": {"private": False}, **payload},
    }  # fmt: skip
