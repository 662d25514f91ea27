"""Real git repositories: a bare one as the remote, and clones of it."""

import subprocess
from pathlib import Path

CONFIG = '[project]\nname = "flights"\n\n[data]\nsource = "x"\nas_of = 2013-10-01\nseed = 7\n'


def git(folder: Path, *arguments: str) -> str:
    """Standard output; the person is the same everywhere."""
    who = ["-c", "user.name=A person", "-c", "user.email=person@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def make_remote(folder: Path) -> Path:
    """A bare repository whose main has pipeline.toml and a document."""
    remote, seed = folder / "remote.git", folder / "seed"
    for path in (remote, seed):
        path.mkdir(parents=True)
    git(remote, "init", "--quiet", "--bare")
    git(seed, "init", "--quiet")
    (seed / "pipeline.toml").write_text(CONFIG)
    (seed / "README.md").write_text("# Flights\n")
    git(seed, "add", "--all")
    git(seed, "commit", "--quiet", "--message", "Begin")
    git(seed, "push", "--quiet", str(remote), "HEAD:refs/heads/main")
    return remote


def clone(remote: Path, folder: Path) -> Path:
    """A checkout as a job has it: one commit deep."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    git(folder.parent, "clone", "--quiet", "--depth=1", f"file://{remote}", str(folder))
    return folder
