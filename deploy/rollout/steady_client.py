"""A client at work while versions change: `python -m deploy.rollout.steady_client`, until its standard input is closed.

An open loop: each request is due at its time whatever became of the last one, and its latency counts from then. Half of
them go over connections that are kept, half over new ones. Nothing is tried a second time: what fails is a failure.

Reads   --rows, a JSON list of rows to predict; standard input, whose end ends it
Writes  --out: one line of CSV for each request, as `Request` names its fields
"""

import argparse
import asyncio
import csv
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import numpy as np

ANSWER_SECONDS = 10.0
KEPT_CONNECTIONS = 8
STOP_SECONDS = 30.0
Kind = Literal["kept", "new"]


@dataclass(frozen=True)
class Request:
    """One request. `due`: seconds since 1970; `model`: the digest that answered; `error`: empty where all was right."""

    due: float
    latency_ms: float
    kind: str
    status: int
    model: str
    error: str


@dataclass(frozen=True)
class Summary:
    """Many requests. `by_model`: answers by the digest that gave them; latencies in ms, NaN where there is none."""

    requests: int
    failed: int
    errors: tuple[str, ...]
    p50_ms: float
    p99_ms: float
    by_model: dict[str, int]


class Client:
    """Sends requests and writes down what became of each."""

    def __init__(self, url: str, rows: Sequence[object], rate: float) -> None:
        place = urlsplit(url)
        self._host, self._port = place.hostname or "127.0.0.1", place.port or 80
        self._requests = [self._bytes_of(row) for row in rows]
        self._rate = rate
        self._kept: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.seen: list[Request] = []

    async def run(self, end: asyncio.Event) -> None:
        """Send until `end`, and wait for every answer."""
        # Wall time, so that it can be compared with when a deploy switched; the loop's clock keeps the pace.
        offset = time.time() - time.monotonic()
        started, number = time.monotonic(), 0
        async with asyncio.TaskGroup() as group:
            while not end.is_set():
                due = started + number / self._rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                group.create_task(self._one(number, due, offset))
                number += 1
        for _, writer in self._kept:
            writer.close()

    async def _one(self, number: int, due: float, offset: float) -> None:
        kind: Kind = "kept" if number % 2 else "new"
        request = self._requests[number // 2 % len(self._requests)]
        status, model, error = 0, "", ""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                status, body = await self._ask(kind, request)
            model = json.loads(body).get("model", "") if status == 200 else ""
            if not model:
                error = f"status {status}: {body[:80].decode(errors='replace')}"
        except Exception as failure:  # whatever it is, this request has failed
            error = f"{type(failure).__name__} {failure}".strip()
        latency_ms = (time.monotonic() - due) * 1000
        self.seen.append(Request(round(due + offset, 6), round(latency_ms, 3), kind, status, model, error))

    async def _ask(self, kind: Kind, request: bytes) -> tuple[int, bytes]:
        reader, writer = await self._connection(kind)
        try:
            writer.write(request)
            answer = await _read_answer(reader)
        except BaseException:
            writer.close()
            raise
        if kind == "kept" and len(self._kept) < KEPT_CONNECTIONS:
            self._kept.append((reader, writer))
        else:
            writer.close()
        return answer

    async def _connection(self, kind: Kind) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        # One that the edge has closed meanwhile is no connection any more: a client sees that before it sends.
        while kind == "kept" and self._kept:
            reader, writer = self._kept.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
        return await asyncio.open_connection(self._host, self._port)

    def _bytes_of(self, row: object) -> bytes:
        body = json.dumps(row).encode()
        head = f"POST /predict HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/json\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def _read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    length = next(int(line[15:]) for line in lines if line.lower().startswith(b"content-length:"))
    return int(lines[0].split()[1]), await reader.readexactly(length)


class Running:
    """A client in a process of its own, so that it does not wait for this one."""

    def __init__(self, process: "subprocess.Popen[bytes]", out: Path) -> None:
        self._process, self._out = process, out

    def stop(self) -> list[Request]:
        """End it and return every request. Raises RuntimeError where the client itself failed."""
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
        if self._process.wait(STOP_SECONDS) != 0:
            raise RuntimeError(f"the client ended with code {self._process.returncode}")
        return read_requests(self._out)


@contextmanager
def traffic(url: str, rows: Sequence[object], rate: float, folder: Path) -> Iterator[Running]:
    """A client at work, to be stopped for its figures; ended at the end whatever happens."""
    folder.mkdir(parents=True, exist_ok=True)
    rows_file, out = folder / "rows.json", folder / "requests.csv"
    rows_file.write_text(json.dumps(list(rows)), encoding="utf-8")
    # Not __name__: it is "__main__" where this is the command itself.
    command = [sys.executable, "-m", "deploy.rollout.steady_client", "--url", url]
    command += ["--rows", str(rows_file), "--rate", str(rate), "--out", str(out)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    try:
        yield Running(process, out)
    finally:
        process.kill()
        process.wait()


def read_requests(path: Path) -> list[Request]:
    """What a client wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Request(
                float(row["due"]), float(row["latency_ms"]), row["kind"], int(row["status"]), row["model"], row["error"]
            )
            for row in csv.DictReader(file)
        ]


def summary(requests: Sequence[Request]) -> Summary:
    """The figures of many requests. Failed ones count in the latencies, too."""
    latencies = np.array([one.latency_ms for one in requests] or [np.nan])
    models = [one.model for one in requests if not one.error]
    return Summary(
        requests=len(requests),
        failed=sum(bool(one.error) for one in requests),
        errors=tuple(sorted({one.error for one in requests if one.error})),
        p50_ms=round(float(np.percentile(latencies, 50)), 2),
        p99_ms=round(float(np.percentile(latencies, 99)), 2),
        by_model={model: models.count(model) for model in sorted(set(models))},
    )


async def _until_stdin_ends(client: Client) -> None:
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    reading = loop.run_in_executor(None, sys.stdin.buffer.read)
    reading.add_done_callback(lambda _: end.set())
    await client.run(end)


def main() -> None:
    """Run as a process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True, help="the edge")
    parser.add_argument("--rows", type=Path, required=True, help="a JSON list of rows")
    parser.add_argument("--rate", type=float, required=True, help="requests a second")
    parser.add_argument("--out", type=Path, required=True, help="a CSV file")
    asked = parser.parse_args()
    client = Client(asked.url, json.loads(asked.rows.read_text(encoding="utf-8")), asked.rate)
    asyncio.run(_until_stdin_ends(client))
    with asked.out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Request)])
        writer.writeheader()
        writer.writerows(asdict(one) for one in client.seen)


if __name__ == "__main__":
    main()
