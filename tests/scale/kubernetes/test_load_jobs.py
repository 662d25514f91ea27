"""The load test's Jobs on a real cluster: docs/scale.md has what they print."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scale.kubernetes.load_image import LOGGED, REQUESTS, load_image, verdict_in
from tests.scale.kubernetes.node import kill_processes
from tests.scale.kubernetes.own_image import applied, wait


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with load_image(tmp_path_factory.mktemp("load")) as name:
        yield name


def test_master_and_three_workers_end_in_one_verdict(
    image: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with applied("load", "Job", image, tmp_path) as jobs:
        wait(lambda: jobs.ended("load-master") and jobs.ended("load-worker"), 300, "both Jobs have ended")
        said = jobs.kubectl("logs", "job/load-master")
        assert (jobs.ended("load-master"), jobs.ended("load-worker")) == ("Complete", "Complete"), said
    verdict = verdict_in(said)
    assert (verdict["verdict"], verdict["requests"], verdict["failures"]) == ("pass", REQUESTS, 0)
    with capsys.disabled():
        print(f"\n  {verdict['requests']} requests, p50 {verdict['p50_ms']} ms, p95 {verdict['p95_ms']} ms", end="")


def test_a_worker_that_is_killed_under_load_leaves_no_verdict_and_is_named(
    image: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with applied("load", "Job", image, tmp_path) as jobs:
        wait(lambda: len(jobs.pods("load-worker")) == 3 and jobs.pods("load-master"), 120, "four pods run")
        wait(
            lambda: int(jobs.kubectl("exec", "job/load-master", "--", "sh", "-c", LOGGED)) > REQUESTS // 10, 300,
            "requests in the service's log",
        )  # fmt: skip
        (lost,) = [one for one in jobs.pods("load-worker") if one.metadata.name.startswith("load-worker-1-")]
        kill_processes(lost)
        wait(lambda: jobs.ended("load-master"), 120, "the master's Job has ended")
        said = jobs.kubectl("logs", "job/load-master")
        assert (jobs.ended("load-master"), jobs.ended("load-worker")) == ("Failed", "Failed"), said
    assert "unmeasured" in said
    assert "The worker load-worker-" in said
    assert '"verdict": "pass"' not in said
    with capsys.disabled():
        print(f"\n{said}", end="")
