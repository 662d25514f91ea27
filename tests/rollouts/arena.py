"""A whole production on the local engine: a registry, the stack of compose.yaml, versions good and bad, and a client.

Everything has a name of its own, listens on loopback, and is removed at the end.
"""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contracts.image import MODEL_LABEL, REVISION_LABEL, Attestation
from contracts.model_folder import Golden, model_digest
from contracts.pipeline_toml.champion import NONE_AS_ASKED
from contracts.release import Rollout, State
from deploy.champion.fetch import copy_model
from deploy.engine import EngineError, docker, docker_bytes
from deploy.host.machine import SIDES, Host
from deploy.host.state import parse
from deploy.registry.attestation import attest
from deploy.registry.registry import look_up, push, repository_of
from deploy.rollout.steady_client import Request, Running, traffic
from tests.containers.conftest import free_port
from tests.containers.registry import Registry
from tests.rollouts.faults import SITE, SITES

ROOT = Path(__file__).parents[2]
SERVICES = ("edge", "drift", "prometheus", "alertmanager")
RATE = 250.0
NO_DIGEST = f"sha256:{'0' * 64}"
# Short steps, frequent scrapes: what is proved does not depend on how long one waits, but a test does.
RULES: dict[str, float] = {
    "canary_seconds": 4.0, "canary_min_requests": 60, "canary_max_seconds": 30.0, "watch_seconds": 4.0,
    "ready_seconds": 120.0,
}  # fmt: skip
FAST: dict[str, Any] = {"canary_percent": [50], "canary_seconds": 2.0, "canary_min_requests": 30, "watch_seconds": 2.0}


@dataclass(frozen=True)
class Done:
    """One run of the deployer. `rollout` is None where it was killed."""

    exit_code: int
    output: str
    seconds: float
    began: float
    ended: float
    rollout: Rollout | None
    process_id: int

    @property
    def reason(self) -> str:
        return self.rollout.reason if self.rollout else ""


@dataclass
class Arena:
    """What the scenarios play in. `rules`: for [deploy]; `fast`: those of a deploy that only prepares."""

    host: Host
    registry: Registry
    folder: Path
    base: str
    rows: list[dict[str, Any]]
    rate: float = RATE
    rules: Mapping[str, object] = field(default_factory=lambda: RULES)
    fast: Mapping[str, Any] = field(default_factory=lambda: FAST)
    versions: dict[str, str] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        address = docker("port", self.host.name("edge"), "8080/tcp").splitlines()[0]
        return f"http://{address}"

    def config(self, **changes: object) -> Path:
        """pipeline.toml with the deploy section that the tests use."""
        text = (ROOT / "pipeline.toml").read_text(encoding="utf-8")
        for key, value in (dict(self.rules) | changes).items():
            text, count = re.subn(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.M)
            assert count == 1, key
        path = self.folder / f"pipeline-{secrets.token_hex(4)}.toml"
        path.write_text(text, encoding="utf-8")
        return path

    def begin(
        self,
        action: str,
        image: str = "",
        tag: str = "champion",
        target: Mapping[str, str] | None = None,
        **rules: object,
    ) -> "Run":
        """Start a deployer, as `make` does; with `target`, as the workflow does for the host that it names."""
        return Run(self, action, image, tag, self.config(**rules), target or {})

    def run(self, action: str, image: str = "", tag: str = "champion", **others: Any) -> Done:
        """Run a deployer to its end; `others` as `begin` takes them."""
        return self.begin(action, image, tag, **others).wait()

    def client(self, rate: float | None = None) -> AbstractContextManager[Running]:
        """A client at work."""
        return traffic(self.url, self.rows, rate or self.rate, self.folder / f"traffic-{secrets.token_hex(4)}")

    def state_bytes(self) -> bytes:
        """state.json, as it lies on the host."""
        with suppress(EngineError):
            return docker_bytes(
                "run", "--rm", f"--volume={self.host.volume('deploys')}:/d:ro", "--entrypoint=cat",
                self.host.edge_image(), "/d/state.json",
            )  # fmt: skip
        return b""

    def state(self) -> State:
        return parse(self.state_bytes())

    def running(self) -> set[str]:
        """The replicas that run."""
        found = self.host.inspect([name for side in SIDES.values() for name in side])
        return {name for name, one in found.items() if one["State"]["Running"]}

    def is_locked(self) -> bool:
        """Whether a deployer holds the lock, or has left it behind."""
        return bool(docker("ps", "--all", "--quiet", f"--filter=name=^/{self.host.project}-deploy-lock$"))

    def make_version(self, name: str, commit: str, project: str = "flights") -> None:
        """A good version with a model digest of its own, pushed, of this project."""
        with tempfile.TemporaryDirectory() as scratch:
            model = Path(scratch) / "model"
            copy_model(self.base, model)
            card = json.loads((model / "model.json").read_text())
            (model / "model.json").write_text(json.dumps(card | {"commit": commit, "name": project}, indent=2) + "\n")
            self.models[name] = model_digest(model)
            lines = ["COPY --chmod=644 model.json /model/model.json", self._labels(self.models[name], commit)]
            self.push_layered(name, self.base, lines, {"model.json": (model / "model.json").read_bytes()})
        self.attest(self.versions[name], self.models[name])

    def make_fault(self, name: str, of: str) -> None:
        """A bad version: it says that it is `of`, and the gates passed."""
        lines = [f"COPY --chmod=644 fault.py {SITE}"]
        self.push_layered(name, self.tag_of(of), lines, {"fault.py": SITES[name].encode()})
        self.models[name] = self.models[of]
        self.attest(self.versions[name], self.models[of])

    def attest(self, reference: str, model: str, **changes: str) -> None:
        """Say that every stage passed for it; compared with no champion, for these deploys go back and forth."""
        told = {"image": look_up(reference).image_id, "model": model, "champion": "", "data": NO_DIGEST}
        told |= {"settings": NO_DIGEST, "commit": "", "decision": "Attested by the test.", "first_run": NONE_AS_ASKED}
        attest(Attestation.model_validate(told | changes), repository_of(reference))

    def push_layered(self, name: str, of: str, lines: Sequence[str], files: Mapping[str, bytes]) -> str:
        """An image of a few lines more, pushed, as `name@sha256:…`."""
        with tempfile.TemporaryDirectory() as scratch:
            for file, content in files.items():
                (Path(scratch) / file).write_bytes(content)
            (Path(scratch) / "Dockerfile").write_text("\n".join([f"FROM {of}", *lines, ""]))
            docker("build", "--quiet", "--network=none", f"--tag={self.tag_of(name)}", scratch)
        reference = push(self.tag_of(name), f"{self.registry.address}/user/service", _slug(name))
        self.versions[name] = reference
        return reference

    def tag_of(self, name: str) -> str:
        return f"{self.host.project}:{_slug(name)}"

    def champion(self) -> str:
        """The image that the registry's tag stands for, by its digest."""
        repository = f"{self.registry.address}/user/service"
        return f"{repository}@{look_up(f'{repository}:champion').digest}"

    def kill_all(self) -> None:
        """kill -9 of every process of the stack at once, as the kernel would: the engine is told nothing."""
        found = json.loads(docker("inspect", *docker("ps", "-q", f"--filter=name=^/{self.host.project}-").split()))
        pids = [str(one["State"]["Pid"]) for one in found]
        code = "import os, sys; [os.kill(int(pid), 9) for pid in sys.argv[1:]]"
        docker(
            "run", "--rm", "--pid=host", "--privileged", "--user=0", "--entrypoint=python", self.base, "-c", code, *pids
        )

    def _labels(self, model: str, commit: str) -> str:
        return f'LABEL {MODEL_LABEL}="{model}" {REVISION_LABEL}="{commit}"'


class Run:
    """A deployer at work."""

    def __init__(
        self, arena: Arena, action: str, image: str, tag: str, config: Path, target: Mapping[str, str]
    ) -> None:
        self._build = arena.folder / f"build-{secrets.token_hex(4)}"
        command = [sys.executable, "-m", "deploy", "rollout", action, "--image", image, "--tag", tag]
        command += ["--config", str(config), "--build", str(self._build)]
        if target:
            command = [sys.executable, "-m", "deploy", "over-ssh", *command]
        self.began = time.time()
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=dict(arena.host.environment) | dict(target),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []

    def wait_for(self, announced: str) -> bool:
        """Read until a step is announced; False where it ended before."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if f"] {announced} …" in line:
                return True
        return False

    def kill(self) -> None:
        """As a laptop that loses its power: nothing is put back."""
        self.process.kill()
        self.process.wait()

    def wait(self) -> Done:
        """To its end."""
        assert self.process.stdout is not None
        self.lines += self.process.stdout.readlines()
        code = self.process.wait()
        ended = time.time()
        path = self._build / "deploy" / "rollout.json"
        rollout = Rollout.model_validate_json(path.read_bytes()) if path.exists() else None
        return Done(code, "".join(self.lines), ended - self.began, self.began, ended, rollout, self.process.pid)


def without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without what names another stack."""
    left_out = ("IMAGE", "OTHER_IMAGE", "GRAFANA_PASSWORD", "API_KEYS_FILE", "DOMAIN", "DEPLOY_TARGET")
    return {name: value for name, value in environment.items() if name not in left_out}


@contextmanager
def arena(base: str) -> Iterator[Arena]:
    """`base`: an image that `make build` made. Two good versions, and the first of them deployed."""
    project = f"ghrollout-{secrets.token_hex(3)}"
    environment = without_settings(os.environ) | {
        "COMPOSE_PROJECT_NAME": project, "SCRAPE_INTERVAL": "1s", "PYTHONPATH": str(ROOT),
        **{f"{name}_PORT": "0" for name in ("EDGE_TLS", "PROMETHEUS", "ALERTMANAGER")},
        # Not 0: the engine would give the edge another port when it starts it again.
        "EDGE_PORT": str(free_port()),
    }  # fmt: skip
    folder = Path(tempfile.mkdtemp(prefix=project))
    registry = Registry(folder)
    made = Arena(Host(project, environment), registry, folder, base, golden_rows(base))
    try:
        registry.start()
        made.make_version("first", "1" * 40)
        made.make_version("second", "2" * 40)
        yield made
    finally:
        registry.stop()
        made.host.compose("--profile=deploy", "down", "--volumes", "--timeout=2", "--remove-orphans")
        remove_rest(project, registry.address)
        shutil.rmtree(folder, ignore_errors=True)


def golden_rows(image: str) -> list[dict[str, Any]]:
    """Rows that the model of an image reads."""
    with tempfile.TemporaryDirectory() as scratch:
        model = Path(scratch) / "model"
        copy_model(image, model)
        golden = Golden.model_validate_json((model / "golden.json").read_bytes())
    return [dict(row.inputs) for row in golden.rows]


def between(requests: Sequence[Request], first: float, last: float) -> list[Request]:
    """Those that were due then. Seconds since 1970."""
    return [one for one in requests if first <= one.due < last]


def eventually(look: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait until it is so; after how many seconds it was. Raises AssertionError."""
    started = time.monotonic()
    while not look():
        assert time.monotonic() - started < seconds, f"not within {seconds:g} s: {what}"
        time.sleep(0.1)
    return time.monotonic() - started


def remove_rest(project: str, registry: str) -> None:
    """Remove the volumes and the images of a project and of its registry."""
    for volume in docker("volume", "ls", "--quiet", f"--filter=name=^{project}_").split():
        docker("volume", "rm", volume)
    for reference in (project, f"{registry}/user/*"):
        for image in set(docker("image", "ls", "--quiet", f"--filter=reference={reference}").split()):
            with suppress(EngineError):
                docker("image", "rm", "--force", image)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower())
