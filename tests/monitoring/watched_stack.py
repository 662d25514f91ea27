"""What compose.yaml runs and what watches it, as processes on loopback: replicas, edge, drift's page, Prometheus.

The only rewriting: addresses of loopback, scrapes each second instead of each ten, and three weeks of earlier scores in
Prometheus' store, because one panel compares weeks.
"""

import re
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from testbed.programs import MONITORING, ROOT, answers, eventually, free_port, program, run, running
from testbed.serving import Serving, serving

DAY = 86_400
# What $__rate_interval is where there is a scrape each second.
RATE_INTERVAL = "10s"


@dataclass(frozen=True)
class WatchedStack:
    """`prometheus`: its address; `drift_page`: the file that it reads the drift verdict from."""

    serving: Serving
    prometheus: str
    drift_page: Path


def earlier_scores(path: Path, bounds: list[str]) -> None:
    """Three weeks of the recorded daily distribution, as OpenMetrics to be loaded into the store."""
    now = time.time()
    times = [now - 22 * DAY + step * DAY / 4 for step in range(4 * 22)]
    lines = ["# TYPE job_le:gatehouse_score:ratio_rate1d gauge"]
    for bound in bounds:
        share = min(1.0, float(bound)) if bound != "+Inf" else 1.0
        lines += [f'job_le:gatehouse_score:ratio_rate1d{{job="service",le="{bound}"}} {share} {at:.0f}' for at in times]
    path.write_text("\n".join([*lines, "# EOF", ""]))


def rewritten(folder: Path, addresses: dict[str, str]) -> Path:
    """monitoring/ as the tests run it."""
    shutil.copytree(MONITORING / "rules", folder / "rules")
    models = folder / "rules" / "model.yaml"
    models.write_text(models.read_text().replace("interval: 5m", "interval: 1s"))
    text = (MONITORING / "prometheus.yml").read_text()
    for name, address in addresses.items():
        assert name in text
        text = text.replace(name, address)
    text = re.sub(r"(scrape_interval|scrape_timeout|evaluation_interval): \S+", r"\1: 1s", text)
    (folder / "prometheus.yml").write_text(text)
    return folder / "prometheus.yml"


def write_drift_page(verdict: Path, page: Path) -> None:
    """The verdict as Prometheus reads it, by the command that the handbook names."""
    made = run(sys.executable, "-m", "monitoring.verdict_metrics", verdict, page, cwd=ROOT)
    assert made.returncode == 0, made.stderr


@contextmanager
def watched_stack(
    folder: Path, model: Path, verdict: Path, runbook: str, site: str, **given: str
) -> Iterator[WatchedStack]:
    """All of it, ready. `given`: settings of service and edge."""
    binary, promtool = program("prometheus"), program("promtool")
    drift, own = free_port(), free_port()
    url = f"http://127.0.0.1:{own}"
    page = folder / "drift" / "drift.txt"
    write_drift_page(verdict, page)
    with ExitStack() as stack:
        started = stack.enter_context(serving(folder, model, **given))
        python = (sys.executable, "-m", "http.server", str(drift), "--bind", "127.0.0.1", "--directory", page.parent)
        stack.enter_context(running(python, folder / "drift.log"))
        config = rewritten(
            folder,
            {
                "replica-1:8000": started.replica_urls[0].removeprefix("http://"),
                "replica-2:8000": started.replica_urls[1].removeprefix("http://"),
                "edge:8405": started.inside.removeprefix("http://"),
                "drift:9100": f"127.0.0.1:{drift}",
                "localhost:9090": f"127.0.0.1:{own}",
                "alertmanager:9093": f"127.0.0.1:{own}",
                "/run/secrets/metrics_key": "/dev/null",
            },
        )
        earlier_scores(folder / "earlier.txt", [f"{step / 20:g}" for step in range(1, 21)] + ["+Inf"])
        loaded = run(promtool, "tsdb", "create-blocks-from", "openmetrics", folder / "earlier.txt", folder / "data")
        assert loaded.returncode == 0, loaded.stderr
        command = (
            binary,
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{own}",
            "--storage.tsdb.retention.time=60d",
            "--enable-feature=expand-external-labels",
        )  # fmt: skip; Prometheus 3 does so by itself
        addresses = {"RUNBOOK_URL": runbook, "SITE_URL": site}
        stack.enter_context(running(command, folder / "prometheus.log", addresses))
        eventually(lambda: answers(f"{url}/-/ready"), "Prometheus is ready")
        yield WatchedStack(started, url, page)
