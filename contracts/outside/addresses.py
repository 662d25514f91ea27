"""Decides which addresses are this machine, and which requests may use the environment's proxy.

Every HTTP library reads `http_proxy` by itself. It sends the proxy requests for this machine too, and all headers. So
each client of the project asks here first.
"""

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_local(host: str | None) -> bool:
    """Whether a host is this machine: `localhost`, a name below it (RFC 6761), or a loopback address."""
    name = (host or "").lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def may_use_proxy(url: str, has_key: bool) -> bool:
    """Whether the proxy may be used: never for this machine, and over plain HTTP only where nothing is secret.

    Over TLS a proxy sees only the host's name. `has_key`: whether a header or a file such as .netrc has a key.
    """
    parts = urlsplit(url)
    if is_local(parts.hostname):
        return False
    return parts.scheme == "https" or not (has_key or parts.username or parts.password or parts.query)
