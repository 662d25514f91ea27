"""The dashboards' files, and what a Prometheus answered to each panel's queries."""

import json
from pathlib import Path
from typing import Any

from contracts.schema import Schema
from testbed.programs import MONITORING

DASHBOARDS = sorted((MONITORING / "grafana" / "dashboards").glob("*.json"))
EVERY_MODEL = ".*"


class Series(Schema):
    """One line: what the legend calls it, its labels, and a value for each step, None where there was none."""

    legend: str
    labels: dict[str, str]
    values: tuple[float | None, ...]


class PanelAnswers(Schema):
    """What was asked, as it stands in the dashboard, and what came back."""

    queries: tuple[str, ...]
    series: tuple[Series, ...]


class Deploy(Schema):
    """The moment at which a model was loaded, in seconds since the first step."""

    seconds: float
    digest: str


class Answers(Schema):
    """Every panel of every dashboard, `service/1` and so on, at steps of `step_seconds`."""

    step_seconds: float
    steps: int
    deploys: tuple[Deploy, ...]
    panels: dict[str, PanelAnswers]


def panels_of(path: Path) -> list[dict[str, Any]]:
    """The panels of a dashboard, in its order."""
    panels: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["panels"]
    return panels


def deploys_query(path: Path) -> str:
    """The query of the annotations that mark deploys."""
    (deploys,) = json.loads(path.read_text(encoding="utf-8"))["annotations"]["list"]
    return str(deploys["expr"])


def queries_of(panel: dict[str, Any]) -> tuple[str, ...]:
    """What a panel asks."""
    return tuple(target["expr"] for target in panel["targets"])
