"""Real replicas whose log goes to a real S3 server, and what is there in the end."""

import gzip
import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from contracts.outside.buckets import Bucket
from testbed.clients import Process, metric_in, running
from testbed.served_folders import ROW
from tests.scale.s3_server import BUCKET, S3Server

BATCH = 1000
# A file is closed at a mebibyte: some 3,000 rows.
SEGMENT = {"LOG_ROTATE_MB": "1", "GRACE_SECONDS": "30"}


def new_address() -> str:
    """A prefix that nothing is under."""
    return f"s3://{BUCKET}/{uuid.uuid4().hex}"


@contextmanager
def replica(
    model: Path, log: Path, server: S3Server, address: str, endpoint: str = "", **settings: str
) -> Iterator[Process]:
    told = server.environment | ({"AWS_ENDPOINT_URL_S3": endpoint} if endpoint else {}) | settings
    with running(model, log, REQUEST_LOG_BUCKET=address, **(SEGMENT | told)) as service:
        yield service


def predict(service: Process, batches: int = 8, **headers: str) -> list[str]:
    """Ids that the service acknowledged."""
    with service.client(**headers) as client:
        answers = [client.post("/predict/batch", json={"rows": [ROW] * BATCH}) for _ in range(batches)]
    assert {one.status_code for one in answers} == {200}
    return [row["id"] for one in answers for row in one.json()["predictions"]]


def metric(service: Process, name: str, **labels: str) -> float:
    with service.client() as client:
        return metric_in(client.get("/metrics").text, name, **labels)


def has_sent_all(service: Process) -> Callable[[], bool]:
    return lambda: metric(service, "log_upload_backlog") == 0


def stored(server: S3Server, address: str, log: str = "predictions") -> list[dict[str, Any]]:
    """Every record that is there."""
    store = Bucket(address, server.environment["AWS_ENDPOINT_URL_S3"]).store()
    names = [one["path"] for listed in store.list() for one in listed if f"/{log}-" in one["path"]]
    packed = [bytes(store.get(name).bytes()) for name in sorted(names)]
    return [json.loads(line) for one in packed for line in gzip.decompress(one).splitlines()]


def lost_and_doubled(server: S3Server, address: str, acknowledged: list[str]) -> tuple[int, int]:
    times = Counter(one["id"] for one in stored(server, address))
    return sum(not times[one] for one in acknowledged), sum(count > 1 for count in times.values())
