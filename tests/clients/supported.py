"""The clients that are supported, each a program of its own that does what its users do, and the table of what came.

`make clients` writes docs/clients.md.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from testbed.programs import ROOT
from testbed.serving import ROW, serving
from testbed.tiny_build import write_model

PROGRAMS = Path(__file__).parent / "programs"
PAGE = ROOT / "docs" / "clients.md"
ROWS = 500
CALLS = {
    "get": ("GET /livez", 200),
    "head": ("HEAD /model", 200),
    "predict": ("POST /predict", 200),
    "batch": (f"{ROWS} rows", 200),
    "chunked": ("in chunks", 200),
    "too-large": ("3 MB: 413", 413),
    "feedback": ("POST /feedback", 202),
}
# Of the Open Inference Protocol alone.
PROTOCOL_CALLS = {"versions": 200, "other-version": 404}


@dataclass(frozen=True)
class Client:
    """`command`: what runs it, before the address and a folder with row.json and rows.json. `cannot`: what it lacks."""

    name: str
    command: tuple[str, ...]
    cannot: tuple[str, ...] = ()

    @property
    def expected(self) -> dict[str, int]:
        """The status of each call."""
        calls = {name: status for name, (_, status) in CALLS.items() if name not in self.cannot}
        return calls | (PROTOCOL_CALLS if "tritonclient" in self.name else {})

    def is_here(self) -> bool:
        """Whether its program is installed."""
        return shutil.which(self.command[0]) is not None

    def statuses(self, url: str) -> dict[str, str]:
        """What its calls were answered, and its version."""
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "row.json").write_text(json.dumps(ROW))
            Path(folder, "rows.json").write_text(json.dumps({"rows": [ROW] * ROWS}))
            done = subprocess.run(
                [*self.command, url, folder], capture_output=True, text=True, check=False, timeout=240, cwd=PROGRAMS
            )
        assert done.returncode == 0, f"{self.name}: {done.stdout}{done.stderr}"
        return dict(line.split(" ", 1) for line in done.stdout.splitlines())


def _python(name: str) -> tuple[str, ...]:
    return (sys.executable, name)


CLIENTS = (
    Client("Java HttpClient", ("java", "Client.java")),
    Client("Go net/http", ("go", "run", "client.go")),
    Client("Node fetch", ("node", "client.mjs")),
    Client("Python requests", _python("with_requests.py")),
    Client("httpx", _python("with_httpx.py")),
    Client("aiohttp", _python("with_aiohttp.py")),
    Client("tritonclient", _python("with_tritonclient.py"), cannot=("head", "chunked", "feedback")),
    Client("curl", ("bash", "curl.sh")),
    Client("wget", ("bash", "wget.sh"), cannot=("chunked",)),
    Client(".NET HttpClient", _python("dotnet_bytes.py")),
)


def row_of(client: Client, ways: Mapping[str, Mapping[str, str]]) -> str:
    """A line of the table. `ways`: what came, directly and through the edge."""
    versions = {statuses["version"] for statuses in ways.values()}
    cells = [_cell(call, client, ways) for call in CALLS]
    return f"| {client.name} | {', '.join(versions)} | {' | '.join(cells)} |"


def _cell(call: str, client: Client, ways: Mapping[str, Mapping[str, str]]) -> str:
    if call not in client.expected:
        return "–"
    became = {way: statuses.get(call) for way, statuses in ways.items()}
    wrong = [f"{way}: {status}" for way, status in became.items() if status != str(client.expected[call])]
    return ", ".join(wrong) or "yes"


def page(rows: list[str]) -> str:
    """docs/clients.md."""
    heads = ["client", "version", *(meaning for meaning, _ in CALLS.values())]
    table = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}", *rows]
    return (PROGRAMS.parent / "clients.md").read_text(encoding="utf-8").replace("TABLE", "\n".join(table))


def main() -> None:
    """Run all of them, and write the page."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        write_model(Path(folder, "model"), max_batch_rows=1000)
        with serving(Path(folder), Path(folder, "model")) as started:
            for client in CLIENTS:
                ways = {"directly": started.replica_urls[0], "through HAProxy": started.url}
                rows.append(row_of(client, {way: client.statuses(url) for way, url in ways.items()}))
                print(rows[-1], flush=True)
    PAGE.write_text(page(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
