"""Where the segments of the request log are in object storage, and the client that reaches them: obstore, for S3.

    s3://bucket/prefix/2026-11/predictions-20261127T101502.123456Z-17-9f86d081884c7d659a2feaa0.jsonl.gz

A segment is a closed file of the log (contracts/request_log.py), packed by gzip: its month, the name that it has in its
folder, and the first digits of the SHA-256 of its contents. So two replicas never write to one name, whatever their
process ids and clocks say, and a segment that is uploaded twice is there once. Names sort by time within a log.

Whose key and which region: obstore reads AWS_ACCESS_KEY_ID, AWS_REGION and the like, or takes the role of the machine.
"""

import importlib.util
import os
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from contracts.exits import UsageError

if TYPE_CHECKING:
    from obstore.store import S3Store

ADDRESS = r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9._=-]+)*/?$"
_SEGMENT = re.compile(r"(?P<log>[a-z]+)-(?P<year>\d{4})(?P<month>\d\d)\d\dT[\d.]+Z-[A-Za-z0-9._-]+\.jsonl")
DIGEST_DIGITS = 24
PACKED = ".gz"
# For a whole request: a slow server is no server that is down.
REQUEST_SECONDS = 120.0
CONNECT_SECONDS = 5.0


@dataclass(frozen=True)
class Bucket:
    """A prefix of a bucket. `endpoint`: the server's address where it is not Amazon's; `seconds`: for one request."""

    address: str
    endpoint: str | None = None
    seconds: float = REQUEST_SECONDS

    @property
    def name(self) -> str:
        return self.address.removeprefix("s3://").partition("/")[0]

    @property
    def prefix(self) -> str:
        """Without a / at its ends."""
        return self.address.removeprefix("s3://").partition("/")[2].strip("/")

    def store(self) -> "S3Store":
        """The client, which tries once: who calls it knows when to try again. Raises UsageError without obstore."""
        if importlib.util.find_spec("obstore") is None:
            raise UsageError(
                f"{self.address} is object storage, and obstore is not installed. Install the group s3 "
                "(docs/scale.md): an image gets it from `make build IMAGE_REQUIREMENTS=s3`.",
                code="no-object-storage",
            )
        from obstore.exceptions import BaseError
        from obstore.store import S3Store

        # Empty means unset, as everywhere; obstore would take an empty address for one.
        for name in [name for name, value in os.environ.items() if name.startswith("AWS_") and not value]:
            del os.environ[name]
        try:
            return S3Store(self.name, prefix=self.prefix or None, **self.options())
        except BaseError as error:
            raise UsageError(f"{self.address} cannot be used: {error}. See the AWS_* variables.") from None

    def options(self) -> dict[str, Any]:
        """For obstore: where the server is, one try, and how long it may take."""
        return {
            "config": {"endpoint": self.endpoint} if self.endpoint else {},
            "client_options": {
                "allow_http": (self.endpoint or "").startswith("http://"),
                "timeout": timedelta(seconds=self.seconds),
                "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
            },
            "retry_config": {"max_retries": 0, "retry_timeout": timedelta(seconds=self.seconds)},
        }


def log_of(name: str) -> str:
    """Which log a file of its folder belongs to; nothing where it is no segment."""
    found = _SEGMENT.fullmatch(name)
    return found["log"] if found else ""


def segment_key(name: str, digest: str) -> str:
    """Where below the prefix a segment goes. `name`: of its file; `digest`: SHA-256 of its contents, in hex."""
    found = _SEGMENT.fullmatch(name)
    if found is None:
        raise ValueError(f"{name} is no segment of a log")
    stem = name.removesuffix(".jsonl")
    return f"{found['year']}-{found['month']}/{stem}-{digest[:DIGEST_DIGITS]}.jsonl{PACKED}"
