"""The stack around the replicas: sends its files into volumes, and starts the edge and the monitoring.

It never replaces a running edge or Prometheus: a change of their image or ports in compose.yaml needs a
`docker compose up` by hand. A changed file is sent, and reloaded without closing a connection.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from contracts.exits import UsageError
from contracts.release import Side
from deploy.engine import docker, docker_bytes
from deploy.host.lock import FILES, Held
from deploy.host.machine import CHECKOUT, Host, SentFile, tar_of
from deploy.host.replicas import targets
from deploy.host.state import PLACE, READ, VOLUME, write_file

# The digest of the files that each volume was sent last.
SENT = "sent.json"
SERVICE_USER, NOBODY, HAPROXY_USER = 10001, 65534, 99
STATIC_TARGETS = '    static_configs:\n      - targets: ["replica-1:8000", "replica-2:8000"]\n'
FILE_TARGETS = '    file_sd_configs:\n      - {files: ["targets.json"], refresh_interval: 5s}\n'
# The volumes, by name; `deploys` has the state.
VOLUMES = (
    VOLUME, "replica-files", "edge-files", "edge-certificates", "drift-files", "prometheus-files", "prometheus-secrets",
    "alertmanager-files", "alertmanager-secrets", "grafana-files", "grafana-dashboards",
)  # fmt: skip
# The environment variable, file name and owner of each secret in a volume.
SECRETS = {
    "replica-files": (("API_KEYS_FILE", "api_keys", SERVICE_USER),),
    "prometheus-secrets": (("METRICS_KEY_FILE", "metrics_key", NOBODY),),
    "alertmanager-secrets": (("PAGE_URL_FILE", "page_url", NOBODY), ("TICKET_URL_FILE", "ticket_url", NOBODY)),
}
# The signal on which each service reloads its files. Replicas read theirs when they start; Grafana polls.
RELOAD = {
    "edge-files": ("edge", "USR2"),
    "edge-certificates": ("edge", "USR2"),
    "prometheus-files": ("prometheus", "HUP"),
    "prometheus-secrets": ("prometheus", "HUP"),
    "alertmanager-files": ("alertmanager", "HUP"),
    "alertmanager-secrets": ("alertmanager", "HUP"),
}


@dataclass(frozen=True)
class Stack:
    """The stack around the replicas of one host."""

    host: Host
    held: Held
    checkout: Path = CHECKOUT

    def up(self, image: str, live: Side | None) -> str:
        """Send changed files, start missing services, and say what was done. Raises EngineError and UsageError.

        `image`: for the service that serves drift.txt; `live`: the side that a starting edge sends traffic to.
        """
        changed = self._send_changed()
        self.write_live(live)
        running = {name for name, one in self.host.inspect(self._services()).items() if one["State"]["Running"]}
        missing = [one for one in self._services() if one not in running]
        if missing:
            self.host.compose(
                "up", "--detach", "--no-build", "--no-deps", "--no-recreate", *missing, images={"blue": image}
            )
        for service, signal in sorted({RELOAD[volume] for volume in changed if volume in RELOAD}):
            if service in running:
                docker("kill", f"--signal={signal}", self.host.name(service))
        said = [f"started {', '.join(missing)}"] if missing else []
        said += [f"sent {', '.join(changed)}"] if changed else []
        return "; ".join(said) or "as it should be"

    def write_live(self, live: Side | None) -> None:
        """The side that the edge sends traffic to after a restart. It reads the file only then."""
        write_file(self.held, "edge-files/live.cfg", f"global\n    setenv LIVE {live or 'none'}\n".encode())

    def scrape(self, services: tuple[str, ...]) -> None:
        """Name the replicas that Prometheus scrapes; it notices the change itself."""
        write_file(self.held, "prometheus-files/targets.json", targets(services))

    def _services(self) -> tuple[str, ...]:
        has_grafana = bool(self.host.environment.get("GRAFANA_PASSWORD"))
        return ("alertmanager", "prometheus", "drift", "edge", *(("grafana",) if has_grafana else ()))

    def _send_changed(self) -> list[str]:
        """Send the files of each volume that changed since the last time, and return these volumes."""
        sent = self.held.run("bash", "-c", READ, f"{PLACE}/{SENT}")
        before: dict[str, str] = json.loads(sent or b"{}")
        archives = {
            one: tar_of(sorted(self.files_of(one), key=lambda file: file.path)) for one in VOLUMES if one != VOLUME
        }
        digests = {one: hashlib.sha256(archive).hexdigest() for one, archive in archives.items()}
        changed = [one for one, digest in digests.items() if before.get(one) != digest]
        for one in changed:
            docker_bytes("cp", "-", f"{self.held.name}:{FILES}/{one}", stdin=archives[one])
        if changed:
            write_file(self.held, f"{VOLUME}/{SENT}", json.dumps(digests).encode())
        return changed

    def files_of(self, volume: str) -> Iterator[SentFile]:
        """The files of a volume. Raises UsageError."""
        if volume in SECRETS:
            yield from (_secret(self.host.environment, *one) for one in SECRETS[volume])
        elif volume.startswith("edge-"):
            yield from self._edge_files(volume)
        else:
            yield from self._monitoring_files(volume, self.checkout / "monitoring")

    def _edge_files(self, volume: str) -> Iterator[SentFile]:
        edge = self.checkout / "deploy" / "edge"
        if volume == "edge-files":
            yield _whole(edge / "haproxy.cfg")
        else:
            folder = Path(self.host.environment.get("CERTIFICATES") or edge / "certificates")
            yield from (_whole(path, HAPROXY_USER) for path in sorted(folder.glob("*.pem")))

    def _monitoring_files(self, volume: str, monitoring: Path) -> Iterator[SentFile]:
        environment = self.host.environment
        if volume == "drift-files":
            folder = Path(environment.get("DRIFT_PAGE") or monitoring / "drift")
            yield from (_whole(path) for path in sorted(folder.glob("*.txt")))
        elif volume == "prometheus-files":
            text = (monitoring / "prometheus.yml").read_text(encoding="utf-8")
            yield SentFile("prometheus.yml", prometheus_config(text, environment.get("SCRAPE_INTERVAL", "")).encode())
            yield from (_whole(path, below="rules") for path in sorted((monitoring / "rules").glob("*.yaml")))
        elif volume == "alertmanager-files":
            yield _whole(monitoring / "alertmanager.yml")
        elif volume == "grafana-files":
            yield from _tree(monitoring / "grafana" / "provisioning")
        elif volume == "grafana-dashboards":
            yield from _tree(monitoring / "grafana" / "dashboards")


def prometheus_config(text: str, scrape_interval: str = "") -> str:
    """monitoring/prometheus.yml, but with the replicas from a file, because they change with every deploy.

    `scrape_interval`: another default, such as 2s. Raises UsageError.
    """
    if scrape_interval:
        text = text.replace(
            "  scrape_interval: 10s\n  scrape_timeout: 5s\n",
            f"  scrape_interval: {scrape_interval}\n  scrape_timeout: {scrape_interval}\n",
        )
    if STATIC_TARGETS not in text:
        raise UsageError("monitoring/prometheus.yml does not name replica-1:8000 and replica-2:8000 as job service.")
    return text.replace(STATIC_TARGETS, FILE_TARGETS)


def _whole(path: Path, owner: int | None = None, below: str = "") -> SentFile:
    return SentFile(f"{below}/{path.name}" if below else path.name, path.read_bytes(), owner)


def _tree(folder: Path) -> Iterator[SentFile]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield SentFile(path.relative_to(folder).as_posix(), path.read_bytes())


def _secret(environment: Mapping[str, str], variable: str, name: str, owner: int) -> SentFile:
    """The secret's file; empty if the variable is not set, as in compose.yaml. Raises UsageError."""
    path = environment.get(variable)
    try:
        return SentFile(name, Path(path).read_bytes() if path else b"", owner)
    except OSError as error:
        raise UsageError(f"{variable} is {path!r}: {error.strerror}.") from None
