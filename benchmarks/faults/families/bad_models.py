"""Untrusted model folders, at start-up and at a reload: each must be refused, and nothing in it executed.

Files truncated at many lengths, bits flipped at many places of every file in model.json, a wrong sha256, a wrong
schema, external data, another model's graph, a graph that never finishes loading or running, pickles under other names.
At start-up the process must end by itself before it listens; at a reload the old model must go on answering. Bits
flipped under a recomputed sha256, as after a bad build, must either be refused or give the golden rows' outputs; they
must not crash the process.
"""

import hashlib
import itertools
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

import httpx
import onnx
from onnx import TensorProto, helper

from benchmarks.faults.figure import Figure, all_of, at_most, none_of, note
from benchmarks.faults.service_under_test import RunningService, running_service
from contracts.exits import Exit
from contracts.model_folder import MODEL_FILES, model_digest
from testbed.clients import JSON, start
from testbed.hostile import GOOD
from testbed.served_folders import graph, write_folder

FLIPS_OF_A_FILE = 64
RESIGNED_FLIPS = 400
START_SECONDS = 10.0
Change = Callable[[Path], None]


def run(folder: Path) -> list[Figure]:
    """Spoil folders, then start with each and reload each."""
    marker = folder / "executed"
    bad = dict(spoiled(folder / "bad", marker))
    at_start = [name for name in bad if "flipped" not in name or name.endswith(" 0")]
    ends = [start_on(bad[name], folder / "log") for name in at_start]
    kept, refused, swapped_back = reload_onto(folder, list(bad.values()))
    crashed, accepted = reload_resigned(folder)
    return [
        all_of("exits 3 at start-up, without having listened", sum(one for one, _ in ends), len(ends), "bad folders"),
        at_most("slowest of them to end", max(seconds for _, seconds in ends), START_SECONDS, " s"),
        all_of("reloads refused", refused, len(bad), "bad folders"),
        all_of("after which the old model answered", kept, len(bad), "bad folders"),
        all_of("a good folder after them is taken", int(swapped_back), 1, "folder"),
        none_of("payloads executed", int(marker.exists()), sum("pickle" in name for name in bad), "pickles"),
        none_of("ended by flips whose sha256 was made to fit", int(crashed), RESIGNED_FLIPS, "flips"),
        note("of those, accepted because the golden rows hold", f"{accepted:,} of {RESIGNED_FLIPS:,}"),
    ]


def spoiled(folder: Path, marker: Path) -> Iterator[tuple[str, Path]]:
    """Every bad folder, by its fault."""
    good = write_folder(folder / "good")
    for name, change in changes(good, marker).items():
        spoilt = folder / name.replace(" ", "-").replace("/", "-")
        shutil.copytree(good, spoilt)
        change(spoilt)
        yield name, spoilt
    for name, model in graphs().items():
        yield name, write_folder(folder / name.replace(" ", "-"), model=model)
    shutil.rmtree(good)


def changes(good: Path, marker: Path) -> dict[str, Change]:
    """The changes that spoil a good folder, by name."""
    named: dict[str, Change] = {}
    for file in MODEL_FILES:
        size = (good / file).stat().st_size
        for length in sorted({0, 1, size // 2, size - 1}):
            named[f"{file} truncated to {length}"] = _truncating(file, length)
        for number in range(FLIPS_OF_A_FILE):
            named[f"{file} bit flipped {number}"] = _flipping(file, number * (8 * size - 1) // (FLIPS_OF_A_FILE - 1))
        named[f"{file} missing"] = _removing(file)
        named[f"wrong sha256 of {file}"] = _changing_card(files={file: "0" * 64})
    card = (good / "model.json").stat().st_size
    payload = b"cos\nsystem\n(S'touch " + str(marker).encode() + b"'\ntR."
    return named | {
        "model.json cut in half": _truncating("model.json", card // 2),
        "model.json missing": _removing("model.json"),
        "wrong schema, a feature less": _changing_card(features=None),
        "wrong schema, another task": _changing_card(task="regression"),
        "pickle as model.onnx": _replacing("model.onnx", payload),
        "pickle as golden.json": _replacing("golden.json", payload),
        "pickle as model.json": _overwriting("model.json", payload),
    }


def graphs() -> dict[str, onnx.ModelProto]:
    """Bad graphs in an otherwise good folder."""
    outside = graph()
    tensor = outside.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"
    foreign = graph()
    foreign.opset_import.append(helper.make_opsetid("com.example", 1))
    foreign.graph.node[0].domain = "com.example"
    return {
        "external data": outside,
        "unknown domain": foreign,
        "another model's graph": graph(bias=1.0),
        "a loop without an end": endless(),
        "200,000 nodes": many_nodes(),
    }


def endless() -> onnx.ModelProto:
    """A good graph with an extra loop of 2⁶² iterations."""
    made = graph()
    value, scalar = helper.make_tensor_value_info, list[int]()
    body = helper.make_graph(
        [helper.make_node("Identity", [going], [goes_on]) for going, goes_on in (("again", "more"), ("x", "y"))],
        "body",
        [value("turn", TensorProto.INT64, scalar), value("again", TensorProto.BOOL, scalar), value("x", 1, None)],
        [value("more", TensorProto.BOOL, scalar), value("y", 1, None)],
    )
    made.graph.initializer.append(helper.make_tensor("turns", TensorProto.INT64, scalar, [2**62]))
    made.graph.node.append(helper.make_node("Loop", ["turns", "", "zero"], ["looped"], body=body))
    made.graph.node.append(helper.make_node("Add", [made.graph.output[0].name, "looped"], ["added"]))
    made.graph.output[0].name = "added"
    return made


def many_nodes() -> onnx.ModelProto:
    """A good graph with a long chain of extra nodes that negate a number."""
    made = graph()
    names = ["zero", *(f"negated {number}" for number in range(200_000))]
    made.graph.node.extend(helper.make_node("Neg", [one], [other]) for one, other in itertools.pairwise(names))
    return made


def _truncating(file: str, length: int) -> Change:
    return lambda folder: os.truncate(folder / file, length)


def _flipping(file: str, bit: int) -> Change:
    def flip(folder: Path) -> None:
        content = bytearray((folder / file).read_bytes())
        content[bit // 8] ^= 1 << bit % 8
        (folder / file).write_bytes(content)

    return flip


def _removing(file: str) -> Change:
    return lambda folder: (folder / file).unlink()


def _overwriting(file: str, content: bytes) -> Change:
    def overwrite(folder: Path) -> None:
        (folder / file).write_bytes(content)

    return overwrite


def _replacing(file: str, content: bytes) -> Change:
    """Replace a file's content, and its sha256 in model.json."""

    def replace(folder: Path) -> None:
        (folder / file).write_bytes(content)
        _changing_card(files={file: hashlib.sha256(content).hexdigest()})(folder)

    return replace


def _changing_card(**fields: object) -> Change:
    """Change keys of model.json: `files` is merged; `features=None` drops the first feature."""

    def change(folder: Path) -> None:
        card = json.loads((folder / "model.json").read_text())
        for name, value in fields.items():
            if name == "features":
                card["features"] = card["features"][1:]
            else:
                card[name] = {**card[name], **value} if isinstance(value, dict) else value
        (folder / "model.json").write_text(json.dumps(card))

    return change


def start_on(bad: Path, log: Path) -> tuple[bool, float]:
    """Whether the process exited 3 without having listened, and after how many seconds."""
    began = perf_counter()
    child = start(bad, log)
    try:
        said, _ = child.communicate(timeout=2 * START_SECONDS)
    finally:
        child.kill()
    return child.returncode == Exit.FINDING and said == b"", perf_counter() - began


def reload_onto(folder: Path, bad: list[Path]) -> tuple[int, int, bool]:
    """How often the old model answered, how often a reload was refused, and whether a good folder loads afterwards."""
    good, other = write_folder(folder / "one"), write_folder(folder / "two", bias=1.0)
    link = folder / "served"
    link.symlink_to(good)
    with (
        running_service(link, folder / "log") as service,
        httpx.Client(trust_env=False, base_url=service.process.url) as client,
    ):
        kept = refused = 0
        for spoilt in bad:
            refused += outcome_of(service, link, spoilt) == "model-refused"
            kept += served_by(client) == model_digest(good)
        is_taken = outcome_of(service, link, other) == "model-swapped" and served_by(client) == model_digest(other)
    return kept, refused, is_taken


def reload_resigned(folder: Path) -> tuple[bool, int]:
    """Whether bit flips under a recomputed sha256 ended the process, and how many were accepted."""
    good = write_folder(folder / "good again")
    link = folder / "served resigned"
    link.symlink_to(good)
    content = (good / "model.onnx").read_bytes()
    accepted = 0
    with running_service(link, folder / "log") as service:
        for number in range(RESIGNED_FLIPS):
            bit = number * (8 * len(content) - 1) // (RESIGNED_FLIPS - 1)
            flipped = bytearray(content)
            flipped[bit // 8] ^= 1 << bit % 8
            spoilt = folder / f"resigned-{number}"
            shutil.copytree(good, spoilt)
            _replacing("model.onnx", bytes(flipped))(spoilt)
            try:
                accepted += outcome_of(service, link, spoilt) == "model-swapped"
            except TimeoutError:
                return True, accepted
        return service.process.child.poll() is not None, accepted


def outcome_of(service: RunningService, link: Path, folder: Path) -> str:
    """Point the link at this folder, request a reload, and return the outcome that the service reports."""
    service.forget_events()
    beside = link.with_name("next")
    beside.symlink_to(folder)
    beside.replace(link)
    service.process.child.send_signal(signal.SIGHUP)
    event: str = service.event("model-refused", "model-swapped")["event"]
    return event


def served_by(client: httpx.Client) -> str:
    """The digest of the model that answers now."""
    answer = client.post("/predict", content=GOOD, headers=JSON)
    digest: str = answer.raise_for_status().json()["model"]
    return digest
