"""GitHub's own workflow parser and expression engine, in a Node process of its own (engine/engine.mjs)."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).parents[2]
ENGINE = Path(__file__).parent / "engine"


class EngineError(Exception):
    """The expression or the workflow is none to GitHub; the text is its own."""


@dataclass(frozen=True)
class Status:
    """What success(), failure() and cancelled() answer."""

    success: bool = True
    failure: bool = False
    cancelled: bool = False


class Engine:
    """Parses and evaluates. Use as a context; `root` is the repository whose workflows are read."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root

    def __enter__(self) -> "Engine":
        node = shutil.which("node")
        if node is None or not (ENGINE / "node_modules").is_dir():
            raise EngineError("GitHub's parser is not installed: run `make workflow-check` where Node is.")
        self.process = subprocess.Popen(
            [node, str(ENGINE / "engine.mjs")], cwd=self.root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.communicate()

    def parse(self, path: str) -> tuple[list[str], dict[str, Any]]:
        """Errors, and the file as JSON: {} where there are any."""
        answer = self._ask({"parse": path})
        return answer["errors"], answer.get("workflow", {})

    def value(self, written: Any, contexts: dict[str, Any], status: Status | None = None) -> Any:
        """What a workflow's value comes to: each expression in it evaluated. Raises EngineError."""
        if isinstance(written, dict):
            if set(written) == {"expression"}:
                return self.evaluate(written["expression"], contexts, status)
            return {key: self.value(one, contexts, status) for key, one in written.items()}
        if isinstance(written, list):
            return [self.value(one, contexts, status) for one in written]
        return written

    def evaluate(self, expression: str, contexts: dict[str, Any], status: Status | None = None) -> Any:
        """Raises EngineError."""
        answers = (status or Status()).__dict__
        answer = self._ask({"evaluate": expression, "contexts": contexts, "status": answers})
        if "errors" in answer:
            raise EngineError(f"{expression}: {answer['errors'][0]}")
        return answer["value"]

    def holds(self, condition: str, contexts: dict[str, Any], status: Status) -> bool:
        """Whether a job or step with this effective `if` runs."""
        return bool(self.evaluate(f"!!({condition})", contexts, status))

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


def text(value: Any) -> str:
    """As a runner writes a value into the environment."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)
