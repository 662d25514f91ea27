"""Which addresses are this machine, and which requests may go through the proxy that the environment names.

Every HTTP library reads `http_proxy` by itself, asks a proxy for addresses of this machine too, and sends it whatever
is in the headers. So each client of the project asks here first.
"""

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_local(host: str | None) -> bool:
    """Whether a host's name is this machine's: `localhost`, what is below it (RFC 6761), or a loopback address."""
    name = (host or "").lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def may_use_proxy(url: str, has_key: bool) -> bool:
    """Whether a proxy may be asked for it: never for this machine, and over plain HTTP not where anything is secret.

    Over TLS a proxy sees the host's name only. `has_key`: a header, or a file such as .netrc, brings one.
    """
    parts = urlsplit(url)
    if is_local(parts.hostname):
        return False
    return parts.scheme == "https" or not (has_key or parts.username or parts.password or parts.query)
