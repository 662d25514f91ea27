"""What stands beside act's runner: the remote, GitHub's API, a registry; and what GitHub tells a run."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.containers.registry import Registry
from tests.publishing.github_server import REPOSITORY, GitHub, serving
from tests.publishing.repositories import git
from tests.workflows.repositories import ROOT, make_repository


@dataclass
class World:
    """What stands beside the runner, and outlives a run: the remote, GitHub's API, the registry."""

    folder: Path
    github: GitHub
    clone: Path
    variables: dict[str, str]
    number: int = 4710

    @property
    def remote(self) -> Path:
        return self.clone.parent / "remote.git"

    @property
    def environment(self) -> dict[str, str]:
        """Git finds the remote where it looks for GitHub, and docker's login goes into a folder of this world."""
        return {
            "GIT_CONFIG_GLOBAL": str(self.folder / "gitconfig"),
            "DOCKER_CONFIG": str(self.folder / "docker"),
        }

    def checkout(self, name: str) -> Path:
        """A clone of the remote's main for act to read workflows from."""
        self.number += 1
        place = self.folder / f"checkout-{name}"
        git(self.folder, "clone", "--quiet", "--branch", "main", f"file://{self.remote}", str(place))
        git(place, "remote", "set-url", "origin", f"https://github.com/{REPOSITORY}")
        return place

    def history(self) -> Path:
        """The branch `history` as the remote has it now; an empty folder where there is none."""
        place = self.folder / f"history-{self.number}-{len(list(self.folder.glob('history-*')))}"
        place.mkdir()
        if git(self.remote, "branch", "--list", "history"):
            git(self.folder, "clone", "--quiet", "--branch", "history", f"file://{self.remote}", str(place))
        return place


@dataclass(frozen=True)
class Event:
    """What GitHub tells a run."""

    payload: dict[str, Any]
    sha: str
    ref: str = "refs/heads/main"


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """A repository with a small table, its remote, an API and a registry, until the block ends."""
    (folder / "registry").mkdir()
    (folder / "docker").mkdir()
    registry = Registry(folder / "registry")
    registry.start()
    try:
        with serving(GitHub()) as github:
            clone = make_repository(folder, "gatehouse-act")
            instead = f'[url "file://{folder / "remote.git"}"]\n\tinsteadOf = https://github.com/{REPOSITORY}\n'
            (folder / "gitconfig").write_text(instead)
            variables = {
                "IMAGE_REPOSITORY": f"{registry.address}/someone/flights", "DOCKERHUB_USERNAME": "someone",
                "REGISTRY": registry.address,
            }  # fmt: skip
            yield World(folder, github, clone, variables)
    finally:
        registry.stop()


def on_main(world: World, **payload: Any) -> Event:
    sha = git(world.remote, "rev-parse", "main")
    # A private repository, so that nothing is signed: there is nobody here to sign with.
    return Event({"repository": {"private": True, "default_branch": "main"}, "after": sha, **payload}, sha)


def on_template(world: World, changes: Mapping[str, Callable[[str], str]] | None = None, **payload: Any) -> Event:
    """This checkout's last commit on main, in place of the small table, with changes of files."""
    git(world.clone, "fetch", "--quiet", str(ROOT), "HEAD")  # which may have moved since the first run
    git(world.clone, "checkout", "--quiet", "--force", "--detach", "FETCH_HEAD")
    for name, change in (changes or {}).items():
        path = world.clone / name
        before = path.read_text(encoding="utf-8")
        assert change(before) != before, f"{name} is as it was"
        path.write_text(change(before), encoding="utf-8")
        git(world.clone, "commit", "--quiet", "--all", "--message", f"Change {name}")
    git(world.clone, "push", "--quiet", "--force", "origin", "HEAD:main")
    return on_main(world, **payload)
