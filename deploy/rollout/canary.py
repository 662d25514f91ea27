"""The canary: compares two versions that serve at the same time, and stops the new one if it is worse.

Unknown figures stop it, too: too few requests, no answer from Prometheus, NaN. Both are compared over the same seconds,
under the same traffic, so a busy machine makes both slow.

deploy.canary_percent in pipeline.toml sets the shares of traffic; `steps.py` gives them to the new version.
"""

import math
import time
from collections.abc import Callable, Iterator

from contracts.exits import FindingError
from contracts.pipeline_toml.keys import Deploy
from contracts.release import Compared, VersionMetrics

POLL_SECONDS = 1.0
# With fewer requests, a few of them decide the p95.
P95_REQUESTS = 400
# A false alarm stops one healthy version in 740.
STANDARD_ERRORS = 3.0


class CanaryError(FindingError):
    """The new version is worse than the old one, or there are not enough figures to tell."""


def objections(
    new: VersionMetrics, old: VersionMetrics | None, rules: Deploy, *, before: bool = False
) -> Iterator[str]:
    """One sentence for each figure in which the new version is worse; `old` is None at a first deploy.

    `before`: the old one's figures are from earlier seconds. Then the p95 says more about the machine than about the
    version, and only the median is compared.
    """
    if None in (new.error_share, new.p50_ms, new.p95_ms) or (old and None in (old.error_share, old.p50_ms, old.p95_ms)):
        yield "its figures are not known: Prometheus' answer is empty."
        return
    yield from _more_errors(new, old, rules)
    if old is None:
        return
    yield from _more_unusual_inputs(new, old, rules)
    yield from _slower("p50", new.p50_ms, old.p50_ms, 0.0, rules)
    if min(new.requests, old.requests) >= P95_REQUESTS and not before:
        yield from _slower("p95", new.p95_ms, old.p95_ms, rules.fast_enough_ms, rules)


def _more_errors(new: VersionMetrics, old: VersionMetrics | None, rules: Deploy) -> Iterator[str]:
    assert new.error_share is not None
    allowed = (old.error_share or 0.0 if old else 0.0) + rules.max_error_increase
    if new.error_share > allowed:
        yield (
            f"{new.error_share:.2%} of its answers are failures; at most {allowed:.2%} are allowed "
            "(the old one's and deploy.max_error_increase)."
        )


def _more_unusual_inputs(new: VersionMetrics, old: VersionMetrics, rules: Deploy) -> Iterator[str]:
    if new.odd_share is None or old.odd_share is None:
        return
    chance = STANDARD_ERRORS * _standard_error(new, old)
    allowed = old.odd_share + rules.max_odd_increase + chance
    if new.odd_share > allowed:
        yield (
            f"{new.odd_share:.2%} of its input values are missing or unknown categories; at most {allowed:.2%} are "
            f"allowed (the old one's {old.odd_share:.2%}, deploy.max_odd_increase, and {chance:.2%} for chance in "
            f"{new.requests:.0f} requests)."
        )


def _standard_error(new: VersionMetrics, old: VersionMetrics) -> float:
    """An upper bound for the difference of the odd shares, as if all values of a request were odd, or none.

    Prometheus has only sums, and the values of a request are not independent: one failed weather report takes five.
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
            f"its {name} is {new:g} ms, the old one's {old:g} ms: {new / old if old else 0:.1f} times; at most "
            f"{rules.max_latency_ratio:g} are allowed (deploy.max_latency_ratio)."
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
    """Watch one step for `least_seconds` and until both versions have enough requests. Raises CanaryError.

    `look`: both versions' figures over the last seconds; `check`: raises if a replica or the lock is gone.
    `may_be_silent`: a first deploy may have no traffic yet. `before`: see `objections`.
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
    """Whether there are enough requests and all figures. Rates need two scrapes, so they may come later."""
    return seen.requests >= rules.canary_min_requests and None not in (seen.error_share, seen.p50_ms, seen.p95_ms)


def _not_known(seconds: float, new: VersionMetrics, old: VersionMetrics | None, rules: Deploy) -> str:
    counted = " and ".join(f"{one.requests:.0f}" for one in (new, old) if one is not None)
    return (
        f"Not known whether the new version is good: in {seconds:.0f} s Prometheus counted {counted} requests of new "
        f"and old; required: {rules.canary_min_requests} of each, and all figures (deploy.canary_min_requests, "
        "deploy.canary_max_seconds)."
    )
