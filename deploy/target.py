"""TARGET: whether a model is tested in its image or in a process of this checkout.

`image`     the image that `make build` made
`process`   the service of this checkout, without a container
`auto`      the image where a container engine answers, else a process; each stage says which and why
"""

from collections.abc import Mapping

from contracts.exits import UsageError

TARGETS = ("auto", "image", "process")


def wanted_target(environment: Mapping[str, str], default: str) -> str:
    """One of TARGETS. Raises UsageError for any other value."""
    wanted = environment.get("TARGET") or default
    if wanted not in TARGETS:
        raise UsageError(f"TARGET is {wanted!r}; required: {', '.join(TARGETS)}.", code="unknown-target")
    return wanted
