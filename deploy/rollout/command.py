"""`make deploy IMAGE=name@sha256:…`, `make rollback [IMAGE=…]`, `make releases`, against DOCKER_HOST.

A deploy replaces the serving version by a new one without losing a request; a rollback restores an earlier one without
the registry. docs/deploys.md has the order of the steps and the measurements.

Reads   DOCKER_HOST and what compose.yaml reads from the environment; pipeline.toml, [deploy]; the evidence in build/;
        PROBE_KEY_FILE, with API keys on: a key of scope predict for the golden rows
Writes  the host's containers and the volume with its state.json; the tag `champion` in the registry;
        build/deploy/rollout.json
Exits   0 serves · 3 refused, and the old version serves · 2 wrong usage · 1 engine or registry failed, or another
        deploy holds the lock; the old version serves, unless the text says that the new one does
"""

import argparse
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from contracts.exits import Exit, FindingError, UsageError
from contracts.pipeline_toml.reader import load_config
from contracts.release import Action, Release
from contracts.schema import write_json
from contracts.stage import Build
from deploy.command import CODES, run_command
from deploy.engine import EngineError
from deploy.host.lock import lock
from deploy.host.machine import Host
from deploy.host.stack import VOLUMES
from deploy.host.state import read_state_unlocked
from deploy.registry.registry import check_digest_reference, move_tag
from deploy.rollout import releases, steps
from deploy.rollout import rollback as back
from deploy.rollout.candidate import admit, fetch
from deploy.rollout.journal import Journal
from deploy.rollout.steps import Production

LOWEST_PRIORITY = 19


class TagNotMovedError(EngineError):
    """The version serves, but its tag in the registry did not move."""


def main() -> Exit:
    """Run one of the three commands and return its exit code."""
    parser = argparse.ArgumentParser(prog="make deploy", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("action", choices=("deploy", "rollback", "releases"))
    parser.add_argument(
        "--image", default="", help="name@sha256:…; for a rollback the previous one where it is left out"
    )
    parser.add_argument("--tag", default="champion", help="the tag that moves with it; empty: none. Default: champion")
    parser.add_argument("--config", type=Path, default=Path("pipeline.toml"), help="default: pipeline.toml")
    parser.add_argument("--build", type=Path, default=Path("build"), help="default: build")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    host = Host(os.environ.get("COMPOSE_PROJECT_NAME") or "gatehouse")
    if asked.action == "releases":
        return run_command("releases", lambda: releases.table(read_state_unlocked(host, host.edge_image())))
    return _recorded(asked.action, host, asked)


def _recorded(action: Action, host: Host, asked: argparse.Namespace) -> Exit:
    """Run the action, and write its result to rollout.json."""
    journal = Journal(action)
    try:
        code, reason = Exit.PASS, _work(action, host, asked, journal)
    except tuple(CODES) as error:
        code, reason = next(code for kind, code in CODES.items() if isinstance(error, kind)), str(error)
    except KeyboardInterrupt:
        code, reason = Exit.CRASH, "interrupted; what served before serves."
    write_json(Build(asked.build).stage("deploy") / "rollout.json", journal.record(asked.image, int(code), reason))
    print(f"{action}: {reason}", file=sys.stdout if code is Exit.PASS else sys.stderr, flush=True)
    return code


def _work(action: Action, host: Host, asked: argparse.Namespace, journal: Journal) -> str:
    config = load_config(asked.config)
    rules = config.deploy
    if action == "deploy":
        if not asked.image:
            raise UsageError(
                "IMAGE is not set; required: IMAGE=name@sha256:…, an image in a registry. "
                "To make the challenger the champion on this laptop, run `make promote`."
            )
        check_digest_reference(asked.image)
        # Where the host is this machine, requests come first. A rollback must be fast, so it keeps its priority.
        os.nice(LOWEST_PRIORITY)
    journal.plan(steps.steps_of(rules) if action == "deploy" else back.STEPS)
    reason = f"{action} of {asked.image or 'the previous release'}"
    with ExitStack() as stack:
        with journal.step("lock") as step:
            volumes = {name: host.volume(name) for name in VOLUMES}
            held = stack.enter_context(lock(host, host.edge_image(), volumes, reason))
            step.said = f"{held.name} on the engine"
        production = Production(host, held, rules, journal, _probe_key(os.environ))
        if action == "rollback":
            release = back.rollback(production, asked.image)
        else:
            build = Build(asked.build)
            release = steps.deploy(production, lambda state: admit(asked.image, build, config, state), fetch)
        return _tagged(action, release, asked.tag, journal)


def _tagged(action: Action, release: Release, tag: str, journal: Journal) -> str:
    """Move the tag. A rollback also succeeds without the registry; its text then says how to move the tag later."""
    served = f"{release.image} serves" + (
        f", {journal.serving_after_seconds} s after the start." if journal.serving_after_seconds is not None else "."
    )
    if not tag:
        return served
    try:
        with journal.step("tag") as step:
            move_tag(release.image, tag)
            step.said = f"{release.image.partition('@')[0]}:{tag} is this digest"
    except (EngineError, UsageError, FindingError) as error:
        later = f"Once the registry answers: `make {action} IMAGE={release.image}` moves it and changes nothing else."
        text = f"{served} But the tag {tag} did not move ({error}). {later}"
        if action == "deploy":
            raise TagNotMovedError(text) from None
        return text
    return served


def _probe_key(environment: Mapping[str, str]) -> str:
    """The key for the golden rows, if API keys are on. Raises UsageError."""
    path = environment.get("PROBE_KEY_FILE")
    if not path:
        if environment.get("API_KEYS_FILE"):
            raise UsageError(
                "API_KEYS_FILE is set, PROBE_KEY_FILE is not; required: a file with a key of scope predict."
            )
        return ""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise UsageError(f"PROBE_KEY_FILE is {path!r}: {error.strerror}.") from None


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """Treat SIGTERM, which a cancelled workflow sends, like Ctrl-C: the earlier version is restored."""
    raise KeyboardInterrupt
