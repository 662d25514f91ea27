"""Why a command does not end with 0. test_causes.py makes each for real, or says which suite does."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """`target` is the make target that ends with `code`: 3 a finding, 2 usage, 1 a crash or no answer."""

    target: str
    code: int


CAUSES = {
    "the data is refused": Cause("data", 3),
    "training is refused": Cause("train", 3),
    "the gate refuses": Cause("evaluate", 3),
    "no engine": Cause("build", 2),
    "too slow": Cause("load-test", 3),
    "drift blocks": Cause("drift", 3),
    "no registry": Cause("publish-image", 1),
    "a host without a registry": Cause("release", 2),
    "no remote": Cause("push-history", 1),
    "drift found": Cause("scheduled-drift", 3),
    "no export": Cause("requests", 2),
    "no digest": Cause("rollback-release", 2),
    "a drill that misses": Cause("drill", 3),
    "an audit that finds": Cause("audit-workflows", 3),
    "no GitHub to ask": Cause("audit-workflows", 1),
    "no advisories": Cause("audit-dependencies", 1),
    "no image to scan": Cause("audit-image", 1),
}
