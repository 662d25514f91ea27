"""What the suites rely on that no package index brings: each program, its least version, and what needs it."""

import re
import subprocess
from dataclasses import dataclass


@dataclass(frozen=True)
class Program:
    """One program. `asked`: the command that says its version; `least`: the oldest that will do, and for what."""

    name: str
    asked: tuple[str, ...]
    least: tuple[int, ...]
    why: str
    remedy: str


PROGRAMS = (
    Program(
        "Python", ("python3", "--version"), (3, 11),
        "everything is written in it", "install Python 3.11 or newer with its venv module",
    ),
    Program(
        "Docker Engine", ("docker", "version", "--format", "{{.Server.Version}}"), (25,),
        "compose.yaml asks for start_interval", "https://docs.docker.com/engine/install; be in the group docker",
    ),
    Program(
        "buildx", ("docker", "buildx", "version"), (0, 8),
        "`make build` passes the model folder as --build-context", "install the plugin docker-buildx",
    ),
    Program(
        "Docker Compose", ("docker", "compose", "version", "--short"), (2, 24, 4),
        "deploy/rollout/target.yaml says !override", "install the plugin docker-compose",
    ),
    Program(
        "Go", ("go", "version"), (1, 21),
        "`make workflow-check` and the audits build their linters, which name a toolchain", "https://go.dev/dl/",
    ),
    Program(
        "Node", ("node", "--version"), (20, 6),
        "`make workflow-check` runs GitHub's own parser", "https://nodejs.org",
    ),
)  # fmt: skip


def missing(program: Program, path: str | None = None) -> str:
    """One sentence where it is absent, does not answer or is too old; empty where it will do. `path`: another PATH."""
    wanted = f"{program.name} {'.'.join(map(str, program.least))} or newer is required: {program.why}"
    remedy = f"Remedy: {program.remedy}."
    environment = {"PATH": path} if path is not None else None
    try:
        done = subprocess.run(
            ["/usr/bin/env", *program.asked], capture_output=True, text=True, check=False, env=environment
        )
    except OSError as error:
        return f"{wanted}; it could not be asked ({error.strerror}). {remedy}"
    said = (done.stdout + done.stderr).strip()
    found = re.search(r"\bv?(\d+(?:\.\d+)+)", done.stdout)
    if done.returncode != 0 or found is None:
        last = said.splitlines()[-1] if said else "nothing"
        return f"{wanted}; `{' '.join(program.asked[:2])}` said: {last}. {remedy}"
    if tuple(map(int, found[1].split("."))) < program.least:
        return f"{wanted}; here is {found[1]}. {remedy}"
    return ""
