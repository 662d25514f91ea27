"""From start to stop, with real processes: nothing listens before the model is proved, nothing is lost at the end."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import onnx
import pytest
from onnx import TensorProto

from contracts.exits import Exit
from contracts.model_folder import model_digest
from testbed.clients import JSON, Process, metric_in, records_in, running, start
from testbed.hostile import GOOD
from testbed.served_folders import graph, write_folder


def predict(client: httpx.Client) -> httpx.Response:
    return client.post("/predict", content=GOOD, headers=JSON)


def test_the_self_test_proves_the_golden_rows_and_leaves(folder: Path, tmp_path: Path) -> None:
    child = start(folder, tmp_path / "log", "--self-test")
    output, _ = child.communicate()
    assert child.returncode == Exit.PASS
    assert json.loads(output)["digest"] == model_digest(folder)
    assert not (tmp_path / "log").exists()


def external_data() -> onnx.ModelProto:
    model = graph()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"
    return model


def break_nothing(_: Path) -> None:
    """The folder is wrong as it was written."""


def truncate(folder: Path) -> None:
    os.truncate(folder / "model.onnx", 100)


def flip_a_bit(folder: Path) -> None:
    content = bytearray((folder / "model.onnx").read_bytes())
    content[50] ^= 4
    (folder / "model.onnx").write_bytes(content)


def pickle_with_the_right_digest(folder: Path) -> None:
    payload = b"cos\nsystem\n(S'touch " + str(folder / "executed").encode() + b"'\ntR."
    (folder / "model.onnx").write_bytes(payload)
    card = json.loads((folder / "model.json").read_text())
    card["files"]["model.onnx"] = hashlib.sha256(payload).hexdigest()
    (folder / "model.json").write_text(json.dumps(card))


def other_schema(folder: Path) -> None:
    card = json.loads((folder / "model.json").read_text())
    card["features"] = card["features"][1:]
    (folder / "model.json").write_text(json.dumps(card))


BAD: dict[str, tuple[dict[str, onnx.ModelProto], Callable[[Path], None], str]] = {
    "truncated": ({}, truncate, "has sha256"),
    "bit-flipped": ({}, flip_a_bit, "has sha256"),
    "wrong schema": ({}, other_schema, "reads"),
    "external data": ({"model": external_data()}, break_nothing, "external data"),
    "another model's graph": ({"model": graph(bias=1.0)}, break_nothing, "golden row 0 gives"),
    "a renamed pickle": ({}, pickle_with_the_right_digest, "not an ONNX model"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_folder_that_cannot_be_trusted_never_listens(tmp_path: Path, name: str) -> None:
    changes, spoil, reason = BAD[name]
    folder = write_folder(tmp_path / "model", **changes)
    spoil(folder)
    environment = {**os.environ, "MODEL_DIR": str(folder), "REQUEST_LOG_DIR": str(tmp_path / "log"), "PORT": "0"}
    ended = subprocess.run(
        [sys.executable, "-m", "service"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == Exit.FINDING
    assert ended.stderr.startswith(f"MODEL_DIR is {folder}: refused.")
    assert reason in ended.stderr
    assert ended.stdout == ""
    assert not (folder / "executed").exists()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"PORT": "many"}, "PORT is 'many'"),
        ({"HOST": "256.0.0.1"}, "HOST is '256.0.0.1' and PORT is 0: cannot listen there"),
        ({"API_KEYS_FILE": "/nowhere"}, "API_KEYS_FILE is /nowhere, which cannot be read"),
    ],
)
def test_wrong_settings_end_in_a_sentence(
    folder: Path, tmp_path: Path, settings: dict[str, str], sentence: str
) -> None:
    environment = {**os.environ, "MODEL_DIR": str(folder), "REQUEST_LOG_DIR": str(tmp_path), "PORT": "0", **settings}
    ended = subprocess.run(
        [sys.executable, "-m", "service"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == Exit.USAGE
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr


def test_after_sigterm_the_service_is_not_ready_but_answers_until_it_leaves(folder: Path, tmp_path: Path) -> None:
    with running(folder, tmp_path / "log", DRAIN_SECONDS="600") as process, process.client() as client:
        assert client.get("/readyz").status_code == 200
        process.child.send_signal(signal.SIGTERM)
        while client.get("/readyz").status_code == 200:
            pass
        assert client.get("/readyz").json()["type"].endswith(":not-ready")
        assert client.get("/v2/health/ready").status_code == 503
        assert client.get("/livez").status_code == 200
        answer = predict(client)
        assert answer.status_code == 200
        assert answer.headers["connection"] == "close"
        assert metric_in(client.get("/metrics").text, "ready") == 0
        assert process.stop() == 0  # a second signal ends the wait


def test_what_is_at_work_is_finished_before_the_end(folder: Path, tmp_path: Path) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    with running(folder, tmp_path / "log", DRAIN_SECONDS="0") as process, process.connect() as connection:
        connection.sendall(head % len(GOOD) + GOOD[:10])
        with process.client() as client:
            while metric_in(client.get("/metrics").text, "in_flight") < 1:
                pass
        process.child.send_signal(signal.SIGTERM)
        connection.sendall(GOOD[10:])
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
        assert process.child.wait() == 0


def test_an_acknowledged_prediction_survives_kill_9(folder: Path, tmp_path: Path) -> None:
    acknowledged: list[str] = []

    def client(process: Process) -> None:
        with process.client() as opened:
            while True:
                try:
                    acknowledged.append(predict(opened).json()["id"])
                except (httpx.HTTPError, ValueError):
                    return

    with running(folder, tmp_path / "log") as process, ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(client, process) for _ in range(4)]
        while len(acknowledged) < 200:
            pass
        process.child.kill()
        for one in clients:
            one.result()
    kept = {record["id"] for record in records_in(tmp_path / "log", "predictions")}
    assert set(acknowledged) <= kept
    assert len(kept) - len(acknowledged) <= 4


def test_sighup_swaps_the_model_and_the_keys(folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "current"
    link.symlink_to(folder)
    keys = tmp_path / "keys.json"

    def write_keys(key: str) -> None:
        entry = {"id": key, "sha256": hashlib.sha256(key.encode()).hexdigest(), "scopes": ["predict"]}
        keys.write_text(json.dumps({"keys": [entry]}))

    write_keys("old")
    other = write_folder(tmp_path / "other", bias=1.0)
    with (
        running(link, tmp_path / "log", API_KEYS_FILE=str(keys)) as process,
        process.client() as client,
    ):
        client.headers["authorization"] = "Bearer old"
        assert predict(client).json()["model"] == model_digest(folder)
        write_keys("new")
        link.unlink()
        link.symlink_to(other)
        process.child.send_signal(signal.SIGHUP)
        assert process.event("model-swapped")["digest"] == model_digest(other)
        assert predict(client).status_code == 401
        client.headers["authorization"] = "Bearer new"
        assert predict(client).json()["model"] == model_digest(other)


def test_a_changed_folder_is_noticed_without_a_signal(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "model")
    with running(folder, tmp_path / "log") as process:
        write_folder(folder, bias=1.0)
        digest = model_digest(folder)
        assert process.event("model-swapped")["digest"] == digest


def test_keys_that_cannot_be_read_keep_the_old_ones(folder: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    entry = {"id": "a", "sha256": hashlib.sha256(b"a").hexdigest(), "scopes": ["predict"]}
    keys.write_text(json.dumps({"keys": [entry]}))
    with running(folder, tmp_path / "log", API_KEYS_FILE=str(keys)) as process:
        keys.write_text("{")
        process.child.send_signal(signal.SIGHUP)
        assert "Invalid JSON" in process.event("keys-refused")["reason"]
        with process.client(authorization="Bearer a") as client:
            assert predict(client).status_code == 200
