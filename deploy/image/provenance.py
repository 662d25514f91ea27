"""Where an image comes from: an in-toto statement with SLSA's provenance predicate (https://slsa.dev/provenance/v1).

Unsigned: a laptop's word. In a workflow the platform attests the pushed digest with a key of its own.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.image import Image

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:gatehouse:make-build:v1"


@dataclass(frozen=True)
class Builder:
    """Who built: an address or `urn:gatehouse:laptop`, the run, and the versions of the tools by name."""

    identity: str
    run: str
    versions: Mapping[str, str]


def provenance(image: Image, files: Mapping[str, str], builder: Builder) -> dict[str, Any]:
    """The statement, ready to be written as JSON. `files`: hex sha256 of each file that went in, by path."""
    return {
        "_type": STATEMENT,
        "subject": [subject(image.reference, image.image_id)],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"base": image.base, "commit": image.commit},
                "internalParameters": {"SOURCE_DATE_EPOCH": image.created},
                "resolvedDependencies": [
                    _source(image.commit),
                    _base(image.base),
                    {"name": "model", "digest": _sha256(image.model)},
                    {"name": "data", "digest": _sha256(image.data_digest)},
                    *({"name": path, "digest": {"sha256": digest}} for path, digest in sorted(files.items())),
                ],
            },
            "runDetails": {
                "builder": {"id": builder.identity, "version": dict(builder.versions)},
                "metadata": {"invocationId": builder.run},
            },
        },
    }


def subject(name: str, digest: str) -> dict[str, Any]:
    """What the statement is about: before a push the image's id, after it the registry's digest."""
    return {"name": name, "digest": _sha256(digest)}


def _source(commit: str) -> dict[str, Any]:
    """A changed checkout is no commit: its name says so, and the files' digests below say what went in."""
    is_commit = re.fullmatch(r"[0-9a-f]{40}", commit)
    return {"name": f"source {commit}"} | ({"digest": {"gitCommit": commit}} if is_commit else {})


def _base(reference: str) -> dict[str, Any]:
    pinned = re.search(r"@(sha256:[0-9a-f]{64})$", reference)
    return {"name": reference} | ({"digest": _sha256(pinned[1])} if pinned else {})


def _sha256(digest: str) -> dict[str, str]:
    return {"sha256": digest.removeprefix("sha256:")}
