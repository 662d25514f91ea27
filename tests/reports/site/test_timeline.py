"""Plots over time: true to their figures, readable as text, and harmless whatever the names are."""

import datetime as dt
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.page.ticks import value_ticks
from reports.site.timeline import Line, Point, heat_chart, line_chart, stack_chart, time_ticks
from tests.payloads import PAYLOADS

START = dt.datetime(2026, 1, 1, 5, 17, tzinfo=dt.UTC)


def line(values: list[float], name: str = "p50", **marks: str) -> Line:
    days = [START + dt.timedelta(days=number) for number in range(len(values))]
    points = (
        Point(at, value, mark=marks.get(f"at_{number}", ""))
        for number, (at, value) in enumerate(zip(days, values, strict=True))
    )
    return Line(name, 1, tuple(points))


def plain(value: float) -> str:
    return f"{value:g}"


def drawn(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def test_a_higher_value_is_drawn_higher_and_a_later_one_further_right() -> None:
    svg = drawn(line_chart("Latency", [line([1.0, 3.0, 2.0])], plain))
    path = next(one for one in svg.iter("polyline") if "line" in one.attrib["class"])
    points = [tuple(map(float, pair.split(","))) for pair in path.attrib["points"].split()]
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert points[1][1] < points[2][1] < points[0][1]


def test_a_plot_says_its_figures_in_words() -> None:
    svg = drawn(line_chart("Latency", [line([1.0, 3.0, 2.0])], plain))
    assert svg.findtext("title") == "Latency"
    assert svg.findtext("desc") == ("p50: 3 points from 2026-01-01 to 2026-01-03, least 1, median 2, most 3, latest 2")


def test_a_limit_lies_inside_the_plot_even_when_all_values_are_far_below() -> None:
    svg = drawn(line_chart("Distance", [line([0.1, 0.2])], plain, limit=1.0))
    limit = next(one for one in svg.iter("line") if one.attrib["class"] == "limit")
    assert 0 <= float(limit.attrib["y1"]) <= 160


def test_among_many_points_those_that_say_something_keep_their_mark() -> None:
    svg = drawn(line_chart("Metric", [line([0.5] * 200, at_70="bad")], plain))
    marks = [one.attrib["class"] for one in svg.iter("circle")]
    assert marks == ["mark bad", "dot c1"]


@pytest.mark.parametrize("values", [[], [1.0]])
def test_one_point_is_no_plot(values: list[float]) -> None:
    assert line_chart("x", [line(values)], plain) == ""
    assert stack_chart("x", [line(values)], plain) == ""


def test_stacked_areas_end_at_the_sum() -> None:
    svg = drawn(stack_chart("Minutes", [line([1.0, 1.0], "data"), line([3.0, 3.0], "train")], plain))
    top = min(float(pair.split(",")[1]) for one in svg.iter("polygon") for pair in one.attrib["points"].split())
    scale = {one.text: float(one.attrib["y"]) - 4 for one in svg.iter("text")}
    assert top == pytest.approx(scale["4"])


def test_a_column_beyond_its_threshold_is_red_and_named() -> None:
    windows = [("2026-01-01", {"temp": 0.3, "wind": 0.9}), ("2026-01-02", {"temp": 1.2, "wind": 0.9})]
    svg = drawn(heat_chart("Columns", ["temp", "wind"], windows))
    assert [one.attrib["class"] for one in svg.iter("rect")] == ["heat h1", "heat h4", "heat h3", "heat h3"]
    assert (svg.findtext("desc") or "").endswith("Over their threshold in the last: temp.")


def test_a_column_that_was_not_compared_has_no_cell() -> None:
    svg = drawn(heat_chart("Columns", ["new"], [("2026-01-01", {}), ("2026-01-02", {"new": 0.1})]))
    assert len(list(svg.iter("rect"))) == 1


@pytest.mark.parametrize("payload", PAYLOADS)
def test_names_are_text_in_every_plot(payload: str) -> None:
    text = "".join(sign if sign.isprintable() else " " for sign in payload)
    for svg in (
        line_chart(text, [line([1.0, 2.0], text)], plain),
        stack_chart(text, [line([1.0, 2.0], text)], plain),
        heat_chart(text, [text], [(text, {text: 2.0}), (text, {text: 0.2})]),
    ):
        tags = {one.tag for one in drawn(svg).iter()}
        assert tags <= {"svg", "title", "desc", "line", "text", "polyline", "polygon", "circle", "rect"}
        assert text in (drawn(svg).findtext("title") or "")


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_ticks_hold_both_ends_and_are_few(one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    ticks = value_ticks(low, high)
    assert 2 <= len(ticks) <= 7
    assert ticks == sorted(set(ticks))
    slack = 1e-6 * max(abs(low), abs(high), 1e-9)
    assert ticks[0] <= low + slack
    assert ticks[-1] >= high - slack


@given(st.integers(0, 20 * 365 * 24))
def test_moments_on_the_axis_are_few_and_inside(hours: int) -> None:
    last = START + dt.timedelta(hours=hours)
    ticks = list(time_ticks(START, last))
    assert len(ticks) <= 6
    assert all(START <= at <= last for at, _ in ticks)
    assert all(label.strip() for _, label in ticks)
