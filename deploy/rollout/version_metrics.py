"""Each version's metrics from Prometheus, queried from inside the production: through the edge's container, or a pod.

Only predictions count, because health checks come every second and are always fast. An empty answer, or NaN, is None.
"""

import http.client
import io
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from contracts.release import VersionMetrics
from deploy.engine import EngineError

PLACE, PORT = "prometheus", 9090
ROUTES = "/predict|/predict/batch|/v2/models/.+/infer"
ODD = ("gatehouse_missing_values_total", "gatehouse_unknown_categories_total")
POLL_SECONDS = 0.5


class PrometheusError(EngineError):
    """Prometheus does not answer, or its answer cannot be read. The deploy stops."""


@dataclass(frozen=True)
class Prometheus:
    """The production's Prometheus. `exchange`: connects to a port of a place there, sends, and returns what came back.

    A version is named by the label matchers of its replicas' series, such as `instance=~"replica-1:8000"`.
    """

    exchange: Callable[[str, int, bytes], bytes]
    place: str = PLACE
    port: int = PORT

    def values(self, *queries: str) -> list[float | None]:
        """The number that each query gives now; None for an empty answer or NaN. Raises PrometheusError.

        They share one connection, because each connection starts processes on this machine and on the host.
        """
        requests = [
            f"GET /api/v1/query?{urlencode({'query': one})} HTTP/1.1\r\nHost: deploy\r\n\r\n" for one in queries
        ]
        requests[-1] = requests[-1].replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")
        return parse_values(self.exchange(self.place, self.port, "".join(requests).encode()), queries)

    def figures(self, replicas: str, seconds: float) -> VersionMetrics:
        """The metrics of these replicas together, over the last `seconds`."""
        series = f'{replicas}, route=~"{ROUTES}"'
        window = f"{max(1, round(seconds))}s"
        requests = f"sum(increase(gatehouse_requests_total{{{series}}}[{window}]))"
        failed = f'sum(increase(gatehouse_requests_total{{{series}, status!="2xx"}}[{window}]))'
        buckets = f"sum by (le) (increase(gatehouse_request_seconds_bucket{{{series}}}[{window}]))"
        odd = " + ".join(f"(sum(increase({name}{{{replicas}}}[{window}])) or vector(0))" for name in ODD)
        features = f"count(count by (feature) (gatehouse_missing_values_total{{{replicas}}}))"
        rows = f"sum(increase(gatehouse_score_count{{{replicas}}}[{window}]))"
        counted, error_share, p50, p95, odd_share = self.values(
            requests,
            f"{failed} / {requests}",
            f"histogram_quantile(0.5, {buckets})",
            f"histogram_quantile(0.95, {buckets})",
            f"({odd}) / ({rows} * {features})",
        )
        return VersionMetrics(
            requests=counted or 0.0,
            error_share=error_share,
            p50_ms=_milliseconds(p50),
            p95_ms=_milliseconds(p95),
            odd_share=odd_share,
        )

    def wait_until_scraped(self, replicas: str, services: Sequence[str], seconds: float) -> None:
        """Wait until it has scraped each of these. Raises PrometheusError, with their names, after `seconds`."""
        deadline = time.monotonic() + seconds
        query = f"sum(up{{{replicas}}})"
        while self._or_none(query) != len(services):
            if time.monotonic() > deadline:
                raise PrometheusError(
                    f"After {seconds:g} s Prometheus does not scrape {' and '.join(services)}. "
                    "With API keys on, METRICS_KEY_FILE must name a key of scope metrics."
                )
            time.sleep(POLL_SECONDS)

    def _or_none(self, query: str) -> float | None:
        try:
            return self.values(query)[0]
        except EngineError:  # it is starting
            return None


def parse_values(raw: bytes, queries: Sequence[str]) -> list[float | None]:
    """The number in each answer of /api/v1/query on one connection. Raises PrometheusError."""
    stream = io.BytesIO(raw)
    return [_next_value(stream, query) for query in queries]


def _next_value(stream: io.BytesIO, query: str) -> float | None:
    try:
        status = int(stream.readline().split()[1])
        length = int(http.client.parse_headers(stream)["Content-Length"])
        samples = json.loads(stream.read(length))["data"]["result"]
    except (IndexError, KeyError, TypeError, ValueError, http.client.HTTPException) as error:
        raise PrometheusError(f"Prometheus' answer to `{query}` cannot be read ({error!r}).") from None
    if status != 200 or len(samples) > 1:
        raise PrometheusError(f"Prometheus answered {status} with {len(samples)} values to `{query}`.")
    value = float(samples[0]["value"][1]) if samples else math.nan
    return value if math.isfinite(value) else None


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
