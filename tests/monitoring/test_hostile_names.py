"""Names and classes that would break out of Prometheus' text format, a query, a rule or a template, in a real one.

The data stage refuses most of these as names of columns; a model card made elsewhere may have them, and classes are
values of a table.
"""

from collections.abc import Iterator

import pytest

from contracts.features import Feature
from contracts.schema import write_json
from contracts.verdict import ColumnComparison
from testbed.programs import ask, eventually, fetch
from testbed.served_folders import Row, graph, write_folder
from tests.monitoring.dashboards import DASHBOARDS, panels_of, queries_of
from tests.monitoring.test_dashboards import RUNBOOK, SITE
from tests.monitoring.test_verdict_metrics import verdict
from tests.monitoring.watched_stack import RATE_INTERVAL, watched_stack

FEATURES = (
    'quoted "} 1 and a backslash \\',
    "a line\n# TYPE gatehouse_ready gauge\ngatehouse_ready 0\r\n",
    "nul \x00 bell \x07 next line \x85 \u2028",
    "\u202egnp.exe\u2066 a\u200bb \U0001f600",
    '{{ $labels.job }}{{ template "x" }}<script>alert(1)</script>${runbook:raw}$digest`|\'',
    "x" * 10_000,
)
CLASSES = ('no"} 1 \\\n', "\x00", "{{ printf `%s` . }}" + "é" * 10_000)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that has scraped a service and a drift verdict with such names."""
    folder = tmp_path_factory.mktemp("hostile")
    features = tuple(Feature(name=name, kind="numeric", missing_share=0.1, example=1.0) for name in FEATURES)
    of_graph = graph("multiclass", features=len(FEATURES))
    rows: list[Row] = [dict.fromkeys(FEATURES, 1.0)]
    write_folder(
        folder / "model", "multiclass", model=of_graph, features=features, rows=rows, classes=CLASSES, name=FEATURES[4]
    )
    columns = tuple(
        ColumnComparison(column=name, kind="feature", method="psi", distance=0.1, threshold=0.2, drifted=False)
        for name in FEATURES
    )
    write_json(folder / "verdict.json", verdict(columns=columns))
    with watched_stack(folder, folder / "model", folder / "verdict.json", RUNBOOK, SITE) as stack:
        eventually(lambda: ask(stack.prometheus, "gatehouse_ready"), "the service was scraped")
        eventually(lambda: ask(stack.prometheus, "gatehouse_drift_rows"), "the verdict was scraped")
        yield stack.prometheus


@pytest.mark.parametrize(
    ("series", "label", "texts"),
    [
        ("gatehouse_missing_values_total", "feature", FEATURES),
        ("gatehouse_out_of_range_values_total", "feature", FEATURES),
        ("gatehouse_drift_distance", "column", FEATURES),
        ("gatehouse_predictions_total", "prediction", CLASSES),
        ("gatehouse_model_info", "name", FEATURES[4:5]),
    ],
)
def test_a_text_is_one_labels_value_and_nothing_else(
    prometheus: str, series: str, label: str, texts: tuple[str, ...]
) -> None:
    assert {one["metric"][label] for one in ask(prometheus, series)} == set(texts)


def test_no_series_came_out_of_a_name(prometheus: str) -> None:
    assert {one["value"][1] for one in ask(prometheus, "gatehouse_ready")} == {"1"}
    assert {one["value"][1] for one in ask(prometheus, 'up{job!="prometheus"}')} == {"1"}


def test_rules_and_dashboards_take_such_names(prometheus: str) -> None:
    for query in [query for path in DASHBOARDS for panel in panels_of(path) for query in queries_of(panel)]:
        ask(prometheus, query.replace("$__rate_interval", RATE_INTERVAL).replace("$digest", ".*"))
    groups = fetch(f"{prometheus}/api/v1/rules")["data"]["groups"]
    assert [rule["lastError"] for group in groups for rule in group["rules"] if rule.get("lastError")] == []
