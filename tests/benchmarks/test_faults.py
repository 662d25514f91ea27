"""The torture runner's own machinery: it sees what it should see, and a figure that is missed is not let through."""

from pathlib import Path

import pytest

from benchmarks.faults import __main__ as runner
from benchmarks.faults.document import BEGIN, END, write_table
from benchmarks.faults.families import kills
from benchmarks.faults.families.overload import OpenLoop, normal_after, open_loop
from benchmarks.faults.figure import Figure, all_of, at_least, at_most, none_of, note, quantile
from benchmarks.faults.service_under_test import running_service
from contracts.exits import Exit
from deploy.load_client import LOST, Exchange, LoadClient, request_bytes
from testbed.hostile import GOOD
from testbed.served_folders import write_folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("served") / "model", max_batch_rows=kills.BATCH_ROWS)


@pytest.mark.parametrize(
    "figure",
    [
        at_most("a", 1.1, 1),
        at_least("a", 0.9, 1),
        none_of("a", 1, 10, "b"),
        none_of("a", 0, 0, "b"),
        all_of("a", 9, 10, "b"),
        all_of("a", 0, 0, "b"),
        at_most("a", float("nan"), 1),
    ],
)
def test_a_figure_is_missed(figure: Figure) -> None:
    assert not figure.holds
    assert "MISSED" in str(figure)


@pytest.mark.parametrize("figure", [at_most("a", 1, 1), at_least("a", 1, 1), none_of("a", 0, 1, "b"), note("a", "b")])
def test_a_figure_holds(figure: Figure) -> None:
    assert figure.holds


def test_a_quantile_of_nothing_is_no_figure() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        quantile([], 0.99)


def test_a_family_replaces_its_own_lines_of_the_table_alone(tmp_path: Path) -> None:
    document = tmp_path / "faults.md"
    document.write_text(f"before\n{BEGIN}\n{END}\nafter\n")
    order = ("kills", "disks")
    write_table("disks", [at_most("a|b", 1, 2)], order, document)
    write_table("kills", [at_most("a", 1, 2)], order, document)
    write_table("kills", [at_most("a", 3, 2)], order, document)
    lines = document.read_text().splitlines()
    assert [line for line in lines if line.startswith(("| kills", "| disks"))] == [
        "| kills | a | 3 | ≤ 2 | **missed** |",
        "| disks | a\\|b | 1 | ≤ 2 | holds |",
    ]
    assert (lines[0], lines[-1]) == ("before", "after")


def test_an_unknown_family_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.main(["--only", "kills locusts"]) == Exit.USAGE
    assert "'locusts'" in capsys.readouterr().err


def test_a_missed_figure_is_a_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "faults.md").write_text(f"{BEGIN}\n{END}")
    monkeypatch.setattr(runner, "DOCUMENT", tmp_path / "faults.md")
    monkeypatch.setitem(runner.FAMILIES, "kills", lambda _: [at_most("a", 2, 1)])
    assert runner.main(["--only", "kills"]) == Exit.FINDING
    monkeypatch.setitem(runner.FAMILIES, "kills", lambda _: [at_most("a", 1, 1)])
    assert runner.main(["--only", "kills"]) == Exit.PASS


def test_a_kill_loses_nothing_and_a_record_that_is_gone_is_seen(model: Path, tmp_path: Path) -> None:
    load = kills.kill_once(model, tmp_path, 0.05)
    assert load.predictions
    assert LOST in load.statuses + load.label_statuses
    whole = kills.figures(tmp_path, model, load.predictions, load.labels, kills.KILLS)
    assert [one for one in whole if not one.holds and "labels" not in one.what] == []
    told = load.predictions | {"01a20810-28ff-7abe-9eb0-0fe602519762"}
    missed = [one.what for one in kills.figures(tmp_path, model, told, load.labels, kills.KILLS) if not one.holds]
    assert "acknowledged predictions missing" in missed


def test_the_wire_tells_answers_from_lost_requests(model: Path, tmp_path: Path) -> None:
    with running_service(model, tmp_path) as service, LoadClient(service.address, 2) as client:
        assert client.send(request_bytes("/predict", GOOD), 0.0, "good")
        assert client.send(request_bytes("/predict", b"{"), 0.0, "bad")
        assert not client.send(request_bytes("/livez"), 0.0)
        ended: list[Exchange] = []
        while client.waiting or len(ended) < 2:
            ended += client.poll(1)
        assert {one.tag: one.status for one in ended} == {"good": 200, "bad": 400}
        client.send(request_bytes("/predict", GOOD)[:-1], 0.0, "cut off")
        service.process.child.kill()
        while not (ended := list(client.poll(1))):
            pass
        assert [(one.tag, one.status) for one in ended] == [("cut off", LOST)]


def test_an_open_loop_sends_what_is_due_whatever_becomes_of_it(model: Path, tmp_path: Path) -> None:
    with running_service(model, tmp_path) as service:
        offered = open_loop(service, request_bytes("/predict", GOOD), 200, 0.5)
    assert len(offered.requests) + offered.unsent + offered.unanswered == 100
    assert all(one.done >= one.sent >= one.due for one in offered.requests)
    assert offered.health


def exchanges(status: int, seconds: float) -> OpenLoop:
    several = [Exchange("", number / 10, number / 10, number / 10 + seconds, status, b"") for number in range(50)]
    return OpenLoop(10, 5, 5, several, [], 0, 0, 0.0)


@pytest.mark.parametrize(("status", "seconds"), [(503, 0.01), (200, 0.5)])
def test_a_service_that_refuses_or_is_slow_is_not_back_to_normal(status: int, seconds: float) -> None:
    assert normal_after(exchanges(200, 0.01), exchanges(200, 0.01)) == 0
    assert normal_after(exchanges(200, 0.01), exchanges(status, seconds)) == float("inf")
