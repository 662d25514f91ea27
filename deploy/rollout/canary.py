"""The comparison of two versions that serve at the same time: what lets the new one go on, and what stops it.

Whatever is not known stops it: too few requests, no answer from Prometheus, NaN. Both are compared over the same
seconds, under the same traffic, so a busy machine makes both slow.
"""

import math
import time
from collections.abc import Callable, Iterator

from contracts.exits import FindingError
from contracts.pipeline_toml.keys import Deploy
from contracts.release import Compared, VersionMetrics

POLL_SECONDS = 1.0
# Below this the p95 hangs on a handful of requests.
P95_REQUESTS = 400
# One healthy version in 740 is stopped by luck.
STANDARD_ERRORS = 3.0


class CanaryError(FindingError):
    """The new version is worse than the old one, or it is not known that it is not."""


def objections(
    new: VersionMetrics, old: VersionMetrics | None, rules: Deploy, *, before: bool = False
) -> Iterator[str]:
    """One sentence for each figure that speaks against the new version; `old` is None at a first deploy.

    `before`: the old one's figures are from before, not from the same seconds. Then the p95 says more about the machine
    than about the version, and only the median is compared.
    """
    if None in (new.error_share, new.p50_ms, new.p95_ms) or (old and None in (old.error_share, old.p50_ms, old.p95_ms)):
        yield "its figures are not known: Prometheus' answer is empty."
        return
    assert new.error_share is not None
    allowed = (old.error_share or 0.0 if old else 0.0) + rules.max_error_increase
    if new.error_share > allowed:
        yield (
            f"{new.error_share:.2%} of its answers are failures, allowed are {allowed:.2%} "
            "(the old one's and deploy.max_error_increase)."
        )
    if old is not None and new.odd_share is not None and old.odd_share is not None:
        luck = STANDARD_ERRORS * _standard_error(new, old)
        allowed = old.odd_share + rules.max_odd_increase + luck
        if new.odd_share > allowed:
            yield (
                f"{new.odd_share:.2%} of the values it reads are missing or of no category that it knows, allowed are "
                f"{allowed:.2%} (the old one's {old.odd_share:.2%}, deploy.max_odd_increase and {luck:.2%} for "
                f"the luck of {new.requests:.0f} requests)."
            )
    if old is not None:
        yield from _slower("p50", new.p50_ms, old.p50_ms, 0.0, rules)
    if old is not None and min(new.requests, old.requests) >= P95_REQUESTS and not before:
        yield from _slower("p95", new.p95_ms, old.p95_ms, rules.fast_enough_ms, rules)


def _standard_error(new: VersionMetrics, old: VersionMetrics) -> float:
    """Of the difference of both odd shares, at most: as if a request's values were all odd or none.

    Prometheus knows sums only, and values of one request go together: a weather report that fails takes five columns.
    """
    if not new.requests or not old.requests:
        return math.inf
    counted = new.requests + old.requests
    share = ((new.odd_share or 0.0) * new.requests + (old.odd_share or 0.0) * old.requests) / counted
    # A replica that was restarted in the window may have counted more values than rows.
    share = min(1.0, max(0.0, share))
    return math.sqrt(share * (1 - share) * (1 / new.requests + 1 / old.requests))


def _slower(name: str, new: float | None, old: float | None, fast_enough_ms: float, rules: Deploy) -> Iterator[str]:
    assert new is not None
    assert old is not None
    if new > fast_enough_ms and new > rules.max_latency_ratio * old:
        yield (
            f"its {name} is {new:g} ms, the old one's {old:g} ms: {new / old if old else 0:.1f} times, allowed are "
            f"{rules.max_latency_ratio:g} (deploy.max_latency_ratio)."
        )


def observe(
    percent: int,
    look: Callable[[float], tuple[VersionMetrics, VersionMetrics | None]],
    check: Callable[[], None],
    rules: Deploy,
    least_seconds: float,
    *,
    may_be_silent: bool = False,
    before: bool = False,
) -> Compared:
    """Watch one step until it has lasted and enough was counted of both versions. Raises CanaryError.

    `look`: both versions' figures over the last seconds; `check`: raises where a replica or the lock is gone.
    `may_be_silent`: a first deploy may have no traffic yet, so no figures are no objection.
    `before`: see `objections`.
    """
    started = time.monotonic()
    while True:
        check()
        seconds = time.monotonic() - started
        if seconds >= least_seconds:
            new, old = look(seconds)
            if may_be_silent and not new.requests:
                return Compared(percent=percent, seconds=round(seconds, 1), new=new)
            if all(_is_known(one, rules) for one in (new, old) if one is not None):
                break
            if seconds >= max(least_seconds, rules.canary_max_seconds):
                raise CanaryError(_not_known(seconds, new, old, rules))
        time.sleep(min(POLL_SECONDS, max(0.05, least_seconds - seconds)))
    if against := " ".join(objections(new, old, rules, before=before)):
        raise CanaryError(f"The new version, at {percent} % of the traffic: {against}")
    return Compared(percent=percent, seconds=round(seconds, 1), new=new, old=old)


def _is_known(seen: VersionMetrics, rules: Deploy) -> bool:
    """A window without two scrapes in it has no rates yet: a later look may know more."""
    return seen.requests >= rules.canary_min_requests and None not in (seen.error_share, seen.p50_ms, seen.p95_ms)


def _not_known(seconds: float, new: VersionMetrics, old: VersionMetrics | None, rules: Deploy) -> str:
    counted = " and ".join(f"{one.requests:.0f}" for one in (new, old) if one is not None)
    return (
        f"Not known whether the new version is good: in {seconds:.0f} s Prometheus counted {counted} requests of new "
        f"and old, required are {rules.canary_min_requests} of each, with figures for all (deploy.canary_min_requests, "
        "deploy.canary_max_seconds)."
    )
