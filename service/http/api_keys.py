"""API keys: who may call what. Off unless API_KEYS_FILE is set.

The file has the SHA-256 of each key, never the key, so it may lie beside other configuration:

    {"keys": [{"id": "web-2026-11", "sha256": "<64 hex digits>", "scopes": ["predict", "feedback"]}]}

All paths need a key but those of health. A key of any scope opens what describes the service: /docs, /model, /v2.

A key labels its own predictions, and those of the keys whose ids it names in `"labels_for"`: `["web-2026-05"]` for the
one that it replaces, `["*"]` for all.

Two keys with the same scopes are both valid, so a key is rotated by adding the new one, moving clients, and taking the
old one out; the file is read again on SIGHUP. A key's digest is compared with every entry in constant time, so the time
of an answer says nothing about the keys. Keys must be random (32 bytes or more): there is no salt.
"""

import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from contracts.exits import UsageError
from contracts.request_log import ANY_KEY
from contracts.schema import Schema, without_mark
from service.http.problems import NO_KEY, NOT_ALLOWED, Problem

ApiScope = Literal["predict", "feedback", "export", "metrics"]
SCOPES: dict[str, ApiScope] = {
    "/predict": "predict",
    "/predict/batch": "predict",
    "/feedback": "feedback",
    "/requests": "export",
    "/metrics": "metrics",
}
INFERENCE_PREFIX = "/v2/models/"
# An orchestrator that asks for these has no key.
OPEN = frozenset({"/livez", "/readyz", "/startupz", "/v2/health/live", "/v2/health/ready"})
CHALLENGE = ((b"www-authenticate", b"Bearer"),)


class ApiKey(Schema):
    """One key. `id` is what logs show of it."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    scopes: tuple[ApiScope, ...]
    labels_for: tuple[Annotated[str, Field(pattern=r"^(\*|[A-Za-z0-9._-]{1,64})$")], ...] = ()


class KeyFile(Schema):
    """API_KEYS_FILE."""

    keys: Annotated[tuple[ApiKey, ...], Field(min_length=1)]


def scope_of(path: str) -> ApiScope | None:
    """The scope that a path needs; None where any key opens it."""
    return "predict" if path.startswith(INFERENCE_PREFIX) else SCOPES.get(path)


class Keys:
    """The keys of one file."""

    def __init__(self, file: KeyFile) -> None:
        self._entries = tuple((bytes.fromhex(key.sha256), key.id, frozenset(key.scopes)) for key in file.keys)
        self._labels_for = {key.id: frozenset(key.labels_for) for key in file.keys}

    def may_label(self, client: str, made_by: str) -> bool:
        """Whether a key may label a prediction; where that was made without a key, any may."""
        return made_by in ("", client) or not self._labels_for.get(client, frozenset()).isdisjoint({made_by, ANY_KEY})

    def labels_of(self, client: str) -> tuple[str, ...]:
        """Whose predictions a key may label: ids of keys, or ANY_KEY."""
        return (client, *sorted(self._labels_for.get(client, frozenset())))

    def client(self, headers: Mapping[bytes, bytes], path: str) -> str:
        """The id of the request's key; nothing on a path that is open.

        Raises Problem: 401 without a valid key, 403 outside its scopes.
        """
        if path in OPEN:
            return ""
        kind, _, key = headers.get(b"authorization", b"").partition(b" ")
        digest = hashlib.sha256(key.strip()).digest()
        found = [entry for entry in self._entries if hmac.compare_digest(entry[0], digest)]
        if kind.lower() != b"bearer" or not found:
            raise Problem(NO_KEY, headers=CHALLENGE)
        _, identity, scopes = found[0]
        if (scope := scope_of(path)) is not None and scope not in scopes:
            raise Problem(NOT_ALLOWED)
        return identity


def read_keys(path: Path) -> Keys:
    """The keys in a file. Raises UsageError."""
    try:
        file = KeyFile.model_validate_json(without_mark(path.read_bytes()))
    except OSError as error:
        raise UsageError(f"API_KEYS_FILE is {path}, which cannot be read ({error.strerror}).") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise UsageError(
            f"API_KEYS_FILE is {path}: {where}: {first['msg']}. service/http/api_keys.py shows the form."
        ) from None
    if len({key.id for key in file.keys}) != len(file.keys):
        raise UsageError(f"API_KEYS_FILE is {path}: two keys have the same id. Give each its own, so that logs tell.")
    return Keys(file)
