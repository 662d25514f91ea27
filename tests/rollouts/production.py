"""A host that a workflow deploys to: reached over a real SSH server, with the settings of docs/github.md."""

import hashlib
import json
import os
import secrets
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.engine import docker
from deploy.host.machine import Host
from tests.containers.conftest import ROOT, free_port
from tests.containers.registry import Registry
from tests.rollouts.arena import FAST, Arena, without_settings
from tests.rollouts.ssh_host import ssh_host

SCOPES = ("predict", "export", "metrics")


@dataclass(frozen=True)
class Production:
    """`target`: what names the host. Nothing runs there before the first deploy."""

    project: str
    port: int
    target: dict[str, str]
    keys: dict[str, str] = field(default_factory=lambda: {scope: secrets.token_hex(16) for scope in SCOPES})

    @property
    def variables(self) -> dict[str, str]:
        return {name: self.target[name] for name in ("DEPLOY_HOST", "DEPLOY_KNOWN_HOSTS")}

    @property
    def secrets(self) -> dict[str, str]:
        return {"DEPLOY_SSH_KEY": self.target["DEPLOY_SSH_KEY"], "DEPLOY_SETTINGS": self._settings()}

    def ask(self, path: str, key: str = "", body: object = None) -> Any:
        """What the service answers. Raises HTTPError."""
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", content, headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def deploy_another(self, image: str, registry: Registry, folder: Path) -> str:
        """Deploy another project's model in place of `image`, from a laptop; its digest. Needs a login to the registry.

        Another project's, because it is compared with nothing that serves, and so needs no traffic.
        """
        environment = without_settings(os.environ) | {"PYTHONPATH": str(ROOT)}
        laptop = Arena(Host(self.project, environment), registry, folder, image, rows=[])
        laptop.make_version("another", "2" * 40, project="another")
        done = laptop.run("deploy", laptop.versions["another"], target=self.target | self.secrets, **FAST)
        assert done.exit_code == 0, done.output
        return laptop.models["another"]

    def remove(self) -> None:
        """Remove what was deployed there; once more does no harm."""
        stack = Host(self.project, without_settings(os.environ) | {"COMPOSE_PROJECT_NAME": self.project})
        stack.compose("--profile=deploy", "down", "--volumes", "--timeout=2", "--remove-orphans")
        for volume in docker("volume", "ls", "--quiet", f"--filter=name=^{self.project}_").split():
            docker("volume", "rm", volume)
        for made in set(docker("image", "ls", "--quiet", f"--filter=reference={self.project}").split()):
            docker("image", "rm", "--force", made)

    def _settings(self) -> str:
        entries = [
            {"id": scope, "sha256": hashlib.sha256(key.encode()).hexdigest(), "scopes": [scope]}
            for scope, key in self.keys.items()
        ]
        lines = {
            "COMPOSE_PROJECT_NAME": self.project, "EDGE_PORT": self.port, "EDGE_TLS_PORT": 0, "PROMETHEUS_PORT": 0,
            "ALERTMANAGER_PORT": 0, "SCRAPE_INTERVAL": "1s", "EDGE_EXPORT": "on",
            "API_KEYS": json.dumps({"keys": entries}), "PROBE_KEY": self.keys["predict"],
            "METRICS_KEY": self.keys["metrics"],
        }  # fmt: skip
        return "".join(f"{name}={value}\n" for name, value in lines.items())


@contextmanager
def production(folder: Path) -> Iterator[Production]:
    """`folder`: an empty one for the keys. What was deployed to the host goes at the end."""
    with ssh_host(folder) as target:
        made = Production(f"ghhost-{secrets.token_hex(3)}", free_port(), target)
        try:
            yield made
        finally:
            made.remove()
