"""Requests that are wrong or unusual before their body: what is sent, and the status of the answer."""

from testbed.hostile import GOOD

HEAD = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def whole(body: bytes = GOOD, extra: bytes = b"Connection: close\r\n") -> bytes:
    return HEAD + extra + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunked(body: bytes, size: bytes) -> bytes:
    return HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + size + b"\r\n" + body + b"\r\n0\r\n\r\n"


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


ANSWERED = {
    "a good request": (whole(), 200),
    "a good request in chunks": (chunked(GOOD, b"%x" % len(GOOD)), 200),
    "a chunk extension": (chunked(GOOD, b"%x;name=value" % len(GOOD)), 200),
    "HTTP/1.0": (whole().replace(b"HTTP/1.1", b"HTTP/1.0"), 200),
    "a body announced too large": (HEAD + b"Content-Length: 9999999999\r\n\r\n", 413),
    "a body that is too large, in chunks": (chunked(b" " * 20_000, b"4e20"), 413),
    "no length at all": (HEAD + b"Connection: close\r\n\r\n", 400),
    "a length of zero": (HEAD + b"Connection: close\r\nContent-Length: 0\r\n\r\n", 400),
    "a negative length": (HEAD + b"Content-Length: -5\r\n\r\n", 400),
    "a length that is no number": (HEAD + b"Content-Length: many\r\n\r\n", 400),
    "two lengths": (HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400),
    "a length beyond 64 bits": (HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n", 400),
    "length and chunks together": (
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "a chunk size that is no number": (chunked(GOOD, b"zz"), 400),
    "a chunk size beyond 64 bits": (chunked(GOOD, b"f" * 40), 400),
    "a chunk longer than its size": (chunked(GOOD, b"3"), 400),
    "a header without a colon": (HEAD + b"nonsense\r\n\r\n", 400),
    "a NUL in a header": (HEAD + b"X-A: a\x00b\r\n\r\n", 400),
    "a space in a header's name": (HEAD + b"X A: b\r\n\r\n", 400),
    "no HTTP at all": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n\r\n", 400),
    "an unknown method": (b"SPAM /predict HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "HTTP/2 without asking": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "a header of 20 MB": (HEAD + b"X-A: " + b"a" * 20_000_000 + b"\r\n\r\n", 431),
    "a header of 17 kB": (HEAD + b"X-A: " + b"a" * 17_000 + b"\r\n\r\n", 431),
    "200,000 headers": (HEAD + b"X-A: b\r\n" * 200_000 + b"\r\n", 431),
    "an address of 1 MB": (b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\n\r\n", 431),
    "a path that is no path": (b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404),
    "an upgrade to WebSocket": (
        b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        200,
    ),
    "another method": (b"DELETE /predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 405),
    "GET of /predict": (b"GET /predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 405),
}
STOPPED = {
    "headers that stop": HEAD,
    "a first line that stops": b"POST /pre",
    "a connection that says nothing": b"",
    "a body that stops": HEAD + b"Content-Length: 100\r\n\r\n{",
    "a length that promises more": whole().replace(b"Content-Length: ", b"Content-Length: 1"),
    "chunks that stop": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
}
