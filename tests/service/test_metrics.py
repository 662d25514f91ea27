"""Every series exists from the start, counts what it says, and none appears by accident."""

from pathlib import Path
from typing import get_args

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from service.api.feedback import FeedbackOutcome
from service.http.api_keys import SCOPES
from service.http.problems import KINDS
from service.metrics import Counter, Metrics, Series
from testbed.clients import InProcess
from testbed.served_folders import FEATURES, ROW, write_folder


def series_of(service: InProcess) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    families = text_string_to_metric_families(service.get("/metrics").text)
    return {(one.name, tuple(sorted(one.labels.items()))) for family in families for one in family.samples}


def test_every_series_exists_before_the_first_request(service: InProcess) -> None:
    for route in set(SCOPES) - {"/metrics"}:
        for status in ("2xx", "4xx", "5xx"):
            assert service.metric("requests_total", route=route, status=status) == 0
    for feature in FEATURES:
        for name in ("missing_values_total", "unknown_categories_total", "out_of_range_values_total"):
            assert service.metric(name, feature=feature.name) == 0
    for kind in KINDS:
        assert service.metric("refusals_total", problem=kind.slug) == 0
    for outcome in get_args(FeedbackOutcome):
        assert service.metric("feedback_total", outcome=outcome) == 0
    for log in ("predictions", "labels"):
        assert service.metric("log_records_dropped_total", log=log) == 0
        assert service.metric("log_sync_failures_total", log=log) == 0
    assert service.metric("predictions_total", prediction="no") == 0
    assert service.metric("shed_total", reason="full") == 0
    assert service.metric("model_reloads_total", outcome="refused") == 0


def test_no_request_makes_a_series_appear(service: InProcess) -> None:
    before = series_of(service)
    service.post("/predict", ROW)
    service.post("/predict/batch", {"rows": [ROW]})
    service.send("/predict", b"{")
    service.post("/feedback", {"labels": [{"id": "x", "actual": "yes"}]})
    service.get("/requests")
    for path in ("/nowhere", "/wp-admin.php", "/predict/../secret", "/v2/models/drawn", "/v2/models/other"):
        service.get(path)
    assert series_of(service) == before


def test_requests_are_counted_by_route_template_and_status_class(service: InProcess) -> None:
    service.get("/v2/models/drawn")
    service.get("/v2/models/other")
    service.get("/nowhere/1")
    service.get("/nowhere/2")
    assert service.metric("requests_total", route="/v2/models/{model_name}", status="2xx") == 1
    assert service.metric("requests_total", route="/v2/models/{model_name}", status="4xx") == 1
    assert service.metric("requests_total", route="(none)", status="4xx") == 2
    assert service.metric("request_seconds_count", route="(none)") == 2


@pytest.mark.parametrize("page", ["/docs", "/openapi.json"])
def test_the_documentations_pages_are_routes_of_their_own(service: InProcess, page: str) -> None:
    service.get(page)
    assert service.metric("requests_total", route=page, status="2xx") == 1
    assert service.metric("requests_total", route="(none)", status="2xx") == 0


def test_the_model_is_named_with_its_digest(service: InProcess) -> None:
    assert service.metric("model_info", name="drawn", digest=service.service.predictor.model.digest) == 1
    assert service.metric("ready") == 1


def test_a_regressions_values_have_buckets_of_their_own(tmp_path: Path) -> None:
    made = InProcess(write_folder(tmp_path / "model", "regression"), tmp_path / "log")
    made.post("/predict", ROW)
    assert made.metric("score_bucket", le="+Inf") == 1
    ends = [dict(labels)["le"] for name, labels in series_of(made) if name == "gatehouse_score_bucket" and dict(labels)]
    assert len(ends) >= 3


def test_a_value_on_a_bound_belongs_below_it() -> None:
    series = Series((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 2.5):
        series.observe(value)
    series.fold()
    series.observe(9.0)
    series.fold()
    assert (series.counts.tolist(), series.total) == ([2, 2, 2], 16.5)


def test_a_few_ticks_count_everything_a_part_at_each() -> None:
    metrics, counted = Metrics(), list[str]()
    metrics.fold_with(lambda: counted.append("inputs"))
    series = metrics.scores.of()
    series.observe(0.5)
    for _ in range(5):
        metrics.fold_next()
    assert (int(series.counts.sum()), counted) == (1, ["inputs"])


def test_labels_that_were_not_made_are_refused() -> None:
    counter = Counter(CollectorRegistry(), "seen", "Things seen", ("thing",))
    counter.make([("known",)])
    with pytest.raises(KeyError):
        counter.add("unknown")
