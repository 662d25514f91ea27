"""Fetches a request log over HTTP or from a file: the service's own export, or any file in the log's format.

Nothing that arrives is trusted: its size is bounded, compressed and uncompressed, and each line must be a record of
contracts/request_log.py. Redirects are refused, since they would carry the key elsewhere. A key is sent over TLS or to
this machine, and never in clear text to a proxy. Errors show neither key nor query.
"""

import http.client
import itertools
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from pydantic import ValidationError

from contracts.exits import UsageError
from contracts.outside.addresses import is_local, may_use_proxy
from contracts.request_log import LabelRecord, PredictionRecord

MOST_COMPRESSED_BYTES = 512 * 1024 * 1024
MOST_BYTES = 2 * 1024 * 1024 * 1024
MOST_LINE_BYTES = 1024 * 1024
CHUNK_BYTES = 1024 * 1024
TIMEOUT_SECONDS = 60.0
# A full disk leaves a few torn lines; more than this share means another format.
MOST_REFUSED_SHARE = 0.01
SHORTER = "Ask for a shorter window, or write the log as Parquet, which has no limit (docs/scale.md)."
GZIP = b"\x1f\x8b"
PREDICTIONS_FILE = "predictions-0-brought.jsonl"
LABELS_FILE = "labels-0-brought.jsonl"


@dataclass(frozen=True)
class Lines:
    """How many lines of each kind were fetched."""

    predictions: int
    labels: int
    torn: int
    refused: int


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def is_export(url: str) -> bool:
    """Whether a URL is the service's own export, which takes a window; anything else is a file."""
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and parts.path.rstrip("/").endswith("/requests")


def with_window(url: str, since: str, until: str) -> str:
    """The URL of an export for the moments from `since`, before `until` (ISO 8601 with a zone)."""
    parts = urlsplit(url)
    asked = "&".join(filter(None, [parts.query, urlencode({"since": since, "until": until})]))
    return urlunsplit(parts._replace(query=asked))


def shown(url: str) -> str:
    """A URL that may be logged: without user, password, query and fragment."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}" if parts.scheme else url


def fetch_log(url: str, key: str, folder: Path) -> Lines:
    """Write the records behind `url` into two files of `folder`. Raises UsageError with what to do."""
    with _open(url, key) as source:
        try:
            return split_by_kind(_lines(_unpacked(_bounded(source))), folder, shown(url))
        except (OSError, http.client.HTTPException, zlib.error) as error:
            raise UsageError(f"{shown(url)} broke off: {type(error).__name__}. Run `make requests` again.") from None


def _open(url: str, key: str) -> IO[bytes]:
    parts = urlsplit(url)
    if parts.scheme in ("", "file"):
        try:
            return Path(parts.path).open("rb")
        except OSError as error:
            raise UsageError(f"REQUESTS_URL: {parts.path} cannot be read ({error.strerror}).") from None
    if parts.scheme not in ("http", "https"):
        raise UsageError(f"REQUESTS_URL is a {parts.scheme} address; required: https, http, s3, file, or a path.")
    if key and parts.scheme == "http" and not is_local(parts.hostname):
        raise UsageError(
            f"REQUESTS_KEY is not sent to {shown(url)}: without TLS anybody can read it. Use https.",
            code="key-in-clear-text",
        )
    return _get(url, key)


def _get(url: str, key: str) -> IO[bytes]:
    headers = {"Accept-Encoding": "gzip"} | ({"Authorization": f"Bearer {key}"} if key else {})
    try:
        proxies: dict[str, str] | None = None if may_use_proxy(url, bool(key)) else {}
        opener = urllib.request.build_opener(_NoRedirects, urllib.request.ProxyHandler(proxies))
        answer: IO[bytes] = opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_SECONDS)
        return answer
    except urllib.error.HTTPError as error:
        raise UsageError(
            f"{shown(url)} answered {error.code}. {_remedy(error.code, bool(key))}", code="refused-by-service"
        ) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise UsageError(f"{shown(url)} cannot be reached: {type(error).__name__}. Is the service up?") from None


def _remedy(status: int, has_key: bool) -> str:
    if status in (401, 403):
        seen = "is not accepted" if has_key else "is not set"
        return (
            f"REQUESTS_KEY {seen}; required: a key of the service with the scope export (docs/service.md). Where it "
            "goes on GitHub: docs/github.md."
        )
    if status == 404:
        return "Behind the edge, the export is let out by EDGE_EXPORT=on (docs/compose.md)."
    if status == 503:
        return "It is busy, or two exports are running, or one with this key. Run `make requests` again in a minute."
    if 300 <= status < 400:
        return "Redirects are not followed, because they would carry the key elsewhere: name the address it leads to."
    return "See the service's log, and run `make requests` again."


def _bounded(source: IO[bytes]) -> Iterator[bytes]:
    seen = 0
    while chunk := source.read(CHUNK_BYTES):
        seen += len(chunk)
        if seen > MOST_COMPRESSED_BYTES:
            raise UsageError(f"REQUESTS_URL: more than {MOST_COMPRESSED_BYTES:,} bytes. {SHORTER}")
        yield chunk


def _unpacked(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, uncompressed if they begin as gzip does; at most one chunk at a time, whatever the ratio."""
    first = next(chunks, b"")
    while len(first) < len(GZIP) and (more := next(chunks, b"")):
        first += more
    if not first.startswith(GZIP):
        yield first
        yield from chunks
        return
    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    for chunk in itertools.chain([first], chunks):
        rest = chunk
        while rest and not unpacker.eof:
            yield unpacker.decompress(rest, CHUNK_BYTES)
            rest = unpacker.unconsumed_tail
    if not unpacker.eof:
        raise zlib.error("the end is missing")


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Each line with its line end, which the last may lack."""
    seen, rest = 0, b""
    for chunk in chunks:
        seen += len(chunk)
        if seen > MOST_BYTES:
            raise UsageError(f"REQUESTS_URL: more than {MOST_BYTES:,} bytes unpacked. {SHORTER}", code="too-large")
        *whole, rest = (rest + chunk).split(b"\n")
        if len(rest) > MOST_LINE_BYTES:
            raise UsageError(f"REQUESTS_URL: a line of more than {MOST_LINE_BYTES:,} bytes is no record.")
        yield from (line + b"\n" for line in whole)
    if rest:
        yield rest


def split_by_kind(lines: Iterator[bytes], folder: Path, name: str) -> Lines:
    """Write records into two files of `folder`. Raises UsageError where too many of the lines are none."""
    counts = {"prediction": 0, "label": 0, "torn": 0, "refused": 0}
    with (folder / PREDICTIONS_FILE).open("wb") as predictions, (folder / LABELS_FILE).open("wb") as labels:
        for line in lines:
            kind = _kind(line)
            counts[kind] += 1
            if kind == "prediction":
                predictions.write(line)
            elif kind == "label":
                labels.write(line)
    found = Lines(counts["prediction"], counts["label"], counts["torn"], counts["refused"])
    whole = found.predictions + found.labels + found.refused
    if found.refused > MOST_REFUSED_SHARE * whole:
        raise UsageError(
            f"{name}: {found.refused:,} of {whole:,} lines are no record of format 1 (contracts/request_log.py); "
            f"at most {MOST_REFUSED_SHARE:.0%} may be. Is it a request log, and of this version?",
            code="not-a-request-log",
        )
    return found


def _kind(line: bytes) -> str:
    schema = LabelRecord if b'"actual"' in line and b'"features"' not in line else PredictionRecord
    try:
        schema.model_validate_json(line)
    except ValidationError:
        return "refused" if line.endswith(b"\n") else "torn"
    if not line.endswith(b"\n"):
        return "torn"
    return "label" if schema is LabelRecord else "prediction"
