"""Every metric of the service. All series exist, at zero, from the first scrape on.

prometheus_client does the exposition. Counting is our own, because each request counts several times: a counter adds to
a dict, and a histogram appends to a list. `fold` sorts these values into buckets, many at once: all before a scrape,
and one histogram on every tick. Only the event loop's thread counts.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

PREFIX = "gatehouse_"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
REQUEST_SECONDS = (1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
INFERENCE_SECONDS = (5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.025, 0.1)
BATCH_ROWS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
PROBABILITIES = tuple(step / 20 for step in range(1, 21))

Labels = tuple[str, ...]


class Counter(Collector):
    """A counter for a fixed set of labels: `add`, or `values[labels] += 1` where it must be fast."""

    def __init__(self, registry: CollectorRegistry, name: str, meaning: str, names: Labels = ()) -> None:
        self.values: dict[Labels, int] = {} if names else {(): 0}
        self._name, self._meaning, self._names = PREFIX + name, meaning, names
        registry.register(self)

    def make(self, labels: Iterable[Labels]) -> None:
        """Start each of these series at zero, unless it is there."""
        for one in labels:
            self.values.setdefault(one, 0)

    def add(self, *labels: str, count: int = 1) -> None:
        """Count. KeyError for labels that were not made, so that no series appears by accident."""
        self.values[labels] += count

    def collect(self) -> Iterable[Metric]:
        """Called by the registry at each scrape."""
        family = CounterMetricFamily(self._name, self._meaning, labels=self._names)
        for labels, value in self.values.items():
            family.add_metric(labels, value)
        yield family


class Series:
    """One histogram. `observe` only appends to a list; `fold` sorts the values into buckets."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.total = 0.0
        self.counts = np.zeros(len(bounds) + 1, dtype=np.int64)
        self._bounds = np.array(bounds)
        self._seen: list[float] = []
        self.observe: Callable[[float], None] = self._seen.append
        self.observe_all: Callable[[Iterable[float]], None] = self._seen.extend

    def fold(self) -> None:
        """Sort what was observed since the last call into buckets; a value on a bound belongs below it."""
        if self._seen:
            values = np.array(self._seen)
            self._seen.clear()
            self.total += float(values.sum())
            places = np.searchsorted(self._bounds, values, side="left")
            self.counts += np.bincount(places, minlength=len(self.counts))


class Histogram(Collector):
    """A histogram with fixed buckets for a fixed set of labels; `of(*labels)` is one of its series."""

    def __init__(
        self, registry: CollectorRegistry, name: str, meaning: str, bounds: Sequence[float], names: Labels = ()
    ) -> None:
        self._name, self._meaning, self._names = PREFIX + name, meaning, names
        self._bounds = bounds
        self._ends = [*(f"{bound:g}" for bound in bounds), "+Inf"]
        self._series: dict[Labels, Series] = {}
        self.make([] if names else [()])
        registry.register(self)

    def make(self, labels: Iterable[Labels]) -> None:
        """Start each of these series at zero, unless it is there."""
        for one in labels:
            self._series.setdefault(one, Series(self._bounds))

    def of(self, *labels: str) -> Series:
        """The series of these labels, which must have been made."""
        return self._series[labels]

    def fold(self) -> None:
        """Sort what was observed into buckets."""
        for series in self._series.values():
            series.fold()

    def collect(self) -> Iterable[Metric]:
        """Called by the registry at each scrape."""
        family = HistogramMetricFamily(self._name, self._meaning, labels=self._names)
        for labels, series in self._series.items():
            series.fold()
            below = np.cumsum(series.counts).tolist()
            family.add_metric(labels, list(zip(self._ends, below, strict=True)), series.total)
        yield family


class Metrics:
    """The service's series, by what they count. `score_bounds`: the buckets of the prediction distribution."""

    def __init__(self, score_bounds: Sequence[float] = PROBABILITIES) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        self.requests = Counter(registry, "requests", "Requests answered", ("route", "status"))
        self.request_seconds = Histogram(
            registry, "request_seconds", "From the request's headers to its answer", REQUEST_SECONDS, ("route",)
        )
        self.refusals = Counter(registry, "refusals", "Requests refused, by kind of problem", ("problem",))
        self.shed = Counter(registry, "shed", "Requests refused because of overload, by what ran out", ("reason",))
        self.unread = Counter(
            registry,
            "unread_answers",
            "Connections reset because nobody read their answer, by what ran out",
            ("reason",),
        )
        self.inference_seconds = Histogram(registry, "inference_seconds", "One run of the model", INFERENCE_SECONDS)
        self.batch_rows = Histogram(registry, "batch_rows", "Rows in a batch request", BATCH_ROWS)
        self.predictions = Counter(registry, "predictions", "Rows predicted, by prediction", ("prediction",))
        self.scores = Histogram(
            registry, "score", "Probability of the positive class or of the predicted one, or the value", score_bounds
        )
        self.missing = Counter(registry, "missing_values", "Values that were missing", ("feature",))
        self.unknown = Counter(registry, "unknown_categories", "Categories that training never saw", ("feature",))
        self.out_of_range = Counter(registry, "out_of_range_values", "Numbers outside training's range", ("feature",))
        self.log_written = Counter(registry, "log_records_written", "Records appended to a log", ("log",))
        self.log_dropped = Counter(registry, "log_records_dropped", "Records that a log could not take", ("log",))
        self.log_sync_failures = Counter(
            registry, "log_sync_failures", "Times that a log could not be brought to the disk", ("log",)
        )
        self.feedback = Counter(registry, "feedback", "Labels received, by what became of them", ("outcome",))
        self.last_feedback = self._gauge("last_feedback_timestamp_seconds", "When a label was last recorded; 0: never")
        self.reloads = Counter(registry, "model_reloads", "Attempts to load another model, by outcome", ("outcome",))
        self.shadow = Counter(registry, "shadow_rows", "Rows offered to the shadow model, by outcome", ("outcome",))
        self.shadow_disagreements = Counter(registry, "shadow_disagreements", "Rows that the shadow predicts otherwise")
        self.ready = self._gauge("ready", "1 when /readyz says so")
        self.in_flight = self._gauge("in_flight", "Requests at work")
        self.model = self._gauge("model_info", "1 for the model that answers", ("name", "digest"))
        self.model_loaded = self._gauge("model_loaded_timestamp_seconds", "When the model was loaded")
        self._folds: list[Callable[[], None]] = [
            one.fold for one in (self.request_seconds, self.inference_seconds, self.batch_rows, self.scores)
        ]
        self._next = 0

    def _gauge(self, name: str, meaning: str, labels: Labels = ()) -> Gauge:
        return Gauge(PREFIX + name, meaning, labels, registry=self.registry)

    def show_model(self, name: str, digest: str) -> None:
        """Name the model that answers from now on."""
        self.model.clear()
        self.model.labels(name, digest).set(1)
        self.model_loaded.set_to_current_time()

    def fold_with(self, fold: Callable[[], None]) -> None:
        """Call this `fold` together with those of the histograms."""
        self._folds.append(fold)

    def fold(self) -> None:
        """Count everything observed so far."""
        for fold in self._folds:
            fold()

    def fold_next(self) -> None:
        """Count a part of it, another at each tick, so that no tick delays an answer for long."""
        self._next = (self._next + 1) % len(self._folds)
        self._folds[self._next]()

    def exposition(self) -> bytes:
        """All series in Prometheus' text format."""
        self.fold()
        return generate_latest(self.registry)


class UploadMetrics:
    """What became of closed segments of the log, where they go to object storage; elsewhere there is none of it.

    Only the thread that uploads counts here, and retention what is lost. `waited`: for how many seconds what waits
    longest has been closed.
    """

    def __init__(self, metrics: Metrics, logs: Iterable[str], waited: Callable[[], float]) -> None:
        registry = metrics.registry
        self.uploaded = Counter(registry, "log_segments_uploaded", "Closed segments of a log in the bucket", ("log",))
        self.failures = Counter(registry, "log_upload_failures", "Uploads that failed, to be tried again", ("log",))
        self.lost = Counter(registry, "log_segments_lost", "Segments that retention removed unsent", ("log",))
        for one in (self.uploaded, self.failures, self.lost):
            one.make((log,) for log in logs)
        self.backlog = Gauge(PREFIX + "log_upload_backlog", "Closed segments that wait for upload", registry=registry)
        self.backlog_bytes = Gauge(PREFIX + "log_upload_backlog_bytes", "Their size on the disk", registry=registry)
        waiting = Gauge(PREFIX + "log_upload_waiting_seconds", "Since when the oldest of them waits", registry=registry)
        waiting.set_function(waited)
