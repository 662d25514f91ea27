"""The deploy lock: a Lease that this process renews. It runs out after LEASE_SECONDS where its owner has ended.

A second deployer watches the Lease for that long: if it is renewed meanwhile, its owner lives, and the text says who
that is. Only changes are compared, never clocks of two machines.
"""

import datetime as dt
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from kubernetes import client

from deploy.engine import EngineError
from deploy.host.lock import LockedError, owner
from deploy.kubernetes.cluster import Cluster, ClusterError, ConflictError, MissingError

NAME = "service-deploy"
REASON = "gatehouse/reason"
LEASE_SECONDS = 15
RENEW_SECONDS = 2.0
POLL_SECONDS = 0.25


@dataclass
class Held:
    """The held lock."""

    cluster: Cluster
    lease: client.V1Lease
    name: str = f"the Lease {NAME}"
    lost: str = ""
    _ended: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        """Raises EngineError if the lock was lost."""
        if self.lost:
            raise EngineError(f"The lock {NAME} is lost: {self.lost}")

    def renew_until_released(self) -> None:
        """Runs in a thread of its own, on a connection of its own."""
        renewed = time.monotonic()
        while not self._ended.wait(RENEW_SECONDS):
            try:
                self.lease.spec.renew_time = now()
                self.lease = _replace(self.cluster, self.lease)
                renewed = time.monotonic()
            except (ConflictError, MissingError) as error:
                self.lost = f"it was taken or removed by hand. {error}"
                return
            except ClusterError as error:  # the API server may be back before the lease runs out
                if time.monotonic() - renewed > LEASE_SECONDS:
                    self.lost = str(error)
                    return

    def release(self, renewing: threading.Thread) -> None:
        self._ended.set()
        renewing.join()
        if not self.lost:
            self.lease.spec.holder_identity = None
            with suppress(ClusterError):  # it runs out by itself
                _replace(self.cluster, self.lease)


@contextmanager
def lock(namespace: str, reason: str) -> Iterator[Held]:
    """Hold the lock. Raises LockedError and ClusterError."""
    cluster = Cluster(namespace)
    held = Held(cluster, _acquire(cluster, reason))
    renewing = threading.Thread(target=held.renew_until_released, daemon=True)
    renewing.start()
    try:
        yield held
    finally:
        held.release(renewing)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _acquire(cluster: Cluster, reason: str) -> client.V1Lease:
    """Take a lease that is free, or that nobody has renewed for its own duration."""
    first = _read(cluster)
    began = time.monotonic()
    while True:
        seen = _read(cluster)
        is_dead = time.monotonic() - began >= LEASE_SECONDS
        if seen is None or not seen.spec.holder_identity or is_dead:
            try:
                return _take(cluster, seen, reason)
            except ConflictError:  # another one was faster
                began, first = time.monotonic(), _read(cluster)
                continue
        if first is None or seen.metadata.resource_version != first.metadata.resource_version:
            raise LockedError(
                f"Another deploy holds the lock: {_who(seen)}. Wait for it. If its owner hangs, end that process; "
                f"the lock runs out {LEASE_SECONDS} s later."
            )
        time.sleep(POLL_SECONDS)


def _take(cluster: Cluster, seen: client.V1Lease | None, reason: str) -> client.V1Lease:
    taken = client.V1Lease(
        metadata=client.V1ObjectMeta(name=NAME, annotations={REASON: reason}),
        spec=client.V1LeaseSpec(
            holder_identity=f"{owner()} (process {os.getpid()})",
            lease_duration_seconds=LEASE_SECONDS,
            acquire_time=now(),
            renew_time=now(),
        ),
    )
    if seen is None:
        return cluster.ask(cluster.leases.create_namespaced_lease, cluster.namespace, taken)
    taken.metadata.resource_version = seen.metadata.resource_version
    return _replace(cluster, taken)


def _read(cluster: Cluster) -> client.V1Lease | None:
    return cluster.find(cluster.leases.read_namespaced_lease, NAME, cluster.namespace)


def _replace(cluster: Cluster, lease: client.V1Lease) -> client.V1Lease:
    return cluster.ask(cluster.leases.replace_namespaced_lease, NAME, cluster.namespace, lease)


def _who(lease: client.V1Lease) -> str:
    since = lease.spec.acquire_time or now()
    age = int((now() - since).total_seconds())
    reason = (lease.metadata.annotations or {}).get(REASON, "unknown")
    return f"{lease.spec.holder_identity} since {since:%H:%M:%S} UTC ({age} s ago), for {reason}"
