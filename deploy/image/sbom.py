"""The software bill of materials of an image: CycloneDX 1.6, made from what its layers say is installed.

Every Python distribution (its .dist-info), every Debian package (dpkg's status file), a Python that was built from
source (its headers) and the model. What a distribution bundles inside itself, such as OpenBLAS in numpy, is not listed:
no metadata names it.
"""

import email.parser
import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import quote

from contracts.image import Image
from contracts.model_folder import ModelCard
from deploy.image.layers import LayerContent

DPKG_STATUS = "var/lib/dpkg/status"
OS_RELEASE = "usr/lib/os-release"


def bill_of_materials(image: Image, card: ModelCard, layers: Sequence[LayerContent]) -> dict[str, Any]:
    """The document, ready to be written as JSON. The same image gives the same bytes."""
    files = {name: content for layer in layers for name, content in layer.inventory.items()}
    distribution = _os_id(files.get(OS_RELEASE, b"").decode())
    components = [
        *_python_components(content.decode() for name, content in files.items() if name.endswith("/METADATA")),
        *_cpython_components(content.decode() for name, content in files.items() if name.endswith("/patchlevel.h")),
        *_debian_components(files.get(DPKG_STATUS, b"").decode(), distribution),
    ]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, image.image_id)}",
        "version": 1,
        "metadata": {
            "timestamp": image.created,
            "component": {
                "type": "container",
                "bom-ref": image.image_id,
                "name": card.name,
                "version": image.commit,
                "hashes": [_sha256(image.image_id)],
            },
        },
        "components": [
            _model_component(image, card),
            *sorted(components, key=lambda one: str(one["bom-ref"])),
        ],
    }


def _model_component(image: Image, card: ModelCard) -> dict[str, Any]:
    return {
        "type": "machine-learning-model",
        "bom-ref": image.model,
        "name": card.name,
        "version": image.model.removeprefix("sha256:")[:12],
        "description": f"{card.estimator}, predicts {card.target}",
        "hashes": [_sha256(image.model)],
    }


def _python_components(metadata: Iterable[str]) -> Iterator[dict[str, Any]]:
    for text in metadata:
        fields = email.parser.HeaderParser().parsestr(text)
        name = re.sub(r"[-_.]+", "-", fields["Name"]).lower()
        reference = f"pkg:pypi/{name}@{quote(fields['Version'])}"
        component = {
            "type": "library",
            "bom-ref": reference,
            "name": name,
            "version": fields["Version"],
            "purl": reference,
        }
        if expression := fields["License-Expression"]:
            component["licenses"] = [{"expression": expression}]
        yield component


def _cpython_components(headers: Iterable[str]) -> Iterator[dict[str, Any]]:
    for text in headers:
        if found := re.search(r'^#define PY_VERSION\s+"([^"]+)"', text, re.M):
            reference = f"pkg:generic/python@{quote(found[1])}"
            yield {
                "type": "platform",
                "bom-ref": reference,
                "name": "python",
                "version": found[1],
                "purl": reference,
            }


def _debian_components(status: str, distribution: str) -> Iterator[dict[str, Any]]:
    for paragraph in status.split("\n\n"):
        fields = email.parser.HeaderParser().parsestr(paragraph.strip())
        if not fields.get("Package") or not fields.get("Status", "").endswith(" installed"):
            continue
        version, architecture = fields["Version"], fields["Architecture"]
        reference = f"pkg:deb/{distribution}/{fields['Package']}@{quote(version)}?arch={architecture}"
        yield {
            "type": "library",
            "bom-ref": reference,
            "name": fields["Package"],
            "version": version,
            "purl": reference,
        }


def _os_id(os_release: str) -> str:
    found = re.search(r'^ID="?([a-z0-9._-]+)', os_release, re.M)
    return found[1] if found else "linux"


def _sha256(digest: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": digest.removeprefix("sha256:")}
