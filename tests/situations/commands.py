"""The real `make scope`, on real commits of documents and of code, and the real `make outcome`."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tests.situations.situation import BASE, Situation
from tests.workflows.engine import ROOT

Ended = tuple[int, dict[str, str]]
CHANGED = {"documents": "docs/gate.md", "code": "pipeline.toml"}


class Checkouts:
    """A checkout for each kind of change, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bases: dict[str, str] = {}
        for kind, name in CHANGED.items():
            path = folder / kind
            path.mkdir()
            _git(path, "init", "--quiet")
            _git(path, "commit", "--quiet", "--allow-empty", "--message", "Deployed")
            self.bases[kind] = _git(path, "rev-parse", "HEAD")
            (path / name).parent.mkdir(exist_ok=True)
            (path / name).write_text("changed\n")
            _git(path, "add", "--all")
            _git(path, "commit", "--quiet", "--message", "Change")

    def scope(self, situation: Situation, environment: Mapping[str, str]) -> Ended:
        """Its exit code, and what it writes as outputs of the step."""
        return self._scope(situation.changed, situation.has_champion, tuple(sorted(environment.items())))

    @cache  # noqa: B019  # one object lives as long as the tests
    def _scope(self, changed: str, has_champion: bool, environment: tuple[tuple[str, str], ...]) -> Ended:
        base = self.bases[changed]
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            history, output = Path(scratch) / "history", Path(scratch) / "output"
            history.mkdir()
            if has_champion:
                (history / "champion.json").write_text(json.dumps({"commit": base}))
            done = subprocess.run(
                [sys.executable, "-m", "publishing", "scope", "--history", str(history)],
                cwd=self.folder / changed,
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "GITHUB_OUTPUT": str(output)}
                | {name: value.replace(BASE, base) for name, value in environment},
                capture_output=True, check=False,
            )  # fmt: skip
            lines = output.read_text().splitlines() if output.exists() else []
        assert done.returncode != 0 or lines, "make scope said nothing"
        return done.returncode, dict(line.split("=", 1) for line in lines)

    @staticmethod
    def outcome(environment: Mapping[str, str]) -> int:
        """The exit code of the real `make outcome`, on the `needs` context as GitHub's engine writes it."""
        return _outcome(tuple(sorted(environment.items())))


@cache
def _outcome(environment: tuple[tuple[str, str], ...]) -> int:
    done = subprocess.run(
        [sys.executable, "-m", "publishing", "outcome"],
        cwd=ROOT, env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **dict(environment)},
        capture_output=True, check=False,
    )  # fmt: skip
    return done.returncode


def _git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=A person", "-c", "user.email=person@example.org"]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()
