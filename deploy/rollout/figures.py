"""What Prometheus itself counted of each version, asked through the edge's container.

Only predictions count: health checks come every second and are always fast. An empty answer, or NaN, is None.
"""

import http.client
import io
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from contracts.release import Figures
from deploy.engine import EngineError
from deploy.rollout.host import Host
from deploy.rollout.replicas import instances

PLACE, PORT = "prometheus", 9090
ROUTES = "/predict|/predict/batch|/v2/models/.+/infer"
POLL_SECONDS = 0.5


class PrometheusError(EngineError):
    """Prometheus does not answer, or not to this question: nothing is known, and nothing goes on."""


@dataclass(frozen=True)
class Prometheus:
    """The stack's own."""

    host: Host

    def value(self, query: str) -> float | None:
        """The one number that a query gives now; None for an empty answer or NaN. Raises PrometheusError."""
        request = f"GET /api/v1/query?{urlencode({'query': query})} HTTP/1.0\r\nHost: deploy\r\n\r\n"
        return parse_value(self.host.exchange(PLACE, PORT, request.encode()), query)

    def figures(self, services: Sequence[str], seconds: float) -> Figures:
        """Of these replicas together, over the last `seconds`."""
        series = f'instance=~"{"|".join(instances(services))}", route=~"{ROUTES}"'
        window = f"{max(1, round(seconds))}s"
        requests = f"sum(increase(gatehouse_requests_total{{{series}}}[{window}]))"
        failed = f'sum(increase(gatehouse_requests_total{{{series}, status!="2xx"}}[{window}]))'
        buckets = f"sum by (le) (increase(gatehouse_request_seconds_bucket{{{series}}}[{window}]))"
        return Figures(
            requests=self.value(requests) or 0.0,
            error_share=self.value(f"{failed} / {requests}"),
            p50_ms=_milliseconds(self.value(f"histogram_quantile(0.5, {buckets})")),
            p95_ms=_milliseconds(self.value(f"histogram_quantile(0.95, {buckets})")),
        )

    def wait_until_scraped(self, services: Sequence[str], seconds: float) -> None:
        """Until it has figures of each of these replicas. Raises PrometheusError after `seconds`."""
        deadline = time.monotonic() + seconds
        query = f'sum(up{{instance=~"{"|".join(instances(services))}"}})'
        while self._or_none(query) != len(services):
            if time.monotonic() > deadline:
                raise PrometheusError(
                    f"After {seconds:g} s Prometheus does not scrape {' and '.join(services)}. "
                    "With API keys on, METRICS_KEY_FILE must name a key of scope metrics."
                )
            time.sleep(POLL_SECONDS)

    def _or_none(self, query: str) -> float | None:
        try:
            return self.value(query)
        except EngineError:  # it is starting
            return None


def parse_value(raw: bytes, query: str) -> float | None:
    """The number in an answer of /api/v1/query. Raises PrometheusError."""
    stream = io.BytesIO(raw)
    try:
        status = int(stream.readline().split()[1])
        http.client.parse_headers(stream)
        document = json.loads(stream.read())
        samples = document["data"]["result"]
    except (IndexError, KeyError, TypeError, ValueError, http.client.HTTPException) as error:
        raise PrometheusError(f"Prometheus' answer to `{query}` cannot be read ({error!r}).") from None
    if status != 200 or len(samples) > 1:
        raise PrometheusError(f"Prometheus answered {status} with {len(samples)} values to `{query}`.")
    value = float(samples[0]["value"][1]) if samples else math.nan
    return value if math.isfinite(value) else None


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
