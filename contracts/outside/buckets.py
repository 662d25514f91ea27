"""The names of request log segments in object storage, and the client for S3 (obstore).

    s3://bucket/prefix/2026-11/predictions-20261127T101502.123456Z-17-9f86d081884c7d659a2feaa0.jsonl.gz

A segment is a closed file of the log (contracts/request_log.py), packed by gzip. Its key has the month, the name of the
file, and the first digits of the SHA-256 of its contents. So two replicas never write to the same key, with any process
ids and clocks, and a segment that is uploaded twice is stored once. Names sort by time within a log.

obstore reads the key and the region from AWS_ACCESS_KEY_ID, AWS_REGION and the like, or uses the machine's role.
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
# For a whole request: a slow server is not down.
REQUEST_SECONDS = 120.0
CONNECT_SECONDS = 5.0


@dataclass(frozen=True)
class Bucket:
    """A prefix of a bucket. `endpoint`: the server's address if it is not Amazon's; `seconds`: timeout of a request."""

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
        """The client, without retries: the caller decides when to try again. Raises UsageError without obstore."""
        if importlib.util.find_spec("obstore") is None:
            raise UsageError(
                f"{self.address} is object storage, and obstore is not installed. Install the group s3 "
                "(docs/scale.md): an image gets it from `make build IMAGE_REQUIREMENTS=s3`.",
                code="no-object-storage",
            )
        from obstore.exceptions import BaseError
        from obstore.store import S3Store

        # An empty variable means unset, as everywhere. obstore would use an empty address.
        for name in [name for name, value in os.environ.items() if name.startswith("AWS_") and not value]:
            del os.environ[name]
        try:
            return S3Store(self.name, prefix=self.prefix or None, **self.options())
        except BaseError as error:
            raise UsageError(
                f"{self.address} cannot be used: {error}. See the AWS_* variables.", code="bucket-unusable"
            ) from None

    def options(self) -> dict[str, Any]:
        """For obstore: the server's address, no retries, and the timeouts."""
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
    """The log that a file of its folder belongs to; "" where it is no segment."""
    found = _SEGMENT.fullmatch(name)
    return found["log"] if found else ""


def segment_key(name: str, digest: str) -> str:
    """The key of a segment below the prefix. `name`: of its file; `digest`: SHA-256 of its contents, in hex."""
    found = _SEGMENT.fullmatch(name)
    if found is None:
        raise ValueError(f"{name} is no segment of a log")
    stem = name.removesuffix(".jsonl")
    return f"{found['year']}-{found['month']}/{stem}-{digest[:DIGEST_DIGITS]}.jsonl{PACKED}"
