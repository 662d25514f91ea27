"""An HTTP server that answers as GitHub's API documents: pages with Link headers, error bodies, rate limits.

It keeps what it is told in memory, so a test asks afterwards what is there. `faults` are answered first, in order.
"""

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

OWNER, NAME = "someone", "flights"
REPOSITORY = f"{OWNER}/{NAME}"
BOT = "github-actions[bot]"
HEAD = "a" * 40


@dataclass
class Fault:
    """One answer out of turn, for a method and a part of the path."""

    method: str
    path: str
    status: int
    body: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class GitHub:
    """The state, and the requests in the order in which they came."""

    url: str = ""
    page_size: int = 2
    head_repository: str | None = REPOSITORY
    comments: list[dict[str, Any]] = field(default_factory=list)
    issues: list[dict[str, Any]] = field(default_factory=list)
    issue_comments: list[tuple[int, str]] = field(default_factory=list)
    pulls: list[dict[str, Any]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    branches: dict[str, dict[str, str]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)

    def comment(self, body: str, author: str = BOT) -> dict[str, Any]:
        number = 1000 + len(self.comments)
        made = {
            "id": number,
            "body": body,
            "user": user(author),
            "url": f"{self.url}/repos/{REPOSITORY}/issues/comments/{number}",
        }
        self.comments.append(made)
        return made

    def issue(self, title: str, body: str, labels: list[str], author: str = BOT, **more: Any) -> dict[str, Any]:
        number = len(self.issues) + len(self.pulls) + 1
        made = {
            "number": number, "title": title, "body": body, "state": "open", "user": user(author),
            "labels": [{"name": name, "url": f"{self.url}/labels/{name}"} for name in labels],
            "url": f"{self.url}/repos/{REPOSITORY}/issues/{number}",
            "html_url": f"https://github.example/{REPOSITORY}/{'pull' if more else 'issues'}/{number}", **more,
        }  # fmt: skip
        self.issues.append(made)
        return made

    def pull(self, number: int, head: str, author: str = BOT, state: str = "open") -> dict[str, Any]:
        full_name = self.head_repository
        made = {
            "number": number, "state": state, "title": head, "user": user(author),
            "url": f"{self.url}/repos/{REPOSITORY}/pulls/{number}",
            "issue_url": f"{self.url}/repos/{REPOSITORY}/issues/{number}",
            "comments_url": f"{self.url}/repos/{REPOSITORY}/issues/{number}/comments",
            "head": {
                "ref": head, "sha": HEAD,
                "repo": {"full_name": full_name, "url": f"{self.url}/repos/{full_name}"} if full_name else None,
            },
        }  # fmt: skip
        self.pulls.append(made)
        return made


def user(login: str) -> dict[str, Any]:
    return {"login": login, "type": "Bot" if login.endswith("[bot]") else "User", "url": f"https://x/users/{login}"}


class Handler(BaseHTTPRequestHandler):
    """The documented part of the API that publishing/ uses; anything else is 404."""

    github: GitHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def handle_any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        sent = json.loads(self.rfile.read(length) or "null")
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.github.requests.append((self.command, self.path))
        self.github.tokens.add(self.headers.get("Authorization", ""))
        for fault in self.github.faults:
            if fault.method == self.command and fault.path in self.path:
                self.github.faults.remove(fault)
                self.answer(fault.status, fault.body, fault.headers)
                return
        place = parts.path.removeprefix(f"/repos/{REPOSITORY}")
        status, body = self.route(place, query, sent or {})
        headers = {}
        if isinstance(body, list):
            page, size = int(query.get("page", "1")), self.github.page_size
            if len(body) > page * size:
                headers["Link"] = f'<{self.github.url}{parts.path}?{next_query(query, page + 1)}>; rel="next"'
            body = body[(page - 1) * size : page * size]
        self.answer(status, body, headers)

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = handle_any  # noqa: N815

    def route(self, place: str, query: dict[str, str], sent: dict[str, Any]) -> tuple[int, Any]:
        state = self.github
        match (self.command, place.split("/")[1:]):
            case ("GET", ["pulls", number]):
                found = [one for one in state.pulls if one["number"] == int(number)]
                return (200, found[0]) if found else (404, {"message": "Not Found"})
            case ("GET", ["pulls"]):
                owned = query.get("head", "")
                return 200, [
                    one for one in state.pulls
                    if one["state"] == "open" and (not owned or f"{OWNER}:{one['head']['ref']}" == owned)
                ]  # fmt: skip
            case ("POST", ["pulls"]):
                made = state.pull(90 + len(state.pulls), sent["head"])
                made.update(title=sent["title"], body=sent["body"], base={"ref": sent["base"]})
                return 201, made
            case ("GET", ["issues", _, "comments"]):
                return 200, state.comments
            case ("POST", ["issues", number, "comments"]):
                state.issue_comments.append((int(number), sent["body"]))
                return 201, state.comment(sent["body"])
            case ("PATCH", ["issues", "comments", number]):
                edited = next(one for one in state.comments if one["id"] == int(number))
                edited.update(sent)
                return 200, edited
            case ("DELETE", ["issues", "comments", number]):
                state.comments[:] = [one for one in state.comments if one["id"] != int(number)]
                return 204, None
            case ("GET", ["issues"]):
                return 200, [
                    one for one in state.issues
                    if one["state"] == "open" and query["labels"] in {label["name"] for label in one["labels"]}
                ]  # fmt: skip
            case ("POST", ["issues"]):
                return 201, state.issue(sent["title"], sent["body"], sent["labels"])
            case ("PATCH", ["issues", number]):
                edited = next(one for one in state.issues if one["number"] == int(number))
                edited.update(sent)
                return 200, edited
            case ("POST", ["labels"]):
                if sent["name"] in state.labels:
                    return 422, {"message": "Validation Failed", "errors": [{"code": "already_exists"}]}
                state.labels.append(sent["name"])
                return 201, {"name": sent["name"], "url": f"{state.url}/labels/{sent['name']}"}
            case _:
                return self.route_code(place, query, sent)

    def route_code(self, place: str, query: dict[str, str], sent: dict[str, Any]) -> tuple[int, Any]:
        state = self.github
        match (self.command, place.split("/")[1:]):
            case ("GET", []):
                return 200, {
                    "full_name": REPOSITORY,
                    "default_branch": "main",
                    "url": f"{state.url}/repos/{REPOSITORY}",
                }
            case ("GET", ["branches", name]):
                return 200, {"name": name, "commit": {"sha": HEAD, "url": f"{state.url}/commits/{HEAD}"}}
            case ("POST", ["git", "refs"]):
                branch = sent["ref"].removeprefix("refs/heads/")
                if branch in state.branches:
                    return 422, {"message": "Reference already exists"}
                state.branches[branch] = dict(state.branches["main"])
                return 201, {"ref": sent["ref"], "url": f"{state.url}/ref", "object": {"sha": HEAD, "type": "commit"}}
            case ("GET", ["contents", name]):
                text = state.branches[query["ref"]][name]
                return 200, {
                    "type": "file", "name": name, "path": name, "sha": "b" * 40, "encoding": "base64",
                    "content": base64.b64encode(text.encode()).decode(), "url": f"{state.url}/contents/{name}",
                }  # fmt: skip
            case ("PUT", ["contents", name]):
                state.branches[sent["branch"]][name] = base64.b64decode(sent["content"]).decode()
                made = {"type": "file", "name": name, "path": name, "sha": "c" * 40, "url": f"{state.url}/c/{name}"}
                return 200, {"content": made, "commit": {"sha": "d" * 40, "url": f"{state.url}/commits/d"}}
            case _:
                return 404, {"message": "Not Found", "documentation_url": "https://docs.github.com/rest"}

    def answer(self, status: int, body: Any, headers: dict[str, str]) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def next_query(query: dict[str, str], page: int) -> str:
    return "&".join(f"{name}={value}" for name, value in {**query, "page": str(page)}.items())


@contextmanager
def serving(github: GitHub) -> Iterator[GitHub]:
    """The server on a free port of loopback, until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"github": github}))
    github.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield github
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def asked(github: GitHub, method: str, pattern: str) -> list[str]:
    """The paths of the requests with this method that match."""
    return [path for seen, path in github.requests if seen == method and re.search(pattern, path)]
