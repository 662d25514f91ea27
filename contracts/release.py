"""What production runs: the state on the host, the record of each deploy and rollback, and the champion's record.

`build/deploy/deployed.json` is a Deployment, champion.json a Champion.
"""

from typing import Literal

from pydantic import ConfigDict

from contracts.schema import Schema

Side = Literal["blue", "green"]
Action = Literal["deploy", "rollback"]


class VersionMetrics(Schema):
    """Prometheus' figures of one version over one canary step, or over the watch after the switch.

    `error_share`: answers other than 2xx among all predictions. `odd_share`: missing values and unknown categories per
    row and feature. None: not known, because there was no answer to count.
    """

    requests: float
    error_share: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    odd_share: float | None = None


class Compared(Schema):
    """One step of a canary: the share of the traffic that the new version got, and both versions' figures."""

    percent: int
    seconds: float
    new: VersionMetrics
    old: VersionMetrics | None = None


class Release(Schema):
    """One version on one side of the stack. `image`: `name@sha256:…`; `decision`: why it was admitted."""

    # A host's state may be of an earlier version, which also kept the engine's id of the image.
    model_config = ConfigDict(extra="ignore")

    image: str
    model: str
    revision: str
    decision: str
    side: Side


class Entry(Schema):
    """One line of `make releases`. `at`: RFC 3339 in UTC, when the new version had all the traffic and stayed."""

    action: Action
    image: str
    model: str
    revision: str
    replaced: str
    decision: str
    at: str
    by: str
    seconds: float
    compared: tuple[Compared, ...] = ()


class State(Schema):
    """state.json on the host, replaced atomically, so that readers see a consistent state. `entries`: newest last."""

    format_version: Literal[1] = 1
    current: Release | None = None
    previous: Release | None = None
    entries: tuple[Entry, ...] = ()


class StepRecord(Schema):
    """One step of a deploy or rollback. `said`: its result."""

    name: str
    said: str
    seconds: float


class Rollout(Schema):
    """`build/deploy/rollout.json`: what the last deploy or rollback from this machine did, and how it ended.

    `serving_at`: seconds since 1970, when the edge began to send all traffic to the new version.
    """

    format_version: Literal[1] = 1
    action: Action
    image: str
    exit_code: int
    reason: str
    seconds: float
    serving_after_seconds: float | None
    serving_at: float | None
    steps: tuple[StepRecord, ...]
    compared: tuple[Compared, ...] = ()


class Deployment(Schema):
    """deployed.json. `model`, `previous`: model digests; `previous` is "" where there was no champion."""

    format_version: Literal[1] = 1
    model: str
    previous: str = ""
    reason: str


class Champion(Schema):
    """champion.json, beside the folder `champion`: the model in production.

    `image`: `name@sha256:…`, "" where none was pushed. `commit`: from which it was built. `evaluations`: how many had
    been counted when it was promoted.
    """

    format_version: Literal[1, 2] = 2
    model: str
    image: str = ""
    commit: str = ""
    evaluations: int = 0
