"""`make deploy IMAGE=name@sha256:…`, `make rollback [IMAGE=…]`, `make releases`, against DOCKER_HOST or a cluster.

A deploy replaces the serving version by a new one without losing a request; a rollback restores an earlier one without
the registry. docs/deploys.md has the order of the steps and the measurements.

Reads   DEPLOY_TARGET: host (the default), or kubernetes, whose settings deploy/kubernetes/target.py has;
        DOCKER_HOST and what compose.yaml reads from the environment; pipeline.toml, [deploy]; the evidence in build/;
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
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Protocol, cast

from contracts.exits import Exit, FindingError, UsageError
from contracts.pipeline_toml.keys import Deploy as Rules
from contracts.pipeline_toml.reader import load_config
from contracts.release import Action, Release, State
from contracts.schema import write_json
from contracts.stage import Build
from deploy.command import CODES, run_command
from deploy.engine import EngineError
from deploy.host.lock import lock
from deploy.host.machine import Host
from deploy.host.stack import VOLUMES
from deploy.host.state import read_state_unlocked
from deploy.registry.registry import check_digest_reference, move_tag
from deploy.rollout import releases, sequence
from deploy.rollout import rollback as back
from deploy.rollout.candidate import admit, fetch
from deploy.rollout.journal import Journal
from deploy.rollout.sequence import Target
from deploy.rollout.steps import Production

LOWEST_PRIORITY = 19
# Loaded only where it is asked for: it needs a client that a host does not.
KUBERNETES = "deploy.kubernetes.target"


class TagNotMovedError(EngineError):
    """The version serves, but its tag in the registry did not move."""


class Place(Protocol):
    """Where DEPLOY_TARGET deploys to."""

    def read_state(self) -> State:
        """The recorded state, without the lock."""

    def hold(self, reason: str, rules: Rules, journal: Journal, key: str) -> AbstractContextManager[Target]:
        """The target, as long as this process holds its lock. Raises LockedError."""


@dataclass(frozen=True)
class HostPlace:
    """The host that DOCKER_HOST names."""

    host: Host

    def read_state(self) -> State:
        return read_state_unlocked(self.host, self.host.edge_image())

    @contextmanager
    def hold(self, reason: str, rules: Rules, journal: Journal, key: str) -> Iterator[Target]:
        volumes = {name: self.host.volume(name) for name in VOLUMES}
        with lock(self.host, self.host.edge_image(), volumes, reason) as held:
            yield Production(self.host, held, rules, journal, key)


def place_of(environment: Mapping[str, str]) -> Place:
    """The place that DEPLOY_TARGET names. Raises UsageError."""
    wanted = environment.get("DEPLOY_TARGET") or "host"
    if wanted == "host":
        return HostPlace(Host(environment.get("COMPOSE_PROJECT_NAME") or "gatehouse"))
    if wanted != "kubernetes" or find_spec("deploy.kubernetes") is None:
        raise UsageError(f"DEPLOY_TARGET is {wanted!r}; required: host or kubernetes (docs/scale.md).")
    if find_spec("kubernetes") is None:
        raise UsageError(
            "DEPLOY_TARGET is 'kubernetes', whose client is not installed: `make setup GROUPS=\"kubernetes …\"`."
        )
    return cast(Place, import_module(KUBERNETES).place_of(environment))


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
    if asked.action == "releases":
        return run_command("releases", lambda: releases.table(place_of(os.environ).read_state()))
    return _recorded(asked.action, asked)


def _recorded(action: Action, asked: argparse.Namespace) -> Exit:
    """Run the action, and write its result to rollout.json."""
    journal = Journal(action)
    try:
        code, reason = Exit.PASS, _work(action, asked, journal)
    except tuple(CODES) as error:
        code, reason = next(code for kind, code in CODES.items() if isinstance(error, kind)), str(error)
    except KeyboardInterrupt:
        code, reason = Exit.CRASH, "interrupted; what served before serves."
    write_json(Build(asked.build).stage("deploy") / "rollout.json", journal.record(asked.image, int(code), reason))
    print(f"{action}: {reason}", file=sys.stdout if code is Exit.PASS else sys.stderr, flush=True)
    return code


def _work(action: Action, asked: argparse.Namespace, journal: Journal) -> str:
    config = load_config(asked.config)
    place, rules = place_of(os.environ), config.deploy
    if action == "deploy":
        if not asked.image:
            raise UsageError(
                "IMAGE is not set; required: IMAGE=name@sha256:…, an image in a registry. "
                "To make the challenger the champion on this laptop, run `make promote`."
            )
        check_digest_reference(asked.image)
        # Where the host is this machine, requests come first. A rollback must be fast, so it keeps its priority.
        os.nice(LOWEST_PRIORITY)
    journal.plan(sequence.steps_of(rules) if action == "deploy" else back.STEPS)
    reason = f"{action} of {asked.image or 'the previous release'}"
    with ExitStack() as stack:
        with journal.step("lock") as step:
            target = stack.enter_context(place.hold(reason, rules, journal, _probe_key(os.environ)))
            step.said = f"{target.held.name} is held"
        if action == "rollback":
            release = back.rollback(target, asked.image)
        else:
            build = Build(asked.build)
            release = sequence.deploy(target, lambda state: admit(asked.image, build, config, state), fetch)
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
