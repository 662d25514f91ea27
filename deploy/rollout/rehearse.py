"""`make rehearse`: plays the deploy on the local engine, under load, and removes everything afterwards.

It is for a pull request, a fork, or a repository without a production: same steps, same edge, same refusals. The stack
starts with the champion, a client sends requests all the time, and the new image is deployed and rolled back. Without a
champion, or with one of another project (contracts/pipeline_toml/champion.py), the new image replaces itself.

Reads   build/image/image.json and its image on this engine; build/champion, or CHAMPION=docker://user/name:champion;
        pipeline.toml, [deploy] and load.requests_per_second
Writes  build/deploy/rehearsal.md and rehearsal.json; nothing is left running
Exits   0 the new version would serve, and no request was lost · 3 it was refused, or one was lost · 2 no image, no
        engine · 1 the engine failed
"""

import argparse
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.exits import Exit, FindingError, UsageError
from contracts.image import Image
from contracts.model_folder import Golden
from contracts.outside.markdown import escape
from contracts.pipeline_toml.keys import Config, Deploy
from contracts.pipeline_toml.reader import load_config
from contracts.release import Action, Rollout, State
from contracts.schema import Schema, read_json, write_json
from contracts.stage import Build
from deploy.champion.fetch import SCHEME
from deploy.command import run_command
from deploy.digests import image_id
from deploy.engine import EngineError, check_engine, docker
from deploy.host.lock import lock
from deploy.host.machine import Host
from deploy.host.stack import VOLUMES
from deploy.rollout import rollback, sequence
from deploy.rollout.candidate import Candidate, fetch, judge, on_host
from deploy.rollout.journal import Journal
from deploy.rollout.predecessor import predecessor
from deploy.rollout.steady_client import Request, summary, traffic
from deploy.rollout.steps import Production

# A rehearsal has steady traffic, so its steps need not be as long as production's.
STEP_SECONDS = 10.0
QUIET_SECONDS = 5.0
PORTS = ("EDGE", "EDGE_TLS", "PROMETHEUS", "ALERTMANAGER")
# Production's settings, which a rehearsal must not use.
LEFT_OUT = ("IMAGE", "OTHER_IMAGE", "GRAFANA_PASSWORD", "API_KEYS_FILE", "METRICS_KEY_FILE", "DOMAIN", "PAGE_URL_FILE",
            "TICKET_URL_FILE")  # fmt: skip
TARGET = (
    "Nothing was deployed. To name a production: the variable DEPLOY_HOST=ssh://user@host in the workflows' "
    "settings, or DOCKER_HOST and `make deploy IMAGE=name@sha256:…` from here."
)


class RehearsalError(FindingError):
    """Requests were lost, or answered by the wrong version."""


class Played(Schema):
    """One deploy or rollback, and what the client saw from its beginning on. Latencies in ms."""

    what: str
    rollout: Rollout
    requests: int
    failed: int
    wrong_version: int
    p50_ms: float
    p99_ms: float
    quiet_p99_ms: float


class Rehearsal(Schema):
    """rehearsal.json. `first_run`: contracts/pipeline_toml/champion.py."""

    image: str
    champion: str
    first_run: str = ""
    acts: tuple[Played, ...]


@dataclass(frozen=True)
class Stage:
    """The stack, rules and traffic of a rehearsal."""

    host: Host
    rules: Deploy
    rate: float
    rows: Sequence[Any]
    folder: Path

    def run(self, action: Action, work: Callable[[Production], object]) -> Rollout:
        """Run one deploy or rollback with the real steps and the real lock. Raises what refuses it."""
        journal = Journal(action)
        planned = sequence.steps_of(self.rules) if action == "deploy" else rollback.STEPS
        journal.plan(tuple(one for one in planned if one != "tag"))
        volumes = {one: self.host.volume(one) for one in VOLUMES}
        with ExitStack() as stack:
            with journal.step("lock") as step:
                held = stack.enter_context(lock(self.host, self.host.edge_image(), volumes, "a rehearsal"))
                step.said = f"{held.name} on the engine"
            work(Production(self.host, held, self.rules, journal))
        return journal.record("", int(Exit.PASS), "serves")

    def under_load(self, what: str, action: Action, work: Callable[[Production], object], model: str) -> Played:
        """Run it while a client sends requests. `model`: the digest that must answer once it has all the traffic."""
        url = f"http://{docker('port', self.host.name('edge'), '8080/tcp').splitlines()[0]}"
        with traffic(url, self.rows, self.rate, self.folder / action) as client:
            time.sleep(QUIET_SECONDS)
            began = time.time()
            rollout = self.run(action, work)
            time.sleep(1)
            seen = client.stop()
        return played(what, rollout, seen, began, model)


def main() -> Exit:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="make rehearse", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--config", type=Path, default=Path("pipeline.toml"), help="default: pipeline.toml")
    parser.add_argument("--build", type=Path, default=Path("build"), help="default: build")
    asked = parser.parse_args()
    return run(asked.config, Build(asked.build))


def run(config: Path, build: Build) -> Exit:
    """Rehearse with the champion of CHAMPION=docker://…, or that of build/champion."""
    named = os.environ.get("CHAMPION", "")
    champion = named if named.startswith(SCHEME) else ""
    return run_command("rehearse", lambda: rehearse(load_config(config), build, champion))


def rehearse(config: Config, build: Build, champion: str) -> str:
    """Rehearse a deploy and a rollback, and describe the result. Raises UsageError, FindingError and EngineError."""
    check_engine()
    image = read_json(build.stage("build") / "image.json", Image, "make build").reference
    seen = on_host(image)
    if seen is None:
        raise UsageError(f"{image} is not on this engine. Run `make build` first.")
    new = judge(image, image_id(image), seen.labels, build, config, State())
    folder = build.stage("deploy")
    with ExitStack() as stack:
        project = stack.enter_context(_project())
        proved = fetch(new)
        before, first_run = stack.enter_context(predecessor(champion, build, config, image, project))
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stage = Stage(
            project, _shortened(config.deploy), config.load.requests_per_second, rows_of(proved.golden), scratch
        )
        acts = _play(stage, before, new)
    _write(folder, Rehearsal(image=image, champion=before.image, first_run=first_run, acts=acts))
    if bad := [one for one in acts if one.failed or one.wrong_version]:
        raise RehearsalError(
            f"{', '.join(one.what for one in bad)}: {sum(one.failed for one in bad)} requests failed, "
            f"{sum(one.wrong_version for one in bad)} were answered by the wrong version. {TARGET}"
        )
    return f"rehearse: {image} would serve; no request was lost. {TARGET}"


def _shortened(rules: Deploy) -> Deploy:
    steps = ("canary_seconds", "watch_seconds")
    return rules.model_copy(update={name: min(STEP_SECONDS, getattr(rules, name)) for name in steps})


def _play(stage: Stage, before: Candidate, new: Candidate) -> tuple[Played, ...]:
    """Start the stack with `before`; then, under load, deploy `new` and roll it back."""
    stage.run("deploy", lambda production: sequence.deploy(production, lambda _: before, fetch))
    return (
        stage.under_load(
            "deploy", "deploy", lambda production: sequence.deploy(production, lambda _: new, fetch), new.model
        ),
        stage.under_load("rollback", "rollback", lambda production: rollback.rollback(production, ""), before.model),
    )


def _write(folder: Path, rehearsal: Rehearsal) -> None:
    write_json(folder / "rehearsal.json", rehearsal)
    warning = f"⚠️ {escape(rehearsal.first_run)}" if rehearsal.first_run else ""
    text = "\n\n".join(filter(None, (warning, table(rehearsal.acts))))
    (folder / "rehearsal.md").write_text(f"{text}\n", encoding="utf-8")
    print(f"\n{text}\n")


def rows_of(golden: Golden) -> list[dict[str, Any]]:
    """The client's requests: the golden rows, which the model can read."""
    return [dict(row.inputs) for row in golden.rows]


def played(what: str, rollout: Rollout, seen: Sequence[Request], began: float, model: str) -> Played:
    """The client's side of one act."""
    during, quiet = (
        summary([one for one in seen if one.due >= began]),
        summary([one for one in seen if one.due < began]),
    )
    served = rollout.serving_at
    later = [one for one in seen if served is not None and one.due > served and not one.error]
    return Played(
        what=what,
        rollout=rollout,
        requests=during.requests,
        failed=during.failed + quiet.failed,
        wrong_version=sum(one.model != model for one in later),
        p50_ms=during.p50_ms,
        p99_ms=during.p99_ms,
        quiet_p99_ms=quiet.p99_ms,
    )


def table(acts: Sequence[Played]) -> str:
    """The acts as a table in Markdown."""
    columns = ("rehearsed", "requests", "failed", "by the wrong version", "p50 ms", "p99 ms", "p99 before, ms",
               "served after, s", "took, s")  # fmt: skip
    lines = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    lines += [
        f"| {one.what} | {one.requests:,} | {one.failed} | {one.wrong_version} | {one.p50_ms:g} | {one.p99_ms:g} "
        f"| {one.quiet_p99_ms:g} | {one.rollout.serving_after_seconds:g} | {one.rollout.seconds:g} |"
        for one in acts
    ]
    return "\n".join(lines)


@contextmanager
def _project() -> Iterator[Host]:
    """A stack with a name and ports of its own, gone at the end."""
    environment = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
    environment |= {f"{name}_PORT": "0" for name in PORTS} | {"SCRAPE_INTERVAL": "1s"}
    host = Host(f"rehearsal-{secrets.token_hex(4)}", environment)
    try:
        yield host
    finally:
        host.compose("--profile=deploy", "down", "--volumes", "--timeout=2")
        for one in VOLUMES:
            with suppress(EngineError):
                docker("volume", "rm", "--force", host.volume(one))
