"""Request smuggling cases: right and wrong ways to say where a request ends, for the service and for proxies.

Each is a connection on which a body holds what looks like another request. A reader that finds the body's end elsewhere
than its sender did answers that as a request: to another client, if a proxy shares its connections.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

# For a route that nothing else asks, so that its count shows whether a body was read as a request.
HIDDEN_ROUTE = "/requests"
HIDDEN = b"GET /requests HTTP/1.1\r\nHost: x\r\n\r\n"
# Asked afterwards, on the same connection and on others.
NEXT = b"GET /model HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
# The buffer sizes of uvloop, of asyncio, of many proxies, and of request heads.
READ_SIZES = (4_096, 16_384, 65_536, 131_072, 256_000, 262_144)


@dataclass(frozen=True)
class Framing:
    """One connection. `requests`: how many it holds by RFC 9112. `is_right`: it is valid, so each is answered."""

    name: str
    pieces: tuple[bytes, ...]
    requests: int = 2
    is_right: bool = False


@dataclass(frozen=True)
class _End:
    """One way to say where a body ends: header lines for its length, and the body as it is sent."""

    lines: Callable[[int], bytes]
    coded: Callable[[bytes], bytes]
    is_right: bool = False
    requests: int = 2


def _plain(body: bytes) -> bytes:
    return body


def _chunks(
    size: bytes = b"%x", end: bytes = b"\r\n", last: bytes = b"0\r\n", trailers: bytes = b"", step: int = 1 << 20
) -> Callable[[bytes], bytes]:
    def coded(body: bytes) -> bytes:
        pieces = [body[start : start + step] for start in range(0, len(body), step)]
        return b"".join((size % len(one)) + b"\r\n" + one + end for one in pieces) + last + trailers + b"\r\n"

    return coded


def _line(text: bytes) -> Callable[[int], bytes]:
    return lambda length: text.replace(b"{}", b"%d" % length).replace(b"{x}", b"%x" % length)


_TE = b"Transfer-Encoding: chunked\r\n"
_LENGTHS = {
    "right": (b"Content-Length: {}",),
    "": (
        b"Content-Length: +{}", b"Content-Length: -{}", b"Content-Length: {}, {}", b"Content-Length: {},0",
        b"Content-Length: 0, {}", b"Content-Length: 0x{x}", b"Content-Length: {};", b"Content-Length: {}.0",
        b"Content-Length: {}e0", b"Content-Length: 18446744073709551616{}", b"Content-Length: 1_{}",
        b"Content-Length: '{}'", b"Content-Length:\x0b{}", b"Content-Length: {}\x0c", b"Content-Length: {} 0",
        b"Content-Length : {}", b"Content-Length:\r\n {}",
        b"Content-Length: {}\r\nContent-Length: 0", b"Content-Length: 0\r\nContent-Length: {}",
        b"Content-Length: {}\r\nContent-Length: {}", b"Content-Length: {}\r\nContent-Length:",
        b"Content-Length: 0{}", b"Content-Length: 000000000000000000000{}", b"Content-Length: \t{}\t",
        b"content-length: {}\rX: y", b"Content-Length: {}\nX: y", b"X: y\x00\r\nContent-Length: {}",
    ),
}  # fmt: skip
_CODINGS = {
    "right": (b"Transfer-Encoding: chunked", b"transfer-encoding:ChUnKeD"),
    "": (
        b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: chunked, gzip", b"Transfer-Encoding: identity",
        b"Transfer-Encoding: chunked, chunked", b"Transfer-Encoding: identity, chunked", b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding: chunkedx", b"Transfer-Encoding: chunked\t",
        b"Transfer-Encoding: \t chunked", b"Transfer-Encoding: chunked;q=1", b"Transfer-Encoding: chunked,",
        b"Transfer-Encoding: ,chunked", b"Transfer-Encoding: \x0bchunked", b"Transfer-Encoding: 'chunked'",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", b"Transfer-Encoding : chunked",
        b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", b"Transfer-Encoding:\r\n chunked",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", b"X: y\r\n Transfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: {}", b"Content-Length: {}\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: 0", b"Content-Length: 0\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding:\r\nContent-Length: {}", b"Transfer_Encoding: chunked\r\nContent-Length: {}",
        b"Transfer-Encoding: identity\r\nContent-Length: {}", b"X: y\nTransfer-Encoding: chunked",
    ),
}  # fmt: skip
_CHUNKS: dict[str, _End] = {
    "chunks of 7": _End(_line(_TE), _chunks(step=7), True),
    "size with zeros": _End(_line(_TE), _chunks(b"0000%x"), True),
    "size in capitals": _End(_line(_TE), _chunks(b"%X"), True),
    "extension": _End(_line(_TE), _chunks(b"%x;a=b"), True),
    "extension in quotes": _End(_line(_TE), _chunks(b'%x;a="b;c"'), True),
    "trailer": _End(_line(_TE), _chunks(trailers=b"X: y\r\n"), True),
    "trailer of a length": _End(_line(_TE), _chunks(trailers=b"Content-Length: 100\r\n")),
    "trailer of a coding": _End(_line(_TE), _chunks(trailers=b"Transfer-Encoding: chunked\r\n")),
    "trailer of an offer": _End(_line(_TE), _chunks(trailers=b"Connection: Upgrade\r\nUpgrade: websocket\r\n")),
    "trailer without a colon": _End(_line(_TE), _chunks(trailers=b"GET /requests HTTP/1.1\r\n")),
    "trailer folded": _End(_line(_TE), _chunks(trailers=b"X: y\r\n GET /requests HTTP/1.1\r\n")),
    "last with zeros": _End(_line(_TE), _chunks(last=b"000\r\n")),
    **{
        f"size {size!r}": _End(_line(_TE), _chunks(size))
        for size in (b"+%x", b"-%x", b"0x%x", b" %x", b"%x ", b"%x\t", b"%x\x00", b"%x,", b"1%015x0", b"%xg", b"%x;\n")
    },
    **{f"ends {end!r}": _End(_line(_TE), _chunks(end=end)) for end in (b"", b"\n", b"\r", b"x\r\n", b"\r\n\r\n")},
    "last is missing": _End(_line(_TE), _chunks(last=b"")),
    "last is negative": _End(_line(_TE), _chunks(last=b"-0\r\n")),
    "last ends in LF": _End(_line(_TE), _chunks(last=b"0\n")),
}
# A line that begins with a space continues the one before (RFC 9112, section 5.2). It gives no length, so a reader that
# does not refuse it reads a request next.
_FOLDED = (b" Content-Length: {}\r\n", b"X: y\r\n Content-Length: {}\r\n")
ENDS: dict[str, _End] = {
    **{repr(text): _End(_line(text + b"\r\n"), _plain, is_right=True) for text in _LENGTHS["right"]},
    **{repr(text): _End(_line(text + b"\r\n"), _plain) for text in _LENGTHS[""]},
    **{repr(text): _End(_line(text + b"\r\n"), _chunks(), is_right=True) for text in _CODINGS["right"]},
    **{repr(text): _End(_line(text + b"\r\n"), _chunks()) for text in _CODINGS[""]},
    **{repr(text): _End(_line(text), _plain, requests=3) for text in _FOLDED},
    **_CHUNKS,
}  # fmt: skip
OFFERS = {
    "none": b"",
    "h2c": b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n",
    "websocket": b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
    "TLS/1.2": b"Upgrade: TLS/1.2\r\n",
    "HTTP/1.1": b"Upgrade: HTTP/1.1\r\n",
    "two": b"Upgrade: IRC/6.9\r\nUPGRADE: h2c, websocket\r\n",
    "nothing": b"Upgrade:\r\n",
}
CONNECTIONS = (
    b"", b"Connection: keep-alive\r\n", b"Connection: Upgrade\r\n", b"Connection: Upgrade, HTTP2-Settings\r\n",
    b"Connection: keep-alive, Upgrade\r\n", b"Connection: uPGRADE,,upgrade\r\n", b"Connection: Content-Length\r\n",
    b"Connection: Upgrade, Content-Length\r\n", b"Connection: Transfer-Encoding\r\n", b"Connection: Host\r\n",
    b"Connection: keep-alive\r\nConnection: Upgrade\r\n", b"Proxy-Connection: Upgrade\r\n",
)  # fmt: skip
# After these the connection is closed.
CLOSING = (b"Connection: close\r\n", b"Connection: close, Upgrade\r\n", b"Connection: Upgrade, close, keep-alive\r\n")
EXPECTS = (b"", b"Expect: 100-continue\r\n", b"Expect: 100-Continue, x\r\n", b"Expect: 200-ok\r\n", b"Expect:\r\n")
METHODS = (b"POST", b"GET", b"HEAD", b"DELETE", b"OPTIONS")
PATHS = (b"/predict", b"/predict/batch", b"/feedback", b"/livez", b"/model", b"/nowhere", b"/v2/models/drawn/infer")


def framing(
    end: str,
    offer: str = "none",
    connection: bytes = b"Connection: Upgrade\r\n",
    expect: bytes = b"",
    target: bytes = b"POST /predict HTTP/1.1",
    padding: int = 0,
) -> Framing:
    """A request whose body is empty lines, which parsers skip, and a hidden request; then another request."""
    way, body = ENDS[end], b"\r\n" * (padding // 2) + HIDDEN
    head = target + b"\r\nHost: x\r\n" + OFFERS[offer] + connection + expect + way.lines(len(body))
    name = f"{end}, offer {offer}, {connection!r}, {expect!r}, {target!r}, {padding} bytes before"
    sent = head + b"Content-Type: application/json\r\n\r\n" + way.coded(body)
    # The rest may be refused: another expectation, two offers, a body that no model takes.
    is_right = way.is_right and padding < 16_000 and connection not in CLOSING and target.endswith(b"1.1")
    is_right = is_right and offer != "two" and expect in (b"", b"Expect: 100-continue\r\n")
    return Framing(name, (sent + NEXT,), way.requests, is_right)


def each() -> Iterator[Framing]:
    """Each way to end a body with each offer, Connection and Expect; then connections with several real requests."""
    for end in ENDS:
        yield from (framing(end, offer) for offer in OFFERS)
        yield from (framing(end, "websocket", connection) for connection in (*CONNECTIONS, *CLOSING))
        yield from (framing(end, "h2c", expect=expect) for expect in EXPECTS)
    for offer in OFFERS:
        get = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n" + OFFERS[offer] + b"\r\n"
        yield Framing(f"three requests, offer {offer}", (get + get + NEXT,), 3, offer != "two")
        yield Framing(f"three requests in pieces, offer {offer}", (get, get, NEXT), 3, offer != "two")


def cut_anywhere() -> Iterator[Framing]:
    """Bodies whose hidden request begins near the end of a read; short requests in two pieces, cut at every byte."""
    for size, offer in product(READ_SIZES, ("none", "h2c", "websocket")):
        for end in (repr(b"Content-Length: {}"), repr(b"Transfer-Encoding: chunked")):
            whole = framing(end, offer, target=b"POST /predict/batch HTTP/1.1", padding=size)
            before = whole.pieces[0].index(HIDDEN) - size
            yield from (
                framing(end, offer, target=b"POST /predict/batch HTTP/1.1", padding=size - before + 2 * step)
                for step in range(-len(HIDDEN), 4)
            )
    for offer, end in product(("none", "h2c", "websocket"), ("chunks of 7", repr(b"Content-Length: {}"))):
        whole = framing(end, offer)
        text = whole.pieces[0]
        for at in range(1, len(text)):
            yield Framing(f"{whole.name}, cut at {at}", (text[:at], text[at:]), is_right=True)


def at_random(seed: int) -> Iterator[Framing]:
    """Random combinations, without end."""
    draw = random.Random(seed)
    while True:
        method, path = draw.choice(METHODS), draw.choice(PATHS)
        target = method + b" " + path + draw.choice((b" HTTP/1.1", b" HTTP/1.1", b" HTTP/1.1", b" HTTP/1.0"))
        padding = draw.choice((0, 0, 0, draw.choice(READ_SIZES) + draw.randrange(-300, 100)))
        made = framing(
            draw.choice(tuple(ENDS)),
            draw.choice(tuple(OFFERS)),
            draw.choice(CONNECTIONS + CLOSING),
            draw.choice(EXPECTS),
            target,
            padding,
        )
        text = made.pieces[0]
        cuts = sorted(draw.randrange(1, len(text)) for _ in range(draw.choice((0, 0, 1, 3))))
        ends = zip((0, *cuts), (*cuts, len(text)), strict=True)
        yield Framing(f"{made.name}, cut at {cuts}", tuple(text[start:end] for start, end in ends), made.requests)
