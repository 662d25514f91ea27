"""Fits without a cluster, and with one that does not answer. tests/scale/test_dask.py runs a real one."""

import joblib
import pytest

from contracts.exits import UsageError
from tests.refusals import refuses
from training import cluster


def test_without_a_cluster_fits_run_here_and_come_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(cluster.VARIABLE, raising=False)
    rows = [3, 4]
    jobs = [joblib.delayed(sorted)(rows, reverse=order) for order in (True, False)]
    assert list(cluster.run_fits(jobs, rows, local_workers=1)) == [[4, 3], [3, 4]]


def test_a_cluster_that_does_not_answer_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cluster.VARIABLE, "tcp://127.0.0.1:1")
    monkeypatch.setattr(cluster, "WAIT_SECONDS", 1)
    with refuses(UsageError, "no-cluster", "TRAINING_CLUSTER"):
        list(cluster.run_fits([joblib.delayed(len)([])], [], local_workers=1))


def test_versions_name_libraries_and_code() -> None:
    found = cluster.fit_environment()
    assert found["numpy"].split(".")[0].isdigit()
    (digest,) = [value for name, value in found.items() if name.startswith("code of ")]
    assert len(digest) == 12
