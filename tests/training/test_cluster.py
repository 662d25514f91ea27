"""Where fits run: what is said of a cluster that is not there. tests/scale/test_dask.py has one that is."""

import joblib
import pytest

from contracts.exits import UsageError
from training import cluster


def test_without_a_cluster_fits_run_here_and_come_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(cluster.VARIABLE, raising=False)
    rows = [3, 4]
    jobs = [joblib.delayed(sorted)(rows, reverse=order) for order in (True, False)]
    assert list(cluster.run_fits(jobs, rows, local_workers=1)) == [[4, 3], [3, 4]]


def test_a_cluster_that_does_not_answer_is_said_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cluster.VARIABLE, "tcp://127.0.0.1:1")
    monkeypatch.setattr(cluster, "WAIT_SECONDS", 1)
    with pytest.raises(UsageError, match=r"TRAINING_CLUSTER is .* unset the variable to train on this machine"):
        list(cluster.run_fits([joblib.delayed(len)([])], [], local_workers=1))


def test_what_decides_the_bits_of_a_fit_names_libraries_and_code() -> None:
    found = cluster.versions()
    assert found["numpy"].split(".")[0].isdigit()
    assert len(found["code of contracts, training, scoring"]) == 12
