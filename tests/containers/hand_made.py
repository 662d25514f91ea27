"""Manifests and indexes made by hand, put into a real registry by its own API (OCI's distribution specification)."""

import json
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from deploy.digests import sha256

INDEX, MANIFEST = "application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json"
CONFIG, DOCKERS = "application/vnd.oci.image.config.v1+json", "application/vnd.docker.distribution.manifest.v2+json"
BYTES = "application/octet-stream"
SECONDS = 10


class Answer(NamedTuple):
    """What a registry said: where to go on, and what it sent."""

    location: str
    body: bytes


@dataclass(frozen=True)
class Repository:
    """`host:port/name` of one repository in a registry without keys."""

    name: str

    def manifest(self, digest: str) -> dict[str, Any]:
        """What is there under a digest."""
        answer = self._call("GET", f"manifests/{digest}", accept=", ".join((MANIFEST, DOCKERS, INDEX)))
        found: dict[str, Any] = json.loads(answer.body)
        return found

    def blob(self, digest: str) -> bytes:
        return self._call("GET", f"blobs/{digest}").body

    def put(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """Put a manifest or an index there; its descriptor."""
        body = json.dumps(content).encode()
        self._call("PUT", f"manifests/{sha256(body)}", body, content["mediaType"])
        return {"mediaType": content["mediaType"], "digest": sha256(body), "size": len(body)}

    def put_index(self, entries: Sequence[Mapping[str, Any]]) -> str:
        """Put an index of these there; its reference."""
        return f"{self.name}@{self.put({'schemaVersion': 2, 'mediaType': INDEX, 'manifests': entries})['digest']}"

    def put_image(self, configuration: Mapping[str, Any], layers: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
        """Put an image there, of layers that are there already; its descriptor."""
        body = json.dumps(configuration).encode()
        location = self._call("POST", "blobs/uploads/", b"").location
        self._call("PUT", f"{location}&digest={sha256(body)}", body)
        about = {"mediaType": CONFIG, "digest": sha256(body), "size": len(body)}
        return self.put({"schemaVersion": 2, "mediaType": MANIFEST, "config": about, "layers": layers})

    def for_another_platform(self, digest: str, architecture: str) -> dict[str, Any]:
        """The same image, said to be for another architecture; its descriptor."""
        manifest = self.manifest(digest)
        configuration = json.loads(self.blob(manifest["config"]["digest"])) | {"architecture": architecture}
        return self.put_image(configuration, manifest["layers"])

    def _call(
        self, method: str, path: str, body: bytes | None = None, media_type: str = BYTES, accept: str = "*/*"
    ) -> Answer:
        host, _, repository = self.name.partition("/")
        url = path if path.startswith("http") else f"http://{host}/v2/{repository}/{path}"
        headers = {"content-type": media_type, "accept": accept}
        request = urllib.request.Request(url, body, headers, method=method)
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return Answer(answer.headers.get("location", ""), answer.read())
