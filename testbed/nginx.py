"""A real nginx in front of the service, configured as users often do."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testbed.programs import answers, eventually, free_port, program, running

CONFIG = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {upstreams}
    server {{
        listen 127.0.0.1:{port};
        {locations}
    }}
}}
"""

# The widely copied lines for WebSocket, and connections to the service that all clients share.
POOLED = "upstream service {{ server {address}; keepalive 8; }}"
WEBSOCKET = """
location / {
    proxy_pass http://service;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
    proxy_request_buffering off;
    client_max_body_size 0;
}
"""


@contextmanager
def nginx(folder: Path, locations: str, upstreams: str = "") -> Iterator[str]:
    """Run nginx; yields its address. `locations`: the content of the block `server`; it must answer /livez."""
    binary, port = program("nginx"), free_port()
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "nginx.conf"
    config.write_text(CONFIG.format(folder=folder, port=port, locations=locations, upstreams=upstreams))
    with running((binary, "-c", config, "-p", folder), folder / "nginx.log"):
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: answers(f"{url}/livez"), "nginx answers")
        yield url
