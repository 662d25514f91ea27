"""Runs fits on this machine's cores, or on the workers of the Dask cluster that TRAINING_CLUSTER names.

Workers get data over the network. They import this project and its libraries from their own disk, which decide the last
bits of a fit and so the model's digest. So every worker must show the same versions before it gets work. Dask gives the
fits of a worker that dies to the others.
"""

import hashlib
import importlib
import os
import platform
import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import joblib

from contracts.exits import OutsideError, UsageError

VARIABLE = "TRAINING_CLUSTER"
WAIT_SECONDS = 10
REACH_SECONDS = 5
ROOT = Path(__file__).parents[1]
PACKAGES = ("contracts", "training", "scoring")
LIBRARIES = ("numpy", "scipy", "scikit-learn", "joblib", "lightgbm", "xgboost-cpu", "xgboost", "catboost")


def run_fits(jobs: Sequence[Any], shared: object, local_workers: int, *, in_threads: bool = False) -> Iterator[Any]:
    """The results of these `joblib.delayed` calls in their order, each as soon as it and those before it are done.

    `shared`: an argument of every call, which each worker of a cluster gets once. `local_workers`: processes, or
    threads, to use where no cluster is named. Raises UsageError for a cluster that does not answer or has other code
    or libraries, and OutsideError where its workers die.
    """
    address = os.environ.get(VARIABLE)
    if address:
        return _on_cluster(address, jobs, shared)
    backend = "threading" if in_threads else "loky"
    results: Iterator[Any] = joblib.Parallel(n_jobs=local_workers, backend=backend, return_as="generator")(jobs)
    return results


def fit_environment() -> dict[str, str]:
    """What the bits of a fit depend on: processor, Python, libraries, and the digest of our own code."""
    found = {"processor": platform.machine(), "Python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    code = hashlib.sha256()
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            code.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return found | {"code of " + ", ".join(PACKAGES): code.hexdigest()[:12]}


def _on_cluster(address: str, jobs: Sequence[Any], shared: object) -> Iterator[Any]:
    """With Dask's own client: joblib's Dask backend waits forever where a call kills its worker (joblib 1.6)."""
    with _connected(address) as client:
        (held,) = client.scatter([shared], broadcast=True, hash=False)
        futures = [
            client.submit(call, *(held if one is shared else one for one in arguments), **named, pure=False)
            for call, arguments, named in jobs
        ]
        try:
            yield from (future.result() for future in futures)
        except (_dask().KilledWorker, CancelledError) as error:
            raise OutsideError(
                f"The cluster at {address} gave up: {error} Where a fit kills worker after worker, the usual cause is "
                "memory: give each worker more, or start fewer on a machine."
            ) from error


def _dask() -> Any:
    """Dask's library, which is installed only for a cluster."""
    try:
        return importlib.import_module("distributed")
    except ImportError:
        raise UsageError(
            f"{VARIABLE} is {os.environ[VARIABLE]!r}, and Dask is not installed. "
            'Run `make setup GROUPS="service train cluster"`, or unset the variable to train on this machine.',
            code="no-cluster",
        ) from None


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    """A client whose workers all have our code and libraries."""
    with ExitStack() as stack:
        try:
            client = stack.enter_context(_dask().Client(address, timeout=WAIT_SECONDS, set_as_default=False))
            client.wait_for_workers(1, timeout=WAIT_SECONDS)
        except (OSError, ValueError) as error:
            raise UsageError(
                f"{VARIABLE} is {address!r}, and no Dask scheduler with a worker answered there in {WAIT_SECONDS} s: "
                f"{error}. Start them as docs/scale.md says, or unset the variable to train on this machine.",
                code="no-cluster",
            ) from error
        ours = fit_environment()
        for worker, found in client.run(fit_environment, on_error="return").items():
            _require_the_same(worker, found, ours)
        workers = tuple(client.scheduler_info(n_workers=-1)["workers"])
        for worker, missed in client.run(unreached, workers).items():
            if missed:
                raise UsageError(
                    f"The worker {worker} does not reach {', '.join(missed)}. Workers send each other data, so each "
                    "must reach every other one, not only the scheduler. Open the network between them; --worker-port "
                    "gives a worker a fixed port for the firewall."
                )
        yield client


def unreached(workers: Sequence[str]) -> list[str]:
    """The addresses that accept no connection from this worker. Dask itself would try forever."""
    missed = []
    for address in workers:
        parts = urlsplit(address)
        try:
            socket.create_connection((parts.hostname or "", parts.port or 0), REACH_SECONDS).close()
        except OSError:
            missed.append(address)
    return missed


def _require_the_same(worker: str, found: Any, ours: dict[str, str]) -> None:
    if isinstance(found, Exception):
        raise UsageError(
            f"The worker {worker} cannot import this project: {type(found).__name__}: {found}. Start it in a checkout "
            "of this commit, with that checkout's own Python."
        )
    for name, here in ours.items():
        if found.get(name) != here:
            raise UsageError(
                f"The worker {worker} has {name}: {found.get(name)}; required, as here: {here}. With another one it "
                "fits another model. Check out this commit there, and run `make setup`."
            )
