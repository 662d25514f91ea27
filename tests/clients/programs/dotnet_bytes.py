"""What .NET's HttpClient puts on the wire, replayed byte by byte, for .NET itself does not run everywhere.

The form is that of the traces in aspnet/AspNetWebStack#232 and dotnet/runtime#79663: PostAsJsonAsync (JsonContent)
sends chunks with their sizes in capitals, and StringContent a length and `charset=utf-8`; .NET Framework adds Expect.
"""

import json
import re
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

url, folder = urlsplit(sys.argv[1]), Path(sys.argv[2])
HOST = f"Host: {url.netloc}"
JSON = "Content-Type: application/json; charset=utf-8"


def send(name: str, first: str, *lines: str, body: bytes = b"", waits: bool = False) -> bytes:
    """One request on a connection of its own, as SocketsHttpHandler writes it; what comes back."""
    with socket.create_connection((url.hostname, url.port), timeout=20) as client:
        client.sendall("\r\n".join([f"{first} HTTP/1.1", HOST, *lines, "", ""]).encode())
        if waits:
            assert client.recv(100).startswith(b"HTTP/1.1 100 ")
        client.sendall(body)
        answer = b""
        while not re.search(rb"\r\n\r\n", answer) or (name != "head" and not answer.endswith((b"}", b"]"))):
            answer += client.recv(65_536) or sys.exit(f"{name}: closed after {answer!r}")
    print(name, int(answer.split(b" ", 2)[1]))
    return answer.partition(b"\r\n\r\n")[2]


def chunked(content: bytes) -> bytes:
    """The frames of JsonContent, whose buffer is of 16 kB."""
    parts = [content[start : start + 16_384] for start in range(0, len(content), 16_384)]
    return b"".join(b"%X\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


row, rows = (folder / "row.json").read_bytes(), (folder / "rows.json").read_bytes()
print("version recorded")
send("get", "GET /livez")
send("head", "HEAD /model")
made = json.loads(send("predict", "POST /predict", JSON, f"Content-Length: {len(row)}", body=row))
send(
    "batch", "POST /predict/batch", JSON, "Expect: 100-continue", f"Content-Length: {len(rows)}", body=rows, waits=True
)
send("chunked", "POST /predict/batch", "Transfer-Encoding: chunked", JSON, body=chunked(rows))
send("too-large", "POST /predict", "Transfer-Encoding: chunked", JSON, body=chunked(bytes(3_000_000)))
label = json.dumps({"labels": [{"id": made["id"], "actual": "True"}]}).encode()
send("feedback", "POST /feedback", "Transfer-Encoding: chunked", JSON, body=chunked(label))
