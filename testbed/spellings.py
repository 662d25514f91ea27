"""The ways to spell a path, to test that a hidden route stays hidden in each of them.

A target in absolute form is the path itself (RFC 9112, section 3.2.2), so it must be hidden, too.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Spelling:
    """A request's target, and headers with which some proxies rewrite it. `is_plain`: it may be answered."""

    target: str
    headers: tuple[str, ...] = ()
    is_plain: bool = False

    def request(self, method: str, body: bytes, *headers: str) -> bytes:
        """The whole request, on a connection of its own."""
        length = [f"Content-Length: {len(body)}"] if body else []
        lines = [f"{method} {self.target} HTTP/1.1", "Host: x", "Connection: close", *length, *headers, *self.headers]
        return "\r\n".join([*lines, "", ""]).encode() + body


def spellings(path: str) -> Iterator[tuple[str, Spelling]]:
    """Every spelling of a path that is given as in the documentation."""
    yield "plain", Spelling(path, is_plain=True)
    yield "with a query", Spelling(f"{path}?since=2026-01-01T00:00:00Z", is_plain=True)
    yield "with an empty query", Spelling(f"{path}?", is_plain=True)
    yield "with a query that names another path", Spelling(f"{path}?/livez", is_plain=True)
    for origin in ("http://x", "HTTP://x", "http://x:80", "http://user@x", "https://x"):
        yield f"absolute, {origin}", Spelling(origin + path, is_plain=True)
    for number, other in enumerate(_other_spellings(path)):
        yield f"{number}: {other}", Spelling(other)
        yield f"{number}, absolute: {other}", Spelling("http://x" + other)
    for name in ("X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Uri", "X-Forwarded-Prefix", "X-HTTP-Method-Override"):
        yield f"by {name}", Spelling("/nothing", (f"{name}: {path}",))


def _other_spellings(path: str) -> Iterator[str]:
    first, rest = path[1], path[2:]
    code = f"{ord(first):02x}"
    # Percent-encoding: one letter, all letters, both cases, twice, and other forms that some decoders accept.
    yield f"/%{code}{rest}"
    yield f"/%{code.upper()}{rest}"
    yield "/" + "".join(f"%{ord(letter):02x}" for letter in path[1:])
    yield f"/%25{code}{rest}"
    yield f"/%u00{code}{rest}"
    yield f"/%c0%{ord(first) | 0x80:02x}{rest}"
    yield f"/{first}{rest[:-1]}%{ord(path[-1]):02x}"
    yield f"%2f{first}{rest}"
    yield f"/%2f{first}{rest}"
    yield path.replace("/", "%2F")
    # Segments that some servers remove.
    yield f"/{path}"
    yield f"//{path}"
    yield f"{path}/"
    yield f"{path}//"
    yield f"/.{path}"
    yield f"/./.{path}"
    yield f"/livez/..{path}"
    yield f"/..{path}"
    yield f"/%2e{path}"
    yield f"/livez/%2e%2e{path}"
    yield f"/livez/..%2f{path[1:]}"
    yield f"{path}/."
    yield f"{path}/x/.."
    yield f"/livez{path}"
    # Letters, ends and separators.
    yield path.upper()
    yield f"/{first.upper()}{rest}"
    for end in (";x=y", ";", "%3b", "%3f", "%23", "#x", "%00", "%20", "%09", "%0a", "%0d%0a", ".", ".json", "*", "~"):
        yield f"{path}{end}"
    yield f"/;x{path}"
    yield f"/%20{path[1:]}"
    yield f"\\{path[1:]}"
    yield f"/%5c{path[1:]}"
    yield f"/\u017f{rest}"
    yield f"/{chr(ord(first) + 0xFEE0)}{rest}"
    yield path[1:]
