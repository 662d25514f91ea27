"""GitHub's artifact service over HTTP, so that the true actions meet the rules of artifact_store.py.

The calls are those of packages/artifact of actions/toolkit: `generated/results/api/v1/artifact.ts` names the messages,
`internal/shared/artifact-twirp-client.ts` the errors that it reads, `internal/upload/blob-upload.ts` and
`internal/download/download-artifact.ts` what is asked of the storage behind the signed addresses.
"""

import base64
import datetime
import json
import math
import re
import shutil
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.workflows.artifact_store import Artifact, ArtifactError, ArtifactStore

SERVICE = "/twirp/github.actions.results.api.v1.ArtifactService/"


@contextmanager
def serving(store: ArtifactStore) -> Iterator[dict[str, str]]:
    """The service on a free port of loopback until the block ends. Yields what a runner tells an action of it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"store": store, "blocks": {}}))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_address[1]}/"
    try:
        yield {
            "ACTIONS_RUNTIME_URL": address,
            "ACTIONS_RESULTS_URL": address,
            "ACTIONS_RUNTIME_TOKEN": token({"scp": "Actions.Results:run:job"}),
        }
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def token(claims: dict[str, str]) -> str:
    """A token whose claims an action can read; nobody checks who signed it."""
    parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
    return ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), "unsigned"])


class Handler(BaseHTTPRequestHandler):
    """Twirp's calls as JSON by POST, and the content of an artifact by PUT and GET."""

    store: ArtifactStore
    blocks: dict[str, bytes]
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:  # the name is http.server's
        call = self.path.removeprefix(SERVICE)
        sent: dict[str, Any] = json.loads(self._body())
        calls = {
            "CreateArtifact": self._create, "FinalizeArtifact": self._finalize, "ListArtifacts": self._list,
            "GetSignedArtifactURL": self._address, "DeleteArtifact": self._delete,
        }  # fmt: skip
        try:
            self._answer(HTTPStatus.OK, calls[call](sent))
        except ArtifactError as error:
            self._answer(HTTPStatus.CONFLICT, {"code": "already_exists", "msg": str(error)})

    def do_PUT(self) -> None:
        """Azure's Put Block, Put Block List and Put Blob."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        zipped, body = self._zipped(), self._body()
        if asked.get("comp") == "block":
            self.blocks[f"{zipped}:{asked['blockid']}"] = body
        elif asked.get("comp") == "blocklist":
            names = re.findall(r"<(?:Latest|Uncommitted|Committed)>([^<]+)<", body.decode())
            zipped.write_bytes(b"".join(self.blocks.pop(f"{zipped}:{name}") for name in names))
        else:
            zipped.write_bytes(body)
        self._answer(HTTPStatus.CREATED)

    def do_GET(self) -> None:
        content = self._zipped().read_bytes()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/zip")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _create(self, sent: dict[str, Any]) -> dict[str, Any]:
        days = 0
        if until := sent.get("expires_at"):
            left = datetime.datetime.fromisoformat(until) - datetime.datetime.now(datetime.UTC)
            days = math.ceil(left / datetime.timedelta(days=1))
        made = self.store.create(sent["name"], days=days)
        made.folder.mkdir(parents=True)
        return {"ok": True, "signed_upload_url": self._signed(made)}

    def _finalize(self, sent: dict[str, Any]) -> dict[str, Any]:
        made = self._newest(sent["name"])
        with zipfile.ZipFile(_zip_of(made)) as archive:
            archive.extractall(made.folder)
        return {"ok": True, "artifact_id": str(made.number)}

    def _list(self, sent: dict[str, Any]) -> dict[str, Any]:
        number, name = sent.get("id_filter"), sent.get("name_filter")
        found = [
            one for one in self.store.listed()
            if number in (None, str(one.number)) and name in (None, one.name)
        ]  # fmt: skip
        return {
            "artifacts": [
                {"workflow_run_backend_id": "run", "workflow_job_run_backend_id": "job",
                 "database_id": str(one.number), "name": one.name, "size": str(one.bytes)}
                for one in found
            ]
        }  # fmt: skip

    def _address(self, sent: dict[str, Any]) -> dict[str, Any]:
        return {"signed_url": self._signed(self._newest(sent["name"]))}

    def _delete(self, sent: dict[str, Any]) -> dict[str, Any]:
        gone = self._newest(sent["name"])
        self.store.delete(sent["name"])
        shutil.rmtree(gone.folder)
        return {"ok": True, "artifact_id": str(gone.number)}

    def _newest(self, name: str) -> Artifact:
        return next(one for one in self.store.latest() if one.name == name)

    def _signed(self, artifact: Artifact) -> str:
        return f"http://{self.headers['Host']}/content/{artifact.folder.name}?sig=none"

    def _zipped(self) -> Path:
        place = unquote(urlsplit(self.path).path).removeprefix("/content/")
        return _zip_of(next(one for one in self.store.artifacts if one.folder.name == place))

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, status: HTTPStatus, body: dict[str, Any] | None = None) -> None:
        content = json.dumps(body).encode() if body is not None else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _zip_of(artifact: Artifact) -> Path:
    return artifact.folder.with_name(f"{artifact.folder.name}.zip")
